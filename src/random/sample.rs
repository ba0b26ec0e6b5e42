//! Which of a row of candidates are taken: each with a chance, or a number of them.
//!
//! The draws are those of Brian2's Cython target: for a chance below a quarter one for each number that is taken, by
//! geometric jumps, else one for each candidate; for a number of them selection sampling (Knuth 1969, algorithm S) or, for
//! few of many, drawing until there are enough different ones.

use super::Uniforms;
use super::logarithm::log;
use std::collections::BTreeSet;

/// From this chance on, each candidate is drawn for.
const NO_JUMPS_FROM: f64 = 0.25;

/// From this part of the candidates on, each of them is looked at.
const SELECTION_FROM: f64 = 0.06;

/// Calls `take` with each of `0..count` that is taken with the chance `p`, ascending.
pub fn with_chance<U: Uniforms + ?Sized>(count: u64, p: f64, source: &mut U, mut take: impl FnMut(u64)) {
    if p.is_nan() || p <= 0.0 {
        return;
    }
    if p >= NO_JUMPS_FROM {
        (0..count).filter(|_| source.uniform() < p).for_each(take);
        return;
    }
    let scale = 1.0 / log_of_complement(p);
    let mut next = jump(source.uniform(), scale);
    while next < count as f64 {
        take(next as u64);
        next += jump(source.uniform(), scale) + 1.0;
    }
}

/// How many candidates are passed over.
fn jump(uniform: f64, scale: f64) -> f64 {
    (log(uniform) * scale).floor()
}

/// `log(1 - p)` for a small `p`, without the rounding of `1 - p` (Kahan's rule).
fn log_of_complement(p: f64) -> f64 {
    let y = 1.0 - p;
    if y == 1.0 { -p } else { log(y) * p / (1.0 - y) }
}

/// `size` different ones of `0..count`, ascending.
pub fn of_size<U: Uniforms + ?Sized>(count: u64, size: u64, source: &mut U, mut take: impl FnMut(u64)) {
    let size = size.min(count);
    if size as f64 / count as f64 > SELECTION_FROM {
        let mut taken = 0;
        for candidate in 0..count {
            if taken == size {
                break;
            }
            if (count - candidate) as f64 * source.uniform() < (size - taken) as f64 {
                take(candidate);
                taken += 1;
            }
        }
        return;
    }
    let mut chosen = BTreeSet::new();
    while (chosen.len() as u64) < size {
        chosen.insert((source.uniform() * count as f64) as u64);
    }
    chosen.into_iter().for_each(take);
}

//! Which of a row of candidates are taken: each with a chance, or a number of them.
//!
//! The draws are those of Brian2's Cython target, one by one as candidates are asked for, so that what else is drawn for a
//! candidate falls between them. With a chance below a quarter a draw gives how many are passed over, else there is one
//! for each candidate; a number of them is drawn by selection sampling (after Knuth's algorithm S) or, for few of many,
//! until there are enough different ones.

use std::collections::BTreeSet;

use super::logarithm::log;
use super::{Streams, Uniforms};
use crate::kernel::maths;

/// From this chance on, each candidate is drawn for.
const NO_JUMPS_FROM: f64 = 0.25;

/// Beyond this part of the candidates, each of them is looked at.
const SELECTION_BEYOND: f64 = 0.06;

/// The numbers of `0..count` that are taken, ascending.
#[derive(Clone, Debug)]
pub struct Picks {
    count: u64,
    next: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    All,
    Chance { p: f64, scale: f64 },
    Selection { size: u64, taken: u64 },
    Chosen { left: std::vec::IntoIter<u64> },
}

impl Picks {
    /// All of them.
    pub fn all(count: u64) -> Picks {
        Picks { count, next: 0, kind: Kind::All }
    }

    /// Each with the chance `p`.
    pub fn with_chance(count: u64, p: f64) -> Picks {
        let count = if p.is_nan() || p <= 0.0 { 0 } else { count };
        Picks { count, next: 0, kind: Kind::Chance { p, scale: 1.0 / log(1.0 - p.min(0.5)) } }
    }

    /// `size` different ones, of at most `count`.
    pub fn of_size<U: Uniforms + ?Sized>(count: u64, size: u64, source: &mut U) -> Picks {
        let size = size.min(count);
        if count > 0 && size as f64 / count as f64 > SELECTION_BEYOND {
            return Picks { count, next: 0, kind: Kind::Selection { size, taken: 0 } };
        }
        let mut chosen = BTreeSet::new();
        while (chosen.len() as u64) < size {
            chosen.insert((source.uniform() * count as f64) as u64);
        }
        let left = chosen.into_iter().collect::<Vec<u64>>().into_iter();
        Picks { count, next: 0, kind: Kind::Chosen { left } }
    }

    /// The next one.
    #[inline]
    pub fn next<U: Uniforms + ?Sized>(&mut self, source: &mut U) -> Option<u64> {
        let count = self.count;
        match &mut self.kind {
            Kind::All => {}
            Kind::Chance { p, scale } if *p < NO_JUMPS_FROM => {
                if self.next >= count {
                    return None;
                }
                // A jump beyond the end ends the row.
                let uniform = source.uniform();
                let passed = jump(uniform, maths::log(uniform), *scale);
                self.next = if passed < count as f64 { self.next + passed as u64 } else { count };
            }
            Kind::Chance { p, .. } => {
                while self.next < count && source.uniform() >= *p {
                    self.next += 1;
                }
            }
            Kind::Selection { size, taken } => {
                if taken == size {
                    return None;
                }
                // Brian2 counts the candidate at hand as passed already; its synapses are made so.
                while ((count - self.next - 1) as f64) * source.uniform() >= (*size - *taken) as f64 {
                    self.next += 1;
                }
                *taken += 1;
            }
            Kind::Chosen { left } => return left.next(),
        }
        let taken = self.next;
        self.next += 1;
        (taken < count).then_some(taken)
    }
}

/// How many candidates a uniform number passes over, whole and more, from its logarithm within a few units in the last
/// place: where the whole number hangs on these, the logarithm is taken to the last one.
#[inline]
fn jump(uniform: f64, about_log: f64, scale: f64) -> f64 {
    let passed = about_log * scale;
    let near = passed * 1e-12 + 1e-12;
    // Not `trunc`, which is a call on machines without an instruction for it; what does not fit is past the end anyway.
    let fraction = passed - passed as i64 as f64;
    match fraction > near && fraction < 1.0 - near {
        true => passed,
        false => log(uniform) * scale,
    }
}

/// Numbers that are looked at together.
const TOGETHER: usize = 512;

/// For each of `rows` rows, in order, those of `count` candidates that are taken with the chance `p`: the same, by the
/// same draws, as [`Picks::with_chance`] gives row by row. `take` gets them a part of a row at a time.
pub fn rows_with_chance(rows: usize, count: usize, p: f64, streams: &mut Streams, mut take: impl FnMut(usize, &[i32])) {
    if p.is_nan() || p <= 0.0 || count == 0 {
        return;
    }
    let scale = 1.0 / log(1.0 - p.min(0.5));
    let (mut row, mut next) = (0, 0);
    let mut logs = [0.0; TOGETHER];
    let mut taken = [0; TOGETHER];
    while row < rows {
        let uniforms = streams.upcoming_uniforms();
        let uniforms = &uniforms[..uniforms.len().min(TOGETHER)];
        let (mut len, mut drawn) = (0, uniforms.len());
        if p < NO_JUMPS_FROM {
            let logs = &mut logs[..uniforms.len()];
            maths::log_of_each(uniforms, logs);
            for (k, uniform) in uniforms.iter().enumerate() {
                let passed = jump(*uniform, logs[k], scale);
                // A jump beyond the end ends the row.
                next = if passed < count as f64 { next + passed as usize } else { count };
                if next < count {
                    taken[len] = next as i32;
                    len += 1;
                    next += 1;
                }
                if next >= count {
                    take(row, &taken[..len]);
                    (row, next, len) = (row + 1, 0, 0);
                    if row == rows {
                        drawn = k + 1;
                        break;
                    }
                }
            }
        } else {
            // One draw for each candidate.
            drawn = drawn.min(count - next);
            for (k, uniform) in uniforms[..drawn].iter().enumerate() {
                taken[len] = (next + k) as i32;
                len += usize::from(*uniform < p);
            }
            next += drawn;
        }
        take(row.min(rows - 1), &taken[..len]);
        if row < rows && next == count && p >= NO_JUMPS_FROM {
            (row, next) = (row + 1, 0);
        }
        streams.skip_uniforms(drawn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_at_once_are_rows_one_by_one(seed in any::<u32>(), rows in 0_usize..60, count in 0_usize..700, p in prop_oneof![0.0..1.0_f64, 0.0..0.05_f64, Just(0.25), Just(1.0), Just(-1.0)], before in 0_usize..3) {
            let (mut one, mut other) = (Streams::new(seed), Streams::new(seed));
            for _ in 0..before {
                one.next_uniform();
                other.next_uniform();
            }
            let mut expected = vec![Vec::new(); rows];
            for taken in &mut expected {
                let mut picks = Picks::with_chance(count as u64, p);
                while let Some(pick) = picks.next(&mut one) {
                    taken.push(pick as i32);
                }
            }
            let mut found = vec![Vec::new(); rows];
            rows_with_chance(rows, count, p, &mut other, |row, taken| found[row].extend_from_slice(taken));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(one.next_uniform(), other.next_uniform());
        }

        /// Numbers around those where a jump becomes one longer.
        #[test]
        fn jumps_are_whole_to_the_last_place(p in 0.0001..0.25_f64, whole in 0_u32..2000, off in -40_i64..40) {
            let scale = 1.0 / log(1.0 - p);
            let uniform = f64::from_bits(((f64::from(whole) / scale).exp().to_bits() as i64 + off) as u64);
            prop_assume!(uniform > 0.0 && uniform < 1.0);
            prop_assert_eq!(jump(uniform, maths::log(uniform), scale).trunc(), (log(uniform) * scale).trunc());
        }
    }
}

//! Which of a row of candidates are taken: each with a chance, or a number of them.
//!
//! The draws are those of Brian2's Cython target, one by one as candidates are asked for, so that what else is drawn for a
//! candidate falls between them. With a chance below a quarter a draw gives how many are passed over, else there is one
//! for each candidate; a number of them is drawn by selection sampling (after Knuth's algorithm S) or, for few of many,
//! until there are enough different ones.

use std::collections::BTreeSet;

use super::Uniforms;
use super::logarithm::log;

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
                let passed = log(source.uniform()) * *scale;
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

//! Delays of synapses in steps.

use std::sync::Arc;

use super::delays::Delays;
use super::index::SynapseIndex;
use crate::runtime::spike_queue::SpikeQueue;

/// Delays in steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Steps {
    /// One for all.
    Same(u32),
    /// By the number of the delay of each synapse, which is at most 256.
    OfFew(Vec<u32>, Arc<[u8]>),
    /// By the number of the delay of each synapse.
    OfSeveral(Vec<u32>, Arc<[u16]>),
    /// Of each synapse, in 16 bits.
    Short(Vec<u16>),
    /// Of each synapse.
    Each(Vec<u32>),
}

/// Half a step up (Brian2's rule).
#[inline]
fn in_steps(seconds: f64, dt_seconds: f64) -> u32 {
    (seconds / dt_seconds + 0.5).max(0.0) as u32
}

/// Delays in steps, and what is known of them all.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The delays.
    pub steps: Steps,
    /// The longest one.
    pub longest: u32,
    /// How many delays above zero became none.
    pub lost: usize,
    /// How many are below zero or no numbers, which count as none.
    pub senseless: usize,
}

/// The longest delay that there can be, in steps.
pub const LONGEST: u32 = 10_000_000;

impl Counted {
    /// The delays of synapses in steps of `dt_seconds`. `values` gives the delay of each in seconds, if it is asked for.
    pub fn new(delays: &Delays, dt_seconds: f64, values: impl Fn() -> Vec<f64>) -> Counted {
        let of = |steps: Steps, longest: u32, tally: Tally| Counted {
            steps,
            longest,
            lost: tally.lost,
            senseless: tally.senseless,
        };
        match delays {
            Delays::Same(seconds) => {
                let steps = in_steps(*seconds, dt_seconds);
                of(Steps::Same(steps), steps, Tally::default().with(*seconds, steps, 1))
            }
            Delays::Few(different, numbers) => {
                let (known, longest, tally) = by_number(different, numbers, dt_seconds);
                of(Steps::OfFew(known, numbers.clone()), longest, tally)
            }
            Delays::Several(different, numbers) => {
                let (known, longest, tally) = by_number(different, numbers, dt_seconds);
                of(Steps::OfSeveral(known, numbers.clone()), longest, tally)
            }
            Delays::Each(_) | Delays::Drawn(_) => {
                let seconds = values();
                let steps: Vec<u32> = seconds.iter().map(|seconds| in_steps(*seconds, dt_seconds)).collect();
                let tally = seconds.iter().zip(&steps).fold(Tally::default(), |t, (s, steps)| t.with(*s, *steps, 1));
                drop(seconds);
                let longest = steps.iter().copied().max().unwrap_or(0);
                let steps = match u16::try_from(longest) {
                    Ok(_) => Steps::Short(steps.iter().map(|steps| *steps as u16).collect()),
                    Err(_) => Steps::Each(steps),
                };
                of(steps, longest, tally)
            }
        }
    }
}

/// What is remarkable about delays.
#[derive(Clone, Copy, Default)]
struct Tally {
    lost: usize,
    senseless: usize,
}

impl Tally {
    /// And `times` synapses with this delay.
    fn with(self, seconds: f64, steps: u32, times: usize) -> Tally {
        let lost = if seconds > 0.0 && steps == 0 { times } else { 0 };
        let senseless = if seconds < 0.0 || seconds.is_nan() { times } else { 0 };
        Tally { lost: self.lost + lost, senseless: self.senseless + senseless }
    }
}

/// The steps of the different delays, and the longest.
fn by_number<N: Copy + Into<usize>>(different: &[f64], numbers: &[N], dt_seconds: f64) -> (Vec<u32>, u32, Tally) {
    let known: Vec<u32> = different.iter().map(|seconds| in_steps(*seconds, dt_seconds)).collect();
    let is_plain = different.iter().zip(&known).all(|(s, steps)| {
        let Tally { lost, senseless } = Tally::default().with(*s, *steps, 1);
        lost + senseless == 0
    });
    let of = |tally: Tally, number: &N| tally.with(different[(*number).into()], known[(*number).into()], 1);
    let tally = if is_plain { Tally::default() } else { numbers.iter().fold(Tally::default(), of) };
    let longest = known.iter().copied().max().unwrap_or(0);
    (known, longest, tally)
}

impl Steps {
    /// The delay of all synapses, if they have one.
    #[inline]
    pub fn same(&self) -> usize {
        match self {
            Steps::Same(steps) => *steps as usize,
            _ => 0,
        }
    }

    /// Sends the synapses of a cell on their way.
    #[inline]
    pub fn send(&self, cell: usize, index: &SynapseIndex, queue: &mut SpikeQueue) {
        let synapses = index.synapses(cell);
        match self {
            Steps::Same(steps) => synapses.for_each(|s| queue.push(*steps as usize, s as i32)),
            Steps::OfFew(known, numbers) => {
                synapses.for_each(|s| queue.push(known[usize::from(numbers[s as usize])] as usize, s as i32));
            }
            Steps::OfSeveral(known, numbers) => {
                synapses.for_each(|s| queue.push(known[usize::from(numbers[s as usize])] as usize, s as i32));
            }
            Steps::Short(steps) => synapses.for_each(|s| queue.push(usize::from(steps[s as usize]), s as i32)),
            Steps::Each(steps) => synapses.for_each(|s| queue.push(steps[s as usize] as usize, s as i32)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the form, each synapse arrives once, after its delay, in the order of sending.
        #[test]
        fn synapses_arrive_in_order(counts in prop::collection::vec(0_u32..30, 1..8), different in 1_usize..40, seed in any::<u64>(), dt in 0.5e-4..2e-4_f64) {
            let index = SynapseIndex::from_counts(&counts);
            let n = index.synapses_of_all();
            let value = |k: usize| ((k as u64).wrapping_mul(seed | 1) % different as u64) as f64 * 0.3e-4;
            let values: Vec<f64> = (0..n).map(value).collect();
            for delays in [Delays::from_values(&values), Delays::Each(values.clone())] {
                let counted = Counted::new(&delays, dt, || values.clone());
                let steps: Vec<u32> = values.iter().map(|v| (v / dt + 0.5) as u32).collect();
                prop_assert_eq!(counted.longest, steps.iter().copied().max().unwrap_or(0));
                let lost = values.iter().zip(&steps).filter(|(value, steps)| **value > 0.0 && **steps == 0).count();
                prop_assert!(counted.lost == lost || matches!(delays, Delays::Same(_)));
                let mut queue = SpikeQueue::new(counted.longest as usize);
                (0..counts.len()).for_each(|cell| counted.steps.send(cell, &index, &mut queue));
                for ahead in 0..=counted.longest {
                    let expected: Vec<i32> = (0..n as i32).filter(|k| steps[*k as usize] == ahead).collect();
                    prop_assert_eq!(queue.current(), expected);
                    queue.advance();
                }
            }
        }
    }
}

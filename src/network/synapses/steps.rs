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
}

impl Counted {
    /// The delays of synapses in steps of `dt_seconds`. `values` gives the delay of each in seconds, if it is asked for.
    pub fn new(delays: &Delays, dt_seconds: f64, values: impl Fn() -> Vec<f64>) -> Counted {
        let count =
            |seconds: &[f64]| seconds.iter().map(|seconds| in_steps(*seconds, dt_seconds)).collect::<Vec<u32>>();
        let lost = |seconds: &f64| *seconds > 0.0 && in_steps(*seconds, dt_seconds) == 0;
        let (steps, longest, lost) = match delays {
            Delays::Same(seconds) => {
                let steps = in_steps(*seconds, dt_seconds);
                (Steps::Same(steps), steps, usize::from(lost(seconds)))
            }
            Delays::Few(different, numbers) => {
                let (known, lost) = by_number(different, numbers, dt_seconds);
                let longest = known.iter().copied().max().unwrap_or(0);
                (Steps::OfFew(known, numbers.clone()), longest, lost)
            }
            Delays::Several(different, numbers) => {
                let (known, lost) = by_number(different, numbers, dt_seconds);
                let longest = known.iter().copied().max().unwrap_or(0);
                (Steps::OfSeveral(known, numbers.clone()), longest, lost)
            }
            Delays::Each(_) | Delays::Drawn(_) => {
                let seconds = values();
                let lost = seconds.iter().filter(|seconds| lost(seconds)).count();
                let steps = count(&seconds);
                drop(seconds);
                let longest = steps.iter().copied().max().unwrap_or(0);
                let steps = match u16::try_from(longest) {
                    Ok(_) => Steps::Short(steps.iter().map(|steps| *steps as u16).collect()),
                    Err(_) => Steps::Each(steps),
                };
                (steps, longest, lost)
            }
        };
        Counted { steps, longest, lost }
    }
}

/// The steps of the different delays, and of how many synapses one above zero is none.
fn by_number<N: Copy + Into<usize>>(different: &[f64], numbers: &[N], dt_seconds: f64) -> (Vec<u32>, usize) {
    let known: Vec<u32> = different.iter().map(|seconds| in_steps(*seconds, dt_seconds)).collect();
    let is_lost = |number: &N| different[(*number).into()] > 0.0 && known[(*number).into()] == 0;
    let lost = numbers.iter().filter(|number| is_lost(number)).count();
    (known, lost)
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

//! Delays of the synapses of a pathway, kept to the last bit in as little memory as they allow.
//!
//! Delays are times in seconds, so that they can be read back and survive another step length. Few networks have as many
//! different ones as synapses: what is kept for each synapse is mostly the number of its delay among the different ones.

use crate::runtime::array::{Array, ElementType};

/// The most different delays that are numbered.
const MOST: usize = 1 << 16;

/// Delays in seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Delays {
    /// One for all.
    Same(f64),
    /// Few different ones: what they are, and the number of each synapse's.
    Few(Vec<f64>, Vec<u16>),
    /// One for each synapse.
    Each(Vec<f64>),
}

impl Delays {
    /// From one for each synapse.
    pub fn from_values(values: &[f64]) -> Delays {
        let Some(first) = values.first() else { return Delays::Same(0.0) };
        if values.iter().all(|value| value.to_bits() == first.to_bits()) {
            return Delays::Same(*first);
        }
        match numbered(values) {
            Some((different, numbers)) => Delays::Few(different, numbers),
            None => Delays::Each(values.to_vec()),
        }
    }

    /// The delay of a synapse.
    pub fn get(&self, synapse: usize) -> f64 {
        match self {
            Delays::Same(value) => *value,
            Delays::Few(different, numbers) => different[usize::from(numbers[synapse])],
            Delays::Each(values) => values[synapse],
        }
    }

    /// One for each of `n` synapses.
    pub fn array(&self, n: usize) -> Array {
        let mut array = Array::zeros(ElementType::F64, n);
        for (k, place) in array.as_f64_mut().iter_mut().enumerate() {
            *place = self.get(k);
        }
        array
    }

    /// Appends `more` synapses without delay.
    pub fn extend(&mut self, n: usize, more: usize) {
        if more > 0 && *self != Delays::Same(0.0) {
            let mut values: Vec<f64> = (0..n).map(|k| self.get(k)).collect();
            values.resize(n + more, 0.0);
            *self = Delays::from_values(&values);
        }
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        match self {
            Delays::Same(_) => 0,
            Delays::Few(different, numbers) => size_of_val(&different[..]) + size_of_val(&numbers[..]),
            Delays::Each(values) => size_of_val(&values[..]),
        }
    }
}

/// The different values in the order in which they come, and the number of each; none if there are too many.
fn numbered(values: &[f64]) -> Option<(Vec<f64>, Vec<u16>)> {
    // Open addressing: one more than the number of a value, or 0.
    let mut table = vec![0_u32; 4 * MOST];
    let mask = table.len() - 1;
    let mut different: Vec<f64> = Vec::new();
    let mut numbers = Vec::with_capacity(values.len());
    for value in values {
        let bits = value.to_bits();
        let mut place = (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & mask;
        let number = loop {
            match table[place] {
                0 if different.len() == MOST => return None,
                0 => {
                    different.push(*value);
                    table[place] = different.len() as u32;
                    break different.len() - 1;
                }
                entry if different[entry as usize - 1].to_bits() == bits => break entry as usize - 1,
                _ => place = (place + 1) & mask,
            }
        };
        numbers.push(number as u16);
    }
    Some((different, numbers))
}

/// Delays in steps of a length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    dt_seconds: f64,
    /// Those of [`Delays::Few`], by number; the one of [`Delays::Same`].
    known: Vec<u32>,
}

/// Half a step up (Brian2's rule); the longest that there can be for what no number of steps is.
#[inline]
fn in_steps(seconds: f64, dt_seconds: f64) -> u32 {
    (seconds / dt_seconds + 0.5).max(0.0) as u32
}

impl Steps {
    /// In steps of `dt_seconds`: the steps, the longest delay, and how many delays above zero became none.
    pub fn new(delays: &Delays, dt_seconds: f64) -> (Steps, u32, usize) {
        let known: Vec<u32> = match delays {
            Delays::Same(seconds) => vec![in_steps(*seconds, dt_seconds)],
            Delays::Few(different, _) => different.iter().map(|seconds| in_steps(*seconds, dt_seconds)).collect(),
            Delays::Each(_) => Vec::new(),
        };
        let is_lost = |seconds: f64| seconds > 0.0 && in_steps(seconds, dt_seconds) == 0;
        let lost = match delays {
            Delays::Same(seconds) => usize::from(is_lost(*seconds)),
            Delays::Few(different, numbers) => match different.iter().any(|seconds| is_lost(*seconds)) {
                true => numbers.iter().filter(|number| is_lost(different[usize::from(**number)])).count(),
                false => 0,
            },
            Delays::Each(values) => values.iter().filter(|seconds| is_lost(**seconds)).count(),
        };
        let longest = match delays {
            Delays::Each(values) => values.iter().map(|seconds| in_steps(*seconds, dt_seconds)).max(),
            _ => known.iter().copied().max(),
        };
        (Steps { dt_seconds, known }, longest.unwrap_or(0), lost)
    }

    /// The delay of all synapses, if they have one.
    pub fn same(&self) -> usize {
        self.known.first().map_or(0, |steps| *steps as usize)
    }

    /// Calls `visit` with each of these synapses and its delay in steps.
    #[inline]
    pub fn of(&self, delays: &Delays, synapses: impl Iterator<Item = u32>, mut visit: impl FnMut(u32, usize)) {
        match delays {
            Delays::Same(_) => synapses.for_each(|synapse| visit(synapse, self.same())),
            Delays::Few(_, numbers) => {
                synapses.for_each(|s| visit(s, self.known[usize::from(numbers[s as usize])] as usize));
            }
            Delays::Each(values) => {
                synapses.for_each(|s| visit(s, in_steps(values[s as usize], self.dt_seconds) as usize));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn delays_are_read_back_to_the_bit(values in prop::collection::vec(prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(1e-3)], 0..50), dt in 1e-5..1e-3) {
            let delays = Delays::from_values(&values);
            let bits: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
            let kept: Vec<u64> = delays.array(values.len()).as_f64().iter().map(|v| v.to_bits()).collect();
            prop_assert_eq!(&kept, &bits);
            let (steps, longest, _) = Steps::new(&delays, dt);
            let mut seen = Vec::new();
            steps.of(&delays, 0..values.len() as u32, |synapse, steps| seen.push((synapse, steps)));
            for (k, (synapse, steps)) in seen.iter().enumerate() {
                prop_assert_eq!(*synapse as usize, k);
                prop_assert_eq!(*steps, (values[k] / dt + 0.5).max(0.0) as u32 as usize);
                prop_assert!(*steps <= longest as usize);
            }
        }
    }

    #[test]
    fn what_is_kept_goes_with_how_many_delays_differ() {
        let n = 100_000;
        let of = |different: usize| (0..n).map(|k| (k % different) as f64 * 1e-6).collect::<Vec<f64>>();
        for (different, bytes) in [(1, 0), (100, 2 * n + 800), (MOST, 2 * n + 8 * MOST), (MOST + 1, 8 * n)] {
            let values = of(different);
            let delays = Delays::from_values(&values);
            assert_eq!(delays.bytes(), bytes, "{different} different delays");
            assert_eq!(delays.array(n).as_f64(), values);
        }
    }

    #[test]
    fn delays_that_become_no_step_are_counted() {
        for (values, lost) in [(vec![1e-5; 3], 1), (vec![1e-5, 1e-3, 1e-5], 2), (vec![0.0, 1e-3], 0)] {
            assert_eq!(Steps::new(&Delays::from_values(&values), 1e-4).2, lost);
        }
        let many: Vec<f64> = (0..=MOST).map(|k| k as f64 * 1e-9).collect();
        assert_eq!(Steps::new(&Delays::from_values(&many), 1e-4).2, 49_999);
    }
}

//! Delays of the synapses of a pathway, kept to the last bit in as little memory as they allow.
//!
//! Delays are times in seconds, so that they can be read back and survive another step length. Few networks have as many
//! different ones as synapses: what is kept for each synapse is mostly the number of its delay among the different ones.
//! Of delays that were drawn it is kept how.

use std::sync::Arc;

use super::recipe::Recipe;
use crate::model::group::Side;
use crate::runtime::array::{Array, ElementType};

/// The most different delays that are numbered.
const MOST: usize = 1 << 16;

/// Delays in seconds.
#[derive(Clone, Debug)]
pub enum Delays {
    /// One for all.
    Same(f64),
    /// At most 256 different ones: what they are, and the number of each synapse's.
    Few(Vec<f64>, Arc<[u8]>),
    /// At most 65,536 different ones.
    Several(Vec<f64>, Arc<[u16]>),
    /// One for each synapse.
    Each(Vec<f64>),
    /// One for each synapse, which can be made again.
    Drawn(Arc<Recipe>),
}

impl Delays {
    /// From one for each synapse.
    pub fn from_values(values: &[f64]) -> Delays {
        let Some(first) = values.first() else { return Delays::Same(0.0) };
        if values.iter().all(|value| value.to_bits() == first.to_bits()) {
            return Delays::Same(*first);
        }
        match numbered(values) {
            Some((different, numbers)) if different.len() <= 256 => {
                Delays::Few(different, numbers.into_iter().map(|number| number as u8).collect())
            }
            Some((different, numbers)) => Delays::Several(different, numbers.into()),
            None => Delays::Each(values.to_vec()),
        }
    }

    /// One for each of `n` synapses, between the cells that `cells` gives, counted in their populations.
    pub fn array(&self, n: usize, cells: &dyn Fn(Side) -> Vec<i32>) -> Array {
        let mut array = Array::zeros(ElementType::F64, n);
        let values = array.as_f64_mut();
        match self {
            Delays::Same(value) => values.fill(*value),
            Delays::Few(different, numbers) => {
                values.iter_mut().zip(&**numbers).for_each(|(to, number)| *to = different[usize::from(*number)]);
            }
            Delays::Several(different, numbers) => {
                values.iter_mut().zip(&**numbers).for_each(|(to, number)| *to = different[usize::from(*number)]);
            }
            Delays::Each(each) => values.copy_from_slice(each),
            Delays::Drawn(recipe) => recipe.make(values, cells),
        }
        array
    }

    /// Bytes that are kept.
    pub fn bytes(&self) -> usize {
        match self {
            Delays::Same(_) | Delays::Drawn(_) => 0,
            Delays::Few(different, numbers) => size_of_val(&different[..]) + size_of_val(&numbers[..]),
            Delays::Several(different, numbers) => size_of_val(&different[..]) + size_of_val(&numbers[..]),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn no_cells(_: Side) -> Vec<i32> {
        Vec::new()
    }

    proptest! {
        #[test]
        fn delays_are_read_back_to_the_bit(values in prop::collection::vec(prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(1e-3)], 0..50)) {
            let delays = Delays::from_values(&values);
            let bits: Vec<u64> = values.iter().map(|v| v.to_bits()).collect();
            let kept: Vec<u64> = delays.array(values.len(), &no_cells).as_f64().iter().map(|v| v.to_bits()).collect();
            prop_assert_eq!(&kept, &bits);
        }
    }

    #[test]
    fn what_is_kept_goes_with_how_many_delays_differ() {
        let n = 100_000;
        let of = |different: usize| (0..n).map(|k| (k % different) as f64 * 1e-6).collect::<Vec<f64>>();
        for (different, bytes) in
            [(1, 0), (100, n + 800), (257, 2 * n + 8 * 257), (MOST, 2 * n + 8 * MOST), (MOST + 1, 8 * n)]
        {
            let values = of(different);
            let delays = Delays::from_values(&values);
            assert_eq!(delays.bytes(), bytes, "{different} different delays");
            assert_eq!(delays.array(n, &no_cells).as_f64(), values);
        }
    }
}

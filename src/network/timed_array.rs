//! Values over time in memory, as kernels read them.

use indexmap::IndexMap;

use crate::runtime::array::{Array, ElementType};

/// Values over time, in SI units.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedValues {
    /// Row after row.
    pub numbers: Vec<f64>,
    /// Numbers in a row, if one is chosen by an index.
    pub columns: Option<usize>,
    /// Time between two rows in seconds.
    pub dt_seconds: f64,
}

/// Values over time, and what kernels need to find a row.
pub struct TimedArrayData {
    values: TimedValues,
    /// The parameters that are the same for every group, by the last part of their names.
    arrays: IndexMap<&'static str, Array>,
    /// Length of a step, and the grid of times for it: by the clock of a group.
    grids: Vec<Option<(f64, Array, Array)>>,
}

impl TimedValues {
    /// How many parts the time between two rows is divided into, for groups with steps of this length: at least eight
    /// in a step, and a power of two, so that the division is exact (Brian2's rule).
    fn parts(&self, dt_seconds: f64) -> f64 {
        (8.0 * self.dt_seconds / dt_seconds).log2().ceil().exp2().max(1.0)
    }

    /// Whether the value at `t` does not change during steps of this length that start on their grid.
    pub fn is_steady(&self, dt_seconds: f64) -> bool {
        let ratio = self.dt_seconds / dt_seconds;
        dt_seconds <= self.dt_seconds && ratio.floor() == ratio
    }
}

impl TimedArrayData {
    /// Values in memory, for this many clocks.
    pub fn new(values: TimedValues, clocks: usize) -> TimedArrayData {
        let width = values.columns.unwrap_or(1);
        let mut numbers = Array::zeros(ElementType::F64, values.numbers.len());
        numbers.as_f64_mut().copy_from_slice(&values.numbers);
        let mut columns = Array::zeros(ElementType::I64, 1);
        columns.set_i64(0, width as i64);
        let last = Array::scalar((values.numbers.len() / width) as f64 - 1.0);
        let arrays = IndexMap::from([("values", numbers), ("last", last), ("columns", columns)]);
        TimedArrayData { values, arrays, grids: (0..clocks).map(|_| None).collect() }
    }

    /// Brings the grids of all clocks that groups use up to date with the lengths of their steps.
    pub fn update(&mut self, dt_seconds: impl Fn(usize) -> f64) {
        for (clock, grid) in self.grids.iter_mut().enumerate() {
            if let Some((dt, epsilon, steps)) = grid.as_mut().filter(|(dt, ..)| *dt != dt_seconds(clock)) {
                *dt = dt_seconds(clock);
                let parts = self.values.parts(*dt);
                epsilon.set(0, self.values.dt_seconds / parts);
                steps.set(0, parts);
            }
        }
    }

    /// Where a parameter is, by the last part of its name, for a group with this clock.
    pub fn pointer(&mut self, part: &str, clock: usize, dt_seconds: f64) -> Option<*mut u8> {
        if let Some(array) = self.arrays.get_mut(part) {
            return Some(array.pointer());
        }
        let parts = self.values.parts(dt_seconds);
        let (_, epsilon, steps) = self
            .grids
            .get_mut(clock)?
            .get_or_insert_with(|| (dt_seconds, Array::scalar(self.values.dt_seconds / parts), Array::scalar(parts)));
        match part {
            "epsilon" => Some(epsilon.pointer()),
            "steps" => Some(steps.pointer()),
            _ => None,
        }
    }

    /// How many elements a parameter has.
    pub fn elements(&self, part: &str) -> usize {
        self.arrays.get(part).map_or(1, Array::len)
    }

    /// The values.
    pub fn values(&self) -> &TimedValues {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_fine_and_its_parts_a_power_of_two() {
        let values = |dt_seconds| TimedValues { numbers: vec![0.0], columns: None, dt_seconds };
        assert_eq!(values(1e-3).parts(1e-4), 128.0);
        assert_eq!(values(1e-4).parts(1e-4), 8.0);
        assert_eq!(values(1e-5).parts(1e-3), 1.0);
        assert!(values(4e-4).is_steady(1e-4));
        // Trap 51: as floats, 0.3 ms is no multiple of 0.1 ms.
        assert!(!values(0.3e-3).is_steady(0.1e-3));
        assert!(!values(1e-4).is_steady(2e-4));
    }
}

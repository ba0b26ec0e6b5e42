//! Monitors: what they record, and the recording.

use indexmap::IndexMap;

use crate::engine::CodeObject;
use crate::runtime::array::Array;
use crate::runtime::record::Values;
use crate::unit::Dimension;

/// Room for events that a run starts with, so that quiet networks allocate nothing while they run.
const FIRST_EVENTS: usize = 4096;

/// Values of one variable and their unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The dimension of the values, which are in SI units.
    pub dimension: Dimension,
    /// The values.
    pub values: Values,
}

/// Where a recorded variable is read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// An array of the group, by name.
    Array(String),
    /// An array that a kernel of the monitor fills first, by name.
    Computed(String),
}

/// Events of a group, in the order of steps, cells ascending within a step.
pub struct SpikeMonitor {
    /// Its name.
    pub name: String,
    /// Which population it watches.
    pub population: usize,
    /// Which cell, per event.
    pub i: Vec<i32>,
    /// When, in seconds, per event.
    pub t: Vec<f64>,
    /// Further variables, by name.
    pub variables: IndexMap<String, (Origin, Column)>,
    /// Arrays that the kernel fills.
    pub computed: IndexMap<String, Array>,
    /// Fills `computed` for the cells that spiked.
    pub code: Option<CodeObject>,
}

/// The rate of a group, averaged over its cells and one step.
pub struct RateMonitor {
    /// Its name.
    pub name: String,
    /// Which population it watches.
    pub population: usize,
    /// When, in seconds, per step.
    pub t: Vec<f64>,
    /// In hertz, per step.
    pub rate: Vec<f64>,
}

/// Variables of some cells at regular times.
pub struct StateMonitor {
    /// Its name.
    pub name: String,
    /// Which population it watches.
    pub population: usize,
    /// Which clock it follows.
    pub clock: usize,
    /// The recorded cells.
    pub record: Vec<i32>,
    /// When, in seconds, per record.
    pub t: Vec<f64>,
    /// By variable: a row of cells for each time.
    pub variables: IndexMap<String, (Origin, Column)>,
    /// Arrays that the kernel fills.
    pub computed: IndexMap<String, Array>,
    /// Fills `computed` for the recorded cells.
    pub code: Option<CodeObject>,
}

fn take_variables(variables: &mut IndexMap<String, (Origin, Column)>) -> IndexMap<String, (Origin, Column)> {
    let empty = |(origin, column): &(Origin, Column)| {
        let values = column.values.emptied();
        (origin.clone(), Column { dimension: column.dimension, values })
    };
    let fresh = variables.iter().map(|(name, entry)| (name.clone(), empty(entry))).collect();
    std::mem::replace(variables, fresh)
}

impl SpikeMonitor {
    /// Takes what was recorded, leaving nothing.
    pub fn take(&mut self) -> SpikeMonitor {
        SpikeMonitor {
            name: self.name.clone(),
            population: self.population,
            i: std::mem::take(&mut self.i),
            t: std::mem::take(&mut self.t),
            variables: take_variables(&mut self.variables),
            computed: IndexMap::new(),
            code: None,
        }
    }

    /// Makes room for the events of a run.
    pub fn prepare(&mut self) {
        self.i.reserve(FIRST_EVENTS);
        self.t.reserve(FIRST_EVENTS);
        self.variables.values_mut().for_each(|(_, column)| column.values.reserve(FIRST_EVENTS));
    }

    /// Appends the cells that spiked at `t_seconds`.
    #[inline]
    pub fn record(&mut self, spikes: &[i32], t_seconds: f64, arrays: &IndexMap<String, Array>) {
        if spikes.is_empty() {
            return;
        }
        self.i.extend_from_slice(spikes);
        self.t.extend(spikes.iter().map(|_| t_seconds));
        if let Some(code) = &mut self.code {
            code.run_over(spikes);
        }
        append(&mut self.variables, &self.computed, arrays, spikes);
    }
}

impl StateMonitor {
    /// Takes what was recorded, leaving nothing.
    pub fn take(&mut self) -> StateMonitor {
        StateMonitor {
            name: self.name.clone(),
            population: self.population,
            clock: self.clock,
            record: self.record.clone(),
            t: std::mem::take(&mut self.t),
            variables: take_variables(&mut self.variables),
            computed: IndexMap::new(),
            code: None,
        }
    }

    /// Bytes that this many records take.
    pub fn bytes_for(&self, records: usize) -> u64 {
        let values: usize = self.variables.values().map(|(_, column)| column.values.size_of_value()).sum();
        (size_of::<f64>() as u64 + values as u64 * self.record.len() as u64).saturating_mul(records as u64)
    }

    /// Makes room for this many records.
    pub fn prepare(&mut self, records: usize) {
        self.t.reserve(records);
        let values = records.saturating_mul(self.record.len());
        self.variables.values_mut().for_each(|(_, column)| column.values.reserve(values));
    }

    /// Appends the values at `t_seconds`.
    #[inline]
    pub fn record(&mut self, t_seconds: f64, arrays: &IndexMap<String, Array>) {
        self.t.push(t_seconds);
        if let Some(code) = &mut self.code {
            code.run_over(&self.record);
        }
        append(&mut self.variables, &self.computed, arrays, &self.record);
    }
}

fn append(
    variables: &mut IndexMap<String, (Origin, Column)>,
    computed: &IndexMap<String, Array>,
    arrays: &IndexMap<String, Array>,
    indices: &[i32],
) {
    for (origin, column) in variables.values_mut() {
        let array = match origin {
            Origin::Array(name) => &arrays[name.as_str()],
            Origin::Computed(name) => &computed[name.as_str()],
        };
        column.values.append(array, indices);
    }
}

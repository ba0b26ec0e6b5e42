//! Monitors: what they record, and the recording.

use indexmap::IndexMap;

use super::check::Source;
use crate::runtime::archive::{NamedArray, of_events, of_rates, of_states};
use crate::runtime::array::Array;
use crate::runtime::record::{Slice, Values};
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

/// Columns by name, and where each is read from.
pub type Columns = IndexMap<String, (Origin, Column)>;

/// Events of a group, in the order of steps, cells ascending within a step.
#[derive(Clone)]
pub struct EventMonitor {
    /// Its name.
    pub name: String,
    /// The cells it watches.
    pub source: Source,
    /// Name of the group it watches.
    pub source_name: String,
    /// Number of the event in its population.
    pub event: usize,
    /// Name of the event, if it was asked for by name.
    pub event_name: Option<String>,
    /// Whether events are recorded, or only counted.
    pub record: bool,
    /// How many events each cell had.
    pub count: Vec<u64>,
    /// How many events there were.
    pub total: u64,
    /// Which cell, counted from the first one of the source, per event.
    pub i: Vec<i32>,
    /// When, in seconds, per event.
    pub t: Vec<f64>,
    /// Further variables, by name.
    pub variables: Columns,
    /// How many records are in files already, and no longer here.
    pub written: u64,
    /// Number of the code that fills computed variables for the cells of the event.
    pub code: Option<usize>,
}

/// The rate of a group, averaged over its cells and one step.
#[derive(Clone)]
pub struct RateMonitor {
    /// Its name.
    pub name: String,
    /// The cells it watches.
    pub source: Source,
    /// Name of the group it watches.
    pub source_name: String,
    /// When, in seconds, per step.
    pub t: Vec<f64>,
    /// In hertz, per step.
    pub rate: Vec<f64>,
    /// How many records are in files already, and no longer here.
    pub written: u64,
    sum_hertz: f64,
}

/// Variables of some cells at regular times.
#[derive(Clone)]
pub struct StateMonitor {
    /// Its name.
    pub name: String,
    /// The cells it watches.
    pub source: Source,
    /// Name of the group it watches.
    pub source_name: String,
    /// Which clock it follows.
    pub clock: usize,
    /// The recorded cells, counted in the population.
    pub record: Vec<i32>,
    /// When, in seconds, per record.
    pub t: Vec<f64>,
    /// By variable: a row of cells for each time.
    pub variables: Columns,
    /// How many records are in files already, and no longer here.
    pub written: u64,
    /// Number of the code that fills computed variables for the recorded cells.
    pub code: Option<usize>,
}

fn take_variables(variables: &mut Columns) -> Columns {
    let empty = |(origin, column): &(Origin, Column)| {
        let values = column.values.emptied();
        (origin.clone(), Column { dimension: column.dimension, values })
    };
    let fresh = variables.iter().map(|(name, entry)| (name.clone(), empty(entry))).collect();
    std::mem::replace(variables, fresh)
}

impl EventMonitor {
    /// Nothing recorded.
    pub fn new(name: String, source: Source, source_name: String, event: usize, event_name: Option<String>) -> Self {
        EventMonitor {
            name,
            source,
            source_name,
            event,
            event_name,
            record: true,
            count: vec![0; source.n()],
            total: 0,
            i: Vec::new(),
            t: Vec::new(),
            variables: IndexMap::new(),
            written: 0,
            code: None,
        }
    }

    /// How many events were recorded, here and in files.
    pub fn records(&self) -> u64 {
        self.written + self.t.len() as u64
    }

    /// Takes what was recorded, leaving nothing but the counts.
    pub fn take(&mut self) -> EventMonitor {
        EventMonitor {
            name: self.name.clone(),
            source_name: self.source_name.clone(),
            event_name: self.event_name.clone(),
            count: self.count.clone(),
            i: std::mem::take(&mut self.i),
            t: std::mem::take(&mut self.t),
            variables: take_variables(&mut self.variables),
            code: None,
            ..*self
        }
    }

    /// Makes room for the events of a run.
    pub fn prepare(&mut self) {
        self.reserve(FIRST_EVENTS);
    }

    /// Appends the cells, counted in the population, of events at `t_seconds`.
    #[inline]
    pub fn record(
        &mut self,
        cells: &[i32],
        t_seconds: f64,
        arrays: &IndexMap<String, Array>,
        computed: Option<&IndexMap<String, Array>>,
    ) {
        let first = self.source.start as i32;
        cells.iter().for_each(|cell| self.count[(cell - first) as usize] += 1);
        self.total += cells.len() as u64;
        if self.record {
            self.i.extend(cells.iter().map(|cell| cell - first));
            self.t.extend(cells.iter().map(|_| t_seconds));
            append(&mut self.variables, computed, arrays, cells);
        }
    }

    /// The times of each cell's events, in seconds.
    pub fn trains(&self) -> Vec<Vec<f64>> {
        let mut trains: Vec<Vec<f64>> = self.count.iter().map(|count| Vec::with_capacity(*count as usize)).collect();
        self.i.iter().zip(&self.t).for_each(|(cell, t)| trains[*cell as usize].push(*t));
        trains
    }

    /// The values of a recorded variable at each cell's events, booleans as 0 and 1.
    pub fn values(&self, variable: &str) -> Option<Vec<Vec<f64>>> {
        let (_, column) = self.variables.get(variable)?;
        let mut values = vec![Vec::new(); self.count.len()];
        self.i.iter().enumerate().for_each(|(k, cell)| values[*cell as usize].push(column.values.get(k)));
        Some(values)
    }
}

impl RateMonitor {
    /// Nothing recorded.
    pub fn new(name: String, source: Source, source_name: String) -> RateMonitor {
        RateMonitor { name, source, source_name, t: Vec::new(), rate: Vec::new(), written: 0, sum_hertz: 0.0 }
    }

    /// How many steps were recorded, here and in files.
    pub fn records(&self) -> u64 {
        self.written + self.t.len() as u64
    }

    /// The mean over all recorded steps, in hertz; not a number if there is none.
    pub fn mean_hertz(&self) -> f64 {
        self.sum_hertz / self.records() as f64
    }

    /// Appends the rate at `t_seconds`.
    #[inline]
    pub fn record(&mut self, t_seconds: f64, hertz: f64) {
        self.t.push(t_seconds);
        self.rate.push(hertz);
        self.sum_hertz += hertz;
    }
}

impl StateMonitor {
    /// Nothing recorded.
    pub fn new(name: String, source: Source, source_name: String, clock: usize, record: Vec<i32>) -> StateMonitor {
        StateMonitor {
            name,
            source,
            source_name,
            clock,
            record,
            t: Vec::new(),
            variables: IndexMap::new(),
            written: 0,
            code: None,
        }
    }

    /// How many times were recorded, here and in files.
    pub fn records(&self) -> u64 {
        self.written + self.t.len() as u64
    }

    /// Takes what was recorded, leaving nothing.
    pub fn take(&mut self) -> StateMonitor {
        StateMonitor {
            name: self.name.clone(),
            source_name: self.source_name.clone(),
            record: self.record.clone(),
            t: std::mem::take(&mut self.t),
            variables: take_variables(&mut self.variables),
            code: None,
            ..*self
        }
    }

    /// The recorded cells, counted from the first one of the source.
    pub fn cells(&self) -> Vec<i32> {
        self.record.iter().map(|cell| cell - self.source.start as i32).collect()
    }

    /// Appends the values at `t_seconds`.
    #[inline]
    pub fn record(
        &mut self,
        t_seconds: f64,
        arrays: &IndexMap<String, Array>,
        computed: Option<&IndexMap<String, Array>>,
    ) {
        self.t.push(t_seconds);
        append(&mut self.variables, computed, arrays, &self.record);
    }
}

/// What all monitors are for the files that they stream to: columns that grow by records.
pub(super) trait Recording {
    /// Name of the monitor.
    fn name(&self) -> &str;

    /// The arrays of its archive, with those of their values that are in memory.
    fn arrays(&self) -> Vec<NamedArray<'_, Slice<'_>>>;

    /// How many records are in memory.
    fn held(&self) -> usize;

    /// How many records a step can add.
    fn most_in_a_step(&self) -> usize;

    /// Bytes that this many records take.
    fn bytes_for(&self, records: usize) -> u64;

    /// Makes room for this many further records.
    fn reserve(&mut self, records: usize);

    /// Drops the records in memory, since they are in files, and keeps the room that they took.
    fn forget(&mut self);
}

fn slices(variables: &Columns) -> impl Iterator<Item = (&str, Slice<'_>)> {
    variables.iter().map(|(name, (_, column))| (name.as_str(), column.values.as_slice()))
}

/// Bytes of a value of each variable.
fn bytes_of_values(variables: &Columns) -> u64 {
    variables.values().map(|(_, column)| column.values.size_of_value() as u64).sum()
}

impl Recording for EventMonitor {
    fn name(&self) -> &str {
        &self.name
    }

    fn arrays(&self) -> Vec<NamedArray<'_, Slice<'_>>> {
        of_events(Slice::I32(&self.i), Slice::F64(&self.t), slices(&self.variables))
    }

    fn held(&self) -> usize {
        self.t.len()
    }

    fn most_in_a_step(&self) -> usize {
        self.source.n()
    }

    fn bytes_for(&self, records: usize) -> u64 {
        let event = (size_of::<i32>() + size_of::<f64>()) as u64 + bytes_of_values(&self.variables);
        event.saturating_mul(records as u64)
    }

    fn reserve(&mut self, records: usize) {
        if self.record {
            self.i.reserve(records);
            self.t.reserve(records);
            self.variables.values_mut().for_each(|(_, column)| column.values.reserve(records));
        }
    }

    fn forget(&mut self) {
        self.written += self.held() as u64;
        self.i.clear();
        self.t.clear();
        self.variables.values_mut().for_each(|(_, column)| column.values.clear());
    }
}

impl Recording for RateMonitor {
    fn name(&self) -> &str {
        &self.name
    }

    fn arrays(&self) -> Vec<NamedArray<'_, Slice<'_>>> {
        of_rates(Slice::F64(&self.t), Slice::F64(&self.rate))
    }

    fn held(&self) -> usize {
        self.t.len()
    }

    fn most_in_a_step(&self) -> usize {
        1
    }

    fn bytes_for(&self, records: usize) -> u64 {
        (2 * size_of::<f64>() as u64).saturating_mul(records as u64)
    }

    fn reserve(&mut self, records: usize) {
        self.t.reserve(records);
        self.rate.reserve(records);
    }

    fn forget(&mut self) {
        self.written += self.held() as u64;
        self.t.clear();
        self.rate.clear();
    }
}

impl Recording for StateMonitor {
    fn name(&self) -> &str {
        &self.name
    }

    fn arrays(&self) -> Vec<NamedArray<'_, Slice<'_>>> {
        of_states(self.record.len(), Slice::F64(&self.t), slices(&self.variables))
    }

    fn held(&self) -> usize {
        self.t.len()
    }

    fn most_in_a_step(&self) -> usize {
        1
    }

    fn bytes_for(&self, records: usize) -> u64 {
        let row = bytes_of_values(&self.variables).saturating_mul(self.record.len() as u64);
        (size_of::<f64>() as u64).saturating_add(row).saturating_mul(records as u64)
    }

    fn reserve(&mut self, records: usize) {
        self.t.reserve(records);
        let values = records.saturating_mul(self.record.len());
        self.variables.values_mut().for_each(|(_, column)| column.values.reserve(values));
    }

    fn forget(&mut self) {
        self.written += self.held() as u64;
        self.t.clear();
        self.variables.values_mut().for_each(|(_, column)| column.values.clear());
    }
}

fn append(
    variables: &mut Columns,
    computed: Option<&IndexMap<String, Array>>,
    arrays: &IndexMap<String, Array>,
    indices: &[i32],
) {
    for (origin, column) in variables.values_mut() {
        let array = match origin {
            Origin::Array(name) => arrays.get(name.as_str()),
            Origin::Computed(name) => computed.and_then(|computed| computed.get(name.as_str())),
        };
        if let Some(array) = array {
            column.values.append(array, indices);
        }
    }
}

//! Monitors: what they record, and the recording.

use indexmap::IndexMap;

use super::check::Source;
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
            code: None,
        }
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
        if self.record {
            self.i.reserve(FIRST_EVENTS);
            self.t.reserve(FIRST_EVENTS);
            self.variables.values_mut().for_each(|(_, column)| column.values.reserve(FIRST_EVENTS));
        }
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
        RateMonitor { name, source, source_name, t: Vec::new(), rate: Vec::new() }
    }
}

impl StateMonitor {
    /// Nothing recorded.
    pub fn new(name: String, source: Source, source_name: String, clock: usize, record: Vec<i32>) -> StateMonitor {
        StateMonitor { name, source, source_name, clock, record, t: Vec::new(), variables: IndexMap::new(), code: None }
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

//! What a run leaves behind, as plain data: recorded values, final state, timing and where the kernels came from.
//!
//! All numbers are in SI base units. Recorded values are kept as they were recorded, one row of elements per time, so
//! that a run only appends; readers that want `[element][time]` use [`StateData::series`]. After a run that streamed them to
//! disk there are no values, and the counts say how many there are. Nothing here knows a format.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

pub use crate::runtime::record::Values;

/// Everything `saltus run` reports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunResult {
    /// The model's name.
    pub model: Option<String>,
    /// Simulated time at the end, in seconds.
    pub simulated_seconds: f64,
    /// What each monitor recorded, in the order of the model.
    pub monitors: IndexMap<String, MonitorData>,
    /// How many synapses each synapses object has.
    pub synapses: IndexMap<String, usize>,
    /// The last value of each state variable, by owner and variable; `i` and `j` of synapses are whole numbers.
    pub final_state: IndexMap<String, BTreeMap<String, Vec<f64>>>,
    /// Where the time went.
    pub timing: Timing,
    /// The kernels that ran at every step.
    pub kernels: Vec<KernelReport>,
    /// How long objects and kernels took, if that was measured.
    pub profile: Option<Profile>,
}

/// How long the steps of a run took, and what in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Profile {
    /// How many steps there were of the shortest kind.
    pub steps: u64,
    /// How long all of them took, in seconds.
    pub seconds: f64,
    /// How long the kernels in them took; the rest is the host's.
    pub kernel_seconds: f64,
    /// The objects of the schedule, the most expensive first.
    pub objects: Vec<ProfileRow>,
    /// The kernels, the most expensive first.
    pub kernels: Vec<ProfileRow>,
}

/// How long an object or a kernel took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ProfileRow {
    /// Its name.
    pub name: String,
    /// How often it ran.
    pub calls: u64,
    /// How long, in seconds.
    pub seconds: f64,
    /// Nanoseconds a call.
    pub ns_per_call: f64,
    /// Nanoseconds a step.
    pub ns_per_step: f64,
    /// Of a kernel: what ran it in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_on: Option<&'static str>,
    /// Of a kernel: why no optimised code has run it, if none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What one monitor recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorData {
    /// Spikes, or other events.
    Spikes(SpikeData),
    /// State variables over time.
    State(StateData),
    /// The population rate over time.
    Rate(RateData),
}

/// Events of one group, in the order of steps, cells ascending within a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpikeData {
    /// The event, if the monitor was asked for an event by name; `None` for spikes.
    pub event: Option<String>,
    /// Name of the group.
    pub source: String,
    /// How many cells the group has.
    pub source_size: usize,
    /// How many events there were.
    pub count: usize,
    /// How many of them were recorded.
    pub records: usize,
    /// Which cell, per event.
    pub i: Vec<i32>,
    /// When, in seconds, per event.
    pub t: Vec<f64>,
    /// Further variables, one value per event; none is called `i` or `t`.
    pub variables: IndexMap<String, Recorded>,
}

/// State variables of some elements of one group or synapses object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateData {
    /// Name of the group or synapses object.
    pub source: String,
    /// What the elements are.
    pub elements: Elements,
    /// The index of each recorded element.
    pub record: Vec<i32>,
    /// How many times were recorded.
    pub records: usize,
    /// When, in seconds, per record.
    pub t: Vec<f64>,
    /// By variable: a row of `record.len()` values for each time.
    pub values: IndexMap<String, Recorded>,
}

impl StateData {
    /// The values of the recorded element at `position` of [`record`](StateData::record), one per time.
    pub fn series<'a>(&self, recorded: &'a Recorded, position: usize) -> impl ExactSizeIterator<Item = f64> + use<'a> {
        let width = self.record.len();
        (0..self.t.len()).map(move |row| recorded.values.get(row * width + position))
    }
}

/// The rate of a group, averaged over its cells and one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateData {
    /// Name of the group.
    pub source: String,
    /// How many cells the group has.
    pub source_size: usize,
    /// How many times were recorded.
    pub records: usize,
    /// The mean of all records in hertz, if there is one.
    pub mean: Option<f64>,
    /// When, in seconds, per record.
    pub t: Vec<f64>,
    /// In hertz, per record.
    pub rate: Vec<f64>,
}

/// What the elements of a source are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elements {
    /// Cells of a group.
    #[default]
    Cells,
    /// Synapses of a synapses object.
    Synapses,
}

impl Elements {
    /// The word for one, and for several.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Elements::Cells => ("cell", "cells"),
            Elements::Synapses => ("synapse", "synapses"),
        }
    }
}

/// Values of one variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Symbol of the SI unit without prefix that the values are in, such as `V`, `A`, `1/s` or `S/m²`; empty: no unit.
    pub unit: String,
    /// The values.
    pub values: Values,
}

/// Where the time went, in seconds of the wall clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timing {
    /// Reading and checking the model.
    pub parse: f64,
    /// From the checked model to code that can run, without `connect`.
    pub prepare: f64,
    /// Making synapses.
    pub connect: f64,
    /// The steps.
    pub run: f64,
    /// From the start of the program to the first step, without `connect`.
    pub first_step: f64,
    /// From the start of the program, without `connect`, until the last kernel became an optimised one, if it did.
    pub full_speed: Option<f64>,
    /// From the start of the program to the end of the run.
    pub total: f64,
}

/// One kernel that ran at every step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelReport {
    /// Name of the code object, such as `cells_stateupdater`.
    pub name: String,
    /// What it does, such as `stateupdate`.
    pub kind: String,
    /// Its loop, such as `each`.
    pub shape: String,
    /// The language of its source.
    pub language: String,
    /// Its key in the store, if it has one.
    pub key: Option<String>,
    /// Where the code that ran last came from.
    pub origin: Origin,
    /// How long the compiler took, if it ran.
    pub compile_seconds: Option<f64>,
    /// When code took the place of other code; the interpreter was first.
    pub swaps: Vec<SwapReport>,
}

/// When code began to run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SwapReport {
    /// Its key; none of the interpreter, where code by hand was taken away again.
    pub key: Option<String>,
    /// Whether it ran only until an optimised kernel was ready.
    pub preliminary: bool,
    /// Seconds since the program started, as the times of [`Timing`].
    pub at: f64,
    /// Simulated time, in seconds.
    pub t: f64,
}

/// Where the code of a kernel came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Found in the store.
    Hit,
    /// Compiled in this run.
    Built,
    /// The interpreter; no compiled kernel was ready.
    Interpreter,
    /// Compiled from a source that somebody wrote by hand.
    Hand,
}

//! What a measurement of latency comes to: the JSON that is written, and what tables and pages are made of.
//!
//! Times are in seconds. A measurement is kept with all its samples, in the order in which they were taken, so that
//! whoever reads the file can ask it something else than medians.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Version of the format, in `format`.
pub const FORMAT: &str = "saltus latency 1";

/// Version of the format of peers.
pub const PEERS_FORMAT: &str = "saltus latency peers 1";

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: String,
    /// The version of the program.
    pub saltus: String,
    /// Where.
    pub machine: Machine,
    /// How many samples were taken of each measurement.
    pub samples: usize,
    /// Kernels, from the IR in memory to the end of their first call.
    pub kernels: Vec<KernelTimes>,
    /// Whole models, from the start of the program.
    pub models: Vec<ModelTimes>,
    /// What others take for the same kernels.
    pub peers: Peers,
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its processor, as it names itself.
    pub processor: String,
    /// How many threads run at once.
    pub cores: usize,
    /// Its operating system.
    pub system: String,
    /// The compilers that were measured.
    pub compilers: Vec<Compiler>,
}

/// A compiler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compiler {
    /// A short name, such as `gcc 12.2.0`; the same in all rows.
    pub name: String,
    /// The line in which it names itself.
    pub version: String,
    /// The language that it was measured with.
    pub language: String,
}

/// How much of a kernel's code there is when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// None: the store is empty.
    Cold,
    /// The store has it.
    Warm,
    /// The process has opened the store and loaded the kernel before.
    Hot,
}

impl State {
    /// As in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::Cold => "cold",
            State::Warm => "warm",
            State::Hot => "hot",
        }
    }
}

/// Times of one kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelTimes {
    /// Its name, such as `hodgkin_huxley_stateupdater`.
    pub name: String,
    /// In words.
    pub title: String,
    /// Elements of the call.
    pub elements: usize,
    /// Each compiler, in each state.
    pub ways: Vec<Way>,
}

/// One way to a kernel's first call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// Language of the source.
    pub language: String,
    /// Name of the compiler.
    pub compiler: String,
    /// What was there.
    pub state: State,
    /// Parts of the time, in order.
    pub phases: IndexMap<String, Spread>,
    /// All of it.
    pub total: Spread,
}

/// Times of one model with one compiler. `auto` starts on the interpreter, `compiled` waits for all kernels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelTimes {
    /// Its name.
    pub name: String,
    /// How many different kernels it has.
    pub kernels: usize,
    /// Language of the kernels.
    pub language: String,
    /// Name of the compiler.
    pub compiler: String,
    /// Fresh process, empty store, `auto`: the first step.
    pub cold_first_step: Spread,
    /// Fresh process, empty store, `compiled`: all kernels optimised.
    pub cold_full_speed: Spread,
    /// Fresh process, filled store, `auto`: the first step.
    pub warm_first_step: Spread,
    /// Fresh process, filled store, `auto`: all kernels optimised.
    pub warm_full_speed: Spread,
    /// From a checked model in memory, in a process that has run it before, `compiled`: all kernels optimised.
    pub hot_full_speed: Spread,
    /// The compiler, once, over all kernels as one file; none where a language has no such file.
    pub one_file: Option<Spread>,
}

/// What others take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    /// [`PEERS_FORMAT`]; empty where nothing was measured.
    pub format: String,
    /// Who was measured.
    pub peers: Vec<Peer>,
    /// Who was not there.
    pub absent: Vec<Absent>,
}

/// One that compiles in the process that calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name and version.
    pub name: String,
    /// What it does with a kernel, in a few words.
    pub note: String,
    /// Its times, by the name of the kernel.
    pub kernels: IndexMap<String, PeerTimes>,
}

/// What a peer takes for a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerTimes {
    /// Parts of the time, in order.
    pub phases: IndexMap<String, Spread>,
    /// All of it.
    pub total: Spread,
}

/// One that is not installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Absent {
    /// Its name.
    pub name: String,
    /// Why it was not measured.
    pub why: String,
}

/// Samples of one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread(pub Vec<f64>);

/// How samples are written: with what people look for first.
#[derive(Serialize, Deserialize)]
struct Written {
    median: f64,
    min: f64,
    max: f64,
    samples: Vec<f64>,
}

impl Spread {
    /// The middle one, or between the two in the middle; NaN without samples.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n => f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]),
        }
    }

    /// The shortest.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The longest.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }
}

impl Serialize for Spread {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written { median: self.median(), min: self.min(), max: self.max(), samples: self.0.clone() };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Spread {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Spread, D::Error> {
        Ok(Spread(Written::deserialize(deserializer)?.samples))
    }
}

/// Times of the parts of something that is done several times.
#[derive(Clone, Debug, Default)]
pub struct Phases {
    samples: IndexMap<String, Vec<f64>>,
    totals: Vec<f64>,
}

impl Phases {
    /// Adds a sample: each part with its seconds.
    pub fn add(&mut self, parts: &[(&str, f64)]) {
        for (name, seconds) in parts {
            self.samples.entry((*name).to_string()).or_default().push(*seconds);
        }
        self.totals.push(parts.iter().map(|(_, seconds)| seconds).sum());
    }

    /// The samples of each part, and of the whole.
    pub fn spreads(self) -> (IndexMap<String, Spread>, Spread) {
        let phases = self.samples.into_iter().map(|(name, samples)| (name, Spread(samples))).collect();
        (phases, Spread(self.totals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_samples() {
        assert_eq!(Spread(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Spread(vec![4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert!(Spread(Vec::new()).median().is_nan());
    }
}

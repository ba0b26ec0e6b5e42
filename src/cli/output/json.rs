//! The result as JSON: `model`, `simulator`, `monitors`, `synapses`, `final`, `timing`, `kernels`, and
//! `profile` if one was asked for.
//!
//! Recorded values are `[element][time]`. Floats are the shortest text that reads back to the same bits, with the sign
//! of zero; what is not finite is `null`. Values are written from where they are, without a second copy.

use std::io::{self, Write};
use std::path::Path;

use indexmap::IndexMap;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::result::{MonitorData, RateData, Recorded, RunResult, SpikeData, StateData, Values};
use super::{OutputError, file, to_stdout};

/// The name and version that results carry.
pub const SIMULATOR: &str = concat!("saltus ", env!("CARGO_PKG_VERSION"));

/// Writes the result to a file, or for `-` to standard output.
pub fn write(result: &RunResult, target: &Path) -> Result<(), OutputError> {
    write_to(target, |mut writer| to_writer(result, &mut writer))
}

/// Writes any value the same way, over several lines.
pub fn write_value(value: &impl Serialize, target: &Path) -> Result<(), OutputError> {
    write_to(target, |writer| {
        serde_json::to_writer_pretty(&mut *writer, value)?;
        writer.write_all(b"\n")
    })
}

/// Writes a text the same way.
pub fn write_text(text: &str, target: &Path) -> Result<(), OutputError> {
    write_to(target, |writer| writer.write_all(text.as_bytes()))
}

fn write_to(target: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), OutputError> {
    if target.as_os_str() == "-" { to_stdout(write) } else { file::write_whole(target, |writer| write(writer)) }
}

/// Writes the result as one line.
pub fn to_writer(result: &RunResult, writer: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, &Document(result))?;
    writer.write_all(b"\n")
}

struct Document<'a>(&'a RunResult);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let result = self.0;
        let monitors = Map(|| result.monitors.iter().map(|(name, data)| (name, Monitor(data))));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &result.model)?;
        map.serialize_entry("simulator", SIMULATOR)?;
        map.serialize_entry("monitors", &monitors)?;
        map.serialize_entry("synapses", &Map(|| result.synapses.iter()))?;
        map.serialize_entry("final", &FinalState(result))?;
        map.serialize_entry("timing", &result.timing)?;
        map.serialize_entry("kernels", &result.kernels)?;
        if let Some(profile) = &result.profile {
            map.serialize_entry("profile", profile)?;
        }
        map.end()
    }
}

/// The last state, by owner and variable. Indices of synapses, whose names no user can take, are integers.
pub(super) struct FinalState<'a>(pub &'a RunResult);

impl Serialize for FinalState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let variables = |(owner, state)| {
            let state: &std::collections::BTreeMap<String, Vec<f64>> = state;
            let values = move || {
                state.iter().map(|(name, values)| (name, FinalValues { values, whole: name == "i" || name == "j" }))
            };
            (owner, Map(values))
        };
        Map(|| self.0.final_state.iter().map(variables)).serialize(serializer)
    }
}

struct FinalValues<'a> {
    values: &'a [f64],
    whole: bool,
}

impl Serialize for FinalValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.whole {
            serializer.collect_seq(self.values.iter().map(|value| *value as i64))
        } else {
            self.values.serialize(serializer)
        }
    }
}

struct Monitor<'a>(&'a MonitorData);

impl Serialize for Monitor<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            MonitorData::Spikes(SpikeData { event, count, i, t, variables, .. }) => {
                map.serialize_entry("kind", if event.is_some() { "event" } else { "spikes" })?;
                map.serialize_entry("count", count)?;
                map.serialize_entry("i", i)?;
                map.serialize_entry("t", t)?;
                for (name, recorded) in variables {
                    map.serialize_entry(name, &EventValues(&recorded.values))?;
                }
            }
            MonitorData::State(state) => {
                let values = Map(|| state.values.iter().map(|(name, recorded)| (name, ByElement { state, recorded })));
                map.serialize_entry("kind", "state")?;
                map.serialize_entry("t", &state.t)?;
                map.serialize_entry("values", &values)?;
            }
            MonitorData::Rate(RateData { t, rate, .. }) => {
                map.serialize_entry("kind", "rate")?;
                map.serialize_entry("t", t)?;
                map.serialize_entry("rate", rate)?;
            }
        }
        map.end()
    }
}

/// One value per event, in the type of the variable.
struct EventValues<'a>(&'a Values);

impl Serialize for EventValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Values::Bool(values) => values.serialize(serializer),
            Values::I32(values) => values.serialize(serializer),
            Values::I64(values) => values.serialize(serializer),
            // By way of doubles: the shortest text of a float of 32 bits is another double.
            Values::F32(values) => serializer.collect_seq(values.iter().map(|value| f64::from(*value))),
            Values::F64(values) => values.serialize(serializer),
        }
    }
}

/// `[element][time]`, all as doubles.
struct ByElement<'a> {
    state: &'a StateData,
    recorded: &'a Recorded,
}

impl Serialize for ByElement<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.state.record.len()))?;
        for position in 0..self.state.record.len() {
            rows.serialize_element(&Series(|| self.state.series(self.recorded, position)))?;
        }
        rows.end()
    }
}

struct Series<F>(F);

impl<I: Iterator<Item = f64>, F: Fn() -> I> Serialize for Series<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// A table, its entries in their order.
pub(super) fn in_order<K: Serialize, V: Serialize, S: Serializer>(
    table: &IndexMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(table)
}

/// An object whose entries are made as they are written.
struct Map<F>(F);

impl<K: Serialize, V: Serialize, I: Iterator<Item = (K, V)>, F: Fn() -> I> Serialize for Map<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map((self.0)())
    }
}

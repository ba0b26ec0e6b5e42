//! The result as a directory: one NumPy archive per monitor, and `run.json` with everything else.
//!
//! Arrays have the names they have in the JSON, SI units and the type of their variable; a state variable has the
//! shape (elements, times). `run.json` says source, file, and each array's unit, type and shape. Equal results give
//! equal bytes. Of a run that streamed, the archives are there already, with the same arrays.

use std::fs;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use indexmap::IndexMap;
use npyz::{AutoSerialize, Order, WriteOptions, WriterBuilder};
use serde::Serialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::json::{FinalState, SIMULATOR, in_order};
use super::result::{KernelReport, MonitorData, Profile, Recorded, RunResult, Timing};
use super::{OutputError, file};
use crate::runtime::archive;
use crate::runtime::npy::Dtype;
use crate::runtime::record::Slice;

/// Writes the result into a directory, which is made if it is not there.
pub fn write(result: &RunResult, directory: &Path) -> Result<(), OutputError> {
    fs::create_dir_all(directory).map_err(|source| OutputError::Directory { path: directory.to_owned(), source })?;
    for (name, data) in &result.monitors {
        let path = directory.join(archive::archive_name(name));
        file::write_whole(&path, |writer| write_archive(writer, &arrays(data)))?;
    }
    write_run_file(result, directory)
}

/// The file with everything that is no array.
pub const RUN_FILE: &str = "run.json";

/// Writes `run.json` only, into a directory that has the archives.
pub fn write_run_file(result: &RunResult, directory: &Path) -> Result<(), OutputError> {
    let monitors = result.monitors.iter().map(|(name, data)| (name.as_str(), describe(name, data))).collect();
    let summary = RunFile {
        model: result.model.as_deref(),
        simulator: SIMULATOR,
        simulated: result.simulated_seconds,
        monitors,
        synapses: &result.synapses,
        final_state: FinalState(result),
        timing: &result.timing,
        kernels: &result.kernels,
        profile: result.profile.as_ref(),
    };
    file::write_whole(&directory.join(RUN_FILE), |writer| {
        serde_json::to_writer(&mut *writer, &summary)?;
        writer.write_all(b"\n")
    })
}

#[derive(Serialize)]
struct RunFile<'a> {
    model: Option<&'a str>,
    simulator: &'static str,
    simulated: f64,
    #[serde(serialize_with = "in_order")]
    monitors: IndexMap<&'a str, MonitorFile<'a>>,
    #[serde(serialize_with = "in_order")]
    synapses: &'a IndexMap<String, usize>,
    #[serde(rename = "final")]
    final_state: FinalState<'a>,
    timing: &'a Timing,
    kernels: &'a [KernelReport],
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a Profile>,
}

#[derive(Serialize)]
struct MonitorFile<'a> {
    kind: &'static str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a [i32]>,
    file: String,
    #[serde(serialize_with = "in_order")]
    arrays: IndexMap<&'a str, ArrayText<'a>>,
}

#[derive(Serialize)]
struct ArrayText<'a> {
    unit: &'a str,
    dtype: &'static str,
    shape: Vec<u64>,
}

fn describe<'a>(name: &str, data: &'a MonitorData) -> MonitorFile<'a> {
    let arrays = arrays(data)
        .into_iter()
        .map(|Array { name, unit, shape, slice }| {
            (name, ArrayText { unit, dtype: Dtype::from(slice.ty()).name(), shape })
        })
        .collect();
    let file = archive::archive_name(name);
    let (mut event, mut source_size, mut count, mut record) = (None, None, None, None);
    let (kind, source) = match data {
        MonitorData::Spikes(spikes) => {
            (event, source_size, count) = (spikes.event.as_deref(), Some(spikes.source_size), Some(spikes.count));
            (if event.is_some() { "event" } else { "spikes" }, &spikes.source)
        }
        MonitorData::State(state) => {
            record = Some(state.record.as_slice());
            ("state", &state.source)
        }
        MonitorData::Rate(rate) => {
            source_size = Some(rate.source_size);
            ("rate", &rate.source)
        }
    };
    MonitorFile { kind, source, event, source_size, count, record, file, arrays }
}

/// One array of an archive. Two dimensions are in Fortran order, since that is how rows of one time each lie.
struct Array<'a> {
    name: &'a str,
    unit: &'a str,
    shape: Vec<u64>,
    slice: Slice<'a>,
}

fn arrays(data: &MonitorData) -> Vec<Array<'_>> {
    let (named, records) = match data {
        MonitorData::Spikes(spikes) => {
            let (i, t) = (("", Slice::I32(&spikes.i)), ("s", Slice::F64(&spikes.t)));
            (archive::of_events(i, t, with_units(&spikes.variables)), spikes.records)
        }
        MonitorData::State(state) => {
            let t = ("s", Slice::F64(&state.t));
            (archive::of_states(state.record.len(), t, with_units(&state.values)), state.records)
        }
        MonitorData::Rate(rate) => {
            (archive::of_rates(("s", Slice::F64(&rate.t)), ("Hz", Slice::F64(&rate.rate))), rate.records)
        }
    };
    named
        .into_iter()
        .map(|array| {
            let (unit, slice) = array.values;
            Array { name: array.name, unit, shape: array.shape(records as u64), slice }
        })
        .collect()
}

fn with_units(variables: &IndexMap<String, Recorded>) -> impl Iterator<Item = (&str, (&str, Slice<'_>))> {
    variables.iter().map(|(name, recorded)| (name.as_str(), (recorded.unit.as_str(), recorded.values.as_slice())))
}

fn write_archive<W: Write + Seek>(writer: W, arrays: &[Array<'_>]) -> io::Result<()> {
    let mut archive = ZipWriter::new(writer);
    let written = arrays.iter().try_for_each(|array| match array.slice {
        Slice::Bool(values) => write_array(&mut archive, array, values),
        Slice::I32(values) => write_array(&mut archive, array, values),
        Slice::I64(values) => write_array(&mut archive, array, values),
        Slice::F32(values) => write_array(&mut archive, array, values),
        Slice::F64(values) => write_array(&mut archive, array, values),
    });
    match written {
        Ok(()) => archive.finish().map(drop).map_err(io::Error::from),
        Err(error) => {
            // An unfinished archive would try again when dropped, and print its failure on standard error.
            std::mem::forget(archive);
            Err(error)
        }
    }
}

fn write_array<W, T>(archive: &mut ZipWriter<W>, array: &Array<'_>, values: &[T]) -> io::Result<()>
where
    W: Write + Seek,
    T: AutoSerialize + Copy,
{
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1)) // most of what deflating gains, at a third of its time
        .last_modified_time(DateTime::default())
        .large_file(true);
    archive.start_file(format!("{}.npy", array.name), options)?;
    // Eight bytes at a time would go through the checksum and the compressor one by one.
    let mut buffer = BufWriter::with_capacity(1 << 16, archive);
    let mut npy =
        WriteOptions::new().default_dtype().shape(&array.shape).order(Order::Fortran).writer(&mut buffer).begin_nd()?;
    npy.extend(values.iter().copied())?;
    npy.finish()?;
    buffer.flush()
}

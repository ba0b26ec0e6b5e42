//! The result as a directory: one NumPy archive per monitor, and `run.json` with everything else.
//!
//! Arrays have the names they have in the JSON, SI units and the type of their variable; a state variable has the
//! shape (elements, times). `run.json` says source, file, and each array's unit, type and shape. Equal results give
//! equal bytes.

use std::fs;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use indexmap::IndexMap;
use npyz::{AutoSerialize, Order, WriteOptions, WriterBuilder};
use serde::Serialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::json::{FinalState, SIMULATOR, in_order};
use super::result::{KernelReport, MonitorData, RunResult, Timing, Values};
use super::{OutputError, file};

/// Writes the result into a directory, which is made if it is not there.
pub fn write(result: &RunResult, directory: &Path) -> Result<(), OutputError> {
    fs::create_dir_all(directory).map_err(|source| OutputError::Directory { path: directory.to_owned(), source })?;
    let mut monitors = IndexMap::new();
    for (name, data) in &result.monitors {
        let file_name = format!("{}.npz", file_stem(name));
        let arrays = arrays(data);
        file::write_whole(&directory.join(&file_name), |writer| write_archive(writer, &arrays))?;
        monitors.insert(name.as_str(), describe(data, file_name, arrays));
    }
    let summary = RunFile {
        model: result.model.as_deref(),
        simulator: SIMULATOR,
        simulated: result.simulated_seconds,
        monitors,
        synapses: &result.synapses,
        final_state: FinalState(result),
        timing: &result.timing,
        kernels: &result.kernels,
    };
    file::write_whole(&directory.join("run.json"), |writer| {
        serde_json::to_writer(&mut *writer, &summary)?;
        writer.write_all(b"\n")
    })
}

/// Names of monitors are identifiers; whatever else one is called, its file stays in the directory.
fn file_stem(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect()
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

fn describe<'a>(data: &'a MonitorData, file: String, arrays: Vec<Array<'a>>) -> MonitorFile<'a> {
    let arrays = arrays
        .into_iter()
        .map(|array| (array.name, ArrayText { unit: array.unit, dtype: array.slice.dtype(), shape: array.shape }))
        .collect();
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

#[derive(Clone, Copy)]
enum Slice<'a> {
    Bool(&'a [bool]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

impl<'a> Slice<'a> {
    fn of(values: &'a Values) -> Slice<'a> {
        match values {
            Values::Bool(values) => Slice::Bool(values),
            Values::I32(values) => Slice::I32(values),
            Values::I64(values) => Slice::I64(values),
            Values::F32(values) => Slice::F32(values),
            Values::F64(values) => Slice::F64(values),
        }
    }

    fn dtype(self) -> &'static str {
        match self {
            Slice::Bool(_) => "bool",
            Slice::I32(_) => "int32",
            Slice::I64(_) => "int64",
            Slice::F32(_) => "float32",
            Slice::F64(_) => "float64",
        }
    }
}

fn arrays(data: &MonitorData) -> Vec<Array<'_>> {
    fn line<'a>(name: &'a str, unit: &'a str, len: usize, slice: Slice<'a>) -> Array<'a> {
        Array { name, unit, shape: vec![len as u64], slice }
    }
    match data {
        MonitorData::Spikes(spikes) => {
            let mut arrays = vec![
                line("i", "", spikes.i.len(), Slice::I32(&spikes.i)),
                line("t", "s", spikes.t.len(), Slice::F64(&spikes.t)),
            ];
            arrays.extend(spikes.variables.iter().map(|(name, recorded)| {
                line(name, &recorded.unit, recorded.values.len(), Slice::of(&recorded.values))
            }));
            arrays
        }
        MonitorData::State(state) => {
            let mut arrays = vec![line("t", "s", state.t.len(), Slice::F64(&state.t))];
            let shape = vec![state.record.len() as u64, state.t.len() as u64];
            // A recorded variable `t` says for each element what the array `t` says once.
            arrays.extend(state.values.iter().filter(|(name, _)| *name != "t").map(|(name, recorded)| Array {
                name,
                unit: &recorded.unit,
                shape: shape.clone(),
                slice: Slice::of(&recorded.values),
            }));
            arrays
        }
        MonitorData::Rate(rate) => vec![
            line("t", "s", rate.t.len(), Slice::F64(&rate.t)),
            line("rate", "Hz", rate.rate.len(), Slice::F64(&rate.rate)),
        ],
    }
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

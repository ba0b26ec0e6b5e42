//! Monitors that stream: what they record goes to disk in chunks, so that memory stays the same however long a run is.
//!
//! While a network runs, the arrays of each monitor are files `NAME.parts/ARRAY.npy`, each of them whole at any moment
//! ([`ColumnFile`]). [`Network::finish_stream`] makes one archive `NAME.npz` of them. The names are those of
//! [`archive`]. Counts of monitors go on as if everything were in memory.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Network;
use super::error::Error;
use super::monitor::{EventMonitor, RateMonitor, Recording, StateMonitor};
use super::run::steps;
use crate::runtime::archive::{self, TIMES};
use crate::runtime::column_file::{ColumnError, ColumnFile, assemble};
use crate::runtime::memory::free_disk_bytes;
use crate::runtime::new_file::NewFile;

/// Bytes of records that a monitor keeps in memory: few for any machine, many for a write.
pub const CHUNK_BYTES: usize = 1 << 20;

/// What is in memory is written this often, full chunk or not, so that a run that ends without warning loses little.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Why monitors cannot stream to disk.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// A directory could not be made.
    #[error("cannot make the directory `{}`: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written, or put together with others.
    #[error(transparent)]
    Column(#[from] ColumnError),
    /// Two monitors have names that are the same to a file system.
    #[error("two monitors would both write `{}`; give one of them another name", path.display())]
    SameFile {
        /// The file.
        path: PathBuf,
    },
    /// The disk is too small.
    #[error(
        "this run records up to {:.1} GB in `{}` until its archives are made, but only {:.1} GB are free there; \
         record fewer cells, or at longer steps", *.needed as f64 / 1e9, directory.display(), *.free as f64 / 1e9
    )]
    Room {
        /// Where to.
        directory: PathBuf,
        /// Bytes that it takes, events not counted.
        needed: u64,
        /// Bytes that there are.
        free: u64,
    },
}

/// The files that the monitors of a network stream to.
pub(super) struct Stream {
    directory: PathBuf,
    chunk_bytes: usize,
    /// One for each monitor, in the order of [`recordings`].
    monitors: Vec<MonitorFiles>,
    /// When all monitors were last written.
    written: Instant,
}

/// The files of a monitor.
struct MonitorFiles {
    archive: PathBuf,
    parts: PathBuf,
    columns: Vec<Column>,
    /// As many records in memory are written after the step.
    limit: usize,
}

struct Column {
    array: String,
    path: PathBuf,
    file: ColumnFile,
}

impl Network {
    /// Whether monitors write to disk what they record.
    pub fn is_streaming(&self) -> bool {
        self.stream.is_some()
    }

    /// From now on, monitors write what they record to files in a directory, which is made if it is not there, and keep
    /// at most [`CHUNK_BYTES`] of it each, or what a single step records if that is more. What they hold already goes
    /// there too. Parts that an earlier run left there are removed; its archives are replaced at the end.
    ///
    /// Until [`Network::finish_stream`], monitors have in memory what is not yet written; their counts are those of
    /// everything.
    ///
    /// ```
    /// use saltus::{engine::Options, network::{Model, Network, NeuronGroup}};
    /// let cells = NeuronGroup::new("cells", 3, "dv/dt = (1.5 - v)/(10*ms) : 1").threshold("v > 1").reset("v = 0");
    /// let model = Model::new().group(cells).spike_monitor("spikes", "cells");
    /// let mut network = Network::new(&model, Options::interpreted())?;
    /// # let results = tempfile::tempdir().unwrap();
    /// # let results = results.path();
    /// network.stream_to(results)?;
    /// network.run_for("50*ms")?;
    /// network.finish_stream()?;
    /// assert_eq!(network.spikes("spikes").unwrap().total, 12);
    /// assert!(results.join("spikes.npz").is_file());
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Stream`] if the files cannot be made. Where one cannot be written later, runs end with this error after
    /// the step; the files stay as they were at the last write.
    ///
    /// # Panics
    /// If monitors stream already.
    pub fn stream_to(&mut self, directory: &Path) -> Result<(), Error> {
        self.stream_in_chunks(directory, CHUNK_BYTES)
    }

    /// Does as [`Network::stream_to`] does, with chunks of another size.
    ///
    /// # Errors
    /// As it does.
    ///
    /// # Panics
    /// As it does.
    pub fn stream_in_chunks(&mut self, directory: &Path, chunk_bytes: usize) -> Result<(), Error> {
        assert!(self.stream.is_none(), "monitors stream already");
        make_directory(directory)?;
        let Network { event_monitors, state_monitors, rate_monitors, .. } = self;
        let mut archives = BTreeSet::new();
        for recording in recordings(event_monitors, state_monitors, rate_monitors) {
            let path = directory.join(archive::archive_name(recording.name()));
            if !archives.insert(path.clone()) {
                return Err(StreamError::SameFile { path }.into());
            }
            archive::remove_parts(directory, recording.name()).map_err(StreamError::from)?;
        }
        let monitors = recordings(event_monitors, state_monitors, rate_monitors)
            .map(|recording| MonitorFiles::create(recording, directory, chunk_bytes))
            .collect::<Result<_, _>>()?;
        self.stream = Some(Stream { directory: directory.to_owned(), chunk_bytes, monitors, written: Instant::now() });
        Ok(())
    }

    /// Writes what is in memory and makes the archive of each monitor from its files. Monitors record into memory again
    /// afterwards.
    ///
    /// # Errors
    /// [`Error::Stream`]. What one monitor fails with keeps no other one from its archive; files without an archive stay.
    pub fn finish_stream(&mut self) -> Result<(), Error> {
        let Network { stream, event_monitors, state_monitors, rate_monitors, .. } = self;
        let Some(mut stream) = stream.take() else { return Ok(()) };
        // First all records, which are what counts, then the archives, which take room of their own.
        let recordings = recordings(event_monitors, state_monitors, rate_monitors);
        let written: Vec<_> =
            recordings.zip(&mut stream.monitors).map(|(recording, files)| files.write(recording)).collect();
        let archives = stream.monitors.into_iter().zip(written);
        let made: Vec<_> = archives.map(|(files, written)| written.and_then(|()| files.assemble())).collect();
        Ok(made.into_iter().collect::<Result<(), _>>().map_err(StreamError::from)?)
    }

    /// Makes room for a chunk of each monitor, and says now if the disk is too small for a run.
    pub(super) fn prepare_stream(&mut self) -> Result<(), Error> {
        let Network { stream, memory, event_monitors, state_monitors, rate_monitors, .. } = self;
        let Some(stream) = stream else { return Ok(()) };
        // Nobody knows how many events there are going to be.
        let clocks = &memory.clocks;
        let rate_clock = |m: &RateMonitor| &clocks[memory.populations[m.source.population].clock];
        let states = state_monitors.iter().map(|m| (m.written, steps(&clocks[m.clock]), m as &dyn Recording));
        let rates = rate_monitors.iter().map(|m| (m.written, steps(rate_clock(m)), m as &dyn Recording));
        let (mut needed, mut largest) = (0_u64, 0);
        for (written, records, recording) in states.chain(rates) {
            needed = needed.saturating_add(recording.bytes_for(records));
            largest = largest.max(recording.bytes_for(records.saturating_add(written as usize)));
        }
        // An archive is made beside its parts, one after the other.
        needed = needed.saturating_add(largest);
        if let Some(free) = free_disk_bytes(&stream.directory).filter(|free| needed > *free) {
            return Err(StreamError::Room { directory: stream.directory.clone(), needed, free }.into());
        }
        for recording in recordings(event_monitors, state_monitors, rate_monitors) {
            let records = records_of_chunk(recording, stream.chunk_bytes);
            recording.reserve(records.saturating_sub(recording.held()));
        }
        Ok(())
    }

    /// Writes the chunks that a step has filled; all of them if the clock was looked at and it is time to.
    #[inline]
    pub(super) fn write_chunks(&mut self, looked: Option<Instant>) -> Result<(), Error> {
        let Network { stream: Some(stream), event_monitors, state_monitors, rate_monitors, .. } = self else {
            return Ok(());
        };
        let now = looked.filter(|now| now.duration_since(stream.written) >= WRITE_EVERY);
        stream.written = now.unwrap_or(stream.written);
        for (recording, files) in recordings(event_monitors, state_monitors, rate_monitors).zip(&mut stream.monitors) {
            if now.is_some() || recording.held() >= files.limit {
                files.write(recording).map_err(StreamError::from)?;
            }
        }
        Ok(())
    }
}

/// All monitors of a network, in an order that stays the same.
fn recordings<'a>(
    events: &'a mut [EventMonitor],
    states: &'a mut [StateMonitor],
    rates: &'a mut [RateMonitor],
) -> impl Iterator<Item = &'a mut dyn Recording> {
    let events = events.iter_mut().map(|monitor| monitor as &mut dyn Recording);
    let states = states.iter_mut().map(|monitor| monitor as &mut dyn Recording);
    let rates = rates.iter_mut().map(|monitor| monitor as &mut dyn Recording);
    events.chain(states).chain(rates)
}

fn records_of_chunk(recording: &dyn Recording, chunk_bytes: usize) -> usize {
    (chunk_bytes / (recording.bytes_for(1) as usize).max(1)).max(1)
}

fn make_directory(path: &Path) -> Result<(), StreamError> {
    fs::create_dir_all(path).map_err(|source| StreamError::Directory { path: path.to_owned(), source })
}

impl MonitorFiles {
    fn create(recording: &dyn Recording, directory: &Path, chunk_bytes: usize) -> Result<MonitorFiles, StreamError> {
        let archive = directory.join(archive::archive_name(recording.name()));
        let parts = archive::parts(directory, recording.name());
        // What would be in the way of the archive is told before a long run, not after it.
        NewFile::beside(&archive).map_err(|source| ColumnError::Write { path: archive.clone(), source })?;
        make_directory(&parts)?;
        let mut columns = Vec::new();
        for array in recording.arrays() {
            let path = archive::part(&parts, array.name);
            let file = ColumnFile::create(&path, array.values.ty(), array.rows)?;
            columns.push(Column { array: array.name.to_owned(), path, file });
        }
        let records = records_of_chunk(recording, chunk_bytes);
        // The next step finds room, unless it records more than half a chunk.
        let limit = records + 1 - recording.most_in_a_step().clamp(1, records.div_ceil(2));
        Ok(MonitorFiles { archive, parts, columns, limit })
    }

    /// Writes what a monitor has in memory.
    fn write(&mut self, recording: &mut dyn Recording) -> Result<(), ColumnError> {
        let records = recording.held();
        if records == 0 {
            return Ok(());
        }
        for (array, column) in recording.arrays().into_iter().zip(&mut self.columns) {
            match array.rows {
                Some(0) => column.file.append_empty(records as u64),
                _ => column.file.append_slice(array.values)?,
            }
        }
        // Times come last: for whatever there is a time, there are all values.
        for last in [false, true] {
            self.columns.iter_mut().filter(|c| (c.array == TIMES) == last).try_for_each(|c| c.file.flush())?;
        }
        recording.forget();
        Ok(())
    }

    /// Makes the archive of what was written.
    fn assemble(self) -> Result<(), ColumnError> {
        let columns: Vec<_> = self.columns.into_iter().map(|column| (column.array, column.path)).collect();
        let columns: Vec<_> = columns.iter().map(|(array, path)| (array.as_str(), path.as_path())).collect();
        assemble(&self.archive, &columns)?;
        // It may hold somebody else's files.
        drop(fs::remove_dir(&self.parts));
        Ok(())
    }
}

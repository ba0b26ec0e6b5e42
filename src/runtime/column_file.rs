//! Recorded values on disk while a run goes on: files in NumPy's `.npy` format that grow at their end.
//!
//! At any moment, whatever ends the process, the file is a whole array of what had been recorded at the last
//! [`flush`](ColumnFile::flush): the header, of fixed size, gets the new extent only once the values are in the file.
//! Memory stays the same however long the file gets. [`assemble`] makes one `.npz` archive of such files.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::array::ElementType;
use super::new_file::NewFile;
use super::npy::{self, Dtype, Element, Order};
use super::record::Slice;

/// Bytes that are kept in memory before they go to the file.
const BUFFER: usize = 1 << 16;

/// A file of recorded values could not be made, written or put together.
#[derive(Debug, thiserror::Error)]
pub enum ColumnError {
    /// A file could not be made.
    #[error("cannot create `{}`: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be removed: one that is in an archive by now, or one of an earlier run.
    #[error("cannot remove `{}`: {source}", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An array that grows in a file: a column of values, or a table to which records are appended.
#[derive(Debug)]
pub struct ColumnFile {
    path: PathBuf,
    file: File,
    dtype: Dtype,
    rows_per_record: Option<usize>,
    records: u64,
    buffer: Vec<u8>,
    /// Where the buffer goes.
    end: u64,
    /// Set by the first error.
    failed: Option<io::ErrorKind>,
}

impl ColumnFile {
    /// Makes an empty file, in the place of any other at `path`. Without `rows_per_record` its array has the shape
    /// (records), with it (rows, records) in Fortran order, so that a record of one value a row goes to its end.
    pub fn create(path: &Path, ty: ElementType, rows_per_record: Option<usize>) -> Result<ColumnFile, ColumnError> {
        let file = File::create(path).map_err(|source| ColumnError::Create { path: path.to_owned(), source })?;
        let mut column = ColumnFile {
            path: path.to_owned(),
            file,
            dtype: ty.into(),
            rows_per_record,
            records: 0,
            buffer: Vec::with_capacity(BUFFER),
            end: 0,
            failed: None,
        };
        column.end = column.header().len() as u64;
        column.flush()?;
        Ok(column)
    }

    /// Appends values, of whole records one after the other. After an error the file stays as it was at the last flush,
    /// and every further call gives the error again.
    ///
    /// # Panics
    /// If the values are of another type, or no whole number of records.
    pub fn append<T: Element>(&mut self, values: &[T]) -> Result<(), ColumnError> {
        assert_eq!(self.dtype, T::DTYPE, "values of another type");
        let rows = self.rows_per_record.unwrap_or(1);
        assert!(values.is_empty() || rows > 0 && values.len().is_multiple_of(rows), "values of whole records");
        let mut rest = values;
        while !rest.is_empty() {
            let room = (BUFFER - self.buffer.len()) / self.dtype.size();
            if room == 0 {
                self.write_buffer()?;
                continue;
            }
            let (now, later) = rest.split_at(room.min(rest.len()));
            now.iter().for_each(|value| value.put(&mut self.buffer));
            rest = later;
        }
        self.records += values.len().checked_div(rows).unwrap_or_default() as u64;
        Ok(())
    }

    /// Counts records without a value: those of a table without rows.
    ///
    /// # Panics
    /// If the records have values.
    pub fn append_empty(&mut self, records: u64) {
        assert_eq!(self.rows_per_record, Some(0), "records without values");
        self.records += records;
    }

    /// Appends values, as [`append`](ColumnFile::append) does.
    ///
    /// # Panics
    /// As it does.
    pub fn append_slice(&mut self, values: Slice<'_>) -> Result<(), ColumnError> {
        match values {
            Slice::Bool(values) => self.append(values),
            Slice::I32(values) => self.append(values),
            Slice::I64(values) => self.append(values),
            Slice::F32(values) => self.append(values),
            Slice::F64(values) => self.append(values),
        }
    }

    /// How many records were appended.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Makes what was appended part of the array in the file.
    pub fn flush(&mut self) -> Result<(), ColumnError> {
        self.write_buffer()?;
        // A few bytes within one page: no reader and no end of the process comes between them.
        self.write_at(0, &self.header())
    }

    /// Flushes for the last time.
    pub fn finish(mut self) -> Result<(), ColumnError> {
        self.flush()
    }

    fn header(&self) -> Vec<u8> {
        match self.rows_per_record {
            None => npy::header(self.dtype, Order::C, &[self.records]),
            Some(rows) => npy::header(self.dtype, Order::Fortran, &[rows as u64, self.records]),
        }
    }

    fn write_buffer(&mut self) -> Result<(), ColumnError> {
        let buffer = std::mem::take(&mut self.buffer);
        let written = self.write_at(self.end, &buffer);
        self.end += buffer.len() as u64;
        self.buffer = buffer;
        self.buffer.clear();
        written
    }

    fn write_at(&mut self, place: u64, bytes: &[u8]) -> Result<(), ColumnError> {
        let written = match self.failed {
            Some(kind) => Err(kind.into()),
            None => self.file.seek(SeekFrom::Start(place)).and_then(|_| self.file.write_all(bytes)),
        };
        written.map_err(|source| {
            self.failed = Some(source.kind());
            ColumnError::Write { path: self.path.clone(), source }
        })
    }
}

/// Makes an archive of arrays by their names: at `path`, or not at all. Each is copied as it is, through a buffer of
/// fixed size. Their files are removed once the archive is in its place, so that no failure loses a recorded value.
pub fn assemble(path: &Path, columns: &[(&str, &Path)]) -> Result<(), ColumnError> {
    let failed = |source| ColumnError::Write { path: path.to_owned(), source };
    let new = NewFile::beside(path).map_err(failed)?;
    let mut writer = BufWriter::with_capacity(BUFFER, new.file());
    npy::write_archive(&mut writer, "", failed, |archive| {
        let mut buffer = vec![0; BUFFER];
        for (name, column) in columns {
            let unreadable = |source| ColumnError::Read { path: column.to_path_buf(), source };
            let mut file = File::open(column).map_err(unreadable)?;
            let mut left = file.metadata().map_err(unreadable)?.len();
            archive.start(&format!("{name}.npy"), left).map_err(failed)?;
            while left > 0 {
                let count = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                file.read_exact(&mut buffer[..count]).map_err(unreadable)?;
                archive.write_all(&buffer[..count]).map_err(failed)?;
                left -= count as u64;
            }
        }
        Ok(())
    })?;
    writer.flush().map_err(failed)?;
    drop(writer);
    new.publish().map_err(failed)?;
    columns.iter().try_for_each(|(_, column)| {
        fs::remove_file(column).map_err(|source| ColumnError::Remove { path: column.to_path_buf(), source })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_the_file_stays_as_it_was() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("v.npy");
        let mut column = ColumnFile::create(&path, ElementType::F64, None).expect("a file");
        column.append(&[1.0, 2.0]).expect("values");
        column.flush().expect("a flush");
        let before = fs::read(&path).expect("the file");
        // Writing to a file that is open for reading fails, as to a full disk.
        let writable = std::mem::replace(&mut column.file, File::open(&path).expect("the file"));
        let error = column.append(&[0.5; 20_000]).expect_err("not writable");
        assert!(error.to_string().starts_with(&format!("cannot write `{}`: ", path.display())), "{error}");
        column.file = writable;
        let again = column.flush().expect_err("values were lost");
        assert!(matches!(again, ColumnError::Write { .. }), "{again:?}");
        assert!(column.append(&[3.0; 20_000]).is_err());
        drop(column);
        assert_eq!(fs::read(&path).expect("the file"), before);
    }
}

//! What the archive of a monitor holds and where it is: names and shapes of its arrays, whether their values are in
//! memory or in files, and the directory of the files that become one.
//!
//! `NAME.npz` is the archive of the monitor `NAME`; while its arrays grow they are the files `NAME.parts/ARRAY.npy`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::column_file::ColumnError;

/// The array of times, which every archive has.
pub const TIMES: &str = "t";

/// The array of cells, in archives of events.
const CELLS: &str = "i";

/// One array of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedArray<'a, V> {
    /// Its name.
    pub name: &'a str,
    /// For a table, how many values a record has: its shape is (rows, records). Without, it is (records).
    pub rows: Option<usize>,
    /// Its values.
    pub values: V,
}

impl<'a, V> NamedArray<'a, V> {
    fn line(name: &'a str, values: V) -> NamedArray<'a, V> {
        NamedArray { name, rows: None, values }
    }

    /// The shape with so many records.
    pub fn shape(&self, records: u64) -> Vec<u64> {
        self.rows.map(|rows| rows as u64).into_iter().chain([records]).collect()
    }
}

/// The arrays of a monitor of events: cells, times, and variables at each event.
pub fn of_events<'a, V>(i: V, t: V, variables: impl IntoIterator<Item = (&'a str, V)>) -> Vec<NamedArray<'a, V>> {
    let others = variables.into_iter().filter(|(name, _)| ![CELLS, TIMES].contains(name));
    let others = others.map(|(name, values)| NamedArray::line(name, values));
    [NamedArray::line(CELLS, i), NamedArray::line(TIMES, t)].into_iter().chain(others).collect()
}

/// The arrays of a monitor of variables: times, and a table of values for each variable.
pub fn of_states<'a, V>(
    elements: usize,
    t: V,
    variables: impl IntoIterator<Item = (&'a str, V)>,
) -> Vec<NamedArray<'a, V>> {
    // A recorded variable `t` says for each element what the array `t` says once.
    let others = variables.into_iter().filter(|(name, _)| *name != TIMES);
    let others = others.map(|(name, values)| NamedArray { name, rows: Some(elements), values });
    [NamedArray::line(TIMES, t)].into_iter().chain(others).collect()
}

/// The arrays of a monitor of rates.
pub fn of_rates<'a, V>(t: V, rate: V) -> Vec<NamedArray<'a, V>> {
    vec![NamedArray::line(TIMES, t), NamedArray::line("rate", rate)]
}

/// Names of monitors are identifiers; whatever else one is called, its files stay in the directory.
fn stem(monitor: &str) -> String {
    monitor.chars().map(|c| if c.is_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// The name of a monitor's archive.
pub fn archive_name(monitor: &str) -> String {
    format!("{}.npz", stem(monitor))
}

/// The directory for the arrays of a monitor while they grow.
pub fn parts(directory: &Path, monitor: &str) -> PathBuf {
    directory.join(format!("{}.parts", stem(monitor)))
}

/// The file of an array while it grows.
pub fn part(parts: &Path, array: &str) -> PathBuf {
    parts.join(format!("{array}.npy"))
}

/// Removes the parts that a run left that did not come to its end. Files with other names stay, and so does the
/// directory then.
pub fn remove_parts(directory: &Path, monitor: &str) -> Result<(), ColumnError> {
    let parts = parts(directory, monitor);
    let unreadable = |source| ColumnError::Read { path: parts.clone(), source };
    let entries = match fs::read_dir(&parts) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        entries => entries.map_err(unreadable)?,
    };
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let is_file = entry.file_type().map_err(unreadable)?.is_file();
        if is_file && entry.file_name().to_str().is_some_and(is_part) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|source| ColumnError::Remove { path, source })?;
        }
    }
    // It may hold somebody else's files.
    drop(fs::remove_dir(&parts));
    Ok(())
}

/// Whether a file is called as an array is.
fn is_part(name: &str) -> bool {
    let array = name.strip_suffix(".npy").unwrap_or_default();
    !array.is_empty() && array.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<V>(arrays: &[NamedArray<'_, V>]) -> Vec<String> {
        arrays.iter().map(|array| format!("{}{:?}", array.name, array.shape(7))).collect()
    }

    #[test]
    fn no_name_stands_twice() {
        let variables = [("t", 2), ("v", 3), ("i", 4)];
        assert_eq!(names(&of_events(0, 1, variables)), ["i[7]", "t[7]", "v[7]"]);
        assert_eq!(names(&of_states(3, 0, variables)), ["t[7]", "v[3, 7]", "i[3, 7]"]);
        assert_eq!(names(&of_rates(0, 1)), ["t[7]", "rate[7]"]);
    }

    #[test]
    fn files_stay_in_the_directory() {
        assert_eq!(archive_name("../a b"), "___a_b.npz");
        assert_eq!(parts(Path::new("out"), "/v-1"), Path::new("out/_v-1.parts"));
    }

    #[test]
    fn only_parts_are_removed() {
        let directory = tempfile::tempdir().expect("directory");
        let parts = parts(directory.path(), "m");
        remove_parts(directory.path(), "m").expect("nothing to do");
        fs::create_dir_all(part(&parts, "folder")).expect("a folder");
        for name in ["t.npy", "not_refractory.npy", "notes.txt", "a b.npy", ".npy"] {
            fs::write(parts.join(name), "").expect("a file");
        }
        remove_parts(directory.path(), "m").expect("removed");
        let mut left: Vec<_> = fs::read_dir(&parts).expect("left").map(|e| e.expect("entry").file_name()).collect();
        left.sort();
        assert_eq!(left, [".npy", "a b.npy", "folder.npy", "notes.txt"]);
        fs::remove_dir_all(&parts).expect("removed");
        fs::create_dir(&parts).expect("a folder");
        fs::write(part(&parts, "v"), "").expect("a file");
        remove_parts(directory.path(), "m").expect("removed");
        assert!(!parts.exists());
    }
}

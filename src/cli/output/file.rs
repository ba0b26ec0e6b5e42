//! Files that are complete or not there.
//!
//! A device, a pipe or the like is written to directly, since renaming would replace it. Symbolic links are kept.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::OutputError;
use crate::runtime::new_file::NewFile;

/// Writes a file by `write`, all or nothing.
pub(super) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<(), OutputError> {
    let failed = |source: io::Error| OutputError::Write { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            let file = File::options().write(true).open(path).map_err(failed)?;
            write_buffered(&file, write).map_err(failed)
        }
        _ => replace(path, write).map_err(failed),
    }
}

fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    let new = NewFile::beside(path)?;
    write_buffered(new.file(), write)?;
    new.publish()
}

/// The error without the name of the temporary file, which nobody has heard of.
pub(in crate::cli) fn without_name(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|wrapper| wrapper.source()?.downcast_ref::<io::Error>()?.raw_os_error());
    cause.map_or(error, io::Error::from_raw_os_error)
}

fn write_buffered(file: &File, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(1 << 16, file);
    write(&mut writer)?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("directory");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("result.json");
        write_whole(&path, |writer| writer.write_all(b"old")).expect("first");
        let error = write_whole(&path, |writer| {
            writer.write_all(&[b'x'; 1 << 20])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        let message = error.expect_err("no space").to_string();
        assert!(message.starts_with(&format!("cannot write `{}`: ", path.display())), "{message}");
        assert_eq!(fs::read(&path).expect("old file"), b"old");
        assert_eq!(names(directory.path()), ["result.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_kept_and_files_are_as_any_new_file() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().expect("directory");
        let [target, link, plain] = ["target", "link", "plain"].map(|name| directory.path().join(name));
        fs::write(&target, "old").expect("target");
        symlink(&target, &link).expect("link");
        fs::write(&plain, "").expect("plain");
        write_whole(&link, |writer| writer.write_all(b"new")).expect("write");
        assert_eq!(fs::read(&target).expect("target"), b"new");
        assert!(fs::symlink_metadata(&link).expect("link").is_symlink());
        let mode = |path: &Path| fs::metadata(path).expect("file").permissions().mode() & 0o777;
        assert_eq!(mode(&target), mode(&plain));
    }
}

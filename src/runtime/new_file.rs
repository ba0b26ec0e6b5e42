//! Files that are complete or not there: written beside their place under another name, then renamed over it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is being written. Dropped before [`publish`](NewFile::publish), it leaves nothing behind.
#[derive(Debug)]
pub struct NewFile {
    file: NamedTempFile<File>,
    place: PathBuf,
}

impl NewFile {
    /// Starts a file that is going to be at `path`, or where a symbolic link there leads to. What is there already must
    /// be a regular file.
    pub fn beside(path: &Path) -> io::Result<NewFile> {
        let place = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // Renaming would replace a device or a pipe.
            Ok(found) if !found.is_file() => return Err(io::Error::other("it is no regular file")),
            Ok(_) => fs::canonicalize(path)?,
            Err(_) => path.to_owned(),
        };
        let folder = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // Opened here and not by `tempfile`, for the permissions of any new file and for errors without its name.
        let open = |path: &Path| File::options().read(true).write(true).create_new(true).open(path);
        let file = tempfile::Builder::new().prefix(".saltus-").suffix(".part").make_in(folder, open)?;
        Ok(NewFile { file, place })
    }

    /// The file, for reading and writing.
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Puts the file in its place.
    pub fn publish(self) -> io::Result<()> {
        // Some file systems tell of a full disk or quota only now.
        self.file.as_file().sync_data()?;
        self.file.persist(&self.place)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_dropped_file_leaves_the_old_one_and_nothing_else() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("state");
        fs::write(&path, "old").expect("old file");
        let new = NewFile::beside(&path).expect("new file");
        new.file().write_all(b"new").expect("content");
        drop(new);
        assert_eq!(fs::read(&path).expect("old file"), b"old");
        assert_eq!(fs::read_dir(directory.path()).expect("directory").count(), 1);
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let directory = tempfile::tempdir().expect("directory");
        let error = NewFile::beside(directory.path()).expect_err("a directory");
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        if Path::new("/dev/null").exists() {
            let error = NewFile::beside(Path::new("/dev/null")).expect_err("a device");
            assert_eq!(error.to_string(), "it is no regular file");
        }
    }
}

//! What `saltus run` writes: JSON, NumPy archives, a picture and a short summary, all from one [`RunResult`].
//!
//! Files are complete or not there. What fails is an [`OutputError`] with the path and the cause. Nothing here knows
//! how a result came about.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

pub(in crate::cli) mod file;
pub mod format;
pub mod json;
pub mod npz;
pub mod plot;
pub mod result;
pub mod summary;

pub use result::RunResult;

/// Writes to standard output. A reader who has gone away, as in `saltus … | head`, has all that was wanted.
pub fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), OutputError> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
            // Dropped, it would try to write what is left once more.
            drop(stdout.into_parts());
            Ok(())
        }
        Err(source) => {
            drop(stdout.into_parts());
            Err(OutputError::Stdout { source })
        }
        Ok(()) => Ok(()),
    }
}

/// A result that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A directory for results could not be made.
    #[error("cannot make the directory `{}`: {source}", path.display())]
    Directory {
        /// The directory.
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
    /// A picture could not be drawn.
    #[error("cannot draw `{}`: {message}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// Standard output could not be written to.
    #[error("cannot write to standard output: {source}")]
    Stdout {
        /// Why.
        source: io::Error,
    },
}

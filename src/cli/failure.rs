//! Why a command ends without doing what it was asked to, and the exit code that says so.

use crate::cli::output::OutputError;
use crate::diag::Diagnostics;
use crate::model::file::{ChangeError, FileError};
use crate::network;

/// A command that failed.
#[derive(Debug)]
pub enum Failure {
    /// The model is wrong.
    Model(Diagnostics),
    /// The command line is wrong.
    Usage(String),
    /// The machine is in the way, or we are wrong.
    World(anyhow::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Model(_) => 1,
            Failure::Usage(_) => 2,
            Failure::World(_) => 3,
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Failure {
        Failure::Usage(error.to_string())
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        match error {
            // Not text, or far too large: it is no model.
            FileError::NotText { .. } | FileError::TooLarge { .. } => {
                let message = error.to_string();
                Failure::Model(Diagnostics(vec![crate::diag::Diagnostic::unlocated(message)]))
            }
            FileError::Unreadable { .. } => Failure::World(error.into()),
        }
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Failure {
        Failure::World(error.into())
    }
}

impl From<network::Error> for Failure {
    fn from(error: network::Error) -> Failure {
        match error {
            network::Error::Model(diagnostics) => Failure::Model(diagnostics),
            error => Failure::World(error.into()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::World(error)
    }
}

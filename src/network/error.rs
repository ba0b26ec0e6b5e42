//! The three ways in which making or running a network can fail.

use crate::diag::Diagnostics;
use crate::engine::EngineError;
use crate::kernel::lower::LowerError;

/// Why a network could not be made or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model is wrong.
    #[error("{0}")]
    Model(Diagnostics),
    /// The machine is in the way, or a kernel of ours is wrong.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// We are wrong.
    #[error(transparent)]
    Lower(#[from] LowerError),
}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Error {
        Error::Model(diagnostics)
    }
}

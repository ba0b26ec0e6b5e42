//! The ways in which making or running a network can fail.

use super::stream::StreamError;
use crate::diag::Diagnostics;
use crate::engine::EngineError;
use crate::kernel::lower::LowerError;
use crate::runtime::state_file::StateFileError;

/// Why a network could not be made or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model is wrong.
    #[error("{0}")]
    Model(Diagnostics),
    /// The machine is in the way, or a kernel of ours is wrong.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is not enough memory for what a monitor is to record.
    #[error(
        "the monitor `{monitor}` records {:.1} GB in this run, but only {:.1} GB of memory are free; \
         record fewer cells, or give it a longer `dt`", *.needed as f64 / 1e9, *.free as f64 / 1e9
    )]
    Memory {
        /// The monitor.
        monitor: String,
        /// Bytes that it needs, those of the monitors before it included.
        needed: u64,
        /// Bytes that there are.
        free: u64,
    },
    /// A state that does not fit.
    #[error("the state does not fit the network: {0}")]
    State(String),
    /// A state that could not be kept or read.
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    /// Something that is only possible between runs.
    #[error("{0} is not possible while the network runs")]
    Running(&'static str),
    /// A state has everything in it, and part of it is on disk.
    #[error("a state cannot be stored or gone back to while monitors stream what they record to disk")]
    Streaming,
    /// Monitors cannot stream to disk.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// We are wrong.
    #[error(transparent)]
    Lower(#[from] LowerError),
}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Error {
        Error::Model(diagnostics)
    }
}

//! `saltus bench`: measurements of this program on this machine.

pub mod call;
mod chart;
pub mod data;
pub mod kernels;
pub mod latency;
pub mod machine;
pub mod models;
pub mod page;
pub mod subjects;
pub mod text;

use super::args::BenchCommand;
use super::failure::Failure;

/// Measures what was asked for.
pub fn bench(command: &BenchCommand) -> Result<(), Failure> {
    match command {
        BenchCommand::Latency(arguments) => latency::latency(arguments),
    }
}

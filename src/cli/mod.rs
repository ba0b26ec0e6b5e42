//! The command line: arguments in, exit code out.

pub mod args;
pub mod failure;
pub mod load;
pub mod output;
pub mod progress;
pub mod report;
pub mod run;
pub mod say;
pub mod version;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use self::args::{Arguments, Command};
use self::failure::Failure;

/// Interrupted, as shells count it.
const INTERRUPTED: u8 = 130;

/// Does what the arguments say; `start` is when the program started.
pub fn main(arguments: impl IntoIterator<Item = OsString>, start: Instant) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match &arguments.command {
        Command::Run(arguments) => match run::run(arguments, start) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::from(INTERRUPTED),
            Err(failure) => Err(failure),
        },
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report_failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn report_failure(failure: &Failure) {
    match failure {
        Failure::Model(diagnostics) => {
            say::problem(&diagnostics.to_string());
            let errors = diagnostics.0.iter().filter(|d| d.severity == crate::diag::Severity::Error).count();
            if errors > 1 {
                say::problem(&format!("\n{errors} errors"));
            }
        }
        Failure::Usage(message) => say::problem(&format!("error: {message}")),
        // The whole chain of causes, each after a colon.
        Failure::World(error) => say::problem(&format!("error: {error:#}")),
    }
}

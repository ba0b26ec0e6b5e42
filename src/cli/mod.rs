//! The command line: arguments in, exit code out.

pub mod args;
pub mod bench;
pub mod cache;
pub mod cache_care;
pub mod check;
pub mod doctor;
pub mod doctor_store;
pub mod explain;
pub mod failure;
pub mod inspect;
pub mod load;
pub mod output;
pub mod page;
pub mod places;
pub mod progress;
pub mod report;
pub mod run;
pub mod say;
pub mod schema;
pub mod table;
pub mod version;
pub mod warm;
pub mod watch;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, FromArgMatches, Parser};

use self::args::{Arguments, Command, Run};
use self::failure::Failure;

/// The model is wrong, as [`Failure::exit_code`] says it.
const WRONG: u8 = 1;

/// Interrupted, as shells count it.
const INTERRUPTED: u8 = 130;

/// Does what the arguments say; `start` is when the program started.
pub fn main(arguments: impl IntoIterator<Item = OsString>, start: Instant) -> ExitCode {
    let arguments = match parse(arguments.into_iter().collect()) {
        Ok(arguments) => arguments,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match dispatch(&arguments.command, start) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.exit_code())
        }
    }
}

/// What the arguments say. Of `run`, which is to start at once, only its own are described at first: describing those of
/// all commands takes longer than reading a model. Whatever is odd is then told by the whole description.
fn parse(arguments: Vec<OsString>) -> clap::error::Result<Arguments> {
    if arguments.get(1).is_some_and(|name| name == "run") {
        let run = Run::augment_args(clap::Command::default().name("run")).try_get_matches_from(&arguments[1..]);
        if let Ok(run) = run.and_then(|found| Run::from_arg_matches(&found)) {
            return Ok(Arguments { command: Command::Run(run) });
        }
    }
    Arguments::try_parse_from(arguments)
}

/// Carries out a command; the exit code of one that ran to its end.
fn dispatch(command: &Command, start: Instant) -> Result<u8, Failure> {
    match command {
        Command::Run(arguments) => Ok(if run::run(arguments, start)? { 0 } else { INTERRUPTED }),
        Command::Watch(arguments) => Ok(if watch::watch(arguments, start)? { 0 } else { INTERRUPTED }),
        Command::Check(arguments) => Ok(if check::check(arguments)? { 0 } else { WRONG }),
        Command::Inspect(arguments) => inspect::inspect(arguments).map(|()| 0),
        Command::Warm(arguments) => warm::warm(arguments),
        Command::Cache(arguments) => cache::cache(arguments).map(|()| 0),
        Command::Doctor(machine) => doctor::doctor(machine).map(|()| 0),
        Command::Bench { command } => bench::bench(command).map(|()| 0),
        Command::Schema => schema::schema().map(|()| 0),
        Command::Completions { shell } => schema::completions(*shell).map(|()| 0),
    }
}

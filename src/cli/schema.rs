//! `saltus schema` and `saltus completions`: texts for other programs.

use clap::CommandFactory;

use super::args::Arguments;
use super::failure::Failure;
use super::say;
use crate::model::file::schema;

/// Prints the JSON schema of model files.
pub fn schema() -> Result<(), Failure> {
    say::answer(&format!("{:#}\n", schema::json()))
}

/// Prints a script by which a shell completes the command line.
pub fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "saltus", &mut script);
    say::answer(&String::from_utf8_lossy(&script))
}

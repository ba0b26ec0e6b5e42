//! Words for people, on either stream.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use super::failure::Failure;
use super::output;
use crate::inspect::highlight::{Syntax, terminal};

/// Prints a message on standard error; a reader who has gone away is no reason to fail.
pub fn problem(message: &str) {
    drop(writeln!(std::io::stderr(), "{message}"));
}

/// Prints a warning about the machine on standard error.
pub fn warning(message: &str) {
    problem(&format!("warning: {}", without_number(message)));
}

/// `No such file or directory (os error 2)` without what only programs look at.
pub fn without_number(message: &str) -> String {
    let mut text = message.to_owned();
    while let Some(start) = text.find(" (os error ") {
        let Some(length) = text[start..].find(')') else { break };
        text.replace_range(start..=start + length, "");
    }
    text
}

/// Prints what was asked for on standard output.
///
/// # Errors
/// If it cannot be written, unless nobody reads it any more.
pub fn answer(text: &str) -> Result<(), Failure> {
    Ok(output::to_stdout(|writer| writer.write_all(text.as_bytes()))?)
}

/// Prints code that was asked for, in colours if somebody looks at it and has not said that they want none
/// (<https://no-color.org>).
///
/// # Errors
/// As of [`answer`].
pub fn code(syntax: Syntax, text: &str) -> Result<(), Failure> {
    let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value: OsString| !value.is_empty());
    if wants_none || !std::io::stdout().is_terminal() { answer(text) } else { answer(&terminal(syntax, text)) }
}

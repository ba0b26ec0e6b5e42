//! Words on standard error.

use std::io::Write;

/// Prints a message; a reader who has gone away is no reason to fail.
pub fn problem(message: &str) {
    drop(writeln!(std::io::stderr(), "{message}"));
}

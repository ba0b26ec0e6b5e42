//! The program `saltus`.

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let start = Instant::now();
    saltus::cli::main(std::env::args_os(), start)
}

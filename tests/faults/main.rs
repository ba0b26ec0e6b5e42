//! The fault matrix: everything that can go wrong with a store, and whether it is a miss that heals.
//!
//! `cargo test --test faults` runs every row and prints how many cases it had; words among the arguments choose rows by
//! name. With `SALTUS_FAULTS=long`, rows that take many processes or samples have all of theirs. A row is data in a
//! `rows_*` module; what runs in a process of its own is this program again (`child`).

mod matrix;
mod rows_answers;
mod rows_compilers;
mod rows_crowd;
mod rows_foreign;
mod rows_limits;
mod rows_places;
mod rows_runs;
mod rows_store;
mod runs;
#[path = "../store/stub.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod stub;

use std::process::ExitCode;

use matrix::Row;

fn main() -> ExitCode {
    if let Some(job) = matrix::job() {
        let children =
            [rows_store::child, rows_places::child, rows_runs::child, rows_foreign::child, rows_compilers::child];
        return children.iter().find_map(|child| child(&job)).unwrap_or(ExitCode::FAILURE);
    }
    let rows = [
        rows_store::ROWS,
        rows_places::ROWS,
        rows_runs::ROWS,
        rows_foreign::ROWS,
        rows_compilers::ROWS,
        rows_answers::ROWS,
        rows_limits::ROWS,
        rows_crowd::ROWS,
    ];
    matrix::run(&rows.into_iter().flatten().collect::<Vec<&Row>>())
}

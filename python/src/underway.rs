//! Kernels that are being made: how, the wait for them, and the end of the process.
//!
//! What was begun is finished and kept for the next run, though nobody may want it any more; nothing is begun for nobody.
//! No thread of Python is held up: who has to wait lets the others go on, and looks for signals.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use saltus::build::stop_all;
use saltus::engine::{EngineError, Options};
use saltus::hosted::{Batch, Code};

use crate::code::locked;
use crate::cpp;

/// How code is made from now on.
static OPTIONS: Mutex<Option<Options>> = Mutex::new(None);

/// What is being made. Like all that is locked here, it is locked by threads that have the interpreter's lock, one of
/// which forks a process: in the new one, nobody has it.
static UNDERWAY: Mutex<Vec<Arc<Batch>>> = Mutex::new(Vec::new());

/// How code is made from now on.
pub fn configure(options: Options) {
    *locked(&OPTIONS) = Some(options);
}

pub fn options() -> Options {
    locked(&OPTIONS).clone().unwrap_or_default()
}

/// What is wrong with the compiler, and where it was asked for.
pub fn fault(error: EngineError) -> PyErr {
    let hint = match &error {
        EngineError::Toolchain(_) => "\nhint: the preference `codegen.runtime.saltus.compiler` names the compiler",
        _ => "",
    };
    PyRuntimeError::new_err(format!("{error}{hint}"))
}

/// Starts to make kernels for this code.
pub fn start(members: Vec<Arc<Mutex<Code>>>) -> Arc<Batch> {
    let batch = Arc::new(Batch::start(members, options()));
    let mut underway = locked(&UNDERWAY);
    underway.retain(|batch| batch.is_at_work());
    underway.push(batch.clone());
    batch
}

/// Code does not need its kernels any more.
pub fn leave(batch: Arc<Batch>) {
    let mut underway = locked(&UNDERWAY);
    // Besides this one, the list has it.
    if Arc::strong_count(&batch) <= 2 {
        batch.cancel();
    }
    drop(batch);
    underway.retain(|batch| batch.is_at_work());
}

/// Waits until all kernels are there that will be, or the run is to stop.
#[cold]
pub fn wait(py: Python<'_>, batch: &Batch) -> PyResult<()> {
    while py.detach(|| batch.wait_a_moment()).map_err(fault)? {
        py.check_signals()?;
        if is_stopping(py)? {
            // The rest of the step is interpreted.
            batch.stop_waiting();
            break;
        }
    }
    Ok(())
}

/// Whether somebody has asked Brian2 to end all runs after this step.
fn is_stopping(py: Python<'_>) -> PyResult<bool> {
    py.import("brian2.core.network")?.getattr("Network")?.getattr("_globally_stopped")?.is_truthy()
}

/// Before the process ends: kernels of code that is still there are made for the next one, and others that were begun are
/// finished, unless a signal says otherwise. What stood in the way of it, or nothing if so many seconds did not suffice;
/// then there may be another call.
#[pyfunction]
pub fn finish(py: Python<'_>, seconds: f64) -> PyResult<Option<Vec<String>>> {
    let ends = Instant::now() + Duration::from_secs_f64(seconds);
    let batches = locked(&UNDERWAY).clone();
    while batches.iter().any(|batch| batch.is_at_work()) || cpp::is_at_work() {
        py.detach(|| std::thread::sleep(Duration::from_millis(1)));
        if let Err(signal) = py.check_signals() {
            batches.iter().for_each(|batch| batch.abandon());
            stop_all();
            return Err(signal);
        }
        if Instant::now() > ends {
            return Ok(None);
        }
    }
    locked(&UNDERWAY).clear();
    // What is wrong with a compiler that was asked for matters to nobody now.
    batches.iter().for_each(|batch| drop(batch.attend()));
    Ok(Some(batches.iter().flat_map(|batch| batch.warnings()).collect()))
}

/// In a process that was just forked off: what is underway is so in another one.
#[pyfunction]
pub fn was_forked() {
    cpp::was_forked();
    locked(&UNDERWAY).drain(..).for_each(std::mem::forget);
}

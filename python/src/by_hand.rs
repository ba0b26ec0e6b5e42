//! Sources of kernels that somebody wrote by hand, in a notebook or a script.
//!
//! Brian2 makes its code objects anew at every `run`, and gives one the name `…_codeobject_1` while the one before is still
//! there: for a source by hand, both are one. Batches of code in which one of these runs are told when it changes.

use std::sync::{Arc, Mutex, Weak};

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use saltus::diag::{Diagnostics, Text};
use saltus::engine::{HandError, Options, make_by_hand};
use saltus::hosted::{Batch, Digest, Hands};
use saltus::render::Source;

use crate::code::locked;
use crate::underway::options;

pyo3::create_exception!(saltus, KernelError, PyException, "A source of a kernel that cannot be used.");

static HANDS: Mutex<Hands> = Mutex::new(Hands::new());
/// Batches whose code may still run.
static BATCHES: Mutex<Vec<Weak<Batch>>> = Mutex::new(Vec::new());

/// Where a source to start from is found.
const FROM: &str = "`saltus.introspector().source(name)` has a source to start from";

/// The name of a code object without the number that tells it from the one that it takes the place of.
#[pyfunction]
pub fn base_name(name: &str) -> &str {
    base(name)
}

/// The name of a code object without the number that tells it from the one that it takes the place of.
pub fn base(name: &str) -> &str {
    let number = name.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    match name[..number].strip_suffix('_') {
        Some(base) if base.ends_with("_codeobject") && number < name.len() => base,
        _ => name,
    }
}

/// A batch with so many members has been started: what is for its kernels runs in their place.
pub fn begin(batch: &Arc<Batch>, members: usize) {
    let mut batches = locked(&BATCHES);
    batches.retain(|batch| batch.strong_count() > 0);
    batches.push(Arc::downgrade(batch));
    drop(batches);
    let mut hands = locked(&HANDS);
    if hands.is_empty() {
        return;
    }
    for (name, ir) in (0..members).filter_map(|member| batch.kernel(member)) {
        if hands.give_up_others(base(name), ir) {
            batch.note(format!("the source by hand of {} no longer fits: the kernel has changed", base(name)));
        }
    }
    put(batch, &hands);
}

fn put(batch: &Batch, hands: &Hands) {
    batch.replace(|name, ir| hands.current(base(name), ir));
}

/// Puts what is to run into all code that there is, unless it is running: then from its next call on.
fn put_everywhere() {
    let batches: Vec<Arc<Batch>> = locked(&BATCHES).iter().filter_map(Weak::upgrade).collect();
    // The interpreter's lock is kept meanwhile: a process that is forked off gets no lock of ours that somebody has.
    let hands = locked(&HANDS);
    batches.iter().for_each(|batch| put(batch, &hands));
}

/// Lets a source run in the place of a kernel; the number of its version. To call this is the permission to run native
/// code.
pub fn replace(py: Python<'_>, (of, ir): (String, Digest), source: Source) -> PyResult<usize> {
    let text = Text::new(format!("{of}.source"), source.text.clone());
    let known = locked(&HANDS).known(&source);
    let code = match known {
        Some(code) => Ok(code),
        None => {
            let options = Options { allow_native: true, ..options() };
            py.detach(|| make_by_hand(source, &options).and_then(|making| making.wait()))
        }
    };
    let code = code.map_err(|error| refused(py, &of, &text, error))?;
    let version = locked(&HANDS).add(&of, &ir, code);
    put_everywhere();
    Ok(version)
}

/// Lets a version run; 0 is what is generated. Whether there is such a version.
pub fn choose((of, ir): &(String, Digest), version: usize) -> bool {
    let is_there = locked(&HANDS).choose(of, ir, version);
    if is_there {
        put_everywhere();
    }
    is_there
}

/// Languages and texts from version 1 on, and the number of the one that is to run.
pub fn versions((of, ir): &(String, Digest)) -> (Vec<(&'static str, String)>, usize) {
    let (sources, current) = locked(&HANDS).versions(of, ir);
    (sources.iter().map(|source| (source.language.name(), source.text.clone())).collect(), current)
}

/// The exception with what is wrong, and its places in the text: `errors` has line, column and message of each.
fn refused(py: Python<'_>, of: &str, text: &Text, error: HandError) -> PyErr {
    let Diagnostics(errors) = error.located(of, text, FROM);
    let raised = KernelError::new_err(Diagnostics(errors.clone()).to_string());
    let told: Vec<(Option<usize>, Option<usize>, String)> = errors
        .into_iter()
        .map(|error| {
            let place = error.line_column();
            (place.map(|(line, _)| line), place.map(|(_, column)| column), error.message)
        })
        .collect();
    let line = told.iter().find_map(|(line, ..)| *line);
    let value = raised.value(py);
    let set = value.setattr("errors", told).and_then(|()| value.setattr("line", line));
    set.and_then(|()| value.setattr("name", of)).map_or_else(|fault| fault, |()| raised)
}

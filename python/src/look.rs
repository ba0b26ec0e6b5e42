//! What is told about kernels and what they are made with, for the introspector.

use std::path::PathBuf;
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use saltus::build::toolchain::discover_for;
use saltus::engine::{Origin, Report};
use saltus::inspect::highlight::{Syntax, html};
use saltus::render::Language;

use crate::underway::options;

/// The language of this name.
pub fn language(name: &str) -> PyResult<Language> {
    [Language::C, Language::Rust]
        .into_iter()
        .find(|language| language.name() == name)
        .ok_or_else(|| PyValueError::new_err(format!("`{name}` is no language of kernels: they are `c` and `rust`")))
}

/// What is known about a kernel: `runs_on`, `key`, `origin`, `compiler`, `compile_seconds`, `reason`, and `swaps`, of each
/// what it was to, its key, and how many seconds after the first call of its run.
pub fn report<'py>(py: Python<'py>, report: &Report, begun: Instant) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("runs_on", report.runs_on().name())?;
    told.set_item("key", report.swaps.last().and_then(|swap| swap.key).map(|key| key.short()))?;
    let origin = match report.origin {
        Origin::Hit => Some("store"),
        Origin::Built => Some("compiler"),
        Origin::Hand => Some("by hand"),
        Origin::Interpreter => None,
    };
    told.set_item("origin", origin)?;
    told.set_item("compiler", report.compiler.as_deref())?;
    told.set_item("compile_seconds", report.compile_seconds)?;
    told.set_item("reason", report.reason.as_ref().map(ToString::to_string))?;
    let swaps: Vec<(&str, Option<String>, f64)> = report
        .swaps
        .iter()
        .map(|swap| {
            let after = swap.at.saturating_duration_since(begun).as_secs_f64();
            (swap.runs_on.name(), swap.key.map(|key| key.short()), after)
        })
        .collect();
    told.set_item("swaps", swaps)?;
    Ok(told)
}

/// A text as HTML, with spans of classes: `c`, `rust`, `ir`, or statements of a `model`.
#[pyfunction]
pub fn highlighted(syntax: &str, text: &str) -> PyResult<String> {
    let syntax = match syntax {
        "c" => Syntax::C,
        "rust" => Syntax::Rust,
        "ir" => Syntax::Ir,
        "model" => Syntax::Model,
        _ => return Err(PyValueError::new_err("no such syntax")),
    };
    Ok(html(syntax, text))
}

/// The program that compiles kernels and the line in which it names itself, or nothing and why there is none.
#[pyfunction]
pub fn compiler(py: Python<'_>) -> (Option<PathBuf>, String) {
    py.detach(|| {
        let options = options();
        let memos = options.store().toolchain_memos();
        match discover_for(options.language, &options.env, options.cc.as_deref(), memos.as_deref()) {
            Ok(toolchain) => (Some(toolchain.program), toolchain.version),
            Err(error) => (None, error.to_string()),
        }
    })
}

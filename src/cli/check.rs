//! `saltus check`: everything that is wrong or odd about a model file, for people and for editors.

use std::path::Path;

use super::args::Check;
use super::failure::{Failure, tally};
use super::load::diagnose;
use super::output::json;
use super::places;
use super::say;

/// Checks; `Ok(false)` if the model is wrong.
pub fn check(arguments: &Check) -> Result<bool, Failure> {
    if let Some(path) = &arguments.json {
        places::check_file("--json", path, &arguments.model)?;
    }
    let diagnostics = diagnose(&arguments.model)?;
    if let Some(path) = &arguments.json {
        let values: Vec<_> = diagnostics.0.iter().map(|d| d.to_json()).collect();
        json::write_value(&values, path)?;
    }
    if !diagnostics.0.is_empty() {
        say::problem(&format!("{diagnostics}\n"));
    }
    let last = format!("{}: {}", arguments.model.display(), tally(&diagnostics));
    let is_json_on_stdout = arguments.json.as_deref() == Some(Path::new("-"));
    if diagnostics.0.is_empty() && !is_json_on_stdout {
        say::answer(&(last + "\n"))?;
    } else {
        say::problem(&last);
    }
    Ok(!diagnostics.has_errors())
}

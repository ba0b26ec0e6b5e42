//! From the path of a model file to a checked model, and everything that is wrong with it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::args::Changes;
use super::failure::Failure;
use crate::diag::{Diagnostic, Diagnostics, File, Severity};
use crate::model::file::{self, ModelFile};
use crate::network::{self, CheckedModel};

/// A model that can run.
pub struct Loaded {
    /// The file as parsed.
    pub file: ModelFile,
    /// The model.
    pub checked: CheckedModel,
    /// What is odd about it, in the order of the file.
    pub warnings: Diagnostics,
}

/// Reads and checks a model file.
///
/// # Errors
/// [`Failure::Model`] with everything that is wrong, [`Failure::Expression`] if that is in a change,
/// [`Failure::Usage`] for a change that the model has no place for or a file that is not there.
pub fn load(path: &Path, changes: &Changes) -> Result<Loaded, Failure> {
    load_text(file::read(path)?, changes)
}

/// Checks the text of a model file.
///
/// # Errors
/// As of [`load`].
pub fn load_text(text: Arc<File>, changes: &Changes) -> Result<Loaded, Failure> {
    let changes = file::Changes { duration: changes.duration.clone(), seed: changes.seed, set: changes.set.clone() };
    let (file, diagnostics) = file::parse_with(text, &changes)?;
    let (checked, diagnostics) = check(&file, diagnostics)?;
    if let Some(checked) = checked {
        return Ok(Loaded { file, checked, warnings: diagnostics });
    }
    let is_change = |d: &Diagnostic| d.at.as_ref().is_some_and(|(text, _)| !Arc::ptr_eq(text.file(), &file.file));
    let errors = || diagnostics.0.iter().filter(|d| d.severity == Severity::Error);
    Err(if errors().any(is_change) { Failure::Expression(diagnostics) } else { Failure::Model(diagnostics) })
}

/// Reads and checks a model file as it is; a file that is no text at all has one diagnostic, which says so.
///
/// # Errors
/// If the file cannot be read.
pub fn diagnose(path: &Path) -> Result<Diagnostics, Failure> {
    let text = match file::read(path).map_err(Failure::from) {
        Ok(text) => text,
        Err(Failure::Model(diagnostics)) => return Ok(diagnostics),
        Err(failure) => return Err(failure),
    };
    let (file, diagnostics) = file::parse(text);
    Ok(check(&file, diagnostics)?.1)
}

/// Checks what a file says; `found` is what reading it has reported. The model is there if there is no error.
fn check(file: &ModelFile, mut found: Diagnostics) -> Result<(Option<CheckedModel>, Diagnostics), Failure> {
    let place = |d: &Diagnostic| d.at.as_ref().map(|(text, _)| text.place().to_owned());
    let errors = found.0.iter().filter(|d| d.severity == Severity::Error);
    let reported: BTreeSet<String> = errors.filter_map(place).collect();
    let mut further = Diagnostics::default();
    let (model, runs) = network::from_file(file, &mut further);
    let (checked, more) = network::check(&model, &runs)?;
    further.extend(more);
    // Where a value is not even of the right form, whatever else is wrong with it follows from that.
    found.extend(further.into_iter().filter(|d| place(d).is_none_or(|place| !reported.contains(&place))));
    let is_elsewhere = |d: &Diagnostic| d.at.as_ref().is_none_or(|(text, _)| !Arc::ptr_eq(text.file(), &file.file));
    found.0.sort_by_cached_key(|d| (!is_elsewhere(d), d.line_column()));
    Ok((checked.filter(|_| !found.has_errors()), found))
}

//! From the path of a model file to a checked model.

use std::path::Path;

use super::args::Changes;
use super::failure::Failure;
use crate::diag::Diagnostics;
use crate::model::file::{self, ModelFile};
use crate::network::{self, CheckedModel};

/// A model that can run.
pub struct Loaded {
    /// The file as parsed.
    pub file: ModelFile,
    /// The model.
    pub checked: CheckedModel,
}

/// Reads and checks a model file; warnings are inside of the checked model.
///
/// # Errors
/// [`Failure::Model`] with everything that is wrong, [`Failure::Usage`] for changes that the model has no place for.
pub fn load(path: &Path, changes: &Changes) -> Result<Loaded, Failure> {
    let changes = file::Changes { duration: changes.duration.clone(), seed: changes.seed, set: changes.set.clone() };
    let (file, mut diagnostics) = file::parse_with(file::read(path)?, &changes)?;
    if let Some(checked) = check(&file, &mut diagnostics)? {
        return Ok(Loaded { file, checked });
    }
    Err(Failure::Model(diagnostics))
}

/// Checks what a file says; `None` if there is an error among the diagnostics.
pub fn check(file: &ModelFile, diagnostics: &mut Diagnostics) -> Result<Option<CheckedModel>, Failure> {
    let (model, runs) = network::from_file(file, diagnostics);
    let (checked, found) = network::check(&model, &runs)?;
    diagnostics.extend(found);
    Ok(checked.filter(|_| !diagnostics.has_errors()))
}

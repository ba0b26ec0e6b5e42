//! What is measured: kernels of models that come with the program, and whole models.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::args::Changes;
use super::super::failure::Failure;
use super::super::load::load_text;
use crate::diag::File;
use crate::engine::Options;
use crate::inspect::{fits, kernels};
use crate::kernel::ir::Kernel;
use crate::model::file;
use crate::network::{CheckedModel, Network};
use crate::render::Language;

const HODGKIN_HUXLEY: &str = include_str!("../../../cache/catalog/hodgkin_huxley.toml");
const LIF: &str = include_str!("../../../cache/catalog/lif.toml");
const HH_SEED: &str = include_str!("../../../examples/hh_seed.toml");
const CUBA: &str = include_str!("../../../examples/cuba.toml");

/// Kernels: the name here and in words, the model, and the name of the code object there.
const KERNELS: [(&str, &str, &str, &str); 5] = [
    ("hodgkin_huxley_stateupdater", "Hodgkin–Huxley state update", HODGKIN_HUXLEY, "cells_stateupdater"),
    ("lif_stateupdater", "LIF state update", LIF, "cells_stateupdater"),
    ("lif_thresholder", "LIF threshold", LIF, "cells_spike_thresholder"),
    ("lif_resetter", "LIF reset", LIF, "cells_spike_resetter"),
    ("cuba_synapses", "synaptic effect", CUBA, "Ce_pre"),
];

/// A kernel to be measured.
pub struct KernelSubject {
    /// Its name.
    pub name: &'static str,
    /// In words.
    pub title: &'static str,
    /// The kernel.
    pub kernel: Arc<Kernel>,
}

/// A model to be measured.
pub struct ModelSubject {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl ModelSubject {
    /// The model, checked.
    ///
    /// # Errors
    /// If it is wrong.
    pub fn checked(&self) -> Result<CheckedModel, Failure> {
        let file = Arc::new(File { name: self.name.clone(), text: self.text.clone() });
        Ok(load_text(file, &Changes::default())?.checked)
    }
}

fn is_wanted(only: Option<&str>, name: &str) -> bool {
    only.is_none_or(|pattern| fits(pattern, name))
}

/// The kernels whose name fits.
///
/// # Errors
/// If a model that comes with the program is wrong: a bug of ours.
pub fn kernel_subjects(only: Option<&str>) -> Result<Vec<KernelSubject>, Failure> {
    let mut subjects = Vec::new();
    for (name, title, text, object) in KERNELS.iter().filter(|(name, ..)| is_wanted(only, name)) {
        let model = ModelSubject { name: (*name).to_string(), text: (*text).to_string() };
        let network = Network::from_checked(model.checked()?, Options::interpreted())?;
        let found = kernels(&network, Language::C).into_iter().find(|view| view.name == *object);
        let missing =
            || Failure::World(anyhow::anyhow!("internal error: no kernel `{object}` in the model of `{name}`"));
        subjects.push(KernelSubject { name, title, kernel: found.ok_or_else(missing)?.kernel });
    }
    Ok(subjects)
}

/// The models of these files, or those that come with the program if there are none.
///
/// # Errors
/// If a file cannot be read.
pub fn model_subjects(files: &[PathBuf], only: Option<&str>) -> Result<Vec<ModelSubject>, Failure> {
    let mut models = Vec::new();
    for path in files {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        models.push(ModelSubject { name, text: file::read(path)?.text.clone() });
    }
    if files.is_empty() {
        let own = [("hh_seed", HH_SEED), ("cuba", CUBA)];
        models.extend(own.map(|(name, text)| ModelSubject { name: name.to_string(), text: text.to_string() }));
    }
    models.retain(|model| is_wanted(only, &model.name));
    Ok(models)
}

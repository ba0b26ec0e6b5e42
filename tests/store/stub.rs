//! Kernels that no compiler has made, and stores with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use saltus::build::{CpuFeatures, CpuLevel, Key, Machine, OptLevel, Recipe};
use saltus::render::Language;
use saltus::store::{Artifact, Store, StoreOptions};
use tempfile::TempDir;

/// A machine of level 3.
pub fn machine() -> Machine {
    Machine { architecture: "x86_64".into(), system: "linux".into(), features: CpuFeatures::of_level(CpuLevel::V3) }
}

pub fn recipe(source: &str) -> Recipe {
    Recipe {
        language: Language::C,
        source: source.into(),
        arguments: vec!["-O3".into()],
        compiler: Key([1; 32]),
        target: "x86_64-linux-gnu".into(),
        features: CpuFeatures::of_level(CpuLevel::V3),
        opt_level: OptLevel::O3,
        abi_version: 1,
        numeric_policy: 1,
        unit: None,
        by_hand: false,
    }
}

pub fn with(change: impl Fn(&mut Recipe)) -> Recipe {
    let mut recipe = recipe("kernel");
    change(&mut recipe);
    recipe
}

pub fn keep(store: &Store, recipe: &Recipe, library: &[u8]) -> Artifact {
    store.insert(recipe, "gcc version 12.2.0", library, 0.05)
}

pub fn get(store: &Store, recipe: &Recipe) -> Option<Artifact> {
    store.get(&recipe.kernel_id(), Some(&recipe.key()), &machine())
}

pub fn open(directory: &TempDir) -> Store {
    Store::open(directory.path(), StoreOptions::default())
}

/// All files below a directory, relative to it, in order, but for the one that says when the store was swept.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(place) = pending.pop() {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { pending.push(path) } else { found.push(path.strip_prefix(directory).unwrap().into()) }
        }
    }
    found.retain(|path: &PathBuf| !path.ends_with("swept"));
    found.sort();
    found
}

/// The file of the only entry.
pub fn only_file(directory: &TempDir) -> PathBuf {
    let found = files(directory.path());
    assert_eq!(found.len(), 1, "{found:?}");
    directory.path().join(&found[0])
}

pub fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

pub fn assert_quiet(store: &Store) {
    let warnings = store.take_warnings();
    assert!(warnings.is_empty(), "{warnings:?}");
}

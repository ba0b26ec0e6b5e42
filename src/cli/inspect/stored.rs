//! What a store has of a kernel.

use crate::build::{KernelId, Key, Machine, OptLevel, Recipe, Toolchain, ToolchainError};
use crate::engine::Options;
use crate::inspect::KernelView;
use crate::store::{Artifact, Store, StoreOptions};

/// The store that options name, with what is below it. Looking at a store does not make one.
pub fn open(options: &Options) -> Store {
    let Some(directory) = options.store_directory() else { return Store::none() };
    let (store_options, warnings) = options.store_options();
    let store = Store::open(&directory, StoreOptions { read_only: true, ..store_options });
    warnings.into_iter().for_each(|warning| store.warn(warning));
    store
}

/// Who a kernel is, and what is stored of it.
pub struct Stored {
    /// What it computes.
    pub id: KernelId,
    /// How the compiler would make it.
    pub recipe: Option<Recipe>,
    /// A library of it.
    pub artifact: Option<Artifact>,
    /// Whether that is what the compiler would make; else it does the same, made in another way.
    pub is_own: bool,
}

impl Stored {
    /// Looks for a kernel.
    pub fn find(
        kernel: &KernelView,
        toolchain: &Result<Toolchain, ToolchainError>,
        level: OptLevel,
        store: &Store,
    ) -> Stored {
        let id = kernel.id();
        let recipe = toolchain.as_ref().ok().map(|toolchain| kernel.recipe(toolchain, level));
        let own = recipe.as_ref().and_then(|recipe| store.get_as(&id, recipe, Machine::this()));
        let is_own = own.is_some();
        // Any compiler's will do, since all give the same bits.
        let artifact = own.or_else(|| store.get(&id, None, Machine::this()));
        Stored { id, recipe, artifact, is_own }
    }

    /// Its key: of the library that is the compiler's own, else of what the compiler would make.
    pub fn key(&self) -> Option<Key> {
        match (&self.artifact, &self.recipe) {
            (Some(artifact), _) if self.is_own => Some(artifact.key),
            (_, recipe) => recipe.as_ref().map(Recipe::key),
        }
    }

    /// Whether it is stored.
    pub fn word(&self) -> &'static str {
        match (&self.artifact, self.is_own) {
            (Some(_), true) => "yes",
            (Some(_), false) => "other recipe",
            (None, _) => "no",
        }
    }
}

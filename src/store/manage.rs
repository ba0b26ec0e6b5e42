//! Looking after a store: listing, limits, emptying, and what is known of the directories that it is in.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::entry::Artifact;
use super::layers::Layer;
use super::limits::Limits;
use super::sweep::{self, GcReport, Use};
use super::{QUARANTINE, Store, shelf};
use crate::build::Key;

impl Store {
    /// Every sound kernel of the personal store, by key.
    pub fn list(&self) -> Vec<Artifact> {
        self.matching(None, "").into_values().collect()
    }

    /// The kernels of the personal store and of all layers whose key starts with these digits, by key. One that is in
    /// several is shown where it would be found.
    pub fn show(&self, prefix: &str) -> Vec<Artifact> {
        let mut found = self.matching(None, prefix);
        for layer in self.layers() {
            for (key, artifact) in self.matching(Some(layer), prefix) {
                found.entry(key).or_insert(artifact);
            }
        }
        found.into_values().collect()
    }

    fn matching(&self, place: Option<&Layer>, prefix: &str) -> BTreeMap<Key, Artifact> {
        let mut found = BTreeMap::new();
        let Some(root) = place.map(Layer::root).or(self.root.as_ref()) else { return found };
        for kernel in shelf::kernels(root) {
            let Ok(shelf) = shelf::open(root, &kernel, false) else { continue };
            for key in shelf::keys(&shelf).into_iter().filter(|key| key.to_string().starts_with(prefix)) {
                found.extend(self.read(place, &shelf, &kernel, &key, false).map(|artifact| (key, artifact)));
            }
        }
        found
    }

    /// Every entry of the personal store without reading it, the one that was not used for longest first.
    pub fn uses(&self) -> Vec<Use> {
        self.root.as_ref().map(sweep::uses).unwrap_or_default()
    }

    /// How many files were found damaged and are kept for a look.
    pub fn quarantined(&self) -> usize {
        let folder = self.root.as_ref().and_then(|root| root.child(QUARANTINE, false).ok());
        folder.and_then(|folder| folder.names().ok()).map_or(0, |names| names.len())
    }

    /// What is kept at most.
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// Takes away what is beyond the limits and what processes that died have left. None: another process is at it.
    ///
    /// # Errors
    /// If there is no store that can be written.
    pub fn gc(&self, limits: &Limits) -> io::Result<Option<GcReport>> {
        let root = self.root.as_ref().filter(|_| !self.options.read_only);
        sweep::sweep(root.ok_or(io::ErrorKind::ReadOnlyFilesystem)?, limits, true)
    }

    /// Takes everything away, and leaves only the keys that are trusted. How many files that were.
    ///
    /// # Errors
    /// If there is no store that can be written, or something in it cannot be removed.
    pub fn clear(&self) -> io::Result<usize> {
        let root = self.root.as_ref().filter(|_| !self.options.read_only);
        let root = root.ok_or(io::ErrorKind::ReadOnlyFilesystem)?;
        let removed = root.names()?.iter().map(|name| root.remove_tree(name)).sum();
        match root.names()?.first() {
            // Somebody may have put a new kernel there.
            Some(name) if removed == 0 => Err(io::Error::other(format!("`{name}` cannot be removed"))),
            _ => Ok(removed),
        }
    }
}

/// A directory on the way to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The directory.
    pub path: PathBuf,
    /// The rights to it, with the sticky bit.
    pub mode: u32,
    /// Its owner.
    pub owner: u32,
}

/// The directories from the root to the one at `path`, as far as they are there.
pub fn inspect_path(path: &Path) -> Vec<Component> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    let mut ancestors: Vec<&Path> = path.ancestors().collect();
    ancestors.reverse();
    let of = |path: &&Path| {
        let meta = std::fs::symlink_metadata(path).ok()?;
        Some(Component { path: path.to_path_buf(), mode: meta.mode() & 0o7777, owner: meta.uid() })
    };
    ancestors.iter().map_while(of).collect()
}

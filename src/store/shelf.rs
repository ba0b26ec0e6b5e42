//! Where the entries of a kernel are in a store: two folders with the digits of its id, one file for each variant.

use super::directory::{Directory, Error};
use super::entry::{self, Artifact, Damage};
use crate::build::{KernelId, Key};

/// Ending of an entry's name; the rest is its key.
const ENDING: &str = ".kernel";

/// The name of an entry's file.
pub(super) fn file_name(key: &Key) -> String {
    format!("{key}{ENDING}")
}

/// The key of an entry with this name.
pub(super) fn key_of(name: &str) -> Option<Key> {
    Key::from_hex(name.strip_suffix(ENDING)?)
}

/// The names of the two directories that lead to a kernel's entries.
pub(super) fn names(kernel: &KernelId) -> (String, String) {
    let mut group = kernel.to_string();
    let rest = group.split_off(2);
    (group, rest)
}

/// The directory of all variants of a kernel.
pub(super) fn open(root: &Directory, kernel: &KernelId, create: bool) -> Result<Directory, Error> {
    let (group, rest) = names(kernel);
    root.child(&group, create)?.child(&rest, create)
}

/// The keys of a shelf, in order.
pub(super) fn keys(shelf: &Directory) -> Vec<Key> {
    shelf.names().unwrap_or_default().iter().filter_map(|name| key_of(name)).collect()
}

/// The ids of all kernels that have a shelf.
pub(super) fn kernels(root: &Directory) -> Vec<KernelId> {
    let mut kernels = Vec::new();
    for group in groups(root) {
        let shelves = root.child(&group, false).and_then(|group| group.names().map_err(Error::Io));
        let ids = shelves.unwrap_or_default();
        kernels.extend(ids.iter().filter_map(|rest| KernelId::from_hex(&format!("{group}{rest}"))));
    }
    kernels
}

fn groups(root: &Directory) -> Vec<String> {
    let mut names = root.names().unwrap_or_default();
    names.retain(|name| name.len() == 2);
    names
}

/// Removes shelves without entries, and groups without shelves. Whoever is about to put an entry into one of them makes
/// it again.
pub(super) fn remove_empty(root: &Directory) {
    for name in groups(root) {
        let Ok(group) = root.child(&name, false) else { continue };
        for shelf in group.names().unwrap_or_default() {
            // The system refuses where there is an entry.
            group.remove_empty(&shelf);
        }
        root.remove_empty(&name);
    }
}

/// An entry, and when it was last used, in seconds since 1970.
pub(super) fn read(shelf: &Directory, kernel: &KernelId, key: &Key) -> Result<(Artifact, i64), Trouble> {
    let content = match shelf.read(&file_name(key), entry::MAX_SIZE) {
        Ok(content) => content,
        Err(error) if error.is_absence() => return Err(Trouble::Absent),
        Err(Error::Io(cause)) => return Err(Trouble::Io(cause)),
        Err(Error::Refused(reason)) => return Err(Trouble::Damaged(Damage::Refused(reason))),
    };
    let artifact = Artifact::decode(content.bytes).map_err(Trouble::Damaged)?;
    if artifact.key != *key || artifact.kernel != *kernel {
        return Err(Trouble::Damaged(Damage::OtherKey));
    }
    Ok((artifact, content.last_use))
}

/// Why there is no entry.
pub(super) enum Trouble {
    /// It was never there, or somebody has removed it meanwhile.
    Absent,
    Io(std::io::Error),
    Damaged(Damage),
}

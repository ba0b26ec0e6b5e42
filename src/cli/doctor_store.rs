//! What `saltus doctor` says of the store: where it is, whose the directories on the way are, how much room there is,
//! and of the places that kernels are opened from.

use std::path::Path;

use rustix::fs::StatVfsMountFlags;

use super::cache_care::{limits, trust};
use super::output::format::{bytes, counted, grouped};
use super::say;
use crate::engine::{CacheChoice, Options};
use crate::store::{Component, Store, StoreOptions, inspect_path};

/// File systems by the number that the kernel has for them, and whether they are on another machine.
const FILE_SYSTEMS: [(u64, &str, bool); 18] = [
    (0xef53, "ext4", false),
    (0x0102_1994, "tmpfs", false),
    (0x5846_5342, "xfs", false),
    (0x9123_683e, "btrfs", false),
    (0x794c_7630, "overlayfs", false),
    (0x2fc1_2fc1, "zfs", false),
    (0xf2f5_2010, "f2fs", false),
    (0x8584_58f6, "ramfs", false),
    (0x6969, "NFS", true),
    (0xff53_4d42, "CIFS", true),
    (0xfe53_4d42, "SMB", true),
    (0x0bd0_0bd0, "Lustre", true),
    (0x4750_4653, "GPFS", true),
    (0x00c3_6400, "Ceph", true),
    (0x0102_1997, "9p", true),
    (0x1983_0326, "BeeGFS", true),
    (0x5346_414f, "AFS", true),
    (0x6573_5546, "FUSE", true),
];

/// Fewer files than this can be made: a store of many kernels will not fit.
const FEW_INODES: u64 = 10_000;

/// Rows about the store.
pub fn store(options: &Options) -> Vec<(&'static str, String)> {
    let Some(path) = options.store_directory() else {
        let reason = match options.cache {
            CacheChoice::None => "none, as asked for",
            _ => "none: neither `SALTUS_CACHE_DIR` nor `HOME` is set",
        };
        return vec![("store", reason.to_owned())];
    };
    let (store_options, settings) = options.store_options();
    let store = Store::open(&path, StoreOptions { read_only: true, ..store_options });
    settings.into_iter().for_each(|warning| store.warn(warning));
    let mut rows = vec![("store", path.display().to_string())];
    rows.extend(permissions(&path));
    let uses = store.uses();
    let size: u64 = uses.iter().map(|found| found.size).sum();
    rows.push(("kernels", format!("{}, {}", counted(uses.len(), ("kernel", "kernels")), bytes(size))));
    rows.push(("limits", limits(store.limits())));
    rows.extend(room(&path));
    let layers = store.layers().iter().map(|layer| format!("{}: {}", layer.path().display(), trust(layer.trust())));
    rows.extend(layers.map(|layer| ("layer", layer)));
    if !store.trusted_keys().is_empty() {
        rows.push(("trusted keys", store.trusted_keys().len().to_string()));
    }
    rows.push(("temporary files", temporary(&std::env::temp_dir())));
    rows.extend(store.take_warnings().iter().map(|warning| ("warning", say::without_number(&warning.to_string()))));
    rows
}

/// The rights to each directory on the way to the store.
fn permissions(path: &Path) -> Vec<(&'static str, String)> {
    let own = rustix::process::geteuid().as_raw();
    let mut components = inspect_path(path);
    let owner = |component: &Component| match component.owner {
        owner if owner == own => "yours".to_owned(),
        0 => "root's".to_owned(),
        owner => format!("of user {owner}"),
    };
    let is_made = components.last().is_some_and(|last| Some(&last.path) == std::path::absolute(path).ok().as_ref());
    let own_row = match components.pop_if(|_| is_made) {
        Some(store) => format!("{:04o}, {}", store.mode, owner(&store)),
        None => "not made yet".to_owned(),
    };
    let of = |component: &Component| {
        let path = component.path.display();
        format!("{path} {:04o} {}", component.mode, owner(component))
    };
    let above = components.iter().map(of).collect::<Vec<_>>().join(", ");
    vec![("permissions", own_row), ("above it", above)]
}

/// What kind of file system the store is on, and what fits there.
fn room(path: &Path) -> Vec<(&'static str, String)> {
    let Some(there) = path.ancestors().find(|path| path.exists()) else { return Vec::new() };
    let mut rows = Vec::new();
    if let Ok(stat) = rustix::fs::statfs(there) {
        rows.push(("file system", file_system(stat.f_type as u64)));
    }
    if let Ok(stat) = rustix::fs::statvfs(there) {
        rows.push(("free space", bytes(stat.f_bavail.saturating_mul(stat.f_frsize))));
        // Some file systems make them as they are needed.
        if stat.f_files > 0 {
            let few = if stat.f_favail < FEW_INODES { ": few" } else { "" };
            rows.push(("free inodes", format!("{}{few}", grouped(stat.f_favail as usize))));
        }
    }
    rows
}

fn file_system(number: u64) -> String {
    // The number is signed on some architectures.
    match FILE_SYSTEMS.iter().find(|(known, ..)| *known == number & 0xffff_ffff) {
        Some((_, name, false)) => (*name).to_owned(),
        Some((_, name, true)) => {
            format!("{name}: locks may be missing there; then processes that start together compile the same kernels")
        }
        None => format!("of kind {number:#x}"),
    }
}

/// Whether libraries can be opened from the directory of temporary files.
fn temporary(directory: &Path) -> String {
    let shown = directory.display();
    match rustix::fs::statvfs(directory) {
        Ok(stat) if stat.f_flag.contains(StatVfsMountFlags::NOEXEC) => {
            format!("{shown}, where nothing may be executed: kernels need memory files")
        }
        Ok(_) => shown.to_string(),
        Err(errno) => format!("{shown}: {errno}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_have_names() {
        assert_eq!(file_system(0xef53), "ext4");
        assert!(file_system(0x6969).starts_with("NFS: locks may be missing"));
        assert!(file_system(0xffff_ffff_ff53_4d42).starts_with("CIFS"));
        assert_eq!(file_system(0x1234), "of kind 0x1234");
    }
}

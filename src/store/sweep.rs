//! Taking away what nobody uses: entries beyond the limits, and what processes that died have left behind.
//!
//! An entry's time of change is when it was last used, to the day. Clocks jump, by years when a machine starts with an
//! empty battery, so no entry is taken for old because of one look at the clock: the time of the last sweep is kept,
//! and what has passed since counts as [`LONGEST_GAP`] at most, and not at all when it is negative. The times of entries
//! are then moved by the rest, so that they keep their ages and their order.

use std::collections::BTreeMap;
use std::io;

use super::directory::Directory;
use super::limits::Limits;
use super::lock::{self, Guard, Try};
use super::shelf;
use super::{LOCKS, QUARANTINE, TEMPORARY};
use crate::build::{KernelId, Key};

/// An empty file whose time is that of the last sweep.
const STAMP: &str = "swept";

/// The lock of whoever sweeps.
const SWEEPER: &str = "sweep";

/// How long a store is not looked at again on its own account, in seconds.
const PAUSE: i64 = 60 * 60;

/// What a store without use ages by at most from one sweep to the next, in seconds: shorter than most limits, so that a
/// jump of the clock takes only what was about to go.
const LONGEST_GAP: i64 = 30 * 24 * 60 * 60;

/// As many files are kept in quarantine.
pub(super) const MOST_ASIDE: usize = 64;

/// A store that is too large is brought below its limit by this part of it, so that not every sweep has to.
const SLACK: u64 = 8;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Entries that stay.
    pub kept: usize,
    /// Their bytes.
    pub kept_bytes: u64,
    /// Entries that went.
    pub evicted: usize,
    /// Their bytes.
    pub evicted_bytes: u64,
    /// Files that processes which died have left: halves of entries, locks, and what was damaged long ago.
    pub leftovers: usize,
    /// Whether the clock has jumped since the last sweep.
    pub clock_jumped: bool,
}

/// An entry, and when it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The entry.
    pub key: Key,
    /// What it computes.
    pub kernel: KernelId,
    /// Bytes of its file.
    pub size: u64,
    /// Seconds since its last use; none for one of the future.
    pub age_seconds: u64,
}

/// Every entry of a store by key, with its time in seconds since 1970.
fn entries(root: &Directory) -> BTreeMap<(i64, Key), (KernelId, u64)> {
    let mut found = BTreeMap::new();
    for kernel in shelf::kernels(root) {
        let Ok(shelf) = shelf::open(root, &kernel, false) else { continue };
        for key in shelf::keys(&shelf) {
            if let Some(about) = shelf.about(&shelf::file_name(&key)) {
                found.insert((about.last_use, key), (kernel, about.size));
            }
        }
    }
    found
}

/// Every entry, the one that was not used for longest first.
pub(super) fn uses(root: &Directory) -> Vec<Use> {
    let now = root.system.now();
    let of = |((time, key), (kernel, size)): ((i64, Key), (KernelId, u64))| Use {
        key,
        kernel,
        size,
        age_seconds: u64::try_from(now.saturating_sub(time)).unwrap_or(0),
    };
    entries(root).into_iter().map(of).collect()
}

/// Whether it is time to sweep. A store that was never swept is not for now.
pub(super) fn is_due(root: &Directory) -> bool {
    match root.about(STAMP) {
        Some(stamp) => root.system.now().saturating_sub(stamp.last_use).saturating_abs() > PAUSE,
        None => {
            let _ = set_stamp(root);
            false
        }
    }
}

/// Takes away what is beyond the limits. None: another process is at it.
///
/// # Errors
/// If the folder of the store cannot be read or locked.
pub(super) fn sweep(root: &Directory, limits: &Limits, exactly: bool) -> io::Result<Option<GcReport>> {
    let _guard: Guard = match lock::try_lock(root, LOCKS, SWEEPER) {
        Ok(Try::Got(guard)) => guard,
        Ok(Try::Busy) => return Ok(None),
        Err(error) => return Err(error.into_io()),
    };
    // Without the list of folders nothing is known.
    root.names()?;
    let mut report = GcReport { clock_jumped: follow_the_clock(root), ..GcReport::default() };
    let now = root.system.now();
    let found = entries(root);
    let mut bytes: u64 = found.values().map(|(_, size)| size).sum();
    let target = match limits.max_bytes {
        Some(max) if bytes > max => max - if exactly { 0 } else { max / SLACK },
        _ => u64::MAX,
    };
    let oldest = limits.max_age.map_or(i64::MIN, |age| now.saturating_sub_unsigned(age.as_secs()));
    for ((time, key), (kernel, size)) in found {
        let goes = (time < oldest || bytes > target) && remove(root, &kernel, &key);
        let (count, sum) = match goes {
            true => (&mut report.evicted, &mut report.evicted_bytes),
            false => (&mut report.kept, &mut report.kept_bytes),
        };
        *count += 1;
        *sum += size;
        bytes -= if goes { size } else { 0 };
    }
    shelf::remove_empty(root);
    report.leftovers = sweep_leftovers(root);
    set_stamp(root)?;
    Ok(Some(report))
}

fn remove(root: &Directory, kernel: &KernelId, key: &Key) -> bool {
    shelf::open(root, kernel, false).is_ok_and(|shelf| shelf.remove(&shelf::file_name(key)))
}

/// Sets the time of the last sweep.
fn set_stamp(root: &Directory) -> io::Result<()> {
    if root.about(STAMP).is_none() {
        root.open_lock(STAMP).map_err(super::directory::Error::into_io)?;
    }
    root.set_last_use(STAMP, root.system.now());
    Ok(())
}

/// Moves the times of all entries by what the clock has jumped since the last sweep; whether it has.
fn follow_the_clock(root: &Directory) -> bool {
    let now = root.system.now();
    let Some(stamp) = root.about(STAMP) else { return false };
    let passed = now.saturating_sub(stamp.last_use);
    let jump = passed.saturating_sub(passed.clamp(0, LONGEST_GAP));
    if jump == 0 {
        return false;
    }
    for ((time, key), (kernel, _)) in entries(root) {
        // What was used lately by the new clock was used after the jump.
        let lately = (0..=LONGEST_GAP).contains(&now.saturating_sub(time));
        if !lately && let Ok(shelf) = shelf::open(root, &kernel, false) {
            shelf.set_last_use(&shelf::file_name(&key), time.saturating_add(jump).min(now));
        }
    }
    true
}

/// Removes what processes that died have left, and all but the newest files in quarantine; how many.
fn sweep_leftovers(root: &Directory) -> usize {
    let temporary = root.child(TEMPORARY, false).map_or(0, |folder| folder.remove_abandoned());
    let aside = root.child(QUARANTINE, false).map_or(0, |folder| keep_newest(&folder, MOST_ASIDE));
    // The sweeper's own lock is held, and stays.
    temporary + aside + lock::sweep(root, LOCKS)
}

fn keep_newest(folder: &Directory, count: usize) -> usize {
    let names = folder.names().unwrap_or_default();
    let mut by_time: Vec<(i64, String)> =
        names.into_iter().filter_map(|name| Some((folder.about(&name)?.last_use, name))).collect();
    by_time.sort_unstable();
    let surplus = by_time.len().saturating_sub(count);
    by_time[..surplus].iter().map(|(_, name)| folder.remove_tree(name)).sum()
}

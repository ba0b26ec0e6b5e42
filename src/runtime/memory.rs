//! How much room the machine has to give: memory, and disk.

use std::path::Path;

/// Bytes that can be allocated without swapping, where the system says so.
pub fn available_bytes() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find(|l| l.starts_with("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Bytes that this user can write to the disk of a directory, where the system says so.
pub fn free_disk_bytes(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// The same for whoever needs so many bytes; `None` also where it would not matter, since asking takes longer than to put a
/// small model into memory.
pub fn available_for(needed: u64) -> Option<u64> {
    /// A machine that has no such memory left runs nothing.
    const LITTLE: u64 = 16 << 20;
    if needed <= LITTLE { None } else { available_bytes() }
}

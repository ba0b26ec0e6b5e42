//! The system calls of the store, and its clock: the one seam at which a test can let a call fail or end the process.
//!
//! Everything that the store does to files goes through [`System`]. Without a hook, as always outside of tests, a call
//! costs one comparison with null more than it would without this module.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;

/// What a test lets happen instead of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this number of the system.
    Fails(i32),
    /// It reads or writes fewer bytes than it could; other calls are made as they are.
    Short,
}

/// Is asked before each call, by its name.
type Hook = dyn Fn(&'static str) -> Option<Fault> + Send + Sync;

/// The operating system, as the store sees it.
#[derive(Clone, Default)]
pub struct System {
    hook: Option<Arc<Hook>>,
    clock_shift: i64,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hook.is_some() { "System with faults" } else { "System" })
    }
}

/// What [`System::before`] found, if it is no error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Short,
}

impl System {
    /// One whose calls are announced to `hook`, which decides what becomes of them.
    pub fn with_faults(self, hook: impl Fn(&'static str) -> Option<Fault> + Send + Sync + 'static) -> System {
        System { hook: Some(Arc::new(hook)), ..self }
    }

    /// One whose clock is ahead by this many seconds, or behind.
    pub fn with_clock_shift(self, seconds: i64) -> System {
        System { clock_shift: seconds, ..self }
    }

    #[inline]
    fn before(&self, call: &'static str) -> Result<Extent, Errno> {
        match self.hook.as_ref().and_then(|hook| hook(call)) {
            None => Ok(Extent::Whole),
            Some(Fault::Short) => Ok(Extent::Short),
            Some(Fault::Fails(number)) => Err(Errno::from_raw_os_error(number)),
        }
    }

    /// Seconds since 1970, as the clock of the machine has it.
    pub(super) fn now(&self) -> i64 {
        let seconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
        };
        seconds.saturating_add(self.clock_shift)
    }

    pub(super) fn open(&self, at: impl AsFd, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        self.before("open")?;
        rustix::fs::openat(at, name, flags | OFlags::CLOEXEC, mode)
    }

    pub(super) fn make_directory(&self, at: impl AsFd, name: &str) -> Result<(), Errno> {
        self.before("mkdir")?;
        rustix::fs::mkdirat(at, name, Mode::RWXU)
    }

    pub(super) fn stat(&self, file: impl AsFd) -> Result<Stat, Errno> {
        self.before("fstat")?;
        rustix::fs::fstat(file)
    }

    /// Of what is there itself, should it be a link.
    pub(super) fn stat_at(&self, at: impl AsFd, name: &str) -> Result<Stat, Errno> {
        self.before("fstatat")?;
        rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    pub(super) fn read_link(&self, at: impl AsFd, name: &str) -> Result<Vec<u8>, Errno> {
        self.before("readlink")?;
        Ok(rustix::fs::readlinkat(at, name, Vec::new())?.into_bytes())
    }

    pub(super) fn make_private(&self, directory: impl AsFd) -> Result<(), Errno> {
        self.before("fchmod")?;
        rustix::fs::fchmod(directory, Mode::RWXU)
    }

    /// What is in a file, up to `limit` bytes; `expected` is how many there should be.
    pub(super) fn read_all(&self, file: impl AsFd, expected: usize, limit: usize) -> Result<Vec<u8>, Errno> {
        // One more than expected, so that the end is seen without another growth.
        let mut bytes = vec![0; expected.min(limit) + 1];
        let mut length = 0;
        while length < limit {
            if length == bytes.len() {
                bytes.resize((2 * length).min(limit), 0);
            }
            let extent = self.before("read")?;
            let end = if extent == Extent::Short { length + (bytes.len() - length).div_ceil(2) } else { bytes.len() };
            match rustix::io::read(&file, &mut bytes[length..end]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        bytes.truncate(length.min(limit));
        Ok(bytes)
    }

    pub(super) fn write_all(&self, file: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
        while !bytes.is_empty() {
            let extent = self.before("write")?;
            let part = if extent == Extent::Short { &bytes[..bytes.len().div_ceil(2)] } else { bytes };
            match rustix::io::write(&file, part) {
                Ok(0) => return Err(Errno::NOSPC),
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Moves a file to a name that is not taken.
    pub(super) fn rename_new(&self, at: impl AsFd, name: &str, to: impl AsFd, new_name: &str) -> Result<(), Errno> {
        self.before("renameat2")?;
        rustix::fs::renameat_with(at, name, to, new_name, RenameFlags::NOREPLACE)
    }

    pub(super) fn rename(&self, at: impl AsFd, name: &str, to: impl AsFd, new_name: &str) -> Result<(), Errno> {
        self.before("renameat")?;
        rustix::fs::renameat(at, name, to, new_name)
    }

    pub(super) fn link(&self, at: impl AsFd, name: &str, to: impl AsFd, new_name: &str) -> Result<(), Errno> {
        self.before("linkat")?;
        rustix::fs::linkat(at, name, to, new_name, AtFlags::empty())
    }

    pub(super) fn unlink(&self, at: impl AsFd, name: &str) -> Result<(), Errno> {
        self.before("unlink")?;
        rustix::fs::unlinkat(at, name, AtFlags::empty())
    }

    pub(super) fn remove_directory(&self, at: impl AsFd, name: &str) -> Result<(), Errno> {
        self.before("rmdir")?;
        rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR)
    }

    /// The names in a directory, in order; those that are not UTF-8 are not the store's.
    pub(super) fn names(&self, directory: impl AsFd) -> io::Result<Vec<String>> {
        self.before("getdents")?;
        let mut names = Vec::new();
        for entry in Dir::read_from(directory)? {
            names.extend(entry?.file_name().to_str().map(str::to_string));
        }
        names.retain(|name| name != "." && name != "..");
        names.sort_unstable();
        Ok(names)
    }

    /// Sets when a file was last used and changed.
    pub(super) fn set_time(&self, at: impl AsFd, name: &str, seconds: i64) -> Result<(), Errno> {
        self.before("utimensat")?;
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(at, name, &times, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Locks an open file; false if another one has it.
    pub(super) fn try_lock(&self, file: impl AsFd) -> Result<bool, Errno> {
        self.before("flock")?;
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn unlock(&self, file: impl AsFd) -> Result<(), Errno> {
        self.before("funlock")?;
        rustix::fs::flock(file, FlockOperation::Unlock)
    }
}

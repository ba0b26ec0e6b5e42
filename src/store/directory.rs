//! Directories reached by descriptors, so that nobody can exchange what was checked: nothing is followed through a
//! symbolic link, and what is not of those whom a [`Rule`] names is refused.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::system::System;
use super::walk::walk;

/// A temporary file whose time is further away, in seconds, belongs to a process that is gone. One of the future was
/// written before the clock was set back.
const ABANDONED: i64 = 24 * 60 * 60;

/// How deep a tree may be that is removed: a shelf is two folders down.
const DEEPEST: usize = 8;

/// Why a file or directory is not used although it could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It could be exchanged by whoever can write where it leads.
    #[error("it is a symbolic link (give the directory it leads to)")]
    SymbolicLink,
    /// Others decide what is in it.
    #[error("it belongs to another user")]
    OtherOwner,
    /// Others can decide what is in it.
    #[error("others can write to it")]
    WritableByOthers,
    /// Others can exchange it.
    #[error("a directory above it belongs to another user (`saltus doctor` lists them)")]
    OtherOwnerAbove,
    /// Others can exchange it.
    #[error("others can write to a directory above it (`saltus doctor` lists them)")]
    WritableAbove,
    /// It is no directory, or no file.
    #[error("it is of the wrong kind")]
    WrongKind,
}

/// Whose files may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// This user's.
    Own,
    /// Root's or this user's, and nobody else can write to them.
    Site,
    /// Anybody's: what is read is verified by other means.
    Anyone,
}

impl Rule {
    fn check(self, stat: &Stat) -> Result<(), Error> {
        let own = stat.st_uid == geteuid().as_raw();
        match self {
            Rule::Own if !own => Err(Error::Refused(Refusal::OtherOwner)),
            Rule::Site if !own && stat.st_uid != 0 => Err(Error::Refused(Refusal::OtherOwner)),
            Rule::Site if stat.st_mode & 0o022 != 0 => Err(Error::Refused(Refusal::WritableByOthers)),
            _ => Ok(()),
        }
    }
}

#[derive(Debug)]
pub(super) enum Error {
    Io(io::Error),
    Refused(Refusal),
}

impl Error {
    pub(super) fn into_io(self) -> io::Error {
        match self {
            Error::Io(cause) => cause,
            Error::Refused(reason) => io::Error::new(io::ErrorKind::PermissionDenied, reason),
        }
    }

    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Error::Io(cause) if cause.kind() == io::ErrorKind::NotFound)
    }
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Error {
        match errno {
            // What `O_NOFOLLOW` says of a link; together with `O_DIRECTORY` it says that it is no directory.
            Errno::LOOP => Error::Refused(Refusal::SymbolicLink),
            Errno::NOTDIR => Error::Refused(Refusal::WrongKind),
            errno => Error::Io(errno.into()),
        }
    }
}

/// The content of a file, and when it was last used, in seconds since 1970.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) last_use: i64,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) size: u64,
    pub(super) last_use: i64,
    pub(super) inode: (u64, u64),
}

impl About {
    fn of(stat: &Stat) -> About {
        About {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            last_use: stat.st_mtime,
            inode: (stat.st_dev, stat.st_ino),
        }
    }
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory {
    file: OwnedFd,
    rule: Rule,
    pub(super) system: System,
}

pub(super) const OPEN: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::RDONLY);

impl Directory {
    /// The directory at a path of which every component was checked; `create` makes what is missing, for this user.
    pub(super) fn open_base(system: &System, path: &Path, rule: Rule, create: bool) -> Result<Directory, Error> {
        let base = Directory { file: walk(system, path, rule, create)?, rule, system: system.clone() };
        let stat = system.stat(&base.file)?;
        rule.check(&stat)?;
        if rule == Rule::Own && stat.st_mode & 0o002 != 0 {
            return Err(Error::Refused(Refusal::WritableByOthers));
        }
        Ok(base)
    }

    /// A directory in this one.
    pub(super) fn child(&self, name: &str, create: bool) -> Result<Directory, Error> {
        let open = || self.system.open(&self.file, name, OPEN, Mode::empty());
        let opened = match open() {
            Err(Errno::NOENT) if create => {
                match self.system.make_directory(&self.file, name) {
                    // Another process was faster.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                open()?
            }
            other => other?,
        };
        self.rule.check(&self.system.stat(&opened)?)?;
        Ok(Directory { file: opened, rule: self.rule, system: self.system.clone() })
    }

    /// Takes every right from others where they can write, or refuses. That they can read is for the owner to decide.
    pub(super) fn require_private(&self) -> Result<(), Error> {
        let stat = self.system.stat(&self.file)?;
        if stat.st_mode & 0o022 == 0 || self.system.make_private(&self.file).is_ok() {
            return Ok(());
        }
        Err(Error::Refused(Refusal::WritableByOthers))
    }

    /// The content of a file.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Content, Error> {
        // Not to wait for a writer, should it be a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match self.system.open(&self.file, name, flags, Mode::empty()) {
            // What sockets and devices without a driver say.
            Err(Errno::NXIO | Errno::NODEV) => return Err(Error::Refused(Refusal::WrongKind)),
            other => other?,
        };
        let stat = self.system.stat(&file)?;
        self.rule.check(&stat)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || size > limit {
            return Err(Error::Refused(Refusal::WrongKind));
        }
        let bytes = self.system.read_all(&file, size as usize, limit as usize)?;
        Ok(Content { bytes, last_use: stat.st_mtime })
    }

    /// Writes a new file and returns its name, which no other process uses.
    pub(super) fn write_new(&self, bytes: &[u8]) -> Result<String, Errno> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        loop {
            // Processes in two containers can share the directory and have one number.
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let name = format!("{}-{}-{now:x}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
            let file = match self.system.open(&self.file, &name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => file,
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(errno),
            };
            if let Err(errno) = self.system.write_all(&file, bytes) {
                self.remove(&name);
                return Err(errno);
            }
            return Ok(name);
        }
    }

    /// Opens a file for locking, which is made if it is not there.
    pub(super) fn open_lock(&self, name: &str) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = self.system.open(&self.file, name, flags, Mode::RUSR | Mode::WUSR)?;
        self.rule.check(&self.system.stat(&file)?)?;
        Ok(file)
    }

    /// Whether an open file is the one with this name.
    pub(super) fn is_named(&self, file: &OwnedFd, name: &str) -> bool {
        let open = self.system.stat(file).map(|stat| About::of(&stat).inode);
        matches!((open, self.about(name)), (Ok(open), Some(named)) if open == named.inode)
    }

    /// Moves a file to a name that is not taken; false if it is.
    pub(super) fn move_new(&self, name: &str, to: &Directory, new_name: &str) -> Result<bool, Errno> {
        match self.system.rename_new(&self.file, name, &to.file, new_name) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => return Ok(false),
            // Network file systems and old kernels cannot.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(errno) => return Err(errno),
        }
        match self.system.link(&self.file, name, &to.file, new_name) {
            Ok(()) => {
                self.remove(name);
                Ok(true)
            }
            Err(Errno::EXIST) => Ok(false),
            Err(Errno::NOENT) => Err(Errno::NOENT),
            // No links either. To replace a file is safe: both have the same key, and nobody maps them.
            Err(_) => self.replace(name, to, new_name).map(|()| true),
        }
    }

    /// Moves a file, in the place of another one if there is one.
    pub(super) fn replace(&self, name: &str, to: &Directory, new_name: &str) -> Result<(), Errno> {
        self.system.rename(&self.file, name, &to.file, new_name)
    }

    /// Removes a file; whether that went well. What stays is removed by a later sweep.
    pub(super) fn remove(&self, name: &str) -> bool {
        self.system.unlink(&self.file, name).is_ok()
    }

    /// Removes a directory if nothing is in it.
    pub(super) fn remove_empty(&self, name: &str) -> bool {
        self.system.remove_directory(&self.file, name).is_ok()
    }

    /// Removes a file, or a directory with everything in it; how many files there were.
    pub(super) fn remove_tree(&self, name: &str) -> usize {
        self.remove_down_to(name, DEEPEST)
    }

    fn remove_down_to(&self, name: &str, depth: usize) -> usize {
        if self.remove(name) {
            return 1;
        }
        // Anybody's: what is in a directory of this user goes with it.
        let Ok(file) = self.system.open(&self.file, name, OPEN, Mode::empty()) else { return 0 };
        let inner = Directory { file, rule: Rule::Anyone, system: self.system.clone() };
        let names = if depth == 0 { Vec::new() } else { inner.names().unwrap_or_default() };
        let removed = names.iter().map(|name| inner.remove_down_to(name, depth - 1)).sum();
        self.remove_empty(name);
        removed
    }

    /// Removes files that nobody has written to for a day; how many.
    pub(super) fn remove_abandoned(&self) -> usize {
        let now = self.system.now();
        let names = self.names().unwrap_or_default();
        let old = |name: &&String| {
            self.about(name).is_some_and(|about| now.saturating_sub(about.last_use).saturating_abs() > ABANDONED)
        };
        names.iter().filter(old).map(|name| self.remove_tree(name)).sum()
    }

    /// What is known of a file; None if it is not there.
    pub(super) fn about(&self, name: &str) -> Option<About> {
        self.system.stat_at(&self.file, name).ok().map(|stat| About::of(&stat))
    }

    /// Sets when a file was last used. That this fails is no reason for anything else to.
    pub(super) fn set_last_use(&self, name: &str, seconds: i64) -> bool {
        self.system.set_time(&self.file, name, seconds).is_ok()
    }

    /// The names in this directory, in order.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        self.system.names(&self.file)
    }
}

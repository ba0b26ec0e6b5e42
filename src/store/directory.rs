//! Directories of this user alone, reached by descriptors so that nobody can exchange what was checked: nothing is
//! followed through a symbolic link, and what others own or can write to is refused.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// A temporary file that is older belongs to a process that is gone.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// It is no directory, or no file.
    #[error("it is of the wrong kind")]
    WrongKind,
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

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

const OPEN: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

impl Directory {
    /// The directory that a user chose. Links above it are the user's business.
    pub(super) fn open_base(path: &Path, create: bool) -> Result<Directory, Error> {
        // Without a trailing slash, which would follow a link.
        let path: PathBuf = path.components().collect();
        if create {
            DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(Error::Io)?;
        }
        let is_link = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
        if is_link {
            return Err(Error::Refused(Refusal::SymbolicLink));
        }
        let base = Directory(rustix::fs::openat(CWD, &path, OPEN, Mode::empty())?);
        let stat = rustix::fs::fstat(&base.0)?;
        check_owner(&stat)?;
        if stat.st_mode & 0o002 != 0 {
            return Err(Error::Refused(Refusal::WritableByOthers));
        }
        Ok(base)
    }

    /// A directory in this one.
    pub(super) fn child(&self, name: &str, create: bool) -> Result<Directory, Error> {
        let open = || rustix::fs::openat(&self.0, name, OPEN, Mode::empty());
        let opened = match open() {
            Err(Errno::NOENT) if create => {
                match rustix::fs::mkdirat(&self.0, name, Mode::RWXU) {
                    // Another process was faster.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                open()?
            }
            other => other?,
        };
        check_owner(&rustix::fs::fstat(&opened)?)?;
        Ok(Directory(opened))
    }

    /// Takes every right from others, or refuses where they can write.
    pub(super) fn require_private(&self) -> Result<(), Error> {
        let others = |stat: &Stat, bits: u32| stat.st_mode & bits != 0;
        let stat = rustix::fs::fstat(&self.0)?;
        if !others(&stat, 0o077) || rustix::fs::fchmod(&self.0, Mode::RWXU).is_ok() || !others(&stat, 0o022) {
            return Ok(());
        }
        Err(Error::Refused(Refusal::WritableByOthers))
    }

    /// The content of a file.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, Error> {
        // Not to wait for a writer, should it be a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.0, name, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        check_owner(&stat)?;
        let size = stat.st_size as u64;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || size > limit {
            return Err(Error::Refused(Refusal::WrongKind));
        }
        let mut bytes = Vec::with_capacity(size as usize + 1);
        File::from(file).take(limit).read_to_end(&mut bytes).map_err(Error::Io)?;
        Ok(bytes)
    }

    /// Writes a new file and returns its name, which no other process uses.
    pub(super) fn write_new(&self, bytes: &[u8]) -> io::Result<String> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            // Processes in two containers can share the directory and have one number.
            let name = format!("{}-{}-{now:x}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
            let mut file = match rustix::fs::openat(&self.0, &name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => File::from(file),
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(errno.into()),
            };
            if let Err(cause) = file.write_all(bytes).and_then(|()| file.flush()) {
                self.remove(&name);
                return Err(cause);
            }
            return Ok(name);
        }
    }

    /// Moves a file to a name that is not taken; false if it is.
    pub(super) fn move_new(&self, name: &str, to: &Directory, new_name: &str) -> io::Result<bool> {
        match rustix::fs::renameat_with(&self.0, name, &to.0, new_name, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => return Ok(false),
            // Network file systems and old kernels cannot.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(errno) => return Err(errno.into()),
        }
        match rustix::fs::linkat(&self.0, name, &to.0, new_name, AtFlags::empty()) {
            Ok(()) => {
                self.remove(name);
                Ok(true)
            }
            Err(Errno::EXIST) => Ok(false),
            // No links either. To replace a file is safe: both have the same key, and nobody maps them.
            Err(_) => self.replace(name, to, new_name).map(|()| true),
        }
    }

    /// Moves a file, in the place of another one if there is one.
    pub(super) fn replace(&self, name: &str, to: &Directory, new_name: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, name, &to.0, new_name)?)
    }

    /// Removes a file; if that fails, `remove_abandoned` will do it.
    pub(super) fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.0, name, AtFlags::empty());
    }

    /// Removes files that nobody has written to for a day.
    pub(super) fn remove_abandoned(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for name in self.names().unwrap_or_default() {
            let Ok(stat) = rustix::fs::statat(&self.0, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let modified = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
            if now.saturating_sub(modified) > ABANDONED {
                self.remove(&name);
            }
        }
    }

    /// The names in this directory, in order.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            // What is not UTF-8 is not ours.
            names.extend(entry?.file_name().to_str().map(str::to_string));
        }
        names.retain(|name| name != "." && name != "..");
        names.sort_unstable();
        Ok(names)
    }
}

fn check_owner(stat: &Stat) -> Result<(), Error> {
    if stat.st_uid == geteuid().as_raw() { Ok(()) } else { Err(Error::Refused(Refusal::OtherOwner)) }
}

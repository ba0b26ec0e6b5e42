//! From the root of the file system to a directory, component by component, by descriptors: each is checked before the
//! next one is looked for in it, so that nobody who is not trusted can exchange what is reached.
//!
//! Root, and whoever runs this process, are trusted. A directory that others can write to will do if its sticky bit is
//! set, since then only the owner of what is in it can exchange that, and owners are checked as well.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

use super::directory::{Error, OPEN, Refusal, Rule};
use super::system::System;

/// As many links as the system itself follows.
const MOST_LINKS: usize = 40;

/// A directory on the way: to search it needs no right to read it.
const PASS: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::PATH);

/// Opens the directory at `path`. `create`: directories that are missing are made, for this user alone.
pub(super) fn walk(system: &System, path: &Path, rule: Rule, create: bool) -> Result<OwnedFd, Error> {
    let path = std::path::absolute(path).map_err(Error::Io)?;
    let root = system.open(CWD, "/", PASS, Mode::empty())?;
    let about_root = system.stat(&root)?;
    let mut checks = Checks { rule, root_owner: about_root.st_uid, sealed: false };
    checks.passes(&about_root)?;
    let mut way = vec![root];
    let mut ahead = components(&path);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        let is_last = ahead.is_empty();
        if name == ".." {
            if way.len() > 1 {
                way.pop();
            }
            continue;
        }
        let here = way.last().ok_or(Errno::NOENT)?;
        let name = name.to_str().ok_or(Errno::INVAL)?;
        let stat = match system.stat_at(here, name) {
            Err(Errno::NOENT) if create => {
                match system.make_directory(here, name) {
                    // Another process was faster.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(Error::Io(errno.into())),
                }
                system.stat_at(here, name)
            }
            other => other,
        };
        // No directory on the way is like no file there.
        let stat = stat.map_err(|errno| Error::Io(errno.into()))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            links += 1;
            // A link to the store itself is not what the user meant by its directory.
            if links > MOST_LINKS || is_last && rule == Rule::Own {
                return Err(Error::Refused(Refusal::SymbolicLink));
            }
            checks.follows(&stat)?;
            let target = OsString::from_vec(system.read_link(here, name)?);
            if target.as_bytes().starts_with(b"/") {
                way.truncate(1);
            }
            ahead.extend(components(Path::new(&target)));
            continue;
        }
        if is_last {
            return Ok(system.open(here, name, OPEN, Mode::empty())?);
        }
        let next = system.open(here, name, PASS, Mode::empty()).map_err(|errno| Error::Io(errno.into()))?;
        checks.passes(&system.stat(&next)?)?;
        way.push(next);
    }
    // The root itself, or a path that ends by going up.
    let here = way.last().ok_or(Errno::NOENT)?;
    Ok(system.open(here, ".", OPEN, Mode::empty())?)
}

/// The names of a path, the last one first.
fn components(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    names.map(|part| part.as_os_str().to_owned()).collect()
}

/// What is asked of directories on the way to a store.
struct Checks {
    rule: Rule,
    root_owner: u32,
    /// Others cannot get to what comes now, whatever its rights are.
    sealed: bool,
}

impl Checks {
    fn trusts(&self, owner: u32) -> bool {
        match self.rule {
            Rule::Anyone => true,
            Rule::Site => owner == 0 || owner == geteuid().as_raw(),
            // In the user namespace of a container, root is nobody; who owns `/` can exchange everything anyway.
            Rule::Own => owner == 0 || owner == geteuid().as_raw() || owner == self.root_owner,
        }
    }

    fn passes(&mut self, stat: &Stat) -> Result<(), Error> {
        if !self.trusts(stat.st_uid) {
            return Err(Error::Refused(Refusal::OtherOwnerAbove));
        }
        let is_sticky = stat.st_mode & 0o1000 != 0;
        let by_group = stat.st_mode & 0o020 != 0;
        let by_all = stat.st_mode & 0o002 != 0;
        let writable = match self.rule {
            Rule::Anyone => false,
            Rule::Site => by_group || by_all,
            // Many systems give each user a group, to which new directories are open.
            Rule::Own => !self.sealed && (by_all || by_group && stat.st_gid != getegid().as_raw()),
        };
        if writable && !is_sticky {
            return Err(Error::Refused(Refusal::WritableAbove));
        }
        self.sealed |= stat.st_mode & 0o011 == 0;
        Ok(())
    }

    fn follows(&self, link: &Stat) -> Result<(), Error> {
        if self.trusts(link.st_uid) { Ok(()) } else { Err(Error::Refused(Refusal::OtherOwnerAbove)) }
    }
}

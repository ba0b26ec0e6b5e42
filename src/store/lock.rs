//! Who compiles a kernel that several processes need at once. A lock saves work and nothing else: whoever cannot have
//! one in time compiles anyway.
//!
//! A lock is `flock` on a file with the name of the kernel id: it ends with its process, however that ends. The file is
//! removed by whoever holds the lock, and whoever gets a lock looks whether its file is still the one with that name,
//! so that no two hold what they take for the same lock. A process that was forked off shares the open file, but a
//! lock that is given back is so for all of them; and only the process that took a lock gives it back.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::directory::{Directory, Error};

/// How long to wait between two looks: at first, and in the end. Compilers take tens of milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// How often in a row a lock may be found that its owner has just given back.
const MOST_TURNS: usize = 16;

/// Who compiles.
#[derive(Debug)]
pub enum Claim {
    /// This one: nobody else who asks gets here before the guard is dropped. Whoever had the claim before has published
    /// by now, so look into the store first.
    Mine(Guard),
    /// Another one is at it: what it makes is in the store before long.
    Others,
    /// There are no locks here: compile anyway.
    Anyway,
}

/// A lock that is held.
#[derive(Debug)]
pub struct Guard {
    directory: Directory,
    name: String,
    file: OwnedFd,
    process: u32,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            // First the name: whoever waits for this file sees that it is none any more.
            self.directory.remove(&self.name);
            // Should it stay locked in a child, others wait in vain, for as long as they were told to.
            let _ = self.directory.system.unlock(&self.file);
        }
    }
}

/// What a try came to.
pub(super) enum Try {
    Got(Guard),
    Busy,
}

/// Tries once to lock the file `name` in a directory of locks.
pub(super) fn try_lock(root: &Directory, locks: &str, name: &str) -> Result<Try, Error> {
    for _ in 0..MOST_TURNS {
        let directory = root.child(locks, true)?;
        let file = match directory.open_lock(name) {
            // The folder was removed meanwhile.
            Err(error) if error.is_absence() && root.about(locks).is_none() => continue,
            other => other?,
        };
        if !directory.system.try_lock(&file)? {
            return Ok(Try::Busy);
        }
        if directory.is_named(&file, name) {
            let name = name.to_string();
            return Ok(Try::Got(Guard { directory, name, file, process: std::process::id() }));
        }
    }
    Ok(Try::Busy)
}

/// Removes the files of locks that nobody holds; how many. Processes that died have left them.
pub(super) fn sweep(root: &Directory, locks: &str) -> usize {
    let Ok(directory) = root.child(locks, false) else { return 0 };
    let names = directory.names().unwrap_or_default();
    let free = |name: &&String| matches!(try_lock(root, locks, name), Ok(Try::Got(_)));
    names.iter().filter(free).count()
}

/// How long to wait from one look to the next, for whoever waits for what others have claimed.
pub fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(FIRST_PAUSE), |pause| Some((*pause * 2).min(LONGEST_PAUSE)))
}

//! The environment as a value, and programs in it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time for one run of a compiler, in seconds, instead of what it has otherwise.
pub(super) const TIME_LIMIT: &str = "SALTUS_COMPILE_TIMEOUT";

/// Environment variables, as a value.
#[derive(Clone, Debug, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// The variables of this process.
    pub fn of_process() -> Env {
        Env(std::env::vars_os().collect())
    }

    /// These variables and no others.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Env {
        Env(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The value of a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// How long one run of a compiler may take, if the user says so.
    pub fn compile_time_limit(&self) -> Option<Duration> {
        /// No compiler takes longer, and a moment so far ahead can be told.
        const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
        let seconds = self.get(TIME_LIMIT)?.to_str()?.trim().parse::<f64>().ok()?;
        let limit = Duration::try_from_secs_f64(seconds.min(LONGEST.as_secs_f64())).ok()?;
        (seconds > 0.0 && !limit.is_zero()).then_some(limit)
    }

    /// The program that a shell would run for `name`.
    pub fn find_program(&self, name: &Path) -> Option<PathBuf> {
        if name.components().count() > 1 {
            return is_program(name).then(|| std::path::absolute(name).ok())?;
        }
        find_in(std::env::split_paths(self.get("PATH")?), name)
    }
}

/// A small file, if it is a plain one: what anybody may have put in its place would stop us, or have no end.
pub(super) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    const MOST: u64 = 1 << 20;
    let file = fs::File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

pub(super) fn find_in(directories: impl Iterator<Item = PathBuf>, name: &Path) -> Option<PathBuf> {
    // Entries that are relative to the current directory would make the compiler depend on it.
    directories.filter(|d| d.is_absolute()).map(|d| d.join(name)).find(|path| is_program(path))
}

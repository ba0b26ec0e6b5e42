//! Compiled kernels on disk, one verified file for each.
//!
//! [`Store::get`] finds a kernel by what it computes and by what the machine can run, in the personal store and then in
//! the layers below it; [`Store::insert`] publishes one so that readers see a whole file or none; [`Store::claim`] says
//! who compiles one that is missing. Whatever is wrong with the store (absent, full, read-only, damaged, somebody
//! else's) makes a run slower and adds a [`StoreWarning`], and nothing more. `cache/README.md` describes the files. The
//! store knows nothing of compilers, and does not load what it keeps.

pub mod archive;
mod directory;
mod entry;
#[doc(hidden)]
pub mod fuzzing;
mod layers;
mod limits;
mod lock;
mod manage;
mod shelf;
mod signature;
mod sweep;
mod system;
mod texts;
mod walk;

use std::cell::OnceCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

pub use directory::Refusal;
use directory::{Directory, Rule};
pub use entry::{Artifact, Damage, Record};
pub use layers::{Layer, Trust};
pub use limits::{LimitError, Limits};
pub use lock::{Claim, Guard, pauses};
pub use manage::{Component, inspect_path};
use shelf::Trouble;
pub use signature::{KeyError, PublicKey, SecretKey, public_path};
pub use sweep::{GcReport, Use};
pub use system::{Fault, System};
pub use texts::{IrDigest, ModelDigest, TextLine, Texts};

use crate::build::{Env, KernelId, Key, Machine, Recipe};

/// The folder of this layout; another layout gets another folder.
const LAYOUT: &str = "v1";
/// Files that are being written.
const TEMPORARY: &str = "tmp";
/// Files that were found damaged.
const QUARANTINE: &str = "quarantine";
/// Locks of kernels that are being compiled.
const LOCKS: &str = "locks";
/// Memos of compilers (see `build::toolchain`).
const TOOLCHAINS: &str = "toolchains";
/// Public keys that this user trusts, beside the layouts, so that they stay when a store is emptied.
const TRUSTED_KEYS: &str = "trusted-keys";

/// The use of an entry is written down if the last one is further away, in seconds: most hits write nothing.
const TOUCH_AFTER: i64 = 24 * 60 * 60;

/// How often an entry is published again when a folder vanishes on the way.
const MOST_TRIES: usize = 64;

/// How a store is used.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Only the library of the exact recipe is a hit.
    pub strict: bool,
    /// Nothing is written.
    pub read_only: bool,
    /// What is kept at most.
    pub limits: Limits,
    /// Stores that are asked after the personal one, in this order, and never written.
    pub layers: Vec<PathBuf>,
    /// Files of public keys whose signatures are trusted, besides `trusted-keys` in the personal store.
    pub trust: Vec<PathBuf>,
    /// The operating system, for tests.
    #[doc(hidden)]
    pub system: System,
}

impl StoreOptions {
    /// For looking only.
    pub fn read_only() -> StoreOptions {
        StoreOptions { read_only: true, ..StoreOptions::default() }
    }

    /// With the limits, layers and trusted keys that the environment names; what is wrong there.
    pub fn from_env(env: &Env) -> (StoreOptions, Vec<StoreWarning>) {
        let (limits, errors) = Limits::from_env(env);
        let paths = |name: &str| -> Vec<PathBuf> {
            let paths = env.get(name).map(|paths| std::env::split_paths(paths).collect::<Vec<_>>()).unwrap_or_default();
            paths.into_iter().filter(|path| !path.as_os_str().is_empty()).collect()
        };
        let (layers, trust) = (paths("SALTUS_CACHE_LAYERS"), paths("SALTUS_CACHE_TRUST"));
        let options = StoreOptions { limits, layers, trust, ..StoreOptions::default() };
        let warnings = errors.into_iter().map(|(name, cause)| StoreWarning::Setting { name, cause });
        (options, warnings.collect())
    }
}

/// Something is wrong with the store; the run goes on without that part of it.
#[derive(Debug, thiserror::Error)]
pub enum StoreWarning {
    /// The directory cannot be used.
    #[error("the kernel store `{}` is not used: {cause}", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The directory is not safe to load code from.
    #[error("the kernel store `{}` is not used: {reason}", path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: Refusal,
    },
    /// A file is not what it should be. It was moved aside, if that was possible.
    #[error("the stored kernel `{}` is damaged: {damage}", path.display())]
    Damaged {
        /// The file, relative to the store.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A file cannot be read.
    #[error("cannot read the stored kernel `{}`: {cause}", path.display())]
    Read {
        /// The file, relative to the store.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// A layer that others can write to has entries without a signature that is trusted. Said once.
    #[error(
        "kernels of the layer `{}` are not used: {reason}, and they are not signed by a key that is trusted",
        path.display()
    )]
    Unsigned {
        /// The layer.
        path: PathBuf,
        /// Why its entries need signatures.
        reason: Refusal,
    },
    /// A file of trusted keys cannot be used.
    #[error(transparent)]
    Keys(KeyError),
    /// A setting of the environment is nonsense; the usual one holds.
    #[error("`{name}` is ignored: {cause}")]
    Setting {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        cause: LimitError,
    },
    /// Kernels cannot be kept. Said once.
    #[error("cannot keep kernels in `{}`: {cause}", path.display())]
    Write {
        /// The store.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// A store, or none. Shared by threads.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    root: Option<Directory>,
    options: StoreOptions,
    layers: OnceLock<Vec<Layer>>,
    trusted: OnceLock<Vec<PublicKey>>,
    warnings: Mutex<Vec<StoreWarning>>,
    write_failed: AtomicBool,
    has_grown: AtomicBool,
}

impl Store {
    /// Where a user's store is: `$SALTUS_CACHE_DIR`, else `saltus` in `$XDG_CACHE_HOME`, else in `~/.cache`.
    pub fn default_directory(env: &Env) -> Option<PathBuf> {
        if let Some(path) = env.get("SALTUS_CACHE_DIR") {
            return std::path::absolute(path).ok();
        }
        // A relative path is to be ignored, says the XDG Base Directory Specification.
        let xdg = env.get("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || env.get("HOME").map(|home| Path::new(home).join(".cache")).filter(|path| path.is_absolute());
        Some(xdg.or_else(home)?.join("saltus"))
    }

    /// The store in `path`, which is made if it is not there. If that cannot be, there are its layers only.
    pub fn open(path: &Path, options: StoreOptions) -> Store {
        let mut store = Store::without_directory(options);
        store.path = path.to_path_buf();
        let create = !store.options.read_only;
        let opened = Directory::open_base(&store.options.system, path, Rule::Own, create)
            .and_then(|base| base.child(LAYOUT, create))
            .and_then(|root| root.require_private().map(|()| root));
        match opened {
            Ok(root) => store.root = Some(root),
            // A store that nobody has written to yet is no news to a reader.
            Err(error) if !create && error.is_absence() => {}
            Err(directory::Error::Io(cause)) => store.warn(StoreWarning::Unusable { path: path.to_path_buf(), cause }),
            Err(directory::Error::Refused(reason)) => {
                store.warn(StoreWarning::Unsafe { path: path.to_path_buf(), reason });
            }
        }
        store
    }

    /// The folder in a store's directory that has everything of this layout, and nothing else.
    pub fn folder(directory: &Path) -> PathBuf {
        directory.join(LAYOUT)
    }

    /// Whether somebody has made a store in `path`, of this layout. Where that cannot be seen, opening it says why.
    pub fn is_made(path: &Path) -> bool {
        !matches!(path.join(LAYOUT).symlink_metadata(), Err(cause) if cause.kind() == io::ErrorKind::NotFound)
    }

    /// The layers that the options name, and no personal store: what is made is not kept.
    pub fn without_directory(options: StoreOptions) -> Store {
        Store {
            path: PathBuf::new(),
            root: None,
            options,
            layers: OnceLock::new(),
            trusted: OnceLock::new(),
            warnings: Mutex::new(Vec::new()),
            write_failed: AtomicBool::new(false),
            has_grown: AtomicBool::new(false),
        }
    }

    /// No store: nothing is found, nothing is kept.
    pub fn none() -> Store {
        Store::without_directory(StoreOptions::default())
    }

    /// What has gone wrong since the last call.
    pub fn take_warnings(&self) -> Vec<StoreWarning> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// The directory, if there is one to use.
    pub fn path(&self) -> Option<&Path> {
        self.root.as_ref().map(|_| self.path.as_path())
    }

    /// A directory of this user alone, for memos of compilers.
    pub fn toolchain_memos(&self) -> Option<PathBuf> {
        let root = self.root.as_ref()?;
        root.child(TOOLCHAINS, !self.options.read_only).ok()?;
        Some(self.path.join(LAYOUT).join(TOOLCHAINS))
    }

    /// A verified library that computes `kernel` and runs on `machine`: that of the recipe `exact` if it is in the
    /// personal store or in a layer; else, unless the store is strict, of the first of these that has any, the one that
    /// makes most use of the processor.
    pub fn get(&self, kernel: &KernelId, exact: Option<&Key>, machine: &Machine) -> Option<Artifact> {
        let runs = |found: &Artifact| machine.runs(&found.record.recipe.target, &found.record.recipe.features);
        let open = |place| self.shelf(place, kernel).map(|shelf| (place, shelf));
        let (own, below) = (open(None), OnceCell::new());
        // Layers are not looked at while the personal store has what is needed.
        let open_below = || below.get_or_init(|| self.layers().iter().filter_map(|layer| open(Some(layer))).collect());
        let shelves = || own.iter().chain(std::iter::once_with(open_below).flat_map(|below: &Vec<_>| below));
        if let Some(key) = exact {
            let found = shelves().find_map(|(place, shelf)| self.read(*place, shelf, kernel, key, true).filter(runs));
            if found.is_some() {
                return found;
            }
        }
        if self.options.strict {
            return None;
        }
        shelves().find_map(|(place, shelf)| {
            let others = shelf::keys(shelf).into_iter().filter(|key| Some(key) != exact);
            let usable = others.filter_map(|key| self.read(*place, shelf, kernel, &key, true)).filter(runs);
            // The last of equals by key, so that all processes choose the same.
            usable.max_by_key(|found| (found.record.recipe.opt_level, found.record.recipe.features.len(), found.key))
        })
    }

    /// The same for whoever wants the code of one compiler: that of `recipe`, alone or compiled together with others.
    pub fn get_as(&self, kernel: &KernelId, recipe: &Recipe, machine: &Machine) -> Option<Artifact> {
        let key = recipe.key();
        let found = self.get(kernel, Some(&key), machine).filter(|found| found.record.recipe.makes_the_same_as(recipe));
        if found.is_some() || self.options.strict {
            return found;
        }
        let places = std::iter::once(None).chain(self.layers().iter().map(Some));
        places.filter_map(|place| Some((place, self.shelf(place, kernel)?))).find_map(|(place, shelf)| {
            let variants =
                shelf::keys(&shelf).into_iter().filter_map(|key| self.read(place, &shelf, kernel, &key, true));
            let runs = |found: &Artifact| machine.runs(&found.record.recipe.target, &found.record.recipe.features);
            variants.filter(runs).find(|found| found.record.recipe.makes_the_same_as(recipe))
        })
    }

    /// Who is to compile a kernel that [`Store::get`] did not find, in whatever variant: any of them will do for most.
    /// This call does not wait; who does looks into the store as well each time before it asks again.
    pub fn claim(&self, kernel: &KernelId) -> Claim {
        let Some(root) = self.root.as_ref().filter(|_| !self.options.read_only) else { return Claim::Anyway };
        match lock::try_lock(root, LOCKS, &kernel.to_string()) {
            Ok(lock::Try::Got(guard)) => Claim::Mine(guard),
            Ok(lock::Try::Busy) => Claim::Others,
            // No locks on this file system, or no right to make them.
            Err(_) => Claim::Anyway,
        }
    }

    /// Keeps a library that was compiled by `compiler` (its version line) after `recipe` in `seconds`. Whether or not
    /// it could be kept, these bytes are returned: who loses a race against another process uses its own.
    pub fn insert(&self, recipe: &Recipe, compiler: &str, library: &[u8], seconds: f64) -> Artifact {
        let record = Record { recipe: recipe.clone(), compiler: compiler.to_string(), compile_seconds: seconds };
        let artifact = Artifact::new(record, library);
        if let Err(cause) = self.keep(&artifact)
            && !self.write_failed.swap(true, Ordering::Relaxed)
        {
            self.warn(StoreWarning::Write { path: self.path.clone(), cause });
        }
        artifact
    }

    /// Publishes an entry; false if its key is there already, or there is no store to write to.
    fn keep(&self, artifact: &Artifact) -> io::Result<bool> {
        let Some(root) = self.root.as_ref().filter(|_| !self.options.read_only) else { return Ok(false) };
        if artifact.size() as u64 > entry::MAX_SIZE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut tries = 1;
        let published = loop {
            match publish(root, artifact) {
                // A folder was removed meanwhile: by a sweep, or by somebody who empties the store.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound && tries < MOST_TRIES => {
                    tries += 1;
                    std::thread::yield_now();
                }
                other => break other?,
            }
        };
        self.has_grown.fetch_or(published, Ordering::Relaxed);
        Ok(published)
    }

    /// The shelf of a kernel in a place (None: the personal store), if it is there.
    fn shelf(&self, place: Option<&Layer>, kernel: &KernelId) -> Option<Directory> {
        let root = place.map(Layer::root).or(self.root.as_ref().filter(|_| place.is_none()))?;
        match shelf::open(root, kernel, false) {
            Ok(shelf) => Some(shelf),
            Err(error) if error.is_absence() => None,
            Err(error) => {
                let (group, rest) = shelf::names(kernel);
                let path = self.shown(place, &[&group, &rest]);
                self.warn(StoreWarning::Read { path, cause: error.into_io() });
                None
            }
        }
    }

    /// A path as warnings name it: relative to the personal store, or in a layer.
    fn shown(&self, place: Option<&Layer>, parts: &[&str]) -> PathBuf {
        let inner: PathBuf = [LAYOUT].iter().chain(parts).collect();
        place.map_or(inner.clone(), |layer| layer.path().join(inner))
    }

    /// An entry, if it is there and in order; one of the personal store that is not is moved aside. `is_use`: whether
    /// it is for running it.
    fn read(
        &self,
        place: Option<&Layer>,
        shelf: &Directory,
        kernel: &KernelId,
        key: &Key,
        is_use: bool,
    ) -> Option<Artifact> {
        let read = match place {
            None => shelf::read(shelf, kernel, key),
            Some(layer) => layer.read(shelf, kernel, key, self.trusted_keys()).map(|found| (found, 0)),
        };
        let name = shelf::file_name(key);
        let path = || {
            let (group, rest) = shelf::names(kernel);
            self.shown(place, &[&group, &rest, &name])
        };
        let writable = place.is_none() && !self.options.read_only;
        match (read, place) {
            (Ok((artifact, last_use)), _) => {
                let now = self.options.system.now();
                if is_use && writable && now.saturating_sub(last_use).saturating_abs() > TOUCH_AFTER {
                    shelf.set_last_use(&name, now);
                }
                return Some(artifact);
            }
            (Err(Trouble::Absent), _) => {}
            (Err(Trouble::Io(cause)), _) => self.warn(StoreWarning::Read { path: path(), cause }),
            (Err(Trouble::Damaged(Damage::NotSigned)), Some(layer)) => self.warn_unsigned(layer),
            (Err(Trouble::Damaged(damage)), _) => {
                self.warn(StoreWarning::Damaged { path: path(), damage });
                if writable {
                    self.move_aside(shelf, &name);
                }
            }
        }
        None
    }

    /// Moves a kernel of the personal store to where damaged ones are, since it was found to be wrong.
    pub fn set_aside(&self, kernel: &KernelId, key: &Key) {
        let Some(root) = self.root.as_ref().filter(|_| !self.options.read_only) else { return };
        if let Ok(shelf) = shelf::open(root, kernel, false) {
            self.move_aside(&shelf, &shelf::file_name(key));
        }
    }

    /// Moves what is no entry out of the way. If it stays where it is, the next reader refuses it as well.
    fn move_aside(&self, shelf: &Directory, name: &str) {
        let Some(root) = &self.root else { return };
        if let Ok(quarantine) = root.child(QUARANTINE, true)
            && quarantine.names().is_ok_and(|names| names.len() < sweep::MOST_ASIDE)
            && shelf.replace(name, &quarantine, name).is_ok()
        {
            return;
        }
        // There are enough to look at, or one with this name that cannot be replaced.
        shelf.remove_tree(name);
    }

    /// The layers that can be used.
    pub fn layers(&self) -> &[Layer] {
        self.layers.get_or_init(|| {
            let open = |path: &PathBuf| {
                let layer = Layer::open(&self.options.system, path, !self.trusted_keys().is_empty());
                layer.map_err(|warning| self.warn(warning)).ok()
            };
            self.options.layers.iter().filter_map(open).collect()
        })
    }

    /// The public keys that this user trusts.
    pub fn trusted_keys(&self) -> &[PublicKey] {
        self.trusted.get_or_init(|| {
            let own = self.root.as_ref().map(|_| self.path.join(TRUSTED_KEYS)).filter(|path| path.exists());
            let mut keys = Vec::new();
            for path in self.options.trust.iter().cloned().chain(own) {
                match PublicKey::read_trusted(&path) {
                    Ok(found) => keys.extend(found),
                    Err(error) => self.warn(StoreWarning::Keys(error)),
                }
            }
            keys
        })
    }

    /// Adds a warning to those that [`Store::take_warnings`] gives.
    pub fn warn(&self, warning: StoreWarning) {
        self.warnings.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(warning);
    }

    fn warn_unsigned(&self, layer: &Layer) {
        let Trust::Signatures(reason) = layer.trust() else { return };
        let mut warnings = self.warnings.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let said =
            |warning: &StoreWarning| matches!(warning, StoreWarning::Unsigned { path, .. } if path == layer.path());
        if !warnings.iter().any(said) {
            warnings.push(StoreWarning::Unsigned { path: layer.path().to_path_buf(), reason });
        }
    }
}

impl Drop for Store {
    /// Once in a while after it has grown, a store is swept: by a thread that yields to all others, and that may end with
    /// the process at any time.
    fn drop(&mut self) {
        let has_grown = *self.has_grown.get_mut();
        let Some(root) = self.root.take().filter(|root| has_grown && sweep::is_due(root)) else { return };
        let limits = self.options.limits;
        let work = move || {
            // Of this thread alone, on Linux. Without it, the sweep is in the way a little more.
            let _ = rustix::process::nice(19);
            // The next one to try will see what is wrong.
            let _ = sweep::sweep(&root, &limits, false);
        };
        drop(std::thread::Builder::new().name("saltus-sweep".to_string()).spawn(work));
    }
}

/// Puts an entry in its place; false if that is taken.
fn publish(root: &Directory, artifact: &Artifact) -> io::Result<bool> {
    let temporary = root.child(TEMPORARY, true).map_err(directory::Error::into_io)?;
    temporary.remove_abandoned();
    let name = temporary.write_new(artifact.bytes())?;
    // Only now: writing takes long enough for a sweep to come by, which removes empty folders.
    let shelf = shelf::open(root, &artifact.kernel, true).map_err(directory::Error::into_io);
    let published = shelf.and_then(|shelf| Ok(temporary.move_new(&name, &shelf, &shelf::file_name(&artifact.key))?));
    if !matches!(published, Ok(true)) {
        temporary.remove(&name);
    }
    published
}

//! Compiled kernels on disk, one verified file for each.
//!
//! [`Store::get`] finds a kernel by what it computes and by what the machine can run; [`Store::insert`] publishes one
//! so that readers see a whole file or none. Whatever is wrong with the store (absent, full, read-only, damaged,
//! somebody else's) makes a run slower and adds a [`StoreWarning`], and nothing more. `cache/README.md` describes the
//! files. The store knows nothing of compilers, and does not load what it keeps.

mod directory;
mod entry;
#[doc(hidden)]
pub mod fuzzing;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use directory::{Directory, Refusal};
pub use entry::{Damage, Record};

use crate::build::{Env, KernelId, Key, Machine, Recipe};

/// The folder of this layout; another layout gets another folder.
const LAYOUT: &str = "v1";
/// Files that are being written.
const TEMPORARY: &str = "tmp";
/// Files that were found damaged.
const QUARANTINE: &str = "quarantine";
/// Memos of compilers (see `build::toolchain`).
const TOOLCHAINS: &str = "toolchains";
/// Ending of an entry's name; the rest is its key.
const ENDING: &str = ".kernel";

/// How a store is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreOptions {
    /// Only the library of the exact recipe is a hit.
    pub strict: bool,
    /// Nothing is written.
    pub read_only: bool,
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
    /// Kernels cannot be kept. Said once.
    #[error("cannot keep kernels in `{}`: {cause}", path.display())]
    Write {
        /// The store.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// A compiled kernel whose bytes have been verified, or were just compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Digest of its recipe.
    pub key: Key,
    /// Digest of what it computes.
    pub kernel: KernelId,
    /// Where it comes from.
    pub record: Record,
    bytes: Vec<u8>,
    library: Range<usize>,
}

impl Artifact {
    /// The shared library.
    pub fn library(&self) -> &[u8] {
        &self.bytes[self.library.clone()]
    }

    /// Bytes of its file.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// A store, or none. Shared by threads.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    root: Option<Directory>,
    options: StoreOptions,
    warnings: Mutex<Vec<StoreWarning>>,
    write_failed: AtomicBool,
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

    /// The store in `path`, which is made if it is not there. If that cannot be, the store is empty and stays so.
    pub fn open(path: &Path, options: StoreOptions) -> Store {
        let mut store = Store::none();
        store.path = path.to_path_buf();
        store.options = options;
        let opened = Directory::open_base(path, !options.read_only)
            .and_then(|base| base.child(LAYOUT, !options.read_only))
            .and_then(|root| root.require_private().map(|()| root));
        match opened {
            Ok(root) => store.root = Some(root),
            // A store that nobody has written to yet is no news to a reader.
            Err(directory::Error::Io(cause)) if options.read_only && cause.kind() == io::ErrorKind::NotFound => {}
            Err(directory::Error::Io(cause)) => store.warn(StoreWarning::Unusable { path: path.to_path_buf(), cause }),
            Err(directory::Error::Refused(reason)) => {
                store.warn(StoreWarning::Unsafe { path: path.to_path_buf(), reason });
            }
        }
        store
    }

    /// No store: nothing is found, nothing is kept.
    pub fn none() -> Store {
        Store {
            path: PathBuf::new(),
            root: None,
            options: StoreOptions::default(),
            warnings: Mutex::new(Vec::new()),
            write_failed: AtomicBool::new(false),
        }
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

    /// A verified library that computes `kernel` and runs on `machine`: that of the recipe `exact` if it is there;
    /// else, unless the store is strict, the one that makes most use of the processor.
    pub fn get(&self, kernel: &KernelId, exact: Option<&Key>, machine: &Machine) -> Option<Artifact> {
        let shelf = match self.shelf(kernel, false) {
            Ok(shelf) => shelf?,
            Err(error) => {
                let (group, rest) = shelf_names(kernel);
                self.warn(StoreWarning::Read {
                    path: [LAYOUT, &group, &rest].iter().collect(),
                    cause: error.into_io(),
                });
                return None;
            }
        };
        if let Some(key) = exact
            && let Some(artifact) = self.read(&shelf, kernel, key)
            && runs(machine, &artifact)
        {
            return Some(artifact);
        }
        if self.options.strict {
            return None;
        }
        let others = keys_in(&shelf).into_iter().filter(|key| Some(key) != exact);
        let usable = others.filter_map(|key| self.read(&shelf, kernel, &key)).filter(|found| runs(machine, found));
        // The last of equals by key, so that all processes choose the same.
        usable.max_by_key(|found| (found.record.recipe.opt_level, found.record.recipe.features.len(), found.key))
    }

    /// Keeps a library that was compiled by `compiler` (its version line) after `recipe` in `seconds`. Whether or not
    /// it could be kept, these bytes are returned: who loses a race against another process uses its own.
    pub fn insert(&self, recipe: &Recipe, compiler: &str, library: &[u8], seconds: f64) -> Artifact {
        let record = Record { recipe: recipe.clone(), compiler: compiler.to_string(), compile_seconds: seconds };
        let (bytes, library) = entry::encode(&record, library);
        let artifact = Artifact { key: recipe.key(), kernel: recipe.kernel_id(), record, bytes, library };
        if self.root.is_some()
            && !self.options.read_only
            && let Err(cause) = self.publish(&artifact)
            && !self.write_failed.swap(true, Ordering::Relaxed)
        {
            self.warn(StoreWarning::Write { path: self.path.clone(), cause });
        }
        artifact
    }

    /// Every kernel of the store that is sound, by key.
    pub fn list(&self) -> Vec<Artifact> {
        self.show("")
    }

    /// The kernels whose key starts with these digits, by key.
    pub fn show(&self, prefix: &str) -> Vec<Artifact> {
        let mut found = BTreeMap::new();
        for kernel in self.kernels() {
            let Ok(Some(shelf)) = self.shelf(&kernel, false) else { continue };
            for key in keys_in(&shelf).into_iter().filter(|key| key.to_string().starts_with(prefix)) {
                found.extend(self.read(&shelf, &kernel, &key).map(|artifact| (key, artifact)));
            }
        }
        found.into_values().collect()
    }

    /// The ids of all kernels that have a shelf.
    fn kernels(&self) -> Vec<KernelId> {
        let Some(root) = &self.root else { return Vec::new() };
        let mut kernels = Vec::new();
        for group in root.names().unwrap_or_default().into_iter().filter(|name| name.len() == 2) {
            let Ok(shelves) = root.child(&group, false).map(|group| group.names().unwrap_or_default()) else {
                continue;
            };
            kernels.extend(shelves.iter().filter_map(|rest| KernelId::from_hex(&format!("{group}{rest}"))));
        }
        kernels
    }

    /// The directory of all variants of a kernel; None if it is not there.
    fn shelf(&self, kernel: &KernelId, create: bool) -> Result<Option<Directory>, directory::Error> {
        let Some(root) = &self.root else { return Ok(None) };
        let (group, rest) = shelf_names(kernel);
        match root.child(&group, create).and_then(|group| group.child(&rest, create)) {
            Ok(shelf) => Ok(Some(shelf)),
            Err(directory::Error::Io(cause)) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An entry, if it is there and in order; one that is not is moved aside.
    fn read(&self, shelf: &Directory, kernel: &KernelId, key: &Key) -> Option<Artifact> {
        let name = format!("{key}{ENDING}");
        let path = || {
            let (group, rest) = shelf_names(kernel);
            [LAYOUT, &group, &rest, &name].iter().collect::<PathBuf>()
        };
        let damage = match shelf.read(&name, entry::MAX_SIZE) {
            Ok(bytes) => match entry::decode(&bytes) {
                Ok((record, _)) if record.recipe.key() != *key || record.recipe.kernel_id() != *kernel => {
                    Damage::OtherKey
                }
                Ok((record, library)) => return Some(Artifact { key: *key, kernel: *kernel, record, bytes, library }),
                Err(damage) => damage,
            },
            // Somebody removed it meanwhile, or it never was there.
            Err(directory::Error::Io(cause)) if cause.kind() == io::ErrorKind::NotFound => return None,
            Err(directory::Error::Io(cause)) => {
                self.warn(StoreWarning::Read { path: path(), cause });
                return None;
            }
            Err(directory::Error::Refused(reason)) => Damage::Refused(reason),
        };
        self.warn(StoreWarning::Damaged { path: path(), damage });
        if let Some(root) = self.root.as_ref().filter(|_| !self.options.read_only)
            && let Ok(quarantine) = root.child(QUARANTINE, true)
        {
            // If it stays where it is, the next reader refuses it as well.
            let _ = shelf.replace(&name, &quarantine, &name);
        }
        None
    }

    fn publish(&self, artifact: &Artifact) -> io::Result<()> {
        let Some(root) = &self.root else { return Ok(()) };
        let temporary = root.child(TEMPORARY, true).map_err(directory::Error::into_io)?;
        let shelf = self.shelf(&artifact.kernel, true).map_err(directory::Error::into_io)?;
        let shelf = shelf.ok_or(io::ErrorKind::NotFound)?;
        temporary.remove_abandoned();
        let name = temporary.write_new(&artifact.bytes)?;
        let published = temporary.move_new(&name, &shelf, &format!("{}{ENDING}", artifact.key));
        if !matches!(published, Ok(true)) {
            temporary.remove(&name);
        }
        published.map(|_| ())
    }

    fn warn(&self, warning: StoreWarning) {
        self.warnings.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(warning);
    }
}

fn runs(machine: &Machine, artifact: &Artifact) -> bool {
    machine.runs(&artifact.record.recipe.target, &artifact.record.recipe.features)
}

/// The names of the two directories that lead to a kernel's entries.
fn shelf_names(kernel: &KernelId) -> (String, String) {
    let mut group = kernel.to_string();
    let rest = group.split_off(2);
    (group, rest)
}

/// The keys of a shelf, in order.
fn keys_in(shelf: &Directory) -> Vec<Key> {
    let names = shelf.names().unwrap_or_default();
    names.iter().filter_map(|name| Key::from_hex(name.strip_suffix(ENDING)?)).collect()
}

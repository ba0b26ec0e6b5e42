//! Kernels that this process has loaded: another network with the same dynamics gets them without a thread, a file or a
//! text. Only so many are kept, those that were asked for last.
//!
//! What is asked for is the kernel as such, by a digest of the whole of it: no name or array of a network is in it. So a
//! thread can put here what a model will need while that is still being read. Nobody waits long for another thread here,
//! so that a process that was forked off while one had the lock cannot wait for ever.

use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use super::{CacheChoice, CpuPolicy, Options};
use crate::build::{KernelId, Key, OptLevel};
use crate::kernel::ir::Kernel;
use crate::load::CompiledKernel;
use crate::render::Language;
use crate::store::{Artifact, IrDigest};

/// How many are kept. One takes some 20 kB.
const KEPT: usize = 512;

/// A kernel that is ready to run.
#[derive(Clone)]
pub struct Loaded {
    /// The code.
    pub code: Arc<CompiledKernel>,
    /// Its key.
    pub key: Key,
    /// What it computes.
    pub kernel: KernelId,
    /// How long the compiler took, now or when it was made.
    pub compile_seconds: f64,
    /// How the compiler names itself.
    pub compiler: Arc<str>,
    /// Whether a compiler did its best.
    pub is_optimised: bool,
}

impl Loaded {
    /// Code that was loaded from an artifact.
    pub fn new(code: CompiledKernel, artifact: &Artifact) -> Loaded {
        Loaded {
            code: Arc::new(code),
            key: artifact.key,
            kernel: artifact.kernel,
            compile_seconds: artifact.record.compile_seconds,
            compiler: artifact.record.compiler.as_str().into(),
            is_optimised: artifact.record.recipe.opt_level > OptLevel::O0,
        }
    }
}

/// Everything besides the kernel that decides which code is right.
#[derive(Clone, Debug, PartialEq)]
pub struct How {
    language: Language,
    cc: Option<PathBuf>,
    opt_level: Option<OptLevel>,
    cpu: CpuPolicy,
    strict: bool,
    store: PathBuf,
    layers: Vec<PathBuf>,
}

impl How {
    /// What options ask for; none if nothing is to be kept.
    pub fn of(options: &Options) -> Option<How> {
        if options.cache == CacheChoice::None || !options.reuse_loaded {
            return None;
        }
        // What was made for other processors would end this one.
        let store = options.store_directory().filter(|_| options.cpu.runs_here())?;
        Some(How {
            language: options.language,
            cc: options.cc.clone(),
            opt_level: options.opt_level,
            cpu: options.cpu,
            strict: options.strict,
            store,
            layers: options.layers.clone(),
        })
    }
}

struct Entry {
    ir: IrDigest,
    how: How,
    loaded: Loaded,
}

/// The last asked for last.
static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// The entries, if they are to be had soon: in a process that was forked off while another thread had them, they never
/// are.
fn entries() -> Option<MutexGuard<'static, Vec<Entry>>> {
    const SOON: Duration = Duration::from_millis(20);
    let started = Instant::now();
    loop {
        match ENTRIES.try_lock() {
            Ok(entries) => return Some(entries),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if started.elapsed() < SOON => std::thread::yield_now(),
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}

/// A digest of a kernel. It means something to this program only.
pub fn digest(kernel: &Kernel) -> IrDigest {
    /// Takes everything that is hashed as it is.
    struct Bytes(Vec<u8>);

    impl Hasher for Bytes {
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    let mut bytes = Bytes(Vec::with_capacity(16 << 10));
    kernel.hash(&mut bytes);
    *blake3::hash(&bytes.0).as_bytes()
}

/// What was loaded for a kernel.
pub fn recall(ir: &IrDigest, how: &How) -> Option<Loaded> {
    let mut entries = entries()?;
    let at = entries.iter().rposition(|e| e.ir == *ir && e.how == *how)?;
    let entry = entries.remove(at);
    let loaded = entry.loaded.clone();
    entries.push(entry);
    Some(loaded)
}

/// Forgets what has this key and was asked for so.
pub fn forget(key: &Key, how: &How) {
    if let Some(mut entries) = entries() {
        entries.retain(|entry| entry.loaded.key != *key || entry.how != *how);
    }
}

/// Keeps what was loaded for a kernel.
pub fn remember(ir: &IrDigest, how: &How, loaded: &Loaded) {
    let Some(mut entries) = entries() else { return };
    entries.retain(|e| !(e.ir == *ir && e.how == *how));
    if entries.len() >= KEPT {
        entries.remove(0);
    }
    entries.push(Entry { ir: *ir, how: how.clone(), loaded: loaded.clone() });
}

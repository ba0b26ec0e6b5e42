//! From kernels to running code: Kernel → Source → Key → Artifact → CompiledKernel → CodeObject, on the tier asked for.
//!
//! The interpreter runs every kernel at once. Unless that is all that was asked for, a thread renders the kernels, looks
//! them up in the store, compiles what is not there and posts each as soon as it is loaded; the run loop swaps it in
//! between two steps. Whatever goes wrong on the way, the kernel stays on the interpreter and a warning says why:
//! results do not depend on the tier.

mod code_object;
mod native;
mod once;
mod policy;
mod threads;
mod worker;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

pub use self::code_object::{CodeObject, Interpreted};
pub use self::native::{Evaluate, native};
pub use self::once::{run_once, run_once_over, select_once};
pub use self::policy::{CpuPolicy, UnknownCpu};
pub use self::threads::Threads;
use self::worker::{Arrival, Job, News};
use crate::build::{Env, Key, OptLevel, ToolchainError};
use crate::kernel::hoist::hoist;
use crate::kernel::ir::LoopShape;
use crate::kernel::lower::{Lowered, Site};
use crate::kernel::verify::{VerifyError, verify};
use crate::load::slot::Mailbox;
use crate::render::Language;
pub use crate::render::NativeFunction;
use crate::store::{Store, StoreOptions, StoreWarning};

/// What runs the kernels. Results are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// The interpreter at once, compiled kernels as they get ready.
    #[default]
    Auto,
    /// The interpreter only.
    Interpreter,
    /// Compiled kernels; the first step waits for them.
    Compiled,
}

/// Where compiled kernels are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CacheChoice {
    /// Where the environment says, or in the user's cache directory.
    #[default]
    Default,
    /// In this directory.
    Directory(PathBuf),
    /// Nowhere.
    None,
}

/// How code is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// What runs the kernels.
    pub tier: Tier,
    /// Language that kernels are rendered in.
    pub language: Language,
    /// The compiler; found if absent. One that is named here is used or refused, never replaced.
    pub cc: Option<PathBuf>,
    /// How hard the compiler tries; 3 if absent.
    pub opt_level: Option<OptLevel>,
    /// For which processors kernels are made. For one that this machine is not, they are made and kept, and none is run.
    pub cpu: CpuPolicy,
    /// Whether only kernels are used that were made exactly as these options say.
    pub strict: bool,
    /// Where compiled kernels are kept.
    pub cache: CacheChoice,
    /// Stores that are looked into after that one, instead of those that the environment names.
    pub layers: Vec<PathBuf>,
    /// Threads that run a kernel together, where that changes no bit and pays: at most one for each processor. 1: the
    /// thread that runs the network.
    pub threads: NonZeroUsize,
    /// The fewest elements that a thread gets, instead of those that pay: for tests.
    #[doc(hidden)]
    pub least_elements: Option<usize>,
    /// The environment in which the compiler and the store are looked for.
    pub env: Env,
    /// Whether functions that the user wrote in C may run.
    pub allow_native: bool,
    /// Who hears of work that needs much memory, before it starts.
    pub notice: Notice,
}

/// Somebody who is told what is about to happen, or nobody.
#[derive(Clone, Default)]
pub struct Notice(Option<Arc<Hears>>);

type Hears = dyn Fn(&str) + Send + Sync;

impl Notice {
    /// Calls this with each message.
    pub fn to(hears: impl Fn(&str) + Send + Sync + 'static) -> Notice {
        Notice(Some(Arc::new(hears)))
    }

    /// Tells.
    pub fn tell(&self, message: &str) {
        if let Some(hears) = &self.0 {
            hears(message);
        }
    }
}

impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Notice" } else { "no Notice" })
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            tier: Tier::Auto,
            language: Language::C,
            cc: None,
            opt_level: None,
            cpu: CpuPolicy::Native,
            strict: false,
            cache: CacheChoice::Default,
            layers: Vec::new(),
            threads: NonZeroUsize::MIN,
            least_elements: None,
            env: Env::of_process(),
            allow_native: false,
            notice: Notice::default(),
        }
    }
}

impl Options {
    /// The interpreter only: no process, no file.
    pub fn interpreted() -> Options {
        Options { tier: Tier::Interpreter, cache: CacheChoice::None, ..Options::default() }
    }

    /// The directory of the store, if there is to be one.
    pub fn store_directory(&self) -> Option<PathBuf> {
        match &self.cache {
            CacheChoice::None => None,
            CacheChoice::Directory(directory) => Some(directory.clone()),
            CacheChoice::Default => Store::default_directory(&self.env),
        }
    }

    /// How the store is used: as these options and the environment say, and what is wrong with what the latter says.
    pub fn store_options(&self) -> (StoreOptions, Vec<StoreWarning>) {
        let (options, warnings) = StoreOptions::from_env(&self.env);
        let layers = if self.layers.is_empty() { options.layers } else { self.layers.clone() };
        (StoreOptions { strict: self.strict, layers, ..options }, warnings)
    }

    /// The store that these options name.
    pub fn store(&self) -> Store {
        if self.cache == CacheChoice::None {
            return Store::none();
        }
        let (options, warnings) = self.store_options();
        let store = match self.store_directory() {
            Some(directory) => Store::open(&directory, options),
            None => Store::without_directory(options),
        };
        warnings.into_iter().for_each(|warning| store.warn(warning));
        store
    }
}

/// Why code could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A kernel is ill-formed: a bug of ours.
    #[error(transparent)]
    IllFormed(#[from] VerifyError),
    /// The compiler that was asked for cannot be used.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// A function in C, without permission to run one.
    #[error(
        "the function `{name}` is written in C, which runs only with permission: `--allow-native`, or `Options::allow_native`"
    )]
    NativeForbidden {
        /// The function.
        name: String,
    },
    /// A function in C cannot be used.
    #[error("the function `{name}` cannot be used: {message}")]
    Native {
        /// The function.
        name: String,
        /// Why not.
        message: String,
    },
}

/// Where a kernel came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The store.
    Hit,
    /// The compiler.
    Built,
    /// It was not compiled.
    Interpreter,
}

/// What is known about the code of one code object.
#[derive(Clone, Debug)]
pub struct Report {
    /// Name of the code object.
    pub name: String,
    /// Kind of the code object.
    pub kind: &'static str,
    /// Shape of the kernel's loop.
    pub shape: &'static str,
    /// Language it is rendered in.
    pub language: Language,
    /// Key of the compiled kernel, if there is one.
    pub key: Option<Key>,
    /// Where it came from.
    pub origin: Origin,
    /// How long the compiler took, if there is a compiled kernel.
    pub compile_seconds: Option<f64>,
}

/// The name of a loop's shape.
pub fn shape_name(shape: &LoopShape) -> &'static str {
    match shape {
        LoopShape::Each => "each",
        LoopShape::Select(_) => "select",
        LoopShape::Indexed => "indexed",
        LoopShape::Pairs(_) => "pairs",
    }
}

/// Checks a kernel, optimises it, and checks it again.
///
/// # Errors
/// If either form is ill-formed: a bug of ours.
pub fn optimised(lowered: Lowered) -> Result<Lowered, EngineError> {
    verify(&lowered.kernel)?;
    let kernel = hoist(lowered.kernel);
    verify(&kernel)?;
    let mut calls = lowered.calls;
    for call in &mut calls {
        if let Some(kernel) = call.kernel.take() {
            verify(&kernel)?;
            let kernel = hoist(kernel);
            verify(&kernel)?;
            call.kernel = Some(kernel);
        }
    }
    Ok(Lowered { kernel, sites: lowered.sites, calls })
}

/// The places whose flags are set.
pub fn sites_of(sites: &[Site], flags: u64) -> Vec<Site> {
    (0..sites.len()).filter(|k| flags >> (*k).min(63) & 1 == 1).map(|k| sites[k].clone()).collect()
}

/// Makes code in the background and keeps account of it.
pub struct Engine {
    options: Options,
    mailbox: Mailbox<Arrival>,
    worker: Option<JoinHandle<()>>,
    cancelled: Arc<AtomicBool>,
    reports: Vec<Report>,
    outstanding: usize,
    interpreted: usize,
    full_speed: Option<Instant>,
    warnings: Vec<String>,
    threads: Arc<Threads>,
}

impl Engine {
    /// Nothing is done yet.
    pub fn new(options: Options) -> Engine {
        let (threads, warning) = match Threads::new(options.threads) {
            Ok(threads) => (threads, None),
            Err(cause) => (Threads::one(), Some(format!("cannot start threads to run kernels: {cause}"))),
        };
        Engine {
            options,
            mailbox: Mailbox::new(),
            worker: None,
            cancelled: Arc::new(AtomicBool::new(false)),
            reports: Vec::new(),
            outstanding: 0,
            interpreted: 0,
            full_speed: None,
            warnings: warning.into_iter().collect(),
            threads: Arc::new(threads),
        }
    }

    /// Starts to make code for these code objects, and lets them use the engine's threads; what arrives is numbered in
    /// their order.
    pub fn start<'a>(&mut self, objects: impl Iterator<Item = &'a mut CodeObject>) {
        let mut jobs = Vec::new();
        for (number, object) in objects.enumerate() {
            match self.options.least_elements {
                Some(least) => object.divide(&self.threads, least),
                None => object.divide_among(&self.threads),
            }
            self.reports.push(Report {
                name: object.name.clone(),
                kind: object.kind,
                shape: shape_name(&object.kernel().shape),
                language: self.options.language,
                key: None,
                origin: Origin::Interpreter,
                compile_seconds: None,
            });
            jobs.push(Job { number, kernel: object.kernel().clone() });
        }
        if self.options.tier == Tier::Interpreter || jobs.is_empty() {
            self.interpreted = jobs.len();
            return;
        }
        self.outstanding = jobs.len();
        let (options, mailbox, cancelled) = (self.options.clone(), self.mailbox.clone(), self.cancelled.clone());
        let work = move || worker::work(&options, &jobs, &mailbox, &cancelled);
        match std::thread::Builder::new().name("saltus-compile".to_string()).spawn(work) {
            Ok(worker) => self.worker = Some(worker),
            Err(cause) => {
                self.warnings.push(format!("cannot start a thread to compile kernels: {cause}"));
                self.interpreted = self.outstanding;
                self.outstanding = 0;
            }
        }
    }

    /// Starts anew, after code objects were exchanged.
    pub fn restart<'a>(&mut self, objects: impl Iterator<Item = &'a mut CodeObject>) {
        self.wait();
        self.mailbox.take().into_iter().for_each(drop);
        self.reports.clear();
        (self.outstanding, self.interpreted) = (0, 0);
        self.start(objects);
    }

    /// Whether code may still arrive.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.outstanding > 0
    }

    /// Calls `swap` with each kernel that has arrived and the number of its code object. `running`: whether the network
    /// still has steps to run, so that a swap counts.
    pub fn take(&mut self, running: bool, mut swap: impl FnMut(usize, &worker::Ready)) -> Result<(), EngineError> {
        let mut refused = None;
        for Arrival { numbers, news } in self.mailbox.take() {
            self.outstanding -= numbers.len().min(self.outstanding);
            match news {
                News::Ready(ready) => {
                    for number in numbers {
                        // What was made for other processors would end this process.
                        if self.options.cpu.runs_here() {
                            swap(number, &ready);
                        }
                        let report = &mut self.reports[number];
                        report.key = Some(ready.key);
                        report.origin = ready.origin;
                        report.compile_seconds = Some(ready.compile_seconds);
                    }
                }
                News::Failed(reason) => {
                    self.interpreted += numbers.len();
                    self.warn(reason);
                }
                News::Refused(error) => {
                    self.interpreted += numbers.len();
                    refused = Some(error);
                }
                News::Warning(warning) => {
                    self.warn(warning);
                    continue;
                }
            }
            if self.outstanding == 0 && self.interpreted == 0 && running {
                self.full_speed = Some(Instant::now());
            }
        }
        if self.outstanding == 0
            && let Some(worker) = self.worker.take()
        {
            self.join(worker);
        }
        match refused {
            // A compiler that was named is used or refused, never replaced.
            Some(error) => Err(EngineError::Toolchain(error)),
            None => Ok(()),
        }
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Waits until all code that can be made has arrived or failed.
    pub fn wait(&mut self) {
        if let Some(worker) = self.worker.take() {
            self.join(worker);
        }
    }

    fn join(&mut self, worker: JoinHandle<()>) {
        if worker.join().is_err() {
            self.warn("internal error: the thread that compiles kernels panicked; please report it".to_string());
        }
    }

    /// Who hears of work that needs much memory.
    pub fn notice(&self) -> &Notice {
        &self.options.notice
    }

    /// What runs the kernels.
    pub fn tier(&self) -> Tier {
        self.options.tier
    }

    /// What is known about each code object, in their order.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// When the last kernel became an optimised one, if all of them did while the network ran.
    pub fn full_speed(&self) -> Option<Instant> {
        self.full_speed
    }

    /// What stood in the way of compiled kernels.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // What is being compiled is finished and kept; nothing new is started.
        self.cancelled.store(true, Ordering::Relaxed);
        self.wait();
    }
}

//! From kernels to running code: Kernel → Source → Key → Artifact → CompiledKernel → CodeObject, on the tier asked for.
//!
//! The interpreter runs every kernel at once. Unless that is all that was asked for, a thread renders the kernels, looks
//! them up in the store, compiles what is not there and posts each as soon as it is loaded; the run loop swaps it in
//! between two steps. Whatever goes wrong on the way, the kernel stays on the interpreter and a warning says why:
//! results do not depend on the tier. What this process has loaded before is there without any of that.
//!
//! A process may be forked while a network exists: threads do not cross over, so whoever runs the network in the child
//! gets new ones ([`Engine::was_forked`]).

mod beside;
mod by_hand;
mod code_object;
mod cplusplus;
mod head_start;
mod loaded;
mod making;
mod native;
mod once;
mod policy;
mod proof;
mod supply;
mod threads;
mod values;
mod worker;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

pub use self::by_hand::{ByHand, HandError, MakingByHand, Replacement, make_by_hand};
pub use self::code_object::{Calls, CodeObject, Interpreted};
pub use self::cplusplus::{CppCode, CppError, CppFunctions, CppSettings, MOST_ARGUMENTS, make_cpp};
pub use self::head_start::HeadStart;
pub use self::making::{QUICK, QUICK_TIME};
pub use self::native::{Evaluate, native, native_expression};
pub use self::once::{run_once, run_once_over, select_once, stored_constant};
pub use self::policy::{CpuPolicy, UnknownCpu};
pub use self::supply::Engine;
pub use self::threads::Threads;
pub use self::values::{constant_array, constant_storage, element_type};
use crate::build::elf::{Objection, check_library};
use crate::build::{Env, KernelId, Key, Machine, OptLevel, ToolchainError};
use crate::kernel::hoist::hoist;
use crate::kernel::ir::LoopShape;
use crate::kernel::lower::{Lowered, Site};
use crate::kernel::verify::{VerifyError, verify};
pub use crate::render::{
    AROUND_EXPRESSION, CppArray, CppFunction, CppText, ELEMENT, EXPRESSION_PLACE, NativeExpression, NativeFunction,
    NativeTable, functions_in_c, identifiers, model_name,
};
use crate::render::{Language, Source};
use crate::store::{Artifact, Store, StoreOptions, StoreWarning};

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
    /// Whether functions that the user wrote in C, and kernels that somebody wrote by hand, may run.
    pub allow_native: bool,
    /// Who hears of work that needs much memory, before it starts.
    pub notice: Notice,
    /// Whether each new kernel has to give the interpreter's bits on the live state, in a process of its own, before it
    /// is used.
    pub check_swap: bool,
    /// Raised whenever code has arrived, for whoever does something else meanwhile.
    pub wake: Option<Arc<AtomicBool>>,
    /// What was begun for the next network.
    pub head_start: HeadStart,
    /// Whether kernels that this process has loaded are used again without a look into the store.
    pub reuse_loaded: bool,
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
            check_swap: false,
            wake: None,
            head_start: HeadStart::default(),
            reuse_loaded: true,
        }
    }
}

impl Options {
    /// The interpreter only: no process, no file.
    pub fn interpreted() -> Options {
        Options { tier: Tier::Interpreter, cache: CacheChoice::None, ..Options::default() }
    }

    /// Begins what the first kernel would have to wait for: the store is opened while a program reads its model. Of the
    /// networks that are made with these options, the first one has the benefit.
    pub fn begin(self) -> Options {
        match self.tier {
            Tier::Interpreter => self,
            Tier::Auto | Tier::Compiled => Options { head_start: HeadStart::of(&self), ..self },
        }
    }

    /// Tells what was [begun](Options::begin) the text of the model: kernels that it needed the last time are loaded while
    /// it is being read.
    pub fn expect(&self, model: &[u8]) {
        self.head_start.expect(model);
    }

    /// What the kernels are for: this machine, or one with the processor that these options name.
    pub fn machine(&self) -> Machine {
        let this = Machine::this().clone();
        if self.cpu.runs_here() { this } else { Machine { features: self.cpu.features(), ..this } }
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
    /// A source by hand cannot be used.
    #[error("the source of `{of}` by hand cannot be used: {message}")]
    ByHand {
        /// The code object that it is for.
        of: String,
        /// Why not.
        message: String,
    },
    /// A function in C cannot be used.
    #[error("the function `{name}` cannot be used: {message}")]
    Native {
        /// The function.
        name: String,
        /// Why not.
        message: String,
    },
    /// An expression in C, without permission to evaluate one.
    #[error("an expression in C is evaluated only with permission: `--allow-native`, or `Options::allow_native`")]
    NativeExpressionForbidden,
    /// An expression in C cannot be compiled.
    #[error("the expression cannot be evaluated:\n{output}")]
    NativeExpression {
        /// What the compiler says, about the file [`EXPRESSION_PLACE`] where it is about the expression.
        output: String,
    },
    /// An expression in C calls what it has not.
    #[error("the expression calls {}, but C gets no library here", .names.join(", "))]
    NativeCalls {
        /// The functions.
        names: Vec<String>,
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
    /// A source that somebody wrote by hand.
    Hand,
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
    /// What that computes, by which the store has it.
    pub kernel: Option<KernelId>,
    /// Where it came from.
    pub origin: Origin,
    /// How long the compiler took, if there is a compiled kernel.
    pub compile_seconds: Option<f64>,
    /// How the compiler names itself that has made it, if there is one.
    pub compiler: Option<Arc<str>>,
    /// When which kernel began to run in the place of another one; the interpreter at first.
    pub swaps: Vec<Swap>,
    /// Why no optimised kernel has run, as long as none has.
    pub reason: Option<Reason>,
    /// The source that runs in the place of the kernel's own, if somebody wrote one by hand.
    pub by_hand: Option<Arc<Source>>,
}

impl Report {
    /// What runs it now.
    pub fn runs_on(&self) -> RunsOn {
        self.swaps.last().map_or(RunsOn::Interpreter, |swap| swap.runs_on)
    }
}

/// What runs a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsOn {
    /// The interpreter.
    Interpreter,
    /// Plain code, until an optimised kernel is ready.
    Preliminary,
    /// An optimised kernel.
    Compiled,
    /// What was compiled from a source that somebody wrote by hand.
    Hand,
}

impl RunsOn {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            RunsOn::Interpreter => "interpreter",
            RunsOn::Preliminary => "preliminary",
            RunsOn::Compiled => "compiled",
            RunsOn::Hand => "by hand",
        }
    }
}

/// Why no optimised kernel runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Only the interpreter was asked for.
    #[error("only the interpreter was asked for")]
    NotAsked,
    /// It is not known yet what comes of it, or was not before the last step.
    #[error("its code was not ready")]
    NotReady,
    /// The interpreter would be done before the compiler.
    #[error("the run is shorter than compiling takes")]
    NotWorthIt,
    /// There is no compiler, or it failed.
    #[error("{0}")]
    Failed(String),
    /// It did not prove itself.
    #[error("it {0}")]
    Unproven(String),
    /// It was made for another processor.
    #[error("it was made for another processor")]
    OtherProcessor,
}

/// When a kernel was swapped in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swap {
    /// Its key; none of the interpreter, which takes over again where a kernel by hand is taken away.
    pub key: Option<Key>,
    /// What it is.
    pub runs_on: RunsOn,
    /// When that was.
    pub at: Instant,
    /// Where the simulation was.
    pub moment: Moment,
}

impl Swap {
    /// Whether it was to run only until an optimised one is ready.
    pub fn is_preliminary(&self) -> bool {
        self.runs_on == RunsOn::Preliminary
    }
}

/// Where a simulation is, between two steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// Steps of its first clock so far.
    pub step: u64,
    /// Simulated time in seconds.
    pub t_seconds: f64,
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

/// Whether the library of an artifact may be opened here: it needs nothing, and does nothing before it is called. What a
/// store or an archive brings is looked at in this way before it is used.
///
/// # Errors
/// If not.
pub fn check_artifact(artifact: &Artifact) -> Result<(), Objection> {
    check_library(artifact.library(), artifact.record.recipe.entry())
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

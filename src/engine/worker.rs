//! The thread that makes code: renders, looks up, compiles, loads, and posts what it has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Options, Origin};
use crate::build::compile::compile_each;
use crate::build::toolchain::discover;
use crate::build::{CompileError, CompileOptions, Compiled, KernelId, Key, Machine, Recipe, ToolchainError};
use crate::kernel::ir::Kernel;
use crate::load::library::load;
use crate::load::slot::Mailbox;
use crate::render::{Source, render};
use crate::runtime::abi::{ABI_VERSION, Execute};
use crate::store::{Artifact, Store};

/// A kernel to make code for.
pub struct Job {
    /// Number of its code object.
    pub number: usize,
    /// The kernel.
    pub kernel: Arc<Kernel>,
}

/// Something for the run loop.
pub struct Arrival {
    /// The code objects that it is for.
    pub numbers: Vec<usize>,
    /// What it is.
    pub news: News,
}

/// What a job came to.
pub enum News {
    /// Code.
    Ready(Ready),
    /// No code, and why; the interpreter goes on.
    Failed(String),
    /// The compiler that the user named cannot be used.
    Refused(ToolchainError),
    /// Nothing about a job: something is wrong with the store.
    Warning(String),
}

/// Code that can be swapped in.
pub struct Ready {
    /// The code.
    pub code: Arc<dyn Execute>,
    /// Its key.
    pub key: Key,
    /// Where it came from.
    pub origin: Origin,
    /// How long the compiler took, now or when it was made.
    pub compile_seconds: f64,
}

/// One text to make code for, and the code objects that run it: equal kernels are made once.
struct Task {
    source: Source,
    id: KernelId,
    numbers: Vec<usize>,
}

/// Makes code for all jobs. Every job gets one arrival, whatever happens.
pub fn work(options: &Options, jobs: &[Job], mailbox: &Mailbox<Arrival>, cancelled: &AtomicBool) {
    let store = options.store();
    let machine = Machine::this();
    let mut tasks: BTreeMap<KernelId, Task> = BTreeMap::new();
    for job in jobs {
        let source = render(&job.kernel, options.language);
        let id = KernelId::of(&source, ABI_VERSION);
        tasks.entry(id).or_insert_with(|| Task { source, id, numbers: Vec::new() }).numbers.push(job.number);
    }
    // Whoever names a compiler or a level wants its code, not equal code that another one made.
    let exact = options.cc.is_some() || options.opt_level.is_some();
    let mut missing = Vec::new();
    for task in tasks.into_values() {
        match store.get(&task.id, None, machine).filter(|_| !exact) {
            Some(artifact) => post(mailbox, task.numbers, deliver(&artifact, Origin::Hit)),
            None => missing.push(task),
        }
    }
    if !missing.is_empty() {
        build(options, missing, &store, mailbox, cancelled);
    }
    for warning in store.take_warnings() {
        post(mailbox, Vec::new(), News::Warning(warning.to_string()));
    }
}

fn post(mailbox: &Mailbox<Arrival>, numbers: Vec<usize>, news: News) {
    mailbox.post(Arrival { numbers, news });
}

fn deliver(artifact: &Artifact, origin: Origin) -> News {
    match load(&artifact.key.short(), artifact.library()) {
        Ok(kernel) => News::Ready(Ready {
            code: Arc::new(kernel),
            key: artifact.key,
            origin,
            compile_seconds: artifact.record.compile_seconds,
        }),
        Err(error) => News::Failed(format!("{error}; the kernel stays on the interpreter")),
    }
}

/// Compiles what is not in the store.
fn build(options: &Options, tasks: Vec<Task>, store: &Store, mailbox: &Mailbox<Arrival>, cancelled: &AtomicBool) {
    let toolchain = match discover(&options.env, options.cc.as_deref(), store.toolchain_memos().as_deref()) {
        Ok(toolchain) => toolchain,
        Err(error) => {
            let numbers = tasks.into_iter().flat_map(|t| t.numbers).collect();
            let news = match options.cc {
                Some(_) => News::Refused(error),
                None => {
                    News::Failed(format!("{error}; kernels stay on the interpreter, with the same results, slower"))
                }
            };
            return post(mailbox, numbers, news);
        }
    };
    let features = options.cpu.features();
    let level = options.opt_level.unwrap_or_default();
    let mut recipes = Vec::new();
    let mut left = Vec::new();
    for task in tasks {
        let recipe = Recipe::new(&task.source, ABI_VERSION, &toolchain, &features, level);
        let key = recipe.key();
        let found = store.get(&task.id, Some(&key), Machine::this()).filter(|artifact| artifact.key == key);
        match found {
            Some(artifact) => post(mailbox, task.numbers, deliver(&artifact, Origin::Hit)),
            None => {
                recipes.push(recipe);
                left.push(task);
            }
        }
    }
    if cancelled.load(Ordering::Relaxed) {
        return;
    }
    let finished = |k: usize, result: Result<Compiled, CompileError>| {
        let news = match result {
            Ok(compiled) => {
                let (recipe, seconds) = (&recipes[k], compiled.seconds);
                let artifact = store.insert(recipe, &toolchain.version, &compiled.library, seconds);
                deliver(&artifact, Origin::Built)
            }
            Err(error) => News::Failed(explain(error)),
        };
        post(mailbox, left[k].numbers.clone(), news);
    };
    compile_each(&recipes, &toolchain, &CompileOptions::default(), &finished);
}

fn explain(error: CompileError) -> String {
    match error {
        // Nobody edited the kernel, so it is ours.
        CompileError::Rejected { .. } | CompileError::NoKernel { .. } => {
            format!("internal error: a kernel does not compile; please report it with the model: {error}")
        }
        error => format!("{error}; the kernel stays on the interpreter, with the same results, slower"),
    }
}

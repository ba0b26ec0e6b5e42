//! The thread that makes code: renders, looks up, compiles, loads, and posts what it has.
//!
//! It is told of each kernel as soon as there is one, so that what the store has is loaded by the time the network is in
//! memory, and then of all code objects with their numbers; from then on it posts. Every number gets one last arrival,
//! whatever happens, and perhaps a preliminary one before: code that a quick compiler made.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::loaded::{self, How, Loaded};
use super::{Options, Origin, Tier};
use crate::build::compile::compile_each;
use crate::build::toolchain::discover_for;
use crate::build::{
    CompileError, CompileOptions, Compiled, Family, KernelId, Machine, OptLevel, Recipe, Toolchain, ToolchainError,
    lower_priority,
};
use crate::kernel::ir::{Expr, Kernel};
use crate::load::library::load;
use crate::load::slot::Mailbox;
use crate::render::{self, Language, Source, render};
use crate::runtime::abi::ABI_VERSION;
use crate::store::{Artifact, Store};

/// Up to so many elements the plain code of a quick compiler is faster than the interpreter, which decodes an operation
/// once for all elements but runs them in vectors: 0.7 against 1.5 us a step for 10 integrate-and-fire cells, 4.2 against
/// 2.2 us for 100.
const FEW_ELEMENTS: usize = 32;

/// How much lower the priority of threads that compile is while a network runs.
const NICENESS: i32 = 5;

/// A kernel to make code for.
pub struct Job {
    /// Number of its code object.
    pub number: usize,
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// The most elements that it runs over.
    pub elements: usize,
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
    /// Code to run until other code arrives.
    Preliminary(Ready),
    /// No code, and why; the interpreter goes on.
    Failed(String),
    /// The compiler that the user named cannot be used.
    Refused(ToolchainError),
    /// Nothing about a job: something is wrong with the store.
    Warning(String),
}

/// Code that can be swapped in.
#[derive(Clone)]
pub struct Ready {
    /// The code.
    pub loaded: Loaded,
    /// Where it came from.
    pub origin: Origin,
}

enum Order {
    Foresee(Arc<Kernel>),
    Start(Vec<Job>),
}

/// The thread, from the side of those who want code.
pub struct Worker {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn spawn(options: &Options, mailbox: &Mailbox<Arrival>, cancelled: &Arc<AtomicBool>) -> io::Result<Worker> {
        let (orders, received) = channel();
        let (options, mailbox, cancelled) = (options.clone(), mailbox.clone(), cancelled.clone());
        let work = move || work(&options, &received, &mailbox, &cancelled);
        let thread = std::thread::Builder::new().name("saltus-compile".to_string()).spawn(work)?;
        Ok(Worker { orders, thread: Some(thread), process: std::process::id() })
    }

    /// Tells it of a kernel.
    pub fn foresee(&self, kernel: &Arc<Kernel>) {
        // If it panicked, the caller hears of that in the end.
        let _ = self.orders.send(Order::Foresee(kernel.clone()));
    }

    /// Tells it of all code objects.
    pub fn start(&self, jobs: Vec<Job>) {
        let _ = self.orders.send(Order::Start(jobs));
    }

    /// Waits until it has posted all there is; false if it panicked.
    pub fn join(mut self) -> bool {
        match self.thread.take() {
            // Of a process that was forked off, only the thread that did it lives on.
            Some(thread) if self.process != std::process::id() => {
                std::mem::forget(thread);
                true
            }
            Some(thread) => {
                // Without orders it would wait for some.
                let (orders, _) = channel();
                drop(std::mem::replace(&mut self.orders, orders));
                thread.join().is_ok()
            }
            None => true,
        }
    }
}

/// One text to make code for, and the code objects that run it: equal kernels are made once.
struct Task {
    kernel: Arc<Kernel>,
    source: Source,
    id: KernelId,
    /// What the store has, or why that cannot be loaded.
    found: Option<Result<Loaded, String>>,
    elements: usize,
    numbers: Vec<usize>,
}

struct Maker<'a> {
    options: &'a Options,
    how: Option<How>,
    store: Store,
    mailbox: &'a Mailbox<Arrival>,
    cancelled: &'a AtomicBool,
    /// The kernels of which it was told, and what they compute.
    known: Vec<(Arc<Kernel>, KernelId)>,
    tasks: BTreeMap<KernelId, Task>,
}

fn work(options: &Options, orders: &Receiver<Order>, mailbox: &Mailbox<Arrival>, cancelled: &AtomicBool) {
    render::prepare();
    let mut maker = Maker {
        options,
        how: How::of(options),
        store: options.store(),
        mailbox,
        cancelled,
        known: Vec::new(),
        tasks: BTreeMap::new(),
    };
    while let Ok(order) = orders.recv() {
        match order {
            Order::Foresee(kernel) => drop(maker.know(&kernel)),
            Order::Start(jobs) => return maker.make(jobs),
        }
    }
}

impl Maker<'_> {
    /// Whoever names a compiler or a level wants its code, not equal code that another one made.
    fn is_exact(&self) -> bool {
        self.options.cc.is_some() || self.options.opt_level.is_some()
    }

    /// The task of a kernel, for which the store was asked.
    fn know(&mut self, kernel: &Arc<Kernel>) -> KernelId {
        if let Some((_, id)) = self.known.iter().find(|(known, _)| Arc::ptr_eq(known, kernel)) {
            return *id;
        }
        let source = render(kernel, self.options.language);
        let id = KernelId::of(&source, ABI_VERSION);
        self.known.push((kernel.clone(), id));
        if !self.tasks.contains_key(&id) {
            let found = if self.is_exact() { None } else { self.find(kernel, &id) };
            let kernel = kernel.clone();
            self.tasks.insert(id, Task { kernel, source, id, found, elements: 0, numbers: Vec::new() });
        }
        id
    }

    /// What the store has for a kernel, unless the machine may have better.
    fn find(&self, kernel: &Arc<Kernel>, id: &KernelId) -> Option<Result<Loaded, String>> {
        let artifact = self.store.get(id, None, Machine::this())?;
        Some(self.load(kernel, &artifact))
    }

    /// Loads a library, and remembers it for other networks of this process.
    fn load(&self, kernel: &Arc<Kernel>, artifact: &Artifact) -> Result<Loaded, String> {
        let code = load(&artifact.key.short(), artifact.library())
            .map_err(|error| format!("{error}; the kernel stays on the interpreter"))?;
        let loaded = Loaded::new(code, artifact);
        if let Some(how) = &self.how
            && loaded.is_optimised
        {
            loaded::remember(kernel, how, &loaded);
        }
        Ok(loaded)
    }

    fn make(mut self, jobs: Vec<Job>) {
        for Job { number, kernel, elements } in jobs {
            let id = self.know(&kernel);
            if let Some(task) = self.tasks.get_mut(&id) {
                task.numbers.push(number);
                task.elements = task.elements.max(elements);
            }
        }
        let tasks = std::mem::take(&mut self.tasks).into_values().filter(|task| !task.numbers.is_empty());
        let mut missing = Vec::new();
        for mut task in tasks {
            match task.found.take() {
                Some(found @ Ok(Loaded { is_optimised: false, .. })) if !self.is_exact() => {
                    // It is there, but a compiler that optimises may be as well.
                    task.found = Some(found);
                    missing.push(task);
                }
                Some(found) => self.post(task.numbers, ready(found, Origin::Hit)),
                None => missing.push(task),
            }
        }
        if !missing.is_empty() {
            self.build(missing);
        }
        for warning in self.store.take_warnings() {
            self.post(Vec::new(), News::Warning(warning.to_string()));
        }
    }

    fn post(&self, numbers: Vec<usize>, news: News) {
        self.mailbox.post(Arrival { numbers, news });
    }

    /// Compiles what is not in the store.
    fn build(&self, tasks: Vec<Task>) {
        let Options { language, env, cc, opt_level, tier, .. } = self.options;
        let memos = self.store.toolchain_memos();
        let toolchain = match discover_for(*language, env, cc.as_deref(), memos.as_deref()) {
            Ok(toolchain) => toolchain,
            Err(error) => return self.do_without_compiler(tasks, error),
        };
        let features = self.options.cpu.features();
        let level = opt_level.unwrap_or_default();
        let mut recipes = Vec::new();
        let mut left = Vec::new();
        for task in tasks {
            let recipe = Recipe::new(&task.source, ABI_VERSION, &toolchain, &features, level);
            let key = recipe.key();
            let found = self.store.get(&task.id, Some(&key), Machine::this()).filter(|artifact| artifact.key == key);
            match found {
                Some(artifact) => {
                    let loaded = self.load(&task.kernel, &artifact);
                    self.post(task.numbers, ready(loaded, Origin::Hit));
                }
                None => {
                    recipes.push(recipe);
                    left.push(task);
                }
            }
        }
        if self.cancelled.load(Ordering::Relaxed) {
            return;
        }
        let is_background = *tier == Tier::Auto;
        if is_background {
            lower_priority(NICENESS);
        }
        let finished = |k: usize, result: Result<Compiled, CompileError>| {
            let news = match result {
                Ok(compiled) => {
                    let (recipe, seconds) = (&recipes[k], compiled.seconds);
                    let artifact = self.store.insert(recipe, &toolchain.version, &compiled.library, seconds);
                    ready(self.load(&left[k].kernel, &artifact), Origin::Built)
                }
                Err(error) => News::Failed(explain(error)),
            };
            self.post(left[k].numbers.clone(), news);
        };
        std::thread::scope(|scope| {
            if is_background && !self.is_exact() && *language == Language::C && toolchain.family != Family::Tcc {
                scope.spawn(|| self.build_quickly(&left, memos.as_deref()));
            }
            compile_each(&recipes, &toolchain, &CompileOptions::default(), &finished);
        });
    }

    /// Gives code that does not optimise to those who gain by it until theirs is ready.
    fn build_quickly(&self, tasks: &[Task], memos: Option<&Path>) {
        let few = |task: &&Task| task.elements <= FEW_ELEMENTS && !calls_functions(&task.kernel);
        let mut tasks = tasks.iter().filter(few).peekable();
        if tasks.peek().is_none() {
            return;
        }
        let Ok(toolchain) = discover_for(Language::C, &self.options.env, Some(Path::new("tcc")), memos) else { return };
        for task in tasks {
            let found = task.found.clone().and_then(Result::ok);
            let Some(loaded) = found.or_else(|| self.compile_quickly(task, &toolchain)) else { return };
            self.post(task.numbers.clone(), News::Preliminary(Ready { loaded, origin: Origin::Built }));
        }
    }

    /// What fails here fails for all, and is no news: the code that counts is on its way.
    fn compile_quickly(&self, task: &Task, toolchain: &Toolchain) -> Option<Loaded> {
        let features = toolchain.default_features();
        let recipe = Recipe::new(&task.source, ABI_VERSION, toolchain, &features, OptLevel::O0);
        let compiled = crate::build::compile(&recipe, toolchain, &CompileOptions::default()).ok()?;
        let artifact = Store::none().insert(&recipe, &toolchain.version, &compiled.library, compiled.seconds);
        self.load(&task.kernel, &artifact).ok()
    }

    /// What the store has is used, though it is not optimised; the rest is interpreted.
    fn do_without_compiler(&self, tasks: Vec<Task>, error: ToolchainError) {
        let mut numbers = Vec::new();
        for task in tasks {
            match task.found {
                Some(found) => self.post(task.numbers, ready(found, Origin::Hit)),
                None => numbers.extend(task.numbers),
            }
        }
        if numbers.is_empty() {
            return;
        }
        let news = match self.options.cc {
            Some(_) => News::Refused(error),
            None => News::Failed(format!("{error}; kernels stay on the interpreter, with the same results, slower")),
        };
        self.post(numbers, news);
    }
}

fn ready(loaded: Result<Loaded, String>, origin: Origin) -> News {
    match loaded {
        Ok(loaded) => News::Ready(Ready { loaded, origin }),
        Err(reason) => News::Failed(reason),
    }
}

/// Whether it calls functions of the maths library, which the interpreter computes in vectors.
fn calls_functions(kernel: &Kernel) -> bool {
    let mut calls = false;
    kernel.walk_vector(&mut |expr| calls |= matches!(expr, Expr::Call(..)));
    calls
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

//! The thread that makes code: renders, looks up, compiles, loads, and posts what it has.
//!
//! It is told of each kernel as soon as there is one, so that what the store has is loaded by the time the network is in
//! memory, and then of all code objects with their numbers; from then on it posts. Every number gets one last arrival,
//! whatever happens, and perhaps a preliminary one before: code that a quick compiler made.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::loaded::{self, How, Loaded};
use super::{Options, Origin, check_artifact};
use crate::build::{CompileOptions, KernelId, Machine, ToolchainError};
use crate::kernel::ir::Kernel;
use crate::load::library::load_entry;
use crate::load::slot::Mailbox;
use crate::render::{self, Language, Source, render};
use crate::runtime::abi::ABI_VERSION;
use crate::store::{Artifact, IrDigest, Store};

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
    /// No code, since the interpreter will be done before it is there.
    NotWorthIt,
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
    Start(Vec<Job>, Option<f64>),
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
        // A process may be forked off while a thread is at it, and there nobody would ever finish it.
        render::prepare_names();
        Machine::this();
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

    /// Tells it of all code objects, and how long the interpreter is expected to run them, if anybody knows.
    pub fn start(&self, jobs: Vec<Job>, expected_seconds: Option<f64>) {
        let _ = self.orders.send(Order::Start(jobs, expected_seconds));
    }

    /// Whether the thread is one of this process, which may have been forked off another one.
    pub fn is_here(&self) -> bool {
        self.process == std::process::id()
    }

    /// Whether it does nothing any more.
    pub fn has_ended(&self) -> bool {
        !self.is_here() || self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until it has posted all there is; false if it panicked.
    pub fn join(mut self) -> bool {
        let is_here = self.is_here();
        match self.thread.take() {
            // Of a process that was forked off, only the thread that did it lives on.
            Some(thread) if !is_here => {
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

/// What makes texts of kernels in this program (see `build.rs`).
const RENDERER: &str = env!("SALTUS_RENDERER");

/// A kernel that code is looked for, and the code objects that run it.
struct Sought {
    kernel: Arc<Kernel>,
    id: KernelId,
    /// Its text, if it had to be made.
    source: Option<Source>,
    found: Option<Result<Loaded, String>>,
    elements: usize,
    numbers: Vec<usize>,
}

/// One text to make code for, and the code objects that run it: equal kernels are made once.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) kernel: Arc<Kernel>,
    pub(super) source: Source,
    pub(super) id: KernelId,
    /// What the store has, or why that cannot be loaded.
    pub(super) found: Option<Result<Loaded, String>>,
    pub(super) elements: usize,
    pub(super) numbers: Vec<usize>,
}

/// What the thread works with.
pub(super) struct Maker<'a> {
    pub(super) options: &'a Options,
    how: Option<How>,
    pub(super) store: Store,
    /// For which code is made.
    pub(super) machine: Machine,
    mailbox: &'a Mailbox<Arrival>,
    pub(super) cancelled: &'a AtomicBool,
    /// How long the interpreter is expected to take for what it will have to run.
    pub(super) expected_seconds: Option<f64>,
    /// The kernels of which it was told, and what they compute.
    known: Vec<(Arc<Kernel>, KernelId)>,
    sought: BTreeMap<KernelId, Sought>,
    /// Of which kernels the ids are known without their texts.
    texts: BTreeMap<IrDigest, KernelId>,
    new_texts: Vec<(IrDigest, KernelId)>,
}

fn work(options: &Options, orders: &Receiver<Order>, mailbox: &Mailbox<Arrival>, cancelled: &AtomicBool) {
    let store = options.store();
    let texts = store.texts(RENDERER);
    if texts.is_empty() {
        render::prepare(options.language);
    }
    let mut maker = Maker {
        options,
        how: How::of(options),
        store,
        machine: options.machine(),
        mailbox,
        cancelled,
        known: Vec::new(),
        sought: BTreeMap::new(),
        texts,
        new_texts: Vec::new(),
        expected_seconds: None,
    };
    while let Ok(order) = orders.recv() {
        match order {
            Order::Foresee(kernel) => drop(maker.know(&kernel)),
            Order::Start(jobs, expected_seconds) => {
                maker.expected_seconds = expected_seconds;
                return maker.make(jobs);
            }
        }
    }
    // All that it was told of was there by the time it was needed. What it has seen on the way is told all the same.
    maker.make(Vec::new());
}

impl Maker<'_> {
    /// Whoever names a compiler or a level, or is strict, wants its code, not equal code that another one made.
    pub(super) fn is_exact(&self) -> bool {
        self.options.cc.is_some() || self.options.opt_level.is_some() || self.options.strict
    }

    /// The task of a kernel, for which the store was asked.
    fn know(&mut self, kernel: &Arc<Kernel>) -> KernelId {
        if let Some((_, id)) = self.known.iter().find(|(known, _)| Arc::ptr_eq(known, kernel)) {
            return *id;
        }
        let ir = ir_digest(kernel, self.options.language);
        let (id, source) = match self.texts.get(&ir) {
            Some(id) => (*id, None),
            None => {
                let source = render(kernel, self.options.language);
                let id = KernelId::of(&source, ABI_VERSION);
                self.new_texts.push((ir, id));
                (id, Some(source))
            }
        };
        self.known.push((kernel.clone(), id));
        if !self.sought.contains_key(&id) {
            let found = if self.is_exact() { None } else { self.find(kernel, &id) };
            let kernel = kernel.clone();
            self.sought.insert(id, Sought { kernel, source, id, found, elements: 0, numbers: Vec::new() });
        }
        id
    }

    /// With its text.
    fn task(&self, sought: Sought) -> Task {
        let Sought { kernel, id, source, found, elements, numbers } = sought;
        let source = source.unwrap_or_else(|| render(&kernel, self.options.language));
        // What was known of it is right, unless somebody changed this program without building it anew.
        debug_assert_eq!(id, KernelId::of(&source, ABI_VERSION));
        Task { kernel, id: KernelId::of(&source, ABI_VERSION), source, found, elements, numbers }
    }

    /// What the store has for a kernel, unless the machine may have better.
    fn find(&self, kernel: &Arc<Kernel>, id: &KernelId) -> Option<Result<Loaded, String>> {
        let artifact = self.sound(self.store.get(id, None, &self.machine)?)?;
        Some(self.load(kernel, &artifact))
    }

    /// An artifact of the store, if its library may be opened: one that somebody else made could run code by that alone.
    pub(super) fn sound(&self, artifact: Artifact) -> Option<Artifact> {
        let Err(objection) = check_artifact(&artifact) else { return Some(artifact) };
        let warning = format!("the stored kernel {} is none, and not used: {objection}", artifact.key.short());
        self.post(Vec::new(), News::Warning(warning));
        self.store.set_aside(&artifact.kernel, &artifact.key);
        None
    }

    /// Loads a library, and remembers it for other networks of this process.
    pub(super) fn load(&self, kernel: &Arc<Kernel>, artifact: &Artifact) -> Result<Loaded, String> {
        let code = load_entry(&artifact.key.short(), artifact.library(), artifact.record.recipe.entry())
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
            if let Some(sought) = self.sought.get_mut(&id) {
                sought.numbers.push(number);
                sought.elements = sought.elements.max(elements);
            }
        }
        let mut missing = Vec::new();
        for mut sought in std::mem::take(&mut self.sought).into_values().filter(|sought| !sought.numbers.is_empty()) {
            match sought.found.take() {
                Some(found @ Ok(Loaded { is_optimised: false, .. })) if !self.is_exact() => {
                    // It is there, but a compiler that optimises may be as well.
                    sought.found = Some(found);
                    missing.push(sought);
                }
                Some(found) => self.post(sought.numbers, ready(found, Origin::Hit)),
                None => missing.push(sought),
            }
        }
        let missing: Vec<Task> = missing.into_iter().map(|sought| self.task(sought)).collect();
        if !missing.is_empty() {
            self.build(missing);
        }
        self.store.add_texts(RENDERER, &self.new_texts);
        if let (_, Some(wrong)) = CompileOptions::from_env(&self.options.env) {
            self.post(Vec::new(), News::Warning(wrong.to_string()));
        }
        for warning in self.store.take_warnings() {
            self.post(Vec::new(), News::Warning(warning.to_string()));
        }
    }

    pub(super) fn post(&self, numbers: Vec<usize>, news: News) {
        self.mailbox.post(Arrival { numbers, news });
    }
}

pub(super) fn ready(loaded: Result<Loaded, String>, origin: Origin) -> News {
    match loaded {
        Ok(loaded) => News::Ready(Ready { loaded, origin }),
        Err(reason) => News::Failed(reason),
    }
}

/// A digest of a kernel, as far as its text depends on it. It means something to this program only.
fn ir_digest(kernel: &Kernel, language: Language) -> IrDigest {
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
    language.hash(&mut bytes);
    kernel.hash(&mut bytes);
    *blake3::hash(&bytes.0).as_bytes()
}

//! The thread that makes code: renders, looks up, compiles, loads, and posts what it has.
//!
//! It is told of the text of a model before that is read, to load what this needed the last time; of each kernel as soon
//! as there is one, so that what the store has is loaded by the time the network is in memory; and then of all code objects
//! with their numbers: from then on it posts code. Every number gets one last arrival,
//! whatever happens, and perhaps a preliminary one before: code that a quick compiler made.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::beside::begin_beside;
use super::loaded::{self, How, Loaded};
use super::{Options, Origin, check_artifact};
use crate::build::{CompileOptions, KernelId, Machine, ToolchainError};
use crate::kernel::ir::Kernel;
use crate::load::library::load_entry;
use crate::load::slot::Mailbox;
use crate::render::{self, Source, render};
use crate::runtime::abi::ABI_VERSION;
use crate::store::{Artifact, IrDigest, ModelDigest, Store, TextLine, Texts};

/// A kernel to make code for.
pub struct Job {
    /// Number of its code object.
    pub number: usize,
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// Its digest.
    pub ir: IrDigest,
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
    Expect(ModelDigest),
    Foresee(Arc<Kernel>, IrDigest),
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
        begin_beside(&thread);
        Ok(Worker { orders, thread: Some(thread), process: std::process::id() })
    }

    /// Tells it of the text of a model.
    pub fn expect(&self, model: &[u8]) {
        let _ = self.orders.send(Order::Expect(*blake3::hash(model).as_bytes()));
    }

    /// Tells it of a kernel.
    pub fn foresee(&self, kernel: &Arc<Kernel>, ir: &IrDigest) {
        // If it panicked, the caller hears of that in the end.
        let _ = self.orders.send(Order::Foresee(kernel.clone(), *ir));
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
    ir: IrDigest,
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
    pub(super) ir: IrDigest,
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
    known: Vec<(IrDigest, KernelId)>,
    sought: BTreeMap<KernelId, Sought>,
    /// Of which kernels the ids are known without their texts.
    texts: Texts,
    new_texts: Vec<TextLine>,
    /// The text of the model.
    model: Option<ModelDigest>,
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
        model: None,
        expected_seconds: None,
    };
    while let Ok(order) = orders.recv() {
        match order {
            Order::Expect(model) => maker.expect(model),
            Order::Foresee(kernel, ir) => drop(maker.know(&kernel, ir)),
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

    /// Loads what the model with this text needed the last time.
    fn expect(&mut self, model: ModelDigest) {
        self.model = Some(model);
        let Some(how) = self.how.as_ref().filter(|_| !self.is_exact()) else { return };
        for ir in self.texts.expected(&model) {
            let id = self.texts.get(&self.name(&ir));
            // What cannot be loaded is tried again, and told, if it is needed.
            if let Some(Ok(loaded)) = id.filter(|_| loaded::recall(&ir, how).is_none()).and_then(|id| self.find(&id)) {
                self.remember(&ir, &loaded);
            }
        }
    }

    /// Under which name the id of a kernel is kept: its text depends on the language.
    fn name(&self, ir: &IrDigest) -> IrDigest {
        *blake3::Hasher::new().update(ir).update(&[self.options.language as u8]).finalize().as_bytes()
    }

    /// The id of a kernel, for which the store was asked.
    fn know(&mut self, kernel: &Arc<Kernel>, ir: IrDigest) -> KernelId {
        if let Some((_, id)) = self.known.iter().find(|(known, _)| *known == ir) {
            return *id;
        }
        let name = self.name(&ir);
        let (id, source) = match self.texts.get(&name) {
            Some(id) => (id, None),
            None => {
                let source = render(kernel, self.options.language);
                let id = KernelId::of(&source, ABI_VERSION);
                self.new_texts.push((name, id.0));
                (id, Some(source))
            }
        };
        self.known.push((ir, id));
        if !self.sought.contains_key(&id) {
            let recalled = self.how.as_ref().and_then(|how| loaded::recall(&ir, how));
            let found = match recalled {
                _ if self.is_exact() => None,
                Some(loaded) => Some(Ok(loaded)),
                None => self.find(&id),
            };
            if let Some(Ok(loaded)) = &found {
                self.remember(&ir, loaded);
            }
            let sought = Sought { kernel: kernel.clone(), ir, source, id, found, elements: 0, numbers: Vec::new() };
            self.sought.insert(id, sought);
        }
        id
    }

    /// With its text.
    fn task(&self, sought: Sought) -> Task {
        let Sought { kernel, ir, id, source, found, elements, numbers } = sought;
        let source = source.unwrap_or_else(|| render(&kernel, self.options.language));
        // What was known of it is right, unless somebody changed this program without building it anew.
        debug_assert_eq!(id, KernelId::of(&source, ABI_VERSION));
        Task { kernel, ir, id: KernelId::of(&source, ABI_VERSION), source, found, elements, numbers }
    }

    /// What the store has for a kernel, unless the machine may have better.
    fn find(&self, id: &KernelId) -> Option<Result<Loaded, String>> {
        let artifact = self.sound(self.store.get(id, None, &self.machine)?)?;
        Some(open(&artifact))
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
    pub(super) fn load(&self, ir: &IrDigest, artifact: &Artifact) -> Result<Loaded, String> {
        let loaded = open(artifact)?;
        self.remember(ir, &loaded);
        Ok(loaded)
    }

    fn remember(&self, ir: &IrDigest, loaded: &Loaded) {
        if let Some(how) = &self.how
            && loaded.is_optimised
        {
            loaded::remember(ir, how, loaded);
        }
    }

    fn make(mut self, jobs: Vec<Job>) {
        for Job { number, kernel, ir, elements } in jobs {
            let id = self.know(&kernel, ir);
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
        if let Some(model) = self.model {
            let needed: Vec<IrDigest> = self.known.iter().map(|(ir, _)| *ir).collect();
            self.store.add_expected(RENDERER, &self.texts.expect(&model, &needed));
        }
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

fn open(artifact: &Artifact) -> Result<Loaded, String> {
    let code = load_entry(&artifact.key.short(), artifact.library(), artifact.record.recipe.entry())
        .map_err(|error| format!("{error}; the kernel stays on the interpreter"))?;
    Ok(Loaded::new(code, artifact))
}

pub(super) fn ready(loaded: Result<Loaded, String>, origin: Origin) -> News {
    match loaded {
        Ok(loaded) => News::Ready(Ready { loaded, origin }),
        Err(reason) => News::Failed(reason),
    }
}

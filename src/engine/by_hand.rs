//! Kernels whose source somebody wrote by hand, in the place of those that the model leads to.
//!
//! In comes a text, out comes code: compiled with the flags, the limits and the checks of every kernel, in a thread, since
//! a network runs on meanwhile. What the text is to keep is the entry: it is called with the arrays of the kernel that it
//! replaces, in the order of that one's parameters, and with the same ranges and lists. Nobody can check that it does, or
//! that it stays within them: it is native code, and needs the permission for it.
//!
//! It may compute something else than the kernel, so that none of what is known of that holds for it. It is never tried out
//! against the interpreter. It runs in one piece, whatever the number of threads: that the elements do not depend on each
//! other was found of the kernel. Other compilers may give it other bits, so that only code of this very recipe is taken
//! from the store, where it has keys of its own.
//!
//! A replacement is for a kernel, by the name of its code object and a digest of the whole of it. Where the object has
//! another kernel now, be it of the same name, it does not fit any more.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::beside::begin_beside;
use super::loaded::Loaded;
use super::worker::Ready;
use super::{CodeObject, Options, Report};
use crate::build::compile::compile;
use crate::build::elf::{Objection, check_library};
use crate::build::toolchain::discover_for;
use crate::build::{CompileError, CompileOptions, Message, Recipe, Toolchain, ToolchainError, stop_all};
use crate::diag::{Diagnostic, Diagnostics, Span, Text};
use crate::load::library::load;
use crate::render::Source;
use crate::runtime::abi::ABI_VERSION;
use crate::store::{Artifact, IrDigest, Store};

/// Code of a source that somebody wrote by hand.
#[derive(Clone)]
pub struct ByHand {
    /// The source.
    pub source: Arc<Source>,
    pub(super) loaded: Loaded,
    /// What was wrong with the store on the way.
    pub(super) warnings: Vec<String>,
}

/// Code by hand, and the kernel that it is for.
#[derive(Clone)]
pub struct Replacement {
    /// Name of the code object.
    pub of: String,
    /// Digest of its kernel.
    pub ir: IrDigest,
    /// The code.
    pub code: ByHand,
}

impl Replacement {
    /// Whether it is for the kernel of this code object.
    pub fn is_for(&self, object: &CodeObject) -> bool {
        object.name == self.of && *object.ir() == self.ir
    }

    /// What is said where its kernel is another one now.
    pub fn no_longer_fits(&self) -> String {
        format!("source by hand of {} no longer fits: the kernel has changed", self.of)
    }
}

/// What a code object has of its own while code by hand runs in its place.
pub(super) struct Held {
    /// What is known about it.
    pub(super) report: Report,
    /// What has arrived for it meanwhile, and whether that is preliminary.
    pub(super) arrived: Option<(Ready, bool)>,
}

/// Why there is no code of a source by hand.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// Native code is not allowed.
    #[error("a source by hand is native code, which runs only with permission")]
    Forbidden,
    /// There is no compiler for it.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The compiler refuses it.
    #[error("{printed}")]
    Rejected {
        /// What it says about the source; nothing if it says nothing that is understood.
        messages: Vec<Message>,
        /// The beginning of what it printed, and how it was called.
        printed: String,
    },
    /// It calls functions that nobody gives it.
    #[error("it calls {}, which a kernel has not", .0.join(", "))]
    Undefined(Vec<String>),
    /// It does not define the entry.
    #[error("it does not define `{0}`")]
    NoEntry(String),
    /// Something else.
    #[error("{0}")]
    Failed(String),
}

impl HandError {
    /// What is wrong with the source of `of`, in the places of its text where these are known. `from`: where a source to
    /// start from is found.
    pub fn located(self, of: &str, text: &Text, from: &str) -> Diagnostics {
        let error = |name: &String| {
            let message = format!("`{name}` is not in the source, and a kernel has no library");
            match word(text.as_str(), name) {
                Some(span) => Diagnostic::error(text, span, message),
                None => Diagnostic::unlocated(format!("the source of `{of}` by hand: {message}")),
            }
        };
        Diagnostics(match self {
            HandError::Rejected { messages, .. } if !messages.is_empty() => {
                messages.into_iter().map(|message| Diagnostic::error(text, message.span, message.text)).collect()
            }
            HandError::Rejected { printed, .. } => {
                vec![Diagnostic::unlocated(format!("the source of `{of}` by hand does not compile: {printed}"))]
            }
            HandError::Undefined(names) => names.iter().map(error).collect(),
            HandError::NoEntry(entry) => {
                let message = format!("the source of `{of}` by hand does not define `{entry}`");
                vec![Diagnostic::unlocated(message).hint(from)]
            }
            other => vec![Diagnostic::unlocated(format!("the source of `{of}` by hand cannot be used: {other}"))],
        })
    }
}

/// Where a word stands in a text first.
fn word(text: &str, word: &str) -> Option<Span> {
    let is_inside = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = text.match_indices(word).map(|(at, _)| (at, at + word.len()));
    let (begin, end) =
        found.find(|(begin, end)| !text[..*begin].ends_with(is_inside) && !text[*end..].starts_with(is_inside))?;
    Some(Span::new(begin, end))
}

impl From<CompileError> for HandError {
    fn from(error: CompileError) -> HandError {
        match error {
            CompileError::Rejected { ref messages, .. } => {
                HandError::Rejected { messages: messages.clone(), printed: error.to_string() }
            }
            CompileError::NoKernel { objection: Objection::Undefined(names), .. } => HandError::Undefined(names),
            CompileError::NoKernel { objection: Objection::NoEntry(name), .. } => HandError::NoEntry(name),
            CompileError::NoKernel { objection, .. } => HandError::Failed(format!("as a library, {objection}")),
            error => HandError::Failed(error.to_string()),
        }
    }
}

/// Code of a source by hand that is being made.
pub struct MakingByHand {
    done: Receiver<Result<ByHand, HandError>>,
    thread: Option<JoinHandle<()>>,
}

/// Begins to make code of a source by hand; whoever wants to be woken is, when there is an answer.
///
/// # Errors
/// [`HandError::Forbidden`] without permission; [`HandError::Failed`] if nothing that is made could run here.
pub fn make_by_hand(source: Source, options: &Options) -> Result<MakingByHand, HandError> {
    if !options.allow_native {
        return Err(HandError::Forbidden);
    }
    if !options.cpu.runs_here() {
        return Err(HandError::Failed(format!("what is made for `{}` does not run on this processor", options.cpu)));
    }
    let (tell, done) = channel();
    let options = options.clone();
    let work = move || {
        // Whoever asked may have gone.
        let _ = tell.send(made(source, &options));
        if let Some(wake) = &options.wake {
            wake.store(true, Ordering::Release);
        }
    };
    let thread = std::thread::Builder::new().name("saltus-by-hand".to_string()).spawn(work);
    let thread = thread.map_err(|cause| HandError::Failed(format!("cannot start a thread to compile it: {cause}")))?;
    begin_beside(&thread);
    Ok(MakingByHand { done, thread: Some(thread) })
}

impl MakingByHand {
    /// The code, or why there is none, if that is known by now.
    pub fn poll(&self) -> Option<Result<ByHand, HandError>> {
        match self.done.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(panicked())),
        }
    }

    /// Waits for it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn wait(&self) -> Result<ByHand, HandError> {
        self.done.recv().unwrap_or_else(|_| Err(panicked()))
    }

    /// Gives it up, in a process that is about to end: the compiler is killed.
    pub fn abandon(self) {
        /// How often it is looked whether a compiler was started meanwhile.
        const LOOK: Duration = Duration::from_millis(1);
        /// Who does not end by then waits for something else than a compiler.
        const LONGEST: Duration = Duration::from_secs(2);
        let ends = Instant::now() + LONGEST;
        while Instant::now() < ends {
            stop_all();
            if !matches!(self.done.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                break;
            }
        }
    }
}

impl Drop for MakingByHand {
    fn drop(&mut self) {
        // What is being compiled is finished and kept.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn panicked() -> HandError {
    HandError::Failed("internal error: the thread that compiles it panicked; please report it".to_string())
}

fn made(source: Source, options: &Options) -> Result<ByHand, HandError> {
    let store = options.store();
    let memos = store.toolchain_memos();
    // A compiler named for kernels in another language is none for this.
    let cc = options.cc.as_deref().filter(|_| options.language == source.language);
    let toolchain = discover_for(source.language, &options.env, cc, memos.as_deref())?;
    let level = options.opt_level.unwrap_or_default();
    let recipe = Recipe::new(&source, ABI_VERSION, &toolchain, &options.cpu.features(), level).by_hand();
    let artifact = match is_all(&source).then(|| stored(&store, &recipe, options)).flatten() {
        Some(artifact) => artifact,
        None if is_all(&source) => compiled(&store, &recipe, &toolchain, options)?,
        None => compiled(&Store::none(), &recipe, &toolchain, options)?,
    };
    let code = load(&artifact.key.short(), artifact.library()).map_err(|error| HandError::Failed(error.to_string()))?;
    let warnings = store.take_warnings().iter().map(ToString::to_string).collect();
    Ok(ByHand { source: Arc::new(source), loaded: Loaded::new(code, &artifact), warnings })
}

/// Whether the text is all that the code is made of. A file that it names may change without it, so that nothing is kept.
fn is_all(source: &Source) -> bool {
    ["include", "incbin", "embed"].iter().all(|word| !source.text.contains(word))
}

fn stored(store: &Store, recipe: &Recipe, options: &Options) -> Option<Artifact> {
    let artifact = store.get_as(&recipe.kernel_id(), recipe, &options.machine())?;
    // As of any kernel: nothing that was stored runs by being opened.
    if check_library(artifact.library(), recipe.entry()).is_ok() {
        return Some(artifact);
    }
    store.set_aside(&artifact.kernel, &artifact.key);
    None
}

fn compiled(store: &Store, recipe: &Recipe, toolchain: &Toolchain, options: &Options) -> Result<Artifact, HandError> {
    let compiled = compile(recipe, toolchain, &CompileOptions::from_env(&options.env).0)?;
    Ok(store.insert(recipe, &toolchain.version, &compiled.library, compiled.seconds))
}

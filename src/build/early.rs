//! A compiler at work while it is still being found out what exactly it is.
//!
//! How it is to be called is known after 2 ms. Its identity, which is in every key, takes ten times as long the first time,
//! and what it compiles can only be kept once that is known: by then the first kernel is half done.

use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::thread::JoinHandle;

use super::env::Env;
use super::identity::FileStamp;
use super::probe::Begun;
use super::toolchain::{Toolchain, ToolchainError, choose, examine_early};
use crate::render::Language;

/// What a compiler is, and the files that say so.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) toolchain: Toolchain,
    pub(super) files: Vec<FileStamp>,
}

type Rest = JoinHandle<Result<Known, ToolchainError>>;

/// A compiler that can be put to work.
#[derive(Debug)]
pub struct Compiler {
    /// How to call it; its identity means nothing.
    first: Option<Toolchain>,
    /// Who finds out the rest.
    rest: Mutex<Option<Rest>>,
    known: OnceLock<Result<Known, ToolchainError>>,
}

/// The compiler to use, as [`discover_for`](super::toolchain::discover_for) finds it, as soon as it is known how to call
/// it.
///
/// # Errors
/// As of `discover_for`.
pub fn discover_early(
    language: Language,
    env: &Env,
    cc_override: Option<&Path>,
    memo: Option<&Path>,
) -> Result<Compiler, ToolchainError> {
    choose(language, env, cc_override, |candidate| examine_early(candidate, language, env, memo, true))
}

/// The same, when all about it is known.
///
/// # Errors
/// As of `discover_for`.
pub fn discover_whole(
    language: Language,
    env: &Env,
    cc_override: Option<&Path>,
    memo: Option<&Path>,
) -> Result<Compiler, ToolchainError> {
    choose(language, env, cc_override, |candidate| examine_early(candidate, language, env, memo, false))
}

impl Compiler {
    pub(super) fn known(known: Known) -> Compiler {
        Compiler { first: None, rest: Mutex::new(None), known: OnceLock::from(Ok(known)) }
    }

    /// One about which the rest is found out by a thread, which then calls `keep`.
    pub(super) fn early(begun: Begun, keep: impl FnOnce(&Known) + Send + 'static) -> Compiler {
        let first = Some(begun.toolchain().clone());
        let finish = || {
            let known = begun.finish()?;
            keep(&known);
            Ok(known)
        };
        let (rest, known) = (Mutex::new(None), OnceLock::new());
        let compiler = Compiler { first, rest, known };
        match std::thread::Builder::new().name("saltus-probe".to_string()).spawn(finish) {
            Ok(thread) => *compiler.rest() = Some(thread),
            Err(cause) => drop(compiler.known.set(Err(ToolchainError::Thread { cause }))),
        }
        compiler
    }

    fn rest(&self) -> std::sync::MutexGuard<'_, Option<Rest>> {
        self.rest.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What to call it by. Before [`whole`](Compiler::whole) has said that it is right, its identity may mean nothing.
    pub fn toolchain(&self) -> &Toolchain {
        match (self.known.get(), &self.first) {
            (Some(Ok(known)), _) => &known.toolchain,
            (_, Some(first)) => first,
            (_, None) => unreachable!("what was not begun is known"),
        }
    }

    /// All about it, for which this may have to wait.
    ///
    /// # Errors
    /// If a part of it cannot be read.
    pub fn whole(&self) -> Result<&Toolchain, &ToolchainError> {
        // One thread finds it out; others wait for that one.
        let known = self.known.get_or_init(|| match self.rest().take() {
            Some(rest) => rest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => unreachable!("what was begun has a thread"),
        });
        known.as_ref().map(|known| &known.toolchain)
    }

    /// Whether all about it is known already.
    pub fn is_known(&self) -> bool {
        self.known.get().is_some()
    }

    /// Whether it still is what it was when it was looked at; if not, nobody can say by what a kernel was compiled
    /// meanwhile.
    pub fn is_unchanged(&self) -> bool {
        matches!(self.known.get(), Some(Ok(known)) if known.files.iter().all(FileStamp::is_current))
    }

    /// Waits for all about it.
    pub(super) fn into_toolchain(self) -> Result<Toolchain, ToolchainError> {
        // A thread has begun it, or it is known.
        let _ = self.whole();
        match self.known.into_inner() {
            Some(known) => known.map(|known| known.toolchain),
            None => unreachable!("it was waited for"),
        }
    }
}

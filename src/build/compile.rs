//! Runs the compiler on a [`Recipe`] and checks what comes out.
//!
//! A compiler runs in a private directory that is removed afterwards, with an environment that holds nothing of the
//! user's. Nothing but the recipe decides what is made: the toolchain only says where the compiler is, and must be the one
//! that the recipe names.
//!
//! A process costs some 18 ms besides what it compiles: the five kernels of a network of integrate-and-fire cells take
//! 195 ms in five processes one after the other, 115 ms of two processors, and 104 ms as one text. So a [`Unit`] may hold
//! several kernels; who makes them sees to it that all processors have one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::elf::{Objection, check_function, check_library};
use super::env::{Env, TIME_LIMIT};
use super::messages::{Message, messages};
use super::process::{self, ProcessError, command_line};
use super::recipe::{LIBRARY_FILE, Recipe, source_file};
use super::toolchain::Toolchain;
use crate::render::Language;

/// The symbol that every kernel defines, in whatever language it is written.
pub const ENTRY_SYMBOL: &str = "saltus_kernel";

/// How a compilation is run; nothing here changes what it makes.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// Time for one run; then the compiler is killed.
    pub time_limit: Duration,
    /// Where the private directories are made; the system's temporary directory if absent.
    pub scratch: Option<PathBuf>,
}

/// A text that is no time for a compiler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{TIME_LIMIT}` is ignored: `{text}` is no time for a compiler: expected seconds, more than none, such as `60`"
)]
pub struct TimeLimitError {
    text: String,
}

impl CompileOptions {
    /// With the time limit that the environment names, and the usual one where it names none, or nonsense.
    pub fn from_env(env: &Env) -> (CompileOptions, Option<TimeLimitError>) {
        let default = CompileOptions::default();
        match (env.compile_time_limit(), env.get(TIME_LIMIT)) {
            (Some(time_limit), _) => (CompileOptions { time_limit, ..default }, None),
            (None, Some(text)) => (default, Some(TimeLimitError { text: text.to_string_lossy().into_owned() })),
            (None, None) => (default, None),
        }
    }
}

impl Default for CompileOptions {
    fn default() -> CompileOptions {
        CompileOptions { time_limit: Duration::from_secs(60), scratch: None }
    }
}

/// A library, checked but not yet loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// The file.
    pub library: Vec<u8>,
    /// How long the compiler took.
    pub seconds: f64,
}

/// A kernel could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The recipe names another compiler.
    #[error("the kernel is to be compiled by another compiler than `{}`", program.display())]
    AnotherCompiler {
        /// The program at hand.
        program: PathBuf,
    },
    /// A file of the compilation could not be written or read.
    #[error("cannot {verb} `{}`: {cause}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The compiler does not run, or not to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The compiler refuses the source.
    #[error("`{command}` failed ({status}):\n{output}")]
    Rejected {
        /// The command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The beginning of what it printed.
        output: String,
        /// Its messages about the source.
        messages: Vec<Message>,
    },
    /// It was not tried: others took too long, or nobody wants it any more.
    #[error("a kernel was not compiled, since the compiler is not waited for any more")]
    GivenUp,
    /// What the compiler made is no kernel.
    #[error("`{command}` made a library that is no kernel: {objection}")]
    NoKernel {
        /// The command line.
        command: String,
        /// What is wrong with it.
        objection: Objection,
    },
}

/// What one run of a compiler makes.
#[derive(Clone, Debug)]
pub struct Unit {
    /// How.
    pub recipe: Recipe,
    /// The symbols of the kernels that are in it.
    pub entries: Vec<String>,
}

impl Unit {
    /// One kernel.
    pub fn alone(recipe: Recipe) -> Unit {
        Unit { recipe, entries: vec![ENTRY_SYMBOL.to_string()] }
    }
}

/// Compiles one kernel.
pub fn compile(recipe: &Recipe, toolchain: &Toolchain, options: &CompileOptions) -> Result<Compiled, CompileError> {
    compile_unit(&Unit::alone(recipe.clone()), toolchain, options)
}

/// Compiles the kernels of a unit.
pub fn compile_unit(unit: &Unit, toolchain: &Toolchain, options: &CompileOptions) -> Result<Compiled, CompileError> {
    let Unit { recipe, entries } = unit;
    if recipe.compiler != toolchain.identity {
        return Err(CompileError::AnotherCompiler { program: toolchain.program.clone() });
    }
    let started = Instant::now();
    let directory = private_directory(options).map_err(no_directory)?;
    let source = directory.path().join(source_file(recipe.language));
    fs::write(&source, &recipe.source).map_err(|cause| CompileError::File { verb: "write", path: source, cause })?;

    let mut command = toolchain.command(directory.path());
    command.args(&recipe.arguments);
    let line = command_line(&command);
    let finished = process::run(command, options.time_limit, &directory.path().join("log"))?;
    if !finished.status.success() {
        let output = finished.beginning();
        let messages = messages(&finished.output, &recipe.source, recipe.language, toolchain.family);
        return Err(CompileError::Rejected { command: line, status: finished.status, output, messages });
    }
    let path = directory.path().join(LIBRARY_FILE);
    let library = read_library(&path).map_err(|cause| CompileError::File { verb: "read", path, cause })?;
    entries
        .iter()
        .try_for_each(|entry| match recipe.language {
            Language::C | Language::Rust => check_library(&library, entry),
            Language::Cpp => check_function(&library, entry),
        })
        .map_err(|objection| CompileError::NoKernel { command: line, objection })?;
    Ok(Compiled { library, seconds: started.elapsed().as_secs_f64() })
}

/// A directory of our own for one run of a compiler; where there is none, the directory that it was to be made in, and why.
pub(super) fn private_directory(options: &CompileOptions) -> Result<tempfile::TempDir, (PathBuf, io::Error)> {
    let parent = options.scratch.clone().unwrap_or_else(std::env::temp_dir);
    tempfile::Builder::new().prefix("saltus-").tempdir_in(&parent).map_err(|cause| (parent, cause))
}

/// That there is none.
pub(super) fn no_directory((path, cause): (PathBuf, io::Error)) -> CompileError {
    CompileError::File { verb: "make a directory in", path, cause }
}

/// What a compiler has made, if that is a plain file: a pipe would stop us, and a link could lead to what has no end.
fn read_library(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    fs::read(path)
}

/// Compiles several units on all processors and calls `finished` with the number of each as soon as it is done, from
/// the thread that compiled it. Once one has taken too long, or `is_wanted` is false, the others are given up.
pub fn compile_each(
    units: &[Unit],
    toolchain: &Toolchain,
    options: &CompileOptions,
    is_wanted: &(dyn Fn() -> bool + Sync),
    finished: &(dyn Fn(usize, Result<Compiled, CompileError>) + Sync),
) {
    // The longest first: it decides when the last one ends.
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_key(|&k| std::cmp::Reverse(units[k].recipe.source.len()));
    let (next, is_given_up) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        while let Some(&k) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            if is_given_up.load(Ordering::Relaxed) || !is_wanted() {
                finished(k, Err(CompileError::GivenUp));
                continue;
            }
            let compiled = compile_unit(&units[k], toolchain, options);
            if matches!(compiled, Err(CompileError::Process(ProcessError::TimedOut { .. }))) {
                is_given_up.store(true, Ordering::Relaxed);
            }
            finished(k, compiled);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(units.len());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Without a thread more, this one does it all.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
}

/// Compiles several kernels on all processors; the results are in the order of the recipes.
pub fn compile_all(
    recipes: &[Recipe],
    toolchain: &Toolchain,
    options: &CompileOptions,
) -> Vec<Result<Compiled, CompileError>> {
    let slots: Vec<Mutex<Option<_>>> = recipes.iter().map(|_| Mutex::new(None)).collect();
    let units: Vec<Unit> = recipes.iter().cloned().map(Unit::alone).collect();
    compile_each(&units, toolchain, options, &|| true, &|k, result| {
        *slots[k].lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(result);
    });
    slots
        .into_iter()
        .map(|slot| slot.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
        .map(|result| result.expect("every kernel is compiled once"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_a_compiler() {
        for (text, expected) in [
            ("2", Some(2.0)),
            (" 0.5 ", Some(0.5)),
            ("", Some(60.0)),
            ("abc", None),
            ("-1", None),
            ("0", None),
            ("1e-20", None),
            ("nan", None),
            ("inf", Some(2_592_000.0)),
            ("1e19", Some(2_592_000.0)),
            ("60s", None),
        ] {
            let (options, wrong) = CompileOptions::from_env(&Env::new([(TIME_LIMIT, text)]));
            assert_eq!(options.time_limit, Duration::from_secs_f64(expected.unwrap_or(60.0)), "{text}");
            assert_eq!(wrong.is_some(), expected.is_none(), "{text}");
        }
    }
}

//! Finds the compiler for a language.
//!
//! | language | what the user named, in order | on the `PATH`, in order | then |
//! |---|---|---|---|
//! | C | `--cc`, `SALTUS_CC`, `CC` | `cc`, `gcc`, `clang`, `zig` (as `zig cc`) | |
//! | C++ | `SALTUS_CXX`, `CXX` | `c++`, `g++`, `clang++` | |
//! | Rust | `--cc`, `SALTUS_RUSTC`, `RUSTC` | `rustc` | `$CARGO_HOME/bin` or `~/.cargo/bin`, where rustup puts it |
//!
//! tcc is asked for by the engine beside these, for preliminary code, and by nobody else unless the user names it.
//!
//! The environment is a value, [`Env`]. What a compiler is (family, version, target, identity) takes processes and a
//! reading of its programs (see `probe`). The answer is kept in a memo directory and trusted as long as none of the files
//! it was drawn from has changed, so that every later start runs no process and takes 0.04 ms.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cpu::{CpuFeatures, Machine};
use super::early::{Compiler, Known};
pub use super::env::Env;
use super::env::read_small;
use super::identity::{FileStamp, IdentityError};
use super::process::ProcessError;
use super::recipe::Key;
use super::{probe, probe_rust};
use crate::render::Language;

/// Compiler caches that people write in front of a compiler's name.
const WRAPPERS: [&str; 5] = ["ccache", "sccache", "buildcache", "distcc", "icecc"];

/// Where the compilers of a language are looked for.
struct Search {
    /// What it is called in messages.
    called: &'static str,
    /// Variables that name a compiler, in order, and how messages show them.
    variables: [(&'static str, &'static str); 2],
    /// Names of compilers, in the order in which they are looked for on the `PATH`.
    names: &'static [&'static str],
    /// The names in a message.
    looked_for: &'static str,
}

const C: Search = Search {
    called: "C",
    variables: [("SALTUS_CC", "`SALTUS_CC`"), ("CC", "`CC`")],
    names: &["cc", "gcc", "clang", "zig"],
    looked_for: "`cc`, `gcc`, `clang` and `zig`",
};

const CPP: Search = Search {
    called: "C++",
    variables: [("SALTUS_CXX", "`SALTUS_CXX`"), ("CXX", "`CXX`")],
    names: &["c++", "g++", "clang++"],
    looked_for: "`c++`, `g++` and `clang++`",
};

const RUST: Search = Search {
    called: "Rust",
    variables: [("SALTUS_RUSTC", "`SALTUS_RUSTC`"), ("RUSTC", "`RUSTC`")],
    names: &["rustc"],
    looked_for: "`rustc`",
};

fn search(language: Language) -> &'static Search {
    match language {
        Language::C => &C,
        Language::Cpp => &CPP,
        Language::Rust => &RUST,
    }
}

/// What, beside the `PATH`, decides which compiler a program of rustup stands for.
pub(super) const RUSTUP_VARIABLES: [&str; 4] = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];

/// Format of the memo; another one is ignored.
const MEMO_FORMAT: u32 = 2;

/// Compilers that take the same flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// GNU.
    Gcc,
    /// LLVM.
    Clang,
    /// Tiny C compiler: at once, but slow code.
    Tcc,
    /// LLVM's C compiler and linker in one program, with defaults of its own.
    Zig,
    /// Rust's.
    Rustc,
    /// One that behaves like gcc or clang but is not.
    Other,
}

impl Family {
    /// What kernels are written in that it compiles.
    pub fn language(self) -> Language {
        match self {
            Family::Gcc | Family::Clang | Family::Tcc | Family::Zig | Family::Other => Language::C,
            Family::Rustc => Language::Rust,
        }
    }
}

/// A compiler of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// Absolute path of the program: for Rust the compiler itself, not rustup's program of that name.
    pub program: PathBuf,
    /// Arguments that come before all others (from `CC="gcc -m64"`).
    pub arguments: Vec<String>,
    /// Which flags it takes.
    pub family: Family,
    /// The line in which it names itself and its version.
    pub version: String,
    /// The triple it compiles for, in its own words.
    pub target: String,
    /// Digest of the programs it consists of.
    pub identity: Key,
    /// Where it looks for programs: the `PATH` it was found with.
    pub search_path: OsString,
}

impl Toolchain {
    /// First number of its version.
    pub fn major_version(&self) -> Option<u32> {
        let (_, number) = self.version.split_once("version ").or_else(|| self.version.split_once("rustc "))?;
        number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// The features that its code may use by default: those of this processor.
    pub fn default_features(&self) -> CpuFeatures {
        Machine::this().features.clone()
    }

    /// The compiler, still without arguments, to be run in `directory`.
    pub(crate) fn command(&self, directory: &Path) -> Command {
        bare_command(&self.program, &self.search_path, directory)
    }
}

/// In an environment that holds only what a compiler needs: nothing that a user or a site sets (`CPATH`,
/// `COMPILER_PATH`, `GCC_EXEC_PREFIX`, …) can change what it makes.
pub(super) fn bare_command(program: &Path, search_path: &OsStr, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).env_clear();
    command.env("PATH", search_path).env("LC_ALL", "C").env("TMPDIR", directory);
    if is_zig(program) {
        // It must have a cache, and the user's would be a second place in which a kernel could be damaged. What the
        // cache would save is the whole compilation of a kernel that is compiled again, for which there is the store.
        command.env("ZIG_GLOBAL_CACHE_DIR", directory.join("zig")).env("ZIG_LOCAL_CACHE_DIR", directory.join("zig"));
    }
    command
}

/// Whether this is the program that is a C compiler if its first argument is `cc`.
pub(super) fn is_zig(program: &Path) -> bool {
    program.file_name() == Some(OsStr::new("zig"))
}

/// There is no compiler to use.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// None is installed.
    #[error("no {language} compiler: looked for {looked_for} in {}", shown_path(search_path))]
    NotFound {
        /// Of this language.
        language: &'static str,
        /// The names.
        looked_for: String,
        /// The directories.
        search_path: String,
    },
    /// The one asked for is not there.
    #[error("{chosen_by} asks for the compiler `{command}`, which is not a program here")]
    Missing {
        /// The option or variable.
        chosen_by: &'static str,
        /// Its value.
        command: String,
    },
    /// The one asked for would compute other numbers, or numbers that depend on the machine.
    #[error("{chosen_by} passes `{argument}` to the compiler, which changes results")]
    ChangesResults {
        /// The option or variable.
        chosen_by: &'static str,
        /// The argument.
        argument: String,
    },
    /// It does not say what it is.
    #[error("`{}` does not say which {language} compiler it is; it printed {}", program.display(), shown_output(output))]
    Unrecognised {
        /// Of this language.
        language: &'static str,
        /// The program.
        program: PathBuf,
        /// What it printed.
        output: String,
    },
    /// A part of it is not installed.
    #[error("the compiler `{}` needs `{part}`, which is not installed", program.display())]
    Incomplete {
        /// The compiler.
        program: PathBuf,
        /// The missing program.
        part: String,
    },
    /// It compiles for another kind of machine.
    #[error("`{}` compiles for {target}, not for this machine", program.display())]
    ForeignTarget {
        /// The program.
        program: PathBuf,
        /// Its target.
        target: String,
    },
    /// It does not run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A part of it cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No thread to find out what it is.
    #[error("cannot start a thread to look at a compiler: {cause}")]
    Thread {
        /// Why not.
        cause: io::Error,
    },
    /// No temporary directory for the dry run.
    #[error("no temporary directory: {cause}")]
    Scratch {
        /// Why not.
        cause: io::Error,
    },
}

fn shown_path(search_path: &str) -> String {
    if search_path.is_empty() { "an empty `PATH`".to_string() } else { format!("`{search_path}`") }
}

fn shown_output(output: &str) -> String {
    if output.trim().is_empty() { "nothing".to_string() } else { format!("this:\n{}", output.trim_end()) }
}

/// A command that may be a compiler.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) chosen_by: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// How long it may take to answer a question.
    pub(super) limit: Duration,
}

/// How long a compiler may take to answer a question, unless a compilation has less.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

impl Candidate {
    fn new(chosen_by: &'static str, program: PathBuf, mut arguments: Vec<String>, env: &Env) -> Candidate {
        if is_zig(&program) {
            if arguments.first().is_none_or(|first| first != "cc") {
                arguments.insert(0, "cc".to_string());
            }
            if !arguments.iter().any(|argument| argument == "-target") {
                // Or the running kernel's version would be part of the target, and so of the key.
                arguments.extend(["-target".to_string(), format!("{}-linux-none", std::env::consts::ARCH)]);
            }
        }
        let limit = env.compile_time_limit().map_or(ANSWER_LIMIT, |limit| limit.min(ANSWER_LIMIT));
        Candidate { chosen_by, program, arguments, limit }
    }
}

/// The C compiler to use: [`discover_for`] C.
pub fn discover(env: &Env, cc_override: Option<&Path>, memo: Option<&Path>) -> Result<Toolchain, ToolchainError> {
    discover_for(Language::C, env, cc_override, memo)
}

/// The compiler to use for kernels in a language. `cc_override` is what the user asked for on the command line; `memo` is
/// a directory that only this user can write to. A compiler that was asked for is used or refused, never replaced.
pub fn discover_for(
    language: Language,
    env: &Env,
    cc_override: Option<&Path>,
    memo: Option<&Path>,
) -> Result<Toolchain, ToolchainError> {
    choose(language, env, cc_override, |candidate| examine(candidate, language, env, memo))
}

/// The compiler that is soon done, if it is here and answers each question within a time.
pub(crate) fn discover_quick(env: &Env, memo: Option<&Path>, limit: Duration) -> Result<Toolchain, ToolchainError> {
    let candidate = by_option(env, Path::new("tcc"))?;
    examine(&Candidate { limit: limit.min(candidate.limit), ..candidate }, Language::C, env, memo)
}

/// The first compiler in the order of [`discover_for`] that can be examined.
pub(super) fn choose<T>(
    language: Language,
    env: &Env,
    cc_override: Option<&Path>,
    examine: impl Fn(&Candidate) -> Result<T, ToolchainError>,
) -> Result<T, ToolchainError> {
    let search = search(language);
    if let Some(candidate) = asked_for(search, env, cc_override)? {
        return examine(&candidate);
    }
    let mut first_failure = None;
    for name in search.names {
        let Some(candidate) = installed(language, env, name) else { continue };
        match examine(&candidate) {
            Ok(found) => return Ok(found),
            Err(failure) => first_failure = first_failure.or(Some(failure)),
        }
    }
    Err(first_failure.unwrap_or_else(|| ToolchainError::NotFound {
        language: search.called,
        looked_for: search.looked_for.to_string(),
        search_path: env.get("PATH").unwrap_or_default().to_string_lossy().into_owned(),
    }))
}

/// One place where [`discover_for`] looks, and what is there.
#[derive(Debug)]
pub struct Place {
    /// The option, the variable, or the name on the `PATH`.
    pub name: &'static str,
    /// The compiler; none where an option or variable is not given, or no program has the name.
    pub found: Option<Result<Toolchain, ToolchainError>>,
}

/// All places where [`discover_for`] looks, in order, the ones after its choice too.
pub fn survey(language: Language, env: &Env, cc_override: Option<&Path>, memo: Option<&Path>) -> Vec<Place> {
    let search = search(language);
    let asked = cc_override.map(|path| ("--cc", by_option(env, path)));
    let variables =
        search.variables.map(|(name, shown)| (name, env.get(name).map(|value| by_variable(env, value, shown))));
    let places = asked.into_iter().map(|(name, candidate)| (name, Some(candidate))).chain(variables);
    places
        .chain(search.names.iter().map(|name| (*name, installed(language, env, name).map(Ok))))
        .map(|(name, candidate)| {
            let found = candidate.map(|candidate| candidate.and_then(|c| examine(&c, language, env, memo)));
            Place { name, found }
        })
        .collect()
}

/// A program with this name: on the `PATH`, or where a language's own installer puts it, which is not on the `PATH` of
/// every shell, job or editor.
fn installed(language: Language, env: &Env, name: &str) -> Option<Candidate> {
    let of_cargo = || {
        let home = env.get("HOME").map(|home| Path::new(home).join(".cargo"));
        let cargo = env.get("CARGO_HOME").map(PathBuf::from).or(home).filter(|_| language == Language::Rust)?;
        env.find_program(&cargo.join("bin").join(name)).filter(|_| cargo.is_absolute())
    };
    let program = env.find_program(Path::new(name)).or_else(of_cargo)?;
    Some(Candidate::new("PATH", program, Vec::new(), env))
}

/// The compiler that the user named, if any.
fn asked_for(search: &Search, env: &Env, cc_override: Option<&Path>) -> Result<Option<Candidate>, ToolchainError> {
    if let Some(path) = cc_override {
        return by_option(env, path).map(Some);
    }
    let set = search.variables.iter().find_map(|(name, shown)| Some((env.get(name)?, *shown)));
    set.map(|(value, shown)| by_variable(env, value, shown)).transpose()
}

fn missing(chosen_by: &'static str, command: &OsStr) -> ToolchainError {
    ToolchainError::Missing { chosen_by, command: command.to_string_lossy().into_owned() }
}

fn by_option(env: &Env, path: &Path) -> Result<Candidate, ToolchainError> {
    let program = env.find_program(path).ok_or_else(|| missing("`--cc`", path.as_os_str()))?;
    Ok(Candidate::new("`--cc`", program, Vec::new(), env))
}

fn by_variable(env: &Env, value: &OsStr, chosen_by: &'static str) -> Result<Candidate, ToolchainError> {
    // A path with blanks in it is one word, as for make's users who know how to quote; else words are arguments.
    if let Some(program) = env.find_program(Path::new(value)) {
        return Ok(Candidate::new(chosen_by, program, Vec::new(), env));
    }
    let text = value.to_string_lossy();
    let mut words = text.split_whitespace().peekable();
    // In front of kernels there is a cache already, and another one would not find its directories.
    let is_wrapper = |word: &&str| Path::new(word).file_name().is_some_and(|name| WRAPPERS.iter().any(|w| name == *w));
    if words.peek().is_some_and(is_wrapper) {
        words.next();
    }
    let program = words.next().and_then(|word| env.find_program(Path::new(word)));
    let program = program.ok_or_else(|| missing(chosen_by, value))?;
    Ok(Candidate::new(chosen_by, program, words.map(str::to_string).collect(), env))
}

/// Arguments that would let results differ between compilers, or make one key stand for several machine codes.
fn changes_results(argument: &str) -> bool {
    argument.contains("=native")
        || argument == "-Ofast"
        || ["-ffast-math", "-funsafe-math", "-fassociative", "-freciprocal", "-ffinite-math", "-fno-signed-zeros"]
            .iter()
            .any(|flag| argument.starts_with(flag))
}

fn examine(
    candidate: &Candidate,
    language: Language,
    env: &Env,
    memo: Option<&Path>,
) -> Result<Toolchain, ToolchainError> {
    examine_early(candidate, language, env, memo, false)?.into_toolchain()
}

/// Finds out what a compiler is; if it may be `early`, no more than how to call it, and the rest meanwhile.
pub(super) fn examine_early(
    candidate: &Candidate,
    language: Language,
    env: &Env,
    memo: Option<&Path>,
    early: bool,
) -> Result<Compiler, ToolchainError> {
    if let Some(argument) = candidate.arguments.iter().find(|argument| changes_results(argument)) {
        return Err(ToolchainError::ChangesResults { chosen_by: candidate.chosen_by, argument: argument.clone() });
    }
    let question = Question::of(candidate, language, env);
    let memo_file = memo.map(|directory| directory.join(question.file_name()));
    if let Some(known) = memo_file.as_deref().and_then(|file| recall(file, &question)) {
        return Ok(Compiler::known(known));
    }
    let keep = move |known: &Known| {
        if let Some(file) = &memo_file {
            // Without a memo the next start is slower, and nothing else: the store reports a directory that is not usable.
            let _ = remember(file, question, known);
        }
    };
    let known = match language {
        Language::C | Language::Cpp => {
            let begun = probe::begin(candidate, language, env.get("PATH").unwrap_or_default())?;
            check_target(begun.toolchain())?;
            if early {
                return Ok(Compiler::early(begun, keep));
            }
            begun.finish()?
        }
        Language::Rust => probe_rust::inspect(candidate, env)?,
    };
    check_target(&known.toolchain)?;
    keep(&known);
    Ok(Compiler::known(known))
}

fn check_target(toolchain: &Toolchain) -> Result<(), ToolchainError> {
    let Toolchain { program, target, .. } = toolchain;
    if Machine::this().runs(target, &CpuFeatures::baseline()) {
        return Ok(());
    }
    Err(ToolchainError::ForeignTarget { program: program.clone(), target: target.clone() })
}

/// Everything that decides, beside the content of files, what a command is.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    language: Language,
    program: PathBuf,
    arguments: Vec<String>,
    /// The `PATH`; for Rust, the variables that rustup looks at.
    variables: Vec<OsString>,
}

impl Question {
    fn of(candidate: &Candidate, language: Language, env: &Env) -> Question {
        let others: &[&str] = match language {
            Language::C | Language::Cpp => &[],
            Language::Rust => &RUSTUP_VARIABLES,
        };
        let variables = std::iter::once(&"PATH").chain(others);
        Question {
            language,
            program: candidate.program.clone(),
            arguments: candidate.arguments.clone(),
            variables: variables.map(|name| env.get(name).unwrap_or_default().to_os_string()).collect(),
        }
    }

    fn file_name(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let Question { language, program, arguments, variables } = self;
        let arguments = arguments.iter().map(OsStr::new);
        let fixed = [OsStr::new(language.name()), program.as_os_str()];
        for part in fixed.into_iter().chain(variables.iter().map(OsString::as_os_str)).chain(arguments) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_encoded_bytes());
        }
        format!("toolchain-{}.json", &hasher.finalize().to_hex()[..16])
    }
}

/// What was found out about a compiler, and the files that this was drawn from.
#[derive(Serialize, Deserialize)]
pub(super) struct Memo {
    format: u32,
    question: Question,
    pub(super) toolchain: Toolchain,
    pub(super) files: Vec<FileStamp>,
}

fn recall(file: &Path, question: &Question) -> Option<Known> {
    let memo: Memo = serde_json::from_slice(&read_small(file).ok()?).ok()?;
    let valid =
        memo.format == MEMO_FORMAT && memo.question == *question && memo.files.iter().all(FileStamp::is_current);
    valid.then_some(Known { toolchain: memo.toolchain, files: memo.files })
}

fn remember(file: &Path, question: Question, known: &Known) -> io::Result<()> {
    let Known { toolchain, files } = known.clone();
    let directory = file.parent().unwrap_or(Path::new("."));
    let memo = Memo { format: MEMO_FORMAT, question, toolchain, files };
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    temporary.write_all(&serde_json::to_vec(&memo)?)?;
    temporary.persist(file)?;
    Ok(())
}

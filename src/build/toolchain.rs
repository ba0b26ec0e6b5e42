//! Finds the compiler: in order `--cc`, `SALTUS_CC`, `CC`, then `cc`, `gcc` and `clang` on `PATH`.
//!
//! The environment is a value, [`Env`]. What a compiler is (family, version, target, identity) takes a dry run, the
//! `cc` crate's detection and a reading of its programs, the last two at the same time (2, 10 and 9 ms for gcc; 25, 75
//! and 2 ms for clang). The answer is kept in a memo directory and trusted as long as none of the files it was drawn
//! from has changed, so that every later start runs no process and takes 0.04 ms.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cpu::{CpuFeatures, Machine};
use super::identity::{FileStamp, IdentityError, identify};
use super::process::{self, ProcessError};
use super::recipe::Key;

/// How long a compiler may take to say what it is.
const DRY_RUN_LIMIT: Duration = Duration::from_secs(20);

/// Compiler caches that people write in front of a compiler's name.
const WRAPPERS: [&str; 5] = ["ccache", "sccache", "buildcache", "distcc", "icecc"];

/// Variables that name a compiler, in order, and how messages show them.
const VARIABLES: [(&str, &str); 2] = [("SALTUS_CC", "`SALTUS_CC`"), ("CC", "`CC`")];

/// Names of compilers, in the order in which they are looked for on the `PATH`.
const NAMES: [&str; 3] = ["cc", "gcc", "clang"];

/// Format of the memo; another one is ignored.
const MEMO_FORMAT: u32 = 1;

/// Environment variables, as a value.
#[derive(Clone, Debug, Default)]
pub struct Env(BTreeMap<OsString, OsString>);

impl Env {
    /// The variables of this process.
    pub fn of_process() -> Env {
        Env(std::env::vars_os().collect())
    }

    /// These variables and no others.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Env {
        Env(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The value of a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The program that a shell would run for `name`.
    pub fn find_program(&self, name: &Path) -> Option<PathBuf> {
        if name.components().count() > 1 {
            return is_program(name).then(|| std::path::absolute(name).ok())?;
        }
        find_in(std::env::split_paths(self.get("PATH")?), name)
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn find_in(directories: impl Iterator<Item = PathBuf>, name: &Path) -> Option<PathBuf> {
    // Entries that are relative to the current directory would make the compiler depend on it.
    directories.filter(|d| d.is_absolute()).map(|d| d.join(name)).find(|path| is_program(path))
}

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
    /// One that behaves like gcc or clang but is not.
    Other,
}

/// A compiler of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// Absolute path of the program.
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
        let (_, number) = self.version.split_once("version ")?;
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
fn bare_command(program: &Path, search_path: &OsStr, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).env_clear();
    command.env("PATH", search_path).env("LC_ALL", "C").env("TMPDIR", directory);
    command
}

/// There is no compiler to use.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// None is installed.
    #[error("no C compiler: looked for {looked_for} in {}", shown_path(search_path))]
    NotFound {
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
    #[error("`{}` does not say which compiler it is; it printed {}", program.display(), shown_output(output))]
    Unrecognised {
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
struct Candidate {
    chosen_by: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

/// The compiler to use. `cc_override` is what the user asked for on the command line; `memo` is a directory that only
/// this user can write to. A compiler that was asked for is used or refused, never replaced.
pub fn discover(env: &Env, cc_override: Option<&Path>, memo: Option<&Path>) -> Result<Toolchain, ToolchainError> {
    if let Some(candidate) = asked_for(env, cc_override)? {
        return examine(&candidate, env, memo);
    }
    let mut first_failure = None;
    for name in NAMES {
        let Some(candidate) = on_path(env, name) else { continue };
        match examine(&candidate, env, memo) {
            Ok(toolchain) => return Ok(toolchain),
            Err(failure) => first_failure = first_failure.or(Some(failure)),
        }
    }
    Err(first_failure.unwrap_or_else(|| ToolchainError::NotFound {
        looked_for: "`cc`, `gcc` and `clang`".to_string(),
        search_path: env.get("PATH").unwrap_or_default().to_string_lossy().into_owned(),
    }))
}

/// One place where [`discover`] looks, and what is there.
#[derive(Debug)]
pub struct Place {
    /// The option, the variable, or the name on the `PATH`.
    pub name: &'static str,
    /// The compiler; none where an option or variable is not given, or no program has the name.
    pub found: Option<Result<Toolchain, ToolchainError>>,
}

/// All places where [`discover`] looks, in order, the ones after its choice too.
pub fn survey(env: &Env, cc_override: Option<&Path>, memo: Option<&Path>) -> Vec<Place> {
    let asked = cc_override.map(|path| ("--cc", by_option(env, path)));
    let variables = VARIABLES.map(|(name, shown)| (name, env.get(name).map(|value| by_variable(env, value, shown))));
    let places = asked.into_iter().map(|(name, candidate)| (name, Some(candidate))).chain(variables);
    places
        .chain(NAMES.map(|name| (name, on_path(env, name).map(Ok))))
        .map(|(name, candidate)| {
            let found = candidate.map(|candidate| candidate.and_then(|c| examine(&c, env, memo)));
            Place { name, found }
        })
        .collect()
}

/// A program with this name.
fn on_path(env: &Env, name: &str) -> Option<Candidate> {
    let program = env.find_program(Path::new(name))?;
    Some(Candidate { chosen_by: "PATH", program, arguments: Vec::new() })
}

/// The compiler that the user named, if any.
fn asked_for(env: &Env, cc_override: Option<&Path>) -> Result<Option<Candidate>, ToolchainError> {
    if let Some(path) = cc_override {
        return by_option(env, path).map(Some);
    }
    let set = VARIABLES.iter().find_map(|(name, shown)| Some((env.get(name)?, *shown)));
    set.map(|(value, shown)| by_variable(env, value, shown)).transpose()
}

fn missing(chosen_by: &'static str, command: &OsStr) -> ToolchainError {
    ToolchainError::Missing { chosen_by, command: command.to_string_lossy().into_owned() }
}

fn by_option(env: &Env, path: &Path) -> Result<Candidate, ToolchainError> {
    let program = env.find_program(path).ok_or_else(|| missing("`--cc`", path.as_os_str()))?;
    Ok(Candidate { chosen_by: "`--cc`", program, arguments: Vec::new() })
}

fn by_variable(env: &Env, value: &OsStr, chosen_by: &'static str) -> Result<Candidate, ToolchainError> {
    // A path with blanks in it is one word, as for make's users who know how to quote; else words are arguments.
    if let Some(program) = env.find_program(Path::new(value)) {
        return Ok(Candidate { chosen_by, program, arguments: Vec::new() });
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
    Ok(Candidate { chosen_by, program, arguments: words.map(str::to_string).collect() })
}

/// Arguments that would let results differ between compilers, or make one key stand for several machine codes.
fn changes_results(argument: &str) -> bool {
    argument.contains("=native")
        || argument == "-Ofast"
        || ["-ffast-math", "-funsafe-math", "-fassociative", "-freciprocal", "-ffinite-math", "-fno-signed-zeros"]
            .iter()
            .any(|flag| argument.starts_with(flag))
}

fn examine(candidate: &Candidate, env: &Env, memo: Option<&Path>) -> Result<Toolchain, ToolchainError> {
    if let Some(argument) = candidate.arguments.iter().find(|argument| changes_results(argument)) {
        return Err(ToolchainError::ChangesResults { chosen_by: candidate.chosen_by, argument: argument.clone() });
    }
    let search_path = env.get("PATH").unwrap_or_default();
    let memo_file = memo.map(|directory| directory.join(memo_name(candidate, search_path)));
    if let Some(known) = memo_file.as_deref().and_then(|file| recall(file, candidate, search_path)) {
        return Ok(known);
    }
    let (toolchain, files) = inspect(candidate, search_path)?;
    if !Machine::this().runs(&toolchain.target, &CpuFeatures::baseline()) {
        return Err(ToolchainError::ForeignTarget { program: toolchain.program, target: toolchain.target });
    }
    if let Some(file) = memo_file {
        // Without a memo the next start is slower, and nothing else: the store reports a directory that is not usable.
        let _ = remember(&file, &toolchain, files);
    }
    Ok(toolchain)
}

/// What was found out about a compiler, and the files that this was drawn from.
#[derive(Serialize, Deserialize)]
pub(super) struct Memo {
    format: u32,
    pub(super) toolchain: Toolchain,
    pub(super) files: Vec<FileStamp>,
}

fn memo_name(candidate: &Candidate, search_path: &OsStr) -> String {
    let mut hasher = blake3::Hasher::new();
    let arguments = candidate.arguments.iter().map(OsStr::new);
    for part in [candidate.program.as_os_str(), search_path].into_iter().chain(arguments) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_encoded_bytes());
    }
    format!("toolchain-{}.json", &hasher.finalize().to_hex()[..16])
}

fn recall(file: &Path, candidate: &Candidate, search_path: &OsStr) -> Option<Toolchain> {
    let memo: Memo = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let known = &memo.toolchain;
    let same_question = known.program == candidate.program
        && known.arguments == candidate.arguments
        && known.search_path == search_path;
    let valid = memo.format == MEMO_FORMAT && same_question && memo.files.iter().all(FileStamp::is_current);
    valid.then_some(memo.toolchain)
}

fn remember(file: &Path, toolchain: &Toolchain, files: Vec<FileStamp>) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let memo = Memo { format: MEMO_FORMAT, toolchain: toolchain.clone(), files };
    let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
    temporary.write_all(&serde_json::to_vec(&memo)?)?;
    temporary.persist(file)?;
    Ok(())
}

/// Finds out what a compiler is: the `cc` crate tells its family while a dry run tells its version, target and parts
/// and these are read.
fn inspect(candidate: &Candidate, search_path: &OsStr) -> Result<(Toolchain, Vec<FileStamp>), ToolchainError> {
    let scratch = tempfile::tempdir().map_err(|cause| ToolchainError::Scratch { cause })?;
    std::thread::scope(|scope| {
        let detection = scope.spawn(|| detected_clang(candidate, search_path, scratch.path()));
        let dry = dry_run(candidate, search_path, scratch.path())?;
        let programs = parts(candidate, &dry, search_path)?;
        let (identity, files) = identify(&programs)?;
        let is_clang = detection.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let family = match (dry.family, is_clang) {
            (Family::Clang, Some(false)) | (Family::Gcc, Some(true)) => Family::Other,
            (family, _) => family,
        };
        let toolchain = Toolchain {
            program: candidate.program.clone(),
            arguments: candidate.arguments.clone(),
            family,
            version: dry.version,
            target: dry.target,
            identity,
            search_path: search_path.to_os_string(),
        };
        Ok((toolchain, files))
    })
}

/// Whether the `cc` crate, which asks the preprocessor, takes a compiler for clang; None if it cannot tell.
///
/// Only its answer is used: the flags and the environment it would give to a build script hold the user's `CFLAGS`.
fn detected_clang(candidate: &Candidate, search_path: &OsStr, directory: &Path) -> Option<bool> {
    let target = format!("{}-unknown-{}-gnu", std::env::consts::ARCH, std::env::consts::OS);
    let tool = cc::Build::new()
        .compiler(&candidate.program)
        .target(&target)
        .host(&target)
        .opt_level(3)
        .out_dir(directory)
        .env("PATH", search_path)
        // It is made for build scripts, which talk to Cargo on the standard output.
        .cargo_metadata(false)
        .cargo_warnings(false)
        .no_default_flags(true)
        .warnings(false)
        .inherit_rustflags(false)
        .inherit_trim_paths(false)
        .try_get_compiler()
        .ok()?;
    Some(tool.is_like_clang())
}

/// What a compiler says about itself.
#[derive(Debug, PartialEq, Eq)]
struct DryRun {
    family: Family,
    version: String,
    target: String,
    /// The programs it would run, as it would call them.
    programs: Vec<PathBuf>,
    /// Where it looks for programs before `PATH`.
    directories: Vec<PathBuf>,
}

fn dry_run(candidate: &Candidate, search_path: &OsStr, directory: &Path) -> Result<DryRun, ToolchainError> {
    let ask = |arguments: &[&str], log: &str| {
        let mut command = bare_command(&candidate.program, search_path, directory);
        command.args(&candidate.arguments).args(arguments);
        process::run(command, DRY_RUN_LIMIT, &directory.join(log))
    };
    // Without a process for each part, gcc and clang print all they would do: 2 ms instead of 9 for `-Q --help`.
    let said =
        ask(&["-###", "-x", "c", "-fPIC", "-shared", "-nostdlib", "-o", "kernel.so", "/dev/null"], "dry-run")?.output;
    if let Some(dry) = parse_dry_run(&said) {
        return Ok(dry);
    }
    let said_version = ask(&["-v"], "version")?.output;
    parse_tcc_version(&said_version).ok_or_else(|| ToolchainError::Unrecognised {
        program: candidate.program.clone(),
        output: format!("{said}{said_version}").chars().take(2000).collect(),
    })
}

fn parse_dry_run(text: &str) -> Option<DryRun> {
    let after = |prefix: &str| text.lines().find_map(|line| line.strip_prefix(prefix));
    let version = text.lines().find(|line| line.contains(" version ") && !line.starts_with(' '))?.trim();
    let target = after("Target: ")?.trim();
    let family = if version.contains("clang version ") {
        Family::Clang
    } else if version.starts_with("gcc version ") {
        Family::Gcc
    } else {
        Family::Other
    };
    let commands = text.lines().filter_map(|line| line.strip_prefix(' '));
    let programs: Vec<PathBuf> = commands.filter_map(first_word).map(PathBuf::from).collect();
    let directories = after("COMPILER_PATH=").map(|list| std::env::split_paths(list).collect()).unwrap_or_default();
    let (version, target) = (version.to_string(), target.to_string());
    (!programs.is_empty()).then_some(DryRun { family, version, target, programs, directories })
}

/// The program of a printed command.
fn first_word(command: &str) -> Option<&str> {
    match command.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        // clang notes `(in-process)` where it need not start a program.
        None => command.split_whitespace().next().filter(|word| !word.starts_with('(')),
    }
}

fn parse_tcc_version(text: &str) -> Option<DryRun> {
    let version = text.lines().find(|line| line.starts_with("tcc version "))?.trim();
    let (_, target) = version.trim_end_matches(')').rsplit_once('(')?;
    Some(DryRun {
        family: Family::Tcc,
        version: version.to_string(),
        target: target.to_lowercase().replace(' ', "-"),
        programs: Vec::new(),
        directories: Vec::new(),
    })
}

/// The programs of which a compiler consists, each once.
fn parts(candidate: &Candidate, dry: &DryRun, search_path: &OsStr) -> Result<Vec<PathBuf>, ToolchainError> {
    let locate = |name: &Path| {
        if name.is_absolute() {
            return is_program(name).then(|| name.to_path_buf());
        }
        find_in(dry.directories.iter().cloned().chain(std::env::split_paths(search_path)), name)
    };
    let mut programs = vec![candidate.program.clone()];
    for name in &dry.programs {
        let missing =
            || ToolchainError::Incomplete { program: candidate.program.clone(), part: name.display().to_string() };
        programs.push(locate(name).ok_or_else(missing)?);
        if name.file_name() == Some(OsStr::new("collect2")) {
            // It runs a linker that it does not name, the first of these.
            let linkers = ["real-ld", "collect-ld", "ld"].map(Path::new);
            programs.push(linkers.iter().find_map(|linker| locate(linker)).ok_or_else(|| {
                ToolchainError::Incomplete { program: candidate.program.clone(), part: "ld".to_string() }
            })?);
        }
    }
    let mut seen = Vec::new();
    programs.retain(|program| {
        let real = program.canonicalize().unwrap_or_else(|_| program.clone());
        let new = !seen.contains(&real);
        seen.push(real);
        new
    });
    Ok(programs)
}

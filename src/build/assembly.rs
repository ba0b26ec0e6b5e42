//! Machine code as text: by the machine's `objdump` from a library, or by the compiler instead of one.
//!
//! A library is taken apart where it is known to be sound. Nothing is loaded, and nothing kept.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSymbol};

use super::compile::{self, CompileOptions};
use super::env::Env;
use super::process::{self, ProcessError, command_line};
use super::recipe::{LIBRARY_FILE, Recipe, source_file};
use super::toolchain::{Family, Toolchain, bare_command};

/// The program that takes libraries apart.
const OBJDUMP: &str = "objdump";

/// Where a compiler leaves its assembly.
const ASSEMBLY_FILE: &str = "kernel.s";

/// Machine code cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// There is no program for it.
    #[error("no `{OBJDUMP}` in the `PATH`")]
    NoProgram,
    /// The compiler has no form of its output to read.
    #[error("`{}` prints no assembly", program.display())]
    NoAssembly {
        /// The compiler.
        program: PathBuf,
    },
    /// The library has no such kernel.
    #[error("the library does not define `{entry}`: {cause}")]
    NoEntry {
        /// The symbol.
        entry: String,
        /// What was found instead.
        cause: String,
    },
    /// A file could not be written or read.
    #[error("cannot {verb} `{}`: {cause}", path.display())]
    File {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// A program does not run, or not to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A program failed.
    #[error("`{command}` failed ({status}):\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it printed.
        output: String,
    },
}

/// The instructions of a kernel, from the library that it is in.
///
/// # Errors
/// If there is no `objdump`, or it does not know the library.
pub fn disassemble(library: &[u8], entry: &str, env: &Env, options: &CompileOptions) -> Result<String, AssemblyError> {
    let program = env.find_program(Path::new(OBJDUMP)).ok_or(AssemblyError::NoProgram)?;
    let (start, stop) = place_of(library, entry)?;
    let directory = private_directory(options)?;
    write(&directory.path().join(LIBRARY_FILE), library)?;
    let search_path = env.get("PATH").unwrap_or(OsStr::new(""));
    let mut command = bare_command(&program, search_path, directory.path());
    command.args(["--disassemble", "--no-show-raw-insn"]);
    command.args([format!("--start-address={start}"), format!("--stop-address={stop}"), LIBRARY_FILE.to_string()]);
    let line = command_line(&command);
    let log = directory.path().join("log");
    let finished = process::run(command, options.time_limit, &log)?;
    if !finished.status.success() {
        return Err(AssemblyError::Failed { command: line, status: finished.status, output: finished.beginning() });
    }
    // The whole of it, which is more than messages need.
    let text = read(&log)?;
    // Before the first label it tells the name and the format of the file.
    let label = format!("<{entry}>:");
    let from = text.find(&label).map_or(0, |at| text[..at].rfind('\n').map_or(0, |end| end + 1));
    Ok(text[from..].to_string())
}

/// What the compiler makes of a kernel on the way to machine code.
///
/// # Errors
/// If it has no such form, or fails.
pub fn assembly(recipe: &Recipe, toolchain: &Toolchain, options: &CompileOptions) -> Result<String, AssemblyError> {
    let directory = private_directory(options)?;
    write(&directory.path().join(source_file(recipe.language)), recipe.source.as_bytes())?;
    let mut command = toolchain.command(directory.path());
    // The same but for the last step; the output is named once.
    let is_output = |k: usize| recipe.arguments[k] == "-o" || k > 0 && recipe.arguments[k - 1] == "-o";
    command.args((0..recipe.arguments.len()).filter(|k| !is_output(*k)).map(|k| &recipe.arguments[k]));
    match toolchain.family {
        Family::Gcc | Family::Clang | Family::Zig | Family::Other => command.args(["-S", "-o", ASSEMBLY_FILE]),
        Family::Rustc => command.args(["--emit=asm", "-o", ASSEMBLY_FILE]),
        Family::Tcc => return Err(AssemblyError::NoAssembly { program: toolchain.program.clone() }),
    };
    let line = command_line(&command);
    let finished = process::run(command, options.time_limit, &directory.path().join("log"))?;
    if !finished.status.success() {
        return Err(AssemblyError::Failed { command: line, status: finished.status, output: finished.beginning() });
    }
    read(&directory.path().join(ASSEMBLY_FILE))
}

/// The addresses at which a symbol of a library begins and ends.
fn place_of(library: &[u8], entry: &str) -> Result<(u64, u64), AssemblyError> {
    let fail = |cause: String| AssemblyError::NoEntry { entry: entry.to_string(), cause };
    let file = ElfFile64::<Endianness>::parse(library).map_err(|cause| fail(cause.to_string()))?;
    let found = file.dynamic_symbols().find(|symbol| symbol.name() == Ok(entry) && symbol.is_definition());
    let symbol = found.ok_or_else(|| fail("it is not among its symbols".to_string()))?;
    Ok((symbol.address(), symbol.address() + symbol.size()))
}

fn private_directory(options: &CompileOptions) -> Result<tempfile::TempDir, AssemblyError> {
    let made = compile::private_directory(options);
    made.map_err(|(path, cause)| AssemblyError::File { verb: "make a directory in", path, cause })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), AssemblyError> {
    fs::write(path, bytes).map_err(|cause| AssemblyError::File { verb: "write", path: path.to_owned(), cause })
}

fn read(path: &Path) -> Result<String, AssemblyError> {
    let bytes = fs::read(path).map_err(|cause| AssemblyError::File { verb: "read", path: path.to_owned(), cause })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

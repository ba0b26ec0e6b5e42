//! What the preprocessor makes of sources that name files, which may change while the text that names them stays.

use std::fs;
use std::path::{Path, PathBuf};

use super::compile::{CompileError, CompileOptions, no_directory, private_directory};
use super::hex;
use super::process::{self, command_line};
use super::recipe::{LIBRARY_FILE, Recipe, source_file};
use super::toolchain::Toolchain;

/// The file that the preprocessor writes.
const EXPANDED_FILE: &str = "expanded";

/// A digest of all that is compiled: of the recipe's source and of these files, with all that they include.
///
/// # Errors
/// If the preprocessor fails, say because a file is not there.
pub fn expanded_digest(
    recipe: &Recipe,
    files: &[PathBuf],
    toolchain: &Toolchain,
    options: &CompileOptions,
) -> Result<String, CompileError> {
    let directory = private_directory(options).map_err(no_directory)?;
    let file = |verb| move |path: PathBuf| move |cause| CompileError::File { verb, path, cause };
    let own = directory.path().join(source_file(recipe.language));
    fs::write(&own, &recipe.source).map_err(file("write")(own.clone()))?;
    // Objects are not read by the preprocessor, which would not mind them.
    let is_binary = |path: &PathBuf| path.extension().is_some_and(|end| ["o", "a", "so"].iter().any(|e| end == *e));
    let mut digest = blake3::Hasher::new();
    for (k, source) in std::iter::once(&own).chain(files).enumerate() {
        let path = if is_binary(source) { source.clone() } else { directory.path().join(EXPANDED_FILE) };
        if !is_binary(source) {
            let log = directory.path().join(format!("log.{k}"));
            expand(recipe, source, files, toolchain, options, directory.path(), &log)?;
        }
        let text = fs::read(&path).map_err(file("read")(path.clone()))?;
        digest.update(&(text.len() as u64).to_le_bytes());
        digest.update(&text);
    }
    Ok(hex(digest.finalize().as_bytes()))
}

fn expand(
    recipe: &Recipe,
    source: &Path,
    files: &[PathBuf],
    toolchain: &Toolchain,
    options: &CompileOptions,
    directory: &Path,
    log: &Path,
) -> Result<(), CompileError> {
    let mut command = toolchain.command(directory);
    let output = ["-shared", "-o", LIBRARY_FILE, source_file(recipe.language)];
    // Without notes of lines, which have the names of directories.
    let is_named = |argument: &String| {
        output.contains(&argument.as_str()) || files.iter().any(|file| file.as_os_str() == argument.as_str())
    };
    command.args(recipe.arguments.iter().filter(|argument| !is_named(argument)));
    command.args(["-E", "-P", "-o", EXPANDED_FILE]).arg(source);
    let line = command_line(&command);
    let finished = process::run(command, options.time_limit, log)?;
    if finished.status.success() {
        return Ok(());
    }
    let (output, status) = (finished.beginning(), finished.status);
    Err(CompileError::Rejected { command: line, status, output, messages: Vec::new() })
}

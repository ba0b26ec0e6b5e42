//! What a Rust compiler is: its version, target and identity, and the program that really compiles.
//!
//! `rustc` on the `PATH` is most often a program of rustup, which looks for the toolchain to run in the user's settings
//! and environment each time. It is asked once, where no `rust-toolchain` file can be, so that the answer does not depend
//! on where a simulation is started; kernels are then compiled by the compiler itself, in an empty environment, which
//! also takes 10 ms less. Its libraries of 350 MB have no build ids and are read whole: 0.2 s, once.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::early::Known;
use super::env::{Env, find_in, is_program};
use super::identity::{FileStamp, identify};
use super::process;
use super::toolchain::{Candidate, Family, RUSTUP_VARIABLES, Toolchain, ToolchainError, bare_command};

/// The linker that kernels are linked with (see `flags`).
pub(super) const LINKER: &str = "ld";

/// The crates that are compiled into a kernel, or whose inline functions are.
const CRATES: [&str; 2] = ["libcore-", "libcompiler_builtins-"];

/// Finds out what a compiler is, and the files that say so.
pub(super) fn inspect(candidate: &Candidate, env: &Env) -> Result<Known, ToolchainError> {
    let search_path = env.get("PATH").unwrap_or_default();
    let scratch = tempfile::tempdir().map_err(|cause| ToolchainError::Scratch { cause })?;
    let unrecognised = |output: String| ToolchainError::Unrecognised {
        language: "Rust",
        program: candidate.program.clone(),
        output: process::beginning(&output, output.len() as u64),
    };
    let incomplete =
        |part: &str| ToolchainError::Incomplete { program: candidate.program.clone(), part: part.to_string() };

    let mut command = bare_command(&candidate.program, search_path, scratch.path());
    for name in RUSTUP_VARIABLES {
        command.envs(env.get(name).map(|value| (name, value)));
    }
    // A toolchain that is not there is reported, not downloaded.
    command.env("RUSTUP_AUTO_INSTALL", "0");
    command.args(&candidate.arguments).args(["--print", "sysroot"]);
    let said = process::run(command, candidate.limit, &scratch.path().join("sysroot"))?;
    let sysroot = PathBuf::from(said.output.trim_end());
    let program = sysroot.join("bin").join("rustc");
    if !said.status.success() || !sysroot.is_absolute() || !is_program(&program) {
        return Err(unrecognised(said.output));
    }

    let mut command = bare_command(&program, search_path, scratch.path());
    command.args(&candidate.arguments).arg("-vV");
    let said = process::run(command, candidate.limit, &scratch.path().join("version"))?.output;
    let after = |prefix: &str| said.lines().find_map(|line| line.strip_prefix(prefix)).map(str::trim);
    let version = said.lines().find(|line| line.starts_with("rustc ")).map(str::to_string);
    let (Some(version), Some(target)) = (version, after("host: ").map(str::to_string)) else {
        return Err(unrecognised(said));
    };

    let linker = find_in(std::env::split_paths(search_path), Path::new(LINKER)).ok_or_else(|| incomplete(LINKER))?;
    let mut parts = vec![program.clone(), linker];
    parts.extend(crates(&sysroot, &target).ok_or_else(|| incomplete("the library `core`"))?);
    let (identity, mut files) = identify(&parts)?;
    // What the program that was found leads to, if it is rustup's.
    files.extend(
        [Some(candidate.program.clone()), rustup_settings(env)]
            .into_iter()
            .flatten()
            .filter_map(|path| FileStamp::of(&path).ok()),
    );
    let toolchain = Toolchain {
        program,
        arguments: candidate.arguments.clone(),
        family: Family::Rustc,
        version,
        target,
        identity,
        search_path: search_path.to_os_string(),
    };
    Ok(Known { toolchain, files })
}

/// The files of the crates that kernels use, in order.
fn crates(sysroot: &Path, target: &str) -> Option<Vec<PathBuf>> {
    let directory = sysroot.join("lib/rustlib").join(target).join("lib");
    let entries = fs::read_dir(directory).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_used = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        CRATES.iter().any(|prefix| name.starts_with(prefix))
    };
    let mut found: Vec<PathBuf> = entries.filter(is_used).collect();
    found.sort();
    (!found.is_empty()).then_some(found)
}

/// Where rustup keeps which toolchain is the default one.
fn rustup_settings(env: &Env) -> Option<PathBuf> {
    let home = env.get("HOME").map(|home| Path::new(home).join(".rustup"));
    Some(env.get("RUSTUP_HOME").map(PathBuf::from).or(home)?.join("settings.toml"))
}

//! The machine, and the compilers on it.

use std::path::Path;

use super::data::{Compiler, Machine};
use crate::build::toolchain::{discover, survey};
use crate::build::{Env, Family, Toolchain};
use crate::render::Language;

/// A language and a compiler for it.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The language.
    pub language: Language,
    /// The compiler.
    pub toolchain: Toolchain,
    /// Its name in all rows.
    pub name: String,
}

/// Compilers that are measured if they are there, although no run would take them unasked.
const FURTHER: [&str; 1] = ["tcc"];

/// Every compiler of this machine, once, with each language that it compiles.
pub fn pairs(env: &Env) -> Vec<Pair> {
    let mut toolchains: Vec<Toolchain> = Vec::new();
    let of_language = |language| survey(language, env, None, None).into_iter().filter_map(|place| place.found?.ok());
    let found = [Language::C, Language::Rust].into_iter().flat_map(of_language);
    let further = FURTHER.iter().filter_map(|name| discover(env, Some(Path::new(name)), None).ok());
    for toolchain in found.chain(further) {
        if !toolchains.iter().any(|known| same(known, &toolchain)) {
            toolchains.push(toolchain);
        }
    }
    let of =
        |toolchain: Toolchain| Pair { language: toolchain.family.language(), name: short_name(&toolchain), toolchain };
    toolchains.into_iter().map(of).collect()
}

/// Whether two names lead to one compiler, as `cc` and `gcc` mostly do.
fn same(left: &Toolchain, right: &Toolchain) -> bool {
    let file = |toolchain: &Toolchain| toolchain.program.canonicalize().ok();
    left.arguments == right.arguments && (left.identity == right.identity || file(left) == file(right))
}

/// `gcc 12.2.0`
fn short_name(toolchain: &Toolchain) -> String {
    let family = match toolchain.family {
        Family::Gcc => "gcc",
        Family::Clang => "clang",
        Family::Tcc => "tcc",
        Family::Zig => "zig",
        Family::Rustc => "rustc",
        Family::Other => toolchain.program.file_name().and_then(|name| name.to_str()).unwrap_or("cc"),
    };
    let version = &toolchain.version;
    let after = version.split_once("version ").or_else(|| version.split_once("rustc "));
    let number = after.map_or("", |(_, number)| number);
    let number = number.split(|c: char| !(c.is_ascii_digit() || c == '.')).next().unwrap_or_default();
    format!("{family} {number}").trim_end().to_string()
}

/// What the machine is, and these compilers.
pub fn describe(pairs: &[Pair]) -> Machine {
    let compilers = pairs.iter().map(|pair| Compiler {
        name: pair.name.clone(),
        version: pair.toolchain.version.clone(),
        language: pair.language.name().to_string(),
    });
    Machine {
        processor: processor(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        compilers: compilers.collect(),
    }
}

/// As the system names it; its architecture where it does not.
fn processor() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    line.map_or(std::env::consts::ARCH, |(_, name)| name.trim()).to_string()
}

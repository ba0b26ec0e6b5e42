//! Functions that users wrote in C++: compiled when they are needed, whatever the tier, and kept in the store.
//!
//! In: what the sources of one piece of code define, and how they want to be compiled. Out: code, which can be opened any
//! number of times: sources may have variables, and each opened library has its own. Unlike a kernel it may include, link and start whatever it
//! wants: it was the user who said so. Compilers and libraries may differ in its numbers, so that code of this very recipe
//! is taken from the store; any of this text where there is no compiler.
//!
//! A text that names files is kept under a digest of all that is compiled, since the files may change.

use std::path::PathBuf;
use std::sync::Arc;

use super::Options;
use crate::build::compile::{CompileOptions, Unit, compile_unit};
use crate::build::expand::expanded_digest;
use crate::build::toolchain::discover_for;
use crate::build::{CompileError, KernelId, Machine, Recipe, Toolchain, ToolchainError};
use crate::load::library::{CompiledKernel, LoadError, load_entry};
use crate::render::{ARRAYS_ENTRY, CppText, Language, MESSAGE_SIZE, Source, cpp_entry, render_cpp};
use crate::runtime::abi::{ABI_VERSION, Call, Execute as _};
use crate::store::Artifact;

/// How functions in C++ want to be compiled and linked. Paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CppSettings {
    /// `NAME` or `NAME=VALUE`.
    pub define_macros: Vec<String>,
    /// Where headers are looked for.
    pub include_dirs: Vec<PathBuf>,
    /// The same, after those, for headers of libraries that are installed: they change as the compiler's own do.
    pub system_include_dirs: Vec<PathBuf>,
    /// Where libraries are looked for when they are linked.
    pub library_dirs: Vec<PathBuf>,
    /// Where libraries are looked for when they are loaded.
    pub runtime_library_dirs: Vec<PathBuf>,
    /// Names of libraries.
    pub libraries: Vec<String>,
    /// Sources and objects that belong to it.
    pub sources: Vec<PathBuf>,
}

impl CppSettings {
    fn arguments(&self) -> Vec<String> {
        let paths = |flag: &'static str, paths: &[PathBuf]| -> Vec<String> {
            paths.iter().map(|path| format!("{flag}{}", path.display())).collect()
        };
        let mut arguments: Vec<String> = self.define_macros.iter().map(|name| format!("-D{name}")).collect();
        arguments.extend(paths("-I", &self.include_dirs));
        arguments.extend(paths("-isystem", &self.system_include_dirs));
        arguments.extend(paths("", &self.sources));
        arguments.extend(paths("-L", &self.library_dirs));
        arguments.extend(paths("-Wl,-rpath,", &self.runtime_library_dirs));
        arguments.extend(self.libraries.iter().map(|name| format!("-l{name}")));
        arguments
    }
}

/// Results, message, elements.
const OWN: usize = 3;
/// No function in C++ has more arguments.
pub const MOST_ARGUMENTS: usize = 29;

/// Why there are no functions.
#[derive(Debug, thiserror::Error)]
pub enum CppError {
    /// There is no compiler for them, and none of their code in the store.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// One has more arguments than can be given.
    #[error("`{0}` has more than {MOST_ARGUMENTS} arguments")]
    Arguments(String),
    /// The compiler refuses them, and says why: places are those in the sources, by the names that the text has for them.
    #[error("{0}")]
    Rejected(String),
    /// They could not be compiled.
    #[error(transparent)]
    Compile(CompileError),
    /// The library cannot be opened: a library that it needs may be missing.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl From<CompileError> for CppError {
    fn from(error: CompileError) -> CppError {
        match error {
            CompileError::Rejected { output, .. } => CppError::Rejected(output),
            error => CppError::Compile(error),
        }
    }
}

/// Code of functions, not yet in memory. What is [opened](CppCode::open) has variables of its own.
#[derive(Clone, Debug)]
pub struct CppCode {
    artifact: Arc<Artifact>,
    /// How many arguments each function has.
    arities: Vec<usize>,
}

/// Compiles functions, or takes their code from the store.
///
/// # Errors
/// If there is no compiler for them, or it refuses them.
pub fn make_cpp(text: &CppText, settings: &CppSettings, options: &Options) -> Result<CppCode, CppError> {
    if let Some(function) = text.functions.iter().find(|function| function.arguments.len() > MOST_ARGUMENTS) {
        return Err(CppError::Arguments(function.name.clone()));
    }
    let store = options.store();
    let mut source = render_cpp(text);
    // Without a compiler there is no recipe to compare, and other macros make another function.
    source.text.extend(settings.arguments().iter().map(|argument| format!("// {argument}\n")));
    let memos = store.toolchain_memos();
    let code = |artifact| -> CppCode {
        let arities = text.functions.iter().map(|function| function.arguments.len()).collect();
        CppCode { artifact: Arc::new(artifact), arities }
    };
    let toolchain = match discover_for(Language::Cpp, &options.env, None, memos.as_deref()) {
        Ok(toolchain) => toolchain,
        Err(none) => {
            let id = KernelId::of_hand(&source, ABI_VERSION);
            let stored = store.get(&id, None, Machine::this()).filter(|_| !names_files(text, settings));
            return stored.map(code).ok_or(none.into());
        }
    };
    let limits = CompileOptions::from_env(&options.env).0;
    let recipe = recipe(text, source, settings, &toolchain, options, &limits)?;
    if let Some(artifact) = store.get_as(&recipe.kernel_id(), &recipe, Machine::this()) {
        return Ok(code(artifact));
    }
    let entries = (0..text.functions.len()).map(cpp_entry).chain([ARRAYS_ENTRY.to_string()]).collect();
    let compiled = compile_unit(&Unit { recipe: recipe.clone(), entries }, &toolchain, &limits)?;
    Ok(code(store.insert(&recipe, &toolchain.version, &compiled.library, compiled.seconds)))
}

/// Whether more is compiled than the text and the headers of the compiler's own libraries.
fn names_files(text: &CppText, settings: &CppSettings) -> bool {
    let CppSettings { include_dirs, sources, .. } = settings;
    let sources_of_text = text.definitions.iter().map(|(_, source)| source).chain(&text.headers);
    let quotes = |text: &String| {
        let mut named = text.lines().filter(|line| ["include", "embed"].iter().any(|word| line.contains(word)));
        named.any(|line| line.contains('"')) || text.contains("incbin")
    };
    !include_dirs.is_empty() || !sources.is_empty() || sources_of_text.into_iter().any(quotes)
}

fn recipe(
    text: &CppText,
    source: Source,
    settings: &CppSettings,
    toolchain: &Toolchain,
    options: &Options,
    limits: &CompileOptions,
) -> Result<Recipe, CppError> {
    let level = options.opt_level.unwrap_or_default();
    let of = |source: &Source| {
        let recipe = Recipe::new(source, ABI_VERSION, toolchain, &toolchain.default_features(), level);
        recipe.with_arguments(settings.arguments()).by_hand()
    };
    let recipe = of(&source);
    if !names_files(text, settings) {
        return Ok(recipe);
    }
    let digest = expanded_digest(&recipe, &settings.sources, toolchain, limits)?;
    Ok(of(&Source { text: format!("{}// of files: {digest}\n", source.text), ..source }))
}

/// Functions in memory.
#[derive(Debug)]
pub struct CppFunctions {
    /// Each with the number of its arguments.
    functions: Vec<(CompiledKernel, usize)>,
}

impl CppCode {
    /// Opens the library anew. `arrays` are where the functions find theirs, in the order of the text.
    ///
    /// # Errors
    /// If it cannot be opened.
    ///
    /// # Safety
    /// The arrays have the types that the text says, and stay where they are as long as the functions are there.
    pub unsafe fn open(&self, arrays: &[*mut u8]) -> Result<CppFunctions, CppError> {
        let first = load_entry(&self.artifact.key.short(), self.artifact.library(), ARRAYS_ENTRY)?;
        // SAFETY: the entry keeps as many pointers as the text has arrays, and does no more.
        unsafe { first.execute(arrays.as_ptr(), &mut Call::over(0)) };
        let functions = self.arities.iter().enumerate().map(|(k, arity)| Ok((first.sibling(&cpp_entry(k))?, *arity)));
        Ok(CppFunctions { functions: functions.collect::<Result<_, LoadError>>()? })
    }
}

impl CppFunctions {
    /// Calls the k-th function for each of the elements, with their numbers if it takes those.
    ///
    /// # Errors
    /// What it said when it threw. Results before that are there.
    ///
    /// # Panics
    /// If arguments and results differ in length, or an argument more or less is given than the function has.
    pub fn call(&self, k: usize, elements: &[i32], arguments: &[&[f64]], results: &mut [f64]) -> Result<(), String> {
        let (function, arity) = &self.functions[k];
        assert!(arguments.len() == *arity, "as many arguments as the function has");
        assert!(
            elements.len() == results.len() && arguments.iter().all(|a| a.len() == results.len()),
            "as many arguments as results"
        );
        let mut message = [0_u8; MESSAGE_SIZE + 1];
        let mut pointers = [std::ptr::null_mut(); OWN + MOST_ARGUMENTS];
        let own: [*mut u8; OWN] =
            [results.as_mut_ptr().cast(), message.as_mut_ptr(), elements.as_ptr().cast_mut().cast()];
        let all = own.into_iter().chain(arguments.iter().map(|values| values.as_ptr().cast_mut().cast::<u8>()));
        pointers.iter_mut().zip(all).for_each(|(place, pointer)| *place = pointer);
        // SAFETY: the entry reads as many arguments and elements as it writes results, which there are, and a message that
        // has room; the rest is what the user's source does.
        unsafe { function.execute(pointers.as_ptr(), &mut Call::over(results.len())) };
        match message.iter().position(|byte| *byte == 0) {
            Some(0) => Ok(()),
            end => Err(String::from_utf8_lossy(&message[..end.unwrap_or(MESSAGE_SIZE)]).into_owned()),
        }
    }
}

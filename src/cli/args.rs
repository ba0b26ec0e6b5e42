//! The arguments of the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::engine::CpuPolicy;

/// Runs models of spiking neural networks through compiled, cached kernels.
#[derive(Debug, Parser)]
#[command(name = "saltus", version, long_version = super::version::long(), arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 the model is wrong, 2 the command line is wrong, 3 the machine is in the way, 130 interrupted."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a model file
    Run(Run),
    /// Run a model file, and change what runs whenever the file is saved
    Watch(Watch),
    /// Say what is wrong with a model file, without running it
    Check(Check),
    /// Show the kernels of a model
    Inspect(Inspect),
    /// Put the kernels of models into the store, so that running them compiles nothing
    Warm(Warm),
    /// Look at the store of compiled kernels
    Cache(Cache),
    /// Report compilers, processor and the state of the store
    Doctor(Machine),
    /// Measure this program on this machine
    Bench {
        /// What to measure
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Print the JSON schema of model files, for editors
    Schema,
    /// Print a script that completes the command line, for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Options about the machine: compiler and store.
#[derive(Args, Clone, Debug)]
pub struct Machine {
    /// Compiler to use, instead of `SALTUS_CC`, `CC` and those on the PATH (in Rust: `SALTUS_RUSTC`, `RUSTC`)
    #[arg(long, value_name = "PATH")]
    pub cc: Option<PathBuf>,
    /// How hard the compiler tries; results are the same
    #[arg(long, value_name = "0..3", value_parser = clap::value_parser!(u8).range(0..=3))]
    pub opt_level: Option<u8>,
    /// Directory of the store, instead of `SALTUS_CACHE_DIR` and the user's cache directory
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Store to look into after that one, never written; may be given several times, instead of `SALTUS_CACHE_LAYERS`
    #[arg(long, value_name = "DIR")]
    pub cache_layer: Vec<PathBuf>,
    /// Neither look for kernels in the store nor keep them there
    #[arg(long, conflicts_with_all = ["cache_dir", "cache_layer"])]
    pub no_cache: bool,
    /// Processor to compile for, instead of `SALTUS_CPU`: `native`, or a portable level such as `x86-64-v2` for stores
    /// that machines share
    #[arg(long, value_name = "LEVEL")]
    pub cpu: Option<CpuPolicy>,
    /// Use only kernels that were made exactly as this command would make them
    #[arg(long)]
    pub strict: bool,
}

/// How kernels run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// Start on the interpreter, swap in compiled kernels as they get ready
    Auto,
    /// Never compile
    Interpreter,
    /// Wait for compiled kernels before the first step
    Compiled,
}

/// Languages of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// C
    C,
    /// Rust
    Rust,
}

/// In what kernels are written.
#[derive(Args, Clone, Copy, Debug)]
pub struct Kernels {
    /// Language of the kernels; results are the same
    #[arg(long, value_enum, default_value_t = Language::C)]
    pub lang: Language,
}

/// Changes to a model from outside.
#[derive(Args, Clone, Debug, Default)]
pub struct Changes {
    /// Run for this long instead, such as `200*ms`
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub duration: Option<String>,
    /// Seed of random numbers
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<u32>,
    /// Another value for a constant (`NAME=EXPR`) or an initial value (`GROUP.VARIABLE=EXPR`)
    #[arg(long, value_name = "NAME=EXPR", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

/// `saltus run`
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// Model file
    pub model: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the group has its own")]
    pub changes: Changes,
    /// Write results as JSON to a file (`-`: standard output)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write one .npz a monitor and run.json to a directory
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Draw raster, rates and traces
    #[arg(long, value_name = "FILE.svg|.png")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the group has its own")]
    pub kernels: Kernels,
    /// How kernels run; results are the same
    #[arg(long, value_enum, default_value_t = Tier::Auto)]
    pub tier: Tier,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the group has its own")]
    pub machine: Machine,
    /// Threads that run the kernels of large groups; results are the same
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    pub threads: NonZeroUsize,
    /// Start from the state in this file, which `--save-state` has written for the same model
    #[arg(long, value_name = "FILE")]
    pub load_state: Option<PathBuf>,
    /// Write the state at the end to a file, to go on from later
    #[arg(long, value_name = "FILE")]
    pub save_state: Option<PathBuf>,
    /// Measure how long each object and each kernel takes, and print tables
    #[arg(long)]
    pub profile: bool,
    /// Use a compiled kernel only after its first call, in a process of its own, gave the interpreter's bits
    #[arg(long)]
    pub check_swap: bool,
    /// Allow functions written in C and kernels written by hand, which can do anything; model files have none
    #[arg(long)]
    pub allow_native: bool,
    /// Print no summary and no progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// `saltus watch`
#[derive(Args, Clone, Debug)]
pub struct Watch {
    #[command(flatten)]
    #[allow(missing_docs, reason = "the group has its own")]
    pub run: Run,
    /// As long as there is this file, run the source in it in the place of that of a kernel, and swap it at each save; needs
    /// `--allow-native`; may be given several times
    #[arg(long, value_name = "NAME=FILE", value_parser = source)]
    pub source: Vec<(String, PathBuf)>,
}

/// `saltus check`
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// Model file
    pub model: PathBuf,
    /// Write diagnostics with positions as JSON (`-`: standard output)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `saltus inspect`
#[derive(Args, Clone, Debug)]
pub struct Inspect {
    /// Model file
    pub model: PathBuf,
    /// Only kernels (with `--namespace`: names of the model) whose name fits, such as `*_stateupdater`
    pub glob: Option<String>,
    /// Show the source
    #[arg(long, group = "what")]
    pub source: bool,
    /// Show the kernel IR
    #[arg(long, group = "what")]
    pub ir: bool,
    /// Show what of the model a kernel is made from, and the statements that stand for it
    #[arg(long, group = "what")]
    pub statements: bool,
    /// Show parameters with types and sizes, and whose they are
    #[arg(long, group = "what")]
    pub params: bool,
    /// Show the functions that a kernel calls, and how exact they are
    #[arg(long, group = "what")]
    pub functions: bool,
    /// Show the machine code, from the store or else by the compiler
    #[arg(long, group = "what")]
    pub assembly: bool,
    /// Show in which order objects run within a step
    #[arg(long, group = "what")]
    pub schedule: bool,
    /// Show constants, functions and the variables of each object, with values, units and sizes
    #[arg(long, group = "what")]
    pub namespace: bool,
    /// Show what an expression gives: for each element of a group or of synapses, or of constants alone; may be given
    /// several times
    #[arg(long, value_name = "[GROUP:]EXPR", conflicts_with_all = ["what", "html", "glob"])]
    pub eval: Vec<String>,
    /// The same for an expression in C, once or, where `_idx` is in it, for each element
    #[arg(long, value_name = "[GROUP:]C", conflicts_with_all = ["what", "html", "glob"], requires = "allow_native")]
    pub eval_c: Vec<String>,
    /// Allow expressions written in C, which can do anything
    #[arg(long)]
    pub allow_native: bool,
    /// Write what `--namespace` or `--eval` shows as JSON (`-`: standard output)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with all of it
    #[arg(long, value_name = "FILE", conflicts_with = "what")]
    pub html: Option<PathBuf>,
    /// Run the model for so long, such as `100*ms`, to tell what its kernels took
    #[arg(long, value_name = "EXPR", conflicts_with = "what")]
    pub run: Option<String>,
    /// How kernels run then
    #[arg(long, value_enum, default_value_t = Tier::Auto, requires = "run")]
    pub tier: Tier,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the group has its own")]
    pub kernels: Kernels,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the group has its own")]
    pub machine: Machine,
}

/// `saltus warm`
#[derive(Args, Clone, Debug)]
pub struct Warm {
    /// Model files
    pub models: Vec<PathBuf>,
    /// The models that come with the program, too
    #[arg(long)]
    pub catalog: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the group has its own")]
    pub kernels: Kernels,
    #[command(flatten)]
    #[allow(missing_docs, reason = "the group has its own")]
    pub machine: Machine,
    /// Print no table and no progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// Over the options that all commands about the store have.
const WHICH_STORE: &str = "Which store";

/// `saltus cache`
#[derive(Args, Clone, Debug)]
pub struct Cache {
    /// Directory of the store, instead of `SALTUS_CACHE_DIR` and the user's cache directory
    #[arg(long, value_name = "DIR", global = true, help_heading = WHICH_STORE)]
    pub cache_dir: Option<PathBuf>,
    /// Store to look into after that one, never written; may be given several times, instead of `SALTUS_CACHE_LAYERS`
    #[arg(long, value_name = "DIR", global = true, help_heading = WHICH_STORE)]
    pub cache_layer: Vec<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: CacheCommand,
}

/// The commands about the store.
#[derive(Clone, Debug, Subcommand)]
pub enum CacheCommand {
    /// Print the directory of the store
    Path,
    /// List the kernels in the store
    List,
    /// Show everything known about a kernel
    Show {
        /// Its key, or enough of the first digits to tell it from others; `saltus cache list` shows them
        key: String,
    },
    /// Show what makes the key of a kernel, or in what the keys of two kernels differ
    Explain {
        /// Its key, or enough of the first digits to tell it from others; `saltus cache list` shows them
        key: String,
        /// The key of another kernel, to see in what the two differ
        other: Option<String>,
    },
    /// Read every kernel, and move those aside that are damaged, or would run code as soon as they are opened
    Verify,
    /// Show how many kernels of which kind there are, when they were used, and what the limits are
    Stats,
    /// Remove kernels beyond the limits, and what processes that died have left
    Gc {
        /// Keep at most so many bytes, such as `500MB` (`none`: any number), instead of `SALTUS_CACHE_MAX_SIZE`
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Keep what nobody uses for so long, such as `90d` (`none`: for ever), instead of `SALTUS_CACHE_MAX_AGE`
        #[arg(long, value_name = "AGE")]
        max_age: Option<String>,
    },
    /// Remove all kernels; layers and trusted keys stay as they are
    Clear {
        /// Do not ask whether that is meant
        #[arg(long, short)]
        yes: bool,
    },
    /// Write kernels into one file, for other machines
    Export {
        /// The archive to write, in the place of one that is there
        file: PathBuf,
        /// Keys of kernels, or enough of their first digits; all kernels if there are none
        keys: Vec<String>,
        /// Sign each kernel with the secret key in this file, which `saltus cache keygen` has made
        #[arg(long, value_name = "FILE")]
        sign: Option<PathBuf>,
    },
    /// Put the kernels of such a file into the store
    ///
    /// Kernels are machine code. What is damaged, or would run code as soon as it is opened, is refused; but unless every
    /// kernel has to be signed by somebody you trust (`--trust`), to run them is to run code of whoever made the archive.
    Import {
        /// An archive that `saltus cache export` has written
        file: PathBuf,
        /// Take only what is signed by a public key in this file; may be given several times
        #[arg(long, value_name = "FILE")]
        trust: Vec<PathBuf>,
    },
    /// Make a key to sign kernels with: a secret one, and a public one in FILE.pub
    Keygen {
        /// The file for the secret key; neither it nor FILE.pub may be there already
        file: PathBuf,
    },
}

/// The commands of `saltus bench`.
#[derive(Clone, Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure how soon kernels and models run, with each compiler of this machine
    Latency(Latency),
}

/// `saltus bench latency`
#[derive(Args, Clone, Debug)]
pub struct Latency {
    /// Model files, instead of those that come with the program
    pub models: Vec<PathBuf>,
    /// Only kernels and models whose name fits, such as `lif_*`
    #[arg(long, value_name = "GLOB")]
    pub only: Option<String>,
    /// How often each time is taken
    #[arg(long, value_name = "N", default_value = "20")]
    pub samples: NonZeroUsize,
    /// Write everything as JSON (`-`: standard output)
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with charts
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Draw the main chart
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Write medians as tables for a document in Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Show times of other compilers, which `cargo bench --bench latency` has measured
    #[arg(long, value_name = "FILE")]
    pub peers: Option<PathBuf>,
    /// Print no progress
    #[arg(long, short)]
    pub quiet: bool,
}

fn assignment(argument: &str) -> Result<(String, String), String> {
    match argument.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_string(), value.trim().to_string()))
        }
        _ => Err("expected NAME=EXPR, such as `tau=20*ms`".to_string()),
    }
}

fn source(argument: &str) -> Result<(String, PathBuf), String> {
    match argument.split_once('=') {
        Some((name, file)) if !name.trim().is_empty() && !file.is_empty() => Ok((name.trim().to_string(), file.into())),
        _ => Err("expected NAME=FILE, such as `cells_stateupdater=leak.c`".to_string()),
    }
}

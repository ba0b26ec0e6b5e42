//! The arguments of the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// C compiler to use, instead of `SALTUS_CC`, `CC` and those on the PATH
    #[arg(long, value_name = "PATH")]
    pub cc: Option<PathBuf>,
    /// How hard the compiler tries; results are the same
    #[arg(long, value_name = "0..3", value_parser = clap::value_parser!(u8).range(0..=3))]
    pub opt_level: Option<u8>,
    /// Directory of the store, instead of `SALTUS_CACHE_DIR` and the user's cache directory
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Neither look for kernels in the store nor keep them there
    #[arg(long, conflicts_with = "cache_dir")]
    pub no_cache: bool,
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
    /// Language of the kernels
    #[arg(long, value_enum, default_value_t = Language::C)]
    pub lang: Language,
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
    /// Measure how long each object takes and print a table
    #[arg(long)]
    pub profile: bool,
    /// Allow functions written in C, which can do anything; model files have none
    #[arg(long)]
    pub allow_native: bool,
    /// Print no summary and no progress
    #[arg(long, short)]
    pub quiet: bool,
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
    /// Only kernels (with `--namespace`: constants) whose name fits, such as `*_stateupdater`
    pub glob: Option<String>,
    /// Show the source
    #[arg(long, group = "what")]
    pub source: bool,
    /// Show the kernel IR
    #[arg(long, group = "what")]
    pub ir: bool,
    /// Show parameters with types and sizes
    #[arg(long, group = "what")]
    pub params: bool,
    /// Show in which order objects run within a step
    #[arg(long, group = "what")]
    pub schedule: bool,
    /// Show the constants that the model knows, with their values in SI units
    #[arg(long, group = "what")]
    pub namespace: bool,
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
    pub machine: Machine,
    /// Print no table and no progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// `saltus cache`
#[derive(Args, Clone, Debug)]
pub struct Cache {
    /// Directory of the store, instead of `SALTUS_CACHE_DIR` and the user's cache directory
    #[arg(long, value_name = "DIR", global = true)]
    pub cache_dir: Option<PathBuf>,
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
        /// Its key, or enough of its first digits
        key: String,
    },
    /// Show what makes the key of a kernel, or in what the keys of two kernels differ
    Explain {
        /// Its key, or enough of its first digits
        key: String,
        /// Another one
        other: Option<String>,
    },
    /// Read every kernel, and move those aside that are damaged
    Verify,
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

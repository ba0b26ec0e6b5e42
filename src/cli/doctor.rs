//! `saltus doctor`: what this machine offers, and what is missing for full speed.
//!
//! Nothing is changed: the store is only looked at, and the kernel that is compiled as a trial is not kept.

use super::args::{self, Tier};
use super::cache::level;
use super::doctor_store::store;
use super::failure::Failure;
use super::output::format::duration;
use super::run::options;
use super::say;
use super::table::{Align, pairs, table};
use super::version;
use crate::build::compile::compile;
use crate::build::toolchain::{Place, discover, discover_for, discover_quick, survey};
use crate::build::{CompileOptions, Compiled, Env, Machine, OptLevel, Recipe, Toolchain, ToolchainError};
use crate::engine::{Options, QUICK, QUICK_TIME};
use crate::kernel::text::parse_kernel;
use crate::load::library::{Way, load_by};
use crate::render::{Language, render};
use crate::runtime::abi::ABI_VERSION;

/// The kernel that is compiled as a trial.
const TRIAL: &str = "kernel each {
  param v: f64[] written
  scalar {
  }
  vector {
    store v[e] = v[e] + 1.0
  }
}
";

/// Reports.
pub fn doctor(machine: &args::Machine) -> Result<(), Failure> {
    let options = options(machine, args::Language::C, Tier::Auto)?;
    let chosen = discover(&options.env, options.cc.as_deref(), None);
    let trial = match &chosen {
        Ok(toolchain) => trial(toolchain, &options),
        Err(error) => {
            let advice = "install gcc or clang for full speed; kernels are interpreted, with the same results";
            vec![("compiler", error.to_string()), ("", advice.to_owned())]
        }
    };
    let machine = Machine::this();
    let cores = std::thread::available_parallelism().map_or("unknown".to_owned(), |n| n.to_string());
    let mut rows = vec![
        ("saltus", version::long().replace('\n', ", ")),
        ("processor", level(&machine.architecture, &machine.features)),
        ("features", machine.features.to_string()),
        ("cores", cores),
        ("compiled for", options.cpu.to_string()),
    ];
    rows.extend(trial);
    let (_, wrong) = CompileOptions::from_env(&options.env);
    rows.extend(wrong.map(|wrong| ("warning", wrong.to_string())));
    rows.extend(store(&options));
    say::answer(&format!("{}\n{}", pairs(&rows), compilers(&options, chosen.ok())))
}

/// Compilers that are looked for to one end, in order.
struct Search {
    purpose: &'static str,
    places: Vec<Place>,
    chosen: Option<Toolchain>,
}

/// A table of what is there, and a line with what is not.
fn compilers(options: &Options, chosen: Option<Toolchain>) -> String {
    let env = &options.env;
    // Whoever says how kernels are to be made gets none that were made otherwise, not even for a moment.
    let is_exact = options.cc.is_some() || options.opt_level.is_some() || options.strict;
    let quick = if is_exact { None } else { quick(env) };
    let searches = [
        Search { purpose: "C", places: survey(Language::C, env, options.cc.as_deref(), None), chosen },
        Search {
            purpose: "C, until that is ready",
            chosen: quick.as_ref().and_then(|found| found.as_ref().ok()).cloned(),
            places: vec![Place { name: QUICK, found: quick }],
        },
        Search {
            purpose: "C++ (functions of scripts for Brian2)",
            places: survey(Language::Cpp, env, None, None),
            chosen: discover_for(Language::Cpp, env, None, None).ok(),
        },
        Search {
            purpose: "Rust (`--lang rust`)",
            places: survey(Language::Rust, env, None, None),
            chosen: discover_for(Language::Rust, env, None, None).ok(),
        },
    ];
    let (mut rows, mut absent) = (Vec::new(), Vec::new());
    for Search { purpose, places, mut chosen } in searches {
        for Place { name, found } in places {
            let Some(found) = found else {
                absent.push(name);
                continue;
            };
            let [state, target, program, version] = match found {
                Err(error) => ["fails".to_owned(), String::new(), String::new(), error.to_string()],
                Ok(found) => {
                    let state = if chosen.take_if(|chosen| *chosen == found).is_some() { "used" } else { "works" };
                    let program = std::iter::once(found.program.display().to_string()).chain(found.arguments);
                    [state.to_owned(), found.target, program.collect::<Vec<_>>().join(" "), found.version]
                }
            };
            rows.push(vec![name.to_owned(), state, purpose.to_owned(), target, program, version]);
        }
    }
    let columns = ["name", "state", "for", "target", "program", "version"].map(|heading| (heading, Align::Left));
    let mut text = format!("compilers, in the order in which they are tried\n{}", table(&columns, &rows));
    if !absent.is_empty() {
        text += &format!("not set or not here: {}\n", absent.join(", "));
    }
    text
}

/// The compiler of preliminary code, if one is installed.
fn quick(env: &Env) -> Option<Result<Toolchain, ToolchainError>> {
    match discover_quick(env, None, QUICK_TIME) {
        Err(ToolchainError::Missing { .. }) => None,
        found => Some(found),
    }
}

/// Compiles a small kernel and opens it in both ways.
fn trial(toolchain: &Toolchain, options: &Options) -> Vec<(&'static str, String)> {
    let kernel = match parse_kernel(TRIAL) {
        Ok(kernel) => kernel,
        Err(error) => return vec![("compiler", format!("internal error: {error}"))],
    };
    let source = render(&kernel, options.language);
    let level = options.opt_level.unwrap_or(OptLevel::O3);
    let recipe = Recipe::new(&source, ABI_VERSION, toolchain, &options.cpu.features(), level);
    let mut rows = vec![("compiler", toolchain.version.clone())];
    let Compiled { library, seconds } = match compile(&recipe, toolchain, &CompileOptions::from_env(&options.env).0) {
        Ok(compiled) => compiled,
        Err(error) => {
            rows.push(("trial", format!("fails: {error}")));
            return rows;
        }
    };
    rows.push(("trial", format!("a small kernel compiles in {}", duration(seconds))));
    let opens = |way| load_by(way, "doctor", &library).map_or_else(|e| format!("fails: {e}"), |_| "works".to_owned());
    rows.push(("memory files", opens(Way::Memory)));
    rows.push(("private files", opens(Way::PrivateFile)));
    rows
}

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
use crate::build::toolchain::{Place, discover, discover_for, survey};
use crate::build::{CompileOptions, Compiled, Machine, OptLevel, Recipe, Toolchain};
use crate::engine::Options;
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
    let compilers = compilers(&survey(Language::C, &options.env, options.cc.as_deref(), None), chosen.as_ref().ok());
    let chosen_for_rust = discover_for(Language::Rust, &options.env, None, None);
    let of_rust = self::compilers(&survey(Language::Rust, &options.env, None, None), chosen_for_rust.as_ref().ok());
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
    rows.extend(store(&options));
    say::answer(&format!(
        "{}\ncompilers, in the order in which they are looked for\n{compilers}\nfor kernels in Rust (`--lang rust`)\n{of_rust}",
        pairs(&rows)
    ))
}

fn compilers(places: &[Place], chosen: Option<&Toolchain>) -> String {
    let mut is_chosen = false;
    let row = |place: &Place| {
        let (state, target, program, version) = match &place.found {
            None => ("-", String::new(), String::new(), String::new()),
            Some(Err(error)) => ("fails", String::new(), String::new(), error.to_string()),
            Some(Ok(found)) => {
                let used = !is_chosen && Some(found) == chosen;
                is_chosen |= used;
                let program = std::iter::once(found.program.display().to_string()).chain(found.arguments.clone());
                let state = if used { "used" } else { "works" };
                (state, found.target.clone(), program.collect::<Vec<_>>().join(" "), found.version.clone())
            }
        };
        vec![place.name.to_owned(), state.to_owned(), target, program, version]
    };
    let columns = ["name", "state", "target", "program", "version"].map(|heading| (heading, Align::Left));
    table(&columns, &places.iter().map(row).collect::<Vec<_>>())
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
    let Compiled { library, seconds } = match compile(&recipe, toolchain, &CompileOptions::default()) {
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

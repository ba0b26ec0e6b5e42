//! `saltus inspect`: the kernels of a model, as text or as a page. Nothing is compiled, unless a run is asked for.

mod evaluated;
mod names;
pub mod page;
mod stored;
pub mod text;

use super::args::{Changes, Inspect};
use super::failure::Failure;
use super::load::{Loaded, load};
use super::output::json::{write_text, write_value};
use super::report::warnings_of;
use super::run::options;
use super::{places, say};
use crate::build::toolchain::discover_for;
use crate::build::{Toolchain, ToolchainError};
use crate::engine::Options;
use crate::inspect::highlight::Syntax;
use crate::inspect::{KernelView, fits, kernels, namespace};
use crate::network::Network;
use crate::render::Language;

/// How many names an error offers.
const OFFERED: usize = 5;

/// Shows what was asked for.
pub fn inspect(arguments: &Inspect) -> Result<(), Failure> {
    if let Some(file) = &arguments.html {
        places::check_file("--html", file, &arguments.model)?;
    }
    let has_json = arguments.namespace || !arguments.eval.is_empty() || !arguments.eval_c.is_empty();
    if let Some(file) = &arguments.json {
        if !has_json {
            return Err(Failure::Usage("`--json` goes with `--namespace`, `--eval` or `--eval-c`".to_owned()));
        }
        places::check_file("--json", file, &arguments.model)?;
    }
    let loaded = load(&arguments.model, &Changes { duration: arguments.run.clone(), ..Changes::default() })?;
    if arguments.namespace || arguments.schedule {
        let network = Network::from_checked(loaded.checked, Options::interpreted())?;
        if arguments.schedule {
            return say::answer(&network.scheduling_summary().to_string());
        }
        let names = names::chosen(namespace(&network), arguments.glob.as_deref())?;
        return match &arguments.json {
            Some(file) => Ok(write_value(&names, file)?),
            None => say::answer(&names::text(&names)),
        };
    }
    let options = options(&arguments.machine, arguments.kernels.lang, arguments.tier)?;
    let name = loaded.file.name.as_ref().map(|name| name.as_str().to_string());
    let name = name.or_else(|| Some(arguments.model.file_stem()?.to_string_lossy().into_owned()));
    if !arguments.eval.is_empty() || !arguments.eval_c.is_empty() {
        return evaluated::show(arguments, loaded, options, &name.unwrap_or_default());
    }
    let network = match arguments.run {
        Some(_) => run(loaded, options.clone())?,
        None => Network::from_checked(loaded.checked, Options::interpreted())?,
    };
    let all = kernels(&network, options.language);
    let chosen = chosen(&all, arguments.glob.as_deref())?;
    if arguments.source || arguments.ir || arguments.params || arguments.statements || arguments.functions {
        return say_text(arguments, &chosen, options.language);
    }
    let toolchain = discover_for(options.language, &options.env, options.cc.as_deref(), None);
    if let (Err(error), Some(_)) = (&toolchain, &options.cc) {
        return Err(Failure::Usage(error.to_string()));
    }
    if arguments.assembly {
        return say::code(Syntax::Assembly, &text::assembly(&chosen, &options, &toolchain)?);
    }
    answer(arguments, &network, &chosen, &options, &toolchain, &name.unwrap_or_default())
}

/// What needs no more than the kernels.
fn say_text(arguments: &Inspect, kernels: &[&KernelView], language: Language) -> Result<(), Failure> {
    if arguments.source {
        let (syntax, text) = (syntax(language), text::joined(kernels, "//", |kernel| kernel.source.text.clone()));
        say::code(syntax, &text)
    } else if arguments.ir {
        say::code(Syntax::Ir, &text::joined(kernels, "#", KernelView::ir))
    } else if arguments.statements {
        say::code(Syntax::Model, &text::joined(kernels, "#", text::statements))
    } else if arguments.functions {
        say::answer(&text::joined(kernels, "#", text::functions))
    } else {
        say::answer(&text::joined(kernels, "#", text::parameters))
    }
}

/// The page, or the overview.
fn answer(
    arguments: &Inspect,
    network: &Network,
    kernels: &[&KernelView],
    options: &Options,
    toolchain: &Result<Toolchain, ToolchainError>,
    name: &str,
) -> Result<(), Failure> {
    let store = stored::open(options);
    let level = options.opt_level.unwrap_or_default();
    let profile = network.profiling_summary();
    if let Some(file) = &arguments.html {
        let shown = page::Shown { model: name, network, kernels, toolchain, level, store: &store };
        write_text(&page::html(&shown), file)?;
    } else {
        let mut text = text::overview(kernels, toolchain, level, &store);
        if let Some(profile) = &profile {
            text += &format!("\n{}\n{profile}", text::swaps(kernels));
        }
        say::answer(&text)?;
    }
    let told = profile.iter().flat_map(warnings_of);
    let of_engine = network.engine_warnings().iter().cloned();
    let of_store = store.take_warnings().into_iter().map(|warning| warning.to_string());
    of_engine.chain(told).chain(of_store).for_each(|warning| say::warning(&warning));
    Ok(())
}

/// How a language of kernels is written.
pub fn syntax(language: Language) -> Syntax {
    match language {
        Language::C | Language::Cpp => Syntax::C,
        Language::Rust => Syntax::Rust,
    }
}

/// The network after a run that was measured.
fn run(loaded: Loaded, options: Options) -> Result<Network, Failure> {
    let mut network = Network::from_checked(loaded.checked, options)?;
    network.set_profiling(true);
    for number in 0..network.planned_runs().len() {
        network.run_planned(number, &mut |_| ())?;
    }
    network.finish()?;
    Ok(network)
}

fn chosen<'a>(all: &'a [KernelView], glob: Option<&str>) -> Result<Vec<&'a KernelView>, Failure> {
    let Some(glob) = glob else { return Ok(all.iter().collect()) };
    let found: Vec<&KernelView> = all.iter().filter(|kernel| fits(glob, &kernel.name)).collect();
    if found.is_empty() {
        let names = all.iter().map(|kernel| kernel.name.as_str()).collect();
        return Err(nothing_fits("kernel", "kernels", glob, names));
    }
    Ok(found)
}

/// Says that no name fits, and which ones come nearest.
pub(in crate::cli) fn nothing_fits(one: &str, several: &str, glob: &str, mut names: Vec<&str>) -> Failure {
    if names.is_empty() {
        return Failure::Usage(format!("no {one} fits `{glob}`: the model has no {several}"));
    }
    let unlikeness = |name: &&str| {
        let letters = glob.replace(['*', '?'], "");
        // Rounded to a whole number for the order: names of equal likeness stay in the order of the model.
        1000 - (strsim::jaro_winkler(&letters, name) * 1000.0) as i64
    };
    let all = names.len() <= OFFERED;
    names.sort_by_cached_key(unlikeness);
    names.truncate(OFFERED);
    let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let which = if all { format!("the {several} are") } else { "the nearest are".to_owned() };
    Failure::Usage(format!("no {one} fits `{glob}`; {which} {}", list.join(", ")))
}

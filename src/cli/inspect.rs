//! `saltus inspect`: the kernels of a model, without compiling them.

use std::fmt::Write as _;

use super::args::{Changes, Inspect, Tier};
use super::failure::Failure;
use super::load::load;
use super::output::format::{bytes, counted};
use super::run::options;
use super::say;
use super::table::{Align, table};
use crate::build::toolchain::discover_for;
use crate::build::{Machine, Toolchain, ToolchainError};
use crate::engine::Options;
use crate::inspect::{KernelView, fits, kernels};
use crate::kernel::text::storage_name;
use crate::model::namespace::{Constant, Namespace, Number};
use crate::network::Network;
use crate::store::{Store, StoreOptions};

/// How many names an error offers.
const OFFERED: usize = 5;

/// Shows what was asked for.
pub fn inspect(arguments: &Inspect) -> Result<(), Failure> {
    let loaded = load(&arguments.model, &Changes::default())?;
    let network = Network::from_checked(loaded.checked, Options::interpreted())?;
    if arguments.namespace {
        return say::answer(&namespace(network.namespace(), arguments.glob.as_deref())?);
    }
    if arguments.schedule {
        return say::answer(&network.scheduling_summary().to_string());
    }
    let options = options(&arguments.machine, arguments.kernels.lang, Tier::Auto)?;
    let all = kernels(&network, options.language);
    let chosen = chosen(&all, arguments.glob.as_deref())?;
    let text = if arguments.source {
        joined(&chosen, "//", |kernel| kernel.source.text.clone())
    } else if arguments.ir {
        joined(&chosen, "#", KernelView::ir)
    } else if arguments.params {
        joined(&chosen, "#", parameters)
    } else {
        let toolchain = discover_for(options.language, &options.env, options.cc.as_deref(), None);
        if let (Err(error), Some(_)) = (&toolchain, &options.cc) {
            return Err(Failure::Usage(error.to_string()));
        }
        overview(&chosen, &options, toolchain)
    };
    say::answer(&text)
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
fn nothing_fits(one: &str, several: &str, glob: &str, mut names: Vec<&str>) -> Failure {
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

/// One text, or several under the names of their kernels.
fn joined(kernels: &[&KernelView], comment: &str, text: impl Fn(&KernelView) -> String) -> String {
    match kernels {
        [kernel] => text(kernel),
        kernels => {
            let parts = kernels.iter().map(|kernel| {
                format!("{comment} {}: {}, {}\n\n{}", kernel.name, kernel.kind, kernel.shape(), text(kernel))
            });
            parts.collect::<Vec<_>>().join("\n")
        }
    }
}

fn parameters(kernel: &KernelView) -> String {
    let row = |p: &crate::inspect::ParameterView| {
        vec![
            p.name.clone(),
            storage_name(p.storage).to_owned(),
            p.elements.to_string(),
            bytes(p.bytes() as u64),
            if p.written { "written" } else { "read" }.to_owned(),
        ]
    };
    let columns = [
        ("name", Align::Left),
        ("type", Align::Left),
        ("elements", Align::Right),
        ("size", Align::Right),
        ("use", Align::Left),
    ];
    table(&columns, &kernel.parameters.iter().map(row).collect::<Vec<_>>())
}

fn overview(kernels: &[&KernelView], options: &Options, toolchain: Result<Toolchain, ToolchainError>) -> String {
    // Looking at a store does not make one.
    let store = options.store_directory().map_or_else(Store::none, |directory| {
        Store::open(&directory, StoreOptions { read_only: true, ..StoreOptions::default() })
    });
    let level = options.opt_level.unwrap_or_default();
    let row = |kernel: &&KernelView| {
        let id = kernel.id();
        let recipe = toolchain.as_ref().ok().map(|toolchain| kernel.recipe(toolchain, level));
        let own = recipe.as_ref().and_then(|recipe| store.get_as(&id, recipe, Machine::this()));
        let (key, stored) = match (own, store.get(&id, None, Machine::this())) {
            (Some(found), _) => (Some(found.key), "yes"),
            // Any compiler's will do, since all give the same bits.
            (None, Some(_)) => (recipe.map(|recipe| recipe.key()), "other recipe"),
            (None, None) => (recipe.map(|recipe| recipe.key()), "no"),
        };
        vec![
            kernel.name.clone(),
            kernel.kind.to_owned(),
            kernel.shape().to_owned(),
            id.short(),
            key.map_or("-".to_owned(), |key| key.short()),
            stored.to_owned(),
            kernel.parameters.len().to_string(),
            kernel.source.text.lines().count().to_string(),
        ]
    };
    let columns = [
        ("name", Align::Left),
        ("kind", Align::Left),
        ("shape", Align::Left),
        ("kernel", Align::Left),
        ("key", Align::Left),
        ("stored", Align::Left),
        ("parameters", Align::Right),
        ("lines", Align::Right),
    ];
    let mut text = table(&columns, &kernels.iter().map(row).collect::<Vec<_>>());
    let _ = match &toolchain {
        Ok(toolchain) => {
            writeln!(text, "{}; keys for {}", counted(kernels.len(), ("kernel", "kernels")), toolchain.version)
        }
        Err(error) => writeln!(text, "{}; no keys: {error}", counted(kernels.len(), ("kernel", "kernels"))),
    };
    for warning in store.take_warnings() {
        say::warning(&warning.to_string());
    }
    text
}

fn namespace(namespace: &Namespace, glob: Option<&str>) -> Result<String, Failure> {
    let constants = || namespace.constants.iter().filter(|(name, _)| glob.is_none_or(|glob| fits(glob, name)));
    if let (Some(glob), None) = (glob, constants().next()) {
        let names = namespace.constants.keys().map(String::as_str).collect();
        return Err(nothing_fits("constant", "constants", glob, names));
    }
    let row = |(name, constant): (&String, &Constant)| {
        let unit = if constant.dimension.is_dimensionless() { String::new() } else { constant.dimension.to_string() };
        vec![name.clone(), number(constant.value), unit]
    };
    let columns = [("name", Align::Left), ("value", Align::Left), ("unit", Align::Left)];
    Ok(table(&columns, &constants().map(row).collect::<Vec<_>>()))
}

fn number(value: Number) -> String {
    match value {
        Number::Boolean(value) => value.to_string(),
        Number::Integer(value) => value.to_string(),
        // The shortest text that reads back, with an exponent where that is shorter.
        Number::Float(value) => format!("{value:?}"),
    }
}

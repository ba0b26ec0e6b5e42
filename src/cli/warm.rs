//! `saltus warm`: puts the kernels of models into the store, so that whoever runs them next compiles nothing.
//!
//! A model is put into memory as if it were to run, since what is connected decides the shape of some kernels. What goes
//! wrong with one model is told at the end; the others are prepared all the same.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{Changes, Tier, Warm};
use super::failure::Failure;
use super::load::load_text;
use super::output::format::{counted, duration};
use super::run::options;
use super::say;
use super::table::{Align, table};
use crate::diag::File;
use crate::engine::{CpuPolicy, Options, Origin, Report};
use crate::model::file;
use crate::network::Network;

/// The models that come with the program: their names, and their texts.
const CATALOG: [(&str, &str); 8] = [
    ("adex", include_str!("../../cache/catalog/adex.toml")),
    ("fitzhugh_nagumo", include_str!("../../cache/catalog/fitzhugh_nagumo.toml")),
    ("hindmarsh_rose", include_str!("../../cache/catalog/hindmarsh_rose.toml")),
    ("hodgkin_huxley", include_str!("../../cache/catalog/hodgkin_huxley.toml")),
    ("izhikevich", include_str!("../../cache/catalog/izhikevich.toml")),
    ("lif", include_str!("../../cache/catalog/lif.toml")),
    ("lif_synaptic_currents", include_str!("../../cache/catalog/lif_synaptic_currents.toml")),
    ("morris_lecar", include_str!("../../cache/catalog/morris_lecar.toml")),
];

/// A model to prepare kernels for.
enum Source<'a> {
    File(&'a Path),
    Catalog(&'static str, &'static str),
}

impl Source<'_> {
    fn name(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Catalog(name, _) => (*name).to_string(),
        }
    }
}

/// What became of the kernels of a model.
struct Warmed {
    built: usize,
    reused: usize,
    took: Duration,
    warnings: Vec<String>,
}

/// Prepares the kernels of all models; the exit code says whether one failed.
pub fn warm(arguments: &Warm) -> Result<u8, Failure> {
    let catalog = CATALOG.iter().filter(|_| arguments.catalog).map(|(name, text)| Source::Catalog(name, text));
    let files = arguments.models.iter().map(|path: &PathBuf| Source::File(path));
    let sources: Vec<Source<'_>> = files.chain(catalog).collect();
    if sources.is_empty() {
        return Err(Failure::Usage("nothing to do: name models, or say `--catalog`".to_string()));
    }
    let mut options = options(&arguments.machine, arguments.kernels.lang, Tier::Compiled)?;
    // Whoever names a level wants kernels for it, not those that this machine has already.
    options.strict |= options.cpu != CpuPolicy::Native;
    if options.store_directory().is_none() {
        let message = "there is no store to put kernels into: it is switched off, or neither `SALTUS_CACHE_DIR` nor \
                       `HOME` is set";
        return Err(Failure::Usage(message.to_string()));
    }
    let bar = progress_bar(sources.len(), arguments.quiet);
    let (mut rows, mut failures, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for source in &sources {
        bar.set_message(source.name());
        match warm_one(source, &options) {
            Ok(Warmed { built, reused, took, warnings: of_model }) => {
                rows.push(vec![source.name(), built.to_string(), reused.to_string(), duration(took.as_secs_f64())]);
                warnings.extend(of_model.into_iter().filter(|warning| !warnings.contains(warning)).collect::<Vec<_>>());
            }
            Err(failure) => failures.push((source.name(), failure)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if !arguments.quiet && !rows.is_empty() {
        let columns =
            [("model", Align::Left), ("built", Align::Right), ("reused", Align::Right), ("time", Align::Right)];
        say::answer(&table(&columns, &rows))?;
    }
    // As of a run: what stood in the way of something else than these kernels.
    warnings.iter().for_each(|warning| say::warning(warning));
    for (name, failure) in &failures {
        say::problem(&format!("`{name}` could not be prepared:"));
        failure.report();
    }
    if let Some((_, worst)) = failures.iter().max_by_key(|(_, failure)| failure.exit_code()) {
        let all = sources.len();
        say::problem(&format!("\n{} of {} failed", failures.len(), counted(all, ("model", "models"))));
        return Ok(worst.exit_code());
    }
    Ok(0)
}

fn warm_one(source: &Source<'_>, options: &Options) -> Result<Warmed, Failure> {
    let started = Instant::now();
    let text = match source {
        Source::File(path) => file::read(path)?,
        Source::Catalog(name, text) => Arc::new(File { name: format!("catalog/{name}"), text: (*text).to_string() }),
    };
    let options = options.clone().begin();
    options.expect(text.text.as_bytes());
    let loaded = load_text(text, &Changes::default())?;
    let mut network = Network::from_checked(loaded.checked, options.clone())?;
    network.finish()?;
    let warnings = network.engine_warnings().to_vec();
    let (all, missing) = (network.kernel_reports().count(), missing(&network, &options));
    if missing > 0 {
        let reasons: String = warnings.iter().map(|warning| format!("\n{}", say::without_number(warning))).collect();
        let kernels = counted(all, ("kernel", "kernels"));
        return Err(Failure::World(anyhow!("{missing} of {kernels} {} not in the store{reasons}", is_or_are(missing))));
    }
    let count = |origin| network.kernel_reports().filter(|report| report.origin == origin).count();
    Ok(Warmed { built: count(Origin::Built), reused: count(Origin::Hit), took: started.elapsed(), warnings })
}

fn is_or_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// How many of the kernels whoever runs the model next would not find, whatever the reason is.
fn missing(network: &Network, options: &Options) -> usize {
    let (store, machine) = (options.store(), options.machine());
    let is_there = |report: &Report| match (&report.kernel, &report.key) {
        (Some(kernel), Some(key)) => store.get(kernel, Some(key), &machine).is_some_and(|found| found.key == *key),
        _ => false,
    };
    network.kernel_reports().filter(|report| !is_there(report)).count()
}

fn progress_bar(models: usize, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(models as u64);
    if quiet || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len} models, {eta} left: {msg}") {
        bar.set_style(style);
    }
    bar
}

//! `saltus run`: a model file from text to results.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;

use super::args::{Machine, Run, Tier};
use super::failure::Failure;
use super::load::{Loaded, load};
use super::output::plot::{self, PlotFormat};
use super::output::{json, npz, summary};
use super::progress::Progress;
use super::report::{self, Stopwatch};
use super::say;
use crate::build::OptLevel;
use crate::engine::{self, CacheChoice, Options};
use crate::network::{Ending, Network};

/// The options of the engine that the command line asks for.
pub fn options(machine: &Machine, tier: Tier) -> Options {
    Options {
        tier: match tier {
            Tier::Auto => engine::Tier::Auto,
            Tier::Interpreter => engine::Tier::Interpreter,
            Tier::Compiled => engine::Tier::Compiled,
        },
        cc: machine.cc.clone(),
        opt_level: machine.opt_level.map(|level| match level {
            0 => OptLevel::O0,
            1 => OptLevel::O1,
            2 => OptLevel::O2,
            _ => OptLevel::O3,
        }),
        cache: match (&machine.cache_dir, machine.no_cache) {
            (_, true) => CacheChoice::None,
            (Some(dir), false) => CacheChoice::Directory(dir.clone()),
            (None, false) => CacheChoice::Default,
        },
        ..Options::default()
    }
}

/// Runs; `Ok(false)` if it was interrupted.
pub fn run(arguments: &Run, start: Instant) -> Result<bool, Failure> {
    let format = plot_format(arguments.plot.as_deref())?;
    let Loaded { file, checked } = load(&arguments.model, &arguments.changes)?;
    let parsed = Instant::now();
    check_writable(arguments)?;
    let mut network = Network::from_checked(checked, options(&arguments.machine, arguments.tier))?;
    let stop = Arc::new(AtomicBool::new(false));
    network.set_stop_flag(stop.clone());
    let prepared = Instant::now();

    let durations: Vec<f64> = network.planned_runs().iter().map(|r| r.duration_seconds).collect();
    let total: f64 = durations.iter().sum();
    let progress = Progress::start(total, !arguments.quiet && std::io::stderr().is_terminal());
    catch_interrupts(stop)?;
    let mut done = 0.0;
    let mut complete = true;
    for (k, duration) in durations.iter().enumerate() {
        let ending = network.run_planned(k, &mut |fraction| {
            progress.update(if total > 0.0 { (done + fraction * duration) / total } else { 1.0 });
        })?;
        done += duration;
        if ending == Ending::Stopped {
            complete = false;
            break;
        }
    }
    let finished = Instant::now();
    progress.finish();
    network.finish()?;

    for warning in network.warnings().clone() {
        say::problem(&warning.to_string());
    }
    for warning in network.engine_warnings() {
        say::problem(&format!("warning: {warning}"));
    }
    let model = file.name.as_ref().map(|n| n.as_str().to_string());
    let result = report::result(model, &mut network, Stopwatch { start, parsed, prepared, finished });
    let mut json_on_stdout = false;
    if let Some(path) = &arguments.json {
        json_on_stdout = path == Path::new("-");
        json::write(&result, path)?;
    }
    if let Some(directory) = &arguments.out {
        npz::write(&result, directory)?;
    }
    if let (Some(path), Some(format)) = (&arguments.plot, format) {
        plot::write(&result, format, path)?;
    }
    if !arguments.quiet {
        let text = summary::summary(&result);
        let written = match json_on_stdout {
            true => std::io::stderr().write_all(text.as_bytes()),
            false => std::io::stdout().write_all(text.as_bytes()),
        };
        // Nobody listens any more, as in `saltus run … | head -1`: nothing is lost by that.
        drop(written);
    }
    if !complete {
        say::problem("interrupted: results are those up to the last whole step");
    }
    Ok(complete)
}

fn plot_format(path: Option<&Path>) -> Result<Option<PlotFormat>, Failure> {
    let Some(path) = path else { return Ok(None) };
    path.to_string_lossy().parse().map(Some).map_err(|error: plot::UnknownPlotFormat| Failure::Usage(error.to_string()))
}

/// A long run whose results cannot be written would be lost: directories are tried before it starts.
fn check_writable(arguments: &Run) -> Result<(), Failure> {
    let files = [&arguments.json, &arguments.plot].into_iter().flatten().filter(|p| *p != Path::new("-"));
    for file in files {
        let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !file.exists() {
            tempfile::tempfile_in(parent).with_context(|| format!("cannot write in `{}`", parent.display()))?;
        }
    }
    if let Some(directory) = &arguments.out {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory `{}`", directory.display()))?;
        tempfile::tempfile_in(directory).with_context(|| format!("cannot write in `{}`", directory.display()))?;
    }
    Ok(())
}

/// The first Ctrl-C ends the run after the current step, the second one ends the program.
fn catch_interrupts(stop: Arc<AtomicBool>) -> Result<(), Failure> {
    ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .context("cannot catch Ctrl-C")?;
    Ok(())
}

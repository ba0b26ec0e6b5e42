//! `saltus run`: a model file from text to results.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;

use super::args::{Language, Machine, Run, Tier};
use super::cache::level;
use super::failure::Failure;
use super::load::{Loaded, load_text};
use super::output::plot::{self, PlotFormat};
use super::output::{RunResult, json, npz, summary};
use super::places;
use super::progress::Progress;
use super::report::{self, Stopwatch};
use super::say;
use crate::build::{OptLevel, ToolchainError};
use crate::diag::{Diagnostic, Diagnostics};
use crate::engine::{self, CacheChoice, CpuPolicy, EngineError, Notice, Options};
use crate::model::file::{self, ModelFile};
use crate::network::{self, Ending, Network, RandomState};
use crate::render;
use crate::runtime::archive;
use crate::runtime::state_file::StateFileError;

/// The options of the engine that the command line asks for.
///
/// # Errors
/// [`Failure::Usage`] if the environment asks for a processor that there is not.
pub fn options(machine: &Machine, language: Language, tier: Tier) -> Result<Options, Failure> {
    let options = Options {
        language: match language {
            Language::C => render::Language::C,
            Language::Rust => render::Language::Rust,
        },
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
        layers: machine.cache_layer.clone(),
        strict: machine.strict,
        ..Options::default()
    };
    let cpu = match machine.cpu {
        Some(cpu) => cpu,
        None => CpuPolicy::of_env(&options.env).map_err(|error| Failure::Usage(error.to_string()))?.unwrap_or_default(),
    };
    Ok(Options { cpu, ..options })
}

/// The options of the engine for a run.
pub(super) fn run_options(arguments: &Run) -> Result<Options, Failure> {
    let options = Options {
        threads: arguments.threads,
        allow_native: arguments.allow_native,
        check_swap: arguments.check_swap,
        notice: if arguments.quiet { Notice::default() } else { Notice::to(say::problem) },
        ..options(&arguments.machine, arguments.kernels.lang, arguments.tier)?
    };
    check_cpu(&options)?;
    Ok(options)
}

/// Kernels for other processors cannot run here.
fn check_cpu(options: &Options) -> Result<(), Failure> {
    if options.cpu.runs_here() || options.tier == engine::Tier::Interpreter {
        return Ok(());
    }
    let machine = crate::build::Machine::this();
    Err(Failure::Usage(format!(
        "kernels for `{}` do not run on this processor, which is {}; `saltus warm` can make them here for others",
        options.cpu,
        level(&machine.architecture, &machine.features)
    )))
}

/// Runs; `Ok(false)` if it was interrupted.
pub fn run(arguments: &Run, start: Instant) -> Result<bool, Failure> {
    let format = plot_format(arguments.plot.as_deref())?;
    let options = run_options(arguments)?.begin();
    let text = file::read(&arguments.model)?;
    options.expect(text.text.as_bytes());
    let Loaded { file, checked, warnings } = load_text(text, &arguments.changes)?;
    check_places(arguments, &file)?;
    if !warnings.0.is_empty() {
        say::problem(&warnings.to_string());
    }
    let parsed = Instant::now();
    let refused = |error| refused_compiler(error, &arguments.machine);
    let mut network = Network::from_checked(checked, options)?;
    if let Some(path) = &arguments.load_state {
        // A seed on the command line asks for other random numbers.
        let random = if arguments.changes.seed.is_some() { RandomState::Keep } else { RandomState::Restore };
        network.load_state(path, random).map_err(|error| refused_state(error, path))?;
    }
    network.set_profiling(arguments.profile);
    prepare_out(&mut network, arguments)?;
    let stop = Arc::new(AtomicBool::new(false));
    network.set_stop_flag(stop.clone());
    let prepared = Instant::now();

    let progress = !arguments.quiet && std::io::stderr().is_terminal();
    catch_interrupts(move || stop.store(true, Ordering::Relaxed));
    let is_complete = run_all(&mut network, progress).map_err(refused)?;
    let finished = Instant::now();
    if !is_complete {
        network.abandon_code();
    }
    network.finish().map_err(refused)?;

    // Before the results are taken out of the network.
    let state = match &arguments.save_state {
        Some(path) => Some((network.store()?, path)),
        None => None,
    };
    tell_news(&network, &warnings);
    network.finish_stream()?;
    let model = file.name.as_ref().map(|n| n.as_str().to_string());
    let with_state = arguments.json.is_some() || arguments.out.is_some();
    let result = report::result(model, &mut network, Stopwatch { start, parsed, prepared, finished }, with_state);
    write(&result, arguments, format)?;
    // After the results, which are not lost if this fails.
    if let Some((state, path)) = state {
        state.write(path)?;
    }
    if let Some(profile) = network.profiling_summary() {
        report::warnings_of(&profile).iter().for_each(|warning| say::warning(warning));
        let text = profile.to_string();
        // Beside results in JSON, which a program reads.
        if arguments.json.as_deref() == Some(Path::new("-")) {
            say::problem(text.trim_end())
        } else {
            say::answer(&text)?
        }
    }
    if !is_complete {
        say::problem("interrupted: results are those up to the last whole step");
    }
    Ok(is_complete)
}

/// Says what was odd in a run, besides what was told of the model before.
pub(super) fn tell_news(network: &Network, told: &Diagnostics) {
    let is_new = |warning: &&Diagnostic| !told.0.contains(warning);
    let news = Diagnostics(network.warnings().0.iter().filter(is_new).cloned().collect());
    if !news.0.is_empty() {
        say::problem(&news.to_string());
    }
    for warning in network.engine_warnings() {
        say::warning(warning);
    }
}

/// A file that holds no state, or that of another model, was named by mistake.
fn refused_state(error: network::Error, path: &Path) -> Failure {
    match error {
        network::Error::State(reason) => {
            Failure::Usage(format!("the state `{}` does not fit the model: {reason}", path.display()))
        }
        network::Error::StateFile(error) if !matches!(error, StateFileError::Write { .. }) => {
            Failure::Usage(error.to_string())
        }
        error => error.into(),
    }
}

/// Whether what monitors record goes to disk during the run. JSON, pictures and states need it in memory.
fn streams(arguments: &Run) -> bool {
    let needed = [&arguments.json, &arguments.plot, &arguments.load_state, &arguments.save_state];
    arguments.out.is_some() && needed.iter().all(|path| path.is_none())
}

/// Makes the directory for results ready: its files, or at least nothing of a run that did not come to its end.
fn prepare_out(network: &mut Network, arguments: &Run) -> Result<(), Failure> {
    let Some(directory) = &arguments.out else { return Ok(()) };
    if streams(arguments) {
        return Ok(network.stream_to(directory)?);
    }
    let mut monitors = network.monitor_names().iter();
    monitors.try_for_each(|name| archive::remove_parts(directory, name)).context("an earlier run is in the way")?;
    Ok(())
}

/// Carries out all runs; false if one was interrupted.
fn run_all(network: &mut Network, progress: bool) -> Result<bool, network::Error> {
    let durations: Vec<f64> = network.planned_runs().iter().map(|r| r.duration_seconds).collect();
    let total: f64 = durations.iter().sum();
    let progress = Progress::start(total, progress);
    let mut done = 0.0;
    for (k, duration) in durations.iter().enumerate() {
        let ending = network.run_planned(k, &mut |run| {
            progress.update(if total > 0.0 { (done + run.completed * duration) / total } else { 1.0 });
        })?;
        done += duration;
        if ending == Ending::Stopped {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A compiler that was named on the command line and is none is a mistake there.
pub(super) fn refused_compiler(error: network::Error, machine: &Machine) -> Failure {
    match error {
        network::Error::Engine(EngineError::Toolchain(
            error @ (ToolchainError::Missing { .. }
            | ToolchainError::Unrecognised { .. }
            | ToolchainError::ForeignTarget { .. }),
        )) if machine.cc.is_some() => Failure::Usage(error.to_string()),
        error => error.into(),
    }
}

/// Writes everything that was asked for.
pub(super) fn write(result: &RunResult, arguments: &Run, format: Option<PlotFormat>) -> Result<(), Failure> {
    if let Some(path) = &arguments.json {
        json::write(result, path)?;
    }
    if let Some(directory) = &arguments.out {
        if streams(arguments) { npz::write_run_file(result, directory) } else { npz::write(result, directory) }?;
    }
    if let (Some(path), Some(format)) = (&arguments.plot, format) {
        plot::write(result, format, path)?;
    }
    if arguments.quiet {
        return Ok(());
    }
    let text = summary::summary(result);
    if arguments.json.as_deref() == Some(Path::new("-")) {
        // Nobody may be listening there: nothing is lost by that.
        drop(std::io::stderr().write_all(text.as_bytes()));
        return Ok(());
    }
    say::answer(&text)
}

pub(super) fn plot_format(path: Option<&Path>) -> Result<Option<PlotFormat>, Failure> {
    let Some(path) = path else { return Ok(None) };
    path.to_string_lossy().parse().map(Some).map_err(|error: plot::UnknownPlotFormat| Failure::Usage(error.to_string()))
}

/// A long run whose results cannot be written would be lost: the places for them are tried before it starts.
pub(super) fn check_places(arguments: &Run, model: &ModelFile) -> Result<(), Failure> {
    let files = [("--json", &arguments.json), ("--plot", &arguments.plot), ("--save-state", &arguments.save_state)];
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for (option, file) in files {
        if let Some(file) = file {
            places::check_file(option, file, &arguments.model)?;
            taken.push((option, file.clone()));
        }
    }
    if let Some(directory) = &arguments.out {
        places::make_directory("--out", directory)?;
        let archives = model.monitors.iter().map(|monitor| archive::archive_name(monitor.name.as_str()));
        taken.extend(archives.chain([npz::RUN_FILE.to_string()]).map(|name| ("--out", directory.join(name))));
    }
    places::check_different(&taken)
}

/// The first Ctrl-C ends the run after the current step, the second one ends the program.
pub(super) fn catch_interrupts(stop: impl Fn() + Send + 'static) {
    let mut is_second = false;
    let caught = ctrlc::set_handler(move || {
        if std::mem::replace(&mut is_second, true) {
            crate::build::stop_all();
            std::process::exit(130);
        }
        stop();
    });
    if let Err(error) = caught {
        // There may be no thread for it. The run does not depend on it.
        say::warning(&format!("Ctrl-C ends the program at once, without results: {error}"));
    }
}

//! `saltus bench latency`: how soon kernels and models run, for every language and compiler of this machine.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::data::{FORMAT, PEERS_FORMAT, Peers, Report};
use super::{kernels, machine, models, page, subjects, text};
use crate::build::Env;
use crate::cli::args::Latency;
use crate::cli::failure::Failure;
use crate::cli::output::json;
use crate::cli::{places, say};

/// Measures, prints a table and writes what was asked for.
///
/// # Errors
/// If a model is wrong, or the machine is in the way.
pub fn latency(arguments: &Latency) -> Result<(), Failure> {
    let peers = match &arguments.peers {
        Some(path) => read_peers(path)?,
        None => Peers::default(),
    };
    let program = std::env::current_exe().context("this program does not find itself")?;
    latency_with(arguments, peers, &program).map(drop)
}

/// The same with these peers; models run by `program`.
///
/// # Errors
/// As of [`latency`].
pub fn latency_with(arguments: &Latency, peers: Peers, program: &Path) -> Result<Report, Failure> {
    check_places(arguments)?;
    let report = measure(arguments, peers, program)?;
    if arguments.json.as_deref() != Some(Path::new("-")) {
        say::answer(&text::table_of(&report))?;
    }
    write(arguments, &report)?;
    Ok(report)
}

fn read_peers(path: &Path) -> Result<Peers, Failure> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("cannot read `{shown}`"))?;
    let peers: Peers = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::Usage(format!("`{shown}` holds no times of peers: {error}")))?;
    if peers.format != PEERS_FORMAT {
        return Err(Failure::Usage(format!("`{shown}` has format `{}`, not `{PEERS_FORMAT}`", peers.format)));
    }
    Ok(peers)
}

fn check_places(arguments: &Latency) -> Result<(), Failure> {
    let files = [
        ("--json", &arguments.json),
        ("--html", &arguments.html),
        ("--plot", &arguments.plot),
        ("--markdown", &arguments.markdown),
    ];
    let mut taken = Vec::new();
    let read: Vec<&Path> = arguments.models.iter().chain(&arguments.peers).map(PathBuf::as_path).collect();
    for (option, file) in files {
        if let Some(file) = file {
            let read = if read.is_empty() { &[Path::new("")][..] } else { &read };
            read.iter().try_for_each(|path| places::check_file(option, file, path))?;
            taken.push((option, file.clone()));
        }
    }
    places::check_different(&taken)
}

fn measure(arguments: &Latency, peers: Peers, program: &Path) -> Result<Report, Failure> {
    let pairs = machine::pairs(&Env::of_process());
    if pairs.is_empty() {
        return Err(Failure::World(anyhow::anyhow!("no compiler: install gcc or clang to measure how long they take")));
    }
    let only = arguments.only.as_deref();
    let kernel_subjects = subjects::kernel_subjects(only)?;
    let model_subjects = subjects::model_subjects(&arguments.models, only)?;
    if kernel_subjects.is_empty() && model_subjects.is_empty() {
        return Err(Failure::Usage(format!("no kernel or model is called `{}`", only.unwrap_or_default())));
    }
    let samples = arguments.samples.get();
    let steps = pairs.len() * (kernel_subjects.len() * samples + model_subjects.len() * (samples + 1));
    let progress = Progress::new(steps, arguments.quiet);
    let kernels = kernels::measure(&kernel_subjects, &pairs, samples, &mut |what| progress.step(what))?;
    let models = models::measure(&model_subjects, &pairs, samples, program, &mut |what| progress.step(what))?;
    progress.0.finish_and_clear();
    let saltus = env!("CARGO_PKG_VERSION").to_string();
    Ok(Report {
        format: FORMAT.to_string(),
        saltus,
        machine: machine::describe(&pairs),
        samples,
        kernels,
        models,
        peers,
    })
}

fn write(arguments: &Latency, report: &Report) -> Result<(), Failure> {
    if let Some(path) = &arguments.json {
        json::write_value(report, path)?;
    }
    if let Some(path) = &arguments.html {
        json::write_text(&page::html(report), path)?;
    }
    if let Some(path) = &arguments.markdown {
        json::write_text(&text::markdown(report), path)?;
    }
    if let Some(path) = &arguments.plot {
        json::write_text(&page::picture(report), path)?;
    }
    Ok(())
}

/// What is being measured, on standard error: a bar on a terminal, else a line now and then.
struct Progress(ProgressBar);

impl Progress {
    fn new(steps: usize, quiet: bool) -> Progress {
        let bar = ProgressBar::new(steps as u64);
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else if !std::io::stderr().is_terminal() {
            say::problem(&format!("measuring, {steps} steps"));
        }
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos} of {len}, {eta} left: {msg}") {
            bar.set_style(style);
        }
        Progress(bar)
    }

    fn step(&self, what: &str) {
        self.0.set_message(what.to_string());
        self.0.inc(1);
    }
}

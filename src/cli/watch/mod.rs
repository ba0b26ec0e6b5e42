//! `saltus watch`: runs a model file, and changes what runs whenever the file is saved.
//!
//! A thread hears of each save, reads the file, says what is wrong with it or asks the network for the change, and says
//! in one line what came of it; the run goes on meanwhile. On a terminal, a line below shows how fast the run is, how
//! often cells spike, and what the kernels run on. Files with sources of kernels are watched in the same way.

pub mod edits;
mod saves;
mod sources;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use toml::Table;

use self::edits::{Edits, edits};
use self::saves::{Saved, Saves};
use self::sources::Followed;
use crate::cli::args::{self, Changes, Run};
use crate::cli::failure::Failure;
use crate::cli::load::{Loaded, load_text};
use crate::cli::output::format::{counted, duration, simulated};
use crate::cli::report::{self, Stopwatch};
use crate::cli::run;
use crate::cli::say;
use crate::diag::{Diagnostics, File};
use crate::engine::RunsOn;
use crate::live::{Answer, Change, LiveNetwork, Refused, Remote, Swapped};
use crate::model::file;
use crate::network::{self, Ending, Model, Network};

/// How often the line is drawn anew.
const REDRAW: Duration = Duration::from_millis(250);

/// Results do not take the place of sources that are edited.
fn keep_sources(arguments: &Run, given: &[(String, PathBuf)]) -> Result<(), Failure> {
    for (option, output) in [("--json", &arguments.json), ("--plot", &arguments.plot)] {
        let place = output.as_ref().and_then(|output| output.canonicalize().ok());
        if place.is_some_and(|place| given.iter().any(|(_, source)| source.canonicalize().is_ok_and(|s| s == place))) {
            let shown = output.iter().map(|output| output.display().to_string()).collect::<String>();
            return Err(Failure::Usage(format!("`{option} {shown}` would overwrite a source")));
        }
    }
    Ok(())
}

/// Runs; `Ok(false)` if it was interrupted.
pub fn watch(arguments: &args::Watch, start: Instant) -> Result<bool, Failure> {
    let args::Watch { run: arguments, source: given } = arguments;
    let format = run::plot_format(arguments.plot.as_deref())?;
    refuse(arguments)?;
    let options = run::run_options(arguments)?.begin();
    let text = file::read(&arguments.model)?;
    options.expect(text.text.as_bytes());
    let content = text.text.clone();
    let Loaded { file, checked, warnings } = load_text(text, &arguments.changes)?;
    run::check_places(arguments, &file)?;
    keep_sources(arguments, given)?;
    if !warnings.0.is_empty() {
        say::problem(&warnings.to_string());
    }
    let parsed = Instant::now();
    let (model, runs) = network::from_file(&file, &mut Diagnostics::default());
    let network = Network::from_checked(checked, options.clone())?;
    let sources = sources::followed(given, &network, arguments.allow_native)?;
    let mut live = LiveNetwork::of(model, network, options)?.planned(runs);
    let prepared = Instant::now();
    let screen = Screen::new(!arguments.quiet && std::io::stderr().is_terminal());
    let watched = Watched { path: &arguments.model, changes: &arguments.changes, screen: &screen };
    let saves = Saves::of(&arguments.model, given.iter().map(|(_, file)| &**file))?;
    if !arguments.quiet {
        screen.say(&format!("watching `{}`; Ctrl-C ends the run", arguments.model.display()));
    }
    let remote = live.remote();
    let stopping = remote.clone();
    run::catch_interrupts(move || stopping.stop());
    let is_over = AtomicBool::new(false);
    let (ending, mut network) = thread::scope(|scope| {
        let editing = remote.clone();
        let hush = saves.hush();
        let editor = scope.spawn(move || watched.follow(saves, content, sources, &editing));
        let clock = scope.spawn(|| {
            while screen.is_shown() && !is_over.load(Ordering::Acquire) {
                thread::park_timeout(REDRAW);
                remote.wake();
            }
        });
        let over = Over(&is_over, clock.thread().clone());
        let ending = run_all(&mut live, &screen);
        drop(over);
        // Nobody hears of further saves, and what was asked for and is not there yet is refused.
        drop(hush);
        let network = live.into_network();
        drop((clock.join(), editor.join()));
        (ending, network)
    });
    screen.clear();
    let refused = |error| run::refused_compiler(error, &arguments.machine);
    let is_complete = ending.map_err(refused)? == Ending::Complete;
    let finished = Instant::now();
    if !is_complete {
        network.abandon_code();
    }
    network.finish().map_err(refused)?;
    run::tell_news(&network, &warnings);
    let name = file.name.as_ref().map(|name| name.as_str().to_string());
    let with_state = arguments.json.is_some() || arguments.out.is_some();
    let result = report::result(name, &mut network, Stopwatch { start, parsed, prepared, finished }, with_state);
    run::write(&result, arguments, format)?;
    if !is_complete {
        say::problem("interrupted: results are those up to the last whole step");
    }
    Ok(is_complete)
}

/// What a run can do and a watched one cannot.
fn refuse(arguments: &Run) -> Result<(), Failure> {
    let given = [
        ("--load-state", arguments.load_state.is_some()),
        ("--save-state", arguments.save_state.is_some()),
        ("--profile", arguments.profile),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Failure::Usage(format!("`{option}` is for `saltus run`, not for `saltus watch`"))),
        None => Ok(()),
    }
}

/// Tells the thread that draws that it is over, also where something panics.
struct Over<'a>(&'a AtomicBool, thread::Thread);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
        self.1.unpark();
    }
}

fn run_all(live: &mut LiveNetwork, screen: &Screen) -> Result<Ending, network::Error> {
    let mut seen = Seen::default();
    let mut k = 0;
    // Another form of the model may have more runs, or fewer.
    while k < live.network().planned_runs().len() {
        if live.run_planned(k, &mut |network| screen.show(network, &mut seen))? == Ending::Stopped {
            return Ok(Ending::Stopped);
        }
        k += 1;
    }
    Ok(Ending::Complete)
}

/// A file that is watched.
struct Watched<'a> {
    path: &'a Path,
    changes: &'a Changes,
    screen: &'a Screen,
}

/// What is known of the model file.
struct Known {
    /// Its text, right or wrong.
    content: String,
    /// What runs.
    running: Table,
}

impl Watched<'_> {
    /// Makes a change of each save.
    fn follow(&self, mut saves: Saves, content: String, mut sources: Vec<Followed>, remote: &Remote) {
        // The first text was a model, and so it is a table.
        let mut known = Known { running: toml::from_str(&content).unwrap_or_default(), content };
        for source in &mut sources {
            self.follow_source(source, Instant::now(), remote);
        }
        while let Some((saved, at)) = saves.next() {
            let answer = match saved {
                Saved::Model => self.follow_model(&mut known, at, remote),
                Saved::Source(number) => self.follow_source(&mut sources[number], at, remote),
            };
            match answer {
                Some(Ok(swapped)) => sources.iter_mut().for_each(|source| source.note(&swapped)),
                Some(Err(Refused::Ended)) => return,
                Some(Err(_)) | None => {}
            }
        }
    }

    /// What came of a save of the model, if it was asked for a change.
    fn follow_model(&self, known: &mut Known, saved: Instant, remote: &Remote) -> Option<Answer> {
        let text = match file::read(self.path) {
            Ok(text) => text,
            Err(error) => {
                self.screen.tell(&Failure::from(error));
                return None;
            }
        };
        if text.text == known.content {
            return None;
        }
        known.content.clone_from(&text.text);
        let (model, runs) = self.changed(text)?;
        let edited: Table = toml::from_str(&known.content).unwrap_or_default();
        let Edits { now, later } = edits(&known.running, &edited);
        let next = if later.is_empty() { String::new() } else { format!("; {}: for the next run", later.join(", ")) };
        if now.is_empty() {
            self.screen.say(&format!("nothing that runs has changed{next}"));
            return None;
        }
        let what = now.join(", ");
        let answer = remote.ask(Change::Model(Box::new(model), Some(runs))).wait();
        match &answer {
            Ok(swapped) => {
                self.screen.say(&format!("{}{next}", told(&what, swapped, saved)));
                known.running = edited;
            }
            Err(Refused::Ended) => {}
            Err(refused) => self.screen.say(&format!("{what}: not swapped; the run goes on as it was\n{refused}")),
        }
        Some(answer)
    }

    /// The same of a source.
    fn follow_source(&self, source: &mut Followed, saved: Instant, remote: &Remote) -> Option<Answer> {
        let change = match source.change() {
            Ok(change) => change?,
            Err(failure) => {
                self.screen.tell(&failure);
                return None;
            }
        };
        let answer = remote.ask(change).wait();
        match &answer {
            Ok(swapped) => {
                self.screen.say(&told(&swapped.what, swapped, saved));
                source.is_swapped();
            }
            Err(Refused::Ended) => {}
            Err(refused) => self.screen.say(&format!("{refused}\nthe run goes on as it was")),
        }
        Some(answer)
    }

    /// The model as the file says it now; none after saying what is wrong.
    fn changed(&self, text: Arc<File>) -> Option<(Model, Vec<network::Run>)> {
        let loaded = match load_text(text, self.changes) {
            Ok(loaded) => loaded,
            Err(failure) => {
                self.screen.tell(&failure);
                return None;
            }
        };
        if !loaded.warnings.0.is_empty() {
            self.screen.say(&loaded.warnings.to_string());
        }
        Some(network::from_file(&loaded.file, &mut Diagnostics::default()))
    }
}

/// What was done, in one line.
fn told(what: &str, swapped: &Swapped, saved: Instant) -> String {
    let Swapped { t_seconds, taken, .. } = swapped;
    let (took, at) = (duration(saved.elapsed().as_secs_f64()), simulated(*t_seconds));
    let mut line = format!("{what}: swapped in {took} at t = {at}; {taken}");
    for of in &swapped.no_longer_fit {
        let _ = write!(line, "; source by hand of {of} no longer fits: the kernel has changed");
    }
    line
}

/// Where things are said, and the line below them.
struct Screen {
    line: Option<ProgressBar>,
}

/// What was seen last, to tell how fast things go.
#[derive(Default)]
struct Seen {
    at: Option<Instant>,
    t_seconds: f64,
    steps: u64,
    spikes: BTreeMap<String, u64>,
}

impl Screen {
    fn new(is_shown: bool) -> Screen {
        let line = is_shown.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.with_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Screen { line }
    }

    fn is_shown(&self) -> bool {
        self.line.is_some()
    }

    fn say(&self, text: &str) {
        match &self.line {
            Some(line) => line.suspend(|| say::problem(text)),
            None => say::problem(text),
        }
    }

    /// Says what is wrong with a save.
    fn tell(&self, failure: &Failure) {
        let tell = || {
            failure.report();
            say::problem("the run goes on as it was");
        };
        match &self.line {
            Some(line) => line.suspend(tell),
            None => tell(),
        }
    }

    fn clear(&self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }

    fn show(&self, network: &Network, seen: &mut Seen) {
        let Some(line) = &self.line else { return };
        let now = Instant::now();
        let (t_seconds, steps) = (network.t_seconds(), network.steps());
        let mut spikes = BTreeMap::new();
        let mut text = format!("t = {}", simulated((t_seconds * 1e4).round() / 1e4));
        if let Some(before) = seen.at {
            let wall = now.duration_since(before).as_secs_f64();
            if wall < REDRAW.as_secs_f64() / 2.0 {
                return;
            }
            let rate = steps.saturating_sub(seen.steps) as f64 / wall;
            let _ = write!(text, "  {rate:.0} steps/s");
        }
        let passed = t_seconds - seen.t_seconds;
        for (name, total, cells) in network.event_counts() {
            if let Some(before) = seen.spikes.get(&name).filter(|_| passed > 0.0) {
                let rate = total.saturating_sub(*before) as f64 / passed / cells.max(1) as f64;
                let _ = write!(text, "  {name} {rate:.1} Hz");
            }
            spikes.insert(name, total);
        }
        let _ = write!(text, "  {}", tiers(network));
        line.set_message(text);
        *seen = Seen { at: Some(now), t_seconds, steps, spikes };
    }
}

/// How many kernels are compiled, how many of them by hand, and the names of those that are not.
fn tiers(network: &Network) -> String {
    let (mut compiled, mut by_hand, mut others) = (0, 0, Vec::new());
    for report in network.kernel_reports() {
        match report.runs_on() {
            RunsOn::Compiled => compiled += 1,
            RunsOn::Hand => by_hand += 1,
            RunsOn::Interpreter | RunsOn::Preliminary => others.push(report.name),
        }
    }
    let mut all = counted(compiled, ("kernel", "kernels")) + " compiled";
    if by_hand > 0 {
        let _ = write!(all, ", {by_hand} by hand");
    }
    if others.is_empty() { all } else { format!("{all}, not yet: {}", others.join(", ")) }
}

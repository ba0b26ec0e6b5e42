//! Networks whose model is changed while they run.
//!
//! A [`LiveNetwork`] runs a model; whoever has a [`Remote`] of it, from any thread, asks for a [`Change`]. The changed
//! model is checked as a whole and put into memory beside the one that runs, which goes on while its kernels are looked
//! up or compiled. When all of them are there, and between two steps, the new network takes over the state by name, and
//! runs in place of the old one. Whatever fails on the way leaves the old one running and is told to whoever asked.
//! Every version is kept; going back to one is a change like any other, whose kernels are there already.
//!
//! A source by hand changes no model and takes no state: its code is compiled, checked and loaded, and then exchanged in the
//! network that runs ([`engine`](crate::engine) has what it may do). It belongs to the version, and stays with the kernel
//! that it was written for: a later change that leads to the same kernel keeps it, one that leads to another drops it, and
//! says so.
//!
//! ```
//! use saltus::{engine::Options, live::{Change, LiveNetwork}, network::{Model, NeuronGroup}};
//! let cells = NeuronGroup::new("cells", 1, "dv/dt = 1/ms : 1").threshold("v > 5").reset("v = 0");
//! let mut live = LiveNetwork::new(Model::new().group(cells), Options::interpreted())?;
//! live.run_for("3*ms")?;
//! let answer = live.remote().ask(Change::equations("cells", "dv/dt = -1/ms : 1"));
//! live.run_for("1*ms")?;
//! assert_eq!(answer.wait().unwrap().what, "equations of cells");
//! assert!((live.network().values("cells", "v").unwrap()[0] - 2.0).abs() < 1e-9);
//! # Ok::<(), saltus::network::Error>(())
//! ```

mod change;
mod look;
mod source;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use self::change::Change;
pub use self::look::Looked;
use self::source::Making;
pub use self::source::SourceByHand;
use crate::engine::Options;
use crate::network::{self, Ending, Error, Model, Network, Run, TakenOver};

/// A model as it was, is, or will be again.
#[derive(Clone)]
pub struct Version {
    /// What made it, such as `reset of cells`.
    pub what: String,
    /// The model.
    pub model: Arc<Model>,
    /// The runs that are planned for it.
    pub runs: Arc<Vec<Run>>,
    /// The sources that run in the place of kernels of it.
    pub sources: Arc<Vec<SourceByHand>>,
    /// From when on it ran, in seconds of the simulation.
    pub t_seconds: f64,
    /// The version that going back from it leads to.
    before: usize,
}

/// A change that was made.
#[derive(Clone, Debug)]
pub struct Swapped {
    /// What was changed, such as `reset of cells`.
    pub what: String,
    /// The version that runs now.
    pub version: usize,
    /// When it began to run, in seconds of the simulation.
    pub t_seconds: f64,
    /// How long it took from being asked for to running.
    pub took: Duration,
    /// What became of the state.
    pub taken: TakenOver,
    /// Code objects that had a source by hand, which does not fit any more: their kernels have changed.
    pub no_longer_fit: Vec<String>,
}

/// Why a change was not made: the model as it was runs on.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The change is wrong, or the machine is in the way.
    #[error(transparent)]
    Wrong(#[from] Error),
    /// There is no such version.
    #[error("there is no version {0}")]
    NoVersion(usize),
    /// The network is gone.
    #[error("the network has ended")]
    Ended,
}

/// What came of a change.
pub type Answer = Result<Swapped, Refused>;

/// An answer that is on its way.
pub struct Asked(Receiver<Answer>);

impl Asked {
    /// Waits for it. The network has to run, or to [`attend`](LiveNetwork::attend), on another thread or before.
    ///
    /// # Errors
    /// [`Refused`], if the change was not made.
    pub fn wait(self) -> Answer {
        self.0.recv().unwrap_or(Err(Refused::Ended))
    }

    /// The answer, if it is there.
    pub fn poll(&self) -> Option<Answer> {
        self.0.try_recv().ok()
    }
}

struct Request {
    change: Change,
    asked: Instant,
    answer: Sender<Answer>,
}

#[derive(Default)]
struct Inbox {
    requests: VecDeque<Request>,
    questions: VecDeque<look::Question>,
    /// Nobody attends to them any more.
    is_closed: bool,
}

/// Asks a network for changes, from any thread.
#[derive(Clone)]
pub struct Remote {
    inbox: Arc<Mutex<Inbox>>,
    /// Ends the run of the network that runs now after the current step, so that it is attended to.
    wake: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Remote {
    /// Asks for a change.
    pub fn ask(&self, change: Change) -> Asked {
        let (answer, asked) = channel();
        let request = Request { change, asked: Instant::now(), answer };
        let mut inbox = self.inbox();
        if !inbox.is_closed {
            inbox.requests.push_back(request);
            self.wake.store(true, Ordering::Release);
        }
        drop(inbox);
        Asked(asked)
    }

    /// Lets whoever looks see the network after the current step.
    pub fn wake(&self) {
        self.wake.store(true, Ordering::Release);
    }

    /// Ends the run after the current step.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake.store(true, Ordering::Release);
    }

    fn next(&self) -> Option<Request> {
        self.inbox().requests.pop_front()
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change that is on its way.
struct Coming {
    /// The changed model in memory, whose kernels are still being made; none if the model is the same.
    network: Option<Network>,
    /// The source by hand that is still being compiled.
    source: Option<Making>,
    version: Version,
    request: Request,
}

impl Coming {
    /// Whether all of it is there.
    fn is_ready(&mut self) -> Result<bool, Refused> {
        if let Some(making) = &mut self.source {
            let Some(source) = making.poll() else { return Ok(false) };
            self.version.sources = source::with(&self.version.sources, source?);
            self.source = None;
        }
        match &mut self.network {
            Some(network) => Ok(network.has_code()?),
            None => Ok(true),
        }
    }

    /// Waits for more of it.
    fn wait(&mut self) {
        match (&mut self.source, &mut self.network) {
            (Some(source), _) => source.wait(),
            (None, Some(network)) => network.wait_for_news(),
            (None, None) => {}
        }
    }

    /// Nobody waits for it.
    fn abandon(self) {
        if let Some(mut network) = self.network {
            network.abandon_code();
        }
        if let Some(source) = self.source {
            source.abandon();
        }
    }
}

/// A network whose model can be changed while it runs.
pub struct LiveNetwork {
    network: Network,
    versions: Vec<Version>,
    /// The version that runs.
    current: usize,
    options: Options,
    remote: Closing,
    coming: Option<Coming>,
}

impl LiveNetwork {
    /// Puts a model into memory.
    ///
    /// # Errors
    /// As of [`Network::new`].
    pub fn new(model: Model, options: Options) -> Result<LiveNetwork, Error> {
        let network = Network::new(&model, options.clone())?;
        LiveNetwork::of(model, network, options)
    }

    /// Takes a network that was made of this model.
    ///
    /// # Errors
    /// [`Error::Streaming`] if it writes to disk what it records.
    pub fn of(model: Model, mut network: Network, options: Options) -> Result<LiveNetwork, Error> {
        if network.is_streaming() {
            return Err(Error::Streaming);
        }
        let wake = Arc::new(AtomicBool::new(false));
        network.set_stop_flag(wake.clone());
        let version = Version {
            what: "start".to_string(),
            model: Arc::new(model),
            runs: Arc::default(),
            sources: Arc::default(),
            t_seconds: network.t_seconds(),
            before: 0,
        };
        Ok(LiveNetwork {
            network,
            versions: vec![version],
            current: 0,
            options: Options { wake: Some(wake.clone()), head_start: Default::default(), ..options },
            remote: Closing(Remote { inbox: Arc::default(), wake, stop: Arc::default() }),
            coming: None,
        })
    }

    /// Plans runs; a change of the whole model may bring others.
    #[must_use]
    pub fn planned(mut self, runs: Vec<Run>) -> LiveNetwork {
        self.versions[self.current].runs = Arc::new(runs);
        self
    }

    /// Asks for changes from elsewhere.
    pub fn remote(&self) -> Remote {
        self.remote.0.clone()
    }

    /// The network that runs now.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network that runs now, to read and change values.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The network that runs now, to keep. What is being changed, and what is asked for from here on, is refused.
    pub fn into_network(self) -> Network {
        drop(self.remote);
        if let Some(coming) = self.coming {
            coming.abandon();
        }
        self.network
    }

    /// All versions, in the order in which they came.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The number of the version that runs.
    pub fn version(&self) -> usize {
        self.current
    }

    /// Runs for a time such as `100*ms`; changes that are asked for meanwhile are made.
    ///
    /// # Errors
    /// As of [`Network::run`]; those of changes are told to who asked for them.
    pub fn run_for(&mut self, duration: &str) -> Result<Ending, Error> {
        let duration = network::Value::expression("duration", duration);
        let seconds = self.network.seconds(&duration)?;
        self.run(seconds, &mut |_| ())
    }

    /// Runs for `duration_seconds`; `look` sees the network at the beginning, between two steps whenever somebody
    /// [wakes](Remote::wake) it, and at the end.
    ///
    /// # Errors
    /// As of [`LiveNetwork::run_for`].
    pub fn run(&mut self, duration_seconds: f64, look: &mut dyn FnMut(&Network)) -> Result<Ending, Error> {
        let end = self.network.t_seconds() + duration_seconds;
        let mut is_begun = false;
        loop {
            self.attend();
            look(&self.network);
            if self.remote.0.stop.swap(false, Ordering::AcqRel) {
                return Ok(Ending::Stopped);
            }
            // What `look` asked for is done before the next step, which no question of it keeps from being made.
            self.attend();
            if is_begun {
                self.network.resume();
            }
            is_begun = true;
            let left = end - self.network.t_seconds();
            if self.network.run(left.max(0.0), &mut |_| ())? == Ending::Complete {
                self.attend();
                look(&self.network);
                return Ok(Ending::Complete);
            }
        }
    }

    /// Carries out one of the planned runs of the model as it is now, with the changes of values before it.
    ///
    /// # Errors
    /// As of [`LiveNetwork::run_for`].
    ///
    /// # Panics
    /// If there is no such run.
    pub fn run_planned(&mut self, k: usize, look: &mut dyn FnMut(&Network)) -> Result<Ending, Error> {
        let duration_seconds = self.network.begin_planned(k)?;
        self.run(duration_seconds, look)
    }

    /// Makes the changes that were asked for, as far as their kernels are there; a run does so by itself.
    pub fn attend(&mut self) {
        // First, so that whoever asks from here on is heard in the next run.
        self.remote.0.wake.swap(false, Ordering::AcqRel);
        self.answer_questions();
        loop {
            match self.coming.take() {
                Some(mut coming) => match coming.is_ready() {
                    Ok(true) => self.swap(coming),
                    Ok(false) => {
                        self.coming = Some(coming);
                        return;
                    }
                    Err(refused) => answer(&coming.request, Err(refused)),
                },
                None => {
                    let Some(request) = self.remote.0.next() else { return };
                    match self.changed(&request.change) {
                        Ok((version, network, source)) => {
                            self.coming = Some(Coming { network, source, version, request });
                        }
                        Err(refused) => answer(&request, Err(refused)),
                    }
                }
            }
        }
    }

    /// Waits until every change that was asked for is made or refused.
    pub fn attend_all(&mut self) {
        self.attend();
        while let Some(coming) = &mut self.coming {
            coming.wait();
            self.attend();
        }
    }

    /// The version that a change leads to; if it has another model, that in memory beside the one that runs; and if it has
    /// a source that was not compiled before, that on its way.
    fn changed(&mut self, change: &Change) -> Result<(Version, Option<Network>, Option<Making>), Refused> {
        let current = self.versions[self.current].clone();
        let (what, t_seconds) = (change.to_string(), self.network.t_seconds());
        let mut making = None;
        let version = match change {
            Change::Revert(number) => {
                let number = number.unwrap_or(current.before);
                let version = self.versions.get(number).ok_or(Refused::NoVersion(number))?;
                Version { what, t_seconds, ..version.clone() }
            }
            Change::Source { of, text, language } => {
                // The kernel that it is for is the one that the next step runs.
                self.network.settle_code()?;
                let place = source::place(&self.network, of)?;
                let what = format!("source of {} by hand", place.of);
                let version = Version { what, before: self.current, t_seconds, ..current.clone() };
                let language = language.unwrap_or(self.options.language);
                let known = self.versions.iter().flat_map(|version| &*version.sources);
                match place.source(text, language, known, &self.options)? {
                    Ok(source) => Version { sources: source::with(&current.sources, source), ..version },
                    Err(new) => {
                        making = Some(new);
                        version
                    }
                }
            }
            Change::Generated { of } => {
                let (of, sources) = source::without(&current.sources, of)?;
                let what = format!("generated source of {of}");
                Version { what, sources, before: self.current, t_seconds, ..current.clone() }
            }
            change => {
                let runs = match change {
                    Change::Model(_, Some(runs)) => Arc::new(runs.clone()),
                    _ => current.runs.clone(),
                };
                let model = Arc::new(change.applied(&current.model)?);
                Version { what, model, runs, t_seconds, before: self.current, sources: current.sources.clone() }
            }
        };
        let is_same_model = Arc::ptr_eq(&version.model, &current.model) && Arc::ptr_eq(&version.runs, &current.runs);
        // Who goes back to what is there already wants it as the model says.
        let are_same_sources = making.is_none() && Arc::ptr_eq(&version.sources, &current.sources);
        let network = if is_same_model && !are_same_sources { None } else { Some(self.beside(&version)?) };
        Ok((version, network, making))
    }

    /// The model of a version in memory, beside the one that runs.
    fn beside(&self, version: &Version) -> Result<Network, Error> {
        let checked = match network::check(&version.model, &version.runs)? {
            (Some(checked), _) => checked,
            (None, diagnostics) => return Err(Error::Model(diagnostics)),
        };
        let mut network = Network::beside(checked, self.options.clone(), &self.network)?;
        network.set_stop_flag(self.remote.0.wake.clone());
        Ok(network)
    }

    fn swap(&mut self, coming: Coming) {
        let Coming { network, version, request, .. } = coming;
        let taken = match network.map(|network| self.exchange(network)).transpose() {
            Ok(taken) => taken.unwrap_or_default(),
            Err(error) => return answer(&request, Err(error.into())),
        };
        let (sources, no_longer_fit) = source::fitting(&self.network, &version.sources);
        self.network.replace_code(sources.iter().map(SourceByHand::replacement).collect());
        let (what, t_seconds) = (version.what.clone(), self.network.t_seconds());
        self.versions.push(Version { t_seconds, sources, ..version });
        self.current = self.versions.len() - 1;
        let (version, took) = (self.current, request.asked.elapsed());
        answer(&request, Ok(Swapped { what, version, t_seconds, took, taken, no_longer_fit }));
    }

    /// Lets another network take over the state, and run from here on.
    fn exchange(&mut self, mut network: Network) -> Result<TakenOver, Error> {
        let taken = network.take_over(&mut self.network)?;
        let old = std::mem::replace(&mut self.network, network);
        // Its kernels may still be compiled, for which no run waits.
        old.cancel_code();
        drop(std::thread::Builder::new().spawn(move || drop(old)));
        if !self.versions[self.current].sources.is_empty() {
            // Which kernels it runs can depend on the state. What is wrong with them the next run reports.
            let _ = self.network.settle_code();
        }
        Ok(taken)
    }
}

/// Refuses what is asked for once the network is gone, however it went.
struct Closing(Remote);

impl Drop for Closing {
    fn drop(&mut self) {
        let mut inbox = self.0.inbox();
        inbox.is_closed = true;
        inbox.requests.clear();
        inbox.questions.clear();
    }
}

fn answer(request: &Request, answer: Answer) {
    // Whoever asked may have gone.
    drop(request.answer.send(answer));
}

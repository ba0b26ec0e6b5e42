//! Networks: a model checked, put into memory and run.
//!
//! [`Network::new`] checks a whole [`Model`] and reports everything that is wrong with it; [`Network::run`] runs it for a
//! while, and can be called again; [`Network::assign`] changes values between runs. A run allocates nothing in a step,
//! apart from monitors that grow.
//!
//! ```
//! use saltus::{engine::Options, network::{Model, Network, NeuronGroup}};
//! let cells = NeuronGroup::new("cells", 3, "dv/dt = (1.5 - v)/(10*ms) : 1").threshold("v > 1").reset("v = 0");
//! let model = Model::new().group(cells).spike_monitor("spikes", "cells");
//! let mut network = Network::new(&model, Options::interpreted())?;
//! network.run_for("50*ms")?;
//! assert_eq!(network.spikes("spikes").unwrap().i.len(), 12);
//! # Ok::<(), saltus::network::Error>(())
//! ```

pub mod assign;
pub mod build;
pub mod error;
pub mod evaluate;
pub mod from_file;
pub mod model;
pub mod monitor;
pub mod neuron_group;
pub mod propagator;
pub mod run;
pub mod symbols;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use indexmap::IndexMap;

use self::assign::{CheckedAssignment, check_assignment};
pub use self::build::{CheckedModel, CheckedRun, check};
pub use self::error::Error;
use self::evaluate::Constants;
pub use self::from_file::{Run, from_file};
pub use self::model::{Assignment, Filter, Model, Monitor, MonitorKind, NeuronGroup, Value};
use self::monitor::{RateMonitor, SpikeMonitor, StateMonitor};
use self::neuron_group::Population;
use self::propagator::PropagatorUpdater;
pub use self::run::{Ending, Progress};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::engine::{CodeObject, Engine, Options, Report, Tier};
use crate::kernel::lower::Site;
use crate::model::equations::EquationKind;
use crate::model::namespace::Namespace;
use crate::runtime::array::ElementType;
use crate::runtime::clock::Clock;
use crate::runtime::schedule::Place;

/// A model in memory, ready to run.
pub struct Network {
    engine: Engine,
    constants: Constants,
    clocks: Vec<Clock>,
    populations: Vec<Population>,
    propagators: Vec<Option<PropagatorUpdater>>,
    code: Vec<CodeObject>,
    spike_monitors: Vec<SpikeMonitor>,
    state_monitors: Vec<StateMonitor>,
    rate_monitors: Vec<RateMonitor>,
    monitor_names: Vec<String>,
    schedule: Vec<Scheduled>,
    runs: Vec<CheckedRun>,
    first_step: Option<Instant>,
    t_seconds: f64,
    stop: Arc<AtomicBool>,
    warnings: Diagnostics,
}

/// What happens at one place of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// One step of a population's equations.
    StateUpdate { population: usize, code: usize },
    /// Finds the cells that spike.
    Threshold { population: usize, code: usize },
    /// Resets the cells that spiked.
    Reset { population: usize, code: usize },
    /// Records spikes.
    RecordSpikes { monitor: usize },
    /// Records values.
    RecordState { monitor: usize },
    /// Records the rate of a group.
    RecordRate { monitor: usize },
    /// Runs code on every cell.
    Operate { population: usize, code: usize },
}

#[derive(Debug)]
struct Scheduled {
    place: Place,
    clock: usize,
    action: Action,
}

impl Network {
    /// Checks a model, puts it into memory, sets initial values and makes its code.
    ///
    /// # Errors
    /// [`Error::Model`] with everything that is wrong with the model; other kinds if the machine is in the way.
    pub fn new(model: &Model, options: Options) -> Result<Network, Error> {
        match check(model, &[])? {
            (Some(checked), _) => Network::from_checked(checked, options),
            (None, diagnostics) => Err(Error::Model(diagnostics)),
        }
    }

    /// Puts a model that is known to be right into memory.
    ///
    /// # Errors
    /// If the machine is in the way.
    pub fn from_checked(checked: CheckedModel, options: Options) -> Result<Network, Error> {
        build::instantiate(checked, options)
    }

    /// The runs planned for the model.
    pub fn planned_runs(&self) -> &[CheckedRun] {
        &self.runs
    }

    /// Carries out one of the planned runs, with the changes before it.
    ///
    /// # Errors
    /// As of [`Network::run`].
    ///
    /// # Panics
    /// If there is no such run.
    pub fn run_planned(&mut self, k: usize, progress: Progress<'_>) -> Result<Ending, Error> {
        let CheckedRun { duration_seconds, set } = self.runs[k].clone();
        for (population, assignment) in &set {
            self.apply(assignment, *population)?;
        }
        self.run(duration_seconds, progress)
    }

    /// When the first step of the first run began.
    pub fn first_step(&self) -> Option<Instant> {
        self.first_step
    }

    /// Time at the end of the last run, in seconds.
    pub fn t_seconds(&self) -> f64 {
        self.t_seconds
    }

    /// The names of the monitors, in the order of the model.
    pub fn monitor_names(&self) -> &[String] {
        &self.monitor_names
    }

    /// Takes a spike monitor out of the network, with what it recorded.
    pub fn take_spikes(&mut self, name: &str) -> Option<SpikeMonitor> {
        let monitor = self.spike_monitors.iter_mut().find(|m| m.name == name)?;
        Some(monitor.take())
    }

    /// Takes what a state monitor recorded.
    pub fn take_states(&mut self, name: &str) -> Option<StateMonitor> {
        let monitor = self.state_monitors.iter_mut().find(|m| m.name == name)?;
        Some(monitor.take())
    }

    /// When the last kernel became an optimised one, if all did before the last step.
    pub fn full_speed(&self) -> Option<Instant> {
        self.engine.full_speed()
    }

    /// What is known about the kernels that ran at every step.
    pub fn kernel_reports(&self) -> impl Iterator<Item = Report> {
        self.engine.reports().to_vec().into_iter()
    }

    /// What stood in the way of compiled kernels.
    pub fn engine_warnings(&self) -> &[String] {
        self.engine.warnings()
    }

    /// Waits for compilations that were started, so that the store has what they make.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.engine.wait();
        Ok(self.engine.take(false, |_, _| ())?)
    }

    fn start_engine(&mut self) {
        let Network { engine, code, propagators, spike_monitors, state_monitors, .. } = self;
        engine.start(all_code_mut(code, propagators, spike_monitors, state_monitors));
    }

    /// The first step of the tier `compiled` waits for all code.
    fn wait_for_code(&mut self) -> Result<(), Error> {
        if self.engine.tier() == Tier::Compiled {
            self.engine.wait();
            self.swap_new_code()?;
        }
        Ok(())
    }

    #[inline]
    fn take_new_code(&mut self) -> Result<(), Error> {
        if self.engine.is_busy() { self.swap_new_code() } else { Ok(()) }
    }

    fn swap_new_code(&mut self) -> Result<(), Error> {
        let step = self.clocks[0].step() as u64;
        let Network { engine, code, propagators, spike_monitors, state_monitors, .. } = self;
        Ok(engine.take(true, |number, ready| {
            if let Some(object) = all_code_mut(code, propagators, spike_monitors, state_monitors).nth(number) {
                object.slot_mut().swap(ready.code.clone(), ready.key.short(), step);
            }
        })?)
    }

    /// Warnings so far: about the model, and about what happened while it ran.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// A flag that ends a run after the current step once it is true.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Ends the run after the current step once `flag` is true.
    pub fn set_stop_flag(&mut self, flag: Arc<AtomicBool>) {
        self.stop = flag;
    }

    /// The groups, in the order of the model.
    pub fn populations(&self) -> &[Population] {
        &self.populations
    }

    /// What the spike monitor of this name recorded.
    pub fn spikes(&self, name: &str) -> Option<&SpikeMonitor> {
        self.spike_monitors.iter().find(|m| m.name == name)
    }

    /// What the state monitor of this name recorded.
    pub fn states(&self, name: &str) -> Option<&StateMonitor> {
        self.state_monitors.iter().find(|m| m.name == name)
    }

    /// What the rate monitor of this name recorded.
    pub fn rates(&self, name: &str) -> Option<&RateMonitor> {
        self.rate_monitors.iter().find(|m| m.name == name)
    }

    /// The code that runs at every step.
    pub fn code_objects(&self) -> impl Iterator<Item = &CodeObject> {
        all_code(&self.code, &self.propagators, &self.spike_monitors, &self.state_monitors)
    }

    /// The code that runs at every step, in the same order, each with the number of the population it is for.
    pub fn code_by_population(&self) -> Vec<(usize, &CodeObject)> {
        let population_of = |code: usize| {
            self.schedule.iter().find_map(|scheduled| match scheduled.action {
                Action::StateUpdate { population, code: k }
                | Action::Threshold { population, code: k }
                | Action::Reset { population, code: k }
                | Action::Operate { population, code: k }
                    if k == code =>
                {
                    Some(population)
                }
                _ => None,
            })
        };
        let rates = self.propagators.iter().enumerate().filter(|(_, p)| p.as_ref().is_some_and(|p| p.every_step));
        let spikes = self.spike_monitors.iter().filter(|m| m.code.is_some()).map(|m| m.population);
        let states = self.state_monitors.iter().filter(|m| m.code.is_some()).map(|m| m.population);
        let populations = (0..self.code.len()).filter_map(population_of);
        populations.chain(rates.map(|(k, _)| k)).chain(spikes).chain(states).zip(self.code_objects()).collect()
    }

    /// The constants of the model.
    pub fn namespace(&self) -> &Namespace {
        &self.constants.namespace
    }

    /// The values of a variable, one a cell (one for shared variables); booleans are 0 and 1.
    pub fn values(&self, group: &str, variable: &str) -> Option<Vec<f64>> {
        let population = self.populations.iter().find(|p| p.group.name == group)?;
        population.arrays.get(variable).map(|a| a.to_f64())
    }

    /// Evaluates a duration such as `100*ms` with the model's constants.
    ///
    /// # Errors
    /// [`Error::Model`] if it is not a time, or is negative.
    pub fn seconds(&mut self, value: &Value) -> Result<f64, Error> {
        let mut diagnostics = Diagnostics::default();
        match self.constants.duration(value, &mut diagnostics)? {
            Some(seconds) => Ok(seconds),
            None => Err(Error::Model(diagnostics)),
        }
    }

    /// Checks an assignment without carrying it out.
    pub fn check_assignment(
        &self,
        assignment: &Assignment,
        diagnostics: &mut Diagnostics,
    ) -> Option<CheckedAssignment> {
        let group = self.population_named(&assignment.group, &assignment.variable, diagnostics)?;
        check_assignment(assignment, &self.populations[group].group, diagnostics)
    }

    /// Changes values of a variable, as between two runs.
    ///
    /// # Errors
    /// [`Error::Model`] if the assignment is wrong; nothing is changed then.
    pub fn assign(&mut self, assignment: &Assignment) -> Result<(), Error> {
        let mut diagnostics = Diagnostics::default();
        let checked = self.check_assignment(assignment, &mut diagnostics);
        let population = self.populations.iter().position(|p| p.group.name == assignment.group);
        let (Some(checked), Some(population)) = (checked, population) else { return Err(Error::Model(diagnostics)) };
        self.warnings.extend(diagnostics);
        self.apply(&checked, population)
    }

    fn apply(&mut self, assignment: &CheckedAssignment, population: usize) -> Result<(), Error> {
        let population = &mut self.populations[population];
        let sites = assignment.apply(population, &mut self.clocks[population.clock], &mut self.constants)?;
        self.warn_of_divisions(sites);
        Ok(())
    }

    fn warn_of_divisions(&mut self, sites: Vec<Site>) {
        for Site { text, span } in sites {
            let warning = Diagnostic::warning(&text, span, "an integer was divided by zero; the result was taken as 0");
            self.warnings.push(warning.hint("use `/` for a float, or make sure that the divisor is not 0"));
        }
    }

    fn population_named(&self, name: &str, text: &Text, diagnostics: &mut Diagnostics) -> Option<usize> {
        let found = self.populations.iter().position(|p| p.group.name == name);
        if found.is_none() {
            let names = self.populations.iter().map(|p| p.group.name.as_str());
            let error = Diagnostic::error(text, text.whole(), format!("there is no group `{name}`"));
            diagnostics.push(error.suggest(name, names));
        }
        found
    }

    /// The last value of every state variable and parameter, and of `lastspike` and `not_refractory`, by group.
    pub fn final_state(&self) -> IndexMap<String, IndexMap<String, Vec<f64>>> {
        let state = |p: &Population| {
            p.arrays.iter().map(|(name, array)| (name.clone(), array.to_f64())).collect::<IndexMap<_, _>>()
        };
        self.populations.iter().map(|p| (p.group.name.clone(), state(p))).collect()
    }

    /// Warns of values that are no numbers and of state variables without limits, once for each variable.
    fn warn_of_nan(&mut self) {
        for population in &self.populations {
            let group = &population.group;
            for (name, array) in &population.arrays {
                let Some(line) = group.equations.lines.get(name) else { continue };
                if array.ty() != ElementType::F64 {
                    continue;
                }
                let values = array.as_f64();
                let count = |is_bad: fn(&f64) -> bool| values.iter().filter(|v| is_bad(v)).count();
                // A parameter may be infinite on purpose.
                let is_state = matches!(line.kind, EquationKind::Differential(_));
                let (bad, what) = match count(|v| v.is_nan()) {
                    0 if is_state => (count(|v| v.is_infinite()), "infinite"),
                    bad => (bad, "not a number"),
                };
                if bad == 0 {
                    continue;
                }
                let cells = if values.len() == 1 { String::new() } else { format!(" in {bad} of {} cells", group.n) };
                let message = format!("the variable `{name}` of the group `{}` is {what}{cells}", group.name);
                let warning = Diagnostic::warning(&group.equations.text, line.name_span, message);
                self.warnings
                    .push(warning.hint("the integration may be unstable: try a smaller `dt` or another `method`"));
            }
        }
    }
}

/// The code that runs at every step; its order numbers what arrives from the engine.
fn all_code<'a>(
    code: &'a [CodeObject],
    propagators: &'a [Option<PropagatorUpdater>],
    spike_monitors: &'a [SpikeMonitor],
    state_monitors: &'a [StateMonitor],
) -> impl Iterator<Item = &'a CodeObject> {
    let rates = propagators.iter().flatten().filter(|p| p.every_step).map(|p| &p.code);
    let spikes = spike_monitors.iter().filter_map(|m| m.code.as_ref());
    let states = state_monitors.iter().filter_map(|m| m.code.as_ref());
    code.iter().chain(rates).chain(spikes).chain(states)
}

/// The same, in the same order, to change it.
fn all_code_mut<'a>(
    code: &'a mut [CodeObject],
    propagators: &'a mut [Option<PropagatorUpdater>],
    spike_monitors: &'a mut [SpikeMonitor],
    state_monitors: &'a mut [StateMonitor],
) -> impl Iterator<Item = &'a mut CodeObject> {
    let rates = propagators.iter_mut().flatten().filter(|p| p.every_step).map(|p| &mut p.code);
    let spikes = spike_monitors.iter_mut().filter_map(|m| m.code.as_mut());
    let states = state_monitors.iter_mut().filter_map(|m| m.code.as_mut());
    code.iter_mut().chain(rates).chain(spikes).chain(states)
}

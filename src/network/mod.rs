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
pub mod check;
pub mod code;
pub mod control;
pub mod error;
pub mod evaluate;
pub mod from_file;
pub mod function;
mod grow;
mod instantiate;
mod kernels;
pub mod look;
mod look_native;
pub mod memory;
pub mod model;
pub mod monitor;
pub mod origin;
pub mod population;
pub mod propagator;
pub mod rate;
mod read;
pub mod run;
pub mod state;
pub mod stream;
pub mod summary;
pub mod symbols;
pub mod synapses;
pub mod take_over;
pub mod timed_array;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use indexmap::IndexMap;

use self::assign::{CheckedAssignment, check_assignment, check_selection};
pub use self::check::{CheckedModel, CheckedRun, Source, check};
use self::code::Code;
pub use self::control::NetworkOperation;
use self::control::Operation as HostOperation;
pub use self::error::Error;
pub use self::from_file::{Run, from_file};
pub use self::look::{Evaluated, Statistics};
use self::memory::Memory;
pub use self::model::{
    AnyGroup, Assigned, Assignment, Between, Cells, Connect, Filter, Function, Link, Model, Monitor, MonitorKind,
    NeuronGroup, Operation, PoissonGroup, PoissonInput, Record, SpikeGeneratorGroup, Subgroup, Synapses, TimedArray,
    Value,
};
use self::monitor::{EventMonitor, RateMonitor, StateMonitor};
use self::population::Population;
use self::propagator::PropagatorUpdater;
pub use self::rate::{RateError, RatesOverTime, Window};
use self::run::Halt;
pub use self::run::{Ending, Progress, RunProgress};
pub use self::state::{RandomState, State};
use self::stream::Stream;
use self::summary::Profiled;
use self::synapses::pathway::Pathway;
use self::synapses::{CheckedSynapses, Sum};
pub use self::take_over::TakenOver;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::engine::{CodeObject, Engine, Options};
use crate::kernel::ir::Param;
use crate::kernel::lower::Site;
use crate::model::equations::EquationKind;
use crate::model::group::Role;
use crate::model::namespace::Namespace;
use crate::random::Streams;
use crate::runtime::array::ElementType;
use crate::runtime::schedule::{Place, Slots};

/// A model in memory, ready to run.
pub struct Network {
    engine: Engine,
    memory: Memory,
    streams: Streams,
    propagators: Vec<Option<PropagatorUpdater>>,
    code: Vec<Code>,
    /// The population that each piece of code is for.
    code_population: Vec<usize>,
    event_monitors: Vec<EventMonitor>,
    state_monitors: Vec<StateMonitor>,
    rate_monitors: Vec<RateMonitor>,
    monitor_names: Vec<String>,
    stream: Option<Stream>,
    /// Names of Poisson inputs, and the clocks of their targets.
    poisson_inputs: Vec<(String, usize)>,
    operations: Vec<HostOperation>,
    /// Texts of regular operations and Poisson inputs, by number of their code, and what they are.
    operation_texts: Vec<(usize, &'static str, Text)>,
    pathways: Vec<Pathway>,
    sums: Vec<Sum>,
    /// What is computed when a run begins.
    bounds: Vec<Code>,
    /// The synapses by number of their population, as they were checked.
    synapses: Vec<(usize, CheckedSynapses)>,
    /// How long making synapses took.
    connecting: Duration,
    slots: Slots,
    schedule: Vec<Scheduled>,
    runs: Vec<CheckedRun>,
    first_step: Option<Instant>,
    t_seconds: f64,
    stop: Arc<AtomicBool>,
    is_running: bool,
    is_profiling: bool,
    /// What runs took while they were measured.
    profiled: Profiled,
    /// Why the run is to end after the current step.
    halt: Option<Halt>,
    warnings: Diagnostics,
}

/// What happens at one place of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// One step of a population's equations.
    StateUpdate { population: usize, code: usize },
    /// Takes the spikes of this step from those that are given.
    Generate { population: usize },
    /// Finds the cells that an event happens to.
    Threshold { population: usize, event: usize, code: usize },
    /// Runs code for the cells of an event.
    Reset { population: usize, event: usize, code: usize },
    /// Records events.
    RecordEvents { monitor: usize },
    /// Records values.
    RecordState { monitor: usize },
    /// Records the rate of a group.
    RecordRate { monitor: usize },
    /// Runs code on every cell.
    Operate { source: Source, code: usize },
    /// Takes events of one end of synapses, and has the effects of those that arrive.
    Propagate { pathway: usize },
    /// Sums over synapses.
    Sum { sum: usize },
    /// Runs code of the user's.
    Call { operation: usize },
}

#[derive(Debug)]
struct Scheduled {
    place: Place,
    /// Name of the object that it belongs to.
    owner: String,
    clock: usize,
    action: Action,
    active: bool,
    /// How long it took, and how often it ran, while that was measured.
    time: Duration,
    calls: u64,
}

impl Scheduled {
    fn new(place: Place, owner: &str, clock: usize, action: Action) -> Scheduled {
        Scheduled { place, owner: owner.to_string(), clock, action, active: true, time: Duration::ZERO, calls: 0 }
    }
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
        instantiate::instantiate(checked, options)
    }

    /// Nothing in it.
    fn empty(engine: Engine, memory: Memory, streams: Streams, slots: Slots) -> Network {
        Network {
            engine,
            memory,
            streams,
            propagators: Vec::new(),
            code: Vec::new(),
            code_population: Vec::new(),
            event_monitors: Vec::new(),
            state_monitors: Vec::new(),
            rate_monitors: Vec::new(),
            monitor_names: Vec::new(),
            stream: None,
            poisson_inputs: Vec::new(),
            operations: Vec::new(),
            operation_texts: Vec::new(),
            pathways: Vec::new(),
            sums: Vec::new(),
            bounds: Vec::new(),
            synapses: Vec::new(),
            connecting: Duration::ZERO,
            slots,
            schedule: Vec::new(),
            runs: Vec::new(),
            first_step: None,
            t_seconds: 0.0,
            stop: Arc::new(AtomicBool::new(false)),
            is_running: false,
            is_profiling: false,
            profiled: Profiled::default(),
            halt: None,
            warnings: Diagnostics::default(),
        }
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
        let duration_seconds = self.begin_planned(k)?;
        self.run(duration_seconds, progress)
    }

    /// Makes the changes of values before a planned run; returns how long it is, in seconds.
    pub(crate) fn begin_planned(&mut self, k: usize) -> Result<f64, Error> {
        let CheckedRun { duration_seconds, set } = self.runs[k].clone();
        for assignment in &set {
            self.apply(assignment)?;
        }
        Ok(duration_seconds)
    }

    /// How many synapses each synapses object has.
    pub fn synapse_counts(&self) -> IndexMap<String, usize> {
        let synapses = (0..self.memory.populations.len()).filter(|k| self.memory.is_synapses(*k));
        synapses.map(|k| &self.memory.populations[k]).map(|p| (p.group.name.clone(), p.n())).collect()
    }

    /// How long making synapses took.
    pub fn connecting(&self) -> Duration {
        self.connecting
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

    /// Takes what a monitor of spikes or other events recorded.
    ///
    /// # Panics
    /// If monitors stream to disk, where all of it has to go.
    pub fn take_events(&mut self, name: &str) -> Option<EventMonitor> {
        assert!(self.stream.is_none(), "what monitors stream to disk is taken from there");
        let monitor = self.event_monitors.iter_mut().find(|m| m.name == name)?;
        Some(monitor.take())
    }

    /// Takes what a state monitor recorded.
    ///
    /// # Panics
    /// As of [`Network::take_events`].
    pub fn take_states(&mut self, name: &str) -> Option<StateMonitor> {
        assert!(self.stream.is_none(), "what monitors stream to disk is taken from there");
        let monitor = self.state_monitors.iter_mut().find(|m| m.name == name)?;
        Some(monitor.take())
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

    /// The groups with cells of their own, in the order of the model.
    pub fn populations(&self) -> &[Population] {
        &self.memory.populations
    }

    /// Groups and parts of groups, by name.
    pub fn sources(&self) -> &IndexMap<String, Source> {
        &self.memory.sources
    }

    /// What the monitor of spikes or other events of this name recorded.
    pub fn spikes(&self, name: &str) -> Option<&EventMonitor> {
        self.event_monitors.iter().find(|m| m.name == name)
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
        kernels::all_code(&self.code, &self.propagators)
    }

    /// The code that runs at every step, in the same order, each with the number of the population it is for.
    pub fn code_by_population(&self) -> Vec<(usize, &CodeObject)> {
        let own = self.code.iter().zip(&self.code_population);
        let own = own.flat_map(|(code, population)| code.objects().map(move |object| (*population, object)));
        let rates = self.propagators.iter().enumerate().filter_map(|(population, updater)| {
            let updater = updater.as_ref().filter(|updater| updater.every_step)?;
            Some(updater.code.objects().map(move |object| (population, object)))
        });
        own.chain(rates.flatten()).collect()
    }

    /// How many elements a parameter of a kernel for this population has.
    pub fn elements(&self, population: usize, param: &Param) -> usize {
        self.memory.elements(population, param)
    }

    /// The constants of the model.
    pub fn namespace(&self) -> &Namespace {
        &self.memory.constants.namespace
    }

    /// The values of a variable of a group or a subgroup, one a cell (one for shared variables); booleans are 0 and 1.
    pub fn values(&self, group: &str, variable: &str) -> Option<Vec<f64>> {
        let source = self.memory.sources.get(group)?;
        let population = &self.memory.populations[source.population];
        let told = if population.arrays.contains_key(variable) { None } else { population.told(variable) };
        let array = population.arrays.get(variable).or(told.as_ref())?;
        let is_single = array.len() == 1;
        Some(if is_single { array.to_f64() } else { (source.start..source.stop).map(|k| array.get(k)).collect() })
    }

    /// The cells of a group or a subgroup that an event last happened to, ascending and counted from its own first one;
    /// none between runs.
    pub fn last_events(&self, group: &str, event: &str) -> Option<Vec<i32>> {
        let source = self.memory.sources.get(group)?;
        let space = self.memory.populations[source.population].events.iter().find(|e| e.name == event)?;
        if !self.is_running {
            // A state may have brought some along.
            return Some(Vec::new());
        }
        Some(space.of(source).iter().map(|cell| cell - source.start as i32).collect())
    }

    /// The values of a variable for the cells of a filter, in its order.
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such group, variable or cell.
    pub fn values_at(&mut self, group: &str, variable: &str, filter: &Filter) -> Result<Vec<f64>, Error> {
        let mut diagnostics = Diagnostics::default();
        let text = Text::new(format!("groups.{group}"), variable);
        let selection = self.source_named(group, &text, &mut diagnostics).and_then(|source| {
            let checked = &self.memory.populations[source.population].group;
            if !checked.variables.get(variable).is_some_and(|v| v.is_stored()) {
                let message = format!("the group `{group}` has no variable `{variable}` with values of its own");
                let error = Diagnostic::error(&text, text.whole(), message);
                let names = checked.variables.iter().filter(|(_, v)| v.is_stored()).map(|(n, _)| n.as_str());
                diagnostics.push(error.suggest(variable, names));
            }
            Some((source, check_selection(filter, group, source, checked, &mut diagnostics)?))
        });
        match selection {
            Some((source, selection)) if !diagnostics.has_errors() => {
                let cells = selection.cells(&mut self.memory, &mut self.streams)?;
                let population = &mut self.memory.populations[source.population];
                population.provide(variable, false);
                let array = &population.arrays[variable];
                let at = |cell: &i32| if array.len() == 1 { 0 } else { *cell as usize };
                let values = cells.iter().map(|cell| array.get(at(cell))).collect();
                population.release();
                Ok(values)
            }
            _ => Err(Error::Model(diagnostics)),
        }
    }

    /// Evaluates a duration such as `100*ms` with the model's constants.
    ///
    /// # Errors
    /// [`Error::Model`] if it is not a time, or is negative.
    pub fn seconds(&mut self, value: &Value) -> Result<f64, Error> {
        let mut diagnostics = Diagnostics::default();
        match self.memory.constants.duration(value, &mut diagnostics)? {
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
        let source = self.source_named(&assignment.group, &assignment.variable, diagnostics)?;
        let group = &self.memory.populations[source.population].group;
        check_assignment(assignment, &assignment.group, source, group, diagnostics)
    }

    /// Changes values of a variable, as between two runs.
    ///
    /// # Errors
    /// [`Error::Model`] if the assignment is wrong; nothing is changed then.
    pub fn assign(&mut self, assignment: &Assignment) -> Result<(), Error> {
        let mut diagnostics = Diagnostics::default();
        let checked = self.check_assignment(assignment, &mut diagnostics);
        let Some(checked) = checked else { return Err(Error::Model(diagnostics)) };
        self.warnings.extend(diagnostics);
        self.apply(&checked)
    }

    fn warn_of_divisions(&mut self, sites: Vec<Site>) {
        for Site { text, span } in sites {
            let warning = Diagnostic::warning(&text, span, "an integer was divided by zero; the result was taken as 0");
            self.warnings.push(warning.hint("use `/` for a float, or make sure that the divisor is not 0"));
        }
    }

    fn source_named(&self, name: &str, text: &Text, diagnostics: &mut Diagnostics) -> Option<Source> {
        let found = self.memory.sources.get(name).copied();
        if found.is_none() {
            let names = self.memory.sources.keys().map(String::as_str);
            let error = Diagnostic::error(text, text.whole(), format!("there is no group `{name}`"));
            diagnostics.push(error.suggest(name, names));
        }
        found
    }

    /// The last value of every state variable and parameter, and of `lastspike` and `not_refractory`, by group.
    pub fn final_state(&self) -> IndexMap<String, IndexMap<String, Vec<f64>>> {
        let has_state = |p: &Population, name: &str| {
            p.group.variables.get(name).is_some_and(|v| match v.role {
                Role::ConstantOverDt(_) => p.is_synapses(),
                Role::Given => name == "i" || name == "j",
                // One delay of all synapses is not the state of each.
                _ => !(v.shared && name.ends_with(".delay") && p.n() != 1),
            })
        };
        let state = |p: &Population| {
            let names = p.group.variables.keys().filter(|name| has_state(p, name));
            let values = |name: &String| match p.arrays.get(name) {
                Some(array) => Some(array.to_f64()),
                None => p.told(name).map(|array| array.to_f64()),
            };
            names.filter_map(|name| Some((name.clone(), values(name)?))).collect::<IndexMap<_, _>>()
        };
        let neurons = self.memory.populations.iter().filter(|p| p.has_equations);
        neurons.map(|p| (p.group.name.clone(), state(p))).collect()
    }

    /// Warns of values that are no numbers and of state variables without limits, once for each variable.
    fn warn_of_nan(&mut self) {
        for population in &self.memory.populations {
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

//! Making a network: everything is checked first, and only a model without errors is put into memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indexmap::IndexMap;

use super::assign::{CheckedAssignment, check_assignment};
use super::error::Error;
use super::evaluate::Constants;
use super::from_file::Run;
use super::model::{Assignment, Model, Monitor, MonitorKind, Operation, Value};
use super::monitor::{Column, Origin, RateMonitor, SpikeMonitor, StateMonitor};
use super::neuron_group::Population;
use super::propagator::{self, PropagatorUpdater};
use super::symbols::{element_type, variable_storage};
use super::{Action, Network, Scheduled};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::engine::{CodeObject, Engine, Options};
use crate::expr::ast::{Expr, Statement};
use crate::expr::parser::{self, KEYWORDS};
use crate::integrate::{self, Choice, Integration, Method};
use crate::kernel::ir::LoopShape;
use crate::kernel::lower::Lowered;
use crate::model::group::{Group, check_group};
use crate::model::statements::{CodeScope, check_statements};
use crate::runtime::array::Array;
use crate::runtime::clock::Clock;
use crate::runtime::record::Values;
use crate::runtime::schedule::{Place, slot_names};

/// Steps are numbered by doubles in places; beyond, numbers have gaps.
const MOST_STEPS: f64 = 9_007_199_254_740_992.0;

/// A model without errors, not yet in memory.
pub struct CheckedModel {
    constants: Constants,
    clocks: Vec<Clock>,
    groups: Vec<(Group, Integration, usize)>,
    operations: Vec<CheckedOperation>,
    init: Vec<(usize, CheckedAssignment)>,
    monitors: Vec<CheckedMonitor>,
    runs: Vec<CheckedRun>,
    warnings: Diagnostics,
}

/// One run, and what is changed before it.
#[derive(Clone, Debug)]
pub struct CheckedRun {
    /// How long it is.
    pub duration_seconds: f64,
    /// Changes, each with the number of its population.
    pub set: Vec<(usize, CheckedAssignment)>,
}

struct CheckedOperation {
    name: String,
    group: usize,
    clock: usize,
    slot: String,
    order: i32,
    text: Text,
    statements: Vec<Statement>,
}

struct CheckedMonitor {
    name: String,
    group: usize,
    variables: Vec<String>,
    kind: CheckedKind,
}

enum CheckedKind {
    Spikes,
    Rate,
    /// `record`: which cells; all if absent.
    State {
        record: Option<Vec<i32>>,
        clock: Option<usize>,
        slot: String,
    },
}

/// Checks a model and the runs planned for it; `None` if there is an error among the diagnostics.
///
/// # Errors
/// Only if we are wrong: what is wrong with the model is among the diagnostics.
pub fn check(model: &Model, runs: &[Run]) -> Result<(Option<CheckedModel>, Diagnostics), Error> {
    let mut diagnostics = Diagnostics::default();
    let mut checked = check_parts(model, runs, &mut diagnostics)?;
    if diagnostics.has_errors() {
        return Ok((None, diagnostics));
    }
    checked.warnings = diagnostics.clone();
    Ok((Some(checked), diagnostics))
}

fn check_parts(model: &Model, runs: &[Run], diagnostics: &mut Diagnostics) -> Result<CheckedModel, Error> {
    let later = model.constants.iter().map(|(name, _)| name.clone()).collect();
    let mut constants = Constants { later, ..Constants::default() };
    for (name, value) in &model.constants {
        check_constant_name(name, value.text(), &constants, diagnostics);
        constants.define(name, value, diagnostics)?;
        constants.later.remove(name);
    }
    let mut clocks = Vec::new();
    let dt = step(&model.dt, "settings.dt", &mut constants, diagnostics)?;
    clocks.push(Clock::new(dt));
    let namespace = Arc::new(constants.namespace.clone());
    let mut groups: Vec<(Group, Integration, usize)> = Vec::new();
    let mut operations = Vec::new();
    let mut unchecked: BTreeSet<&str> = BTreeSet::new();
    for given in &model.groups {
        let name = given.text.name.as_str();
        if groups.iter().any(|(g, _, _)| g.name == name) || unchecked.contains(name) {
            let text = &given.text.equations;
            diagnostics.push(Diagnostic::error(text, text.whole(), format!("there are two groups `{name}`")));
        }
        if given.text.n == 0 || i32::try_from(given.text.n).is_err() {
            let text = &given.text.equations;
            let message = format!("the group `{name}` has {} cells; it can have 1 to {}", given.text.n, i32::MAX);
            diagnostics.push(Diagnostic::error(text, text.whole(), message));
        }
        let clock = match &given.dt {
            Some(dt) => clock_of(step(dt, "dt", &mut constants, diagnostics)?, &mut clocks),
            None => 0,
        };
        let group = check_group(&given.text, &namespace, diagnostics);
        match group.and_then(|g| integrated(g, diagnostics)) {
            Some((mut group, integration)) => {
                let number = groups.len();
                for (k, operation) in given.run_regularly.iter().enumerate() {
                    let clock = match &operation.dt {
                        Some(dt) => clock_of(step(dt, "dt", &mut constants, diagnostics)?, &mut clocks),
                        None => clock,
                    };
                    operations.extend(check_operation(operation, k, (number, clock), &mut group, diagnostics));
                }
                groups.push((group, integration, clock));
            }
            None => {
                unchecked.insert(name);
            }
        }
    }
    let find = |name: &str| groups.iter().position(|(g, _, _)| g.name == name);
    let assignments = |given: &[Assignment], diagnostics: &mut Diagnostics| {
        let mut checked = Vec::new();
        for assignment in given {
            match find(&assignment.group) {
                Some(group) => {
                    let assignment = check_assignment(assignment, &groups[group].0, diagnostics);
                    checked.extend(assignment.map(|a| (group, a)));
                }
                // Errors of the group come first; its values cannot be checked without it.
                None if unchecked.contains(assignment.group.as_str()) => {}
                None => no_group(&assignment.group, &assignment.variable, &groups, diagnostics),
            }
        }
        checked
    };
    let init = assignments(&model.init, diagnostics);
    let mut checked_runs = Vec::new();
    for run in runs {
        let set = assignments(&run.set, diagnostics);
        let duration_seconds = constants.duration(&run.duration, diagnostics)?.unwrap_or(0.0);
        let shortest = clocks.iter().map(|c| c.dt_seconds()).fold(f64::INFINITY, f64::min);
        if duration_seconds / shortest >= MOST_STEPS {
            let text = run.duration.text();
            let message = format!("a run of {duration_seconds:e} s has too many steps of {shortest:e} s to count");
            diagnostics.push(Diagnostic::error(text, text.whole(), message));
        }
        checked_runs.push(CheckedRun { duration_seconds, set });
    }
    let mut monitors = Vec::new();
    for monitor in &model.monitors {
        let checked = match find(&monitor.source) {
            Some(group) => check_monitor(monitor, group, &groups[group].0, &mut constants, &mut clocks, diagnostics)?,
            None => {
                if !unchecked.contains(monitor.source.as_str()) {
                    no_group(&monitor.source, &monitor.text, &groups, diagnostics);
                }
                None
            }
        };
        monitors.extend(checked);
    }
    let warnings = Diagnostics::default();
    Ok(CheckedModel { constants, clocks, groups, operations, init, monitors, runs: checked_runs, warnings })
}

fn check_constant_name(name: &str, text: &Text, constants: &Constants, diagnostics: &mut Diagnostics) {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let message = if !fits || KEYWORDS.contains(&name) {
        format!("`{name}` cannot name a constant")
    } else if constants.namespace.constants.contains_key(name) {
        format!("the constant `{name}` is defined twice")
    } else {
        return;
    };
    diagnostics.push(Diagnostic::error(text, text.whole(), message));
}

/// The length of a step; one second, so that checking can go on, after an error.
fn step(value: &Value, what: &str, constants: &mut Constants, diagnostics: &mut Diagnostics) -> Result<f64, Error> {
    let Some(seconds) = constants.time(value, what, diagnostics)? else { return Ok(1.0) };
    if seconds > 0.0 && seconds.is_finite() {
        return Ok(seconds);
    }
    let text = value.text();
    let message = format!("a step must be longer than 0, but `{}` is {seconds} s", text.as_str().trim());
    diagnostics.push(Diagnostic::error(text, text.whole(), message));
    Ok(1.0)
}

/// The clock with this step; the first one with it, or a new one.
fn clock_of(dt_seconds: f64, clocks: &mut Vec<Clock>) -> usize {
    clocks.iter().position(|c| c.dt_seconds() == dt_seconds).unwrap_or_else(|| {
        clocks.push(Clock::new(dt_seconds));
        clocks.len() - 1
    })
}

/// Chooses and applies the integration method.
fn integrated(group: Group, diagnostics: &mut Diagnostics) -> Option<(Group, Integration)> {
    let choice = match &group.method {
        None => Choice::Automatic,
        Some(text) => match Method::from_name(text.as_str().trim()) {
            Ok(method) => Choice::Named(method),
            Err(error) => {
                diagnostics.push(Diagnostic { at: Some((text.clone(), text.whole())), ..error });
                return None;
            }
        },
    };
    match integrate::integrate(&group.system, choice) {
        Ok(integration) => Some((group, integration)),
        Err(error) => {
            diagnostics.push(error);
            None
        }
    }
}

fn no_group(name: &str, text: &Text, groups: &[(Group, Integration, usize)], diagnostics: &mut Diagnostics) {
    let error = Diagnostic::error(text, text.whole(), format!("there is no group `{name}`"));
    diagnostics.push(error.suggest(name, groups.iter().map(|(g, _, _)| g.name.as_str())));
}

fn check_monitor(
    monitor: &Monitor,
    group: usize,
    checked: &Group,
    constants: &mut Constants,
    clocks: &mut Vec<Clock>,
    diagnostics: &mut Diagnostics,
) -> Result<Option<CheckedMonitor>, Error> {
    let before = diagnostics.0.len();
    let variables: &[Text] = match &monitor.kind {
        MonitorKind::Spikes { variables } | MonitorKind::State { variables, .. } => variables,
        MonitorKind::Rate => &[],
    };
    for text in variables {
        let name = text.as_str();
        if !checked.variables.contains_key(name) {
            let message = format!("the group `{}` has no variable `{name}`", checked.name);
            let error = Diagnostic::error(text, text.whole(), message);
            diagnostics.push(error.suggest(name, checked.variables.keys().map(String::as_str)));
        }
    }
    let kind = match &monitor.kind {
        MonitorKind::Spikes { .. } | MonitorKind::Rate => {
            if checked.threshold.is_none() {
                let message = format!("the group `{}` has no threshold, so it never spikes", checked.name);
                diagnostics.push(
                    Diagnostic::error(&monitor.text, monitor.text.whole(), message)
                        .hint("give the group a `threshold`"),
                );
            }
            if matches!(monitor.kind, MonitorKind::Rate) { CheckedKind::Rate } else { CheckedKind::Spikes }
        }
        MonitorKind::State { record, dt, when, .. } => {
            let n = checked.n as i64;
            for index in record.iter().flatten() {
                if !(0..n).contains(index) {
                    let message = format!("there is no cell {index} in `{}`, which has {n} cells", checked.name);
                    diagnostics.push(Diagnostic::error(&monitor.text, monitor.text.whole(), message));
                }
            }
            let record = record.as_ref().map(|indices| indices.iter().map(|i| *i as i32).collect());
            let clock = match dt {
                Some(dt) => Some(clock_of(step(dt, "dt", constants, diagnostics)?, clocks)),
                // Brian2's monitors follow the clock of their source.
                None => None,
            };
            CheckedKind::State { record, clock, slot: check_slot(when.as_ref(), diagnostics) }
        }
    };
    let failed = diagnostics.has_errors_since(before);
    let variables = variables.iter().map(|v| v.as_str().to_string()).collect();
    Ok((!failed).then(|| CheckedMonitor { name: monitor.name.clone(), group, variables, kind }))
}

/// The slot of the schedule that an object asks for; `start` if it does not ask.
fn check_slot(when: Option<&Text>, diagnostics: &mut Diagnostics) -> String {
    let slot = when.map_or("start", |w| w.as_str());
    if let (Some(text), None) = (when, Place::new(slot, 0, "")) {
        let names: Vec<String> = slot_names().collect();
        let error = Diagnostic::error(text, text.whole(), format!("there is no slot `{slot}`"));
        diagnostics.push(error.suggest(slot, names.iter().map(String::as_str)));
    }
    slot.to_string()
}

fn check_operation(
    operation: &Operation,
    number: usize,
    (population, clock): (usize, usize),
    group: &mut Group,
    diagnostics: &mut Diagnostics,
) -> Option<CheckedOperation> {
    let before = diagnostics.0.len();
    let text = &operation.code;
    let statements = parser::statements(text, diagnostics);
    check_statements(&statements, &CodeScope::assignment(&*group, &group.variables), text, diagnostics);
    let slot = check_slot(operation.when.as_ref(), diagnostics);
    if diagnostics.has_errors_since(before) {
        return None;
    }
    group.written.extend(statements.iter().map(|s| s.target.clone()));
    // Brian2's names: the first has no number.
    let suffix = if number == 0 { String::new() } else { format!("_{number}") };
    let name = format!("{}_run_regularly{suffix}", group.name);
    let order = operation.order;
    Some(CheckedOperation { name, group: population, clock, slot, order, text: text.clone(), statements })
}

/// Builds code objects while the network is put together.
struct Builder {
    constants: Constants,
    clocks: Vec<Clock>,
    populations: Vec<Population>,
}

impl Builder {
    fn code(
        &mut self,
        population: usize,
        clock: usize,
        name: String,
        kind: &'static str,
        lowered: Lowered,
        temporary: &mut IndexMap<String, Array>,
    ) -> Result<CodeObject, Error> {
        let lowered = crate::engine::optimised(lowered)?;
        let arrays = self.populations[population].bind(
            &lowered.kernel,
            temporary,
            &mut self.clocks[clock],
            &mut self.constants.arrays,
        )?;
        // SAFETY: the arrays live as long as the network, which owns the object too; `bind` gives arrays of the types
        // that the kernel's names have, with one element a cell or single values, each a memory of its own.
        Ok(unsafe { CodeObject::bind(name, kind, lowered, arrays) })
    }
}

/// Puts a model into memory.
pub fn instantiate(checked: CheckedModel, options: Options) -> Result<Network, Error> {
    let CheckedModel { constants, clocks, groups, operations, init, monitors, runs, warnings } = checked;
    check_memory(&groups, &monitors)?;
    let mut populations = Vec::with_capacity(groups.len());
    for (group, integration, clock) in groups {
        let mut population = Population::new(group, integration, clock);
        propagator::allocate(&mut population);
        populations.push(population);
    }
    let mut builder = Builder { constants, clocks, populations };
    let mut network = Network {
        engine: Engine::new(options),
        constants: Constants::default(),
        clocks: Vec::new(),
        populations: Vec::new(),
        propagators: Vec::new(),
        code: Vec::new(),
        spike_monitors: Vec::new(),
        state_monitors: Vec::new(),
        rate_monitors: Vec::new(),
        monitor_names: monitors.iter().map(|m| m.name.clone()).collect(),
        schedule: Vec::new(),
        runs,
        first_step: None,
        t_seconds: 0.0,
        stop: Arc::new(AtomicBool::new(false)),
        warnings,
    };
    for population in 0..builder.populations.len() {
        add_population(&mut network, &mut builder, population)?;
    }
    for operation in operations {
        let CheckedOperation { name, group: population, clock, slot, order, text, statements } = operation;
        let lowered = builder.populations[population].lower(&text, |lowerer| {
            lowerer.statements(&statements)?;
            Ok(LoopShape::Each)
        })?;
        let action = Action::Operate { population, code: network.code.len() };
        schedule(&mut network, &slot, order, &name, clock, action);
        // `t` and `dt` are the group's, however often the code runs (as in Brian2).
        let own = builder.populations[population].clock;
        let code = builder.code(population, own, name, "stateupdate", lowered, &mut IndexMap::new())?;
        network.code.push(code);
    }
    for monitor in monitors {
        add_monitor(&mut network, &mut builder, monitor)?;
    }
    network.schedule.sort_by(|a, b| a.place.cmp(&b.place));
    network.constants = builder.constants;
    network.clocks = builder.clocks;
    network.populations = builder.populations;
    network.start_engine();
    for (population, assignment) in init {
        network.apply(&assignment, population)?;
    }
    Ok(network)
}

/// Says that a model does not fit before it is put into memory: afterwards it would be too late.
fn check_memory(groups: &[(Group, Integration, usize)], monitors: &[CheckedMonitor]) -> Result<(), Error> {
    let Some(available) = crate::runtime::memory::available_bytes() else { return Ok(()) };
    let mut needed = 0u64;
    let mut diagnostics = Diagnostics::default();
    for (number, (group, _, _)) in groups.iter().enumerate() {
        let stored = group.variables.values().filter(|v| v.is_stored() && !v.shared);
        let cell: usize = stored.map(|v| variable_storage(v).size()).sum::<usize>() + size_of::<i32>();
        let watched = monitors.iter().filter(|m| m.group == number).count() * size_of::<i32>();
        needed += group.n as u64 * (cell + watched) as u64;
        if needed > available {
            let text = &group.equations.text;
            let message = format!(
                "the group `{}` with its {} cells needs {:.1} GB of memory, but only {:.1} GB are free",
                group.name,
                group.n,
                needed as f64 / 1e9,
                available as f64 / 1e9
            );
            diagnostics.push(Diagnostic::error(text, text.whole(), message).hint("use fewer cells"));
            return Err(Error::Model(diagnostics));
        }
    }
    Ok(())
}

fn schedule(network: &mut Network, slot: &str, order: i32, name: &str, clock: usize, action: Action) {
    if let Some(place) = Place::new(slot, order, name) {
        network.schedule.push(Scheduled { place, clock, action });
    }
}

fn add_population(network: &mut Network, builder: &mut Builder, population: usize) -> Result<(), Error> {
    let group = builder.populations[population].group.name.clone();
    let clock = builder.populations[population].clock;
    let none = &mut IndexMap::new();
    let rates = propagator::rates(&builder.populations[population])?;
    let updater = match (rates, builder.populations[population].integration.propagator.clone()) {
        (Some(propagator::RatesCode { kernel, mut arrays, every_step }), Some(system)) => {
            let name = format!("{group}_propagator");
            let code = builder.code(population, clock, name, "propagator", kernel, &mut arrays)?;
            Some(PropagatorUpdater::new(code, arrays, every_step, &system))
        }
        _ => None,
    };
    network.propagators.push(updater);
    if let Some(lowered) = builder.populations[population].state_updater()? {
        let name = format!("{group}_stateupdater");
        let action = Action::StateUpdate { population, code: network.code.len() };
        schedule(network, "groups", 0, &name, clock, action);
        network.code.push(builder.code(population, clock, name, "stateupdate", lowered, none)?);
    }
    if let Some(lowered) = builder.populations[population].thresholder()? {
        let name = format!("{group}_spike_thresholder");
        let action = Action::Threshold { population, code: network.code.len() };
        schedule(network, "thresholds", 0, &name, clock, action);
        network.code.push(builder.code(population, clock, name, "threshold", lowered, none)?);
    }
    if let Some(lowered) = builder.populations[population].resetter()? {
        let name = format!("{group}_spike_resetter");
        let action = Action::Reset { population, code: network.code.len() };
        schedule(network, "resets", 0, &name, clock, action);
        network.code.push(builder.code(population, clock, name, "reset", lowered, none)?);
    }
    Ok(())
}

fn add_monitor(network: &mut Network, builder: &mut Builder, monitor: CheckedMonitor) -> Result<(), Error> {
    let CheckedMonitor { name, group: population, variables: names, kind } = monitor;
    let clock = match &kind {
        CheckedKind::State { clock: Some(clock), .. } => *clock,
        _ => builder.populations[population].clock,
    };
    if let CheckedKind::Rate = kind {
        let action = Action::RecordRate { monitor: network.rate_monitors.len() };
        schedule(network, "end", 0, &name, clock, action);
        network.rate_monitors.push(RateMonitor { name, population, t: Vec::new(), rate: Vec::new() });
        return Ok(());
    }
    let Recorded { variables, mut computed, kernel } = recorded(&builder.populations[population], &names)?;
    let code = match kernel {
        Some(kernel) => {
            let code_name = format!("{name}_codeobject");
            let kind = if matches!(kind, CheckedKind::Spikes) { "spikemonitor" } else { "statemonitor" };
            // `dt` in a recorded subexpression is the group's, whatever the step of the monitor (as in Brian2).
            let clock = builder.populations[population].clock;
            Some(builder.code(population, clock, code_name, kind, kernel, &mut computed)?)
        }
        None => None,
    };
    match kind {
        CheckedKind::Spikes | CheckedKind::Rate => {
            let action = Action::RecordSpikes { monitor: network.spike_monitors.len() };
            // After the thresholder and before the resets: variables have the values that led to the spike.
            schedule(network, "thresholds", 1, &name, clock, action);
            let (i, t) = (Vec::new(), Vec::new());
            network.spike_monitors.push(SpikeMonitor { name, population, i, t, variables, computed, code });
        }
        CheckedKind::State { record, slot, .. } => {
            let action = Action::RecordState { monitor: network.state_monitors.len() };
            schedule(network, &slot, 0, &name, clock, action);
            let t = Vec::new();
            let record = record.unwrap_or_else(|| (0..builder.populations[population].n() as i32).collect());
            network.state_monitors.push(StateMonitor { name, population, clock, record, t, variables, computed, code });
        }
    }
    Ok(())
}

/// Where each recorded variable is read from, and the kernel that computes those that have no values of their own.
struct Recorded {
    variables: IndexMap<String, (Origin, Column)>,
    computed: IndexMap<String, Array>,
    kernel: Option<Lowered>,
}

fn recorded(population: &Population, names: &[String]) -> Result<Recorded, Error> {
    let mut variables = IndexMap::new();
    let mut computed = IndexMap::new();
    let mut outputs = Vec::new();
    for name in names {
        let Some(variable) = population.group.variables.get(name) else { continue };
        let (origin, ty) = if variable.is_stored() {
            (Origin::Array(name.clone()), element_type(variable_storage(variable)))
        } else {
            let array = format!("_recorded_{name}");
            outputs.push((name.clone(), array.clone(), variable_storage(variable)));
            (Origin::Computed(array), element_type(variable_storage(variable)))
        };
        let column = Column { dimension: variable.kind.dimension, values: Values::new(ty) };
        variables.insert(name.clone(), (origin, column));
    }
    if outputs.is_empty() {
        return Ok(Recorded { variables, computed, kernel: None });
    }
    let kernel = population.lower(&population.group.equations.text, |lowerer| {
        for (name, array, storage) in &outputs {
            let value = lowerer.expr(&Expr::name(name.clone()))?;
            lowerer.output(array, *storage, value);
            computed.insert(array.clone(), Array::zeros(element_type(*storage), population.n()));
        }
        Ok(LoopShape::Indexed)
    })?;
    Ok(Recorded { variables, computed, kernel: Some(kernel) })
}

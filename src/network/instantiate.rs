//! Putting a checked model into memory: arrays, code objects and their places in a step.

use std::collections::BTreeMap;
use std::time::Instant;

use indexmap::IndexMap;

use super::assign::CheckedAssignment;
use super::check::{CheckedGroup, CheckedKind, CheckedLink, CheckedModel, CheckedMonitor, CheckedOperation};
use super::check::{CheckedPoissonInput, LinkedCells, POISSON_BINOMIAL, Source};
use super::code::Evaluator;
use super::error::Error;
use super::memory::{Context, Memory};
use super::monitor::{Column, EventMonitor, Origin, RateMonitor, StateMonitor};
use super::population::{Linked, Population};
use super::propagator;
use super::symbols::{element_type, variable_storage};
use super::synapses::connect::connect;
use super::synapses::flight::Flight;
use super::synapses::pathway::{Pathway, Program, goes_by_row, row_array};
use super::synapses::room::Room;
use super::synapses::wiring::Pairs;
use super::synapses::{CheckedSynapses, Sum, make_population, number_synapses};
use super::timed_array::TimedArrayData;
use super::{Action, Network, Scheduled};
use crate::diag::{Diagnostic, Diagnostics};
use crate::engine::{Engine, Options};
use crate::expr::ast::{AssignOp, BinaryOp, Expr, Statement};
use crate::kernel::ir::LoopShape;
use crate::kernel::lower::Lowered;
use crate::model::group::{Side, Summed};
use crate::random::{Binomial, Streams, seed_from_entropy};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::clock::Clock;
use crate::runtime::memory::available_for;
use crate::runtime::record::Values;

/// Puts a model into memory.
pub fn instantiate(checked: CheckedModel, options: Options) -> Result<Network, Error> {
    instantiate_beside(checked, options, None)
}

/// Puts a model into memory with the synapses of another network, where both have them.
pub fn instantiate_beside(checked: CheckedModel, options: Options, other: Option<&Network>) -> Result<Network, Error> {
    check_memory(&checked.groups, &checked.monitors)?;
    let mut evaluators = IndexMap::new();
    for (name, body) in &checked.host {
        evaluators.insert(name.clone(), body.evaluator(&options)?);
    }
    let clocks = checked.clocks.len();
    let timed = checked.timed.into_iter().map(|(name, values)| (name, TimedArrayData::new(values, clocks)));
    let mut memory = Memory {
        constants: checked.constants,
        clocks: clocks_of(&checked.clocks, &checked.times),
        populations: Vec::with_capacity(checked.groups.len()),
        sources: checked.sources,
        timed: timed.collect(),
        evaluators,
    };
    for CheckedGroup { group, integration, clock, input } in checked.groups {
        memory.populations.push(Population::new(group, integration, clock, input));
    }
    for link in checked.links {
        add_link(&mut memory, link);
    }
    memory.populations.iter_mut().for_each(propagator::allocate);
    let streams = Streams::new(checked.seed.unwrap_or_else(seed_from_entropy));
    let mut network = Network::empty(Engine::new(options), memory, streams, checked.slots);
    network.runs = checked.runs;
    network.warnings = checked.warnings;
    network.monitor_names = checked.monitors.iter().map(|m| m.name.clone()).collect();
    for population in 0..network.memory.populations.len() {
        network.add_population(population, 0)?;
    }
    for assignment in &checked.init {
        network.apply(assignment)?;
    }
    for synapses in checked.synapses {
        network.add_synapses(synapses, other)?;
    }
    for operation in checked.operations {
        network.add_operation_code(operation)?;
    }
    for input in checked.inputs {
        network.add_poisson_input(input)?;
    }
    for monitor in checked.monitors {
        network.add_monitor(monitor)?;
    }
    network.schedule.sort_by(|a, b| a.place.cmp(&b.place));
    network.start_engine();
    Ok(network)
}

fn clocks_of(steps: &[f64], times: &BTreeMap<usize, Vec<f64>>) -> Vec<Clock> {
    let clock = |(number, dt): (usize, &f64)| times.get(&number).map_or_else(|| Clock::new(*dt), |t| Clock::at(t));
    steps.iter().enumerate().map(clock).collect()
}

/// Says that a model does not fit before it is put into memory: afterwards it would be too late.
fn check_memory(groups: &[CheckedGroup], monitors: &[CheckedMonitor]) -> Result<(), Error> {
    let bytes = |(number, CheckedGroup { group, .. }): (usize, &CheckedGroup)| {
        let stored = group.variables.values().filter(|v| v.is_stored() && !v.shared);
        let events = group.events.len().max(1) * size_of::<i32>();
        let cell: usize = stored.map(|v| variable_storage(v).size()).sum::<usize>() + events;
        let watched = monitors.iter().filter(|m| m.source.population == number).count() * size_of::<i32>();
        (group.n as u64).saturating_mul((cell + watched) as u64)
    };
    let of_each: Vec<u64> = groups.iter().enumerate().map(bytes).collect();
    let Some(available) = available_for(of_each.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))) else {
        return Ok(());
    };
    let mut needed = 0u64;
    let mut diagnostics = Diagnostics::default();
    for (CheckedGroup { group, .. }, bytes) in groups.iter().zip(of_each) {
        needed = needed.saturating_add(bytes);
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

fn add_link(memory: &mut Memory, link: CheckedLink) {
    let CheckedLink { population, variable, source, source_variable, cells } = link;
    let Some(given) = memory.populations[source].group.variables.get(&source_variable) else { return };
    let storage = variable_storage(given);
    let len = memory.populations[source].arrays.get(&source_variable).map_or(1, Array::len);
    // A kernel that writes what it reads through another name would depend on the order of cells.
    let copy = (population == source).then(|| Array::zeros(element_type(storage), len));
    let n = memory.populations[population].n();
    let mut array = Array::zeros(ElementType::I32, n);
    let (index, cells, chosen_by) = match cells {
        LinkedCells::Single | LinkedCells::Same => (None, None, None),
        LinkedCells::Cells(cells) => {
            cells.iter().enumerate().for_each(|(k, cell)| array.set(k, f64::from(*cell)));
            (Some(format!("_{variable}_index")), Some(array), None)
        }
        LinkedCells::Variable(text, from) => (Some(format!("_{variable}_index")), Some(array), Some((text, from))),
    };
    let is_single = given.shared;
    let linked = Linked {
        population: source,
        variable: source_variable,
        param: variable.clone(),
        guard: None,
        storage,
        is_single,
        index,
        cells,
        chosen_by,
        copy,
    };
    memory.populations[population].links.insert(variable, linked);
}

impl Network {
    fn place(&mut self, slot: &str, order: i32, name: &str, owner: &str, clock: usize, action: Action) {
        if let Some(place) = self.slots.place(slot, order, name) {
            self.schedule.push(Scheduled::new(place, owner, clock, action));
        }
    }

    /// Adds code for a population, and gives its number.
    fn add_code(
        &mut self,
        source: impl Into<Source>,
        name: &str,
        kind: &'static str,
        lowered: Lowered,
        arrays: IndexMap<String, Array>,
    ) -> Result<usize, Error> {
        let source = source.into();
        self.code.push(self.memory.code(Context::from(source), name, kind, lowered, arrays)?);
        self.code_population.push(source.population);
        self.foresee_last();
        Ok(self.code.len() - 1)
    }

    fn add_population(&mut self, population: usize, order: i32) -> Result<(), Error> {
        let whole = self.memory.whole(population);
        let owner = self.memory.populations[population].group.name.clone();
        let clock = self.memory.populations[population].clock;
        self.bounds.extend(self.memory.refractory_bounds(population)?);
        let updater = self.make_propagator(population)?;
        self.propagators.push(updater);
        if let Some(lowered) = self.memory.subexpression_updater(population)? {
            let name = format!("{owner}_subexpression_update");
            let code = self.add_code(whole, &name, "stateupdate", lowered, IndexMap::new())?;
            self.place("before_start", order, &name, &owner, clock, Action::Operate { source: whole, code });
        }
        if let Some(lowered) = self.memory.state_updater(population)? {
            let name = format!("{owner}_stateupdater");
            let code = self.add_code(whole, &name, "stateupdate", lowered, IndexMap::new())?;
            self.place("groups", order, &name, &owner, clock, Action::StateUpdate { population, code });
        }
        if self.memory.populations[population].spikes.is_some() {
            self.place("thresholds", 0, &owner, &owner, clock, Action::Generate { population });
        }
        for event in 0..self.memory.populations[population].group.events.len() {
            let lowered = self.memory.thresholder(population, event)?;
            let given = &self.memory.populations[population].group.events[event];
            let slot = given.slot().to_string();
            let (name, order) = (format!("{owner}_{}_thresholder", given.name), given.order);
            let code = self.add_code(whole, &name, "threshold", lowered, IndexMap::new())?;
            self.place(&slot, order, &name, &owner, clock, Action::Threshold { population, event, code });
        }
        for number in 0..self.memory.populations[population].group.event_code.len() {
            let Some(lowered) = self.memory.resetter(population, number)? else { continue };
            let group = &self.memory.populations[population].group;
            let given = &group.event_code[number];
            let (event, event_name) = (given.event, group.events[given.event].name.clone());
            let slot = given.slot().to_string();
            let (name, order) = (format!("{owner}_{event_name}_resetter"), given.order);
            let code = self.add_code(whole, &name, "reset", lowered, IndexMap::new())?;
            self.place(&slot, order, &name, &owner, clock, Action::Reset { population, event, code });
        }
        Ok(())
    }

    fn add_operation_code(&mut self, operation: CheckedOperation) -> Result<(), Error> {
        let CheckedOperation { name, owner, source, clock, slot, order, text, statements } = operation;
        let source = self.memory.resolved(source);
        let lowered = self.memory.lower(source.into(), &text, |lowerer| {
            lowerer.statements(&statements)?;
            Ok(LoopShape::Each)
        })?;
        // `t` and `dt` are the group's, however often the code runs (as in Brian2).
        let code = self.add_code(source, &name, "stateupdate", lowered, IndexMap::new())?;
        self.operation_texts.push((code, "operation", text));
        self.place(&slot, order, &name, &owner, clock, Action::Operate { source, code });
        Ok(())
    }

    fn add_poisson_input(&mut self, input: CheckedPoissonInput) -> Result<(), Error> {
        let CheckedPoissonInput { name, target, n, rate_hertz, statement, text, slot, order } = input;
        let clock = self.memory.populations[target.population].clock;
        let chance = (rate_hertz * self.memory.clocks[clock].dt_seconds()).min(1.0);
        let evaluator = Evaluator::Binomial(Binomial::new(n as i64, chance).prepared());
        let context = Context { source: target, row: None, function: Some((POISSON_BINOMIAL, &evaluator)) };
        let lowered = self.memory.lower(context, &text, |lowerer| {
            lowerer.statement(&statement)?;
            Ok(LoopShape::Each)
        })?;
        let code = self.memory.code(context, name.as_str(), "stateupdate", lowered, IndexMap::new())?;
        self.code.push(code);
        self.code_population.push(target.population);
        self.foresee_last();
        self.poisson_inputs.push((name.clone(), clock));
        let code = self.code.len() - 1;
        self.operation_texts.push((code, "weight", text));
        self.place(&slot, order, &name, &name, clock, Action::Operate { source: target, code });
        Ok(())
    }

    fn add_monitor(&mut self, monitor: CheckedMonitor) -> Result<(), Error> {
        let CheckedMonitor { name, source, source_name, variables: names, kind, slot, order, text } = monitor;
        let source = self.memory.resolved(source);
        let own = self.memory.populations[source.population].clock;
        if let CheckedKind::Rate = kind {
            let action = Action::RecordRate { monitor: self.rate_monitors.len() };
            self.place(&slot, order, &name, &name, own, action);
            self.rate_monitors.push(RateMonitor::new(name, source, source_name));
            return Ok(());
        }
        if let CheckedKind::State { record: Some(record), .. } = &kind
            && let Some(wrong) = record.iter().find(|number| **number as usize >= source.stop)
        {
            let n = source.n();
            let message = format!("`{name}` records the number {wrong} of `{source_name}`, which has {n}");
            return Err(Error::Model(Diagnostics(vec![Diagnostic::error(&text, text.whole(), message)])));
        }
        let Recorded { variables, computed, kernel } = recorded(&self.memory, source, &names)?;
        for (origin, _) in variables.values() {
            if let Origin::Array(name) = origin {
                self.memory.populations[source.population].provide(name, true);
            }
        }
        let code = match kernel {
            Some(kernel) => {
                let kind = if matches!(kind, CheckedKind::Events { .. }) { "spikemonitor" } else { "statemonitor" };
                // `dt` in a recorded subexpression is the group's, whatever the step of the monitor (as in Brian2).
                Some(self.add_code(source, &format!("{name}_codeobject"), kind, kernel, computed)?)
            }
            None => None,
        };
        match kind {
            CheckedKind::Events { event, name: event_name, record } => {
                let action = Action::RecordEvents { monitor: self.event_monitors.len() };
                self.place(&slot, order, &name, &name, own, action);
                let mut monitor = EventMonitor::new(name, source, source_name, event, event_name);
                (monitor.variables, monitor.code, monitor.record) = (variables, code, record);
                self.event_monitors.push(monitor);
            }
            CheckedKind::State { record, clock } => {
                let clock = clock.unwrap_or(own);
                let action = Action::RecordState { monitor: self.state_monitors.len() };
                self.place(&slot, order, &name, &name, clock, action);
                let record = record.unwrap_or_else(|| (source.start as i32..source.stop as i32).collect());
                let mut monitor = StateMonitor::new(name, source, source_name, clock, record);
                (monitor.variables, monitor.code) = (variables, code);
                self.state_monitors.push(monitor);
            }
            CheckedKind::Rate => {}
        }
        Ok(())
    }

    /// Makes synapses, and everything that runs for them.
    fn add_synapses(&mut self, mut checked: CheckedSynapses, other: Option<&Network>) -> Result<(), Error> {
        let started = Instant::now();
        let number = self.memory.populations.len();
        (checked.source, checked.target) = (self.memory.resolved(checked.source), self.memory.resolved(checked.target));
        let (sources, targets) = (checked.source.n(), checked.target.n());
        let made = other.and_then(|other| other.pairs_of(&checked.model.group.name, sources, targets));
        let pairs = match made {
            Some(pairs) => pairs,
            None => {
                let mut room = Room::new(&checked.model, self.engine.notice().clone());
                let mut pairs = Pairs::new(sources);
                connect(&mut self.memory, &mut self.streams, &checked, &checked.connect, &mut pairs, &mut room)?;
                pairs
            }
        };
        let n = pairs.count();
        let mut population = make_population(&self.memory, &checked, n);
        population.wire(pairs);
        if let Some(name) = &checked.multisynaptic_index {
            number_synapses(&mut population, name);
        }
        self.memory.populations.push(population);
        self.connecting += started.elapsed();
        propagator::allocate(&mut self.memory.populations[number]);
        let name = checked.model.group.name.clone();
        if let Some(own) = self.memory.sources.get_mut(&name) {
            own.stop = n;
        }
        self.add_population(number, checked.order)?;
        let whole = self.memory.whole(number);
        for sum in std::mem::take(&mut checked.model.summed) {
            self.add_sum(&checked, whole, sum)?;
        }
        for assignment in &checked.init {
            self.apply(assignment)?;
        }
        let event_driven = std::mem::take(&mut checked.event_driven.statements);
        for pathway in std::mem::take(&mut checked.model.pathways) {
            let end = checked.end(pathway.side);
            let object = format!("{name}_{}", pathway.name);
            let equations = checked.model.group.equations.text.clone();
            let program = Program { code: pathway, event_driven: event_driven.clone(), equations };
            let population = &mut self.memory.populations[number];
            let index = population.index(program.side());
            let delays = population.wiring.as_ref().and_then(|w| w.delays.get(&program.delay_name()));
            let is_worth_it = delays.is_some_and(|delays| goes_by_row(&index, delays));
            let (lowered, by_row) = self.memory.pathway_code(&program, whole, is_worth_it)?;
            let code = self.add_code(whole, &object, "synapses", lowered, row_array())?;
            let there = &self.memory.populations[end.population];
            let clock = there.clock;
            let event = there.events.iter().position(|e| e.name == program.code.event()).unwrap_or(0);
            let (slot, order, active) = (program.code.slot().to_string(), program.code.order, program.code.active);
            let pathway = Pathway {
                name: object.clone(),
                program,
                synapses: number,
                source: end,
                event,
                clock,
                code,
                by_row,
                goes_by_list: is_worth_it && !by_row,
                flight: Flight::new(index),
            };
            self.pathways.push(pathway);
            let action = Action::Propagate { pathway: self.pathways.len() - 1 };
            self.place(&slot, order, &object, &name, clock, action);
            if let Some(scheduled) = self.schedule.last_mut() {
                scheduled.active = active;
            }
        }
        self.synapses.push((number, checked));
        Ok(())
    }

    fn add_sum(&mut self, checked: &CheckedSynapses, whole: Source, sum: Summed) -> Result<(), Error> {
        let Summed { side, variable, expr } = sum;
        let target = if side == Side::Pre { checked.source } else { checked.target };
        let there = format!("{variable}{}", side.suffix());
        let text = &checked.model.group.equations.text;
        let lowered = self.memory.lower(whole.into(), text, |lowerer| {
            lowerer.override_guards();
            lowerer.statement(&Statement {
                target: there.clone(),
                target_span: expr.span,
                op: AssignOp::Update(BinaryOp::Add),
                value: expr.clone(),
                span: expr.span,
            })?;
            Ok(LoopShape::Each)
        })?;
        let owner = checked.model.group.name.clone();
        let name = format!("{owner}_summed_variable_{there}");
        let code = self.add_code(whole, &name, "summed_variable", lowered, IndexMap::new())?;
        let clock = self.memory.populations[target.population].clock;
        self.sums.push(Sum { target, variable, synapses: whole.population, code });
        let action = Action::Sum { sum: self.sums.len() - 1 };
        // Before the state updater of a whole group; the order of a part of one begins at its own (Brian2's rule).
        let order = if target.is_part { 0 } else { checked.orders_of_ends[usize::from(side == Side::Post)] - 1 };
        self.place("groups", order, &name, &owner, clock, action);
        Ok(())
    }

    /// Checks were made already: carries out an assignment.
    pub(super) fn apply(&mut self, assignment: &CheckedAssignment) -> Result<(), Error> {
        let population = assignment.population();
        if self.memory.is_synapses(population) {
            let assignment = assignment.for_synapses(self.memory.populations[population].n());
            let sites = assignment.apply(&mut self.memory, &mut self.streams)?;
            self.warn_of_divisions(sites);
            return Ok(());
        }
        let sites = assignment.apply(&mut self.memory, &mut self.streams)?;
        self.warn_of_divisions(sites);
        Ok(())
    }
}

/// Where each recorded variable is read from, and the kernel that computes those that have no values of their own.
struct Recorded {
    variables: IndexMap<String, (Origin, Column)>,
    computed: IndexMap<String, Array>,
    kernel: Option<Lowered>,
}

fn recorded(memory: &Memory, source: Source, names: &[String]) -> Result<Recorded, Error> {
    let population = &memory.populations[source.population];
    let mut variables = IndexMap::new();
    let mut computed = IndexMap::new();
    let mut outputs = Vec::new();
    for name in names {
        let Some(variable) = population.group.variables.get(name) else { continue };
        let ty = element_type(variable_storage(variable));
        let origin = if variable.is_stored() {
            Origin::Array(name.clone())
        } else {
            let array = format!("_recorded_{name}");
            outputs.push((name.clone(), array.clone(), variable_storage(variable)));
            Origin::Computed(array)
        };
        let column = Column { dimension: variable.kind.dimension, values: Values::new(ty) };
        variables.insert(name.clone(), (origin, column));
    }
    if outputs.is_empty() {
        return Ok(Recorded { variables, computed, kernel: None });
    }
    let kernel = memory.lower(source.into(), &population.group.equations.text, |lowerer| {
        for (name, array, storage) in &outputs {
            let value = lowerer.expr(&Expr::name(name.clone()))?;
            lowerer.output(array, *storage, value);
            computed.insert(array.clone(), Array::zeros(element_type(*storage), population.n()));
        }
        Ok(LoopShape::Indexed)
    })?;
    Ok(Recorded { variables, computed, kernel: Some(kernel) })
}

//! A group with cells of its own in memory: its arrays, what has happened to its cells, and its kernels.

use indexmap::IndexMap;

use super::check::{GroupInput, Source};
use super::code::Code;
use super::error::Error;
use super::memory::{Context, Memory};
use super::symbols::{element_type, variable_storage};
use super::synapses::wiring::Wiring;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::{AssignOp, Expr, ExprKind, Statement};
use crate::integrate::Integration;
use crate::kernel::ir::{BinaryOp, Expr as IrExpr, LoopShape, Param, Storage};
use crate::kernel::lower::{Lowered, NOT_FROM, NOT_UNTIL};
use crate::model::group::{Group, Refractory, Role, SPIKE};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::spike_source::SpikeSource;

/// Time of the last spike of a cell that has not spiked, in seconds (Brian2's value).
const NEVER: f64 = -1e4;

/// A group in memory.
pub struct Population {
    /// What it is.
    pub group: Group,
    /// How its equations are integrated.
    pub integration: Integration,
    /// Which clock it follows.
    pub clock: usize,
    /// Whether it has equations, and so a state of its own.
    pub has_equations: bool,
    /// Every variable with values of its own, by name.
    pub arrays: IndexMap<String, Array>,
    /// Arrays that the integrator asked for, by name.
    pub propagator_arrays: IndexMap<String, Array>,
    /// Whether those are single values.
    pub propagator_is_scalar: bool,
    /// Single values that are computed when a run begins, by name.
    pub bounds: IndexMap<String, Array>,
    /// Variables that stand for others, by name.
    pub links: IndexMap<String, Linked>,
    /// What can happen to its cells; spikes first.
    pub events: Vec<EventSpace>,
    /// Which cells its elements connect, if they are synapses.
    pub wiring: Option<Wiring>,
    /// Where its spikes come from, if they are given.
    pub spikes: Option<SpikeSource>,
    /// First cell and number of cells of the parts that code looks at, as 32-bit integers.
    parts: Vec<(Source, Array, Array)>,
}

/// The cells that an event last happened to.
pub struct EventSpace {
    /// Name of the event.
    pub name: String,
    /// The cells, ascending, then room for all others.
    pub cells: Vec<i32>,
    /// How many they are.
    pub count: usize,
    /// How many they were when the last run ended, if that was with the state that the network has now.
    at_end: usize,
}

impl EventSpace {
    fn new(name: String, n: usize) -> EventSpace {
        EventSpace { name, cells: vec![0; n], count: 0, at_end: 0 }
    }

    /// The cells, ascending.
    #[inline]
    pub fn cells(&self) -> &[i32] {
        &self.cells[..self.count]
    }

    /// Nothing has happened when the next run begins (Brian2's rule), unless it goes on from a state.
    pub fn end_run(&mut self) {
        (self.at_end, self.count) = (self.count, 0);
    }

    /// The cells when the last run ended, ascending.
    pub fn cells_at_end(&self) -> &[i32] {
        &self.cells[..self.at_end]
    }

    /// Goes on from the end of the last run as if it had not ended.
    pub fn resume(&mut self) {
        self.count = self.at_end;
    }

    /// Goes back to the end of a run with these cells, which exist and ascend.
    pub fn restore(&mut self, cells: &[i32]) {
        self.cells[..cells.len()].copy_from_slice(cells);
        (self.at_end, self.count) = (cells.len(), cells.len());
    }

    /// The cells of a part of the population.
    #[inline]
    pub fn of(&self, source: &Source) -> &[i32] {
        let cells = self.cells();
        if !source.is_part {
            return cells;
        }
        let first = cells.partition_point(|cell| (*cell as usize) < source.start);
        let end = cells.partition_point(|cell| (*cell as usize) < source.stop);
        &cells[first..end]
    }
}

/// A variable that stands for one of another population, or of the same one.
pub struct Linked {
    /// The population that has the values.
    pub population: usize,
    /// The variable that has them.
    pub variable: String,
    /// Name of the parameter of kernels: what stands for one array has one.
    pub param: String,
    /// Name of a boolean, linked in the same way: code other than resets writes only where it is true.
    pub guard: Option<String>,
    /// How they are stored.
    pub storage: Storage,
    /// Whether there is one for all.
    pub is_single: bool,
    /// Name of the array that says which cell each cell stands for; cell by cell if absent.
    pub index: Option<String>,
    /// That array.
    pub cells: Option<Array>,
    /// The variable that it is made from, and the cells of the source that it chooses from, if it is.
    pub chosen_by: Option<(Text, Source)>,
    /// The values as they were before the kernel that runs, if they are the own population's.
    pub copy: Option<Array>,
}

impl Population {
    /// All zero, never spiked.
    pub fn new(group: Group, integration: Integration, clock: usize, input: GroupInput) -> Population {
        let n = group.n;
        let mut arrays = IndexMap::new();
        for (name, variable) in &group.variables {
            // What is given of each synapse has a form of its own.
            let is_given = variable.role == Role::Given && !variable.shared;
            if variable.is_stored() && !is_given && !name.ends_with(".delay") {
                let len = if variable.shared { 1 } else { n };
                let mut array = Array::zeros(element_type(variable_storage(variable)), len);
                match variable.role {
                    Role::LastSpike => array.as_f64_mut().fill(NEVER),
                    Role::NotRefractory => (0..n).for_each(|k| array.set(k, 1.0)),
                    _ => {}
                }
                arrays.insert(name.clone(), array);
            }
        }
        let mut events: Vec<String> = group.events.iter().map(|event| event.name.clone()).collect();
        let (mut has_equations, mut spikes) = (false, None);
        match input {
            GroupInput::Neurons => has_equations = true,
            GroupInput::Poisson(values) => {
                if let (Some(values), Some(rates)) = (values, arrays.get_mut("rates")) {
                    values.iter().enumerate().for_each(|(k, rate)| rates.set(k, *rate));
                }
            }
            GroupInput::Spikes(source) => {
                events.push(SPIKE.to_string());
                spikes = Some(source);
            }
        }
        let events = events.into_iter().map(|name| EventSpace::new(name, n)).collect();
        Population {
            group,
            integration,
            clock,
            has_equations,
            arrays,
            propagator_arrays: IndexMap::new(),
            propagator_is_scalar: true,
            bounds: IndexMap::new(),
            links: IndexMap::new(),
            events,
            wiring: None,
            spikes,
            parts: Vec::new(),
        }
    }

    /// Whether its elements are synapses.
    pub fn is_synapses(&self) -> bool {
        self.wiring.is_some()
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.group.n
    }

    /// Where an array of this population is that kernels over `source` know by this name.
    pub fn pointer(&mut self, name: &str, source: Source) -> Option<*mut u8> {
        if let Some(link) = self.links.values_mut().find(|link| link.param == name && link.copy.is_some()) {
            return link.copy.as_mut().map(Array::pointer);
        }
        let own = self.arrays.get_mut(name).or_else(|| self.propagator_arrays.get_mut(name));
        if let Some(array) = own.or_else(|| self.bounds.get_mut(name)) {
            return Some(array.pointer());
        }
        if let Some(cells) = self.links.values_mut().find(|l| l.index.as_deref() == Some(name)) {
            return cells.cells.as_mut().map(Array::pointer);
        }
        let whole = Source { population: source.population, start: 0, stop: self.n(), is_part: false };
        let (source, is_first) = match name {
            FIRST => (source, true),
            COUNT => (source, false),
            "N" => (whole, false),
            _ => return None,
        };
        let known = self.parts.iter().position(|(part, ..)| *part == source);
        let part = known.unwrap_or_else(|| {
            let (mut first, mut size) = (Array::zeros(ElementType::I32, 1), Array::zeros(ElementType::I32, 1));
            first.set(0, source.start as f64);
            size.set(0, source.n() as f64);
            self.parts.push((source, first, size));
            self.parts.len() - 1
        });
        let (_, first, size) = &mut self.parts[part];
        Some(if is_first { first.pointer() } else { size.pointer() })
    }

    /// The linked variables among these parameters whose values are copied first, and what they stand for.
    pub fn copies(&self, params: &[Param]) -> Vec<(String, String)> {
        let copied = |p: &Param| self.links.get(&p.name).filter(|link| link.copy.is_some());
        let mut copies: Vec<(String, String)> =
            params.iter().filter_map(|p| copied(p).map(|link| (p.name.clone(), link.variable.clone()))).collect();
        copies.dedup();
        copies
    }

    /// Looks up which cells linked variables stand for, where variables say so.
    pub fn choose_linked_cells(&mut self, diagnostics: &mut Diagnostics) {
        for (name, link) in &mut self.links {
            let (Some((text, source)), Some(cells)) = (&link.chosen_by, &mut link.cells) else { continue };
            let Some(chosen) = self.arrays.get(text.as_str()) else { continue };
            for k in 0..chosen.len() {
                let index = chosen.get_i64(k);
                if (0..source.n() as i64).contains(&index) {
                    cells.set(k, (source.start as i64 + index) as f64);
                } else {
                    let message = format!(
                        "`{}` of cell {k} is {index}, but `{name}` is linked to a group of {} cells",
                        text.as_str(),
                        source.n()
                    );
                    diagnostics.push(Diagnostic::error(text, text.whole(), message));
                    break;
                }
            }
        }
    }

    /// Marks the cells that spiked, as the thresholder does, so that the rest of the step knows.
    #[inline]
    pub fn mark_spikes(&mut self, t_seconds: f64) {
        if self.group.refractory.is_none() {
            return;
        }
        let Some(spikes) = self.events.first().map(EventSpace::cells) else { return };
        if let Some(array) = self.arrays.get_mut("lastspike") {
            let last = array.as_f64_mut();
            spikes.iter().for_each(|i| last[*i as usize] = t_seconds);
        }
        if let Some(array) = self.arrays.get_mut("not_refractory") {
            spikes.iter().for_each(|i| array.set(*i as usize, 0.0));
        }
    }
}

/// The parameter that is the number of the first cell of a part.
pub const FIRST: &str = "_first";

/// The parameter that is the number of cells of a part.
pub const COUNT: &str = "_count";

/// Kernels of populations.
impl Memory {
    /// One step of the equations; none if nothing changes by itself.
    pub fn state_updater(&self, number: usize) -> Result<Option<Lowered>, Error> {
        let Population { group, integration, .. } = &self.populations[number];
        if integration.block.statements.is_empty() && group.refractory.is_none() {
            return Ok(None);
        }
        let equations = &group.equations.text;
        let text = group.refractory.as_ref().map_or(equations, |(_, text)| text);
        let lowered = self.lower(self.whole(number).into(), text, |lowerer| {
            match &group.refractory {
                Some((Refractory::Time(time), _)) => lowerer.refractory_time(time)?,
                Some((Refractory::While(condition), _)) => lowerer.refractory_while(condition)?,
                None => {}
            }
            lowerer.set_text(equations);
            lowerer.integration(&integration.block.statements)?;
            Ok(LoopShape::Each)
        })?;
        Ok(Some(lowered))
    }

    /// Where all cells have one refractory time throughout a run: what computes its bounds when the run begins.
    pub fn refractory_bounds(&mut self, number: usize) -> Result<Option<Code>, Error> {
        let group = &self.populations[number].group;
        let Some((Refractory::Time(time), text)) = group.refractory.clone() else { return Ok(None) };
        let is_fixed = |name: &String| name == "dt" || !group.variables.contains_key(name);
        let mut calls = false;
        time.walk(&mut |e| calls |= matches!(e.kind, ExprKind::Call(..)));
        if calls || !time.names().iter().all(is_fixed) {
            return Ok(None);
        }
        let bounds = [NOT_FROM, NOT_UNTIL].map(|name| (name.to_string(), Array::scalar(0.0)));
        self.populations[number].bounds.extend(bounds);
        let whole = self.whole(number).into();
        let lowered = self.lower(whole, &text, |lowerer| {
            lowerer.refractory_bounds(&time)?;
            Ok(LoopShape::Each)
        })?;
        self.code_once(whole, "refractory_bounds", lowered).map(Some)
    }

    /// The subexpressions that are evaluated once at the start of a step; none if there is none.
    pub fn subexpression_updater(&self, number: usize) -> Result<Option<Lowered>, Error> {
        let group = &self.populations[number].group;
        if group.constant_over_dt().next().is_none() {
            return Ok(None);
        }
        let lowered = self.lower(self.whole(number).into(), &group.equations.text, |lowerer| {
            for (name, expr) in group.constant_over_dt() {
                lowerer.statement(&Statement {
                    target: name.to_string(),
                    target_span: expr.span,
                    op: AssignOp::Set,
                    value: expr.clone(),
                    span: expr.span,
                })?;
            }
            Ok(LoopShape::Each)
        })?;
        Ok(Some(lowered))
    }

    /// The cells that an event happens to.
    pub fn thresholder(&self, number: usize, event: usize) -> Result<Lowered, Error> {
        let group = &self.populations[number].group;
        let event = &group.events[event];
        // For other events than spikes refractoriness plays no role.
        let refractory = group.refractory.is_some() && event.name == SPIKE;
        self.lower(self.whole(number).into(), &event.text, |lowerer| {
            let condition = lowerer.expr(&event.condition)?;
            Ok(LoopShape::Select(match refractory {
                true => IrExpr::binary(BinaryOp::And, condition, lowerer.expr(&Expr::name("not_refractory"))?),
                false => condition,
            }))
        })
    }

    /// What runs for the cells of an event; none without statements.
    pub fn resetter(&self, number: usize, code: usize) -> Result<Option<Lowered>, Error> {
        let code = &self.populations[number].group.event_code[code];
        if code.statements.is_empty() {
            return Ok(None);
        }
        let lowered = self.lower(Context::from(self.whole(number)), &code.text, |lowerer| {
            lowerer.override_guards();
            lowerer.statements(&code.statements)?;
            Ok(LoopShape::Indexed)
        })?;
        Ok(Some(lowered))
    }
}

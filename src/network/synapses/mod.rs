//! Synapses in memory: a population whose elements are synapses, the way from spikes to their effects, and sums.
//!
//! Synapses are made by [`connect`]; from then on their state is a [`Population`] like any other, whose code reaches the
//! cells at both ends through the arrays `i` and `j`. A [`Pathway`] takes the events of one end, keeps them for the time
//! of the delay, and runs its code for the synapses of the cells that they happened to: cells ascending, synapses in the
//! order in which they were made (Brian2's rule).

pub mod connect;
mod index;

use std::collections::BTreeMap;

use indexmap::IndexMap;

use self::index::SynapseIndex;
use super::assign::CheckedAssignment;
use super::check::{GroupInput, Source};
use super::memory::Memory;
use super::population::{Linked, Population};
use super::symbols::variable_storage;
use crate::diag::Text;
use crate::expr::ast::Expr;
use crate::expr::check::{Kind, ValueType};
use crate::integrate::Integration;
use crate::model::block::Block;
use crate::model::generator::{Candidates, Generator};
use crate::model::group::{Role, Side, SynapsesModel, Variable};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::spike_queue::SpikeQueue;

/// Synapses without errors.
pub struct CheckedSynapses {
    /// Variables, equations and code.
    pub model: SynapsesModel,
    /// How clock-driven equations are integrated.
    pub integration: Integration,
    /// What brings event-driven variables up to an event.
    pub event_driven: Block,
    /// Where spikes come from.
    pub source: Source,
    /// Where they go to.
    pub target: Source,
    /// Which clock the synapses follow.
    pub clock: usize,
    /// Order of their state update.
    pub order: i32,
    /// Order of the state updates of the source and of the target.
    pub orders_of_ends: [i32; 2],
    /// Delays in seconds of pathways whose synapses all have one.
    pub delays: BTreeMap<String, f64>,
    /// Rules by which synapses are made.
    pub connect: Vec<CheckedConnect>,
    /// Name of a variable that numbers the synapses of each pair.
    pub multisynaptic_index: Option<String>,
    /// Initial values.
    pub init: Vec<CheckedAssignment>,
}

/// A rule without errors.
pub struct CheckedConnect {
    /// Where it stands.
    pub text: Text,
    /// Which pairs.
    pub rule: CheckedRule,
    /// The chance of each pair of a list.
    pub p: Option<f64>,
    /// Synapses of each pair, and where that stands.
    pub n: Option<(Expr, Text)>,
    /// Whether numbers are drawn for `n`.
    pub n_is_stateful: bool,
    /// Whether generated numbers of no cell are left out.
    pub skip_if_invalid: bool,
}

/// Which pairs of cells a rule connects.
pub enum CheckedRule {
    /// These, counted from the first cells of both ends.
    Lists(Vec<i32>, Vec<i32>),
    /// For each cell of one end those that a generator gives.
    Rows(Box<Rows>),
}

/// For each cell of one end, cells of the other one.
pub struct Rows {
    /// The end that is gone through.
    pub outer: Side,
    /// Which cells of the other end.
    pub generator: Generator,
    /// The variable of the generator.
    pub variable: Option<String>,
    /// If every candidate is taken, or each with a chance that is a number: that chance.
    pub chance: Option<f64>,
    /// Whether candidates are the cells themselves, all of them, without a condition.
    pub is_whole: bool,
    /// Whether numbers are drawn for a candidate.
    pub is_stateful: bool,
    /// Whether the condition depends on the row only.
    pub condition_is_of_row: bool,
    /// Whether the condition depends on what the other cell has.
    pub condition_looks_at_other: bool,
    /// Whether it depends on nothing of the other cell but its number, which need not be that of a cell.
    pub condition_names_other: bool,
    /// Where it stands.
    pub text: Text,
}

impl Rows {
    /// Whether nothing has to be evaluated for a pair.
    pub fn is_plain(&self) -> bool {
        self.is_whole && (self.chance.is_some() || matches!(self.generator.candidates, Candidates::All(_)))
    }
}

/// Where the arrays of one end are.
fn add_end(memory: &Memory, side: Side, end: Source, cells: &[i32], population: &mut Population, other: Source) {
    let relative = side.index().to_string();
    let suffix = side.suffix();
    let count = |n: usize| {
        let mut array = Array::zeros(ElementType::I32, 1);
        array.set(0, n as f64);
        array
    };
    let filled = |first: usize| {
        let mut array = Array::zeros(ElementType::I32, cells.len());
        cells.iter().enumerate().for_each(|(k, cell)| array.set(k, (*cell as usize + first) as f64));
        array
    };
    let absolute = format!("_i{suffix}");
    population.arrays.insert(relative, filled(0));
    population.arrays.insert(absolute.clone(), filled(end.start));
    population.arrays.insert(format!("N{suffix}"), count(end.n()));
    population.arrays.insert(format!("_N{suffix}"), count(memory.populations[end.population].n()));
    let there = &memory.populations[end.population];
    // One array under one name, whichever end it is looked at from.
    let param_suffix = if end.population == other.population { "_post" } else { suffix };
    for (name, variable) in &population.group.variables {
        let Role::Endpoint { side: own, variable: seen } = &variable.role else { continue };
        let Some(given) = there.group.variables.get(seen).filter(|_| *own == side) else { continue };
        let guard = given.unless_refractory.then(|| format!("not_refractory{suffix}"));
        let linked = Linked {
            population: end.population,
            variable: seen.clone(),
            param: format!("{seen}{param_suffix}"),
            guard,
            storage: variable_storage(given),
            is_single: given.shared,
            index: (!given.shared).then(|| absolute.clone()),
            cells: None,
            chosen_by: None,
            copy: None,
        };
        population.links.insert(name.clone(), linked);
    }
}

/// A population of synapses between these cells, counted from the first ones of both ends, with one more variable if
/// that is given.
pub fn make_population(
    memory: &Memory,
    checked: &CheckedSynapses,
    pre: &[i32],
    post: &[i32],
    variable: Option<(&str, &[i32])>,
) -> Population {
    let mut group = checked.model.group.clone();
    group.n = pre.len();
    if let Some((name, _)) = variable {
        let kind = Kind::plain(ValueType::Integer);
        group.variables.insert(name.to_string(), Variable::internal(Role::Given, kind.ty, kind.dimension, false));
    }
    let mut population = Population::new(group, checked.integration.clone(), checked.clock, GroupInput::Neurons);
    add_end(memory, Side::Pre, checked.source, pre, &mut population, checked.target);
    add_end(memory, Side::Post, checked.target, post, &mut population, checked.source);
    let incoming = counts(post, checked.target.n());
    let outgoing = counts(pre, checked.source.n());
    for (name, counts, cells) in [("N_incoming", incoming, post), ("N_outgoing", outgoing, pre)] {
        if let Some(array) = population.arrays.get_mut(name) {
            cells.iter().enumerate().for_each(|(k, cell)| array.set(k, f64::from(counts[*cell as usize])));
        }
    }
    if let Some(array) = checked.multisynaptic_index.as_ref().and_then(|name| population.arrays.get_mut(name)) {
        let mut seen: BTreeMap<(i32, i32), u32> = BTreeMap::new();
        for (k, pair) in pre.iter().zip(post).enumerate() {
            let number = seen.entry((*pair.0, *pair.1)).or_default();
            array.set(k, f64::from(*number));
            *number += 1;
        }
    }
    if let Some((name, values)) = variable
        && let Some(array) = population.arrays.get_mut(name)
    {
        values.iter().enumerate().for_each(|(k, value)| array.set(k, f64::from(*value)));
    }
    population
}

fn counts(cells: &[i32], n: usize) -> Vec<u32> {
    let mut counts = vec![0; n];
    cells.iter().for_each(|cell| counts[*cell as usize] += 1);
    counts
}

/// Delays of the synapses of a pathway.
#[derive(Clone, Debug, PartialEq)]
pub enum Delay {
    /// One for all.
    Same,
    /// One of each.
    Each,
}

/// The way from the events of one end to their effects.
pub struct Pathway {
    /// Name of its code object, such as `S_pre`.
    pub name: String,
    /// Name of the pathway, such as `pre`.
    pub short_name: String,
    /// Which end its events are of.
    pub side: Side,
    /// The population of synapses.
    pub synapses: usize,
    /// The cells whose events it takes.
    pub source: Source,
    /// Number of the event in their population.
    pub event: usize,
    /// Which clock it follows.
    pub clock: usize,
    /// Number of its code.
    pub code: usize,
    /// Whether its synapses have one delay; in seconds, it is the variable `NAME.delay`.
    pub delay: Delay,
    /// Synapses by cell.
    pub index: SynapseIndex,
    /// Events on their way: cells if all synapses have one delay, else synapses.
    pub queue: SpikeQueue,
    /// Delays in steps: one for all, or one for each synapse.
    steps: Vec<u32>,
    /// Synapses whose effects come now.
    due: Vec<i32>,
}

impl Pathway {
    /// Nothing on its way.
    #[allow(clippy::too_many_arguments, reason = "each is a field")]
    pub fn new(
        name: String,
        short_name: String,
        side: Side,
        synapses: usize,
        source: Source,
        event: usize,
        clock: usize,
        code: usize,
        delay: Delay,
        cells: &[i32],
    ) -> Pathway {
        let index = SynapseIndex::new(cells, source.n());
        let queue = SpikeQueue::new(0);
        let (steps, due) = (Vec::new(), Vec::new());
        Pathway { name, short_name, side, synapses, source, event, clock, code, delay, index, queue, steps, due }
    }

    /// Brings delays in steps up to date; returns how many delays above zero became zero steps.
    pub fn prepare(&mut self, arrays: &IndexMap<String, Array>, dt_seconds: f64) -> usize {
        // Half a step up (Brian2's rule).
        let in_steps = |seconds: f64| (seconds / dt_seconds + 0.5).max(0.0) as u32;
        let mut lost = 0;
        self.steps.clear();
        match arrays.get(&format!("{}.delay", self.short_name)) {
            None => {}
            Some(array) => {
                let seconds = (0..array.len()).map(|k| array.get(k));
                self.steps.extend(seconds.map(in_steps));
                let is_lost = |k: &usize| array.get(*k) > 0.0 && self.steps[*k] == 0;
                lost = (0..array.len()).filter(is_lost).count();
            }
        }
        let longest = self.steps.iter().copied().max().unwrap_or(0) as usize;
        self.queue.reserve(longest);
        lost
    }

    /// Goes back to a state: the synapses of these arrays, and what is on its way, in how many steps.
    pub fn restore(&mut self, arrays: &IndexMap<String, Array>, pending: impl Iterator<Item = (i64, u32)>) {
        if let Some(cells) = arrays.get(self.side.index()) {
            let cells: Vec<i32> = (0..cells.len()).map(|k| cells.get_i64(k) as i32).collect();
            self.index = SynapseIndex::new(&cells, self.source.n());
        }
        self.queue.clear();
        for (ahead, number) in pending {
            let ahead = usize::try_from(ahead).unwrap_or(0);
            self.queue.reserve(ahead);
            self.queue.push(ahead, number);
        }
    }

    /// Puts the cells of an event in, counted in their population, and gives the synapses whose effects come now.
    #[inline]
    pub fn exchange(&mut self, cells: &[i32]) -> &[i32] {
        let first = self.source.start as i32;
        self.due.clear();
        match &self.delay {
            Delay::Same => {
                let delay = self.steps[0] as usize;
                cells.iter().for_each(|cell| self.queue.push(delay, (cell - first) as u32));
                for cell in self.queue.current() {
                    self.index.extend(&mut self.due, *cell as usize);
                }
            }
            Delay::Each => {
                for cell in cells {
                    for synapse in self.index.synapses((cell - first) as usize) {
                        self.queue.push(self.steps[synapse as usize] as usize, synapse);
                    }
                }
                self.due.extend(self.queue.current().iter().map(|synapse| *synapse as i32));
            }
        }
        self.queue.advance();
        &self.due
    }
}

/// A variable of the cells at one end that is a sum over their synapses.
pub struct Sum {
    /// The cells.
    pub target: Source,
    /// The variable.
    pub variable: String,
    /// The population of synapses.
    pub synapses: usize,
    /// Number of the code that adds all of them.
    pub code: usize,
}

//! Synapses in memory: a population whose elements are synapses, the way from spikes to their effects, and sums.
//!
//! Synapses are made by [`connect`]; from then on their state is a [`Population`] like any other, whose code reaches the
//! cells at both ends through their numbers ([`wiring`]). A [`pathway`] brings the events of one end to their effects.

pub mod connect;
pub mod delays;
pub mod flight;
mod index;
pub mod pathway;
pub mod recipe;
pub mod room;
pub mod steps;
pub mod wiring;

use std::collections::BTreeMap;

use self::delays::Delays;
use self::wiring::{SOURCES, TARGETS, Wiring};
use super::assign::CheckedAssignment;
use super::check::{GroupInput, Source};
use super::memory::Memory;
use super::population::{Linked, Population};
use super::symbols::variable_storage;
use crate::diag::Text;
use crate::expr::ast::Expr;
use crate::integrate::Integration;
use crate::model::block::Block;
use crate::model::generator::{Candidates, Generator};
use crate::model::group::{Role, Side, SynapsesModel};
use crate::runtime::array::Array;

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

impl CheckedSynapses {
    /// The cells of one end.
    pub fn end(&self, side: Side) -> Source {
        match side {
            Side::Pre => self.source,
            Side::Post => self.target,
        }
    }
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

/// Links to the variables of the cells at one end.
fn add_end(memory: &Memory, side: Side, end: Source, population: &mut Population, other: Source) {
    let suffix = side.suffix();
    let count = |n: usize| Array::from_i32(&[n as i32]);
    population.arrays.insert(format!("N{suffix}"), count(end.n()));
    population.arrays.insert(format!("_N{suffix}"), count(memory.populations[end.population].n()));
    population.arrays.insert(format!("_first{suffix}"), count(end.start));
    let cells = if side == Side::Pre { SOURCES } else { TARGETS };
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
            index: (!given.shared).then(|| cells.to_string()),
            cells: None,
            chosen_by: None,
            copy: None,
        };
        population.links.insert(name.clone(), linked);
    }
}

/// A population of so many synapses, whose cells are not yet known.
pub fn make_population(memory: &Memory, checked: &CheckedSynapses, n: usize) -> Population {
    let mut group = checked.model.group.clone();
    group.n = n;
    let mut population = Population::new(group, checked.integration.clone(), checked.clock, GroupInput::Neurons);
    let mut wiring = Wiring::new(checked.source, checked.target);
    for pathway in &checked.model.pathways {
        let seconds = checked.delays.get(&pathway.name).copied().unwrap_or(0.0);
        wiring.delays.insert(format!("{}.delay", pathway.name), Delays::Same(seconds));
    }
    population.wiring = Some(wiring);
    add_end(memory, Side::Pre, checked.source, &mut population, checked.target);
    add_end(memory, Side::Post, checked.target, &mut population, checked.source);
    population
}

/// Numbers the synapses of each pair, in the order of making.
pub fn number_synapses(population: &mut Population, name: &str) {
    let targets = population.cells_at(Side::Post);
    let index = population.index(Side::Pre);
    let Some(array) = population.arrays.get_mut(name) else { return };
    // The synapses of a source by target: those of a pair stay in their order.
    let mut of_source = Vec::new();
    for cell in 0..index.cells() {
        of_source.clear();
        of_source.extend(index.synapses(cell).map(|synapse| (targets[synapse as usize], synapse)));
        of_source.sort_unstable();
        for of_pair in of_source.chunk_by(|a, b| a.0 == b.0) {
            of_pair.iter().enumerate().for_each(|(number, (_, synapse))| array.set(*synapse as usize, number as f64));
        }
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

//! The matrices of linear systems, computed when what they depend on has changed.
//!
//! A kernel evaluates the rates of each cell (or once, if all cells have the same); where they differ from the last ones
//! the matrix exponential is computed anew. If nothing that they depend on can change while the network runs, this
//! happens at the start of each run only.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::code::{Code, Elements};
use super::error::Error;
use super::memory::Memory;
use super::population::Population;
use crate::expr::ast::Expr;
use crate::integrate::propagator::propagator;
use crate::kernel::ir::{LoopShape, Storage};
use crate::kernel::lower::Lowered;
use crate::model::block::{Propagator, Rates};
use crate::model::group::{Group, Role};
use crate::random::Streams;
use crate::runtime::array::{Array, ElementType};

/// The propagator of a population, kept up to date.
pub struct PropagatorUpdater {
    /// Evaluates the rates, into arrays of its own; absent ones are zero.
    pub code: Code,
    /// Whether the rates may change from step to step.
    pub every_step: bool,
    /// Which of these arrays each entry is: of `a` row by row, then of `b`, for each set; none if it is zero.
    places: Vec<Option<usize>>,
    /// The rates that the matrices were computed from, cell by cell.
    last: Vec<f64>,
    work: Work,
}

/// Memory of an update.
struct Work {
    /// Number of variables.
    n: usize,
    /// The rates of one cell: `a`, then `b`, for each set.
    now: Vec<f64>,
    entries: Vec<f64>,
    offsets: Vec<f64>,
}

/// The sets of rates of a system, and whether each is for refractory cells.
fn sets(system: &Propagator) -> impl Iterator<Item = (bool, &Rates)> {
    std::iter::once((false, &system.free)).chain(system.refractory.iter().map(|rates| (true, rates)))
}

/// Names of everything that the rates depend on, through subexpressions too.
fn inputs(system: &Propagator, group: &Group) -> BTreeSet<String> {
    fn visit(expr: &Expr, group: &Group, names: &mut BTreeSet<String>) {
        for name in expr.names() {
            if let Some(Role::Subexpression(inner)) = group.variables.get(&name).map(|v| &v.role) {
                if names.insert(name) {
                    visit(inner, group, names);
                }
            } else {
                names.insert(name);
            }
        }
    }
    let mut names = BTreeSet::new();
    for expr in sets(system).flat_map(|(_, rates)| rates.a.iter().flatten().chain(&rates.b).flatten()) {
        visit(expr, group, &mut names);
    }
    names
}

/// Whether the rates are the same for all cells, and whether they may change from step to step.
fn dependence(system: &Propagator, group: &Group) -> (bool, bool) {
    let names = inputs(system, group);
    let variables = || names.iter().filter_map(|n| group.variables.get(n).map(|v| (n, v)));
    let same = variables().all(|(_, v)| !v.varies);
    let changes = variables().any(|(name, v)| {
        group.written.contains(name.as_str())
            || matches!(
                v.role,
                Role::State
                    | Role::Linked
                    | Role::ConstantOverDt(_)
                    | Role::LastSpike
                    | Role::NotRefractory
                    | Role::Time
                    | Role::StepNumber
            )
    });
    (same, changes)
}

fn rate_name(refractory: bool, row: usize, column: usize) -> String {
    format!("{}_rate_{row}_{column}", if refractory { "_refractory" } else { "" })
}

fn input_name(refractory: bool, row: usize) -> String {
    format!("{}_input_{row}", if refractory { "_refractory" } else { "" })
}

/// Makes the arrays of the propagator's entries, zero for now, in the population: for each set the rows, each row's
/// offset after it.
pub fn allocate(population: &mut Population) {
    let Some(system) = population.integration.propagator.clone() else { return };
    let (same, _) = dependence(&system, &population.group);
    let len = if same { 1 } else { population.n() };
    population.propagator_is_scalar = same;
    let n = system.variables.len();
    for (refractory, _) in sets(&system) {
        for row in 0..n {
            let columns = (0..n).map(|column| system.entry_name(row, column, refractory));
            for name in columns.chain([system.offset_name(row, refractory)]) {
                population.propagator_arrays.insert(name, Array::zeros(ElementType::F64, len));
            }
        }
    }
}

/// How the rates of a system come to be known.
pub struct RatesCode {
    /// The kernel that evaluates them.
    pub kernel: Lowered,
    /// The arrays that it writes.
    pub arrays: IndexMap<String, Array>,
    /// Whether it has to run at every step.
    pub every_step: bool,
}

/// How the rates of a group's linear system come to be known, if it has one that takes a propagator.
pub fn rates(memory: &Memory, number: usize) -> Result<Option<RatesCode>, Error> {
    let population = &memory.populations[number];
    let Some(system) = &population.integration.propagator else { return Ok(None) };
    let (same, every_step) = dependence(system, &population.group);
    let len = if same { 1 } else { population.n() };
    let mut arrays = IndexMap::new();
    let kernel = memory.lower(memory.whole(number).into(), &population.group.equations.text, |lowerer| {
        for (refractory, rates) in sets(system) {
            let entries = rates.a.iter().enumerate().flat_map(|(row, entries)| {
                let named = move |(column, rate)| (rate_name(refractory, row, column), rate);
                entries.iter().enumerate().map(named)
            });
            let inputs = rates.b.iter().enumerate().map(|(row, input)| (input_name(refractory, row), input));
            for (name, expr) in entries.chain(inputs) {
                if let Some(expr) = expr {
                    let value = lowerer.expr(expr)?;
                    lowerer.output(&name, Storage::F64, value);
                    arrays.insert(name, Array::zeros(ElementType::F64, len));
                }
            }
        }
        Ok(LoopShape::Each)
    })?;
    Ok(Some(RatesCode { kernel, arrays, every_step }))
}

impl PropagatorUpdater {
    /// Nothing computed yet.
    pub fn new(code: Code, every_step: bool, system: &Propagator) -> Self {
        let n = system.variables.len();
        let mut places = Vec::new();
        for (refractory, _) in sets(system) {
            let names = (0..n * n).map(|k| rate_name(refractory, k / n, k % n));
            let names = names.chain((0..n).map(|row| input_name(refractory, row)));
            places.extend(names.map(|name| code.arrays.get_index_of(&name)));
        }
        let work = Work { n, now: vec![0.0; places.len()], entries: vec![0.0; n * n], offsets: vec![0.0; n] };
        PropagatorUpdater { code, every_step, places, last: Vec::new(), work }
    }

    /// Brings the entries up to date with the rates as they are now.
    pub fn update(&mut self, populations: &mut [Population], number: usize, dt_seconds: f64, streams: &mut Streams) {
        let population = &populations[number];
        let cells = if population.propagator_is_scalar { 1 } else { population.group.n };
        self.code.prepare(Elements::Range(0, cells), populations, streams);
        self.code.object.run_range(0..cells);
        let population = &mut populations[number];
        let width = self.places.len();
        if self.last.len() != cells * width {
            self.last = vec![f64::NAN; cells * width];
        }
        for cell in 0..cells {
            for (now, place) in self.work.now.iter_mut().zip(&self.places) {
                *now = place.map_or(0.0, |k| self.code.arrays[k].as_f64()[cell]);
            }
            let last = &mut self.last[cell * width..(cell + 1) * width];
            if last.iter().zip(&self.work.now).all(|(a, b)| a.to_bits() == b.to_bits()) {
                continue;
            }
            last.copy_from_slice(&self.work.now);
            self.work.fill(cell, dt_seconds, &mut population.propagator_arrays);
        }
    }
}

impl Work {
    /// Computes the matrices of one cell from `now` and writes their entries, which stand in the order of [`allocate`].
    fn fill(&mut self, cell: usize, dt_seconds: f64, arrays: &mut IndexMap<String, Array>) {
        let n = self.n;
        let mut arrays = arrays.values_mut();
        for rates in self.now.chunks_exact(n * n + n) {
            let (a, b) = rates.split_at(n * n);
            propagator(a, b, dt_seconds, &mut self.entries, &mut self.offsets);
            for (row, offset) in self.entries.chunks_exact(n).zip(&self.offsets) {
                for (value, array) in row.iter().chain([offset]).zip(&mut arrays) {
                    array.as_f64_mut()[cell] = *value;
                }
            }
        }
    }
}

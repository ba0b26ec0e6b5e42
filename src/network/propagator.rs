//! The matrices of linear systems, computed when what they depend on has changed.
//!
//! A kernel evaluates the rates of each cell (or once, if all cells have the same); where they differ from the last ones
//! the matrix exponential is computed anew. If nothing that they depend on can change while the network runs, this
//! happens at the start of each run only.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::error::Error;
use super::neuron_group::Population;
use crate::engine::CodeObject;
use crate::expr::ast::Expr;
use crate::integrate::propagator::propagate;
use crate::kernel::ir::{LoopShape, Storage};
use crate::kernel::lower::Lowered;
use crate::model::block::Propagator;
use crate::model::group::{Group, Role};
use crate::runtime::array::{Array, ElementType};

/// The propagator of a population, kept up to date.
pub struct PropagatorUpdater {
    /// Evaluates the rates.
    pub code: CodeObject,
    /// Whether the rates may change from step to step.
    pub every_step: bool,
    /// The rates that the kernel writes, by name: of `a` row by row, then of `b`; absent ones are zero.
    pub rates: IndexMap<String, Array>,
    /// Which of `rates` each entry of `a`, then of `b`, is; none if it is zero.
    places: Vec<Option<usize>>,
    /// The rates that the matrices were computed from, cell by cell.
    last: Vec<f64>,
    work: Work,
}

/// Memory of an update.
struct Work {
    /// The rates of one cell: `a`, then `b`.
    now: Vec<f64>,
    entries: Vec<f64>,
    offsets: Vec<f64>,
}

/// Names of everything that the rates depend on, through subexpressions too.
fn inputs(system: &Propagator, group: &Group) -> BTreeSet<String> {
    fn visit(expr: &Expr, group: &Group, names: &mut BTreeSet<String>) {
        for name in expr.names() {
            if let Some(Role::Subexpression(inner)) = group.variables.get(&name).map(|v| &v.role) {
                visit(inner, group, names);
            } else {
                names.insert(name);
            }
        }
    }
    let mut names = BTreeSet::new();
    for expr in system.a.iter().flatten().chain(&system.b).flatten() {
        visit(expr, group, &mut names);
    }
    names
}

/// Whether the rates are the same for all cells, and whether they may change from step to step.
fn dependence(system: &Propagator, group: &Group) -> (bool, bool) {
    let names = inputs(system, group);
    let variables = || names.iter().filter_map(|n| group.variables.get(n).map(|v| (n, v)));
    let same = variables().all(|(_, v)| v.shared);
    let written: BTreeSet<&str> = group.reset.iter().map(|s| s.target.as_str()).collect();
    let changes = variables().any(|(name, v)| {
        written.contains(name.as_str())
            || matches!(v.role, Role::State | Role::LastSpike | Role::NotRefractory | Role::Time | Role::StepNumber)
    });
    (same, changes)
}

fn rate_name(row: usize, column: usize) -> String {
    format!("_rate_{row}_{column}")
}

fn input_name(row: usize) -> String {
    format!("_input_{row}")
}

/// Makes the arrays of the propagator's entries, zero for now, in the population.
pub fn allocate(population: &mut Population) {
    let Some(system) = population.integration.propagator.clone() else { return };
    let (same, _) = dependence(&system, &population.group);
    let len = if same { 1 } else { population.n() };
    population.propagator_is_scalar = same;
    let sets: &[bool] = if system.unless_refractory.contains(&true) { &[false, true] } else { &[false] };
    for row in 0..system.variables.len() {
        for &refractory in sets {
            let columns = (0..system.variables.len()).map(|column| system.entry_name(row, column, refractory));
            for name in columns.chain([system.offset_name(row, refractory)]) {
                population.propagator_arrays.insert(name, Array::zeros(ElementType::F64, len));
            }
        }
    }
}

/// The kernel that evaluates the rates, the arrays that it writes, and whether it has to run at every step.
pub fn rates(population: &Population) -> Result<Option<(Lowered, IndexMap<String, Array>, bool)>, Error> {
    let Some(system) = &population.integration.propagator else { return Ok(None) };
    let (same, every_step) = dependence(system, &population.group);
    let len = if same { 1 } else { population.n() };
    let mut arrays = IndexMap::new();
    let lowered = population.lower(&population.group.equations.text, |lowerer| {
        for (row, entries) in system.a.iter().enumerate() {
            for (column, rate) in entries.iter().enumerate() {
                if let Some(rate) = rate {
                    let value = lowerer.expr(rate)?;
                    lowerer.output(&rate_name(row, column), Storage::F64, value);
                    arrays.insert(rate_name(row, column), Array::zeros(ElementType::F64, len));
                }
            }
        }
        for (row, input) in system.b.iter().enumerate() {
            if let Some(input) = input {
                let value = lowerer.expr(input)?;
                lowerer.output(&input_name(row), Storage::F64, value);
                arrays.insert(input_name(row), Array::zeros(ElementType::F64, len));
            }
        }
        Ok(LoopShape::Each)
    })?;
    Ok(Some((lowered, arrays, every_step)))
}

impl PropagatorUpdater {
    /// Nothing computed yet.
    pub fn new(code: CodeObject, rates: IndexMap<String, Array>, every_step: bool, system: &Propagator) -> Self {
        let n = system.variables.len();
        let names = (0..n * n).map(|k| rate_name(k / n, k % n)).chain((0..n).map(input_name));
        let places = names.map(|name| rates.get_index_of(&name)).collect();
        let work = Work { now: vec![0.0; n * n + n], entries: vec![0.0; n * n], offsets: vec![0.0; n] };
        PropagatorUpdater { code, every_step, rates, places, last: Vec::new(), work }
    }

    /// Forgets what was computed, so that the next update computes everything: the length of a step has changed.
    pub fn invalidate(&mut self) {
        self.last.clear();
    }

    /// Brings the entries up to date with the rates as they are now.
    pub fn update(&mut self, population: &mut Population, dt_seconds: f64) {
        let cells = if population.propagator_is_scalar { 1 } else { population.group.n };
        let Some(system) = &population.integration.propagator else { return };
        self.code.run(cells);
        let width = self.work.now.len();
        if self.last.len() != cells * width {
            self.last = vec![f64::NAN; cells * width];
        }
        for cell in 0..cells {
            for (now, place) in self.work.now.iter_mut().zip(&self.places) {
                *now = place.map_or(0.0, |k| self.rates[k].as_f64()[cell]);
            }
            let last = &mut self.last[cell * width..(cell + 1) * width];
            if last.iter().zip(&self.work.now).all(|(a, b)| a.to_bits() == b.to_bits()) {
                continue;
            }
            last.copy_from_slice(&self.work.now);
            self.work.fill(system, cell, dt_seconds, &mut population.propagator_arrays);
        }
    }
}

impl Work {
    /// Computes the matrices of one cell from `now` and writes their entries, which stand in the order of [`allocate`].
    fn fill(&mut self, system: &Propagator, cell: usize, dt_seconds: f64, arrays: &mut IndexMap<String, Array>) {
        let n = system.variables.len();
        let sets = if system.unless_refractory.contains(&true) { 2 } else { 1 };
        for set in 0..sets {
            // The second set is for refractory cells: protected variables stand still. It comes last, so that the
            // rates may be changed in place.
            for row in (0..n).filter(|row| set == 1 && system.unless_refractory[*row]) {
                self.now[row * n..(row + 1) * n].fill(0.0);
                self.now[n * n + row] = 0.0;
            }
            let (a, b) = self.now.split_at(n * n);
            propagate(a, b, dt_seconds, &mut self.entries, &mut self.offsets);
            for row in 0..n {
                let first = (row * sets + set) * (n + 1);
                for column in 0..n {
                    arrays[first + column].as_f64_mut()[cell] = self.entries[row * n + column];
                }
                arrays[first + n].as_f64_mut()[cell] = self.offsets[row];
            }
        }
    }
}

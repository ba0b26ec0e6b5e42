//! The solution of linear systems.
//!
//! An equation `dx/dt = A*x + B` on its own has the closed form `x*exp(A*dt) + B*dt*exprel(A*dt)`: the same form for
//! every `A`, zero and infinity included, and both factors are computed once a step where `A` is the same for all
//! cells. Equations that depend on each other are solved together by a [`Propagator`].
//!
//! Everything linear with coefficients that are constant over a step is accepted: more than Brian2 takes, whose
//! formulas need an invertible matrix and real eigenvalues that sympy finds.

use super::step::{Step, dt, increment, over_step};
use super::{Integration, Method};
use crate::expr::ast::{Expr, ExprKind};
use crate::expr::simplify::{self, add, mul};
use crate::model::block::{OdeSystem, Propagator, Rates, transitive_closure};

/// The step of a system with these rates.
pub fn step(system: &OdeSystem, rates: &Rates) -> Integration {
    let coupled: Vec<bool> = rates.a.iter().enumerate().map(|(i, row)| depends_on_others(row, i)).collect();
    let reaches = rates.reaches();
    // What the coupled equations depend on belongs to their matrix, be it on its own or not.
    let members: Vec<usize> =
        (0..coupled.len()).filter(|&j| (0..coupled.len()).any(|i| coupled[i] && reaches[i][j])).collect();
    let together = (!members.is_empty()).then(|| Together::new(system, rates, members));
    let names = together.iter().flat_map(Together::names);
    let mut step = Step::avoiding(names);
    for (k, ode) in system.odes.iter().enumerate() {
        let value = match &together {
            Some(together) if coupled[k] => together.new_value(k),
            _ => alone(&ode.name, rates.a[k][k].as_ref(), rates.b[k].as_ref()),
        };
        step.update(ode, value);
    }
    Integration { method: Method::Exact, block: step.finish(), propagator: together.map(|t| t.propagator) }
}

fn depends_on_others(row: &[Option<Expr>], own: usize) -> bool {
    row.iter().enumerate().any(|(j, a)| j != own && a.is_some())
}

/// The solution of `dx/dt = A*x + B`. If `x` stands still while refractory, its old value stays: no factor is needed.
fn alone(variable: &str, a: Option<&Expr>, b: Option<&Expr>) -> Expr {
    let Some(a) = a else { return add(Expr::name(variable), b.map_or(Expr::int(0), |b| increment(dt(), b))) };
    let decayed = mul(Expr::name(variable), Expr::call("exp", vec![over_step(a)]));
    let factor = || mul(dt(), Expr::call("exprel", vec![over_step(a)]));
    add(decayed, b.map_or(Expr::int(0), |b| increment(factor(), b)))
}

/// Equations that are solved together.
struct Together {
    propagator: Propagator,
    /// Row or column of each equation of the system.
    place: Vec<Option<usize>>,
    /// Where the entries differ between the two sets of rates; the last column is that of the offsets.
    differs: Vec<Vec<bool>>,
    /// Whether each variable keeps its value while refractory, whatever is computed.
    protected: Vec<bool>,
}

impl Together {
    fn new(system: &OdeSystem, rates: &Rates, members: Vec<usize>) -> Together {
        let protected: Vec<bool> = members.iter().map(|&k| system.odes[k].unless_refractory).collect();
        let free = part(rates, &members, true);
        let mut refractory = part(rates, &members, false);
        for i in (0..members.len()).filter(|&i| protected[i]) {
            refractory.a[i].fill(None);
            refractory.b[i] = None;
        }
        let differs = differences(&free, &refractory);
        let chosen = (0..members.len()).any(|i| !protected[i] && differs[i].contains(&true));
        let variables = members.iter().map(|&k| system.odes[k].name.clone()).collect();
        let propagator = Propagator { variables, free, refractory: chosen.then_some(refractory) };
        let place = (0..system.odes.len()).map(|k| members.iter().position(|&m| m == k)).collect();
        Together { propagator, place, differs, protected }
    }

    /// The names that statements may read.
    fn names(&self) -> impl Iterator<Item = String> {
        let n = self.propagator.variables.len();
        let both = [false, true].into_iter();
        both.flat_map(move |refractory| {
            let entries = (0..n).flat_map(move |i| (0..n).map(move |j| self.propagator.entry_name(i, j, refractory)));
            entries.chain((0..n).map(move |i| self.propagator.offset_name(i, refractory)))
        })
    }

    /// The row of the matrix times the variables, plus the offset; the variable itself comes first.
    fn new_value(&self, equation: usize) -> Expr {
        let Some(row) = self.place[equation] else { return Expr::int(0) };
        let variables = &self.propagator.variables;
        let others = (0..variables.len()).filter(|&j| j != row);
        let mut sum = Expr::int(0);
        for column in std::iter::once(row).chain(others) {
            sum = add(sum, mul(self.entry(row, column), Expr::name(&variables[column])));
        }
        add(sum, self.entry(row, variables.len()))
    }

    /// The entry, chosen for each cell where it differs: first the entries, then one product. A protected variable
    /// takes no part, since its new value is not stored while refractory.
    fn entry(&self, row: usize, column: usize) -> Expr {
        let free = self.entry_of(&self.propagator.free, row, column, false);
        match &self.propagator.refractory {
            Some(rates) if self.differs[row][column] && !self.protected[row] => {
                let refractory = self.entry_of(rates, row, column, true);
                Expr::call("_select", vec![Expr::name("not_refractory"), as_float(free), as_float(refractory)])
            }
            _ => free,
        }
    }

    /// The name of the entry, or its value where the structure of the equations tells.
    fn entry_of(&self, rates: &Rates, row: usize, column: usize, refractory: bool) -> Expr {
        if column == self.propagator.variables.len() {
            let name = || Expr::name(self.propagator.offset_name(row, refractory));
            return if rates.offsets()[row] { name() } else { Expr::int(0) };
        }
        let stays = || {
            let mut onward: Vec<Vec<bool>> =
                rates.a.iter().map(|row| row.iter().map(Option::is_some).collect()).collect();
            transitive_closure(&mut onward);
            !onward[row][row]
        };
        if row == column && stays() {
            Expr::int(1)
        } else if rates.reaches()[row][column] {
            Expr::name(self.propagator.entry_name(row, column, refractory))
        } else {
            Expr::int(0)
        }
    }
}

fn as_float(entry: Expr) -> Expr {
    match entry.kind {
        ExprKind::Int(value) => Expr::float(value as f64),
        _ => entry,
    }
}

/// The rates of some variables for one value of `not_refractory`.
fn part(rates: &Rates, members: &[usize], not_refractory: bool) -> Rates {
    let at = |e: &Option<Expr>| {
        let e = e.as_ref()?;
        if !e.mentions("not_refractory") {
            return Some(e.clone());
        }
        let value = ExprKind::Bool(not_refractory);
        let put_in = e.substitute(&|n| (n == "not_refractory").then(|| Expr::new(value.clone(), e.span)));
        Some(simplify::rebuild(&put_in)).filter(|e| !simplify::is_zero(e))
    };
    let row = |&i: &usize| members.iter().map(|&j| at(&rates.a[i][j])).collect();
    Rates { a: members.iter().map(row).collect(), b: members.iter().map(|&i| at(&rates.b[i])).collect() }
}

/// Where `P` and `c` of the two differ: where a chain of rates leads through a row that does. The constant input counts
/// as one more variable.
fn differences(free: &Rates, refractory: &Rates) -> Vec<Vec<bool>> {
    let n = free.b.len();
    let changed: Vec<usize> =
        (0..n).filter(|&i| free.a[i] != refractory.a[i] || free.b[i] != refractory.b[i]).collect();
    let mut reaches = vec![vec![false; n + 1]; n + 1];
    for (i, row) in reaches.iter_mut().enumerate() {
        row[i] = true;
        for rates in [free, refractory] {
            if i < n {
                let entries = rates.a[i].iter().chain(std::iter::once(&rates.b[i]));
                row.iter_mut().zip(entries).for_each(|(reached, entry)| *reached |= entry.is_some());
            }
        }
    }
    transitive_closure(&mut reaches);
    let through = |i: usize, j: usize| changed.iter().any(|&k| reaches[i][k] && reaches[k][j]);
    (0..n).map(|i| (0..=n).map(|j| through(i, j)).collect()).collect()
}

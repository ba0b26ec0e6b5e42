//! What passes between equations, integrators and kernels: the differential equations of a group, and ordered
//! statements that compute one step of them. All are trees, never text.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::diag::{Span, Text};
use crate::expr::ast::{Expr, Statement};

/// The differential equations of one group, checked.
#[derive(Clone, Debug)]
pub struct OdeSystem {
    /// In the order of the text.
    pub odes: Vec<Ode>,
    /// Subexpressions that the right-hand sides use, each after those it uses.
    pub subexpressions: IndexMap<String, Expr>,
    /// Names of functions, of timed arrays, whose value at `t` does not change during a step: a call with just `t` as an
    /// argument does not make an equation depend on time.
    pub steady: BTreeSet<String>,
    /// The text the equations were written in, for messages.
    pub text: Text,
}

/// `dx/dt = rhs`
#[derive(Clone, Debug)]
pub struct Ode {
    /// The variable.
    pub name: String,
    /// Its rate of change; names of subexpressions stand for themselves. `xi` and names that begin with `xi_` are
    /// white noise, of unit `second**-0.5`: each name is one process for every cell.
    pub rhs: Expr,
    /// Whether it is marked `unless refractory` in a group that has refractoriness: it changes only while
    /// `not_refractory` is true.
    pub unless_refractory: bool,
    /// Where the equation stands in [`OdeSystem::text`].
    pub span: Span,
}

/// One step of one method.
///
/// Statements run in order, and draw random numbers in their order: `randn()` is standard normal, drawn anew at every
/// call. Targets that start with `_` are local to the step; every state variable is written last, so
/// that all new values come from old ones.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Block {
    /// In order.
    pub statements: Vec<Statement>,
}

/// A linear system whose step is a matrix: `x(t+dt) = P x(t) + c`, with `P = exp(A dt)` and `c = dt phi1(A dt) b`.
///
/// The block of such a method reads `P[i][j]` as [`Propagator::entry_name`] and `c[i]` as
/// [`Propagator::offset_name`], as far as they can be other than zero; someone computes them from the rates before the
/// first step, and again whenever a value that these mention has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Propagator {
    /// The variables, in the order of rows and columns.
    pub variables: Vec<String>,
    /// The rates while `not_refractory` is true, or at all times.
    pub free: Rates,
    /// The rates while `not_refractory` is false, where variables that go on then depend on it; for these the block
    /// chooses between two sets of entries with the internal function `_select(condition, if_true, if_false)`.
    pub refractory: Option<Rates>,
}

/// The equations `dx/dt = A x + b`. No entry mentions a variable of the system or `not_refractory`, nor `t` but as an
/// argument of a function that is [steady](OdeSystem::steady).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Rates {
    /// `A`, row by row; absent where zero.
    pub a: Vec<Vec<Option<Expr>>>,
    /// `b`; absent where zero.
    pub b: Vec<Option<Expr>>,
}

impl Propagator {
    /// Name of the entry of `P` in this row and column; `refractory`: for times when `not_refractory` is false.
    pub fn entry_name(&self, row: usize, column: usize, refractory: bool) -> String {
        let kind = if refractory { "_refractory_propagator" } else { "_propagator" };
        let pair = |i: usize, j: usize| format!("{}_{}", self.variables[i], self.variables[j]);
        let name = pair(row, column);
        let all = 0..self.variables.len();
        let same = all.clone().flat_map(|i| all.clone().map(move |j| (i, j))).filter(|&(i, j)| pair(i, j) == name);
        // `a_b` with `c` and `a` with `b_c`: the numbers tell them apart.
        if same.count() > 1 { format!("{kind}_{row}_{column}_{name}") } else { format!("{kind}_{name}") }
    }

    /// Name of the entry of `c` in this row.
    pub fn offset_name(&self, row: usize, refractory: bool) -> String {
        let kind = if refractory { "_refractory_offset" } else { "_offset" };
        format!("{kind}_{}", self.variables[row])
    }
}

impl Rates {
    /// Which variables each variable depends on over a step, itself included: where `P` can be other than zero.
    pub fn reaches(&self) -> Vec<Vec<bool>> {
        let mut reaches: Vec<Vec<bool>> = self.a.iter().map(|row| row.iter().map(Option::is_some).collect()).collect();
        for (i, row) in reaches.iter_mut().enumerate() {
            row[i] = true;
        }
        transitive_closure(&mut reaches);
        reaches
    }

    /// Which entries of `c` can be other than zero.
    pub fn offsets(&self) -> Vec<bool> {
        let driven = |row: &Vec<bool>| row.iter().zip(&self.b).any(|(reached, b)| *reached && b.is_some());
        self.reaches().iter().map(driven).collect()
    }
}

/// Adds to a relation what follows by going from one to the next (Warshall 1962).
pub fn transitive_closure(relation: &mut [Vec<bool>]) {
    for via in 0..relation.len() {
        let onward = relation[via].clone();
        for row in relation.iter_mut().filter(|row| row[via]) {
            for (to, reached) in row.iter_mut().zip(&onward) {
                *to |= *reached;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn propagator(variables: &[&str]) -> Propagator {
        let variables = variables.iter().map(ToString::to_string).collect();
        Propagator { variables, free: Rates::default(), refractory: None }
    }

    #[test]
    fn entries_have_names_of_their_own() {
        let plain = propagator(&["v", "ge"]);
        assert_eq!(plain.entry_name(0, 1, false), "_propagator_v_ge");
        assert_eq!(plain.entry_name(0, 1, true), "_refractory_propagator_v_ge");
        assert_eq!(plain.offset_name(1, false), "_offset_ge");
        let ambiguous = propagator(&["a", "a_b", "b_c", "c"]);
        let mut names = BTreeSet::new();
        for row in 0..4 {
            for column in 0..4 {
                assert!(names.insert(ambiguous.entry_name(row, column, false)));
            }
        }
        assert!(names.contains("_propagator_1_3_a_b_c"));
    }

    #[test]
    fn reach_is_transitive() {
        let rate = || Some(Expr::name("r"));
        let a = vec![vec![None, rate(), None], vec![None, rate(), rate()], vec![None, None, None]];
        let rates = Rates { a, b: vec![None, None, rate()] };
        assert_eq!(rates.reaches(), [[true, true, true], [false, true, true], [false, false, true]]);
        assert_eq!(rates.offsets(), [true, true, true]);
    }
}

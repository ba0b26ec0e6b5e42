//! What passes between equations, integrators and kernels: the differential equations of a group, and ordered
//! statements that compute one step of them. All are trees, never text.

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
    /// The text the equations were written in, for messages.
    pub text: Text,
}

/// `dx/dt = rhs`
#[derive(Clone, Debug)]
pub struct Ode {
    /// The variable.
    pub name: String,
    /// Its rate of change; names of subexpressions stand for themselves.
    pub rhs: Expr,
    /// Whether it is marked `unless refractory` in a group that has refractoriness: it changes only while
    /// `not_refractory` is true.
    pub unless_refractory: bool,
    /// Where the equation stands in [`OdeSystem::text`].
    pub span: Span,
}

/// One step of one method.
///
/// Statements run in order. Targets that start with `_` are local to the step; every state variable is written last, so
/// that all new values come from old ones.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Block {
    /// In order.
    pub statements: Vec<Statement>,
}

/// A linear system whose step is a matrix: `x(t+dt) = P x(t) + c`, with `P = exp(A dt)` and `c = dt phi1(A dt) b`.
///
/// The block of such a method reads `P[i][j]` as [`Propagator::entry_name`] and `c[i]` as
/// [`Propagator::offset_name`]; someone computes them from `a` and `b` before the first step, and again whenever a value
/// that these mention has changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Propagator {
    /// The variables, in the order of rows and columns.
    pub variables: Vec<String>,
    /// Whether each variable stands still while `not_refractory` is false; the block then chooses between two sets of
    /// entries, the second for such times.
    pub unless_refractory: Vec<bool>,
    /// Rates; absent where zero. They mention no variable of the system, not `t` and not `not_refractory`.
    pub a: Vec<Vec<Option<Expr>>>,
    /// Inhomogeneous terms; absent where zero.
    pub b: Vec<Option<Expr>>,
    /// Which entries of `P` can be other than zero.
    pub reaches: Vec<Vec<bool>>,
    /// Which entries of `c` can be other than zero.
    pub offset: Vec<bool>,
}

impl Propagator {
    /// Name of the entry of `P` in this row and column; `refractory`: for times when `not_refractory` is false.
    pub fn entry_name(&self, row: usize, column: usize, refractory: bool) -> String {
        let kind = if refractory { "_propagator_refractory" } else { "_propagator" };
        format!("{kind}_{}_{}", self.variables[row], self.variables[column])
    }

    /// Name of the entry of `c` in this row.
    pub fn offset_name(&self, row: usize, refractory: bool) -> String {
        let kind = if refractory { "_offset_refractory" } else { "_offset" };
        format!("{kind}_{}", self.variables[row])
    }
}

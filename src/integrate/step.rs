//! Puts the statements of a step together.

use std::collections::BTreeSet;

use crate::diag::Span;
use crate::expr::ast::{AssignOp, BinaryOp, Expr, ExprKind, Statement, UnaryOp};
use crate::expr::simplify::{add, div, mul, neg};
use crate::model::block::{Block, Ode};

/// A step under construction: locals, then one store for each variable.
#[derive(Default)]
pub struct Step {
    names: BTreeSet<String>,
    locals: Vec<Statement>,
    stores: Vec<Statement>,
}

impl Step {
    /// A step whose locals have none of these names.
    pub fn avoiding(names: impl IntoIterator<Item = String>) -> Step {
        Step { names: names.into_iter().collect(), ..Step::default() }
    }

    /// Computes a local for the equation that stands there, and gives its name: `_name` or, if that is taken, the same with more `_`.
    pub fn local(&mut self, name: &str, span: Span, value: Expr) -> Expr {
        let mut unique = format!("_{name}");
        while !self.names.insert(unique.clone()) {
            unique.push('_');
        }
        self.locals.push(statement(&unique, span, value));
        Expr::name(unique)
    }

    /// The new value of the variable; no statement if it is the old one.
    pub fn update(&mut self, ode: &Ode, value: Expr) {
        if value.kind != ExprKind::Name(ode.name.clone()) {
            let local = self.local(&ode.name, ode.span, value);
            self.stores.push(statement(&ode.name, ode.span, local));
        }
    }

    /// The whole.
    pub fn finish(self) -> Block {
        Block { statements: self.locals.into_iter().chain(self.stores).collect() }
    }
}

fn statement(target: &str, span: Span, value: Expr) -> Statement {
    Statement { target: target.to_string(), target_span: span, op: AssignOp::Set, value, span }
}

/// `dt`
pub fn dt() -> Expr {
    Expr::name("dt")
}

/// `int(not_refractory)`
pub fn while_not_refractory() -> Expr {
    Expr::call("int", vec![Expr::name("not_refractory")])
}

/// `rate*dt`, with `dt` in the numerator: `-dt/tau` for `-1/tau`.
pub fn over_step(rate: &Expr) -> Expr {
    match &rate.kind {
        ExprKind::Binary(BinaryOp::Div, numerator, denominator) => div(over_step(numerator), (**denominator).clone()),
        ExprKind::Unary(UnaryOp::Neg, x) => neg(over_step(x)),
        _ => mul(rate.clone(), dt()),
    }
}

/// `factor*rate`, with the divisor and the leading factors of the rate next to the factor: `dt/tau*(E - v)` for
/// `dt` and `(E - v)/tau`. What is the same for all cells tends to stand there, and is then computed once a step.
pub fn increment(factor: Expr, rate: &Expr) -> Expr {
    match &rate.kind {
        ExprKind::Binary(BinaryOp::Div, numerator, denominator) => {
            mul(div(factor, (**denominator).clone()), (**numerator).clone())
        }
        ExprKind::Binary(BinaryOp::Mul, x, y) => mul(increment(factor, x), (**y).clone()),
        ExprKind::Unary(UnaryOp::Neg, x) => neg(increment(factor, x)),
        _ => mul(factor, rate.clone()),
    }
}

/// `variable + change`
pub fn plus(ode: &Ode, change: Expr) -> Expr {
    add(Expr::name(&ode.name), change)
}

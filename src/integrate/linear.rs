//! Recognises linear systems: `dx/dt = A x + b` with coefficients that are constant over a step; and sums of multiples
//! of any names.

use std::collections::BTreeSet;

use super::constancy::{with_steady_time, without_steady_time};
use super::subexpressions::{Definitions, too_large};
use super::{exponential_euler, listed};
use crate::diag::Diagnostic;
use crate::expr::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::expr::polynomial::powers;
use crate::expr::{identity, simplify};
use crate::model::block::{Ode, OdeSystem, Rates};

/// Why an expression is no row of a linear system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no sum of multiples of the names.
    NotLinear,
    /// A coefficient is not constant over a step.
    ChangesWithTime,
    /// It is too large to be written out.
    TooLarge,
}

/// The rates of the system, in the order of its equations. Coefficients mention no variable of the system, and `t` only
/// in steady functions.
pub fn rates(system: &OdeSystem) -> Result<Rates, Diagnostic> {
    let variables: Vec<&str> = system.odes.iter().map(|ode| ode.name.as_str()).collect();
    // `not_refractory` is looked for because coupled equations are solved once with and once without it.
    let looked_for = |n: &str| n == "t" || n == "not_refractory" || variables.contains(&n);
    let definitions = Definitions::depending_on(system, &looked_for)?;
    let mut rates = Rates::default();
    for ode in &system.odes {
        let row = definitions.put_in(&ode.rhs).ok_or(Refusal::TooLarge);
        let row = row.and_then(|rhs| constant_row(&rhs, &variables, &system.steady));
        let (a, b) = row.map_err(|refusal| explain(system, ode, &variables, &definitions, refusal))?;
        rates.a.push(a);
        rates.b.push(b);
    }
    Ok(rates)
}

/// The coefficients of some names, and the rest; absent where zero.
pub type Row = (Vec<Option<Expr>>, Option<Expr>);

/// The coefficients of the names and the rest, none of which mentions the names.
pub fn row(expr: &Expr, names: &[&str]) -> Result<Row, Refusal> {
    let mut rest = expr.clone();
    let mut coefficients = Vec::new();
    for name in names {
        let mut parts = powers(&rest, name).map_err(|_| Refusal::TooLarge)?;
        coefficients.push(parts.remove(&1));
        rest = parts.remove(&0).unwrap_or_else(|| Expr::int(0));
        if !parts.is_empty() {
            return Err(Refusal::NotLinear);
        }
    }
    let free = |e: Expr| free_of(e, &|n| names.contains(&n)).ok_or(Refusal::NotLinear);
    let coefficients = coefficients.into_iter().map(|c| c.map(free).transpose()).collect::<Result<_, _>>()?;
    let rest = free(rest)?;
    Ok((coefficients, (!identity::is_zero(&rest)).then_some(rest)))
}

/// The same with everything constant over a step.
fn constant_row(rhs: &Expr, variables: &[&str], steady: &BTreeSet<String>) -> Result<Row, Refusal> {
    let (a, b) = row(&without_steady_time(rhs, steady), variables)?;
    let constant = |e: Expr| match free_of(e, &|n| n == "t") {
        Some(e) if simplify::random_calls(&e).is_empty() => Ok(with_steady_time(&e)),
        _ => Err(Refusal::ChangesWithTime),
    };
    let a = a.into_iter().map(|c| c.map(constant).transpose()).collect::<Result<_, _>>()?;
    Ok((a, b.map(constant).transpose()?))
}

/// The expression without names of this kind, which it may mention as long as they cancel.
fn free_of(expr: Expr, kind: &dyn Fn(&str) -> bool) -> Option<Expr> {
    if !expr.names().iter().any(|n| kind(n)) {
        return Some(expr);
    }
    if identity::depends_on(&expr, kind) {
        return None;
    }
    // Any value will do where it does not matter.
    Some(simplify::rebuild(&expr.substitute(&|n| kind(n).then(|| Expr::int(1)))))
}

fn explain(
    system: &OdeSystem,
    ode: &Ode,
    variables: &[&str],
    definitions: &Definitions,
    refusal: Refusal,
) -> Diagnostic {
    if refusal == Refusal::TooLarge {
        return too_large(system, &ode.name, &ode.rhs);
    }
    let guilty = |term: &Expr| {
        let Some(term) = definitions.put_in(term) else { return false };
        constant_row(&term, variables, &system.steady).is_err_and(|r| r == refusal)
    };
    let term = culprit(&ode.rhs, definitions, &guilty);
    let message = match refusal {
        Refusal::ChangesWithTime => format!(
            "`exact` needs coefficients that are constant over a step; `{term}` in the equation of `{}` is not",
            ode.name
        ),
        _ => format!(
            "`exact` needs equations that are linear in the state variables; `{term}` in the equation of `{}` is not",
            ode.name
        ),
    };
    let others: &[&str] = match exponential_euler::step(system) {
        Ok(_) => &["exponential_euler", "rk4", "rk2", "euler"],
        Err(_) => &["rk4", "rk2", "euler"],
    };
    Diagnostic::error(&system.text, term.span, message).hint(format!("use {}", listed(others, "or")))
}

/// The smallest term or factor that is guilty by itself, within subexpressions too.
pub fn culprit<'a>(expr: &'a Expr, definitions: &'a Definitions, guilty: &dyn Fn(&Expr) -> bool) -> &'a Expr {
    let mut at = expr;
    loop {
        let inner = match &at.kind {
            ExprKind::Name(name) => definitions.get(name).filter(|e| guilty(e)),
            ExprKind::Unary(UnaryOp::Neg, x) => Some(&**x).filter(|e| guilty(e)),
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div, x, y) => {
                [&**x, &**y].into_iter().find(|e| guilty(e))
            }
            _ => None,
        };
        match inner {
            Some(inner) => at = inner,
            None => return at,
        }
    }
}

//! Recognises linear systems: `dx/dt = A x + b` with coefficients that are constant over a step.

use super::subexpressions::{Definitions, too_large};
use super::{exponential_euler, listed};
use crate::diag::Diagnostic;
use crate::expr::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::expr::polynomial::powers;
use crate::expr::{identity, simplify};
use crate::model::block::{Ode, OdeSystem, Rates};

/// Why an expression is no row of a linear system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    NotLinear,
    ChangesWithTime,
    TooLarge,
}

/// The rates of the system, in the order of its equations. Coefficients mention no variable of the system, nor `t`.
pub fn rates(system: &OdeSystem) -> Result<Rates, Diagnostic> {
    let variables: Vec<&str> = system.odes.iter().map(|ode| ode.name.as_str()).collect();
    // `not_refractory` is looked for because coupled equations are solved once with and once without it.
    let looked_for = |n: &str| n == "t" || n == "not_refractory" || variables.contains(&n);
    let definitions = Definitions::depending_on(system, &looked_for)?;
    let mut rates = Rates::default();
    for ode in &system.odes {
        let row = definitions.put_in(&ode.rhs).ok_or(Refusal::TooLarge).and_then(|rhs| row(&rhs, &variables));
        let (a, b) = row.map_err(|refusal| explain(system, ode, &variables, &definitions, refusal))?;
        rates.a.push(a);
        rates.b.push(b);
    }
    Ok(rates)
}

type Row = (Vec<Option<Expr>>, Option<Expr>);

/// The coefficients of the variables, and the rest.
fn row(rhs: &Expr, variables: &[&str]) -> Result<Row, Refusal> {
    let mut rest = rhs.clone();
    let mut coefficients = Vec::new();
    for variable in variables {
        let mut parts = powers(&rest, variable).map_err(|_| Refusal::TooLarge)?;
        coefficients.push(parts.remove(&1));
        rest = parts.remove(&0).unwrap_or_else(|| Expr::int(0));
        if !parts.is_empty() {
            return Err(Refusal::NotLinear);
        }
    }
    let a =
        coefficients.into_iter().map(|c| c.map(|c| constant(&c, variables)).transpose()).collect::<Result<_, _>>()?;
    let b = constant(&rest, variables)?;
    Ok((a, (!identity::is_zero(&b)).then_some(b)))
}

/// The coefficient without variables and `t`, which it may mention as long as they cancel.
fn constant(coefficient: &Expr, variables: &[&str]) -> Result<Expr, Refusal> {
    if identity::depends_on(coefficient, &|n| variables.contains(&n)) {
        return Err(Refusal::NotLinear);
    }
    if identity::depends_on(coefficient, &|n| n == "t") {
        return Err(Refusal::ChangesWithTime);
    }
    let cancels = |n: &str| n == "t" || variables.contains(&n);
    if !coefficient.names().iter().any(|n| cancels(n)) {
        return Ok(coefficient.clone());
    }
    // Any value will do where it does not matter.
    Ok(simplify::rebuild(&coefficient.substitute(&|n| cancels(n).then(|| Expr::int(1)))))
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
        row(&term, variables).is_err_and(|r| r == refusal)
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

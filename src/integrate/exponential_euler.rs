//! Exponential Euler: each equation solved exactly over the step with all other variables held.
//!
//! For `dx/dt = f = A*x + B`, the new value is `x + dt*exprel(A*dt)*f`, with `exprel(z) = (exp(z) - 1)/z`. This is
//! Brian2's `(x + B/A)*exp(A*dt) - B/A` without its quotient, so that an `A` of 0 gives the limit instead of NaN.
//! As in Brian2, `A` and `B` may contain the variable inside of functions and divisors; unlike in Brian2, no other power
//! of the variable may be left over (there `A*x + B*x**2` silently loses its second term).

use super::listed;
use super::step::{Step, dt, increment, over_step, plus};
use super::subexpressions::{Definitions, too_large};
use crate::diag::Diagnostic;
use crate::expr::ast::Expr;
use crate::expr::identity;
use crate::expr::polynomial::{Powers, powers};
use crate::expr::simplify::{self, mul};
use crate::model::block::{Block, Ode, OdeSystem};

/// The step, if each equation is linear in its own variable.
pub fn step(system: &OdeSystem) -> Result<Block, Diagnostic> {
    let mut step = Step::default();
    for ode in &system.odes {
        let definitions = Definitions::depending_on(system, &|n| n == ode.name)?;
        let rhs = definitions.put_in(&ode.rhs);
        let parts = rhs.as_ref().and_then(|rhs| powers(rhs, &ode.name).ok());
        let parts = parts.ok_or_else(|| too_large(system, &ode.name, &ode.rhs))?;
        if !is_linear(&parts, &ode.name) {
            return Err(not_linear(system, ode, &definitions, &parts));
        }
        if let Some(call) = drawn_twice(&ode.rhs, &parts) {
            return Err(random_rate(system, ode, call));
        }
        step.update(ode, new_value(ode, &parts));
    }
    Ok(step.finish())
}

fn new_value(ode: &Ode, parts: &Powers) -> Expr {
    // The rate keeps the form it was written in: it has the fewest operations.
    match (parts.get(&1), parts.get(&0)) {
        (Some(a), None) => mul(Expr::name(&ode.name), Expr::call("exp", vec![over_step(a)])),
        (Some(a), Some(_)) => {
            let factor = mul(dt(), Expr::call("exprel", vec![over_step(a)]));
            plus(ode, increment(factor, &ode.rhs))
        }
        (None, Some(_)) => plus(ode, increment(dt(), &ode.rhs)),
        (None, None) => Expr::name(&ode.name),
    }
}

/// Nothing but `A*x + B`, and not only functions of `x` without any `A`.
fn is_linear(parts: &Powers, variable: &str) -> bool {
    let powers_are = parts.keys().all(|exponent| *exponent == 0 || *exponent == 1);
    let own = |n: &str| n == variable;
    powers_are && (parts.contains_key(&1) || parts.get(&0).is_none_or(|b| !identity::depends_on(b, &own)))
}

/// A random number in the coefficient of the variable that would be drawn there and again in the rate.
fn drawn_twice<'a>(rhs: &Expr, parts: &'a Powers) -> Option<&'a Expr> {
    let calls = simplify::random_calls(parts.get(&1)?);
    let only_there = !parts.contains_key(&0) && calls.len() == simplify::random_calls(rhs).len();
    calls.first().copied().filter(|_| !only_there)
}

fn random_rate(system: &OdeSystem, ode: &Ode, call: &Expr) -> Diagnostic {
    let message = format!(
        "`exponential_euler` would draw `{call}` in the equation of `{}` twice, as it multiplies `{}`",
        ode.name, ode.name
    );
    Diagnostic::error(&system.text, call.span, message).hint(format!("use {}", listed(&["rk4", "rk2", "euler"], "or")))
}

fn not_linear(system: &OdeSystem, ode: &Ode, definitions: &Definitions, parts: &Powers) -> Diagnostic {
    let only_functions = parts.keys().all(|exponent| *exponent == 0);
    let guilty = |term: &Expr| {
        let Some(term) = definitions.put_in(term) else { return false };
        if only_functions {
            return identity::depends_on(&term, &|n| n == ode.name);
        }
        powers(&term, &ode.name).is_ok_and(|p| p.keys().any(|exponent| *exponent != 0 && *exponent != 1))
    };
    let term = super::linear::culprit(&ode.rhs, definitions, &guilty);
    let message = format!(
        "`exponential_euler` needs each equation to be linear in its own variable; `{term}` in the equation of `{}` is not",
        ode.name
    );
    Diagnostic::error(&system.text, term.span, message).hint(format!("use {}", listed(&["rk4", "rk2", "euler"], "or")))
}

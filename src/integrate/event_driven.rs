//! Equations that are solved from event to event: the exact solution over the time since the last event.
//!
//! Each equation is linear in its own variable, with a rate and an input that stay the same between events:
//! `x' = a x + b`, so `x(t + T) = x exp(a T) + b T exprel(a T)`, which holds for `a = 0` too. One that is driven by
//! another variable, `x' = a x + k y` with `y' = c y`, goes by `x exp(a T) + k y T exp(c T) exprel((a - c) T)`; where that
//! variable has an input `d`, by the same for `y + d/c`, and `- d/c` as an input.

use super::linear;
use super::step::Step;
use crate::diag::Diagnostic;
use crate::expr::ast::{BinaryOp, Expr};
use crate::expr::simplify::{add, div, mul};
use crate::model::block::{Block, OdeSystem, Rates};

/// The name of the time since the last event.
pub const ELAPSED: &str = "_elapsed";

/// The statements that bring all variables from `lastupdate` to `t`, and set `lastupdate`.
///
/// # Errors
/// If an equation is not linear, or is driven by a variable that is driven itself.
pub fn event_driven(system: &OdeSystem) -> Result<Block, Diagnostic> {
    if system.odes.is_empty() {
        return Ok(Block::default());
    }
    let rates = linear::rates(system)?;
    let mut step = Step::default();
    let elapsed = Expr::name("t").binary(BinaryOp::Sub, Expr::name("lastupdate"));
    let elapsed = step.local(ELAPSED.trim_start_matches('_'), system.odes[0].span, elapsed);
    for (row, ode) in system.odes.iter().enumerate() {
        let value = solution(system, &rates, row, &elapsed)?;
        step.update(ode, value);
    }
    Ok(step.finish())
}

fn solution(system: &OdeSystem, rates: &Rates, row: usize, elapsed: &Expr) -> Result<Expr, Diagnostic> {
    let ode = &system.odes[row];
    let over = |rate: Expr| mul(rate, elapsed.clone());
    let exp = |x: Expr| Expr::call("exp", vec![x]);
    let exprel = |x: Expr| Expr::call("exprel", vec![x]);
    let x = Expr::name(ode.name.clone());
    let own = rates.a[row][row].clone();
    let mut value = match &own {
        Some(rate) => mul(x, exp(over(rate.clone()))),
        None => x,
    };
    if let Some(input) = &rates.b[row] {
        let reach = match &own {
            Some(rate) => mul(elapsed.clone(), exprel(over(rate.clone()))),
            None => elapsed.clone(),
        };
        value = add(value, mul(input.clone(), reach));
    }
    for (column, factor) in rates.a[row].iter().enumerate().filter(|(column, _)| *column != row) {
        let Some(factor) = factor else { continue };
        let driver = &system.odes[column];
        let driver_rate = &rates.a[column][column];
        let is_driven = rates.a[column].iter().enumerate().any(|(other, rate)| other != column && rate.is_some())
            || (rates.b[column].is_some() && driver_rate.is_none());
        if is_driven {
            let message = format!(
                "`{}` is driven by `{}`, which is driven itself: that cannot be solved from event to event",
                ode.name, driver.name
            );
            let error = Diagnostic::error(&system.text, ode.span, message);
            return Err(error.hint("mark these equations `(clock-driven)`"));
        }
        let rate = |rate: &Option<Expr>| rate.clone().unwrap_or_else(|| mul(Expr::int(0), Expr::name("hertz")));
        let (a, c) = (rate(&own), rate(&rates.a[column][column]));
        let difference = a.binary(BinaryOp::Sub, c.clone());
        let reach = mul(mul(elapsed.clone(), exp(over(c))), exprel(over(difference)));
        let driver = Expr::name(driver.name.clone());
        // A driver with an input decays to where its own rate and the input balance.
        let balance = match (&rates.b[column], driver_rate) {
            (Some(input), Some(rate)) => Some(div(input.clone(), rate.clone())),
            _ => None,
        };
        let excess = match &balance {
            Some(balance) => add(driver, balance.clone()),
            None => driver,
        };
        value = add(value, mul(mul(factor.clone(), excess), reach));
        if let Some(balance) = balance {
            let own = own.clone().unwrap_or_else(|| mul(Expr::int(0), Expr::name("hertz")));
            let held = mul(elapsed.clone(), exprel(over(own)));
            value = value.binary(BinaryOp::Sub, mul(mul(factor.clone(), balance), held));
        }
    }
    Ok(value)
}

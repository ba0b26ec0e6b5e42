//! Equations that are solved from event to event: the exact solution over the time since the last event.
//!
//! Each equation is linear in its own variable, with a rate and an input that stay the same between events:
//! `x' = a x + b`, so `x(t + T) = x exp(a T) + b T exprel(a T)`, which holds for `a = 0` too. One that is driven by
//! another variable, `x' = a x + k y` with `y' = c y + d`, goes by `x exp(a T) + k y T exp(c T) exprel((a - c) T)`, and
//! where that variable has an input, `k d T^2` times the second divided difference of `exp` at 0, `c T` and `a T`, which
//! is finite wherever these meet.

use super::linear;
use super::step::Step;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::{BinaryOp, Expr};
use crate::expr::parser;
use crate::expr::simplify::{add, mul};
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
    let rates = linear::rates(system).map_err(|error| {
        let message = "this cannot be solved from event to event: that needs an equation that is linear in its \
                       variable, with coefficients that change at events only";
        let hint = "mark the equation `(clock-driven)`: it is then integrated at every step, by any `method`";
        Diagnostic { message: message.to_string(), ..error }.hint(hint)
    })?;
    let mut step = Step::default();
    let elapsed = Expr::name("t").binary(BinaryOp::Sub, Expr::name("lastupdate"));
    let elapsed = step.local(ELAPSED.trim_start_matches('_'), system.odes[0].span, elapsed);
    for (row, ode) in system.odes.iter().enumerate() {
        let value = solution(system, &rates, row, &elapsed, &mut step)?;
        step.update(ode, value);
    }
    Ok(step.finish())
}

/// The second divided difference of `exp` at 0, `_x` and `_y`: by its series near 0, else over the widest gap. What is not
/// chosen is finite too: it is multiplied by 0.
const DIVIDED: &str = "int(abs(_x) < 0.01 and abs(_y) < 0.01) * (0.5 + (_x + _y)/6 + (_x*_x + _x*_y + _y*_y)/24 \
    + (_x + _y)*(_x*_x + _y*_y)/120) \
    + int(not (abs(_x) < 0.01 and abs(_y) < 0.01)) \
    * (int(abs(_x) >= abs(_y - _x)) * (exp(_x)*exprel(_y - _x) - exprel(_y))/(_x + int(_x == 0)) \
    + int(abs(_x) < abs(_y - _x)) * (exprel(_y) - exprel(_x))/(_y - _x + int(_y == _x)))";

fn divided_difference(x: &Expr, y: &Expr) -> Expr {
    let whole = parser::expression(&Text::new("exp", DIVIDED), &mut Diagnostics::default());
    // It is a constant, and a test evaluates it.
    let whole = whole.unwrap_or_else(|| Expr::int(0));
    whole.substitute(&|name| match name {
        "_x" => Some(x.clone()),
        "_y" => Some(y.clone()),
        _ => None,
    })
}

fn solution(
    system: &OdeSystem,
    rates: &Rates,
    row: usize,
    elapsed: &Expr,
    step: &mut Step,
) -> Result<Expr, Diagnostic> {
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
        value = add(value, mul(mul(factor.clone(), Expr::name(driver.name.clone())), reach));
        if let (Some(input), Some(rate)) = (&rates.b[column], driver_rate) {
            let name = |what: &str| format!("{what}_{}_{}", driver.name, ode.name);
            let x = step.local(&name("driver"), ode.span, over(rate.clone()));
            let y = step.local(&name("driven"), ode.span, over(own.clone().unwrap_or_else(|| Expr::int(0))));
            let held = mul(mul(elapsed.clone(), elapsed.clone()), divided_difference(&x, &y));
            value = add(value, mul(mul(factor.clone(), input.clone()), held));
        }
    }
    Ok(value)
}

//! Explicit methods with stages: midpoint, classical Runge-Kutta.
//!
//! A stage computes the subexpressions that depend on a variable or on `t` anew, as locals; they are never put in, so
//! that a stage costs what it says. `t_in_timesteps`, parameters and `lastspike` stay those of the start of the step.

use indexmap::IndexMap;

use super::step::{Step, dt, plus, while_not_refractory};
use super::subexpressions;
use crate::expr::ast::Expr;
use crate::expr::simplify::{add, div, mul};
use crate::model::block::{Block, OdeSystem, transitive_closure};

/// `x + dt*f(x + dt/2*f(x))`
pub fn rk2(system: &OdeSystem) -> Block {
    let mut stages = Stages::new(system);
    let first = stages.rates(1, None);
    let second = stages.rates(2, Some((half(), &first)));
    stages.finish(|k| mul(dt(), second[k].clone()))
}

/// `x + dt/6*(k1 + 2*k2 + 2*k3 + k4)` (Kutta 1901).
pub fn rk4(system: &OdeSystem) -> Block {
    let mut stages = Stages::new(system);
    let first = stages.rates(1, None);
    let second = stages.rates(2, Some((half(), &first)));
    let third = stages.rates(3, Some((half(), &second)));
    let fourth = stages.rates(4, Some((dt(), &third)));
    let twice = |rate: &Expr| mul(Expr::int(2), rate.clone());
    stages.finish(|k| {
        let sum = [twice(&second[k]), twice(&third[k]), fourth[k].clone()].into_iter().fold(first[k].clone(), add);
        mul(div(dt(), Expr::int(6)), sum)
    })
}

fn half() -> Expr {
    div(dt(), Expr::int(2))
}

/// The stages of a step under construction.
struct Stages<'a> {
    system: &'a OdeSystem,
    step: Step,
    /// Right-hand sides, with a factor for refractoriness where it shows.
    rates: Vec<Expr>,
    /// Subexpressions that a stage has to compute anew.
    moving: Vec<&'a str>,
}

impl<'a> Stages<'a> {
    fn new(system: &'a OdeSystem) -> Stages<'a> {
        let moves = |name: &str| name == "t" || system.odes.iter().any(|ode| ode.name == name);
        let moving = subexpressions::depending_on(system, &moves);
        let rates = system
            .odes
            .iter()
            .zip(seen_while_refractory(system))
            .map(|(ode, seen)| if seen { mul(while_not_refractory(), ode.rhs.clone()) } else { ode.rhs.clone() })
            .collect();
        Stages { system, step: Step::default(), rates, moving }
    }

    /// Computes the rates at a stage: at the start of the step, or after some time with the rates of an earlier stage.
    fn rates(&mut self, stage: usize, after: Option<(Expr, &[Expr])>) -> Vec<Expr> {
        let mut there: IndexMap<&str, Expr> = IndexMap::new();
        if let Some((time, rates)) = after {
            there.insert("t", add(Expr::name("t"), time.clone()));
            for (ode, rate) in self.system.odes.iter().zip(rates) {
                if self.uses(&ode.name) {
                    let value = plus(ode, mul(time.clone(), rate.clone()));
                    there.insert(&ode.name, self.step.local(&format!("at{stage}_{}", ode.name), ode.span, value));
                }
            }
            for name in &self.moving {
                let value = self.system.subexpressions[*name].substitute(&|n| there.get(n).cloned());
                there.insert(name, self.step.local(&format!("at{stage}_{name}"), value.span, value));
            }
        }
        let mut rates = Vec::new();
        for (ode, rate) in self.system.odes.iter().zip(&self.rates) {
            let value = rate.substitute(&|n| there.get(n).cloned());
            rates.push(self.step.local(&format!("k{stage}_{}", ode.name), ode.span, value));
        }
        rates
    }

    /// Whether a rate or a subexpression that a stage computes mentions the variable.
    fn uses(&self, variable: &str) -> bool {
        let subexpressions = self.moving.iter().map(|name| &self.system.subexpressions[*name]);
        self.rates.iter().chain(subexpressions).any(|e| e.mentions(variable))
    }

    fn finish(mut self, change: impl Fn(usize) -> Expr) -> Block {
        for (k, ode) in self.system.odes.iter().enumerate() {
            self.step.update(ode, plus(ode, change(k)));
        }
        self.step.finish()
    }
}

/// For each variable: whether it stands still while refractory, and some variable that goes on depends on it.
fn seen_while_refractory(system: &OdeSystem) -> Vec<bool> {
    let mut depends: Vec<Vec<bool>> = vec![Vec::new(); system.odes.len()];
    for variable in &system.odes {
        let through = subexpressions::depending_on(system, &|n| n == variable.name);
        for (row, ode) in depends.iter_mut().zip(&system.odes) {
            row.push(ode.rhs.names().iter().any(|n| *n == variable.name || through.contains(&n.as_str())));
        }
    }
    transitive_closure(&mut depends);
    let goes_on: Vec<&Vec<bool>> =
        depends.iter().zip(&system.odes).filter(|(_, ode)| !ode.unless_refractory).map(|(row, _)| row).collect();
    system.odes.iter().enumerate().map(|(k, ode)| ode.unless_refractory && goes_on.iter().any(|row| row[k])).collect()
}

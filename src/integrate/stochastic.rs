//! Methods for equations with noise, `dx = f dt + g dW` with `dW = dt**0.5*randn()`: forward Euler for additive noise,
//! and two that take products in Stratonovich's sense. All are Brian2's, with its choice of support points; without
//! noise all are forward Euler.
//!
//! The rate of a variable that stands still while refractory takes the factor for refractoriness only where a support
//! value of it goes into the noise of a variable that goes on; elsewhere it shows in its own new value only.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::noise::{Noise, Noisy, root_of_dt};
use super::step::{Step, dt, increment, plus, while_not_refractory};
use super::subexpressions;
use crate::expr::ast::{Expr, ExprKind};
use crate::expr::simplify::{add, div, mul, pow, sub};
use crate::model::block::{Block, OdeSystem};

/// Maruyama's method (1955): `x + dt*f + g*dW`. The noise must be additive.
pub fn euler(noisy: &Noisy<'_>) -> Block {
    let mut step = Step::default();
    let increments = noisy.draw(&mut step);
    for (k, ode) in noisy.drift.odes.iter().enumerate() {
        let mut value = plus(ode, increment(dt(), &ode.rhs));
        for (noise, dw) in noisy.noises.iter().zip(&increments) {
            if let Some(factor) = &noise.factors[k] {
                value = add(value, mul(factor.clone(), dw.clone()));
            }
        }
        step.update(ode, value);
    }
    step.finish()
}

/// Heun's method for noise (Rümelin 1982) with a drift by Euler: `x + dt*f + dW/2*(g(x, t) + g(x + g*dW, t + dt))`,
/// the support point of each noise being moved by that noise alone.
pub fn heun(noisy: &Noisy<'_>) -> Block {
    let system = &noisy.drift;
    let mut step = Step::default();
    let increments = noisy.draw(&mut step);
    let mut values: Vec<Expr> = system.odes.iter().map(|ode| plus(ode, increment(dt(), &ode.rhs))).collect();
    for (noise, dw) in noisy.noises.iter().zip(&increments) {
        let moves = |name: &str| name == "t" || moved_by(system, noise).any(|k| system.odes[k].name == name);
        let factors = Factors::new(&mut step, system, noise, &moves);
        let mut there = IndexMap::from([("t".to_string(), add(Expr::name("t"), dt()))]);
        for k in moved_by(system, noise).filter(|&k| factors.reach(&system.odes[k].name)) {
            let ode = &system.odes[k];
            let change = mul(factors.here[k].clone().unwrap_or(Expr::int(0)), dw.clone());
            let change = if factors.show_refractoriness(k) { mul(while_not_refractory(), change) } else { change };
            let at = step.local(&format!("at_{}_{}", noise.name, ode.name), ode.span, plus(ode, change));
            there.insert(ode.name.clone(), at);
        }
        factors.add_subexpressions(&mut step, &mut there);
        for (k, value) in values.iter_mut().enumerate() {
            let Some(here) = &factors.here[k] else { continue };
            let change = match factors.at(k, &there) {
                Some(support) => mul(div(dw.clone(), Expr::int(2)), add(here.clone(), support)),
                None => mul(here.clone(), dw.clone()),
            };
            *value = add(value.clone(), change);
        }
    }
    for (ode, value) in system.odes.iter().zip(values) {
        step.update(ode, value);
    }
    step.finish()
}

/// The variables that the noise moves.
fn moved_by<'a>(system: &'a OdeSystem, noise: &'a Noise) -> impl Iterator<Item = usize> + 'a {
    (0..system.odes.len()).filter(|&k| noise.factors[k].is_some())
}

/// Milstein's method without derivatives, for Stratonovich's integral, as Brian2 has it:
/// `x + dt*f + g*dW + (g(y, t) - g)*dW**2/(2*dt**0.5)` with `y = x + dt*f + g*dt**0.5`. The noise must be diagonal.
///
/// The quotient is `g*g'/2` and a rest of order `dt**0.5`, unless `g` is linear and `f` zero. Without Ito's `- dt` beside
/// `dW**2` this rest has a mean, so the strong order is 1 with neither and 1/2 otherwise; that of [`heun`] is 1.
pub fn milstein(noisy: &Noisy<'_>) -> Block {
    let system = &noisy.drift;
    let mut step = Step::default();
    let increments = noisy.draw(&mut step);
    let is_variable = |name: &str| system.odes.iter().any(|ode| ode.name == name);
    let factors: Vec<Factors<'_>> =
        noisy.noises.iter().map(|noise| Factors::new(&mut step, system, noise, &is_variable)).collect();
    // The new values by Euler: what support points start from.
    let mut values = Vec::new();
    for (k, ode) in system.odes.iter().enumerate() {
        let shows = factors.iter().any(|f| f.show_refractoriness(k));
        let change = increment(dt(), &ode.rhs);
        let value = plus(ode, if shows { mul(while_not_refractory(), change) } else { change });
        let is_support = factors.iter().any(|f| f.reach(&ode.name));
        let is_new = is_support && value != Expr::name(&ode.name);
        values.push(if is_new { step.local(&format!("drift_{}", ode.name), ode.span, value) } else { value });
    }
    let drifts = values.clone();
    for ((noise, dw), factors) in noisy.noises.iter().zip(&increments).zip(&factors) {
        // At most one.
        let Some((k, here)) = factors.here.iter().enumerate().find_map(|(k, here)| Some((k, here.clone()?))) else {
            continue;
        };
        let mut there = IndexMap::new();
        for (ode, drift) in system.odes.iter().zip(&drifts).filter(|(ode, _)| factors.reach(&ode.name)) {
            there.insert(ode.name.clone(), drift.clone());
        }
        let ode = &system.odes[k];
        if factors.reach(&ode.name) {
            let value = add(drifts[k].clone(), mul(root_of_dt(), here.clone()));
            there.insert(ode.name.clone(), step.local(&format!("at_{}_{}", noise.name, ode.name), ode.span, value));
        }
        factors.add_subexpressions(&mut step, &mut there);
        values[k] = add(values[k].clone(), mul(here.clone(), dw.clone()));
        if let Some(support) = factors.at(k, &there) {
            let slope = div(sub(support, here), mul(Expr::int(2), root_of_dt()));
            values[k] = add(values[k].clone(), mul(slope, pow(dw.clone(), 2)));
        }
    }
    for (ode, value) in system.odes.iter().zip(values) {
        step.update(ode, value);
    }
    step.finish()
}

/// What the equations multiply one noise by: at the start of the step, and at a support point.
struct Factors<'a> {
    system: &'a OdeSystem,
    noise: &'a Noise,
    /// Subexpressions that are computed anew at the support point, in order.
    moving: Vec<&'a str>,
    /// The names that each factor mentions, through subexpressions too.
    reached: Vec<BTreeSet<String>>,
    /// At the start: a name where there is another value at the support point.
    here: Vec<Option<Expr>>,
}

impl<'a> Factors<'a> {
    /// Computes the factors at the start of a step in which names of this kind are others at the support point.
    fn new(step: &mut Step, system: &'a OdeSystem, noise: &'a Noise, moves: &dyn Fn(&str) -> bool) -> Factors<'a> {
        let reached: Vec<_> = noise.factors.iter().map(|g| subexpressions::reached(system, g)).collect();
        let moving = subexpressions::depending_on(system, moves);
        let moving = moving.into_iter().filter(|name| reached.iter().any(|names| names.contains(*name))).collect();
        let mut local = |k: usize, factor: &Expr| {
            let ode = &system.odes[k];
            let is_read_twice = reached[k].iter().any(|n| moves(n));
            match is_read_twice && !matches!(factor.kind, ExprKind::Name(_)) {
                true => step.local(&format!("g_{}_{}", noise.name, ode.name), ode.span, factor.clone()),
                false => factor.clone(),
            }
        };
        let here = noise.factors.iter().enumerate().map(|(k, g)| g.as_ref().map(|g| local(k, g))).collect();
        Factors { system, noise, moving, reached, here }
    }

    /// Whether some factor depends on the name.
    fn reach(&self, name: &str) -> bool {
        self.reached.iter().any(|names| names.contains(name))
    }

    /// Whether a support value of this variable would show that it stands still while refractory.
    fn show_refractoriness(&self, k: usize) -> bool {
        let ode = &self.system.odes[k];
        let goes_on = self.system.odes.iter().zip(&self.reached).filter(|(other, _)| !other.unless_refractory);
        ode.unless_refractory && goes_on.into_iter().any(|(_, names)| names.contains(&ode.name))
    }

    /// Adds subexpressions to what names stand for at the support point.
    fn add_subexpressions(&self, step: &mut Step, there: &mut IndexMap<String, Expr>) {
        for name in &self.moving {
            let value = self.system.subexpressions[*name].substitute(&|n| there.get(n).cloned());
            let local = step.local(&format!("at_{}_{name}", self.noise.name), value.span, value);
            there.insert(name.to_string(), local);
        }
    }

    /// The factor of an equation at the support point, if it is another one there.
    fn at(&self, k: usize, there: &IndexMap<String, Expr>) -> Option<Expr> {
        let factor = self.noise.factors[k].as_ref()?;
        factor.names().iter().any(|n| there.contains_key(n)).then(|| factor.substitute(&|n| there.get(n).cloned()))
    }
}

//! What is constant over a step, by Brian2's rule: no state variable, no random number, and no `t` but as an argument of
//! a function that is [steady](OdeSystem::steady).

use std::collections::BTreeSet;

use super::subexpressions;
use crate::expr::ast::{Expr, ExprKind};
use crate::expr::identity;
use crate::model::block::OdeSystem;

/// Stands for `t` where that is the argument of a steady function; users cannot write names that start with `_`.
const STEADY_TIME: &str = "_t";

fn is_time(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Name(n) if n == "t")
}

/// The same with another name for `t` where that does not count.
pub fn without_steady_time(expr: &Expr, steady: &BTreeSet<String>) -> Expr {
    if steady.is_empty() {
        return expr.clone();
    }
    let is_steady = matches!(&expr.kind, ExprKind::Call(function, _) if steady.contains(function));
    expr.map_children(|child| {
        if is_steady && is_time(child) {
            Expr::new(ExprKind::Name(STEADY_TIME.to_string()), child.span)
        } else {
            without_steady_time(child, steady)
        }
    })
}

/// The inverse of [`without_steady_time`].
pub fn with_steady_time(expr: &Expr) -> Expr {
    expr.substitute(&|n| (n == STEADY_TIME).then(|| Expr::name("t")))
}

/// The first of the system's variables and `t` that the factor of a noise depends on, through subexpressions too: with
/// none, the noise is additive. As in Brian2, random numbers do not count.
pub fn multiplier<'a>(system: &'a OdeSystem, factor: &Expr) -> Option<&'a str> {
    let candidates = || system.odes.iter().map(|ode| ode.name.as_str()).chain(["t"]);
    let is_candidate = |n: &str| candidates().any(|c| c == n);
    let reached = subexpressions::reached(system, [factor]);
    if !reached.iter().any(|n| is_candidate(n)) {
        return None;
    }
    let definitions = subexpressions::Definitions::depending_on(system, &is_candidate);
    let Some(factor) = definitions.ok().and_then(|d| d.put_in(factor)) else {
        // Too large to see whether it cancels.
        return candidates().find(|c| reached.contains(*c));
    };
    let factor = without_steady_time(&factor, &system.steady);
    candidates().find(|c| identity::depends_on(&factor, &|n| n == *c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Diagnostics, Span, Text};
    use crate::expr::parser;
    use crate::model::block::Ode;

    fn parse(source: &str) -> Expr {
        parser::expression(&Text::new("text", source), &mut Diagnostics::default()).expect(source)
    }

    #[test]
    fn only_just_t_in_a_steady_function_is_steady() {
        let steady = BTreeSet::from(["f".to_string()]);
        for (source, expected) in [
            ("f(t)", "f(_t)"),
            ("f(t, i)", "f(_t, i)"),
            ("f(t + dt)", "f(t + dt)"),
            ("f(t, g(t))", "f(_t, g(t))"),
            ("g(f(t)) + t", "g(f(_t)) + t"),
        ] {
            let hidden = without_steady_time(&parse(source), &steady);
            assert_eq!(hidden.to_string(), expected);
            assert_eq!(with_steady_time(&hidden), parse(source));
        }
    }

    #[test]
    fn multipliers_are_found_through_subexpressions() {
        let ode = |name: &str| Ode {
            name: name.to_string(),
            rhs: Expr::int(0),
            unless_refractory: false,
            span: Span::default(),
        };
        let subexpressions = [("a", "2*v"), ("b", "a - 2*v + k"), ("now", "t")];
        let system = OdeSystem {
            odes: vec![ode("v"), ode("w")],
            subexpressions: subexpressions.map(|(n, e)| (n.to_string(), parse(e))).into_iter().collect(),
            steady: BTreeSet::from(["f".to_string()]),
            text: Text::new("text", ""),
        };
        for (factor, expected) in [
            ("k", None),
            ("a", Some("v")),
            ("b", None),
            ("t*w", Some("w")),
            ("now/ms", Some("t")),
            ("f(now, i)*k", None),
            ("g(now)", Some("t")),
            ("f(t)*exp(a)", Some("v")),
            ("rand()*k", None),
            ("t_in_timesteps*i*lastspike", None),
        ] {
            assert_eq!(multiplier(&system, &parse(factor)), expected, "{factor}");
        }
    }
}

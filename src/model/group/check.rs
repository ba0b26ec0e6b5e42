//! Checks a group: what each name means, units and types of every line, events and their code.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::events::{Event, SPIKE, event_code, events};
use super::{Code, Group, GroupText, Refractory, Role, SinglePrecision, Variable, VariablesScope};
use crate::diag::{Diagnostic, Diagnostics, Span, Text};
use crate::expr::ast::{BinaryOp, CompareOp, Expr, ExprKind};
use crate::expr::check::{Kind, ValueType, check, described, is_noise};
use crate::expr::parser;
use crate::model::block::{Ode, OdeSystem};
use crate::model::equations::{self, EquationKind, Equations, Flag};
use crate::model::namespace::Namespace;
use crate::unit::Dimension;

/// Checks a group.
pub fn check_group(given: &GroupText, namespace: &Arc<Namespace>, diagnostics: &mut Diagnostics) -> Option<Group> {
    let mut found = Diagnostics::default();
    let equations = equations::parse(&given.equations, &mut found);
    let has_refractory = given.refractory.is_some();
    let mut variables = variables(&equations, has_refractory, &mut found);
    let mut order = order_subexpressions(&equations, &mut found);
    mark_single(&given.single, &mut variables, &mut found);
    mark_varying(&order, &equations, &mut variables);
    let scope =
        |code| VariablesScope { variables: &variables, in_error: &equations.in_error, namespace, has_refractory, code };
    for (name, line) in &equations.lines {
        let code = match line.kind {
            EquationKind::Differential(_) => Code::Differential,
            EquationKind::Subexpression(_) if line.has(Flag::ConstantOverDt) => Code::Statements,
            _ => Code::Subexpression,
        };
        check_line(name, line, &scope(code), &equations.text, &mut found);
    }
    let scope = scope(Code::Statements);
    let events = events(given, &scope, &mut found);
    let event_code = event_code(given, &events, &scope, &mut found);
    if let (Some(text), None, None) = (&given.threshold, &given.reset, &given.refractory) {
        let warning = "a threshold with neither a reset nor refractoriness: a cell above it spikes at every step";
        found.push(Diagnostic::warning(text, text.whole(), warning).hint("if that is meant, say `reset = \"\"`"));
    }
    let refractory = given.refractory.as_ref().and_then(|text| refractory(text, &scope, &mut found));
    let errors = found.has_errors();
    diagnostics.extend(found);
    if errors {
        return None;
    }
    let evaluated_once = take_evaluated_once(&mut order, &variables);
    let mut written: BTreeSet<String> =
        event_code.iter().flat_map(|code| &code.statements).map(|s| s.target.clone()).collect();
    written.extend(evaluated_once.iter().cloned());
    Some(Group {
        name: given.name.clone(),
        n: given.n,
        system: system(&equations, &order, has_refractory),
        variables,
        events,
        event_code,
        written,
        refractory,
        method: given.method.clone(),
        equations,
        evaluated_once,
        namespace: namespace.clone(),
    })
}

/// Takes the subexpressions that are evaluated once a step out of those that are put in where they are used.
pub(super) fn take_evaluated_once(order: &mut Vec<String>, variables: &IndexMap<String, Variable>) -> Vec<String> {
    let is_once = |name: &String| matches!(variables.get(name).map(|v| &v.role), Some(Role::ConstantOverDt(_)));
    let (once, rest) = std::mem::take(order).into_iter().partition(is_once);
    *order = rest;
    once
}

/// Says of each subexpression whether its value differs from element to element, and whether noise is in it.
pub(super) fn mark_varying(order: &[String], equations: &Equations, variables: &mut IndexMap<String, Variable>) {
    for name in order {
        let uses = equations.lines.get(name).and_then(|line| match &line.kind {
            EquationKind::Subexpression(expr) => Some(expr.names()),
            _ => None,
        });
        // In the order of definition, so that what a subexpression uses is known already.
        let varies = uses.iter().flatten().any(|used| variables.get(used).is_some_and(|v| v.varies));
        let noisy = uses.iter().flatten().any(|n| is_noise(n) || variables.get(n).is_some_and(|v| v.noisy));
        if let Some(variable) = variables.get_mut(name) {
            match variable.role {
                Role::ConstantOverDt(_) => {}
                _ => (variable.varies, variable.noisy) = (varies, noisy),
            }
        }
    }
}

/// How the rates of a Poisson group are given.
#[derive(Clone, Debug, PartialEq)]
pub enum RatesText {
    /// By an expression, which may use `t` and `i`.
    Expression(Text),
    /// By one value for each cell, or one for all.
    Values {
        /// Where they stand.
        text: Text,
        /// Whether there is one for all.
        shared: bool,
    },
}

/// A group without equations: one that spikes at random, with `rates`, or else at times that someone else knows.
pub fn input_group(
    name: &str,
    n: usize,
    rates: Option<&RatesText>,
    namespace: &Arc<Namespace>,
    diagnostics: &mut Diagnostics,
) -> Option<Group> {
    let text = match rates {
        Some(RatesText::Expression(text) | RatesText::Values { text, .. }) => text.clone(),
        None => Text::new(format!("groups.{name}"), ""),
    };
    let equations = Equations { text: text.clone(), lines: IndexMap::new(), in_error: BTreeSet::new() };
    let mut variables = internal_variables();
    let kind = Kind { ty: ValueType::Float, dimension: Dimension::HERTZ };
    match rates {
        Some(RatesText::Expression(text)) => {
            let in_error = BTreeSet::new();
            let code = Code::Subexpression;
            let scope =
                VariablesScope { variables: &variables, in_error: &in_error, namespace, has_refractory: false, code };
            let expr = parser::expression(text, diagnostics)?;
            let found = check(&expr, &scope, text, diagnostics)?;
            if found.dimension != kind.dimension {
                let message = format!("`rates` are in hertz, but `{expr}` is {}", found.dimension.described());
                diagnostics.push(Diagnostic::error(text, expr.span, message).hint("write a rate such as `10*Hz`"));
                return None;
            }
            let varies = expr.names().iter().any(|used| variables.get(used).is_some_and(|v| v.varies));
            let mut variable = Variable::internal(Role::Subexpression(expr), kind.ty, kind.dimension, false);
            variable.varies = varies;
            variables.insert("rates".to_string(), variable);
        }
        Some(RatesText::Values { shared, .. }) => {
            let variable = Variable::internal(Role::Parameter, kind.ty, kind.dimension, *shared);
            variables.insert("rates".to_string(), variable);
        }
        None => {}
    }
    let spike = rates.map(|_| {
        let chance = Expr::name("rates").binary(BinaryOp::Mul, Expr::name("dt"));
        let kind = ExprKind::Compare(CompareOp::Lt, Box::new(Expr::call("rand", Vec::new())), Box::new(chance));
        let condition = Expr::new(kind, text.whole());
        Event { name: SPIKE.to_string(), condition, text: text.clone(), when: None, order: 0 }
    });
    Some(Group {
        name: name.to_string(),
        n,
        variables,
        system: OdeSystem { odes: Vec::new(), subexpressions: IndexMap::new(), steady: BTreeSet::new(), text },
        events: spike.into_iter().collect(),
        event_code: Vec::new(),
        written: BTreeSet::new(),
        refractory: None,
        method: None,
        equations,
        evaluated_once: Vec::new(),
        namespace: namespace.clone(),
    })
}

fn variables(equations: &Equations, has_refractory: bool, diagnostics: &mut Diagnostics) -> IndexMap<String, Variable> {
    let mut variables = IndexMap::new();
    for (name, line) in &equations.lines {
        let role = match &line.kind {
            EquationKind::Differential(_) => Role::State,
            EquationKind::Subexpression(expr) if line.has(Flag::ConstantOverDt) => Role::ConstantOverDt(expr.clone()),
            EquationKind::Subexpression(expr) => Role::Subexpression(expr.clone()),
            EquationKind::Parameter if line.has(Flag::Linked) => Role::Linked,
            EquationKind::Parameter => Role::Parameter,
        };
        for (flag, span) in &line.flags {
            let reason = match flag {
                Flag::EventDriven | Flag::ClockDriven | Flag::Summed => "belongs to synapses",
                Flag::PointCurrent => "belongs to neurons with compartments",
                Flag::Constant | Flag::Shared | Flag::UnlessRefractory | Flag::Linked | Flag::ConstantOverDt => {
                    continue;
                }
            };
            diagnostics.push(Diagnostic::error(&equations.text, *span, format!("the flag `{}` {reason}", flag.name())));
        }
        variables.insert(
            name.clone(),
            Variable {
                role,
                kind: Kind { ty: line.ty, dimension: line.dimension },
                shared: line.has(Flag::Shared),
                varies: !line.has(Flag::Shared),
                constant: line.has(Flag::Constant),
                // Without refractoriness the flag has no effect, as in Brian2.
                unless_refractory: has_refractory && line.has(Flag::UnlessRefractory),
                single: false,
                noisy: false,
                read_only: false,
            },
        );
    }
    for (name, variable) in internal_variables() {
        variables.entry(name).or_insert(variable);
    }
    if has_refractory {
        let mut add = |name: &str, role, ty, dimension| {
            variables.entry(name.to_string()).or_insert(Variable::internal(role, ty, dimension, false));
        };
        add("lastspike", Role::LastSpike, ValueType::Float, Dimension::SECOND);
        add("not_refractory", Role::NotRefractory, ValueType::Boolean, Dimension::NONE);
        if let Some(line) = equations.lines.get("lastspike") {
            let message = "`lastspike` belongs to refractoriness and cannot be defined";
            diagnostics.push(Diagnostic::error(&equations.text, line.name_span, message));
        }
    }
    variables
}

/// What every group has.
pub(super) fn internal_variables() -> IndexMap<String, Variable> {
    use ValueType::{Float, Integer};
    [
        ("i", Role::Index, Integer, Dimension::NONE, false),
        ("N", Role::Size, Integer, Dimension::NONE, true),
        ("t", Role::Time, Float, Dimension::SECOND, true),
        ("dt", Role::Dt, Float, Dimension::SECOND, true),
        ("t_in_timesteps", Role::StepNumber, Integer, Dimension::NONE, true),
    ]
    .into_iter()
    .map(|(name, role, ty, dimension, shared)| (name.to_string(), Variable::internal(role, ty, dimension, shared)))
    .collect()
}

/// Marks the variables that are kept in 32 bits.
pub(super) fn mark_single(
    single: &SinglePrecision,
    variables: &mut IndexMap<String, Variable>,
    diagnostics: &mut Diagnostics,
) {
    let fits = |v: &Variable| {
        v.kind.ty == ValueType::Float
            && matches!(v.role, Role::State | Role::EventDriven | Role::Parameter | Role::ConstantOverDt(_))
    };
    match single {
        SinglePrecision::None => {}
        SinglePrecision::All => variables.values_mut().filter(|v| fits(v)).for_each(|v| v.single = true),
        SinglePrecision::Variables(names) => {
            for text in names {
                let name = text.as_str();
                match variables.get_mut(name).filter(|v| fits(v)) {
                    Some(variable) => variable.single = true,
                    None => {
                        let message = format!("there is no variable `{name}` with float values of its own");
                        let error = Diagnostic::error(text, text.whole(), message);
                        let names = variables.iter().filter(|(_, v)| fits(v)).map(|(n, _)| n.as_str());
                        diagnostics.push(error.suggest(name, names));
                    }
                }
            }
        }
    }
}

/// Checks the expression of one line against its unit.
pub(super) fn check_line(
    name: &str,
    line: &equations::Equation,
    scope: &VariablesScope<'_>,
    text: &Text,
    diagnostics: &mut Diagnostics,
) {
    let (expr, wanted, what) = match &line.kind {
        EquationKind::Parameter => return,
        EquationKind::Differential(expr) => (expr, line.dimension / Dimension::SECOND, format!("d{name}/dt")),
        EquationKind::Subexpression(expr) => (expr, line.dimension, name.to_string()),
    };
    if line.has(Flag::Shared) {
        for used in expr.names() {
            if scope.variables.get(&used).is_some_and(|v| !v.shared) {
                let message =
                    format!("the shared subexpression `{name}` uses `{used}`, which each cell has its own of");
                diagnostics.push(Diagnostic::error(text, span_of_name(expr, &used), message));
            }
        }
    }
    let Some(kind) = check(expr, scope, text, diagnostics) else { return };
    if kind.dimension != wanted {
        let (wanted, got) = (wanted.described(), kind.dimension.described());
        let message = format!("`{what}` is {wanted}, but the right-hand side is {got}");
        let error = Diagnostic::error(text, expr.span, message);
        diagnostics.push(match &line.kind {
            EquationKind::Differential(_) if kind.dimension == line.dimension => {
                error.hint("a rate of change is per second: divide by a time constant")
            }
            EquationKind::Differential(_) if line.dimension.is_dimensionless() => error,
            EquationKind::Differential(_) => {
                error.hint(format!("`{name}` is in {}, so its rate is per second of that", line.dimension))
            }
            _ => error.hint(format!("declare it as `: {}`", kind.dimension)),
        });
    } else if matches!(line.kind, EquationKind::Differential(_)) && kind.ty == ValueType::Boolean {
        let message = format!("the right-hand side of `{what}` is a condition");
        diagnostics.push(Diagnostic::error(text, expr.span, message).hint(format!("write `int({expr})/second`")));
    } else if matches!(line.kind, EquationKind::Subexpression(_)) && kind.ty > line.ty {
        let message =
            format!("`{name}` is declared as {}, but the expression is {}", line.ty.described(), described(kind));
        let hint = match line.ty {
            ValueType::Boolean => "compare it with something, or declare it as `: 1`",
            _ => "write `int(...)`, or declare it as `: 1`",
        };
        diagnostics.push(Diagnostic::error(text, expr.span, message).hint(hint));
    }
}

fn span_of_name(expr: &Expr, name: &str) -> Span {
    let mut span = expr.span;
    expr.walk(&mut |e| {
        if matches!(&e.kind, ExprKind::Name(n) if n == name) {
            span = e.span;
        }
    });
    span
}

/// Names of subexpressions, each after those it uses; cycles are reported.
pub(super) fn order_subexpressions(equations: &Equations, diagnostics: &mut Diagnostics) -> Vec<String> {
    fn visit(
        name: &str,
        equations: &Equations,
        path: &mut Vec<String>,
        order: &mut Vec<String>,
        out: &mut Diagnostics,
    ) {
        let Some(line) = equations.lines.get(name) else { return };
        let EquationKind::Subexpression(expr) = &line.kind else { return };
        if let Some(start) = path.iter().position(|p| p == name) {
            let mut circle: Vec<String> = path[start..].iter().map(|p| format!("`{p}`")).collect();
            circle.push(format!("`{name}`"));
            let message = match circle.len() {
                2 => format!("the subexpression `{name}` uses itself"),
                _ => format!("subexpressions use each other in a circle: {}", circle.join(" uses ")),
            };
            // Once per circle: at its member that comes first in the text.
            let first = path[start..].iter().filter_map(|p| equations.lines.get(p)).min_by_key(|l| l.name_span.start);
            let span = first.map_or(line.name_span, |l| l.name_span);
            let known =
                out.0.iter().any(|d| d.at.as_ref().is_some_and(|(_, s)| *s == span) && d.message.contains("use"));
            if !known {
                out.push(Diagnostic::error(&equations.text, span, message));
            }
            return;
        }
        if order.iter().any(|o| o == name) {
            return;
        }
        path.push(name.to_string());
        for used in expr.names() {
            visit(&used, equations, path, order, out);
        }
        path.pop();
        order.push(name.to_string());
    }
    let mut order = Vec::new();
    for name in equations.lines.keys() {
        visit(name, equations, &mut Vec::new(), &mut order, diagnostics);
    }
    order
}

pub(super) fn system(equations: &Equations, order: &[String], has_refractory: bool) -> OdeSystem {
    let odes = equations.lines.iter().filter_map(|(name, line)| match &line.kind {
        EquationKind::Differential(rhs) => Some(Ode {
            name: name.clone(),
            rhs: rhs.clone(),
            unless_refractory: has_refractory && line.has(Flag::UnlessRefractory),
            span: line.name_span,
        }),
        _ => None,
    });
    let subexpressions = order.iter().filter_map(|name| match &equations.lines.get(name)?.kind {
        EquationKind::Subexpression(expr) => Some((name.clone(), expr.clone())),
        _ => None,
    });
    OdeSystem {
        odes: odes.collect(),
        subexpressions: subexpressions.collect(),
        steady: BTreeSet::new(),
        text: equations.text.clone(),
    }
}

fn refractory(text: &Text, scope: &VariablesScope<'_>, diagnostics: &mut Diagnostics) -> Option<(Refractory, Text)> {
    let expr = parser::expression(text, diagnostics)?;
    let kind = check(&expr, scope, text, diagnostics)?;
    if kind.dimension == Dimension::SECOND {
        return Some((Refractory::Time(expr), text.clone()));
    }
    if kind.ty == ValueType::Boolean {
        return Some((Refractory::While(expr), text.clone()));
    }
    let message = format!("`refractory` is a time or a condition: `{expr}` is {}", described(kind));
    diagnostics.push(
        Diagnostic::error(text, expr.span, message)
            .hint("write a time such as `5*ms`, or a condition such as `v > 0*mV`"),
    );
    None
}

//! A group of neurons: what a user gives ([`GroupText`]) and what is known once it is checked ([`Group`]).
//!
//! Checking resolves every name, checks dimensions and types of every expression and statement, and orders
//! subexpressions; all errors are reported at once. Later stages take a [`Group`] and ask nothing again.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::block::{Ode, OdeSystem};
use super::equations::{self, EquationKind, Equations, Flag};
use super::namespace::Namespace;
use super::statements::{CodeScope, check_statements};
use crate::diag::{Diagnostic, Diagnostics, Span, Text};
use crate::expr::ast::{Expr, Statement};
use crate::expr::check::{Kind, Meaning, Scope, Unknown, ValueType, check, check_condition, described};
use crate::expr::parser;
use crate::unit::Dimension;

/// A group of neurons as given: the text of its parts.
#[derive(Clone, Debug)]
pub struct GroupText {
    /// Name of the group.
    pub name: String,
    /// Number of cells.
    pub n: usize,
    /// Differential equations, subexpressions, parameters.
    pub equations: Text,
    /// Condition for a spike.
    pub threshold: Option<Text>,
    /// Statements after a spike.
    pub reset: Option<Text>,
    /// A time, or a condition, for which a cell that has spiked cannot spike again.
    pub refractory: Option<Text>,
    /// Name of the integration method; chosen if absent.
    pub method: Option<Text>,
}

/// What a variable of a group is.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Has a differential equation.
    State,
    /// Has a value that only statements change.
    Parameter,
    /// Stands for an expression.
    Subexpression(Expr),
    /// `i`, the number of the cell.
    Index,
    /// `N`, the number of cells.
    Size,
    /// `t`, the time at the start of the step.
    Time,
    /// `dt`, the length of a step.
    Dt,
    /// `t_in_timesteps`, the number of the step.
    StepNumber,
    /// `lastspike`, the time of the last spike.
    LastSpike,
    /// `not_refractory`.
    NotRefractory,
}

/// A variable of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// What it is.
    pub role: Role,
    /// Type and dimension.
    pub kind: Kind,
    /// Whether it has one value for the whole group.
    pub shared: bool,
    /// Whether its value differs from cell to cell, directly or through what its expression uses.
    pub varies: bool,
    /// Whether it is marked as fixed during a run.
    pub constant: bool,
    /// Whether only resets change it while the cell is refractory.
    pub unless_refractory: bool,
}

impl Variable {
    fn internal(role: Role, ty: ValueType, dimension: Dimension, shared: bool) -> Variable {
        Variable {
            role,
            kind: Kind { ty, dimension },
            shared,
            varies: !shared,
            constant: false,
            unless_refractory: false,
        }
    }

    /// Whether it has values of its own in memory that statements may write.
    pub fn is_stored(&self) -> bool {
        matches!(self.role, Role::State | Role::Parameter | Role::LastSpike | Role::NotRefractory)
    }
}

/// When a cell that has spiked can spike again.
#[derive(Clone, Debug, PartialEq)]
pub enum Refractory {
    /// After this time, evaluated at every step.
    Time(Expr),
    /// When this condition is no longer true.
    While(Expr),
}

/// Where the code of a group besides its equations stands.
#[derive(Clone, Debug, Default)]
pub struct CodeTexts {
    /// The condition for a spike.
    pub threshold: Option<Text>,
    /// The statements after a spike.
    pub reset: Option<Text>,
    /// The refractory time or condition.
    pub refractory: Option<Text>,
}

/// A checked group of neurons.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Number of cells.
    pub n: usize,
    /// Every variable, by name: those of the equations in their order, then internal ones.
    pub variables: IndexMap<String, Variable>,
    /// The differential equations.
    pub system: OdeSystem,
    /// Condition for a spike.
    pub threshold: Option<Expr>,
    /// Statements after a spike.
    pub reset: Vec<Statement>,
    /// Names of the variables that code changes while the network runs, other than by integration.
    pub written: BTreeSet<String>,
    /// The texts of threshold, reset and refractoriness, for messages.
    pub texts: CodeTexts,
    /// Refractoriness.
    pub refractory: Option<Refractory>,
    /// The method asked for, and where.
    pub method: Option<Text>,
    /// The equations as parsed.
    pub equations: Equations,
    /// The constants its names may mean.
    pub namespace: Arc<Namespace>,
}

impl Group {
    fn scope(&self) -> VariablesScope<'_> {
        VariablesScope {
            variables: &self.variables,
            in_error: &self.equations.in_error,
            namespace: &self.namespace,
            has_refractory: self.refractory.is_some(),
        }
    }
}

impl Scope for Group {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        self.scope().meaning(name)
    }

    fn candidates(&self) -> Vec<String> {
        self.scope().candidates()
    }
}

/// Variables of a group over the constants of the model.
struct VariablesScope<'a> {
    variables: &'a IndexMap<String, Variable>,
    /// Names that the equations define, but wrongly.
    in_error: &'a BTreeSet<String>,
    namespace: &'a Namespace,
    has_refractory: bool,
}

impl Scope for VariablesScope<'_> {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        match self.variables.get(name) {
            Some(variable) => Ok(Meaning { kind: variable.kind, constant: None }),
            None if self.in_error.contains(name) => Err(Unknown::InError),
            None if !self.has_refractory && ["lastspike", "not_refractory"].contains(&name) => Err(Unknown::NotHere(
                format!("`{name}` exists only in groups with `refractory`"),
                Some("give the group `refractory`".into()),
            )),
            None => self.namespace.meaning(name),
        }
    }

    fn candidates(&self) -> Vec<String> {
        self.variables.keys().cloned().chain(self.namespace.candidates()).collect()
    }
}

/// Checks a group.
pub fn check_group(given: &GroupText, namespace: &Arc<Namespace>, diagnostics: &mut Diagnostics) -> Option<Group> {
    let mut found = Diagnostics::default();
    let equations = equations::parse(&given.equations, &mut found);
    let has_refractory = given.refractory.is_some();
    let mut variables = variables(&equations, has_refractory, &mut found);
    let order = order_subexpressions(&equations, &mut found);
    for name in &order {
        let uses = equations.lines.get(name).and_then(|line| match &line.kind {
            EquationKind::Subexpression(expr) => Some(expr.names()),
            _ => None,
        });
        // In the order of definition, so that what a subexpression uses is known already.
        let varies = uses.iter().flatten().any(|used| variables.get(used).is_some_and(|v| v.varies));
        if let Some(variable) = variables.get_mut(name) {
            variable.varies = varies;
        }
    }
    let scope = VariablesScope { variables: &variables, in_error: &equations.in_error, namespace, has_refractory };
    for (name, line) in &equations.lines {
        check_line(name, line, &scope, &equations.text, &mut found);
    }
    let threshold = given.threshold.as_ref().and_then(|text| {
        let expr = parser::expression(text, &mut found)?;
        check_condition(&expr, "the threshold", &scope, text, &mut found).map(|()| expr)
    });
    let reset = given.reset.as_ref().map_or(Vec::new(), |text| {
        let statements = parser::statements(text, &mut found);
        check_statements(&statements, &CodeScope::events(&scope, &variables), text, &mut found);
        statements
    });
    if let (Some(text), None) = (&given.reset, &given.threshold) {
        let error = Diagnostic::error(text, text.whole(), "a reset without a threshold never happens");
        found.push(error.hint("give the group a `threshold`"));
    }
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
    Some(Group {
        name: given.name.clone(),
        n: given.n,
        system: system(&equations, &order, has_refractory),
        variables,
        threshold,
        written: reset.iter().map(|s| s.target.clone()).collect(),
        reset,
        texts: CodeTexts {
            threshold: given.threshold.clone(),
            reset: given.reset.clone(),
            refractory: given.refractory.clone(),
        },
        refractory,
        method: given.method.clone(),
        equations,
        namespace: namespace.clone(),
    })
}

fn variables(equations: &Equations, has_refractory: bool, diagnostics: &mut Diagnostics) -> IndexMap<String, Variable> {
    let mut variables = IndexMap::new();
    for (name, line) in &equations.lines {
        let role = match &line.kind {
            EquationKind::Differential(_) => Role::State,
            EquationKind::Subexpression(expr) => Role::Subexpression(expr.clone()),
            EquationKind::Parameter => Role::Parameter,
        };
        for (flag, span) in &line.flags {
            let reason = match flag {
                Flag::EventDriven | Flag::ClockDriven | Flag::Summed => "belongs to synapses",
                Flag::PointCurrent => "belongs to neurons with compartments",
                Flag::Linked | Flag::ConstantOverDt => "is not supported by this version",
                Flag::Constant | Flag::Shared | Flag::UnlessRefractory => continue,
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
            },
        );
    }
    let mut add = |name: &str, role, ty, dimension, shared| {
        variables.entry(name.to_string()).or_insert(Variable::internal(role, ty, dimension, shared));
    };
    use ValueType::{Boolean, Float, Integer};
    add("i", Role::Index, Integer, Dimension::NONE, false);
    add("N", Role::Size, Integer, Dimension::NONE, true);
    add("t", Role::Time, Float, Dimension::SECOND, true);
    add("dt", Role::Dt, Float, Dimension::SECOND, true);
    add("t_in_timesteps", Role::StepNumber, Integer, Dimension::NONE, true);
    if has_refractory {
        add("lastspike", Role::LastSpike, Float, Dimension::SECOND, false);
        add("not_refractory", Role::NotRefractory, Boolean, Dimension::NONE, false);
        if let Some(line) = equations.lines.get("lastspike") {
            let message = "`lastspike` belongs to refractoriness and cannot be defined";
            diagnostics.push(Diagnostic::error(&equations.text, line.name_span, message));
        }
    }
    variables
}

/// Checks the expression of one line against its unit.
fn check_line(
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
        if matches!(&e.kind, crate::expr::ast::ExprKind::Name(n) if n == name) {
            span = e.span;
        }
    });
    span
}

/// Names of subexpressions, each after those it uses; cycles are reported.
fn order_subexpressions(equations: &Equations, diagnostics: &mut Diagnostics) -> Vec<String> {
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

fn system(equations: &Equations, order: &[String], has_refractory: bool) -> OdeSystem {
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

fn refractory(text: &Text, scope: &VariablesScope<'_>, diagnostics: &mut Diagnostics) -> Option<Refractory> {
    let expr = parser::expression(text, diagnostics)?;
    let kind = check(&expr, scope, text, diagnostics)?;
    if kind.dimension == Dimension::SECOND {
        return Some(Refractory::Time(expr));
    }
    if kind.ty == ValueType::Boolean {
        return Some(Refractory::While(expr));
    }
    let message = format!("`refractory` is a time or a condition: `{expr}` is {}", described(kind));
    diagnostics.push(
        Diagnostic::error(text, expr.span, message)
            .hint("write a time such as `5*ms`, or a condition such as `v > 0*mV`"),
    );
    None
}

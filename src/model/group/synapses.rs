//! The model of synapses: what a user gives ([`SynapsesText`]) and what is known once it is checked ([`SynapsesModel`]).
//!
//! Synapses are a group whose elements are synapses. Their code sees the variables of the cells at both ends, as `x_pre`
//! and `x_post`, and those of the target by their own names too, where no variable of the synapses has that name.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::check::{
    check_line, internal_variables, mark_single, mark_varying, order_subexpressions, system, take_evaluated_once,
};
use super::pathways::{PathwayCode, PathwaySetting, PathwayText, pathways};
use super::{Code, Group, Role, SinglePrecision, Variable, VariablesScope};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::Expr;
use crate::expr::check::{Kind, ValueType};
use crate::model::block::{Ode, OdeSystem};
use crate::model::equations::{self, EquationKind, Equations, Flag, name_problem};
use crate::model::namespace::Namespace;
use crate::unit::Dimension;

/// One end of a synapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Where spikes come from.
    Pre,
    /// Where they go to.
    Post,
}

impl Side {
    /// The ending of names of variables there.
    pub fn suffix(self) -> &'static str {
        match self {
            Side::Pre => "_pre",
            Side::Post => "_post",
        }
    }

    /// What the cells there are called.
    pub fn described(self) -> &'static str {
        match self {
            Side::Pre => "source",
            Side::Post => "target",
        }
    }

    /// The name of the variable that is the number of the cell there.
    pub fn index(self) -> &'static str {
        match self {
            Side::Pre => "i",
            Side::Post => "j",
        }
    }
}

/// Synapses as given: the texts of their parts.
#[derive(Clone, Debug)]
pub struct SynapsesText {
    /// Their name.
    pub name: String,
    /// Equations.
    pub equations: Text,
    /// Pathways, in order.
    pub pathways: Vec<PathwayText>,
    /// The event that pathways are for, unless one says otherwise; spikes if absent.
    pub on_event: Option<Text>,
    /// What is said of single pathways, by name; the last one counts.
    pub settings: Vec<(Text, PathwaySetting)>,
    /// Name of the integration method; chosen if absent.
    pub method: Option<Text>,
    /// Name of a variable that numbers the synapses of each pair.
    pub multisynaptic_index: Option<Text>,
    /// Which variables are kept as floats of 32 bits.
    pub single: SinglePrecision,
}

/// A variable of the cells at one end that is a sum over their synapses.
#[derive(Clone, Debug)]
pub struct Summed {
    /// Which end.
    pub side: Side,
    /// The variable of the group there.
    pub variable: String,
    /// What is summed.
    pub expr: Expr,
}

/// Checked synapses.
#[derive(Clone, Debug)]
pub struct SynapsesModel {
    /// Their variables and clock-driven equations.
    pub group: Group,
    /// The equations that are solved from event to event.
    pub event_driven: OdeSystem,
    /// Sums over synapses.
    pub summed: Vec<Summed>,
    /// Code for events, in the order given.
    pub pathways: Vec<PathwayCode>,
}

/// The variables that synapses see of the group, or of the synapses, at one end, by their names there.
pub fn endpoint_variables(group: &Group, side: Side) -> IndexMap<String, Variable> {
    let mut seen = IndexMap::new();
    for (name, variable) in &group.variables {
        let here = format!("{name}{}", side.suffix());
        let role = match &variable.role {
            Role::Subexpression(expr) if is_seen(expr, group) => Role::Subexpression(seen_from(expr, group, side)),
            _ if !is_seen(&Expr::name(name.clone()), group) || !variable.is_stored() => continue,
            _ => Role::Endpoint { side, variable: name.clone() },
        };
        let varies = variable.varies || !variable.shared;
        let read_only = !variable.is_settable();
        seen.insert(here, Variable { role, varies, read_only, ..variable.clone() });
    }
    let whole = Kind { ty: ValueType::Integer, dimension: Dimension::NONE };
    let given = |shared| Variable::internal(Role::Given, whole.ty, whole.dimension, shared);
    seen.insert(format!("N{}", side.suffix()), given(true));
    seen.insert(format!("_i{}", side.suffix()), given(false));
    seen.insert(format!("_first{}", side.suffix()), given(true));
    seen.insert(format!("_N{}", side.suffix()), given(true));
    seen
}

/// Whether an expression of a group can be seen from synapses: what synapses see of their own ends, those that have them
/// at one end do not (Brian2's rule).
fn is_seen(expr: &Expr, group: &Group) -> bool {
    expr.names().iter().all(|name| match group.variables.get(name).map(|v| &v.role) {
        Some(Role::Endpoint { .. } | Role::Linked) => false,
        Some(Role::Given) => ["i", "j"].contains(&name.as_str()),
        Some(Role::Subexpression(inner)) => is_seen(inner, group),
        // The delay of a pathway has no name in expressions.
        _ => !name.contains('.'),
    })
}

/// A subexpression of a group with its names as synapses see them.
fn seen_from(expr: &Expr, group: &Group, side: Side) -> Expr {
    expr.substitute(&|name| {
        let suffix = side.suffix();
        match group.variables.get(name).map(|v| &v.role) {
            None | Some(Role::Time | Role::Dt | Role::StepNumber) => None,
            // In the group itself, cells are counted from its first one, whatever part of it the synapses are at.
            Some(Role::Index) => Some(Expr::name(format!("_i{suffix}"))),
            Some(Role::Size) => Some(Expr::name(format!("_N{suffix}"))),
            Some(_) => Some(Expr::name(format!("{name}{suffix}"))),
        }
    })
}

/// Checks synapses between groups of which they see these variables.
pub fn check_synapses(
    given: &SynapsesText,
    ends: IndexMap<String, Variable>,
    namespace: &Arc<Namespace>,
    diagnostics: &mut Diagnostics,
) -> Option<SynapsesModel> {
    let mut found = Diagnostics::default();
    let equations = equations::parse(&given.equations, &mut found);
    let mut variables = variables(&equations, given, ends, &mut found);
    mark_single(&given.single, &mut variables, &mut found);
    let order = order_subexpressions(&equations, &mut found);
    let is_summed = |name: &String| equations.lines.get(name).is_some_and(|line| line.has(Flag::Summed));
    let mut order: Vec<String> = order.into_iter().filter(|name| !is_summed(name)).collect();
    mark_varying(&order, &equations, &mut variables);
    let scope = |code| VariablesScope {
        variables: &variables,
        in_error: &equations.in_error,
        namespace,
        has_refractory: true,
        code,
    };
    for (name, line) in &equations.lines {
        let code = match line.kind {
            EquationKind::Differential(_) if !line.has(Flag::EventDriven) => Code::Differential,
            EquationKind::Subexpression(_) if line.has(Flag::ConstantOverDt) => Code::Statements,
            _ => Code::Subexpression,
        };
        check_line(name, line, &scope(code), &equations.text, &mut found);
    }
    check_drives(&equations, &mut found);
    let summed = summed(&equations, &variables, &mut found);
    let pathways = pathways(given, &scope(Code::Statements), &equations, &mut found);
    let errors = found.has_errors();
    diagnostics.extend(found);
    if errors {
        return None;
    }
    let evaluated_once = take_evaluated_once(&mut order, &variables);
    let whole = system(&equations, &order, false);
    let is_event_driven = |ode: &Ode| equations.lines.get(&ode.name).is_some_and(|line| line.has(Flag::EventDriven));
    let (event, clock): (Vec<Ode>, Vec<Ode>) = whole.odes.iter().cloned().partition(is_event_driven);
    let mut written: BTreeSet<String> =
        pathways.iter().flat_map(|pathway| &pathway.statements).map(|s| s.target.clone()).collect();
    written.extend(evaluated_once.iter().cloned());
    let group = Group {
        name: given.name.clone(),
        n: 0,
        variables,
        system: OdeSystem { odes: clock, ..whole.clone() },
        events: Vec::new(),
        event_code: Vec::new(),
        written,
        refractory: None,
        method: given.method.clone(),
        equations,
        evaluated_once,
        namespace: namespace.clone(),
    };
    Some(SynapsesModel { group, event_driven: OdeSystem { odes: event, ..whole }, summed, pathways })
}

fn variables(
    equations: &Equations,
    given: &SynapsesText,
    ends: IndexMap<String, Variable>,
    found: &mut Diagnostics,
) -> IndexMap<String, Variable> {
    let mut variables = IndexMap::new();
    let mut has_events = false;
    for (name, line) in &equations.lines {
        if let Some((message, hint)) = own_name_problem(name, &ends) {
            let error = Diagnostic::error(&equations.text, line.name_span, message);
            found.push(Diagnostic { hint, ..error });
            continue;
        }
        for (flag, span) in &line.flags {
            let reason = match flag {
                Flag::UnlessRefractory => "belongs to groups of neurons",
                Flag::PointCurrent => "belongs to neurons with compartments",
                Flag::Linked => "is not supported in synapses",
                _ => continue,
            };
            found.push(Diagnostic::error(&equations.text, *span, format!("the flag `{}` {reason}", flag.name())));
        }
        // A sum is a variable of the group at one end.
        if line.has(Flag::Summed) {
            continue;
        }
        let role = match &line.kind {
            EquationKind::Differential(_) if line.has(Flag::EventDriven) => Role::EventDriven,
            EquationKind::Differential(_) => Role::State,
            EquationKind::Subexpression(expr) if line.has(Flag::ConstantOverDt) => Role::ConstantOverDt(expr.clone()),
            EquationKind::Subexpression(expr) => Role::Subexpression(expr.clone()),
            EquationKind::Parameter => Role::Parameter,
        };
        has_events |= role == Role::EventDriven;
        let mut variable = Variable::internal(role, line.ty, line.dimension, line.has(Flag::Shared));
        variable.constant = line.has(Flag::Constant);
        variables.insert(name.clone(), variable);
    }
    let mut add = |name: &str, role, ty, dimension, shared| {
        variables.entry(name.to_string()).or_insert(Variable::internal(role, ty, dimension, shared));
    };
    add("i", Role::Given, ValueType::Integer, Dimension::NONE, false);
    add("j", Role::Given, ValueType::Integer, Dimension::NONE, false);
    add("N_incoming", Role::Given, ValueType::Integer, Dimension::NONE, false);
    add("N_outgoing", Role::Given, ValueType::Integer, Dimension::NONE, false);
    if let Some(index) = &given.multisynaptic_index
        && is_free(index, equations, &ends, found)
    {
        add(index.as_str(), Role::Parameter, ValueType::Integer, Dimension::NONE, false);
    }
    // Where an end is synapses, `i` there is theirs.
    for (name, own) in [("i_pre", "i"), ("i_post", "j")].into_iter().filter(|(name, _)| !ends.contains_key(*name)) {
        add(name, Role::Subexpression(Expr::name(own)), ValueType::Integer, Dimension::NONE, false);
    }
    if has_events {
        add("lastupdate", Role::LastUpdate, ValueType::Float, Dimension::SECOND, false);
    }
    for (name, variable) in internal_variables() {
        if name != "i" {
            variables.entry(name).or_insert(variable);
        }
    }
    for (name, variable) in ends {
        // The target's variables go without a suffix too.
        if let Some(short) = name.strip_suffix("_post").filter(|short| !short.starts_with('_') && *short != "N") {
            variables.entry(short.to_string()).or_insert(variable.clone());
        }
        variables.entry(name).or_insert(variable);
    }
    variables
}

/// Why a name cannot be that of a variable of synapses between these ends, and what to do, if it cannot.
fn own_name_problem(name: &str, ends: &IndexMap<String, Variable>) -> Option<(String, Option<String>)> {
    if ["i", "j", "delay", "lastupdate", "N_pre", "N_post", "N_incoming", "N_outgoing"].contains(&name) {
        return Some((format!("`{name}` has a meaning of its own in synapses and cannot be defined"), None));
    }
    let side = [Side::Pre, Side::Post].into_iter().find(|side| is_at(ends, name, *side))?;
    let message = format!("`{name}` is a variable of the {} too", side.described());
    let hint = format!("give it a name of its own, such as `{name}_syn`: here `{name}` could be either");
    Some((message, Some(hint)))
}

/// Whether the variable that numbers the synapses of a pair can have this name; says why not.
fn is_free(index: &Text, equations: &Equations, ends: &IndexMap<String, Variable>, found: &mut Diagnostics) -> bool {
    let name = index.as_str();
    let is_defined = equations.lines.contains_key(name) || equations.in_error.contains(name);
    // What is wrong with the name in itself is said of the equations where they define it.
    let problem = if is_defined {
        let hint = format!("`multisynaptic_index` makes the variable: remove `{name}` from the equations");
        Some((format!("`{name}` is defined in the equations too"), Some(hint)))
    } else {
        name_problem(name, false).or_else(|| own_name_problem(name, ends))
    };
    let Some((message, hint)) = problem else { return true };
    let hint = hint.or_else(|| Some("choose a name that means nothing yet, such as `synapse_number`".to_string()));
    found.push(Diagnostic { hint, ..Diagnostic::error(index, index.whole(), message) });
    false
}

/// Whether this is the name of a variable at one end.
fn is_at(ends: &IndexMap<String, Variable>, name: &str, side: Side) -> bool {
    let there = ends.get(&format!("{name}{}", side.suffix()));
    there.is_some_and(|variable| !matches!(variable.role, Role::Given))
}

/// What changes at every step and what changes with events only cannot depend on each other.
fn check_drives(equations: &Equations, found: &mut Diagnostics) {
    let line_of = |name: &str| equations.lines.get(name);
    let is_event = |name: &str| line_of(name).is_some_and(|line| line.has(Flag::EventDriven));
    let is_clock = |name: &str| {
        line_of(name)
            .is_some_and(|line| matches!(line.kind, EquationKind::Differential(_)) && !line.has(Flag::EventDriven))
    };
    // Names that an expression uses, through subexpressions too.
    fn uses(expr: &Expr, equations: &Equations, names: &mut BTreeSet<String>) {
        for name in expr.names() {
            let inner = match equations.lines.get(&name).map(|line| &line.kind) {
                Some(EquationKind::Subexpression(inner)) => Some(inner),
                _ => None,
            };
            if names.insert(name)
                && let Some(inner) = inner
            {
                uses(inner, equations, names);
            }
        }
    }
    for (name, line) in &equations.lines {
        let (expr, forbidden, what): (_, &dyn Fn(&str) -> bool, _) = match &line.kind {
            EquationKind::Differential(expr) if line.has(Flag::EventDriven) => {
                (expr, &is_clock, "is solved from event to event, but uses `{}`, which changes at every step")
            }
            EquationKind::Differential(expr) => {
                (expr, &is_event, "changes at every step, but uses `{}`, which is known at events only")
            }
            EquationKind::Subexpression(expr) if line.has(Flag::Summed) => {
                (expr, &is_event, "is summed at every step, but uses `{}`, which is known at events only")
            }
            _ => continue,
        };
        let mut names = BTreeSet::new();
        uses(expr, equations, &mut names);
        if let Some(used) = names.iter().find(|used| forbidden(used)) {
            let message = format!("`{name}` {}", what.replace("{}", used));
            let hint = "mark both `(clock-driven)`, or both `(event-driven)`";
            found.push(Diagnostic::error(&equations.text, line.name_span, message).hint(hint));
        }
    }
}

fn summed(equations: &Equations, variables: &IndexMap<String, Variable>, found: &mut Diagnostics) -> Vec<Summed> {
    let mut sums = Vec::new();
    for (name, line) in &equations.lines {
        let EquationKind::Subexpression(expr) = &line.kind else { continue };
        if !line.has(Flag::Summed) {
            continue;
        }
        let variable = variables.get(name);
        let Some(Role::Endpoint { side, variable: target }) = variable.map(|v| &v.role) else {
            let message = format!("`{name}` is summed, but is no parameter of the group at one end");
            let hint = "a sum is called `x_post` or `x_pre`, where the group there has `x : unit`";
            found.push(Diagnostic::error(&equations.text, line.name_span, message).hint(hint));
            continue;
        };
        if let Some(variable) = variable
            && (variable.kind.dimension != line.dimension || variable.kind.ty != line.ty)
        {
            let message = format!("`{name}` is {} in its group", variable.kind.dimension.described());
            found.push(Diagnostic::error(&equations.text, line.name_span, message));
        }
        sums.push(Summed { side: *side, variable: target.clone(), expr: expr.clone() });
    }
    sums
}

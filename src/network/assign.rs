//! Assignments to variables of groups: initial values, and changes between runs.

use indexmap::IndexMap;

use super::error::Error;
use super::evaluate::Constants;
use super::model::{Assignment, Filter, Value};
use super::neuron_group::Population;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::engine;
use crate::expr::ast::{AssignOp, Expr, ExprKind, Statement};
use crate::expr::check::check_condition;
use crate::expr::parser;
use crate::kernel::ir::LoopShape;
use crate::kernel::lower::Site;
use crate::model::group::Group;
use crate::model::namespace::Number;
use crate::model::statements::{CodeScope, check_statements};
use crate::runtime::clock::Clock;

/// A checked assignment to a variable of one group.
#[derive(Clone, Debug)]
pub struct CheckedAssignment {
    statement: Statement,
    text: Text,
    /// Numbers are data: no guard holds them back, as in Brian2.
    is_data: bool,
    shared: bool,
    filter: Option<CheckedFilter>,
}

#[derive(Clone, Debug)]
enum CheckedFilter {
    Condition(Expr, Text),
    /// Ascending, each once.
    Indices(Vec<i32>),
}

/// Checks an assignment against its group; `None` after saying what is wrong.
pub fn check_assignment(
    assignment: &Assignment,
    group: &Group,
    diagnostics: &mut Diagnostics,
) -> Option<CheckedAssignment> {
    let name = assignment.variable.as_str();
    let text = assignment.value.text();
    let Some(variable) = group.variables.get(name) else {
        let message = format!("the group `{}` has no variable `{name}`", group.name);
        let names = group.variables.iter().filter(|(_, v)| v.is_stored()).map(|(n, _)| n.as_str());
        let error = Diagnostic::error(&assignment.variable, assignment.variable.whole(), message);
        diagnostics.push(error.suggest(name, names));
        return None;
    };
    let before = diagnostics.0.len();
    let statement = |value: Expr| {
        let span = value.span;
        // A target has no place in the text of its value; errors about it point to the value.
        Statement { target: name.to_string(), target_span: span, op: AssignOp::Set, value, span }
    };
    let (value, is_data) = match &assignment.value {
        Value::Expression(text) => {
            let value = parser::expression(text, diagnostics)?;
            let scope = CodeScope::assignment(group, &group.variables);
            check_statements(&[statement(value.clone())], &scope, text, diagnostics);
            (value, false)
        }
        Value::Number(number, _) => {
            let kind = match *number {
                Number::Boolean(value) => ExprKind::Bool(value),
                Number::Integer(value) => ExprKind::Int(value),
                Number::Float(value) => ExprKind::Float(value),
            };
            let value = Expr::new(kind, text.whole());
            // Zero is zero in any unit.
            if variable.is_stored() && number.as_f64() != 0.0 && !variable.kind.dimension.is_dimensionless() {
                let dimension = variable.kind.dimension;
                let message = format!("`{name}` is in {dimension}, but `{value}` has no unit");
                let hint = format!("write it as a string with a unit: \"{value}*{dimension}\"");
                diagnostics.push(Diagnostic::error(text, text.whole(), message).hint(hint));
            } else if !variable.is_stored() || variable.kind.dimension.is_dimensionless() {
                let scope = CodeScope::assignment(group, &group.variables);
                check_statements(&[statement(value.clone())], &scope, text, diagnostics);
            }
            (value, true)
        }
    };
    if variable.shared {
        check_shared(name, assignment.filter.as_ref(), diagnostics);
    }
    let filter = match &assignment.filter {
        None => None,
        Some(filter) => check_filter(filter, group, diagnostics).map(Some)?,
    };
    let errors = diagnostics.has_errors_since(before);
    (!errors).then(|| CheckedAssignment {
        statement: statement(value),
        text: text.clone(),
        is_data,
        shared: variable.shared,
        filter,
    })
}

/// A shared variable takes one value, for all.
fn check_shared(name: &str, filter: Option<&Filter>, diagnostics: &mut Diagnostics) {
    if let Some(Filter::Condition(text) | Filter::Indices(_, text) | Filter::Marks(_, text)) = filter {
        let message = format!("`{name}` is shared by all cells and cannot be set for some of them");
        diagnostics.push(Diagnostic::error(text, text.whole(), message));
    }
}

fn check_filter(filter: &Filter, group: &Group, diagnostics: &mut Diagnostics) -> Option<CheckedFilter> {
    let mut refuse = |text: &Text, message: String| {
        diagnostics.push(Diagnostic::error(text, text.whole(), message));
        None
    };
    match filter {
        Filter::Condition(text) => {
            let condition = parser::expression(text, diagnostics)?;
            check_condition(&condition, "the filter", group, text, diagnostics)?;
            Some(CheckedFilter::Condition(condition, text.clone()))
        }
        Filter::Indices(indices, text) => {
            let n = group.n as i64;
            let mut cells = Vec::new();
            for &index in indices {
                let cell = if index < 0 { index + n } else { index };
                if !(0..n).contains(&cell) {
                    return refuse(text, format!("there is no cell {index} in `{}`, which has {n} cells", group.name));
                }
                cells.push(cell as i32);
            }
            cells.sort_unstable();
            cells.dedup();
            Some(CheckedFilter::Indices(cells))
        }
        Filter::Marks(marks, text) => {
            if marks.len() != group.n {
                let (got, n) = (marks.len(), group.n);
                return refuse(text, format!("`{}` has {n} cells, but the list has {got} entries", group.name));
            }
            let cells = marks.iter().enumerate().filter(|(_, m)| **m).map(|(k, _)| k as i32);
            Some(CheckedFilter::Indices(cells.collect()))
        }
    }
}

impl CheckedAssignment {
    /// Carries it out at the current time of `clock`; returns where an integer was divided by zero.
    pub fn apply(
        &self,
        population: &mut Population,
        clock: &mut Clock,
        constants: &mut Constants,
    ) -> Result<Vec<Site>, Error> {
        let indices = match &self.filter {
            None => None,
            Some(CheckedFilter::Indices(indices)) => Some(indices.clone()),
            Some(CheckedFilter::Condition(condition, text)) => {
                let lowered = population.lower(text, |l| Ok(LoopShape::Select(l.expr(condition)?)))?;
                let mut cells = vec![0; population.n()];
                let arrays = population.bind(&lowered.kernel, &mut IndexMap::new(), clock, &mut constants.arrays)?;
                // SAFETY: `bind` gives arrays of the kernel's types, one element a cell or single values.
                let count = unsafe { engine::select_once(&lowered.kernel, &arrays, &mut cells) }?;
                cells.truncate(count);
                Some(cells)
            }
        };
        let shape = if indices.is_some() { LoopShape::Indexed } else { LoopShape::Each };
        let lowered = population.lower(&self.text, |lowerer| {
            if self.is_data {
                lowerer.override_guards();
            }
            lowerer.statement(&self.statement)?;
            Ok(shape)
        })?;
        let arrays = population.bind(&lowered.kernel, &mut IndexMap::new(), clock, &mut constants.arrays)?;
        // A shared variable is written by the scalar part, which runs once whatever the number of cells.
        let n = if self.shared { 0 } else { population.n() };
        // SAFETY: `bind` gives arrays of the kernel's types, one element a cell or single values; the indices are
        // numbers of cells.
        let flags = unsafe {
            match &indices {
                Some(indices) => engine::run_once_over(&lowered.kernel, &arrays, indices),
                None => engine::run_once(&lowered.kernel, &arrays, n),
            }
        }?;
        Ok(engine::sites_of(&lowered.sites, flags))
    }
}

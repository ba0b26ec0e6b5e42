//! Assignments to variables of groups: initial values, and changes between runs.

use super::check::Source;
use super::code::{Drawing, Elements};
use super::error::Error;
use super::memory::Memory;
use super::model::{Assigned, Assignment, Between, Filter, Value};
use super::synapses::recipe::Recipe;
use super::synapses::wiring::TARGETS;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::{AssignOp, Expr, ExprKind, Statement};
use crate::expr::check::{ValueType, check_condition};
use crate::expr::parser;
use crate::kernel::ir::LoopShape;
use crate::kernel::lower::Site;
use crate::model::group::Group;
use crate::model::namespace::Number;
use crate::model::statements::{CodeScope, check_statements};
use crate::random::Streams;

/// An assignment whose parts are known to be right.
#[derive(Clone, Debug)]
pub struct CheckedAssignment {
    source: Source,
    variable: String,
    value: CheckedValue,
    text: Text,
    shared: bool,
    filter: Option<CheckedFilter>,
}

#[derive(Clone, Debug)]
enum CheckedValue {
    /// A statement that gives each cell its value; `is_data`: a number, which goes through guards.
    Statement { statement: Statement, is_data: bool },
    /// A number for each cell, in the order of the filter.
    Each(Vec<f64>),
}

#[derive(Clone, Debug)]
enum CheckedFilter {
    Condition(Expr, Text),
    /// Cells of the population in the order given.
    Cells(Vec<i32>),
    /// Synapses between these cells.
    Between(Between, Text),
    /// Of synapses, which are not made yet: a filter, and the name of what it is a filter of.
    Later(Filter, String),
}

/// Checks an assignment against its group; `None` after saying what is wrong.
pub fn check_assignment(
    assignment: &Assignment,
    owner: &str,
    source: Source,
    group: &Group,
    diagnostics: &mut Diagnostics,
) -> Option<CheckedAssignment> {
    let name = match assignment.variable.as_str() {
        // The delay of synapses is that of their first pathway.
        "delay" if group.variables.contains_key("pre.delay") => "pre.delay",
        name => name,
    };
    let text = assignment.value.text();
    let Some(variable) = group.variables.get(name) else {
        let message = format!("the group `{owner}` has no variable `{name}`");
        let names = group.variables.iter().filter(|(_, v)| v.is_settable()).map(|(n, _)| n.as_str());
        let error = Diagnostic::error(&assignment.variable, assignment.variable.whole(), message);
        diagnostics.push(match group.hint_of_delay(name) {
            Some(hint) => error.hint(hint),
            None => error.suggest(name, names),
        });
        return None;
    };
    let before = diagnostics.0.len();
    let statement = |value: Expr| {
        let span = value.span;
        // A target has no place in the text of its value; errors about it point to the value.
        Statement { target: name.to_string(), target_span: span, op: AssignOp::Set, value, span }
    };
    let value = match &assignment.value {
        Assigned::Value(Value::Expression(text)) => {
            let value = parser::expression(text, diagnostics)?;
            let scope = CodeScope::assignment(group, &group.variables);
            check_statements(&[statement(value.clone())], &scope, text, diagnostics);
            CheckedValue::Statement { statement: statement(value), is_data: false }
        }
        Assigned::Value(Value::Number(number, _)) => {
            let kind = match *number {
                Number::Boolean(value) => ExprKind::Bool(value),
                Number::Integer(value) => ExprKind::Int(value),
                Number::Float(value) => ExprKind::Float(value),
            };
            let value = Expr::new(kind, text.whole());
            // Zero is zero in any unit.
            if variable.is_settable() && number.as_f64() != 0.0 && !variable.kind.dimension.is_dimensionless() {
                let dimension = variable.kind.dimension;
                let message = format!("`{name}` is in {dimension}, but `{value}` has no unit");
                let hint = format!("write it as a string with a unit: \"{value}*{dimension}\"");
                diagnostics.push(Diagnostic::error(text, text.whole(), message).hint(hint));
            } else if !variable.is_settable() || variable.kind.dimension.is_dimensionless() {
                let scope = CodeScope::assignment(group, &group.variables);
                check_statements(&[statement(value.clone())], &scope, text, diagnostics);
            }
            CheckedValue::Statement { statement: statement(value), is_data: true }
        }
        Assigned::Each(values, _) => {
            if !variable.is_settable() {
                // The one message there is for what cannot be written.
                let scope = CodeScope::assignment(group, &group.variables);
                let any = Expr::new(ExprKind::Int(0), text.whole());
                check_statements(&[statement(any)], &scope, text, diagnostics);
            } else if variable.kind.ty == ValueType::Integer
                && let Some(wrong) = values.iter().find(|value| !is_integer_of_32_bits(**value))
            {
                let message = format!("`{name}` is an integer of 32 bits, which cannot be {wrong}");
                diagnostics.push(Diagnostic::error(text, text.whole(), message));
            }
            CheckedValue::Each(values.clone())
        }
    };
    if variable.shared {
        check_shared(name, assignment.filter.as_ref(), diagnostics);
    }
    let filter = match &assignment.filter {
        None => None,
        Some(filter) => check_filter(filter, owner, source, group, diagnostics).map(Some)?,
    };
    if let CheckedValue::Each(values) = &value {
        let wanted = match &filter {
            _ if variable.shared => Some(1),
            None => Some(source.n()),
            Some(CheckedFilter::Cells(cells)) => Some(cells.len()),
            Some(CheckedFilter::Condition(..) | CheckedFilter::Between(..) | CheckedFilter::Later(..)) => None,
        };
        let count = values.len();
        let wrong = |message| Diagnostic::error(text, text.whole(), message);
        diagnostics.0.extend(match wanted {
            Some(wanted) if wanted == count => None,
            Some(_) if variable.shared => {
                Some(wrong(format!("`{name}` has one value for all cells, but {count} are given")))
            }
            Some(wanted) => {
                Some(wrong(format!("{count} values of `{name}` are given for {wanted} cells of `{owner}`")))
            }
            None if matches!(filter, Some(CheckedFilter::Between(..))) => None,
            None => {
                let error = wrong("cells that a condition chooses cannot get a value each".to_string());
                Some(error.hint("choose them by their numbers, or give an expression"))
            }
        });
    }
    let errors = diagnostics.has_errors_since(before);
    (!errors).then(|| CheckedAssignment {
        source,
        variable: name.to_string(),
        value,
        text: text.clone(),
        shared: variable.shared,
        filter,
    })
}

/// Whether there is such an integer once the fraction is cut off.
fn is_integer_of_32_bits(value: f64) -> bool {
    (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value.trunc())
}

/// A shared variable takes one value, for all.
fn check_shared(name: &str, filter: Option<&Filter>, diagnostics: &mut Diagnostics) {
    if let Some(filter) = filter {
        let text = filter.text();
        let message = format!("`{name}` is shared by all cells and cannot be set for some of them");
        diagnostics.push(Diagnostic::error(text, text.whole(), message));
    }
}

/// The cells that a filter chooses, counted in the population, as far as that is known before the network runs.
fn check_filter(
    filter: &Filter,
    owner: &str,
    source: Source,
    group: &Group,
    diagnostics: &mut Diagnostics,
) -> Option<CheckedFilter> {
    let n = source.n() as i64;
    if n == 0 && !matches!(filter, Filter::Condition(_) | Filter::Between(..)) {
        return Some(CheckedFilter::Later(filter.clone(), owner.to_string()));
    }
    let cells = match filter {
        Filter::Condition(text) => {
            let condition = parser::expression(text, diagnostics)?;
            check_condition(&condition, "the filter", group, text, diagnostics)?;
            return Some(CheckedFilter::Condition(condition, text.clone()));
        }
        Filter::Between(between, text) => {
            if !group.variables.contains_key(TARGETS) {
                let message = format!("`{owner}` is a group of cells, not of synapses between cells");
                diagnostics.push(Diagnostic::error(text, text.whole(), message));
                return None;
            }
            return Some(CheckedFilter::Between((**between).clone(), text.clone()));
        }
        Filter::Indices(indices, text) => {
            let mut cells = Vec::with_capacity(indices.len());
            for &index in indices {
                let cell = if index < 0 { index + n } else { index };
                if !(0..n).contains(&cell) {
                    let message = format!("there is no cell {index} in `{owner}`, which has {n} cells");
                    diagnostics.push(Diagnostic::error(text, text.whole(), message));
                    return None;
                }
                cells.push(cell as i32);
            }
            cells
        }
        // As Python's slices: what lies outside is cut off.
        Filter::Slice(start, stop, _) => {
            let at = |index: i64| if index < 0 { (index + n).max(0) } else { index.min(n) };
            (start.map_or(0, at)..stop.map_or(n, at)).map(|cell| cell as i32).collect()
        }
        Filter::Marks(marks, text) => {
            if marks.len() as i64 != n {
                let message = format!("`{owner}` has {n} cells, but the list has {} entries", marks.len());
                diagnostics.push(Diagnostic::error(text, text.whole(), message));
                return None;
            }
            marks.iter().enumerate().filter(|(_, m)| **m).map(|(k, _)| k as i32).collect()
        }
    };
    Some(CheckedFilter::Cells(cells.into_iter().map(|cell| cell + source.start as i32).collect()))
}

/// A filter of a group, without an assignment; `None` after saying what is wrong.
pub fn check_selection(
    filter: &Filter,
    owner: &str,
    source: Source,
    group: &Group,
    diagnostics: &mut Diagnostics,
) -> Option<Selection> {
    check_filter(filter, owner, source, group, diagnostics).map(|filter| Selection { source, filter })
}

/// Cells chosen by a filter.
#[derive(Clone, Debug)]
pub struct Selection {
    source: Source,
    filter: CheckedFilter,
}

impl Selection {
    /// The cells as they are now, counted in the population, in the order of the filter.
    pub fn cells(&self, memory: &mut Memory, streams: &mut Streams) -> Result<Vec<i32>, Error> {
        let cells = self.filter.cells(self.source, memory, streams);
        memory.populations[self.source.population].release();
        cells
    }
}

impl CheckedFilter {
    fn cells(&self, source: Source, memory: &mut Memory, streams: &mut Streams) -> Result<Vec<i32>, Error> {
        let (condition, text) = match self {
            CheckedFilter::Cells(cells) => return Ok(cells.clone()),
            CheckedFilter::Later(filter, owner) => {
                let mut diagnostics = Diagnostics::default();
                let group = &memory.populations[source.population].group;
                return match check_filter(filter, owner, source, group, &mut diagnostics) {
                    Some(CheckedFilter::Cells(cells)) => Ok(cells),
                    _ if diagnostics.has_errors() => Err(Error::Model(diagnostics)),
                    _ => Ok(Vec::new()),
                };
            }
            CheckedFilter::Between(between, text) => {
                return memory.populations[source.population].synapses_between(between, text);
            }
            CheckedFilter::Condition(condition, text) => (condition, text),
        };
        let lowered = memory.lower(source.into(), text, |l| Ok(LoopShape::Select(l.expr(condition)?)))?;
        let mut code = memory.code_once(source.into(), "filter", lowered)?;
        code.drawing = Drawing::Direct;
        memory.refresh(source.population, &code.copies);
        let range = Elements::Range(source.start, source.stop);
        code.prepare(range, &memory.populations, streams);
        let mut cells = vec![0; source.n()];
        let count = code.object.select_range(source.start..source.stop, &mut cells);
        cells.truncate(count);
        Ok(cells)
    }
}

impl CheckedAssignment {
    /// The same for synapses, of which there are so many.
    #[must_use]
    pub fn for_synapses(&self, n: usize) -> CheckedAssignment {
        CheckedAssignment { source: Source { stop: n, ..self.source }, ..self.clone() }
    }

    /// The population whose values it sets.
    pub fn population(&self) -> usize {
        self.source.population
    }

    /// Carries it out at the current time of the group's clock; returns where an integer was divided by zero.
    pub fn apply(&self, memory: &mut Memory, streams: &mut Streams) -> Result<Vec<Site>, Error> {
        let number = self.source.population;
        let is_delay =
            memory.populations[number].wiring.as_ref().is_some_and(|w| w.delays.contains_key(&self.variable));
        let generator = is_delay.then(|| streams.direct().clone());
        let sites = self.carry_out(memory, streams)?;
        memory.populations[number].release();
        let has_many = memory.populations[number].has_many_delays(&self.variable);
        if let (Some(generator), None, CheckedValue::Statement { statement, .. }) =
            (generator, &self.filter, &self.value)
            && has_many
            && let Some(recipe) = Recipe::new(memory, number, statement, &self.text, generator)?
        {
            memory.populations[number].keep_recipe(&self.variable, recipe);
        }
        Ok(sites)
    }

    fn carry_out(&self, memory: &mut Memory, streams: &mut Streams) -> Result<Vec<Site>, Error> {
        let cells = match &self.filter {
            None => None,
            Some(filter) => Some(filter.cells(self.source, memory, streams)?),
        };
        let (statement, is_data) = match &self.value {
            CheckedValue::Statement { statement, is_data } => (statement, *is_data),
            CheckedValue::Each(values) => {
                if let Some(cells) = cells.as_ref().filter(|cells| cells.len() != values.len()) {
                    let count = cells.len();
                    let message = format!("{} values are given for {count} synapses", values.len());
                    let error = Diagnostic::error(&self.text, self.text.whole(), message);
                    return Err(Error::Model(Diagnostics(vec![error])));
                }
                self.set_each(values, cells.as_deref(), memory);
                return Ok(Vec::new());
            }
        };
        let shape = if cells.is_some() { LoopShape::Indexed } else { LoopShape::Each };
        let lowered = memory.lower(self.source.into(), &self.text, |lowerer| {
            if is_data {
                lowerer.override_guards();
            }
            lowerer.statement(statement)?;
            Ok(shape)
        })?;
        let mut code = memory.code_once(self.source.into(), "assignment", lowered)?;
        code.drawing = Drawing::Direct;
        memory.refresh(self.source.population, &code.copies);
        let guards = &memory.populations;
        match cells {
            Some(mut cells) => {
                code.prepare(Elements::List(&cells), guards, streams);
                // What is drawn for a cell that is named twice has been drawn; the last number is its own.
                cells.sort_unstable();
                cells.dedup();
                code.object.run_over(&cells);
            }
            None => {
                let range = if self.shared { 0..0 } else { self.source.start..self.source.stop };
                // A shared variable is written by the scalar part, which runs once whatever the number of cells.
                code.prepare(Elements::Range(range.start, range.end), guards, streams);
                code.object.run_range(range.start..range.end);
            }
        }
        Ok(code.object.take_divisions_by_zero())
    }

    fn set_each(&self, values: &[f64], cells: Option<&[i32]>, memory: &mut Memory) {
        let population = &mut memory.populations[self.source.population];
        population.provide(&self.variable, false);
        let Some(array) = population.arrays.get_mut(&self.variable) else { return };
        match cells {
            Some(cells) => cells.iter().zip(values).for_each(|(cell, value)| array.set(*cell as usize, *value)),
            None if self.shared => values.iter().for_each(|value| array.set(0, *value)),
            None => values.iter().enumerate().for_each(|(k, value)| array.set(self.source.start + k, *value)),
        }
    }
}

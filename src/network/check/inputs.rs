//! Checks of linked variables and of Poisson inputs.

use std::collections::BTreeSet;

use super::{Checker, Source};
use crate::diag::{Diagnostic, Text};
use crate::expr::ast::{AssignOp, BinaryOp, Expr, Statement};
use crate::expr::check::{FunctionMeaning, Kind, Meaning, Scope, Unknown, ValueType, check};
use crate::expr::parser;
use crate::model::group::{Group, Role, Variable};
use crate::model::namespace::Number;
use crate::model::statements::{CodeScope, check_statements};
use crate::network::error::Error;
use crate::network::model::{Link, LinkIndex, PoissonInput, Value};
use crate::unit::Dimension;

/// The name by which the kernel of a Poisson input calls for its number of spikes.
pub const BINOMIAL: &str = "_binomial";

/// Numbers of spikes are doubles; beyond, numbers have gaps.
const MOST_INPUTS: u64 = 9_007_199_254_740_992;

/// A linked variable without errors.
pub struct CheckedLink {
    /// Population with the linked variable.
    pub population: usize,
    /// The linked variable.
    pub variable: String,
    /// Population with the values.
    pub source: usize,
    /// The variable that has them.
    pub source_variable: String,
    /// Which cell each cell stands for.
    pub cells: LinkedCells,
}

/// Which cell of the source population each cell of a linked variable stands for.
pub enum LinkedCells {
    /// The only value there is.
    Single,
    /// The one with the same number.
    Same,
    /// These.
    Cells(Vec<i32>),
    /// What this integer variable says, counted from a cell of the population, with this many cells to choose from.
    Variable(Text, Source),
}

impl LinkedCells {
    /// The cells of a variable that stands for `cells` of another one.
    fn through(self, cells: &LinkedCells) -> LinkedCells {
        match (self, cells) {
            (_, LinkedCells::Single) | (LinkedCells::Single, _) => LinkedCells::Single,
            (LinkedCells::Same, LinkedCells::Cells(to)) => LinkedCells::Cells(to.clone()),
            (LinkedCells::Cells(from), LinkedCells::Cells(to)) => {
                LinkedCells::Cells(from.into_iter().map(|cell| to[cell as usize]).collect())
            }
            (own, _) => own,
        }
    }
}

/// A Poisson input without errors.
pub struct CheckedPoissonInput {
    /// Its name.
    pub name: String,
    /// The cells that receive it.
    pub target: Source,
    /// Number of inputs of a cell.
    pub n: u64,
    /// Rate of each in hertz.
    pub rate_hertz: f64,
    /// What happens at each step.
    pub statement: Statement,
    /// Where the weight stands.
    pub text: Text,
    /// Slot of the schedule.
    pub slot: String,
    /// Order within the slot.
    pub order: i32,
}

impl Checker<'_> {
    /// Checks all links, and that every linked variable has one.
    pub(super) fn links(&mut self) -> Vec<CheckedLink> {
        let mut checked: Vec<CheckedLink> = Vec::new();
        let before = self.diagnostics.0.len();
        for given in &self.model.links {
            let Some(link) = self.link(given, &checked) else { continue };
            if checked.iter().any(|l| l.population == link.population && l.variable == link.variable) {
                self.error(
                    &given.variable,
                    format!("`{}` of `{}` is linked twice", link.variable, given.group.as_str()),
                );
            }
            checked.push(link);
        }
        if self.diagnostics.has_errors_since(before) {
            return checked;
        }
        for (population, checked_group) in self.groups.iter().enumerate() {
            let group = &checked_group.group;
            for (name, variable) in &group.variables {
                let is_linked = checked.iter().any(|l| l.population == population && l.variable == *name);
                if variable.role == Role::Linked
                    && !is_linked
                    && let Some(line) = group.equations.lines.get(name)
                {
                    let message = format!("`{name}` is marked `linked`, but nothing says what it is linked to");
                    let error = Diagnostic::error(&group.equations.text, line.name_span, message);
                    self.diagnostics.push(error.hint("link it to a variable of a group, through the Rust API"));
                }
            }
        }
        checked
    }

    /// `before` are the links before this one, which it may go through.
    fn link(&mut self, link: &Link, before: &[CheckedLink]) -> Option<CheckedLink> {
        let (target, source) =
            (self.source(link.group.as_str(), &link.group), self.source(link.source.as_str(), &link.source));
        let (target, source) = (target?, source?);
        let (name, source_name) = (link.variable.as_str(), link.source_variable.as_str());
        let group = &self.groups[target.population].group;
        let Some(variable) = group.variables.get(name).filter(|v| v.role == Role::Linked) else {
            let message = format!("`{}` has no variable `{name}` that is marked `linked`", group.name);
            self.error_with_hint(&link.variable, message, format!("declare it as `{name} : unit (linked)`"));
            return None;
        };
        let from = &self.groups[source.population].group;
        let Some(given) = from.variables.get(source_name) else {
            let message = format!("the group `{}` has no variable `{source_name}`", from.name);
            let error = Diagnostic::error(&link.source_variable, link.source_variable.whole(), message);
            let names: Vec<&str> = from.variables.keys().map(String::as_str).collect();
            self.diagnostics.push(error.suggest(source_name, names));
            return None;
        };
        let via = before.iter().find(|l| l.population == source.population && l.variable == source_name);
        let is_single = via.map_or(given.shared, |via| matches!(via.cells, LinkedCells::Single));
        let is_linked = given.role == Role::Linked;
        let problem = if is_linked && via.is_none() {
            Some((format!("`{source_name}` is linked itself, but to nothing so far"), "give its own link first"))
        } else if let Some(cells) = via.map(|via| &via.cells)
            && (matches!(cells, LinkedCells::Variable(..))
                || matches!((cells, &link.index), (LinkedCells::Cells(_), Some(LinkIndex::Variable(_)))))
        {
            // What the variable says is looked up when a run starts, and not through two tables.
            Some((
                format!("`{source_name}` is linked itself, and a variable chooses cells on the way"),
                "link to the variable that it is linked to",
            ))
        } else if !given.is_stored() && !is_linked {
            Some((
                format!("`{source_name}` has no values of its own to link to"),
                "link to the variables that it is made of",
            ))
        } else if given.kind.dimension != variable.kind.dimension || given.kind.ty != variable.kind.ty {
            let (wanted, got) = (variable.kind.dimension.described(), given.kind.dimension.described());
            let message = match given.kind.ty == variable.kind.ty {
                true => format!("`{name}` is {wanted}, but `{source_name}` is {got}"),
                false => format!(
                    "`{name}` is {}, but `{source_name}` is {}",
                    variable.kind.ty.described(),
                    given.kind.ty.described()
                ),
            };
            Some((message, "a linked variable has the type and the unit of what it is linked to"))
        } else if variable.shared && !is_single && source.n() != 1 {
            Some((
                format!("`{name}` is shared, but each cell of `{}` has its own `{source_name}`", link.source.as_str()),
                "remove the flag `shared`",
            ))
        } else {
            None
        };
        if let Some((message, hint)) = problem {
            self.error_with_hint(&link.source_variable, message, hint);
            return None;
        }
        let cells = self.linked_cells(link, target, source, is_single)?;
        let (source, source_variable, cells) = match via {
            Some(via) => (via.source, via.source_variable.clone(), cells.through(&via.cells)),
            None => (source.population, source_name.to_string(), cells),
        };
        Some(CheckedLink { population: target.population, variable: name.to_string(), source, source_variable, cells })
    }

    fn linked_cells(&mut self, link: &Link, target: Source, source: Source, is_single: bool) -> Option<LinkedCells> {
        let n = self.groups[target.population].group.n;
        match &link.index {
            None if is_single => Some(LinkedCells::Single),
            None if source.n() == 1 => Some(LinkedCells::Cells(vec![source.start as i32; n])),
            None if source.n() == n && source.start == 0 && !source.is_part => Some(LinkedCells::Same),
            None if source.n() == n => {
                Some(LinkedCells::Cells((source.start..source.stop).map(|k| k as i32).collect()))
            }
            None => {
                let message = format!(
                    "`{}` has {} cells, but `{}` with the linked variable `{}` has {n}",
                    link.source.as_str(),
                    source.n(),
                    link.group.as_str(),
                    link.variable.as_str()
                );
                let hint = format!("say for each cell which one of `{}` it stands for", link.source.as_str());
                self.error_with_hint(&link.source, message, hint);
                None
            }
            Some(_) if is_single => {
                let message = format!(
                    "`{}` has one value for all cells, so there is nothing to choose",
                    link.source_variable.as_str()
                );
                self.error_with_hint(&link.source_variable, message, "leave the indices out");
                None
            }
            Some(LinkIndex::Cells(cells)) => {
                if cells.len() != n {
                    let message =
                        format!("the link has {} indices for the {n} cells of `{}`", cells.len(), link.group.as_str());
                    self.error(&link.variable, message);
                    return None;
                }
                if let Some(wrong) = cells.iter().find(|cell| !(0..source.n() as i64).contains(cell)) {
                    let message = format!(
                        "there is no cell {wrong} in `{}`, which has {} cells",
                        link.source.as_str(),
                        source.n()
                    );
                    self.error(&link.variable, message);
                    return None;
                }
                Some(LinkedCells::Cells(cells.iter().map(|cell| (source.start as i64 + cell) as i32).collect()))
            }
            Some(LinkIndex::Variable(text)) => {
                let group = &self.groups[target.population].group;
                let index = group.variables.get(text.as_str());
                let fits = index.is_some_and(|v| {
                    v.kind.ty == ValueType::Integer && v.role == Role::Parameter && !v.shared && v.constant
                });
                if !fits || group.written.contains(text.as_str()) {
                    let message = format!(
                        "what says which cells are linked to is an integer of each cell that no code changes, but `{}` of \
                         `{}` is not",
                        text.as_str(),
                        group.name
                    );
                    let hint = format!("declare it as `{} : integer (constant)`", text.as_str());
                    self.error_with_hint(text, message, hint);
                    return None;
                }
                Some(LinkedCells::Variable(text.clone(), source))
            }
        }
    }

    /// Checks all Poisson inputs.
    pub(super) fn poisson_inputs(&mut self) -> Result<Vec<CheckedPoissonInput>, Error> {
        let mut checked = Vec::new();
        let mut names = BTreeSet::new();
        for given in &self.model.poisson_inputs {
            let mut name = given.name.clone();
            let mut number = 0;
            while !names.insert(name.clone()) {
                number += 1;
                name = format!("{}_{number}", given.name);
            }
            checked.extend(self.poisson_input(given, name)?);
        }
        Ok(checked)
    }

    fn poisson_input(&mut self, given: &PoissonInput, name: String) -> Result<Option<CheckedPoissonInput>, Error> {
        let before = self.diagnostics.0.len();
        let rate = self.constants.evaluate(&given.rate, self.diagnostics)?;
        let target = self.source(given.target.as_str(), &given.target);
        let text = given.weight.text();
        let weight = match &given.weight {
            Value::Expression(text) => parser::expression(text, self.diagnostics),
            Value::Number(number, _) => Some(match *number {
                Number::Boolean(value) => Expr::int(i64::from(value)),
                Number::Integer(value) => Expr::int(value),
                Number::Float(value) => Expr::new(crate::expr::ast::ExprKind::Float(value), text.whole()),
            }),
        };
        if let Some(rate) = rate {
            let rate_text = given.rate.text();
            if rate.dimension != Dimension::HERTZ {
                let message = format!("a rate is in hertz, but this is {}", rate.dimension.described());
                self.error_with_hint(rate_text, message, "write a rate such as `10*Hz`");
            } else if rate.value.as_f64().is_nan() || rate.value.as_f64() < 0.0 {
                self.error(rate_text, format!("a rate cannot be {} Hz", rate.value.as_f64()));
            }
        }
        if given.n > MOST_INPUTS {
            self.error(&given.target, format!("a cell cannot have {} inputs, but at most {MOST_INPUTS}", given.n));
        }
        let slot = self.slot(given.when.as_ref(), "synapses", &given.variable);
        let (Some(target), Some(weight), Some(rate)) = (target, weight, rate) else { return Ok(None) };
        if target.population >= self.groups.len() {
            let message = format!("a Poisson input needs a group, but `{}` are synapses", given.target.as_str());
            self.error(&given.target, message);
            return Ok(None);
        }
        let name_of_variable = given.variable.as_str();
        let group = &self.groups[target.population].group;
        let is_target = |v: &Variable| v.is_settable() && !v.shared;
        let Some(variable) = group.variables.get(name_of_variable).filter(|v| is_target(v)) else {
            let message = match group.variables.contains_key(name_of_variable) {
                true => format!("nothing can be added to `{name_of_variable}`: its cells have no values of their own"),
                false => format!("the group `{}` has no variable `{name_of_variable}`", group.name),
            };
            let error = Diagnostic::error(&given.variable, given.variable.whole(), message);
            let names = group.variables.iter().filter(|(_, v)| is_target(v)).map(|(n, _)| n.as_str());
            self.diagnostics.push(error.suggest(name_of_variable, names));
            return Ok(None);
        };
        let scope = InputScope(group);
        if let Some(found) = check(&weight, &scope, text, self.diagnostics)
            && found.dimension != variable.kind.dimension
        {
            let (wanted, dimension) = (variable.kind.dimension, found.dimension.described());
            let message = format!("`{name_of_variable}` is {}, but the weight is {dimension}", wanted.described());
            self.diagnostics.push(Diagnostic::error(text, weight.span, message));
        }
        if self.diagnostics.has_errors_since(before) {
            return Ok(None);
        }
        let span = weight.span;
        let statement = Statement {
            target: name_of_variable.to_string(),
            target_span: span,
            op: AssignOp::Update(BinaryOp::Add),
            value: Expr::call(BINOMIAL, Vec::new()).binary(BinaryOp::Mul, weight),
            span,
        };
        check_statements(
            std::slice::from_ref(&statement),
            &CodeScope::assignment(&scope, &group.variables),
            text,
            self.diagnostics,
        );
        let rate_hertz = rate.value.as_f64();
        let dt = self.clocks[self.groups[target.population].clock];
        if rate_hertz * dt > 1.0 + 1e-9 {
            let message = format!("at {rate_hertz} Hz, each input would spike more than once in a step of {dt} s");
            self.error_with_hint(given.rate.text(), message, "use a shorter `dt`, or more inputs of a lower rate");
        }
        if self.diagnostics.has_errors_since(before) {
            return Ok(None);
        }
        self.groups[target.population].group.written.insert(name_of_variable.to_string());
        let (text, order) = (text.clone(), given.order);
        Ok(Some(CheckedPoissonInput { name, target, n: given.n, rate_hertz, statement, text, slot, order }))
    }
}

/// What the statement of a Poisson input sees: its group, and the number of its spikes.
struct InputScope<'a>(&'a Group);

impl Scope for InputScope<'_> {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        self.0.meaning(name)
    }

    fn candidates(&self) -> Vec<String> {
        self.0.candidates()
    }

    fn functions(&self) -> Vec<String> {
        self.0.functions()
    }

    fn function(&self, name: &str) -> Option<FunctionMeaning> {
        let binomial = FunctionMeaning { arguments: Vec::new(), result: Kind::plain(ValueType::Float), stateful: true };
        if name == BINOMIAL { Some(binomial) } else { self.0.function(name) }
    }
}

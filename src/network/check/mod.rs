//! Checking a model: everything that is wrong with it is reported at once, and only a model without errors is put into
//! memory.

mod functions;
pub(super) mod groups;
mod inputs;
mod monitors;
mod order;
mod pairs;
mod sums;
mod synapses;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

pub use self::groups::GroupInput;
pub use self::inputs::{BINOMIAL as POISSON_BINOMIAL, CheckedLink, CheckedPoissonInput, LinkedCells};
pub use self::monitors::{CheckedKind, CheckedMonitor};
pub use self::synapses::check_connect;
use super::assign::{CheckedAssignment, check_assignment};
use super::error::Error;
use super::evaluate::Constants;
use super::from_file::Run;
use super::function::HostBody;
use super::model::{Assignment, Model, Value};
use super::synapses::CheckedSynapses;
use super::timed_array::TimedValues;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::Statement;
use crate::expr::check::function;
use crate::expr::parser::KEYWORDS;
use crate::integrate::Integration;
use crate::model::group::Group;
use crate::model::namespace::Namespace;
use crate::runtime::schedule::Slots;

/// Steps are numbered by doubles in places; beyond, numbers have gaps.
const MOST_STEPS: f64 = 9_007_199_254_740_992.0;

/// A model without errors, not yet in memory.
pub struct CheckedModel {
    pub(super) constants: Constants,
    pub(super) timed: IndexMap<String, TimedValues>,
    pub(super) host: IndexMap<String, HostBody>,
    pub(super) slots: Slots,
    /// Length of a step of each clock in seconds; the first one is the model's.
    pub(super) clocks: Vec<f64>,
    /// Times in seconds of the clocks that have lists of them.
    pub(super) times: BTreeMap<usize, Vec<f64>>,
    pub(super) groups: Vec<CheckedGroup>,
    pub(super) sources: IndexMap<String, Source>,
    pub(super) synapses: Vec<CheckedSynapses>,
    pub(super) links: Vec<CheckedLink>,
    pub(super) operations: Vec<CheckedOperation>,
    pub(super) init: Vec<CheckedAssignment>,
    pub(super) inputs: Vec<CheckedPoissonInput>,
    pub(super) monitors: Vec<CheckedMonitor>,
    pub(super) runs: Vec<CheckedRun>,
    pub(super) seed: Option<u32>,
    pub(super) warnings: Diagnostics,
}

/// Cells `start..stop` of a population: a group, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Number of the population.
    pub population: usize,
    /// First cell.
    pub start: usize,
    /// After the last cell.
    pub stop: usize,
    /// Whether it is a subgroup, which counts its cells from its own first one.
    pub is_part: bool,
}

impl Source {
    /// Number of cells.
    pub fn n(&self) -> usize {
        self.stop - self.start
    }
}

/// A group without errors.
pub struct CheckedGroup {
    /// What it is.
    pub group: Group,
    /// How its equations are integrated.
    pub integration: Integration,
    /// Which clock it follows.
    pub clock: usize,
    /// What it gets from outside.
    pub input: GroupInput,
}

/// One run, and what is changed before it.
#[derive(Clone, Debug)]
pub struct CheckedRun {
    /// How long it is.
    pub duration_seconds: f64,
    /// Changes.
    pub set: Vec<CheckedAssignment>,
}

/// Code that runs at regular times.
pub struct CheckedOperation {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) source: Source,
    pub(super) clock: usize,
    pub(super) slot: String,
    pub(super) order: i32,
    pub(super) text: Text,
    pub(super) statements: Vec<Statement>,
}

/// Checks a model and the runs planned for it; `None` if there is an error among the diagnostics.
///
/// # Errors
/// Only if we are wrong: what is wrong with the model is among the diagnostics.
pub fn check(model: &Model, runs: &[Run]) -> Result<(Option<CheckedModel>, Diagnostics), Error> {
    let mut diagnostics = Diagnostics::default();
    let mut checked = check_parts(model, runs, &mut diagnostics)?;
    if diagnostics.has_errors() {
        return Ok((None, diagnostics));
    }
    checked.warnings = diagnostics.clone();
    Ok((Some(checked), diagnostics))
}

/// A model while it is checked.
struct Checker<'a> {
    model: &'a Model,
    constants: Constants,
    namespace: Arc<Namespace>,
    timed: IndexMap<String, TimedValues>,
    host: IndexMap<String, HostBody>,
    slots: Slots,
    clocks: Vec<f64>,
    times: BTreeMap<usize, Vec<f64>>,
    groups: Vec<CheckedGroup>,
    checked_synapses: Vec<CheckedSynapses>,
    sources: IndexMap<String, Source>,
    /// Names of groups with errors: what is wrong because of that is not reported.
    unchecked: BTreeSet<String>,
    operations: Vec<CheckedOperation>,
    diagnostics: &'a mut Diagnostics,
}

fn check_parts(model: &Model, runs: &[Run], diagnostics: &mut Diagnostics) -> Result<CheckedModel, Error> {
    let later = model.constants.iter().map(|(name, _)| name.clone()).collect();
    let mut checker = Checker {
        model,
        constants: Constants { later, ..Constants::default() },
        namespace: Arc::default(),
        timed: IndexMap::new(),
        host: IndexMap::new(),
        slots: Slots::new(&model.schedule),
        clocks: Vec::new(),
        times: BTreeMap::new(),
        groups: Vec::new(),
        checked_synapses: Vec::new(),
        sources: IndexMap::new(),
        unchecked: BTreeSet::new(),
        operations: Vec::new(),
        diagnostics,
    };
    checker.schedule();
    for (name, value) in &model.constants {
        checker.constant_name(name, value.text());
        checker.constants.define(name, value, checker.diagnostics)?;
        checker.constants.later.remove(name);
    }
    let dt = checker.step(&model.dt, "settings.dt")?;
    checker.clocks.push(dt);
    checker.functions()?;
    checker.namespace = Arc::new(checker.constants.namespace.clone());
    checker.groups()?;
    let links = checker.links();
    let init = checker.assignments(&model.init);
    checker.synapses()?;
    checker.sums();
    let runs = checker.runs(runs)?;
    let inputs = checker.poisson_inputs()?;
    let monitors = checker.monitors()?;
    let Checker { constants, timed, host, slots, clocks, times, groups, checked_synapses, sources, operations, .. } =
        checker;
    Ok(CheckedModel {
        constants,
        timed,
        host,
        slots,
        clocks,
        times,
        groups,
        sources,
        synapses: checked_synapses,
        links,
        operations,
        init,
        inputs,
        monitors,
        runs,
        seed: model.seed,
        warnings: Diagnostics::default(),
    })
}

/// Whether a name can be written in the model language.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !KEYWORDS.contains(&name)
}

impl Checker<'_> {
    fn error(&mut self, text: &Text, message: String) {
        self.diagnostics.push(Diagnostic::error(text, text.whole(), message));
    }

    fn error_with_hint(&mut self, text: &Text, message: String, hint: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(text, text.whole(), message).hint(hint.into()));
    }

    /// The slots of the model's own schedule.
    fn schedule(&mut self) {
        let mut seen = BTreeSet::new();
        for slot in &self.model.schedule {
            let text = Text::new("schedule", slot.as_str());
            if !is_name(slot) || slot.starts_with("before_") || slot.starts_with("after_") {
                let hint = "a name starts with a letter; each slot has a `before_` and an `after_` by itself";
                self.error_with_hint(&text, format!("`{slot}` cannot name a slot"), hint);
            } else if !seen.insert(slot) {
                self.error(&text, format!("the slot `{slot}` stands twice in the schedule"));
            }
        }
    }

    fn constant_name(&mut self, name: &str, text: &Text) {
        let message = if !is_name(name) {
            format!("`{name}` cannot name a constant")
        } else if self.constants.namespace.constants.contains_key(name) {
            format!("the constant `{name}` is defined twice")
        } else {
            return;
        };
        self.error(text, message);
    }

    /// A name for a function or for values over time.
    fn function_name(&mut self, name: &str, text: &Text) -> bool {
        let namespace = &self.constants.namespace;
        let message = if !is_name(name) {
            format!("`{name}` cannot name a function")
        } else if namespace.functions.contains_key(name) {
            format!("the function `{name}` is defined twice")
        } else if namespace.constants.contains_key(name) {
            format!("`{name}` is a constant already")
        } else if function(name).is_some() {
            format!("`{name}` is a function already")
        } else {
            return true;
        };
        self.error(text, message);
        false
    }

    /// The length of a step; one second, so that checking can go on, after an error.
    fn step(&mut self, value: &Value, what: &str) -> Result<f64, Error> {
        let Some(seconds) = self.constants.time(value, what, self.diagnostics)? else { return Ok(1.0) };
        if seconds > 0.0 && seconds.is_finite() {
            return Ok(seconds);
        }
        let text = value.text();
        let message = format!("a step must be longer than 0, but `{}` is {seconds} s", text.as_str().trim());
        self.error(text, message);
        Ok(1.0)
    }

    /// A clock of its own for what has a step of its own, else the other one.
    fn clock(&mut self, dt: Option<&Value>, otherwise: usize) -> Result<usize, Error> {
        let Some(dt) = dt else { return Ok(otherwise) };
        let seconds = self.step(dt, "dt")?;
        self.clocks.push(seconds);
        Ok(self.clocks.len() - 1)
    }

    /// The slot of the schedule that an object asks for; `default` if it does not ask.
    fn slot(&mut self, when: Option<&Text>, default: &str, what: &Text) -> String {
        let slot = when.map_or(default, |w| w.as_str());
        if !self.slots.contains(slot) {
            let names: Vec<String> = self.slots.names().collect();
            let text = when.unwrap_or(what);
            let error = Diagnostic::error(text, text.whole(), format!("there is no slot `{slot}`"));
            self.diagnostics.push(match when {
                Some(_) => error.suggest(slot, names.iter().map(String::as_str)),
                None => error.hint("this runs in it: add it to the schedule"),
            });
        }
        slot.to_string()
    }

    /// The cells that a name stands for; says that there are none of that name unless they are known to be wrong.
    fn source(&mut self, name: &str, text: &Text) -> Option<Source> {
        if let Some(source) = self.sources.get(name) {
            return Some(*source);
        }
        if !self.unchecked.contains(name) {
            let error = Diagnostic::error(text, text.whole(), format!("there is no group `{name}`"));
            let names: Vec<&str> = self.sources.keys().map(String::as_str).collect();
            self.diagnostics.push(error.suggest(name, names));
        }
        None
    }

    fn assignments(&mut self, given: &[Assignment]) -> Vec<CheckedAssignment> {
        let mut checked = Vec::new();
        for assignment in given {
            if let Some(source) = self.source(&assignment.group, &assignment.variable) {
                let group = match self.groups.get(source.population) {
                    Some(checked) => &checked.group,
                    None => &self.checked_synapses[source.population - self.groups.len()].model.group,
                };
                checked.extend(check_assignment(assignment, &assignment.group, source, group, self.diagnostics));
            }
        }
        checked
    }

    fn runs(&mut self, runs: &[Run]) -> Result<Vec<CheckedRun>, Error> {
        let mut checked = Vec::new();
        for run in runs {
            let set = self.assignments(&run.set);
            let duration_seconds = self.constants.duration(&run.duration, self.diagnostics)?.unwrap_or(0.0);
            let shortest = self.clocks.iter().copied().fold(f64::INFINITY, f64::min);
            if duration_seconds / shortest >= MOST_STEPS {
                let message = format!("a run of {duration_seconds:e} s has too many steps of {shortest:e} s to count");
                self.error(run.duration.text(), message);
            }
            checked.push(CheckedRun { duration_seconds, set });
        }
        Ok(checked)
    }
}

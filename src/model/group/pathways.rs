//! Pathways of synapses: code for the events of one end, whose events they are, and where in a step it runs.

use std::collections::BTreeSet;

use super::VariablesScope;
use super::events::SPIKE;
use super::synapses::{Side, SynapsesText};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::Statement;
use crate::expr::parser;
use crate::model::equations::Equations;
use crate::model::statements::{CodeScope, check_statements};

/// Code for the events of one end, as given.
#[derive(Clone, Debug, PartialEq)]
pub struct PathwayText {
    /// Its name.
    pub name: Text,
    /// Whose events.
    pub side: Side,
    /// Statements.
    pub code: Text,
}

/// What is said of a pathway besides its code.
#[derive(Clone, Debug, PartialEq)]
pub enum PathwaySetting {
    /// Which event its code is for; a spike if absent.
    Event(Text),
    /// Slot of the schedule; `synapses` if absent.
    When(Text),
    /// Order within the slot; -1 for events of the source and 1 for those of the target if absent.
    Order(i32),
    /// Whether it is left out of runs, until that is changed.
    Active(bool),
}

/// Code for the events of one end.
#[derive(Clone, Debug)]
pub struct PathwayCode {
    /// Its name.
    pub name: String,
    /// Whose events.
    pub side: Side,
    /// Which event, if it is named; else a spike.
    pub event: Option<Text>,
    /// Slot of the schedule, if it is asked for.
    pub when: Option<Text>,
    /// Order within the slot.
    pub order: i32,
    /// Whether it takes part in runs.
    pub active: bool,
    /// Statements.
    pub statements: Vec<Statement>,
    /// Where they stand.
    pub text: Text,
}

impl PathwayCode {
    /// The slot of the schedule.
    pub fn slot(&self) -> &str {
        self.when.as_ref().map_or("synapses", |when| when.as_str())
    }

    /// Name of the event.
    pub fn event(&self) -> &str {
        self.event.as_ref().map_or(SPIKE, |event| event.as_str())
    }

    fn apply(&mut self, setting: &PathwaySetting) {
        match setting {
            PathwaySetting::Event(event) => self.event = Some(event.clone()),
            PathwaySetting::When(when) => self.when = Some(when.clone()),
            PathwaySetting::Order(order) => self.order = *order,
            PathwaySetting::Active(active) => self.active = *active,
        }
    }
}

/// Names that mean something in synapses, whatever their equations are.
const TAKEN: [&str; 9] = ["i", "j", "t", "dt", "N", "N_incoming", "N_outgoing", "delay", "lastupdate"];

/// Checks pathways, in the order given.
pub(super) fn pathways(
    given: &SynapsesText,
    scope: &VariablesScope<'_>,
    equations: &Equations,
    found: &mut Diagnostics,
) -> Vec<PathwayCode> {
    let mut names = BTreeSet::new();
    let index = given.multisynaptic_index.as_ref().map(Text::as_str);
    let is_variable = |name: &str| equations.lines.contains_key(name) || index == Some(name) || TAKEN.contains(&name);
    let mut checked = Vec::new();
    for PathwayText { name, side, code } in &given.pathways {
        if !names.insert(name.as_str()) {
            let message = format!("there are two pathways `{}`", name.as_str());
            found.push(Diagnostic::error(name, name.whole(), message));
        } else if is_variable(name.as_str()) {
            let message = format!("`{}` is a variable of the synapses and cannot name a pathway", name.as_str());
            let hint = format!("its delays are `{0}.delay`: give it another name, such as `on_{0}`", name.as_str());
            found.push(Diagnostic::error(name, name.whole(), message).hint(hint));
        }
        let statements = parser::statements(code, found);
        check_statements(&statements, &CodeScope::events(scope, scope.variables), code, found);
        let order = if *side == Side::Pre { -1 } else { 1 };
        checked.push(PathwayCode {
            name: name.as_str().to_string(),
            side: *side,
            event: given.on_event.clone(),
            when: None,
            order,
            active: true,
            statements,
            text: code.clone(),
        });
    }
    for (name, setting) in &given.settings {
        match checked.iter_mut().find(|pathway| pathway.name == name.as_str()) {
            Some(pathway) => pathway.apply(setting),
            None => {
                let error = Diagnostic::error(name, name.whole(), format!("there is no pathway `{}`", name.as_str()));
                found.push(error.suggest(name.as_str(), names.iter().copied()));
            }
        }
    }
    checked
}

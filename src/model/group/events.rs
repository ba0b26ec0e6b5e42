//! What can happen to the cells of a group, and the code that runs for those it happens to.

use std::collections::BTreeSet;

use super::VariablesScope;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::{Expr, Statement};
use crate::expr::check::check_condition;
use crate::expr::parser::{self, KEYWORDS};
use crate::model::group::GroupText;
use crate::model::statements::{CodeScope, check_statements};

/// The name of the event that a threshold makes.
pub const SPIKE: &str = "spike";

/// An event as given.
#[derive(Clone, Debug, PartialEq)]
pub struct EventText {
    /// Its name.
    pub name: Text,
    /// When it happens to a cell.
    pub condition: Text,
    /// Slot in which that is looked at; `after_thresholds` if absent.
    pub when: Option<Text>,
    /// Order within the slot.
    pub order: i32,
}

/// When the condition of an event is looked at, if it is not where it usually is.
#[derive(Clone, Debug, PartialEq)]
pub struct EventScheduleText {
    /// Name of the event; `spike` for the threshold's.
    pub event: Text,
    /// Slot of the schedule.
    pub when: Text,
    /// Order within the slot.
    pub order: i32,
}

/// Code for an event as given.
#[derive(Clone, Debug, PartialEq)]
pub struct EventCodeText {
    /// Name of the event.
    pub event: Text,
    /// Statements.
    pub code: Text,
    /// Slot in which they run; `after_resets` if absent.
    pub when: Option<Text>,
    /// Order within the slot.
    pub order: i32,
}

/// Something that happens to cells for which a condition holds.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name; [`SPIKE`] for the threshold's.
    pub name: String,
    /// When it happens. Of spikes: to cells that are not refractory.
    pub condition: Expr,
    /// Where the condition stands.
    pub text: Text,
    /// Slot of the schedule; `thresholds` for spikes, `after_thresholds` for others if absent.
    pub when: Option<Text>,
    /// Order within the slot.
    pub order: i32,
}

/// What runs for the cells of an event.
#[derive(Clone, Debug)]
pub struct EventCode {
    /// Number of the event in the group.
    pub event: usize,
    /// The statements; they write through `unless refractory`.
    pub statements: Vec<Statement>,
    /// Where they stand.
    pub text: Text,
    /// Slot of the schedule, if it is asked for.
    pub when: Option<Text>,
    /// The slot if it is not.
    pub default_slot: &'static str,
    /// Order within the slot.
    pub order: i32,
}

impl EventCode {
    /// The slot of the schedule.
    pub fn slot(&self) -> &str {
        self.when.as_ref().map_or(self.default_slot, |when| when.as_str())
    }
}

impl Event {
    /// The slot of the schedule in which its condition is looked at.
    pub fn slot(&self) -> &str {
        let default = if self.name == SPIKE { "thresholds" } else { "after_thresholds" };
        self.when.as_ref().map_or(default, |when| when.as_str())
    }
}

/// Checks the events of a group, spikes first.
pub(super) fn events(given: &GroupText, scope: &VariablesScope<'_>, found: &mut Diagnostics) -> Vec<Event> {
    let mut events = Vec::new();
    if let Some(text) = &given.threshold {
        let event = |condition| Event { name: SPIKE.to_string(), condition, text: text.clone(), when: None, order: 0 };
        events.extend(condition(text, "the threshold", scope, found).map(event));
    }
    let mut names = BTreeSet::from([SPIKE]);
    for EventText { name, condition: text, when, order } in &given.events {
        let written = name.as_str();
        let fits = written.starts_with(|c: char| c.is_ascii_alphabetic())
            && written.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !KEYWORDS.contains(&written);
        if written == SPIKE && given.threshold.is_some() {
            let error = Diagnostic::error(name, name.whole(), "`spike` is the event of the threshold");
            found.push(error.hint("leave the `threshold` out, or give the event another name"));
        } else if !fits {
            found.push(Diagnostic::error(name, name.whole(), format!("`{written}` cannot name an event")));
        } else if !names.insert(written) && written != SPIKE {
            found.push(Diagnostic::error(name, name.whole(), format!("there are two events `{written}`")));
        }
        let what = format!("the condition of `{written}`");
        let event = condition(text, &what, scope, found).map(|condition| Event {
            name: written.to_string(),
            condition,
            text: text.clone(),
            when: when.clone(),
            order: *order,
        });
        if written == SPIKE { events.splice(0..0, event).for_each(drop) } else { events.extend(event) }
    }
    for EventScheduleText { event: name, when, order } in &given.event_schedules {
        let written = name.as_str();
        if let Some(event) = events.iter_mut().find(|event| event.name == written) {
            (event.when, event.order) = (Some(when.clone()), *order);
        } else if !(names.contains(written) && (written != SPIKE || given.threshold.is_some())) {
            let error = Diagnostic::error(name, name.whole(), format!("there is no event `{written}`"));
            found.push(error.suggest(written, events.iter().map(|event| event.name.as_str())));
        }
    }
    events
}

fn condition(text: &Text, what: &str, scope: &VariablesScope<'_>, found: &mut Diagnostics) -> Option<Expr> {
    let expr = parser::expression(text, found)?;
    check_condition(&expr, what, scope, text, found).map(|()| expr)
}

/// Checks the code of the events of a group, the reset first.
pub(super) fn event_code(
    given: &GroupText,
    events: &[Event],
    scope: &VariablesScope<'_>,
    found: &mut Diagnostics,
) -> Vec<EventCode> {
    let mut checked: Vec<EventCode> = Vec::new();
    let names = |given: &GroupText| {
        let spike = given.threshold.as_ref().map(|_| SPIKE.to_string());
        let further: Vec<String> = given.events.iter().map(|e| e.name.as_str().to_string()).collect();
        spike.into_iter().chain(further).collect::<Vec<String>>()
    };
    if let (Some(text), None) = (&given.reset, &given.threshold) {
        let error = Diagnostic::error(text, text.whole(), "a reset without a threshold never happens");
        found.push(error.hint("give the group a `threshold`"));
    }
    let reset = given.reset.iter().map(|text| (SPIKE, text, text, (&None, 0, "resets")));
    let further =
        given.on_event.iter().map(|e| (e.event.as_str(), &e.event, &e.code, (&e.when, e.order, "after_resets")));
    let mut seen = BTreeSet::new();
    for (event, place, text, (when, order, default_slot)) in reset.chain(further) {
        let statements = parser::statements(text, found);
        check_statements(&statements, &CodeScope::events(scope, scope.variables), text, found);
        if !names(given).iter().any(|n| n == event) {
            if !std::ptr::eq(place, text) {
                let error = Diagnostic::error(place, place.whole(), format!("there is no event `{event}`"));
                found.push(error.suggest(event, names(given).iter().map(String::as_str)));
            }
            continue;
        }
        if !seen.insert(event) {
            let error = Diagnostic::error(place, place.whole(), format!("the event `{event}` has code already"));
            found.push(error.hint("put all statements into one piece of code"));
        }
        // An event with an error in its condition is not there, which has been said.
        let Some(event) = events.iter().position(|e| e.name == event) else { continue };
        checked.push(EventCode { event, statements, text: text.clone(), when: when.clone(), default_slot, order });
    }
    checked
}

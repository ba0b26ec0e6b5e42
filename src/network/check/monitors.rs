//! Checks of monitors.

use super::{Checker, Source};
use crate::diag::{Diagnostic, Text};
use crate::model::group::SPIKE;
use crate::network::error::Error;
use crate::network::model::{AnyGroup, Monitor, MonitorKind, Record};

/// A monitor without errors.
pub struct CheckedMonitor {
    /// Its name.
    pub name: String,
    /// The cells it watches.
    pub source: Source,
    /// Name of the group it watches.
    pub source_name: String,
    /// Names of the recorded variables.
    pub variables: Vec<String>,
    /// What it records.
    pub kind: CheckedKind,
    /// Slot of the schedule.
    pub slot: String,
    /// Order within the slot.
    pub order: i32,
    /// Text that errors about it point to.
    pub text: Text,
}

/// What a monitor records.
pub enum CheckedKind {
    /// Events.
    Events {
        /// Number of the event in the population; none of a group whose spikes are given.
        event: usize,
        /// The event's name, if it was asked for by name.
        name: Option<String>,
        /// Whether events are recorded, or only counted.
        record: bool,
    },
    /// The rate of spikes.
    Rate,
    /// Variables.
    State {
        /// Which cells, counted in the population; all of the source if absent.
        record: Option<Vec<i32>>,
        /// Clock, if it is not the source's.
        clock: Option<usize>,
    },
}

impl Checker<'_> {
    /// Checks all monitors.
    pub(super) fn monitors(&mut self) -> Result<Vec<CheckedMonitor>, Error> {
        let mut checked: Vec<CheckedMonitor> = Vec::new();
        for monitor in &self.model.monitors {
            if checked.iter().any(|m| m.name == monitor.name) {
                self.error(&monitor.text, format!("there are two monitors `{}`", monitor.name));
            }
            checked.extend(self.monitor(monitor)?);
        }
        Ok(checked)
    }

    fn monitor(&mut self, monitor: &Monitor) -> Result<Option<CheckedMonitor>, Error> {
        let Some(source) = self.source(&monitor.source, &monitor.text) else { return Ok(None) };
        let before = self.diagnostics.0.len();
        let all: Vec<Text>;
        let variables: &[Text] = match &monitor.kind {
            MonitorKind::Events { variables, .. } => variables,
            MonitorKind::State { variables: Some(variables), .. } => variables,
            MonitorKind::State { variables: None, .. } => {
                let group = self.group_of(source.population);
                let refractory = group.refractory.iter().flat_map(|_| ["lastspike", "not_refractory"]);
                let noisy = |name: &&str| group.variables.get(*name).is_some_and(|v| v.noisy);
                let names = group.equations.lines.keys().map(String::as_str).chain(refractory);
                all = names.filter(|name| !noisy(name)).map(|name| Text::new("variables", name)).collect();
                &all
            }
            MonitorKind::Rate => &[],
        };
        self.recorded_variables(variables, source);
        let (kind, slot, order) = match &monitor.kind {
            MonitorKind::Events { event, by_name, record, .. } => {
                let Some((number, slot, order)) = self.event(event, source, &monitor.text) else { return Ok(None) };
                let name = by_name.then(|| event.as_str().to_string());
                (CheckedKind::Events { event: number, name, record: *record }, slot, order)
            }
            MonitorKind::Rate => {
                let spike = Text::new("event", SPIKE);
                if self.event(&spike, source, &monitor.text).is_none() {
                    return Ok(None);
                }
                (CheckedKind::Rate, "end".to_string(), 0)
            }
            MonitorKind::State { record, dt, .. } => {
                let record = self.record(record, source, monitor);
                let clock = match dt {
                    // Brian2's monitors follow the clock of their source.
                    None => None,
                    dt => Some(self.clock(dt.as_ref(), 0)?),
                };
                (CheckedKind::State { record, clock }, "start".to_string(), 0)
            }
        };
        let slot = self.slot(monitor.when.as_ref(), &slot, &monitor.text);
        // A slot of one's own starts from its middle.
        let order = monitor.order.unwrap_or(if monitor.when.is_some() { 0 } else { order });
        if self.diagnostics.has_errors_since(before) {
            return Ok(None);
        }
        let variables = variables.iter().map(|v| v.as_str().to_string()).collect();
        let (name, source_name) = (monitor.name.clone(), monitor.source.clone());
        let text = monitor.text.clone();
        Ok(Some(CheckedMonitor { name, source, source_name, variables, kind, slot, order, text }))
    }

    fn recorded_variables(&mut self, variables: &[Text], source: Source) {
        let group = self.group_of(source.population);
        let mut wrong = Vec::new();
        for text in variables {
            let name = text.as_str();
            match group.variables.get(name) {
                Some(variable) if variable.noisy => {
                    let message = format!("`{name}` contains noise, which exists in differential equations only");
                    wrong.push(Diagnostic::error(text, text.whole(), message));
                }
                Some(_) => {}
                None => {
                    let message = format!("the group `{}` has no variable `{name}`", group.name);
                    let error = Diagnostic::error(text, text.whole(), message);
                    let names = group.variables.keys().map(String::as_str);
                    wrong.push(match group.hint_of_delay(name) {
                        Some(hint) => error.hint(hint),
                        None => error.suggest(name, names),
                    });
                }
            }
        }
        wrong.into_iter().for_each(|error| self.diagnostics.push(error));
    }

    /// The number of an event, and where its monitors stand: after its thresholder and before code that changes what led
    /// to the event.
    pub(super) fn event(&mut self, event: &Text, source: Source, monitor: &Text) -> Option<(usize, String, i32)> {
        let group = self.group_of(source.population);
        if let Some(super::GroupInput::Spikes(_)) = self.groups.get(source.population).map(|checked| &checked.input)
            && event.as_str() == SPIKE
        {
            return Some((0, "thresholds".to_string(), 1));
        }
        if let Some(number) = group.event(event.as_str()) {
            if source.is_part {
                // Where Brian2 has them: other events than spikes are those of the step before.
                return Some((number, "thresholds".to_string(), 2));
            }
            return Some((number, group.events[number].slot().to_string(), group.events[number].order + 1));
        }
        if self.is_given(event.as_str(), &group.name) {
            // Its condition is wrong, which has been said.
            return None;
        }
        if source.population >= self.groups.len() {
            let message = format!("`{}` are synapses, which have no events", group.name);
            self.error_with_hint(monitor, message, "follow the events of a group");
        } else if event.as_str() == SPIKE {
            let message = format!("the group `{}` has no threshold, so it never spikes", group.name);
            self.error_with_hint(monitor, message, "give the group a `threshold`");
        } else {
            let message = format!("the group `{}` has no event `{}`", group.name, event.as_str());
            let error = Diagnostic::error(event, event.whole(), message);
            let names: Vec<&str> = group.events.iter().map(|e| e.name.as_str()).collect();
            self.diagnostics.push(error.suggest(event.as_str(), names));
        }
        None
    }

    /// Whether the text of a group defines an event.
    fn is_given(&self, event: &str, group: &str) -> bool {
        let Some(AnyGroup::Neurons(given)) = self.model.find_group(group) else { return false };
        match event {
            SPIKE => given.text.threshold.is_some(),
            _ => given.text.events.iter().any(|own| own.name.as_str() == event),
        }
    }

    /// The recorded cells, counted in the population.
    fn record(&mut self, record: &Record, source: Source, monitor: &Monitor) -> Option<Vec<i32>> {
        match record {
            Record::All => None,
            Record::None => Some(Vec::new()),
            Record::Cells(indices) => {
                // How many synapses there are is known once they are made.
                let is_synapses = source.population >= self.groups.len();
                let known = (!is_synapses).then(|| source.n() as i64);
                let n = known.unwrap_or(i64::from(i32::MAX));
                for index in indices.iter().filter(|index| !(0..n).contains(index)) {
                    let count = known.map_or(String::new(), |n| format!(", which has {n} cells"));
                    let what = if is_synapses { "synapse" } else { "cell" };
                    self.error(&monitor.text, format!("there is no {what} {index} in `{}`{count}", monitor.source));
                }
                Some(indices.iter().map(|index| (source.start as i64 + index) as i32).collect())
            }
            Record::Subgroup(name) => {
                let part = self.source(name.as_str(), name)?;
                let inside = part.population == source.population
                    && (source.start..=source.stop).contains(&part.start)
                    && part.stop <= source.stop;
                if !inside {
                    let message = format!("`{}` is no part of `{}`", name.as_str(), monitor.source);
                    self.error(name, message);
                }
                Some((part.start..part.stop).map(|k| k as i32).collect())
            }
        }
    }
}

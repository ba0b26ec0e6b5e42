//! Monitors as given.

use super::Value;
use crate::diag::Text;
use crate::model::group::SPIKE;

/// What a monitor records.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorKind {
    /// Events, and values of these variables at each event.
    Events {
        /// The event; `spike` for those of the threshold.
        event: Text,
        /// Whether the event was asked for by name.
        by_name: bool,
        /// Names of variables.
        variables: Vec<Text>,
        /// Whether events are recorded, or only counted.
        record: bool,
    },
    /// Values of variables at regular times.
    State {
        /// Names of variables; all that the equations define if absent.
        variables: Option<Vec<Text>>,
        /// Which cells.
        record: Record,
        /// Time between records; the source's step if absent.
        dt: Option<Value>,
    },
    /// The rate of the whole group at every step.
    Rate,
}

/// Which cells a state monitor records.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Record {
    /// All.
    #[default]
    All,
    /// None: only the times.
    None,
    /// These, in this order.
    Cells(Vec<i64>),
    /// Those of a subgroup of the source.
    Subgroup(Text),
}

/// A monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// Its name.
    pub name: String,
    /// Name of the group it watches.
    pub source: String,
    /// What it records.
    pub kind: MonitorKind,
    /// Slot of the schedule: after the thresholder for events, `start` for states, `end` for rates, if absent.
    pub when: Option<Text>,
    /// Order within the slot; after the thresholder for events, else 0, if absent.
    pub order: Option<i32>,
    /// Text that errors about the monitor as a whole point to.
    pub text: Text,
}

impl Monitor {
    fn new(name: &str, source: &str, kind: MonitorKind) -> Monitor {
        let text = Text::new(format!("monitors.{name}.source"), source);
        Monitor { name: name.to_string(), source: source.to_string(), kind, when: None, order: None, text }
    }

    /// Records the spikes of a group.
    pub fn spikes(name: &str, source: &str) -> Monitor {
        let event = Text::new(format!("monitors.{name}.event"), SPIKE);
        let kind = MonitorKind::Events { event, by_name: false, variables: Vec::new(), record: true };
        Monitor::new(name, source, kind)
    }

    /// Records other events of a group.
    pub fn events(name: &str, source: &str, event: &str) -> Monitor {
        let event = Text::new(format!("monitors.{name}.event"), event);
        let kind = MonitorKind::Events { event, by_name: true, variables: Vec::new(), record: true };
        Monitor::new(name, source, kind)
    }

    /// Records variables of all cells at every step of the group.
    pub fn state(name: &str, source: &str, variables: &[&str]) -> Monitor {
        let place = |v: &&str| Text::new(format!("monitors.{name}.variables"), *v);
        let variables = Some(variables.iter().map(place).collect());
        Monitor::new(name, source, MonitorKind::State { variables, record: Record::All, dt: None })
    }

    /// Records all variables that the equations of a group define, of all cells, at every step of the group.
    pub fn whole_state(name: &str, source: &str) -> Monitor {
        Monitor::new(name, source, MonitorKind::State { variables: None, record: Record::All, dt: None })
    }

    /// Records the rate of a group at every step.
    pub fn rate(name: &str, source: &str) -> Monitor {
        Monitor::new(name, source, MonitorKind::Rate)
    }

    /// Of events: records these variables as well. Of states: records these instead.
    #[must_use]
    pub fn variables(mut self, names: &[&str]) -> Monitor {
        let texts = || names.iter().map(|v| Text::new(format!("monitors.{}.variables", self.name), *v)).collect();
        match &mut self.kind {
            MonitorKind::Events { variables, .. } => *variables = texts(),
            MonitorKind::State { variables, .. } => *variables = Some(texts()),
            MonitorKind::Rate => {}
        }
        self
    }

    /// Of states: which cells are recorded. Of events: whether events are recorded; with [`Record::None`] they are only
    /// counted.
    #[must_use]
    pub fn record(mut self, cells: Record) -> Monitor {
        match &mut self.kind {
            MonitorKind::Events { record, .. } => *record = cells != Record::None,
            MonitorKind::State { record, .. } => *record = cells,
            MonitorKind::Rate => {}
        }
        self
    }

    /// Of states: records every so often.
    #[must_use]
    pub fn dt(mut self, expression: &str) -> Monitor {
        if let MonitorKind::State { dt, .. } = &mut self.kind {
            *dt = Some(Value::expression(&format!("monitors.{}.dt", self.name), expression));
        }
        self
    }

    /// Puts it into another slot, with order 0.
    #[must_use]
    pub fn when(mut self, slot: &str) -> Monitor {
        self.when = Some(Text::new(format!("monitors.{}.when", self.name), slot));
        self
    }

    /// Before or after others in its slot.
    #[must_use]
    pub fn order(mut self, order: i32) -> Monitor {
        self.order = Some(order);
        self
    }
}

//! A model before it runs: the texts of its parts, from a model file or from the Rust API. Nothing is checked here.

use crate::diag::Text;
use crate::model::group::GroupText;
use crate::model::namespace::Number;

/// A value to be evaluated when it is used: an expression, or a number as data.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An expression of the model language.
    Expression(Text),
    /// A number or a boolean, and the text it was written in, for messages.
    Number(Number, Text),
}

impl Value {
    /// The text, for messages.
    pub fn text(&self) -> &Text {
        match self {
            Value::Expression(text) | Value::Number(_, text) => text,
        }
    }
}

/// `group.variable[filter] = value`
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// Name of the group.
    pub group: String,
    /// Name of the variable, and the text it stands in.
    pub variable: Text,
    /// Which cells; all if absent.
    pub filter: Option<Filter>,
    /// The value.
    pub value: Value,
}

/// Some cells of a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Those for which a condition holds.
    Condition(Text),
    /// Those with these numbers, from the end if negative; and the text they stand in, for messages.
    Indices(Vec<i64>, Text),
    /// Those marked; and the text the marks stand in.
    Marks(Vec<bool>, Text),
}

/// A group of neurons, and its own step if it has one.
#[derive(Clone, Debug)]
pub struct NeuronGroup {
    /// The texts of its parts.
    pub text: GroupText,
    /// Length of its step; the model's if absent.
    pub dt: Option<Value>,
    /// Code that runs at regular times.
    pub run_regularly: Vec<Operation>,
}

/// Code that runs at regular times.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Statements.
    pub code: Text,
    /// Time between two runs; the group's step if absent.
    pub dt: Option<Value>,
    /// Slot of the schedule; `start` if absent.
    pub when: Option<Text>,
    /// Order within the slot.
    pub order: i32,
}

/// What a monitor records.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorKind {
    /// Spikes, and values of these variables at each spike.
    Spikes {
        /// Names of variables.
        variables: Vec<Text>,
    },
    /// Values of variables at regular times.
    State {
        /// Names of variables.
        variables: Vec<Text>,
        /// Which cells; all if absent.
        record: Option<Vec<i64>>,
        /// Time between records; the model's step if absent.
        dt: Option<Value>,
        /// Slot of the schedule; `start` if absent.
        when: Option<Text>,
    },
    /// The rate of the whole group at every step.
    Rate,
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
    /// Text that errors about the monitor as a whole point to.
    pub text: Text,
}

/// A model: constants, groups, initial values, monitors.
#[derive(Clone, Debug)]
pub struct Model {
    /// Length of a step where nothing else is said.
    pub dt: Value,
    /// Constants by name; each may use those before it.
    pub constants: Vec<(String, Value)>,
    /// Groups of neurons.
    pub groups: Vec<NeuronGroup>,
    /// Initial values, in order.
    pub init: Vec<Assignment>,
    /// Monitors.
    pub monitors: Vec<Monitor>,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            dt: Value::Expression(Text::new("settings.dt", "0.1*ms")),
            constants: Vec::new(),
            groups: Vec::new(),
            init: Vec::new(),
            monitors: Vec::new(),
        }
    }
}

/// Building a model from Rust. Texts are in the language of model files; errors come when the network is built.
impl Model {
    /// An empty model with steps of 0.1 ms.
    pub fn new() -> Model {
        Model::default()
    }

    /// Sets the length of a step, such as `0.05*ms`.
    #[must_use]
    pub fn dt(mut self, expression: &str) -> Model {
        self.dt = Value::Expression(Text::new("dt", expression));
        self
    }

    /// Adds a constant.
    #[must_use]
    pub fn constant(mut self, name: &str, expression: &str) -> Model {
        self.constants.push((name.to_string(), Value::Expression(Text::new(format!("constants.{name}"), expression))));
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, group: NeuronGroup) -> Model {
        self.groups.push(group);
        self
    }

    /// Adds an initial value.
    #[must_use]
    pub fn init(mut self, group: &str, variable: &str, expression: &str) -> Model {
        let place = format!("groups.{group}.init.{variable}");
        self.init.push(Assignment {
            group: group.to_string(),
            variable: Text::new(place.clone(), variable),
            filter: None,
            value: Value::Expression(Text::new(place, expression)),
        });
        self
    }

    /// Adds a spike monitor.
    #[must_use]
    pub fn spike_monitor(mut self, name: &str, source: &str) -> Model {
        self.monitors.push(Monitor {
            name: name.to_string(),
            source: source.to_string(),
            kind: MonitorKind::Spikes { variables: Vec::new() },
            text: Text::new(format!("monitors.{name}"), source),
        });
        self
    }

    /// Adds a monitor of the rate of a group.
    #[must_use]
    pub fn rate_monitor(mut self, name: &str, source: &str) -> Model {
        let text = Text::new(format!("monitors.{name}"), source);
        self.monitors.push(Monitor {
            name: name.to_string(),
            source: source.to_string(),
            kind: MonitorKind::Rate,
            text,
        });
        self
    }

    /// Adds a monitor of variables of some cells (all for `None`) at every step, or at every `dt`.
    #[must_use]
    pub fn state_monitor(
        mut self,
        name: &str,
        source: &str,
        variables: &[&str],
        record: Option<&[i64]>,
        dt: Option<&str>,
    ) -> Model {
        let place = |part: &str| format!("monitors.{name}.{part}");
        self.monitors.push(Monitor {
            name: name.to_string(),
            source: source.to_string(),
            kind: MonitorKind::State {
                variables: variables.iter().map(|v| Text::new(place("variables"), *v)).collect(),
                record: record.map(<[i64]>::to_vec),
                dt: dt.map(|dt| Value::Expression(Text::new(place("dt"), dt))),
                when: None,
            },
            text: Text::new(format!("monitors.{name}"), source),
        });
        self
    }
}

impl NeuronGroup {
    /// A group of `n` neurons.
    pub fn new(name: &str, n: usize, equations: &str) -> NeuronGroup {
        let text = GroupText {
            name: name.to_string(),
            n,
            equations: Text::new(format!("groups.{name}.equations"), equations),
            threshold: None,
            reset: None,
            refractory: None,
            method: None,
        };
        NeuronGroup { text, dt: None, run_regularly: Vec::new() }
    }

    fn place(&self, part: &str, text: &str) -> Option<Text> {
        Some(Text::new(format!("groups.{}.{part}", self.text.name), text))
    }

    /// Sets the condition for a spike.
    #[must_use]
    pub fn threshold(mut self, condition: &str) -> NeuronGroup {
        self.text.threshold = self.place("threshold", condition);
        self
    }

    /// Sets the statements after a spike.
    #[must_use]
    pub fn reset(mut self, statements: &str) -> NeuronGroup {
        self.text.reset = self.place("reset", statements);
        self
    }

    /// Sets the refractory time or condition.
    #[must_use]
    pub fn refractory(mut self, expression: &str) -> NeuronGroup {
        self.text.refractory = self.place("refractory", expression);
        self
    }

    /// Sets the integration method.
    #[must_use]
    pub fn method(mut self, name: &str) -> NeuronGroup {
        self.text.method = self.place("method", name);
        self
    }

    /// Adds statements that run every `dt`, at the start of a step.
    #[must_use]
    pub fn run_regularly(mut self, statements: &str, dt: &str) -> NeuronGroup {
        let place = |part: &str| format!("groups.{}.run_regularly.{part}", self.text.name);
        self.run_regularly.push(Operation {
            code: Text::new(place("code"), statements),
            dt: Some(Value::Expression(Text::new(place("dt"), dt))),
            when: None,
            order: 0,
        });
        self
    }

    /// Gives the group a step of its own.
    #[must_use]
    pub fn dt(mut self, expression: &str) -> NeuronGroup {
        self.dt = self.place("dt", expression).map(Value::Expression);
        self
    }
}

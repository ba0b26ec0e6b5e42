//! Groups as given.

use super::{Model, Value};
use crate::diag::Text;
use crate::model::group::{EventCodeText, EventScheduleText, EventText, GroupText, SinglePrecision};

/// A group of any kind.
#[derive(Clone, Debug)]
pub enum AnyGroup {
    /// Neurons with equations.
    Neurons(NeuronGroup),
    /// A part of another group.
    Subgroup(Subgroup),
    /// Cells that spike at random.
    Poisson(PoissonGroup),
    /// Cells that spike at given times.
    SpikeGenerator(SpikeGeneratorGroup),
}

impl AnyGroup {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            AnyGroup::Neurons(group) => &group.text.name,
            AnyGroup::Subgroup(group) => &group.name,
            AnyGroup::Poisson(group) => &group.name,
            AnyGroup::SpikeGenerator(group) => &group.name,
        }
    }
}

impl From<NeuronGroup> for AnyGroup {
    fn from(group: NeuronGroup) -> AnyGroup {
        AnyGroup::Neurons(group)
    }
}

impl From<Subgroup> for AnyGroup {
    fn from(group: Subgroup) -> AnyGroup {
        AnyGroup::Subgroup(group)
    }
}

impl From<PoissonGroup> for AnyGroup {
    fn from(group: PoissonGroup) -> AnyGroup {
        AnyGroup::Poisson(group)
    }
}

impl From<SpikeGeneratorGroup> for AnyGroup {
    fn from(group: SpikeGeneratorGroup) -> AnyGroup {
        AnyGroup::SpikeGenerator(group)
    }
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
    /// Times in seconds at which it runs, instead of regularly.
    pub times_seconds: Option<Vec<f64>>,
    /// Slot of the schedule; `start` if absent.
    pub when: Option<Text>,
    /// Order within the slot.
    pub order: i32,
}

impl Operation {
    /// Statements that run at every step of their group, in the slot `start`.
    pub fn new(statements: &str) -> Operation {
        let code = Text::new("run_regularly.code", statements);
        Operation { code, dt: None, times_seconds: None, when: None, order: 0 }
    }

    /// Statements that run at these times, in seconds, in any order; they need not be on a grid of steps.
    pub fn at(statements: &str, times_seconds: &[f64]) -> Operation {
        let code = Text::new("run_at.code", statements);
        Operation { code, dt: None, times_seconds: Some(times_seconds.to_vec()), when: None, order: 0 }
    }

    /// Every so often instead.
    #[must_use]
    pub fn dt(mut self, expression: &str) -> Operation {
        self.dt = Some(Value::expression("run_regularly.dt", expression));
        self
    }

    /// In another slot.
    #[must_use]
    pub fn when(mut self, slot: &str) -> Operation {
        self.when = Some(Text::new("run_regularly.when", slot));
        self
    }

    /// Before or after others in the slot.
    #[must_use]
    pub fn order(mut self, order: i32) -> Operation {
        self.order = order;
        self
    }

    /// With messages that say which group it belongs to.
    fn of(self, group: &str) -> Operation {
        let what = if self.times_seconds.is_some() { "run_at" } else { "run_regularly" };
        let place = |part: &str, text: &Text| Text::new(format!("groups.{group}.{what}.{part}"), text.as_str());
        let dt = self.dt.map(|dt| match dt {
            Value::Expression(text) => Value::Expression(place("dt", &text)),
            Value::Number(number, text) => Value::Number(number, place("dt", &text)),
        });
        Operation { code: place("code", &self.code), dt, when: self.when.map(|when| place("when", &when)), ..self }
    }
}

/// The cells `start..stop` of another group, which may be a subgroup too.
#[derive(Clone, Debug, PartialEq)]
pub struct Subgroup {
    /// Its name.
    pub name: String,
    /// The group that it is part of.
    pub of: Text,
    /// Its first cell, counted in that group.
    pub start: usize,
    /// After its last cell.
    pub stop: usize,
    /// Code that runs for its cells at regular times.
    pub run_regularly: Vec<Operation>,
}

impl Subgroup {
    /// The cells `start..stop` of the group `of`.
    pub fn new(name: &str, of: &str, start: usize, stop: usize) -> Subgroup {
        let of = Text::new(format!("groups.{name}.of"), of);
        Subgroup { name: name.to_string(), of, start, stop, run_regularly: Vec::new() }
    }

    /// Adds code that runs for its cells at regular times.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> Subgroup {
        self.run_regularly.push(operation.of(&self.name));
        self
    }
}

/// Cells that spike at random, each at most once a step, with the chance `rates*dt`.
#[derive(Clone, Debug, PartialEq)]
pub struct PoissonGroup {
    /// Its name.
    pub name: String,
    /// Number of cells.
    pub n: usize,
    /// How often they spike.
    pub rates: Rates,
    /// Length of its step; the model's if absent.
    pub dt: Option<Value>,
}

/// The rates of a Poisson group.
#[derive(Clone, Debug, PartialEq)]
pub enum Rates {
    /// An expression, evaluated at each step, which may use `t` and `i`.
    Expression(Text),
    /// One for each cell, or one for all, in hertz, and where they stand.
    Values(Vec<f64>, Text),
}

impl PoissonGroup {
    /// `n` cells with rates such as `10*Hz`, or `(10 + i)*Hz`.
    pub fn new(name: &str, n: usize, rates: &str) -> PoissonGroup {
        let rates = Rates::Expression(Text::new(format!("groups.{name}.rates"), rates));
        PoissonGroup { name: name.to_string(), n, rates, dt: None }
    }

    /// One cell for each rate, in hertz.
    pub fn with_rates(name: &str, rates_hertz: &[f64]) -> PoissonGroup {
        let rates = Rates::Values(rates_hertz.to_vec(), Text::new(format!("groups.{name}.rates"), "rates"));
        PoissonGroup { name: name.to_string(), n: rates_hertz.len(), rates, dt: None }
    }

    /// Gives the group a step of its own.
    #[must_use]
    pub fn dt(mut self, expression: &str) -> PoissonGroup {
        self.dt = Some(Value::expression(&format!("groups.{}.dt", self.name), expression));
        self
    }
}

/// Cells that spike at given times.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikeGeneratorGroup {
    /// Its name.
    pub name: String,
    /// Number of cells.
    pub n: usize,
    /// The cell of each spike, in any order, and where they stand.
    pub indices: (Vec<i64>, Text),
    /// The time of each spike in seconds, and where they stand.
    pub times_seconds: (Vec<f64>, Text),
    /// Time after which all spikes come again.
    pub period: Option<Value>,
    /// Length of its step; the model's if absent.
    pub dt: Option<Value>,
}

impl SpikeGeneratorGroup {
    /// `n` cells, of which `indices[k]` spikes at `times_seconds[k]`.
    pub fn new(name: &str, n: usize, indices: &[i64], times_seconds: &[f64]) -> SpikeGeneratorGroup {
        let place = |part: &str| Text::new(format!("groups.{name}.{part}"), part);
        SpikeGeneratorGroup {
            name: name.to_string(),
            n,
            indices: (indices.to_vec(), place("indices")),
            times_seconds: (times_seconds.to_vec(), place("times")),
            period: None,
            dt: None,
        }
    }

    /// Repeats all spikes after this time.
    #[must_use]
    pub fn period(mut self, expression: &str) -> SpikeGeneratorGroup {
        self.period = Some(Value::expression(&format!("groups.{}.period", self.name), expression));
        self
    }

    /// Gives the group a step of its own.
    #[must_use]
    pub fn dt(mut self, expression: &str) -> SpikeGeneratorGroup {
        self.dt = Some(Value::expression(&format!("groups.{}.dt", self.name), expression));
        self
    }
}

impl NeuronGroup {
    /// A group of `n` neurons.
    pub fn new(name: &str, n: usize, equations: &str) -> NeuronGroup {
        let text = GroupText::new(name, n, Text::new(format!("groups.{name}.equations"), equations));
        NeuronGroup { text, dt: None, run_regularly: Vec::new() }
    }

    fn place(&self, part: &str, text: &str) -> Text {
        Text::new(format!("groups.{}.{part}", self.text.name), text)
    }

    /// Sets the condition for a spike.
    #[must_use]
    pub fn threshold(mut self, condition: &str) -> NeuronGroup {
        self.text.threshold = Some(self.place("threshold", condition));
        self
    }

    /// Sets the statements after a spike.
    #[must_use]
    pub fn reset(mut self, statements: &str) -> NeuronGroup {
        self.text.reset = Some(self.place("reset", statements));
        self
    }

    /// Sets the refractory time or condition.
    #[must_use]
    pub fn refractory(mut self, expression: &str) -> NeuronGroup {
        self.text.refractory = Some(self.place("refractory", expression));
        self
    }

    /// Sets the integration method.
    #[must_use]
    pub fn method(mut self, name: &str) -> NeuronGroup {
        self.text.method = Some(self.place("method", name));
        self
    }

    /// Adds an event: something that happens to cells for which the condition holds.
    #[must_use]
    pub fn event(mut self, name: &str, condition: &str) -> NeuronGroup {
        let condition = self.place(&format!("events.{name}"), condition);
        let name = self.place("events", name);
        self.text.events.push(EventText { name, condition, when: None, order: 0 });
        self
    }

    /// Sets when the condition of an event (`spike`: the threshold) is looked at; usually `thresholds` for spikes and
    /// `after_thresholds` for others.
    #[must_use]
    pub fn event_schedule(mut self, event: &str, slot: &str, order: i32) -> NeuronGroup {
        let when = self.place(&format!("events.{event}.when"), slot);
        let event = self.place("events", event);
        self.text.event_schedules.push(EventScheduleText { event, when, order });
        self
    }

    /// Sets the statements that run for the cells of an event.
    #[must_use]
    pub fn on_event(self, event: &str, statements: &str) -> NeuronGroup {
        self.on_event_in(event, statements, "after_resets", 0)
    }

    /// Sets the statements that run for the cells of an event, and when they do.
    #[must_use]
    pub fn on_event_in(mut self, event: &str, statements: &str, slot: &str, order: i32) -> NeuronGroup {
        let code = self.place(&format!("on_event.{event}"), statements);
        let when = Some(self.place(&format!("on_event.{event}.when"), slot));
        let event = self.place("on_event", event);
        self.text.on_event.push(EventCodeText { event, code, when, order });
        self
    }

    /// Keeps all float variables of the equations in 32 bits; they are computed with in 64.
    #[must_use]
    pub fn float32(mut self) -> NeuronGroup {
        self.text.single = SinglePrecision::All;
        self
    }

    /// Keeps these variables in 32 bits; they are computed with in 64.
    #[must_use]
    pub fn float32_variables(mut self, names: &[&str]) -> NeuronGroup {
        let names = names.iter().map(|name| self.place("dtype", name)).collect();
        self.text.single = SinglePrecision::Variables(names);
        self
    }

    /// Adds statements that run every `dt`, at the start of a step.
    #[must_use]
    pub fn run_regularly(self, statements: &str, dt: &str) -> NeuronGroup {
        self.operation(Operation::new(statements).dt(dt))
    }

    /// Adds statements that run at regular times.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> NeuronGroup {
        self.run_regularly.push(operation.of(&self.text.name));
        self
    }

    /// Gives the group a step of its own.
    #[must_use]
    pub fn dt(mut self, expression: &str) -> NeuronGroup {
        self.dt = Some(Value::Expression(self.place("dt", expression)));
        self
    }
}

impl Model {
    /// The group of this name.
    pub fn find_group(&self, name: &str) -> Option<&AnyGroup> {
        self.groups.iter().find(|group| group.name() == name)
    }
}

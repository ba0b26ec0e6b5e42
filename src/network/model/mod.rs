//! A model before it runs: the texts of its parts, from a model file or from the Rust API. Nothing is checked here.

mod functions;
mod groups;
mod inputs;
mod monitors;
mod synapses;

pub use self::functions::{Closure, Function, FunctionText, NativeArray, Parameter, Samples, TimedArray};
pub use self::groups::{AnyGroup, NeuronGroup, Operation, PoissonGroup, Rates, SpikeGeneratorGroup, Subgroup};
pub use self::inputs::{Link, LinkIndex, PoissonInput};
pub use self::monitors::{Monitor, MonitorKind, Record};
pub use self::synapses::{Connect, ConnectRule, Synapses};
use crate::diag::Text;
use crate::model::namespace::Number;
use crate::runtime::schedule::SLOTS;

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

    /// An expression that stands at a place of the model.
    pub fn expression(place: &str, text: &str) -> Value {
        Value::Expression(Text::new(place, text))
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
    pub value: Assigned,
}

/// What an assignment gives to the cells.
#[derive(Clone, Debug, PartialEq)]
pub enum Assigned {
    /// The same expression or number for all.
    Value(Value),
    /// A number for each of them, in SI units, in their order.
    Each(Vec<f64>, Text),
}

impl Assigned {
    /// The text, for messages.
    pub fn text(&self) -> &Text {
        match self {
            Assigned::Value(value) => value.text(),
            Assigned::Each(_, text) => text,
        }
    }
}

/// Some cells of a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Those for which a condition holds.
    Condition(Text),
    /// Those with these numbers, from the end if negative; and the text they stand in, for messages.
    Indices(Vec<i64>, Text),
    /// From the first number up to the second one without it, from the end if negative, as far as there are cells.
    Slice(Option<i64>, Option<i64>, Text),
    /// Those marked; and the text the marks stand in.
    Marks(Vec<bool>, Text),
    /// Of synapses: those between these cells, counted from the first cells of both ends; and the text they stand in.
    Between(Box<Between>, Text),
}

/// Synapses by the cells that they connect: `S[i, j]`, or `S[i, j, k]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Between {
    /// Where spikes come from.
    pub sources: Cells,
    /// Where they go to.
    pub targets: Cells,
    /// Which synapses of a pair, in the order of making.
    pub numbers: Cells,
}

/// Some numbers of cells, or of synapses of a pair.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// All.
    All,
    /// This one.
    One(i64),
    /// These.
    These(Vec<i64>),
    /// From the first number up to the second one without it; as far as there are any.
    Range(i64, i64),
}

impl Cells {
    /// Whether a number is one of them.
    pub fn contains(&self, number: i64) -> bool {
        match self {
            Cells::All => true,
            Cells::One(one) => *one == number,
            Cells::These(these) => these.contains(&number),
            Cells::Range(start, stop) => (*start..*stop).contains(&number),
        }
    }

    /// The numbers that are named one by one.
    pub fn named(&self) -> &[i64] {
        match self {
            Cells::One(one) => std::slice::from_ref(one),
            Cells::These(these) => these,
            Cells::All | Cells::Range(..) => &[],
        }
    }
}

impl std::fmt::Display for Cells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cells::All => write!(f, ":"),
            Cells::One(one) => write!(f, "{one}"),
            Cells::These(these) => write!(f, "{these:?}"),
            Cells::Range(start, stop) => write!(f, "{start}:{stop}"),
        }
    }
}

impl Between {
    /// Those between these cells.
    pub fn new(sources: Cells, targets: Cells) -> Between {
        Between { sources, targets, numbers: Cells::All }
    }

    /// Of each pair only these, counted from 0 in the order of making.
    #[must_use]
    pub fn numbers(mut self, numbers: Cells) -> Between {
        self.numbers = numbers;
        self
    }
}

impl std::fmt::Display for Between {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.numbers {
            Cells::All => write!(f, "[{}, {}]", self.sources, self.targets),
            numbers => write!(f, "[{}, {}, {numbers}]", self.sources, self.targets),
        }
    }
}

impl From<Between> for Filter {
    fn from(between: Between) -> Filter {
        let text = Text::new("synapses", between.to_string());
        Filter::Between(Box::new(between), text)
    }
}

impl Filter {
    /// The text, for messages.
    pub fn text(&self) -> &Text {
        match self {
            Filter::Condition(text)
            | Filter::Indices(_, text)
            | Filter::Slice(_, _, text)
            | Filter::Marks(_, text)
            | Filter::Between(_, text) => text,
        }
    }
}

/// A model: constants, functions, groups, initial values, inputs, monitors.
#[derive(Clone, Debug)]
pub struct Model {
    /// Length of a step where nothing else is said.
    pub dt: Value,
    /// Seed of the random numbers; drawn from the system if absent.
    pub seed: Option<u32>,
    /// The slots of a step, in order; each has a `before_` and an `after_`.
    pub schedule: Vec<String>,
    /// Constants by name; each may use those before it.
    pub constants: Vec<(String, Value)>,
    /// Values that change with time.
    pub timed_arrays: Vec<TimedArray>,
    /// Functions of the user.
    pub functions: Vec<Function>,
    /// Groups; a subgroup stands after the group that it is part of.
    pub groups: Vec<AnyGroup>,
    /// Variables that stand for those of other groups.
    pub links: Vec<Link>,
    /// Initial values, in order.
    pub init: Vec<Assignment>,
    /// Synapses.
    pub synapses: Vec<Synapses>,
    /// Poisson inputs.
    pub poisson_inputs: Vec<PoissonInput>,
    /// Monitors.
    pub monitors: Vec<Monitor>,
}

impl Default for Model {
    fn default() -> Model {
        Model {
            dt: Value::expression("settings.dt", "0.1*ms"),
            seed: None,
            schedule: SLOTS.map(str::to_string).to_vec(),
            constants: Vec::new(),
            timed_arrays: Vec::new(),
            functions: Vec::new(),
            groups: Vec::new(),
            links: Vec::new(),
            init: Vec::new(),
            synapses: Vec::new(),
            poisson_inputs: Vec::new(),
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
        self.dt = Value::expression("dt", expression);
        self
    }

    /// Sets the seed of the random numbers: the same seed gives the same results.
    #[must_use]
    pub fn seed(mut self, seed: u32) -> Model {
        self.seed = Some(seed);
        self
    }

    /// Sets the slots of a step, in order. Each has a `before_` and an `after_`; objects go to the slots of the default
    /// schedule unless they say otherwise, so leaving one of those out is an error once something needs it.
    #[must_use]
    pub fn schedule(mut self, slots: &[&str]) -> Model {
        self.schedule = slots.iter().map(|slot| (*slot).to_string()).collect();
        self
    }

    /// Adds a constant.
    #[must_use]
    pub fn constant(mut self, name: &str, expression: &str) -> Model {
        self.constants.push((name.to_string(), Value::expression(&format!("constants.{name}"), expression)));
        self
    }

    /// Adds values that change with time.
    #[must_use]
    pub fn timed_array(mut self, array: TimedArray) -> Model {
        self.timed_arrays.push(array);
        self
    }

    /// Adds a function.
    #[must_use]
    pub fn function(mut self, function: Function) -> Model {
        self.functions.push(function);
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, group: impl Into<AnyGroup>) -> Model {
        self.groups.push(group.into());
        self
    }

    /// Makes a variable, which is marked `linked`, stand for one of another group.
    #[must_use]
    pub fn link(mut self, link: Link) -> Model {
        self.links.push(link);
        self
    }

    /// Adds an initial value.
    #[must_use]
    pub fn init(mut self, group: &str, variable: &str, expression: &str) -> Model {
        let place = format!("groups.{group}.init.{variable}");
        self.init.push(Assignment::new(group, variable, Assigned::Value(Value::expression(&place, expression))));
        self
    }

    /// Adds an initial value of any form, of some cells or of all.
    #[must_use]
    pub fn assign(mut self, assignment: Assignment) -> Model {
        self.init.push(assignment);
        self
    }

    /// Adds synapses.
    #[must_use]
    pub fn synapses(mut self, synapses: Synapses) -> Model {
        self.synapses.push(synapses);
        self
    }

    /// Adds a Poisson input.
    #[must_use]
    pub fn poisson_input(mut self, input: PoissonInput) -> Model {
        self.poisson_inputs.push(input);
        self
    }

    /// Adds a monitor.
    #[must_use]
    pub fn monitor(mut self, monitor: Monitor) -> Model {
        self.monitors.push(monitor);
        self
    }

    /// Adds a spike monitor.
    #[must_use]
    pub fn spike_monitor(self, name: &str, source: &str) -> Model {
        self.monitor(Monitor::spikes(name, source))
    }

    /// Adds a monitor of the rate of a group.
    #[must_use]
    pub fn rate_monitor(self, name: &str, source: &str) -> Model {
        self.monitor(Monitor::rate(name, source))
    }

    /// Adds a monitor of variables of some cells (all for `None`) at every step, or at every `dt`.
    #[must_use]
    pub fn state_monitor(
        self,
        name: &str,
        source: &str,
        variables: &[&str],
        record: Option<&[i64]>,
        dt: Option<&str>,
    ) -> Model {
        let mut monitor = Monitor::state(name, source, variables);
        if let Some(record) = record {
            monitor = monitor.record(Record::Cells(record.to_vec()));
        }
        self.monitor(match dt {
            Some(dt) => monitor.dt(dt),
            None => monitor,
        })
    }
}

impl Assignment {
    /// An assignment to all cells.
    pub fn new(group: &str, variable: &str, value: Assigned) -> Assignment {
        let variable = Text::new(format!("groups.{group}.{variable}"), variable);
        Assignment { group: group.to_string(), variable, filter: None, value }
    }

    /// An expression for all cells.
    pub fn expression(group: &str, variable: &str, expression: &str) -> Assignment {
        let value = Value::expression(&format!("groups.{group}.{variable}"), expression);
        Assignment::new(group, variable, Assigned::Value(value))
    }

    /// A number, in SI units if the variable has a dimension, for each cell.
    pub fn values(group: &str, variable: &str, values: &[f64]) -> Assignment {
        let text = Text::new(format!("groups.{group}.{variable}"), "values");
        Assignment::new(group, variable, Assigned::Each(values.to_vec(), text))
    }

    /// To those cells only for which `condition` holds.
    #[must_use]
    pub fn where_condition(mut self, condition: &str) -> Assignment {
        self.filter = Some(Filter::Condition(Text::new(format!("{}[…]", self.variable.as_str()), condition)));
        self
    }

    /// To the cells with these numbers only, from the end if negative.
    #[must_use]
    pub fn at(mut self, indices: &[i64]) -> Assignment {
        let text = Text::new(format!("{}[…]", self.variable.as_str()), format!("{indices:?}"));
        self.filter = Some(Filter::Indices(indices.to_vec(), text));
        self
    }

    /// To the cells `start..stop` only, from the end if negative, as far as there are cells.
    #[must_use]
    pub fn slice(mut self, start: Option<i64>, stop: Option<i64>) -> Assignment {
        let number = |n: Option<i64>| n.map_or(String::new(), |n| n.to_string());
        let text = Text::new(format!("{}[…]", self.variable.as_str()), format!("{}:{}", number(start), number(stop)));
        self.filter = Some(Filter::Slice(start, stop, text));
        self
    }

    /// Of synapses: to those between these cells only.
    #[must_use]
    pub fn between(mut self, between: Between) -> Assignment {
        let text = Text::new(self.variable.as_str(), between.to_string());
        self.filter = Some(Filter::Between(Box::new(between), text));
        self
    }

    /// To the marked cells only; there is a mark for each cell.
    #[must_use]
    pub fn marked(mut self, marks: &[bool]) -> Assignment {
        let text = Text::new(format!("{}[…]", self.variable.as_str()), "marks");
        self.filter = Some(Filter::Marks(marks.to_vec(), text));
        self
    }
}

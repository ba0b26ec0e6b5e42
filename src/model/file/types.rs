//! What a model file says, typed: names and numbers with their places, strings not yet parsed.

use std::sync::Arc;

use crate::diag::{File, Text};

/// Something and the text it was written as.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// What it is.
    pub value: T,
    /// As written.
    pub text: Text,
}

/// A number, a boolean or an expression: whatever stands where a value is wanted.
pub type Value = Located<Scalar>;

/// The forms of a [`Value`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// A whole number.
    Integer(i64),
    /// A number with a point, an exponent, or one that is not finite.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A string: an expression of the model language, which is the value's text.
    Expression,
}

/// A named value.
pub type Entry = (Text, Value);

/// A model file. Where parsing it gave errors, what is wrong is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// The file itself.
    pub file: Arc<File>,
    /// Name of the model.
    pub name: Option<Text>,
    /// Time step and seed.
    pub settings: Settings,
    /// Named constants, each of which may use those above it.
    pub constants: Vec<Entry>,
    /// Values that change with time.
    pub timed_arrays: Vec<TimedArray>,
    /// Functions of the user.
    pub functions: Vec<Function>,
    /// Groups; a subgroup stands after the group it is part of.
    pub groups: Vec<Group>,
    /// Tables of synapses.
    pub synapses: Vec<Synapses>,
    /// Independent Poisson inputs.
    pub poisson_inputs: Vec<PoissonInput>,
    /// Monitors.
    pub monitors: Vec<Monitor>,
    /// The runs; at least one, made from the settings where the file has no `[[runs]]`.
    pub runs: Vec<Run>,
}

/// `[settings]`; the duration is that of the only run.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Settings {
    /// Time step; 0.1 ms if absent.
    pub dt: Option<Value>,
    /// Seed of the random numbers.
    pub seed: Option<Located<u32>>,
}

/// `[timed_arrays.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct TimedArray {
    /// Its name.
    pub name: Text,
    /// The values, without unit.
    pub values: Located<Samples>,
    /// Unit of the values.
    pub unit: Option<Value>,
    /// Time between two rows.
    pub dt: Value,
}

/// One row of numbers a time step, row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// All numbers.
    pub numbers: Vec<f64>,
    /// Numbers in a row; `None`: one number a time step, used without an index.
    pub columns: Option<usize>,
}

/// `[functions.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Text,
    /// Names of its arguments.
    pub args: Vec<Text>,
    /// Units of its arguments, as many as there are; `None`: no argument has a dimension.
    pub arg_units: Option<Vec<Value>>,
    /// Unit of the result.
    pub unit: Option<Value>,
    /// The result, from SI values.
    pub expression: Text,
}

/// `[groups.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: Text,
    /// What it is.
    pub kind: GroupKind,
}

/// The kinds of group.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupKind {
    /// Neurons with equations.
    Neurons(Neurons),
    /// A part of another group.
    Subgroup(Subgroup),
    /// Cells that spike at random.
    Poisson(Poisson),
    /// Cells that spike at given times.
    SpikeGenerator(SpikeGenerator),
}

/// A group of kind `neurons`.
#[derive(Clone, Debug, PartialEq)]
pub struct Neurons {
    /// Number of cells, from 1 to `i32::MAX`.
    pub n: Located<i64>,
    /// The equations.
    pub equations: Text,
    /// Condition of a spike.
    pub threshold: Option<Text>,
    /// Statements after a spike.
    pub reset: Option<Text>,
    /// Duration or condition.
    pub refractory: Option<Value>,
    /// Method of integration.
    pub method: Option<Text>,
    /// Time step of its own.
    pub dt: Option<Value>,
    /// Further events and their conditions.
    pub events: Vec<(Text, Text)>,
    /// Events and their statements.
    pub on_event: Vec<(Text, Text)>,
    /// Statements run at regular times.
    pub run_regularly: Vec<Operation>,
    /// Initial values.
    pub init: Vec<Entry>,
}

/// An entry of `run_regularly`.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The statements.
    pub code: Text,
    /// Time between two runs.
    pub dt: Option<Value>,
    /// Place in the time step; `start` if absent.
    pub when: Option<Text>,
    /// Order within that place.
    pub order: i32,
}

/// A group of kind `subgroup`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subgroup {
    /// The group it is part of.
    pub of: Text,
    /// Its first cell: `0 <= start < stop`, counted in the group it is part of.
    pub start: Located<i64>,
    /// After its last cell.
    pub stop: Located<i64>,
    /// Initial values.
    pub init: Vec<Entry>,
}

/// A group of kind `poisson`.
#[derive(Clone, Debug, PartialEq)]
pub struct Poisson {
    /// Number of cells.
    pub n: Located<i64>,
    /// Rate of each cell.
    pub rates: Value,
    /// Time step of its own.
    pub dt: Option<Value>,
}

/// A group of kind `spike_generator`.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikeGenerator {
    /// Number of cells.
    pub n: Located<i64>,
    /// The cell of each spike, below `n`.
    pub indices: Located<Vec<i64>>,
    /// The time of each spike in seconds, finite and not negative.
    pub times_seconds: Located<Vec<f64>>,
    /// Time after which they come again.
    pub period: Option<Value>,
    /// Time step of its own.
    pub dt: Option<Value>,
}

/// `[synapses.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Synapses {
    /// Its name.
    pub name: Text,
    /// The presynaptic group.
    pub source: Text,
    /// The postsynaptic group.
    pub target: Text,
    /// Equations of each synapse.
    pub equations: Option<Text>,
    /// Pathways of presynaptic spikes and their statements; a lone string is the pathway `pre`.
    pub on_pre: Vec<(Text, Text)>,
    /// Pathways of postsynaptic spikes and their statements; a lone string is the pathway `post`.
    pub on_post: Vec<(Text, Text)>,
    /// The event that all pathways follow, where one is given for all.
    pub on_event: Option<Text>,
    /// Pathways and the events that they follow.
    pub on_events: Vec<(Text, Text)>,
    /// Where pathways stand in a step, and whether they run.
    pub pathways: Vec<Pathway>,
    /// Method of integration.
    pub method: Option<Text>,
    /// Order of the state update within its place.
    pub order: i32,
    /// Pathways and the delay that all their synapses share; a lone value is for `pre`.
    pub delay: Vec<Entry>,
    /// Variable that numbers the synapses of one pair.
    pub multisynaptic_index: Option<Text>,
    /// Time step of its own.
    pub dt: Option<Value>,
    /// Which synapses exist, call by call; at least one.
    pub connect: Vec<Connect>,
    /// Statements run at regular times.
    pub run_regularly: Vec<Operation>,
    /// Initial values.
    pub init: Vec<Entry>,
}

/// An entry of `pathways`
#[derive(Clone, Debug, PartialEq)]
pub struct Pathway {
    /// Name of the pathway.
    pub name: Text,
    /// Place in the time step; `synapses` if absent.
    pub when: Option<Text>,
    /// Order within that place.
    pub order: Option<i32>,
    /// Whether it runs.
    pub active: bool,
}

/// An entry of `connect`: by condition unless `i` or `j` is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Connect {
    /// The whole entry.
    pub text: Text,
    /// Condition over `i` and `j`; absent: every pair.
    pub condition: Option<Value>,
    /// Presynaptic indices; lists come with a list in `j`, of the same length unless one of them has length 1.
    pub i: Option<Indices>,
    /// Postsynaptic indices.
    pub j: Option<Indices>,
    /// Probability.
    pub p: Option<Value>,
    /// Synapses of each pair.
    pub n: Option<Value>,
    /// Whether generated indices out of range are skipped.
    pub skip_if_invalid: bool,
}

/// Indices of one side of synapses.
#[derive(Clone, Debug, PartialEq)]
pub enum Indices {
    /// Given, within the group; a lone index is a list of one.
    List(Located<Vec<i64>>),
    /// Generated by an expression.
    Generated(Text),
}

/// `[poisson_inputs.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct PoissonInput {
    /// Its name.
    pub name: Text,
    /// The group that receives it.
    pub target: Text,
    /// The variable it is added to.
    pub variable: Text,
    /// Number of inputs of each cell.
    pub n: Located<i64>,
    /// Rate of each input.
    pub rate: Value,
    /// What one spike adds.
    pub weight: Value,
}

/// `[monitors.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Monitor {
    /// Its name.
    pub name: Text,
    /// The group or the synapses recorded from; a group unless the kind is `state`.
    pub source: Text,
    /// What is recorded.
    pub kind: MonitorKind,
}

/// The kinds of monitor.
#[derive(Clone, Debug, PartialEq)]
pub enum MonitorKind {
    /// Spikes, and the values of variables at each.
    Spikes {
        /// The variables.
        variables: Vec<Text>,
    },
    /// Events, and the values of variables at each.
    Event {
        /// The event.
        event: Text,
        /// The variables.
        variables: Vec<Text>,
    },
    /// Variables at regular times.
    State {
        /// The variables; `None`: all that the equations define.
        variables: Option<Vec<Text>>,
        /// The elements; `None`: all.
        record: Option<Located<Vec<i64>>>,
        /// Time between two samples.
        dt: Option<Value>,
        /// Place in the time step; `start` if absent.
        when: Option<Text>,
    },
    /// The rate of the whole group.
    Rate,
}

/// `[[runs]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How long it runs.
    pub duration: Value,
    /// Changes made before it starts.
    pub set: Vec<Change>,
}

/// An entry of `set`.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The group or the synapses to change.
    pub target: Text,
    /// The variable; `pre.delay` is a pathway's.
    pub name: Text,
    /// Which elements.
    pub selection: Selection,
    /// The value.
    pub value: Value,
}

/// Which elements a [`Change`] is made to.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// All.
    All,
    /// Those that fulfil a condition.
    Condition(Text),
    /// These; negative ones count from the end. A lone index is a list of one.
    Indices(Located<Vec<i64>>),
    /// Those with `true`, one for each element.
    Mask(Located<Vec<bool>>),
}

impl ModelFile {
    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name.as_str() == name)
    }

    /// The synapses of this name.
    pub fn synapses(&self, name: &str) -> Option<&Synapses> {
        self.synapses.iter().find(|synapses| synapses.name.as_str() == name)
    }
}

impl Group {
    /// Number of cells.
    pub fn size(&self) -> i64 {
        match &self.kind {
            GroupKind::Neurons(neurons) => neurons.n.value,
            GroupKind::Subgroup(subgroup) => subgroup.stop.value - subgroup.start.value,
            GroupKind::Poisson(poisson) => poisson.n.value,
            GroupKind::SpikeGenerator(generator) => generator.n.value,
        }
    }

    /// Initial values, in order.
    pub fn init(&self) -> &[Entry] {
        match &self.kind {
            GroupKind::Neurons(neurons) => &neurons.init,
            GroupKind::Subgroup(subgroup) => &subgroup.init,
            GroupKind::Poisson(_) | GroupKind::SpikeGenerator(_) => &[],
        }
    }

    pub(super) fn init_mut(&mut self) -> Option<&mut Vec<Entry>> {
        match &mut self.kind {
            GroupKind::Neurons(neurons) => Some(&mut neurons.init),
            GroupKind::Subgroup(subgroup) => Some(&mut subgroup.init),
            GroupKind::Poisson(_) | GroupKind::SpikeGenerator(_) => None,
        }
    }
}

//! The tables and keys of the model format, once: the checks, the hints and the JSON schema come from here.
//!
//! Nothing here reads a file.

/// What may stand at a key.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// One of several.
    Any(&'static [Shape]),
    /// A string.
    Text,
    /// A string that is an identifier.
    Identifier,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// The name of an object of one of these tables.
    Object(&'static [&'static str]),
    /// A number, whole or not.
    Number,
    /// A whole number in a range.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// `true` or `false`.
    Boolean,
    /// A list.
    List {
        /// What its elements are.
        of: &'static Shape,
        /// How many there are at least.
        at_least: usize,
    },
    /// A table with fixed keys.
    Table(&'static Table),
    /// A table with names that the user gives.
    Map {
        /// What stands at each name.
        of: &'static Shape,
        /// What the names may be.
        names: Names,
    },
}

/// What the user may write for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// An identifier.
    Identifier,
    /// An identifier, or two with a point between: a variable of a pathway.
    Variable,
}

/// A table with fixed keys.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What one is called, with its article.
    pub word: &'static str,
    /// Its keys, in the order of the documentation.
    pub keys: &'static [Key],
    /// If the meaning of its keys depends on `kind`: the kind where none is given.
    pub default_kind: Option<&'static str>,
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What may stand there.
    pub shape: Shape,
    /// What it is, for hints and for editors.
    pub about: &'static str,
    /// The kinds in which it means something; empty: all.
    pub kinds: &'static [&'static str],
    /// The kinds in which it must be given.
    pub required: Required,
}

/// Whether a key must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// No.
    Never,
    /// Yes.
    Always,
    /// Where `kind` is one of these.
    In(&'static [&'static str]),
}

impl Key {
    const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Key {
        Key { name, shape, about, kinds: &[], required: Required::Never }
    }

    const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
        Key { name, shape, about, kinds: &[], required: Required::Always }
    }

    const fn of_kinds(self, kinds: &'static [&'static str]) -> Key {
        Key { kinds, ..self }
    }

    const fn required_in(self, kinds: &'static [&'static str]) -> Key {
        Key { required: Required::In(kinds), ..self }
    }

    /// Whether it must be given in a table of this kind.
    pub fn is_required_in(&self, kind: Option<&str>) -> bool {
        match self.required {
            Required::Never => false,
            Required::Always => true,
            Required::In(kinds) => kind.is_some_and(|kind| kinds.contains(&kind)),
        }
    }
}

impl Table {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// Indices of elements are 32-bit numbers in kernels.
pub const LARGEST_SIZE: i64 = i32::MAX as i64;

/// The places in a time step, in the order in which they run.
pub const SLOTS: [&str; 18] = [
    "before_start",
    "start",
    "after_start",
    "before_groups",
    "groups",
    "after_groups",
    "before_thresholds",
    "thresholds",
    "after_thresholds",
    "before_synapses",
    "synapses",
    "after_synapses",
    "before_resets",
    "resets",
    "after_resets",
    "before_end",
    "end",
    "after_end",
];

const EXPRESSION: Shape = Shape::Any(&[Shape::Text, Shape::Number]);
const VALUE: Shape = Shape::Any(&[Shape::Text, Shape::Number, Shape::Boolean]);
const ANY_INTEGER: Shape = Shape::Integer { min: i64::MIN, max: i64::MAX };
const INDEX: Shape = Shape::Integer { min: 0, max: LARGEST_SIZE - 1 };
const SIZE: Shape = Shape::Integer { min: 1, max: LARGEST_SIZE };
const ORDER: Shape = Shape::Integer { min: i32::MIN as i64, max: i32::MAX as i64 };
const TEXTS: Shape = Shape::List { of: &Shape::Text, at_least: 0 };
const INDICES: Shape = Shape::List { of: &INDEX, at_least: 0 };
const CONNECT_INDICES: Shape = Shape::Any(&[Shape::Text, INDEX, INDICES]);
const STATEMENTS: Shape = Shape::Any(&[Shape::Text, Shape::Map { of: &Shape::Text, names: Names::Identifier }]);
const INIT: Shape = Shape::Map { of: &VALUE, names: Names::Variable };
const RUN_REGULARLY: Shape = Shape::List { of: &Shape::Table(&OPERATION), at_least: 0 };

/// The file.
pub static MODEL: Table = Table {
    word: "the model file",
    default_kind: None,
    keys: &[
        Key::required("format", Shape::Integer { min: 1, max: 1 }, "version of the model format: 1"),
        Key::optional("name", Shape::Text, "name of the model, repeated in the results"),
        Key::optional("settings", Shape::Table(&SETTINGS), "time step, duration and seed"),
        Key::optional(
            "constants",
            Shape::Map { of: &VALUE, names: Names::Identifier },
            "named numbers and expressions with units; each may use the ones above it",
        ),
        Key::optional(
            "timed_arrays",
            Shape::Map { of: &Shape::Table(&TIMED_ARRAY), names: Names::Identifier },
            "values that change with time, used as `NAME(t)` or `NAME(t, i)`",
        ),
        Key::optional(
            "functions",
            Shape::Map { of: &Shape::Table(&FUNCTION), names: Names::Identifier },
            "functions that equations and statements may call",
        ),
        Key::optional(
            "groups",
            Shape::Map { of: &Shape::Table(&GROUP), names: Names::Identifier },
            "populations of neurons and other sources of spikes",
        ),
        Key::optional(
            "synapses",
            Shape::Map { of: &Shape::Table(&SYNAPSES), names: Names::Identifier },
            "connections between groups",
        ),
        Key::optional(
            "poisson_inputs",
            Shape::Map { of: &Shape::Table(&POISSON_INPUT), names: Names::Identifier },
            "independent Poisson inputs that are added to a variable of a group",
        ),
        Key::optional(
            "monitors",
            Shape::Map { of: &Shape::Table(&MONITOR), names: Names::Identifier },
            "what is recorded",
        ),
        Key::optional(
            "runs",
            Shape::List { of: &Shape::Table(&RUN), at_least: 0 },
            "runs one after the other; without them one run of `settings.duration`",
        ),
    ],
};

static SETTINGS: Table = Table {
    word: "the settings",
    default_kind: None,
    keys: &[
        Key::optional("dt", EXPRESSION, "time step; `0.1*ms` if absent"),
        Key::optional("duration", EXPRESSION, "duration of the run where there is no `[[runs]]`"),
        Key::optional(
            "seed",
            Shape::Integer { min: 0, max: u32::MAX as i64 },
            "seed of the random numbers, applied once before anything is built; without it every run differs",
        ),
    ],
};

static TIMED_ARRAY: Table = Table {
    word: "a timed array",
    default_kind: None,
    keys: &[
        Key::required(
            "values",
            Shape::Any(&[
                Shape::List { of: &Shape::Number, at_least: 1 },
                Shape::List { of: &Shape::List { of: &Shape::Number, at_least: 1 }, at_least: 1 },
            ]),
            "one number a time step, or one row of numbers a time step",
        ),
        Key::optional("unit", EXPRESSION, "unit of the values; none if absent"),
        Key::required("dt", EXPRESSION, "time between two values or rows"),
    ],
};

static FUNCTION: Table = Table {
    word: "a function",
    default_kind: None,
    keys: &[
        Key::required("args", Shape::List { of: &Shape::Identifier, at_least: 0 }, "names of the arguments"),
        Key::optional(
            "arg_units",
            Shape::List { of: &EXPRESSION, at_least: 0 },
            "units of the arguments, as many as there are arguments; no dimension if absent",
        ),
        Key::optional("unit", EXPRESSION, "unit of the result; no dimension if absent"),
        Key::required("expression", Shape::Text, "the result, from the arguments' values in SI units"),
    ],
};

static GROUP: Table = Table {
    word: "a group",
    default_kind: Some("neurons"),
    keys: &[
        Key::optional(
            "kind",
            Shape::Choice(&["neurons", "subgroup", "poisson", "spike_generator"]),
            "what the group is; `neurons` if absent",
        ),
        Key::optional("N", SIZE, "number of cells")
            .of_kinds(&["neurons", "poisson", "spike_generator"])
            .required_in(&["neurons", "poisson", "spike_generator"]),
        Key::optional("equations", Shape::Text, "differential equations, subexpressions and parameters")
            .of_kinds(&["neurons"])
            .required_in(&["neurons"]),
        Key::optional("threshold", Shape::Text, "condition under which a cell spikes").of_kinds(&["neurons"]),
        Key::optional("reset", Shape::Text, "statements run for cells that spike").of_kinds(&["neurons"]),
        Key::optional(
            "refractory",
            VALUE,
            "how long a cell is refractory after a spike, or the condition while which it is",
        )
        .of_kinds(&["neurons"]),
        Key::optional("method", Shape::Text, "method of integration; chosen from the equations if absent")
            .of_kinds(&["neurons"]),
        Key::optional("dt", EXPRESSION, "time step of this group; that of the settings if absent").of_kinds(&[
            "neurons",
            "poisson",
            "spike_generator",
        ]),
        Key::optional(
            "events",
            Shape::Map { of: &Shape::Text, names: Names::Identifier },
            "further events: name = condition",
        )
        .of_kinds(&["neurons"]),
        Key::optional(
            "on_event",
            Shape::Map { of: &Shape::Text, names: Names::Identifier },
            "statements run for cells with an event: name = statements",
        )
        .of_kinds(&["neurons"]),
        Key::optional("run_regularly", RUN_REGULARLY, "statements run at regular times").of_kinds(&["neurons"]),
        Key::optional("init", INIT, "initial values: variable = expression").of_kinds(&["neurons", "subgroup"]),
        Key::optional("of", Shape::Object(&["groups"]), "the group it is part of")
            .of_kinds(&["subgroup"])
            .required_in(&["subgroup"]),
        Key::optional("start", ANY_INTEGER, "index of its first cell")
            .of_kinds(&["subgroup"])
            .required_in(&["subgroup"]),
        Key::optional("stop", ANY_INTEGER, "index after its last cell")
            .of_kinds(&["subgroup"])
            .required_in(&["subgroup"]),
        Key::optional("rates", EXPRESSION, "rate of each cell's spikes")
            .of_kinds(&["poisson"])
            .required_in(&["poisson"]),
        Key::optional("indices", INDICES, "cell of each spike")
            .of_kinds(&["spike_generator"])
            .required_in(&["spike_generator"]),
        Key::optional("times", Shape::List { of: &Shape::Number, at_least: 0 }, "time of each spike, in seconds")
            .of_kinds(&["spike_generator"])
            .required_in(&["spike_generator"]),
        Key::optional("period", EXPRESSION, "time after which the spikes come again").of_kinds(&["spike_generator"]),
    ],
};

static OPERATION: Table = Table {
    word: "an entry of `run_regularly`",
    default_kind: None,
    keys: &[
        Key::required("code", Shape::Text, "the statements"),
        Key::optional("dt", EXPRESSION, "time between two runs; that of the group if absent"),
        Key::optional("when", Shape::Choice(&SLOTS), "place in the time step; `start` if absent"),
        Key::optional("order", ORDER, "order within that place; 0 if absent"),
    ],
};

static SYNAPSES: Table = Table {
    word: "a table of synapses",
    default_kind: None,
    keys: &[
        Key::required(
            "source",
            Shape::Object(&["groups", "synapses"]),
            "the presynaptic group, or synapses defined above",
        ),
        Key::optional(
            "target",
            Shape::Object(&["groups", "synapses"]),
            "the postsynaptic group, or synapses defined above; the source if absent",
        ),
        Key::optional("equations", Shape::Text, "equations and parameters of each synapse"),
        Key::optional("on_pre", STATEMENTS, "statements run at a presynaptic spike, or a table: pathway = statements"),
        Key::optional(
            "on_post",
            STATEMENTS,
            "statements run at a postsynaptic spike, or a table: pathway = statements",
        ),
        Key::optional(
            "on_event",
            Shape::Any(&[Shape::Text, Shape::Map { of: &Shape::Text, names: Names::Identifier }]),
            "the event that pathways follow, or a table: pathway = event; `spike` if absent",
        ),
        Key::optional(
            "pathways",
            Shape::Map { of: &Shape::Table(&PATHWAY), names: Names::Identifier },
            "place of pathways in the time step, and whether they run",
        ),
        Key::optional("method", Shape::Text, "method of integration; chosen from the equations if absent"),
        Key::optional("order", ORDER, "order of the state update within its place; 0 if absent"),
        Key::optional(
            "delay",
            Shape::Any(&[Shape::Text, Shape::Number, Shape::Map { of: &EXPRESSION, names: Names::Identifier }]),
            "one delay for all synapses of the pathway `pre`, or a table: pathway = delay",
        ),
        Key::optional("multisynaptic_index", Shape::Identifier, "variable that numbers the synapses of one pair"),
        Key::optional("dt", EXPRESSION, "time step; that of the settings if absent"),
        Key::optional(
            "connect",
            Shape::List { of: &Shape::Table(&CONNECT), at_least: 1 },
            "which synapses exist, one entry a call; all to all if absent",
        ),
        Key::optional("run_regularly", RUN_REGULARLY, "statements run at regular times"),
        Key::optional("init", INIT, "initial values: variable = expression; `\"pre.delay\"` is a pathway's variable"),
    ],
};

static PATHWAY: Table = Table {
    word: "an entry of `pathways`",
    default_kind: None,
    keys: &[
        Key::optional("when", Shape::Choice(&SLOTS), "place in the time step; `synapses` if absent"),
        Key::optional("order", ORDER, "order within that place; -1 in `on_pre` and 1 in `on_post` if absent"),
        Key::optional("active", Shape::Boolean, "whether it runs; if not, its events are lost"),
    ],
};

static CONNECT: Table = Table {
    word: "an entry of `connect`",
    default_kind: None,
    keys: &[
        Key::optional("condition", Shape::Any(&[Shape::Text, Shape::Boolean]), "condition over `i` and `j`"),
        Key::optional("i", CONNECT_INDICES, "presynaptic indices, or an expression that generates them"),
        Key::optional("j", CONNECT_INDICES, "postsynaptic indices, or an expression that generates them"),
        Key::optional("p", EXPRESSION, "probability of each synapse; 1 if absent"),
        Key::optional("n", Shape::Any(&[Shape::Text, ANY_INTEGER]), "synapses of each pair; 1 if absent"),
        Key::optional("skip_if_invalid", Shape::Boolean, "whether generated indices outside of the group are skipped"),
    ],
};

static POISSON_INPUT: Table = Table {
    word: "a Poisson input",
    default_kind: None,
    keys: &[
        Key::required("target", Shape::Object(&["groups"]), "the group that receives it"),
        Key::required("variable", Shape::Identifier, "the variable that the weight is added to"),
        Key::required("N", SIZE, "number of inputs of each cell"),
        Key::required("rate", EXPRESSION, "rate of each input"),
        Key::required("weight", EXPRESSION, "what one spike adds"),
    ],
};

static MONITOR: Table = Table {
    word: "a monitor",
    default_kind: None,
    keys: &[
        Key::required("kind", Shape::Choice(&["spikes", "event", "state", "rate"]), "what is recorded"),
        Key::required("source", Shape::Object(&["groups", "synapses"]), "the group or the synapses recorded from"),
        Key::optional(
            "variables",
            Shape::Any(&[Shape::Boolean, TEXTS, Shape::Text]),
            "variables to record at each spike, event or sample; of samples, `true` for all",
        )
        .of_kinds(&["spikes", "event", "state"])
        .required_in(&["state"]),
        Key::optional(
            "record",
            Shape::Any(&[Shape::Boolean, INDEX, INDICES]),
            "indices of the elements to record, or `true` for all; `true` if absent",
        )
        .of_kinds(&["state"]),
        Key::optional("dt", EXPRESSION, "time between two samples; the time step if absent").of_kinds(&["state"]),
        Key::optional("when", Shape::Choice(&SLOTS), "place in the time step; `start` if absent").of_kinds(&["state"]),
        Key::optional("event", Shape::Identifier, "the event to record").of_kinds(&["event"]).required_in(&["event"]),
    ],
};

static RUN: Table = Table {
    word: "a run",
    default_kind: None,
    keys: &[
        Key::required("duration", EXPRESSION, "how long it runs"),
        Key::optional(
            "set",
            Shape::List { of: &Shape::Table(&CHANGE), at_least: 0 },
            "changes made before it starts, in order",
        ),
    ],
};

static CHANGE: Table = Table {
    word: "a change",
    default_kind: None,
    keys: &[
        Key::required("target", Shape::Object(&["groups", "synapses"]), "the group or the synapses to change"),
        Key::required("name", Shape::Text, "the variable"),
        Key::optional(
            "where",
            Shape::Any(&[
                Shape::Text,
                ANY_INTEGER,
                Shape::List { of: &ANY_INTEGER, at_least: 0 },
                Shape::List { of: &Shape::Boolean, at_least: 0 },
            ]),
            "condition, index, list of indices or list of booleans; all elements if absent",
        ),
        Key::required("value", VALUE, "the value, or an expression evaluated then"),
    ],
};

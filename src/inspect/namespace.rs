//! What the names of a model stand for: constants and functions, and the variables of every object with their units.

use serde::Serialize;

use crate::expr::check::Argument;
use crate::kernel::ir::Storage;
use crate::kernel::text::storage_name;
use crate::model::group::{Role, Variable};
use crate::model::namespace::{Constant, Function, FunctionBody, Number};
use crate::network::Network;
use crate::network::symbols::variable_storage;
use crate::unit::{Dimension, quantity};

/// A constant of the model, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConstantView {
    /// Its name.
    pub name: String,
    /// Its value in SI units: the shortest text that reads back.
    pub value: String,
    /// The unit; empty if it has none.
    pub unit: String,
    /// Its value with its unit, as one reads it: `10. mV`.
    pub shown: String,
}

/// A function of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelFunctionView {
    /// Its name.
    pub name: String,
    /// Its name with what it takes: `square(x)`, `drive(t)`.
    pub call: String,
    /// The units of what it takes; `any` where they do not matter.
    pub takes: Vec<String>,
    /// The unit of what it gives; empty for plain numbers.
    pub unit: String,
    /// How it is computed: `x*x`, `timed array: 3 values every 5. ms`, `host`, `host, with a state`.
    pub body: String,
}

/// A variable of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VariableView {
    /// Its name.
    pub name: String,
    /// Its unit; empty for plain numbers.
    pub unit: String,
    /// Type of its elements in memory: `f64`, `f32`, `i32`, `i64`, `bool`.
    #[serde(rename = "type")]
    pub ty: &'static str,
    /// How many values it has; none if it stands for something else.
    pub elements: Option<usize>,
    /// Bytes of all values.
    pub bytes: Option<usize>,
    /// What it is, such as `equation`, `parameter` or `subexpression`.
    pub what: String,
    /// What it is marked with: `shared`, `constant`, `unless refractory`.
    pub flags: Vec<&'static str>,
}

/// An object with variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectView {
    /// Its name.
    pub name: String,
    /// Whether its elements are synapses.
    pub is_synapses: bool,
    /// How many elements it has.
    pub elements: usize,
    /// Its variables, in the order of the model.
    pub variables: Vec<VariableView>,
}

/// What the names of a model stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamespaceView {
    /// Constants, in the order of the model.
    pub constants: Vec<ConstantView>,
    /// Functions and timed arrays, in the order of the model.
    pub functions: Vec<ModelFunctionView>,
    /// Groups and synapses, in the order of the model.
    pub objects: Vec<ObjectView>,
}

/// What the names of a model stand for.
///
/// ```
/// use saltus::{engine::Options, inspect::namespace, network::{Model, Network, NeuronGroup}};
/// let cells = NeuronGroup::new("cells", 10, "dv/dt = (El - v)/(5*ms) : volt\ngain : 1 (shared)");
/// let model = Model::new().constant("El", "-70*mV").group(cells);
/// let names = namespace(&Network::new(&model, Options::interpreted())?);
/// assert_eq!((names.constants[0].shown.as_str(), names.constants[0].value.as_str()), ("-70. mV", "-0.07"));
/// let gain = &names.objects[0].variables[1];
/// assert_eq!((gain.name.as_str(), gain.elements, &gain.flags[..]), ("gain", Some(1), &["shared"][..]));
/// # Ok::<(), saltus::network::Error>(())
/// ```
pub fn namespace(network: &Network) -> NamespaceView {
    let functions = network.namespace().functions.iter().map(|(name, f)| function(network, name, f)).collect();
    let objects = network.populations().iter().map(|population| ObjectView {
        name: population.group.name.clone(),
        is_synapses: population.is_synapses(),
        elements: population.n(),
        variables: population
            .group
            .variables
            .iter()
            .filter(|(name, _)| !name.starts_with('_'))
            .map(|(name, of)| variable(name, of, population.n()))
            .collect(),
    });
    NamespaceView { constants: constants(network), functions, objects: objects.collect() }
}

/// The constants that a model knows, in its order.
pub fn constants(network: &Network) -> Vec<ConstantView> {
    let view = |(name, constant): (&String, &Constant)| ConstantView {
        name: name.clone(),
        value: match constant.value {
            Number::Boolean(value) => value.to_string(),
            Number::Integer(value) => value.to_string(),
            // With an exponent where that is shorter.
            Number::Float(value) => format!("{value:?}"),
        },
        unit: unit(constant.dimension),
        shown: match constant.value {
            Number::Boolean(value) => value.to_string(),
            Number::Integer(value) if constant.dimension.is_dimensionless() => value.to_string(),
            value => quantity(value.as_f64(), constant.dimension),
        },
    };
    network.namespace().constants.iter().map(view).collect()
}

fn unit(dimension: Dimension) -> String {
    if dimension.is_dimensionless() { String::new() } else { dimension.to_string() }
}

fn function(network: &Network, name: &str, Function { meaning, body }: &Function) -> ModelFunctionView {
    let takes = meaning.arguments.iter().map(|argument| match argument {
        Argument::Of(dimension) | Argument::Typed(dimension, _) => dimension.to_string(),
        _ => "any".to_string(),
    });
    let (parameters, body) = match body {
        FunctionBody::Expression { parameters, expr, .. } => (parameters.join(", "), expr.to_string()),
        FunctionBody::TimedArray { columns } => {
            let parameters = if columns.is_some() { "t, i" } else { "t" };
            let body = network.timed_values(name).map_or_else(String::new, |values| {
                let width = columns.map_or_else(String::new, |columns| format!(" of {columns}"));
                let rows = values.numbers.len() / columns.unwrap_or(1).max(1);
                let dt = quantity(values.dt_seconds, Dimension::SECOND);
                let (row, step) = if columns.is_some() { ("row", "rows") } else { ("value", "values") };
                format!("timed array: {rows} {}{width} every {dt}", if rows == 1 { row } else { step })
            });
            (parameters.to_string(), body)
        }
        FunctionBody::Host { arguments } => {
            let state = if meaning.stateful { ", with a state" } else { "" };
            (vec!["…"; arguments.len()].join(", "), format!("host{state}"))
        }
    };
    ModelFunctionView {
        name: name.to_string(),
        call: format!("{name}({parameters})"),
        takes: takes.collect(),
        unit: unit(meaning.result.dimension),
        body,
    }
}

fn variable(name: &str, of: &Variable, n: usize) -> VariableView {
    let storage = if of.role == Role::StepNumber { Storage::I64 } else { variable_storage(of) };
    // Clocks and sizes are one value for all; what stands for something else has none of its own.
    let elements = match of.role {
        Role::Time | Role::Dt | Role::StepNumber | Role::Size => Some(1),
        _ if of.is_stored() => Some(if of.shared { 1 } else { n }),
        _ => None,
    };
    // What stands for a variable of others is marked there.
    let flags = [
        (of.shared && of.is_stored(), "shared"),
        (of.constant && of.is_stored(), "constant"),
        (of.unless_refractory && of.is_stored(), "unless refractory"),
    ];
    VariableView {
        name: name.to_string(),
        unit: unit(of.kind.dimension),
        ty: storage_name(storage),
        elements,
        bytes: elements.map(|elements| elements * storage.size()),
        what: match &of.role {
            Role::State => "equation".to_string(),
            Role::EventDriven => "equation, event-driven".to_string(),
            Role::Parameter if name.ends_with(".delay") => "delay".to_string(),
            Role::Parameter => "parameter".to_string(),
            Role::Subexpression(_) => "subexpression".to_string(),
            Role::ConstantOverDt(_) => "subexpression, constant over dt".to_string(),
            Role::Linked => "linked".to_string(),
            Role::Endpoint { side, .. } => format!("of the {}", side.described()),
            Role::Given => "by connections".to_string(),
            Role::Index => "number of the element".to_string(),
            Role::Size => "number of elements".to_string(),
            Role::Time | Role::Dt | Role::StepNumber => "clock".to_string(),
            Role::LastSpike | Role::NotRefractory => "refractoriness".to_string(),
            Role::LastUpdate => "time of the last event".to_string(),
        },
        flags: flags.into_iter().filter_map(|(is_so, word)| is_so.then_some(word)).collect(),
    }
}

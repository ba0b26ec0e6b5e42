//! A group of neurons: what a user gives ([`GroupText`]) and what is known once it is checked ([`Group`]).
//!
//! Checking resolves every name, checks dimensions and types of every expression and statement, and orders
//! subexpressions; all errors are reported at once. Later stages take a [`Group`] and ask nothing again.

mod check;
mod events;
mod order;
mod pathways;
mod synapses;

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

pub use self::check::{RatesText, check_group, input_group};
pub use self::events::{Event, EventCode, EventCodeText, EventScheduleText, EventText, SPIKE};
pub use self::order::{OrderScope, order_dependence};
pub use self::pathways::{PathwayCode, PathwaySetting, PathwayText};
pub use self::synapses::{Side, Summed, SynapsesModel, SynapsesText, check_synapses, endpoint_variables};
use super::block::OdeSystem;
use super::equations::Equations;
use super::namespace::Namespace;
use crate::diag::Text;
use crate::expr::ast::Expr;
use crate::expr::check::{FunctionMeaning, Kind, Meaning, Scope, Unknown, ValueType, is_noise};
use crate::unit::Dimension;

/// A group of neurons as given: the text of its parts.
#[derive(Clone, Debug)]
pub struct GroupText {
    /// Name of the group.
    pub name: String,
    /// Number of cells.
    pub n: usize,
    /// Differential equations, subexpressions, parameters.
    pub equations: Text,
    /// Condition for a spike.
    pub threshold: Option<Text>,
    /// Statements after a spike.
    pub reset: Option<Text>,
    /// A time, or a condition, for which a cell that has spiked cannot spike again.
    pub refractory: Option<Text>,
    /// Name of the integration method; chosen if absent.
    pub method: Option<Text>,
    /// Further events.
    pub events: Vec<EventText>,
    /// Where conditions of events are looked at, if not where they usually are; the last one counts.
    pub event_schedules: Vec<EventScheduleText>,
    /// Code that runs after events.
    pub on_event: Vec<EventCodeText>,
    /// Which variables are kept as floats of 32 bits.
    pub single: SinglePrecision,
}

/// Which float variables of a group are kept in 32 bits; all are computed with in 64 and rounded when they are stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SinglePrecision {
    /// None.
    #[default]
    None,
    /// All that the equations define.
    All,
    /// These.
    Variables(Vec<Text>),
}

impl GroupText {
    /// A group with equations and nothing else.
    pub fn new(name: &str, n: usize, equations: Text) -> GroupText {
        GroupText {
            name: name.to_string(),
            n,
            equations,
            threshold: None,
            reset: None,
            refractory: None,
            method: None,
            events: Vec::new(),
            event_schedules: Vec::new(),
            on_event: Vec::new(),
            single: SinglePrecision::None,
        }
    }
}

/// What a variable of a group is.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Has a differential equation.
    State,
    /// Has a value that only statements change.
    Parameter,
    /// Stands for an expression.
    Subexpression(Expr),
    /// Has the value of an expression at the start of the step: a subexpression marked `constant over dt`.
    ConstantOverDt(Expr),
    /// Stands for a variable of another group.
    Linked,
    /// Of synapses: a variable of the cell at one end.
    Endpoint {
        /// Which end.
        side: Side,
        /// The variable of the group there.
        variable: String,
    },
    /// Of synapses: has values that are known once they are made, such as the number of the cell at one end.
    Given,
    /// Of synapses: the time of the last event.
    LastUpdate,
    /// Of synapses: has a differential equation that is solved from event to event.
    EventDriven,
    /// `i`, the number of the cell.
    Index,
    /// `N`, the number of cells.
    Size,
    /// `t`, the time at the start of the step.
    Time,
    /// `dt`, the length of a step.
    Dt,
    /// `t_in_timesteps`, the number of the step.
    StepNumber,
    /// `lastspike`, the time of the last spike.
    LastSpike,
    /// `not_refractory`.
    NotRefractory,
}

/// A variable of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// What it is.
    pub role: Role,
    /// Type and dimension.
    pub kind: Kind,
    /// Whether it has one value for the whole group.
    pub shared: bool,
    /// Whether its value differs from cell to cell, directly or through what its expression uses.
    pub varies: bool,
    /// Whether it is marked as fixed during a run.
    pub constant: bool,
    /// Whether only resets change it while the cell is refractory.
    pub unless_refractory: bool,
    /// Whether it is kept as a float of 32 bits.
    pub single: bool,
    /// Whether it is a subexpression with noise in it.
    pub noisy: bool,
    /// Whether it is seen from elsewhere, where no code may write it.
    pub read_only: bool,
}

impl Variable {
    /// One that no line defines.
    pub fn internal(role: Role, ty: ValueType, dimension: Dimension, shared: bool) -> Variable {
        Variable {
            role,
            kind: Kind { ty, dimension },
            shared,
            varies: !shared,
            constant: false,
            unless_refractory: false,
            single: false,
            noisy: false,
            read_only: false,
        }
    }

    /// Whether it has values of its own in memory.
    pub fn is_stored(&self) -> bool {
        self.is_settable() || matches!(self.role, Role::ConstantOverDt(_) | Role::Given)
    }

    /// Whether assignments can set it.
    pub fn is_settable(&self) -> bool {
        matches!(
            self.role,
            Role::State
                | Role::Parameter
                | Role::LastSpike
                | Role::NotRefractory
                | Role::LastUpdate
                | Role::EventDriven
        )
    }
}

/// When a cell that has spiked can spike again.
#[derive(Clone, Debug, PartialEq)]
pub enum Refractory {
    /// After this time, evaluated at every step.
    Time(Expr),
    /// When this condition is no longer true.
    While(Expr),
}

/// A checked group of neurons.
#[derive(Clone, Debug)]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Number of cells.
    pub n: usize,
    /// Every variable, by name: those of the equations in their order, then internal ones.
    pub variables: IndexMap<String, Variable>,
    /// The differential equations.
    pub system: OdeSystem,
    /// What can happen to its cells; spikes first, if there is a threshold.
    pub events: Vec<Event>,
    /// What runs for the cells of an event; the reset first, if there is one.
    pub event_code: Vec<EventCode>,
    /// Names of the variables that code changes while the network runs, other than by integration.
    pub written: BTreeSet<String>,
    /// Refractoriness, and the text it stands in.
    pub refractory: Option<(Refractory, Text)>,
    /// The method asked for, and where.
    pub method: Option<Text>,
    /// The equations as parsed.
    pub equations: Equations,
    /// Names of the subexpressions that are constant over a step, each after those it uses.
    pub evaluated_once: Vec<String>,
    /// The constants its names may mean.
    pub namespace: Arc<Namespace>,
}

impl Group {
    fn scope(&self) -> VariablesScope<'_> {
        VariablesScope {
            variables: &self.variables,
            in_error: &self.equations.in_error,
            namespace: &self.namespace,
            has_refractory: self.refractory.is_some(),
            code: Code::Statements,
        }
    }

    /// What to write for `delay`, which is no name, in synapses.
    pub fn hint_of_delay(&self, name: &str) -> Option<String> {
        if name != "delay" {
            return None;
        }
        let delays = self.variables.keys().filter(|name| name.ends_with(".delay"));
        let delays: Vec<String> = delays.map(|name| format!("`{name}`")).collect();
        match &delays[..] {
            [] => None,
            [one] => Some(format!("the delay of its pathway is {one}")),
            many => Some(format!("each pathway has a delay of its own: {}", many.join(", "))),
        }
    }

    /// The number of the event of this name.
    pub fn event(&self, name: &str) -> Option<usize> {
        self.events.iter().position(|event| event.name == name)
    }

    /// The subexpressions that are evaluated once at the start of each step, each after those it uses.
    pub fn constant_over_dt(&self) -> impl Iterator<Item = (&str, &Expr)> {
        self.evaluated_once.iter().filter_map(|name| match &self.variables.get(name)?.role {
            Role::ConstantOverDt(expr) => Some((name.as_str(), expr)),
            _ => None,
        })
    }
}

impl Scope for Group {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        self.scope().meaning(name)
    }

    fn candidates(&self) -> Vec<String> {
        self.scope().candidates()
    }

    fn functions(&self) -> Vec<String> {
        self.scope().functions()
    }

    fn function(&self, name: &str) -> Option<FunctionMeaning> {
        self.scope().function(name)
    }
}

/// Variables of a group over the constants of the model.
struct VariablesScope<'a> {
    variables: &'a IndexMap<String, Variable>,
    /// Names that the equations define, but wrongly.
    in_error: &'a BTreeSet<String>,
    namespace: &'a Namespace,
    has_refractory: bool,
    code: Code,
}

/// Where a name stands, which decides whether it can be noise and whether numbers can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    /// A differential equation.
    Differential,
    /// A subexpression that is put in where it is used.
    Subexpression,
    /// Anything else.
    Statements,
}

impl Scope for VariablesScope<'_> {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        match self.variables.get(name) {
            Some(variable) if variable.noisy && self.code == Code::Statements => Err(Unknown::NotHere(
                format!("`{name}` contains noise, which exists in differential equations only"),
                None,
            )),
            Some(variable) => Ok(Meaning { kind: variable.kind, constant: None }),
            None if is_noise(name) && self.code != Code::Statements => {
                Ok(Meaning { kind: Kind { ty: ValueType::Float, dimension: noise_dimension() }, constant: None })
            }
            None if self.in_error.contains(name) => Err(Unknown::InError),
            None if !self.has_refractory && ["lastspike", "not_refractory"].contains(&name) => Err(Unknown::NotHere(
                format!("`{name}` exists only in groups with `refractory`"),
                Some("give the group `refractory`".into()),
            )),
            None => self.namespace.meaning(name),
        }
    }

    fn candidates(&self) -> Vec<String> {
        self.variables.keys().cloned().chain(self.namespace.candidates()).collect()
    }

    fn functions(&self) -> Vec<String> {
        self.namespace.functions()
    }

    fn function(&self, name: &str) -> Option<FunctionMeaning> {
        self.namespace.function(name)
    }

    fn forbids_drawing(&self) -> Option<(String, Option<String>)> {
        (self.code == Code::Subexpression).then(|| {
            let reason = "but a subexpression is evaluated wherever it is used, each time with another value";
            (reason.to_string(), Some("mark it `(constant over dt)`".to_string()))
        })
    }
}

/// White noise is in `second**-0.5`.
fn noise_dimension() -> Dimension {
    Dimension::SECOND.powf(-0.5)
}

//! Looking at a network: any expression of the model language, with its unit, over the cells of a group as they are now.
//!
//! In: an expression and a scope, which is a group, a part of one, synapses, or nothing, where there are constants, units,
//! functions and the time. Out: [`Evaluated`], or located errors. Nothing that runs is changed by it: no variable is
//! written, random numbers come from a copy of the streams (those that an assignment would get now), functions with a
//! state of their own are refused, and nothing is counted or compiled.

use std::fmt;

use indexmap::IndexMap;

use super::Network;
use super::check::{GroupInput, Source};
use super::code::{Code, Drawing, Elements, Evaluator};
use super::error::Error;
use super::memory::Memory;
use super::population::Population;
use super::timed_array::TimedValues;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::expr::ast::{Expr, ExprKind};
use crate::expr::check::{FunctionMeaning, Kind, Meaning, Scope, Unknown, ValueType, check, draws};
use crate::expr::parser;
use crate::integrate::{Integration, Method};
use crate::kernel::ir::{LoopShape, Storage};
use crate::model::block::{Block, OdeSystem};
use crate::model::equations::Equations;
use crate::model::group::{Group, Role, Variable};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::fpu::default_environment;
use crate::unit::{Dimension, Scale, scale_for};

/// The values of an expression at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The expression.
    pub expression: String,
    /// The group, part of a group, or synapses that it was evaluated for.
    pub scope: Option<String>,
    /// Type of the values.
    pub ty: ValueType,
    /// Dimension of the values; that of C is not known, and they count as plain numbers.
    pub dimension: Dimension,
    /// In SI units: one for each element of the scope, or one for all. Booleans are 0 and 1.
    pub values: Vec<f64>,
    /// Whether it is one for all, since nothing in the expression differs from element to element.
    pub is_single: bool,
    /// When that was: `t` of the scope, the start of the step that comes next (within a step, of that one).
    pub t_seconds: f64,
    /// What was odd, such as an integer that was divided by zero.
    pub warnings: Diagnostics,
}

/// Many values in a few. What is not a number counts in `nan` only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// How many are not a number.
    pub nan: usize,
}

impl Evaluated {
    /// The values in a few; none if there is no number among them.
    pub fn statistics(&self) -> Option<Statistics> {
        let numbers = || self.values.iter().copied().filter(|value| !value.is_nan());
        let count = numbers().count();
        (count > 0).then(|| Statistics {
            min: numbers().fold(f64::INFINITY, f64::min),
            max: numbers().fold(f64::NEG_INFINITY, f64::max),
            mean: numbers().sum::<f64>() / count as f64,
            nan: self.values.len() - count,
        })
    }

    /// One of the values as people read it, without its unit.
    fn shown(&self, value: f64) -> String {
        match self.ty {
            ValueType::Boolean => (value != 0.0).to_string(),
            // Not all integers have a unit, but some do.
            ValueType::Integer if self.dimension.is_dimensionless() => format!("{value}"),
            _ => self.scale().show(value),
        }
    }

    /// The multiple of the unit that the values are read in most easily.
    pub fn scale(&self) -> Scale {
        scale_for(&self.values, self.dimension)
    }

    /// The first values as people read them, in that of [`Evaluated::scale`].
    pub fn shown_values(&self, count: usize) -> Vec<String> {
        self.values.iter().take(count).map(|value| self.shown(*value)).collect()
    }

    /// Smallest, mean and largest value, in that of [`Evaluated::scale`]; of booleans, the mean is the part that is true.
    pub fn shown_statistics(&self) -> Option<[String; 3]> {
        let Statistics { min, max, mean, .. } = self.statistics()?;
        Some([self.shown(min), self.scale().show(mean), self.shown(max)])
    }
}

/// One line: `v - El of cells at t = 5. ms: 4 floats in mV, min 0., mean 3., max 6.; 0. 2. 4. 6.`
impl fmt::Display for Evaluated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        f.write_str(&self.expression)?;
        if let Some(scope) = &self.scope {
            write!(f, " of {scope}")?;
        }
        write!(f, " at t = {}: ", crate::unit::quantity(self.t_seconds, Dimension::SECOND))?;
        let unit = self.scale().name;
        if let (true, [value]) = (self.is_single, &self.values[..]) {
            let gap = if unit.is_empty() { "" } else { " " };
            return write!(f, "{}{gap}{unit}", self.shown(*value));
        }
        let word = match self.ty {
            ValueType::Boolean => "booleans",
            ValueType::Integer => "integers",
            ValueType::Float => "floats",
        };
        write!(f, "{} {word}", self.values.len())?;
        if !unit.is_empty() {
            write!(f, " in {unit}")?;
        }
        if let Some([min, mean, max]) = self.shown_statistics() {
            write!(f, ", min {min}, mean {mean}, max {max}")?;
        }
        if let Some(Statistics { nan: nan @ 1.., .. }) = self.statistics() {
            write!(f, ", {nan} not a number")?;
        }
        let more = if self.values.len() > SHOWN { " …" } else { "" };
        write!(f, "; {}{more}", self.shown_values(SHOWN).join(" "))
    }
}

/// The array that the values are written to.
const VALUE: &str = "_value";

impl Network {
    /// The value of an expression as things stand, for each element of a group, of a part of one, or of synapses; or
    /// without a scope, of constants, units, functions and the time alone. Nothing that runs is changed by it.
    /// ([`Network::evaluate`] draws random numbers of the network instead, as assignments do.)
    ///
    /// ```
    /// use saltus::{engine::Options, network::{Model, Network, NeuronGroup}};
    /// let cells = NeuronGroup::new("cells", 3, "v : volt");
    /// let model = Model::new().constant("El", "-70*mV").group(cells).init("cells", "v", "El + i*mV");
    /// let mut network = Network::new(&model, Options::interpreted())?;
    /// let seen = network.look("v - El", Some("cells"))?;
    /// assert_eq!((seen.dimension.to_string(), seen.shown_values(2)), ("volt".to_string(), vec!["0.".to_string(), "1.".to_string()]));
    /// assert_eq!(network.look("2*El", None)?.to_string(), "2*El at t = 0. s: -140. mV");
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such scope, or the expression is wrong.
    pub fn look(&mut self, expression: &str, scope: Option<&str>) -> Result<Evaluated, Error> {
        self.within(scope, |network, source| network.look_from(expression, scope, source))
    }

    /// The values of a timed array.
    pub fn timed_values(&self, name: &str) -> Option<&TimedValues> {
        Some(self.memory.timed.get(name)?.values())
    }

    /// Does something for a scope; for none, for a group of one with clock variables only, which is there meanwhile.
    pub(super) fn within<T>(
        &mut self,
        scope: Option<&str>,
        act: impl FnOnce(&mut Network, Source) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match scope {
            Some(name) => {
                let mut diagnostics = Diagnostics::default();
                match self.source_named(name, &Text::new("scope", name), &mut diagnostics) {
                    Some(source) => act(self, self.memory.resolved(source)),
                    None => Err(Error::Model(diagnostics)),
                }
            }
            None => {
                let number = self.memory.populations.len();
                self.memory.populations.push(nowhere(&self.memory));
                let result = act(self, self.memory.whole(number));
                self.memory.populations.pop();
                result
            }
        }
    }

    pub(super) fn look_from(
        &mut self,
        expression: &str,
        scope: Option<&str>,
        source: Source,
    ) -> Result<Evaluated, Error> {
        let text = Text::new("expression", expression);
        let (expr, kind) = self.understood(&text, scope, source)?;
        let is_single = self.is_single(&expr, scope, source);
        let lowered = self.memory.lower(source.into(), &text, |lowerer| {
            let value = lowerer.expr(&expr)?;
            lowerer.output(VALUE, Storage::F64, value);
            Ok(LoopShape::Each)
        })?;
        let Source { population, start, stop, .. } = source;
        let n = self.memory.populations[population].n();
        let arrays = IndexMap::from([(VALUE.to_string(), Array::zeros(ElementType::F64, n.max(1)))]);
        let mut code = self.memory.code_aside(source.into(), "look", lowered, arrays)?;
        // One for all is that of the first element, though there be none: nothing of elements is read.
        let elements = if is_single { start..start + 1 } else { start..stop };
        let is_known = n > 0 || elements.is_empty() || code.calls.iter().all(|call| call.scalar);
        let values = if is_known { self.values_of(&mut code, population, elements) } else { Vec::new() };
        self.memory.populations[population].release();
        let mut warnings = Diagnostics::default();
        for site in code.object.take_divisions_by_zero() {
            let message = "an integer was divided by zero; the result was taken as 0";
            warnings.push(Diagnostic::warning(&site.text, site.span, message));
        }
        Ok(Evaluated {
            expression: expression.trim().to_string(),
            scope: scope.map(str::to_string),
            ty: kind.ty,
            dimension: kind.dimension,
            values,
            is_single,
            t_seconds: self.memory.clocks[self.memory.populations[population].clock].t_seconds(),
            warnings,
        })
    }

    /// Runs code over elements of its population, with random numbers that nobody misses.
    fn values_of(&mut self, code: &mut Code, population: usize, elements: std::ops::Range<usize>) -> Vec<f64> {
        code.drawing = Drawing::Direct;
        self.memory.refresh(population, &code.copies);
        let _environment = default_environment();
        let range = Elements::Range(elements.start, elements.end);
        if code.calls.iter().any(|call| call.evaluator.draws()) {
            code.prepare(range, &self.memory.populations, &mut self.streams.clone());
        } else {
            code.prepare(range, &self.memory.populations, &mut self.streams);
        }
        code.object.run_range(elements.clone());
        code.arrays[VALUE].as_f64()[elements].to_vec()
    }

    /// An expression that is right in a scope, and what it gives.
    fn understood(&self, text: &Text, scope: Option<&str>, source: Source) -> Result<(Expr, Kind), Error> {
        let mut diagnostics = Diagnostics::default();
        let expr = parser::expression(text, &mut diagnostics);
        let names = LookScope { memory: &self.memory, group: &self.memory.populations[source.population].group, scope };
        let kind = expr.as_ref().and_then(|expr| check(expr, &names, text, &mut diagnostics));
        if let Some(expr) = &expr {
            self.refuse_states(expr, text, &mut diagnostics);
        }
        match (expr, kind) {
            (Some(expr), Some(kind)) if !diagnostics.has_errors() => Ok((expr, kind)),
            _ => Err(Error::Model(diagnostics)),
        }
    }

    /// A function with a state of its own would be in another one after it was looked at.
    fn refuse_states(&self, expr: &Expr, text: &Text, diagnostics: &mut Diagnostics) {
        let functions = &self.memory.constants.namespace.functions;
        expr.walk(&mut |part| {
            let ExprKind::Call(name, _) = &part.kind else { return };
            let has_state = functions.get(name).is_some_and(|function| function.meaning.stateful)
                && matches!(self.memory.evaluators.get(name), Some(Evaluator::Closure(_)));
            if has_state {
                let message = format!("looking at `{name}` would change it: it has a state of its own");
                let hint = "record a variable that gets its value, or evaluate the expression without it";
                diagnostics.push(Diagnostic::error(text, part.span, message).hint(hint));
            }
        });
    }

    /// Whether an expression has one value for all elements.
    fn is_single(&self, expr: &Expr, scope: Option<&str>, source: Source) -> bool {
        let group = &self.memory.populations[source.population].group;
        let mut drawn = false;
        expr.walk(&mut |part| {
            if let ExprKind::Call(name, _) = &part.kind {
                drawn |= draws(name) || group.namespace.functions.get(name).is_some_and(|f| f.meaning.stateful);
            }
        });
        let varies = |name: &String| group.variables.get(name).is_some_and(|variable| variable.varies);
        scope.is_none() || !drawn && !expr.names().iter().any(varies)
    }
}

/// A group of one that has no variables but those of the model's clock.
fn nowhere(memory: &Memory) -> Population {
    let text = Text::new("equations", "");
    let clock = [
        ("t", Role::Time, ValueType::Float, Dimension::SECOND),
        ("dt", Role::Dt, ValueType::Float, Dimension::SECOND),
        ("t_in_timesteps", Role::StepNumber, ValueType::Integer, Dimension::NONE),
    ];
    let variable = |(name, role, ty, dimension): (&str, _, _, _)| {
        (name.to_string(), Variable::internal(role, ty, dimension, true))
    };
    let group = Group {
        name: String::new(),
        n: 1,
        variables: clock.into_iter().map(variable).collect(),
        system: OdeSystem {
            odes: Vec::new(),
            subexpressions: IndexMap::new(),
            steady: Default::default(),
            text: text.clone(),
        },
        events: Vec::new(),
        event_code: Vec::new(),
        written: Default::default(),
        refractory: None,
        method: None,
        equations: Equations { text, lines: IndexMap::new(), in_error: Default::default() },
        evaluated_once: Vec::new(),
        namespace: std::sync::Arc::new(memory.constants.namespace.clone()),
    };
    let integration = Integration { method: Method::Euler, block: Block::default(), propagator: None };
    Population::new(group, integration, 0, GroupInput::Poisson(None))
}

/// The names of a group, with a word about those of others.
struct LookScope<'a> {
    memory: &'a Memory,
    group: &'a Group,
    scope: Option<&'a str>,
}

impl Scope for LookScope<'_> {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        let meaning = self.group.meaning(name);
        if meaning != Err(Unknown::Name) {
            return meaning;
        }
        let knows = |source: &Source| {
            let group = &self.memory.populations[source.population].group;
            !source.is_part && group.variables.contains_key(name)
        };
        let owners: Vec<&str> =
            self.memory.sources.iter().filter(|(_, source)| knows(source)).map(|(owner, _)| owner.as_str()).collect();
        let Some(first) = owners.first() else { return Err(Unknown::Name) };
        let message = match self.scope {
            Some(scope) => format!("`{scope}` has no `{name}`"),
            None => format!("`{name}` has no value outside of a group"),
        };
        let hint = match owners.len() {
            1 => format!("`{first}` has it: evaluate the expression there"),
            count => format!("{count} groups have it, such as `{first}`: evaluate the expression in one of them"),
        };
        Err(Unknown::NotHere(message, Some(hint)))
    }

    fn candidates(&self) -> Vec<String> {
        self.group.candidates()
    }

    fn functions(&self) -> Vec<String> {
        self.group.functions()
    }

    fn function(&self, name: &str) -> Option<FunctionMeaning> {
        self.group.function(name)
    }
}

//! Checks of functions and of values over time.

use std::collections::{BTreeMap, BTreeSet};

use super::Checker;
use crate::diag::{Diagnostic, Text};
use crate::expr::ast::{Expr, ExprKind, UnaryOp};
use crate::expr::check::{Argument, CONSTANTS, FunctionMeaning, Kind, Meaning, Scope, Unknown, ValueType, check};
use crate::expr::parser;
use crate::model::namespace::{self, FunctionBody, Namespace};
use crate::network::error::Error;
use crate::network::function::{HostBody, NativeText};
use crate::network::model::{Function, FunctionText, TimedArray, Value};
use crate::network::timed_array::TimedValues;
use crate::unit::Dimension;

impl Checker<'_> {
    /// Checks values over time, then functions; later functions may use earlier ones.
    pub(super) fn functions(&mut self) -> Result<(), Error> {
        for array in &self.model.timed_arrays {
            self.timed_array(array)?;
        }
        for function in &self.model.functions {
            self.function(function)?;
        }
        Ok(())
    }

    /// The names of the values over time that do not change during a step of this length, if it starts on the grid of
    /// steps: their own step is a whole multiple of it, to the bit (Brian2's rule).
    pub(super) fn steady_functions(&self, dt_seconds: f64) -> BTreeSet<String> {
        self.timed.iter().filter(|(_, values)| values.is_steady(dt_seconds)).map(|(name, _)| name.clone()).collect()
    }

    fn timed_array(&mut self, given: &TimedArray) -> Result<(), Error> {
        let (samples, text) = &given.values;
        let fits = self.function_name(&given.name, text);
        let width = samples.columns.unwrap_or(1);
        if samples.numbers.is_empty() || width == 0 {
            self.error(text, format!("`{}` has no values", given.name));
        } else if samples.numbers.len() % width != 0 {
            let message = format!("`{}` has {} values, no whole rows of {width}", given.name, samples.numbers.len());
            self.error(text, message);
        }
        let dt_seconds = self.step(&given.dt, "dt")?;
        let (scale, dimension) = match &given.unit {
            Some(unit) => match self.constants.evaluate(unit, self.diagnostics)? {
                Some(unit) => (unit.value.as_f64(), unit.dimension),
                None => return Ok(()),
            },
            None => (1.0, Dimension::NONE),
        };
        if !fits {
            return Ok(());
        }
        let mut arguments = vec![Argument::Of(Dimension::SECOND)];
        arguments.extend(samples.columns.map(|_| Argument::Plain));
        let result = Kind { ty: ValueType::Float, dimension };
        let meaning = FunctionMeaning { arguments, result, stateful: false };
        let body = FunctionBody::TimedArray { columns: samples.columns };
        self.define(&given.name, meaning, body);
        let numbers = samples.numbers.iter().map(|number| number * scale).collect();
        self.timed.insert(given.name.clone(), TimedValues { numbers, columns: samples.columns, dt_seconds });
        Ok(())
    }

    fn define(&mut self, name: &str, meaning: FunctionMeaning, body: FunctionBody) {
        self.constants.namespace.functions.insert(name.to_string(), namespace::Function { meaning, body });
    }

    /// The dimension of a unit.
    fn dimension(&mut self, unit: Option<&Value>) -> Result<Dimension, Error> {
        match unit {
            None => Ok(Dimension::NONE),
            Some(Value::Number(..)) => Ok(Dimension::NONE),
            Some(unit) => {
                let unit = self.constants.evaluate(unit, self.diagnostics)?;
                Ok(unit.map_or(Dimension::NONE, |unit| unit.dimension))
            }
        }
    }

    fn function(&mut self, given: &Function) -> Result<(), Error> {
        let place = Text::new(format!("functions.{}", given.name), given.name.as_str());
        let text = match &given.text {
            FunctionText::Expression(text) => text,
            _ => &place,
        };
        if !self.function_name(&given.name, text) {
            return Ok(());
        }
        let mut arguments = Vec::new();
        let mut names = BTreeSet::new();
        for parameter in &given.parameters {
            if !super::is_name(parameter.name.as_str()) {
                self.error(&parameter.name, format!("`{}` cannot name a parameter", parameter.name.as_str()));
            } else if !names.insert(parameter.name.as_str()) {
                self.error(&parameter.name, format!("there are two parameters `{}`", parameter.name.as_str()));
            }
            let dimension = self.dimension(parameter.unit.as_ref())?;
            arguments.push(match parameter.ty {
                // Other numbers become floats without loss.
                ValueType::Float => Argument::Of(dimension),
                ty => Argument::Typed(dimension, ty),
            });
        }
        let dimension = self.dimension(given.unit.as_ref())?;
        let stateful = matches!(
            given.text,
            FunctionText::Closure { stateful: true, .. }
                | FunctionText::Native { stateful: true, .. }
                | FunctionText::Binomial { .. }
        );
        let meaning = FunctionMeaning { arguments, result: Kind { ty: given.result, dimension }, stateful };
        let types = given.parameters.iter().map(|p| p.ty).collect();
        let host = match &given.text {
            FunctionText::Expression(text) => {
                let parameters = given.parameters.iter().map(|p| p.name.as_str().to_string()).collect();
                match self.expression(parameters, text) {
                    Some(body) => self.define(&given.name, meaning, body),
                    // Its uses are not reported as well.
                    None => {
                        self.constants.namespace.in_error.insert(given.name.clone());
                    }
                }
                return Ok(());
            }
            FunctionText::Closure { closure, .. } => HostBody::Closure(closure.clone()),
            FunctionText::Binomial { n, p } => {
                if !(0.0..=1.0).contains(p) || i64::try_from(*n).is_err() {
                    self.error(&place, format!("there are no binomial numbers of {n} trials with the chance {p}"));
                }
                HostBody::Binomial { n: *n as i64, p: *p }
            }
            FunctionText::Native { source, dependencies, arrays, .. } => {
                for array in arrays.iter().filter(|array| !super::is_name(&array.name)) {
                    self.error(&place, format!("`{}` cannot name an array", array.name));
                }
                let mut text = NativeText::new(&given.name, source, &given.parameters, arrays);
                for name in dependencies {
                    match self.host.get(name) {
                        Some(HostBody::Native(dependency)) => text.add_dependency(dependency),
                        _ => {
                            let message = format!("`{}` depends on `{name}`, which is no function in C", given.name);
                            self.error_with_hint(&place, message, "add it to the model first");
                        }
                    }
                }
                HostBody::Native(text)
            }
        };
        self.host.insert(given.name.clone(), host);
        self.define(&given.name, meaning, FunctionBody::Host { arguments: types });
        Ok(())
    }

    fn expression(&mut self, parameters: Vec<String>, text: &Text) -> Option<FunctionBody> {
        let expr = with_conditions_as_numbers(&parser::expression(text, self.diagnostics)?);
        let kinds = parameters.iter().map(|p| (p.as_str(), Kind::plain(ValueType::Float))).collect();
        let scope = ParameterScope { parameters: kinds, namespace: &self.constants.namespace };
        let kind = check(&expr, &scope, text, self.diagnostics)?;
        if kind.ty == ValueType::Boolean {
            let error = Diagnostic::error(text, expr.span, "a function gives a number, but this is a condition");
            self.diagnostics.push(error.hint(format!("write `int({expr})`")));
            return None;
        }
        Some(FunctionBody::Expression { parameters, expr, text: text.clone() })
    }
}

/// In the expression of a function, a condition that is calculated with is 0 or 1, as in NumPy.
fn with_conditions_as_numbers(expr: &Expr) -> Expr {
    let rebuilt = expr.map_children(with_conditions_as_numbers);
    let is_calculation = matches!(rebuilt.kind, ExprKind::Binary(..) | ExprKind::Unary(UnaryOp::Neg, _));
    if !is_calculation {
        return rebuilt;
    }
    rebuilt.map_children(|operand| {
        let is_condition = matches!(
            operand.kind,
            ExprKind::Compare(..) | ExprKind::Logic(..) | ExprKind::Bool(_) | ExprKind::Unary(UnaryOp::Not, _)
        );
        if is_condition { Expr::call("int", vec![operand.clone()]) } else { operand.clone() }
    })
}

/// The parameters of a function, `pi`, `e` and `inf`, and the functions before it.
struct ParameterScope<'a> {
    parameters: BTreeMap<&'a str, Kind>,
    namespace: &'a Namespace,
}

impl Scope for ParameterScope<'_> {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        if let Some(kind) = self.parameters.get(name) {
            return Ok(Meaning { kind: *kind, constant: None });
        }
        if let Some((_, value)) = CONSTANTS.iter().find(|(constant, _)| *constant == name) {
            return Ok(Meaning { kind: Kind::plain(ValueType::Float), constant: Some(*value) });
        }
        match self.namespace.meaning(name) {
            Err(Unknown::Name) => Err(Unknown::Name),
            _ => Err(Unknown::NotHere(
                format!("`{name}` has no value in a function"),
                Some("a function sees its parameters only, as plain numbers in SI units".into()),
            )),
        }
    }

    fn candidates(&self) -> Vec<String> {
        self.parameters.keys().map(|name| (*name).to_string()).collect()
    }

    fn functions(&self) -> Vec<String> {
        self.namespace.functions()
    }

    fn function(&self, name: &str) -> Option<FunctionMeaning> {
        self.namespace.function(name)
    }

    fn forbids_drawing(&self) -> Option<(String, Option<String>)> {
        let hint = "draw where the function is called, and hand the number to it";
        Some(("which the expression of a function cannot".to_string(), Some(hint.to_string())))
    }
}

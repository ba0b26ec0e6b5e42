//! Constant expressions: checked against the constants before them, computed by the interpreter.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::error::Error;
use super::model::Value;
use super::symbols::{NamespaceSymbols, constant_array, element_type};
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::engine;
use crate::expr::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::expr::check::{Kind, Meaning, Scope, Unknown, ValueType, check};
use crate::expr::parser;
use crate::kernel::ir::{Const, Kernel, LoopShape, Param, Storage, Type};
use crate::kernel::lower::Lowerer;
use crate::model::namespace::{Constant, Namespace, Number};
use crate::runtime::array::Array;
use crate::unit::Dimension;

/// Constants, and each in memory for kernels to read.
#[derive(Debug, Default)]
pub struct Constants {
    /// Values and dimensions.
    pub namespace: Namespace,
    /// In memory, by name.
    pub arrays: IndexMap<String, Array>,
    /// Names of those that are still to be defined.
    pub later: BTreeSet<String>,
}

impl Constants {
    /// Evaluates a value that may use the constants so far; `None` after saying what is wrong.
    pub fn evaluate(&mut self, value: &Value, diagnostics: &mut Diagnostics) -> Result<Option<Constant>, Error> {
        let text = match value {
            Value::Number(value, _) => {
                return Ok(Some(Constant { value: *value, dimension: Dimension::NONE }));
            }
            Value::Expression(text) => text,
        };
        let Some(expr) = parser::expression(text, diagnostics) else { return Ok(None) };
        let expr = pythonic_powers(&self.with_whole_numbers(&expr));
        let scope = ConstantScope { namespace: &self.namespace, later: &self.later };
        let Some(kind) = check(&expr, &scope, text, diagnostics) else { return Ok(None) };
        let value = self.compute(&expr, kind, text)?;
        Ok(Some(Constant { value, dimension: kind.dimension }))
    }

    /// Evaluates a time, such as a duration; `None` after saying what is wrong.
    pub fn time(&mut self, value: &Value, what: &str, diagnostics: &mut Diagnostics) -> Result<Option<f64>, Error> {
        let Some(constant) = self.evaluate(value, diagnostics)? else { return Ok(None) };
        if constant.dimension == Dimension::SECOND {
            return Ok(Some(constant.value.as_f64()));
        }
        let text = value.text();
        let message =
            format!("`{what}` is a time, but `{}` is {}", text.as_str().trim(), constant.dimension.described());
        diagnostics.push(Diagnostic::error(text, text.whole(), message).hint("write a time such as `0.1*ms`"));
        Ok(None)
    }

    /// Evaluates the duration of a run; `None` after saying what is wrong.
    pub fn duration(&mut self, value: &Value, diagnostics: &mut Diagnostics) -> Result<Option<f64>, Error> {
        let Some(seconds) = self.time(value, "duration", diagnostics)? else { return Ok(None) };
        if seconds >= 0.0 && seconds.is_finite() {
            return Ok(Some(seconds));
        }
        let text = value.text();
        let message = format!("a run takes a finite time of at least 0, but `{}` is {seconds} s", text.as_str().trim());
        diagnostics.push(Diagnostic::error(text, text.whole(), message));
        Ok(None)
    }

    /// Evaluates and keeps a constant.
    pub fn define(&mut self, name: &str, value: &Value, diagnostics: &mut Diagnostics) -> Result<(), Error> {
        match self.evaluate(value, diagnostics)? {
            Some(constant) => {
                self.arrays.insert(name.to_string(), constant_array(constant.value));
                self.namespace.constants.insert(name.to_string(), constant);
            }
            // Its uses are not reported as well.
            None => {
                self.namespace.in_error.insert(name.to_string());
            }
        }
        Ok(())
    }

    /// The expression with the values of integer constants written out: Python's integers have no size, so those of a
    /// constant expression are taken together before they get one.
    fn with_whole_numbers(&self, expr: &Expr) -> Expr {
        expr.substitute(&|name| match self.namespace.constants.get(name)?.value {
            Number::Integer(value) if value >= 0 => Some(Expr::int(value)),
            Number::Integer(value) if value > i64::MIN => Some(Expr::int(-value).unary(UnaryOp::Neg)),
            _ => None,
        })
    }

    fn compute(&mut self, expr: &Expr, kind: Kind, text: &Text) -> Result<Number, Error> {
        let symbols = NamespaceSymbols(&self.namespace);
        let mut lowerer = Lowerer::new(&symbols, text);
        let value = lowerer.expr(expr)?;
        let storage = match kind.ty {
            ValueType::Boolean => Storage::Bool,
            ValueType::Float => Storage::F64,
            ValueType::Integer if lowerer.type_of(&value) == Type::I64 => Storage::I64,
            ValueType::Integer => Storage::I32,
        };
        lowerer.output("_value", storage, value);
        let lowered = lowerer.finish(LoopShape::Each);
        if let Some(value) = self.folded(&lowered.kernel) {
            return Ok(value);
        }
        let mut result = Array::zeros(element_type(storage), 1);
        let arrays = lowered.kernel.params.iter().map(|p| match self.arrays.get_mut(&p.name) {
            Some(array) => array.pointer(),
            None => result.pointer(),
        });
        let arrays: Vec<*mut u8> = arrays.collect();
        // SAFETY: each parameter is a constant of the stored type or the result, and each is one value.
        unsafe { engine::run_once(&lowered.kernel, &arrays, 1) }?;
        Ok(match kind.ty {
            ValueType::Boolean => Number::Boolean(result.get(0) != 0.0),
            ValueType::Integer => Number::Integer(result.get_i64(0)),
            ValueType::Float => Number::Float(result.get(0)),
        })
    }

    /// The value that a kernel stores, if no program is needed to know it.
    fn folded(&self, kernel: &Kernel) -> Option<Number> {
        let value = |param: &Param| {
            Some(match (param.storage, self.namespace.constants.get(&param.name)?.value) {
                (Storage::Bool, Number::Boolean(value)) => Const::Bool(value),
                (Storage::I32, Number::Integer(value)) => Const::I32(i32::try_from(value).ok()?),
                (Storage::I64, Number::Integer(value)) => Const::I64(value),
                (Storage::F64, Number::Float(value)) => Const::f64(value),
                _ => return None,
            })
        };
        Some(match engine::stored_constant(kernel, &value)? {
            Const::Bool(value) => Number::Boolean(value),
            Const::I32(value) => Number::Integer(value.into()),
            Const::I64(value) => Number::Integer(value),
            Const::F64(bits) => Number::Float(f64::from_bits(bits)),
        })
    }
}

/// The constants, with a reason for names that only exist inside groups.
struct ConstantScope<'a> {
    namespace: &'a Namespace,
    later: &'a BTreeSet<String>,
}

impl Scope for ConstantScope<'_> {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        match name {
            "t" | "dt" | "i" | "N" | "t_in_timesteps" => Err(Unknown::NotHere(
                format!("`{name}` has no value here"),
                Some("it exists inside groups only; constants are evaluated once, before".into()),
            )),
            _ => match self.namespace.meaning(name) {
                Err(Unknown::Name) if self.later.contains(name) => Err(Unknown::NotHere(
                    format!("the constant `{name}` is not defined yet"),
                    Some("a constant can use those above it".into()),
                )),
                meaning => meaning,
            },
        }
    }

    fn candidates(&self) -> Vec<String> {
        self.namespace.candidates()
    }

    fn forbids_drawing(&self) -> Option<(String, Option<String>)> {
        let hint = "draw in the `init` of a group, or in its code";
        Some(("which a constant expression cannot".to_string(), Some(hint.to_string())))
    }
}

/// Constant expressions are Python's in Brian2, where `2**-1` is 0.5.
fn pythonic_powers(expr: &Expr) -> Expr {
    let rebuilt = expr.map_children(pythonic_powers);
    match &rebuilt.kind {
        ExprKind::Binary(BinaryOp::Pow, base, exponent) => match &exponent.kind {
            ExprKind::Unary(UnaryOp::Neg, n) if matches!(n.kind, ExprKind::Int(_)) => {
                let mut one = Expr::int(1);
                one.span = rebuilt.span;
                let mut power = base.as_ref().clone().binary(BinaryOp::Pow, n.as_ref().clone());
                power.span = rebuilt.span;
                let mut quotient = one.binary(BinaryOp::Div, power);
                quotient.span = rebuilt.span;
                quotient
            }
            _ => rebuilt,
        },
        _ => rebuilt,
    }
}

//! The constants of a model: values with dimensions, known before any equation is checked.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::diag::Text;
use crate::expr::ast::Expr;
use crate::expr::check::{CONSTANTS, FunctionMeaning, Kind, Meaning, Scope, Unknown, ValueType};
use crate::unit::{self, Dimension};

/// A value of one of the types of the model language.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
}

impl Number {
    /// Its type.
    pub fn ty(self) -> ValueType {
        match self {
            Number::Boolean(_) => ValueType::Boolean,
            Number::Integer(_) => ValueType::Integer,
            Number::Float(_) => ValueType::Float,
        }
    }

    /// As a float; a boolean is 0 or 1.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Boolean(value) => f64::from(u8::from(value)),
            Number::Integer(value) => value as f64,
            Number::Float(value) => value,
        }
    }
}

/// A constant in SI units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// The value.
    pub value: Number,
    /// Its dimension.
    pub dimension: Dimension,
}

/// A function that a model defines.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// What it takes and gives.
    pub meaning: FunctionMeaning,
    /// How it is computed.
    pub body: FunctionBody,
}

/// How a function is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionBody {
    /// An expression over the SI values of its parameters.
    Expression {
        /// Names of the parameters.
        parameters: Vec<String>,
        /// The result.
        expr: Expr,
        /// Where the expression stands.
        text: Text,
    },
    /// Values that change with time; with `columns`, each row has this many, chosen by a second argument.
    TimedArray {
        /// Values of a row; absent if there is one, without an index.
        columns: Option<usize>,
    },
    /// Something that the host evaluates, such as a closure; these are the types of its arguments.
    Host {
        /// Types in which it takes its arguments.
        arguments: Vec<ValueType>,
    },
}

/// The constants and functions of a model, by name, in order of definition; beyond them, the units and `pi`, `e`, `inf`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Namespace {
    /// Constants by name.
    pub constants: IndexMap<String, Constant>,
    /// Functions by name.
    pub functions: IndexMap<String, Function>,
    /// Names of those whose definition is wrong.
    pub in_error: BTreeSet<String>,
}

impl Scope for Namespace {
    fn meaning(&self, name: &str) -> Result<Meaning, Unknown> {
        if let Some(constant) = self.constants.get(name) {
            let kind = Kind { ty: constant.value.ty(), dimension: constant.dimension };
            return Ok(Meaning { kind, constant: Some(constant.value.as_f64()) });
        }
        if self.in_error.contains(name) {
            return Err(Unknown::InError);
        }
        if let Some((_, value)) = CONSTANTS.iter().find(|(n, _)| *n == name) {
            return Ok(Meaning { kind: Kind::plain(ValueType::Float), constant: Some(*value) });
        }
        match unit::lookup(name) {
            Some(unit) => {
                let kind = Kind { ty: ValueType::Float, dimension: unit.dimension };
                Ok(Meaning { kind, constant: Some(unit.scale) })
            }
            None => Err(Unknown::Name),
        }
    }

    fn functions(&self) -> Vec<String> {
        self.functions.keys().cloned().collect()
    }

    fn function(&self, name: &str) -> Option<FunctionMeaning> {
        self.functions.get(name).map(|f| f.meaning.clone())
    }

    fn candidates(&self) -> Vec<String> {
        let defaults = CONSTANTS.iter().map(|(n, _)| n.to_string());
        self.constants.keys().cloned().chain(defaults).chain(unit::names()).collect()
    }
}

//! The functions of the model language: what they take and what they give (Brian2's default functions).

use super::check::ValueType;
use crate::unit::Dimension;

/// What a function asks of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// A plain number.
    Plain,
    /// Any dimension.
    Any,
    /// The dimension of the first argument.
    AsFirst,
    /// Just this dimension.
    Of(Dimension),
    /// Just this dimension and type.
    Typed(Dimension, ValueType),
}

/// The dimension of a function's result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResultDimension {
    /// A plain number.
    Plain,
    /// That of the first argument.
    AsFirst,
    /// The root of the first argument's.
    RootOfFirst,
}

/// A function of the model language.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub arguments: &'static [Argument],
    /// The dimension of its result.
    pub dimension: ResultDimension,
    /// The type of its result; none: the highest of its arguments.
    pub ty: Option<ValueType>,
}

const fn plain(name: &'static str) -> Signature {
    Signature { name, arguments: &[Argument::Plain], dimension: ResultDimension::Plain, ty: Some(ValueType::Float) }
}

/// The functions of Brian2's default list that need no random numbers.
pub const FUNCTIONS: [Signature; 24] = [
    plain("cos"),
    plain("sin"),
    plain("tan"),
    plain("cosh"),
    plain("sinh"),
    plain("tanh"),
    plain("exp"),
    plain("log"),
    plain("log10"),
    plain("expm1"),
    plain("exprel"),
    plain("log1p"),
    plain("arccos"),
    plain("arcsin"),
    plain("arctan"),
    Signature {
        name: "sqrt",
        arguments: &[Argument::Any],
        dimension: ResultDimension::RootOfFirst,
        ty: Some(ValueType::Float),
    },
    Signature {
        name: "ceil",
        arguments: &[Argument::Any],
        dimension: ResultDimension::AsFirst,
        ty: Some(ValueType::Float),
    },
    Signature {
        name: "floor",
        arguments: &[Argument::Any],
        dimension: ResultDimension::AsFirst,
        ty: Some(ValueType::Float),
    },
    Signature { name: "abs", arguments: &[Argument::Any], dimension: ResultDimension::AsFirst, ty: None },
    Signature { name: "sign", arguments: &[Argument::Any], dimension: ResultDimension::Plain, ty: None },
    Signature {
        name: "clip",
        arguments: &[Argument::Any, Argument::AsFirst, Argument::AsFirst],
        dimension: ResultDimension::AsFirst,
        ty: None,
    },
    Signature {
        name: "int",
        arguments: &[Argument::Plain],
        dimension: ResultDimension::Plain,
        ty: Some(ValueType::Integer),
    },
    Signature {
        name: "timestep",
        arguments: &[Argument::Of(Dimension::SECOND), Argument::Of(Dimension::SECOND)],
        dimension: ResultDimension::Plain,
        ty: Some(ValueType::Integer),
    },
    // Of integrators only: users cannot write names that start with an underscore.
    Signature {
        name: "_select",
        arguments: &[Argument::Plain, Argument::Any, Argument::Any],
        dimension: ResultDimension::Plain,
        ty: None,
    },
];

/// The functions of Brian2's default list that draw random numbers.
pub const RANDOM_FUNCTIONS: [Signature; 3] = [
    Signature { name: "rand", arguments: &[], dimension: ResultDimension::Plain, ty: Some(ValueType::Float) },
    Signature { name: "randn", arguments: &[], dimension: ResultDimension::Plain, ty: Some(ValueType::Float) },
    Signature {
        name: "poisson",
        arguments: &[Argument::Plain],
        dimension: ResultDimension::Plain,
        ty: Some(ValueType::Integer),
    },
];

/// The function of this name, drawing or not.
pub fn function(name: &str) -> Option<&'static Signature> {
    FUNCTIONS.iter().chain(&RANDOM_FUNCTIONS).find(|f| f.name == name)
}

/// Whether the function draws random numbers.
pub fn draws(name: &str) -> bool {
    RANDOM_FUNCTIONS.iter().any(|f| f.name == name)
}

//! The maths library.

pub mod operators;

/// The lasting form of the name of a function or table of the library.
pub fn known_name(name: &str) -> Option<&'static str> {
    const NAMES: [&str; 19] = [
        "exp", "expm1", "exprel", "log", "log1p", "log10", "log2", "pow", "sin", "cos", "tan", "sinh", "cosh", "tanh",
        "arcsin", "arccos", "arctan", "arctan2", "sqrt",
    ];
    NAMES.into_iter().find(|n| *n == name)
}

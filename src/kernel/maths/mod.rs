//! The maths library: functions that give the same bits in every tier, compiler, vector width and machine.
//!
//! They are written once, as the text of IR functions in `library.ir`; `render::maths` makes the forms in the languages
//! of kernels and the host's from it, which are checked in and hold no more than data for the other modules. After a change of `library.ir`,
//! `SALTUS_UPDATE=1 cargo test --test maths fresh` makes them again; without the variable, that test fails if they
//! differ from what would be made.
//!
//! Special values are those of C (annex F): infinities, NaN, signed zeros, subnormal arguments and results, and for `pow`
//! its table of cases. Angles are reduced exactly up to the largest double. Errors in units in the last place; *seen* is
//! the worst of at least 10^7 random arguments against 64-bit long doubles, no proof:
//!
//! | function | bound | seen | function | bound | seen |
//! |---|---|---|---|---|---|
//! | `exp` | 1 | 0.98 | `sin` | 1 | 0.79 |
//! | `expm1` | 1 | 0.85 | `cos` | 1 | 0.78 |
//! | `exprel` | 1 | 0.94 | `tan` | 2 | 1.03 |
//! | `log` | 1 | 0.88 | `sinh` | 2 | 1.72 |
//! | `log1p` | 1 | 0.87 | `cosh` | 2 | 0.88 |
//! | `log2` | 1 | 0.80 | `tanh` | 1 | 0.69 |
//! | `log10` | 1 | 0.74 | `arcsin` | 2 | 1.62 |
//! | `pow` | 1 | 0.75 | `arccos` | 2 | 1.10 |
//! | | | | `arctan` | 2 | 0.92 |
//!
//! `sqrt`, `abs`, `floor` and `trunc` are operations of the IR and exact.

mod block;
#[rustfmt::skip]
mod generated;
pub mod operators;

pub use block::{Block, Scalar};
pub use generated::{exp, log};

/// The text of the library.
pub const LIBRARY: &str = include_str!("library.ir");

/// A function of the library.
#[derive(Debug)]
pub struct Builtin {
    /// Name in the IR; `saltus_` stands before it in kernels.
    pub name: &'static str,
    /// Number of arguments, all doubles.
    pub arity: usize,
    /// What its text in kernels uses directly: other functions, tables, and helpers of the operator table, without
    /// `saltus_`.
    pub depends: &'static [&'static str],
    /// Its definition in the languages of kernels.
    pub texts: Texts,
    /// The largest error, in units in the last place, over all arguments.
    pub bound_ulp: f64,
    /// The function over slices.
    pub block: Block,
    /// The function.
    pub scalar: Scalar,
}

/// A table or function that only the library itself uses.
#[derive(Debug)]
pub struct Internal {
    /// Name in the IR; `saltus_` stands before it in kernels.
    pub name: &'static str,
    /// As of a [`Builtin`].
    pub depends: &'static [&'static str],
    /// Its definition in the languages of kernels.
    pub texts: Texts,
}

/// A definition in the languages of kernels.
#[derive(Clone, Copy, Debug)]
pub struct Texts {
    /// In C.
    pub c: &'static str,
    /// In Rust.
    pub rust: &'static str,
}

/// The function of this name.
pub fn lookup(name: &str) -> Option<&'static Builtin> {
    all().iter().find(|b| b.name == name)
}

/// Every function, in the order of the library.
pub fn all() -> &'static [Builtin] {
    &generated::BUILTINS
}

/// Tables and functions that only the library itself uses.
pub fn internals() -> &'static [Internal] {
    &generated::INTERNALS
}

/// The logarithm of each, into a slice of the same length.
///
/// # Panics
/// If the lengths differ.
pub fn log_of_each(x: &[f64], out: &mut [f64]) {
    if let Some(Block::One(log)) = lookup("log").map(|log| log.block) {
        log(x, out);
    }
}

/// The lasting form of the name of a function or table of the library.
pub fn known_name(name: &str) -> Option<&'static str> {
    lookup(name).map(|b| b.name).or_else(|| internals().iter().map(|i| i.name).find(|n| *n == name))
}

/// The value of a function; `None` if there is none of this name and number of arguments.
pub fn eval(name: &str, arguments: &[f64]) -> Option<f64> {
    match (lookup(name)?.scalar, arguments) {
        (Scalar::One(f), [x]) => Some(f(*x)),
        (Scalar::Two(f), [x, y]) => Some(f(*x, *y)),
        _ => None,
    }
}

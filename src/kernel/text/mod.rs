//! The text of the IR and its parser, inverse of each other: `parse_kernel(&print_kernel(k)) == k`.
//!
//! ```text
//! kernel each {
//!   param v: f64[] written
//!   param dt: f64
//!   scalar {
//!     let a: f64 = dt[0] * 2.0
//!   }
//!   vector {
//!     # v = v + a
//!     let v0: f64 = v[e]
//!     store v[e] = v0 + a when v0 < 1.0
//!   }
//! }
//! ```
//!
//! * Places: `v[e]` is the element the loop is at, `v[0]` the only one, `v[i[e]]` the one whose number `i` holds.
//!   `gather v[x]` is the value at any index.
//! * Shapes: `each`, `indexed`; `select` and `pairs` end with `emit CONDITION`. `flag N when CONDITION` sets a flag.
//! * Numbers: `1` is I64, `1i32` is I32, `1.0`, `0x1.8p1`, `inf` and `nan` are doubles; `true`, `false`.
//! * Operators, from the loosest: `< <= == !=`, `|`, `^`, `&`, `<< >>`, `+ -`, `* / // %`, `- not`; `select(c, x, y)`,
//!   `abs sqrt floor trunc round32`, `bits(x)` and `float(i)` between a double and its bits, `bool i32 i64 f64` convert.
//! * A name that is a word of this language, or is not a plain word, stands in backticks.
//!
//! A library of functions has the same statements, and sugar that parsing expands:
//!
//! ```text
//! const LN2 = 0x1.62e42fefa39efp-1
//! table ROOTS = [1.0, 2.0]
//! def two_sum(a, b) -> (s, t) { … }
//! fn log1p(x: f64) -> f64 within 1.0 {
//!   let (s, t) = two_sum(1.0, x)
//!   return poly(s, 0.5, t) * table ROOTS[0]
//! }
//! ```
//!
//! `poly(x, c0, c1, …)` is Horner's rule, and `paired(x, square, c0, c1, …)` is Horner's rule for the even and for the
//! odd powers, which takes half the time where nothing else is to be done meanwhile; a `def` is written out where it is used; a function without a bound (in units
//! in the last place) is internal to the library.

mod lexer;
mod library;
mod parse;
mod print;

pub use library::{Definition, Library, Table, parse_library};
pub use parse::parse_kernel;
pub use print::{print_expr, print_function, print_kernel, storage_name};

use super::ir::{BinaryOp, Storage, Type, UnaryOp};

/// Words that have a meaning where a name can stand.
const RESERVED: [&str; 35] = [
    "abs", "bits", "bool", "const", "def", "element", "emit", "false", "flag", "float", "floor", "fn", "f32", "f64",
    "gather", "i32", "i64", "inf", "kernel", "let", "local", "nan", "not", "paired", "param", "poly", "return",
    "round32", "scalar", "select", "sqrt", "store", "table", "true", "trunc",
];

const STORAGES: [(&str, Storage); 5] = [
    ("bool", Storage::Bool),
    ("i32", Storage::I32),
    ("i64", Storage::I64),
    ("f32", Storage::F32),
    ("f64", Storage::F64),
];

const TYPES: [(&str, Type); 4] = [("bool", Type::Bool), ("i32", Type::I32), ("i64", Type::I64), ("f64", Type::F64)];

/// The operations written as a call.
const UNARY_CALLS: [(&str, UnaryOp); 7] = [
    ("abs", UnaryOp::Abs),
    ("sqrt", UnaryOp::Sqrt),
    ("floor", UnaryOp::Floor),
    ("trunc", UnaryOp::Trunc),
    ("bits", UnaryOp::ToBits),
    ("float", UnaryOp::FromBits),
    ("round32", UnaryOp::Round32),
];

/// Infix operators and how strongly they bind.
const OPERATORS: [(&str, BinaryOp, u8); 15] = [
    ("<", BinaryOp::Lt, 1),
    ("<=", BinaryOp::Le, 1),
    ("==", BinaryOp::Eq, 1),
    ("!=", BinaryOp::Ne, 1),
    ("|", BinaryOp::Or, 2),
    ("^", BinaryOp::Xor, 3),
    ("&", BinaryOp::And, 4),
    ("<<", BinaryOp::Shl, 5),
    (">>", BinaryOp::Shr, 5),
    ("+", BinaryOp::Add, 6),
    ("-", BinaryOp::Sub, 6),
    ("*", BinaryOp::Mul, 7),
    ("/", BinaryOp::Div, 7),
    ("//", BinaryOp::FloorDiv, 7),
    ("%", BinaryOp::Mod, 7),
];

/// How strongly prefix operators bind.
const PREFIX: u8 = 8;

/// Whether a name can be written without backticks.
fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !RESERVED.contains(&name)
        && name != "vector"
        && name != "when"
        && name != "written"
        && name != "within"
}

#[cfg(test)]
mod tests;

//! Whether two expressions are the same function: decided by values, without a normal form that could grow.
//!
//! Names take fixed pseudo-random values in the integers modulo the prime 2^61 - 1, where `+ - * /` and whole powers are
//! exact; all other operations (functions, comparisons, `//`, `%`) stand for unknown values that depend on their
//! operands only, but each call that draws a random number has a value of its own. Rational functions that differ then agree at a point with a probability near 2^-61 for each degree, so
//! equality at two points is taken as equality; the points are the same in every run. Literals count as what they are in
//! binary: `0.1 + 0.2 - 0.3` is not zero.

use std::cell::Cell;
use std::ops::{Add, Mul, Sub};

use super::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use super::simplify::{integer, is_random};

/// An integer modulo 2^61 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residue(u64);

const PRIME: u64 = (1 << 61) - 1;

impl Residue {
    /// Zero.
    pub const ZERO: Residue = Residue(0);

    /// Of a number up to twice the prime.
    fn reduced(value: u64) -> Residue {
        Residue(if value >= PRIME { value - PRIME } else { value })
    }

    /// `self / other`; `None` for a divisor of zero.
    pub fn over(self, other: Residue) -> Option<Residue> {
        // Fermat: the inverse of x is x^(p-2).
        if other == Residue::ZERO { None } else { Some(self * power(other, PRIME - 2)) }
    }

    /// Whether it is the square of another, by Euler's criterion.
    pub fn is_square(self) -> bool {
        self == Residue::ZERO || power(self, (PRIME - 1) / 2) == Residue(1)
    }
}

impl Add for Residue {
    type Output = Residue;
    fn add(self, other: Residue) -> Residue {
        Residue::reduced(self.0 + other.0)
    }
}

impl Sub for Residue {
    type Output = Residue;
    fn sub(self, other: Residue) -> Residue {
        Residue::reduced(self.0 + PRIME - other.0)
    }
}

impl Mul for Residue {
    type Output = Residue;
    fn mul(self, other: Residue) -> Residue {
        let product = u128::from(self.0) * u128::from(other.0);
        // 2^61 is 1 here.
        Residue::reduced((product as u64 & PRIME) + (product >> 61) as u64)
    }
}

/// What an expression can be evaluated in.
trait Number: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    fn from_hash(hash: u64) -> Self;
    fn from_i64(value: i64) -> Self;
    fn from_f64(value: f64) -> Option<Self>;
    /// `None` for a divisor of zero.
    fn over(self, other: Self) -> Option<Self>;
    /// Equal numbers have equal bits.
    fn bits(self) -> u64;
}

impl Number for Residue {
    fn from_hash(hash: u64) -> Residue {
        Residue(hash % PRIME)
    }

    fn from_i64(value: i64) -> Residue {
        let magnitude = Residue(value.unsigned_abs() % PRIME);
        if value < 0 { Residue::ZERO - magnitude } else { magnitude }
    }

    /// The fraction that the double is.
    fn from_f64(value: f64) -> Option<Residue> {
        if !value.is_finite() {
            return None;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i64;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) =
            if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        let magnitude = Residue(mantissa % PRIME) * signed_power(Residue(2), exponent)?;
        Some(if value.is_sign_negative() { Residue::ZERO - magnitude } else { magnitude })
    }

    fn over(self, other: Residue) -> Option<Residue> {
        Residue::over(self, other)
    }

    fn bits(self) -> u64 {
        self.0
    }
}

impl Number for f64 {
    /// Between 1/2 and 3/2, where roots and logarithms are defined.
    fn from_hash(hash: u64) -> f64 {
        0.5 + hash as f64 / u64::MAX as f64
    }

    fn from_i64(value: i64) -> f64 {
        value as f64
    }

    fn from_f64(value: f64) -> Option<f64> {
        value.is_finite().then_some(value)
    }

    fn over(self, other: f64) -> Option<f64> {
        (other != 0.0).then(|| self / other)
    }

    fn bits(self) -> u64 {
        self.to_bits()
    }
}

fn power<N: Number>(mut base: N, mut exponent: u64) -> N {
    let mut out = N::from_i64(1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            out = out * base;
        }
        base = base * base;
        exponent >>= 1;
    }
    out
}

fn signed_power<N: Number>(base: N, exponent: i64) -> Option<N> {
    let power = power(base, exponent.unsigned_abs());
    if exponent < 0 { N::from_i64(1).over(power) } else { Some(power) }
}

/// The values that names have.
struct Point<'a> {
    seed: u64,
    /// Names that have other values than they would have at a point of the same seed without.
    moved: &'a dyn Fn(&str) -> bool,
    /// How many random numbers have been drawn.
    drawn: Cell<u64>,
}

impl<'a> Point<'a> {
    fn new(seed: u64, moved: &'a dyn Fn(&str) -> bool) -> Point<'a> {
        Point { seed, moved, drawn: Cell::new(0) }
    }
}

/// The value at the point with this number; `None` where a divisor is zero or a literal is not finite.
pub fn residue(expr: &Expr, point: u64) -> Option<Residue> {
    value(expr, &Point::new(point, &|_| false))
}

/// The value at a point of doubles, where names have values between 1/2 and 3/2.
pub fn approximate(expr: &Expr, point: u64) -> Option<f64> {
    value(expr, &Point::new(point, &|_| false))
}

/// Whether the expression is zero whatever the values of its names.
pub fn is_zero(expr: &Expr) -> bool {
    (1..=2).all(|seed| residue(expr, seed) == Some(Residue::ZERO))
}

/// Whether the value of the expression depends on names of this kind; false where they cancel, as in `x - x`.
pub fn depends_on(expr: &Expr, kind: &dyn Fn(&str) -> bool) -> bool {
    let mut mentioned = false;
    expr.walk(&mut |e| mentioned |= matches!(&e.kind, ExprKind::Name(n) if kind(n)));
    mentioned
        && (1..=2).any(|seed| {
            let there: Option<Residue> = value(expr, &Point::new(seed, kind));
            there.is_none() || there != residue(expr, seed)
        })
}

fn value<N: Number>(expr: &Expr, at: &Point<'_>) -> Option<N> {
    match &expr.kind {
        ExprKind::Int(v) => Some(N::from_i64(*v)),
        ExprKind::Float(v) => N::from_f64(*v),
        ExprKind::Bool(v) => Some(N::from_i64(i64::from(*v))),
        ExprKind::Name(name) => {
            let seed = if (at.moved)(name) { !at.seed } else { at.seed };
            Some(N::from_hash(hash(name.bytes().map(u64::from), seed)))
        }
        ExprKind::Unary(UnaryOp::Neg, x) => Some(N::from_i64(0) - value(x, at)?),
        ExprKind::Binary(BinaryOp::Add, x, y) => Some(value::<N>(x, at)? + value(y, at)?),
        ExprKind::Binary(BinaryOp::Sub, x, y) => Some(value::<N>(x, at)? - value(y, at)?),
        ExprKind::Binary(BinaryOp::Mul, x, y) => Some(value::<N>(x, at)? * value(y, at)?),
        ExprKind::Binary(BinaryOp::Div, x, y) => value::<N>(x, at)?.over(value(y, at)?),
        ExprKind::Binary(BinaryOp::Pow, x, y) => match integer(y) {
            Some(n) => signed_power(value::<N>(x, at)?, n),
            None => unknown("**", expr, at),
        },
        ExprKind::Binary(op, ..) => unknown(op.symbol(), expr, at),
        ExprKind::Unary(UnaryOp::Not, _) => unknown("not", expr, at),
        ExprKind::Compare(op, ..) => unknown(op.symbol(), expr, at),
        ExprKind::Logic(op, ..) => unknown(op.symbol(), expr, at),
        ExprKind::Call(name, _) => unknown(name, expr, at),
    }
}

/// The value of an operation that only is known to be a function of its operands.
fn unknown<N: Number>(operation: &str, expr: &Expr, at: &Point<'_>) -> Option<N> {
    let mut words: Vec<u64> = operation.bytes().map(u64::from).collect();
    if is_random(operation) {
        at.drawn.set(at.drawn.get() + 1);
        words.push(at.drawn.get());
    }
    for child in expr.children() {
        words.push(value::<N>(child, at)?.bits());
    }
    Some(N::from_hash(hash(words, 0)))
}

/// The mixing steps of SplitMix64 (Steele, Lea, Flood 2014) over a sequence of words.
fn hash(words: impl IntoIterator<Item = u64>, seed: u64) -> u64 {
    words.into_iter().fold(mix(seed), |state, word| mix(state ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Diagnostics, Text};
    use crate::expr::parser;

    fn parse(source: &str) -> Expr {
        parser::expression(&Text::new("text", source), &mut Diagnostics::default()).expect(source)
    }

    #[test]
    fn identities_are_seen() {
        for source in [
            "v - v",
            "v*(1 - v) + v**2 - v",
            "(v + 1)**2 - v**2 - 2*v - 1",
            "1/(1/v) - v",
            "v/v/tau - 1/tau",
            "exp(a + b) - exp(b + a)",
            "0.5*v - v/2",
            "0.1*v - 0.1*v",
            "x**-2 - 1/x/x",
            "int(v > w)*0",
            "f(t, a + b) - f(t, b + a)",
            "rand()*(v - v)",
        ] {
            assert!(is_zero(&parse(source)), "{source}");
        }
    }

    #[test]
    fn differences_are_seen() {
        for source in [
            "v",
            "v**2 - v",
            "exp(v) - exp(w)",
            "int(v > 0) - int(v >= 0)",
            "0.1 + 0.2 - 0.3",
            "a//b - a/b",
            "1/(v - v)",
            "v**0.5 - v",
            "inf - inf + 1e308*v",
            "f(t) - g(t)",
            "f(t) - f(t, 0)",
            "rand() - rand()",
            "poisson(v) - poisson(v)",
            "randn()/randn() - 1",
        ] {
            assert!(!is_zero(&parse(source)), "{source}");
        }
    }

    #[test]
    fn dependence_is_that_of_the_value() {
        for (source, expected) in [
            ("x + y", true),
            ("x - x + y", false),
            ("x/x*y", false),
            ("exp(x)*y", true),
            ("exp(x - x)", false),
            ("int(x > 0)", true),
            ("y", false),
            ("rand()*y", false),
            ("rand()*x - rand()*x", true),
            ("f(y, x)", true),
        ] {
            assert_eq!(depends_on(&parse(source), &|n| n == "x"), expected, "{source}");
        }
    }

    #[test]
    fn residues_are_a_field() {
        let (a, b) = (Residue::from_i64(-7), Residue::from_f64(0.375).expect("finite"));
        assert_eq!(b * Residue::from_i64(8), Residue::from_i64(3));
        assert_eq!(a.over(b).map(|q| q * b), Some(a));
        assert_eq!(a.over(Residue::ZERO), None);
        assert!((a * a).is_square() && (b * b).is_square());
        // The prime is 3 modulo 4, where -1 has no root.
        assert!(!Residue::from_i64(-1).is_square());
    }

    #[test]
    fn doubles_follow_the_same_rules() {
        assert_eq!(approximate(&parse("(2.5*4 - 1)/x*x"), 1), Some(9.0));
        assert_eq!(approximate(&parse("1/(x - x)"), 1), None);
        assert!(approximate(&parse("x"), 1).is_some_and(|x| (0.5..=1.5).contains(&x)));
    }
}

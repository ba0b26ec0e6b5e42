//! Whether two expressions are the same function: decided by values, without a normal form that could grow.
//!
//! Names take fixed pseudo-random values in the integers modulo the prime 2^61 - 1, where `+ - * /` and whole powers are
//! exact; all other operations (functions, comparisons, `//`, `%`) stand for unknown values that depend on their
//! operands. Rational functions that differ then agree at a point with a probability near 2^-61 for each degree, so
//! equality at two points is taken as equality; the points are the same in every run. Literals count as what they are in
//! binary: `0.1 + 0.2 - 0.3` is not zero.

use super::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use super::simplify::integer;

/// An integer modulo 2^61 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residue(u64);

const PRIME: u64 = (1 << 61) - 1;

impl Residue {
    /// Zero.
    pub const ZERO: Residue = Residue(0);
    /// One.
    pub const ONE: Residue = Residue(1);

    fn from_hash(hash: u64) -> Residue {
        Residue(hash % PRIME)
    }

    fn from_i64(value: i64) -> Residue {
        let magnitude = Residue(value.unsigned_abs() % PRIME);
        if value < 0 { Residue::ZERO.sub(magnitude) } else { magnitude }
    }

    /// A double as the fraction that it is.
    fn from_f64(value: f64) -> Option<Residue> {
        if !value.is_finite() {
            return None;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i64;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        let magnitude = Residue(mantissa % PRIME).mul(Residue(2).power(exponent)?);
        Some(if value.is_sign_negative() { Residue::ZERO.sub(magnitude) } else { magnitude })
    }

    /// `self + other`
    #[must_use]
    pub fn add(self, other: Residue) -> Residue {
        Residue((self.0 + other.0) % PRIME)
    }

    /// `self - other`
    #[must_use]
    pub fn sub(self, other: Residue) -> Residue {
        Residue((self.0 + PRIME - other.0) % PRIME)
    }

    /// `self * other`
    #[must_use]
    pub fn mul(self, other: Residue) -> Residue {
        Residue((u128::from(self.0) * u128::from(other.0) % u128::from(PRIME)) as u64)
    }

    /// `self / other`; `None` for a divisor of zero.
    pub fn div(self, other: Residue) -> Option<Residue> {
        (other != Residue::ZERO).then(|| self.mul(other.unsigned_power(PRIME - 2)))
    }

    fn unsigned_power(self, mut exponent: u64) -> Residue {
        let (mut base, mut out) = (self, Residue::ONE);
        while exponent > 0 {
            if exponent & 1 == 1 {
                out = out.mul(base);
            }
            base = base.mul(base);
            exponent >>= 1;
        }
        out
    }

    fn power(self, exponent: i64) -> Option<Residue> {
        let power = self.unsigned_power(exponent.unsigned_abs());
        if exponent < 0 { Residue::ONE.div(power) } else { Some(power) }
    }

    /// Whether it is the square of another.
    pub fn is_square(self) -> bool {
        self == Residue::ZERO || self.unsigned_power((PRIME - 1) / 2) == Residue::ONE
    }
}

/// The values that names have.
struct Point<'a> {
    seed: u64,
    /// Names that have other values than they would have at a point of the same seed without.
    moved: &'a dyn Fn(&str) -> bool,
}

/// The value at the point with this number; `None` where a divisor is zero or a literal is not finite.
pub fn residue(expr: &Expr, point: u64) -> Option<Residue> {
    value(expr, &Point { seed: point, moved: &|_| false })
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
            let there = value(expr, &Point { seed, moved: kind });
            there.is_none() || there != residue(expr, seed)
        })
}

fn value(expr: &Expr, at: &Point<'_>) -> Option<Residue> {
    match &expr.kind {
        ExprKind::Int(v) => Some(Residue::from_i64(*v)),
        ExprKind::Float(v) => Residue::from_f64(*v),
        ExprKind::Bool(v) => Some(Residue(u64::from(*v))),
        ExprKind::Name(name) => {
            let seed = if (at.moved)(name) { !at.seed } else { at.seed };
            Some(Residue::from_hash(hash(name.bytes().map(u64::from), seed)))
        }
        ExprKind::Unary(UnaryOp::Neg, x) => Some(Residue::ZERO.sub(value(x, at)?)),
        ExprKind::Binary(BinaryOp::Add, x, y) => Some(value(x, at)?.add(value(y, at)?)),
        ExprKind::Binary(BinaryOp::Sub, x, y) => Some(value(x, at)?.sub(value(y, at)?)),
        ExprKind::Binary(BinaryOp::Mul, x, y) => Some(value(x, at)?.mul(value(y, at)?)),
        ExprKind::Binary(BinaryOp::Div, x, y) => value(x, at)?.div(value(y, at)?),
        ExprKind::Binary(BinaryOp::Pow, x, y) => match integer(y) {
            Some(n) => value(x, at)?.power(n),
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
fn unknown(operation: &str, expr: &Expr, at: &Point<'_>) -> Option<Residue> {
    let mut words: Vec<u64> = operation.bytes().map(u64::from).collect();
    for child in expr.children() {
        words.push(value(child, at)?.0);
    }
    Some(Residue::from_hash(hash(words, 0)))
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
        ] {
            assert_eq!(depends_on(&parse(source), &|n| n == "x"), expected, "{source}");
        }
    }

    #[test]
    fn residues_are_a_field() {
        let (a, b) = (Residue::from_i64(-7), Residue::from_f64(0.375).expect("finite"));
        assert_eq!(b.mul(Residue::from_i64(8)), Residue::from_i64(3));
        assert_eq!(a.div(b).map(|q| q.mul(b)), Some(a));
        assert_eq!(a.div(Residue::ZERO), None);
        assert!(a.mul(a).is_square() && b.mul(b).is_square());
        // The prime is 3 modulo 4, where -1 has no root.
        assert!(!Residue::from_i64(-1).is_square());
    }
}

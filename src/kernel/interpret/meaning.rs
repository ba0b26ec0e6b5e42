//! The meaning of every operation of the IR on single values, for the folding of constants. No input traps or panics;
//! what has no meaning is `None`.

use crate::kernel::ir::{BinaryOp, Const, Expr, Index, ParamId, Place, Type, UnaryOp};
use crate::kernel::maths::operators::{div_i32, div_i64, mod_i32, mod_i64, round32, to_i32, to_i64};

/// An operation on a constant of a type it takes; `None` for the bits of a NaN, which have no meaning.
pub fn unary(op: UnaryOp, x: Const) -> Option<Const> {
    Some(match (op, x) {
        (UnaryOp::Neg, Const::I32(x)) => Const::I32(x.wrapping_neg()),
        (UnaryOp::Neg, Const::I64(x)) => Const::I64(x.wrapping_neg()),
        (UnaryOp::Not, Const::Bool(x)) => Const::Bool(!x),
        (UnaryOp::FromBits, Const::I64(x)) => Const::F64(x as u64),
        (op, Const::F64(bits)) => {
            let x = f64::from_bits(bits);
            match op {
                UnaryOp::Neg => Const::f64(-x),
                UnaryOp::Abs => Const::f64(x.abs()),
                UnaryOp::Sqrt => Const::f64(x.sqrt()),
                UnaryOp::Floor => Const::f64(x.floor()),
                UnaryOp::Trunc => Const::f64(x.trunc()),
                UnaryOp::Round32 => Const::f64(round32(x)),
                UnaryOp::ToBits if !x.is_nan() => Const::I64(bits as i64),
                UnaryOp::ToBits | UnaryOp::Not | UnaryOp::FromBits => return None,
            }
        }
        _ => return None,
    })
}

/// An operation on constants of one type that it takes; `None` for a shift that is out of range.
pub fn binary(op: BinaryOp, x: Const, y: Const) -> Option<Const> {
    match (x, y) {
        (Const::Bool(x), Const::Bool(y)) => binary_bool(op, x, y).map(Const::Bool),
        (Const::I32(x), Const::I32(y)) => binary_i32(op, x, y),
        (Const::I64(x), Const::I64(y)) => binary_i64(op, x, y),
        (Const::F64(x), Const::F64(y)) => binary_f64(op, f64::from_bits(x), f64::from_bits(y)),
        _ => None,
    }
}

/// The value of an expression that is made of constants, those of parameters included; `None` if it is not, or if one of
/// its operations has no meaning for them.
pub fn constant(expr: &Expr, param: &dyn Fn(ParamId) -> Option<Const>) -> Option<Const> {
    match expr {
        Expr::Const(c) => Some(*c),
        Expr::Load(Place { param: id, index: Index::Zero }) => param(*id),
        Expr::Unary(op, x) => unary(*op, constant(x, param)?),
        Expr::Binary(op, x, y) => binary(*op, constant(x, param)?, constant(y, param)?),
        Expr::Cast(ty, x) => Some(cast(*ty, constant(x, param)?)),
        _ => None,
    }
}

fn binary_bool(op: BinaryOp, x: bool, y: bool) -> Option<bool> {
    Some(match op {
        BinaryOp::And => x & y,
        BinaryOp::Or => x | y,
        BinaryOp::Eq => x == y,
        BinaryOp::Ne => x != y,
        _ => return None,
    })
}

fn binary_i32(op: BinaryOp, x: i32, y: i32) -> Option<Const> {
    Some(match op {
        BinaryOp::Add => Const::I32(x.wrapping_add(y)),
        BinaryOp::Sub => Const::I32(x.wrapping_sub(y)),
        BinaryOp::Mul => Const::I32(x.wrapping_mul(y)),
        BinaryOp::FloorDiv => Const::I32(div_i32(x, y)),
        BinaryOp::Mod => Const::I32(mod_i32(x, y)),
        BinaryOp::Lt => Const::Bool(x < y),
        BinaryOp::Le => Const::Bool(x <= y),
        BinaryOp::Eq => Const::Bool(x == y),
        BinaryOp::Ne => Const::Bool(x != y),
        _ => return None,
    })
}

fn binary_i64(op: BinaryOp, x: i64, y: i64) -> Option<Const> {
    let shift = u32::try_from(y).ok().filter(|y| *y < 64);
    Some(match op {
        BinaryOp::Add => Const::I64(x.wrapping_add(y)),
        BinaryOp::Sub => Const::I64(x.wrapping_sub(y)),
        BinaryOp::Mul => Const::I64(x.wrapping_mul(y)),
        BinaryOp::FloorDiv => Const::I64(div_i64(x, y)),
        BinaryOp::Mod => Const::I64(mod_i64(x, y)),
        BinaryOp::And => Const::I64(x & y),
        BinaryOp::Or => Const::I64(x | y),
        BinaryOp::Xor => Const::I64(x ^ y),
        BinaryOp::Shl => Const::I64(x << shift?),
        BinaryOp::Shr => Const::I64(((x as u64) >> shift?) as i64),
        BinaryOp::Lt => Const::Bool(x < y),
        BinaryOp::Le => Const::Bool(x <= y),
        BinaryOp::Eq => Const::Bool(x == y),
        BinaryOp::Ne => Const::Bool(x != y),
        BinaryOp::Div => return None,
    })
}

fn binary_f64(op: BinaryOp, x: f64, y: f64) -> Option<Const> {
    Some(match op {
        BinaryOp::Add => Const::f64(x + y),
        BinaryOp::Sub => Const::f64(x - y),
        BinaryOp::Mul => Const::f64(x * y),
        BinaryOp::Div => Const::f64(x / y),
        BinaryOp::Lt => Const::Bool(x < y),
        BinaryOp::Le => Const::Bool(x <= y),
        BinaryOp::Eq => Const::Bool(x == y),
        BinaryOp::Ne => Const::Bool(x != y),
        _ => return None,
    })
}

/// A conversion of a constant.
pub fn cast(to: Type, x: Const) -> Const {
    match (to, x) {
        (Type::Bool, Const::Bool(x)) => Const::Bool(x),
        (Type::Bool, Const::I32(x)) => Const::Bool(x != 0),
        (Type::Bool, Const::I64(x)) => Const::Bool(x != 0),
        (Type::Bool, Const::F64(bits)) => Const::Bool(f64::from_bits(bits) != 0.0),
        (Type::I32, Const::Bool(x)) => Const::I32(x.into()),
        (Type::I32, Const::I32(x)) => Const::I32(x),
        (Type::I32, Const::I64(x)) => Const::I32(x as i32),
        (Type::I32, Const::F64(bits)) => Const::I32(to_i32(f64::from_bits(bits))),
        (Type::I64, Const::Bool(x)) => Const::I64(x.into()),
        (Type::I64, Const::I32(x)) => Const::I64(x.into()),
        (Type::I64, Const::I64(x)) => Const::I64(x),
        (Type::I64, Const::F64(bits)) => Const::I64(to_i64(f64::from_bits(bits))),
        (Type::F64, Const::Bool(x)) => Const::f64(u8::from(x).into()),
        (Type::F64, Const::I32(x)) => Const::f64(x.into()),
        (Type::F64, Const::I64(x)) => Const::f64(x as f64),
        (Type::F64, Const::F64(bits)) => Const::F64(bits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_down_and_never_traps() {
        let cases = [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (5, 0, 0, 0), (6, 3, 2, 0)];
        for (x, y, quotient, rest) in cases {
            assert_eq!((div_i32(x, y), mod_i32(x, y)), (quotient, rest), "{x} by {y}");
            let (x, y) = (i64::from(x), i64::from(y));
            assert_eq!((div_i64(x, y), mod_i64(x, y)), (quotient.into(), rest.into()), "{x} by {y}");
        }
        assert_eq!((div_i32(i32::MIN, -1), mod_i32(i32::MIN, -1)), (i32::MIN, 0));
        assert_eq!((div_i64(i64::MIN, -1), mod_i64(i64::MIN, -1)), (i64::MIN, 0));
    }

    #[test]
    fn casts_of_floats_truncate_or_give_the_minimum() {
        for (x, expected) in [(2.9, 2), (-2.9, -2), (2147483647.9, i32::MAX), (-2147483648.9, i32::MIN)] {
            assert_eq!(to_i32(x), expected, "{x}");
        }
        for x in [2147483648.0, -2147483649.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(to_i32(x), i32::MIN, "{x}");
        }
        for x in [9.3e18, -9.3e18, f64::INFINITY, f64::NAN] {
            assert_eq!(to_i64(x), i64::MIN, "{x}");
        }
        assert_eq!(to_i64(-4e18), -4_000_000_000_000_000_000);
    }

    #[test]
    fn what_has_no_meaning_is_not_folded() {
        assert_eq!(unary(UnaryOp::ToBits, Const::f64(f64::NAN)), None);
        assert_eq!(binary(BinaryOp::Shl, Const::I64(1), Const::I64(64)), None);
        assert_eq!(binary(BinaryOp::Shr, Const::I64(1), Const::I64(-1)), None);
        assert_eq!(binary(BinaryOp::Shr, Const::I64(-1), Const::I64(63)), Some(Const::I64(1)));
    }
}

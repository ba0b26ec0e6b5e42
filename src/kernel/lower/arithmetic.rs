//! Arithmetic and functions of the model language as operations of the IR.

use super::{LowerError, Lowerer, Result, Site};
use crate::diag::Span;
use crate::expr::ast;
use crate::kernel::ir::{BinaryOp, Const, Expr, Stmt, Type, UnaryOp};
use crate::kernel::maths;

/// Largest exponent that is written out as multiplications.
const MAX_WRITTEN_POWER: u64 = 16;

impl Lowerer<'_> {
    pub(super) fn arithmetic(&mut self, op: ast::BinaryOp, x: Expr, y: Expr, span: Span) -> Result<Expr> {
        let (x, y) = self.promote(x, y);
        let float = self.ty(&x) == Type::F64;
        Ok(match op {
            ast::BinaryOp::Add => Expr::binary(BinaryOp::Add, x, y),
            ast::BinaryOp::Sub => Expr::binary(BinaryOp::Sub, x, y),
            ast::BinaryOp::Mul => signed_outside(BinaryOp::Mul, x, y),
            ast::BinaryOp::Div => {
                let (x, y) = (self.convert(x, Type::F64), self.convert(y, Type::F64));
                signed_outside(BinaryOp::Div, x, y)
            }
            ast::BinaryOp::FloorDiv if float => Expr::Call("floordiv", vec![x, y]),
            ast::BinaryOp::Mod if float => Expr::Call("floormod", vec![x, y]),
            ast::BinaryOp::FloorDiv => self.guarded(BinaryOp::FloorDiv, x, y, span),
            ast::BinaryOp::Mod => self.guarded(BinaryOp::Mod, x, y, span),
            ast::BinaryOp::Pow => return Err(LowerError("a power is no plain arithmetic".to_string())),
        })
    }

    /// Integer division, which reports a divisor of zero once through the call's flags.
    fn guarded(&mut self, op: BinaryOp, x: Expr, y: Expr, span: Span) -> Expr {
        if !matches!(y, Expr::Const(c) if c != Const::I32(0) && c != Const::I64(0)) {
            let site = Site { text: self.text.clone(), span };
            let bit = self.sites.iter().position(|s| *s == site).unwrap_or_else(|| {
                self.sites.push(site);
                self.sites.len() - 1
            });
            let zero = if self.ty(&y) == Type::I32 { Const::I32(0) } else { Const::I64(0) };
            let divides_by_zero = Expr::binary(BinaryOp::Eq, y.clone(), Expr::Const(zero));
            // There are 64 flags; further places share the last one.
            self.push(Stmt::Flag(bit.min(63) as u8, divides_by_zero));
        }
        Expr::binary(op, x, y)
    }

    pub(super) fn power(&mut self, base: &ast::Expr, exponent: &ast::Expr) -> Result<Expr> {
        let base = self.expr(base)?;
        let base = self.at_least_integer(base);
        let float = self.ty(&base) == Type::F64;
        if let Some(n) = written_integer(exponent) {
            let written_out = n.unsigned_abs() <= MAX_WRITTEN_POWER;
            if n >= 0 && written_out {
                return Ok(self.multiplied(base, n.unsigned_abs()));
            }
            if float && written_out {
                let below = self.multiplied(base, n.unsigned_abs());
                return Ok(Expr::binary(BinaryOp::Div, Expr::f64(1.0), below));
            }
        }
        if let ast::ExprKind::Float(0.5) = exponent.kind {
            let base = self.convert(base, Type::F64);
            return Ok(Expr::unary(UnaryOp::Sqrt, base));
        }
        let exponent = self.expr(exponent)?;
        let exponent = self.at_least_integer(exponent);
        let integer = self.ty(&base).max(self.ty(&exponent));
        let whole = (base.clone(), exponent.clone());
        let arguments = vec![self.convert(base, Type::F64), self.convert(exponent, Type::F64)];
        let value = Expr::Call("pow", arguments);
        if integer == Type::F64 {
            return Ok(value);
        }
        // An integer to the power of an integer is one again, and wraps; to a negative one it is truncated.
        let truncated = Expr::cast(integer, value);
        let (base, exponent) = (self.convert(whole.0, integer), self.convert(whole.1, Type::I64));
        let negative = Expr::binary(BinaryOp::Lt, exponent.clone(), zero(Type::I64));
        let product = self.power_by_squaring(base, exponent);
        Ok(Expr::select(negative, truncated, product))
    }

    /// `base**exponent` for an exponent known only when the kernel runs: all its 31 bits are looked at.
    fn power_by_squaring(&mut self, base: Expr, exponent: Expr) -> Expr {
        let ty = self.type_of(&base);
        let exponent = Expr::Local(self.bind("_exponent", exponent));
        let mut square = base;
        let mut result = self.convert(integer(1), ty);
        for bit in 0..31 {
            square = Expr::Local(self.bind("_power", square));
            let mask = Expr::Const(Const::I64(1 << bit));
            let set = Expr::binary(BinaryOp::Ne, Expr::binary(BinaryOp::And, exponent.clone(), mask), zero(Type::I64));
            let factor = Expr::select(set, square.clone(), self.convert(integer(1), ty));
            result = Expr::Local(self.bind("_power", Expr::binary(BinaryOp::Mul, result, factor)));
            square = Expr::binary(BinaryOp::Mul, square.clone(), square);
        }
        result
    }

    /// `base**n` by squaring, from the lowest bit up: one fixed order of multiplications.
    fn multiplied(&mut self, base: Expr, n: u64) -> Expr {
        if n == 0 {
            return match self.ty(&base) {
                Type::F64 => Expr::f64(1.0),
                Type::I64 => Expr::Const(Const::I64(1)),
                _ => Expr::Const(Const::I32(1)),
            };
        }
        let mut square = if n == 1 { base } else { Expr::Local(self.bind("_power", base)) };
        let mut result: Option<Expr> = None;
        let mut rest = n;
        loop {
            if rest & 1 == 1 {
                result = Some(match result {
                    None => square.clone(),
                    Some(r) => Expr::binary(BinaryOp::Mul, r, square.clone()),
                });
            }
            rest >>= 1;
            match (rest, result) {
                (0, Some(result)) => return result,
                (_, unfinished) => result = unfinished,
            }
            let squared = Expr::binary(BinaryOp::Mul, square.clone(), square);
            square = Expr::Local(self.bind("_power", squared));
        }
    }

    pub(super) fn call(&mut self, name: &str, mut arguments: Vec<Expr>) -> Result<Expr> {
        let mut next = || if arguments.is_empty() { Expr::f64(f64::NAN) } else { arguments.remove(0) };
        Ok(match name {
            "int" => {
                let x = next();
                match self.ty(&x) {
                    Type::Bool | Type::F64 => Expr::cast(Type::I32, x),
                    Type::I32 | Type::I64 => x,
                }
            }
            "abs" => {
                let x = next();
                let x = self.at_least_integer(x);
                match self.ty(&x) {
                    Type::F64 => Expr::unary(UnaryOp::Abs, x),
                    ty => {
                        let negative = Expr::binary(BinaryOp::Lt, x.clone(), zero(ty));
                        Expr::select(negative, Expr::unary(UnaryOp::Neg, x.clone()), x)
                    }
                }
            }
            "sign" => {
                let x = next();
                let x = self.at_least_integer(x);
                let ty = self.ty(&x);
                let (one, minus_one) = (self.convert(integer(1), ty), self.convert(integer(-1), ty));
                let negative = Expr::binary(BinaryOp::Lt, x.clone(), zero(ty));
                let positive = Expr::binary(BinaryOp::Lt, zero(ty), x.clone());
                Expr::select(positive, one, Expr::select(negative, minus_one, x))
            }
            "clip" => {
                let (x, low, high) = (next(), next(), next());
                let ty = [&x, &low, &high].into_iter().map(|e| self.ty(e)).max().unwrap_or(Type::F64).max(Type::I32);
                let (x, low, high) = (self.convert(x, ty), self.convert(low, ty), self.convert(high, ty));
                let raised = Expr::select(Expr::binary(BinaryOp::Lt, x.clone(), low.clone()), low, x);
                Expr::select(Expr::binary(BinaryOp::Lt, high.clone(), raised.clone()), high, raised)
            }
            "timestep" => {
                let (time, dt) = (next(), next());
                let (time, dt) = (self.convert(time, Type::F64), self.convert(dt, Type::F64));
                let steps = self.step_quotient(time, Some(dt))?;
                Expr::cast(Type::I64, steps)
            }
            "_select" => {
                let (condition, yes, no) = (next(), next(), next());
                let condition = self.convert(condition, Type::Bool);
                let (yes, no) = self.promote(yes, no);
                Expr::select(condition, yes, no)
            }
            _ => {
                let x = next();
                let x = self.convert(x, Type::F64);
                match name {
                    "sqrt" => Expr::unary(UnaryOp::Sqrt, x),
                    "floor" => Expr::unary(UnaryOp::Floor, x),
                    "ceil" => {
                        let down = Expr::unary(UnaryOp::Floor, Expr::unary(UnaryOp::Neg, x));
                        Expr::unary(UnaryOp::Neg, down)
                    }
                    _ => match maths::lookup(name) {
                        Some(builtin) => Expr::Call(builtin.name, vec![x]),
                        None => return Err(LowerError(format!("the function `{name}` has no implementation"))),
                    },
                }
            }
        })
    }
}

pub(super) fn integer(value: i64) -> Expr {
    Expr::Const(i32::try_from(value).map_or(Const::I64(value), Const::I32))
}

pub(super) fn zero(ty: Type) -> Expr {
    Expr::Const(match ty {
        Type::F64 => Const::f64(0.0),
        Type::I64 => Const::I64(0),
        _ => Const::I32(0),
    })
}

/// A product or quotient with the signs of its operands taken out, which is exact, so that `-a/x` and `a/x` share their
/// work.
pub(super) fn signed_outside(op: BinaryOp, x: Expr, y: Expr) -> Expr {
    let positive = |e: Expr| match e {
        Expr::Const(Const::F64(bits)) if f64::from_bits(bits) < 0.0 => (Expr::f64(-f64::from_bits(bits)), true),
        Expr::Unary(UnaryOp::Neg, inner) => (*inner, true),
        e => (e, false),
    };
    let ((x, x_negative), (y, y_negative)) = (positive(x), positive(y));
    let value = Expr::binary(op, x, y);
    if x_negative != y_negative { Expr::unary(UnaryOp::Neg, value) } else { value }
}

/// The value of an expression of whole numbers written out, as Python computes it; `None` if there is anything else in
/// it, if it is no whole number, or if it is beyond reason.
pub(super) fn whole_number(expr: &ast::Expr) -> Option<i128> {
    match &expr.kind {
        ast::ExprKind::Int(value) => Some(i128::from(*value)),
        ast::ExprKind::Unary(ast::UnaryOp::Neg, x) => whole_number(x)?.checked_neg(),
        ast::ExprKind::Binary(op, x, y) => {
            let (x, y) = (whole_number(x)?, whole_number(y)?);
            match op {
                ast::BinaryOp::Add => x.checked_add(y),
                ast::BinaryOp::Sub => x.checked_sub(y),
                ast::BinaryOp::Mul => x.checked_mul(y),
                ast::BinaryOp::Pow => x.checked_pow(u32::try_from(y).ok()?),
                ast::BinaryOp::FloorDiv if y != 0 => {
                    let quotient = x.checked_div(y)?;
                    Some(if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient })
                }
                ast::BinaryOp::Mod if y != 0 => {
                    let rest = x.checked_rem(y)?;
                    Some(if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest })
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `0` or `0.0`.
pub(super) fn is_zero(expr: &ast::Expr) -> bool {
    matches!(expr.kind, ast::ExprKind::Int(0) | ast::ExprKind::Float(0.0))
}

/// `3` or `-3`.
fn written_integer(expr: &ast::Expr) -> Option<i64> {
    match &expr.kind {
        ast::ExprKind::Int(value) => Some(*value),
        ast::ExprKind::Unary(ast::UnaryOp::Neg, x) => Some(-written_integer(x)?),
        _ => None,
    }
}

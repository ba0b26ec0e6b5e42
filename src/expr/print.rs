//! Trees to text, with as few parentheses as the grammar allows: parsing what is printed gives the tree back.

use std::fmt;

use super::ast::{AssignOp, BinaryOp, Expr, ExprKind, LogicOp, Statement, UnaryOp};

/// Binding strength, weakest first; the levels of the grammar.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Or,
    And,
    Not,
    Compare,
    Sum,
    Product,
    Sign,
    Power,
    Atom,
}

fn level(expr: &Expr) -> Level {
    match &expr.kind {
        ExprKind::Logic(LogicOp::Or, ..) => Level::Or,
        ExprKind::Logic(LogicOp::And, ..) => Level::And,
        ExprKind::Unary(UnaryOp::Not, _) => Level::Not,
        ExprKind::Compare(..) => Level::Compare,
        ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..) => Level::Sum,
        ExprKind::Binary(BinaryOp::Mul | BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod, ..) => Level::Product,
        ExprKind::Unary(UnaryOp::Neg, _) => Level::Sign,
        ExprKind::Int(v) if *v < 0 => Level::Sign,
        ExprKind::Float(v) if v.is_sign_negative() => Level::Sign,
        ExprKind::Binary(BinaryOp::Pow, ..) => Level::Power,
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bool(_) | ExprKind::Name(_) | ExprKind::Call(..) => {
            Level::Atom
        }
    }
}

fn operand(f: &mut fmt::Formatter<'_>, expr: &Expr, least: Level) -> fmt::Result {
    if level(expr) < least { write!(f, "({expr})") } else { write!(f, "{expr}") }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Int(value) => write!(f, "{value}"),
            ExprKind::Float(value) if value.is_infinite() => f.write_str(if *value > 0.0 { "inf" } else { "-inf" }),
            ExprKind::Float(value) => write!(f, "{value:?}"),
            ExprKind::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            ExprKind::Name(name) => f.write_str(name),
            ExprKind::Unary(UnaryOp::Neg, x) => {
                f.write_str("-")?;
                operand(f, x, Level::Sign)
            }
            ExprKind::Unary(UnaryOp::Not, x) => {
                f.write_str("not ")?;
                operand(f, x, Level::Not)
            }
            ExprKind::Binary(BinaryOp::Pow, x, y) => {
                operand(f, x, Level::Atom)?;
                f.write_str("**")?;
                operand(f, y, Level::Sign)
            }
            ExprKind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub), x, y) => {
                operand(f, x, Level::Sum)?;
                write!(f, " {} ", op.symbol())?;
                operand(f, y, Level::Product)
            }
            ExprKind::Binary(op, x, y) => {
                operand(f, x, Level::Product)?;
                f.write_str(op.symbol())?;
                operand(f, y, Level::Sign)
            }
            ExprKind::Compare(op, x, y) => {
                operand(f, x, Level::Sum)?;
                write!(f, " {} ", op.symbol())?;
                operand(f, y, Level::Sum)
            }
            ExprKind::Logic(op, x, y) => {
                let (left, right) = match op {
                    LogicOp::Or => (Level::Or, Level::And),
                    LogicOp::And => (Level::And, Level::Not),
                };
                operand(f, x, left)?;
                write!(f, " {} ", op.symbol())?;
                operand(f, y, right)
            }
            ExprKind::Call(name, arguments) => {
                write!(f, "{name}(")?;
                for (k, argument) in arguments.iter().enumerate() {
                    let separator = if k == 0 { "" } else { ", " };
                    write!(f, "{separator}{argument}")?;
                }
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.op {
            AssignOp::Set => write!(f, "{} = {}", self.target, self.value),
            AssignOp::Update(op) => write!(f, "{} {}= {}", self.target, op.symbol(), self.value),
        }
    }
}

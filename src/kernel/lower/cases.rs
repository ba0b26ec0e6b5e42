//! Statements whose value is told by cases, for the values that booleans have.

use super::{Lowerer, Result};
use crate::expr::ast;
use crate::kernel::ir::{BinaryOp, Expr, Type, UnaryOp};

/// A case of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Names of booleans, and what they are in this case.
    pub booleans: Vec<(String, bool)>,
    /// The right-hand side then.
    pub value: ast::Expr,
}

impl Lowerer<'_> {
    /// Lowers a statement for each element whose floating-point value is told by cases, one of which holds: then only
    /// selecting is left of what the booleans are for. There is at least one case, and none of them calls the host.
    ///
    /// # Errors
    /// As of [`statement`](Lowerer::statement).
    pub fn statement_by_cases(&mut self, statement: &ast::Statement, cases: &[Case]) -> Result<()> {
        self.statement_here(statement, cases)
    }

    pub(super) fn value_by_cases(&mut self, statement: &ast::Statement, cases: &[Case]) -> Result<Expr> {
        let mut chosen = None;
        for case in cases.iter().rev() {
            let value = self.assigned(statement, &case.value)?;
            let value = self.convert(value, Type::F64);
            let mut condition = None;
            for (name, expected) in &case.booleans {
                let is_true = self.name(name)?;
                let holds = if *expected { is_true } else { Expr::unary(UnaryOp::Not, is_true) };
                condition = Some(match condition {
                    Some(before) => Expr::binary(BinaryOp::And, before, holds),
                    None => holds,
                });
            }
            chosen = Some(match (chosen, condition) {
                (Some(otherwise), Some(condition)) => Expr::select(condition, value, otherwise),
                _ => value,
            });
        }
        chosen.map_or_else(|| self.assigned(statement, &statement.value), Ok)
    }

    /// What a statement assigns if this is its right-hand side.
    pub(super) fn assigned(&mut self, statement: &ast::Statement, value: &ast::Expr) -> Result<Expr> {
        match statement.op {
            ast::AssignOp::Set => self.expr(value),
            ast::AssignOp::Update(op) => {
                let mut whole = ast::Expr::name(statement.target.clone()).binary(op, value.clone());
                whole.span = statement.span;
                self.expr(&whole)
            }
        }
    }
}

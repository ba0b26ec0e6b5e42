//! Refractoriness, and counting in steps, as statements of the IR.

use super::{Lowerer, Result};
use crate::expr::ast;
use crate::kernel::ir::{BinaryOp, Expr, Index, Stmt, Storage, Type, UnaryOp};

impl Lowerer<'_> {
    /// The same line as a refractory cell's state update starts with: `not_refractory` is true once the time since the
    /// last spike, in steps, is at least the refractory time, in steps (Brian2's rule).
    pub fn refractory_time(&mut self, time: &ast::Expr) -> Result<()> {
        self.vector
            .push(Stmt::Comment(format!("not_refractory = timestep(t - lastspike, dt) >= timestep({time}, dt)")));
        let since = Expr::binary(BinaryOp::Sub, self.name("t")?, self.name("lastspike")?);
        let since = self.whole_steps(since)?;
        let time = self.expr(time)?;
        let time = self.convert(time, Type::F64);
        let steps = self.whole_steps(time)?;
        self.store("not_refractory", Storage::Bool, Index::Element, None, Expr::binary(BinaryOp::Le, steps, since))
    }

    /// `not_refractory = not_refractory or not condition`
    pub fn refractory_while(&mut self, condition: &ast::Expr) -> Result<()> {
        let negated = condition.clone().unary(ast::UnaryOp::Not);
        self.vector.push(Stmt::Comment(format!("not_refractory = not_refractory or {negated}")));
        let value = Expr::binary(BinaryOp::Or, self.name("not_refractory")?, self.expr(&negated)?);
        self.store("not_refractory", Storage::Bool, Index::Element, None, value)
    }

    /// What `timestep(time, dt)` would be, but as a float, which every instruction set can truncate and compare.
    fn whole_steps(&mut self, time: Expr) -> Result<Expr> {
        let quotient = self.step_quotient(time, None)?;
        let local = Expr::Local(self.bind("_steps", quotient));
        let limit = 9_223_372_036_854_775_808.0;
        let fits = Expr::binary(BinaryOp::Lt, Expr::unary(UnaryOp::Abs, local.clone()), Expr::f64(limit));
        Ok(Expr::select(fits, Expr::unary(UnaryOp::Trunc, local), Expr::f64(-limit)))
    }

    /// `(time + dt/1000)/dt`
    pub(super) fn step_quotient(&mut self, time: Expr, dt: Option<Expr>) -> Result<Expr> {
        let dt = match dt {
            Some(dt) => dt,
            None => self.name("dt")?,
        };
        let nudge = Expr::binary(BinaryOp::Mul, Expr::f64(1e-3), dt.clone());
        Ok(Expr::binary(BinaryOp::Div, Expr::binary(BinaryOp::Add, time, nudge), dt))
    }
}

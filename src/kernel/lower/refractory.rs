//! Refractoriness, and counting in steps, as statements of the IR.

use super::{Lowerer, Result};
use crate::expr::ast;
use crate::kernel::ir::{BinaryOp, Const, Expr, Index, Stmt, Storage, Type, UnaryOp};

/// The time since the last spike, a thousandth of a step added, from which on cells are not refractory.
pub const NOT_FROM: &str = "_not_refractory_from";

/// And the one until which they are not.
pub const NOT_UNTIL: &str = "_not_refractory_until";

impl Lowerer<'_> {
    /// The same line as a refractory cell's state update starts with: `not_refractory` is true once the time since the
    /// last spike, in steps, is at least the refractory time, in steps (Brian2's rule); without a division for each cell
    /// where the bounds of that are known.
    pub fn refractory_time(&mut self, time: &ast::Expr) -> Result<()> {
        self.vector
            .push(Stmt::Comment(format!("not_refractory = timestep(t - lastspike, dt) >= timestep({time}, dt)")));
        let since = Expr::binary(BinaryOp::Sub, self.name("t")?, self.name("lastspike")?);
        if self.symbols.symbol(NOT_FROM).is_some() {
            let dt = self.name("dt")?;
            let since = Expr::binary(BinaryOp::Add, since, nudge(dt));
            let since = Expr::Local(self.bind("_since", since));
            let is_enough = Expr::binary(BinaryOp::Le, self.name(NOT_FROM)?, since.clone());
            let fits = Expr::binary(BinaryOp::Lt, since, self.name(NOT_UNTIL)?);
            let value = Expr::binary(BinaryOp::And, is_enough, fits);
            return self.store("not_refractory", Storage::Bool, Index::Element, None, value);
        }
        let since = self.whole_steps(since)?;
        let time = self.expr(time)?;
        let time = self.convert(time, Type::F64);
        let steps = self.whole_steps(time)?;
        self.store("not_refractory", Storage::Bool, Index::Element, None, Expr::binary(BinaryOp::Le, steps, since))
    }

    /// Computes between which times since the last spike, a thousandth of a step added, a cell is not refractory, if all
    /// cells have one refractory time: rounded quotients by the same number keep the order of the dividends, so there is a
    /// least one that gives enough steps, and one from which on there are too many for an integer.
    pub fn refractory_bounds(&mut self, time: &ast::Expr) -> Result<()> {
        self.in_scalar = true;
        let time = self.expr(time)?;
        let time = self.convert(time, Type::F64);
        let steps = self.whole_steps(time)?;
        let steps = Expr::Local(self.bind("_refractory_steps", steps));
        let dt = self.name("dt")?;
        let enough = self.least_dividend(steps.clone(), dt.clone());
        let too_many = self.least_dividend(Expr::f64(STEPS_LIMIT), dt);
        // What no integer can say counts as the least one.
        let always = Expr::binary(BinaryOp::Le, steps, Expr::f64(-STEPS_LIMIT));
        let bound = |bound, otherwise| Expr::select(always.clone(), Expr::f64(otherwise), bound);
        self.store(NOT_FROM, Storage::F64, Index::Zero, None, bound(enough, f64::NEG_INFINITY))?;
        self.store(NOT_UNTIL, Storage::F64, Index::Zero, None, bound(too_many, f64::INFINITY))?;
        self.in_scalar = false;
        Ok(())
    }

    /// The least float whose quotient by `divisor`, which is above zero, is at least `quotient`, a whole number, once cut to
    /// a whole number: within three places of a product.
    fn least_dividend(&mut self, quotient: Expr, divisor: Expr) -> Expr {
        // Cut down is cut towards zero.
        let is_above = Expr::binary(BinaryOp::Lt, Expr::f64(0.0), quotient.clone());
        let one_less = Expr::binary(BinaryOp::Sub, quotient.clone(), Expr::f64(1.0));
        let near = Expr::select(is_above, quotient.clone(), one_less);
        let product = Expr::binary(BinaryOp::Mul, near, divisor.clone());
        let bits = Expr::Local(self.bind("_bits", Expr::unary(UnaryOp::ToBits, product)));
        // The bits of negative floats run the other way.
        let is_negative = Expr::binary(BinaryOp::Lt, bits.clone(), Expr::Const(Const::I64(0)));
        let up = Expr::select(is_negative, Expr::Const(Const::I64(-1)), Expr::Const(Const::I64(1)));
        let up = Expr::Local(self.bind("_up", up));
        let mut least = None;
        for k in (-3..=3).rev() {
            let offset = Expr::binary(BinaryOp::Mul, up.clone(), Expr::Const(Const::I64(k)));
            let dividend = Expr::unary(UnaryOp::FromBits, Expr::binary(BinaryOp::Add, bits.clone(), offset));
            let dividend = Expr::Local(self.bind("_dividend", dividend));
            let cut = Expr::unary(UnaryOp::Trunc, Expr::binary(BinaryOp::Div, dividend.clone(), divisor.clone()));
            let is_enough = Expr::binary(BinaryOp::Le, quotient.clone(), cut);
            let found = match least {
                None => dividend,
                Some(least) => Expr::select(is_enough, dividend, least),
            };
            least = Some(Expr::Local(self.bind("_least", found)));
        }
        least.unwrap_or(quotient)
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
        let fits = Expr::binary(BinaryOp::Lt, Expr::unary(UnaryOp::Abs, local.clone()), Expr::f64(STEPS_LIMIT));
        Ok(Expr::select(fits, Expr::unary(UnaryOp::Trunc, local), Expr::f64(-STEPS_LIMIT)))
    }

    /// `(time + dt/1000)/dt`
    pub(super) fn step_quotient(&mut self, time: Expr, dt: Option<Expr>) -> Result<Expr> {
        let dt = match dt {
            Some(dt) => dt,
            None => self.name("dt")?,
        };
        Ok(Expr::binary(BinaryOp::Div, Expr::binary(BinaryOp::Add, time, nudge(dt.clone())), dt))
    }
}

/// Steps from this number on are not counted: 2⁶³.
const STEPS_LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// A thousandth of a step: what is nearly a whole number of steps counts as that.
fn nudge(dt: Expr) -> Expr {
    Expr::binary(BinaryOp::Mul, Expr::f64(1e-3), dt)
}

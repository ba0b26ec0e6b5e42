//! An expression as a sum of powers of one name, with expressions as coefficients.
//!
//! Products, quotients by monomials and whole powers are multiplied out only as far as the name is involved, so that
//! coefficients keep the form that was written: `(g*m**3*(E - v))/C` in powers of `v` is `g*m**3*E/C - g*m**3/C*v`.

use std::collections::BTreeMap;

use super::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use super::{identity, simplify};

/// Highest whole power of a sum that is multiplied out.
const MAX_POWER: i64 = 8;
/// Most nodes that the coefficients of one expression may have.
pub const MAX_NODES: usize = 20_000;

/// Coefficients by exponent; those that are zero are absent.
pub type Powers = BTreeMap<i32, Expr>;

/// The coefficients would have more than [`MAX_NODES`] nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// The expression in powers of the name. What is no sum, product, quotient or whole power counts as free of the name:
/// `v*exp(v) + exp(v)` has the coefficients `exp(v)` of `v` and `exp(v)` of `v**0`. Coefficients that are identically
/// zero are left out.
pub fn powers(expr: &Expr, name: &str) -> Result<Powers, TooLarge> {
    let mut powers = expanded(expr, name)?;
    powers.retain(|_, coefficient| !identity::is_zero(coefficient));
    Ok(powers)
}

fn nodes(powers: &Powers) -> usize {
    powers.values().map(simplify::size).sum()
}

fn constant(expr: &Expr) -> Powers {
    Powers::from([(0, expr.clone())])
}

fn expanded(expr: &Expr, name: &str) -> Result<Powers, TooLarge> {
    if !expr.mentions(name) {
        return Ok(constant(expr));
    }
    let out = match &expr.kind {
        ExprKind::Name(_) => Powers::from([(1, Expr::int(1))]),
        ExprKind::Unary(UnaryOp::Neg, x) => map(expanded(x, name)?, simplify::neg),
        ExprKind::Binary(BinaryOp::Add, x, y) => sum(expanded(x, name)?, expanded(y, name)?),
        ExprKind::Binary(BinaryOp::Sub, x, y) => sum(expanded(x, name)?, map(expanded(y, name)?, simplify::neg)),
        ExprKind::Binary(BinaryOp::Mul, x, y) => product(&expanded(x, name)?, &expanded(y, name)?)?,
        ExprKind::Binary(BinaryOp::Div, x, y) => quotient(expanded(x, name)?, y, &powers(y, name)?),
        ExprKind::Binary(BinaryOp::Pow, base, exponent) => match simplify::integer(exponent) {
            Some(n) => power(&powers(base, name)?, n)?.unwrap_or_else(|| constant(expr)),
            None => constant(expr),
        },
        _ => constant(expr),
    };
    // Sums cannot grow, and products have been measured before they were made.
    let can_grow = matches!(&expr.kind, ExprKind::Binary(BinaryOp::Div | BinaryOp::Pow, ..));
    if can_grow && nodes(&out) > MAX_NODES { Err(TooLarge) } else { Ok(out) }
}

fn map(powers: Powers, f: impl Fn(Expr) -> Expr) -> Powers {
    powers.into_iter().map(|(exponent, coefficient)| (exponent, f(coefficient))).collect()
}

fn insert(powers: &mut Powers, exponent: i32, coefficient: Expr) {
    let sum = match powers.remove(&exponent) {
        Some(before) => simplify::add(before, coefficient),
        None => coefficient,
    };
    if !simplify::is_zero(&sum) {
        powers.insert(exponent, sum);
    }
}

fn sum(mut left: Powers, right: Powers) -> Powers {
    for (exponent, coefficient) in right {
        insert(&mut left, exponent, coefficient);
    }
    left
}

fn product(left: &Powers, right: &Powers) -> Result<Powers, TooLarge> {
    if nodes(left) * right.len() + nodes(right) * left.len() > MAX_NODES {
        return Err(TooLarge);
    }
    let mut out = Powers::new();
    for (i, x) in left {
        for (j, y) in right {
            insert(&mut out, i.checked_add(*j).ok_or(TooLarge)?, simplify::mul(x.clone(), y.clone()));
        }
    }
    Ok(out)
}

fn quotient(numerator: Powers, written: &Expr, denominator: &Powers) -> Powers {
    let mut monomials = denominator.iter();
    match (monomials.next(), monomials.next()) {
        (Some((shift, coefficient)), None) => numerator
            .into_iter()
            .map(|(exponent, c)| (exponent.saturating_sub(*shift), simplify::div(c, coefficient.clone())))
            .collect(),
        _ => map(numerator, |c| simplify::div(c, written.clone())),
    }
}

/// `None` if it is left as written.
fn power(base: &Powers, n: i64) -> Result<Option<Powers>, TooLarge> {
    if base.len() == 1 {
        let mut out = Powers::new();
        for (exponent, coefficient) in base {
            let exponent = i32::try_from(i64::from(*exponent).saturating_mul(n)).map_err(|_| TooLarge)?;
            out.insert(exponent, simplify::pow(coefficient.clone(), n));
        }
        return Ok(Some(out));
    }
    if !(0..=MAX_POWER).contains(&n) {
        return Ok(None);
    }
    let mut out = constant(&Expr::int(1));
    for _ in 0..n {
        out = product(&out, base)?;
    }
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Diagnostics, Text};
    use crate::expr::parser;

    fn show(source: &str) -> String {
        let tree = parser::expression(&Text::new("text", source), &mut Diagnostics::default()).expect(source);
        match powers(&tree, "v") {
            Ok(powers) => powers.iter().map(|(e, c)| format!("{e}: {c}")).collect::<Vec<_>>().join("; "),
            Err(TooLarge) => "too large".to_string(),
        }
    }

    #[test]
    fn coefficients_keep_their_written_form() {
        for (source, expected) in [
            ("-v/tau", "1: -1/tau"),
            ("(E - v)/tau", "0: E/tau; 1: -1/tau"),
            ("(ge + gi - (v - El))/taum", "0: (ge + gi + El)/taum; 1: -1/taum"),
            ("(gl*(El - v) - g*(m*m*m)*h*(v - E))/Cm", "0: (gl*El + g*(m*m*m)*h*E)/Cm; 1: (-gl - g*(m*m*m)*h)/Cm"),
            ("v*(1 - v)", "1: 1; 2: -1"),
            ("v - v**2 + v**2", "1: 1"),
            ("(v + 1)**2 - v**2", "0: 1; 1: 2"),
            ("v*(1 - v)/tau + v**2/tau", "1: 1/tau"),
            ("1/(1/v)", "1: 1"),
            ("v/v/tau", "0: 1/tau"),
            ("v**3/v", "2: 1"),
            ("1/v", "-1: 1"),
            ("(2*v)**-2", "-2: 1/2**2"),
            ("(v + 1)**-2", "0: (v + 1)**-2"),
            ("v/(v + 1)", "1: 1/(v + 1)"),
            ("v*exp(v) + exp(v)", "0: exp(v); 1: exp(v)"),
            ("int(v > 1)*v", "1: int(v > 1)"),
            ("v**0.5*v", "1: v**0.5"),
            ("v//1", "0: v//1"),
            ("E/tau", "0: E/tau"),
            ("0*v", ""),
            ("v**2147483648", "too large"),
        ] {
            assert_eq!(show(source), expected, "{source}");
        }
    }

    #[test]
    fn products_of_many_sums_are_refused_in_time() {
        let factor = "(v + a + b + c)";
        assert_eq!(show(&[factor; 12].join("*")), "too large");
        assert_eq!(show(&format!("(({factor}**8)**8)**8")), "too large");
    }
}

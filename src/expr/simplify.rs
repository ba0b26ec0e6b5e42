//! Algebra on trees: constructors that leave out what changes nothing (`0*x`, `1*x`, `x + 0`, `--x`, `x/1`), so that
//! statements made by machine read as if written by hand.
//!
//! Only literals that are integers are computed with, and only where the result is exact. A minus sign is kept on the
//! leftmost factor of a product, where it prints without parentheses. `0*x` is 0 also for an `x` that is not finite.
//! Two calls that draw random numbers are never the same: `rand() - rand()` stays.

use super::ast::{BinaryOp, Expr, ExprKind, LogicOp, UnaryOp};
use super::check::draws;

/// Whether the call of a function is a number drawn anew each time.
pub fn is_random(function: &str) -> bool {
    draws(function)
}

/// The calls that draw random numbers, in the order in which they stand.
pub fn random_calls(expr: &Expr) -> Vec<&Expr> {
    let mut calls = Vec::new();
    expr.walk(&mut |e| {
        if matches!(&e.kind, ExprKind::Call(function, _) if is_random(function)) {
            calls.push(e);
        }
    });
    calls
}

fn have_the_same_value(x: &Expr, y: &Expr) -> bool {
    x == y && random_calls(x).is_empty()
}

/// The value of an integer literal, with its sign.
pub fn integer(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        ExprKind::Int(value) => Some(*value),
        ExprKind::Unary(UnaryOp::Neg, x) => integer(x)?.checked_neg(),
        _ => None,
    }
}

/// Whether it is a literal zero.
pub fn is_zero(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(value) => *value == 0,
        ExprKind::Float(value) => *value == 0.0,
        ExprKind::Unary(UnaryOp::Neg, x) => is_zero(x),
        _ => false,
    }
}

/// Whether it is a literal one.
pub fn is_one(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(value) => *value == 1,
        ExprKind::Float(value) => *value == 1.0,
        _ => false,
    }
}

/// An integer literal; the sign is an operator, as the parser has it.
pub fn literal(value: i64) -> Expr {
    match value.checked_neg() {
        Some(positive) if value < 0 => Expr::int(positive).unary(UnaryOp::Neg),
        _ => Expr::int(value),
    }
}

fn folded(x: &Expr, y: &Expr, compute: fn(i64, i64) -> Option<i64>) -> Option<Expr> {
    compute(integer(x)?, integer(y)?).map(literal)
}

/// `-x` without its sign, if it shows one.
fn negated(expr: &Expr) -> Option<Expr> {
    match &expr.kind {
        ExprKind::Int(value) if *value < 0 => value.checked_neg().map(Expr::int),
        ExprKind::Float(value) if *value < 0.0 => Some(Expr::float(-value)),
        ExprKind::Unary(UnaryOp::Neg, x) => Some((**x).clone()),
        ExprKind::Binary(BinaryOp::Mul, x, y) => Some(mul(negated(x)?, (**y).clone())),
        ExprKind::Binary(BinaryOp::Div, x, y) => Some(div(negated(x)?, (**y).clone())),
        _ => None,
    }
}

/// `-x`
pub fn neg(x: Expr) -> Expr {
    if is_zero(&x) {
        return Expr::int(0);
    }
    if let Some(positive) = negated(&x) {
        return positive;
    }
    let span = x.span;
    let kind = match x.kind {
        ExprKind::Binary(BinaryOp::Sub, left, right) => ExprKind::Binary(BinaryOp::Sub, right, left),
        ExprKind::Binary(op @ (BinaryOp::Mul | BinaryOp::Div), left, right) => {
            ExprKind::Binary(op, Box::new(neg(*left)), right)
        }
        kind => return Expr::new(kind, span).unary(UnaryOp::Neg),
    };
    Expr::new(kind, span)
}

/// `x + y`
pub fn add(x: Expr, y: Expr) -> Expr {
    if is_zero(&x) {
        return y;
    }
    if is_zero(&y) {
        return x;
    }
    if let Some(sum) = folded(&x, &y, i64::checked_add) {
        return sum;
    }
    if let Some(positive) = negated(&y) {
        return sub(x, positive);
    }
    match negated(&x) {
        Some(positive) => sub(y, positive),
        None => x.binary(BinaryOp::Add, y),
    }
}

/// `x - y`
pub fn sub(x: Expr, y: Expr) -> Expr {
    if is_zero(&y) {
        return x;
    }
    if is_zero(&x) {
        return neg(y);
    }
    if have_the_same_value(&x, &y) {
        return Expr::int(0);
    }
    if let Some(difference) = folded(&x, &y, i64::checked_sub) {
        return difference;
    }
    match negated(&y) {
        Some(positive) => add(x, positive),
        None => x.binary(BinaryOp::Sub, y),
    }
}

/// `x*y`
pub fn mul(x: Expr, y: Expr) -> Expr {
    if is_zero(&x) || is_zero(&y) {
        return Expr::int(0);
    }
    if is_one(&x) {
        return y;
    }
    if is_one(&y) {
        return x;
    }
    if let Some(product) = folded(&x, &y, i64::checked_mul) {
        return product;
    }
    if integer(&x) == Some(-1) {
        return neg(y);
    }
    if let Some(positive) = negated(&y) {
        return neg(mul(x, positive));
    }
    match (&x.kind, &y.kind) {
        (_, ExprKind::Binary(BinaryOp::Div, numerator, denominator)) => {
            div(mul(x, (**numerator).clone()), (**denominator).clone())
        }
        (ExprKind::Binary(BinaryOp::Div, numerator, denominator), _) if is_one(numerator) => {
            div(y, (**denominator).clone())
        }
        _ => x.binary(BinaryOp::Mul, y),
    }
}

/// `x/y`
pub fn div(x: Expr, y: Expr) -> Expr {
    if is_zero(&x) && !is_zero(&y) {
        return Expr::int(0);
    }
    if is_one(&y) {
        return x;
    }
    if !is_zero(&y) && have_the_same_value(&x, &y) {
        return Expr::int(1);
    }
    if let Some(quotient) = folded(&x, &y, |a, b| (a.checked_rem(b)? == 0).then(|| a.checked_div(b))?) {
        return quotient;
    }
    if let Some(positive) = negated(&y) {
        return neg(div(x, positive));
    }
    match y.kind {
        ExprKind::Binary(BinaryOp::Div, numerator, denominator) => div(mul(x, *denominator), *numerator),
        kind => {
            let y = Expr::new(kind, y.span);
            x.binary(BinaryOp::Div, y)
        }
    }
}

/// `x**n`
pub fn pow(x: Expr, n: i64) -> Expr {
    match n {
        0 => Expr::int(1),
        1 => x,
        _ if is_one(&x) => x,
        _ if n < 0 => match n.checked_neg() {
            Some(positive) => div(Expr::int(1), pow(x, positive)),
            None => x.binary(BinaryOp::Pow, literal(n)),
        },
        _ => x.binary(BinaryOp::Pow, Expr::int(n)),
    }
}

/// The same value, put together anew by the constructors of this module.
pub fn rebuild(expr: &Expr) -> Expr {
    let rebuilt = expr.map_children(rebuild);
    let span = rebuilt.span;
    let mut out = match rebuilt.kind {
        ExprKind::Unary(UnaryOp::Neg, x) => neg(*x),
        ExprKind::Unary(UnaryOp::Not, x) => match x.kind {
            ExprKind::Bool(value) => Expr::new(ExprKind::Bool(!value), span),
            _ => x.unary(UnaryOp::Not),
        },
        ExprKind::Binary(BinaryOp::Add, x, y) => add(*x, *y),
        ExprKind::Binary(BinaryOp::Sub, x, y) => sub(*x, *y),
        ExprKind::Binary(BinaryOp::Mul, x, y) => mul(*x, *y),
        ExprKind::Binary(BinaryOp::Div, x, y) => div(*x, *y),
        ExprKind::Binary(BinaryOp::Pow, x, y) => match integer(&y) {
            Some(n) => pow(*x, n),
            None => x.binary(BinaryOp::Pow, *y),
        },
        ExprKind::Logic(op, x, y) => logic(op, *x, *y),
        ExprKind::Call(name, arguments) => match arguments.first().map(|a| &a.kind) {
            Some(ExprKind::Bool(value)) if name == "int" => Expr::int(i64::from(*value)),
            _ => Expr::new(ExprKind::Call(name, arguments), span),
        },
        kind => Expr::new(kind, span),
    };
    out.span = span;
    out
}

fn logic(op: LogicOp, x: Expr, y: Expr) -> Expr {
    // `True and y` is y, `False and y` is False; the other way round for `or`.
    let neutral = op == LogicOp::And;
    match (&x.kind, &y.kind) {
        (ExprKind::Bool(value), _) => {
            if *value == neutral {
                y
            } else {
                x
            }
        }
        (_, ExprKind::Bool(value)) => {
            if *value == neutral {
                x
            } else {
                y
            }
        }
        _ => {
            let span = x.span;
            Expr::new(ExprKind::Logic(op, Box::new(x), Box::new(y)), span)
        }
    }
}

/// The same with `1/x**n` for `x**-n`: in differential equations powers of integers with a negative exponent are
/// floats, as in Brian2, while in statements they are integers.
#[must_use]
pub fn reciprocal_powers(expr: &Expr) -> Expr {
    let out = expr.map_children(reciprocal_powers);
    let ExprKind::Binary(BinaryOp::Pow, base, exponent) = &out.kind else { return out };
    match integer(exponent) {
        Some(n) if n < 0 => {
            let mut power = pow((**base).clone(), n);
            power.span = out.span;
            power
        }
        _ => out,
    }
}

/// How many nodes the tree has.
pub fn size(expr: &Expr) -> usize {
    1 + expr.children().map(size).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Diagnostics, Text};
    use crate::expr::{identity, parser};
    use proptest::prelude::*;

    fn parse(source: &str) -> Expr {
        parser::expression(&Text::new("text", source), &mut Diagnostics::default()).expect(source)
    }

    #[test]
    fn what_changes_nothing_is_left_out() {
        for (source, expected) in [
            ("0*x + 1*y", "y"),
            ("x*0.0 - y", "-y"),
            ("x + 0 - 0", "x"),
            ("--x", "x"),
            ("x/1", "x"),
            ("-(a - b)", "b - a"),
            ("-(a*b)", "-a*b"),
            ("-(1/tau)", "-1/tau"),
            ("x + -1/tau", "x - 1/tau"),
            ("-a + b", "b - a"),
            ("x - -y", "x + y"),
            ("x*-y", "-x*y"),
            ("-1*x", "-x"),
            ("x*(1/tau)", "x/tau"),
            ("1/tau*x", "x/tau"),
            ("1/(1/x)", "x"),
            ("x/-tau", "-x/tau"),
            ("x - x", "0"),
            ("x/x", "1"),
            ("f(x, t) - f(x, t)", "0"),
            ("rand() - rand()", "rand() - rand()"),
            ("(a + randn())/(a + randn())", "(a + randn())/(a + randn())"),
            ("0*rand()", "0"),
            ("2*3 + 4", "10"),
            ("2 - 3", "-1"),
            ("6/3", "2"),
            ("5/2", "5/2"),
            ("1//2", "1//2"),
            ("1/0", "1/0"),
            ("0/0", "0/0"),
            ("9223372036854775807 + 1", "9223372036854775807 + 1"),
            ("x**1 + y**0", "x + 1"),
            ("0.1 + 0.2", "0.1 + 0.2"),
            ("int(True)*x", "x"),
            ("int(not True and b)", "0"),
            ("int(a or False)", "int(a)"),
        ] {
            assert_eq!(rebuild(&parse(source)).to_string(), expected, "{source}");
        }
    }

    #[test]
    fn negative_powers_become_quotients() {
        for (source, expected) in
            [("2**-1", "1/2"), ("n**-2*x", "1/n**2*x"), ("x**-y", "x**-y"), ("f(x**-1.0)", "f(x**-1.0)")]
        {
            assert_eq!(reciprocal_powers(&parse(source)).to_string(), expected, "{source}");
        }
    }

    fn tree() -> impl Strategy<Value = Expr> {
        let leaf = prop_oneof![(0i64..4).prop_map(Expr::int), "[a-c]".prop_map(Expr::name)];
        let op = prop::sample::select(vec![BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div]);
        leaf.prop_recursive(5, 32, 2, move |inner| {
            prop_oneof![
                (op.clone(), inner.clone(), inner.clone()).prop_map(|(op, x, y)| x.binary(op, y)),
                inner.clone().prop_map(|x| x.unary(UnaryOp::Neg)),
                (inner, 0i64..4).prop_map(|(x, n)| x.binary(BinaryOp::Pow, Expr::int(n))),
            ]
        })
    }

    proptest! {
        #[test]
        fn rebuilding_keeps_the_value(tree in tree()) {
            // A division by what is zero everywhere has no value to keep.
            if let Some(value) = identity::residue(&tree, 1) {
                let rebuilt = rebuild(&tree);
                prop_assert_eq!(identity::residue(&rebuilt, 1), Some(value), "{} became {}", tree, rebuilt);
                prop_assert!(size(&rebuilt) <= size(&tree));
            }
        }
    }
}

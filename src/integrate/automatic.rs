//! Where Brian2 takes `exact`, and so uses it when no method is named.
//!
//! Brian2 2.10 solves the whole system with sympy and takes the result if it finds one without complex numbers. What
//! comes of that follows these rules, found by running it:
//!
//! * The matrix must be invertible: `dv/dt = I/tau` is left to `euler`, which is as good there.
//! * Equations that do not depend on each other in a ring have real rates and are taken, equal rates included.
//! * Two equations that depend on each other: let `D` be the discriminant of their characteristic polynomial. If `D` is
//!   a number times a square, the rates are known up to that number: they are taken if real, and if complex only where
//!   sympy knows every entry of the matrix to be real (it then takes the real part; with a division by a name it does
//!   not know). If `D` is no square, the square root stands in the result: taken if some entry is *not* known to be
//!   real, since otherwise the real part is asked for and sympy cannot tell.
//! * Three or more in a ring: taken if their rates are numbers times one common factor, and real. (With symbols, Brian2
//!   searches for minutes and finds nothing.)

use super::step::while_not_refractory;
use crate::expr::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::expr::identity::{Residue, approximate, residue};
use crate::expr::simplify::{integer, mul};
use crate::model::block::{OdeSystem, Rates};

/// Points at which a discriminant is tested for being a square: one that is not passes with a probability of 2^-47.
const POINTS: u64 = 48;

/// Whether Brian2 would accept the method `exact` for this system, which has these rates.
pub fn brian2_has_exact(system: &OdeSystem, rates: &Rates) -> bool {
    let matrix = matrix(system, rates);
    let known_real = matrix.iter().flatten().flatten().all(is_known_real);
    is_invertible(&matrix)
        && rings(rates).iter().all(|ring| match ring.as_slice() {
            [] | [_] => true,
            [i, j] => pair_is_taken(&matrix, *i, *j, known_real) == Some(true),
            _ => has_numeric_real_rates(&matrix, ring) == Some(true),
        })
}

type Matrix = Vec<Vec<Option<Expr>>>;

/// As Brian2 sees it: with the factor for refractoriness.
fn matrix(system: &OdeSystem, rates: &Rates) -> Matrix {
    let factor = |protected: bool, e: &Expr| if protected { mul(while_not_refractory(), e.clone()) } else { e.clone() };
    let rows = system.odes.iter().zip(&rates.a);
    rows.map(|(ode, row)| row.iter().map(|e| e.as_ref().map(|e| factor(ode.unless_refractory, e))).collect()).collect()
}

/// Sets of equations that depend on each other.
fn rings(rates: &Rates) -> Vec<Vec<usize>> {
    let reaches = rates.reaches();
    let ring = |i: usize| -> Vec<usize> { (0..reaches.len()).filter(|&j| reaches[i][j] && reaches[j][i]).collect() };
    (0..reaches.len()).map(ring).enumerate().filter(|(i, ring)| ring[0] == *i).map(|(_, ring)| ring).collect()
}

fn entry_at(matrix: &Matrix, i: usize, j: usize, point: u64) -> Option<Residue> {
    matrix[i][j].as_ref().map_or(Some(Residue::ZERO), |e| residue(e, point))
}

/// Gaussian elimination at two points: a determinant that is zero at both is zero everywhere.
fn is_invertible(matrix: &Matrix) -> bool {
    (1..=2).any(|point| is_invertible_at(matrix, point) == Some(true))
}

fn is_invertible_at(matrix: &Matrix, point: u64) -> Option<bool> {
    let n = matrix.len();
    let row = |i| (0..n).map(|j| entry_at(matrix, i, j, point)).collect::<Option<Vec<Residue>>>();
    let mut rows = (0..n).map(row).collect::<Option<Vec<_>>>()?;
    for column in 0..n {
        let Some(pivot) = (column..n).find(|&i| rows[i][column] != Residue::ZERO) else { return Some(false) };
        rows.swap(column, pivot);
        for i in column + 1..n {
            let factor = rows[i][column].over(rows[column][column])?;
            let pivot_row = rows[column].clone();
            for (entry, above) in rows[i].iter_mut().zip(pivot_row) {
                *entry = *entry - factor * above;
            }
        }
    }
    Some(true)
}

fn pair_is_taken(matrix: &Matrix, i: usize, j: usize, known_real: bool) -> Option<bool> {
    let discriminant = |point| {
        let at = |r, c| entry_at(matrix, r, c, point);
        let difference = at(i, i)? - at(j, j)?;
        let product = at(i, j)? * at(j, i)?;
        let twice = product + product;
        Some(difference * difference + twice + twice)
    };
    let at_points = (1..=POINTS).map(discriminant).collect::<Option<Vec<Residue>>>()?;
    if at_points.iter().all(|d| *d == Residue::ZERO) {
        return Some(true);
    }
    // A number times a square is at every point a square, or at every point not.
    if at_points.iter().any(|d| d.is_square() != at_points[0].is_square()) {
        return Some(!known_real);
    }
    let at = |r: usize, c: usize| matrix[r][c].as_ref().map_or(Some(0.0), |e| approximate(e, 1));
    let difference = at(i, i)? - at(j, j)?;
    let real = difference * difference + 4.0 * at(i, j)? * at(j, i)? >= 0.0;
    Some(real || known_real)
}

/// Whether sympy can tell that the value is real: it may divide by no name, since that could be zero.
fn is_known_real(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Name(_) | ExprKind::Unary(UnaryOp::Neg, _) => {
            expr.children().all(is_known_real)
        }
        ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, x, y) => is_known_real(x) && is_known_real(y),
        ExprKind::Binary(BinaryOp::Div, x, y) => is_known_real(x) && y.names().is_empty(),
        ExprKind::Binary(BinaryOp::Pow, x, y) => is_known_real(x) && integer(y).is_some_and(|n| n >= 0),
        ExprKind::Call(name, arguments) => {
            matches!(name.as_str(), "exp" | "sin" | "cos" | "tanh" | "sinh" | "cosh" | "abs")
                && arguments.iter().all(is_known_real)
        }
        _ => false,
    }
}

/// Whether the block is a matrix of numbers times one factor, with real eigenvalues.
fn has_numeric_real_rates(matrix: &Matrix, ring: &[usize]) -> Option<bool> {
    let entries = || ring.iter().flat_map(|&i| ring.iter().map(move |&j| (i, j)));
    let (i0, j0) = entries().find(|&(i, j)| matrix[i][j].is_some())?;
    let ratio = |i, j, point| entry_at(matrix, i, j, point)?.over(entry_at(matrix, i0, j0, point)?);
    if entries().any(|(i, j)| ratio(i, j, 1) != ratio(i, j, 2)) {
        return Some(false);
    }
    let factor = approximate(matrix[i0][j0].as_ref()?, 1)?;
    let number = |i: usize, j: usize| matrix[i][j].as_ref().map_or(Some(0.0), |e| Some(approximate(e, 1)? / factor));
    let numbers = entries().map(|(i, j)| number(i, j)).collect::<Option<Vec<f64>>>()?;
    Some(eigenvalues_are_real(&numbers, ring.len()))
}

/// By Sturm's theorem on the characteristic polynomial (from Faddeev and LeVerrier's recurrence).
fn eigenvalues_are_real(a: &[f64], n: usize) -> bool {
    let at = |m: &[f64], i: usize, j: usize| m[i * n + j];
    // Coefficients from the highest power down.
    let mut polynomial = vec![1.0];
    let mut m = vec![0.0; n * n];
    for k in 1..=n {
        let mut next = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                next[i * n + j] = (0..n).map(|l| at(a, i, l) * at(&m, l, j)).sum();
            }
            next[i * n + i] += polynomial[k - 1];
        }
        m = next;
        let trace: f64 =
            (0..n).flat_map(|i| (0..n).map(move |l| (i, l))).map(|(i, l)| at(a, i, l) * at(&m, l, i)).sum();
        polynomial.push(-trace / k as f64);
    }
    let derivative = polynomial[..n].iter().enumerate().map(|(k, c)| c * (n - k) as f64).collect();
    let mut chain = vec![polynomial, derivative];
    while let Some(next) = negative_remainder(&chain[chain.len() - 2], &chain[chain.len() - 1]) {
        chain.push(next);
    }
    let changes = |sign: fn(&Vec<f64>) -> f64| {
        let signs: Vec<bool> = chain.iter().map(|p| sign(p) > 0.0).collect();
        signs.windows(2).filter(|pair| pair[0] != pair[1]).count()
    };
    let at_plus_infinity = changes(|p| p[0]);
    let at_minus_infinity = changes(|p| if p.len() % 2 == 1 { p[0] } else { -p[0] });
    // The last of the chain is the common divisor, which holds the repeated roots.
    let repeated = chain.last().map_or(0, |p| p.len() - 1);
    at_minus_infinity - at_plus_infinity == n - repeated
}

/// `-(p mod q)`, scaled to coefficients of at most 1; `None` if it vanishes but for rounding.
fn negative_remainder(p: &[f64], q: &[f64]) -> Option<Vec<f64>> {
    const ROUNDING: f64 = 1e-9;
    let size = p.iter().fold(0.0f64, |m, c| m.max(c.abs()));
    let mut rest = p.to_vec();
    while rest.len() >= q.len() {
        let factor = rest[0] / q[0];
        for (r, c) in rest.iter_mut().zip(q) {
            *r -= factor * c;
        }
        rest.remove(0);
    }
    let start = rest.iter().position(|c| c.abs() > ROUNDING * size)?;
    let largest = rest[start..].iter().fold(0.0f64, |m, c| m.max(c.abs()));
    Some(rest[start..].iter().map(|c| -c / largest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_and_complex_eigenvalues_are_told_apart() {
        for (matrix, n, expected) in [
            (vec![-2.0, 1.0, 0.0, 1.0, -2.0, 1.0, 0.0, 1.0, -2.0], 3, true),
            // Roots -1, -2, -3 of a companion matrix.
            (vec![-6.0, 1.0, 0.0, -11.0, 0.0, 1.0, -6.0, 0.0, 0.0], 3, true),
            // Three irrational roots.
            (vec![-3.0, 1.0, 1.0, 1.0, -4.0, 2.0, 1.0, 2.0, -6.0], 3, true),
            // A ring: 0 and a complex pair.
            (vec![-1.0, 1.0, 0.0, 0.0, -1.0, 1.0, 1.0, 0.0, -1.0], 3, false),
            // A triple root, and a double one beside a single one.
            (vec![-1.0, 1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0, -1.0], 3, true),
            (vec![1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 3, true),
            (vec![0.0, 1.0, -1.0, 0.0], 2, false),
        ] {
            assert_eq!(eigenvalues_are_real(&matrix, n), expected, "{matrix:?}");
        }
    }
}

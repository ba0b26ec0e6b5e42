//! The step of a linear system as numbers: `P = exp(A dt)` and `c = dt phi1(A dt) b`.
//!
//! The matrix exponential of `[[A, b], [0, 0]] dt` by scaling and squaring of its Taylor series (Moler and Van Loan 2003)
//! in double-double arithmetic (Dekker 1971): squaring doubles relative errors, and 106 bits leave room for 2^50 of
//! them, so entries are right to the last place or nearly so for rates up to 10^12 a step, whatever the eigenvalues.
//! Only `+ - * /` of doubles are used, so the bits are the same on every machine.

/// Bound on the largest row sum that the series is used for.
const SMALL: f64 = 1.0 / 16.0;
/// Terms of the series beyond those that only fill in distant entries: `SMALL^18/18!` is below 1e-37.
const TERMS: usize = 18;

/// Computes the step of `dx/dt = A x + b` over `dt`. `a` and `out_p` are `n` by `n`, row by row, `b` and `out_c` have
/// length `n`. Entries that no chain of nonzero rates leads to are exactly 0. If a rate is not finite, or too large to
/// be scaled, all results are NaN.
///
/// # Panics
/// If the lengths do not fit together.
pub fn propagator(a: &[f64], b: &[f64], dt: f64, out_p: &mut [f64], out_c: &mut [f64]) {
    let n = b.len();
    assert!(a.len() == n * n && out_p.len() == n * n && out_c.len() == n, "the lengths fit together");
    // Inputs are scaled to the size of the rates, since only these decide how often to square.
    let rates = largest_row_sum(a, n);
    let mut input_scale = 1.0;
    let limit = if rates > 0.0 { rates } else { 1.0 };
    while b.iter().any(|x| (x * input_scale).abs() > limit) && input_scale > f64::MIN_POSITIVE {
        input_scale *= 0.5;
    }
    let step = Matrix::augmented(a, b, input_scale, dt);
    let norm = step.largest_row_sum();
    if !(norm.is_finite() && norm < 1e300) {
        out_p.fill(f64::NAN);
        out_c.fill(f64::NAN);
        return;
    }
    let exponential = step.exponential(norm);
    for i in 0..n {
        for j in 0..n {
            out_p[i * n + j] = exponential.at(i, j).high;
        }
        out_c[i] = exponential.at(i, n).high / input_scale;
    }
}

fn largest_row_sum(a: &[f64], n: usize) -> f64 {
    a.chunks(n.max(1)).map(|row| row.iter().map(|x| x.abs()).sum()).fold(0.0, f64::max)
}

/// A square matrix, row by row.
struct Matrix {
    n: usize,
    entries: Vec<Double>,
}

impl Matrix {
    fn zero(n: usize) -> Matrix {
        Matrix { n, entries: vec![Double::ZERO; n * n] }
    }

    fn identity(n: usize) -> Matrix {
        let mut out = Matrix::zero(n);
        for i in 0..n {
            out.entries[i * n + i] = Double::ONE;
        }
        out
    }

    /// `[[a, b*input_scale], [0, 0]] dt`
    fn augmented(a: &[f64], b: &[f64], input_scale: f64, dt: f64) -> Matrix {
        let n = b.len() + 1;
        let mut out = Matrix::zero(n);
        for (i, input) in b.iter().enumerate() {
            for j in 0..b.len() {
                out.entries[i * n + j] = Double::product(a[i * b.len() + j], dt);
            }
            out.entries[i * n + b.len()] = Double::product(input * input_scale, dt);
        }
        out
    }

    fn at(&self, i: usize, j: usize) -> Double {
        self.entries[i * self.n + j]
    }

    fn largest_row_sum(&self) -> f64 {
        let high: Vec<f64> = self.entries.iter().map(|x| x.high).collect();
        // A maximum would drop NaN.
        if high.iter().any(|x| x.is_nan()) { f64::NAN } else { largest_row_sum(&high, self.n) }
    }

    fn exponential(&self, norm: f64) -> Matrix {
        let (mut squarings, mut scale, mut scaled_norm) = (0, 1.0, norm);
        while scaled_norm > SMALL {
            (squarings, scale, scaled_norm) = (squarings + 1, scale * 0.5, scaled_norm * 0.5);
        }
        let entries = self.entries.iter().map(|x| Double { high: x.high * scale, low: x.low * scale }).collect();
        let scaled = Matrix { n: self.n, entries };
        // An entry far from the diagonal of a chain begins with the power of its distance, hence the `n` more terms.
        let mut out = Matrix::identity(self.n);
        for k in (1..=TERMS + self.n).rev() {
            out = scaled.product(&out);
            for (index, entry) in out.entries.iter_mut().enumerate() {
                *entry = entry.divided_by(k as f64);
                if index % (self.n + 1) == 0 {
                    *entry = entry.plus(Double::ONE);
                }
            }
        }
        for _ in 0..squarings {
            out = out.product(&out);
        }
        out
    }

    /// Zeros are skipped: they stay exact, also beside entries that are not finite.
    fn product(&self, other: &Matrix) -> Matrix {
        let n = self.n;
        let mut out = Matrix::zero(n);
        for i in 0..n {
            for k in (0..n).filter(|&k| self.at(i, k).high != 0.0) {
                for j in (0..n).filter(|&j| other.at(k, j).high != 0.0) {
                    let sum = &mut out.entries[i * n + j];
                    *sum = sum.plus(self.at(i, k).times(other.at(k, j)));
                }
            }
        }
        out
    }
}

/// An unevaluated sum of two doubles, the second below half a unit in the last place of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Double {
    high: f64,
    low: f64,
}

impl Double {
    const ZERO: Double = Double { high: 0.0, low: 0.0 };
    const ONE: Double = Double { high: 1.0, low: 0.0 };

    /// `high + low` where `|high| >= |low|`; an infinite sum has no remainder.
    fn normal(high: f64, low: f64) -> Double {
        let sum = high + low;
        if sum.is_finite() { Double { high: sum, low: low - (sum - high) } } else { Double { high: sum, low: 0.0 } }
    }

    /// `x*y` exactly.
    fn product(x: f64, y: f64) -> Double {
        // Veltkamp's split would overflow above 2^996; such values are of no use to anyone.
        const SPLIT: f64 = 134_217_729.0;
        const LARGEST: f64 = 1e290;
        let high = x * y;
        if !(high.is_finite() && x.abs() < LARGEST && y.abs() < LARGEST) {
            return Double { high, low: 0.0 };
        }
        let halves = |v: f64| {
            let c = SPLIT * v;
            let top = c - (c - v);
            (top, v - top)
        };
        let ((x1, x2), (y1, y2)) = (halves(x), halves(y));
        Double { high, low: ((x1 * y1 - high) + x1 * y2 + x2 * y1) + x2 * y2 }
    }

    fn plus(self, other: Double) -> Double {
        // Knuth's sum of the high parts, whichever is larger.
        let sum = self.high + other.high;
        let part = sum - self.high;
        let rest = (self.high - (sum - part)) + (other.high - part);
        if sum.is_finite() { Double::normal(sum, rest + self.low + other.low) } else { Double { high: sum, low: 0.0 } }
    }

    fn times(self, other: Double) -> Double {
        let product = Double::product(self.high, other.high);
        if !product.high.is_finite() {
            return product;
        }
        Double::normal(product.high, product.low + (self.high * other.low + self.low * other.high))
    }

    fn divided_by(self, divisor: f64) -> Double {
        let first = self.high / divisor;
        if !first.is_finite() {
            return Double { high: first, low: 0.0 };
        }
        let back = Double::product(first, divisor);
        let rest = (self.high - back.high) - back.low + self.low;
        Double::normal(first, rest / divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step(a: &[f64], b: &[f64], dt: f64) -> (Vec<f64>, Vec<f64>) {
        let (mut p, mut c) = (vec![-1.0; a.len()], vec![-1.0; b.len()]);
        propagator(a, b, dt, &mut p, &mut c);
        (p, c)
    }

    #[track_caller]
    fn check(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            // The closed forms are computed in doubles and are themselves wrong by some units in the last place.
            assert!((f - e).abs() <= 1e-14 * e.abs(), "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn decay_is_rounded_correctly() {
        // 40 digits of exp(-1), exp(-0.1), exp(-30) from any table, rounded to doubles.
        assert_eq!(step(&[-1.0], &[0.0], 1.0).0, [0.367_879_441_171_442_33]);
        assert_eq!(step(&[-30.0], &[0.0], 1.0).0, [9.357_622_968_840_175e-14]);
        assert_eq!(step(&[-700.0], &[0.0], 1.0).0, [9.859_676_543_759_77e-305]);
    }

    #[test]
    fn input_of_a_decay() {
        let (p, c) = step(&[-200.0], &[-65e-3 * 200.0], 1e-4);
        check(&p, &[(-0.02f64).exp()]);
        check(&c, &[65e-3 * (-0.02f64).exp_m1()]);
        // Inputs of a size of their own.
        check(&step(&[-200.0], &[1e30], 1e-4).1, &[-1e30 / 200.0 * (-0.02f64).exp_m1()]);
    }

    #[test]
    fn without_rates_values_stay_and_inputs_add_up() {
        assert_eq!(step(&[0.0; 4], &[3.0, 0.0], 0.5), (vec![1.0, 0.0, 0.0, 1.0], vec![1.5, 0.0]));
        assert_eq!(step(&[], &[], 1.0), (vec![], vec![]));
    }

    #[test]
    fn equal_rates_have_their_limit() {
        let r = 0.3f64;
        let decay = (-r).exp();
        // Alpha synapse and its derivative feeding a membrane: a chain of three equal rates.
        let (p, _) = step(&[-r, r, 0.0, 0.0, -r, r, 0.0, 0.0, -r], &[0.0; 3], 1.0);
        check(&p, &[decay, r * decay, r * r / 2.0 * decay, 0.0, decay, r * decay, 0.0, 0.0, decay]);
    }

    #[test]
    fn a_long_chain_keeps_its_small_entries() {
        let n = 16;
        let r = 0.01f64;
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            a[i * n + i] = -r;
            if i > 0 {
                a[i * n + i - 1] = r;
            }
        }
        let (p, _) = step(&a, &vec![0.0; n], 1.0);
        let mut expected = (-r).exp();
        for i in 0..n {
            check(&p[i * n..=i * n], &[expected]);
            expected *= r / (i + 1) as f64;
        }
        assert!((0..n).all(|i| (i + 1..n).all(|j| p[i * n + j] == 0.0)));
    }

    #[test]
    fn fast_and_slow_rates_together() {
        // v' = -v + g, g' = -1e4 g, then the other way round.
        let coupling = ((-1.0f64).exp() - (-1e4f64).exp()) / (1e4 - 1.0);
        check(&step(&[-1.0, 1.0, 0.0, -1e4], &[0.0; 2], 1.0).0, &[(-1.0f64).exp(), coupling, 0.0, 0.0]);
        check(&step(&[-1e4, 1.0, 0.0, -1.0], &[0.0; 2], 1.0).0, &[0.0, coupling, 0.0, (-1.0f64).exp()]);
    }

    #[test]
    fn nearly_equal_rates_do_not_cancel() {
        let delta = 1e-9f64;
        let coupling = (-1.0f64).exp() * -(-delta).exp_m1() / delta;
        check(&step(&[-1.0, 1.0, 0.0, -1.0 - delta], &[0.0; 2], 1.0).0[1..2], &[coupling]);
    }

    #[test]
    fn rotation_is_sine_and_cosine() {
        let w = 2.5f64;
        check(&step(&[0.0, w, -w, 0.0], &[0.0; 2], 1.0).0, &[w.cos(), w.sin(), -w.sin(), w.cos()]);
        // Damped: rates -1 with coupling 3 over 4.
        let (e, w) = ((-1.0f64).exp(), 12f64.sqrt());
        let damped = [e * w.cos(), e * w.sin() * (3.0 / w), -e * w.sin() * (4.0 / w), e * w.cos()];
        check(&step(&[-1.0, 3.0, -4.0, -1.0], &[0.0; 2], 1.0).0, &damped);
    }

    #[test]
    fn overflow_and_nonsense_end() {
        assert_eq!(step(&[1e4], &[0.0], 1.0).0, [f64::INFINITY]);
        for rate in [f64::NAN, f64::INFINITY, -f64::INFINITY, 1e301] {
            let (p, c) = step(&[rate, 0.0, 1.0, -1.0], &[0.0, 1.0], 1.0);
            assert!(p.iter().chain(&c).all(|x| x.is_nan()), "{rate}");
        }
        assert!(step(&[-1.0], &[f64::INFINITY], 1.0).1[0].is_nan());
    }

    proptest! {
        #[test]
        fn two_steps_are_one_of_twice_the_length(
            n in 1usize..6,
            values in prop::collection::vec(-3.0f64..3.0, 30),
            mask in prop::collection::vec(any::<bool>(), 30),
            dt in 1e-3f64..1.0,
        ) {
            let rate = |k: usize| if mask[k] { values[k] } else { 0.0 };
            let a: Vec<f64> = (0..n * n).map(rate).collect();
            let b: Vec<f64> = (0..n).map(|k| values[25 + k]).collect();
            let (p, c) = step(&a, &b, dt);
            let (p2, c2) = step(&a, &b, 2.0 * dt);
            for i in 0..n {
                for j in 0..=n {
                    // The last column is the input: c(2 dt) = P c + c.
                    let right = |k: usize| if j < n { p[k * n + j] } else { c[k] };
                    let terms: Vec<f64> = (0..n).map(|k| p[i * n + k] * right(k)).collect();
                    let (mut sum, mut size): (f64, f64) = (terms.iter().sum(), terms.iter().map(|x| x.abs()).sum());
                    if j == n {
                        (sum, size) = (sum + c[i], size + c[i].abs());
                    }
                    let found = if j < n { p2[i * n + j] } else { c2[i] };
                    prop_assert!((found - sum).abs() <= 1e-14 * size, "{found} {sum} {size}");
                }
            }
        }
    }
}

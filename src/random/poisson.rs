//! The Poisson distribution, drawn as `RandomState.poisson` draws it: by counting factors for means below 10, by
//! transformed rejection with squeeze (PTRS; Hörmann, *Insurance: Mathematics and Economics* 12, 1993) for others.

use super::Uniforms;
use super::logarithm::log;
use crate::kernel::maths::exp;

/// NumPy refuses larger means, whose results might not fit: 2^63 - 1 - 10 sqrt(2^63 - 1).
const LARGEST_MEAN: f64 = 9.223372006484771e18;

/// A Poisson distribution, prepared for many draws.
#[derive(Clone, Copy, Debug)]
pub struct Poisson(Method);

#[derive(Clone, Copy, Debug)]
enum Method {
    Constant(i64),
    Factors { end: f64 },
    Rejection(Rejection),
}

/// The constants of PTRS, by their names in the paper.
#[derive(Clone, Copy, Debug)]
struct Rejection {
    mean: f64,
    log_mean: f64,
    a: f64,
    b: f64,
    v_r: f64,
    log_inverse_alpha: f64,
}

impl Poisson {
    /// The distribution of this mean. NumPy refuses means that are negative, NaN or beyond about 9.22e18: the first
    /// two give 0, the last gives the largest integer, and none of them draws a number.
    pub fn new(mean: f64) -> Poisson {
        Poisson(if mean > LARGEST_MEAN {
            Method::Constant(i64::MAX)
        } else if mean >= 10.0 {
            Method::Rejection(Rejection::new(mean))
        } else if mean > 0.0 {
            Method::Factors { end: exp(-mean) }
        } else {
            Method::Constant(0)
        })
    }

    /// One number.
    pub fn draw<U: Uniforms + ?Sized>(&self, source: &mut U) -> i64 {
        match &self.0 {
            Method::Constant(value) => *value,
            Method::Factors { end } => factors(source, *end),
            Method::Rejection(rejection) => rejection.draw(source),
        }
    }
}

/// How many uniform numbers can be multiplied before the product is `end` or less.
fn factors<U: Uniforms + ?Sized>(source: &mut U, end: f64) -> i64 {
    let mut product = source.uniform();
    let mut count = 0;
    while product > end {
        product *= source.uniform();
        count += 1;
    }
    count
}

impl Rejection {
    fn new(mean: f64) -> Rejection {
        let b = 0.931 + 2.53 * mean.sqrt();
        Rejection {
            mean,
            log_mean: log(mean),
            a: -0.059 + 0.02483 * b,
            b,
            v_r: 0.9277 - 3.6224 / (b - 2.0),
            log_inverse_alpha: log(1.1239 + 1.1328 / (b - 3.4)),
        }
    }

    fn draw<U: Uniforms + ?Sized>(&self, source: &mut U) -> i64 {
        loop {
            let u = source.uniform() - 0.5;
            let v = source.uniform();
            let u_s = 0.5 - u.abs();
            let k = ((2.0 * self.a / u_s + self.b) * u + self.mean + 0.43).floor();
            if u_s >= 0.07 && v <= self.v_r {
                return k as i64;
            }
            if k < 0.0 || u_s < 0.013 && v > u_s {
                continue;
            }
            let height = log(v) + self.log_inverse_alpha - log(self.a / (u_s * u_s) + self.b);
            if height <= -self.mean + k * self.log_mean - log_gamma(k + 1.0) {
                return k as i64;
            }
        }
    }
}

/// The numbers B_2n / (2n (2n - 1)) of Stirling's series, from n = 1.
const STIRLING: [f64; 10] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360360.0,
    1.0 / 156.0,
    -3617.0 / 122400.0,
    43867.0 / 244188.0,
    -174611.0 / 125400.0,
];
const HALF_LOG_TWO_PI: f64 = 0.9189385332046728;

/// The logarithm of the gamma function at a positive whole number, by Stirling's series at 7 or above. NumPy takes the
/// same sum in the same order: for large means its rounding errors take part in what is rejected.
fn log_gamma(x: f64) -> f64 {
    if x == 1.0 || x == 2.0 {
        return 0.0;
    }
    let mut z = x.max(7.0);
    let square = (1.0 / z) * (1.0 / z);
    let series = STIRLING.iter().rev().fold(0.0, |sum, term| sum * square + term);
    let mut result = series / z + HALF_LOG_TWO_PI + (z - 0.5) * log(z) - z;
    while z > x {
        z -= 1.0;
        result -= log(z);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_gamma_is_that_of_factorials() {
        let mut log_factorial = 0.0_f64;
        for n in 1..=170 {
            let found = log_gamma(f64::from(n));
            assert!((found - log_factorial).abs() <= 1e-14 * log_factorial.max(1.0), "{n}: {found} {log_factorial}");
            log_factorial += f64::from(n).ln();
        }
    }
}

//! The logarithm to the last place. That of the maths library errs by up to one unit there, which would move one normal
//! number in 300 two units away from NumPy's; this one is wrongly rounded about once in 10,000 arguments.

/// log(2) in two parts, the first with few enough bits that its product with an exponent is exact.
const LOG_2: (f64, f64) = (f64::from_bits(0x3fe6_2e42_fefa_3800), f64::from_bits(0x3d2e_f357_93c7_6730));

/// The logarithm of a positive, finite, normal number; of 0, -infinity.
///
/// With x = 2^k m and s = (m - 1) / (m + 1), log x = k log 2 + 2 s + 2/3 s^3 + 2/5 s^5 + …, |s| < 0.1716, of which the
/// first three terms are sums of two doubles.
pub(super) fn log(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    let (k, m) = split(x);
    let numerator = m - 1.0;
    let (denominator, denominator_low) = sum(m, 1.0);
    let s = numerator / denominator;
    let (product, product_low) = multiplied(s, denominator);
    let s_low = (numerator - product - product_low - s * denominator_low) / denominator;

    let (square, rounding) = multiplied(s, s);
    let square_low = rounding + 2.0 * s * s_low;
    let (cube, rounding) = multiplied(s, square);
    let cube_low = rounding + s * square_low + s_low * square;
    let third = 2.0 * cube / 3.0;
    let (product, product_low) = multiplied(third, 3.0);
    let third_low = (2.0 * cube - product - product_low + 2.0 * cube_low) / 3.0;
    // 2/5, 2/7, … 2/27: what is left out is less than 2^-70.
    let series = (2..=13).rev().fold(0.0, |sum, n| sum * square + 2.0 / f64::from(2 * n + 1));
    let higher = cube * square * series;

    let (head, head_low) = sum(k * LOG_2.0, 2.0 * s);
    let (head, third_rounding) = sum(head, third);
    head + (head_low + third_rounding + k * LOG_2.1 + 2.0 * s_low + third_low + higher)
}

/// An exponent and a number from sqrt(1/2) to sqrt(2), of which `x` is made.
fn split(x: f64) -> (f64, f64) {
    const SQRT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    const FRACTION: u64 = (1 << 52) - 1;
    let above = x.to_bits() as i64 - SQRT_HALF as i64;
    ((above >> 52) as f64, f64::from_bits((above as u64 & FRACTION) + SQRT_HALF))
}

/// A sum and its rounding error (Knuth).
fn sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// A product and its rounding error (Dekker).
fn multiplied(a: f64, b: f64) -> (f64, f64) {
    let halves = |x: f64| {
        let scaled = 134217729.0 * x;
        let high = scaled - (scaled - x);
        (high, x - high)
    };
    let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
    let product = a * b;
    (product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Generator;

    #[test]
    fn the_logarithm_is_nearly_always_rounded_right() {
        let mut generator = Generator::new(1);
        let mut arguments: Vec<f64> = (0..100_000).map(|_| generator.uniform()).collect();
        arguments.extend((0..100_000).map(|_| 2f64.powf(2000.0 * generator.uniform() - 1000.0)));
        arguments
            .extend((0..20_000).map(|_| 1.0 + (generator.uniform() - 0.5) * 2f64.powf(-50.0 * generator.uniform())));
        let mut wrong = 0;
        for x in &arguments {
            let (found, expected) = (log(*x), core_math::log(*x));
            let apart = found.to_bits().abs_diff(expected.to_bits());
            assert!(apart <= 1, "log({x}) is {found}, not {expected}");
            wrong += apart;
        }
        assert!(wrong < arguments.len() as u64 / 5_000, "{wrong} of {} are rounded wrongly", arguments.len());
    }

    #[test]
    fn ends_of_the_domain() {
        assert_eq!(log(0.0), f64::NEG_INFINITY);
        assert_eq!(log(1.0), 0.0);
        for x in [f64::MIN_POSITIVE, f64::MAX, 0.5, 2.0, std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::SQRT_2] {
            assert_eq!(log(x), core_math::log(x), "log({x})");
        }
    }
}

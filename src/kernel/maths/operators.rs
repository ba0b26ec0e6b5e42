//! The IR's operations that Rust has no operator for, with the meaning that [`ir`](crate::kernel::ir) states.

macro_rules! integer_operators {
    ($ty:ty, $div:ident, $modulo:ident) => {
        /// `x // y`: rounds down, wraps, and is 0 for a divisor of 0.
        #[inline(always)]
        pub fn $div(x: $ty, y: $ty) -> $ty {
            if y == 0 {
                return 0;
            }
            let quotient = x.wrapping_div(y);
            let inexact = x.wrapping_rem(y) != 0;
            quotient.wrapping_sub(<$ty>::from(inexact && (x ^ y) < 0))
        }

        /// `x % y`: has the sign of `y`, and is 0 for a divisor of 0.
        #[inline(always)]
        pub fn $modulo(x: $ty, y: $ty) -> $ty {
            if y == 0 {
                return 0;
            }
            let rest = x.wrapping_rem(y);
            if rest != 0 && (rest ^ y) < 0 { rest.wrapping_add(y) } else { rest }
        }
    };
}

integer_operators!(i32, div_i32, mod_i32);
integer_operators!(i64, div_i64, mod_i64);

/// A double without its fraction; the least number for what does not fit, and for a NaN.
#[inline(always)]
pub fn to_i32(x: f64) -> i32 {
    if x > -2147483649.0 && x < 2147483648.0 { x as i32 } else { i32::MIN }
}

/// A double without its fraction; the least number for what does not fit, and for a NaN.
#[inline(always)]
pub fn to_i64(x: f64) -> i64 {
    const LIMIT: f64 = 9223372036854775808.0;
    if (-LIMIT..LIMIT).contains(&x) { x as i64 } else { i64::MIN }
}

/// The nearest single-precision float as a double.
#[inline(always)]
pub fn round32(x: f64) -> f64 {
    f64::from(x as f32)
}

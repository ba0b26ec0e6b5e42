//! Functions of the library over slices, compiled for the vector units that machines have.
//!
//! The machine's best is chosen once, at run time. Fused multiplication and addition is never enabled, so that every
//! choice gives the same bits.

/// A function over slices of one length.
#[derive(Clone, Copy, Debug)]
pub enum Block {
    /// Of one argument: `out[i] = f(x[i])`.
    One(fn(x: &[f64], out: &mut [f64])),
    /// Of two arguments: `out[i] = f(x[i], y[i])`.
    Two(fn(x: &[f64], y: &[f64], out: &mut [f64])),
}

/// A function of one element.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// Of one argument.
    One(fn(x: f64) -> f64),
    /// Of two arguments.
    Two(fn(x: f64, y: f64) -> f64),
}

macro_rules! versions {
    ($name:ident, |$($argument:ident),+; $out:ident| $body:block) => {
        /// The function of this name over slices of one length.
        ///
        /// # Panics
        /// If the lengths differ.
        pub fn $name($($argument: &[f64],)+ $out: &mut [f64]) {
            $(assert_eq!($argument.len(), $out.len(), "slices of one length");)+
            #[inline(always)]
            fn portable($($argument: &[f64],)+ $out: &mut [f64]) $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: &[f64],)+ $out: &mut [f64]) {
                    portable($($argument,)+ $out);
                }
                #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
                fn avx512($($argument: &[f64],)+ $out: &mut [f64]) {
                    portable($($argument,)+ $out);
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the processor has these features.
                    return unsafe { avx512($($argument,)+ $out) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has this feature.
                    return unsafe { avx2($($argument,)+ $out) };
                }
            }
            portable($($argument,)+ $out);
        }
    };
}

/// Defines the block function of a function of one argument in `super::generated`.
macro_rules! block_one {
    ($name:ident) => {
        versions!($name, |x; out| {
            for (out, x) in out.iter_mut().zip(x) {
                *out = super::$name(*x);
            }
        });
    };
}

/// Defines the block function of a function of two arguments in `super::generated`.
macro_rules! block_two {
    ($name:ident) => {
        versions!($name, |x, y; out| {
            for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
                *out = super::$name(*x, *y);
            }
        });
    };
}

pub(super) use {block_one, block_two, versions};

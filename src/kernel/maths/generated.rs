// Made from library.ir by render::maths; a test compares.
#![allow(clippy::all, missing_docs, unused_imports, unused_parens, clippy::approx_constant)]

use super::operators::*;
use super::{Block, Builtin, Internal, Scalar};

#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let above: f64 = if x < -746.0 { -746.0 } else { x };
    let clamped: f64 = if 710.0 < above { 710.0 } else { above };
    let shifted: f64 = clamped * 1.4426950408889634 + 6755399441057790.0;
    let k: f64 = shifted - 6755399441057790.0;
    let r: f64 = clamped - k * 0.6931471805598903 - k * 5.497923018708371e-14;
    let p: f64 = ((((((((2.500722931711344e-8 * r + 2.763044432448335e-7) * r + 2.755756334175396e-6) * r + 2.4801492480239744e-5) * r + 0.00019841269532882463) * r + 0.0013888888944318517) * r + 0.008333333333482015) * r + 0.041666666666527026) * r + 0.16666666666666433) * r + 0.5000000000000011;
    let power: f64 = 1.0 + (r + r * r * p);
    let whole: i64 = (shifted.to_bits() as i64);
    let half: i64 = (((whole as u64) >> 1) as i64);
    power * f64::from_bits((((half as u64) << 52) as i64) as u64) * f64::from_bits((((whole.wrapping_sub(half) as u64) << 52) as i64) as u64)
}

#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    let above: f64 = if x < -40.0 { -40.0 } else { x };
    let clamped: f64 = if 710.0 < above { 710.0 } else { above };
    let shifted: f64 = clamped * 1.4426950408889634 + 6755399441057790.0;
    let k: f64 = shifted - 6755399441057790.0;
    let r_hi: f64 = clamped - k * 0.6931471805598903;
    let r_lo: f64 = k * 5.497923018708371e-14;
    let r: f64 = r_hi - r_lo;
    let c: f64 = r_hi - r - r_lo;
    let half_square_square: f64 = r * r;
    let half_square: f64 = 0.5 * half_square_square;
    let half_square_cube: f64 = half_square_square * r * (((((((((2.088938671976011e-9 * r + 2.5109117948414613e-8) * r + 2.755735311832847e-7) * r + 2.7557243935125553e-6) * r + 2.480158723740249e-5) * r + 0.00019841269886454357) * r + 0.0013888888888923822) * r + 0.00833333333332147) * r + 0.04166666666666661) * r + 0.16666666666666677);
    let tail: f64 = half_square_cube + (c + r * c);
    let seen: f64 = if 64.0 < k { 64.0 } else { k };
    let one: f64 = f64::from_bits((((((6755399441056767.0 - seen).to_bits() as i64) as u64) << 52) as i64) as u64);
    let hi_whole: f64 = 1.0 - one;
    let hi: f64 = hi_whole + r;
    let lo: f64 = hi_whole - hi + r + (1.0 - hi_whole - one) + tail + half_square;
    let whole: i64 = (shifted.to_bits() as i64);
    let half: i64 = (((whole as u64) >> 1) as i64);
    let result: f64 = (hi + lo) * f64::from_bits((((half as u64) << 52) as i64) as u64) * f64::from_bits((((whole.wrapping_sub(half) as u64) << 52) as i64) as u64);
    f64::from_bits(((result.to_bits() as i64) | ((x.to_bits() as i64) & -9223372036854775808)) as u64)
}

#[inline(always)]
pub fn exprel(x: f64) -> f64 {
    let above: f64 = if x < -64.0 { -64.0 } else { x };
    let clamped: f64 = if 720.0 < above { 720.0 } else { above };
    let shifted: f64 = clamped * 1.4426950408889634 + 6755399441057790.0;
    let k: f64 = shifted - 6755399441057790.0;
    let r_hi: f64 = clamped - k * 0.6931471805598903;
    let r_lo: f64 = k * 5.497923018708371e-14;
    let r: f64 = r_hi - r_lo;
    let c: f64 = r_hi - r - r_lo;
    let half_square_square: f64 = r * r;
    let half_square: f64 = 0.5 * half_square_square;
    let half_square_cube: f64 = half_square_square * r * (((((((((2.088938671976011e-9 * r + 2.5109117948414613e-8) * r + 2.755735311832847e-7) * r + 2.7557243935125553e-6) * r + 2.480158723740249e-5) * r + 0.00019841269886454357) * r + 0.0013888888888923822) * r + 0.00833333333332147) * r + 0.04166666666666661) * r + 0.16666666666666677);
    let tail: f64 = half_square_cube + (c + r * c);
    let seen: f64 = if 64.0 < k { 64.0 } else { k };
    let one: f64 = f64::from_bits((((((6755399441056767.0 - seen).to_bits() as i64) as u64) << 52) as i64) as u64);
    let sum_whole: f64 = 1.0 - one;
    let sum: f64 = sum_whole + r;
    let rest: f64 = sum_whole - sum + r + (1.0 - sum_whole - one) + tail + half_square;
    let hi: f64 = sum + rest;
    let lo: f64 = sum - hi + rest;
    let inverse: f64 = 1.0 / clamped;
    let quotient: f64 = f64::from_bits((((hi * inverse).to_bits() as i64) & -134217728) as u64);
    let x_hi: f64 = f64::from_bits(((clamped.to_bits() as i64) & -134217728) as u64);
    let x_lo: f64 = clamped - x_hi;
    let remainder: f64 = hi - quotient * x_hi - quotient * x_lo + lo;
    let ratio: f64 = quotient + remainder * inverse;
    let whole: i64 = (shifted.to_bits() as i64);
    let half: i64 = (((whole as u64) >> 1) as i64);
    let result: f64 = ratio * f64::from_bits((((half as u64) << 52) as i64) as u64) * f64::from_bits((((whole.wrapping_sub(half) as u64) << 52) as i64) as u64);
    let negative: f64 = if x < -64.0 { -1.0 / x } else { result };
    if x.abs() < 9.313225746154785e-10 { 1.0 + 0.5 * x } else { negative }
}

#[inline(always)]
pub fn log(x: f64) -> f64 {
    let tiny: bool = x < 2.2250738585072014e-308;
    let normal: f64 = if tiny { x * 1.8014398509481984e16 } else { x };
    let m_above: i64 = (normal.to_bits() as i64).wrapping_sub(4604544271217802189);
    let m: f64 = f64::from_bits((m_above & 4503599627370495).wrapping_add(4604544271217802189) as u64);
    let e: f64 = f64::from_bits(((((m_above.wrapping_add(4607182418800017408) as u64) >> 52) as i64) | 4841369599423283200) as u64) - 4503599627371519.0;
    let k: f64 = if tiny { e - 54.0 } else { e };
    let f: f64 = m - 1.0;
    let s: f64 = f / (2.0 + f);
    let t_z: f64 = s * s;
    let t: f64 = t_z * ((((((0.14795584050839738 * t_z + 0.1531408976676821) * t_z + 0.18183562661403496) * t_z + 0.222221986085587) * t_z + 0.2857142874199755) * t_z + 0.3999999999941674) * t_z + 0.6666666666666734);
    let square: f64 = 0.5 * f * f;
    let result: f64 = k * 0.6931471805598903 - (square - (s * (square + t) + k * 5.497923018708371e-14) - f);
    let positive: f64 = if x < f64::INFINITY { result } else { x };
    if 0.0 < x { positive } else { (if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN }) }
}

#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let u: f64 = 1.0 + x;
    let back: f64 = u - 1.0;
    let lost: f64 = 1.0 - (u - back) + (x - back);
    let m_above: i64 = (u.to_bits() as i64).wrapping_sub(4604544271217802189);
    let m: f64 = f64::from_bits((m_above & 4503599627370495).wrapping_add(4604544271217802189) as u64);
    let k: f64 = f64::from_bits(((((m_above.wrapping_add(4607182418800017408) as u64) >> 52) as i64) | 4841369599423283200) as u64) - 4503599627371519.0;
    let near: bool = k == 0.0;
    let f: f64 = if near { x } else { m - 1.0 };
    let s: f64 = f / (2.0 + f);
    let t_z: f64 = s * s;
    let t: f64 = t_z * ((((((0.14795584050839738 * t_z + 0.1531408976676821) * t_z + 0.18183562661403496) * t_z + 0.222221986085587) * t_z + 0.2857142874199755) * t_z + 0.3999999999941674) * t_z + 0.6666666666666734);
    let scaled: f64 = lost * f64::from_bits((m.to_bits() as i64).wrapping_sub((u.to_bits() as i64)).wrapping_add(4607182418800017408) as u64) * (1.0 - 2.0 * s * (1.0 - s));
    let l: f64 = if near { 0.0 } else { (if u < 1.152921504606847e18 { scaled } else { 0.0 }) };
    let square: f64 = 0.5 * f * f;
    let result: f64 = k * 0.6931471805598903 - (square - (s * (square + t) + (k * 5.497923018708371e-14 + l)) - f);
    let positive: f64 = if x < f64::INFINITY { result } else { x };
    let negative: f64 = if x == -1.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x == 0.0 { x } else { (if -1.0 < x { positive } else { negative }) }
}

/// The functions over slices.
mod blocks {
    use super::super::block::{block_one, block_two, versions};

    block_one!(exp);
    block_one!(expm1);
    block_one!(exprel);
    block_one!(log);
    block_one!(log1p);
}

pub(super) static BUILTINS: [Builtin; 5] = [
    Builtin {
        name: "exp",
        arity: 1,
        depends: &["bits", "float"],
        c: include_str!("../../../templates/c/maths/exp.h"),
        bound_ulp: 1.0,
        block: Block::One(blocks::exp),
        scalar: Scalar::One(exp),
    },
    Builtin {
        name: "expm1",
        arity: 1,
        depends: &["bits", "float"],
        c: include_str!("../../../templates/c/maths/expm1.h"),
        bound_ulp: 1.0,
        block: Block::One(blocks::expm1),
        scalar: Scalar::One(expm1),
    },
    Builtin {
        name: "exprel",
        arity: 1,
        depends: &["abs", "bits", "float"],
        c: include_str!("../../../templates/c/maths/exprel.h"),
        bound_ulp: 1.0,
        block: Block::One(blocks::exprel),
        scalar: Scalar::One(exprel),
    },
    Builtin {
        name: "log",
        arity: 1,
        depends: &["bits", "float"],
        c: include_str!("../../../templates/c/maths/log.h"),
        bound_ulp: 1.0,
        block: Block::One(blocks::log),
        scalar: Scalar::One(log),
    },
    Builtin {
        name: "log1p",
        arity: 1,
        depends: &["bits", "float"],
        c: include_str!("../../../templates/c/maths/log1p.h"),
        bound_ulp: 1.0,
        block: Block::One(blocks::log1p),
        scalar: Scalar::One(log1p),
    },
];

pub(super) static INTERNALS: [Internal; 0] = [
];

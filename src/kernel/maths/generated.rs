// Made from library.ir by render::maths; a test compares.
#![allow(clippy::all, missing_docs, unused_imports, unused_parens, clippy::approx_constant)]

use super::operators::*;
use super::{Block, Builtin, Internal, Scalar, Texts};

static INVERSE_TWO_PI: [f64; 128] = [
    4503599627380926.0,
    4503600310935771.0,
    4548397761270673.0,
    4610095817229642.0,
    4665850695679753.0,
    4509417144440308.0,
    4643279848373581.0,
    4738845678319472.0,
    4641370223425240.0,
    4564554723403110.0,
    4563903743151888.0,
    4685458459124752.0,
    4590533591728020.0,
    4754359138408682.0,
    4643874751051694.0,
    4601365828399448.0,
    4775930372845001.0,
    4768961728682894.0,
    4624310145552531.0,
    4533898752259256.0,
    4662562620178834.0,
    4631933276539834.0,
    4505327474737780.0,
    4586864052036743.0,
    4647036041772935.0,
    4614131676576455.0,
    4573450740378698.0,
    4638595487525327.0,
    4552297741793824.0,
    4619940529212797.0,
    4708248602889134.0,
    4659168907546913.0,
    4586813832378983.0,
    4733540271332361.0,
    4567814153809175.0,
    4534427511676816.0,
    4693917673999972.0,
    4749410510861710.0,
    4589793003331796.0,
    4632853997735549.0,
    4610066741012257.0,
    4730636550084578.0,
    4546622715522942.0,
    4529863075449358.0,
    4766925314770942.0,
    4585026972689919.0,
    4723494000523137.0,
    4545380926711299.0,
    4775734761749451.0,
    4615766922740834.0,
    4780452219115138.0,
    4719528412093255.0,
    4739456066640717.0,
    4674332551651251.0,
    4744726065695218.0,
    4679194163462765.0,
    4725644108616657.0,
    4717376588320729.0,
    4736496642402199.0,
    4661764609800843.0,
    4687870812708169.0,
    4779076099894961.0,
    4606171746007801.0,
    4766047814646878.0,
    4779549067759425.0,
    4640346273336957.0,
    4731481171550868.0,
    4730639694996666.0,
    4752727674100478.0,
    4684720998635500.0,
    4674018962327523.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
];

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
    let half_square_cube: f64 = half_square_square * r * ((((2.5109117948414613e-8 * half_square_square + 2.7557243935125553e-6) * half_square_square + 0.00019841269886454357) * half_square_square + 0.00833333333332147) * half_square_square + 0.16666666666666677 + r * ((((2.088938671976011e-9 * half_square_square + 2.755735311832847e-7) * half_square_square + 2.480158723740249e-5) * half_square_square + 0.0013888888888923822) * half_square_square + 0.04166666666666661));
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
    let half_square_cube: f64 = half_square_square * r * ((((2.5109117948414613e-8 * half_square_square + 2.7557243935125553e-6) * half_square_square + 0.00019841269886454357) * half_square_square + 0.00833333333332147) * half_square_square + 0.16666666666666677 + r * ((((2.088938671976011e-9 * half_square_square + 2.755735311832847e-7) * half_square_square + 2.480158723740249e-5) * half_square_square + 0.0013888888888923822) * half_square_square + 0.04166666666666661));
    let tail: f64 = half_square_cube + (c + r * c);
    let seen: f64 = if 64.0 < k { 64.0 } else { k };
    let one: f64 = f64::from_bits((((((6755399441056767.0 - seen).to_bits() as i64) as u64) << 52) as i64) as u64);
    let sum_whole: f64 = 1.0 - one;
    let sum: f64 = sum_whole + r;
    let rest: f64 = sum_whole - sum + r + (1.0 - sum_whole - one) + tail + half_square;
    let hi: f64 = sum + rest;
    let lo: f64 = sum - hi + rest;
    let divisor: f64 = if 720.0 < x { 720.0 } else { x };
    let inverse: f64 = 1.0 / divisor;
    let head: f64 = f64::from_bits((((hi * inverse).to_bits() as i64) & -134217728) as u64);
    let head_d_head: f64 = f64::from_bits(((clamped.to_bits() as i64) & -134217728) as u64);
    let remainder: f64 = hi - head * head_d_head - head * (clamped - head_d_head);
    let ratio: f64 = head + (remainder + lo) * inverse;
    let whole: i64 = (shifted.to_bits() as i64);
    let half: i64 = (((whole as u64) >> 1) as i64);
    let result: f64 = ratio * f64::from_bits((((half as u64) << 52) as i64) as u64) * f64::from_bits((((whole.wrapping_sub(half) as u64) << 52) as i64) as u64);
    let negative: f64 = if x < -64.0 { -inverse } else { result };
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

#[inline(always)]
pub fn log2(x: f64) -> f64 {
    let head_tiny: bool = x < 2.2250738585072014e-308;
    let head_normal: f64 = if head_tiny { x * 1.8014398509481984e16 } else { x };
    let head_m_above: i64 = (head_normal.to_bits() as i64).wrapping_sub(4604544271217802189);
    let head_m: f64 = f64::from_bits((head_m_above & 4503599627370495).wrapping_add(4604544271217802189) as u64);
    let head_e: f64 = f64::from_bits(((((head_m_above.wrapping_add(4607182418800017408) as u64) >> 52) as i64) | 4841369599423283200) as u64) - 4503599627371519.0;
    let k: f64 = if head_tiny { head_e - 54.0 } else { head_e };
    let head_f: f64 = head_m - 1.0;
    let head_s: f64 = head_f / (2.0 + head_f);
    let head_t_z: f64 = head_s * head_s;
    let head_t: f64 = head_t_z * ((((((0.14795584050839738 * head_t_z + 0.1531408976676821) * head_t_z + 0.18183562661403496) * head_t_z + 0.222221986085587) * head_t_z + 0.2857142874199755) * head_t_z + 0.3999999999941674) * head_t_z + 0.6666666666666734);
    let head_square: f64 = 0.5 * head_f * head_f;
    let head: f64 = f64::from_bits((((head_f - head_square).to_bits() as i64) & -4294967296) as u64);
    let rest: f64 = head_f - head - head_square + head_s * (head_square + head_t);
    let product: f64 = head * 1.4426946640014648;
    let sum: f64 = k + product;
    let small: f64 = (rest + head) * 3.768874985636099e-7 + rest * 1.4426946640014648;
    let result: f64 = sum + (k - sum + product + small);
    let positive: f64 = if x < f64::INFINITY { result } else { x };
    if 0.0 < x { positive } else { (if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN }) }
}

#[inline(always)]
pub fn log10(x: f64) -> f64 {
    let head_tiny: bool = x < 2.2250738585072014e-308;
    let head_normal: f64 = if head_tiny { x * 1.8014398509481984e16 } else { x };
    let head_m_above: i64 = (head_normal.to_bits() as i64).wrapping_sub(4604544271217802189);
    let head_m: f64 = f64::from_bits((head_m_above & 4503599627370495).wrapping_add(4604544271217802189) as u64);
    let head_e: f64 = f64::from_bits(((((head_m_above.wrapping_add(4607182418800017408) as u64) >> 52) as i64) | 4841369599423283200) as u64) - 4503599627371519.0;
    let k: f64 = if head_tiny { head_e - 54.0 } else { head_e };
    let head_f: f64 = head_m - 1.0;
    let head_s: f64 = head_f / (2.0 + head_f);
    let head_t_z: f64 = head_s * head_s;
    let head_t: f64 = head_t_z * ((((((0.14795584050839738 * head_t_z + 0.1531408976676821) * head_t_z + 0.18183562661403496) * head_t_z + 0.222221986085587) * head_t_z + 0.2857142874199755) * head_t_z + 0.3999999999941674) * head_t_z + 0.6666666666666734);
    let head_square: f64 = 0.5 * head_f * head_f;
    let head: f64 = f64::from_bits((((head_f - head_square).to_bits() as i64) & -4294967296) as u64);
    let rest: f64 = head_f - head - head_square + head_s * (head_square + head_t);
    let whole: f64 = k * 0.30102999566395283;
    let product: f64 = head * 0.4342944622039795;
    let sum: f64 = whole + product;
    let small: f64 = (rest + head) * 1.9699272335463627e-8 + rest * 0.4342944622039795 + k * 2.8363394551044964e-14;
    let result: f64 = sum + (whole - sum + product + small);
    let positive: f64 = if x < f64::INFINITY { result } else { x };
    if 0.0 < x { positive } else { (if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN }) }
}

#[inline(always)]
pub fn pow(x: f64, y: f64) -> f64 {
    let a: f64 = x.abs();
    let log_hi_tiny: bool = a < 2.2250738585072014e-308;
    let log_hi_normal: f64 = if log_hi_tiny { a * 1.8014398509481984e16 } else { a };
    let log_hi_m_above: i64 = (log_hi_normal.to_bits() as i64).wrapping_sub(4605975682916830378);
    let log_hi_m: f64 = f64::from_bits((log_hi_m_above & 4503599627370495).wrapping_add(4605975682916830378) as u64);
    let log_hi_e: f64 = f64::from_bits(((((log_hi_m_above.wrapping_add(4607182418800017408) as u64) >> 52) as i64) | 4841369599423283200) as u64) - 4503599627371519.0;
    let log_hi_upper: bool = 1.224744871391589 < log_hi_m;
    let log_hi_centre: f64 = if log_hi_upper { 1.5 } else { 1.0 };
    let log_hi_whole: f64 = if log_hi_tiny { log_hi_e - 54.0 } else { log_hi_e };
    let log_hi_k: f64 = if log_hi_upper { log_hi_whole + 0.5849618911743164 } else { log_hi_whole };
    let log_hi_k_lo: f64 = if log_hi_upper { 6.095468397752037e-7 } else { 0.0 };
    let log_hi_f: f64 = log_hi_m - log_hi_centre;
    let log_hi_d: f64 = log_hi_m + log_hi_centre;
    let log_hi_back: f64 = log_hi_d - log_hi_centre;
    let log_hi_d_lo: f64 = log_hi_m - log_hi_back + (log_hi_centre - (log_hi_d - log_hi_back));
    let log_hi_inverse: f64 = 1.0 / log_hi_d;
    let log_hi_s_hi: f64 = f64::from_bits((((log_hi_f * log_hi_inverse).to_bits() as i64) & -134217728) as u64);
    let log_hi_s_hi_d_head: f64 = f64::from_bits(((log_hi_d.to_bits() as i64) & -134217728) as u64);
    let log_hi_remainder: f64 = log_hi_f - log_hi_s_hi * log_hi_s_hi_d_head - log_hi_s_hi * (log_hi_d - log_hi_s_hi_d_head);
    let log_hi_s_lo: f64 = (log_hi_remainder - log_hi_s_hi * log_hi_d_lo) * log_hi_inverse;
    let log_hi_s: f64 = log_hi_s_hi + log_hi_s_lo;
    let log_hi_z_hi: f64 = log_hi_s_hi * log_hi_s_hi;
    let log_hi_z: f64 = log_hi_s * log_hi_s;
    let log_hi_z_square: f64 = log_hi_z * log_hi_z;
    let log_hi_r: f64 = log_hi_z_square * ((0.23066101753646112 * log_hi_z_square + 0.33333332983456704) * log_hi_z_square + 0.5999999999999946 + log_hi_z * ((0.20696598250952924 * log_hi_z_square + 0.2727281207278405) * log_hi_z_square + 0.4285714285785117)) + log_hi_s_lo * (log_hi_s_hi + log_hi_s);
    let log_hi_t_hi: f64 = f64::from_bits((((3.0 + (log_hi_z_hi + log_hi_r)).to_bits() as i64) & -134217728) as u64);
    let log_hi_t_lo: f64 = log_hi_r - (log_hi_t_hi - 3.0 - log_hi_z_hi);
    let log_hi_u: f64 = log_hi_s_hi * log_hi_t_hi;
    let log_hi_v: f64 = log_hi_s_lo * log_hi_t_hi + log_hi_t_lo * log_hi_s;
    let log_hi_p_hi: f64 = f64::from_bits((((log_hi_u + log_hi_v).to_bits() as i64) & -134217728) as u64);
    let log_hi_p_lo: f64 = log_hi_v - (log_hi_p_hi - log_hi_u);
    let log_hi_q: f64 = 0.9617966860532761 * log_hi_p_hi;
    let log_hi_sum: f64 = log_hi_k + log_hi_q;
    let log_hi_small: f64 = log_hi_k - log_hi_sum + log_hi_q + (log_hi_k_lo + (7.872699542894897e-9 * log_hi_p_hi + 0.9617966939259756 * log_hi_p_lo));
    let log_hi: f64 = f64::from_bits((((log_hi_sum + log_hi_small).to_bits() as i64) & -134217728) as u64);
    let log_lo: f64 = log_hi_small - (log_hi - log_hi_sum);
    let y_above: f64 = if y < -1.1805916207174113e21 { -1.1805916207174113e21 } else { y };
    let y_clamped: f64 = if 1.1805916207174113e21 < y_above { 1.1805916207174113e21 } else { y_above };
    let y_hi: f64 = f64::from_bits(((y_clamped.to_bits() as i64) & -134217728) as u64);
    let e_hi: f64 = log_hi * y_hi;
    let e_lo: f64 = log_hi * (y_clamped - y_hi) + log_lo * y_clamped;
    let e_above: f64 = if e_hi < -2000.0 { -2000.0 } else { e_hi };
    let e: f64 = if 2000.0 < e_above { 2000.0 } else { e_above };
    let shifted: f64 = e + 6755399441057790.0;
    let fraction: f64 = e - (shifted - 6755399441057790.0);
    let rest: f64 = if e == e_hi { e_lo } else { 0.0 };
    let g: f64 = fraction + rest;
    let g_lo: f64 = rest - (g - fraction);
    let g_hi: f64 = f64::from_bits(((g.to_bits() as i64) & -134217728) as u64);
    let r_hi: f64 = g_hi * 0.6931471675634384;
    let r_lo: f64 = (g - g_hi) * 0.6931471675634384 + (g * 1.2996506893889889e-8 + g_lo * 0.6931471805599453);
    let r: f64 = r_hi + r_lo;
    let half_square_c: f64 = r_hi - r + r_lo;
    let half_square_square: f64 = r * r;
    let half_square: f64 = 0.5 * half_square_square;
    let half_square_cube: f64 = half_square_square * r * ((((2.5109117948414613e-8 * half_square_square + 2.7557243935125553e-6) * half_square_square + 0.00019841269886454357) * half_square_square + 0.00833333333332147) * half_square_square + 0.16666666666666677 + r * ((((2.088938671976011e-9 * half_square_square + 2.755735311832847e-7) * half_square_square + 2.480158723740249e-5) * half_square_square + 0.0013888888888923822) * half_square_square + 0.04166666666666661));
    let tail: f64 = half_square_cube + (half_square_c + r * half_square_c);
    let one: f64 = 1.0 + r;
    let power: f64 = one + (1.0 - one + r + tail + half_square);
    let whole: i64 = (shifted.to_bits() as i64);
    let half: i64 = (((whole as u64) >> 1) as i64);
    let scaled: f64 = power * f64::from_bits((((half as u64) << 52) as i64) as u64) * f64::from_bits((((whole.wrapping_sub(half) as u64) << 52) as i64) as u64);
    let y_negative: bool = y < 0.0;
    let of_zero: f64 = if a == 0.0 { (if y_negative { f64::INFINITY } else { 0.0 }) } else { scaled };
    let of_limits: f64 = if a == f64::INFINITY { (if y_negative { 0.0 } else { f64::INFINITY }) } else { of_zero };
    let y_abs: f64 = y.abs();
    let y_half: f64 = 0.5 * y_abs;
    let large: bool = 4503599627370496.0 <= y_abs;
    let is_whole: bool = large | (y_abs + 4503599627370496.0 - 4503599627370496.0 == y_abs);
    let is_even: bool = (9007199254740992.0 <= y_abs) | (y_half + 4503599627370496.0 - 4503599627370496.0 == y_half);
    let sign: i64 = if (is_whole & !is_even) { (x.to_bits() as i64) & -9223372036854775808 } else { 0 };
    let with_sign: f64 = f64::from_bits(((of_limits.to_bits() as i64) | sign) as u64);
    let fractional: bool = (x < 0.0) & ((f64::NEG_INFINITY < x) & !is_whole);
    let defined: f64 = if fractional { f64::NAN } else { with_sign };
    let numbers: f64 = if ((x == x) & (y == y)) { defined } else { f64::NAN };
    if ((x == 1.0) | (y == 0.0)) { 1.0 } else { numbers }
}

#[inline(always)]
pub fn sinh(x: f64) -> f64 {
    let a: f64 = x.abs();
    let clamped: f64 = if 711.0 < a { 711.0 } else { a };
    let shifted: f64 = clamped * 1.4426950408889634 + 6755399441057790.0;
    let r_k: f64 = shifted - 6755399441057790.0;
    let r_hi: f64 = clamped - r_k * 0.6931471805598903;
    let r_lo: f64 = r_k * 5.497923018708371e-14;
    let r: f64 = r_hi - r_lo;
    let r_c: f64 = r_hi - r - r_lo;
    let half_square_square: f64 = r * r;
    let half_square: f64 = 0.5 * half_square_square;
    let half_square_cube: f64 = half_square_square * r * ((((2.5109117948414613e-8 * half_square_square + 2.7557243935125553e-6) * half_square_square + 0.00019841269886454357) * half_square_square + 0.00833333333332147) * half_square_square + 0.16666666666666677 + r * ((((2.088938671976011e-9 * half_square_square + 2.755735311832847e-7) * half_square_square + 2.480158723740249e-5) * half_square_square + 0.0013888888888923822) * half_square_square + 0.04166666666666661));
    let tail: f64 = half_square_cube + (r_c + r * r_c);
    let r_seen: f64 = if 64.0 < r_k { 64.0 } else { r_k };
    let one: f64 = f64::from_bits((((((6755399441056767.0 - r_seen).to_bits() as i64) as u64) << 52) as i64) as u64);
    let sum_whole: f64 = 1.0 - one;
    let sum: f64 = sum_whole + r;
    let rest: f64 = sum_whole - sum + r + (1.0 - sum_whole - one) + tail + half_square;
    let hi: f64 = sum + rest;
    let lo: f64 = sum - hi + rest;
    let result: f64 = hi + (lo + one * (hi / (hi + one)));
    let whole: i64 = (shifted.to_bits() as i64).wrapping_sub(1);
    let half: i64 = (((whole as u64) >> 1) as i64);
    let scaled: f64 = result * f64::from_bits((((half as u64) << 52) as i64) as u64) * f64::from_bits((((whole.wrapping_sub(half) as u64) << 52) as i64) as u64);
    f64::from_bits(((scaled.to_bits() as i64) | ((x.to_bits() as i64) & -9223372036854775808)) as u64)
}

#[inline(always)]
pub fn cosh(x: f64) -> f64 {
    let a: f64 = x.abs();
    let clamped: f64 = if 711.0 < a { 711.0 } else { a };
    let shifted: f64 = clamped * 1.4426950408889634 + 6755399441057790.0;
    let r_k: f64 = shifted - 6755399441057790.0;
    let r_hi: f64 = clamped - r_k * 0.6931471805598903;
    let r_lo: f64 = r_k * 5.497923018708371e-14;
    let r: f64 = r_hi - r_lo;
    let r_c: f64 = r_hi - r - r_lo;
    let half_square_square: f64 = r * r;
    let half_square: f64 = 0.5 * half_square_square;
    let half_square_cube: f64 = half_square_square * r * ((((2.5109117948414613e-8 * half_square_square + 2.7557243935125553e-6) * half_square_square + 0.00019841269886454357) * half_square_square + 0.00833333333332147) * half_square_square + 0.16666666666666677 + r * ((((2.088938671976011e-9 * half_square_square + 2.755735311832847e-7) * half_square_square + 2.480158723740249e-5) * half_square_square + 0.0013888888888923822) * half_square_square + 0.04166666666666661));
    let tail: f64 = half_square_cube + (r_c + r * r_c);
    let r_seen: f64 = if 64.0 < r_k { 64.0 } else { r_k };
    let one: f64 = f64::from_bits((((((6755399441056767.0 - r_seen).to_bits() as i64) as u64) << 52) as i64) as u64);
    let sum: f64 = 1.0 + r;
    let rest: f64 = 1.0 - sum + r + tail + half_square;
    let hi: f64 = sum + rest;
    let lo: f64 = sum - hi + rest;
    let result: f64 = hi + (lo + one * one / hi);
    let whole: i64 = (shifted.to_bits() as i64).wrapping_sub(1);
    let half: i64 = (((whole as u64) >> 1) as i64);
    result * f64::from_bits((((half as u64) << 52) as i64) as u64) * f64::from_bits((((whole.wrapping_sub(half) as u64) << 52) as i64) as u64)
}

#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let a: f64 = x.abs();
    let clamped: f64 = if 22.0 < a { 22.0 } else { a };
    let r_a: f64 = 2.0 * clamped;
    let shifted: f64 = r_a * 1.4426950408889634 + 6755399441057790.0;
    let r_k: f64 = shifted - 6755399441057790.0;
    let r_hi: f64 = r_a - r_k * 0.6931471805598903;
    let r_lo: f64 = r_k * 5.497923018708371e-14;
    let r: f64 = r_hi - r_lo;
    let r_c: f64 = r_hi - r - r_lo;
    let half_square_square: f64 = r * r;
    let half_square: f64 = 0.5 * half_square_square;
    let half_square_cube: f64 = half_square_square * r * ((((2.5109117948414613e-8 * half_square_square + 2.7557243935125553e-6) * half_square_square + 0.00019841269886454357) * half_square_square + 0.00833333333332147) * half_square_square + 0.16666666666666677 + r * ((((2.088938671976011e-9 * half_square_square + 2.755735311832847e-7) * half_square_square + 2.480158723740249e-5) * half_square_square + 0.0013888888888923822) * half_square_square + 0.04166666666666661));
    let tail: f64 = half_square_cube + (r_c + r * r_c);
    let r_seen: f64 = if 64.0 < r_k { 64.0 } else { r_k };
    let one: f64 = f64::from_bits((((((6755399441056767.0 - r_seen).to_bits() as i64) as u64) << 52) as i64) as u64);
    let n_sum_whole: f64 = 1.0 - one;
    let n_sum: f64 = n_sum_whole + r;
    let n_rest: f64 = n_sum_whole - n_sum + r + (1.0 - n_sum_whole - one) + tail + half_square;
    let n: f64 = n_sum + n_rest;
    let n_lo: f64 = n_sum - n + n_rest;
    let d_sum_one: f64 = -one;
    let d_sum_whole: f64 = 1.0 - d_sum_one;
    let d_sum: f64 = d_sum_whole + r;
    let d_rest: f64 = d_sum_whole - d_sum + r + (1.0 - d_sum_whole - d_sum_one) + tail + half_square;
    let d: f64 = d_sum + d_rest;
    let d_lo: f64 = d_sum - d + d_rest;
    let inverse: f64 = 1.0 / d;
    let head: f64 = f64::from_bits((((n * inverse).to_bits() as i64) & -134217728) as u64);
    let head_d_head: f64 = f64::from_bits(((d.to_bits() as i64) & -134217728) as u64);
    let remainder: f64 = n - head * head_d_head - head * (d - head_d_head);
    let result: f64 = head + (remainder + (n_lo - head * d_lo)) * inverse;
    f64::from_bits(((result.to_bits() as i64) | ((x.to_bits() as i64) & -9223372036854775808)) as u64)
}

#[inline(always)]
pub fn sin(x: f64) -> f64 {
    let a: f64 = x.abs();
    let n_near: bool = a <= 1048576.0;
    let n_n_near_shifted: f64 = a * 0.6366197723675814 + 6755399441055744.0;
    let n_n_near: i64 = (n_n_near_shifted.to_bits() as i64);
    let n_n_near_k: f64 = n_n_near_shifted - 6755399441055744.0;
    let n_n_near_first: f64 = a - n_n_near_k * 1.5707963267341256;
    let n_n_near_second: f64 = n_n_near_k * 6.077100506303966e-11;
    let n_n_near_third: f64 = n_n_near_k * 2.0222662487111665e-21;
    let n_n_near_b: f64 = n_n_near_first - n_n_near_second;
    let n_n_near_b_lost: f64 = n_n_near_first - n_n_near_b - n_n_near_second;
    let n_n_near_c: f64 = n_n_near_b - n_n_near_third;
    let n_n_near_c_lost: f64 = n_n_near_b - n_n_near_c - n_n_near_third;
    let n_n_near_tail: f64 = n_n_near_b_lost + n_n_near_c_lost - n_n_near_k * 8.4784276603689e-32;
    let n_r_near: f64 = n_n_near_c + n_n_near_tail;
    let n_lo_near: f64 = n_n_near_c - n_r_near + n_n_near_tail;
    let n_far: f64 = if n_near { 2097152.0 } else { a };
    let n_n_far_pattern: i64 = (n_far.to_bits() as i64);
    let n_n_far_mantissa: i64 = (n_n_far_pattern & 4503599627370495) | 4503599627370496;
    let n_n_far_m0: i64 = n_n_far_mantissa & 4294967295;
    let n_n_far_m1: i64 = (((n_n_far_mantissa as u64) >> 32) as i64);
    let n_n_far_place: i64 = (((n_n_far_pattern as u64) >> 52) as i64).wrapping_sub(1043);
    let n_n_far_row: i64 = (((n_n_far_place as u64) >> 4) as i64);
    let n_n_far_shift: i64 = (16_i64).wrapping_sub(n_n_far_place & 15);
    let n_n_far_w0: i64 = ((((INVERSE_TWO_PI[n_n_far_row as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w1: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(2) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w2: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(4) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w3: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(6) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w4: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(8) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w5: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(10) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_m0w2: i64 = n_n_far_m0.wrapping_mul(n_n_far_w2);
    let n_n_far_m0w3: i64 = n_n_far_m0.wrapping_mul(n_n_far_w3);
    let n_n_far_m1w3: i64 = n_n_far_m1.wrapping_mul(n_n_far_w3);
    let n_n_far_m1w4: i64 = n_n_far_m1.wrapping_mul(n_n_far_w4);
    let n_n_far_top: i64 = (((n_n_far_m0.wrapping_mul(n_n_far_w0).wrapping_add(n_n_far_m1.wrapping_mul(n_n_far_w1)) as u64) << 32) as i64).wrapping_add(n_n_far_m0.wrapping_mul(n_n_far_w1)).wrapping_add(n_n_far_m1.wrapping_mul(n_n_far_w2)).wrapping_add((((n_n_far_m0w2 as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1w3 as u64) >> 32) as i64));
    let n_n_far_middle: i64 = (n_n_far_m0w2 & 4294967295).wrapping_add(n_n_far_m1w3 & 4294967295).wrapping_add((((n_n_far_m0w3 as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1w4 as u64) >> 32) as i64));
    let n_n_far_bottom: i64 = (n_n_far_m0w3 & 4294967295).wrapping_add(n_n_far_m1w4 & 4294967295).wrapping_add((((n_n_far_m0.wrapping_mul(n_n_far_w4) as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1.wrapping_mul(n_n_far_w5) as u64) >> 32) as i64));
    let n_n_far: i64 = (((n_n_far_top.wrapping_add(2305843009213693952) as u64) >> 62) as i64);
    let n_n_far_with_sign: i64 = n_n_far_top.wrapping_sub((((n_n_far as u64) << 62) as i64));
    let n_n_far_part0: f64 = f64::from_bits(((((n_n_far_with_sign.wrapping_add(-9223372036854775808) as u64) >> 32) as i64) | 4697254411347427328) as u64) - 1048576.5;
    let n_n_far_part1: f64 = f64::from_bits(((n_n_far_with_sign & 4294967295) | 4553139223271571456) as u64) - 0.000244140625;
    let n_n_far_part2: f64 = f64::from_bits((n_n_far_middle | 4409024035195715584) as u64) - 5.684341886080802e-14;
    let n_n_far_part3: f64 = f64::from_bits((n_n_far_bottom | 4264908847119859712) as u64) - 1.3234889800848443e-23;
    let n_n_far_head: f64 = n_n_far_part0 + n_n_far_part1;
    let n_n_far_rest: f64 = n_n_far_part1 - (n_n_far_head - n_n_far_part0) + n_n_far_part2 + n_n_far_part3;
    let n_n_far_turn: f64 = n_n_far_head + n_n_far_rest;
    let n_n_far_turn_lo: f64 = n_n_far_rest - (n_n_far_turn - n_n_far_head);
    let n_n_far_turn_head: f64 = f64::from_bits(((n_n_far_turn.to_bits() as i64) & -134217728) as u64);
    let n_n_far_r_hi: f64 = n_n_far_turn_head * 6.283185243606567;
    let n_n_far_r_lo: f64 = (n_n_far_turn - n_n_far_turn_head) * 6.283185243606567 + (n_n_far_turn * 6.357301909411278e-8 + n_n_far_turn_lo * 6.283185307179586);
    let n_r_far: f64 = n_n_far_r_hi + n_n_far_r_lo;
    let n_lo_far: f64 = n_n_far_r_hi - n_r_far + n_n_far_r_lo;
    let n: i64 = if n_near { n_n_near } else { n_n_far };
    let s: f64 = if n_near { n_r_near } else { n_r_far };
    let n_lo: f64 = if n_near { n_lo_near } else { n_lo_far };
    let n_z: f64 = s * s;
    let n_s: f64 = ((((1.5895962372822749e-10 * n_z + -2.505074259383486e-8) * n_z + 2.755731358364454e-6) * n_z + -0.00019841269829461278) * n_z + 0.00833333333332192) * n_z + -0.1666666666666663;
    let n_c: f64 = ((((-1.1358775630462618e-11 * n_z + 2.0875705890748465e-9) * n_z + -2.755731422043573e-7) * n_z + 2.480158728901216e-5) * n_z + -0.0013888888888873353) * n_z + 0.041666666666666595;
    let n_half: f64 = 0.5 * n_z;
    let s_lo: f64 = s * n_z * n_s + (n_lo - n_half * n_lo);
    let c: f64 = 1.0 - n_half;
    let c_lo: f64 = 1.0 - c - n_half + (n_z * n_z * n_c - s * n_lo);
    let value: f64 = if (n & 1) == 0 { s + s_lo } else { c + c_lo };
    let with_sign: f64 = f64::from_bits(((value.to_bits() as i64) ^ (((((n & 2) as u64) << 62) as i64) ^ ((x.to_bits() as i64) & -9223372036854775808))) as u64);
    if a < f64::INFINITY { with_sign } else { f64::NAN }
}

#[inline(always)]
pub fn cos(x: f64) -> f64 {
    let a: f64 = x.abs();
    let n_near: bool = a <= 1048576.0;
    let n_n_near_shifted: f64 = a * 0.6366197723675814 + 6755399441055744.0;
    let n_n_near: i64 = (n_n_near_shifted.to_bits() as i64);
    let n_n_near_k: f64 = n_n_near_shifted - 6755399441055744.0;
    let n_n_near_first: f64 = a - n_n_near_k * 1.5707963267341256;
    let n_n_near_second: f64 = n_n_near_k * 6.077100506303966e-11;
    let n_n_near_third: f64 = n_n_near_k * 2.0222662487111665e-21;
    let n_n_near_b: f64 = n_n_near_first - n_n_near_second;
    let n_n_near_b_lost: f64 = n_n_near_first - n_n_near_b - n_n_near_second;
    let n_n_near_c: f64 = n_n_near_b - n_n_near_third;
    let n_n_near_c_lost: f64 = n_n_near_b - n_n_near_c - n_n_near_third;
    let n_n_near_tail: f64 = n_n_near_b_lost + n_n_near_c_lost - n_n_near_k * 8.4784276603689e-32;
    let n_r_near: f64 = n_n_near_c + n_n_near_tail;
    let n_lo_near: f64 = n_n_near_c - n_r_near + n_n_near_tail;
    let n_far: f64 = if n_near { 2097152.0 } else { a };
    let n_n_far_pattern: i64 = (n_far.to_bits() as i64);
    let n_n_far_mantissa: i64 = (n_n_far_pattern & 4503599627370495) | 4503599627370496;
    let n_n_far_m0: i64 = n_n_far_mantissa & 4294967295;
    let n_n_far_m1: i64 = (((n_n_far_mantissa as u64) >> 32) as i64);
    let n_n_far_place: i64 = (((n_n_far_pattern as u64) >> 52) as i64).wrapping_sub(1043);
    let n_n_far_row: i64 = (((n_n_far_place as u64) >> 4) as i64);
    let n_n_far_shift: i64 = (16_i64).wrapping_sub(n_n_far_place & 15);
    let n_n_far_w0: i64 = ((((INVERSE_TWO_PI[n_n_far_row as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w1: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(2) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w2: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(4) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w3: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(6) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w4: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(8) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w5: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(10) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_m0w2: i64 = n_n_far_m0.wrapping_mul(n_n_far_w2);
    let n_n_far_m0w3: i64 = n_n_far_m0.wrapping_mul(n_n_far_w3);
    let n_n_far_m1w3: i64 = n_n_far_m1.wrapping_mul(n_n_far_w3);
    let n_n_far_m1w4: i64 = n_n_far_m1.wrapping_mul(n_n_far_w4);
    let n_n_far_top: i64 = (((n_n_far_m0.wrapping_mul(n_n_far_w0).wrapping_add(n_n_far_m1.wrapping_mul(n_n_far_w1)) as u64) << 32) as i64).wrapping_add(n_n_far_m0.wrapping_mul(n_n_far_w1)).wrapping_add(n_n_far_m1.wrapping_mul(n_n_far_w2)).wrapping_add((((n_n_far_m0w2 as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1w3 as u64) >> 32) as i64));
    let n_n_far_middle: i64 = (n_n_far_m0w2 & 4294967295).wrapping_add(n_n_far_m1w3 & 4294967295).wrapping_add((((n_n_far_m0w3 as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1w4 as u64) >> 32) as i64));
    let n_n_far_bottom: i64 = (n_n_far_m0w3 & 4294967295).wrapping_add(n_n_far_m1w4 & 4294967295).wrapping_add((((n_n_far_m0.wrapping_mul(n_n_far_w4) as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1.wrapping_mul(n_n_far_w5) as u64) >> 32) as i64));
    let n_n_far: i64 = (((n_n_far_top.wrapping_add(2305843009213693952) as u64) >> 62) as i64);
    let n_n_far_with_sign: i64 = n_n_far_top.wrapping_sub((((n_n_far as u64) << 62) as i64));
    let n_n_far_part0: f64 = f64::from_bits(((((n_n_far_with_sign.wrapping_add(-9223372036854775808) as u64) >> 32) as i64) | 4697254411347427328) as u64) - 1048576.5;
    let n_n_far_part1: f64 = f64::from_bits(((n_n_far_with_sign & 4294967295) | 4553139223271571456) as u64) - 0.000244140625;
    let n_n_far_part2: f64 = f64::from_bits((n_n_far_middle | 4409024035195715584) as u64) - 5.684341886080802e-14;
    let n_n_far_part3: f64 = f64::from_bits((n_n_far_bottom | 4264908847119859712) as u64) - 1.3234889800848443e-23;
    let n_n_far_head: f64 = n_n_far_part0 + n_n_far_part1;
    let n_n_far_rest: f64 = n_n_far_part1 - (n_n_far_head - n_n_far_part0) + n_n_far_part2 + n_n_far_part3;
    let n_n_far_turn: f64 = n_n_far_head + n_n_far_rest;
    let n_n_far_turn_lo: f64 = n_n_far_rest - (n_n_far_turn - n_n_far_head);
    let n_n_far_turn_head: f64 = f64::from_bits(((n_n_far_turn.to_bits() as i64) & -134217728) as u64);
    let n_n_far_r_hi: f64 = n_n_far_turn_head * 6.283185243606567;
    let n_n_far_r_lo: f64 = (n_n_far_turn - n_n_far_turn_head) * 6.283185243606567 + (n_n_far_turn * 6.357301909411278e-8 + n_n_far_turn_lo * 6.283185307179586);
    let n_r_far: f64 = n_n_far_r_hi + n_n_far_r_lo;
    let n_lo_far: f64 = n_n_far_r_hi - n_r_far + n_n_far_r_lo;
    let n: i64 = if n_near { n_n_near } else { n_n_far };
    let s: f64 = if n_near { n_r_near } else { n_r_far };
    let n_lo: f64 = if n_near { n_lo_near } else { n_lo_far };
    let n_z: f64 = s * s;
    let n_s: f64 = ((((1.5895962372822749e-10 * n_z + -2.505074259383486e-8) * n_z + 2.755731358364454e-6) * n_z + -0.00019841269829461278) * n_z + 0.00833333333332192) * n_z + -0.1666666666666663;
    let n_c: f64 = ((((-1.1358775630462618e-11 * n_z + 2.0875705890748465e-9) * n_z + -2.755731422043573e-7) * n_z + 2.480158728901216e-5) * n_z + -0.0013888888888873353) * n_z + 0.041666666666666595;
    let n_half: f64 = 0.5 * n_z;
    let s_lo: f64 = s * n_z * n_s + (n_lo - n_half * n_lo);
    let c: f64 = 1.0 - n_half;
    let c_lo: f64 = 1.0 - c - n_half + (n_z * n_z * n_c - s * n_lo);
    let value: f64 = if (n & 1) == 0 { c + c_lo } else { s + s_lo };
    let with_sign: f64 = f64::from_bits(((value.to_bits() as i64) ^ ((((n.wrapping_add(1) & 2) as u64) << 62) as i64)) as u64);
    if a < f64::INFINITY { with_sign } else { f64::NAN }
}

#[inline(always)]
pub fn tan(x: f64) -> f64 {
    let a: f64 = x.abs();
    let n_near: bool = a <= 1048576.0;
    let n_n_near_shifted: f64 = a * 0.6366197723675814 + 6755399441055744.0;
    let n_n_near: i64 = (n_n_near_shifted.to_bits() as i64);
    let n_n_near_k: f64 = n_n_near_shifted - 6755399441055744.0;
    let n_n_near_first: f64 = a - n_n_near_k * 1.5707963267341256;
    let n_n_near_second: f64 = n_n_near_k * 6.077100506303966e-11;
    let n_n_near_third: f64 = n_n_near_k * 2.0222662487111665e-21;
    let n_n_near_b: f64 = n_n_near_first - n_n_near_second;
    let n_n_near_b_lost: f64 = n_n_near_first - n_n_near_b - n_n_near_second;
    let n_n_near_c: f64 = n_n_near_b - n_n_near_third;
    let n_n_near_c_lost: f64 = n_n_near_b - n_n_near_c - n_n_near_third;
    let n_n_near_tail: f64 = n_n_near_b_lost + n_n_near_c_lost - n_n_near_k * 8.4784276603689e-32;
    let n_r_near: f64 = n_n_near_c + n_n_near_tail;
    let n_lo_near: f64 = n_n_near_c - n_r_near + n_n_near_tail;
    let n_far: f64 = if n_near { 2097152.0 } else { a };
    let n_n_far_pattern: i64 = (n_far.to_bits() as i64);
    let n_n_far_mantissa: i64 = (n_n_far_pattern & 4503599627370495) | 4503599627370496;
    let n_n_far_m0: i64 = n_n_far_mantissa & 4294967295;
    let n_n_far_m1: i64 = (((n_n_far_mantissa as u64) >> 32) as i64);
    let n_n_far_place: i64 = (((n_n_far_pattern as u64) >> 52) as i64).wrapping_sub(1043);
    let n_n_far_row: i64 = (((n_n_far_place as u64) >> 4) as i64);
    let n_n_far_shift: i64 = (16_i64).wrapping_sub(n_n_far_place & 15);
    let n_n_far_w0: i64 = ((((INVERSE_TWO_PI[n_n_far_row as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w1: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(2) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w2: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(4) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w3: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(6) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w4: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(8) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_w5: i64 = ((((INVERSE_TWO_PI[n_n_far_row.wrapping_add(10) as usize % INVERSE_TWO_PI.len()].to_bits() as i64) as u64) >> (n_n_far_shift & 63)) as i64) & 4294967295;
    let n_n_far_m0w2: i64 = n_n_far_m0.wrapping_mul(n_n_far_w2);
    let n_n_far_m0w3: i64 = n_n_far_m0.wrapping_mul(n_n_far_w3);
    let n_n_far_m1w3: i64 = n_n_far_m1.wrapping_mul(n_n_far_w3);
    let n_n_far_m1w4: i64 = n_n_far_m1.wrapping_mul(n_n_far_w4);
    let n_n_far_top: i64 = (((n_n_far_m0.wrapping_mul(n_n_far_w0).wrapping_add(n_n_far_m1.wrapping_mul(n_n_far_w1)) as u64) << 32) as i64).wrapping_add(n_n_far_m0.wrapping_mul(n_n_far_w1)).wrapping_add(n_n_far_m1.wrapping_mul(n_n_far_w2)).wrapping_add((((n_n_far_m0w2 as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1w3 as u64) >> 32) as i64));
    let n_n_far_middle: i64 = (n_n_far_m0w2 & 4294967295).wrapping_add(n_n_far_m1w3 & 4294967295).wrapping_add((((n_n_far_m0w3 as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1w4 as u64) >> 32) as i64));
    let n_n_far_bottom: i64 = (n_n_far_m0w3 & 4294967295).wrapping_add(n_n_far_m1w4 & 4294967295).wrapping_add((((n_n_far_m0.wrapping_mul(n_n_far_w4) as u64) >> 32) as i64)).wrapping_add((((n_n_far_m1.wrapping_mul(n_n_far_w5) as u64) >> 32) as i64));
    let n_n_far: i64 = (((n_n_far_top.wrapping_add(2305843009213693952) as u64) >> 62) as i64);
    let n_n_far_with_sign: i64 = n_n_far_top.wrapping_sub((((n_n_far as u64) << 62) as i64));
    let n_n_far_part0: f64 = f64::from_bits(((((n_n_far_with_sign.wrapping_add(-9223372036854775808) as u64) >> 32) as i64) | 4697254411347427328) as u64) - 1048576.5;
    let n_n_far_part1: f64 = f64::from_bits(((n_n_far_with_sign & 4294967295) | 4553139223271571456) as u64) - 0.000244140625;
    let n_n_far_part2: f64 = f64::from_bits((n_n_far_middle | 4409024035195715584) as u64) - 5.684341886080802e-14;
    let n_n_far_part3: f64 = f64::from_bits((n_n_far_bottom | 4264908847119859712) as u64) - 1.3234889800848443e-23;
    let n_n_far_head: f64 = n_n_far_part0 + n_n_far_part1;
    let n_n_far_rest: f64 = n_n_far_part1 - (n_n_far_head - n_n_far_part0) + n_n_far_part2 + n_n_far_part3;
    let n_n_far_turn: f64 = n_n_far_head + n_n_far_rest;
    let n_n_far_turn_lo: f64 = n_n_far_rest - (n_n_far_turn - n_n_far_head);
    let n_n_far_turn_head: f64 = f64::from_bits(((n_n_far_turn.to_bits() as i64) & -134217728) as u64);
    let n_n_far_r_hi: f64 = n_n_far_turn_head * 6.283185243606567;
    let n_n_far_r_lo: f64 = (n_n_far_turn - n_n_far_turn_head) * 6.283185243606567 + (n_n_far_turn * 6.357301909411278e-8 + n_n_far_turn_lo * 6.283185307179586);
    let n_r_far: f64 = n_n_far_r_hi + n_n_far_r_lo;
    let n_lo_far: f64 = n_n_far_r_hi - n_r_far + n_n_far_r_lo;
    let n: i64 = if n_near { n_n_near } else { n_n_far };
    let s: f64 = if n_near { n_r_near } else { n_r_far };
    let n_lo: f64 = if n_near { n_lo_near } else { n_lo_far };
    let n_z: f64 = s * s;
    let n_s: f64 = ((((1.5895962372822749e-10 * n_z + -2.505074259383486e-8) * n_z + 2.755731358364454e-6) * n_z + -0.00019841269829461278) * n_z + 0.00833333333332192) * n_z + -0.1666666666666663;
    let n_c: f64 = ((((-1.1358775630462618e-11 * n_z + 2.0875705890748465e-9) * n_z + -2.755731422043573e-7) * n_z + 2.480158728901216e-5) * n_z + -0.0013888888888873353) * n_z + 0.041666666666666595;
    let n_half: f64 = 0.5 * n_z;
    let s_lo: f64 = s * n_z * n_s + (n_lo - n_half * n_lo);
    let c: f64 = 1.0 - n_half;
    let c_lo: f64 = 1.0 - c - n_half + (n_z * n_z * n_c - s * n_lo);
    let even: bool = (n & 1) == 0;
    let n_sum: f64 = if even { s } else { c };
    let n_rest: f64 = if even { s_lo } else { c_lo };
    let d_sum: f64 = if even { c } else { s };
    let d_rest: f64 = if even { c_lo } else { s_lo };
    let top: f64 = n_sum + n_rest;
    let top_lo: f64 = n_sum - top + n_rest;
    let d: f64 = d_sum + d_rest;
    let d_lo: f64 = d_sum - d + d_rest;
    let inverse: f64 = 1.0 / d;
    let head: f64 = f64::from_bits((((top * inverse).to_bits() as i64) & -134217728) as u64);
    let head_d_head: f64 = f64::from_bits(((d.to_bits() as i64) & -134217728) as u64);
    let remainder: f64 = top - head * head_d_head - head * (d - head_d_head);
    let ratio: f64 = head + (remainder + (top_lo - head * d_lo)) * inverse;
    let with_sign: f64 = f64::from_bits(((ratio.to_bits() as i64) ^ ((((n as u64) << 63) as i64) ^ ((x.to_bits() as i64) & -9223372036854775808))) as u64);
    if a < f64::INFINITY { with_sign } else { f64::NAN }
}

#[inline(always)]
pub fn arctan(x: f64) -> f64 {
    let a: f64 = x.abs();
    let small: bool = a < 0.625;
    let large: bool = 2.4 < a;
    let over: f64 = if small { a } else { (if large { -1.0 } else { a - 1.0 }) };
    let under: f64 = if small { 1.0 } else { (if large { a } else { a + 1.0 }) };
    let base: f64 = if small { 0.0 } else { (if large { 1.5707963267948966 } else { 0.7853981633974483 }) };
    let base_lo: f64 = if small { 0.0 } else { (if large { 6.123233995736766e-17 } else { 3.061616997868383e-17 }) };
    let r: f64 = over / under;
    let z: f64 = r * r;
    let p: f64 = ((((((((((((0.003125861908286674 * z + -0.012500909880087091) * z + 0.025537212014825256) * z + -0.037176918351054584) * z + 0.04559380867122069) * z + -0.05215156875086811) * z + 0.05874001259491767) * z + -0.06665612272189592) * z + 0.07692213117100362) * z + -0.09090903266843248) * z + 0.11111110877876086) * z + -0.14285714280156211) * z + 0.19999999999932855) * z + -0.3333333333333305;
    let result: f64 = base + (r + (r * z * p + base_lo));
    f64::from_bits(((result.to_bits() as i64) | ((x.to_bits() as i64) & -9223372036854775808)) as u64)
}

#[inline(always)]
pub fn arcsin(x: f64) -> f64 {
    let a: f64 = x.abs();
    let small: bool = a <= 0.5;
    let small_z: f64 = if small { a * a } else { 0.5 * (1.0 - a) };
    let r: f64 = if small { a } else { small_z.sqrt() };
    let small_p: f64 = (((((((((((0.032625681323526064 * small_z + -0.02099415898923993) * small_z + 0.021703822661022765) * small_z + 0.003707973578852685) * small_z + 0.010779815421426319) * small_z + 0.011398995090395317) * small_z + 0.013980809714156803) * small_z + 0.01735161298956538) * small_z + 0.022372214928198256) * small_z + 0.030381942710135626) * small_z + 0.04464285717455571) * small_z + 0.0749999999997087) * small_z + 0.1666666666666676;
    let tail: f64 = r * small_z * small_p;
    let result: f64 = if small { r + tail } else { 1.5707963267948966 - (2.0 * r + (2.0 * tail - 6.123233995736766e-17)) };
    f64::from_bits(((result.to_bits() as i64) | ((x.to_bits() as i64) & -9223372036854775808)) as u64)
}

#[inline(always)]
pub fn arccos(x: f64) -> f64 {
    let a: f64 = x.abs();
    let negative: bool = x < 0.0;
    let small: bool = a <= 0.5;
    let small_z: f64 = if small { a * a } else { 0.5 * (1.0 - a) };
    let r: f64 = if small { a } else { small_z.sqrt() };
    let small_p: f64 = (((((((((((0.032625681323526064 * small_z + -0.02099415898923993) * small_z + 0.021703822661022765) * small_z + 0.003707973578852685) * small_z + 0.010779815421426319) * small_z + 0.011398995090395317) * small_z + 0.013980809714156803) * small_z + 0.01735161298956538) * small_z + 0.022372214928198256) * small_z + 0.030381942710135626) * small_z + 0.04464285717455571) * small_z + 0.0749999999997087) * small_z + 0.1666666666666676;
    let tail: f64 = r * small_z * small_p;
    let with_sign: f64 = if negative { -r } else { r };
    let tail_with_sign: f64 = if negative { -tail } else { tail };
    let middle: f64 = 1.5707963267948966 - (with_sign + (tail_with_sign - 6.123233995736766e-17));
    let outer: f64 = if negative { 3.141592653589793 - (2.0 * r + (2.0 * tail - 1.2246467991473532e-16)) } else { 2.0 * (r + tail) };
    if small { middle } else { outer }
}

#[inline(always)]
pub fn floormod(x: f64, y: f64) -> f64 {
    let rest_a: f64 = x.abs();
    let rest_b: f64 = y.abs();
    let rest_once_q: f64 = (rest_a / rest_b).trunc();
    let rest_once_product: f64 = rest_once_q * rest_b;
    let rest_once_q_hi: f64 = f64::from_bits(((rest_once_q.to_bits() as i64) & -134217728) as u64);
    let rest_once_q_lo: f64 = rest_once_q - rest_once_q_hi;
    let rest_once_b_hi: f64 = f64::from_bits(((rest_b.to_bits() as i64) & -134217728) as u64);
    let rest_once_b_lo: f64 = rest_b - rest_once_b_hi;
    let rest_once_error: f64 = rest_once_q_hi * rest_once_b_hi - rest_once_product + rest_once_q_hi * rest_once_b_lo + rest_once_q_lo * rest_once_b_hi + rest_once_q_lo * rest_once_b_lo;
    let rest_once: f64 = rest_a - rest_once_product - rest_once_error;
    let rest_twice_q: f64 = (rest_once / rest_b).trunc();
    let rest_twice_product: f64 = rest_twice_q * rest_b;
    let rest_twice_q_hi: f64 = f64::from_bits(((rest_twice_q.to_bits() as i64) & -134217728) as u64);
    let rest_twice_q_lo: f64 = rest_twice_q - rest_twice_q_hi;
    let rest_twice_b_hi: f64 = f64::from_bits(((rest_b.to_bits() as i64) & -134217728) as u64);
    let rest_twice_b_lo: f64 = rest_b - rest_twice_b_hi;
    let rest_twice_error: f64 = rest_twice_q_hi * rest_twice_b_hi - rest_twice_product + rest_twice_q_hi * rest_twice_b_lo + rest_twice_q_lo * rest_twice_b_hi + rest_twice_q_lo * rest_twice_b_lo;
    let rest_twice: f64 = rest_once - rest_twice_product - rest_twice_error;
    let rest_raised: f64 = if rest_twice < 0.0 { rest_twice + rest_b } else { rest_twice };
    let rest_lowered: f64 = if rest_b <= rest_raised { rest_raised - rest_b } else { rest_raised };
    let rest_bounded: f64 = if rest_b == f64::INFINITY { (if rest_a < f64::INFINITY { rest_a } else { rest_lowered }) } else { rest_lowered };
    let rest: f64 = f64::from_bits(((rest_bounded.to_bits() as i64) | ((x.to_bits() as i64) & -9223372036854775808)) as u64);
    let other_sign: bool = ((rest.to_bits() as i64) ^ (y.to_bits() as i64)) < 0;
    let zero: f64 = f64::from_bits(((y.to_bits() as i64) & -9223372036854775808) as u64);
    if rest == 0.0 { zero } else { (if other_sign { rest + y } else { rest }) }
}

#[inline(always)]
pub fn floordiv(x: f64, y: f64) -> f64 {
    let rest_a: f64 = x.abs();
    let rest_b: f64 = y.abs();
    let rest_once_q: f64 = (rest_a / rest_b).trunc();
    let rest_once_product: f64 = rest_once_q * rest_b;
    let rest_once_q_hi: f64 = f64::from_bits(((rest_once_q.to_bits() as i64) & -134217728) as u64);
    let rest_once_q_lo: f64 = rest_once_q - rest_once_q_hi;
    let rest_once_b_hi: f64 = f64::from_bits(((rest_b.to_bits() as i64) & -134217728) as u64);
    let rest_once_b_lo: f64 = rest_b - rest_once_b_hi;
    let rest_once_error: f64 = rest_once_q_hi * rest_once_b_hi - rest_once_product + rest_once_q_hi * rest_once_b_lo + rest_once_q_lo * rest_once_b_hi + rest_once_q_lo * rest_once_b_lo;
    let rest_once: f64 = rest_a - rest_once_product - rest_once_error;
    let rest_twice_q: f64 = (rest_once / rest_b).trunc();
    let rest_twice_product: f64 = rest_twice_q * rest_b;
    let rest_twice_q_hi: f64 = f64::from_bits(((rest_twice_q.to_bits() as i64) & -134217728) as u64);
    let rest_twice_q_lo: f64 = rest_twice_q - rest_twice_q_hi;
    let rest_twice_b_hi: f64 = f64::from_bits(((rest_b.to_bits() as i64) & -134217728) as u64);
    let rest_twice_b_lo: f64 = rest_b - rest_twice_b_hi;
    let rest_twice_error: f64 = rest_twice_q_hi * rest_twice_b_hi - rest_twice_product + rest_twice_q_hi * rest_twice_b_lo + rest_twice_q_lo * rest_twice_b_hi + rest_twice_q_lo * rest_twice_b_lo;
    let rest_twice: f64 = rest_once - rest_twice_product - rest_twice_error;
    let rest_raised: f64 = if rest_twice < 0.0 { rest_twice + rest_b } else { rest_twice };
    let rest_lowered: f64 = if rest_b <= rest_raised { rest_raised - rest_b } else { rest_raised };
    let rest_bounded: f64 = if rest_b == f64::INFINITY { (if rest_a < f64::INFINITY { rest_a } else { rest_lowered }) } else { rest_lowered };
    let rest: f64 = f64::from_bits(((rest_bounded.to_bits() as i64) | ((x.to_bits() as i64) & -9223372036854775808)) as u64);
    let same_sign: bool = 0 <= ((rest.to_bits() as i64) ^ (y.to_bits() as i64));
    let quotient: f64 = (x - rest) / y;
    let down: f64 = if rest == 0.0 { quotient } else { (if same_sign { quotient } else { quotient - 1.0 }) };
    let whole: f64 = down.floor();
    let nearest: f64 = if 0.5 < down - whole { whole + 1.0 } else { whole };
    if y == 0.0 { x / y } else { nearest }
}

/// The functions over slices.
mod blocks {
    use super::super::block::{block_one, block_two, versions};

    block_one!(exp);
    block_one!(expm1);
    block_one!(exprel);
    block_one!(log);
    block_one!(log1p);
    block_one!(log2);
    block_one!(log10);
    block_two!(pow);
    block_one!(sinh);
    block_one!(cosh);
    block_one!(tanh);
    block_one!(sin);
    block_one!(cos);
    block_one!(tan);
    block_one!(arctan);
    block_one!(arcsin);
    block_one!(arccos);
    block_two!(floormod);
    block_two!(floordiv);
}

pub(super) static BUILTINS: [Builtin; 19] = [
    Builtin {
        name: "exp",
        arity: 1,
        depends: &["bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/exp.h"), rust: include_str!("../../../templates/rust/maths/exp.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::exp),
        scalar: Scalar::One(exp),
    },
    Builtin {
        name: "expm1",
        arity: 1,
        depends: &["bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/expm1.h"), rust: include_str!("../../../templates/rust/maths/expm1.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::expm1),
        scalar: Scalar::One(expm1),
    },
    Builtin {
        name: "exprel",
        arity: 1,
        depends: &["abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/exprel.h"), rust: include_str!("../../../templates/rust/maths/exprel.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::exprel),
        scalar: Scalar::One(exprel),
    },
    Builtin {
        name: "log",
        arity: 1,
        depends: &["bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/log.h"), rust: include_str!("../../../templates/rust/maths/log.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::log),
        scalar: Scalar::One(log),
    },
    Builtin {
        name: "log1p",
        arity: 1,
        depends: &["bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/log1p.h"), rust: include_str!("../../../templates/rust/maths/log1p.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::log1p),
        scalar: Scalar::One(log1p),
    },
    Builtin {
        name: "log2",
        arity: 1,
        depends: &["bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/log2.h"), rust: include_str!("../../../templates/rust/maths/log2.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::log2),
        scalar: Scalar::One(log2),
    },
    Builtin {
        name: "log10",
        arity: 1,
        depends: &["bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/log10.h"), rust: include_str!("../../../templates/rust/maths/log10.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::log10),
        scalar: Scalar::One(log10),
    },
    Builtin {
        name: "pow",
        arity: 2,
        depends: &["abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/pow.h"), rust: include_str!("../../../templates/rust/maths/pow.rs") },
        bound_ulp: 1.0,
        block: Block::Two(blocks::pow),
        scalar: Scalar::Two(pow),
    },
    Builtin {
        name: "sinh",
        arity: 1,
        depends: &["abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/sinh.h"), rust: include_str!("../../../templates/rust/maths/sinh.rs") },
        bound_ulp: 2.0,
        block: Block::One(blocks::sinh),
        scalar: Scalar::One(sinh),
    },
    Builtin {
        name: "cosh",
        arity: 1,
        depends: &["abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/cosh.h"), rust: include_str!("../../../templates/rust/maths/cosh.rs") },
        bound_ulp: 2.0,
        block: Block::One(blocks::cosh),
        scalar: Scalar::One(cosh),
    },
    Builtin {
        name: "tanh",
        arity: 1,
        depends: &["abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/tanh.h"), rust: include_str!("../../../templates/rust/maths/tanh.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::tanh),
        scalar: Scalar::One(tanh),
    },
    Builtin {
        name: "sin",
        arity: 1,
        depends: &["INVERSE_TWO_PI", "abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/sin.h"), rust: include_str!("../../../templates/rust/maths/sin.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::sin),
        scalar: Scalar::One(sin),
    },
    Builtin {
        name: "cos",
        arity: 1,
        depends: &["INVERSE_TWO_PI", "abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/cos.h"), rust: include_str!("../../../templates/rust/maths/cos.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::cos),
        scalar: Scalar::One(cos),
    },
    Builtin {
        name: "tan",
        arity: 1,
        depends: &["INVERSE_TWO_PI", "abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/tan.h"), rust: include_str!("../../../templates/rust/maths/tan.rs") },
        bound_ulp: 1.0,
        block: Block::One(blocks::tan),
        scalar: Scalar::One(tan),
    },
    Builtin {
        name: "arctan",
        arity: 1,
        depends: &["abs", "bits", "float"],
        texts: Texts { c: include_str!("../../../templates/c/maths/arctan.h"), rust: include_str!("../../../templates/rust/maths/arctan.rs") },
        bound_ulp: 2.0,
        block: Block::One(blocks::arctan),
        scalar: Scalar::One(arctan),
    },
    Builtin {
        name: "arcsin",
        arity: 1,
        depends: &["abs", "bits", "float", "sqrt"],
        texts: Texts { c: include_str!("../../../templates/c/maths/arcsin.h"), rust: include_str!("../../../templates/rust/maths/arcsin.rs") },
        bound_ulp: 2.0,
        block: Block::One(blocks::arcsin),
        scalar: Scalar::One(arcsin),
    },
    Builtin {
        name: "arccos",
        arity: 1,
        depends: &["abs", "sqrt"],
        texts: Texts { c: include_str!("../../../templates/c/maths/arccos.h"), rust: include_str!("../../../templates/rust/maths/arccos.rs") },
        bound_ulp: 2.0,
        block: Block::One(blocks::arccos),
        scalar: Scalar::One(arccos),
    },
    Builtin {
        name: "floormod",
        arity: 2,
        depends: &["abs", "bits", "float", "trunc"],
        texts: Texts { c: include_str!("../../../templates/c/maths/floormod.h"), rust: include_str!("../../../templates/rust/maths/floormod.rs") },
        bound_ulp: 1.0,
        block: Block::Two(blocks::floormod),
        scalar: Scalar::Two(floormod),
    },
    Builtin {
        name: "floordiv",
        arity: 2,
        depends: &["abs", "bits", "float", "floor", "trunc"],
        texts: Texts { c: include_str!("../../../templates/c/maths/floordiv.h"), rust: include_str!("../../../templates/rust/maths/floordiv.rs") },
        bound_ulp: 1.0,
        block: Block::Two(blocks::floordiv),
        scalar: Scalar::Two(floordiv),
    },
];

pub(super) static INTERNALS: [Internal; 1] = [
    Internal { name: "INVERSE_TWO_PI", depends: &[], texts: Texts { c: include_str!("../../../templates/c/maths/INVERSE_TWO_PI.h"), rust: include_str!("../../../templates/rust/maths/INVERSE_TWO_PI.rs") } },
];

#[inline(always)]
fn saltus_sinh(x: f64) -> f64 {
    let a: f64 = saltus_abs(x);
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
    let one: f64 = saltus_float((((saltus_bits(6755399441056767.0 - r_seen) as u64) << 52) as i64));
    let sum_whole: f64 = 1.0 - one;
    let sum: f64 = sum_whole + r;
    let rest: f64 = sum_whole - sum + r + (1.0 - sum_whole - one) + tail + half_square;
    let hi: f64 = sum + rest;
    let lo: f64 = sum - hi + rest;
    let result: f64 = hi + (lo + one * (hi / (hi + one)));
    let whole: i64 = saltus_bits(shifted).wrapping_sub(1);
    let half: i64 = (((whole as u64) >> 1) as i64);
    let scaled: f64 = result * saltus_float((((half as u64) << 52) as i64)) * saltus_float((((whole.wrapping_sub(half) as u64) << 52) as i64));
    saltus_float(saltus_bits(scaled) | (saltus_bits(x) & -9223372036854775808))
}

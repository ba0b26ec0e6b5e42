#[inline(always)]
fn saltus_tanh(x: f64) -> f64 {
    let a: f64 = saltus_abs(x);
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
    let one: f64 = saltus_float((((saltus_bits(6755399441056767.0 - r_seen) as u64) << 52) as i64));
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
    let head: f64 = saltus_float(saltus_bits(n * inverse) & -134217728);
    let head_d_head: f64 = saltus_float(saltus_bits(d) & -134217728);
    let remainder: f64 = n - head * head_d_head - head * (d - head_d_head);
    let result: f64 = head + (remainder + (n_lo - head * d_lo)) * inverse;
    saltus_float(saltus_bits(result) | (saltus_bits(x) & -9223372036854775808))
}

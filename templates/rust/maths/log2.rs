#[inline(always)]
fn saltus_log2(x: f64) -> f64 {
    let head_tiny: bool = x < 2.2250738585072014e-308;
    let head_normal: f64 = if head_tiny { x * 1.8014398509481984e16 } else { x };
    let head_m_above: i64 = saltus_bits(head_normal).wrapping_sub(4604544271217802189);
    let head_m: f64 = saltus_float((head_m_above & 4503599627370495).wrapping_add(4604544271217802189));
    let head_e: f64 = saltus_float((((head_m_above.wrapping_add(4607182418800017408) as u64) >> 52) as i64) | 4841369599423283200) - 4503599627371519.0;
    let k: f64 = if head_tiny { head_e - 54.0 } else { head_e };
    let head_f: f64 = head_m - 1.0;
    let head_s: f64 = head_f / (2.0 + head_f);
    let head_t_z: f64 = head_s * head_s;
    let head_t: f64 = head_t_z * ((((((0.14795584050839738 * head_t_z + 0.1531408976676821) * head_t_z + 0.18183562661403496) * head_t_z + 0.222221986085587) * head_t_z + 0.2857142874199755) * head_t_z + 0.3999999999941674) * head_t_z + 0.6666666666666734);
    let head_square: f64 = 0.5 * head_f * head_f;
    let head: f64 = saltus_float(saltus_bits(head_f - head_square) & -4294967296);
    let rest: f64 = head_f - head - head_square + head_s * (head_square + head_t);
    let product: f64 = head * 1.4426946640014648;
    let sum: f64 = k + product;
    let small: f64 = (rest + head) * 3.768874985636099e-7 + rest * 1.4426946640014648;
    let result: f64 = sum + (k - sum + product + small);
    let positive: f64 = if x < f64::INFINITY { result } else { x };
    if 0.0 < x { positive } else { (if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN }) }
}

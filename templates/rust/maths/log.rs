#[inline(always)]
fn saltus_log(x: f64) -> f64 {
    let tiny: bool = x < 2.2250738585072014e-308;
    let normal: f64 = if tiny { x * 1.8014398509481984e16 } else { x };
    let m_above: i64 = saltus_bits(normal).wrapping_sub(4604544271217802189);
    let m: f64 = saltus_float((m_above & 4503599627370495).wrapping_add(4604544271217802189));
    let e: f64 = saltus_float((((m_above.wrapping_add(4607182418800017408) as u64) >> 52) as i64) | 4841369599423283200) - 4503599627371519.0;
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

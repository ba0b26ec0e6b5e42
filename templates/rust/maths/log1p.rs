#[inline(always)]
fn saltus_log1p(x: f64) -> f64 {
    let u: f64 = 1.0 + x;
    let back: f64 = u - 1.0;
    let lost: f64 = 1.0 - (u - back) + (x - back);
    let m_above: i64 = saltus_bits(u).wrapping_sub(4604544271217802189);
    let m: f64 = saltus_float((m_above & 4503599627370495).wrapping_add(4604544271217802189));
    let k: f64 = saltus_float((((m_above.wrapping_add(4607182418800017408) as u64) >> 52) as i64) | 4841369599423283200) - 4503599627371519.0;
    let near: bool = k == 0.0;
    let f: f64 = if near { x } else { m - 1.0 };
    let s: f64 = f / (2.0 + f);
    let t_z: f64 = s * s;
    let t: f64 = t_z * ((((((0.14795584050839738 * t_z + 0.1531408976676821) * t_z + 0.18183562661403496) * t_z + 0.222221986085587) * t_z + 0.2857142874199755) * t_z + 0.3999999999941674) * t_z + 0.6666666666666734);
    let scaled: f64 = lost * saltus_float(saltus_bits(m).wrapping_sub(saltus_bits(u)).wrapping_add(4607182418800017408)) * (1.0 - 2.0 * s * (1.0 - s));
    let l: f64 = if near { 0.0 } else { (if u < 1.152921504606847e18 { scaled } else { 0.0 }) };
    let square: f64 = 0.5 * f * f;
    let result: f64 = k * 0.6931471805598903 - (square - (s * (square + t) + (k * 5.497923018708371e-14 + l)) - f);
    let positive: f64 = if x < f64::INFINITY { result } else { x };
    let negative: f64 = if x == -1.0 { f64::NEG_INFINITY } else { f64::NAN };
    if x == 0.0 { x } else { (if -1.0 < x { positive } else { negative }) }
}

#[inline(always)]
fn saltus_exp(x: f64) -> f64 {
    let above: f64 = if x < -746.0 { -746.0 } else { x };
    let clamped: f64 = if 710.0 < above { 710.0 } else { above };
    let shifted: f64 = clamped * 1.4426950408889634 + 6755399441057790.0;
    let k: f64 = shifted - 6755399441057790.0;
    let r: f64 = clamped - k * 0.6931471805598903 - k * 5.497923018708371e-14;
    let p: f64 = ((((((((2.500722931711344e-8 * r + 2.763044432448335e-7) * r + 2.755756334175396e-6) * r + 2.4801492480239744e-5) * r + 0.00019841269532882463) * r + 0.0013888888944318517) * r + 0.008333333333482015) * r + 0.041666666666527026) * r + 0.16666666666666433) * r + 0.5000000000000011;
    let power: f64 = 1.0 + (r + r * r * p);
    let whole: i64 = saltus_bits(shifted);
    let half: i64 = (((whole as u64) >> 1) as i64);
    power * saltus_float((((half as u64) << 52) as i64)) * saltus_float((((whole.wrapping_sub(half) as u64) << 52) as i64))
}

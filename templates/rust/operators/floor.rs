/// The largest whole number not above x.
#[inline(always)]
fn saltus_floor(x: f64) -> f64 {
    // Doubles from 2^52 on are whole; below, adding 2^52 rounds to the nearest whole number.
    let a = saltus_abs(x);
    let r = saltus_float(saltus_bits((a + 4503599627370496.0) - 4503599627370496.0) | (saltus_bits(x) & i64::MIN));
    let whole = if r > x { r - 1.0 } else { r };
    if a < 4503599627370496.0 { whole } else { x }
}

/// The whole number next to x towards zero.
#[inline(always)]
fn saltus_trunc(x: f64) -> f64 {
    // Doubles from 2^52 on are whole; below, adding 2^52 rounds to the nearest whole number.
    let a = saltus_abs(x);
    let r = (a + 4503599627370496.0) - 4503599627370496.0;
    let whole = if r > a { r - 1.0 } else { r };
    let signed_whole = saltus_float(saltus_bits(whole) | (saltus_bits(x) & i64::MIN));
    if a < 4503599627370496.0 { signed_whole } else { x }
}

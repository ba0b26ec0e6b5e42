/// A double without its fraction; the least number for what does not fit, and for a NaN.
#[inline(always)]
fn saltus_to_i64(x: f64) -> i64 {
    let fits = (x >= -9223372036854775808.0) & (x < 9223372036854775808.0);
    // SAFETY: 0 fits, too. `as` would look at the limits once more.
    let whole = unsafe { (if fits { x } else { 0.0 }).to_int_unchecked::<i64>() };
    if fits { whole } else { i64::MIN }
}

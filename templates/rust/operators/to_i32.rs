/// A double without its fraction; the least number for what does not fit, and for a NaN.
#[inline(always)]
fn saltus_to_i32(x: f64) -> i32 {
    let fits = (x > -2147483649.0) & (x < 2147483648.0);
    // SAFETY: 0 fits, too. `as` would look at the limits once more.
    let whole = unsafe { (if fits { x } else { 0.0 }).to_int_unchecked::<i32>() };
    if fits { whole } else { i32::MIN }
}

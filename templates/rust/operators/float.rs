/// The double with these bits.
#[inline(always)]
fn saltus_float(i: i64) -> f64 {
    f64::from_bits(i as u64)
}

/// The bits of a double.
#[inline(always)]
fn saltus_bits(x: f64) -> i64 {
    x.to_bits() as i64
}

/// The nearest float.
#[inline(always)]
fn saltus_round32(x: f64) -> f64 {
    f64::from(x as f32)
}

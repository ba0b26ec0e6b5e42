#[inline(always)]
fn saltus_arcsin(x: f64) -> f64 {
    let a: f64 = saltus_abs(x);
    let small: bool = a <= 0.5;
    let small_z: f64 = if small { a * a } else { 0.5 * (1.0 - a) };
    let r: f64 = if small { a } else { saltus_sqrt(small_z) };
    let small_p: f64 = (((((((((((0.032625681323526064 * small_z + -0.02099415898923993) * small_z + 0.021703822661022765) * small_z + 0.003707973578852685) * small_z + 0.010779815421426319) * small_z + 0.011398995090395317) * small_z + 0.013980809714156803) * small_z + 0.01735161298956538) * small_z + 0.022372214928198256) * small_z + 0.030381942710135626) * small_z + 0.04464285717455571) * small_z + 0.0749999999997087) * small_z + 0.1666666666666676;
    let tail: f64 = r * small_z * small_p;
    let result: f64 = if small { r + tail } else { 1.5707963267948966 - (2.0 * r + (2.0 * tail - 6.123233995736766e-17)) };
    saltus_float(saltus_bits(result) | (saltus_bits(x) & -9223372036854775808))
}

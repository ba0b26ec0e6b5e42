#[inline(always)]
fn saltus_arctan(x: f64) -> f64 {
    let a: f64 = saltus_abs(x);
    let small: bool = a < 0.625;
    let large: bool = 2.4 < a;
    let over: f64 = if small { a } else { (if large { -1.0 } else { a - 1.0 }) };
    let under: f64 = if small { 1.0 } else { (if large { a } else { a + 1.0 }) };
    let base: f64 = if small { 0.0 } else { (if large { 1.5707963267948966 } else { 0.7853981633974483 }) };
    let base_lo: f64 = if small { 0.0 } else { (if large { 6.123233995736766e-17 } else { 3.061616997868383e-17 }) };
    let r: f64 = over / under;
    let z: f64 = r * r;
    let p: f64 = ((((((((((((0.003125861908286674 * z + -0.012500909880087091) * z + 0.025537212014825256) * z + -0.037176918351054584) * z + 0.04559380867122069) * z + -0.05215156875086811) * z + 0.05874001259491767) * z + -0.06665612272189592) * z + 0.07692213117100362) * z + -0.09090903266843248) * z + 0.11111110877876086) * z + -0.14285714280156211) * z + 0.19999999999932855) * z + -0.3333333333333305;
    let result: f64 = base + (r + (r * z * p + base_lo));
    saltus_float(saltus_bits(result) | (saltus_bits(x) & -9223372036854775808))
}

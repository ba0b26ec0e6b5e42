#[inline(always)]
fn saltus_floormod(x: f64, y: f64) -> f64 {
    let rest_a: f64 = saltus_abs(x);
    let rest_b: f64 = saltus_abs(y);
    let rest_once_q: f64 = saltus_trunc(rest_a / rest_b);
    let rest_once_product: f64 = rest_once_q * rest_b;
    let rest_once_q_hi: f64 = saltus_float(saltus_bits(rest_once_q) & -134217728);
    let rest_once_q_lo: f64 = rest_once_q - rest_once_q_hi;
    let rest_once_b_hi: f64 = saltus_float(saltus_bits(rest_b) & -134217728);
    let rest_once_b_lo: f64 = rest_b - rest_once_b_hi;
    let rest_once_error: f64 = rest_once_q_hi * rest_once_b_hi - rest_once_product + rest_once_q_hi * rest_once_b_lo + rest_once_q_lo * rest_once_b_hi + rest_once_q_lo * rest_once_b_lo;
    let rest_once: f64 = rest_a - rest_once_product - rest_once_error;
    let rest_twice_q: f64 = saltus_trunc(rest_once / rest_b);
    let rest_twice_product: f64 = rest_twice_q * rest_b;
    let rest_twice_q_hi: f64 = saltus_float(saltus_bits(rest_twice_q) & -134217728);
    let rest_twice_q_lo: f64 = rest_twice_q - rest_twice_q_hi;
    let rest_twice_b_hi: f64 = saltus_float(saltus_bits(rest_b) & -134217728);
    let rest_twice_b_lo: f64 = rest_b - rest_twice_b_hi;
    let rest_twice_error: f64 = rest_twice_q_hi * rest_twice_b_hi - rest_twice_product + rest_twice_q_hi * rest_twice_b_lo + rest_twice_q_lo * rest_twice_b_hi + rest_twice_q_lo * rest_twice_b_lo;
    let rest_twice: f64 = rest_once - rest_twice_product - rest_twice_error;
    let rest_raised: f64 = if rest_twice < 0.0 { rest_twice + rest_b } else { rest_twice };
    let rest_lowered: f64 = if rest_b <= rest_raised { rest_raised - rest_b } else { rest_raised };
    let rest_bounded: f64 = if rest_b == f64::INFINITY { (if rest_a < f64::INFINITY { rest_a } else { rest_lowered }) } else { rest_lowered };
    let rest: f64 = saltus_float(saltus_bits(rest_bounded) | (saltus_bits(x) & -9223372036854775808));
    let other_sign: bool = (saltus_bits(rest) ^ saltus_bits(y)) < 0;
    let zero: f64 = saltus_float(saltus_bits(y) & -9223372036854775808);
    if rest == 0.0 { zero } else { (if other_sign { rest + y } else { rest }) }
}

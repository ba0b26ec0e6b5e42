static inline __attribute__((always_inline)) double saltus_floormod(double x, double y) {
    const double rest_a = saltus_abs(x);
    const double rest_b = saltus_abs(y);
    const double rest_once_q = saltus_trunc(rest_a / rest_b);
    const double rest_once_product = rest_once_q * rest_b;
    const double rest_once_q_hi = saltus_float(saltus_bits(rest_once_q) & -134217728LL);
    const double rest_once_q_lo = rest_once_q - rest_once_q_hi;
    const double rest_once_b_hi = saltus_float(saltus_bits(rest_b) & -134217728LL);
    const double rest_once_b_lo = rest_b - rest_once_b_hi;
    const double rest_once_error = rest_once_q_hi * rest_once_b_hi - rest_once_product + rest_once_q_hi * rest_once_b_lo + rest_once_q_lo * rest_once_b_hi + rest_once_q_lo * rest_once_b_lo;
    const double rest_once = rest_a - rest_once_product - rest_once_error;
    const double rest_twice_q = saltus_trunc(rest_once / rest_b);
    const double rest_twice_product = rest_twice_q * rest_b;
    const double rest_twice_q_hi = saltus_float(saltus_bits(rest_twice_q) & -134217728LL);
    const double rest_twice_q_lo = rest_twice_q - rest_twice_q_hi;
    const double rest_twice_b_hi = saltus_float(saltus_bits(rest_b) & -134217728LL);
    const double rest_twice_b_lo = rest_b - rest_twice_b_hi;
    const double rest_twice_error = rest_twice_q_hi * rest_twice_b_hi - rest_twice_product + rest_twice_q_hi * rest_twice_b_lo + rest_twice_q_lo * rest_twice_b_hi + rest_twice_q_lo * rest_twice_b_lo;
    const double rest_twice = rest_once - rest_twice_product - rest_twice_error;
    const double rest_raised = rest_twice < 0.0 ? rest_twice + rest_b : rest_twice;
    const double rest_lowered = rest_b <= rest_raised ? rest_raised - rest_b : rest_raised;
    const double rest_bounded = rest_b == saltus_float(9218868437227405312LL) ? (rest_a < saltus_float(9218868437227405312LL) ? rest_a : rest_lowered) : rest_lowered;
    const double rest = saltus_float(saltus_bits(rest_bounded) | (saltus_bits(x) & (-9223372036854775807LL - 1)));
    const _Bool other_sign = (saltus_bits(rest) ^ saltus_bits(y)) < 0LL;
    const double zero = saltus_float(saltus_bits(y) & (-9223372036854775807LL - 1));
    return rest == 0.0 ? zero : (other_sign ? rest + y : rest);
}

static inline __attribute__((always_inline)) double saltus_cosh(double x) {
    const double a = saltus_abs(x);
    const double clamped = 711.0 < a ? 711.0 : a;
    const double shifted = clamped * 0x1.71547652b82fep+0 + 0x1.80000000007fep+52;
    const double r_k = shifted - 0x1.80000000007fep+52;
    const double r_hi = clamped - r_k * 0x1.62e42fefa38p-1;
    const double r_lo = r_k * 0x1.ef35793c7673p-45;
    const double r = r_hi - r_lo;
    const double r_c = r_hi - r - r_lo;
    const double half_square_square = r * r;
    const double half_square = 0.5 * half_square_square;
    const double half_square_cube = half_square_square * r * ((((0x1.af5f118f1bf73p-26 * half_square_square + 0x1.71ddf81be124ap-19) * half_square_square + 0x1.a01a01afffddap-13) * half_square_square + 0x1.111111110f65ap-7) * half_square_square + 0x1.5555555555559p-3 + r * ((((0x1.1f19fed973b7cp-29 * half_square_square + 0x1.27e51351669e3p-22) * half_square_square + 0x1.a01a018e0900dp-16) * half_square_square + 0x1.6c16c16c1ab05p-10) * half_square_square + 0x1.555555555554dp-5));
    const double tail = half_square_cube + (r_c + r * r_c);
    const double r_seen = 64.0 < r_k ? 64.0 : r_k;
    const double one = saltus_float((i64)((u64)saltus_bits(0x1.80000000003ffp+52 - r_seen) << 52));
    const double sum = 1.0 + r;
    const double rest = 1.0 - sum + r + tail + half_square;
    const double hi = sum + rest;
    const double lo = sum - hi + rest;
    const double result = hi + (lo + one * one / hi);
    const i64 whole = saltus_bits(shifted) - 1LL;
    const i64 half = (i64)((u64)whole >> 1);
    return result * saltus_float((i64)((u64)half << 52)) * saltus_float((i64)((u64)(whole - half) << 52));
}

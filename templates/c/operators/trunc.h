/* The whole number next to x towards zero. */
static inline __attribute__((always_inline)) double saltus_trunc(double x) {
#if defined(__SSE4_1__) || defined(__aarch64__)
    return __builtin_trunc(x);
#else
    /* Doubles from 2^52 on are whole; below, adding 2^52 rounds to the nearest whole number. */
    const double a = saltus_abs(x);
    const double r = (a + 0x1p+52) - 0x1p+52;
    const double whole = r > a ? r - 1.0 : r;
    const double signed_whole = saltus_float(saltus_bits(whole) | (saltus_bits(x) & (-0x7fffffffffffffffLL - 1)));
    return a < 0x1p+52 ? signed_whole : x;
#endif
}

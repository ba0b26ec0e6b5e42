/* The largest whole number not above x. */
static inline __attribute__((always_inline)) double saltus_floor(double x) {
#if defined(__SSE4_1__) || defined(__aarch64__)
    return __builtin_floor(x);
#else
    /* Doubles from 2^52 on are whole; below, adding 2^52 rounds to the nearest whole number. */
    const double a = saltus_abs(x);
    const double r = saltus_float(saltus_bits((a + 0x1p+52) - 0x1p+52) | (saltus_bits(x) & (-0x7fffffffffffffffLL - 1)));
    const double whole = r > x ? r - 1.0 : r;
    return a < 0x1p+52 ? whole : x;
#endif
}

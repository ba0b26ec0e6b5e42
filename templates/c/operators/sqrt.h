/* The square root, correctly rounded: an instruction, or else digit by digit. */
#ifdef __TINYC__
static double saltus_sqrt(double x) {
    if (!(x > 0.0) || x > 0x1.fffffffffffffp+1023) return x == 0.0 || x > 0.0 ? x : x - x + (x - x) / (x - x);
    i64 scale = 0;
    if (x < 0x1p-1022) { x = x * 0x1p+108; scale = 54; }
    i64 bits = saltus_bits(x), exponent = (bits >> 52) - 1023;
    u64 rest = (u64)((bits & 0xfffffffffffffLL) | 0x10000000000000LL) << (exponent & 1), root = 0, digit;
    /* rest / 2^52 is in [1, 4): 53 digits of its root and one to round by, which is never a tie. */
    for (digit = 1ULL << 53, rest = rest << 1; digit; digit = digit >> 1, rest = rest << 1) {
        u64 trial = (root << 1) | digit;
        if (rest >= trial) { rest = rest - trial; root = root | digit; }
    }
    root = (root + 1) >> 1;
    exponent = (exponent - (exponent & 1)) / 2 - scale;
    return saltus_float((i64)root + ((exponent + 1022) << 52));
}
#else
static inline __attribute__((always_inline)) double saltus_sqrt(double x) { return __builtin_sqrt(x); }
#endif

/* |x| */
static inline __attribute__((always_inline)) double saltus_abs(double x) {
#ifdef __TINYC__
    return saltus_float(saltus_bits(x) & 0x7fffffffffffffffLL);
#else
    return __builtin_fabs(x);
#endif
}

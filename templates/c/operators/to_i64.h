/* A double without its fraction; the least number for what does not fit, and for a NaN. */
static inline __attribute__((always_inline)) i64 saltus_to_i64(double x) {
    return ((x >= -0x1p+63) & (x < 0x1p+63)) ? (i64)x : -0x7fffffffffffffffLL - 1;
}

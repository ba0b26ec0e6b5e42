/* A double without its fraction; the least number for what does not fit, and for a NaN. */
static inline __attribute__((always_inline)) i32 saltus_to_i32(double x) {
    return ((x > -2147483649.0) & (x < 2147483648.0)) ? (i32)x : -2147483647 - 1;
}

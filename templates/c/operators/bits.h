/* The bits of a double. */
static inline __attribute__((always_inline)) i64 saltus_bits(double x) {
    union { double f; i64 i; } u;
    u.f = x;
    return u.i;
}

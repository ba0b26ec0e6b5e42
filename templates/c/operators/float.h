/* The double with these bits. */
static inline __attribute__((always_inline)) double saltus_float(i64 i) {
    union { double f; i64 i; } u;
    u.i = i;
    return u.f;
}

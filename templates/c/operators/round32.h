/* The nearest float. */
static inline __attribute__((always_inline)) double saltus_round32(double x) { return (double)(float)x; }

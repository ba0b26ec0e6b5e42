/* x // y: rounds down, wraps, and is 0 for a divisor of 0. */
static inline __attribute__((always_inline)) i64 saltus_div_i64(i64 x, i64 y) {
    /* Neither divisor may reach the machine: 0 traps, and so does -1 under the least number. */
    const i64 divisor = ((y == 0) | (y == -1)) ? 1 : y;
    const i64 quotient = x / divisor;
    const i64 down = quotient - ((x % divisor != 0) & ((x ^ divisor) < 0));
    return y == 0 ? 0 : y == -1 ? (i64)(0 - (u64)x) : down;
}

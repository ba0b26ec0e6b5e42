/* x // y: rounds down, wraps, and is 0 for a divisor of 0. */
static inline __attribute__((always_inline)) i32 saltus_div_i32(i32 x, i32 y) {
    /* Neither divisor may reach the machine: 0 traps, and so does -1 under the least number. */
    const i32 divisor = ((y == 0) | (y == -1)) ? 1 : y;
    const i32 quotient = x / divisor;
    const i32 down = quotient - ((x % divisor != 0) & ((x ^ divisor) < 0));
    return y == 0 ? 0 : y == -1 ? (i32)(0 - (u64)x) : down;
}

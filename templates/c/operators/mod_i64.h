/* x % y: has the sign of y, and is 0 for a divisor of 0. */
static inline __attribute__((always_inline)) i64 saltus_mod_i64(i64 x, i64 y) {
    /* Neither divisor may reach the machine: 0 traps, and so does -1 under the least number. */
    const i64 divisor = ((y == 0) | (y == -1)) ? 1 : y;
    const i64 rest = x % divisor;
    return ((rest != 0) & ((rest ^ divisor) < 0)) ? rest + divisor : rest;
}

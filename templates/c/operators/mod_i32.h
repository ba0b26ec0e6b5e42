/* x % y: has the sign of y, and is 0 for a divisor of 0. */
static inline __attribute__((always_inline)) i32 saltus_mod_i32(i32 x, i32 y) {
    /* Neither divisor may reach the machine: 0 traps, and so does -1 under the least number. */
    const i32 divisor = ((y == 0) | (y == -1)) ? 1 : y;
    const i32 rest = x % divisor;
    return ((rest != 0) & ((rest ^ divisor) < 0)) ? rest + divisor : rest;
}

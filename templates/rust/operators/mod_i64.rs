/// x % y: has the sign of y, and is 0 for a divisor of 0.
#[inline(always)]
fn saltus_mod_i64(x: i64, y: i64) -> i64 {
    // Neither divisor may reach the machine: 0 traps, and so does -1 under the least number.
    let divisor: i64 = if (y == 0) | (y == -1) { 1 } else { y };
    let rest = x.checked_rem(divisor).unwrap_or(0);
    if (rest != 0) & ((rest ^ divisor) < 0) { rest.wrapping_add(divisor) } else { rest }
}

/// x % y: has the sign of y, and is 0 for a divisor of 0.
#[inline(always)]
fn saltus_mod_i32(x: i32, y: i32) -> i32 {
    // Neither divisor may reach the machine: 0 traps, and so does -1 under the least number.
    let divisor: i32 = if (y == 0) | (y == -1) { 1 } else { y };
    let rest = x.checked_rem(divisor).unwrap_or(0);
    if (rest != 0) & ((rest ^ divisor) < 0) { rest.wrapping_add(divisor) } else { rest }
}

/// x // y: rounds down, wraps, and is 0 for a divisor of 0.
#[inline(always)]
fn saltus_div_i64(x: i64, y: i64) -> i64 {
    // Neither divisor may reach the machine: 0 traps, and so does -1 under the least number.
    let divisor: i64 = if (y == 0) | (y == -1) { 1 } else { y };
    let quotient = x.checked_div(divisor).unwrap_or(0);
    let rest = x.wrapping_sub(quotient.wrapping_mul(divisor));
    let down = quotient.wrapping_sub(i64::from((rest != 0) & ((x ^ divisor) < 0)));
    if y == 0 {
        0
    } else if y == -1 {
        x.wrapping_neg()
    } else {
        down
    }
}

/// x // y: rounds down, wraps, and is 0 for a divisor of 0.
#[inline(always)]
fn saltus_div_i32(x: i32, y: i32) -> i32 {
    // Neither divisor may reach the machine: 0 traps, and so does -1 under the least number.
    let divisor: i32 = if (y == 0) | (y == -1) { 1 } else { y };
    let quotient = x.checked_div(divisor).unwrap_or(0);
    let rest = x.wrapping_sub(quotient.wrapping_mul(divisor));
    let down = quotient.wrapping_sub(i32::from((rest != 0) & ((x ^ divisor) < 0)));
    if y == 0 {
        0
    } else if y == -1 {
        x.wrapping_neg()
    } else {
        down
    }
}

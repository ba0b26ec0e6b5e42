//! Numbers for people: grouped thousands, durations, plurals.

/// A count with commas between thousands: `2,600`.
pub fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its word: `1 cell`, `2,600 cells`.
pub fn counted(count: usize, (one, several): (&str, &str)) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { several })
}

/// A measured duration, with as many digits as one can trust: `4.1 ms`, `212 ms`, `1.38 s`, `3 min 05 s`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown".to_owned();
    }
    let seconds = seconds.max(0.0);
    // Bounds are where rounding would reach the next unit.
    if seconds < 0.999_5e-3 {
        small(seconds * 1e6, "µs")
    } else if seconds < 0.999_5 {
        small(seconds * 1e3, "ms")
    } else if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round() as u64;
        match (whole / 3600, whole / 60 % 60, whole % 60) {
            (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
            (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
        }
    }
}

fn small(value: f64, unit: &str) -> String {
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// A duration of the simulation, as exact as one would write it in a model: `500 ms`, `1.5 s`, `0.1 ms`.
pub fn simulated(seconds: f64) -> String {
    let (value, unit) = match seconds.abs() {
        s if s >= 1.0 => (seconds, "s"),
        s if s >= 1e-4 || s == 0.0 => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    format!("{} {unit}", trimmed(value, 4))
}

/// A size: `812 B`, `16.2 kB`, `3.0 GB`.
pub fn bytes(count: u64) -> String {
    let (mut value, mut unit) = (count as f64, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        // Where rounding would reach the next unit.
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    let decimals = usize::from(unit != "B" && value < 99.95);
    format!("{value:.decimals$} {unit}")
}

/// A number with at most `decimals` decimals and no trailing zeros.
pub fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 7, 999, 1000, 2600, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "2,600", "1,234,567"]);
    }

    #[test]
    fn sizes_are_readable() {
        let sizes = [0, 999, 1000, 16_150, 99_960, 999_499, 999_500, 23_456_789_012];
        let texts = ["0 B", "999 B", "1.0 kB", "16.1 kB", "100 kB", "999 kB", "1.0 MB", "23.5 GB"];
        assert_eq!(sizes.map(bytes), texts);
    }

    #[test]
    fn durations_are_readable() {
        for (seconds, text) in [
            (0.0, "0.0 µs"),
            (3.2e-6, "3.2 µs"),
            (250e-6, "250 µs"),
            (0.999_6e-3, "1.0 ms"),
            (4.1e-3, "4.1 ms"),
            (9.96e-3, "10 ms"),
            (0.212, "212 ms"),
            (0.999_7, "1.00 s"),
            (1.375, "1.38 s"),
            (12.34, "12.3 s"),
            (59.97, "1 min 00 s"),
            (185.0, "3 min 05 s"),
            (7325.0, "2 h 02 min"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn simulated_time_is_exact() {
        for (seconds, text) in
            [(0.5, "500 ms"), (1.5, "1.5 s"), (100.0, "100 s"), (1e-4, "0.1 ms"), (1e-5, "10 µs"), (0.0, "0 ms")]
        {
            assert_eq!(simulated(seconds), text, "{seconds}");
        }
    }
}

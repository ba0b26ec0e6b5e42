//! Axes: round ticks, and units with the prefix that makes the numbers short.

/// Units whose symbol takes a prefix.
const PREFIXABLE: &[&str] =
    &["V", "A", "S", "s", "F", "Hz", "Ω", "ohm", "C", "W", "J", "N", "m", "M", "mol", "Pa", "T", "Wb", "H", "Bq"];

const PREFIXES: &[(i32, &str)] =
    &[(9, "G"), (6, "M"), (3, "k"), (0, ""), (-3, "m"), (-6, "µ"), (-9, "n"), (-12, "p"), (-15, "f")];

/// What the numbers at an axis count: a power of ten of an SI unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    power: i32,
    unit: String,
}

impl Scale {
    /// For values in an SI unit, none larger than `largest`.
    pub(super) fn of(unit: &str, largest: f64) -> Scale {
        let unit = if unit == "1" { "" } else { unit };
        let power = if largest > 0.0 { largest.log10().floor() as i32 } else { 0 };
        if PREFIXABLE.contains(&unit) {
            let power = match unit {
                // Rates are compared with those of other panels and papers.
                "Hz" if largest < 1e4 => 0,
                _ if largest > 0.0 => (power.div_euclid(3) * 3).clamp(-15, 9),
                _ => 0,
            };
            let prefix = PREFIXES.iter().find(|(p, _)| *p == power).map_or("", |(_, prefix)| prefix);
            return Scale { power, unit: format!("{prefix}{unit}") };
        }
        let power = if (-2..5).contains(&power) { 0 } else { power.div_euclid(3) * 3 };
        let factor = if power == 0 { String::new() } else { format!("10{}", superscript(power)) };
        let gap = if factor.is_empty() || unit.is_empty() { "" } else { " " };
        Scale { power, unit: format!("{factor}{gap}{unit}") }
    }

    /// For a span of time in seconds.
    pub(super) fn time(span: f64) -> Scale {
        let (power, unit) = match span {
            s if s >= 2.0 => (0, "s"),
            s if s >= 2e-3 => (-3, "ms"),
            _ => (-6, "µs"),
        };
        Scale { power, unit: unit.to_owned() }
    }

    /// The title of an axis: `v (mV)`.
    pub(super) fn title(&self, quantity: &str) -> String {
        if self.unit.is_empty() { quantity.to_owned() } else { format!("{quantity} ({})", self.unit) }
    }

    fn shown(&self, value: f64) -> f64 {
        // Dividing by a power of ten is exact for those an f64 holds; times a small one is not.
        if self.power < 0 { value * 10f64.powi(-self.power) } else { value / 10f64.powi(self.power) }
    }
}

/// A range of values, its scale and its ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// Place from 0 to 1, and label.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis from `low` to `high`, in the SI unit, with at least `least` ticks, few more; `whole`: at whole numbers
    /// only.
    pub(super) fn new(low: f64, high: f64, scale: Scale, least: usize, whole: bool) -> Axis {
        let (low, high) = (scale.shown(low), scale.shown(high));
        let mut axis = Axis { scale, low, high, ticks: Vec::new() };
        if least == 0 || !(high > low && (high - low).is_finite()) {
            return axis;
        }
        let top = (high - low).log10().floor() as i32;
        let steps = (0..3).flat_map(|k| [5.0, 2.0, 1.0].map(|mantissa| mantissa * 10f64.powi(top - k)));
        let fits = |step: &f64| multiples(low, high, *step).count() >= least || (whole && *step <= 1.0);
        let Some(step) = steps.into_iter().find(fits) else { return axis };
        let decimals = (-step.log10()).ceil().clamp(0.0, 15.0) as usize;
        axis.ticks = multiples(low, high, step)
            .map(|k| ((k as f64 * step - low) / (high - low), label(k as f64 * step, decimals)))
            .collect();
        axis
    }

    /// Where a value in the SI unit is: from 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        (self.scale.shown(value) - self.low) / (self.high - self.low)
    }

    /// The title of the axis.
    pub(super) fn title(&self, quantity: &str) -> String {
        self.scale.title(quantity)
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
pub(super) fn round_step(least: f64) -> f64 {
    let power = 10f64.powi(least.log10().floor() as i32);
    [1.0, 2.0, 5.0].into_iter().map(|m| m * power).find(|step| *step >= least * 0.999_999).unwrap_or(10.0 * power)
}

/// The whole numbers of steps between two values, which may be off by a rounding error.
fn multiples(low: f64, high: f64, step: f64) -> std::ops::RangeInclusive<i64> {
    let tolerance = 1e-6;
    (low / step - tolerance).ceil() as i64..=(high / step + tolerance).floor() as i64
}

fn label(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.contains(|c: char| c != '0' && c != '.') => format!("−{digits}"),
        Some(digits) => digits.to_owned(),
        None => text,
    }
}

fn superscript(power: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    power.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_get_readable_prefixes() {
        for (unit, largest, title) in [
            ("V", 0.07, "x (mV)"),
            ("A", 7e-10, "x (pA)"),
            ("A", 2e-9, "x (nA)"),
            ("S", 0.0, "x (S)"),
            ("Hz", 0.2, "x (Hz)"),
            ("Hz", 2e4, "x (kHz)"),
            ("V", 1e-30, "x (fV)"),
            ("", 0.9, "x"),
            ("1", 1e-7, "x (10⁻⁹)"),
            ("", 3e5, "x (10³)"),
            ("", 3e-3, "x (10⁻³)"),
            ("", 3e-2, "x"),
            ("A/m²", 20.0, "x (A/m²)"),
            ("A/m²", 2e-5, "x (10⁻⁶ A/m²)"),
        ] {
            assert_eq!(Scale::of(unit, largest).title("x"), title, "{unit} {largest}");
        }
    }

    fn labels(low: f64, high: f64, scale: Scale, least: usize, whole: bool) -> String {
        let axis = Axis::new(low, high, scale, least, whole);
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(0.0, 0.5, Scale::time(0.5), 5, false), "0 100 200 300 400 500");
        assert_eq!(labels(-0.081, 0.052, Scale::of("V", 0.081), 3, false), "−50 0 50");
        assert_eq!(labels(-0.05, 1.05, Scale::of("", 1.0), 3, false), "0.0 0.5 1.0");
        assert_eq!(labels(-0.5, 3.5, Scale::of("", 3.0), 3, true), "0 1 2 3");
        assert_eq!(labels(0.0, 73.0, Scale::of("Hz", 73.0), 3, false), "0 20 40 60");
        assert_eq!(labels(-0.5, 0.5, Scale::of("", 1.0), 3, true), "0");
        assert_eq!(labels(-0.5, 3999.5, Scale::of("", 1.0), 3, true), "0 1000 2000 3000");
        assert_eq!(labels(1.0, 1.0, Scale::of("", 1.0), 3, false), "");
    }
}

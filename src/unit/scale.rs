//! Quantities for people: a value in SI units as `-65. mV`, in the multiple of its unit that fits.
//!
//! The multiple is chosen by Brian2's rule: of all that there are, the one in which the values are nearest to ten, by the
//! sum of the squares of their distances in decades. What has no name of its own is in SI units (`siemens/meter**2`).
//! Only what is shown is scaled and rounded; values stay as they are.

use super::Dimension;

/// A multiple of a unit to show values in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Its name, such as `mV`; empty for plain numbers.
    pub name: String,
    /// The power of ten of SI units that it is.
    pub decimal: i32,
}

/// Units with a symbol: the power of ten of SI units that the symbol alone is, and the largest prefix.
const SYMBOLS: [(&str, Dimension, i32, i32); 16] = [
    ("V", Dimension::VOLT, 0, 9),
    ("A", Dimension::AMP, 0, 9),
    // Nobody says kiloseconds.
    ("s", Dimension::SECOND, 0, 0),
    ("S", Dimension::si([-2, -1, 3, 2, 0, 0, 0]), 0, 9),
    ("F", Dimension::si([-2, -1, 4, 2, 0, 0, 0]), 0, 9),
    ("ohm", Dimension::si([2, 1, -3, -2, 0, 0, 0]), 0, 9),
    ("Hz", Dimension::HERTZ, 0, 9),
    ("m", Dimension::METER, 0, 3),
    ("C", Dimension::si([0, 0, 1, 1, 0, 0, 0]), 0, 9),
    ("J", Dimension::si([2, 1, -2, 0, 0, 0, 0]), 0, 9),
    ("W", Dimension::si([2, 1, -3, 0, 0, 0, 0]), 0, 9),
    ("N", Dimension::si([1, 1, -2, 0, 0, 0, 0]), 0, 9),
    ("Pa", Dimension::si([-1, 1, -2, 0, 0, 0, 0]), 0, 9),
    ("M", Dimension::si([-3, 0, 0, 0, 0, 1, 0]), 3, 0),
    ("mol", Dimension::MOLE, 0, 0),
    ("g", Dimension::KILOGRAM, -3, 3),
];

/// Prefixes of symbols, the plain one first: it wins where others do as well.
const PREFIXES: [(&str, i32); 9] =
    [("", 0), ("m", -3), ("u", -6), ("n", -9), ("p", -12), ("f", -15), ("k", 3), ("M", 6), ("G", 9)];

/// The multiple of a unit in which these values, in SI units, are read most easily.
///
/// ```
/// use saltus::unit::{Dimension, scale_for};
/// let scale = scale_for(&[-0.065, -0.07, 0.0], Dimension::VOLT);
/// assert_eq!((scale.name.as_str(), scale.decimal, scale.show(-0.065)), ("mV", -3, "-65.".to_string()));
/// ```
pub fn scale_for(values: &[f64], dimension: Dimension) -> Scale {
    let Some((symbol, _, own, largest)) = SYMBOLS.iter().find(|row| row.1 == dimension) else {
        let name = if dimension.is_dimensionless() { String::new() } else { dimension.to_string() };
        return Scale { name, decimal: 0 };
    };
    let decades: Vec<f64> = values.iter().filter(|v| **v != 0.0 && v.is_finite()).map(|v| v.abs().log10()).collect();
    let unlikeness = |decimal: i32| -> f64 { decades.iter().map(|d| (d - f64::from(decimal) - 1.0).powi(2)).sum() };
    // Without values, the SI unit itself.
    let mut best = if *own == -3 { ("k", 3) } else { PREFIXES[0] };
    for prefix in PREFIXES.iter().filter(|(_, decimal)| decimal <= largest) {
        if unlikeness(own + prefix.1) < unlikeness(own + best.1) {
            best = *prefix;
        }
    }
    Scale { name: format!("{}{symbol}", best.0), decimal: own + best.1 }
}

impl Scale {
    /// A value in SI units as a number of these.
    pub fn number(&self, value: f64) -> f64 {
        // Powers of ten are exact up to 10^22, so that one rounding is all.
        let power = 10_f64.powi(self.decimal.abs());
        if self.decimal < 0 { value * power } else { value / power }
    }

    /// The same as text, with at most eight places.
    pub fn show(&self, value: f64) -> String {
        let text = digits(self.number(value));
        if self.name.is_empty() && text.ends_with('.') { text + "0" } else { text }
    }

    /// A value in SI units with its unit.
    pub fn with_unit(&self, value: f64) -> String {
        let number = self.show(value);
        if self.name.is_empty() { number } else { format!("{number} {}", self.name) }
    }
}

/// A value in SI units as Brian2 prints it: `-65. mV`, `0.5`, `20. Hz`.
///
/// ```
/// use saltus::unit::{Dimension, quantity};
/// assert_eq!(quantity(0.0001, Dimension::SECOND), "100. us");
/// assert_eq!(quantity(1.0, Dimension::NONE), "1.0");
/// ```
pub fn quantity(value: f64, dimension: Dimension) -> String {
    scale_for(&[value], dimension).with_unit(value)
}

/// At most eight places, as NumPy prints: the point always, zeros at the end never.
fn digits(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".to_string() } else { "-inf".to_string() };
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{value:.8e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mantissa = mantissa.trim_end_matches('0');
        let zero = if mantissa.ends_with('.') { "0" } else { "" };
        return format!("{mantissa}{zero}e{exponent}");
    }
    let text = format!("{value:.8}");
    let text = text.trim_end_matches('0');
    if text == "-0." && value == 0.0 { "0.".to_string() } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_printed_in_the_multiple_that_fits() {
        let area = Dimension::si([-2, -1, 3, 2, 0, 0, 0]) / Dimension::METER.powi(2);
        let molar = Dimension::si([-3, 0, 0, 0, 0, 1, 0]);
        for (value, dimension, text) in [
            (-0.065, Dimension::VOLT, "-65. mV"),
            (0.01, Dimension::VOLT, "10. mV"),
            (1.0, Dimension::VOLT, "1. V"),
            (0.0, Dimension::VOLT, "0. V"),
            (-0.0, Dimension::VOLT, "0. V"),
            (0.1, Dimension::SECOND, "100. ms"),
            (0.5, Dimension::SECOND, "0.5 s"),
            (1e-4, Dimension::SECOND, "100. us"),
            (-1e4, Dimension::SECOND, "-10000. s"),
            (1.0 / 3.0, Dimension::SECOND, "0.33333333 s"),
            (2e-10, Dimension::si([-2, -1, 4, 2, 0, 0, 0]), "200. pF"),
            (1e7, Dimension::si([2, 1, -3, -2, 0, 0, 0]), "10. Mohm"),
            (20.0, Dimension::HERTZ, "20. Hz"),
            (0.01, molar, "10. uM"),
            (0.3, area, "0.3 siemens/meter**2"),
            (0.001, Dimension::KILOGRAM, "1. g"),
            (0.0, Dimension::KILOGRAM, "0. kg"),
            (1.0, Dimension::NONE, "1.0"),
            (0.25, Dimension::NONE, "0.25"),
            (1.5e-9, Dimension::NONE, "1.5e-9"),
            (2e20, Dimension::NONE, "2.0e20"),
            (f64::NAN, Dimension::VOLT, "nan V"),
            (f64::NEG_INFINITY, Dimension::NONE, "-inf"),
        ] {
            assert_eq!(quantity(value, dimension), text, "{value} {dimension}");
        }
    }

    #[test]
    fn many_values_share_a_multiple() {
        let scale = scale_for(&[0.0, 2e-3, 0.3, f64::NAN, f64::INFINITY], Dimension::VOLT);
        assert_eq!(scale, Scale { name: "mV".to_string(), decimal: -3 });
        assert_eq!(scale.show(0.3), "300.");
    }
}

//! Charts as SVG: bars on a logarithmic axis of time, in lines of fixed height whose widths are parts of the whole, so that
//! one drawing fits a telephone and a desk.

use std::fmt::Write as _;

use super::data::Spread;
use crate::cli::output::format::duration;
use crate::cli::page::escaped;

/// A bar: a time, its range, and which colour it has.
pub struct Bar {
    /// What it is.
    pub label: String,
    /// The class that colours it: `cold`, `warm`, `hot`, `peer` or `other`.
    pub class: &'static str,
    /// The time.
    pub spread: Spread,
}

/// Height of a line, in pixels.
const LINE: f64 = 20.0;
/// Height of a bar.
const BAR: f64 = 12.0;
/// Where bars begin and end, and where their numbers do, in parts of a hundred of the width.
const LEFT: f64 = 36.0;
const RIGHT: f64 = 84.0;
const NUMBERS: f64 = 85.0;

/// Bars below each other, from `top` on; the text of the SVG and where it ends. Shortest and longest times that can be
/// compared with bars of other charts come from [`range`].
pub fn bars(bars: &[Bar], (low, high): (f64, f64), top: f64) -> (String, f64) {
    let mut svg = String::new();
    let place = |seconds: f64| {
        let part = (seconds.max(low).min(high) / low).ln() / (high / low).ln();
        LEFT + (RIGHT - LEFT) * part
    };
    let bottom = top + LINE * bars.len() as f64;
    let mut tick = low;
    let mut number = 0;
    while tick <= high * 1.001 {
        let x = place(tick);
        // Writing to a string cannot fail.
        let _ = writeln!(svg, r#"<line class="grid" x1="{x:.2}%" x2="{x:.2}%" y1="{top}" y2="{bottom}"/>"#);
        let (y, text) = (bottom + 14.0, short(tick));
        // Narrow pages have no room for the others.
        let class = if number % 2 == 0 { "tick" } else { "tick odd" };
        let _ = writeln!(svg, r#"<text class="{class}" x="{x:.2}%" y="{y}" text-anchor="middle">{text}</text>"#);
        tick *= 10.0;
        number += 1;
    }
    for (k, bar) in bars.iter().enumerate() {
        let y = top + LINE * k as f64;
        let (text, middle) = (y + 14.0, y + LINE / 2.0);
        let Bar { label, class, spread } = bar;
        let median = spread.median();
        let (from, to) = (place(spread.min()), place(spread.max()));
        let (label, number, width) = (escaped(label), duration(median), place(median) - LEFT);
        let above = y + (LINE - BAR) / 2.0;
        let _ = writeln!(svg, r#"<text class="label" x="0" y="{text}">{label}</text>"#);
        let _ = writeln!(svg, r#"<rect class="{class}" x="{LEFT}%" y="{above}" width="{width:.2}%" height="{BAR}"/>"#);
        let _ = writeln!(svg, r#"<line class="range" x1="{from:.2}%" x2="{to:.2}%" y1="{middle}" y2="{middle}"/>"#);
        let _ = writeln!(svg, r#"<text class="number" x="{NUMBERS}%" y="{text}">{number}</text>"#);
    }
    (svg, bottom + 2.0 * LINE)
}

/// Powers of ten around all times.
pub fn range<'a>(spreads: impl Iterator<Item = &'a Spread>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for spread in spreads {
        low = low.min(spread.min());
        high = high.max(spread.max());
    }
    if !(low.is_finite() && low > 0.0 && high > 0.0) {
        return (1e-6, 1.0);
    }
    let low = 10_f64.powf(low.log10().floor());
    (low, 10_f64.powf(high.log10().ceil()).max(low * 10.0))
}

/// A power of ten: `100 µs`.
fn short(seconds: f64) -> String {
    let exponent = seconds.log10().round() as i32;
    let unit = ["s", "ms", "µs", "ns"][(-exponent.min(0)).unsigned_abs().div_ceil(3).min(3) as usize];
    let digits = exponent.rem_euclid(3);
    let value = if exponent > 0 { 10_f64.powi(exponent) } else { 10_f64.powi(digits) };
    format!("{value} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_units() {
        let texts = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 1e-9].map(short);
        assert_eq!(texts, ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "1 ns"]);
    }

    #[test]
    fn ranges_are_whole_decades() {
        let spreads = [Spread(vec![2e-5, 3e-2]), Spread(vec![0.5])];
        let (low, high) = range(spreads.iter());
        assert!((low / 1e-5 - 1.0).abs() < 1e-9 && (high - 1.0).abs() < 1e-9, "{low} {high}");
    }
}

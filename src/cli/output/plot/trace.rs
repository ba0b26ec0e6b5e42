//! Traces: recorded variables over time, one coloured line per element, few enough to tell apart.

use super::frame::Frame;
use super::svg::Svg;
use crate::cli::output::result::{Recorded, StateData};

/// The muted scheme of Paul Tol, which people with any colour vision tell apart; the faintest one left out.
pub(super) const COLOURS: [&str; 8] =
    ["#332288", "#cc6677", "#44aa99", "#882255", "#999933", "#88ccee", "#117733", "#aa4499"];

/// Brian2's `lastspike` of a cell that has not spiked, in seconds.
const NEVER: f64 = -1e4;

/// Positions in `record` that are drawn: all, or some at even distances with the first and the last.
pub(super) fn chosen(count: usize) -> Vec<usize> {
    let shown = count.min(COLOURS.len());
    if shown == count {
        return (0..count).collect();
    }
    (0..shown).map(|k| (2 * k * (count - 1) + shown - 1) / (2 * (shown - 1))).collect()
}

/// One variable of a state monitor.
#[derive(Clone, Copy)]
pub(super) struct Trace<'a> {
    pub state: &'a StateData,
    pub variable: &'a str,
    pub recorded: &'a Recorded,
}

impl<'a> Trace<'a> {
    /// (seconds, value) of the element at a position; NaN where there is no value.
    fn points(self, position: usize) -> impl Iterator<Item = (f64, f64)> + use<'a> {
        let never = if self.variable == "lastspike" { NEVER } else { f64::NAN };
        let values = self.state.series(self.recorded, position);
        let times = self.state.t.iter().copied();
        times.zip(values.map(move |value| if value == never { f64::NAN } else { value }))
    }

    /// The smallest and the largest finite value that is drawn.
    pub(super) fn range(self) -> Option<(f64, f64)> {
        let drawn = chosen(self.state.record.len()).into_iter().flat_map(move |position| self.points(position));
        drawn.map(|(_, value)| value).filter(|value| value.is_finite()).fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((low, high)) => Some((value.min(low), value.max(high))),
        })
    }

    /// Draws the lines.
    pub(super) fn draw(self, svg: &mut Svg, frame: &Frame, end: f64) {
        let chosen = chosen(self.state.record.len());
        // Where many lines cross, thin ones that let each other through stay readable.
        let (width, opacity) = match chosen.len() {
            0..=2 => (1.2, ""),
            3..=5 => (1.0, ""),
            _ => (0.8, " stroke-opacity=\"0.85\""),
        };
        let attributes = format!("stroke-linejoin=\"round\" stroke-linecap=\"round\"{opacity}");
        for (position, colour) in chosen.into_iter().zip(COLOURS) {
            let points = self.points(position);
            let path =
                if self.recorded.values.is_discrete() { frame.line(held(points, end)) } else { frame.line(points) };
            svg.stroke(&path, colour, width, &attributes);
        }
    }
}

/// Points of a value that stays until the next record, and the last one until `end`.
fn held(points: impl Iterator<Item = (f64, f64)>, end: f64) -> impl Iterator<Item = (f64, f64)> {
    let mut last = f64::NAN;
    points.map(Some).chain([None]).flat_map(move |point| {
        let (seconds, value) = point.unwrap_or((end, f64::NAN));
        let step = [(seconds, last), (seconds, value)];
        last = value;
        step
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_many_are_chosen_evenly() {
        assert_eq!(chosen(0), Vec::<usize>::new());
        assert_eq!(chosen(5), [0, 1, 2, 3, 4]);
        assert_eq!(chosen(100), [0, 14, 28, 42, 57, 71, 85, 99]);
    }

    #[test]
    fn a_held_value_makes_steps() {
        let steps: Vec<_> = held([(0.0, 1.0), (1.0, 2.0)].into_iter(), 3.0).filter(|(_, v)| v.is_finite()).collect();
        assert_eq!(steps, [(0.0, 1.0), (1.0, 1.0), (1.0, 2.0), (3.0, 2.0)]);
    }
}

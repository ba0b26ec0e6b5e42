//! The area of a panel inside its axes, and lines of data drawn into it.

use super::axis::Axis;
use super::svg::Path;

/// Where data goes.
pub(super) struct Frame<'a> {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
    pub time: &'a Axis,
    pub values: &'a Axis,
}

impl Frame<'_> {
    pub(super) fn x(&self, seconds: f64) -> f64 {
        self.left + self.width * self.time.place(seconds)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - self.values.place(value))
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// A line through points (seconds, value), with a gap where a value is not finite. Of the points in one column of
    /// pixels only the first, the lowest, the highest and the last are kept, which looks the same.
    pub(super) fn line(&self, points: impl Iterator<Item = (f64, f64)>) -> Path {
        let mut line = Line::default();
        for (seconds, value) in points {
            if value.is_finite() {
                line.push(self.x(seconds), self.y(value));
            } else {
                line.end_piece();
            }
        }
        line.end_piece();
        line.path
    }
}

/// A line that gathers the points of the current column of pixels.
#[derive(Default)]
struct Line {
    path: Path,
    column: Vec<(f64, f64)>,
    drawn: usize,
}

impl Line {
    fn push(&mut self, x: f64, y: f64) {
        if self.column.first().is_some_and(|first| first.0.floor() != x.floor()) {
            self.end_column();
        }
        if self.column.len() == 4 {
            // Keeps the first, and of the inner ones and the old last the two extremes in their order.
            let lowest = (0..4).fold(0, |best, k| if self.column[k].1 < self.column[best].1 { k } else { best });
            let highest = (0..4).fold(0, |best, k| if self.column[k].1 > self.column[best].1 { k } else { best });
            let spare = (1..4).find(|k| *k != lowest && *k != highest).unwrap_or(3);
            self.column.remove(spare);
        }
        self.column.push((x, y));
    }

    fn end_column(&mut self) {
        for (x, y) in self.column.drain(..) {
            if self.drawn == 0 {
                self.path.move_to(x, y);
            } else {
                self.path.line_to(x, y);
            }
            self.drawn += 1;
        }
    }

    fn end_piece(&mut self) {
        self.end_column();
        if self.drawn == 1 {
            self.path.dot();
        }
        self.drawn = 0;
    }
}

//! Rasters: one mark per event, time to the right, cells upwards.
//!
//! Many events are merged into a grid of pixels, darker where there are more, so that a picture of a million spikes is
//! as small as one of a few thousand and still shows where they are dense.

use super::frame::Frame;
use super::svg::{Path, Svg};
use crate::cli::output::result::SpikeData;

/// Events in one figure that are drawn one by one.
const SINGLE_MARKS: usize = 20_000;
const COLOUR: &str = "#22304a";
/// Opacities of a pixel of the grid, from few events to many.
const SHADES: [f64; 4] = [0.4, 0.6, 0.8, 1.0];

/// Draws the events of one of `rasters` rasters of the figure.
pub(super) fn draw(svg: &mut Svg, frame: &Frame, spikes: &SpikeData, rasters: usize) {
    let rasters = rasters.max(1);
    if spikes.t.len() * rasters <= SINGLE_MARKS {
        draw_marks(svg, frame, spikes);
    } else {
        // One pixel, or somewhat more where many rasters share the size of the file.
        let grain = (rasters as f64 / 6.0).sqrt().max(1.0);
        draw_grid(svg, frame, spikes, grain);
    }
}

fn draw_marks(svg: &mut Svg, frame: &Frame, spikes: &SpikeData) {
    let row = frame.height / spikes.source_size.max(1) as f64;
    let half = (row * 0.4).clamp(0.9, 5.0);
    let mut path = Path::default();
    for (cell, seconds) in spikes.i.iter().zip(&spikes.t) {
        let (x, y) = (frame.x(*seconds), frame.y(f64::from(*cell)));
        path.move_to(x, y - half);
        path.line_to(x, y + half);
    }
    svg.stroke(&path, COLOUR, if row < 3.0 { 1.0 } else { 1.2 }, "");
}

fn draw_grid(svg: &mut Svg, frame: &Frame, spikes: &SpikeData, grain: f64) {
    let (columns, rows) = ((frame.width / grain).ceil() as usize + 1, (frame.height / grain).ceil() as usize + 1);
    let mut counts = vec![0u32; columns * rows];
    for (cell, seconds) in spikes.i.iter().zip(&spikes.t) {
        // Casting clamps at 0, which `min` does at the other end.
        let column = (((frame.x(*seconds) - frame.left) / grain) as usize).min(columns - 1);
        let row = (((frame.y(f64::from(*cell)) - frame.top) / grain) as usize).min(rows - 1);
        counts[row * columns + column] += 1;
    }
    let steps = shade_steps(&counts);
    let mut paths: [Path; SHADES.len()] = Default::default();
    // A lone event still is a mark of the size of a pixel, at least as tall as its cell's row allows.
    let tall = (frame.height / spikes.source_size.max(1) as f64 * 0.8).clamp(grain, 8.0);
    for (row, counts) in counts.chunks(columns).enumerate() {
        let mut column = 0;
        while column < columns {
            let shade = shade(counts[column], steps);
            let length = counts[column..].iter().take_while(|count| self::shade(**count, steps) == shade).count();
            if let Some(shade) = shade {
                let (x, y) = (frame.left + column as f64 * grain, frame.top + row as f64 * grain);
                paths[shade].rect(x, y - (tall - grain) / 2.0, length as f64 * grain, tall);
            }
            column += length;
        }
    }
    for (path, opacity) in paths.iter().zip(SHADES) {
        svg.fill(path, COLOUR, opacity);
    }
}

/// The count of events from which on each shade but the first is used: steps to what 99 % of the pixels stay below.
fn shade_steps(counts: &[u32]) -> [u32; SHADES.len() - 1] {
    let mut filled: Vec<u32> = counts.iter().copied().filter(|count| *count > 0).collect();
    let at = filled.len().saturating_sub(1) * 99 / 100;
    let many = if filled.is_empty() { 1 } else { *filled.select_nth_unstable(at).1 };
    [1, 2, 3].map(|k| (many * k / SHADES.len() as u32 + 1).max(k + 1))
}

fn shade(count: u32, steps: [u32; SHADES.len() - 1]) -> Option<usize> {
    (count > 0).then(|| steps.iter().filter(|step| count >= **step).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_follow_the_counts() {
        let few = shade_steps(&[0, 0, 1, 1, 2, 1]);
        assert_eq!([0, 1, 2, 3, 9].map(|count| shade(count, few)), [None, Some(0), Some(1), Some(2), Some(3)]);
        let many = shade_steps(&[100; 50]);
        assert_eq!([1, 25, 26, 51, 76, 500].map(|count| shade(count, many)), [0, 0, 1, 2, 3, 3].map(Some));
    }
}

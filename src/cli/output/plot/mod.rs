//! The picture of a run: a raster and the rate for each spike monitor, and the recorded traces, over one time axis.
//!
//! The figure is an SVG, drawn from the data alone: equal results give equal bytes. A PNG is that SVG, rendered with
//! the fonts that come with the program.

use std::io::Write as _;
use std::path::Path as FilePath;
use std::str::FromStr;

use super::format::{counted, grouped, simulated};
use super::result::{MonitorData, RateData, RunResult, SpikeData, StateData, Values};
use super::{OutputError, file};
use axis::{Axis, Scale};
use frame::Frame;
use rate::SmoothRate;
use svg::{Anchor, Path, Style, Svg, fit, text_width};
use trace::Trace;

mod axis;
mod frame;
mod png;
mod raster;
mod rate;
mod svg;
mod trace;

const WIDTH: f64 = 720.0;
const EDGE: f64 = 16.0;
const HEADER: f64 = 40.0;
const FOOTER: f64 = 46.0;
const HEADING: f64 = 16.0;
const LEGEND_ROW: f64 = 12.0;

const INK: &str = "#222222";
const GREY: &str = "#6b7280";
const RATE: &str = "#4477aa";
const TITLE: Style = Style { size: 14.0, colour: INK, bold: true };
const NAME: Style = Style { size: 11.0, colour: INK, bold: true };
const DETAIL: Style = Style { size: 10.5, colour: GREY, bold: false };
const AXIS_TITLE: Style = Style { size: 10.5, colour: INK, bold: false };
const TICK: Style = Style { size: 10.0, colour: INK, bold: false };

/// The kind of a picture, told by the ending of its file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlotFormat {
    /// Scalable.
    Svg,
    /// Pixels.
    Png,
}

/// The name of a picture file does not say which kind it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file of a plot must end in `.svg` or `.png`, and `{0}` does not")]
pub struct UnknownPlotFormat(pub String);

impl FromStr for PlotFormat {
    type Err = UnknownPlotFormat;

    /// Reads the ending of a file's name.
    fn from_str(name: &str) -> Result<PlotFormat, UnknownPlotFormat> {
        match FilePath::new(name).extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase).as_deref()
        {
            Some("svg") => Ok(PlotFormat::Svg),
            Some("png") => Ok(PlotFormat::Png),
            _ => Err(UnknownPlotFormat(name.to_owned())),
        }
    }
}

/// Draws the result into a file.
pub fn write(result: &RunResult, format: PlotFormat, path: &FilePath) -> Result<(), OutputError> {
    let svg = figure(result);
    let bytes = match format {
        PlotFormat::Svg => svg.into_bytes(),
        PlotFormat::Png => {
            png::render(&svg).map_err(|message| OutputError::Picture { path: path.to_owned(), message })?
        }
    };
    file::write_whole(path, |writer| writer.write_all(&bytes))
}

/// The figure as SVG.
pub fn figure(result: &RunResult) -> String {
    let end = end_of_time(result);
    let time = Axis::new(0.0, end, Scale::time(end), 5, false);
    let panels = panels(result, end);
    let rasters = panels.iter().filter(|panel| matches!(panel.content, Content::Raster(_))).count();
    let margins = Margins::of(&panels);
    let height = HEADER + panels.iter().map(Panel::outer_height).sum::<f64>() + FOOTER;
    let name = result.model.as_deref().unwrap_or("model");
    let mut svg = Svg::new(WIDTH, height, name);
    let title = fit(name, TITLE.size, WIDTH - 140.0);
    svg.text((margins.left, 24.0), Anchor::Start, TITLE, &title);
    svg.text((WIDTH - EDGE, 24.0), Anchor::End, DETAIL, &simulated(result.simulated_seconds));
    let mut top = HEADER;
    for (k, panel) in panels.iter().enumerate() {
        let frame = Frame {
            left: margins.left,
            top: top + panel.above(),
            width: WIDTH - margins.left - margins.right,
            height: panel.height,
            time: &time,
            values: &panel.axis,
        };
        panel.draw(&mut svg, &frame, end, rasters);
        draw_axes(&mut svg, &frame, &panel.title, k + 1 == panels.len());
        top += panel.outer_height();
    }
    svg.finish()
}

/// The time shown ends where the run ended, or later if something was recorded later.
fn end_of_time(result: &RunResult) -> f64 {
    let last = |data: &MonitorData| match data {
        MonitorData::Spikes(SpikeData { t, .. })
        | MonitorData::State(StateData { t, .. })
        | MonitorData::Rate(RateData { t, .. }) => t.last().copied().unwrap_or(0.0),
    };
    let end = result.monitors.values().map(last).fold(result.simulated_seconds, f64::max);
    if end > 0.0 && end.is_finite() { end } else { 1e-3 }
}

/// One pair of axes and what is in it.
struct Panel<'a> {
    /// In bold above the axes; empty for one that belongs to the panel above.
    name: &'a str,
    detail: String,
    /// At the vertical axis.
    title: String,
    axis: Axis,
    height: f64,
    content: Content<'a>,
    legend: Option<&'a StateData>,
}

enum Content<'a> {
    Raster(&'a SpikeData),
    Rate(SmoothRate),
    Trace(Trace<'a>),
    Note(&'static str),
}

impl Panel<'_> {
    fn above(&self) -> f64 {
        if self.name.is_empty() && self.detail.is_empty() { 2.0 } else { HEADING }
    }

    fn outer_height(&self) -> f64 {
        self.above() + self.height + 14.0
    }

    fn draw(&self, svg: &mut Svg, frame: &Frame, end: f64, rasters: usize) {
        let (x, y) = (frame.left, frame.top - 6.0);
        let indent = if self.name.is_empty() { 0.0 } else { text_width(self.name, NAME.size) * 1.08 + 8.0 };
        if !self.name.is_empty() {
            svg.text((x, y), Anchor::Start, NAME, self.name);
        }
        if !self.detail.is_empty() {
            let detail = fit(&self.detail, DETAIL.size, WIDTH - EDGE - x - indent);
            svg.text((x + indent, y), Anchor::Start, DETAIL, &detail);
        }
        match &self.content {
            Content::Raster(spikes) => raster::draw(svg, frame, spikes, rasters),
            Content::Rate(rate) => draw_rate(svg, frame, rate),
            Content::Trace(trace) => trace.draw(svg, frame, end),
            Content::Note(note) => {
                let centre = (frame.left + frame.width / 2.0, frame.top + frame.height / 2.0 + 3.5);
                svg.text(centre, Anchor::Middle, DETAIL, note);
            }
        }
        if let Some(state) = self.legend {
            draw_legend(svg, frame, state);
        }
    }
}

struct Margins {
    left: f64,
    right: f64,
}

impl Margins {
    /// Room for the longest label at a vertical axis and for legends.
    fn of(panels: &[Panel<'_>]) -> Margins {
        let labels = panels.iter().flat_map(|panel| &panel.axis.ticks);
        let widest = labels.map(|(_, label)| text_width(label, TICK.size)).fold(12.0, f64::max);
        let legends = panels.iter().filter_map(|panel| panel.legend);
        let legend = legends
            .flat_map(|state| legend_texts(state).map(|text| text_width(&text, TICK.size) + 22.0))
            .fold(0.0, f64::max);
        Margins { left: EDGE + AXIS_TITLE.size + 17.0 + widest, right: EDGE.max(legend + EDGE) }
    }
}

fn panels(result: &RunResult, end: f64) -> Vec<Panel<'_>> {
    let mut panels = Vec::new();
    for (name, data) in &result.monitors {
        match data {
            MonitorData::Spikes(spikes) => {
                panels.push(raster_panel(name, spikes));
                let recorded = result
                    .monitors
                    .values()
                    .any(|other| matches!(other, MonitorData::Rate(rate) if rate.source == spikes.source));
                // The same curve twice says nothing more.
                if !spikes.t.is_empty() && (!recorded || spikes.event.is_some()) {
                    panels.push(rate_panel("", "rate".to_owned(), rate::of_spikes(spikes, end)));
                }
            }
            MonitorData::Rate(rate) if rate.t.is_empty() => panels.push(note_panel(name, "rate", "no records")),
            MonitorData::Rate(rate) => {
                let detail = format!("rate of {}", rate.source);
                panels.push(rate_panel(name, detail, rate::of_rate(rate, end)));
            }
            MonitorData::State(state) => trace_panels(&mut panels, name, state),
        }
    }
    if panels.is_empty() {
        panels.push(note_panel("", "", "nothing was recorded"));
    }
    panels
}

fn raster_panel<'a>(name: &'a str, spikes: &'a SpikeData) -> Panel<'a> {
    let cells = spikes.source_size;
    let (words, none) = match &spikes.event {
        None => (("spike", "spikes"), "no spikes"),
        Some(_) => (("event", "events"), "no events"),
    };
    let mut detail = format!("{} from {}", counted(spikes.count, words), counted(cells, ("cell", "cells")));
    if let Some(event) = spikes.event.as_ref().filter(|event| *event != name) {
        detail = format!("{event}: {detail}");
    }
    if spikes.t.is_empty() {
        return Panel { detail, ..note_panel(name, "cell", none) };
    }
    let height = (cells as f64 * 12.0).clamp(40.0, 170.0);
    let axis = Axis::new(-0.5, cells.max(1) as f64 - 0.5, Scale::of("", 1.0), 3, true);
    Panel { name, detail, title: "cell".to_owned(), axis, height, content: Content::Raster(spikes), legend: None }
}

fn rate_panel<'a>(name: &'a str, what: String, rate: SmoothRate) -> Panel<'a> {
    let highest = rate.points.iter().map(|(_, hertz)| *hertz).filter(|hertz| hertz.is_finite()).fold(0.0, f64::max);
    let highest = if highest > 0.0 { highest * 1.08 } else { 1.0 };
    let axis = Axis::new(0.0, highest, Scale::of("Hz", highest), 3, false);
    let detail = format!("{what}, smoothed with σ = {}", simulated(rate.sigma));
    Panel { name, detail, title: axis.title("rate"), axis, height: 64.0, content: Content::Rate(rate), legend: None }
}

fn note_panel<'a>(name: &'a str, title: &str, note: &'static str) -> Panel<'a> {
    let axis = Axis::new(0.0, 1.0, Scale::of("", 1.0), 0, false);
    let title = title.to_owned();
    Panel { name, detail: String::new(), title, axis, height: 40.0, content: Content::Note(note), legend: None }
}

fn trace_panels<'a>(panels: &mut Vec<Panel<'a>>, monitor: &'a str, state: &'a StateData) {
    let count = state.record.len();
    let shown = trace::chosen(count).len();
    let (one, several) = state.elements.words();
    let mut which = match count {
        1 => format!("{one} {}", state.record[0]),
        _ if shown < count => format!("{shown} of {} recorded {several}", grouped(count)),
        _ => format!("{count} {several}"),
    };
    if state.source != several {
        which += &format!(" of {}", state.source);
    }
    for (k, (variable, recorded)) in state.values.iter().enumerate() {
        let (name, detail) = if k == 0 { (monitor, which.clone()) } else { ("", String::new()) };
        let trace = Trace { state, variable, recorded };
        let Some((low, high)) = trace.range() else {
            let note = if state.t.is_empty() || count == 0 { "no records" } else { "no finite values" };
            panels.push(Panel { detail, ..note_panel(name, variable, note) });
            continue;
        };
        // A constant gets an axis around it, not one that magnifies its rounding errors.
        let size = low.abs().max(high.abs());
        let room = match high - low {
            range if range > 1e-6 * size => 0.06 * range,
            _ if size > 0.0 => 0.1 * size,
            _ => 1.0,
        };
        let axis =
            Axis::new(low - room, high + room, Scale::of(&recorded.unit, size), 3, recorded.values.is_discrete());
        let legend = (k == 0 && shown > 1).then_some(state);
        let title = axis.title(variable);
        let height = if matches!(recorded.values, Values::Bool(_)) { 56.0 } else { 92.0 };
        panels.push(Panel { name, detail, title, axis, height, content: Content::Trace(trace), legend });
    }
}

fn draw_rate(svg: &mut Svg, frame: &Frame, rate: &SmoothRate) {
    let mut area = Path::default();
    if let [first, .., last] = rate.points.as_slice() {
        area.move_to(frame.x(first.0), frame.bottom());
        for (seconds, hertz) in rate.points.iter().filter(|(_, hertz)| hertz.is_finite()) {
            area.line_to(frame.x(*seconds), frame.y(*hertz));
        }
        area.line_to(frame.x(last.0), frame.bottom());
        area.close();
    }
    svg.fill(&area, RATE, 0.16);
    svg.stroke(&frame.line(rate.points.iter().copied()), RATE, 1.2, "stroke-linejoin=\"round\"");
}

fn legend_texts(state: &StateData) -> impl Iterator<Item = String> {
    let indices = trace::chosen(state.record.len()).into_iter().map(|position| state.record[position].to_string());
    [state.elements.words().0.to_owned()].into_iter().chain(indices)
}

fn draw_legend(svg: &mut Svg, frame: &Frame, state: &StateData) {
    let x = frame.left + frame.width + 10.0;
    for (k, text) in legend_texts(state).enumerate() {
        let y = frame.top + 4.0 + k as f64 * LEGEND_ROW;
        if k == 0 {
            svg.text((x, y), Anchor::Start, Style { size: TICK.size, ..DETAIL }, &text);
        } else {
            let mut swatch = Path::default();
            swatch.move_to(x, y - 3.5);
            swatch.line_to(x + 11.0, y - 3.5);
            svg.stroke(&swatch, trace::COLOURS[(k - 1) % trace::COLOURS.len()], 1.6, "");
            svg.text((x + 16.0, y), Anchor::Start, TICK, &text);
        }
    }
}

/// The left and the lower axis with ticks outside, and for the last panel the labels of the time.
fn draw_axes(svg: &mut Svg, frame: &Frame, title: &str, last: bool) {
    let (left, right, bottom) = (frame.left - 4.0, frame.left + frame.width, frame.bottom() + 3.0);
    let mut lines = Path::default();
    lines.move_to(left, frame.top);
    lines.line_to(left, frame.bottom());
    lines.move_to(frame.left, bottom);
    lines.line_to(right, bottom);
    for (place, label) in &frame.values.ticks {
        let y = frame.bottom() - place * frame.height;
        lines.move_to(left - 3.5, y);
        lines.line_to(left, y);
        svg.text((left - 6.0, y + 3.5), Anchor::End, TICK, label);
    }
    for (place, label) in &frame.time.ticks {
        let x = frame.left + place * frame.width;
        lines.move_to(x, bottom);
        lines.line_to(x, bottom + 3.5);
        if last {
            svg.text((x, bottom + 14.5), Anchor::Middle, TICK, label);
        }
    }
    svg.stroke(&lines, INK, 0.8, "stroke-linecap=\"square\"");
    svg.upright_text((EDGE + 8.0, frame.top + frame.height / 2.0), AXIS_TITLE, title);
    if last {
        let centre = (frame.left + frame.width / 2.0, bottom + 30.0);
        svg.text(centre, Anchor::Middle, AXIS_TITLE, &frame.time.title("time"));
    }
}

//! Writing SVG: elements, paths in few bytes, and the widths of text.
//!
//! Coordinates are rounded to a tenth of a pixel, and paths are relative to where they would be after rounding, so that
//! nothing drifts. Text is set in Arial, Helvetica or Arimo, which have the same widths.

use std::fmt::Write as _;

/// Advance widths of the printable ASCII characters, in thousandths of the font size.
#[rustfmt::skip]
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556,
    556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// How wide a text is.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let thousandths: u32 = text
        .chars()
        .map(|c| match c as u32 {
            code @ 32..=126 => u32::from(WIDTHS[code as usize - 32]),
            _ => 600,
        })
        .sum();
    f64::from(thousandths) / 1000.0 * size
}

/// The text, shortened to fit.
pub(super) fn fit(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while short.pop().is_some() && text_width(&short, size) + size > width {}
    short.trim_end_matches([' ', ',']).to_owned() + "…"
}

/// Which end of a text is at its position.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub size: f64,
    pub colour: &'static str,
    pub bold: bool,
}

/// A document under construction.
pub(super) struct Svg {
    text: String,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64, title: &str) -> Svg {
        let mut text = String::new();
        let (w, h) = (number(tenths(width)), number(tenths(height)));
        let _ = write!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"Arial, Helvetica, Arimo, 'Liberation Sans', sans-serif\">\n\
             <title>{}</title>\n<rect width=\"{w}\" height=\"{h}\" fill=\"#fff\"/>\n",
            escaped(title)
        );
        Svg { text }
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, style: Style, text: &str) {
        self.text_element(&format!("x=\"{}\" y=\"{}\"", number(tenths(x)), number(tenths(y))), anchor, style, text);
    }

    /// Text that reads upwards.
    pub(super) fn upright_text(&mut self, (x, y): (f64, f64), style: Style, text: &str) {
        let place = format!("transform=\"translate({} {})rotate(-90)\"", number(tenths(x)), number(tenths(y)));
        self.text_element(&place, Anchor::Middle, style, text);
    }

    fn text_element(&mut self, place: &str, anchor: Anchor, style: Style, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if style.bold { " font-weight=\"bold\"" } else { "" };
        let Style { size, colour, .. } = style;
        let text = escaped(text);
        let _ =
            writeln!(self.text, "<text {place} font-size=\"{size}\" fill=\"{colour}\"{anchor}{weight}>{text}</text>");
    }

    /// A line along a path.
    pub(super) fn stroke(&mut self, path: &Path, colour: &str, width: f64, extra: &str) {
        if !path.data.is_empty() {
            let (data, extra) = (&path.data, spaced(extra));
            let _ = writeln!(
                self.text,
                "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{extra} d=\"{data}\"/>"
            );
        }
    }

    /// The inside of a path.
    pub(super) fn fill(&mut self, path: &Path, colour: &str, opacity: f64) {
        if !path.data.is_empty() {
            let opacity = if opacity < 1.0 { format!(" fill-opacity=\"{opacity}\"") } else { String::new() };
            let _ = writeln!(self.text, "<path fill=\"{colour}\"{opacity} d=\"{}\"/>", path.data);
        }
    }
}

fn spaced(attributes: &str) -> String {
    if attributes.is_empty() { String::new() } else { format!(" {attributes}") }
}

/// Text as XML; control characters, which XML cannot hold, are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// The data of a path.
#[derive(Default)]
pub(super) struct Path {
    data: String,
    at: (i64, i64),
    start: (i64, i64),
    /// Where in `data` the last command begins and how long its line is, if it is horizontal.
    level: Option<(usize, i64)>,
}

impl Path {
    pub(super) fn move_to(&mut self, x: f64, y: f64) {
        let to = (tenths(x), tenths(y));
        self.pair('m', (to.0 - self.at.0, to.1 - self.at.1));
        (self.at, self.start) = (to, to);
    }

    /// A straight line; one that rounding makes as long as nothing is left out.
    pub(super) fn line_to(&mut self, x: f64, y: f64) {
        let to = (tenths(x), tenths(y));
        match (to.0 - self.at.0, to.1 - self.at.1) {
            (0, 0) => {}
            (dx, 0) => self.level_line(dx),
            (0, dy) => self.single('v', dy),
            step => self.pair('l', step),
        }
        self.at = to;
    }

    /// A point, which a round line cap makes visible.
    pub(super) fn dot(&mut self) {
        self.level = None;
        self.data.push_str("h0");
    }

    pub(super) fn close(&mut self) {
        self.level = None;
        self.data.push('z');
        self.at = self.start;
    }

    /// A rectangle.
    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.move_to(x, y);
        self.line_to(x + width, y);
        self.line_to(x + width, y + height);
        self.line_to(x, y + height);
        self.close();
    }

    /// A horizontal line, one with the one before if it goes on in the same direction.
    fn level_line(&mut self, dx: i64) {
        let before = self.level.filter(|(_, length)| length.signum() == dx.signum());
        let (begin, length) = before.map_or((self.data.len(), dx), |(begin, length)| (begin, length + dx));
        self.data.truncate(begin);
        self.single('h', length);
        self.level = Some((begin, length));
    }

    fn single(&mut self, command: char, value: i64) {
        self.level = None;
        self.data.push(command);
        self.data.push_str(&number(value));
    }

    fn pair(&mut self, command: char, (x, y): (i64, i64)) {
        self.single(command, x);
        if y >= 0 {
            self.data.push(' ');
        }
        self.data.push_str(&number(y));
    }
}

fn tenths(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

/// A number of tenths in as few bytes as SVG takes.
fn number(tenths: i64) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    match (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10) {
        (whole, 0) => format!("{sign}{whole}"),
        (0, tenth) => format!("{sign}.{tenth}"),
        (whole, tenth) => format!("{sign}{whole}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_and_do_not_drift() {
        let mut path = Path::default();
        path.move_to(10.0, 20.04);
        for k in 1..=4 {
            path.line_to(10.0 + 0.06 * f64::from(k), 20.0);
        }
        path.line_to(10.2, 19.5);
        path.line_to(9.2, 19.9);
        path.line_to(9.0, 19.9);
        path.line_to(9.5, 19.9);
        // 0.06, 0.12, 0.18 and 0.24 round to one, one, two and two tenths, all in one line.
        assert_eq!(path.data, "m10 20h.2v-.5l-1 .4h-.2h.5");
    }

    #[test]
    fn text_is_escaped_and_fitted() {
        assert_eq!(escaped("a<b & \"c\"\u{7}"), "a&lt;b &amp; &quot;c&quot;");
        assert_eq!(fit("short", 10.0, 100.0), "short");
        let long = "a name, that goes on and on";
        let fitted = fit(long, 10.0, 60.0);
        assert!(fitted.ends_with('…') && long.starts_with(fitted.trim_end_matches('…')), "{fitted}");
        assert!(text_width(&fitted, 10.0) <= 60.0, "{fitted}");
    }
}

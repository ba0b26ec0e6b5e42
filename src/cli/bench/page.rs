//! The report as one HTML page that needs nothing else, and its main chart as a picture of its own.

use serde::Serialize;

use super::chart::{Bar, bars, range};
use super::data::{KernelTimes, ModelTimes, Report, Spread, State};
use super::text::{Detail, Table, summary, tables};
use crate::cli::page::{self, escaped};

const PAGE: &str = include_str!("../../../templates/bench/latency.html.tera");
/// Colours of charts, in light and in dark.
const STYLE: &str = include_str!("../../../templates/bench/chart.css");

/// Width of the picture.
const WIDTH: u32 = 760;

/// A chart of the page.
#[derive(Serialize)]
struct Drawn {
    title: String,
    height: f64,
    svg: String,
}

#[derive(Serialize)]
struct Shown {
    title: &'static str,
    note: String,
    words: usize,
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

#[derive(Serialize)]
struct Page<'a> {
    page: &'static str,
    style: &'static str,
    summary: String,
    report: &'a Report,
    kernels: Vec<Drawn>,
    models: Vec<Drawn>,
    tables: Vec<Shown>,
}

/// The page.
///
/// # Panics
/// Never: the template is part of the program and a test renders it.
pub fn html(report: &Report) -> String {
    let table = |Table { title, note, words, headings, rows }| Shown { title, note, words, headings, rows };
    let shown = Page {
        page: page::STYLE,
        style: STYLE,
        summary: summary(report),
        report,
        kernels: report
            .kernels
            .iter()
            .map(|kernel| draw(&kernel.title, &kernel_bars(report, kernel), report))
            .collect(),
        models: model_charts(report),
        tables: tables(report, Detail::Full).into_iter().map(table).collect(),
    };
    page::render(PAGE, &shown)
}

fn draw(title: &str, drawn: &[Bar], report: &Report) -> Drawn {
    let (svg, height) = bars(drawn, whole_range(report), 4.0);
    Drawn { title: title.to_string(), height, svg }
}

/// One axis for all charts, so that they can be compared.
fn whole_range(report: &Report) -> (f64, f64) {
    let ours = report.kernels.iter().flat_map(|kernel| kernel.ways.iter().map(|way| &way.total));
    let theirs = report.peers.peers.iter().flat_map(|peer| peer.kernels.values().map(|times| &times.total));
    let models = report.models.iter().flat_map(|model| {
        let ours = [&model.cold_first_step, &model.cold_full_speed, &model.warm_first_step, &model.warm_full_speed];
        ours.into_iter().chain([&model.hot_full_speed]).chain(&model.one_file)
    });
    range(ours.chain(theirs).chain(models))
}

/// `gcc 12.2.0`, and the language where a compiler has several.
fn by(language: &str, compiler: &str) -> String {
    if language == "c" { compiler.to_string() } else { format!("{compiler}, {language}") }
}

fn kernel_bars(report: &Report, kernel: &KernelTimes) -> Vec<Bar> {
    let mut drawn = Vec::new();
    for state in [State::Cold, State::Warm, State::Hot] {
        drawn.extend(kernel.ways.iter().filter(|way| way.state == state).map(|way| Bar {
            label: format!("{} {}", by(&way.language, &way.compiler), state.name()),
            class: state.name(),
            spread: way.total.clone(),
        }));
    }
    for peer in &report.peers.peers {
        drawn.extend(peer.kernels.get(&kernel.name).map(|times| Bar {
            label: peer.name.clone(),
            class: "peer",
            spread: times.total.clone(),
        }));
    }
    drawn
}

fn model_bars(model: &ModelTimes) -> Vec<Bar> {
    let bar = |label: &str, class, spread: &Spread| Bar { label: label.to_string(), class, spread: spread.clone() };
    let mut drawn = vec![
        bar("cold: first step", "cold", &model.cold_first_step),
        bar("cold: full speed", "cold", &model.cold_full_speed),
    ];
    drawn.extend(model.one_file.as_ref().map(|one| bar("compiler, one file", "other", one)));
    drawn.push(bar("warm: first step", "warm", &model.warm_first_step));
    drawn.push(bar("warm: full speed", "warm", &model.warm_full_speed));
    drawn.push(bar("hot: full speed", "hot", &model.hot_full_speed));
    drawn
}

fn model_charts(report: &Report) -> Vec<Drawn> {
    let title = |model: &ModelTimes| format!("{}, {}", model.name, by(&model.language, &model.compiler));
    report.models.iter().map(|model| draw(&title(model), &model_bars(model), report)).collect()
}

/// The first kernel and the models with the first compiler, as an SVG file.
pub fn picture(report: &Report) -> String {
    let first = report.machine.compilers.first();
    let is_first =
        |model: &&ModelTimes| first.is_some_and(|c| (&c.name, &c.language) == (&model.compiler, &model.language));
    let mut parts: Vec<(String, Vec<Bar>)> = Vec::new();
    if let Some(kernel) = report.kernels.first() {
        parts
            .push((format!("{}: from the IR to the end of the first call", kernel.title), kernel_bars(report, kernel)));
    }
    for model in report.models.iter().filter(is_first) {
        let title = format!("{}: from the start of the program, {}", model.name, by(&model.language, &model.compiler));
        parts.push((title, model_bars(model)));
    }
    let mut body = String::new();
    let mut y = 8.0;
    for (title, drawn) in &parts {
        body += &format!("<text class=\"title\" x=\"0\" y=\"{}\">{}</text>\n", y + 14.0, escaped(title));
        let (svg, end) = bars(drawn, whole_range(report), y + 24.0);
        body += &svg;
        y = end + 8.0;
    }
    let note = escaped(&summary(report));
    body += &format!("<text class=\"tick\" x=\"0\" y=\"{}\">{note}</text>\n", y + 8.0);
    let height = y + 20.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"-12 0 {} {height}\">\n\
         <style>\n{STYLE}</style>\n<rect class=\"paper\" x=\"-12\" width=\"{}\" height=\"{height}\"/>\n{body}</svg>\n",
        WIDTH + 24,
        WIDTH + 24
    )
}

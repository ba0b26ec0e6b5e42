//! The rows of all tables, and the tables as text.

use super::data::{KernelTimes, ModelTimes, PeerTimes, Report, Spread, State, Way};
use crate::cli::output::format::{counted, duration};
use crate::cli::table::{Align, table};

/// A table of a report.
pub struct Table {
    /// What it shows.
    pub title: &'static str,
    /// What one has to know to read it.
    pub note: String,
    /// Headings; the first `words` columns are words, the others are numbers.
    pub headings: Vec<&'static str>,
    /// Columns of words.
    pub words: usize,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// Parts of the way to a first call, in order. Peers have names of their own for theirs.
pub const PHASES: [&str; 5] = ["render", "look up", "compile", "load", "call"];

/// How much is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Parts of the first compiler's times: the others differ from them in one part.
    Short,
    /// All parts.
    Full,
}

/// All tables.
pub fn tables(report: &Report, detail: Detail) -> Vec<Table> {
    [kernels(report), parts(report, detail), models(report), peers(report)].into_iter().flatten().collect()
}

/// Everything, for a terminal.
pub fn table_of(report: &Report) -> String {
    let mut text = format!("{}\n", summary(report));
    for Table { title, note, headings, words, rows } in tables(report, Detail::Short) {
        let align = |k: usize| if k < words { Align::Left } else { Align::Right };
        let columns: Vec<_> = headings.iter().enumerate().map(|(k, heading)| (*heading, align(k))).collect();
        text += &format!("\n{title}\n{note}\n{}", table(&columns, &rows));
    }
    for absent in &report.peers.absent {
        text += &format!("\nnot measured: {}, {}", absent.name, absent.why);
    }
    if text.ends_with('\n') { text } else { text + "\n" }
}

/// Medians as tables for a document in Markdown: kernels beside each other, and models.
pub fn markdown(report: &Report) -> String {
    let mut text = format!("{}.\n", summary(report));
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head = |words: usize, headings: &[String]| {
        let rule = |k: usize| if k < words { "---" } else { "---:" }.to_string();
        line(headings) + &line(&(0..headings.len()).map(rule).collect::<Vec<_>>())
    };
    if let Some(first) = report.kernels.first() {
        let titles = report.kernels.iter().map(|kernel| kernel.title.clone());
        let by = ["from the IR to the end of the first call".to_string()];
        text += &format!("\n{}", head(1, &by.into_iter().chain(titles).collect::<Vec<_>>()));
        for state in [State::Cold, State::Warm, State::Hot] {
            for way in first.ways.iter().filter(|way| way.state == state) {
                let same = |w: &&Way| (&w.language, &w.compiler, w.state) == (&way.language, &way.compiler, state);
                let of =
                    |kernel: &KernelTimes| kernel.ways.iter().find(same).map_or(String::new(), |w| median(&w.total));
                let by = format!("{}, {}: {}", way.language, way.compiler, state.name());
                text += &line(&[by].into_iter().chain(report.kernels.iter().map(of)).collect::<Vec<_>>());
            }
        }
        for peer in &report.peers.peers {
            let of = |k: &KernelTimes| peer.kernels.get(&k.name).map_or(String::new(), |times| median(&times.total));
            let by = [format!("{} (in process)", peer.name)];
            text += &line(&by.into_iter().chain(report.kernels.iter().map(of)).collect::<Vec<_>>());
        }
    }
    if let Some(Table { headings, words, rows, .. }) = models(report) {
        let headings: Vec<String> = headings.into_iter().map(str::to_string).collect();
        text += &format!("\n{}", head(words, &headings));
        text.extend(rows.iter().map(|row| line(row)));
    }
    text
}

/// Where and how it was measured, in a line.
pub fn summary(report: &Report) -> String {
    let machine = &report.machine;
    let cores = counted(machine.cores, ("core", "cores"));
    let samples = counted(report.samples, ("sample", "samples"));
    let Report { saltus, .. } = report;
    format!("saltus {saltus} on {}, {cores}, {}; medians of {samples}", machine.processor, machine.system)
}

fn median(spread: &Spread) -> String {
    duration(spread.median())
}

/// `51 ms (49 to 60 ms)`: the median, the shortest and the longest.
pub fn whole(spread: &Spread) -> String {
    format!("{} ({} to {})", median(spread), duration(spread.min()), duration(spread.max()))
}

fn is_measured(report: &Report) -> bool {
    report.kernels.iter().any(|kernel| !kernel.ways.is_empty())
}

fn kernels(report: &Report) -> Option<Table> {
    let mut rows = Vec::new();
    for kernel in &report.kernels {
        for cold in kernel.ways.iter().filter(|way| way.state == State::Cold) {
            let state = |state: State| {
                let same =
                    |way: &&Way| (&way.language, &way.compiler, way.state) == (&cold.language, &cold.compiler, state);
                kernel.ways.iter().find(same).map_or(String::new(), |way| whole(&way.total))
            };
            let [warm, hot] = [State::Warm, State::Hot].map(state);
            rows.push(vec![
                kernel.title.clone(),
                cold.language.clone(),
                cold.compiler.clone(),
                whole(&cold.total),
                warm,
                hot,
            ]);
        }
        for peer in &report.peers.peers {
            if let Some(times) = peer.kernels.get(&kernel.name) {
                let dash = "–".to_string();
                rows.push(vec![
                    kernel.title.clone(),
                    dash.clone(),
                    peer.name.clone(),
                    whole(&times.total),
                    dash.clone(),
                    dash,
                ]);
            }
        }
    }
    is_measured(report).then(|| Table {
        title: "Kernels, from the IR to the end of the first call",
        note: "cold: empty store; warm: the store has it; hot: the process has loaded it before. Peers have no store: \
               theirs is the time of each process. Median, shortest and longest"
            .to_string(),
        headings: vec!["kernel", "language", "by", "cold", "warm", "hot"],
        words: 3,
        rows,
    })
}

fn parts(report: &Report, detail: Detail) -> Option<Table> {
    let mut rows = Vec::new();
    for kernel in &report.kernels {
        let first = kernel.ways.first().map(|way| (&way.language, &way.compiler));
        let is_shown = |way: &&Way| detail == Detail::Full || first == Some((&way.language, &way.compiler));
        for way in kernel.ways.iter().filter(is_shown) {
            let mut row =
                vec![kernel.title.clone(), way.language.clone(), way.compiler.clone(), way.state.name().to_string()];
            row.extend(PHASES.map(|phase| way.phases.get(phase).map_or("–".to_string(), median)));
            rows.push(row);
        }
    }
    let mut headings = vec!["kernel", "language", "by", "state"];
    headings.extend(PHASES);
    is_measured(report).then(|| Table {
        title: "The same, part by part",
        note: "medians. render: IR to source; look up: open the store, digest, key, find, verify; load: keep, open"
            .to_string(),
        headings,
        words: 4,
        rows,
    })
}

fn models(report: &Report) -> Option<Table> {
    let row = |model: &ModelTimes| {
        let cold = model.cold_full_speed.median();
        let (one, ratio) = match &model.one_file {
            Some(one) => (median(one), format!("{:.1}", cold / one.median())),
            None => ("–".to_string(), "–".to_string()),
        };
        let hot = model.hot_full_speed.median();
        vec![
            model.name.clone(),
            model.language.clone(),
            model.compiler.clone(),
            model.kernels.to_string(),
            median(&model.cold_first_step),
            median(&model.cold_full_speed),
            one,
            ratio,
            median(&model.warm_first_step),
            median(&model.warm_full_speed),
            duration(hot),
            duration(hot / model.kernels.max(1) as f64),
        ]
    };
    let headings = vec![
        "model",
        "language",
        "by",
        "kernels",
        "cold: first step",
        "full speed",
        "one file",
        "ratio",
        "warm: first step",
        "full speed",
        "hot: full speed",
        "a kernel",
    ];
    (!report.models.is_empty()).then(|| Table {
        title: "Models, from the start of the program",
        note: "medians; making synapses is not counted. one file: the compiler once over all kernels; ratio: full speed to \
               that. hot: a second network in the same process"
            .to_string(),
        headings,
        words: 3,
        rows: report.models.iter().map(row).collect(),
    })
}

fn peers(report: &Report) -> Option<Table> {
    let mut rows = Vec::new();
    for kernel in &report.kernels {
        for peer in &report.peers.peers {
            let Some(PeerTimes { phases, total }) = peer.kernels.get(&kernel.name) else { continue };
            let phases: Vec<String> =
                phases.iter().map(|(name, spread)| format!("{name} {}", median(spread))).collect();
            rows.push(vec![
                kernel.title.clone(),
                peer.name.clone(),
                peer.note.clone(),
                phases.join(", "),
                median(total),
            ]);
        }
    }
    (!rows.is_empty()).then(|| Table {
        title: "Compilers in the process that calls",
        note: "medians".to_string(),
        headings: vec!["kernel", "by", "what it does", "parts", "first call"],
        words: 4,
        rows,
    })
}

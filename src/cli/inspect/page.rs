//! The kernels of a model as a page, with the way to each laid open: equations, statements, IR, source in both languages,
//! key and times.

use serde::Serialize;

use super::names;
use super::stored::Stored;
use super::syntax;
use super::text::{keys, parameter_rows, provenance};
use crate::build::{OptLevel, Toolchain, ToolchainError};
use crate::cli::cache::short_version;
use crate::cli::explain::fields_of;
use crate::cli::output::format::{bytes, counted, duration, grouped, simulated};
use crate::cli::page::{self, Table};
use crate::engine::Reason;
use crate::inspect::highlight::{Syntax, html as coloured};
use crate::inspect::{KernelView, namespace};
use crate::network::Network;
use crate::network::summary::ProfilingSummary;
use crate::render::{Language, Source};
use crate::store::Store;

const PAGE: &str = include_str!("../../../templates/inspect/model.html.tera");

/// What is shown.
pub struct Shown<'a> {
    /// What the model is called.
    pub model: &'a str,
    /// The network, after its run if there is to be one.
    pub network: &'a Network,
    /// Its kernels, or some of them.
    pub kernels: &'a [&'a KernelView],
    /// The compiler that keys are for.
    pub toolchain: &'a Result<Toolchain, ToolchainError>,
    /// How hard it tries.
    pub level: OptLevel,
    /// Where compiled kernels are looked for.
    pub store: &'a Store,
}

#[derive(Serialize)]
struct Page<'a> {
    page: &'static str,
    model: &'a str,
    summary: String,
    overview: Table,
    run: Option<Run>,
    kernels: Vec<Kernel>,
    /// Constants, functions and variables, each under a heading.
    names: Vec<(String, Table)>,
}

/// A run that was measured.
#[derive(Serialize)]
struct Run {
    words: String,
    /// Part of the kernels in a step, as a width.
    kernels: String,
    objects: Table,
    /// Kernels that never left the interpreter.
    warnings: Vec<String>,
}

/// The way to a kernel. Code has colours, and is inserted as it is.
#[derive(Serialize)]
struct Kernel {
    name: String,
    facts: String,
    written: Vec<Code>,
    method: Option<&'static str>,
    statements: String,
    ir: String,
    sources: Vec<SourceShown>,
    /// Name and value of each field of the key, and what the key is.
    fields: Vec<(&'static str, String)>,
    key: String,
    times: Vec<(&'static str, String)>,
    parameters: Table,
    functions: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Code {
    what: String,
    code: String,
}

/// The source of a kernel, in two parts.
#[derive(Serialize)]
struct SourceShown {
    language: &'static str,
    /// Lines of the first part.
    lines: String,
    /// Types, and the functions that the kernel calls.
    before: String,
    /// The kernel.
    code: String,
}

/// The page.
pub fn html(shown: &Shown<'_>) -> String {
    let profile = shown.network.profiling_summary();
    let names = namespace(shown.network);
    page::render(
        PAGE,
        &Page {
            page: page::STYLE,
            model: shown.model,
            summary: summary(shown),
            overview: overview(shown, profile.as_ref()),
            run: profile.as_ref().map(|profile| run(shown.network, profile)),
            kernels: shown.kernels.iter().map(|kernel| laid_open(shown, kernel, profile.as_ref())).collect(),
            names: names::tables(&names),
        },
    )
}

fn summary(shown: &Shown<'_>) -> String {
    let kernels = counted(shown.kernels.len(), ("kernel", "kernels"));
    format!("{kernels} at every step; {}", keys(shown.toolchain))
}

fn overview(shown: &Shown<'_>, profile: Option<&ProfilingSummary>) -> Table {
    let mut headings = vec!["kernel", "kind", "shape", "stored", "parameters"];
    if profile.is_some() {
        headings.splice(3..3, ["runs on"]);
        headings.extend(["calls", "ns/call", "ns/step"]);
    }
    let row = |kernel: &&KernelView| {
        let stored = Stored::find(kernel, shown.toolchain, shown.level, shown.store).word();
        let mut cells = vec![kernel.name.clone(), kernel.kind.to_string(), kernel.shape().to_string()];
        if profile.is_some() {
            cells.push(kernel.runs_on().name().to_string());
        }
        cells.extend([stored.to_string(), kernel.parameters.len().to_string()]);
        cells.extend(profile.into_iter().flat_map(|profile| measured(kernel, profile)));
        cells
    };
    let words = if profile.is_some() { 5 } else { 4 };
    Table { words, headings, rows: shown.kernels.iter().map(row).collect() }
}

/// Calls, and nanoseconds for each and for each step.
fn measured(kernel: &KernelView, profile: &ProfilingSummary) -> [String; 3] {
    let calls = kernel.calls.unwrap_or_default();
    let per_call = calls.time.as_nanos() as f64 / calls.count.max(1) as f64;
    let per_step = profile.per_step(calls.time);
    [grouped(calls.count as usize), grouped(per_call.round() as usize), grouped(per_step.round() as usize)]
}

fn run(network: &Network, profile: &ProfilingSummary) -> Run {
    let (all, kernels) = (profile.per_step(profile.time), profile.per_step(profile.kernel_time()));
    let percent = 100.0 * kernels / all.max(f64::MIN_POSITIVE);
    let nanoseconds = |value: f64| format!("{} ns", grouped(value.round() as usize));
    let steps = counted(profile.steps as usize, ("step", "steps"));
    let words = format!(
        "{} simulated in {steps} of {}: {} ({percent:.0} %) in kernels, {} in the host",
        simulated(network.t_seconds()),
        nanoseconds(all),
        nanoseconds(kernels),
        nanoseconds((all - kernels).max(0.0))
    );
    let row = |entry: &crate::network::summary::ProfileEntry| {
        let per_call = entry.time.as_nanos() as f64 / entry.calls.max(1) as f64;
        let numbers = [entry.calls as f64, per_call, profile.per_step(entry.time)];
        let numbers = numbers.map(|number| grouped(number.round() as usize));
        std::iter::once(entry.name.clone()).chain(numbers).collect()
    };
    let objects = profile.objects.iter().map(row).collect();
    Run {
        words,
        kernels: format!("{:.1}%", percent.min(100.0)),
        objects: Table { words: 1, headings: vec!["object", "calls", "ns/call", "ns/step"], rows: objects },
        warnings: crate::cli::report::warnings_of(profile),
    }
}

fn laid_open(shown: &Shown<'_>, kernel: &KernelView, profile: Option<&ProfilingSummary>) -> Kernel {
    let stored = Stored::find(kernel, shown.toolchain, shown.level, shown.store);
    let made = &kernel.made;
    let written = made
        .written
        .iter()
        .map(|written| Code { what: written.what.clone(), code: coloured(Syntax::Model, written.text.trim()) });
    let languages = [Language::C, Language::Rust];
    let (key, fields) = key_of(shown, &stored);
    Kernel {
        name: kernel.name.clone(),
        facts: format!("{}, {}, of {}", kernel.kind, kernel.shape(), made.of),
        written: written.collect(),
        method: made.method,
        statements: coloured(Syntax::Model, &made.statements.join("\n")),
        ir: coloured(Syntax::Ir, kernel.ir().trim_end()),
        sources: languages.into_iter().map(|language| source(&kernel.source_in(language))).collect(),
        fields,
        key,
        times: times(kernel, &stored, profile),
        parameters: Table {
            words: 2,
            headings: vec!["name", "type", "elements", "size", "use", "of"],
            rows: parameter_rows(kernel),
        },
        functions: kernel.functions.iter().map(|function| (function.name, function.accuracy())).collect(),
    }
}

/// The key, and the fields that make it: of what is stored, else of what the compiler would make.
fn key_of(shown: &Shown<'_>, stored: &Stored) -> (String, Vec<(&'static str, String)>) {
    match (&stored.artifact, &stored.recipe, shown.toolchain) {
        (Some(artifact), ..) => {
            (artifact.key.to_string(), fields_of(&artifact.record.recipe, &artifact.record.compiler))
        }
        (None, Some(recipe), Ok(toolchain)) => (recipe.key().to_string(), fields_of(recipe, &toolchain.version)),
        (None, _, Err(error)) => (format!("none: {error}"), Vec::new()),
        (None, None, Ok(_)) => ("none".to_string(), Vec::new()),
    }
}

/// How long it took to make, and to run.
fn times(kernel: &KernelView, stored: &Stored, profile: Option<&ProfilingSummary>) -> Vec<(&'static str, String)> {
    let mut times = Vec::new();
    match &stored.artifact {
        Some(artifact) => {
            let (compiler, seconds) = (short_version(&artifact.record.compiler), artifact.record.compile_seconds);
            times.push(("compiled", format!("in {} by {compiler}", duration(seconds))));
            times.push(("library", bytes(artifact.library().len() as u64)));
        }
        None => times.push(("compiled", "not yet: it is not in the store".to_string())),
    }
    let Some(profile) = profile else {
        times.push(("run", "nothing was run; --run 100*ms measures what it takes".to_string()));
        return times;
    };
    let [origin, .., swapped] = provenance(kernel.report.as_ref());
    times.push(("runs on", kernel.runs_on().name().to_string()));
    match kernel.report.as_ref().and_then(|report| report.reason.as_ref()) {
        Some(Reason::NotAsked) | None => times.extend([("origin", origin), ("swapped in", swapped)]),
        Some(reason) => times.push(("why", reason.to_string())),
    }
    let [calls, per_call, per_step] = measured(kernel, profile);
    times.extend([("calls", calls), ("a call", format!("{per_call} ns")), ("a step", format!("{per_step} ns"))]);
    times
}

/// A source in two parts: what every kernel has or calls, and the kernel.
fn source(source: &Source) -> SourceShown {
    let (name, entry) = match source.language {
        Language::C => ("C", "__attribute__((visibility"),
        Language::Cpp => ("C++", "extern"),
        Language::Rust => ("Rust", "#[no_mangle]"),
    };
    let (before, code) = source.text.split_at(source.text.find(entry).unwrap_or(0));
    SourceShown {
        language: name,
        lines: counted(before.trim_end().lines().count(), ("line", "lines")),
        before: coloured(syntax(source.language), before.trim_end()),
        code: coloured(syntax(source.language), code.trim_end()),
    }
}

//! Whole models: the results are Brian2's, and the same to the bit whatever runs the kernels.
//!
//! Each `tests/models/NAME.toml` has the results of Brian2 beside it. Events must be the same; recorded and final values
//! must agree within a millionth of each variable's largest magnitude. Between tiers, compilers, optimisation levels and
//! numbers of threads every number must be the same.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use saltus::build::{Env, OptLevel};
use saltus::cli::output::json;
use saltus::cli::report::{self, Stopwatch};
use saltus::diag::File;
use saltus::engine::{CacheChoice, Options, Origin, Tier};
use saltus::model::file;
use saltus::network::{self, Network};
use saltus::render::Language;
use serde_json::Value;

/// Largest difference, as a part of a variable's largest magnitude.
const TOLERANCE: f64 = 1e-6;

/// `lastspike` of a cell that has not spiked: not a magnitude to scale by.
const NEVER: f64 = -1e4;

fn models() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let entries = std::fs::read_dir(&folder).expect("the folder of models");
    let paths = entries.map(|e| e.expect("an entry").path()).filter(|p| p.extension().is_some_and(|e| e == "toml"));
    let mut models: Vec<_> = paths.map(|p| (p.file_stem().unwrap().to_string_lossy().into_owned(), p)).collect();
    models.sort();
    assert!(models.len() > 40, "only {} models", models.len());
    models
}

/// Runs a model; its results as the text of a JSON document without timing and kernels, and whether all kernels were
/// compiled.
fn run(path: &Path, options: Options) -> (String, bool) {
    run_text(path, std::fs::read_to_string(path).expect("a readable model"), options)
}

/// The same for the text of a model.
fn run_text(path: &Path, text: String, options: Options) -> (String, bool) {
    let file = Arc::new(File { name: path.file_name().unwrap().to_string_lossy().into_owned(), text });
    let (file, mut diagnostics) = file::parse(file);
    let (model, runs) = network::from_file(&file, &mut diagnostics);
    let (checked, found) = network::check(&model, &runs).expect("no internal error");
    let checked = checked.unwrap_or_else(|| panic!("{diagnostics}\n{found}"));
    let mut network = Network::from_checked(checked, options).expect("a network");
    for k in 0..runs.len() {
        network.run_planned(k, &mut |_| ()).expect("a run");
    }
    network.finish().expect("code");
    assert_eq!(network.engine_warnings(), [""; 0]);
    let now = Instant::now();
    let watch = Stopwatch { start: now, parsed: now, prepared: now, finished: now };
    let name = file.name.as_ref().map(|n| n.as_str().to_string());
    let mut result = report::result(name, &mut network, watch, true);
    let compiled = network.kernel_reports().all(|k| k.origin != Origin::Interpreter);
    result.timing = Default::default();
    result.kernels.clear();
    let mut written = Vec::new();
    json::to_writer(&result, &mut written).expect("JSON");
    (String::from_utf8(written).expect("UTF-8"), compiled)
}

fn numbers(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|v| numbers(v, out)),
        Value::Bool(value) => out.push(f64::from(u8::from(*value))),
        Value::Null => out.push(f64::NAN),
        value => out.push(value.as_f64().expect("a number")),
    }
}

/// What differs between two arrays, if they do.
fn compare_arrays(label: &str, expected: &Value, actual: &Value) -> Option<String> {
    let (mut e, mut a) = (Vec::new(), Vec::new());
    numbers(expected, &mut e);
    numbers(actual, &mut a);
    if e.len() != a.len() {
        return Some(format!("{label}: {} values, expected {}", a.len(), e.len()));
    }
    let scale = e.iter().filter(|x| x.is_finite() && **x != NEVER).fold(0.0f64, |m, x| m.max(x.abs()));
    let scale = if scale == 0.0 { 1.0 } else { scale };
    let difference = |(x, y): (&f64, &f64)| match (x.is_finite(), y.is_finite()) {
        (true, true) => (x - y).abs() / scale,
        (false, false) => 0.0,
        _ => f64::INFINITY,
    };
    let worst = e.iter().zip(&a).map(difference).fold(0.0, f64::max);
    (worst > TOLERANCE).then(|| format!("{label}: differs by {worst:.3e} of its largest magnitude"))
}

/// The places of events in order of time, then cell.
fn event_order(monitor: &Value) -> Vec<(i64, i64, usize)> {
    let (mut i, mut t) = (Vec::new(), Vec::new());
    numbers(&monitor["i"], &mut i);
    numbers(&monitor["t"], &mut t);
    // Nanoseconds: finer than any difference that counts.
    let mut order: Vec<_> = (0..i.len()).map(|k| ((t[k] * 1e9).round() as i64, i[k] as i64, k)).collect();
    order.sort_unstable();
    order
}

fn compare_events(label: &str, expected: &Value, actual: &Value, out: &mut Vec<String>) {
    let (e, a) = (event_order(expected), event_order(actual));
    if e.len() != a.len() || expected["count"] != actual["count"] {
        return out.push(format!("{label}: {} events, expected {}", a.len(), e.len()));
    }
    if let Some((x, y)) = e.iter().zip(&a).find(|(x, y)| (x.0, x.1) != (y.0, y.1)) {
        return out.push(format!("{label}: cell {} at {} ns, expected cell {} at {} ns", y.1, y.0, x.1, x.0));
    }
    for (name, values) in expected.as_object().expect("a monitor") {
        if ["kind", "count", "i", "t"].contains(&name.as_str()) {
            continue;
        }
        let sorted = |values: &Value, order: &[(i64, i64, usize)]| -> Value {
            order.iter().map(|(_, _, k)| values[*k].clone()).collect()
        };
        out.extend(compare_arrays(&format!("{label}.{name}"), &sorted(values, &e), &sorted(&actual[name], &a)));
    }
}

fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for (name, e) in expected["monitors"].as_object().expect("monitors") {
        let a = &actual["monitors"][name];
        if a["kind"] != e["kind"] {
            out.push(format!("{name}: kind {}, expected {}", a["kind"], e["kind"]));
            continue;
        }
        match e["kind"].as_str() {
            Some("spikes" | "event") => compare_events(name, e, a, &mut out),
            Some("rate") => {
                out.extend(compare_arrays(&format!("{name}.t"), &e["t"], &a["t"]));
                out.extend(compare_arrays(&format!("{name}.rate"), &e["rate"], &a["rate"]));
            }
            _ => {
                out.extend(compare_arrays(&format!("{name}.t"), &e["t"], &a["t"]));
                for (variable, values) in e["values"].as_object().expect("values") {
                    out.extend(compare_arrays(&format!("{name}.{variable}"), values, &a["values"][variable]));
                }
            }
        }
    }
    for (owner, state) in expected["final"].as_object().expect("final state") {
        for (variable, values) in state.as_object().expect("variables") {
            out.extend(compare_arrays(&format!("final.{owner}.{variable}"), values, &actual["final"][owner][variable]));
        }
    }
    out
}

#[test]
fn results_are_brian2s() {
    let mut failures = Vec::new();
    for (name, path) in models() {
        let expected = std::fs::read_to_string(path.with_extension("json")).expect("results of Brian2");
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        let (actual, _) = run(&path, Options::interpreted());
        let actual: Value = serde_json::from_str(&actual).expect("JSON");
        failures.extend(differences(&expected, &actual).into_iter().map(|d| format!("{name}: {d}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Every model, compiled by `compiler` at each of these levels, gives the bits that the interpreter gives.
fn compiled_gives_the_same_bits(language: Language, compiler: &str, levels: &[OptLevel]) {
    let Some(cc) = Env::of_process().find_program(Path::new(compiler)) else {
        eprintln!("{compiler} is not installed: nothing to compare");
        return;
    };
    let store = tempfile::tempdir().expect("a directory");
    let mut failures = Vec::new();
    for (name, path) in models() {
        let (expected, _) = run(&path, Options::interpreted());
        for level in levels {
            let options = Options {
                tier: Tier::Compiled,
                language,
                cc: Some(cc.clone()),
                opt_level: Some(*level),
                cache: CacheChoice::Directory(store.path().to_path_buf()),
                ..Options::default()
            };
            let (actual, compiled) = run(&path, options);
            assert!(compiled, "{name}: a kernel stayed on the interpreter");
            if actual != expected {
                failures.push(format!("{name}, {compiler} {level:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "other bits than the interpreter's:\n{}", failures.join("\n"));
}

#[test]
fn gcc_optimising_gives_the_interpreters_bits() {
    compiled_gives_the_same_bits(Language::C, "gcc", &[OptLevel::O2, OptLevel::O3]);
}

#[test]
fn gcc_not_optimising_gives_the_interpreters_bits() {
    compiled_gives_the_same_bits(Language::C, "gcc", &[OptLevel::O0, OptLevel::O1]);
}

#[test]
fn clang_optimising_gives_the_interpreters_bits() {
    compiled_gives_the_same_bits(Language::C, "clang", &[OptLevel::O2, OptLevel::O3]);
}

#[test]
fn clang_not_optimising_gives_the_interpreters_bits() {
    compiled_gives_the_same_bits(Language::C, "clang", &[OptLevel::O0, OptLevel::O1]);
}

/// One level: `tests/kernels` has the others.
#[test]
fn rustc_gives_the_interpreters_bits() {
    compiled_gives_the_same_bits(Language::Rust, "rustc", &[OptLevel::O3]);
}

/// Models with a list of one boolean for each cell of a group, which fits no larger group.
const ONE_A_CELL: &[&str] = &["runs_set", "runs_set_more"];

/// The text of a model with so many more cells in each of its groups.
fn with_more_cells(text: &str, more: usize) -> String {
    let mut in_group = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            in_group = line.starts_with("[groups.");
        }
        let n = line.strip_prefix("N = ").and_then(|n| n.split_whitespace().next()?.parse::<usize>().ok());
        lines.push(match n {
            Some(n) if in_group => format!("N = {}", n + more),
            _ => line.to_string(),
        });
    }
    lines.join("\n")
}

#[test]
fn threads_give_the_bits_of_one() {
    let mut failures = Vec::new();
    for (name, path) in models().into_iter().filter(|(name, _)| !ONE_A_CELL.contains(&name.as_str())) {
        let given = std::fs::read_to_string(&path).expect("a readable model");
        // Synapses grow with the product: with fewer cells there is still enough to divide.
        let text = with_more_cells(&given, if given.contains("[synapses.") { 20 } else { 200 });
        assert_ne!(text, given, "{name}");
        let (expected, _) = run_text(&path, text.clone(), Options::interpreted());
        let threads = NonZeroUsize::new(2).expect("not zero");
        let options = Options { threads, least_elements: Some(1), ..Options::interpreted() };
        if run_text(&path, text, options).0 != expected {
            failures.push(name);
        }
    }
    assert!(failures.is_empty(), "other bits than those of one thread:\n{}", failures.join("\n"));
}

//! `saltus bench latency`: the table, the page and the picture of a measurement that is given, and that the command measures.
//! How long anything takes is not looked at.

use std::path::{Path, PathBuf};
use std::process::Command;

use saltus::cli::bench::data::{FORMAT, Report, State};
use saltus::cli::bench::page::{html, picture};
use saltus::cli::bench::text::{markdown, table_of};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/report.json")
}

fn report() -> Report {
    let text = std::fs::read_to_string(fixture()).expect("the fixture is there");
    serde_json::from_str(&text).expect("a report")
}

fn compare(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "bench", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn a_report_as_text_page_and_picture() {
    let report = report();
    compare("table", &table_of(&report));
    compare("markdown", &markdown(&report));
    compare("page", &html(&report));
    compare("picture", &picture(&report));
}

#[test]
fn a_report_is_read_as_it_is_written() {
    let report = report();
    let text = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<Report>(&text).expect("a report"), report);
}

#[test]
fn a_page_needs_nothing_else_and_takes_no_text_for_markup() {
    let page = html(&report());
    for forbidden in ["<script", "http:", "https:", "@import", "url(", "<fast>", "<Vendor>", "<1>", "& Sons", "& calls"]
    {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("&lt;fast&gt; &amp;") && page.contains("<figure>") && page.contains("<svg"));
    let picture = picture(&report());
    assert!(picture.starts_with("<svg xmlns=") && !picture.contains("<1>") && picture.contains("Peer &lt;1&gt;"));
}

/// Runs the command in a directory of its own; what it prints, and the directory.
fn latency(arguments: &[&str]) -> (std::process::Output, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_saltus"));
    command.args(["bench", "latency", "--quiet"]).args(arguments).current_dir(directory.path());
    (command.output().expect("it starts"), directory)
}

#[test]
fn one_small_kernel_is_measured() {
    let arguments =
        ["--samples", "1", "--only", "lif_resetter", "--json", "l.json", "--html", "l.html", "--plot", "l.svg"];
    let (output, directory) = latency(&arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).expect(name);
    let report: Report = serde_json::from_str(&read("l.json")).expect("a report");
    assert_eq!((report.format.as_str(), report.samples, report.models.len()), (FORMAT, 1, 0));
    let [kernel] = &report.kernels[..] else { panic!("{} kernels", report.kernels.len()) };
    assert_eq!(kernel.ways.len(), 3 * report.machine.compilers.len());
    assert!(!kernel.ways.is_empty());
    for way in &kernel.ways {
        let phases: Vec<&str> = way.phases.keys().map(String::as_str).collect();
        let expected: &[&str] = match way.state {
            State::Cold => &["render", "look up", "compile", "load", "call"],
            State::Warm | State::Hot => &["render", "look up", "load", "call"],
        };
        assert_eq!(phases, expected, "{} {}", way.compiler, way.state.name());
        assert!(way.total.0.len() == 1 && way.total.median() > 0.0);
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout), table_of(&report));
    assert_eq!((read("l.html"), read("l.svg")), (html(&report), picture(&report)));
}

#[test]
fn what_cannot_be_measured_is_said() {
    let model = fixture().with_file_name("wrong.toml");
    let model = model.to_str().expect("a path");
    for (arguments, code, message) in [
        (&["--only", "none"][..], 2, "error: no kernel or model is called `none`\n"),
        (&["--samples", "0"], 2, "error: invalid value '0' for '--samples <N>'"),
        (&["--json", "no/l.json"], 2, "error: `--json no/l.json`: there is no directory `no`\n"),
        (&["--json", "l", "--html", "l"], 2, "error: `--json` and `--html` would both write `l`\n"),
        (&["--peers", "none.json"], 3, "error: cannot read `none.json`: No such file or directory\n"),
        (&["--only", "wrong", "--samples", "1", model], 1, "error: the model has no duration"),
    ] {
        let (output, _) = latency(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(message) && output.status.code() == Some(code), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

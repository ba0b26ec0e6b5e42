//! The command line as users meet it: what it says about what is wrong, what it writes, how it ends, and what changes
//! neither a result nor a kernel.
//!
//! `cli/errors/NAME.toml` is a wrong model, and `NAME.snap` what `saltus run` says about it. `cli/sessions/NAME.txt`
//! has commands, one a line, and `NAME.snap` what they print (both streams) and how they end; they run in a directory
//! with the files of `cli/models` and a few that are no models.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli").join(name)
}

/// The names in a folder with this ending, in order, without it.
fn stems(name: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder(name)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut stems: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(ending)?.to_owned())).collect();
    stems.sort();
    assert!(!stems.is_empty());
    stems
}

/// A directory with models, and a store of its own.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a directory"));
        for stem in stems("models", ".toml") {
            let name = format!("{stem}.toml");
            fs::copy(folder("models").join(&name), place.path(&name)).expect("a model");
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command in this directory with nothing of the user's settings.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path()).env("SALTUS_CACHE_DIR", self.path("store")).stdin(Stdio::null());
        for name in ["CC", "SALTUS_CC", "COLUMNS", "XDG_CACHE_HOME", "SALTUS_CPU"] {
            command.env_remove(name);
        }
        for name in ["LAYERS", "TRUST", "MAX_SIZE", "MAX_AGE"].map(|name| format!("SALTUS_CACHE_{name}")) {
            command.env_remove(name);
        }
        command
    }

    fn saltus(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(cargo_bin("saltus"));
        command.args(arguments);
        command
    }

    /// Runs to a good end and returns what was printed on standard output.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.saltus(arguments).output().expect("an end");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The result of a run as JSON; `more` are further arguments.
    fn json(&self, model: &str, more: &[&str]) -> String {
        self.run(&[&["run", model, "-q", "--json", "-"], more].concat())
    }

    /// Writes a model.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// The part of a result that no tier, store or compiler may change, as written, so that every bit counts.
fn results(json: &str) -> &str {
    json.split(",\"timing\":").next().expect("a part before the timing")
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

/// Where the kernels of a run came from, by name.
fn origins(json: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let kernels = parsed(json)["kernels"].as_array().expect("kernels").clone();
    kernels.iter().map(|kernel| (text(&kernel["name"]), text(&kernel["origin"]))).collect()
}

fn snapshot(folder: &str, name: &str, content: &str) {
    let path = format!("cli/{folder}");
    insta::with_settings!({ snapshot_path => path, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, content);
    });
}

#[test]
fn wrong_models() {
    let place = Place::new();
    for stem in stems("errors", ".toml") {
        let model = format!("{stem}.toml");
        let say = |command: &str| {
            let output = place.saltus(&[command, &model]).current_dir(folder("errors")).output().expect("an end");
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{command} {model}");
            stderr(&output)
        };
        let said = say("run");
        snapshot("errors", &stem, &said);
        let diagnostics = said.rsplit_once("\n\n").map_or(said.as_str(), |(diagnostics, _)| diagnostics);
        assert!(say("check").starts_with(diagnostics), "`check` says the same of {model}");
    }
}

/// Output without what differs from run to run: the directory, and measured times.
fn without_chance(text: &str, place: &Place) -> String {
    let text = text.replace(place.0.path().to_str().expect("UTF-8"), "[DIR]");
    let line = |line: &str| match line.split_once(" simulated in ") {
        Some((before, _)) => format!("{before} simulated in [TIME]\n"),
        None if line.starts_with("first step ") => "[TIMES]\n".to_owned(),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn sessions() {
    for stem in stems("sessions", ".txt") {
        let place = Place::new();
        fs::write(place.path("latin.toml"), b"name = \"\xff\"\n").expect("written");
        place.write("empty.toml", "");
        place.write("not_cc", "#!/bin/sh\n");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(place.path("not_cc"), executable).expect("executable");
        let directory = cargo_bin("saltus").parent().expect("a directory").to_owned();
        let search = std::env::var_os("PATH").unwrap_or_default();
        let search = std::env::join_paths([directory].into_iter().chain(std::env::split_paths(&search)));
        let search = search.expect("a search path");
        let mut transcript = String::new();
        for line in fs::read_to_string(folder("sessions").join(format!("{stem}.txt"))).expect("commands").lines() {
            let mut shell = place.command("/bin/sh");
            let output = shell.args(["-c", &format!("exec 2>&1\n{line}")]).env("PATH", &search).output();
            let output = output.expect("an end");
            let said = without_chance(&String::from_utf8(output.stdout).expect("UTF-8"), &place);
            transcript += &format!("$ {line}\n{said}[{}]\n\n", output.status.code().expect("an exit code"));
        }
        snapshot("sessions", &stem, &transcript);
    }
}

#[test]
fn json_has_the_parts_that_the_format_names() {
    let place = Place::new();
    let json = parsed(&place.json("base.toml", &["--tier", "compiled"]));
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["final", "kernels", "model", "monitors", "simulator", "synapses", "timing"]);
    assert_eq!(json["model"], "base");
    assert_eq!(keys(&json["monitors"]["spikes"]), ["count", "i", "kind", "t"]);
    assert_eq!(keys(&json["monitors"]["trace"]), ["kind", "t", "values"]);
    assert_eq!(json["monitors"]["trace"]["values"]["v"].as_array().map(Vec::len), Some(3));
    assert_eq!(keys(&json["final"]["cells"]), ["lastspike", "not_refractory", "v"]);
    let timing = ["connect", "first_step", "full_speed", "parse", "prepare", "run", "total"];
    assert_eq!(keys(&json["timing"]), timing);
    let seconds = |name: &str| json["timing"][name].as_f64().expect("seconds");
    // This tier waits for all kernels before the first step.
    let times = ["parse", "full_speed", "first_step", "total"].map(seconds);
    assert!(times[0] > 0.0 && times.is_sorted(), "{times:?}");
    let kernels = json["kernels"].as_array().expect("kernels");
    let kinds: Vec<_> = kernels.iter().map(|k| (k["kind"].as_str(), k["shape"].as_str())).collect();
    let expected = [("stateupdate", "each"), ("threshold", "select"), ("reset", "indexed")];
    assert_eq!(kinds, expected.map(|(kind, shape)| (Some(kind), Some(shape))));
    for kernel in kernels {
        assert_eq!(keys(kernel), ["compile_seconds", "key", "kind", "language", "name", "origin", "shape", "swaps"]);
        assert_eq!(kernel["swaps"][0]["key"], kernel["key"]);
        assert_eq!((kernel["origin"].as_str(), kernel["language"].as_str()), (Some("built"), Some("c")));
        assert_eq!(kernel["key"].as_str().map(str::len), Some(64));
    }
}

#[test]
fn tiers_and_stores_give_the_same_bits() {
    let place = Place::new();
    let model = folder("../models/hh_seed.toml");
    let model = model.to_str().expect("UTF-8");
    let json = |more: &[&str]| place.json(model, &[&["--duration", "20*ms"], more].concat());
    let interpreted = json(&["--tier", "interpreter"]);
    assert!(origins(&interpreted).values().all(|origin| origin == "interpreter"));
    let built = json(&["--tier", "compiled"]);
    assert!(origins(&built).values().all(|origin| origin == "built"));
    let found = json(&["--tier", "compiled"]);
    assert!(origins(&found).values().all(|origin| origin == "hit"));
    let swapped = json(&["--tier", "auto"]);
    let unkept = json(&["--tier", "compiled", "--no-cache", "--opt-level", "1"]);
    assert!(origins(&unkept).values().all(|origin| origin == "built"));
    for other in [&built, &found, &swapped, &unkept] {
        assert_eq!(results(other), results(&interpreted));
    }
}

#[test]
fn names_sizes_and_values_build_nothing() {
    let place = Place::new();
    let base = fs::read_to_string(place.path("base.toml")).expect("a model");
    let first = place.json("base.toml", &["--tier", "compiled"]);
    assert!(origins(&first).values().all(|origin| origin == "built"));
    for (from, to) in [
        ("name = \"base\"", "name = \"other\""),
        ("cells", "neurons"),
        ("N = 3", "N = 50"),
        ("\"0.1*ms\"", "\"0.05*ms\""),
        ("\"10*ms\"", "\"7.5*ms\""),
        ("\"1.5\"", "\"2.0\""),
        ("\"0.1*i\"", "\"0.2*i + 0.01\""),
        ("refractory = \"1*ms\"", "refractory = \"1 * ms  # a comment\""),
        ("duration = \"20*ms\"", "duration = \"10*ms\"\nseed = 3"),
        ("equations = \"dv/dt = (E0 - v)/tau : 1\"", "equations = '''\n\n dv/dt=(E0-v) / tau:1 # a comment\n'''"),
    ] {
        let changed = base.replace(from, to);
        assert_ne!(changed, base, "{from}");
        place.write("changed.toml", &changed);
        let json = place.json("changed.toml", &["--tier", "compiled"]);
        assert!(origins(&json).values().all(|origin| origin == "hit"), "{from}: {:?}", origins(&json));
    }
    // What does change a kernel builds that one and no other.
    place.write("changed.toml", &base.replace("v > 1", "v > 1.25"));
    let changed = origins(&place.json("changed.toml", &["--tier", "compiled"]));
    let built: Vec<_> =
        changed.iter().filter(|(_, origin)| *origin == "built").map(|(name, _)| name.as_str()).collect();
    assert_eq!(built, ["cells_spike_thresholder"]);
}

#[test]
fn without_a_compiler_results_are_the_same() {
    let place = Place::new();
    let compiled = place.json("base.toml", &["--tier", "compiled", "--no-cache"]);
    let mut command = place.saltus(&["run", "base.toml", "--json", "-", "--tier", "compiled", "--no-cache"]);
    let output = command.env("PATH", "").output().expect("an end");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(results(&String::from_utf8_lossy(&output.stdout)), results(&compiled));
    let warning = "warning: no C compiler: looked for `cc`, `gcc`, `clang` and `zig` in an empty `PATH`; kernels stay on \
                   the interpreter, with the same results, slower\n";
    assert!(stderr(&output).starts_with(warning), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("warning").count(), 1);
}

#[test]
fn changes_on_the_command_line_are_those_in_the_file() {
    let place = Place::new();
    let base = fs::read_to_string(place.path("base.toml")).expect("a model");
    let changes = [
        (vec!["--set", "tau=20*ms"], "tau = \"10*ms\"", "tau = \"20*ms\""),
        (vec!["--set", "cells.v=0.5"], "\"0.1*i\"", "\"0.5\""),
        (vec!["--duration", "5*ms"], "duration = \"20*ms\"", "duration = \"5*ms\""),
    ];
    let unchanged = place.json("base.toml", &["--tier", "interpreter"]);
    for (arguments, from, to) in changes {
        place.write("changed.toml", &base.replace(from, to));
        let expected = place.json("changed.toml", &["--tier", "interpreter"]);
        let json = place.json("base.toml", &[&arguments[..], &["--tier", "interpreter"]].concat());
        assert_eq!(results(&json), results(&expected), "{arguments:?}");
        assert_ne!(results(&json), results(&unchanged), "{arguments:?}");
    }
}

#[test]
fn files_are_written_where_they_should_be() {
    let place = Place::new();
    let outputs = ["--json", "run.json", "--out", "new/results", "--plot", "run.svg"];
    let printed = place.run(&[&["run", "base.toml", "--tier", "interpreter"], &outputs[..]].concat());
    assert!(printed.starts_with("base: 20 ms simulated in "), "{printed}");
    let read = |name: &str| fs::read(place.path(name)).expect(name);
    let whole = String::from_utf8(read("run.json")).expect("UTF-8");
    let run: Value = serde_json::from_slice(&read("new/results/run.json")).expect("JSON");
    assert_eq!(run["final"], parsed(&whole)["final"]);
    assert_eq!(run["monitors"]["trace"]["arrays"]["v"]["shape"], serde_json::json!([3, 20]));
    assert_eq!(read("new/results/spikes.npz")[..4], *b"PK\x03\x04");
    assert_eq!(read("new/results/trace.npz")[..4], *b"PK\x03\x04");
    assert!(String::from_utf8(read("run.svg")).expect("UTF-8").starts_with("<svg "));

    let printed = place.run(&["run", "base.toml", "-q", "--tier", "interpreter", "--plot", "run.png"]);
    assert_eq!(printed, "");
    assert_eq!(read("run.png")[..8], *b"\x89PNG\r\n\x1a\n");

    // With the JSON on standard output, the summary is on the other one.
    let output = place.saltus(&["run", "base.toml", "--tier", "interpreter", "--json", "-"]).output().expect("an end");
    assert_eq!(results(&String::from_utf8_lossy(&output.stdout)), results(&whole));
    assert!(stderr(&output).starts_with("base: 20 ms simulated in "));
}

#[test]
fn records_that_no_memory_has_room_for_are_refused_at_once() {
    let place = Place::new();
    let output = place.saltus(&["run", "large.toml"]).output().expect("an end");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3));
    assert!(said.starts_with("error: the monitor `all` records 160001.6 GB in this run, but only "), "{said}");
}

#[test]
fn quiet_is_quiet() {
    let place = Place::new();
    let output = place.saltus(&["run", "base.toml", "--quiet"]).output().expect("an end");
    assert_eq!((output.status.code(), output.stdout.len(), stderr(&output).as_str()), (Some(0), 0, ""));
}

/// What `/proc` says of a process: whether it catches Ctrl-C, and the ticks of processor time that it used.
#[cfg(target_os = "linux")]
fn catches_and_ticks(process: u32) -> (bool, u64) {
    let read = |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).expect("a process");
    let (status, stat) = (read("status"), read("stat"));
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("the signals");
    let caught = u64::from_str_radix(caught.trim(), 16).expect("a mask");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    (caught >> 1 & 1 == 1, fields[11].parse().expect("ticks"))
}

#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_ends_the_run_and_keeps_its_results() {
    let place = Place::new();
    let arguments = ["run", "long.toml", "--tier", "interpreter", "--json", "part.json"];
    let mut command = place.saltus(&arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    // From where Ctrl-C is caught, processor time is used by nothing but steps.
    let mut at_first = None;
    loop {
        let (catches, ticks) = catches_and_ticks(child.id());
        if catches && ticks > *at_first.get_or_insert(ticks) + 5 {
            break;
        }
        if !catches {
            at_first = None;
        }
        assert!(child.try_wait().expect("a state").is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .expect("a signal");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130));
    assert!(stderr(&output).ends_with("interrupted: results are those up to the last whole step\n"));
    let json = parsed(&fs::read_to_string(place.path("part.json")).expect("results"));
    let times = json["monitors"]["spikes"]["t"].as_array().expect("times").clone();
    let last = times.last().and_then(Value::as_f64).expect("a spike");
    assert!(last > 0.0 && last < 80_000.0, "{last}");
    assert_eq!(json["final"]["cells"]["v"].as_array().map(Vec::len), Some(10));
}

#[test]
fn a_reader_who_goes_away_is_no_failure() {
    let place = Place::new();
    for arguments in [
        &["schema"][..],
        &["run", "base.toml"],
        &["run", "base.toml", "--json", "-"],
        &["check", "base.toml", "--json", "-"],
        &["inspect", "base.toml", "--source"],
        &["cache", "list"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = place.saltus(arguments).stdout(writer).stderr(Stdio::piped()).output().expect("an end");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{arguments:?}: {}", stderr(&output));
        // Nor if nobody reads what is said on the other stream.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = place.saltus(arguments).stderr(writer).output().expect("an end");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

/// The cells of a table's row that starts with a word.
fn row(table: &str, word: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(word));
    let line = line.unwrap_or_else(|| panic!("no `{word}` in:\n{table}"));
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn inspect_tells_what_is_stored() {
    let place = Place::new();
    let before = place.run(&["inspect", "base.toml"]);
    assert!(!place.path("store").exists(), "looking makes no store");
    let json = parsed(&place.json("base.toml", &["--tier", "compiled"]));
    let after = place.run(&["inspect", "base.toml", "*"]);
    for kernel in json["kernels"].as_array().expect("kernels") {
        let name = kernel["name"].as_str().expect("a name");
        let (before, after) = (row(&before, name), row(&after, name));
        assert_eq!(before[1..3], [kernel["kind"].as_str(), kernel["shape"].as_str()].map(|s| s.expect("a word")));
        assert!(kernel["key"].as_str().expect("a key").starts_with(&after[4]));
        assert_eq!((before[5].as_str(), after[5].as_str()), ("no", "yes"));
        assert_eq!((&before[..4], &before[6..]), (&after[..4], &after[6..]));
    }
    let output = place.saltus(&["inspect", "base.toml"]).env("PATH", "").output().expect("an end");
    let without = String::from_utf8(output.stdout).expect("UTF-8");
    let name = "cells_stateupdater";
    assert_eq!(row(&without, name)[3..6], [row(&after, name)[3].as_str(), "-", "other"]);
    let reason = "no C compiler: looked for `cc`, `gcc`, `clang` and `zig` in an empty `PATH`";
    assert!(without.ends_with(&format!("3 kernels; no keys: {reason}\n")), "{without}");
}

#[test]
fn cache_lists_and_shows_what_is_there() {
    let place = Place::new();
    let json = parsed(&place.json("base.toml", &["--tier", "compiled"]));
    let keys: Vec<&str> =
        json["kernels"].as_array().expect("kernels").iter().map(|k| k["key"].as_str().expect("a key")).collect();
    let list = place.run(&["cache", "list"]);
    let source = place.run(&["inspect", "base.toml", "cells_stateupdater", "--source"]);
    for key in &keys {
        assert_eq!(row(&list, &key[..12])[2], "c");
    }
    assert!(list.lines().last().expect("a line").starts_with("3 kernels, "), "{list}");
    let shown = place.run(&["cache", "show", &keys[0].to_ascii_uppercase()]);
    assert_eq!(row(&shown, "key")[1], keys[0]);
    assert!(row(&shown, "arguments").contains(&"-ffp-contract=off".to_owned()));
    assert!(shown.ends_with(&format!("\n\n{source}")), "{shown}");
    let output = place.saltus(&["cache", "show", ""]).output().expect("an end");
    assert_eq!(output.status.code(), Some(2));
    let mut short: Vec<String> = keys.iter().map(|key| format!("`{}`", &key[..12])).collect();
    short.sort();
    let expected = format!("error: a key is missing, or its first digits; the keys are {}\n", short.join(", "));
    assert_eq!(stderr(&output), expected);
}

#[test]
fn kernels_in_rust_are_shown_warmed_and_run() {
    let place = Place::new();
    let source = place.run(&["inspect", "base.toml", "cells_stateupdater", "--source", "--lang", "rust"]);
    assert!(source.contains("#![no_std]") && source.contains("fn saltus_kernel("), "{source}");
    place.run(&["warm", "base.toml", "--lang", "rust"]);
    let mut json = parsed(&place.json("base.toml", &["--tier", "compiled", "--lang", "rust"]));
    for kernel in json["kernels"].as_array().expect("kernels") {
        assert_eq!((&kernel["language"], &kernel["origin"]), (&"rust".into(), &"hit".into()), "{kernel}");
    }
    let mut interpreted = parsed(&place.json("base.toml", &["--tier", "interpreter"]));
    assert_eq!(json["final"].take(), interpreted["final"].take());
    let output = place.saltus(&["run", "base.toml", "--lang", "rust", "--tier", "compiled", "--cc", "ld"]).output();
    let output = output.expect("an end");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("does not say which Rust compiler it is"), "{}", stderr(&output));
}

#[test]
fn doctor_reports_with_and_without_a_compiler() {
    let place = Place::new();
    let said = place.run(&["doctor"]);
    assert_eq!(row(&said, "store")[1], place.path("store").to_str().expect("UTF-8"));
    assert_eq!(row(&said, "permissions")[1..], ["not", "made", "yet"]);
    assert!(!place.path("store").exists(), "looking makes no store");
    assert_eq!(row(&said, "trial")[1..6], ["a", "small", "kernel", "compiles", "in"]);
    assert_eq!(row(&said, "memory")[2], "works");
    let quick = usize::from(said.lines().any(|line| line.starts_with("tcc ")));
    assert_eq!(said.matches("  used  ").count(), 2 + quick, "one for each purpose:\n{said}");
    assert_eq!(row(&said, "rustc")[1], "used");

    place.json("base.toml", &["--tier", "compiled"]);
    let said = place.run(&["doctor"]);
    assert_eq!(row(&said, "kernels")[1], "3");
    assert_eq!(row(&said, "permissions")[1..], ["0700,", "yours"]);

    let output = place.saltus(&["doctor"]).env("PATH", "").output().expect("an end");
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(row(&said, "compiler")[1..4], ["no", "C", "compiler:"]);
    assert!(
        said.contains("\nnot set or not here: SALTUS_CC, CC, cc, gcc, clang, zig, tcc, SALTUS_RUSTC, RUSTC"),
        "{said}"
    );
    assert!(!said.contains("  used  "), "{said}");

    let output = place.saltus(&["doctor"]).env("CC", "cc -Ofast").output().expect("an end");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(row(&said, "CC")[1], "fails");
    assert!(said.contains("`CC` passes `-Ofast` to the compiler, which changes results"), "{said}");
}

#[test]
fn texts_for_other_programs() {
    let place = Place::new();
    let schema: Value = parsed(&place.run(&["schema"]));
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(place.run(&["completions", shell]).contains("namespace"), "{shell}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(place.run(&["-V"]), format!("saltus {version}\n"));
    let long = place.run(&["--version"]);
    assert!(long.starts_with(&format!("saltus {version}\nkernel ABI ")), "{long}");
}

#[test]
fn warm_models_compile_nothing() {
    let place = Place::new();
    let said = place.run(&["warm", "base.toml", "--catalog"]);
    let catalog = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cache/catalog")).expect("a folder");
    for entry in catalog {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
        assert!(said.contains(&format!("\n{name} ")), "{name} is not in:\n{said}");
        fs::copy(&path, place.path(&format!("{name}.toml"))).expect("a copy");
        let json = place.json(&format!("{name}.toml"), &["--tier", "compiled"]);
        assert!(origins(&json).values().all(|origin| origin == "hit"), "{name}: {:?}", origins(&json));
    }
    let again = place.run(&["warm", "base.toml", "--catalog"]);
    assert!(again.lines().skip(1).all(|line| line.split_whitespace().nth(1) == Some("0")), "{again}");
    place.write("wrong.toml", "format = 2");
    let output = place.saltus(&["warm", "nope.toml", "wrong.toml", "base.toml"]).output().expect("an end");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\nbase.toml "), "the rest is done");
    let told = stderr(&output);
    for expected in
        ["`nope.toml` could not be prepared:", "`wrong.toml` could not be prepared:", "2 of 3 models failed"]
    {
        assert!(told.contains(expected), "{told}");
    }
    for arguments in [&["warm"][..], &["warm", "base.toml", "--no-cache"]] {
        assert_eq!(place.saltus(arguments).output().expect("an end").status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn kernels_are_explained_and_verified() {
    let place = Place::new();
    for level in ["3", "1"] {
        place.run(&["warm", "base.toml", "--quiet", "--opt-level", level]);
    }
    let listed = place.run(&["cache", "list"]);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let of_level = |kernel: &str, level: &str| {
        let row = rows.iter().find(|row| row.get(1) == Some(&kernel) && row.contains(&level));
        row.map(|row| row[0].to_owned())
    };
    let kernel = rows[1][1];
    let (one, other) = (of_level(kernel, "O3").expect("a key"), of_level(kernel, "O1").expect("a key"));
    let different = place.run(&["cache", "explain", &one, &other]);
    assert!(
        different.contains("They compute the same; built twice because of the level and arguments."),
        "{different}"
    );
    assert!(different.contains("level\n  - O3\n  + O1\n") && different.contains("arguments\n  - -O3\n  + -O1\n"));
    assert!(place.run(&["cache", "explain", &one, &one]).contains("The two keys are one."));
    let another = rows.iter().skip(1).find(|row| row[1] != kernel && row.contains(&"O3")).expect("another kernel");
    let different = place.run(&["cache", "explain", &one, another[0]]);
    assert!(different.contains("the sources differ.") && different.contains("source, first in line "), "{different}");
    let all = place.run(&["cache", "explain", &one]);
    assert!(["compiler ", "features ", "arguments "].iter().all(|field| all.contains(field)), "{all}");

    let sound = place.run(&["cache", "verify"]);
    assert!(sound.starts_with(&format!("{} kernels are sound, ", rows.len() - 2)), "{sound}");
    let entry = walk(&place.path("store")).into_iter().find(|path| path.extension().is_some_and(|e| e == "kernel"));
    let entry = entry.expect("an entry");
    let mut bytes = fs::read(&entry).expect("bytes");
    bytes[300] ^= 1;
    fs::write(&entry, bytes).expect("written");
    let damaged = place.saltus(&["cache", "verify"]).output().expect("an end");
    assert_eq!(damaged.status.code(), Some(3));
    assert!(stderr(&damaged).contains("is damaged: ") && stderr(&damaged).contains("1 entry is not sound"));
    assert!(place.run(&["cache", "verify"]).starts_with(&format!("{} kernels are sound, ", rows.len() - 3)));
}

/// The files of a folder and of those in it.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| walk(folder)));
    files
}

/// The portable levels, and whether this machine has them.
fn levels() -> Vec<(&'static str, bool)> {
    let names = ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"];
    let policy = |name: &str| name.parse::<saltus::engine::CpuPolicy>().expect("a policy");
    names.map(|name| (name, policy(name).runs_here())).to_vec()
}

#[test]
fn a_store_is_carried_to_a_machine_without_a_compiler() {
    if !levels()[1].1 {
        return;
    }
    let place = Place::new();
    // Kernels of this processor are none of those that were asked for.
    place.run(&["warm", "base.toml", "-q"]);
    place.run(&["warm", "base.toml", "-q", "--cpu", "x86-64-v2"]);
    place.run(&["cache", "keygen", "key"]);
    let keys: Vec<String> = place
        .run(&["cache", "list"])
        .lines()
        .filter(|line| line.contains("x86-64-v2 "))
        .map(|line| line.split(' ').next().expect("a key").to_owned())
        .collect();
    assert_eq!(keys.len(), 3, "one kernel of each object");
    let mut export = vec!["cache", "export", "kernels.zip", "--sign", "key"];
    export.extend(keys.iter().map(String::as_str));
    assert!(place.run(&export).starts_with("3 kernels in kernels.zip, signed by "));
    let there = ["--cache-dir", "there"];
    let import = [&["cache", "import", "kernels.zip", "--trust", "key.pub"], &there[..]].concat();
    assert_eq!(place.run(&import), "3 kernels imported into there\n");
    assert_eq!(place.run(&import), "0 kernels imported into there; 3 there already\n");

    let interpreted = place.json("base.toml", &["--tier", "interpreter"]);
    let arguments = ["run", "base.toml", "-q", "--tier", "compiled", "--json", "-", "--cache-dir", "there"];
    let output = place.saltus(&arguments).env("PATH", "").output().expect("an end");
    let found = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(origins(&found).values().all(|origin| origin == "hit"), "{found}");
    assert_eq!(results(&found), results(&interpreted));

    // The same as a layer: trusted since it is this user's, then since what is in it is signed, then not at all.
    let in_layer = |trust: &str| {
        let mut run = place.saltus(&["run", "base.toml", "-q", "--tier", "compiled", "--json", "-"]);
        run.args(["--cache-dir", "empty", "--cache-layer", "there"]).env("PATH", "").env("SALTUS_CACHE_TRUST", trust);
        let found = String::from_utf8(run.output().expect("an end").stdout).expect("UTF-8");
        assert_eq!(results(&found), results(&interpreted));
        origins(&found).values().all(|origin| origin == "hit")
    };
    assert!(in_layer(""));
    fs::set_permissions(place.path("there"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("changed");
    assert!(in_layer("key.pub"));
    assert!(!in_layer(""));
    // Whoever asks for exactly what this command would make does not take those.
    let strict = place.json("base.toml", &["--tier", "compiled", "--strict", "--cache-dir", "there2"]);
    assert!(origins(&strict).values().all(|origin| origin == "built"));
    assert_eq!(results(&strict), results(&interpreted));
}

#[test]
fn kernels_for_other_processors_are_made_and_not_run() {
    if std::env::consts::ARCH != "x86_64" {
        return;
    }
    for (level, runs_here) in levels() {
        let place = Place::new();
        place.run(&["warm", "base.toml", "-q", "--cpu", level]);
        let list = place.run(&["cache", "list"]);
        assert_eq!(list.matches(&format!(" {level} ")).count(), 3, "{list}");
        let arguments = ["run", "base.toml", "-q", "--tier", "compiled", "--cpu", level];
        let output = place.saltus(&arguments).output().expect("an end");
        assert_eq!(output.status.code(), Some(if runs_here { 0 } else { 2 }), "{level}: {}", stderr(&output));
        let interpreted = place.saltus(&["run", "base.toml", "-q", "--tier", "interpreter", "--cpu", level]).status();
        assert!(interpreted.expect("an end").success());
    }
}

#[test]
fn a_store_is_looked_after() {
    let place = Place::new();
    place.run(&["run", "base.toml", "-q", "--tier", "compiled"]);
    let stats = place.run(&["cache", "stats"]);
    assert!(stats.contains("3 kernels, ") && stats.contains("3 today") && stats.contains("at most 1.0 GB"), "{stats}");
    let key = place.run(&["cache", "list"]).lines().nth(1).expect("a kernel").split(' ').next().map(str::to_owned);
    let shown = place.run(&["cache", "show", &key.expect("a key")]);
    assert!(shown.contains("signed by        nobody\n"), "{shown}");
    let swept = place.run(&["cache", "gc", "--max-size", "0"]);
    assert!(swept.starts_with("removed    3 kernels, "), "{swept}");
    place.run(&["run", "base.toml", "-q", "--tier", "compiled"]);
    let refused = place.saltus(&["cache", "clear"]).output().expect("an end");
    assert_eq!(refused.status.code(), Some(2));
    assert!(place.run(&["cache", "clear", "--yes"]).starts_with("removed 3 kernels from "));
    assert!(place.run(&["cache", "list"]).starts_with("no kernels in "));
    let report = place.run(&["doctor"]);
    for row in ["file system ", "free space ", "permissions ", "above it ", "limits ", "temporary files "] {
        assert!(report.lines().any(|line| line.starts_with(row)), "{row}: {report}");
    }
}

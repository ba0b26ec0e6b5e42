//! How runs are told what to do, what changes neither a result nor a kernel, what they write and how they end.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::place::{Place, folder, origins, parsed, results, stderr};

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

//! A model file that is watched: what each save does to the run, and what is said of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::place::{Place, parsed};

/// A model that runs for longer than anybody waits.
fn model(threshold: &str, reset: &str) -> String {
    format!(
        "format = 1\nname = \"watched\"\nsettings.duration = \"86400*second\"\n\n[groups.cells]\nN = 2\n\
         equations = \"dv/dt = (1.5 - v)/(10*ms) : 1\"\nmethod = \"euler\"\n\
         threshold = \"{threshold}\"\nreset = \"{reset}\"\n\n[monitors.spikes]\nkind = \"spikes\"\nsource = \"cells\"\n"
    )
}

/// A line without what depends on the moment.
fn without_times(line: &str) -> String {
    match (line.split_once(" in "), line.split_once("; ")) {
        (Some((before, _)), Some((_, after))) if before.ends_with("swapped") => format!("{before}; {after}"),
        _ => line.to_string(),
    }
}

#[test]
fn each_save_changes_what_runs() {
    let place = Place::new();
    place.write("watched.toml", &model("v > 1", "v = 0"));
    let mut command = place.saltus(&["watch", "watched.toml", "--json", "part.json"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a process");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines().map(|line| line.expect("UTF-8"));
    // Each text is saved once the line is said that the one before led to.
    let steps = [
        ("watching `watched.toml`; Ctrl-C ends the run", model("v > 1", "v = 0.5")),
        ("reset of cells: swapped; state kept", model("v > 0.9", "v = 0.5")),
        ("threshold of cells: swapped; state kept", model("v > > 0.9", "v = 0.5")),
        ("the run goes on as it was", model("v > 0.9", "v = 0.5") + "\n# a remark\n"),
        ("nothing that runs has changed", model("v > 1", "v = 0")),
        ("threshold of cells, reset of cells: swapped; state kept", String::new()),
    ];
    for (awaited, text) in steps {
        let mut before = Vec::new();
        loop {
            let line = said.next().unwrap_or_else(|| panic!("it ended before `{awaited}`, after {before:?}"));
            if without_times(&line) == awaited {
                break;
            }
            before.push(line);
        }
        if text.contains("> >") {
            assert!(before.is_empty(), "{before:?}");
        }
        if awaited == "the run goes on as it was" {
            assert!(before.iter().any(|line| line.contains("watched.toml:9")), "where it is wrong: {before:?}");
        }
        if !text.is_empty() {
            place.write("watched.toml", &text);
        }
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("a signal");
    said.for_each(drop);
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    let results = parsed(&fs::read_to_string(place.path("part.json")).expect("results"));
    let spikes = results["monitors"]["spikes"]["t"].as_array().map_or(0, Vec::len);
    assert!(spikes > 100, "{spikes} spikes, those before changes among them");
}

/// The next line that is this one but for times, after those that are returned.
fn wait_for(said: &mut impl Iterator<Item = String>, awaited: &str) -> Vec<String> {
    let mut before = Vec::new();
    loop {
        let line = said.next().unwrap_or_else(|| panic!("it ended before `{awaited}`, after {before:?}"));
        if without_times(&line) == awaited {
            return before;
        }
        before.push(line);
    }
}

#[test]
fn a_source_by_hand_runs_as_long_as_there_is_its_file() {
    let place = Place::new();
    place.write("watched.toml", &model("v > 1", "v = 0"));
    let generated = place.run(&["inspect", "watched.toml", "cells_stateupdater", "--source"]);
    let faster = generated.replace("1.5 - v[_i]", "2.5 - v[_i]");
    assert_ne!(faster, generated);
    let line = generated[..generated.find("    const i64 begin").expect("a loop")].lines().count() + 1;
    let broken = generated.replace("    const i64 begin", "    nonsense;\n    const i64 begin");
    place.write("leak.c", &faster);
    let of = "cells_stateupdater=leak.c";
    let refused = place.saltus(&["watch", "watched.toml", "--source", of]).output().expect("a process");
    assert_eq!(refused.status.code(), Some(2), "not without permission");
    let refused = place.saltus(&["watch", "watched.toml", "--source", "x=leak.c", "--allow-native"]).output();
    assert_eq!(refused.expect("a process").status.code(), Some(2), "not without a kernel");
    let mut command = place.saltus(&["watch", "watched.toml", "--source", of, "--allow-native", "--json", "part.json"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a process");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines().map(|line| line.expect("UTF-8"));
    wait_for(&mut said, "source of cells_stateupdater by hand: swapped; state kept");
    place.write("leak.c", &broken);
    let before = wait_for(&mut said, "the run goes on as it was");
    assert!(before.iter().any(|said| said.contains(&format!("leak.c:{line}:5"))), "where it is wrong: {before:?}");
    place.write("watched.toml", &model("v > 0.9", "v = 0"));
    wait_for(&mut said, "threshold of cells: swapped; state kept");
    fs::remove_file(place.path("leak.c")).expect("a file");
    wait_for(&mut said, "generated source of cells_stateupdater: swapped; state kept");
    place.write("leak.c", &faster);
    wait_for(&mut said, "source of cells_stateupdater by hand: swapped; state kept");
    place.write("watched.toml", &model("v > 0.9", "v = 0").replace("(10*ms)", "(20*ms)"));
    wait_for(
        &mut said,
        "equations of cells: swapped; state kept; source by hand of cells_stateupdater no longer fits: the kernel has \
         changed",
    );
    place.write("watched.toml", &model("v > 0.9", "v = 0"));
    wait_for(&mut said, "equations of cells: swapped; state kept");
    place.write("leak.c", &faster);
    wait_for(&mut said, "source of cells_stateupdater by hand: swapped; state kept");
    // Whatever has become of this one by then, nobody waits for it.
    place.write("leak.c", &generated);
    kill_process(Pid::from_child(&child), Signal::INT).expect("a signal");
    let last: Vec<String> = said.collect();
    assert!(!last.iter().any(|line| line.contains("error")), "{last:?}");
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    let results = parsed(&fs::read_to_string(place.path("part.json")).expect("results"));
    let updater = results["kernels"].as_array().expect("kernels").iter().find(|k| k["name"] == "cells_stateupdater");
    assert_eq!(updater.expect("a kernel")["origin"], "hand");
}

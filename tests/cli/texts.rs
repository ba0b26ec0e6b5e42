//! What the program says: of wrong models, in sessions, and to other programs.

use std::fs;
use std::process::Stdio;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

use super::place::{Place, folder, parsed, stderr, stems};

fn snapshot(folder: &str, name: &str, content: &str) {
    insta::with_settings!({ snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true }, {
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

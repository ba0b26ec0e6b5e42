//! Commands about kernels: what is in a store, how it came there, and how it is looked after.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::place::{Place, origins, parsed, results, row, stderr};

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
fn inspect_looks_into_layers_too() {
    let place = Place::new();
    place.run(&["warm", "base.toml", "--cache-dir", "layer"]);
    let stored = |arguments: &[&str]| row(&place.run(arguments), "cells_stateupdater").swap_remove(5);
    assert_eq!(stored(&["inspect", "base.toml"]), "no");
    assert_eq!(stored(&["inspect", "base.toml", "--cache-layer", "layer"]), "yes");
    assert!(!place.path("store").exists(), "looking makes no store");
}

#[test]
fn inspect_runs_a_model_to_tell_what_its_kernels_take() {
    let place = Place::new();
    let said = place.run(&["inspect", "base.toml", "--run", "2*ms", "--tier", "compiled"]);
    let (before, rest) = said.split_once("\n\n").expect("an overview");
    let (swaps, profile) = rest.split_once("\n\n").expect("what runs them");
    for name in ["cells_stateupdater", "cells_spike_thresholder"] {
        assert_eq!(row(before, name)[5], "yes", "the run has kept it");
        let swapped = row(swaps, name);
        assert_eq!(swapped[1..3], ["compiled", "built"], "{swaps}");
        assert_eq!(
            (&swapped[3], swapped[swapped.len() - 4..].join(" ")),
            (&row(before, name)[4], "t = 0 ms".to_string())
        );
        let kernels = profile.split_once("\n\n").expect("objects, then kernels").1;
        let measured = row(kernels, name);
        assert_eq!((measured[1].as_str(), measured[6].as_str()), ("compiled", "20"), "{kernels}");
    }
    assert!(profile.lines().last().expect("a line").starts_with("20 steps of "), "{profile}");

    let output =
        place.saltus(&["inspect", "base.toml", "--run", "2*ms", "--html", "page.html"]).env("PATH", "").output();
    let output = output.expect("an end");
    let warning = "warning: the kernel `cells_spike_resetter` never left the interpreter: ";
    assert!(!stderr(&output).contains(warning) && output.status.success(), "the store has it: {}", stderr(&output));
    let page = fs::read_to_string(place.path("page.html")).expect("a page");
    assert!(page.contains("2 ms simulated in 20 steps of ") && page.contains("<dt>runs on</dt>"), "{page}");
}

#[test]
fn profiles_are_among_the_results() {
    let place = Place::new();
    let arguments = ["run", "base.toml", "-q", "--json", "-", "--profile", "--tier", "interpreter"];
    let output = place.saltus(&arguments).output().expect("an end");
    let json = parsed(std::str::from_utf8(&output.stdout).expect("UTF-8"));
    let profile = &json["profile"];
    assert_eq!((&profile["steps"], profile["kernels"].as_array().map(Vec::len)), (&200.into(), Some(3)), "{profile}");
    assert_eq!(profile["kernels"][0]["reason"], "only the interpreter was asked for");
    let said = stderr(&output);
    assert!(said.starts_with("object ") && said.contains("\n200 steps of "), "beside the results: {said}");
    place.run(&["run", "base.toml", "-q", "--out", "results", "--profile"]);
    let file = fs::read_to_string(place.path("results/run.json")).expect("a summary");
    assert_eq!(parsed(&file)["profile"]["steps"], 200);
    assert_eq!(parsed(&place.json("base.toml", &[]))["profile"], Value::Null, "only where it was asked for");
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
    let has = |program: &str| said.lines().any(|line| line.starts_with(&format!("{program} ")));
    let more = [has("tcc"), ["c++", "g++", "clang++"].into_iter().any(has)].map(usize::from);
    assert_eq!(said.matches("  used  ").count(), 2 + more[0] + more[1], "one for each purpose:\n{said}");
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
        said.contains("\nnot set or not here: SALTUS_CC, CC, cc, gcc, clang, zig, tcc, SALTUS_CXX, CXX, c++, g++, clang++, SALTUS_RUSTC, \
             RUSTC"),
        "{said}"
    );
    assert!(!said.contains("  used  "), "{said}");

    let output = place.saltus(&["doctor"]).env("CC", "cc -Ofast").output().expect("an end");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(row(&said, "CC")[1], "fails");
    assert!(said.contains("`CC` passes `-Ofast` to the compiler, which changes results"), "{said}");
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

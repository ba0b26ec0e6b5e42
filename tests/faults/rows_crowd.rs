//! Many programs that run whole models against one store at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;

use rustix::process::Pid;
use saltus::store::{Store, StoreOptions};
use serde_json::Value;

use crate::matrix::{Cases, Row};
use crate::runs::{PATHS, compiler, directory, ending, word};

/// The rows.
pub const ROWS: &[Row] = &[
    Row { name: "models: programs at once, one store", short: 8, long: 64, run: |n, cases| crowd(n, false, cases) },
    Row {
        name: "models: programs at once, with gc and rm -rf",
        short: 8,
        long: 64,
        run: |n, cases| crowd(n, true, cases),
    },
];

/// The models of the tree, and how long each is run.
fn models() -> Vec<(PathBuf, &'static str)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalog = fs::read_dir(root.join("cache/catalog")).expect("the catalog");
    let mut models: Vec<_> = catalog.map(|entry| (entry.expect("a model").path(), "20*ms")).collect();
    models.push((root.join("examples/hh_seed.toml"), "10*ms"));
    models.sort();
    models
}

/// The program, with nothing of the user's settings.
pub fn saltus(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saltus"));
    command
        .args(words)
        .env_clear()
        .env("PATH", PATHS)
        .env("CC", compiler())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Runs a model; what it says of itself, or what went wrong.
pub fn run(model: &Path, duration: &str, tier: &str, store: &[&str], place: &Path) -> Result<Value, String> {
    let words = ["run", word(model), "--duration", duration, "--tier", tier, "--quiet", "--json", word(place)];
    finished(saltus(&[&words, store].concat()), place)
}

/// What a run says of itself in that place, or what went wrong.
pub fn finished(mut command: Command, place: &Path) -> Result<Value, String> {
    let child = command.spawn().map_err(|cause| cause.to_string())?;
    let pid = Pid::from_child(&child);
    // What is printed is little, and stays in the pipe.
    let ended = ending(pid);
    let mut said = String::new();
    let _ = std::io::Read::read_to_string(&mut child.stderr.expect("piped"), &mut said);
    if ended != Ok(0) {
        return Err(format!("{ended:?}: {said}"));
    }
    let text = fs::read(place).map_err(|cause| format!("{cause}: {said}"))?;
    let mut value: Value = serde_json::from_slice(&text).map_err(|cause| format!("{cause}: {said}"))?;
    value["said"] = said.into();
    Ok(value)
}

/// All that does not depend on how it was run.
pub fn results(value: &Value) -> [&Value; 3] {
    ["monitors", "synapses", "final"].map(|field| &value[field])
}

pub fn kernels(value: &Value) -> impl Iterator<Item = &Value> {
    value["kernels"].as_array().into_iter().flatten()
}

fn crowd(programs: usize, is_removed: bool, cases: &mut Cases) {
    let (at, models) = (directory(), models());
    let store = at.path().join("store");
    let alone = |(number, (model, duration)): (usize, &(PathBuf, &str))| {
        run(model, duration, "interpreter", &["--no-cache"], &at.path().join(format!("alone {number}"))).expect("a run")
    };
    let expected: Vec<Value> = models.iter().enumerate().map(alone).collect();
    let (sender, finished) = mpsc::channel();
    let mut built = 0;
    std::thread::scope(|scope| {
        for program in 0..programs {
            let (sender, models, store, at) = (sender.clone(), &models, &store, &at);
            scope.spawn(move || {
                for k in 0..models.len() {
                    // Half of them in the same order, half each in its own.
                    let number = if program % 2 == 0 { k } else { (k + program) % models.len() };
                    let (model, duration) = &models[number];
                    let tier = if (program + k) % 2 == 0 { "auto" } else { "compiled" };
                    let place = at.path().join(format!("{program} {number}"));
                    let found = run(model, duration, tier, &["--cache-dir", word(store)], &place);
                    // Nobody hears of it once the row has failed.
                    let _ = sender.send((program, number, tier, found));
                }
            });
        }
        drop(sender);
        for (count, (program, number, tier, found)) in finished.iter().enumerate() {
            let what = || format!("program {program}, {}, {tier}", models[number].0.display());
            match found {
                Ok(value) => {
                    let same = results(&value) == results(&expected[number]);
                    let damaged = value["said"].as_str().is_some_and(|said| said.contains("damaged"));
                    cases.check(same && !damaged, || format!("{}: same {same}, {}", what(), value["said"]));
                    built += kernels(&value).filter(|kernel| kernel["origin"] == "built").count();
                }
                Err(error) => cases.check(false, || format!("{}: {error}", what())),
            }
            if is_removed && count % 4 == 0 {
                let _ = fs::remove_dir_all(store.join("v1"));
            } else if is_removed {
                let swept = saltus(&["cache", "gc", "--cache-dir", word(&store), "--max-size", "50kB"]).output();
                // It says what it could not do, when the store is gone meanwhile.
                let status: Option<ExitStatus> = swept.ok().map(|output| output.status);
                cases.check(status.is_some_and(|status| status.code().is_some()), || format!("gc: {status:?}"));
            }
        }
    });
    if !is_removed {
        // Who comes while a kernel is made waits for it; two may not see that they need the same one, as parts of texts.
        let kept = Store::open(&store, StoreOptions::default()).list();
        let distinct = kept.iter().map(|entry| entry.kernel).collect::<BTreeSet<_>>().len();
        cases.check(built >= distinct && built <= distinct + 2, || format!("{built} built of {distinct}"));
        cases.note(format!("{built} built, {distinct} different"));
    }
    let store = ["--cache-dir", word(&store)];
    for is_healed in [false, true] {
        for ((model, duration), expected) in models.iter().zip(&expected) {
            let found = run(model, duration, "compiled", &store, &at.path().join("after"));
            let good = found.as_ref().is_ok_and(|value| {
                let hits = kernels(value).all(|kernel| kernel["origin"] == "hit");
                results(value) == results(expected) && (hits || !is_healed) && value["said"] == ""
            });
            cases.check(good, || format!("afterwards, {}: {found:?}", model.display()));
        }
    }
}

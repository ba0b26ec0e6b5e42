//! A run of N + M steps is a run of N, a state stored and gone back to, and a run of M: bit for bit.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use saltus::diag::File;
use saltus::engine::{CacheChoice, Options, Tier};
use saltus::model::file;
use saltus::network::{
    self, Assignment, CheckedModel, Error, Model, Monitor, Network, NeuronGroup, RandomState, State,
};

use super::chain;

fn models() -> Vec<PathBuf> {
    let folders = ["tests/models", "tests/running"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(root.join(folder)).expect("a folder of models");
        paths.extend(
            entries.map(|e| e.expect("an entry").path()).filter(|p| p.extension().is_some_and(|e| e == "toml")),
        );
    }
    paths.sort();
    assert!(paths.len() > 40, "only {} models", paths.len());
    paths
}

/// A model, how long it runs, and its step; `None` if it has several runs.
fn checked(path: &Path) -> Option<(CheckedModel, f64)> {
    let text = std::fs::read_to_string(path).expect("a readable model");
    let file = Arc::new(File { name: path.display().to_string(), text });
    let (file, mut diagnostics) = file::parse(file);
    let (model, runs) = network::from_file(&file, &mut diagnostics);
    let (checked, found) = network::check(&model, &runs).expect("no internal error");
    let checked = checked.unwrap_or_else(|| panic!("{diagnostics}\n{found}"));
    let mut network = Network::from_checked(checked, Options::interpreted()).expect("a network");
    let durations: Vec<f64> = network.planned_runs().iter().map(|r| r.duration_seconds).collect();
    let _ = network.finish();
    let (again, _) = network::check(&model, &runs).expect("no internal error");
    match durations[..] {
        [duration] => Some((again?, duration)),
        _ => None,
    }
}

/// Everything that a network knows after a run, as the bytes of a state: what is no number equals itself in them.
fn outcome(network: &Network) -> Vec<u8> {
    bytes(&network.store().expect("no run goes on"))
}

fn bytes(state: &State) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state.npz");
    state.write(&path).expect("a state in a file");
    std::fs::read(path).expect("a readable file")
}

#[test]
fn every_model_goes_on_from_a_file_as_if_it_had_not_stopped() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut compared = 0;
    for path in models() {
        let Some((model, duration)) = checked(&path) else { continue };
        // Without a seed of its own a random model would be another one each time.
        let start = |model: CheckedModel| {
            let mut network = Network::from_checked(model, Options::interpreted()).expect("a network");
            network.seed(7);
            network
        };
        let (first, _) = checked(&path).expect("as before");
        let (second, _) = checked(&path).expect("as before");
        // Halves, because their sum is the whole to the bit.
        let cut = duration / 2.0;
        let mut whole = start(model);
        whole.run(duration, &mut |_| ()).expect("a run");
        let mut one = start(first);
        one.run(cut, &mut |_| ()).expect("a run");
        let file = directory.path().join("state.npz");
        one.save_state(&file).expect("a state in a file");
        let mut two = Network::from_checked(second, Options::interpreted()).expect("a network");
        two.load_state(&file, RandomState::Restore).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        two.run(duration - cut, &mut |_| ()).expect("a run");
        assert!(outcome(&whole) == outcome(&two), "{} differs after going on from a file", path.display());
        compared += 1;
    }
    assert!(compared > 30, "only {compared} models were compared");
}

#[test]
fn another_process_on_another_tier_goes_on_from_a_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/running/everything.toml");
    let run = |arguments: &[&str], json: &str| -> serde_json::Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saltus"));
        command.current_dir(directory.path()).arg("run").arg(&model).args(arguments).args(["--quiet", "--json", json]);
        let output = command.args(["--cache-dir", "store"]).output().expect("saltus runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(directory.path().join(json)).expect("results");
        let mut result: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let fields = result.as_object_mut().expect("an object");
        fields.remove("timing");
        fields.remove("kernels");
        result
    };
    let whole = run(&["--tier", "interpreter"], "whole.json");
    run(&["--tier", "interpreter", "--duration", "8.3*ms", "--save-state", "state.npz"], "first.json");
    let rest = ["--duration", "11.7*ms", "--load-state", "state.npz", "--threads", "2"];
    for tier in ["auto", "interpreter"] {
        let result = run(&[&rest[..], &["--tier", tier]].concat(), "rest.json");
        assert!(result == whole, "the tier {tier} goes on differently");
    }
    // A seed of the command line asks for other numbers.
    assert!(run(&[&rest[..], &["--seed", "8"]].concat(), "other.json") != whole);
}

#[test]
fn random_numbers_go_back_on_request_only() {
    let model = Model::new().seed(3).group(NeuronGroup::new("g", 2, "dv/dt = xi/ms**0.5 : 1"));
    let mut network = Network::new(&model, Options::interpreted()).expect("a network");
    network.run_for("1*ms").expect("a run");
    let state = network.store().expect("a state");
    let mut go_on = |random| {
        network.restore(&state, random).expect("its own state");
        network.run_for("1*ms").expect("a run");
        network.values("g", "v")
    };
    let first = go_on(RandomState::Restore);
    assert_eq!(go_on(RandomState::Restore), first);
    assert_ne!(go_on(RandomState::Keep), first);
}

#[test]
fn a_state_goes_back_behind_changes() {
    let group = chain(2).dt("0.1*ms");
    let model = Model::new().group(group).spike_monitor("s", "g").monitor(Monitor::state("m", "g", &["v"]));
    let mut network = Network::new(&model, Options::interpreted()).expect("a network");
    network.run_for("0.4*ms").expect("a run");
    let state = network.store().expect("a state");
    assert!((state.t_seconds().expect("a time") - 0.4e-3).abs() < 1e-12);
    network.set_step_of("g", "0.05*ms").expect("on the grid");
    network.assign(&Assignment::values("g", "v", &[0.1, 0.2])).expect("values");
    network.run_for("1*ms").expect("a run");
    network.restore(&state, RandomState::Restore).expect("its own state");
    assert!(network.store().expect("a state") == state);
}

#[test]
fn states_of_other_networks_are_refused() {
    let plain = || Model::new().group(chain(2));
    let state_of = |model: &Model| {
        let network = Network::new(model, Options::interpreted()).expect("a network");
        network.store().expect("a state")
    };
    let cases = [
        (plain().spike_monitor("s", "g"), "it has `monitors/s/count`, which the network has not"),
        (Model::new().group(chain(3)), "`groups/g/v` has 3 values in it, but 2 in the network"),
        (Model::new().group(chain(2).float32()), "`groups/g/v` is of another type in it"),
        (Model::new().group(NeuronGroup::new("h", 2, "v : 1")), "it has no `groups/g/v`, which the network has"),
    ];
    for (other, reason) in cases {
        let mut network = Network::new(&plain(), Options::interpreted()).expect("a network");
        let before = network.store().expect("a state");
        match network.restore(&state_of(&other), RandomState::Restore) {
            Err(Error::State(message)) => assert_eq!(message, reason),
            other => panic!("{reason}: {other:?}"),
        }
        assert!(network.store().expect("a state") == before, "{reason}: something was changed");
    }
}

#[test]
fn random_models_do_not_depend_on_tier_or_threads() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/running/everything.toml");
    let run = |options: Options| {
        let (model, duration) = checked(&path).expect("a model with one run");
        let mut network = Network::from_checked(model, options).expect("a network");
        network.run(duration, &mut |_| ()).expect("a run");
        outcome(&network)
    };
    let threads = NonZeroUsize::new(2).expect("not zero");
    let cache = CacheChoice::Directory(directory.path().to_path_buf());
    let interpreted = run(Options::interpreted());
    for tier in [Tier::Auto, Tier::Compiled] {
        for threads in [NonZeroUsize::MIN, threads] {
            let options = Options { tier, threads, cache: cache.clone(), ..Options::default() };
            assert!(run(options) == interpreted, "{tier:?} with {threads} threads differs");
        }
    }
    assert!(run(Options { threads, ..Options::interpreted() }) == interpreted);
}

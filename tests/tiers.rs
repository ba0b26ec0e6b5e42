//! From the interpreter to compiled kernels: what is reused within a process, what has to prove itself, and what happens
//! to a network whose process is forked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use saltus::build::toolchain::discover;
use saltus::build::{CompileOptions, Env, Recipe, compile};
use saltus::engine::{CacheChoice, Options, Origin, Tier};
use saltus::network::{Model, Network, NeuronGroup};
use saltus::render::{Language, Source};
use saltus::runtime::abi::ABI_VERSION;
use saltus::store::{Store, StoreOptions};
use tempfile::TempDir;

fn model() -> Model {
    let cells = NeuronGroup::new("cells", 200, "dv/dt = (drive - v)/(10*ms) : 1 (unless refractory)\ndrive : 1");
    let cells = cells.threshold("v > 1").reset("v = 0").refractory("2*ms").method("exact");
    Model::new().group(cells).init("cells", "drive", "1 + 0.01*i").spike_monitor("spikes", "cells")
}

fn options(tier: Tier, store: &Path) -> Options {
    Options { tier, cache: CacheChoice::Directory(store.to_path_buf()), ..Options::default() }
}

/// Runs for 50 ms; the bits of all that came out.
fn run(network: &mut Network) -> Vec<u64> {
    network.run_for("50*ms").expect("a run");
    network.finish().expect("code");
    results(network)
}

fn results(network: &Network) -> Vec<u64> {
    let spikes = network.spikes("spikes").expect("the monitor");
    let times = spikes.t.iter().map(|t| t.to_bits()).chain(spikes.i.iter().map(|i| *i as u64));
    times.chain(network.values("cells", "v").expect("the variable").iter().map(|v| v.to_bits())).collect()
}

fn interpreted() -> Vec<u64> {
    run(&mut Network::new(&model(), Options::interpreted()).expect("a model"))
}

fn origins(network: &Network) -> Vec<Origin> {
    network.kernel_reports().map(|report| report.origin).collect()
}

#[test]
fn another_network_of_the_process_has_its_kernels_at_once() {
    let directory = TempDir::new().unwrap();
    let expected = interpreted();
    let mut first = Network::new(&model(), options(Tier::Compiled, directory.path())).unwrap();
    assert_eq!(run(&mut first), expected);
    assert_eq!(origins(&first), [Origin::Built; 3]);
    // Not from the store, which is gone.
    fs::remove_dir_all(directory.path()).unwrap();
    let mut second = Network::new(&model(), options(Tier::Auto, directory.path())).unwrap();
    assert_eq!(run(&mut second), expected);
    assert_eq!(origins(&second), [Origin::Hit; 3]);
    assert!(second.full_speed() <= second.first_step(), "before the first step");
    for report in second.kernel_reports() {
        let steps: Vec<u64> = report.swaps.iter().map(|swap| swap.moment.step).collect();
        assert_eq!((steps, report.swaps[0].key), (vec![0], report.key));
    }
    // Only for who looks into that store, in that language, and wants it.
    let elsewhere = TempDir::new().unwrap();
    let fresh = Options { reuse_loaded: false, ..options(Tier::Compiled, directory.path()) };
    for options in [options(Tier::Compiled, elsewhere.path()), fresh] {
        let mut third = Network::new(&model(), options).unwrap();
        assert_eq!(run(&mut third), expected);
        assert_eq!(origins(&third), [Origin::Built; 3]);
    }
}

/// Puts other libraries in the place of all kernels of a store, under their keys.
fn exchange_kernels(store: &Path, body: &str) {
    let toolchain = discover(&Env::of_process(), None, None).expect("these tests need a C compiler");
    let text = format!("{}{body}", include_str!("../templates/abi.h"));
    let source = Source { language: Language::C, text };
    let recipe = Recipe::new(&source, ABI_VERSION, &toolchain, &toolchain.default_features(), Default::default());
    let library = compile(&recipe, &toolchain, &CompileOptions::default()).unwrap().library;
    let kernels = Store::open(store, StoreOptions::default()).list();
    assert!(!kernels.is_empty());
    fs::remove_dir_all(store.join("v1")).unwrap();
    let store = Store::open(store, StoreOptions::default());
    for kernel in kernels {
        store.insert(&kernel.record.recipe, &kernel.record.compiler, &library, 0.1);
    }
}

#[test]
fn a_kernel_on_trial_that_traps_hangs_or_miscomputes_is_not_used() {
    let expected = interpreted();
    let bodies = [
        (
            "void saltus_kernel(void *const *arrays, saltus_call *call) { *(volatile int *)0 = 1; }",
            "was ended by signal",
        ),
        (
            "void saltus_kernel(void *const *arrays, saltus_call *call) { call->selected_count = call->end; }",
            "than the interpreter",
        ),
    ];
    for (body, words) in bodies {
        let directory = TempDir::new().unwrap();
        let checked = Options { check_swap: true, reuse_loaded: false, ..options(Tier::Compiled, directory.path()) };
        let mut sound = Network::new(&model(), checked.clone()).unwrap();
        assert_eq!(run(&mut sound), expected);
        assert_eq!(sound.engine_warnings(), [""; 0]);
        exchange_kernels(directory.path(), body);
        let mut network = Network::new(&model(), checked).unwrap();
        assert_eq!(run(&mut network), expected, "{words}");
        let warnings = network.engine_warnings();
        assert!(warnings.iter().any(|w| w.contains("`cells_stateupdater`") && w.contains(words)), "{warnings:?}");
        let state_updater = network.kernel_reports().next().unwrap();
        assert_eq!((state_updater.origin, state_updater.swaps), (Origin::Interpreter, Vec::new()));
        assert_eq!(network.full_speed(), None);
    }
}

#[test]
fn what_passed_its_trial_is_used() {
    let directory = TempDir::new().unwrap();
    let checked = Options { check_swap: true, ..options(Tier::Compiled, directory.path()) };
    for origin in [Origin::Built, Origin::Hit] {
        let mut network = Network::new(&model(), checked.clone()).unwrap();
        assert_eq!(run(&mut network), interpreted());
        assert_eq!(network.engine_warnings(), [""; 0]);
        for report in network.kernel_reports() {
            // The trial is a step, for the reset the first one with spikes.
            assert!(
                report.origin == origin && report.swaps.len() == 1 && report.swaps[0].moment.step > 0,
                "{report:?}"
            );
        }
        assert!(network.full_speed().is_some());
    }
}

/// Runs `body` in a process that is forked off; whether it returned true.
fn in_a_fork(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs on the only thread that it has, and ends without cleaning up.
    match unsafe { libc::fork() } {
        -1 => panic!("cannot fork"),
        0 => {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(false);
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(i32::from(!done)) }
        }
        process => {
            let mut status = 0;
            // SAFETY: waits for a child of ours.
            let waited = unsafe { libc::waitpid(process, &mut status, 0) };
            waited == process && status == 0
        }
    }
}

#[test]
fn a_network_goes_on_in_a_process_that_was_forked_off() {
    let directory = TempDir::new().unwrap();
    let expected = interpreted();
    for threads in [1, 2] {
        let threads = std::num::NonZeroUsize::new(threads).unwrap();
        let options =
            Options { threads, least_elements: Some(64), reuse_loaded: false, ..options(Tier::Auto, directory.path()) };
        // Forked while code is being made, and after it has arrived.
        let mut network = Network::new(&model(), options.clone()).unwrap();
        assert!(in_a_fork(|| run(&mut network) == expected), "{threads} threads, before the first step");
        assert!(in_a_fork(|| {
            drop(network);
            true
        }));
        let mut network = Network::new(&model(), options.clone()).unwrap();
        network.run_for("20*ms").unwrap();
        network.finish().unwrap();
        let rest = |mut network: Network| {
            network.run_for("30*ms").unwrap();
            results(&network) == expected
        };
        assert!(in_a_fork(|| rest(network)), "{threads} threads, in the middle");
        assert!(
            in_a_fork(|| run(&mut Network::new(&model(), options).unwrap()) == expected),
            "{threads} threads, anew"
        );
    }
}

/// A program of the shell.
fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
    let (draft, path) = (directory.join("draft"), directory.join(name));
    fs::write(&draft, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
    // Copied by another process: while a thread starts one, that may hold the file open for writing, and then it cannot
    // be run.
    assert!(Command::new("cp").arg("-p").args([&draft, &path]).status().unwrap().success());
    path
}

/// A command line that starts the compiler of this machine with the arguments of a script.
fn sound_compiler() -> String {
    let sound = discover(&Env::of_process(), None, None).expect("these tests need a C compiler").program;
    format!("exec {} \"$@\"", sound.display())
}

/// Commands by which a compiler waits, before it compiles a kernel whose text has a word, until there is a file of this
/// name; it says that it waits by another one.
fn gate(directory: &Path, word: &str, file: &str) -> String {
    let at = directory.join(file).display().to_string();
    format!("if grep -qs -e '{word}' kernel.c; then : > {at}-waits; while [ ! -e {at} ]; do sleep 0.01; done; fi\n")
}

/// An environment with this compiler, in which programs of this directory come first.
fn env(compiler: &Path, directory: &Path) -> Env {
    let search = std::env::var_os("PATH").unwrap();
    let search = std::env::join_paths([directory.to_path_buf()].into_iter().chain(std::env::split_paths(&search)));
    Env::new([("CC", compiler.as_os_str().to_owned()), ("PATH", search.unwrap())])
}

/// Waits until something is so, which is looked for again and again.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn what_others_compile_is_had_kernel_by_kernel() {
    let (directory, store) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let at = |name: &str| directory.path().join(name);
    let gates = [("drive", "state"), ("call->indices", "reset")].map(|(word, file)| gate(directory.path(), word, file));
    let compiler = script(directory.path(), "cc", &(gates.concat() + &sound_compiler()));
    let env = env(&compiler, directory.path());
    // Exactly these kernels: each is compiled alone.
    let options = Options { strict: true, reuse_loaded: false, env, ..options(Tier::Auto, store.path()) };
    let mut first = Network::new(&model(), options.clone()).unwrap();
    until("the first one compiles", || at("state-waits").exists());

    // It needs the same kernels, and one more, which it compiles at once.
    let cells = NeuronGroup::new("cells", 200, "dv/dt = (drive - v)/(10*ms) : 1 (unless refractory)\ndrive : 1");
    let cells = cells.threshold("v > 1000").reset("v = 0").refractory("2*ms").method("exact");
    let mut second = Network::new(&Model::new().group(cells), options).unwrap();
    let mut has_swapped = |kind: &str| {
        second.run_for("1*ms").unwrap();
        let report = second.kernel_reports().find(|report| report.kind == kind).unwrap();
        (!report.swaps.is_empty()).then_some(report.origin)
    };
    until("its own kernel is there", || has_swapped("threshold") == Some(Origin::Built));
    assert_eq!(has_swapped("stateupdate"), None);
    fs::write(at("state"), "").unwrap();
    until("the other one's first kernel is there", || has_swapped("stateupdate").is_some());
    assert_eq!(has_swapped("stateupdate"), Some(Origin::Hit));
    assert_eq!(has_swapped("reset"), None, "the other one is still at it");
    fs::write(at("reset"), "").unwrap();
    until("the last one is there", || has_swapped("reset").is_some());
    assert_eq!(has_swapped("reset"), Some(Origin::Hit));
    assert_eq!(run(&mut first), interpreted());
    assert_eq!(origins(&first), [Origin::Built; 3]);
}

#[test]
fn a_process_that_was_forked_off_leaves_compilers_and_what_they_make_alone() {
    let (directory, store) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let text = gate(directory.path(), "drive", "state") + &sound_compiler();
    let env = env(&script(directory.path(), "cc", &text), directory.path());
    let options = Options { reuse_loaded: false, env, ..options(Tier::Auto, store.path()) };
    let mut network = Network::new(&model(), options).unwrap();
    until("it compiles", || directory.path().join("state-waits").exists());
    assert!(in_a_fork(|| {
        // Nothing here would ever end it.
        network.finish().unwrap();
        network.abandon_code();
        origins(&network) == [Origin::Interpreter; 3]
    }));
    fs::write(directory.path().join("state"), "").unwrap();
    assert_eq!(run(&mut network), interpreted());
    assert_eq!(origins(&network), [Origin::Built; 3], "{:?}", network.engine_warnings());
}

#[test]
fn preliminary_code_that_has_proved_itself_goes_on_where_better_code_does_not() {
    let (directory, store) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // What it compiles in the end is not what it was given.
    let wrong = "[ -e kernel.c ] && sed -i 's/v\\[_i\\] = _v;/v[_i] = _v + 1.0;/' kernel.c\n";
    let text = gate(directory.path(), "drive", "state") + wrong + &sound_compiler();
    let compiler = script(directory.path(), "cc", &text);
    // Any compiler is quick enough for this.
    script(directory.path(), "tcc", &sound_compiler());
    let env = env(&compiler, directory.path());
    let options = Options { check_swap: true, reuse_loaded: false, env, ..options(Tier::Auto, store.path()) };

    let cells = NeuronGroup::new("cells", 10, "dv/dt = (drive - v)/(10*ms) : 1\ndrive : 1").method("euler");
    let model = Model::new().group(cells).init("cells", "drive", "1 + 0.01*i");
    let mut network = Network::new(&model, options).unwrap();
    let state_updater = |network: &Network| network.kernel_reports().next().unwrap();
    until("preliminary code has proved itself", || {
        network.run_for("1*ms").unwrap();
        state_updater(&network).swaps.first().is_some_and(|swap| swap.is_preliminary())
    });
    fs::write(directory.path().join("state"), "").unwrap();
    until("better code has not", || {
        network.run_for("1*ms").unwrap();
        !network.engine_warnings().is_empty()
    });
    let key = state_updater(&network).swaps[0].key.expect("compiled").short();
    let warning = &network.engine_warnings()[0];
    let end = format!("gives other bits of `v` than the kernel {key}; the kernel {key} goes on in its place");
    assert!(warning.ends_with(&end), "{warning}");
    let mut interpreted = Network::new(&model, Options::interpreted()).unwrap();
    interpreted.run_for(&format!("{}*second", network.t_seconds())).unwrap();
    assert_eq!(network.values("cells", "v").unwrap(), interpreted.values("cells", "v").unwrap());
}

//! Sources of kernels that somebody wrote by hand, in networks that run.

use std::num::NonZeroUsize;
use std::path::Path;

use saltus::build::{Env, Toolchain, toolchain};
use saltus::engine::{CacheChoice, Options, Origin, Report, RunsOn, Tier};
use saltus::inspect::{KernelView, kernels};
use saltus::live::{Change, LiveNetwork, Refused, Swapped};
use saltus::network::{Model, Monitor, Network, NeuronGroup};
use saltus::render::Language;
use tempfile::TempDir;

use super::all;

const UPDATER: &str = "cells_stateupdater";
const RESETTER: &str = "cells_spike_resetter";

/// Noisy cells with this leak.
fn model(leak: &str, reset: &str) -> Model {
    let equations = format!("dv/dt = (1.2 - {leak})/(20*ms) + 0.1*xi/ms**0.5 : 1");
    let cells = NeuronGroup::new("cells", 200, &equations).threshold("v > 1").reset(reset).method("euler");
    Model::new()
        .seed(7)
        .group(cells)
        .spike_monitor("spikes", "cells")
        .monitor(Monitor::state("states", "cells", &["v"]).dt("1*ms"))
}

fn plain() -> Model {
    model("v", "v = 0")
}

fn options(tier: Tier, language: Language, store: &TempDir) -> Options {
    let cache = CacheChoice::Directory(store.path().to_path_buf());
    Options { tier, language, cache, allow_native: true, ..Options::default() }
}

fn store() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// A kernel as the model leads to it.
fn generated(model: &Model, name: &str, language: Language) -> KernelView {
    let network = Network::new(model, Options::interpreted()).expect("a right model");
    kernels(&network, language).into_iter().find(|kernel| kernel.name == name).expect("a kernel")
}

fn source(model: &Model, name: &str, language: Language) -> String {
    generated(model, name, language).source.text
}

/// What was recorded, and the last values, as bits.
fn outcome(network: &Network) -> Vec<Vec<u64>> {
    let spikes = network.spikes("spikes").expect("a monitor");
    let states = network.states("states").expect("a monitor");
    let lists =
        [spikes.i.iter().map(|i| f64::from(*i)).collect(), spikes.t.clone(), all(&states.variables["v"].1.values)];
    let last = network.final_state().into_iter().flat_map(|(_, variables)| variables).map(|(_, values)| values);
    lists.into_iter().chain(last).map(|values| values.iter().map(|value| value.to_bits()).collect()).collect()
}

fn made(live: &mut LiveNetwork, change: Change) -> Swapped {
    ask(live, change).unwrap_or_else(|refused| panic!("{refused}"))
}

fn ask(live: &mut LiveNetwork, change: Change) -> Result<Swapped, Refused> {
    let asked = live.remote().ask(change);
    live.attend_all();
    asked.wait()
}

fn report(network: &Network, name: &str) -> Report {
    network.kernel_reports().find(|report| report.name == name).expect("a kernel")
}

fn run(live: &mut LiveNetwork, duration: &str) {
    live.run_for(duration).expect("a run");
}

/// Runs plain cells, then with another leak, then with another reset as well, then without the leak, then as at first.
fn with_steps(options: Options, leak: Change, back: Change) -> LiveNetwork {
    let mut live = LiveNetwork::new(plain(), options).expect("a right model");
    run(&mut live, "20*ms");
    made(&mut live, leak);
    run(&mut live, "20*ms");
    made(&mut live, Change::reset("cells", "v = 0.1"));
    run(&mut live, "20*ms");
    made(&mut live, back);
    run(&mut live, "20*ms");
    made(&mut live, Change::Revert(Some(1)));
    run(&mut live, "20*ms");
    live
}

#[test]
fn a_source_by_hand_does_what_the_model_with_the_change_does() {
    let leaky = "(v + 0.3*v**2)";
    let changed = "dv/dt = (1.2 - (v + 0.3*v**2))/(20*ms) + 0.1*xi/ms**0.5 : 1";
    let plainly = "dv/dt = (1.2 - v)/(20*ms) + 0.1*xi/ms**0.5 : 1";
    for language in [Language::C, Language::Rust] {
        let text = source(&model(leaky, "v = 0"), UPDATER, language);
        assert_ne!(text, source(&plain(), UPDATER, language));
        for (tier, threads, check_swap) in [
            (Tier::Auto, 1, false),
            (Tier::Compiled, 2, false),
            (Tier::Interpreter, 1, false),
            (Tier::Compiled, 1, true),
        ] {
            let store = store();
            let options = Options {
                threads: NonZeroUsize::new(threads).expect("some"),
                least_elements: Some(64),
                check_swap,
                ..options(tier, language, &store)
            };
            let by_hand = with_steps(options.clone(), Change::source(UPDATER, &text), Change::generated(UPDATER));
            let by_model = with_steps(
                options,
                Change::equations("cells", changed),
                // Only its equations go back, not its reset.
                Change::equations("cells", plainly),
            );
            assert!(outcome(by_hand.network()) == outcome(by_model.network()), "{language:?}, {tier:?}, {threads}");
            let whats: Vec<&str> = by_hand.versions().iter().map(|version| &*version.what).collect();
            assert_eq!(
                whats,
                [
                    "start",
                    "source of cells_stateupdater by hand",
                    "reset of cells",
                    "generated source of cells_stateupdater",
                    "back to version 1"
                ]
            );
            let report = report(by_hand.network(), UPDATER);
            assert_eq!((report.origin, report.runs_on(), report.language), (Origin::Hand, RunsOn::Hand, language));
            assert_eq!(report.by_hand.as_deref().map(|source| &*source.text), Some(&*text));
        }
    }
}

#[test]
fn all_other_kernels_stay_what_they_were() {
    let store = store();
    let mut live = LiveNetwork::new(plain(), options(Tier::Interpreter, Language::C, &store)).expect("a right model");
    let text = source(&model("2*v", "v = 0"), UPDATER, Language::C);
    let runs_on = |live: &LiveNetwork| live.network().kernel_reports().map(|r| r.runs_on()).collect::<Vec<_>>();
    run(&mut live, "1*ms");
    made(&mut live, Change::source("*_state?pdater", &text));
    run(&mut live, "1*ms");
    assert_eq!(runs_on(&live), [RunsOn::Hand, RunsOn::Interpreter, RunsOn::Interpreter]);
    made(&mut live, Change::Revert(None));
    run(&mut live, "1*ms");
    assert_eq!(runs_on(&live), [RunsOn::Interpreter; 3]);
    let swaps: Vec<RunsOn> = report(live.network(), UPDATER).swaps.iter().map(|swap| swap.runs_on).collect();
    assert_eq!(swaps, [RunsOn::Hand, RunsOn::Interpreter]);
    // What was compiled is there.
    made(&mut live, Change::Revert(Some(1)));
    assert_eq!(runs_on(&live)[0], RunsOn::Hand);
}

#[test]
fn code_that_arrives_meanwhile_runs_afterwards() {
    let store = store();
    let mut live = LiveNetwork::new(plain(), options(Tier::Auto, Language::C, &store)).expect("a right model");
    made(&mut live, Change::source(UPDATER, &source(&model("2*v", "v = 0"), UPDATER, Language::C)));
    let runs_on = |live: &LiveNetwork, name| report(live.network(), name).runs_on();
    while runs_on(&live, RESETTER) != RunsOn::Compiled {
        run(&mut live, "10*ms");
        assert_eq!(runs_on(&live, UPDATER), RunsOn::Hand);
    }
    made(&mut live, Change::generated("*updater"));
    while runs_on(&live, UPDATER) != RunsOn::Compiled {
        run(&mut live, "10*ms");
    }
    assert_eq!(report(live.network(), UPDATER).origin, Origin::Built);
}

/// A compiler of this machine.
fn found(program: &str, language: Language) -> Option<Toolchain> {
    toolchain::discover_for(language, &Env::of_process(), Some(Path::new(program)), None).ok()
}

#[test]
fn what_a_compiler_says_is_shown_at_the_line() {
    let mut tried = 0;
    for (program, language, said, marked) in [
        ("gcc", Language::C, "'nonsense' undeclared (first use in this function)", "nonsense"),
        ("clang", Language::C, "use of undeclared identifier 'nonsense'", "nonsense"),
        ("tcc", Language::C, "'nonsense' undeclared", "nonsense = 1.0;"),
        ("rustc", Language::Rust, "cannot find value `nonsense` in this scope", "nonsense"),
    ] {
        let Some(toolchain) = found(program, language) else { continue };
        tried += 1;
        let store = store();
        let options = Options { cc: Some(toolchain.program), ..options(Tier::Interpreter, language, &store) };
        let mut live = LiveNetwork::new(plain(), options).expect("a right model");
        let text = source(&plain(), UPDATER, language);
        let loops = ["    const i64 begin", "    let (_first"];
        let at = loops.iter().find_map(|begin| text.rfind(begin)).expect("a loop");
        let line = text[..at].lines().count() + 1;
        let wrong = format!("{}    nonsense = 1.0;\n{}", &text[..at], &text[at..]);
        let refused = ask(&mut live, Change::source(UPDATER, &wrong)).expect_err("it is wrong").to_string();
        let digits = line.to_string();
        let expected = format!(
            "error: {said}\n  --> cells_stateupdater.source:{line}:5\n  {line} |     nonsense = 1.0;\n  {:width$} |     {}",
            "",
            "^".repeat(marked.len()),
            width = digits.len()
        );
        assert_eq!(refused, expected, "{program}");
        assert_eq!((live.versions().len(), report(live.network(), UPDATER).runs_on()), (1, RunsOn::Interpreter));
        run(&mut live, "1*ms");
    }
    assert!(tried > 0, "there is a compiler");
}

#[test]
fn what_cannot_run_is_refused_and_why() {
    let store = store();
    let text = source(&plain(), UPDATER, Language::C);
    let missing = text.replace("void saltus_kernel(", "double absent(double);\nvoid saltus_kernel(");
    let missing = missing.replace("v[_i] = _v;", "v[_i] = absent(_v);");
    let native = options(Tier::Interpreter, Language::C, &store);
    let forbidden = Options { allow_native: false, ..native.clone() };
    let bare = Options { env: Env::new([("PATH", "")]), ..native.clone() };
    let cases = [
        (
            &forbidden,
            Change::source(UPDATER, &text),
            "the source of `cells_stateupdater` by hand is native code, which runs only with permission\n\
             hint: `--allow-native`, or `Options::allow_native`",
        ),
        (&native, Change::source("cells_stateupdate", &text), "hint: did you mean `cells_stateupdater`?"),
        (
            &native,
            Change::source("others", &text),
            "no code object fits `others`\nhint: there are `cells_stateupdater`,",
        ),
        (
            &native,
            Change::source("cells_spike*", &text),
            "`cells_spike*` fits more than one code object\n\
             hint: there are `cells_spike_thresholder` and `cells_spike_resetter`: name one of them",
        ),
        (&native, Change::generated(UPDATER), "no code object with a source by hand fits `cells_stateupdater`"),
        (
            &native,
            Change::source(UPDATER, &text.replace("saltus_kernel", "saltus_colonel")),
            "the source of `cells_stateupdater` by hand does not define `saltus_kernel`\nhint: ",
        ),
        (
            &native,
            Change::source(UPDATER, &missing),
            "`absent` is not in the source, and a kernel has no library\n  --> ",
        ),
        (&bare, Change::source(UPDATER, &text), "no C compiler"),
        (&bare, Change::source_in(Language::Rust, UPDATER, &text), "no Rust compiler"),
        (&native, Change::source_in(Language::Rust, UPDATER, &text), "error: "),
    ];
    for (options, change, expected) in cases {
        let mut live = LiveNetwork::new(plain(), options.clone()).expect("a right model");
        let refused = ask(&mut live, change).expect_err(expected).to_string();
        assert!(refused.contains(expected), "{refused}\n\n{expected}");
        assert_eq!(live.versions().len(), 1);
        assert_eq!(report(live.network(), UPDATER).runs_on(), RunsOn::Interpreter);
    }
}

#[test]
fn a_source_stays_with_its_kernel_and_goes_with_it() {
    let store = store();
    let mut live = LiveNetwork::new(plain(), options(Tier::Auto, Language::C, &store)).expect("a right model");
    let text = source(&model("2*v", "v = 0"), UPDATER, Language::C);
    let steps = [
        (Change::source(UPDATER, &text), true, ""),
        (Change::threshold("cells", "v > 0.9"), true, ""),
        (Change::equations("cells", "dv/dt = (1 - v)/(20*ms) : 1"), false, UPDATER),
        (Change::threshold("cells", "v > 1"), false, ""),
        // Before the equations changed.
        (Change::Revert(Some(2)), true, ""),
        (Change::Revert(Some(0)), false, ""),
        (Change::Revert(Some(1)), true, ""),
        (Change::model(model("v", "v = 0.2")), true, ""),
        (Change::model(model("3*v", "v = 0.2")), false, UPDATER),
    ];
    for (change, is_by_hand, lost) in steps {
        let what = change.to_string();
        let swapped = made(&mut live, change);
        run(&mut live, "1*ms");
        assert_eq!(swapped.no_longer_fit.join(", "), lost, "{what}");
        assert_eq!(report(live.network(), UPDATER).runs_on() == RunsOn::Hand, is_by_hand, "{what}");
        let of: Vec<&str> = live.versions()[swapped.version].sources.iter().map(|source| source.of()).collect();
        assert_eq!(of, [UPDATER][..usize::from(is_by_hand)], "{what}");
    }
}

#[test]
fn nobody_gets_a_source_by_hand_who_did_not_ask_for_it() {
    let doubled = model("2*v", "v = 0");
    let text = source(&doubled, UPDATER, Language::C);
    for reuse_loaded in [true, false] {
        let store = store();
        let options = Options { reuse_loaded, ..options(Tier::Compiled, Language::C, &store) };
        let fresh = |model: &Model| {
            let mut network = Network::new(model, options.clone()).expect("a right model");
            network.run_for("20*ms").expect("a run");
            network
        };
        let by_hand = |change: Change| {
            let mut live = LiveNetwork::new(plain(), options.clone()).expect("a right model");
            made(&mut live, change);
            run(&mut live, "20*ms");
            report(live.network(), UPDATER)
        };
        let first = by_hand(Change::source(UPDATER, &text));
        // The kernel that the text would be if nobody had written it by hand is not there.
        let own = fresh(&doubled);
        assert_eq!(report(&own, UPDATER).origin, Origin::Built);
        let kernel = generated(&doubled, UPDATER, Language::C);
        assert_eq!(report(&own, UPDATER).kernel, Some(kernel.id()));
        assert_ne!(first.kernel, Some(kernel.id()));
        assert_ne!(first.key, report(&own, UPDATER).key);
        // The kernel in the place of which it ran is that of the model.
        let plainly = fresh(&plain());
        assert_eq!(report(&plainly, UPDATER).kernel, Some(generated(&plain(), UPDATER, Language::C).id()));
        let mut interpreted = Network::new(&plain(), Options::interpreted()).expect("a right model");
        interpreted.run_for("20*ms").expect("a run");
        assert!(outcome(&plainly) == outcome(&interpreted));
        // Who asks for it again has what was compiled then.
        let second = by_hand(Change::source(UPDATER, &text));
        assert_eq!((second.key, second.compile_seconds), (first.key, first.compile_seconds));
        // A text that the kernel has already is by hand all the same.
        let same = by_hand(Change::source(UPDATER, &source(&plain(), UPDATER, Language::C)));
        assert_eq!(same.origin, Origin::Hand);
        assert_ne!(same.key, report(&plainly, UPDATER).key);
    }
}

#[test]
fn it_runs_in_one_piece() {
    let text = source(&plain(), UPDATER, Language::C);
    // Counts calls, which are more than steps where threads share them.
    let counting = text.replace("void saltus_kernel(", "static double calls;\nvoid saltus_kernel(");
    let counting =
        counting.replace("    const i64 begin = call->begin", "    calls += 1.0;\n    const i64 begin = call->begin");
    let counting = counting.replace("v[_i] = _v;", "v[_i] = calls;");
    let store = store();
    let options = Options {
        threads: NonZeroUsize::new(2).expect("two"),
        least_elements: Some(64),
        ..options(Tier::Compiled, Language::C, &store)
    };
    let model = model("v", "v = v");
    let mut live = LiveNetwork::new(model, options).expect("a right model");
    made(&mut live, Change::source(UPDATER, &counting));
    run(&mut live, "2*ms");
    assert_eq!(live.network().values("cells", "v").expect("values"), vec![20.0; 200]);
}

//! Expressions over a network: their values and units, what is wrong with them, and that nothing that runs is changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use saltus::build::Env;
use saltus::cli::args::Changes;
use saltus::cli::load::load;
use saltus::engine::{CacheChoice, Options};
use saltus::expr::check::ValueType;
use saltus::inspect::{Evaluated, eval, eval_native};
use saltus::live::{LiveNetwork, Refused};
use saltus::network::{
    Connect, Error, Function, Model, Monitor, Network, NetworkOperation, NeuronGroup, Record, Subgroup, Synapses,
    TimedArray,
};

/// A little of everything that a name can stand for.
fn model() -> Model {
    let equations = "dv/dt = (El - v)/tau : volt (unless refractory)
                     above = v - El : volt
                     gain : 1 (shared)
                     twice = 2*gain : 1
                     flag : boolean
                     level : integer";
    let cells = NeuronGroup::new("cells", 4, equations).threshold("v > 10*mV").refractory("2*ms").method("euler");
    let synapses = Synapses::new("S", "cells", "cells", "w : siemens")
        .connect(Connect::pairs(&[0, 1, 3], &[1, 1, 2]))
        .init("w", "(i + 10*j)*nS");
    Model::new()
        .constant("El", "-70*mV")
        .constant("tau", "10*ms")
        .constant("count", "3")
        .constant("double", "2")
        .constant("fn", "4")
        .timed_array(TimedArray::new("drive", &[1.0, 2.0], "0.5*ms").unit("nA"))
        .function(Function::expression("square", &["x"], "x*x"))
        .group(cells)
        .group(Subgroup::new("late", "cells", 2, 4))
        .synapses(synapses)
        .init("cells", "v", "El + i*mV")
        .init("cells", "gain", "1.5")
        .init("cells", "flag", "i > 1")
        .init("cells", "level", "i - 2")
}

fn network() -> Network {
    Network::new(&model(), Options::interpreted()).expect("a network")
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Scope, expression, and what is printed of it.
const VALUES: &[(Option<&str>, &str, &str)] = &[
    (Some("cells"), "v", "4 floats in mV, min -70., mean -68.5, max -67.; -70. -69. -68. -67."),
    (Some("cells"), "above/mV", "4 floats, min 0.0, mean 1.5, max 3.0; 0.0 1.0 2.0 3.0"),
    (Some("cells"), "i", "4 integers, min 0, mean 1.5, max 3; 0 1 2 3"),
    (Some("cells"), "flag", "4 booleans, min false, mean 0.5, max true; false false true true"),
    (Some("cells"), "flag and v > El + 2*mV", "4 booleans, min false, mean 0.25, max true; false false false true"),
    (Some("cells"), "level // 2", "4 integers, min -1, mean -0.5, max 0; -1 -1 0 0"),
    (Some("cells"), "gain", "1.5"),
    (Some("cells"), "twice + N", "7.0"),
    (Some("cells"), "not_refractory", "4 booleans, min true, mean 1.0, max true; true true true true"),
    (Some("cells"), "drive(t)*1*mohm*i", "4 floats in pV, min 0., mean 1.5, max 3.; 0. 1. 2. 3."),
    (Some("cells"), "square(i)", "4 floats, min 0.0, mean 3.5, max 9.0; 0.0 1.0 4.0 9.0"),
    (Some("cells"), "0*i/(0*i)", "4 floats; nan nan nan nan"),
    (Some("cells"), "sqrt(i - 2)", "4 floats, min 0.0, mean 0.5, max 1.0, 2 not a number; nan nan 0.0 1.0"),
    (Some("late"), "i", "2 integers, min 0, mean 0.5, max 1; 0 1"),
    (Some("late"), "N", "2"),
    (Some("late"), "v", "2 floats in mV, min -68., mean -67.5, max -67.; -68. -67."),
    (Some("S"), "w", "3 floats in nS, min 10., mean 14.66666667, max 23.; 10. 11. 23."),
    (Some("S"), "10*i + j", "3 integers, min 1, mean 14.66666667, max 32; 1 11 32"),
    (Some("S"), "v_post - v_pre", "3 floats in mV, min -1., mean 0., max 1.; 1. 0. -1."),
    (Some("S"), "N", "3"),
    (Some("S"), "v", "3 floats in mV, min -69., mean -68.66666667, max -68.; -69. -69. -68."),
    (None, "El", "-70. mV"),
    (None, "count", "3"),
    (None, "count > 2", "true"),
    (None, "El*El", "0.0049 volt**2"),
    (None, "tau + dt", "10.1 ms"),
    (None, "t", "0. s"),
    (None, "t_in_timesteps", "0"),
    (None, "drive(0.7*ms)", "2. nA"),
    (None, "square(exp(0))", "1.0"),
    (None, "2*pi*count", "18.84955592"),
];

#[test]
fn values_have_types_and_units() {
    let mut network = network();
    for (scope, expression, expected) in VALUES {
        let seen = eval(&mut network, expression, *scope).unwrap_or_else(|error| panic!("{expression}: {error}"));
        let place = scope.map_or(String::new(), |scope| format!(" of {scope}"));
        assert_eq!(seen.to_string(), format!("{expression}{place} at t = 0. s: {expected}"));
        assert_eq!(seen.warnings.0.len(), 0, "{expression}");
    }
}

#[test]
fn values_are_exact_and_types_are_told() {
    let mut network = network();
    let mut look = |expression: &str, scope| eval(&mut network, expression, scope).expect("values");
    let seen = look("v", Some("cells"));
    assert_eq!(bits(&seen.values), bits(&[-0.07, -0.07 + 0.001, -0.07 + 0.002, -0.07 + 0.003]));
    assert_eq!((seen.ty, seen.dimension.to_string(), seen.is_single), (ValueType::Float, "volt".to_string(), false));
    let seen = look("level", Some("cells"));
    assert_eq!((seen.ty, seen.values, seen.is_single), (ValueType::Integer, vec![-2.0, -1.0, 0.0, 1.0], false));
    let seen = look("gain > 1", Some("cells"));
    assert_eq!((seen.ty, seen.values, seen.is_single), (ValueType::Boolean, vec![1.0], true));
    let seen = look("1//(level - level)", Some("cells"));
    assert_eq!(seen.values, [0.0; 4]);
    let warning = seen.warnings.to_string();
    assert!(
        warning.starts_with("warning: an integer was divided by zero") && warning.contains("1 | 1//(level"),
        "{warning}"
    );
}

#[test]
fn wrong_expressions_are_told_at_their_place() {
    let mut network = network();
    let mut said = String::new();
    for (scope, expression) in [
        (Some("cells"), "v - Ek"),
        (Some("cells"), "v + tau"),
        (Some("cells"), "w + 1*nS"),
        (Some("cell"), "v"),
        (Some("cells"), "v +"),
        (Some("cells"), "v = 2*mV"),
        (None, "v - El"),
        (None, "i"),
        (None, "w"),
        (None, "squared(2)"),
        (Some("S"), "vpost"),
        (Some("cells"), ""),
    ] {
        let error = eval(&mut network, expression, scope).expect_err(expression);
        said += &format!("{expression:?} in {scope:?}\n{error}\n\n");
    }
    insta::with_settings!({ snapshot_path => "inspect", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("wrong_expressions", said.trim_end());
    });
}

#[test]
fn a_function_with_a_state_is_not_looked_at() {
    let calls = Arc::new(Mutex::new(0));
    let own = calls.clone();
    let counter = Function::closure("counter", &["x"], move |_, results| {
        *own.lock().expect("no panic") += 1;
        results.fill(0.0);
    });
    let cells = NeuronGroup::new("cells", 2, "v : 1");
    let model = Model::new().function(counter.stateful()).group(cells);
    let mut network = Network::new(&model, Options::interpreted()).expect("a network");
    let error = eval(&mut network, "v + counter(v)", Some("cells")).expect_err("a state").to_string();
    assert!(error.contains("1 | v + counter(v)\n    |     ^^^^^^^^^^"), "{error}");
    assert_eq!(*calls.lock().expect("no panic"), 0);
}

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models");
    let entries = std::fs::read_dir(folder).expect("the folder of models");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut models: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    models.sort();
    models
}

#[test]
fn the_value_of_a_variable_is_the_variable() {
    let mut compared = 0;
    for path in models() {
        let checked =
            load(&path, &Changes::default()).unwrap_or_else(|_| panic!("{} is wrong", path.display())).checked;
        let mut network = Network::from_checked(checked, Options::interpreted()).expect("a network");
        network.run_for("0.5*ms").expect("a run");
        let names: Vec<(String, String)> = network
            .sources()
            .iter()
            .flat_map(|(name, source)| {
                let variables = &network.populations()[source.population].group.variables;
                variables.keys().map(|variable| (name.clone(), variable.clone())).collect::<Vec<_>>()
            })
            .collect();
        for (group, variable) in names {
            // Delays have names that no expression has, and numbers of cells are counted from the first one of a part.
            let is_name = variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !variable.starts_with('_');
            let Some(kept) = network.values(&group, &variable).filter(|_| is_name) else { continue };
            let seen =
                eval(&mut network, &variable, Some(&group)).unwrap_or_else(|error| panic!("{variable}: {error}"));
            assert_eq!(bits(&seen.values), bits(&kept), "{}: {variable} of {group}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 200, "only {compared} variables");
}

/// Noise, draws, delays, plasticity: what would notice that a number was drawn.
fn noisy() -> Model {
    let cells = NeuronGroup::new("cells", 40, "dv/dt = (1.2 - v)/(20*ms) + 0.1*xi/ms**0.5 : 1 (unless refractory)")
        .threshold("v > 1")
        .reset("v = 0.1*rand()")
        .refractory("3*ms")
        .method("euler");
    let synapses = Synapses::new("S", "cells", "cells", "g : 1")
        .on_pre("v_post += g*rand()")
        .connect(Connect::condition("i != j").p("0.2"))
        .init("g", "0.01*i/40.0")
        .init("pre.delay", "1*ms + j*0.1*ms");
    Model::new()
        .seed(7)
        .group(cells)
        .group(Subgroup::new("few", "cells", 3, 9))
        .synapses(synapses)
        .spike_monitor("spikes", "cells")
        .monitor(Monitor::state("states", "cells", &["v"]).record(Record::All))
}

const LOOKS: [(&str, Option<&str>); 7] = [
    ("v + rand()", Some("cells")),
    ("randn() + v", Some("few")),
    ("poisson(3)", Some("S")),
    ("v_post*N_incoming + (i - j)", Some("S")),
    ("lastspike - t", Some("cells")),
    ("rand()", None),
    ("t + dt", None),
];

/// What is left after a run: as bits.
fn outcome(network: &Network) -> Vec<Vec<u64>> {
    let spikes = network.spikes("spikes").expect("a monitor");
    let (_, column) = &network.states("states").expect("a monitor").variables["v"];
    let mut out = vec![
        spikes.i.iter().map(|i| u64::from(*i as u32)).collect(),
        bits(&spikes.t),
        (0..column.values.len()).map(|k| column.values.get(k).to_bits()).collect(),
    ];
    assert!(out[0].len() > 20, "only {} spikes", out[0].len());
    for (_, variables) in network.final_state() {
        out.extend(variables.values().map(|values| bits(values)));
    }
    out
}

#[test]
fn looking_changes_nothing_that_runs() {
    let alone = {
        let mut network = Network::new(&noisy(), Options::interpreted()).expect("a network");
        network.run_for("40*ms").expect("a run");
        network
    };
    let looks = Arc::new(Mutex::new(0));
    let own = looks.clone();
    let mut network = Network::new(&noisy(), Options::interpreted()).expect("a network");
    let names = |network: &Network| network.kernel_reports().map(|report| report.name).collect::<Vec<_>>();
    let look = move |network: &mut Network, _: f64| {
        for (expression, scope) in LOOKS {
            let seen = eval(network, expression, scope)?;
            assert!(seen.values.iter().all(|value| value.is_finite()), "{expression}");
            *own.lock().expect("no panic") += 1;
        }
        Ok(())
    };
    network.add_operation(NetworkOperation::new("look").dt("0.7*ms").when("resets"), look).expect("a slot");
    network.run_for("40*ms").expect("a run");
    assert_eq!(*looks.lock().expect("no panic"), 58 * LOOKS.len());
    assert_eq!(outcome(&network), outcome(&alone));
    assert_eq!(network.random_state(), alone.random_state());
    assert_eq!(names(&network), names(&alone));
    assert_eq!(network.code_objects().count(), alone.code_objects().count());
}

#[test]
fn what_is_drawn_for_a_look_is_what_an_assignment_would_get() {
    let mut network = Network::new(&noisy(), Options::interpreted()).expect("a network");
    let seen = [0; 2].map(|_| eval(&mut network, "rand()", Some("cells")).expect("numbers").values);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(network.evaluate("cells", "rand()", None).expect("numbers"), seen[0]);
    assert_ne!(eval(&mut network, "rand()", Some("cells")).expect("numbers").values, seen[0]);
}

#[test]
fn a_look_sees_what_a_monitor_records() {
    let seen: Arc<Mutex<Vec<Evaluated>>> = Arc::default();
    let own = seen.clone();
    let mut network = Network::new(&noisy(), Options::interpreted()).expect("a network");
    let look = move |network: &mut Network, t: f64| {
        let values = eval(network, "v", Some("cells"))?;
        assert_eq!(values.t_seconds, t);
        own.lock().expect("no panic").push(values);
        Ok(())
    };
    network.add_operation(NetworkOperation::new("look").when("start"), look).expect("a slot");
    network.run_for("5*ms").expect("a run");
    let states = network.states("states").expect("a monitor");
    let (_, column) = &states.variables["v"];
    let seen = seen.lock().expect("no panic");
    assert_eq!(seen.len(), states.t.len());
    for (k, (values, t)) in seen.iter().zip(&states.t).enumerate() {
        let recorded: Vec<f64> = (0..40).map(|cell| column.values.get(k * 40 + cell)).collect();
        assert_eq!((values.t_seconds, bits(&values.values)), (*t, bits(&recorded)));
    }
}

#[test]
fn any_thread_looks_at_a_network_that_runs() {
    let alone = {
        let mut network = Network::new(&noisy(), Options::interpreted()).expect("a network");
        network.run_for("400*ms").expect("a run");
        network
    };
    let mut live = LiveNetwork::new(noisy(), Options::interpreted()).expect("a network");
    let remote = live.remote();
    let asking = std::thread::spawn(move || {
        let ask = |k: usize| {
            let (expression, scope) = LOOKS[k % LOOKS.len()];
            remote.eval(expression, scope).wait().expect("values");
            let wrong = remote.eval("v + u", Some("cells")).wait();
            assert!(matches!(&wrong, Err(Refused::Wrong(Error::Model(_)))), "{wrong:?}");
            remote.eval("v", Some("cells")).wait().expect("values")
        };
        let seen: Vec<Evaluated> = (0..20).map(ask).collect();
        remote.stop();
        seen
    });
    // However long it takes to ask, the network runs meanwhile.
    let mut looks = 0;
    while live.run(0.02, &mut |_| looks += 1).expect("a run") != saltus::network::Ending::Stopped {}
    let seen = asking.join().expect("no panic");
    assert!(looks > 20, "{looks}");
    let network = live.network();
    let states = network.states("states").expect("a monitor");
    let (_, column) = &states.variables["v"];
    for values in &seen {
        // What is seen between two steps is what the next one begins with.
        let step = (values.t_seconds / 1e-4).round() as usize;
        let recorded = |cell: usize| {
            if step < states.t.len() {
                column.values.get(step * 40 + cell)
            } else {
                network.values("cells", "v").expect("values")[cell]
            }
        };
        assert_eq!(bits(&values.values), bits(&(0..40).map(recorded).collect::<Vec<_>>()), "step {step}");
    }
    let (_, all) = &alone.states("states").expect("a monitor").variables["v"];
    let common = all.values.len().min(column.values.len());
    let first =
        |values: &saltus::runtime::record::Values| (0..common).map(|k| values.get(k).to_bits()).collect::<Vec<_>>();
    assert_eq!(first(&column.values), first(&all.values));
    let remote = live.remote();
    drop(live);
    assert!(matches!(remote.eval("1", None).wait(), Err(Refused::Ended)));
}

#[test]
fn whoever_asks_at_each_look_does_not_stop_the_run() {
    let mut live = LiveNetwork::new(model(), Options::interpreted()).expect("a model");
    let remote = live.remote();
    let mut looks = 0;
    let ending = live.run(0.005, &mut |_| {
        looks += 1;
        assert!(looks <= 1000, "it goes on from look to look");
        drop(remote.eval("v", Some("cells")));
    });
    assert_eq!(ending.expect("a run"), saltus::network::Ending::Complete);
}

#[test]
fn what_happens_in_the_step_before_a_look_is_not_forgotten() {
    // Cells reset a step after they spike, since that is looked at last.
    let cells = NeuronGroup::new("cells", 5, "dv/dt = (i + 1)/ms : 1").threshold("v > 1").reset("v = 0");
    let model = Model::new().group(cells.event_schedule("spike", "end", 0)).spike_monitor("spikes", "cells");
    let mut alone = Network::new(&model, Options::interpreted()).expect("a network");
    alone.run_for("10*ms").expect("a run");
    let mut live = LiveNetwork::new(model, Options::interpreted()).expect("a network");
    let remote = live.remote();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let own = asked.clone();
    let ask = move |_: &mut Network, _: f64| {
        own.lock().expect("no panic").push(remote.eval("v", Some("cells")));
        Ok(())
    };
    live.network_mut().add_operation(NetworkOperation::new("ask"), ask).expect("a slot");
    live.run_for("10*ms").expect("a run");
    let asked = std::mem::take(&mut *asked.lock().expect("no panic"));
    assert_eq!(asked.len(), 100);
    for (k, looked) in asked.into_iter().enumerate() {
        // What is asked for in a step is seen after it.
        let seen = looked.wait().expect("values");
        assert!((seen.t_seconds - (k + 1) as f64 * 1e-4).abs() < 1e-9, "{k}: {}", seen.t_seconds);
    }
    assert_eq!(live.network().values("cells", "v"), alone.values("cells", "v"));
    let (alone, seen) =
        (alone.spikes("spikes").expect("a monitor"), live.network().spikes("spikes").expect("a monitor"));
    assert!(alone.i.len() > 50, "{}", alone.i.len());
    assert_eq!((&seen.i, bits(&seen.t)), (&alone.i, bits(&alone.t)));
}

fn native_options(directory: &tempfile::TempDir) -> Options {
    let cache = CacheChoice::Directory(directory.path().join("store"));
    Options { allow_native: true, cache, ..Options::interpreted() }
}

#[test]
fn c_sees_the_names_of_a_scope() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut network = Network::new(&model(), native_options(&directory)).expect("a network");
    for (scope, expression, values) in [
        (Some("cells"), "v[1] - El", vec![-0.07 + 0.001 - -0.07]),
        (
            Some("cells"),
            "v[_idx]/mV",
            [-0.07, -0.07 + 0.001, -0.07 + 0.002, -0.07 + 0.003].iter().map(|v| v / 1e-3).collect(),
        ),
        (Some("cells"), "flag[_idx] ? level[_idx] : -gain*N", vec![-6.0, -6.0, 0.0, 1.0]),
        (Some("cells"), "/* two\nlines */ _idx\n  + t // and more", vec![0.0, 1.0, 2.0, 3.0]),
        (Some("cells"), "above[_idx] > 1.5e-3", vec![0.0, 0.0, 1.0, 1.0]),
        (Some("late"), "level[_idx]", vec![0.0, 1.0]),
        (Some("S"), "100*i[_idx] + j[_idx]", vec![1.0, 101.0, 302.0]),
        (Some("S"), "v_pre[_idx] == v_post[_idx]", vec![0.0, 1.0, 0.0]),
        (None, "count/2", vec![1.0]),
        (None, "count/2.0 + dt*0", vec![1.5]),
        (None, "_u_double + fn", vec![6.0]),
    ] {
        let seen = eval_native(&mut network, expression, scope).unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(bits(&seen.values), bits(&values), "{expression}");
        assert_eq!(seen.is_single, !expression.contains("_idx"), "{expression}");
    }
    // The functions are those of the language.
    for (in_c, in_model) in [
        ("exp(v[_idx]*20) + sqrt(fabs(v[_idx]))", "exp(v/volt*20) + sqrt(abs(v/volt))"),
        ("pow(level[_idx], 3) + asin(gain/2)", "1.0*level**3 + arcsin(gain/2)"),
    ] {
        let c = eval_native(&mut network, in_c, Some("cells")).expect(in_c).values;
        assert_eq!(bits(&c), bits(&eval(&mut network, in_model, Some("cells")).expect(in_model).values), "{in_c}");
    }
    let before = network.values("cells", "v");
    eval_native(&mut network, "((double *)v)[0] = 7", Some("cells")).expect("a copy is written");
    assert_eq!(network.values("cells", "v"), before);
}

#[test]
fn c_that_is_wrong_is_told_at_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut network = Network::new(&model(), native_options(&directory)).expect("a network");
    for (expression, what, place, hint) in [
        ("v[0] - Ell", "`Ell` is not defined", (1, 8), Some("did you mean `El`?")),
        ("v[0] +\n  (gain", "the expression is not complete", (2, 8), None),
        ("v[0] = 3", "read-only", (1, 6), None),
        ("v", "", (1, 0), None),
        ("1 + lgamma(gain)", "there is no function `lgamma` here", (1, 5), Some("there are exp, expm1, log")),
        ("1\n#include <stdio.h>", "preprocessor", (2, 1), Some("nothing can be included")),
        (" ", "empty", (1, 1), None),
    ] {
        let error = eval_native(&mut network, expression, Some("cells")).expect_err(expression);
        let Error::Model(diagnostics) = error else { panic!("{expression}: {error}") };
        let first = &diagnostics.0[0];
        assert!(first.message.contains(what), "{expression}: {diagnostics}");
        let (line, column) = first.line_column().expect("a place");
        assert!(line == place.0 && (place.1 == 0 || column == place.1), "{expression}: {diagnostics}");
        let said = first.hint.as_deref().unwrap_or_default();
        assert!(hint.is_none_or(|hint| said.contains(hint)), "{expression}: {diagnostics}");
    }
}

#[test]
fn c_needs_permission_and_a_compiler() {
    let mut without = network();
    let error = eval_native(&mut without, "1", None).expect_err("no permission").to_string();
    assert!(error.contains("only with permission: `--allow-native`"), "{error}");
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { env: Env::new([("PATH", "")]), ..native_options(&directory) };
    let mut without = Network::new(&model(), options).expect("a network");
    let error = eval_native(&mut without, "1", None).expect_err("no compiler").to_string();
    assert!(error.starts_with("no C compiler"), "{error}");
}

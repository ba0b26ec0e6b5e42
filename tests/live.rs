//! Networks whose model is changed while they run leave what fresh networks leave that were made from each form of the
//! model, and went on from a file with the state of the one before.

#[path = "live/by_hand.rs"]
mod by_hand;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use saltus::engine::{CacheChoice, Options, Tier};
use saltus::live::{Change, LiveNetwork, Refused, Swapped, Version};
use saltus::network::{
    Connect, Ending, Error, Model, Monitor, Network, NetworkOperation, NeuronGroup, RandomState, Record, State,
    Synapses,
};
use saltus::runtime::record::Values;
use tempfile::TempDir;

/// Noisy cells, connected with delays, and monitors of all kinds.
fn model() -> Model {
    let cells = NeuronGroup::new("cells", 40, "dv/dt = (1.2 - v)/(20*ms) + 0.1*xi/ms**0.5 : 1 (unless refractory)")
        .threshold("v > 1")
        .reset("v = 0")
        .refractory("3*ms")
        .method("euler");
    let synapses = Synapses::new("S", "cells", "cells", "g : 1")
        .on_pre("v_post += g")
        .connect(Connect::condition("i != j").p("0.2"))
        .init("g", "0.01*i/40.0")
        .init("pre.delay", "1*ms + j*0.1*ms");
    Model::new()
        .seed(7)
        .group(cells)
        .synapses(synapses)
        .spike_monitor("spikes", "cells")
        .rate_monitor("rate", "cells")
        .monitor(Monitor::state("states", "cells", &["v"]).record(Record::Cells(vec![0, 3, 39])).dt("5*ms"))
}

fn options(tier: Tier, store: &TempDir) -> Options {
    Options { tier, cache: CacheChoice::Directory(store.path().to_path_buf()), ..Options::default() }
}

fn all(values: &Values) -> Vec<f64> {
    (0..values.len()).map(|k| values.get(k)).collect()
}

/// Everything that was recorded, and the last values: as bits, since what is no number equals itself in them.
fn outcome(network: &Network) -> Vec<(String, Vec<u64>)> {
    let mut out = Vec::new();
    let mut put = |name: String, values: Vec<f64>| out.push((name, values.iter().map(|v| v.to_bits()).collect()));
    let spikes = network.spikes("spikes").expect("a monitor");
    put("spikes.i".into(), spikes.i.iter().map(|i| f64::from(*i)).collect());
    put("spikes.t".into(), spikes.t.clone());
    let rate = network.rates("rate").expect("a monitor");
    put("rate.t".into(), rate.t.clone());
    put("rate.rate".into(), rate.rate.clone());
    let states = network.states("states").expect("a monitor");
    put("states.t".into(), states.t.clone());
    for (name, (_, column)) in &states.variables {
        put(format!("states.{name}"), all(&column.values));
    }
    for (group, variables) in network.final_state() {
        variables.into_iter().for_each(|(name, values)| put(format!("{group}.{name}"), values));
    }
    out
}

/// Runs each version from its time to that of the next one, each in a network of its own.
fn by_files(versions: &[Version], end_seconds: f64, options: &Options, folder: &Path) -> Network {
    let mut network: Option<Network> = None;
    for (number, version) in versions.iter().enumerate() {
        let path = folder.join(format!("{number}.state"));
        if let Some(before) = &network {
            before.save_state(&path).expect("a file");
        }
        let mut fresh = Network::new(&version.model, options.clone()).expect("a right model");
        if network.is_some() {
            let state = State::read(&path).expect("a whole file");
            fresh.restore_by_name(&state, RandomState::Restore).expect("a state that fits");
        }
        let until = versions.get(number + 1).map_or(end_seconds, |next| next.t_seconds);
        fresh.run(until - fresh.t_seconds(), &mut |_| ()).expect("a run");
        network = Some(fresh);
    }
    network.expect("at least one version")
}

/// Lets no more than its share of the time pass while a change is on its way.
fn keep_pace(network: &mut Network, is_over: &Arc<AtomicBool>, answered: Receiver<()>, share_seconds: f64) {
    let mut due = share_seconds;
    let (is_over, answered) = (is_over.clone(), Mutex::new(answered));
    network
        .add_operation(NetworkOperation::new("pace"), move |_, t_seconds| {
            if t_seconds < due || is_over.load(Ordering::Acquire) {
                return Ok(());
            }
            // It may be that it is waited for the end of this very step.
            if answered.lock().expect("no panic").recv_timeout(Duration::from_millis(5)).is_ok() {
                due += share_seconds;
            }
            Ok(())
        })
        .expect("a right operation");
}

#[test]
fn what_is_edited_in_a_run_is_what_fresh_networks_leave() {
    let equations = "dv/dt = (1.2 - v - w)/(20*ms) + 0.1*xi/ms**0.5 : 1 (unless refractory)\ndw/dt = -w/(80*ms) : 1";
    let changes = [
        (Change::threshold("cells", "v > 0.9"), "threshold of cells: state kept"),
        (Change::equations("cells", equations), "equations of cells: state kept; new: cells.w"),
        (Change::reset("cells", "v = 0\nw += 0.1"), "reset of cells: state kept"),
        (Change::reset("cells", "v = 0\nw += 0.1*("), "refused"),
        (Change::threshold("cells", "v > 1*mV"), "refused"),
        (Change::pathway("S", "pre", "v_post += 2*g"), "pre of S: state kept"),
        (Change::Revert(None), "back by one: state kept"),
        (Change::Revert(None), "back by one: state kept"),
        (Change::Revert(Some(9)), "refused"),
        (Change::Revert(Some(0)), "back to version 0: state kept; gone: cells.w"),
    ];
    for tier in [Tier::Interpreter, Tier::Auto] {
        let store = tempfile::tempdir().expect("a directory");
        let mut live = LiveNetwork::new(model(), options(tier, &store)).expect("a right model");
        let (tell, answered) = channel();
        let is_over = Arc::new(AtomicBool::new(false));
        keep_pace(live.network_mut(), &is_over, answered, 10.0 / 12.0);
        let remote = live.remote();
        let asked = changes.clone();
        let driver = std::thread::spawn(move || {
            let answers: Vec<_> = asked
                .into_iter()
                .map(|(change, _)| {
                    let answer = remote.ask(change).wait();
                    let _ = tell.send(());
                    answer
                })
                .collect();
            is_over.store(true, Ordering::Release);
            answers
        });
        assert_eq!(live.run_for("10*second").expect("a run"), Ending::Complete);
        for ((_, expected), answer) in changes.iter().zip(driver.join().expect("no panic")) {
            let said = match &answer {
                Ok(Swapped { what, taken, t_seconds, .. }) => {
                    assert!((0.0..10.0).contains(t_seconds), "while it runs");
                    format!("{what}: {taken}")
                }
                Err(Refused::Ended) => "the run was over".to_string(),
                Err(_) => "refused".to_string(),
            };
            assert_eq!(said, *expected, "{tier:?}");
        }
        let versions = live.versions().to_vec();
        assert_eq!(versions.len(), 8);
        let folder = tempfile::tempdir().expect("a directory");
        let expected = by_files(&versions, 10.0, &options(tier, &store), folder.path());
        let (found, expected) = (outcome(live.network()), outcome(&expected));
        assert!(expected.iter().any(|(name, values)| name == "spikes.i" && values.len() > 1000), "cells spike");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found == expected, "{tier:?}: {} differs", expected.0);
        }
        assert_eq!(found.len(), expected.len());
    }
}

#[test]
fn a_refused_change_says_where_it_is_wrong_and_changes_nothing() {
    let mut live = LiveNetwork::new(model(), Options::interpreted()).expect("a right model");
    let before = outcome(live.network());
    let wrong = [
        (Change::reset("cells", "v = = 0"), "cells.reset"),
        (Change::threshold("cells", "u > 1"), "cells.threshold"),
        (Change::equations("cells", "dv/dt = 1 : 1"), "cells.equations"),
        (Change::pathway("S", "pre", "v_pots += 1"), "S.pre"),
        (Change::pathway("S", "post", "v_post += 1"), "there is no pathway `post`"),
        (Change::reset("cell", "v = 0"), "there is no group of neurons `cell`"),
        (Change::Revert(Some(1)), "there is no version 1"),
        (Change::model(Model { groups: Vec::new(), ..model() }), "cells"),
    ];
    for (change, expected) in wrong {
        let asked = live.remote().ask(change);
        live.attend_all();
        let said = asked.wait().expect_err(expected).to_string();
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(live.versions().len(), 1);
    assert!(before == outcome(live.network()));
}

/// The state of one form of a group goes over to another form.
fn taken(old: Model, new: Model) -> Result<(String, Network), Error> {
    let mut old = Network::new(&old, Options::interpreted())?;
    old.run_for("20*ms")?;
    let mut new = Network::new(&new, Options::interpreted())?;
    let taken = new.restore_by_name(&old.store()?, RandomState::Restore)?;
    Ok((taken.to_string(), new))
}

#[test]
fn state_goes_over_by_name() {
    let made = |n: usize, equations: &str| {
        let cells = NeuronGroup::new("cells", n, equations).threshold("v > 0.9").reset("v = 0").method("euler");
        Model::new().group(cells).spike_monitor("spikes", "cells")
    };
    let plain = "dv/dt = (1 - v)/(5*ms) : 1";
    let cases = [
        (made(3, plain), made(3, plain), "state kept"),
        (made(3, plain), made(3, "dv/dt = (1 - v)/(5*ms) : 1\nw : volt"), "state kept; new: cells.w"),
        (made(3, "dv/dt = (1 - v)/(5*ms) : 1\nw : volt"), made(3, plain), "state kept; gone: cells.w"),
        (
            made(3, "dv/dt = (1 - v)/(5*ms) : 1\nk : integer"),
            made(3, "dv/dt = (1 - v)/(5*ms) : 1\nk : 1"),
            "state kept; starts anew: cells.k",
        ),
        (made(3, plain), made(3, plain).rate_monitor("rate", "cells"), "state kept; new: rate"),
        (made(3, plain).rate_monitor("rate", "cells"), made(3, plain), "state kept; gone: rate"),
        (
            made(3, plain).monitor(Monitor::state("m", "cells", &["v"])),
            made(3, plain).monitor(Monitor::state("m", "cells", &["v"]).record(Record::Cells(vec![1]))),
            "state kept; starts anew: m",
        ),
        (made(3, plain).dt("0.1*ms"), made(3, plain).dt("0.2*ms"), "state kept"),
    ];
    for (old, new, expected) in cases {
        let (said, network) = taken(old, new).expect(expected);
        assert_eq!(said, expected);
        assert!(network.spikes("spikes").expect("a monitor").total > 0, "records go on");
        assert!((network.t_seconds() - 0.02).abs() < 1e-12);
    }
    for (old, new, expected) in [
        (made(3, plain), made(4, plain), "`cells` has 4 cells now, but ran with 3"),
        (made(3, plain), made(3, plain).dt("0.3*ms"), "which is no whole number of steps of 0.0003 s"),
    ] {
        let Err(error) = taken(old, new) else { panic!("{expected}") };
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_new_column_has_nothing_for_the_time_before() {
    let made = |variables: &[&str]| {
        let cells = NeuronGroup::new("cells", 2, "dv/dt = 1/ms : 1\ndu/dt = 2/ms : 1").method("euler");
        Model::new().group(cells).monitor(Monitor::state("m", "cells", variables))
    };
    let (said, mut network) = taken(made(&["v"]), made(&["v", "u"])).expect("a state that fits");
    assert_eq!(said, "state kept");
    network.run_for("1*ms").expect("a run");
    let monitor = network.states("m").expect("a monitor");
    let (v, u) = (all(&monitor.variables["v"].1.values), all(&monitor.variables["u"].1.values));
    assert_eq!((monitor.t.len(), v.len(), u.len()), (210, 420, 420));
    assert!(u[..400].iter().all(|u| u.is_nan()) && !u[400].is_nan());
    assert!((u[400] - 2.0 * v[400]).abs() < 1e-9, "the state itself goes on");
}

#[test]
fn operations_and_changes_of_many_askers_are_all_seen_to() {
    let cells = |reset: &str| NeuronGroup::new("cells", 1, "v : 1").threshold("v > 1").reset(reset);
    let mut live = LiveNetwork::new(Model::new().group(cells("v = 0")), Options::interpreted()).expect("a model");
    let calls = Arc::new(Mutex::new(VecDeque::new()));
    let seen = calls.clone();
    let operation = NetworkOperation::new("seen").dt("1*ms");
    live.network_mut()
        .add_operation(operation, move |_, t| {
            seen.lock().expect("no panic").push_back(t);
            Ok(())
        })
        .expect("a right operation");
    live.run_for("2*ms").expect("a run");
    let asked: Vec<_> = std::thread::scope(|scope| {
        let ask = |k: i32| {
            let remote = live.remote();
            scope.spawn(move || remote.ask(Change::reset("cells", &format!("v = {k}"))))
        };
        let askers: Vec<_> = (0..8).map(ask).collect();
        askers.into_iter().map(|asker| asker.join().expect("no panic")).collect()
    });
    live.run_for("3*ms").expect("a run");
    let mut versions: Vec<usize> = asked.into_iter().map(|asked| asked.wait().expect("a change").version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=8).collect::<Vec<usize>>());
    let times: Vec<f64> = calls.lock().expect("no panic").iter().map(|t| (t * 1e6).round() / 1e3).collect();
    assert_eq!(times, [0.0, 1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn clocks_that_come_and_go_leave_the_others_alone() {
    let made = |operation: Option<&str>, monitor: Option<&str>| {
        let mut cells = NeuronGroup::new("cells", 2, "dv/dt = 1/ms : 1").method("euler");
        if let Some(dt) = operation {
            cells = cells.run_regularly("v = v", dt);
        }
        let model = Model::new().group(cells);
        match monitor {
            Some(dt) => model.monitor(Monitor::state("m", "cells", &["v"]).dt(dt)),
            None => model,
        }
    };
    for (old, new, expected) in [
        (made(Some("3*ms"), Some("7*ms")), made(None, Some("7*ms")), "state kept"),
        (made(None, Some("7*ms")), made(Some("3*ms"), Some("7*ms")), "state kept"),
        (made(None, None), made(None, Some("7*ms")), "state kept; new: m"),
    ] {
        let (said, mut network) = taken(old, new).expect(expected);
        assert_eq!(said, expected);
        network.run_for("30*ms").expect("a run");
        let times: Vec<f64> =
            network.states("m").expect("a monitor").t.iter().map(|t| (t * 1e4).round() / 10.0).collect();
        assert!(times.ends_with(&[21.0, 28.0, 35.0, 42.0, 49.0]), "{times:?}");
    }
}

#[test]
fn what_is_on_its_way_and_does_not_fit_is_refused() {
    let made = |source: &str, dt: &str| {
        let cells = NeuronGroup::new("cells", 3, "v : 1").threshold("v > 1").reset("v = 0");
        let many = NeuronGroup::new("many", 100, "v : 1").threshold("v > 1").reset("v = 0");
        let synapses =
            Synapses::new("S", source, "cells", "").on_pre("v_post += 1").connect(Connect::pairs(&[0], &[1]));
        Model::new()
            .dt(dt)
            .group(cells)
            .group(many)
            .synapses(synapses.init("pre.delay", "50*ms"))
            .init("many", "v", "2")
    };
    let mut live = LiveNetwork::new(made("many", "0.1*ms"), Options::interpreted()).expect("a model");
    live.run_for("5*ms").expect("a run");
    for (model, expected) in [(made("many", "0.05*ms"), "spikes are on their way"), (made("cells", "0.1*ms"), "state")]
    {
        let asked = live.remote().ask(Change::model(model));
        live.attend_all();
        let said = asked.wait().expect_err(expected).to_string();
        assert!(said.contains(expected), "{said}");
    }
    live.run_for("60*ms").expect("it goes on");
    let remote = live.remote();
    drop(live);
    assert!(matches!(remote.ask(Change::Revert(None)).wait(), Err(Refused::Ended)));
}

#[test]
fn what_is_driven_by_events_begins_when_it_is_added() {
    let made = |equations: &str| {
        let cells =
            NeuronGroup::new("cells", 2, "dv/dt = 1/(10*ms) : 1").threshold("v > 1").reset("v = 0").method("euler");
        let synapses = Synapses::new("S", "cells", "cells", equations).on_pre("w += 1").connect(Connect::targets("i"));
        Model::new().group(cells).synapses(synapses.init("w", "0"))
    };
    let (said, mut new) = taken(made("w : 1"), made("w : 1\ndx/dt = -x/(10*ms) : 1 (event-driven)")).expect("a state");
    assert!(said.contains("S.x"), "{said}");
    let last = new.evaluate("S", "lastupdate", None).expect("a variable");
    assert!(last.iter().all(|t| (t - 0.02).abs() < 1e-9), "{last:?}");
}

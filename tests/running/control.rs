//! Operations, stopping, taking objects out of a run, progress, several networks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use saltus::engine::{Options, Reason, RunsOn};
use saltus::network::{
    Assignment, Error, Model, Monitor, Network, NetworkOperation, NeuronGroup, Operation, RandomState,
    SpikeGeneratorGroup, Subgroup,
};
use serde_json::json;

use super::{assert_close, brian2, chain, network};

/// What operations saw, shared with the test.
type Seen = Arc<Mutex<Vec<serde_json::Value>>>;

fn v(network: &Network) -> f64 {
    network.values("g", "v").expect("v")[0]
}

/// Milliseconds, without what rounding adds.
fn ms(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e6
}

fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[test]
fn operations_run_in_the_order_of_the_schedule() {
    let mut network = network(&Model::new().group(chain(1)));
    let seen = Seen::default();
    let operations = [
        NetworkOperation::new("start"),
        NetworkOperation::new("b_groups").when("groups"),
        NetworkOperation::new("z_groups").when("groups"),
        NetworkOperation::new("first").order(-1),
        NetworkOperation::new("end").when("end"),
        NetworkOperation::new("slow").dt("0.2*ms").when("end"),
        NetworkOperation::new("thresholds").when("thresholds").order(1),
        NetworkOperation::new("resets_after").when("after_resets"),
        NetworkOperation::new("odd").dt("0.15*ms"),
    ];
    let names = ["start", "b_groups", "z_groups", "first", "end", "slow", "thresholds", "resets_after", "odd"];
    for (operation, name) in operations.into_iter().zip(names) {
        let seen = seen.clone();
        let watch = move |network: &mut Network, t: f64| {
            seen.lock().expect("no panic").push(json!([name, ms(t), rounded(v(network))]));
            Ok(())
        };
        network.add_operation(operation, watch).expect("a slot");
    }
    network.run_for("0.4*ms").expect("a run");
    assert_eq!(json!(*seen.lock().expect("no panic")), brian2("operations_order")["calls"]);
}

#[test]
fn operations_read_and_change_the_network() {
    let group =
        NeuronGroup::new("g", 2, "dv/dt = p/ms : 1\np : 1").threshold("v > 0.25").reset("v = 0").method("euler");
    let model = Model::new().group(group).assign(Assignment::values("g", "p", &[1.0, 2.0]));
    let mut network = network(&model.monitor(Monitor::state("m", "g", &["v"])));
    let seen = Seen::default();
    let own = seen.clone();
    let operation = move |network: &mut Network, t: f64| {
        let spikes = network.last_events("g", "spike").expect("a threshold");
        own.lock().expect("no panic").push(json!([ms(t), spikes]));
        if t > 0.35e-3 {
            network.assign(&Assignment::values("g", "p", &[3.0]).at(&[0]))?;
            network.assign(&Assignment::expression("g", "v", "v + 0.01").at(&[1]))?;
        }
        Ok(())
    };
    network.add_operation(NetworkOperation::default().when("after_thresholds"), operation).expect("a slot");
    network.run_for("0.8*ms").expect("a run");
    let expected = brian2("operation_changes_state");
    assert_eq!(json!(*seen.lock().expect("no panic")), expected["seen"]);
    let recorded = network.states("m").expect("a monitor").variables["v"].1.values.clone();
    let of_cell = |cell: usize| (0..8).map(|row| recorded.get(2 * row + cell)).collect::<Vec<f64>>();
    assert_close(&of_cell(0), &expected["v"][0], "cell 0");
    assert_close(&of_cell(1), &expected["v"][1], "cell 1");
}

#[test]
fn an_error_of_an_operation_ends_the_run_after_the_step() {
    let mut network = network(&Model::new().group(chain(1)).monitor(Monitor::state("m", "g", &["v"])));
    let fail = |network: &mut Network, t: f64| match t > 0.15e-3 {
        true => network.assign(&Assignment::expression("g", "w", "1")),
        false => Ok(()),
    };
    network.add_operation(NetworkOperation::new("fail"), fail).expect("a slot");
    let error = network.run_for("1*ms").expect_err("there is no w");
    assert!(error.to_string().contains("has no variable `w`"), "{error}");
    assert_eq!(network.states("m").expect("a monitor").t.len(), 3);
    assert_close(&[network.t_seconds()], &json!(0.3e-3), "t");
}

#[test]
fn a_run_cannot_be_started_within_a_run() {
    let mut network = network(&Model::new().group(chain(1)));
    let again = |network: &mut Network, _t: f64| network.run_for("1*ms").map(|_| ());
    network.add_operation(NetworkOperation::default(), again).expect("a slot");
    assert!(matches!(network.run_for("1*ms"), Err(Error::Running(_))));
}

#[test]
fn stopping_ends_the_run_after_the_step_and_the_next_run_goes_on() {
    let mut one = network(&Model::new().group(chain(1)).monitor(Monitor::state("m", "g", &["v"])));
    let stop = |network: &mut Network, t: f64| {
        if (t - 0.3e-3).abs() < 1e-6 {
            network.stop();
        }
        Ok(())
    };
    one.add_operation(NetworkOperation::default(), stop).expect("a slot");
    let expected = brian2("stop_in_operation");
    one.run_for("1*ms").expect("a run");
    assert_close(&[one.t_seconds()], &expected["t"], "t");
    assert_eq!(json!(one.states("m").expect("a monitor").t.len()), expected["samples"]);
    one.run_for("0.2*ms").expect("a run");
    assert_close(&[one.t_seconds()], &expected["t2"], "t after the second run");
    let recorded = one.states("m").expect("a monitor");
    assert_close(&recorded.t, &expected["times"], "times");
    let values: Vec<f64> = (0..recorded.t.len()).map(|k| recorded.variables["v"].1.values.get(k)).collect();
    assert_close(&values, &expected["v"], "v");

    let slow = NeuronGroup::new("h", 1, "dx/dt = 1/ms : 1").method("euler").dt("0.25*ms");
    let mut two = network(&Model::new().group(chain(1)).group(slow).monitor(Monitor::state("m", "g", &["v"])));
    two.add_operation(NetworkOperation::default().when("end"), stop).expect("a slot");
    let expected = brian2("stop_by_network");
    two.run_for("1*ms").expect("a run");
    assert_close(&[two.t_seconds()], &expected["t"], "t with two clocks");
    two.run_for("0.3*ms").expect("a run");
    assert_close(&[two.t_seconds()], &expected["t2"], "t after the second run");
    assert_close(&two.states("m").expect("a monitor").t, &expected["times"], "times");
    assert_close(&two.values("h", "x").expect("x"), &expected["x"], "x");
}

#[test]
fn stopping_between_runs_does_nothing() {
    let mut network = network(&Model::new().group(chain(1)));
    network.run_for("0.1*ms").expect("a run");
    network.stop();
    network.run_for("0.2*ms").expect("a run");
    assert_close(&[network.t_seconds()], &brian2("stop_before_run")["t"], "t");
}

#[test]
fn objects_can_be_left_out_of_runs() {
    let group = NeuronGroup::new("g", 1, "dv/dt = 1/ms : 1\nu : 1").threshold("v > 0.25").reset("v = 0");
    let group = group.method("euler").operation(Operation::new("u += 1"));
    let model = Model::new().group(group).spike_monitor("s", "g").monitor(Monitor::state("m", "g", &["v"]));
    let mut network = network(&model);
    let expected = brian2("active_objects");
    let parts = [
        ("none", None),
        ("stateupdater", Some("g_stateupdater")),
        ("thresholder", Some("g_spike_thresholder")),
        ("resetter", Some("g_spike_resetter")),
        ("regular", Some("g_run_regularly")),
        ("spike monitor", Some("s")),
        ("state monitor", Some("m")),
    ];
    for (case, part) in parts {
        let expected = &expected[case];
        part.into_iter().for_each(|name| network.set_active(name, false).expect("an object"));
        network.run_for("0.5*ms").expect("a run");
        part.into_iter().for_each(|name| network.set_active(name, true).expect("an object"));
        assert_close(&network.values("g", "v").expect("v"), &expected["v"], case);
        assert_close(&network.values("g", "u").expect("u"), &expected["u"], case);
        assert_eq!(json!(network.spikes("s").expect("a monitor").total), expected["spikes"], "{case}");
        assert_eq!(json!(network.states("m").expect("a monitor").t.len()), expected["recorded"], "{case}");
    }
    // A group goes with everything that belongs to it.
    network.set_active("g", false).expect("a group");
    let before = network.values("g", "v");
    network.run_for("0.5*ms").expect("a run");
    assert_eq!(network.values("g", "v"), before);
    assert!(network.scheduling_summary().0.iter().all(|entry| entry.active == (entry.part_of != "g")));
    let error = network.set_active("g_stateupdate", true).expect_err("no such object");
    assert!(error.to_string().contains("did you mean `g_stateupdater`?"), "{error}");
}

#[test]
fn what_is_switched_off_during_a_run_still_runs_to_its_end() {
    let mut network = network(&Model::new().group(chain(1)));
    let off = |network: &mut Network, t: f64| match t > 0.05e-3 {
        true => network.set_active("g_stateupdater", false),
        false => Ok(()),
    };
    network.add_operation(NetworkOperation::default(), off).expect("a slot");
    let expected = brian2("active_during_run");
    network.run_for("0.5*ms").expect("a run");
    assert_close(&network.values("g", "v").expect("v"), &expected["v"], "the run");
    network.run_for("0.5*ms").expect("a run");
    assert_close(&network.values("g", "v").expect("v"), &expected["after"], "the next run");
}

#[test]
fn progress_is_told_at_the_start_and_the_end() {
    let mut network = network(&Model::new().group(chain(1)));
    network.run_for("0.2*ms").expect("a run");
    let mut calls = Vec::new();
    for duration in [0.5e-3, 0.0] {
        network
            .run(duration, &mut |p| calls.push(vec![p.completed, p.start_seconds, p.duration_seconds]))
            .expect("a run");
    }
    assert_close(&calls.concat(), &brian2("report_callback")["calls"], "calls");
}

#[test]
fn several_networks_do_not_know_of_each_other() {
    let model = |seed| Model::new().seed(seed).group(NeuronGroup::new("g", 3, "dv/dt = xi/ms**0.5 : 1"));
    let run_alone = |seed| {
        let mut network = network(&model(seed));
        network.run_for("1*ms").expect("a run");
        network.values("g", "v")
    };
    let (mut one, mut two) = (network(&model(1)), network(&model(2)));
    for _ in 0..10 {
        one.run_for("0.1*ms").expect("a run");
        two.run_for("0.1*ms").expect("a run");
    }
    assert_eq!((one.values("g", "v"), two.values("g", "v")), (run_alone(1), run_alone(2)));
}

#[test]
fn profiles_name_every_object_that_ran() {
    let mut network = network(&Model::new().group(chain(2)).spike_monitor("s", "g"));
    assert!(network.profiling_summary().is_none());
    network.set_profiling(true);
    network.run_for("0.5*ms").expect("a run");
    let profile = network.profiling_summary().expect("profiling is on");
    let mut names: Vec<&str> = profile.objects.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["g_spike_resetter", "g_spike_thresholder", "g_stateupdater", "s"]);
    assert!(profile.objects.iter().all(|entry| entry.calls == 5));
    assert!(profile.to_string().starts_with("object"), "{profile}");
}

#[test]
fn profiles_tell_kernels_from_the_host() {
    // Two clocks, drawn numbers, whose arguments are computed by a kernel of their own, and a kernel that runs for events.
    let noisy = NeuronGroup::new("noisy", 3, "dv/dt = -v/ms + poisson(1 + v)/ms : 1")
        .method("euler")
        .dt("0.2*ms")
        .threshold("v > 0")
        .reset("v = 0");
    let model = Model::new().group(chain(2)).group(noisy);
    let mut network = network(&model);
    network.set_profiling(true);
    network.run_for("0.6*ms").expect("a run");
    network.run_for("0.4*ms").expect("another one");
    let profile = network.profiling_summary().expect("profiling is on");
    assert_eq!(profile.steps, 10, "of the shorter steps");
    let calls = |name: &str| {
        let kernel = profile.kernels.iter().find(|kernel| kernel.name == name);
        let kernel = kernel.unwrap_or_else(|| panic!("no kernel `{name}` in\n{profile}"));
        assert_eq!((kernel.runs_on, &kernel.reason), (RunsOn::Interpreter, &Some(Reason::NotAsked)), "{name}");
        kernel.calls.count
    };
    let updaters = ["g_stateupdater", "noisy_stateupdater", "noisy_stateupdater_arguments"].map(calls);
    assert_eq!(updaters, [10, 5, 5]);
    assert!(calls("noisy_spike_resetter") <= 5, "only when somebody has spiked");
    let objects: Duration = profile.objects.iter().map(|entry| entry.time).sum();
    assert!(profile.kernel_time() <= objects && objects <= profile.time, "{profile}");
    assert!(profile.never_compiled().is_empty(), "that was asked for");
    network.set_profiling(true);
    let profile = network.profiling_summary().expect("profiling is on");
    assert!(profile.steps == 0 && profile.kernels.is_empty(), "forgotten:\n{profile}");
    network.set_profiling(false);
    network.run_for("0.4*ms").expect("a run");
    assert!(network.code_objects().all(|object| object.calls().is_none()));
}

#[test]
fn random_numbers_can_be_seeded_again_and_go_back_to_a_state() {
    let mut network = network(&Model::new().seed(1).group(NeuronGroup::new("g", 2, "v : 1")));
    let draw = |network: &mut Network| {
        network.assign(&Assignment::expression("g", "v", "randn() + rand()")).expect("a value");
        network.values("g", "v").expect("v")
    };
    let first = draw(&mut network);
    let state = network.random_state();
    let second = draw(&mut network);
    network.set_random_state(&state).expect("a state of these streams");
    assert_eq!(draw(&mut network), second);
    network.seed(1);
    assert_eq!(draw(&mut network), first);
    assert_ne!(first, second);
    let without_seed = |_| {
        let model = Model::new().group(NeuronGroup::new("g", 2, "v : 1")).init("g", "v", "rand()");
        Network::new(&model, Options::interpreted()).expect("a network").values("g", "v")
    };
    assert_ne!(without_seed(0), without_seed(1));
}

#[test]
fn a_run_takes_a_finite_time() {
    let mut network = network(&Model::new().group(chain(1)));
    network.run_for("0.2*ms").expect("a run");
    for duration in [-1e-4, f64::NAN, f64::INFINITY] {
        let error = network.run(duration, &mut |_| ()).expect_err("no duration");
        assert!(error.to_string().contains("a finite time of at least 0"), "{error}");
    }
    assert_close(&[network.t_seconds()], &json!(0.2e-3), "t");
}

#[test]
fn other_spikes_are_given_between_runs_only() {
    let mut network = network(&Model::new().group(SpikeGeneratorGroup::new("g", 1, &[0], &[0.2e-3])));
    let spikes = |network: &mut Network, _t: f64| network.set_spikes("g", &[0, 0], &[0.0, 0.1e-3], None);
    network.add_operation(NetworkOperation::default().dt("0.5*ms"), spikes).expect("a slot");
    let error = network.run_for("1*ms").expect_err("the network runs");
    assert!(matches!(error, Error::Running(_)), "{error}");
}

#[test]
fn events_of_the_last_step_end_with_a_run_unless_a_state_has_them() {
    // Monitors of events of a subgroup record those of the step before.
    let group = || NeuronGroup::new("g", 3, "v : 1").event("e", "i == t_in_timesteps % 3");
    let model = Model::new().group(group()).group(Subgroup::new("part", "g", 0, 3));
    let model = model.monitor(Monitor::events("m", "part", "e"));
    let recorded = |network: &Network| network.spikes("m").expect("a monitor").i.clone();
    let mut whole = network(&model);
    whole.run_for("0.5*ms").expect("a run");
    assert_eq!(recorded(&whole), [0, 1, 2, 0]);
    let mut parts = network(&model);
    parts.run_for("0.2*ms").expect("a run");
    let state = parts.store().expect("a state");
    parts.run_for("0.3*ms").expect("a run");
    assert_eq!(recorded(&parts), [0, 2, 0]);
    parts.restore(&state, RandomState::Restore).expect("its own state");
    assert_eq!(parts.last_events("g", "e").as_deref(), Some(&[][..]));
    assert_eq!(parts.store().expect("a state"), state);
    parts.run_for("0.3*ms").expect("a run");
    assert_eq!(recorded(&parts), [0, 1, 2, 0]);
    // What nothing looks for any more does not go on happening.
    parts.restore(&state, RandomState::Restore).expect("its own state");
    parts.set_active("g_e_thresholder", false).expect("an object");
    parts.run_for("0.3*ms").expect("a run");
    assert_eq!(recorded(&parts), [0]);
}

//! Durations, and lengths of steps that change between runs.

use saltus::engine::Options;
use saltus::network::{
    Model, Monitor, Network, NetworkOperation, NeuronGroup, Operation, PoissonInput, Record, SpikeGeneratorGroup,
    TimedArray,
};
use serde_json::json;

use super::{assert_close, brian2, chain, network};

fn trace(network: &Network, variable: &str) -> Vec<f64> {
    let monitor = network.states("m").expect("a monitor");
    (0..monitor.t.len()).map(|k| monitor.variables[variable].1.values.get(k)).collect()
}

fn times(network: &Network) -> &[f64] {
    &network.states("m").expect("a monitor").t
}

#[test]
fn runs_of_no_time_change_nothing() {
    let model = Model::new().group(chain(1)).monitor(Monitor::state("m", "g", &["v"])).rate_monitor("r", "g");
    let mut network = network(&model);
    let expected = brian2("zero_duration");
    let samples = |network: &Network| vec![times(network).len() as f64, network.rates("r").expect("r").t.len() as f64];
    network.run_for("0*ms").expect("a run");
    assert_close(&samples(&network), &expected["samples"], "no step");
    network.run_for("0.2*ms").expect("a run");
    network.run_for("0*second").expect("a run");
    assert_close(&samples(&network), &expected["then"], "two steps");
    assert_close(&[network.t_seconds()], &expected["t"], "t");
}

#[test]
fn time_is_the_sum_of_durations_and_groups_follow_their_grid() {
    let mut network = network(&Model::new().group(chain(1)));
    let expected = brian2("tiny_duration")["t_gt_v"].clone();
    for (k, duration) in [1e-9, 1e-9, 1e-4, 5e-5, 5e-5].into_iter().enumerate() {
        network.run(duration, &mut |_| ()).expect("a run");
        assert_close(&[network.t_seconds()], &json!([expected[k][0]]), "t");
        assert_close(&network.values("g", "v").expect("v"), &json!([expected[k][2]]), "v");
    }
}

#[test]
fn a_group_with_a_step_of_its_own_can_get_another() {
    let model = Model::new().group(chain(1).dt("0.1*ms")).monitor(Monitor::state("m", "g", &["v"]));
    let mut network = network(&model);
    let expected = brian2("dt_changes");
    network.run_for("0.5*ms").expect("a run");
    network.set_step_of("g", "0.05*ms").expect("0.5 ms is on the grid");
    network.run_for("0.3*ms").expect("a run");
    network.set_step_of("g", "0.2*ms").expect("0.8 ms is on the grid");
    network.run_for("0.6*ms").expect("a run");
    assert_close(times(&network), &expected["t"], "t");
    assert_close(&trace(&network, "v"), &expected["v"], "v");
    assert_close(&[network.t_seconds()], &expected["net_t"], "t of the network");
}

#[test]
fn a_step_off_the_grid_is_refused_and_changes_nothing() {
    let mut network = network(&Model::new().group(chain(1).dt("0.1*ms")));
    network.run_for("0.5*ms").expect("a run");
    let error = network.set_step_of("g", "0.2*ms").expect_err("0.5 ms is no multiple of 0.2 ms").to_string();
    assert!(error.contains("no whole number of steps of 0.0002 s"), "{error}");
    network.run_for("0.2*ms").expect("the old step still holds");
    assert_close(&network.values("g", "v").expect("v"), &json!([0.1]), "v");
    for (name, dt, reason) in [
        ("g", "1*mV", "`dt` is a time"),
        ("g", "0*ms", "a step must be longer than 0"),
        ("h", "1*ms", "there is no object `h`"),
    ] {
        let error = network.set_step_of(name, dt).expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn objects_without_a_step_of_their_own_follow_the_models() {
    let mut network = network(&Model::new().group(chain(1)).monitor(Monitor::state("m", "g", &["v"])));
    let expected = brian2("dt_change_by_default_clock");
    network.run_for("0.3*ms").expect("a run");
    network.set_step("0.15*ms").expect("0.3 ms is on the grid");
    network.run_for("0.3*ms").expect("a run");
    assert_close(times(&network), &expected["t"], "t");
    assert_close(&trace(&network, "v"), &expected["v"], "v");
    let error = network.set_step_of("g", "0.1*ms").expect_err("it has none").to_string();
    assert!(error.contains("follows the model's"), "{error}");
    assert!(network.set_step("0.4*ms").is_err(), "0.6 ms is no multiple of 0.4 ms");
}

#[test]
fn refractoriness_is_counted_in_the_new_steps() {
    let group = NeuronGroup::new("g", 1, "dv/dt = 1/ms : 1 (unless refractory)").threshold("v > 0.25").reset("v = 0");
    let group = group.refractory("0.5*ms").method("euler").dt("0.1*ms");
    let model =
        Model::new().group(group).spike_monitor("s", "g").monitor(Monitor::state("m", "g", &["not_refractory"]));
    let mut network = network(&model);
    let expected = brian2("dt_change_with_refractory");
    network.run_for("0.4*ms").expect("a run");
    network.set_step_of("g", "0.05*ms").expect("0.4 ms is on the grid");
    network.run_for("1.2*ms").expect("a run");
    assert_close(&network.spikes("s").expect("s").t, &expected["t"], "spikes");
    assert_close(times(&network), &expected["mt"], "t");
    assert_close(&trace(&network, "not_refractory"), &expected["nr"], "not_refractory");
}

#[test]
fn poisson_inputs_are_made_for_one_step() {
    let model = Model::new().group(NeuronGroup::new("g", 1, "v : 1").dt("0.1*ms"));
    let mut network = network(&model.poisson_input(PoissonInput::new("g", "v", 1, "10*kHz", "1")));
    network.run_for("0.2*ms").expect("a run");
    let error = network.set_step_of("g", "0.05*ms").expect_err("the input cannot follow").to_string();
    assert!(error.contains("`poissoninput` was made for steps of 0.0001 s"), "{error}");
}

#[test]
fn given_spikes_are_sorted_into_the_new_steps() {
    let group = SpikeGeneratorGroup::new("g", 2, &[0, 0, 1], &[0.1e-3, 0.3e-3, 0.7e-3]).dt("0.1*ms");
    let mut network = network(&Model::new().group(group).spike_monitor("s", "g"));
    let expected = brian2("dt_change_generator");
    network.run_for("0.2*ms").expect("a run");
    network.set_step_of("g", "0.05*ms").expect("on the grid");
    network.run_for("0.2*ms").expect("a run");
    assert_close(&network.spikes("s").expect("s").t, &expected["first"], "spikes");
    network.set_step_of("g", "0.2*ms").expect("on the grid");
    network.run_for("0.6*ms").expect("a run");
    let monitor = network.spikes("s").expect("s");
    assert_close(&monitor.t, &expected["t"], "spikes");
    assert_eq!(json!(monitor.i), expected["i"]);
    let error = network.set_step_of("g", "0.5*ms").expect_err("two spikes in one step").to_string();
    assert!(error.contains("spikes more than once in the step"), "{error}");
}

#[test]
fn the_method_is_chosen_anew_for_the_new_step() {
    // Trap 51: what is constant during a step depends on how long it is.
    let group = NeuronGroup::new("g", 1, "dv/dt = (T(t) - v)/ms : 1").dt("0.1*ms");
    let array = TimedArray::new("T", &[0.0, 1.0, 2.0, 3.0, 4.0], "0.5*ms");
    let mut network = network(&Model::new().timed_array(array).group(group).monitor(Monitor::state("m", "g", &["v"])));
    let expected = brian2("dt_change_timed_array");
    network.run_for("0.5*ms").expect("a run");
    network.set_step_of("g", "0.25*ms").expect("on the grid");
    network.run_for("0.5*ms").expect("a run");
    network.set_step_of("g", "0.2*ms").expect("on the grid");
    network.run_for("0.4*ms").expect("a run");
    assert_close(times(&network), &expected["t"], "t");
    let v = trace(&network, "v");
    let (last, before) = v.split_last().expect("records");
    assert_close(before, &json!(expected["v"].as_array().expect("a list")[..8]), "v");
    // By forward Euler, as in a network that had this step from its start; Brian2 stays with the method it had.
    let euler = before[7] + 0.2 * (2.0 - before[7]);
    assert!((last - euler).abs() < 1e-12, "{last}, expected {euler}");
}

#[test]
fn code_runs_at_given_times_that_need_not_be_steps() {
    // Trap 72. Brian2's numbers.
    let group = NeuronGroup::new("g", 2, "dv/dt = 1/ms : 1\nu : 1\nw : 1").method("euler");
    let group = group.operation(Operation::at("u += 1 + v + t/second*1000", &[0.25e-3, 0.1e-3, 0.7e-3]));
    let group = group.operation(Operation::at("w += 10 + dt/ms; v = 0", &[0.1e-3, 0.45e-3]).when("end"));
    let model = Model::new().group(group);
    let mut network =
        network(&model.monitor(Monitor::state("m", "g", &["v", "u", "w"]).record(Record::Cells(vec![0]))));
    network.run_for("0.5*ms").expect("a run");
    network.run_for("0.3*ms").expect("a run");
    assert_close(&trace(&network, "v"), &json!([0.0, 0.1, 0.0, 0.1, 0.2, 0.0, 0.1, 0.2]), "v");
    assert_close(&trace(&network, "u"), &json!([0.0, 1.2, 1.2, 2.6, 2.6, 2.6, 2.6, 4.5]), "u");
    assert_close(&trace(&network, "w"), &json!([0.0, 0.0, 10.1, 10.1, 10.1, 20.2, 20.2, 20.2]), "w");
    let summary = network.scheduling_summary();
    assert!(summary.0.iter().any(|entry| entry.name == "g_run_at_1" && entry.when == "end"), "{summary}");
    network.record_single_timestep("m").expect("a state monitor");
    assert_close(&trace(&network, "v")[8..], &json!([0.3]), "the state at the end");
    assert_close(&times(&network)[8..], &json!([0.8e-3]), "its time");
    for (times, reason) in [([1e-3, 1e-3], "is given twice"), ([-1.0, 0.0], "code cannot run at -1 s")] {
        let group = NeuronGroup::new("g", 1, "v : 1").operation(Operation::at("v = 1", &times));
        let error = Network::new(&Model::new().group(group), Options::interpreted()).err().expect(reason);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_schedule_of_ones_own_decides_the_order() {
    let slots = ["start", "thresholds", "resets", "extra", "groups", "synapses", "end"];
    let model = Model::new().schedule(&slots).group(chain(1));
    let mut network = network(&model.monitor(Monitor::state("m", "g", &["v"]).when("after_groups")));
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    for (name, slot) in [("x", "extra"), ("bx", "before_extra"), ("s", "start")] {
        let seen = seen.clone();
        let watch = move |network: &mut Network, _t: f64| {
            let v = (network.values("g", "v").expect("v")[0] * 1e9).round() / 1e9;
            seen.lock().expect("no panic").push(json!([name, v]));
            Ok(())
        };
        network.add_operation(NetworkOperation::new(name).when(slot), watch).expect("a slot");
    }
    network.run_for("0.5*ms").expect("a run");
    let expected = brian2("schedule_custom");
    assert_close(&trace(&network, "v"), &expected["v"], "v");
    assert_eq!(json!(*seen.lock().expect("no panic")), expected["calls"]);
    let error = network.add_operation(NetworkOperation::new("y").when("nope"), |_, _| Ok(())).expect_err("no slot");
    assert!(error.to_string().contains("there is no slot `nope`"), "{error}");
}

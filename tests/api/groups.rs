//! Groups: events, types, inputs, values over time, the schedule.

use saltus::network::{
    Assignment, Model, Monitor, NeuronGroup, Operation, PoissonGroup, PoissonInput, SpikeGeneratorGroup, Subgroup,
    TimedArray,
};

use crate::{Brian, all, by_cell, check, fault, interpreted, run, run_on_both};

fn chain() -> NeuronGroup {
    NeuronGroup::new("g", 1, "dv/dt = 1/ms : 1\n u : 1").method("euler").threshold("v > 0.25").reset("v = 0")
}

#[test]
fn events_are_looked_at_where_the_schedule_says() {
    let brian = Brian::of("network");
    for when in ["after_thresholds", "before_groups", "start", "end"] {
        let group = chain().event("e", "v > 0.15").event_schedule("e", when, 0).on_event("e", "u += 1 + v");
        let model = Model::new().group(group).state_monitor("m", "g", &["v", "u"], None, None);
        let model = model.monitor(Monitor::events("e", "g", "e").variables(&["v"])).spike_monitor("s", "g");
        let network = run_on_both(&model, "0.8*ms");
        let of = |key: &str| format!("event_schedule/{when}/{key}");
        brian.check(&of("v"), &by_cell(network.states("m").unwrap(), "v"));
        brian.check(&of("u"), &by_cell(network.states("m").unwrap(), "u"));
        let events = network.spikes("e").unwrap();
        brian.check(&of("e_t"), &events.t);
        brian.check(&of("e_v"), &all(&events.variables["v"].1.values));
        brian.check(&of("s_t"), &network.spikes("s").unwrap().t);
    }
    let model = Model::new().group(chain().event_schedule("spike", "before_groups", 0));
    let model = model.state_monitor("m", "g", &["v"], None, None);
    let network = run(&model.monitor(Monitor::spikes("s", "g").variables(&["v"])), "0.8*ms");
    brian.check("event_schedule_spike/v", &by_cell(network.states("m").unwrap(), "v"));
    brian.check("event_schedule_spike/s_t", &network.spikes("s").unwrap().t);
    brian.check("event_schedule_spike/s_v", &all(&network.spikes("s").unwrap().variables["v"].1.values));

    let group = chain().event("e", "v > 0.25").event("f", "v > 0.25");
    let group = group.on_event_in("e", "u += v", "resets", -1).on_event_in("f", "u += 100 + v", "resets", 1);
    let network = run(&Model::new().group(group), "0.3*ms");
    brian.check("on_event_when_order/u", &network.values("g", "u").unwrap());
    brian.check("on_event_when_order/v", &network.values("g", "v").unwrap());
}

#[test]
fn a_schedule_of_ones_own() {
    let brian = Brian::of("network");
    // What happens at the places of Brian2's network operations is written down as digits.
    let group = chain()
        .operation(Operation::new("u = 10*u + 1").when("extra"))
        .operation(Operation::new("u = 10*u + 2").when("before_extra"))
        .operation(Operation::new("u = 0").when("start"));
    let slots = ["start", "thresholds", "resets", "extra", "groups", "synapses", "end"];
    let model = Model::new().schedule(&slots).group(group);
    let model = model.monitor(Monitor::state("m", "g", &["v", "u"]).when("after_groups"));
    let network = run_on_both(&model, "0.5*ms");
    brian.check("schedule_custom/v", &by_cell(network.states("m").unwrap(), "v"));
    let order: Vec<&str> =
        (0..3).map(|k| brian.at(&format!("schedule_custom/calls/{k}/0")).as_str().unwrap()).collect();
    assert_eq!(order, ["s", "bx", "x"]);
    assert_eq!(by_cell(network.states("m").unwrap(), "u"), [21.0; 5]);
}

#[test]
fn floats_of_32_bits() {
    let brian = Brian::of("float32");
    let equations = "dv/dt = (0.1*i + 1.3 - v)/tau : 1 (unless refractory)\n u : volt\n n : integer\n b : boolean\n \
        s : 1 (shared)\n sub = v*0.1 + t/ms : 1\n cc = v*0.1 + t/ms : 1 (constant over dt)";
    let group = |method: &str| {
        let group = NeuronGroup::new("g", 3, equations).threshold("v > 1").reset("v = 0.1; n += 1; u += 0.1*mV");
        let group = group.refractory("0.3*ms").method(method);
        group.operation(Operation::new("s = s + 0.1; u = u*0.9"))
    };
    let check_run = |case: &str, group: NeuronGroup, tolerance: f64| {
        let model = Model::new().constant("tau", "3*ms").group(group).init("g", "v", "0.1*i");
        let model = model.state_monitor("m", "g", &["v", "u", "sub", "cc", "s"], None, None);
        let model = model.monitor(Monitor::spikes("spikes", "g").variables(&["v"]));
        let network = run_on_both(&model, "6*ms");
        let (monitor, spikes) = (network.states("m").unwrap(), network.spikes("spikes").unwrap());
        for variable in ["v", "u", "sub", "cc"] {
            let values = by_cell(monitor, variable);
            let fifths: Vec<f64> = values.chunks(60).flat_map(|cell| cell.iter().step_by(5).copied()).collect();
            check(&format!("{case}/{variable}"), &fifths, &brian.numbers(&format!("{case}/{variable}")), tolerance);
        }
        brian.check(&format!("{case}/spike_t"), &spikes.t);
        let cells: Vec<f64> = spikes.i.iter().map(|i| f64::from(*i)).collect();
        brian.check(&format!("{case}/spike_i"), &cells);
        network
    };
    // They are computed with as doubles and rounded when they are stored: that differs from sums of rounded numbers by
    // a few units of the last place.
    for method in ["exact", "euler", "rk4", "exponential_euler"] {
        let network = check_run(&format!("float32_{method}"), group(method).float32(), 1e-6);
        let is_rounded = |values: Vec<f64>| values.iter().all(|value| f64::from(*value as f32) == *value);
        for variable in ["v", "u", "s", "cc"] {
            assert!(is_rounded(network.values("g", variable).unwrap()), "{variable}");
        }
        // The times of spikes are doubles: a float of 32 bits moves refractory periods late in a run.
        assert!(!is_rounded(network.values("g", "lastspike").unwrap()));
        assert!(network.spikes("spikes").unwrap().t.iter().any(|t| f64::from(*t as f32) != *t));
    }
    check_run("dtype_by_name", group("euler").float32_variables(&["v"]), 1e-6);
    check_run("float64_euler", group("euler"), crate::TOLERANCE);

    let group = NeuronGroup::new("g", 2, "v : volt\n w : 1").float32();
    let mut network = interpreted(&Model::new().group(group).init("g", "v", "0.1*volt").init("g", "w", "0.1 + i"));
    brian.check("set_and_get/v", &network.values("g", "v").unwrap());
    brian.check("set_and_get/w", &network.values("g", "w").unwrap());
    network.assign(&Assignment::expression("g", "w", "1e300")).unwrap();
    brian.check("set_and_get/large", &network.values("g", "w").unwrap());
}

#[test]
fn values_over_time_have_units_and_are_found_to_the_step() {
    let brian = Brian::of("timedarray");
    let numbers: Vec<f64> = (0..12).map(f64::from).collect();
    for (array, clock) in
        [("0.3", "0.1"), ("0.1", "0.1"), ("0.05", "0.1"), ("0.7", "0.25"), ("1", "0.3"), ("0.1", "0.03")]
    {
        let group = NeuronGroup::new("g", 61, "v : volt\n w : volt");
        let model = Model::new().dt(&format!("{clock}*ms"));
        let model = model.timed_array(TimedArray::new("T", &numbers, &format!("{array}*ms")).unit("mV"));
        let rows: Vec<f64> = numbers.iter().flat_map(|x| [100.0 + x, *x]).collect();
        let model = model.timed_array(TimedArray::rows("U", &rows, 2, &format!("{array}*ms")).unit("mV"));
        let model = model.group(group).init("g", "v", "T(i*0.03*ms)").init("g", "w", "U(i*0.03*ms, 1)");
        let network = interpreted(&model);
        let expected = brian.numbers(&format!("call_fine/{array} at {clock}/index"));
        let volts: Vec<f64> = expected.iter().map(|index| index * 1e-3).collect();
        for variable in ["v", "w"] {
            check(&format!("{array} at {clock}"), &network.values("g", variable).unwrap(), &volts, crate::TOLERANCE);
        }
    }
    // Without a unit, values are in SI units; clamped at both ends.
    let model =
        Model::new().timed_array(TimedArray::new("T", &[1.0, 2.0], "1*ms")).group(NeuronGroup::new("g", 3, "w : 1"));
    let network = interpreted(&model.init("g", "w", "T((i - 1)*5*ms)"));
    assert_eq!(network.values("g", "w").unwrap(), [1.0, 1.0, 2.0]);
}

#[test]
fn rates_of_poisson_groups() {
    // Cells that cannot and cells that must spike.
    let group = PoissonGroup::with_rates("p", &[0.0, 10_000.0, -5.0, 20_000.0, f64::INFINITY]);
    let model = Model::new().seed(1).group(group).spike_monitor("s", "p").group(Subgroup::new("part", "p", 1, 4));
    let mut network = interpreted(&model.spike_monitor("t", "part"));
    network.run_for("1*ms").unwrap();
    assert_eq!(network.spikes("s").unwrap().count, [0, 10, 0, 10, 10]);
    assert_eq!(network.spikes("t").unwrap().count, [10, 0, 10]);
    // Rates that are values can be set.
    assert_eq!(network.values("p", "rates").unwrap()[..3], [0.0, 10_000.0, -5.0]);
    network.assign(&Assignment::expression("p", "rates", "10*kHz*int(i < 1)")).unwrap();
    network.run_for("1*ms").unwrap();
    assert_eq!(network.spikes("s").unwrap().count, [10, 10, 0, 10, 10]);
    // The same numbers are drawn whether rates are an array or an expression.
    let spikes = |group: PoissonGroup| {
        let network = run_on_both(&Model::new().seed(5).group(group).spike_monitor("s", "p"), "20*ms");
        let monitor = network.spikes("s").unwrap();
        (monitor.i.clone(), monitor.t.clone())
    };
    let drawn = spikes(PoissonGroup::with_rates("p", &[500.0, 1000.0, 1500.0]));
    assert_eq!(drawn, spikes(PoissonGroup::new("p", 3, "500*(i + 1)*Hz")));
    assert!(drawn.0.len() > 30);
}

#[test]
fn spikes_at_given_times() {
    let brian = Brian::of("generator");
    let group = SpikeGeneratorGroup::new("sg", 3, &[0, 1, 2], &[0.0, 0.1e-3, 0.3e-3]).period("0.4*ms");
    let mut network = interpreted(&Model::new().group(group).spike_monitor("m", "sg"));
    network.run_for("0.5*ms").unwrap();
    network.run_for("0.6*ms").unwrap();
    let seen = |network: &saltus::network::Network| {
        let monitor = network.spikes("m").unwrap();
        let pair = |(cell, t): (&i32, &f64)| [f64::from(*cell), t * 1e3];
        monitor.i.iter().zip(&monitor.t).flat_map(pair).collect::<Vec<f64>>()
    };
    brian.check("periodic_runs/a", &seen(&network));
    let group = SpikeGeneratorGroup::new("sg", 1, &[0], &[0.1e-3]).period("1e6*second");
    brian.check(
        "period_infinite_or_long/seen",
        &seen(&run(&Model::new().group(group).spike_monitor("m", "sg"), "0.3*ms")),
    );
    // A step of its own; none at all.
    let group = SpikeGeneratorGroup::new("sg", 2, &[1, 0], &[0.9e-3, 0.6e-3]).dt("0.5*ms");
    let network = run(&Model::new().group(group).spike_monitor("m", "sg"), "2*ms");
    check("own step", &seen(&network), &[0.0, 0.5, 1.0, 0.5], crate::TOLERANCE);
    let group = SpikeGeneratorGroup::new("sg", 2, &[], &[]);
    assert_eq!(seen(&run(&Model::new().group(group).spike_monitor("m", "sg"), "2*ms")), [0.0; 0]);
}

#[test]
fn groups_that_cannot_be() {
    let model = Model::new;
    let spikes = |cells: &[i64], ms: &[f64]| {
        SpikeGeneratorGroup::new("sg", 2, cells, &ms.iter().map(|t| t * 1e-3).collect::<Vec<_>>())
    };
    let of = |group: SpikeGeneratorGroup| fault(&model().group(group));
    let poisson = |group: PoissonGroup| fault(&model().group(group));
    let timed = |array: TimedArray| fault(&model().timed_array(array));
    let neurons = |group: NeuronGroup| fault(&model().group(group));
    let input = |input: PoissonInput| {
        let equations = "v : volt\n w = 2*v : volt\n s : volt (shared)";
        fault(&model().group(NeuronGroup::new("g", 2, equations)).poisson_input(input))
    };
    let faults = [
        ("spikes", of(spikes(&[0], &[-1.0]))),
        ("", of(spikes(&[0], &[f64::NAN]))),
        ("", of(spikes(&[2], &[0.0]))),
        ("", of(spikes(&[-1], &[0.0]))),
        ("", of(spikes(&[0, 1], &[0.0]))),
        ("", of(spikes(&[0, 0], &[0.11, 0.19]))),
        ("", of(spikes(&[0, 1, 0], &[0.11, 0.15, 0.19]))),
        ("", of(SpikeGeneratorGroup::new("sg", 0, &[], &[]))),
        ("", of(spikes(&[0], &[0.5]).period("0.4*ms"))),
        ("", of(spikes(&[0], &[0.5]).period("0.5*ms"))),
        ("", of(spikes(&[0], &[0.1]).period("0.25*ms"))),
        ("", of(spikes(&[], &[]).period("0.05*ms"))),
        ("", of(spikes(&[], &[]).period("-1*ms"))),
        ("", of(spikes(&[], &[]).period("1*mV"))),
        ("", of(spikes(&[], &[]).dt("0*ms"))),
        ("rates", poisson(PoissonGroup::with_rates("p", &[]))),
        ("", poisson(PoissonGroup::with_rates("p", &[1.0, f64::NAN]))),
        ("", poisson(PoissonGroup { n: 3, ..PoissonGroup::with_rates("p", &[1.0, 2.0]) })),
        ("", poisson(PoissonGroup::new("p", 2, "1*mV"))),
        ("", poisson(PoissonGroup::new("p", 2, "nope*Hz"))),
        ("values over time", timed(TimedArray::new("T", &[], "1*ms"))),
        ("", timed(TimedArray::rows("T", &[1.0, 2.0, 3.0], 2, "1*ms"))),
        ("", timed(TimedArray::rows("T", &[1.0], 0, "1*ms"))),
        ("", timed(TimedArray::new("T", &[1.0], "0*ms"))),
        ("", timed(TimedArray::new("T", &[1.0], "1*mV"))),
        ("", timed(TimedArray::new("T", &[1.0], "1*ms").unit("nope"))),
        ("", timed(TimedArray::new("sin", &[1.0], "1*ms"))),
        ("inputs", input(PoissonInput::new("g", "nope", 1, "1*Hz", "1*mV"))),
        ("", input(PoissonInput::new("gg", "v", 1, "1*Hz", "1*mV"))),
        ("", input(PoissonInput::new("g", "v", 1, "1*Hz", "1"))),
        ("", input(PoissonInput::new("g", "v", 1, "1", "1*mV"))),
        ("", input(PoissonInput::new("g", "v", 1, "-1*Hz", "1*mV"))),
        ("", input(PoissonInput::new("g", "v", 1, "20*kHz", "1*mV"))),
        ("", input(PoissonInput::new("g", "w", 1, "1*Hz", "1*mV"))),
        ("", input(PoissonInput::new("g", "s", 1, "1*Hz", "1*mV"))),
        ("", input(PoissonInput::new("g", "v", 1, "1*Hz", "1*mV").when("nope", 0))),
        ("", input(PoissonInput { n: u64::MAX, ..PoissonInput::new("g", "v", 1, "1*Hz", "1*mV") })),
        ("neurons", fault(&model().group(chain()).group(chain()))),
        ("", fault(&model().group(chain()).group(PoissonGroup::new("g", 2, "1*Hz")))),
        ("", fault(&model().group(chain()).group(Subgroup::new("g", "g", 0, 1)))),
        ("", fault(&model().group(chain()).group(Subgroup::new("part", "g", 0, 2)))),
        ("", fault(&model().group(chain()).group(Subgroup::new("part", "g", 1, 1)))),
        ("", fault(&model().group(chain()).group(Subgroup::new("part", "gg", 0, 1)))),
        ("", neurons(NeuronGroup::new("g", 0, "v : 1"))),
        ("", neurons(NeuronGroup::new("g", usize::MAX, "v : 1"))),
        ("", neurons(chain().event_schedule("nope", "start", 0))),
        ("", neurons(chain().event_schedule("spike", "nope", 0))),
        ("", neurons(NeuronGroup::new("g", 1, "v : 1").event_schedule("spike", "start", 0))),
        ("", neurons(chain().on_event("nope", "v = 0"))),
        ("", neurons(chain().event("a b", "v > 1"))),
        ("", neurons(chain().event("e", "v"))),
        ("", neurons(chain().event("e", "v > 1").event("e", "v > 2"))),
        ("", neurons(chain().event("spike", "v > 1"))),
        ("", neurons(chain().float32_variables(&["nope"]))),
        ("", neurons(chain().operation(Operation::new("v = nope").when("resetz")))),
        ("schedule", fault(&model().schedule(&["start", "groups", "thresholds", "end"]).group(chain()))),
        ("", fault(&model().schedule(&["start", "before_x", "start", ""]))),
        ("", fault(&model().schedule(&["thresholds", "resets"]).group(chain()))),
        (
            "",
            fault(&model().schedule(&["groups"]).group(NeuronGroup::new("g", 1, "u = rand() : 1 (constant over dt)"))),
        ),
        ("follow", fault(&model().constant("c", "nope").group(chain().threshold("v > c")).spike_monitor("s", "g"))),
    ];
    let text = faults.map(|(what, fault)| if what.is_empty() { fault } else { format!("== {what} ==\n{fault}") });
    insta::assert_snapshot!(text.join("\n\n"));
}

//! Synapses: reading and writing them by the cells that they connect, and making more of them between runs.

use saltus::model::group::Side;
use saltus::network::{
    Assignment, Between, Cells, Connect, Filter, Model, Network, NetworkOperation, NeuronGroup, SpikeGeneratorGroup,
    Subgroup, Synapses,
};
use saltus::runtime::record::Values;

use crate::{Brian, by_cell, check, compiled, fault, interpreted, run, run_on_both};

fn all_pairs_but_own() -> Model {
    let synapses = Synapses::new("s", "a", "b", "w : 1").on_pre("y_post += w").multisynaptic_index("k");
    let synapses = synapses.connect(Connect::condition("i != j")).connect(Connect::pairs(&[0, 3, 3], &[1, 0, 0]));
    Model::new()
        .group(NeuronGroup::new("a", 4, "x : 1").threshold("False"))
        .group(NeuronGroup::new("b", 3, "y : 1"))
        .synapses(synapses.init("w", "i + 10*j + 100*k"))
}

fn forms() -> [(&'static str, Between); 11] {
    let between = Between::new;
    let list = |numbers: &[i64]| Cells::These(numbers.to_vec());
    [
        ("0, 1", between(Cells::One(0), Cells::One(1))),
        ("3, 0", between(Cells::One(3), Cells::One(0))),
        ("0, 0", between(Cells::One(0), Cells::One(0))),
        (":, 2", between(Cells::All, Cells::One(2))),
        ("0, :", between(Cells::One(0), Cells::All)),
        ("1, 0:2", between(Cells::One(1), Cells::Range(0, 2))),
        ("1:3, 0", between(Cells::Range(1, 3), Cells::One(0))),
        ("[3, 0], [1, 0]", between(list(&[3, 0]), list(&[1, 0]))),
        (":, :", between(Cells::All, Cells::All)),
        (":, :, 0", between(Cells::All, Cells::All).numbers(Cells::One(0))),
        (":, :, 1", between(Cells::All, Cells::All).numbers(Cells::One(1))),
    ]
}

#[test]
fn synapses_are_found_by_their_cells() {
    let brian = Brian::of("synapses");
    let mut network = interpreted(&all_pairs_but_own());
    for (form, between) in forms() {
        brian.check(&format!("read/{form}"), &network.values_at("s", "w", &between.into()).unwrap());
    }
    let condition = Filter::Condition(saltus::diag::Text::new("filter", "i == 3"));
    brian.check("read/i == 3", &network.values_at("s", "w", &condition).unwrap());
    for (name, values) in [("pre", Side::Pre), ("post", Side::Post)] {
        let degrees: Vec<f64> = network.degrees("s", values).unwrap().into_iter().map(f64::from).collect();
        brian.check(&format!("read/degrees/{name}"), &degrees);
    }
    brian.check("read/degrees/in", &network.values("s", "N_incoming").unwrap());
    brian.check("read/degrees/out", &network.values("s", "N_outgoing").unwrap());
    let wrong = network.values_at("s", "w", &Between::new(Cells::One(4), Cells::One(0)).into()).unwrap_err();
    assert!(wrong.to_string().contains("there is no source 4: there are 4 of them"), "{wrong}");
    let wrong = network.values_at("a", "x", &Between::new(Cells::One(0), Cells::One(0)).into()).unwrap_err();
    assert!(wrong.to_string().contains("`a` is a group of cells, not of synapses"), "{wrong}");
}

#[test]
fn synapses_are_set_by_their_cells() {
    let brian = Brian::of("synapses");
    for (form, between) in forms() {
        let mut network = interpreted(&all_pairs_but_own());
        network.assign(&Assignment::expression("s", "w", "0")).unwrap();
        network.assign(&Assignment::expression("s", "w", "i + 10*j + 0.5").between(between)).unwrap();
        brian.check(&format!("write/{form}"), &network.values("s", "w").unwrap());
    }
    let mut network = interpreted(&all_pairs_but_own());
    let of_three = || Between::new(Cells::One(3), Cells::All);
    network.assign(&Assignment::values("s", "w", &[1.0, 2.0, 3.0, 4.0, 5.0]).between(of_three())).unwrap();
    brian.check("write/each", &network.values("s", "w").unwrap());
    let wrong = network.assign(&Assignment::values("s", "w", &[1.0, 2.0]).between(of_three())).unwrap_err();
    assert!(wrong.to_string().contains("2 values are given for 5 synapses"), "{wrong}");
}

#[test]
fn cells_are_counted_from_the_first_ones_of_subgroups() {
    let brian = Brian::of("synapses");
    let synapses = Synapses::new("s", "late", "early", "w : 1").on_pre("x_post += w").connect(Connect::all());
    let model = Model::new()
        .group(NeuronGroup::new("g", 6, "x : 1").threshold("False"))
        .group(Subgroup::new("late", "g", 2, 6))
        .group(Subgroup::new("early", "g", 0, 3))
        .synapses(synapses.init("w", "i*10 + j"));
    let mut network = interpreted(&model);
    let last = Between::new(Cells::One(3), Cells::One(2));
    brian.check("subgroups/pair", &network.values_at("s", "w", &last.into()).unwrap());
    for (name, variable) in [("in", "N_incoming"), ("i", "i"), ("j", "j")] {
        brian.check(&format!("subgroups/{name}"), &network.values("s", variable).unwrap());
    }
}

fn growing() -> Model {
    let spikes = SpikeGeneratorGroup::new("g", 2, &[0, 1, 0, 1, 0, 1], &[0.0, 0.0, 3e-4, 3e-4, 6e-4, 6e-4]);
    let equations = "w : 1\ndx/dt = -x/ms : 1 (event-driven)\ndy/dt = 1/ms : 1 (clock-driven)";
    let synapses = Synapses::new("s", "g", "h", equations).on_pre("v_post += w; x += 1").multisynaptic_index("k");
    let synapses = synapses.method("euler").connect(Connect::pairs(&[0, 1], &[0, 1]));
    let synapses = synapses.init("w", "1").init("delay", "0.1*ms");
    let model = Model::new().group(spikes).group(NeuronGroup::new("h", 2, "v : 1")).synapses(synapses);
    model.state_monitor("m", "s", &["w", "y"], None, None)
}

#[test]
fn more_synapses_are_made_between_runs() {
    let brian = Brian::of("synapses");
    let options = [saltus::engine::Options::interpreted(), compiled()];
    for mut network in options.map(|options| Network::new(&growing(), options).unwrap()) {
        let names = ["i", "j", "w", "x", "k", "lastupdate", "y"];
        let check = |network: &Network, what: &str| {
            names.iter().for_each(|name| brian.check(&format!("{what}/{name}"), &network.values("s", name).unwrap()));
        };
        network.run_for("0.3*ms").unwrap();
        check(&network, "more_between_runs/after");
        network.connect("s", &Connect::pairs(&[0, 0], &[0, 1])).unwrap();
        check(&network, "more_between_runs/more");
        brian.check("more_between_runs/more/delay", &network.values("s", "pre.delay").unwrap());
        let degrees = |found: Option<Vec<u32>>| found.unwrap().into_iter().map(f64::from).collect::<Vec<f64>>();
        brian.check("more_between_runs/more/in", &degrees(network.degrees("s", Side::Post)));
        brian.check("more_between_runs/more/out", &degrees(network.degrees("s", Side::Pre)));
        network.assign(&Assignment::expression("s", "w", "10").where_condition("i == 0")).unwrap();
        network.run_for("0.6*ms").unwrap();
        check(&network, "more_between_runs/end");
        brian.check("more_between_runs/v", &network.values("h", "v").unwrap());
        for name in ["w", "y"] {
            brian.check(&format!("more_between_runs/{name}"), &by_cell(network.states("m").unwrap(), name));
        }
    }
}

#[test]
fn spikes_on_their_way_act_through_old_synapses() {
    let brian = Brian::of("synapses");
    let synapses = Synapses::new("s", "g", "h", "").on_pre("v_post += 1").connect(Connect::pairs(&[0], &[0]));
    let model = Model::new()
        .group(SpikeGeneratorGroup::new("g", 1, &[0], &[0.0]))
        .group(NeuronGroup::new("h", 2, "v : 1"))
        .synapses(synapses.init("delay", "0.5*ms"));
    let mut network = run(&model, "0.2*ms");
    network.connect("s", &Connect::pairs(&[0], &[1])).unwrap();
    network.run_for("1*ms").unwrap();
    brian.check("more_with_spikes_on_their_way", &network.values("h", "v").unwrap());
}

#[test]
fn delays_become_different_and_one_again() {
    let brian = Brian::of("synapses");
    let spikes = SpikeGeneratorGroup::new("g", 2, &[0, 1, 0, 1, 0, 1], &[0.0, 1e-4, 5e-4, 6e-4, 1e-3, 1.1e-3]);
    let synapses = Synapses::new("s", "g", "h", "").on_pre("v_post = 2*v_post + 1").connect(Connect::all());
    let model = Model::new().group(spikes).group(NeuronGroup::new("h", 6, "v : 1"));
    let model = model.synapses(synapses.init("delay", "0.3*ms")).state_monitor("m", "h", &["v"], None, None);
    let options = [saltus::engine::Options::interpreted(), compiled()];
    for mut network in options.map(|options| Network::new(&model, options).unwrap()) {
        for (delay, duration) in [(None, "0.5*ms"), (Some("j*0.1*ms"), "0.5*ms"), (Some("0.2*ms"), "1*ms")] {
            if let Some(delay) = delay {
                network.assign(&Assignment::expression("s", "delay", delay)).unwrap();
            }
            network.run_for(duration).unwrap();
        }
        brian.check("other_delays_between_runs", &by_cell(network.states("m").unwrap(), "v"));
    }
}

#[test]
fn a_refused_rule_changes_nothing() {
    let mut network = interpreted(&all_pairs_but_own());
    let before = network.final_state();
    for (synapses, rule, expected) in [
        ("t", Connect::all(), "there are no synapses `t`"),
        ("s", Connect::pairs(&[4], &[0]), "there is no source 4"),
        ("s", Connect::condition("nope > 1"), "nope"),
        ("s", Connect::targets("i + 1"), "this gives the target 3"),
    ] {
        let error = network.connect(synapses, &rule).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(network.final_state(), before);
    }
}

/// Delays that were drawn are kept as what they were drawn by: in two bytes each.
#[test]
fn drawn_delays_are_read_back_to_the_bit() {
    let cells = |name| NeuronGroup::new(name, 300, "v : 1").threshold("v > 1").reset("v = 0");
    let drawn = |expression: &str| {
        let delays = Synapses::new("s", "a", "b", "w : 1").on_pre("v_post += w").connect(Connect::all());
        let values = Synapses::new("s", "a", "b", "w : 1\nd : second").on_pre("v_post += w").connect(Connect::all());
        let of = |synapses: Synapses| Model::new().seed(5).group(cells("a")).group(cells("b")).synapses(synapses);
        let network = interpreted(&of(delays.init("pre.delay", expression)));
        (network, interpreted(&of(values.init("d", expression))).values("s", "d").unwrap())
    };
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<u64>>();
    let expressions = [
        ("rand()*2*ms", 12.1),
        ("clip(1*ms + randn()*0.3*ms, 0*ms, 3*ms) + (i % 7 + j)*0.1*ms", 12.1),
        // Two numbers for each are not made again.
        ("(rand() + abs(randn()))*ms", 20.1),
        ("int(rand()*20)*0.1*ms", 13.1),
    ];
    for (expression, most_bytes) in expressions {
        let (mut network, values) = drawn(expression);
        let delays = |network: &Network| bits(&network.values("s", "pre.delay").unwrap());
        assert_eq!(delays(&network), bits(&values), "{expression}");
        let bytes = network.populations()[2].bytes() as f64 / 9e4;
        assert!(bytes < most_bytes, "{expression}: {bytes} bytes a synapse");
        network.assign(&Assignment::expression("s", "w", "rand()")).unwrap();
        network.run_for("1*ms").unwrap();
        let state = network.store().unwrap();
        network.set_step("0.05*ms").unwrap();
        network.run_for("1*ms").unwrap();
        assert_eq!(delays(&network), bits(&values), "{expression}");
        let one = Between::new(Cells::One(2), Cells::One(3));
        network.assign(&Assignment::expression("s", "pre.delay", "7*ms").between(one)).unwrap();
        let mut changed = values.clone();
        changed[2 * 300 + 3] = 7e-3;
        assert_eq!(delays(&network), bits(&changed), "{expression}");
        network.connect("s", &Connect::pairs(&[0], &[0])).unwrap();
        changed.push(0.0);
        assert_eq!(delays(&network), bits(&changed), "{expression}");
        let (mut fresh, _) = drawn("1*ms");
        fresh.restore(&state, saltus::network::RandomState::Restore).unwrap();
        assert_eq!(delays(&fresh), bits(&values), "{expression}");
    }
}

#[test]
fn rows_with_cells_that_there_are_not_stay_in_their_place() {
    let synapses = Synapses::new("s", "a", "a", "").on_pre("v_post += 1");
    let near = Connect::targets("k for k in range(i - 1, i + 2)").skip_if_invalid();
    let model = Model::new().group(NeuronGroup::new("a", 4, "v : 1").threshold("v > 1").reset("v = 0"));
    let network = interpreted(&model.synapses(synapses.connect(near)));
    let values = |name| network.values("s", name).unwrap();
    assert_eq!(values("i"), [0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0]);
    assert_eq!(values("j"), [0.0, 1.0, 0.0, 1.0, 2.0, 1.0, 2.0, 3.0, 2.0, 3.0]);
}

/// Brian2's rule: what is changed within a run counts from the next one on.
#[test]
fn delays_changed_within_a_run_count_from_the_next_one_on() {
    let spikes = SpikeGeneratorGroup::new("g", 2, &[0, 1, 0, 1, 0, 1], &[0.0, 1e-4, 5e-4, 6e-4, 1e-3, 1.1e-3]);
    for before in ["0.3*ms", "j*0.1*ms", "rand()*ms"] {
        let synapses = Synapses::new("s", "g", "h", "").on_pre("v_post = 2*v_post + 1").connect(Connect::all());
        let model = Model::new().seed(3).group(spikes.clone()).group(NeuronGroup::new("h", 40_000, "v : 1"));
        let model = model.synapses(synapses.init("delay", before));
        let after = Assignment::expression("s", "delay", "(1 + j % 3)*0.1*ms");
        let mut within = interpreted(&model);
        let change = after.clone();
        let operation = NetworkOperation::new("change").dt("0.4*ms");
        within.add_operation(operation, move |network, _| network.assign(&change)).unwrap();
        within.run_for("0.8*ms").unwrap();
        let mut between = interpreted(&model);
        between.run_for("0.8*ms").unwrap();
        assert_eq!(within.values("h", "v"), between.values("h", "v"), "{before}");
        between.assign(&after).unwrap();
        for network in [&mut within, &mut between] {
            network.run_for("0.8*ms").unwrap();
        }
        assert_eq!(within.values("h", "v"), between.values("h", "v"), "{before}");
    }
}

#[test]
fn variables_can_be_floats_of_32_bits() {
    let brian = Brian::of("synapses");
    let spikes = [0.0, 1e-4, 2e-4, 5e-4, 7e-4, 9e-4];
    let cells = NeuronGroup::new("h", 2, "dv/dt = 300/second : 1").threshold("v > 0.3").reset("v = 0").method("euler");
    let equations = "w : 1\nf : 1 (shared)\ndx/dt = -x/ms : 1 (event-driven)\ndy/dt = -y/(2*ms) : 1 (event-driven)";
    let synapses = Synapses::new("s", "g", "h", equations).float32().connect(Connect::all());
    let synapses = synapses.on_pre("v_post += 0.1*w; x += f; w = clip(w + y, 0, 2)");
    let synapses = synapses.on_post("y -= 0.1; w = clip(w + x, 0, 2)");
    let model = Model::new().group(SpikeGeneratorGroup::new("g", 3, &[0, 1, 2, 0, 1, 2], &spikes)).group(cells);
    let model = model.synapses(synapses.init("w", "0.1*(i + 1) + 0.01*j").init("f", "0.1"));
    let network = run_on_both(&model.state_monitor("m", "s", &["w", "x", "y"], None, None), "3*ms");
    let monitor = network.states("m").unwrap();
    for name in ["w", "x", "y"] {
        check(name, &by_cell(monitor, name), &brian.numbers(&format!("float32/{name}")), 1e-6);
        assert!(matches!(monitor.variables[name].1.values, Values::F32(_)));
    }
    check("v", &network.values("h", "v").unwrap(), &brian.numbers("float32/v"), 1e-6);
}

fn with_delays(delay: &str) -> Model {
    let synapses = Synapses::new("s", "g", "h", "w : 1").on_pre("v_post += w").connect(Connect::all());
    Model::new()
        .group(SpikeGeneratorGroup::new("g", 2, &[0], &[0.0]))
        .group(NeuronGroup::new("h", 3, "v : 1"))
        .synapses(synapses.init("delay", delay))
}

#[test]
fn delays_that_cannot_be_are_told_of() {
    for (delay, expected) in [
        ("1e5*second*(i + 1)", "a delay of `s_pre` is longer than 10000000 steps"),
        ("inf*second", "a delay of `s_pre` is longer than 10000000 steps"),
        ("-1*ms*i", "3 delays of `s_pre` are below zero or not a number, and count as 0"),
        ("0.01*ms", "1 delays of `s_pre` are shorter than half a step and became 0"),
    ] {
        let mut network = interpreted(&with_delays(delay));
        let ran = network.run_for("0.3*ms");
        let told = ran.err().map_or_else(|| network.warnings().to_string(), |error| error.to_string());
        assert!(told.contains(expected), "{delay}: {told}");
    }
    // What was refused changed nothing.
    let mut network = interpreted(&with_delays("0.2*ms"));
    network.run_for("0.1*ms").unwrap();
    network.assign(&Assignment::expression("s", "delay", "1e9*second")).unwrap();
    network.run_for("0.1*ms").unwrap_err();
    network.assign(&Assignment::expression("s", "delay", "0.3*ms")).unwrap();
    network.run_for("0.3*ms").unwrap();
}

#[test]
fn monitors_record_synapses_that_there_are() {
    let wrong = |variable: &str, record: &[i64]| {
        fault(&with_delays("1*ms").state_monitor("m", "s", &[variable], Some(record), None))
    };
    assert_eq!(wrong("w", &[0, 5]), "nothing\n");
    for variable in ["w", "i", "N_incoming", "v_post"] {
        assert!(wrong(variable, &[0, 6]).contains("records the number 6 of `s`, which has 6"), "{variable}");
    }
}

#[test]
fn states_bring_their_synapses_along() {
    let model = |seed| {
        let synapses =
            Synapses::new("s", "g", "g", "w : 1\ndx/dt = -x/ms : 1 (event-driven)").on_pre("v_post += w; x += 1");
        let synapses = synapses.on_post("w += x*i").connect(Connect::all().p("0.3")).multisynaptic_index("k");
        let synapses = synapses.init("w", "rand()").init("pre.delay", "rand()*2*ms");
        let cells = NeuronGroup::new("g", 20, "v : 1").threshold("i == t_in_timesteps % 20").reset("v *= 0.5");
        let model = Model::new().seed(seed).group(cells).synapses(synapses).spike_monitor("m", "g");
        // One that keeps an array of delays.
        model.state_monitor("d", "s", &["pre.delay"], Some(&[0]), None)
    };
    let mut state = None;
    // From more to fewer, and from fewer to more.
    for (from, to) in [(1, 2), (2, 1)] {
        let mut first = run(&model(from), "1*ms");
        let stored = first.store().unwrap();
        first.run_for("3*ms").unwrap();
        for options in [saltus::engine::Options::interpreted(), compiled()] {
            let mut other = Network::new(&model(to), options).unwrap();
            assert_ne!(other.synapse_counts(), first.synapse_counts());
            other.restore(&stored, saltus::network::RandomState::Restore).unwrap();
            other.run_for("3*ms").unwrap();
            assert_eq!(other.final_state(), first.final_state());
        }
        state = Some(stored);
    }
    let state = state.expect("a state");
    let few = Model::new().group(NeuronGroup::new("g", 3, "v : 1").threshold("i == 0").reset("v *= 0.5"));
    let synapses =
        Synapses::new("s", "g", "g", "w : 1\ndx/dt = -x/ms : 1 (event-driven)").on_pre("v_post += w; x += 1");
    let synapses = synapses.on_post("w += x*i").connect(Connect::all()).multisynaptic_index("k");
    let mut few = interpreted(&few.synapses(synapses).spike_monitor("m", "g"));
    let before = few.final_state();
    assert!(few.restore(&state, saltus::network::RandomState::Restore).is_err());
    assert_eq!(few.final_state(), before);
}

#[test]
fn more_synapses_of_a_pair_than_there_can_be_are_refused() {
    for rule in [Connect::all().n("2000000000"), Connect::pairs(&[0, 1], &[1, 0]).n("2000000000")] {
        let synapses = Synapses::new("s", "g", "g", "").on_pre("v_post += 1").connect(rule);
        let model = Model::new().group(NeuronGroup::new("g", 2, "v : 1").threshold("v > 1").reset("v = 0"));
        let told = fault(&model.synapses(synapses));
        assert!(told.contains("billion synapses"), "{told}");
    }
}

#[test]
fn names_and_numbers_that_there_are_not() {
    let synapses = |name: &str, target: &str| Synapses::new(name, "g", target, "").connect(Connect::all());
    let far = Synapses::new("far", "g", "s", "").connect(Connect::pairs(&[0], &[9_999_999_999]));
    let model = Model::new()
        .group(NeuronGroup::new("g", 2, "v : 1").threshold("False"))
        .synapses(synapses("s", "g").on_pre("v_post += 1"))
        .synapses(synapses("numbered", "g").multisynaptic_index("1 k"))
        .synapses(synapses("g", "g"))
        .synapses(far)
        .state_monitor("m", "s", &["delay"], Some(&[-1, 9_999_999_999]), None);
    insta::assert_snapshot!(fault(&model));
}

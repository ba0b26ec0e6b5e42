//! Pathways: what can be said of them between runs, and in Rust only.

use saltus::network::{Connect, Model, Monitor, NeuronGroup, SpikeGeneratorGroup, Synapses};

use crate::{Brian, by_cell, fault, interpreted, run};

fn source() -> SpikeGeneratorGroup {
    SpikeGeneratorGroup::new("g", 1, &[0, 0, 0], &[0.0, 0.3e-3, 0.6e-3])
}

fn synapses() -> Synapses {
    Synapses::new("s", "g", "h", "dx/dt = 1/ms : 1 (clock-driven)").method("euler").on_pre("c += 1")
}

fn model(synapses: Synapses) -> Model {
    let model = Model::new().group(source()).group(NeuronGroup::new("h", 1, "c : 1")).synapses(synapses);
    let model = model.monitor(Monitor::state("m", "h", &["c"]).when("after_end"));
    model.state_monitor("n", "s", &["x"], None, None)
}

#[test]
fn what_is_on_its_way_waits_for_a_pathway_that_rests() {
    let brian = Brian::of("pathways");
    let model = model(synapses().delay("pre", "0.5*ms").connect(Connect::all()));
    for name in ["s", "s_pre"] {
        let mut network = interpreted(&model);
        for (active, duration) in [(true, "0.2*ms"), (false, "0.2*ms"), (true, "1.2*ms")] {
            network.set_active(name, active).unwrap();
            network.run_for(duration).unwrap();
        }
        brian.check(&format!("active/{name}/c"), &by_cell(network.states("m").unwrap(), "c"));
        brian.check(&format!("active/{name}/x"), &by_cell(network.states("n").unwrap(), "x"));
    }
}

#[test]
fn settings_are_those_of_the_model_file() {
    let group = NeuronGroup::new("g", 1, "c : 1").event("beat", "t_in_timesteps % 2 == 1");
    let synapses = |given: Synapses| given.connect(Connect::all());
    let written = |given: Synapses| {
        let network = run(&Model::new().group(group.clone()).synapses(given), "0.4*ms");
        network.values("g", "c").unwrap()[0]
    };
    let given = || {
        let given = Synapses::new("s", "g", "g", "").on_pre("c = 3*c + 1").on_post("c = 3*c + 2");
        synapses(given.on_event("beat"))
    };
    assert_eq!(written(given()), f64::from(((3 + 2) * 3 + 1) * 3 + 2));
    assert_eq!(written(given().pathway_order("pre", 2)), f64::from((2 * 3 + 1) * 9 + 2 * 3 + 1));
    assert_eq!(written(given().pathway_when("post", "start")), f64::from((3 + 2) * 3 + 1));
    assert_eq!(written(given().pathway_active("post", false)), 4.0);
    let one = Synapses::new("s", "g", "g", "").pathway("p", saltus::model::group::Side::Pre, "c += 1");
    assert_eq!(written(synapses(one.pathway_event("p", "beat"))), 2.0);
}

#[test]
fn only_a_pathway_that_runs_needs_synapses() {
    let none = Synapses::new("s", "g", "h", "dx/dt = 1/ms : 1 (clock-driven)").method("euler");
    run(&model(none), "0.2*ms");
    run(&model(synapses().pathway_active("pre", false)), "0.2*ms");
    let faults = [
        synapses(),
        synapses().connect(Connect::all()).pathway_when("post", "end"),
        synapses().connect(Connect::all()).pathway_event("pre", "spikes"),
        synapses().connect(Connect::all()).pathway_when("pre", "ends").on_event("beat"),
    ];
    insta::assert_snapshot!(faults.map(|synapses| fault(&model(synapses))).join("\n\n"));
}

#[test]
fn synapses_at_an_end_are_counted_when_they_are_made() {
    let group = NeuronGroup::new("h", 3, "c : 1");
    let first = Synapses::new("first", "h", "h", "w : 1").connect(Connect::condition("i < j"));
    let on_first = |rule: Connect| Synapses::new("second", "h", "first", "").connect(rule);
    let model = |second| Model::new().group(group.clone()).synapses(first.clone()).synapses(second);
    let fault = fault(&model(on_first(Connect::pairs(&[0, 0], &[2, 3]))));
    assert!(fault.starts_with("error: there is no synapse 3: there are 3 at that end"), "{fault}");
    let network = interpreted(&model(on_first(Connect::pairs(&[0, 0], &[2, 1]))));
    assert_eq!(network.values("second", "j"), Some(vec![2.0, 1.0]));
    let input = saltus::network::PoissonInput::new("first", "w", 10, "10*Hz", "1.0");
    let fault = crate::fault(&model(on_first(Connect::all())).poisson_input(input));
    assert!(fault.starts_with("error: a Poisson input needs a group, but `first` are synapses"), "{fault}");
}

#[test]
fn equations_that_lose_their_rate_have_a_limit() {
    let (u, tau, b0) = (3.0, 5e-3, 0.5);
    let equations =
        "k : Hz\n l : Hz\n da/dt = b/(5*ms) - l*a : 1 (event-driven)\n db/dt = 3*Hz - k*b : 1 (event-driven)";
    for (k, l) in [(0.0, 0.0), (1e-9, 0.0), (0.0, 1e-9), (0.0, 200.0), (1e-9, 200.0)] {
        let second = Synapses::new("s", "g", "h", equations).on_pre("c += a").connect(Connect::all());
        let second = second.init("b", "0.5").init("k", &format!("{k:?}*Hz")).init("l", &format!("{l:?}*Hz"));
        let model = Model::new().group(source()).group(NeuronGroup::new("h", 1, "c : 1")).synapses(second);
        let network = run(&model, "1*ms");
        let time: f64 = 0.6e-3;
        let expected = match l < 1.0 {
            true => (b0 * time + u * time * time / 2.0) / tau,
            false => {
                let reached = -(-l * time).exp_m1() / l;
                (b0 * reached + u * (time - reached) / l) / tau
            }
        };
        crate::check(&format!("{k} {l}"), &network.values("s", "a").unwrap(), &[expected], 1e-10);
        crate::check(&format!("{k} {l}"), &network.values("s", "b").unwrap(), &[b0 + u * time], 1e-10);
    }
}

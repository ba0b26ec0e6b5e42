//! Linked variables.

use saltus::network::{Assignment, Link, Model, Monitor, NeuronGroup, PoissonGroup, Subgroup};

use crate::{Brian, by_cell, fault, interpreted, run, run_on_both};

/// The source of most cases: `h` with `n` cells.
fn source(n: usize) -> NeuronGroup {
    let equations =
        "dy/dt = (1 + i)/ms : 1\n k : 1\n s : 1 (shared)\n sub = y*2 + i : 1\n n : integer\n m : integer (constant)";
    NeuronGroup::new("h", n, equations).threshold("y > 0.45").reset("y = 0; n += 1").method("euler")
}

fn linker(n: usize, equations: &str) -> NeuronGroup {
    NeuronGroup::new("g", n, equations).method("euler")
}

fn linked(source: NeuronGroup, group: NeuronGroup, link: Link) -> Model {
    let model = Model::new().group(source).group(group).link(link);
    model.init("h", "k", "10*i").init("h", "s", "7")
}

/// Runs, and compares recorded variables of `g`.
fn check(case: &str, model: Model, duration: &str, variables: &[&str]) -> saltus::network::Network {
    let network = run_on_both(&model.monitor(Monitor::state("m", "g", variables)), duration);
    for variable in variables {
        let recorded = by_cell(network.states("m").unwrap(), variable);
        Brian::of("linked").check(&format!("{case}/{variable}"), &recorded);
    }
    network
}

#[test]
fn what_a_linked_variable_reads() {
    let x = |source_variable: &str| Link::new("g", "x", "h", source_variable);
    let v_of_x = "x : 1 (linked)\n dv/dt = x/ms : 1";

    let g = linker(3, "x : 1 (linked)\n dv/dt = (x - v)/ms : 1\n z = x + v : 1").threshold("x > 0.4").reset("v = x");
    let model = linked(source(3), g, x("y")).spike_monitor("s", "g");
    let network = check("direct", model, "0.8*ms", &["v", "z"]);
    let spikes = network.spikes("s").unwrap();
    let brian = Brian::of("linked");
    brian.check("direct/spikes_t", &spikes.t);
    brian.check("direct/spikes_i", &spikes.i.iter().map(|i| f64::from(*i)).collect::<Vec<_>>());
    brian.check("direct/hy", &network.values("h", "y").unwrap());

    // A source that is updated first gives its new values.
    let g = linker(3, "x : 1 (linked)\n dv/dt = (x - v)/ms : 1");
    let a = NeuronGroup::new("a", 3, "dy/dt = (1 + i)/ms : 1").method("euler");
    let model = Model::new().group(g).group(a).link(Link::new("g", "x", "a", "y"));
    check("direct_source_first", model, "0.8*ms", &["x", "v"]);

    let model = linked(source(3), linker(5, v_of_x), x("y").cells(&[2, 0, 0, 1, 2]));
    check("index_array", model, "0.8*ms", &["x", "v"]);
    let model = linked(source(3), linker(4, v_of_x), x("s"));
    let h = "s = s + 1";
    let mut shared = model.clone();
    shared.groups[0] = source(3).operation(saltus::network::Operation::new(h)).into();
    check("shared_to_vector", shared, "0.8*ms", &["v"]);
    check("one_cell_to_vector", linked(source(1), linker(4, v_of_x), x("y")), "0.8*ms", &["x", "v"]);
    check("one_cell_to_one", linked(source(1), linker(1, "x : 1 (linked)"), x("y")), "0.8*ms", &["x"]);

    // Another clock: the value stays until the source's next step.
    check("other_clock", linked(source(3).dt("0.3*ms"), linker(3, v_of_x), x("y")), "0.8*ms", &["x", "v"]);

    let exact = NeuronGroup::new("g", 3, "x : 1 (linked)\n dv/dt = (1 - v)*(1 + x)/ms : 1");
    check("linked_in_subexpression_and_exact", linked(source(3), exact, x("k")), "0.8*ms", &["v"]);
}

#[test]
fn numbers_and_parts_of_the_source() {
    let brian = Brian::of("linked");
    let copied = |model: Model| {
        let mut network = interpreted(&model);
        network.assign(&Assignment::expression("g", "w", "x")).unwrap();
        network.values("g", "w").unwrap()
    };
    let g = |n: usize| linker(n, "x : 1 (linked)\n w : 1\n idx : integer (constant)");
    let k = Link::new("g", "x", "h", "k");
    brian.check("index_list/x", &copied(linked(source(3), g(2), k.clone().cells(&[2, 1]))));
    let part = |link: Link, n: usize| linked(source(5), g(n), link).group(Subgroup::new("part", "h", 1, 4));
    let of_part = Link::new("g", "x", "part", "k").cells(&[2, 0]);
    brian.check("subgroup_source_index/x", &copied(part(of_part, 2)));
    let y = Link::new("g", "x", "part", "y");
    check("subgroup_source", part(y, 3), "0.8*ms", &["x"]);

    // What an index variable says counts from the start of a run on.
    let model = linked(source(3), g(4), k.index("idx"));
    let model = model.assign(Assignment::values("g", "idx", &[0.0, 2.0, 1.0, 1.0]));
    let network = run(&model.state_monitor("m", "g", &["x"], None, None), "0.1*ms");
    brian.check("index_variable_constant/x", &by_cell(network.states("m").unwrap(), "x"));
    let model = model_with_index_from_a_part();
    let network = run(&model.state_monitor("m", "g", &["x"], None, None), "0.1*ms");
    assert_eq!(by_cell(network.states("m").unwrap(), "x"), [30.0, 10.0]);
}

fn model_with_index_from_a_part() -> Model {
    let g = linker(2, "x : 1 (linked)\n idx : integer (constant)");
    let model = linked(source(5), g, Link::new("g", "x", "part", "k").index("idx"));
    model.group(Subgroup::new("part", "h", 1, 4)).assign(Assignment::values("g", "idx", &[2.0, 0.0]))
}

#[test]
fn variables_of_every_kind_can_be_linked_to() {
    let brian = Brian::of("linked");
    let h = NeuronGroup::new("h", 2, "v : 1").threshold("v > 0").reset("").refractory("1*ms");
    let g = linker(2, "x : second (linked)\n b : boolean (linked)\n w : second\n c : boolean");
    let model = Model::new().group(h).group(g);
    let model = model.link(Link::new("g", "x", "h", "lastspike")).link(Link::new("g", "b", "h", "not_refractory"));
    let network = interpreted(&model.init("g", "w", "x").init("g", "c", "b"));
    brian.check("link_to_lastspike/x", &network.values("g", "w").unwrap());
    brian.check("link_to_lastspike/b", &network.values("g", "c").unwrap());

    let p = PoissonGroup::with_rates("p", &[10.0, 20.0, 30.0]);
    let model = Model::new().group(p).group(linker(3, "x : Hz (linked)")).link(Link::new("g", "x", "p", "rates"));
    check("to_poisson_rates", model, "0.2*ms", &["x"]);

    let h = NeuronGroup::new("h", 2, "c = i + t/ms : 1 (constant over dt)");
    let model = Model::new().group(h).group(linker(2, "x : 1 (linked)")).link(Link::new("g", "x", "h", "c"));
    check("const_over_dt_source", model, "0.3*ms", &["x"]);
}

#[test]
fn a_group_can_be_linked_to_itself() {
    let g = linker(4, "x : 1 (linked)\n dv/dt = (x - v)/ms : 1");
    let model = Model::new().group(g).init("g", "v", "i");
    let model = model.link(Link::new("g", "x", "g", "v").cells(&[1, 2, 3, 0]));
    check("own_group", model, "0.8*ms", &["x", "v"]);
}

#[test]
fn links_go_through_links() {
    let g = linker(2, "x : 1 (linked)");
    let f = |n: usize| NeuronGroup::new("f", n, "z : 1 (linked)\n w : 1 \n b : integer (constant)");
    let model = |first: Link, second: Link, n: usize| {
        linked(source(3), g.clone(), first).group(f(n)).link(second).init("f", "w", "z")
    };
    let (x, z) = (Link::new("g", "x", "h", "k"), Link::new("f", "z", "g", "x"));
    let w = |model: Model| interpreted(&model).values("f", "w").unwrap();
    let second = z.clone().cells(&[1, 1, 0]);
    Brian::of("linked").check("link_of_link/z", &w(model(x.clone().cells(&[2, 1]), second, 3)));
    assert_eq!(w(model(x.clone().cells(&[2, 1]), z.clone(), 2)), [20.0, 10.0]);
    assert_eq!(w(model(Link::new("g", "x", "h", "s"), z.clone(), 5)), [7.0; 5]);
    let part = Subgroup::new("part", "g", 1, 2);
    let to_part = Link::new("f", "z", "part", "x");
    assert_eq!(w(model(x.clone().cells(&[2, 1]), to_part, 4).group(part)), [10.0; 4]);
    let mut backwards = model(x.clone().cells(&[2, 1]), z.clone(), 2);
    backwards.links.reverse();
    insta::assert_snapshot!(
        [
            fault(&backwards),
            fault(&model(x.clone().cells(&[2, 1]), z.index("b"), 2)),
            fault(&model(Link::new("g", "x", "h", "s"), Link::new("f", "z", "g", "x").cells(&[0]), 1)),
        ]
        .concat()
    );
}

#[test]
fn links_that_cannot_be() {
    let g = |flags: &str| linker(2, &format!("x : 1 ({flags})\n idx : integer (constant)\n loose : integer\n f : 1"));
    let x = |source_variable: &str| Link::new("g", "x", "h", source_variable).cells(&[0, 1]);
    let of = |link: Link| fault(&linked(source(3), g("linked"), link));
    let faults = [
        fault(&Model::new().group(g("linked"))),
        of(Link::new("g", "x", "h", "y")),
        of(x("nope")),
        of(x("sub")),
        of(x("n")),
        of(x("s")),
        of(Link::new("g", "x", "hh", "y")),
        of(Link::new("g", "f", "h", "y")),
        of(x("y").cells(&[0])),
        of(x("y").cells(&[0, 3])),
        of(x("y").cells(&[0, -1])),
        of(x("y").index("nope")),
        of(x("y").index("f")),
        of(x("y").index("loose")),
        fault(&linked(source(3), g("linked"), x("y")).link(x("k"))),
        fault(&linked(source(3), g("linked, constant"), x("y"))),
        fault(&linked(source(3), g("linked, shared"), x("y"))),
        fault(&linked(source(3), linker(2, "x : volt (linked)"), x("y"))),
        fault(&linked(source(3), linker(2, "dx/dt = 1/ms : 1 (linked)"), x("y"))),
        fault(&linked(source(3), g("linked").threshold("f > 1").reset("x = 3"), x("y"))),
        fault(&linked(source(3), g("linked"), x("y")).init("g", "x", "3")),
        fault(&linked(source(3), g("linked"), x("y")).assign(Assignment::values("g", "x", &[1.0, 2.0]))),
    ];
    insta::assert_snapshot!(faults.join("\n\n"));
    // What an index variable says is known when a run starts.
    let model = linked(source(3), g("linked"), Link::new("g", "x", "h", "y").index("idx"));
    let mut network = interpreted(&model.assign(Assignment::values("g", "idx", &[0.0, 5.0])));
    insta::assert_snapshot!(network.run_for("1*ms").unwrap_err().to_string());
}

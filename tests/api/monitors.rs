//! Monitors.

use saltus::network::{Model, Monitor, NeuronGroup, Record, Subgroup};
use saltus::runtime::record::Values;

use crate::{Brian, all, by_cell, fault, run};

/// The group `g` of the cases, and parts of it.
fn cells() -> Model {
    let equations = "dv/dt = (1 + i)/ms : 1 (unless refractory)\n k : integer\n b : boolean\n s : volt (shared)\n \
        sub = v*2 + i : 1\n c = v + 1 : 1 (constant over dt)";
    let group = NeuronGroup::new("g", 4, equations).threshold("v > 0.35").reset("v = 0; k += 1");
    let model = Model::new().group(group.refractory("0.2*ms").method("euler"));
    let model = model.group(Subgroup::new("middle", "g", 1, 3)).group(Subgroup::new("last", "g", 1, 4));
    model.group(Subgroup::new("end", "g", 2, 4)).group(Subgroup::new("nested", "last", 1, 3))
}

fn as_numbers(integers: &[i32]) -> Vec<f64> {
    integers.iter().map(|i| f64::from(*i)).collect()
}

#[test]
fn cells_are_recorded_in_any_order() {
    let brian = Brian::of("monitors");
    for (name, record) in [
        ("false", Record::None),
        ("true", Record::All),
        ("one", Record::Cells(vec![2])),
        ("list", Record::Cells(vec![3, 1])),
        ("array", Record::Cells(vec![1, 1, 0])),
        ("subgroup", Record::Subgroup(saltus::diag::Text::new("record", "middle"))),
        ("empty", Record::Cells(vec![])),
    ] {
        let network = run(&cells().monitor(Monitor::state("m", "g", &["v"]).record(record)), "0.3*ms");
        let monitor = network.states("m").unwrap();
        let of = |key: &str| format!("state_record_forms/{name}/{key}");
        brian.check(&of("record"), &as_numbers(&monitor.cells()));
        brian.check(&of("t"), &monitor.t);
        if !monitor.record.is_empty() {
            brian.check(&of("v"), &by_cell(monitor, "v"));
        }
    }
    let model = cells().monitor(Monitor::state("m", "last", &["v", "sub", "i"]).record(Record::Cells(vec![2, 0])));
    let text = saltus::diag::Text::new("record", "nested");
    let model = model.monitor(Monitor::state("p", "last", &["v"]).record(Record::Subgroup(text)));
    let network = run(&model, "0.3*ms");
    let monitor = network.states("m").unwrap();
    brian.check("state_subgroup/v", &by_cell(monitor, "v"));
    brian.check("state_subgroup/sub", &by_cell(monitor, "sub"));
    // Brian2 gives 1 and -1.
    assert_eq!(by_cell(monitor, "i"), [2.0, 2.0, 2.0, 0.0, 0.0, 0.0]);
    brian.check("state_subgroup/p", &as_numbers(&network.states("p").unwrap().cells()));
    brian.check("state_subgroup/p_v", &by_cell(network.states("p").unwrap(), "v"));
}

#[test]
fn whole_states_have_every_variable_in_its_type() {
    let brian = Brian::of("monitors");
    let network = run(&cells().monitor(Monitor::whole_state("m", "g")), "0.2*ms");
    let monitor = network.states("m").unwrap();
    let mut names: Vec<&str> = monitor.variables.keys().map(String::as_str).collect();
    names.sort_unstable();
    let theirs = brian.at("state_variables_forms/True").as_array().unwrap();
    let mut theirs: Vec<&str> = theirs.iter().map(|name| name.as_str().unwrap()).collect();
    theirs.sort_unstable();
    assert_eq!(names, theirs);
    for (name, (_, column)) in &monitor.variables {
        let ty = match column.values {
            Values::Bool(_) => "bool",
            Values::I32(_) => "int32",
            Values::I64(_) => "int64",
            Values::F32(_) => "float32",
            Values::F64(_) => "float64",
        };
        assert_eq!(brian.at(&format!("state_types/{name}")), ty, "{name}");
    }
}

#[test]
fn spikes_are_recorded_where_the_monitor_stands() {
    let brian = Brian::of("monitors");
    let variables = ["v", "sub", "k", "s", "c", "lastspike"];
    let model = cells()
        .monitor(Monitor::spikes("a", "g").record(Record::None))
        .monitor(Monitor::spikes("b", "g").variables(&variables))
        .monitor(Monitor::spikes("c", "g").variables(&["v"]).when("after_resets"))
        .monitor(Monitor::spikes("d", "g").variables(&["v"]).when("resets").order(1))
        .monitor(Monitor::spikes("e", "g").variables(&["v"]).when("end"))
        .monitor(Monitor::spikes("f", "g").when("start"))
        // Before the reset, which stands in the middle of its slot.
        .monitor(Monitor::spikes("early", "g").variables(&["v"]).when("resets").order(-1));
    let network = run(&model, "1*ms");
    let of = |name: &str| network.spikes(name).unwrap();
    let values = |name: &str, variable: &str| all(&of(name).variables[variable].1.values);
    let counts: Vec<f64> = of("a").count.iter().map(|count| *count as f64).collect();
    brian.check("spike_forms/a_count", &counts);
    assert_eq!((of("a").total, of("a").i.len(), of("a").t.len()), (13, 0, 0));
    brian.check("spike_forms/b/i", &as_numbers(&of("b").i));
    brian.check("spike_forms/b/t", &of("b").t);
    for variable in variables {
        brian.check(&format!("spike_forms/b/{variable}"), &values("b", variable));
    }
    for name in ["c", "d", "e"] {
        brian.check(&format!("spike_forms/{name}"), &values(name, "v"));
    }
    assert_eq!(values("early", "v"), values("b", "v"));
    brian.check("spike_forms/f_t", &of("f").t);
}

#[test]
fn events_come_by_cell() {
    let brian = Brian::of("monitors");
    let network = run(&cells().monitor(Monitor::spikes("m", "g").variables(&["k"])), "1*ms");
    let monitor = network.spikes("m").unwrap();
    let (trains, values) = (monitor.trains(), monitor.values("k").unwrap());
    for cell in 0..4 {
        brian.check(&format!("spike_access/trains/{cell}"), &trains[cell]);
        brian.check(&format!("spike_access/values/{cell}"), &values[cell]);
    }
    assert_eq!(monitor.values("nope"), None);

    let group = NeuronGroup::new("g", 2, "dv/dt = (1 + i)/ms : 1").method("euler").event("e", "v > 0.25");
    let network = run(&Model::new().group(group).monitor(Monitor::events("m", "g", "e")), "0.4*ms");
    let monitor = network.spikes("m").unwrap();
    brian.check("event_access/i", &as_numbers(&monitor.i));
    for cell in 0..2 {
        brian.check(&format!("event_access/trains/{cell}"), &monitor.trains()[cell]);
    }

    let model = cells().monitor(Monitor::spikes("m", "end").variables(&["k", "sub"])).rate_monitor("r", "end");
    let network = run(&model, "0.6*ms");
    let monitor = network.spikes("m").unwrap();
    brian.check("subgroup_spikes/i", &as_numbers(&monitor.i));
    brian.check("subgroup_spikes/sub", &all(&monitor.variables["sub"].1.values));
    let counts: Vec<f64> = monitor.count.iter().map(|count| *count as f64).collect();
    brian.check("subgroup_spikes/count", &counts);
    brian.check("subgroup_spikes/rate", &network.rates("r").unwrap().rate);
}

#[test]
fn monitors_that_cannot_be() {
    let with = |monitor: Monitor| fault(&cells().monitor(monitor));
    let state = |variables: &[&str]| Monitor::state("m", "g", variables);
    let part = |name: &str| Record::Subgroup(saltus::diag::Text::new("monitors.m.record", name));
    let silent = Model::new().group(NeuronGroup::new("silent", 1, "dv/dt = w/ms : 1\n w = xi_a*ms**0.5 : 1"));
    let faults = [
        with(Monitor::spikes("m", "gg")),
        with(Monitor::events("m", "g", "spik")),
        with(Monitor::spikes("m", "g").variables(&["nope"])),
        with(Monitor::spikes("m", "g").when("resetz")),
        fault(&cells().spike_monitor("m", "g").rate_monitor("m", "g")),
        with(state(&["v", "nope"])),
        with(state(&["v"]).record(Record::Cells(vec![-1]))),
        with(state(&["v"]).record(Record::Cells(vec![0, 4]))),
        with(Monitor::state("m", "last", &["v"]).record(Record::Cells(vec![3]))),
        with(Monitor::state("m", "end", &["v"]).record(part("middle"))),
        with(state(&["v"]).record(part("nope"))),
        with(state(&["v"]).dt("0*ms")),
        with(state(&["v"]).dt("1*mV")),
        fault(&silent.clone().spike_monitor("m", "silent")),
        fault(&silent.clone().rate_monitor("m", "silent")),
        fault(&silent.state_monitor("m", "silent", &["w"], None, None)),
    ];
    insta::assert_snapshot!(faults.join("\n\n"));
}

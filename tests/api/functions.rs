//! Functions written in Rust, and those that draw.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use saltus::expr::check::ValueType;
use saltus::network::{Assignment, Function, Model, Monitor, NeuronGroup, Operation, PoissonGroup, PoissonInput};
use saltus::random::{Binomial, Streams};

use crate::{by_cell, fault, interpreted, run, run_on_both};

/// `name(x)`: a function of one number.
fn of_one(name: &str, f: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Function {
    Function::closure(name, &["x"], move |arguments, results| {
        results.iter_mut().zip(arguments[0]).for_each(|(result, x)| *result = f(*x));
    })
}

fn triple() -> Function {
    of_one("triple", |x| 3.0 * x)
}

/// `add(x, y)`, as it stands in the language too: `x + 2*y`.
fn add() -> Function {
    Function::closure("add", &["x", "y"], |arguments, results| {
        for (k, result) in results.iter_mut().enumerate() {
            *result = arguments[0][k] + 2.0 * arguments[1][k];
        }
    })
}

/// The same model with functions and with what they stand for: the results must be the same.
fn same(with: &str, without: &str, model: impl Fn(&str) -> Model) {
    let values = |text: &str| {
        let model = model(text).function(triple()).function(add()).monitor(Monitor::whole_state("m", "g"));
        let network = run_on_both(&model, "1*ms");
        let monitor = network.states("m").unwrap();
        monitor.variables.keys().flat_map(|name| by_cell(monitor, name)).collect::<Vec<_>>()
    };
    let (one, other) = (values(with), values(without));
    assert!(one.iter().any(|value| *value != 0.0), "{with}");
    // What the algebra of a method sees through is written in another order.
    crate::check(with, &one, &other, 1e-14);
}

#[test]
fn functions_stand_anywhere() {
    let neurons = |equations: &str| NeuronGroup::new("g", 5, equations).method("euler");
    let g = |group: NeuronGroup| Model::new().seed(3).group(group).init("g", "v", "i/N");
    same("triple(v) + add(v, i)", "3*v + (v + 2*i)", |x| g(neurons(&format!("dv/dt = ({x})/ms : 1"))));
    same("triple(add(triple(v), 1 - v))", "3*((3*v) + 2*(1 - v))", |x| {
        g(neurons(&format!("dv/dt = w/ms : 1\n w = {x} : 1\n u : 1")).operation(Operation::new("u = w")))
    });
    for method in ["exponential_euler", "heun", "rk4", "milstein"] {
        same("triple(w)", "3*w", |x| {
            g(neurons(&format!("dv/dt = (1 - v)*{x}/ms : 1\n w = i/10 : 1 (constant over dt)")).method(method))
        });
    }
    same("triple(v) > add(1, t/(2*ms))", "3*v > 1 + 2*(t/(2*ms))", |x| {
        g(neurons("dv/dt = 1/ms : 1\n n : 1").threshold(x).reset("v = 0; n += 1").refractory("0.2*ms"))
    });
    same("v = triple(triple(v)) - add(i, triple(n)); n += triple(1)", "v = 3*(3*v) - (i + 2*(3*n)); n += 3", |x| {
        g(neurons("dv/dt = 1/ms : 1\n n : 1").threshold("v > 0.5").reset(x))
    });
    same("triple(i)*int(add(i, 1) > 3) + triple(add(1, triple(2)))", "3*i*int(i + 2 > 3) + 3*(1 + 2*(3*2))", |x| {
        g(neurons("v : 1\n w : 1")).init("g", "w", x)
    });
    same("triple(poisson(triple(v + 1))) + rand()", "3*poisson(3*(v + 1)) + rand()", |x| {
        g(neurons("v : 1\n w : 1").operation(Operation::new(&format!("w = {x}"))))
    });
    same("add(randn(), poisson(triple(rand())))", "randn() + 2*poisson(3*rand())", |x| {
        g(neurons("v : 1\n w : 1").operation(Operation::new(&format!("a_ = {x}; w = a_"))))
    });
    // Shared: once for all cells.
    same("triple(add(s, 1))", "3*(s + 2*1)", |x| {
        g(neurons("v : 1\n s : 1 (shared)").operation(Operation::new(&format!("s = {x}"))))
    });
    same("triple(1)*mV", "3*mV", |x| {
        let input = PoissonInput::new("g", "u", 1, "10*kHz", x);
        g(neurons("v : 1\n u : volt")).poisson_input(input)
    });
}

#[test]
fn rates_are_functions_too() {
    let spikes = |rates: &str| {
        let model = Model::new().seed(3).function(triple()).group(PoissonGroup::new("p", 4, rates));
        let network = run_on_both(&model.spike_monitor("s", "p"), "20*ms");
        network.spikes("s").unwrap().i.clone()
    };
    let drawn = spikes("triple(100*(i + 1))*Hz");
    assert_eq!(drawn, spikes("300*(i + 1)*Hz"));
    assert!(drawn.len() > 20);
}

#[test]
fn units_and_types_go_in_and_out() {
    let power = Function::closure("power", &["u", "r"], |arguments, results| {
        results.iter_mut().enumerate().for_each(|(k, p)| *p = arguments[0][k].powi(2) / arguments[1][k]);
    });
    let power = power.argument_units(&["volt", "ohm"]).unit("watt");
    let whole = of_one("whole", |x| x.trunc()).argument_types(&[ValueType::Integer]).result(ValueType::Integer);
    let not = of_one("flip", |x| 1.0 - x).argument_types(&[ValueType::Boolean]).result(ValueType::Boolean);
    let group = NeuronGroup::new("g", 4, "v : volt\n p : watt\n n : integer\n half : 1\n b : boolean");
    let model = Model::new().function(power).function(whole).function(not).group(group);
    let model = model.init("g", "v", "i*mV").init("g", "p", "power(v + 1*mV, 2*ohm)");
    let model = model.init("g", "n", "whole(7 + i)").init("g", "half", "whole(i) // 2").init("g", "b", "flip(i > 1)");
    let network = interpreted(&model);
    let values = |name: &str| network.values("g", name).unwrap();
    crate::check("p", &values("p"), &[0.5e-6, 2e-6, 4.5e-6, 8e-6], crate::TOLERANCE);
    assert_eq!(values("n"), [7.0, 8.0, 9.0, 10.0]);
    // Division of integers, since the result is one.
    assert_eq!(values("half"), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(values("b"), [1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn a_closure_is_called_once_for_all_cells() {
    let lengths = Arc::new(Mutex::new(Vec::new()));
    let seen = lengths.clone();
    let counted = Function::closure("counted", &["x"], move |arguments, results| {
        seen.lock().unwrap().push(results.len());
        results.copy_from_slice(arguments[0]);
    });
    let group = NeuronGroup::new("g", 100, "dv/dt = counted(v + 1)/ms : 1").method("euler");
    let group = group.threshold("v > 0.25").reset("v = counted(i)*0");
    let network = run(&Model::new().function(counted).group(group), "0.3*ms");
    // Three steps for all, then the reset for those that spiked.
    assert_eq!(*lengths.lock().unwrap(), [100; 4]);
    drop(network);
}

#[test]
fn stateful_closures_are_called_as_often_as_they_stand() {
    let counting = || {
        let next = AtomicUsize::new(0);
        let function = Function::closure("count", &[], move |_, results| {
            results.iter_mut().for_each(|result| *result = next.fetch_add(1, Ordering::Relaxed) as f64);
        });
        function.stateful()
    };
    let group = || NeuronGroup::new("g", 3, "a : 1\n b : 1\n c : 1");
    let code = "a = count(); b = count(); c = a";
    let model = |code: &str| Model::new().function(counting()).group(group().operation(Operation::new(code)));
    let network = run(&model(code), "0.1*ms");
    let values = ["a", "b", "c"].map(|name| network.values("g", name).unwrap());
    // Call by call, each for all cells.
    assert_eq!(values, [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [0.0, 1.0, 2.0]]);
    // A plain subexpression would be evaluated wherever it stands.
    let subexpression = Model::new().function(counting()).group(NeuronGroup::new("g", 1, "x = count() : 1"));
    insta::assert_snapshot!([fault(&subexpression), fault(&model("a = count() + 2*count()"))].join("\n\n"));
    // One number for all cells.
    let shared = NeuronGroup::new("g", 3, "s : 1 (shared)\n a : 1").operation(Operation::new("s = count(); a = s"));
    let network = run(&Model::new().function(counting()).group(shared), "0.2*ms");
    assert_eq!(network.values("g", "a").unwrap(), [1.0; 3]);
}

#[test]
fn binomial_numbers_are_those_of_the_generator() {
    for (n, p) in [(100, 0.7), (100, 0.3), (12, 0.9), (5, 0.5), (1, 0.8), (1000, 0.999), (7, 1.0), (7, 0.0), (0, 0.5)] {
        let cells = 20_000;
        let model = Model::new().seed(9).function(Function::binomial("b", n, p));
        let group = NeuronGroup::new("g", cells, "k : 1\n r : 1").operation(Operation::new("r = b()"));
        let network = run(&model.group(group).init("g", "k", "b()"), "0.1*ms");
        let (binomial, mut streams) = (Binomial::new(n as i64, p), Streams::new(9));
        let at_once: Vec<f64> = (0..cells).map(|_| binomial.draw(streams.direct()) as f64).collect();
        assert_eq!(network.values("g", "k").unwrap(), at_once, "{n} {p}");
        let running: Vec<f64> = (0..cells).map(|_| binomial.draw(&mut streams) as f64).collect();
        let drawn = network.values("g", "r").unwrap();
        assert_eq!(drawn, running, "{n} {p}");
        for drawn in [at_once, drawn] {
            let mean = drawn.iter().sum::<f64>() / cells as f64;
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / cells as f64;
            let (expected, spread) = (n as f64 * p, n as f64 * p * (1.0 - p));
            // Five standard errors; that of the variance is at most that of such a distribution's fourth moment.
            let errors = [(spread / cells as f64).sqrt(), (spread * (1.0 + 2.0 * spread) / cells as f64).sqrt()];
            assert!((mean - expected).abs() <= 5.0 * errors[0], "{n} {p}: mean {mean}");
            assert!((variance - spread).abs() <= 5.0 * errors[1], "{n} {p}: variance {variance}");
            assert!(drawn.iter().all(|k| (0.0..=n as f64).contains(k)), "{n} {p}");
        }
    }
}

#[test]
fn functions_that_cannot_be() {
    let with = |function: Function| Model::new().function(function);
    let used = |function: Function, init: &str| {
        fault(&with(function).group(NeuronGroup::new("g", 2, "v : volt\n n : integer")).init("g", "v", init))
    };
    let volts = || triple().argument_units(&["volt"]).unit("volt");
    let faults = [
        used(triple(), "triple(1)"),
        used(volts(), "triple(1)"),
        used(volts(), "triple(1*mV, 2*mV)"),
        used(volts(), "triple()"),
        used(volts(), "triple"),
        used(volts(), "tripel(1*mV)"),
        used(triple().argument_types(&[ValueType::Integer]), "triple(1.5)*mV"),
        used(triple().argument_types(&[ValueType::Boolean]), "triple(1)*mV"),
        fault(&with(triple().argument_units(&["nope"]))),
        fault(&with(triple().unit("2*nope"))),
        fault(&with(triple()).function(triple())),
        fault(&with(of_one("exp", |x| x))),
        fault(&with(of_one("a b", |x| x))),
        fault(&with(of_one("if", |x| x))),
        fault(&Model::new().constant("c", "3").function(of_one("c", |x| x))),
        fault(&with(Function::closure("f", &["x", "x"], |_, _| ()))),
        fault(&with(Function::closure("f", &["1x"], |_, _| ()))),
        fault(&with(Function::binomial("b", 3, 1.5))),
        fault(&with(Function::binomial("b", 3, f64::NAN))),
        fault(&with(Function::binomial("b", u64::MAX, 0.5))),
        fault(&with(Function::expression("f", &["x"], "x + triple(x)"))),
        fault(&with(Function::expression("f", &["x"], "x > 1"))),
        fault(&with(Function::expression("f", &["x"], "x + rand()"))),
        fault(&with(triple()).constant("c", "triple(2)")),
        fault(&with(Function::native("f", &["x"], "double f(double x) { return x; }").dependencies(&["g"]))),
        fault(&with(Function::native("f", &["x"], "double f(double x) { return x; }").array("a b", &[1.0]))),
    ];
    insta::assert_snapshot!(faults.join("\n\n"));
    let mut network = interpreted(&with(volts()).group(NeuronGroup::new("g", 2, "v : volt")));
    network.assign(&Assignment::expression("g", "v", "triple(i*mV)")).unwrap();
    crate::check("v", &network.values("g", "v").unwrap(), &[0.0, 3e-3], crate::TOLERANCE);
}

//! Methods of integration: statements and errors for equations, as data, and the numbers that the statements give.

#[path = "integrate/noise.rs"]
mod noise;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use saltus::diag::{Diagnostics, Span, Text};
use saltus::expr::ast::{BinaryOp, CompareOp, Expr, ExprKind, UnaryOp};
use saltus::expr::parser;
use saltus::integrate::propagator::propagator;
use saltus::integrate::{Choice, Integration, Method, integrate};
use saltus::model::block::{Ode, OdeSystem, Rates};

/// Equations as in models, one a line; units may be left out. A line `steady NAME` says that this function is.
fn system(source: &str) -> OdeSystem {
    let text = Text::new("equations", source);
    let mut system =
        OdeSystem { odes: Vec::new(), subexpressions: Default::default(), steady: Default::default(), text };
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let (equation, flags) = line.split_once(" : ").unwrap_or((line.trim_end(), ""));
        if let Some((left, right)) = equation.split_once('=').filter(|(_, right)| !right.starts_with('=')) {
            // All but the right-hand side is blanked out, so that spans point into the whole text.
            let right_start = start + left.len() + 1;
            let blank = " ".repeat(right_start) + right;
            let mut diagnostics = Diagnostics::default();
            let rhs = parser::expression(&Text::new("equations", blank), &mut diagnostics);
            let rhs = rhs.unwrap_or_else(|| panic!("{line}: {diagnostics}"));
            let left = left.trim();
            match left.strip_prefix('d').and_then(|l| l.strip_suffix("/dt")) {
                Some(name) => system.odes.push(Ode {
                    name: name.to_string(),
                    rhs,
                    unless_refractory: flags.contains("unless refractory"),
                    span: Span::new(start, right_start + right.len()),
                }),
                None => drop(system.subexpressions.insert(left.to_string(), rhs)),
            }
        }
        system.steady.extend(line.strip_prefix("steady ").map(|name| name.trim().to_string()));
        start += line.len();
    }
    system
}

fn choice(name: &str) -> Choice {
    match name {
        "automatic" => Choice::Automatic,
        _ => Choice::Named(Method::from_name(name).unwrap_or_else(|e| panic!("{e}"))),
    }
}

fn rates_as_text(out: &mut String, kind: &str, variables: &[String], rates: &Rates) {
    for (i, row) in variables.iter().enumerate() {
        for (j, column) in variables.iter().enumerate() {
            if let Some(a) = &rates.a[i][j] {
                let _ = writeln!(out, "{kind} {row} {column}: {a}");
            }
        }
        if let Some(b) = &rates.b[i] {
            let _ = writeln!(out, "{kind} {row}: {b}");
        }
    }
}

fn as_text(source: &str, method: &str) -> String {
    let result = integrate(&system(source), choice(method));
    let Integration { method: used, block, propagator } = match result {
        Ok(integration) => integration,
        Err(error) => return format!("{error}\n"),
    };
    let mut out = String::new();
    if method == "automatic" {
        let _ = writeln!(out, "# {}", used.name());
    }
    for statement in &block.statements {
        let _ = writeln!(out, "{statement}");
    }
    if let Some(p) = propagator {
        rates_as_text(&mut out, "rate", &p.variables, &p.free);
        if let Some(refractory) = &p.refractory {
            rates_as_text(&mut out, "refractory rate", &p.variables, refractory);
        }
    }
    out
}

/// Blocks of `== method`, equations, `--`, and what comes of them. Set `SALTUS_BLESS` to write what comes now.
#[test]
fn steps_are_as_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integrate/steps.txt");
    let written = std::fs::read_to_string(path).expect("the fixtures are there");
    let mut blocks = written.split("\n== ");
    let mut now = blocks.next().unwrap_or_default().to_string();
    for block in blocks {
        let (head, rest) = block.split_once('\n').expect("a line with the method");
        let (equations, _) = rest.split_once("--\n").expect("a line `--`");
        let method = head.split_whitespace().next().expect("a method");
        let _ = write!(now, "\n== {head}\n{equations}--\n{}", as_text(equations, method));
    }
    if std::env::var_os("SALTUS_BLESS").is_some() {
        std::fs::write(path, now.trim_end().to_string() + "\n").expect("the fixtures can be written");
    } else {
        assert_eq!(written.trim_end(), now.trim_end());
    }
}

#[test]
fn automatic_choice_is_brian2s() {
    let mut wrong = String::new();
    for line in include_str!("integrate/automatic.txt").lines().filter(|l| !l.starts_with('#')) {
        let mut columns = line.split(" | ");
        let expected = columns.next().expect("a method");
        let equations = columns.next().expect("equations").replace("; ", "\n");
        let found = integrate(&system(&equations), Choice::Automatic).map(|i| i.method.name());
        if found.as_ref() != Ok(&expected) {
            let _ = writeln!(wrong, "{line}: {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn names_of_methods() {
    for (name, method) in [
        ("exact", Method::Exact),
        ("linear", Method::Exact),
        ("independent", Method::Exact),
        ("Exponential_Euler", Method::ExponentialEuler),
        ("EULER", Method::Euler),
        ("rk2", Method::Rk2),
        ("rk4", Method::Rk4),
        ("Heun", Method::Heun),
        ("milstein", Method::Milstein),
    ] {
        assert_eq!(Method::from_name(name), Ok(method));
    }
    let all = "the methods are `exact`, `exponential_euler`, `euler`, `rk2`, `rk4`, `heun` and `milstein`";
    for (name, message, hint) in [
        ("eulr", "there is no method `eulr`", format!("did you mean `euler`? {all}")),
        ("nonsense", "there is no method `nonsense`", all.to_string()),
        ("GSL", "the method `gsl` is not available yet", all.to_string()),
        ("gsl_rkf45", "the method `gsl_rkf45` is not available yet", all.to_string()),
    ] {
        let error = Method::from_name(name).expect_err(name);
        assert_eq!((error.message.as_str(), error.hint), (message, Some(hint)));
    }
}

type Values = BTreeMap<String, f64>;

/// The value of an expression; names of subexpressions stand for their value in the same state.
fn value(expr: &Expr, state: &Values, system: &OdeSystem) -> f64 {
    let at = |e: &Expr| value(e, state, system);
    match &expr.kind {
        ExprKind::Int(v) => *v as f64,
        ExprKind::Float(v) => *v,
        ExprKind::Bool(v) => f64::from(*v),
        ExprKind::Name(name) => match system.subexpressions.get(name) {
            Some(definition) => at(definition),
            None => *state.get(name).unwrap_or_else(|| panic!("no value for {name}")),
        },
        ExprKind::Unary(UnaryOp::Neg, x) => -at(x),
        ExprKind::Binary(op, x, y) => {
            let (x, y) = (at(x), at(y));
            match op {
                BinaryOp::Add => x + y,
                BinaryOp::Sub => x - y,
                BinaryOp::Mul => x * y,
                BinaryOp::Div => x / y,
                BinaryOp::Pow => x.powf(y),
                _ => panic!("no {} in these tests", op.symbol()),
            }
        }
        ExprKind::Compare(CompareOp::Gt, x, y) => f64::from(at(x) > at(y)),
        ExprKind::Call(name, arguments) => {
            let arguments: Vec<f64> = arguments.iter().map(at).collect();
            if let Some(value) = noise::call(name, &arguments) {
                return value;
            }
            match (name.as_str(), arguments.as_slice()) {
                ("exp", [x]) => x.exp(),
                ("exprel", [x]) => {
                    if *x == 0.0 {
                        1.0
                    } else {
                        x.exp_m1() / x
                    }
                }
                ("sin", [x]) => x.sin(),
                ("cos", [x]) => x.cos(),
                ("int", [x]) => x.trunc(),
                ("_select", [condition, x, y]) => {
                    if *condition != 0.0 {
                        *x
                    } else {
                        *y
                    }
                }
                _ => panic!("no {name} in these tests"),
            }
        }
        _ => panic!("{expr} is not for these tests"),
    }
}

/// Adds the entries of the propagator for the values that parameters have.
fn add_propagator(integration: &Integration, state: &mut Values, system: &OdeSystem) {
    let Some(p) = &integration.propagator else { return };
    let n = p.variables.len();
    for (rates, refractory) in [(Some(&p.free), false), (p.refractory.as_ref(), true)] {
        let Some(rates) = rates else { continue };
        let number = |e: &Option<Expr>| e.as_ref().map_or(0.0, |e| value(e, state, system));
        let a: Vec<f64> = rates.a.iter().flatten().map(number).collect();
        let b: Vec<f64> = rates.b.iter().map(number).collect();
        let (mut matrix, mut offset) = (vec![0.0; n * n], vec![0.0; n]);
        propagator(&a, &b, state["dt"], &mut matrix, &mut offset);
        for i in 0..n {
            for j in 0..n {
                state.insert(p.entry_name(i, j, refractory), matrix[i * n + j]);
                assert!(matrix[i * n + j] == 0.0 || rates.reaches()[i][j]);
            }
            state.insert(p.offset_name(i, refractory), offset[i]);
            assert!(offset[i] == 0.0 || rates.offsets()[i]);
        }
    }
}

/// Runs some steps; protected variables are stored only while `not_refractory` is 1.
fn run(source: &str, method: &str, given: &[(&str, f64)], dt: f64, steps: usize) -> Values {
    run_with_noise(source, method, given, dt, steps, &|name, _| panic!("{name} is noise"))
}

/// The same, where `normal(name, step)` is what `randn()` gives for a noise.
fn run_with_noise(
    source: &str,
    method: &str,
    given: &[(&str, f64)],
    dt: f64,
    steps: usize,
    normal: &dyn Fn(&str, usize) -> f64,
) -> Values {
    let system = system(source);
    let integration = integrate(&system, choice(method)).unwrap_or_else(|e| panic!("{e}"));
    let mut state: Values = given.iter().map(|(name, v)| (name.to_string(), *v)).collect();
    state.insert("dt".to_string(), dt);
    add_propagator(&integration, &mut state, &system);
    for step in 0..steps {
        state.insert("t".to_string(), step as f64 * dt);
        // Stores must not change what subexpressions mean: they are evaluated in the state at the start.
        let mut current = state.clone();
        for statement in &integration.block.statements {
            let noise = Expr::call("randn", Vec::new());
            let drawn = statement.value.children().any(|x| *x == noise).then(|| {
                let normal = normal(statement.target.trim_start_matches('_'), step);
                statement.value.map_children(|e| if *e == noise { Expr::float(normal) } else { e.clone() })
            });
            let new = value(drawn.as_ref().unwrap_or(&statement.value), &current, &system);
            let protected = system.odes.iter().any(|o| o.name == statement.target && o.unless_refractory);
            if !(protected && state["not_refractory"] == 0.0) {
                current.insert(statement.target.clone(), new);
            }
        }
        for ode in &system.odes {
            state.insert(ode.name.clone(), current[&ode.name]);
        }
    }
    state
}

#[track_caller]
fn close(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found} is not {expected}");
}

/// `x'' = -x` with a force, as a system with subexpressions and `t`: `x = cos t + t sin t / 2` solves it.
const FORCED: &str = "pull = cos(t) - x\nslope = y\ndx/dt = slope\ndy/dt = pull";

#[test]
fn methods_converge_with_their_order() {
    let exact = 1f64.cos() + 0.5 * 1f64.sin();
    for (method, order) in [("euler", 1.0), ("rk2", 2.0), ("rk4", 4.0)] {
        let error = |steps: usize| {
            let end = run(FORCED, method, &[("x", 1.0), ("y", 0.0)], 1.0 / steps as f64, steps);
            (end["x"] - exact).abs()
        };
        let found = (error(20) / error(40)).log2();
        assert!((found - order).abs() < 0.15, "{method}: order {found}");
    }
    // Gating of a channel with a rate that depends on another variable: first order, but exact for each rate.
    let gate = "dm/dt = (1 - m)*(1 + v) - m\ndv/dt = -v";
    let reference = run(gate, "rk4", &[("m", 0.0), ("v", 1.0)], 1e-3, 1000)["m"];
    let error = |steps: usize| {
        (run(gate, "exponential_euler", &[("m", 0.0), ("v", 1.0)], 1.0 / steps as f64, steps)["m"] - reference).abs()
    };
    let found = (error(20) / error(40)).log2();
    assert!((found - 1.0).abs() < 0.15, "exponential_euler: order {found}");
}

#[test]
fn exact_is_exact() {
    let decay = |x: f64| (-x).exp();
    // One equation, in one step and in many.
    for (dt, steps) in [(0.5, 1), (0.005, 100)] {
        let end = run("dv/dt = (E - v)/tau", "exact", &[("v", 1.0), ("E", -3.0), ("tau", 0.2)], dt, steps);
        close(end["v"], -3.0 + 4.0 * decay(2.5), 1e-14);
    }
    // A rate of zero and an infinite one.
    let given = [("v", 2.0), ("r", 0.0), ("I", 3.0)];
    close(run("dv/dt = I - r*v", "exact", &given, 0.5, 1)["v"], 3.5, 1e-15);
    close(run("dv/dt = I - r*v", "exponential_euler", &given, 0.5, 1)["v"], 3.5, 1e-15);
    assert_eq!(run("dv/dt = -v/tau", "exact", &[("v", 2.0), ("tau", 0.0)], 0.5, 1)["v"], 0.0);
    // An alpha synapse on a membrane with the same time constant, over 100 steps.
    let source = "dv/dt = (g - v)/tau\ndg/dt = (h - g)/tau\ndh/dt = -h/tau";
    let end = run(source, "exact", &[("v", 0.0), ("g", 0.0), ("h", 1.0), ("tau", 5.0)], 0.1, 100);
    close(end["g"], 2.0 * decay(2.0), 1e-13);
    close(end["v"], 2.0 * decay(2.0), 1e-13);
    // A rotation, which Brian2 refuses, with a constant force.
    let source = "dx/dt = w*y\ndy/dt = w*(1 - x)";
    let end = run(source, "exact", &[("x", 0.0), ("y", 0.0), ("w", 3.0)], 0.01, 100);
    close(end["x"], 1.0 - 3f64.cos(), 1e-13);
    close(end["y"], 3f64.sin(), 1e-12);
}

#[test]
fn protected_variables_stand_still_and_others_see_it() {
    // While refractory, v stays at 2 and w, u go on with it: w' = 2 - w, u' = w - u.
    let source = "dv/dt = (-v - w)/tau : 1 (unless refractory)\ndw/dt = v - w\ndu/dt = w - u\ndq/dt = -q";
    let still = "dw/dt = v - w\ndu/dt = w - u\ndq/dt = -q";
    let given = [("v", 2.0), ("w", 0.5), ("u", 0.25), ("q", 1.0), ("tau", 0.1), ("not_refractory", 0.0)];
    for (method, tolerance) in [("exact", 1e-14), ("rk4", 1e-14), ("rk2", 1e-14), ("euler", 1e-14)] {
        let (whole, part) = (run(source, method, &given, 0.05, 20), run(still, method, &given, 0.05, 20));
        assert_eq!(whole["v"], 2.0);
        for name in ["w", "u", "q"] {
            close(whole[name], part[name], tolerance);
        }
        // And while not, the flag has no effect.
        let mut free = given;
        free[5].1 = 1.0;
        let unflagged = source.replace(" : 1 (unless refractory)", "");
        let (flagged, plain) = (run(source, method, &free, 0.05, 20), run(&unflagged, method, &free, 0.05, 20));
        for name in ["v", "w", "u", "q"] {
            close(flagged[name], plain[name], tolerance);
        }
    }
}

#[test]
fn names_of_locals_do_not_clash() {
    // Variables that are called like the locals of others.
    let clashing = "dv/dt = -v\ndk1_v/dt = v - k1_v\ndat2_v/dt = k1_v\ndpropagator_v_w/dt = w\ndw/dt = v - w";
    let plain = "dv/dt = -v\ndb/dt = v - b\ndc/dt = b\ndd/dt = w\ndw/dt = v - w";
    let start = |names: [&'static str; 5]| names.map(|n| (n, 1.0));
    let names = ["v", "k1_v", "at2_v", "propagator_v_w", "w"];
    for method in ["exact", "rk4", "euler"] {
        let found = run(clashing, method, &start(names), 0.1, 10);
        let expected = run(plain, method, &start(["v", "b", "c", "d", "w"]), 0.1, 10);
        for (name, other) in names.iter().zip(["v", "b", "c", "d", "w"]) {
            assert_eq!(found[*name].to_bits(), expected[other].to_bits(), "{method} {name}");
        }
    }
}

#[test]
fn chains_of_squares_end() {
    let mut source = String::from("s0 = v\n");
    for k in 1..60 {
        let _ = writeln!(source, "s{k} = s{0}*s{0}", k - 1);
    }
    source.push_str("dv/dt = s59");
    for method in ["exact", "exponential_euler"] {
        let error = integrate(&system(&source), choice(method)).expect_err(method);
        assert!(error.message.ends_with("has more than 20000 terms when written out"), "{}", error.message);
    }
    for method in ["euler", "rk4", "automatic"] {
        let step = integrate(&system(&source), choice(method)).expect(method);
        assert!(step.block.statements.len() < 300);
    }
}

#[test]
fn the_longest_sum_that_parses_is_integrated() {
    let source = format!("dv/dt = -v{}", " + v*a".repeat(4_000));
    for method in ["exact", "exponential_euler", "euler", "rk2", "rk4"] {
        assert!(integrate(&system(&source), choice(method)).is_ok(), "{method}");
    }
}

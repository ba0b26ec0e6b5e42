//! Equations with noise: numbers against Brian2's for the same random numbers, and orders of convergence.

use std::sync::LazyLock;

use serde_json::Value;

use super::*;

/// What `noise.py` has found.
static FIXTURE: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("noise.json")).expect("JSON"));

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The timed arrays of the fixture, as the script has them.
pub fn call(name: &str, arguments: &[f64]) -> Option<f64> {
    let given = &FIXTURE["given"];
    let (dt, [seconds]) = (given["arrays"].get(name)?, arguments) else { return None };
    let values = given["values"].as_array()?;
    let index = (seconds / number(dt) + 1e-3).floor().clamp(0.0, values.len() as f64 - 1.0);
    Some(number(&values[index as usize]))
}

#[test]
fn steps_with_noise_are_brian2s() {
    let given = &FIXTURE["given"];
    let mut wrong = String::new();
    for case in FIXTURE["cases"].as_array().expect("cases") {
        let text = |key: &str| case[key].as_str().expect(key);
        let (method, equations) = (text("method"), format!("steady ta\n{}", text("equations")));
        let tables = ["constants", "start"].into_iter().flat_map(|k| given[k].as_object().expect("a table"));
        let mut values: Vec<(&str, f64)> = tables.map(|(name, v)| (name.as_str(), number(v))).collect();
        let not_refractory = f64::from(case["not_refractory"].as_bool().expect("a boolean"));
        values.extend([("ms", 1e-3), ("second", 1.0), ("not_refractory", not_refractory)]);
        let steps = given["steps"].as_u64().expect("a number") as usize;
        let normal = |name: &str, step: usize| number(&given["draws"][name][step]);
        let found = run_with_noise(&equations, method, &values, number(&given["dt"]), steps, &normal);
        for (name, expected) in case["end"].as_object().expect("values") {
            // sympy rounds the numbers of its formulas to 15 digits.
            let (found, expected) = (found[name], number(expected));
            if (found - expected).abs() > 1e-13 * expected.abs().max(1.0) {
                let _ = writeln!(wrong, "{method}: {equations}: {name} is {found}, not {expected}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A standard normal number for each pair (SplitMix64, then Box and Muller's transform).
fn normal(path: u64, step: u64) -> f64 {
    let uniform = |k: u64| {
        let mut z = (path << 32 | step << 1 | k).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / (1u64 << 53) as f64
    };
    (-2.0 * (1.0 - uniform(0)).ln()).sqrt() * (2.0 * std::f64::consts::PI * uniform(1)).cos()
}

const FINEST: usize = 512;
const PATHS: u64 = 60;

/// The mean error of `v` at `t = 1` over paths of one noise, in steps of which each is the sum of finer ones. `end` is
/// the solution from the sum of all.
fn strong_error(source: &str, method: &str, steps: usize, end: &dyn Fn(f64) -> f64) -> f64 {
    let error = |path: u64| {
        let each = FINEST / steps;
        let sum = |from: usize, count: usize| (from..from + count).map(|k| normal(path, k as u64)).sum::<f64>();
        let draw = |_: &str, step: usize| sum(step * each, each) / (each as f64).sqrt();
        let found = run_with_noise(source, method, &[("v", 1.0)], 1.0 / steps as f64, steps, &draw)["v"];
        (found - end(sum(0, FINEST) / (FINEST as f64).sqrt())).abs()
    };
    (0..PATHS).map(error).sum::<f64>() / PATHS as f64
}

#[test]
fn strong_orders_are_those_of_the_theory() {
    // The solutions in Stratonovich's sense; in Ito's the first would be `exp(-0.5 - 0.4**2/2 + 0.4*W)`.
    let geometric = |w: f64| (-0.5 + 0.4 * w).exp();
    let without_drift = |w: f64| (0.4 * w).exp();
    let sine = |w: f64| 2.0 * ((0.5f64).tan() * w.exp()).atan();
    for (source, method, end, expected) in [
        ("dv/dt = -0.5*v + 0.4*v*xi", "heun", &geometric as &dyn Fn(f64) -> f64, 1.0),
        ("dv/dt = -0.5*v + 0.4*v*xi", "milstein", &geometric, 0.5),
        ("dv/dt = 0.4*v*xi", "milstein", &without_drift, 1.0),
        ("dv/dt = sin(v)*xi", "heun", &sine, 1.0),
        ("dv/dt = sin(v)*xi", "milstein", &sine, 0.5),
    ] {
        let errors = [32, 64, 128].map(|steps| strong_error(source, method, steps, end));
        let order = (errors[0] / errors[2]).log2() / 2.0;
        assert!((order - expected).abs() < 0.15, "{method} for {source}: order {order}, errors {errors:?}");
    }
}

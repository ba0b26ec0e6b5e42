//! Running networks: operations, stopping, objects taken out, changed steps, schedules, saved states.
//!
//! Expected values in `brian2.json` are Brian2's for the same network.

mod control;
mod state;
mod steps;

use saltus::engine::Options;
use saltus::network::{Model, Network, NeuronGroup};
use serde_json::Value;

/// Brian2's results of one case.
fn brian2(case: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("brian2.json")).expect("JSON");
    all[case].clone()
}

/// Numbers in a list, or one number.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Bool(value) => vec![f64::from(u8::from(*value))],
        value => vec![value.as_f64().expect("a number")],
    }
}

#[track_caller]
fn assert_close(actual: &[f64], expected: &Value, what: &str) {
    let expected = numbers(expected);
    assert_eq!(actual.len(), expected.len(), "{what}: {actual:?}, expected {expected:?}");
    for (a, e) in actual.iter().zip(&expected) {
        assert!((a - e).abs() <= 1e-9 * (1.0 + e.abs()), "{what}: {actual:?}, expected {expected:?}");
    }
}

/// A cell that reaches its threshold of 0.25 at the third step of 0.1 ms, and so on.
fn chain(n: usize) -> NeuronGroup {
    NeuronGroup::new("g", n, "dv/dt = 1/ms : 1").threshold("v > 0.25").reset("v = 0").method("euler")
}

fn network(model: &Model) -> Network {
    Network::new(model, Options::interpreted()).unwrap_or_else(|error| panic!("{error}"))
}

//! The Rust API, in what no model file can say, compared with Brian2 2.10.1.
//!
//! `brian2/NAME.json` has what the cases of `brian2/NAME.py` return there. Every network runs on the interpreter, and
//! where the test says so on compiled kernels too, which must leave the same bits.

mod access;
mod functions;
mod groups;
mod links;
mod monitors;
mod native;
mod order;
mod pathways;
mod rates;
mod synapses;

use std::path::Path;

use saltus::engine::{CacheChoice, Options, Tier};
use saltus::network::monitor::StateMonitor;
use saltus::network::{Error, Model, Network};
use saltus::runtime::record::Values;
use serde_json::Value;

/// Largest difference, as a part of the largest magnitude: sums are taken in other orders.
const TOLERANCE: f64 = 1e-12;

/// What the cases of a script return.
struct Brian(Value);

impl Brian {
    fn of(script: &str) -> Brian {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/api/brian2/{script}.json"));
        Brian(serde_json::from_str(&std::fs::read_to_string(path).expect("results")).expect("JSON"))
    }

    /// The value at a path such as `case/key`.
    fn at(&self, path: &str) -> &Value {
        let found = path.split('/').fold(&self.0, |value, key| match value {
            Value::Array(values) => &values[key.parse::<usize>().expect("a number")],
            value => &value[key],
        });
        assert!(!found.is_null(), "there is no {path}");
        found
    }

    /// Numbers, one list in another row after row; booleans as 0 and 1.
    fn numbers(&self, path: &str) -> Vec<f64> {
        fn add(value: &Value, numbers: &mut Vec<f64>) {
            match value {
                Value::Array(values) => values.iter().for_each(|value| add(value, numbers)),
                Value::Bool(value) => numbers.push(f64::from(u8::from(*value))),
                Value::Number(number) => numbers.push(number.as_f64().expect("a double")),
                Value::String(text) => numbers.push(text.parse().expect("nan or inf")),
                value => panic!("{value} is no number"),
            }
        }
        let mut numbers = Vec::new();
        add(self.at(path), &mut numbers);
        numbers
    }

    fn is_error(&self, path: &str) -> bool {
        self.at(path).get("error").is_some()
    }

    /// That these are Brian2's numbers.
    fn check(&self, path: &str, got: &[f64]) {
        check(path, got, &self.numbers(path), TOLERANCE);
    }
}

fn check(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}: {got:?} and {expected:?}");
    let scale = expected.iter().filter(|x| x.is_finite()).fold(0.0, |max: f64, x| max.max(x.abs()));
    for (k, (got, expected)) in got.iter().zip(expected).enumerate() {
        let same =
            got == expected || (got.is_nan() && expected.is_nan()) || (got - expected).abs() <= tolerance * scale;
        assert!(same, "{what}: {got} and not {expected} at {k}");
    }
}

fn interpreted(model: &Model) -> Network {
    Network::new(model, Options::interpreted()).unwrap_or_else(|error| panic!("{error}"))
}

/// A network that has run for a while.
fn run(model: &Model, duration: &str) -> Network {
    let mut network = interpreted(model);
    network.run_for(duration).unwrap_or_else(|error| panic!("{error}"));
    network
}

fn compiled() -> Options {
    Options { tier: Tier::Compiled, cache: CacheChoice::None, allow_native: true, ..Options::default() }
}

/// A network that has run on the interpreter, after making sure that compiled kernels leave the same bits.
fn run_on_both(model: &Model, duration: &str) -> Network {
    let interpreted = Options { allow_native: true, ..Options::interpreted() };
    let [one, other] = [interpreted, compiled()].map(|options| {
        let mut network = Network::new(model, options).unwrap_or_else(|error| panic!("{error}"));
        network.run_for(duration).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(network.engine_warnings(), [""; 0]);
        network
    });
    let bits = |network: &Network| {
        let state = network.final_state();
        let values = state.values().flat_map(|group| group.values()).flatten().map(|value| value.to_bits());
        let states = network.monitor_names().iter().filter_map(|name| network.states(name));
        let recorded = states.flat_map(|m| m.variables.values().flat_map(|(_, column)| all(&column.values)));
        values.chain(recorded.map(f64::to_bits)).collect::<Vec<u64>>()
    };
    assert_eq!(bits(&one), bits(&other), "tiers differ");
    one
}

/// What is wrong with a model.
fn fault(model: &Model) -> String {
    match Network::new(model, Options::interpreted()) {
        Err(Error::Model(diagnostics)) => diagnostics.to_string(),
        Err(error) => format!("{error}\n"),
        Ok(_) => "nothing\n".to_string(),
    }
}

/// The recorded values of a variable, cell after cell.
fn by_cell(monitor: &StateMonitor, variable: &str) -> Vec<f64> {
    let values = all(&monitor.variables[variable].1.values);
    let cells = monitor.record.len();
    (0..cells).flat_map(|cell| values.iter().skip(cell).step_by(cells).copied()).collect()
}

/// All values, booleans as 0 and 1.
fn all(values: &Values) -> Vec<f64> {
    (0..values.len()).map(|k| values.get(k)).collect()
}

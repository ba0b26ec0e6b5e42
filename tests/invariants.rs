//! Invariants of ARCHITECTURE.md that concern whole models: what is in a kernel's source, and on what a value depends.

use saltus::engine::{Options, Tier};
use saltus::network::{Model, Network, NeuronGroup};
use saltus::render::{Language, render};

const EQUATIONS: &str = "
    dv/dt = (E - v + R*I*exp(-w))/tau : volt (unless refractory)
    dw/dt = (sin(v/mV) - w)/(2*tau) : 1
    I : amp
    kind : integer";

/// A model with the parts that make kernels, in words that differ from one to the other.
struct Words {
    group: &'static str,
    n: usize,
    dt: &'static str,
    tau: &'static str,
    equations: &'static str,
}

fn network(words: &Words, options: Options) -> Network {
    let cells = NeuronGroup::new(words.group, words.n, words.equations)
        .threshold("v > -50*mV")
        .reset("v = E; kind += 1")
        .refractory("3*ms")
        .method("exponential_euler");
    let model = Model::new()
        .dt(words.dt)
        .constant("E", "-70*mV")
        .constant("R", "100*Mohm")
        .constant("tau", words.tau)
        .group(cells)
        .init(words.group, "v", "E")
        .init(words.group, "I", "0.4*nA")
        .spike_monitor("spikes", words.group)
        .state_monitor("trace", words.group, &["v"], None, None);
    Network::new(&model, options).expect("a right model")
}

fn sources(words: &Words) -> Vec<String> {
    let network = network(words, Options::interpreted());
    network.code_objects().map(|code| render(code.kernel(), Language::C).text).collect()
}

const PLAIN: Words = Words { group: "cells", n: 10, dt: "0.1*ms", tau: "10*ms", equations: EQUATIONS };

#[test]
fn names_sizes_and_values_are_not_in_the_source() {
    let plain = sources(&PLAIN);
    assert!(plain.len() >= 3, "state update, threshold and reset");
    for words in [
        Words { group: "others", ..PLAIN },
        Words { n: 12_345, ..PLAIN },
        Words { dt: "0.05*ms", ..PLAIN },
        Words { tau: "17*ms", ..PLAIN },
    ] {
        assert_eq!(sources(&words), plain);
    }
    let faster = EQUATIONS.replace("2*tau", "3*tau");
    assert_ne!(sources(&Words { equations: faster.leak(), ..PLAIN }), plain);
}

#[test]
fn comments_and_spaces_are_not_in_the_source() {
    let written = EQUATIONS.replace("\n", " # */ #include <stdio.h> \" \\\n").replace("/tau", "  /  tau");
    assert_eq!(sources(&Words { equations: written.leak(), ..PLAIN }), sources(&PLAIN));
}

#[test]
fn names_that_could_leave_the_source_are_refused() {
    for name in ["x y", "x;y", "x\"", "*/", "x\n#include", "", "x-y", "é\\"] {
        let group = NeuronGroup::new(name, 1, "x : 1");
        let as_group = Network::new(&Model::new().group(group), Options::interpreted());
        let equations = format!("{name} : 1");
        let as_variable =
            Network::new(&Model::new().group(NeuronGroup::new("g", 1, &equations)), Options::interpreted());
        assert!(as_variable.is_err(), "{name:?} as a variable");
        if let Ok(network) = as_group {
            let texts = network.code_objects().map(|code| render(code.kernel(), Language::C).text);
            texts.for_each(|text| assert!(!text.contains(name), "{name:?} of a group in {text}"));
        }
    }
}

#[test]
fn a_value_depends_on_neither_index_nor_size() {
    for tier in [Tier::Interpreter, Tier::Compiled] {
        let options = || Options { tier, ..Options::interpreted() };
        let run = |n| {
            let mut network = network(&Words { n, ..PLAIN }, options());
            network.run_for("40*ms").expect("a run");
            assert_eq!(network.engine_warnings(), [""; 0]);
            ["v", "w", "kind"].map(|name| network.values("cells", name).expect("a variable"))
        };
        let one = run(1);
        assert!(one[2][0] >= 1.0, "the cell spikes");
        // Around the widths of vectors and the blocks of the interpreter.
        for n in [2, 3, 8, 15, 257, 1000] {
            for (alone, among_others) in one.iter().zip(run(n)) {
                let bits: Vec<u64> = among_others.iter().map(|v| v.to_bits()).collect();
                assert_eq!(bits, vec![alone[0].to_bits(); n], "{tier:?}, {n} cells");
            }
        }
    }
}

//! The price of making a synapse: from a model to a network that is ready to run, by each way to say which pairs.

use std::time::Instant;

use saltus::network::{Connect, Model, Network, NeuronGroup, Synapses};

use super::Bench;
use super::peers::seconds;
use super::table::{Goal, Samples, Table};

/// Measurements of each: they take long.
const RUNS: usize = 3;

/// A way to say which pairs.
struct Case {
    what: String,
    rule: Connect,
    sources: usize,
    targets: usize,
    goal: Option<Goal>,
    /// Whether pairs are looked at one by one.
    looks_at_pairs: bool,
}

/// Cases with about `n` synapses.
fn cases(n: usize) -> Vec<Case> {
    let side = (n as f64).sqrt() as usize;
    let wide = ((10 * n) as f64).sqrt() as usize;
    let tenth = wide / 10;
    let case = |what: &str, rule: Connect, side: usize| Case {
        what: what.to_string(),
        rule,
        sources: side,
        targets: side,
        goal: None,
        looks_at_pairs: false,
    };
    let goal = Some(Goal::AtMost(25.0, 10.0));
    let each: Vec<i64> = (0..n as i64).collect();
    let lists = [side as i64; 2].map(|side| each.iter().map(|k| (k * 7) % side).collect::<Vec<i64>>());
    let generator = |rest: &str| Connect::targets(&format!("k for k in {rest}"));
    vec![
        case("all to all", Connect::all(), side),
        Case { looks_at_pairs: true, ..case("condition, i != j", Connect::condition("i != j"), side) },
        Case {
            looks_at_pairs: true,
            ..case("condition, (i + j) % 10 == 0", Connect::condition("(i + j) % 10 == 0"), wide)
        },
        Case { goal, ..case("p = 0.1", Connect::all().p("0.1"), wide) },
        case("p = 0.1, condition i != j", Connect::condition("i != j").p("0.1"), wide),
        Case {
            looks_at_pairs: true,
            ..case("p = an expression of i and j", Connect::all().p("0.2*exp(-abs(i - j)/(0.5*N_pre))"), wide)
        },
        case("n = 2", Connect::all().n("2"), (n as f64 / 2.0).sqrt() as usize),
        case(
            "range of neighbours",
            generator(&format!("range(i - {}, i + {})", tenth / 2, tenth.div_ceil(2))).skip_if_invalid(),
            wide,
        ),
        case("sample of a range, p = 0.1", generator("sample(N_post, p=0.1)"), wide),
        case("sample of a range, size", generator(&format!("sample(N_post, size={tenth})")), wide),
        case("two lists", Connect::pairs(&lists[0], &lists[1]), side),
        case("one to one", Connect::targets("i"), n),
    ]
}

fn model(case: &Case) -> Model {
    let synapses = Synapses::new("S", "sources", "targets", "").on_pre("v_post += 0.001").connect(case.rule.clone());
    Model::new()
        .seed(1)
        .group(NeuronGroup::new("sources", case.sources, "").threshold("False"))
        .group(NeuronGroup::new("targets", case.targets, "v : 1"))
        .synapses(synapses)
}

/// Seconds until ready, and synapses.
fn ready(bench: &Bench, model: &Model) -> (f64, usize) {
    let started = Instant::now();
    let mut network = Network::new(model, bench.options(1)).expect("a model without errors");
    network.run(0.0, &mut |_| ()).expect("a run");
    (started.elapsed().as_secs_f64(), network.synapse_counts()["S"])
}

/// The part of the bench.
pub fn measure(bench: &mut Bench, table: &mut Table) {
    let n: usize = if bench.large { 100_000_000 } else { 10_000_000 };
    let runs = if bench.large { 1 } else { bench.runs.min(RUNS) };
    // Kernels get compiled.
    for case in cases(10_000) {
        ready(bench, &model(&case));
    }
    for case in cases(n) {
        let model = model(&case);
        let mut synapses = 0;
        let mut sample = || {
            let (seconds, made) = ready(bench, &model);
            synapses = made;
            seconds
        };
        let samples = Samples::new((0..runs).map(|_| sample()).collect());
        let each = samples.times(1e9 / synapses as f64);
        match case.goal {
            Some(goal) => table.goal(&case.what, &each, "ns", goal),
            None if case.looks_at_pairs => {
                let pairs = samples.times(1e9 / (case.sources * case.targets) as f64);
                table.line_with(&case.what, &each, "ns", &format!("{:.2} ns a pair", pairs.median()));
            }
            None => table.line(&case.what, &each, "ns"),
        }
        if case.goal.is_some() {
            for kind in ["standalone", "cython"] {
                peer(bench, table, kind, &case, runs);
            }
        }
    }
    table.say("ns a synapse, from a model to a network that is ready to run; Brian2: its `connect` only");
}

/// The same by Brian2.
fn peer(bench: &mut Bench, table: &mut Table, kind: &str, case: &Case, runs: usize) {
    let side = case.sources.to_string();
    let Some(mut peer) = bench.peers.start("brian2_synapses.py", &["connect", kind, &side]) else { return };
    let each = |answer| seconds(&answer) * 1e9 / answer["synapses"].as_f64().expect("a number");
    let samples: Vec<f64> = (0..runs).map_while(|_| peer.measure()).map(each).collect();
    if !samples.is_empty() {
        table.line(&format!("{}: {} {kind}", case.what, peer.version), &Samples::new(samples), "ns");
    }
}

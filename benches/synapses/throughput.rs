//! The price of an event: networks that do little else, whose state fits into the cache.

use saltus::network::{Connect, Model, NeuronGroup, Synapses};

use super::Bench;
use super::peers::{Peer, seconds};
use super::table::{Goal, Samples, Table};

/// Sources, which all spike at each step, and targets; half of all pairs are connected.
const SOURCES: usize = 100;
const TARGETS: usize = 1_000;

/// Steps of a measurement: about 10⁸ events.
const STEPS: usize = 2_000;

/// Targets spike once in so many steps, where they do.
const POST_PERIOD: usize = 50;

/// The length of a step of models that say nothing else, in seconds.
const DT: f64 = 1e-4;

struct Case {
    what: &'static str,
    synapses: Synapses,
    post_spikes: bool,
    /// What Brian2 is asked for to compare.
    brian2: Option<&'static str>,
}

fn cases() -> [Case; 6] {
    let synapses =
        |equations: &str| Synapses::new("S", "sources", "targets", equations).connect(Connect::all().p("0.5"));
    let weighted = |on_pre: &str| synapses("w : 1").on_pre(on_pre).init("w", "rand()");
    let stdp =
        synapses("w : 1\ndapre/dt = -apre/(20*ms) : 1 (event-driven)\ndapost/dt = -apost/(20*ms) : 1 (event-driven)")
            .on_pre("v_post += w\napre += 0.01\nw = clip(w + apost, 0, 1)")
            .on_post("apost -= 0.0105\nw = clip(w + apre, 0, 1)")
            .init("w", "rand()");
    let plain = |what, synapses| Case { what, synapses, post_spikes: false, brian2: None };
    [
        Case {
            brian2: Some("same"),
            ..plain("a weight each, one delay", weighted("v_post += w").delay("pre", "1*ms"))
        },
        Case {
            brian2: Some("each"),
            ..plain("a weight each, a delay each", weighted("v_post += w").init("pre.delay", "rand()*2*ms"))
        },
        plain("one weight, one delay", synapses("").on_pre("v_post += 0.001").delay("pre", "1*ms")),
        plain("a weight each, no delay", weighted("v_post += w")),
        plain("a weight each, times a variable of the source", weighted("v_post += w*x_pre")),
        Case { post_spikes: true, ..plain("event-driven plasticity of both ends, clipped", stdp) },
    ]
}

fn model(case: &Case) -> Model {
    let sources = NeuronGroup::new("sources", SOURCES, "x : 1").threshold("x >= 0");
    let mut targets = NeuronGroup::new("targets", TARGETS, "v : 1");
    if case.post_spikes {
        targets = targets.threshold(&format!("(i + t_in_timesteps) % {POST_PERIOD} == 0"));
    }
    Model::new().seed(1).group(sources).group(targets).init("sources", "x", "rand()").synapses(case.synapses.clone())
}

/// Nanoseconds an event, for saltus and for the other one.
fn run(bench: &Bench, case: &Case, mut peer: Option<Peer>) -> (Samples, Option<Samples>) {
    let mut network = bench.network(&model(case));
    network.run(100.0 * DT, &mut |_| ()).expect("a run");
    let synapses = network.synapse_counts()["S"];
    let events = synapses * STEPS + if case.post_spikes { synapses * STEPS / POST_PERIOD } else { 0 };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        let started = std::time::Instant::now();
        network.run(STEPS as f64 * DT, &mut |_| ()).expect("a run");
        ours.push(started.elapsed().as_secs_f64() / events as f64 * 1e9);
        if let Some(answer) = peer.as_mut().and_then(Peer::measure) {
            // The numbers of synapses differ by less than half a percent.
            theirs.push(seconds(&answer) / events as f64 * 1e9);
        }
    }
    (Samples::new(ours), (!theirs.is_empty()).then(|| Samples::new(theirs)))
}

/// The part of the bench.
pub fn measure(bench: &mut Bench, table: &mut Table) {
    let numbers = [SOURCES, TARGETS, STEPS].map(|number| number.to_string());
    for case in cases() {
        let peer = case
            .brian2
            .and_then(|kind| bench.peers.start("brian2_synapses.py", &[kind, &numbers[0], &numbers[1], &numbers[2]]));
        let name = peer.as_ref().map(|peer| format!("{} standalone", peer.version));
        let (ours, theirs) = run(bench, &case, peer);
        // 100 and 300 million events a second.
        let goal = Goal::AtMost(10.0, 3.333);
        let note = |samples: &Samples| format!("{:.0} M events/s", 1e3 / samples.median());
        match case.post_spikes {
            // The goal is for weights that do not change.
            true => table.line_with(case.what, &ours, "ns/event", &note(&ours)),
            false => table.goal(case.what, &ours, "ns/event", goal),
        }
        if let (Some(name), Some(theirs)) = (name, theirs) {
            table.line_with(&format!("{}: {name}", case.what), &theirs, "ns/event", &note(&theirs));
            table.ratio(&format!("{}: times as fast as {name}", case.what), &ours, &theirs, None);
        }
    }
    table.say("one thread; goal and aim are 100 and 300 million events a second");
}

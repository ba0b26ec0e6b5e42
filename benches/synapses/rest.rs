//! The price of synapses at rest: a step costs by cells and events, whatever number of synapses there is.

use std::time::Instant;

use saltus::network::{Connect, Model, NeuronGroup, Synapses};

use super::Bench;
use super::table::{Samples, Table};

/// Cells of each end.
const CELLS: usize = 10_000;

/// Events of a step, in networks that have some: so many synapses belong to the cells that spike in it.
const EVENTS: usize = 10_000;

/// Steps of a measurement.
const STEPS: usize = 2_000;

/// The length of a step of models that say nothing else, in seconds.
const DT: f64 = 1e-4;

/// A network with so many synapses.
fn model(synapses: usize, has_events: bool) -> Model {
    let each = synapses / CELLS;
    let spiking = if has_events { EVENTS / each } else { 0 };
    // The same comparison for all.
    let threshold = match spiking {
        0 => format!("(i + t_in_timesteps) % {CELLS} < 0"),
        _ => format!("(i + t_in_timesteps) % {} == 0", CELLS / spiking),
    };
    let rule = Connect::targets(&format!("k for k in sample(N_post, size={each})"));
    let synapses = Synapses::new("S", "sources", "targets", "w : 1").on_pre("v_post += w").init("w", "rand()");
    Model::new()
        .seed(1)
        .group(NeuronGroup::new("sources", CELLS, "").threshold(&threshold))
        .group(NeuronGroup::new("targets", CELLS, "v : 1"))
        .synapses(synapses.connect(rule))
}

/// The part of the bench.
pub fn measure(bench: &mut Bench, table: &mut Table) {
    let mut numbers = vec![100_000, 1_000_000, 10_000_000];
    if bench.large {
        numbers.push(100_000_000);
    }
    for has_events in [false, true] {
        let mut first: Option<Samples> = None;
        for synapses in &numbers {
            let mut network = bench.network(&model(*synapses, has_events));
            network.run(100.0 * DT, &mut |_| ()).expect("a run");
            // Seconds of a run. What one takes before its first and after its last step is told apart.
            let mut run = |steps: usize| {
                let started = Instant::now();
                network.run(steps as f64 * DT, &mut |_| ()).expect("a run");
                started.elapsed().as_secs_f64()
            };
            let empty = Samples::new((0..bench.runs).map(|_| run(0)).collect());
            let step = |seconds: f64| (seconds - empty.median()) / STEPS as f64 * 1e6;
            let samples = Samples::new((0..bench.runs).map(|_| step(run(STEPS))).collect());
            let events = if has_events { EVENTS } else { 0 };
            let ratio = first.as_ref().map_or(1.0, |first| samples.median() / first.median());
            let note = format!("{ratio:.2} times the first; a run of no steps {:.3} ms", empty.median() * 1e3);
            table.line_with(&format!("{synapses} synapses, {events} events a step"), &samples, "µs/step", &note);
            first.get_or_insert(samples);
        }
    }
    table.say(&format!("{CELLS} sources, {CELLS} targets; with events, what is touched grows out of the caches"));
}

//! The cost of recording: of a value of a state monitor and of an event, in memory and streamed to disk. Throughput counts
//! values and events, so its inverse is the time of one.

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use saltus::engine::Options;
use saltus::network::{Model, MonitorKind, Network, NeuronGroup};

/// Values of a record, and events of a step.
const CELLS: usize = 1_000;

/// The step of models that say nothing else, in seconds.
const DT: f64 = 1e-4;

/// Where what is recorded goes.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    /// Nowhere: the rest of a step.
    Nowhere,
    /// Into memory.
    Memory,
    /// To files; archives are not counted.
    Files,
    /// To files that become archives.
    Archives,
}

const TARGETS: [(&str, Target); 4] = [
    ("nowhere", Target::Nowhere),
    ("memory", Target::Memory),
    ("files", Target::Files),
    ("archives", Target::Archives),
];

/// Cells that change nothing, so that a step does little but record. All of them spike at every step if they can.
fn cells(spiking: bool) -> Model {
    let cells = NeuronGroup::new("cells", CELLS, "v : 1");
    Model::new().group(if spiking { cells.threshold("v > -1") } else { cells })
}

/// The time of some steps of a network whose monitor is called `monitor`.
fn steps(network: &mut Network, target: Target, directory: &Path, count: u64) -> Duration {
    if matches!(target, Target::Files | Target::Archives) {
        network.stream_to(directory).expect("files");
    }
    let started = Instant::now();
    network.run(count as f64 * DT, &mut |_| ()).expect("a run");
    let run = started.elapsed();
    network.finish_stream().expect("archives");
    let all = started.elapsed();
    // Or what is recorded would fill the memory.
    let _ = (network.take_states("monitor"), network.take_events("monitor"));
    if target == Target::Archives { all } else { run }
}

fn bench(criterion: &mut Criterion, name: &str, model: impl Fn(Target) -> Model) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(CELLS as u64));
    for (name, target) in TARGETS {
        let mut network = Network::new(&model(target), Options::interpreted()).expect("a model without errors");
        group.bench_function(name, |b| b.iter_custom(|count| steps(&mut network, target, directory.path(), count)));
    }
    group.finish();
}

fn values(criterion: &mut Criterion) {
    bench(criterion, "record/value", |target| match target {
        Target::Nowhere => cells(false),
        _ => cells(false).state_monitor("monitor", "cells", &["v"], None, None),
    });
}

fn events(criterion: &mut Criterion) {
    bench(criterion, "record/event", |target| {
        let mut model = cells(true).spike_monitor("monitor", "cells");
        for monitor in &mut model.monitors {
            if let MonitorKind::Events { record, .. } = &mut monitor.kind {
                *record = target != Target::Nowhere;
            }
        }
        model
    });
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_000))
}

criterion_group! { name = benches; config = quick(); targets = values, events }
criterion_main!(benches);

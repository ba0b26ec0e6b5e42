//! The time of a step: of whole networks through the public API, and of a state updater next to the same text compiled
//! in other ways. Throughput counts cells, so its inverse is the time of a cell and step.

#![allow(clippy::print_stdout, reason = "a comparison is what the bench is for")]

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{Bound, compile_kernel, compile_text, difference, hodgkin_huxley, integrate_and_fire, libm_twin, network};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use saltus::build::OptLevel;
use saltus::engine::Options;
use saltus::network::Network;
use saltus::render::{Language, render};
use saltus::runtime::abi::Execute;

/// As other simulators are compiled: this processor's instructions, fused operations among them.
const NATIVE: [&str; 3] = ["-O3", "-march=native", "-fno-math-errno"];

/// Steps of a run of a network, so that what is done once a run hardly counts.
const STEPS: u64 = 500;

/// The mean time of `iterations` steps of a network, times their number.
fn steps(network: &mut Network, iterations: u64) -> Duration {
    let runs = iterations.div_ceil(STEPS);
    let started = Instant::now();
    for _ in 0..runs {
        network.run(STEPS as f64 * 1e-4, &mut |_| ()).expect("a run");
        // Or the recorded spikes would fill the memory.
        network.take_events("spikes");
    }
    started.elapsed().mul_f64(iterations as f64 / (runs * STEPS) as f64)
}

fn bench_network(group: &mut BenchmarkGroup<'_, WallTime>, tier: &str, n: usize, mut network: Network) {
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(format!("{n}/{tier}"), |b| b.iter_custom(|iterations| steps(&mut network, iterations)));
}

/// Whole steps, with everything that a step does.
fn networks(criterion: &mut Criterion) {
    let store = tempfile::tempdir().expect("a directory");
    let mut group = criterion.benchmark_group("step/integrate_and_fire");
    for n in [10, 1_000, 100_000] {
        let model = integrate_and_fire(n);
        bench_network(&mut group, "compiled", n, network(&model, common::compiled(store.path())));
        bench_network(&mut group, "interpreted", n, network(&model, Options::interpreted()));
    }
    group.finish();
    let mut group = criterion.benchmark_group("step/hodgkin_huxley");
    let model = hodgkin_huxley(10_000);
    bench_network(&mut group, "compiled", 10_000, network(&model, common::compiled(store.path())));
    bench_network(&mut group, "interpreted", 10_000, network(&model, Options::interpreted()));
    group.finish();
}

/// The shortest time that a step of each take, in turns: neighbours on the machine slow all of them alike, and
/// some turns meet none.
fn shortest(bound: &mut Bound, codes: &[(&str, &dyn Execute)]) -> Vec<f64> {
    const STEPS: usize = 8;
    let mut best = vec![f64::INFINITY; codes.len()];
    for _ in 0..100 {
        for (best, (_, code)) in best.iter_mut().zip(codes) {
            bound.reset();
            bound.step(*code);
            let started = Instant::now();
            (0..STEPS).for_each(|_| bound.step(*code));
            *best = best.min(started.elapsed().as_secs_f64() / STEPS as f64);
        }
    }
    best
}

/// The state updater of Hodgkin-Huxley cells by itself: ours, and what it is compared with.
fn state_updater(criterion: &mut Criterion) {
    const N: usize = 10_000;
    let mut bound = Bound::of(&hodgkin_huxley(N));
    let ours = compile_kernel(&bound.kernel, Language::C, None, OptLevel::O3).expect("a compiler");
    let text = render(&bound.kernel, Language::C).text;
    let scalar = compile_text(&text, &["-O3", "-march=native", "-ffp-contract=off", "-fwrapv", "-fno-tree-vectorize"]);
    let twin = compile_text(&libm_twin(&bound.kernel), &NATIVE);
    let clang = compile_kernel(&bound.kernel, Language::C, Some("clang".as_ref()), OptLevel::O3);
    let rust = compile_kernel(&bound.kernel, Language::Rust, None, OptLevel::O3);

    let state = bound.state_after(1, &ours);
    let error = difference(&state, &bound.state_after(1, &twin));
    assert!(error < 1e-12, "the twin computes something else: {error:e}");
    assert_eq!(difference(&state, &bound.state_after(1, &scalar)), 0.0, "without vectors it computes something else");

    let mut codes: Vec<(&str, &dyn Execute)> = vec![("saltus", &ours)];
    codes.extend(clang.iter().map(|clang| ("saltus_by_clang", clang as &dyn Execute)));
    codes.extend(rust.iter().map(|rust| ("saltus_in_rust", rust as &dyn Execute)));
    codes.extend([("saltus_without_vectors", &scalar as &dyn Execute), ("scalar_libm", &twin)]);

    let mut group = criterion.benchmark_group("state_updater/hodgkin_huxley");
    group.throughput(Throughput::Elements(N as u64));
    for (name, code) in &codes {
        bound.reset();
        group.bench_function(*name, |b| b.iter(|| black_box(&mut bound).step(*code)));
    }
    group.finish();
    let best = shortest(&mut bound, &codes);
    let libm = best[codes.len() - 1];
    for ((name, _), best) in codes.iter().zip(best) {
        println!("{name:24} {:8.2} ns a cell and step, {:5.2} times as fast", best * 1e9 / N as f64, libm / best);
    }
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
}

criterion_group! { name = benches; config = quick(); targets = state_updater, networks }
criterion_main!(benches);

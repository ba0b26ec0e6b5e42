//! The way from the text of a model to source and to the interpreter's program, step by step: what comes before the
//! first step of a run, and what a look into the store costs.

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::{Parts, hodgkin_huxley, integrate_and_fire};
use criterion::{Criterion, criterion_group, criterion_main};
use saltus::build::cpu::CpuFeatures;
use saltus::build::toolchain::{Env, discover};
use saltus::build::{KernelId, OptLevel, Recipe};
use saltus::engine::Options;
use saltus::kernel::hoist::hoist;
use saltus::kernel::interpret::Program;
use saltus::kernel::verify::verify;
use saltus::model::file;
use saltus::network::{Model, Network, check, from_file};
use saltus::render::{Language, render};
use saltus::runtime::abi::ABI_VERSION;

/// From the text of the file to a checked model.
fn files(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("model/file");
    for name in ["hh_seed", "lif_euler"] {
        let path = common::path(&format!("tests/models/{name}.toml"));
        group.bench_function(format!("{name}/parse"), |b| {
            b.iter(|| file::parse(file::read(black_box(&path)).expect("a file")));
        });
        let (parsed, mut diagnostics) = file::parse(file::read(&path).expect("a file"));
        let (model, runs) = from_file(&parsed, &mut diagnostics);
        group.bench_function(format!("{name}/check"), |b| b.iter(|| check(black_box(&model), &runs).expect("checks")));
    }
    group.finish();
}

/// From a model in memory to kernels, source, key and program.
fn kernels(criterion: &mut Criterion, name: &str, model: &Model) {
    let parts = Parts::of(model);
    let lowered: Vec<_> = parts.kernels().into_iter().map(|l| l.kernel).collect();
    let hoisted: Vec<_> = lowered.iter().cloned().map(hoist).collect();
    let sources: Vec<_> = hoisted.iter().map(|k| render(k, Language::C)).collect();
    let mut group = criterion.benchmark_group(format!("kernels/{name}"));
    group.bench_function("lower", |b| b.iter(|| black_box(&parts).kernels()));
    group.bench_function("hoist", |b| {
        b.iter_batched(
            || lowered.clone(),
            |k| k.into_iter().map(hoist).collect::<Vec<_>>(),
            criterion::BatchSize::SmallInput,
        );
    });
    group.bench_function("verify", |b| b.iter(|| hoisted.iter().for_each(|k| verify(black_box(k)).expect("sound"))));
    group.bench_function("program", |b| b.iter(|| hoisted.iter().map(Program::new).collect::<Vec<_>>()));
    group.bench_function("render", |b| b.iter(|| hoisted.iter().map(|k| render(k, Language::C)).collect::<Vec<_>>()));
    group.bench_function("kernel_id", |b| {
        b.iter(|| sources.iter().map(|s| KernelId::of(s, ABI_VERSION)).collect::<Vec<_>>());
    });
    if let Ok(toolchain) = discover(&Env::of_process(), None, None) {
        let features = CpuFeatures::of_this_processor();
        group.bench_function("recipe_and_key", |b| {
            let key = |s| Recipe::new(s, ABI_VERSION, &toolchain, &features, OptLevel::O3).key();
            b.iter(|| sources.iter().map(key).collect::<Vec<_>>());
        });
    }
    group.bench_function("network", |b| {
        b.iter(|| Network::new(black_box(model), Options::interpreted()).expect("fits"))
    });
    group.finish();
}

fn models(criterion: &mut Criterion) {
    kernels(criterion, "hodgkin_huxley", &hodgkin_huxley(100));
    kernels(criterion, "integrate_and_fire", &integrate_and_fire(100));
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
}

criterion_group! { name = benches; config = quick(); targets = files, models }
criterion_main!(benches);

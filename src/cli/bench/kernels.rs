//! Kernels: from the IR in memory to the end of the first call, with nothing there, with a store that has the library,
//! and in a process that has loaded it before. The same steps as those of a run, one after the other.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use super::call::Bound;
use super::data::{KernelTimes, Phases, State, Way};
use super::machine::Pair;
use super::subjects::KernelSubject;
use crate::build::compile::compile;
use crate::build::{CompileOptions, KernelId, Machine, OptLevel, Recipe};
use crate::load::library::load;
use crate::render::render;
use crate::runtime::abi::ABI_VERSION;
use crate::store::{Artifact, Store, StoreOptions};

/// Elements of a call: few, so that it is not the call that is measured.
pub const ELEMENTS: usize = 100;

/// Measures every kernel with every compiler, in turns, so that a busy machine slows all of them alike.
///
/// # Errors
/// If the machine is in the way.
pub fn measure(
    subjects: &[KernelSubject],
    pairs: &[Pair],
    samples: usize,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<Vec<KernelTimes>> {
    let states = [State::Cold, State::Warm, State::Hot];
    let mut phases = vec![vec![<[Phases; 3]>::default(); pairs.len()]; subjects.len()];
    for _ in 0..samples {
        for (subject, of_pairs) in subjects.iter().zip(&mut phases) {
            for (pair, of_states) in pairs.iter().zip(of_pairs) {
                progress(&format!("{}, {}", subject.name, pair.name));
                sample(subject, pair, of_states).with_context(|| format!("`{}` with {}", subject.name, pair.name))?;
            }
        }
    }
    let times = subjects.iter().zip(phases).map(|(subject, of_pairs)| {
        let ways = pairs.iter().zip(of_pairs).flat_map(|(pair, of_states)| {
            states.into_iter().zip(of_states).map(|(state, phases)| {
                let (phases, total) = phases.spreads();
                let language = pair.language.name().to_string();
                Way { language, compiler: pair.name.clone(), state, phases, total }
            })
        });
        let (name, title) = (subject.name.to_string(), subject.title.to_string());
        KernelTimes { name, title, elements: ELEMENTS, ways: ways.collect() }
    });
    Ok(times.collect())
}

/// A clock that is read between steps.
struct Lap(Instant);

impl Lap {
    fn seconds(&mut self) -> f64 {
        let now = Instant::now();
        let seconds = now.duration_since(self.0).as_secs_f64();
        self.0 = now;
        seconds
    }
}

/// One sample of each state, in a store of its own.
fn sample(subject: &KernelSubject, pair: &Pair, phases: &mut [Phases; 3]) -> anyhow::Result<()> {
    let directory = tempfile::tempdir().context("no temporary directory")?;
    let mut bound =
        Bound::new(&subject.kernel, ELEMENTS).context("internal error: a kernel that nobody here can call")?;
    let [cold, warm, hot] = phases;
    cold.add(&from_nothing(subject, pair, directory.path(), &mut bound)?);
    // A store of its own for the second one, opened before the clock is.
    let mut lap = Lap(Instant::now());
    let store = Store::open(directory.path(), StoreOptions::default());
    let opening = lap.seconds();
    warm.add(&from_store(subject, pair, &store, opening, &mut bound)?);
    hot.add(&from_store(subject, pair, &store, 0.0, &mut bound)?);
    Ok(())
}

fn from_nothing(
    subject: &KernelSubject,
    pair: &Pair,
    directory: &Path,
    bound: &mut Bound,
) -> anyhow::Result<[(&'static str, f64); 5]> {
    let mut lap = Lap(Instant::now());
    let source = render(&subject.kernel, pair.language);
    let rendering = lap.seconds();
    let store = Store::open(directory, StoreOptions::default());
    let id = KernelId::of(&source, ABI_VERSION);
    anyhow::ensure!(store.get(&id, None, Machine::this()).is_none(), "internal error: a new store has a kernel");
    let toolchain = &pair.toolchain;
    let recipe = Recipe::new(&source, ABI_VERSION, toolchain, &toolchain.default_features(), OptLevel::default());
    let looking = lap.seconds();
    let compiled = compile(&recipe, toolchain, &CompileOptions::default())?;
    let compiling = lap.seconds();
    let artifact = store.insert(&recipe, &toolchain.version, &compiled.library, compiled.seconds);
    let (loading, calling) = load_and_call(&artifact, bound, &mut lap)?;
    Ok([("render", rendering), ("look up", looking), ("compile", compiling), ("load", loading), ("call", calling)])
}

fn from_store(
    subject: &KernelSubject,
    pair: &Pair,
    store: &Store,
    opening: f64,
    bound: &mut Bound,
) -> anyhow::Result<[(&'static str, f64); 4]> {
    let mut lap = Lap(Instant::now());
    let source = render(&subject.kernel, pair.language);
    let rendering = lap.seconds();
    let found = store.get(&KernelId::of(&source, ABI_VERSION), None, Machine::this());
    let artifact = found.context("a kernel that was just put into the store is not there")?;
    let looking = opening + lap.seconds();
    let (loading, calling) = load_and_call(&artifact, bound, &mut lap)?;
    Ok([("render", rendering), ("look up", looking), ("load", loading), ("call", calling)])
}

fn load_and_call(artifact: &Artifact, bound: &mut Bound, lap: &mut Lap) -> anyhow::Result<(f64, f64)> {
    let code = load(&artifact.key.short(), artifact.library())?;
    let loading = lap.seconds();
    // SAFETY: the library was compiled from the source of the kernel that `bound` has arrays for.
    unsafe { bound.call(&code) };
    Ok((loading, lap.seconds()))
}

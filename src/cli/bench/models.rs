//! Whole models: fresh processes of the program with an empty and with a filled store, a second network in one process,
//! and for comparison the compiler once over all kernels of the model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::Value;

use super::data::{ModelTimes, Spread};
use super::machine::Pair;
use super::subjects::ModelSubject;
use crate::build::compile::{ENTRY_SYMBOL, compile};
use crate::build::{CompileOptions, Env, OptLevel, Recipe};
use crate::cli::failure::Failure;
use crate::engine::{CacheChoice, Options, Tier};
use crate::inspect::kernels;
use crate::network::Network;
use crate::render::{Language, Source};
use crate::runtime::abi::ABI_VERSION;

/// A model that is ready to be measured with one compiler.
struct Case<'a> {
    model: &'a ModelSubject,
    pair: &'a Pair,
    file: PathBuf,
    /// A store that has everything.
    filled: PathBuf,
    kernels: usize,
    unit: Option<Source>,
    times: Times,
}

#[derive(Default)]
struct Times {
    cold_first_step: Vec<f64>,
    cold_full_speed: Vec<f64>,
    warm_first_step: Vec<f64>,
    warm_full_speed: Vec<f64>,
    hot_full_speed: Vec<f64>,
    one_file: Vec<f64>,
}

/// Measures every model with every compiler, in turns. `program` is this program's file.
///
/// # Errors
/// If a model is wrong, or the machine is in the way.
pub fn measure(
    models: &[ModelSubject],
    pairs: &[Pair],
    samples: usize,
    program: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<ModelTimes>, Failure> {
    let scratch = tempfile::tempdir().context("no temporary directory")?;
    let mut cases = Vec::new();
    for (k, model) in models.iter().enumerate() {
        let file = scratch.path().join(format!("{k}.toml"));
        std::fs::write(&file, &model.text).context("cannot write a model")?;
        for pair in pairs {
            progress(&format!("{}, {}", model.name, pair.name));
            let filled = scratch.path().join(format!("store-{}", cases.len()));
            cases.push(Case::prepare(model, pair, file.clone(), filled, program)?);
        }
    }
    for _ in 0..samples {
        for case in &mut cases {
            progress(&format!("{}, {}", case.model.name, case.pair.name));
            case.sample(program)?;
        }
    }
    Ok(cases.into_iter().map(Case::times).collect())
}

impl<'a> Case<'a> {
    /// Fills its store.
    fn prepare(
        model: &'a ModelSubject,
        pair: &'a Pair,
        file: PathBuf,
        filled: PathBuf,
        program: &Path,
    ) -> Result<Case<'a>, Failure> {
        let network = Network::from_checked(model.checked()?, Options::interpreted())?;
        let sources: BTreeMap<_, _> =
            kernels(&network, pair.language).into_iter().map(|view| (view.id(), view.source.text)).collect();
        let texts: Vec<String> = sources.into_values().collect();
        let unit = one_unit(pair.language, &texts);
        let case = Case { model, pair, file, filled, kernels: texts.len(), unit, times: Times::default() };
        case.run(program, "compiled", &case.filled)?;
        Ok(case)
    }

    fn sample(&mut self, program: &Path) -> Result<(), Failure> {
        let empty = || tempfile::tempdir().context("no temporary directory");
        let cold_first_step = self.run(program, "auto", empty()?.path())?.first_step;
        let cold_full_speed = self.run(program, "compiled", empty()?.path())?.full_speed;
        let warm = self.run(program, "auto", &self.filled)?;
        let hot = self.hot()?;
        let one_file = self.one_file()?;
        let times = &mut self.times;
        times.cold_first_step.push(cold_first_step);
        times.cold_full_speed.push(cold_full_speed);
        times.warm_first_step.push(warm.first_step);
        times.warm_full_speed.push(warm.full_speed);
        times.hot_full_speed.push(hot);
        times.one_file.extend(one_file);
        Ok(())
    }

    /// The variable that names the compiler, so that the program takes it as it would any.
    fn variable(&self) -> &'static str {
        match self.pair.language {
            Language::C => "SALTUS_CC",
            Language::Cpp => "SALTUS_CXX",
            Language::Rust => "SALTUS_RUSTC",
        }
    }

    /// Its value.
    fn compiler(&self) -> String {
        let toolchain = &self.pair.toolchain;
        let words = std::iter::once(toolchain.program.display().to_string()).chain(toolchain.arguments.clone());
        words.collect::<Vec<_>>().join(" ")
    }

    /// One run of the program in a process of its own.
    fn run(&self, program: &Path, tier: &str, store: &Path) -> Result<Timing, Failure> {
        let mut command = Command::new(program);
        command.arg("run").arg(&self.file).args(["--quiet", "--json", "-", "--tier", tier]);
        command.args(["--lang", self.pair.language.name(), "--cache-dir"]).arg(store);
        command.env(self.variable(), self.compiler()).stderr(Stdio::inherit());
        let output = command.output().with_context(|| format!("cannot start `{}`", program.display()))?;
        Ok(timing(output.status.success().then_some(&output.stdout[..]))?)
    }

    /// From a checked model in memory to its last kernel. The process has run it before, for the samples after the first
    /// and through `prepare`'s look at its kernels.
    fn hot(&self) -> Result<f64, Failure> {
        let named = (self.variable().into(), self.compiler().into());
        let env = Env::new(std::env::vars_os().chain([named]));
        let options = Options {
            tier: Tier::Compiled,
            language: self.pair.language,
            cache: CacheChoice::Directory(self.filled.clone()),
            env,
            ..Options::default()
        };
        let mut seconds = f64::NAN;
        // The first one in turns is the second one of the process: what it warms is not only its own.
        for _ in 0..2 {
            let checked = self.model.checked()?;
            let started = Instant::now();
            let mut network = Network::from_checked(checked, options.clone())?;
            network.run_for("1*ms")?;
            let full = network.full_speed().context("kernels could not be loaded")?;
            seconds = full.duration_since(started).saturating_sub(network.connecting()).as_secs_f64();
        }
        Ok(seconds)
    }

    /// The compiler over all kernels at once, with the arguments that each kernel is compiled with.
    fn one_file(&self) -> anyhow::Result<Option<f64>> {
        let Some(unit) = &self.unit else { return Ok(None) };
        let toolchain = &self.pair.toolchain;
        let recipe = Recipe::new(unit, ABI_VERSION, toolchain, &toolchain.default_features(), OptLevel::O3);
        Ok(Some(compile(&recipe, toolchain, &CompileOptions::default())?.seconds))
    }

    fn times(self) -> ModelTimes {
        let Times { cold_first_step, cold_full_speed, warm_first_step, warm_full_speed, hot_full_speed, one_file } =
            self.times;
        ModelTimes {
            name: self.model.name.clone(),
            kernels: self.kernels,
            language: self.pair.language.name().to_string(),
            compiler: self.pair.name.clone(),
            cold_first_step: Spread(cold_first_step),
            cold_full_speed: Spread(cold_full_speed),
            warm_first_step: Spread(warm_first_step),
            warm_full_speed: Spread(warm_full_speed),
            hot_full_speed: Spread(hot_full_speed),
            one_file: self.unit.map(|_| Spread(one_file)),
        }
    }
}

/// What a run says of itself, in seconds after the start of its program; making synapses is not counted.
struct Timing {
    first_step: f64,
    full_speed: f64,
}

fn timing(output: Option<&[u8]>) -> anyhow::Result<Timing> {
    let Some(output) = output else { bail!("`saltus run` failed") };
    let result: Value = serde_json::from_slice(output).context("`saltus run` wrote no JSON")?;
    let seconds = |name: &str| result["timing"][name].as_f64();
    let first_step = seconds("first_step").context("`saltus run` did not time its first step")?;
    // A run that ended before it came to that counts whole: it could not have been sooner.
    let full_speed = seconds("full_speed").or_else(|| seconds("total")).context("`saltus run` did not time itself")?;
    Ok(Timing { first_step, full_speed })
}

/// All kernels as one file, each with names of its own; one of them is the entry.
fn one_unit(language: Language, texts: &[String]) -> Option<Source> {
    if language != Language::C || texts.is_empty() {
        return None;
    }
    let last = texts.len() - 1;
    let renamed = texts.iter().enumerate().map(|(k, text)| {
        if k == last {
            text.clone()
        } else {
            text.replace("saltus_", &format!("k{k}_")).replace("SALTUS_", &format!("K{k}_"))
        }
    });
    debug_assert!(ENTRY_SYMBOL.starts_with("saltus_"));
    Some(Source { language, text: renamed.collect::<Vec<_>>().join("\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_of_one_file_do_not_clash() {
        let texts = ["void saltus_kernel(saltus_call *c) SALTUS_X".to_string(), "void saltus_kernel() {}".to_string()];
        let unit = one_unit(Language::C, &texts).expect("C has one file").text;
        assert_eq!(unit, "void k0_kernel(k0_call *c) K0_X\nvoid saltus_kernel() {}");
    }

    #[test]
    fn a_run_that_ends_early_counts_whole() {
        let timing =
            timing(Some(br#"{"timing": {"first_step": 0.5, "full_speed": null, "total": 2.0}}"#)).expect("times");
        assert_eq!((timing.first_step, timing.full_speed), (0.5, 2.0));
    }
}

//! What the benches share: models of any size, kernels bound to arrays of their own, and the same kernels compiled in
//! other ways to compare with.

#![allow(dead_code, reason = "each bench uses a part")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use indexmap::IndexMap;
use libloading::Library;
use saltus::build::compile::compile;
use saltus::build::toolchain::discover_for;
use saltus::build::{CompileOptions, Env, OptLevel, Recipe};
use saltus::diag::Diagnostics;
use saltus::engine::{CacheChoice, Options, Tier, optimised};
use saltus::integrate::{Choice, Method, integrate};
use saltus::kernel::ir::Kernel;
use saltus::kernel::lower::Lowered;
use saltus::load::library::{CompiledKernel, load};
use saltus::model::file;
use saltus::model::group::check_group;
use saltus::network::check::GroupInput;
use saltus::network::evaluate::Constants;
use saltus::network::memory::Memory;
use saltus::network::population::Population;
use saltus::network::{AnyGroup, Model, Network, NeuronGroup, from_file};
use saltus::render::{Language, render};
use saltus::runtime::abi::{ABI_VERSION, Call, Execute, KernelFn};
use saltus::runtime::clock::Clock;

/// The Hodgkin-Huxley model that is measured: that of the tests.
pub const HODGKIN_HUXLEY: &str = "tests/models/hh_seed.toml";

/// A path inside of the package.
pub fn path(relative: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A model file as a model, with `n` cells and without monitors.
pub fn model_of_file(relative: &str, n: usize) -> Model {
    let (parsed, mut diagnostics) = file::parse(file::read(&path(relative)).expect("the model is there"));
    let (mut model, _) = from_file(&parsed, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics}");
    model.monitors.clear();
    for group in &mut model.groups {
        if let AnyGroup::Neurons(group) = group {
            group.text.n = n;
        }
    }
    model
}

/// `n` Hodgkin-Huxley cells, exponential Euler.
pub fn hodgkin_huxley(n: usize) -> Model {
    let mut model = model_of_file(HODGKIN_HUXLEY, n);
    // The same spread of currents for any number of cells.
    model.init.retain(|assignment| assignment.variable.as_str() != "I");
    model.init("cells", "I", "0.7*nA * i / N")
}

/// `n` leaky integrate-and-fire cells with threshold, reset, refractoriness and a spike monitor; they fire at 30 Hz.
pub fn integrate_and_fire(n: usize) -> Model {
    let cells =
        NeuronGroup::new("cells", n, "dv/dt = (1.2 + 0.1*drive - v)/(10*ms) : 1 (unless refractory)\ndrive : 1")
            .threshold("v > 1")
            .reset("v = 0")
            .refractory("5*ms")
            .method("euler");
    Model::new().group(cells).init("cells", "v", "i/N").init("cells", "drive", "i/N").spike_monitor("spikes", "cells")
}

/// Compiled code, kept in `directory`.
pub fn compiled(directory: &Path) -> Options {
    Options { tier: Tier::Compiled, cache: CacheChoice::Directory(directory.to_path_buf()), ..Options::default() }
}

/// A network, warmed up: compiled, and past the first 20 ms.
pub fn network(model: &Model, options: Options) -> Network {
    let mut network = Network::new(model, options).expect("a model without errors");
    network.run_for("20*ms").expect("a run");
    network.finish().expect("a compiler");
    assert!(network.engine_warnings().is_empty(), "{:?}", network.engine_warnings());
    network
}

/// The first group of a model, checked and in memory.
pub struct Parts {
    pub memory: Memory,
}

impl Parts {
    /// From text to memory, without a network.
    pub fn of(model: &Model) -> Parts {
        let mut diagnostics = Diagnostics::default();
        let mut constants = Constants::default();
        for (name, value) in &model.constants {
            constants.define(name, value, &mut diagnostics).expect("a constant");
        }
        let AnyGroup::Neurons(given) = &model.groups[0] else { panic!("the first group has no equations") };
        let group = check_group(&given.text, &Arc::new(constants.namespace.clone()), &mut diagnostics);
        let group = group.unwrap_or_else(|| panic!("{diagnostics}"));
        let choice = match &group.method {
            Some(name) => Choice::Named(Method::from_name(name.as_str()).expect("a method")),
            None => Choice::Automatic,
        };
        let integration = integrate(&group.system, choice).expect("integrable equations");
        let dt = constants.time(&model.dt, "dt", &mut diagnostics).expect("a step").expect("a time");
        let memory = Memory {
            constants,
            clocks: vec![Clock::new(dt)],
            populations: vec![Population::new(group, integration, 0, GroupInput::Neurons)],
            sources: IndexMap::new(),
            timed: IndexMap::new(),
            evaluators: IndexMap::new(),
        };
        Parts { memory }
    }

    fn population(&mut self) -> &mut Population {
        &mut self.memory.populations[0]
    }

    /// The state updater, not yet optimised.
    pub fn state_updater(&self) -> Lowered {
        self.memory.state_updater(0).expect("a kernel").expect("a group with equations")
    }

    /// The kernels of a step, not yet optimised.
    pub fn kernels(&self) -> Vec<Lowered> {
        let group = &self.memory.populations[0].group;
        let thresholders = (0..group.events.len()).map(|event| self.memory.thresholder(0, event).expect("a kernel"));
        let resetters = (0..group.event_code.len()).filter_map(|code| self.memory.resetter(0, code).expect("a kernel"));
        std::iter::once(self.state_updater()).chain(thresholders).chain(resetters).collect()
    }

    /// Where the arrays are that a kernel over all cells knows by these names.
    fn pointers(&mut self, kernel: &Kernel) -> Vec<*mut u8> {
        let whole = self.memory.whole(0);
        let Memory { constants, clocks, populations, .. } = &mut self.memory;
        let mut pointer = |name: &str| match name {
            "t" => clocks[0].t.pointer(),
            "dt" => clocks[0].dt_array.pointer(),
            name => match populations[0].pointer(name, whole) {
                Some(pointer) => pointer,
                None => constants.arrays.get_mut(name).expect("an array for each name").pointer(),
            },
        };
        kernel.params.iter().map(|param| pointer(&param.name)).collect()
    }
}

/// A state updater and the arrays it works on.
pub struct Bound {
    /// Its kernel.
    pub kernel: Kernel,
    parts: Parts,
    arrays: Vec<*mut u8>,
    start: IndexMap<String, Vec<f64>>,
}

impl Bound {
    /// The state updater of the first group of a model, in the state that it has after 20 ms.
    pub fn of(model: &Model) -> Bound {
        let mut network = Network::new(model, Options::interpreted()).expect("a model without errors");
        network.run_for("20*ms").expect("a run");
        let mut parts = Parts::of(model);
        let name = parts.population().group.name.clone();
        let start = network.final_state().swap_remove(&name).expect("the group");
        let kernel = optimised(parts.state_updater()).expect("a well-formed kernel").kernel;
        let arrays = parts.pointers(&kernel);
        let mut bound = Bound { kernel, parts, arrays, start };
        bound.reset();
        bound
    }

    /// Number of cells.
    pub fn n(&self) -> usize {
        self.parts.memory.populations[0].n()
    }

    /// Back to the state after 20 ms.
    pub fn reset(&mut self) {
        for (name, values) in &self.start {
            let array = &mut self.parts.population().arrays[name.as_str()];
            values.iter().enumerate().for_each(|(k, value)| array.set(k, *value));
        }
    }

    /// One step.
    pub fn step(&mut self, code: &dyn Execute) {
        let mut call = Call::over(self.n());
        // SAFETY: `pointers` gave arrays for all parameters of the kernel, which `self` owns and nobody else uses.
        unsafe { code.execute(self.arrays.as_ptr(), &mut call) };
    }

    /// All values of state variables, by name.
    pub fn state(&self) -> Vec<(String, Vec<f64>)> {
        self.parts.memory.populations[0].arrays.iter().map(|(name, array)| (name.clone(), array.to_f64())).collect()
    }

    /// The state after some steps from the start.
    pub fn state_after(&mut self, steps: usize, code: &dyn Execute) -> Vec<(String, Vec<f64>)> {
        self.reset();
        (0..steps).for_each(|_| self.step(code));
        self.state()
    }
}

/// The largest difference between two states, relative to the largest value of the variable.
pub fn difference(left: &[(String, Vec<f64>)], right: &[(String, Vec<f64>)]) -> f64 {
    let one = |(x, y): (&Vec<f64>, &Vec<f64>)| {
        let scale = x.iter().fold(1e-300, |a: f64, b| a.max(b.abs()));
        x.iter().zip(y).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f64::max)
    };
    left.iter().zip(right).map(|((_, x), (_, y))| one((x, y))).fold(0.0, f64::max)
}

/// A kernel compiled as a run would, by the compiler that a run would take or by `cc`, without a store.
pub fn compile_kernel(
    kernel: &Kernel,
    language: Language,
    cc: Option<&Path>,
    opt_level: OptLevel,
) -> Option<CompiledKernel> {
    let toolchain = discover_for(language, &Env::of_process(), cc, None).ok()?;
    let source = render(kernel, language);
    let recipe = Recipe::new(&source, ABI_VERSION, &toolchain, &toolchain.default_features(), opt_level);
    let compiled = compile(&recipe, &toolchain, &CompileOptions::default()).expect("a kernel that compiles");
    Some(load("bench", &compiled.library).expect("a kernel that loads"))
}

/// A kernel from outside of the pipeline: text compiled with arguments of the bench's own.
pub struct Foreign {
    entry: KernelFn,
    // After the pointer into it.
    _library: Library,
}

impl Execute for Foreign {
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        // SAFETY: the text has the kernel ABI, and the caller keeps its promises.
        unsafe { (self.entry)(arrays, call) }
    }
}

/// Compiles text that has the kernel ABI with `gcc` and these arguments.
pub fn compile_text(text: &str, arguments: &[&str]) -> Foreign {
    let directory = tempfile::tempdir().expect("a directory");
    let (source, library) = (directory.path().join("twin.c"), directory.path().join("twin.so"));
    std::fs::write(&source, text).expect("a file");
    let mut gcc = Command::new("gcc");
    gcc.args(arguments).args(["-w", "-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-lm");
    let output = gcc.output().expect("gcc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // SAFETY: the library runs nothing when it is loaded.
    let library = unsafe { Library::new(&library) }.expect("a library");
    // SAFETY: the text defines this symbol with this type.
    let entry = unsafe { *library.get::<KernelFn>(b"saltus_kernel\0").expect("the entry") };
    Foreign { entry, _library: library }
}

/// The text of a kernel that calls the scalar functions of libm where it calls ours.
pub fn libm_twin(kernel: &Kernel) -> String {
    const LIBM: &str = "\
        double exp(double);\ndouble expm1(double);\ndouble fabs(double);\n\
        static inline double saltus_exp(double x) { return exp(x); }\n\
        static inline double saltus_expm1(double x) { return expm1(x); }\n\
        static inline double saltus_exprel(double x) { return fabs(x) < 1e-16 ? 1.0 : expm1(x) / x; }\n\
        #define SALTUS_INDEPENDENT _Pragma(\"GCC ivdep\")\n";
    let text = render(kernel, Language::C).text;
    let abi = text.find("} saltus_call;").expect("the ABI") + "} saltus_call;".len();
    let body = text.find("__attribute__((visibility(\"default\")))").expect("the entry");
    format!("{}\n{LIBM}\n{}", &text[..abi], &text[body..])
}

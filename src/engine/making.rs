//! Compiles what is not in the store: finds the compiler, agrees with other processes on who does what, puts kernels
//! together so that all processors are busy and none pays more than it must for starting a compiler, and keeps what
//! comes out.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::worker::{Maker, News, Ready, Task, ready};
use super::{Options, Origin, Tier};
use crate::build::compile::{Unit, compile, compile_each};
use crate::build::costs::Costs;
use crate::build::early::{Compiler, discover_early, discover_whole};
use crate::build::toolchain::discover_quick;
use crate::build::{
    CompileError, CompileOptions, Compiled, Family, OptLevel, Recipe, Toolchain, ToolchainError, lower_priority,
};
use crate::kernel::ir::{Kernel, LoopShape};
use crate::render::{Language, entry_in_unit, may_share_unit, render_unit};
use crate::runtime::abi::ABI_VERSION;
use crate::store::{Claim, Store, pauses};

/// Up to so many elements the plain code of a quick compiler is faster than the interpreter, which decodes an operation
/// once for all elements but runs them in vectors: 0.7 against 1.5 us a step for 10 integrate-and-fire cells, 4.2 against
/// 2.2 us for 100. Functions of the maths library are always faster in vectors.
const FEW_ELEMENTS: usize = 32;

/// How much lower the priority of threads that compile is while a network runs.
const NICENESS: i32 = 5;

/// The compiler of preliminary code.
pub const QUICK: &str = "tcc";

/// What takes longer to compile a kernel, or to answer a question, is no quick compiler.
pub const QUICK_TIME: Duration = Duration::from_secs(1);

/// How long another process may take to compile what this one needs as well. Then both do.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many claims are held at once; the rest is compiled without one.
const MOST_CLAIMS: usize = 16;

/// A run of the interpreter that is expected to take less than this part of what compiling takes is left to it.
const WORTH_COMPILING: f64 = 0.1;

impl Maker<'_> {
    /// Makes code for all of these, or says why there is none.
    pub(super) fn build(&self, tasks: Vec<Task>) {
        let Options { language, env, cc, tier, .. } = self.options;
        let memos = self.store.toolchain_memos();
        // Whoever wants the code of one compiler has to know it before looking for it.
        let discover = if self.is_exact() { discover_whole } else { discover_early };
        let compiler = match discover(*language, env, cc.as_deref(), memos.as_deref()) {
            Ok(compiler) => compiler,
            Err(error) => return self.do_without_compiler(tasks, error),
        };
        let costs = match compiler.is_known() {
            true => Costs::read(memos.as_deref(), compiler.toolchain()),
            false => Costs::default(),
        };
        let builder =
            Builder { maker: self, compiler: &compiler, costs: Mutex::new(costs), has_warned: AtomicBool::new(false) };
        let tasks = builder.missing(tasks);
        if tasks.is_empty() || self.cancelled.load(Ordering::Relaxed) {
            return;
        }
        if !self.is_worth_it(&tasks, &builder.costs()) {
            return self.post(tasks.into_iter().flat_map(|task| task.numbers).collect(), News::NotWorthIt);
        }
        // Whoever wants to be woken waits for all of it, and for the best at once.
        let is_background = *tier == Tier::Auto && self.options.wake.is_none();
        if is_background {
            lower_priority(NICENESS);
        }
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let is_quick = compiler.toolchain().family == Family::Tcc;
            if is_background && !self.is_exact() && *language == Language::C && !is_quick {
                let few = |task: &&Task| task.elements <= FEW_ELEMENTS && !task.kernel.calls_functions();
                let few: Vec<Task> = tasks.iter().filter(few).cloned().collect();
                let memos = memos.as_deref();
                let is_over = &is_over;
                // Without a thread, they wait for better code.
                let quick = std::thread::Builder::new();
                let _ = quick.spawn_scoped(scope, move || self.build_quickly(&few, memos, is_over));
            }
            builder.build_in_turn(tasks);
            is_over.store(true, Ordering::Relaxed);
        });
        if let Ok(toolchain) = compiler.whole() {
            builder.costs().write(memos.as_deref(), toolchain);
        }
    }

    /// Whether compiling could make up for the time that it takes.
    fn is_worth_it(&self, tasks: &[Task], costs: &Costs) -> bool {
        let (Some(expected), Tier::Auto) = (self.expected_seconds, self.options.tier) else { return true };
        let longest = tasks.iter().filter_map(|task| costs.seconds(task.source.text.len())).fold(0.0, f64::max);
        expected >= WORTH_COMPILING * longest
    }

    /// Gives code that does not optimise to those who gain by it until theirs is ready.
    fn build_quickly(&self, tasks: &[Task], memos: Option<&Path>, is_over: &AtomicBool) {
        if tasks.is_empty() {
            return;
        }
        let Ok(toolchain) = discover_quick(&self.options.env, memos, QUICK_TIME) else { return };
        for task in tasks {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            let found = task.found.clone().and_then(Result::ok);
            let Some(loaded) = found.or_else(|| self.compile_quickly(task, &toolchain)) else { return };
            self.post(task.numbers.clone(), News::Preliminary(Ready { loaded, origin: Origin::Built }));
        }
    }

    /// What fails here fails for all, and is no news: the code that counts is on its way.
    fn compile_quickly(&self, task: &Task, toolchain: &Toolchain) -> Option<super::loaded::Loaded> {
        let features = self.options.cpu.features();
        let recipe = Recipe::new(&task.source, ABI_VERSION, toolchain, &features, OptLevel::O0);
        let options = CompileOptions { time_limit: QUICK_TIME, ..CompileOptions::default() };
        let compiled = compile(&recipe, toolchain, &options).ok()?;
        let artifact = Store::none().insert(&recipe, &toolchain.version, &compiled.library, compiled.seconds);
        self.load(&task.ir, &artifact).ok()
    }

    /// What the store has is used, though it is not optimised; the rest is interpreted.
    fn do_without_compiler(&self, tasks: Vec<Task>, error: ToolchainError) {
        let mut numbers = Vec::new();
        for task in tasks {
            match task.found {
                Some(found) => self.post(task.numbers, ready(found, Origin::Hit)),
                None => numbers.extend(task.numbers),
            }
        }
        if numbers.is_empty() {
            return;
        }
        let news = match self.options.cc {
            Some(_) => News::Refused(error),
            None => News::Failed(format!("{error}; kernels stay on the interpreter, with the same results, slower")),
        };
        self.post(numbers, news);
    }
}

/// Runs a compiler for one network.
struct Builder<'a> {
    maker: &'a Maker<'a>,
    compiler: &'a Compiler,
    costs: Mutex<Costs>,
    /// Whether it was said that the compiler is not to be trusted.
    has_warned: AtomicBool,
}

impl Builder<'_> {
    fn costs(&self) -> MutexGuard<'_, Costs> {
        self.costs.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// How a kernel is compiled alone.
    fn recipe(&self, task: &Task) -> Recipe {
        let Options { cpu, opt_level, .. } = self.maker.options;
        let features = cpu.features();
        Recipe::new(&task.source, ABI_VERSION, self.compiler.toolchain(), &features, opt_level.unwrap_or_default())
    }

    /// What the store has of this compiler is delivered; the rest is left.
    fn missing(&self, tasks: Vec<Task>) -> Vec<Task> {
        if !self.maker.is_exact() {
            // It was looked for already, whoever made it.
            return tasks;
        }
        let mut left = Vec::new();
        for task in tasks {
            match self.published(&task) {
                Some(news) => self.maker.post(task.numbers, news),
                None => left.push(task),
            }
        }
        left
    }

    /// What the store has of a kernel.
    fn published(&self, task: &Task) -> Option<News> {
        let Maker { store, machine, .. } = self.maker;
        let artifact = if self.maker.is_exact() {
            store.get_as(&task.id, &self.recipe(task), machine)
        } else {
            store.get(&task.id, None, machine).filter(|found| found.record.recipe.opt_level > OptLevel::O0)
        };
        Some(ready(self.maker.load(&task.ir, &self.maker.sound(artifact?)?), Origin::Hit))
    }

    /// First what no other process is at. What others have claimed is taken from the store as soon as it is there, kernel
    /// by kernel, and built here when one of them gave it up, or when they take too long.
    fn build_in_turn(&self, tasks: Vec<Task>) {
        let ends = Instant::now() + PATIENCE;
        let mut left = self.build_unclaimed(tasks, false);
        for pause in pauses() {
            if left.is_empty() {
                return;
            }
            std::thread::sleep(pause);
            // What nobody waits for any more is given up where it would be compiled.
            let is_over = Instant::now() >= ends || self.maker.cancelled.load(Ordering::Relaxed);
            left = self.build_unclaimed(left, is_over);
        }
    }

    /// Delivers what is in the store by now, and builds what nobody else is at, or everything; returns the rest.
    fn build_unclaimed(&self, tasks: Vec<Task>, everything: bool) -> Vec<Task> {
        let (mut own, mut guards, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for task in tasks {
            let claim = self.maker.store.claim(&task.id);
            // Whoever had the lock has published it by now; whoever has it may have.
            if let Some(news) = self.published(&task) {
                self.maker.post(task.numbers, news);
                continue;
            }
            match claim {
                // What is locked costs descriptors, of which others need some.
                Claim::Mine(guard) if guards.len() < MOST_CLAIMS => guards.push(guard),
                Claim::Others if !everything => {
                    others.push(task);
                    continue;
                }
                Claim::Mine(_) | Claim::Others | Claim::Anyway => {}
            }
            own.push(task);
        }
        self.build_now(&own);
        others
    }

    fn build_now(&self, tasks: &[Task]) {
        let failed = self.build_units(tasks, units(tasks, self.maker.options.strict), false);
        if failed.is_empty() {
            return;
        }
        // From now on it is called as what it is.
        let _ = self.compiler.whole();
        // One of several may be to blame, and the others are to have their code.
        self.build_units(tasks, failed.into_iter().map(|k| vec![k]).collect(), true);
    }

    /// Compiles tasks in these groups. What fails is reported if it was alone or this is the last try; the others are
    /// returned.
    fn build_units(&self, tasks: &[Task], groups: Vec<Vec<usize>>, is_last: bool) -> Vec<usize> {
        let units: Vec<(Unit, Vec<usize>)> = groups.into_iter().flat_map(|members| self.unit(tasks, members)).collect();
        let failed = Mutex::new(Vec::new());
        let fail = |members: &[usize]| {
            failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(members);
        };
        let finished = |k: usize, result: Result<Compiled, CompileError>| {
            let (unit, members) = &units[k];
            match result {
                Ok(compiled) if self.deliver(tasks, unit, members, &compiled) => {}
                Ok(_) if is_last => {
                    self.report(tasks, members, "internal error: the compiler is not what it says it is")
                }
                Ok(_) => fail(members),
                // The others of its text may not be to blame, or it was called as what it is not.
                Err(CompileError::Rejected { .. } | CompileError::NoKernel { .. }) if !is_last => fail(members),
                Err(error) => self.report(tasks, members, &explain(error)),
            }
        };
        let plain: Vec<Unit> = units.iter().map(|(unit, _)| unit.clone()).collect();
        // What is wrong with the setting is told where the other warnings are.
        let (options, _) = CompileOptions::from_env(&self.maker.options.env);
        let is_wanted = || !self.maker.cancelled.load(Ordering::Relaxed);
        compile_each(&plain, self.compiler.toolchain(), &options, &is_wanted, &finished);
        failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn report(&self, tasks: &[Task], members: &[usize], reason: &str) {
        let numbers = members.iter().flat_map(|k| tasks[*k].numbers.clone());
        self.maker.post(numbers.collect(), News::Failed(reason.to_string()));
    }

    /// What the compiler is to make of these tasks; more than one unit if they cannot be in one text.
    fn unit(&self, tasks: &[Task], members: Vec<usize>) -> Vec<(Unit, Vec<usize>)> {
        let alone = |k: usize| (Unit::alone(self.recipe(&tasks[k])), vec![k]);
        let kernels: Vec<&Kernel> = members.iter().map(|k| &*tasks[*k].kernel).collect();
        let (Some(first), true) = (members.first(), members.len() > 1) else {
            return members.into_iter().map(alone).collect();
        };
        let recipe = self.recipe(&tasks[*first]);
        match render_unit(&kernels, recipe.language) {
            Some(source) => {
                let entries = (0..members.len()).map(entry_in_unit).collect();
                vec![(Unit { recipe: Recipe { source: source.text, ..recipe }, entries }, members)]
            }
            None => members.into_iter().map(alone).collect(),
        }
    }

    /// Keeps and posts the kernels of a library; false if they are to be compiled again, since the compiler turned out to
    /// be another one than it said.
    fn deliver(&self, tasks: &[Task], unit: &Unit, members: &[usize], compiled: &Compiled) -> bool {
        let toolchain = match self.compiler.whole() {
            Ok(toolchain) => toolchain,
            Err(error) => {
                let reason = format!("{error}; kernels stay on the interpreter, with the same results, slower");
                self.report(tasks, members, &reason);
                return true;
            }
        };
        let recipes: Vec<Recipe> = members.iter().map(|k| self.recipe(&tasks[*k])).collect();
        if recipes.iter().any(|recipe| recipe.arguments != unit.recipe.arguments) {
            return false;
        }
        let whole = Recipe { compiler: toolchain.identity, ..unit.recipe.clone() };
        self.costs().note(whole.source.len(), compiled.seconds);
        let nowhere = Store::none();
        let store = if self.is_sound(toolchain) { &self.maker.store } else { &nowhere };
        let all: usize = recipes.iter().map(|recipe| recipe.source.len()).sum();
        for ((k, entry), recipe) in members.iter().zip(&unit.entries).zip(recipes) {
            let task = &tasks[*k];
            let seconds = compiled.seconds * recipe.source.len() as f64 / all as f64;
            let recipe = if members.len() > 1 { recipe.in_unit(&whole, entry.clone()) } else { recipe };
            let artifact = store.insert(&recipe, &toolchain.version, &compiled.library, seconds);
            self.maker.post(task.numbers.clone(), ready(self.maker.load(&task.ir, &artifact), Origin::Built));
        }
        true
    }

    /// Whether it is certain by what the kernels were compiled. Said once if it is not.
    fn is_sound(&self, toolchain: &Toolchain) -> bool {
        let is_sound = self.compiler.is_unchanged();
        if !is_sound && !self.has_warned.swap(true, Ordering::Relaxed) {
            let program = toolchain.program.display();
            let warning = format!("the compiler `{program}` was exchanged while it compiled: its kernels are not kept");
            self.maker.post(Vec::new(), News::Warning(warning));
        }
        is_sound
    }
}

/// Which tasks are compiled together: as many units as there are processors, of about the same weight.
fn units(tasks: &[Task], strict: bool) -> Vec<Vec<usize>> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let is_alone = |k: &usize| strict || !may_share_unit(&tasks[*k].kernel, tasks[*k].source.language);
    let (alone, mut shared): (Vec<usize>, Vec<usize>) = (0..tasks.len()).partition(is_alone);
    shared.sort_by_key(|k| std::cmp::Reverse(weight(&tasks[*k])));
    // Those that are compiled alone keep processors busy as well.
    let count = processors.saturating_sub(alone.len()).max(1);
    let mut units: Vec<(usize, Vec<usize>)> = Vec::new();
    for k in shared {
        let lightest = (0..units.len()).min_by_key(|unit| units[*unit].0).filter(|_| units.len() >= count);
        match lightest {
            Some(unit) => {
                units[unit].0 += weight(&tasks[k]);
                units[unit].1.push(k);
            }
            None => units.push((weight(&tasks[k]), vec![k])),
        }
    }
    alone.into_iter().map(|k| vec![k]).chain(units.into_iter().map(|(_, members)| members)).collect()
}

/// Roughly how long a kernel keeps a compiler busy, in bytes of text that would keep it as long. Loops that become
/// vectors and the collection of what is selected take more than their text tells.
fn weight(task: &Task) -> usize {
    let of_shape = match task.kernel.shape {
        LoopShape::Select(_) | LoopShape::Pairs(_) => 3000,
        LoopShape::Each => 1500,
        LoopShape::Indexed => 0,
    };
    task.source.text.len() + of_shape
}

fn explain(error: CompileError) -> String {
    match error {
        // Nobody edited the kernel, so it is ours; a compiler that is ended by a signal is its own fault, or a limit's.
        CompileError::Rejected { status, .. } if status.signal().is_some() => {
            format!("{error}; the kernel stays on the interpreter, with the same results, slower")
        }
        CompileError::Rejected { .. } | CompileError::NoKernel { .. } => {
            format!("internal error: a kernel does not compile; please report it with the model: {error}")
        }
        error => format!("{error}; the kernel stays on the interpreter, with the same results, slower"),
    }
}

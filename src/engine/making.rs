//! Compiles what is not in the store: finds the compiler, agrees with other processes on who does what, puts kernels
//! together so that all processors are busy and none pays more than it must for starting a compiler, and keeps what
//! comes out.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::worker::{Maker, News, Ready, Task, ready};
use super::{Options, Origin, Tier};
use crate::build::compile::{Unit, compile, compile_each};
use crate::build::costs::Costs;
use crate::build::toolchain::discover_for;
use crate::build::{
    CompileError, CompileOptions, Compiled, Family, Machine, OptLevel, Recipe, Toolchain, ToolchainError,
    lower_priority,
};
use crate::kernel::ir::{Expr, Kernel, LoopShape};
use crate::render::{Language, entry_in_unit, may_share_unit, render_unit};
use crate::runtime::abi::ABI_VERSION;
use crate::store::{Claim, Store};

/// Up to so many elements the plain code of a quick compiler is faster than the interpreter, which decodes an operation
/// once for all elements but runs them in vectors: 0.7 against 1.5 us a step for 10 integrate-and-fire cells, 4.2 against
/// 2.2 us for 100.
const FEW_ELEMENTS: usize = 32;

/// How much lower the priority of threads that compile is while a network runs.
const NICENESS: i32 = 5;

/// How long another process may take to compile what this one needs as well. Then both do.
const PATIENCE: Duration = Duration::from_secs(10);

/// A run of the interpreter that is expected to take less than this part of what compiling takes is left to it.
const WORTH_COMPILING: f64 = 0.1;

/// Time for one run of a compiler, in seconds, instead of a minute.
const TIME_LIMIT: &str = "SALTUS_COMPILE_TIMEOUT";

/// A kernel to compile, and how.
struct Order {
    task: Task,
    /// Alone.
    recipe: Recipe,
}

impl Maker<'_> {
    /// Makes code for all of these, or says why there is none.
    pub(super) fn build(&self, tasks: Vec<Task>) {
        let Options { language, env, cc, tier, .. } = self.options;
        let memos = self.store.toolchain_memos();
        let toolchain = match discover_for(*language, env, cc.as_deref(), memos.as_deref()) {
            Ok(toolchain) => toolchain,
            Err(error) => return self.do_without_compiler(tasks, error),
        };
        let orders = self.orders(tasks, &toolchain);
        if self.cancelled.load(Ordering::Relaxed) {
            return;
        }
        let costs = Costs::read(memos.as_deref(), &toolchain);
        if !self.is_worth_it(&orders, &costs) {
            let numbers = orders.into_iter().flat_map(|order| order.task.numbers);
            return self.post(numbers.collect(), News::NotWorthIt);
        }
        let is_background = *tier == Tier::Auto;
        if is_background {
            lower_priority(NICENESS);
        }
        let builder = Builder { maker: self, toolchain: &toolchain, costs: Mutex::new(costs) };
        std::thread::scope(|scope| {
            if is_background && !self.is_exact() && *language == Language::C && toolchain.family != Family::Tcc {
                let few = |order: &&Order| order.task.elements <= FEW_ELEMENTS && !calls_functions(&order.task.kernel);
                let few: Vec<Task> = orders.iter().filter(few).map(|order| order.task.clone()).collect();
                let memos = memos.as_deref();
                scope.spawn(move || self.build_quickly(&few, memos));
            }
            builder.build_in_turn(orders);
        });
        let costs = builder.costs.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        costs.write(memos.as_deref(), &toolchain);
    }

    /// What is left to compile: what the store has of this compiler is delivered.
    fn orders(&self, tasks: Vec<Task>, toolchain: &Toolchain) -> Vec<Order> {
        let features = self.options.cpu.features();
        let level = self.options.opt_level.unwrap_or_default();
        let mut orders = Vec::new();
        for task in tasks {
            let recipe = Recipe::new(&task.source, ABI_VERSION, toolchain, &features, level);
            match self.store.get_as(&task.id, &recipe, Machine::this()) {
                Some(artifact) => self.post(task.numbers, ready(self.load(&task.kernel, &artifact), Origin::Hit)),
                None => orders.push(Order { task, recipe }),
            }
        }
        orders
    }

    /// Whether compiling could make up for the time that it takes.
    fn is_worth_it(&self, orders: &[Order], costs: &Costs) -> bool {
        let (Some(expected), Tier::Auto) = (self.expected_seconds, self.options.tier) else { return true };
        let longest = orders.iter().filter_map(|order| costs.seconds(order.recipe.source.len())).fold(0.0, f64::max);
        expected >= WORTH_COMPILING * longest
    }

    /// Gives code that does not optimise to those who gain by it until theirs is ready.
    fn build_quickly(&self, tasks: &[Task], memos: Option<&Path>) {
        if tasks.is_empty() {
            return;
        }
        let Ok(toolchain) = discover_for(Language::C, &self.options.env, Some(Path::new("tcc")), memos) else { return };
        for task in tasks {
            let found = task.found.clone().and_then(Result::ok);
            let Some(loaded) = found.or_else(|| self.compile_quickly(task, &toolchain)) else { return };
            self.post(task.numbers.clone(), News::Preliminary(Ready { loaded, origin: Origin::Built }));
        }
    }

    /// What fails here fails for all, and is no news: the code that counts is on its way.
    fn compile_quickly(&self, task: &Task, toolchain: &Toolchain) -> Option<super::loaded::Loaded> {
        let features = self.options.cpu.features();
        let recipe = Recipe::new(&task.source, ABI_VERSION, toolchain, &features, OptLevel::O0);
        let compiled = compile(&recipe, toolchain, &self.compile_options()).ok()?;
        let artifact = Store::none().insert(&recipe, &toolchain.version, &compiled.library, compiled.seconds);
        self.load(&task.kernel, &artifact).ok()
    }

    fn compile_options(&self) -> CompileOptions {
        let limit = self.options.env.get(TIME_LIMIT).and_then(|text| text.to_str()?.parse::<f64>().ok());
        let limit =
            limit.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|limit| !limit.is_zero());
        let default = CompileOptions::default();
        CompileOptions { time_limit: limit.unwrap_or(default.time_limit), ..default }
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
    toolchain: &'a Toolchain,
    costs: Mutex<Costs>,
}

impl Builder<'_> {
    /// First what no other process is at, then the rest, unless it is in the store by then.
    fn build_in_turn(&self, orders: Vec<Order>) {
        let started = Instant::now();
        let mut wait = Duration::ZERO;
        let mut left = orders;
        while !left.is_empty() {
            let (mut own, mut guards, mut others) = (Vec::new(), Vec::new(), Vec::new());
            for order in left {
                match self.claim(&order, wait.saturating_sub(started.elapsed())) {
                    Claimed::Ready(news) => self.maker.post(order.task.numbers, news),
                    Claimed::Mine(guard) => {
                        guards.push(guard);
                        own.push(order);
                    }
                    Claimed::Anyway if wait.is_zero() => others.push(order),
                    Claimed::Anyway => own.push(order),
                }
            }
            self.build_now(own);
            drop(guards);
            (left, wait) = (others, PATIENCE);
        }
    }

    /// Whether this process is to compile a kernel.
    fn claim(&self, order: &Order, wait: Duration) -> Claimed {
        let Order { task, recipe } = order;
        let key = recipe.key();
        match self.maker.store.claim(&task.id, &key, wait) {
            Claim::Ready(artifact) => Claimed::Ready(ready(self.maker.load(&task.kernel, &artifact), Origin::Hit)),
            // Another process may have published it, together with others, before this one could lock.
            claim => match self.maker.store.get_as(&task.id, recipe, Machine::this()) {
                Some(artifact) => Claimed::Ready(ready(self.maker.load(&task.kernel, &artifact), Origin::Hit)),
                None => match claim {
                    Claim::Mine(guard) => Claimed::Mine(guard),
                    _ => Claimed::Anyway,
                },
            },
        }
    }

    fn build_now(&self, orders: Vec<Order>) {
        let failed = self.build_units(&orders, units(&orders, self.maker.options.strict));
        // One of several may be to blame, and the others are to have their code.
        let alone = failed.into_iter().map(|k| vec![k]).collect();
        self.build_units(&orders, alone);
    }

    /// Compiles orders in these groups. What fails is reported if it was alone; the others are returned.
    fn build_units(&self, orders: &[Order], groups: Vec<Vec<usize>>) -> Vec<usize> {
        let units: Vec<(Unit, Vec<usize>)> = groups.into_iter().flat_map(|members| unit(orders, members)).collect();
        let failed = Mutex::new(Vec::new());
        let finished = |k: usize, result: Result<Compiled, CompileError>| {
            let (unit, members) = &units[k];
            match result {
                Ok(compiled) => self.deliver(orders, unit, members, &compiled),
                Err(error) if members.len() == 1 => {
                    self.maker.post(orders[members[0]].task.numbers.clone(), News::Failed(explain(error)));
                }
                Err(_) => failed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(members),
            }
        };
        let plain: Vec<Unit> = units.iter().map(|(unit, _)| unit.clone()).collect();
        compile_each(&plain, self.toolchain, &self.maker.compile_options(), &finished);
        failed.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Keeps and posts the kernels of a library.
    fn deliver(&self, orders: &[Order], unit: &Unit, members: &[usize], compiled: &Compiled) {
        let size = unit.recipe.source.len();
        self.costs.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).note(size, compiled.seconds);
        let all: usize = members.iter().map(|k| orders[*k].recipe.source.len()).sum();
        for (k, entry) in members.iter().zip(&unit.entries) {
            let Order { task, recipe } = &orders[*k];
            let recipe = match members {
                [_] => recipe.clone(),
                _ => recipe.clone().in_unit(&unit.recipe, entry.clone()),
            };
            let seconds = compiled.seconds * recipe.source.len() as f64 / all as f64;
            let artifact = self.maker.store.insert(&recipe, &self.toolchain.version, &compiled.library, seconds);
            self.maker.post(task.numbers.clone(), ready(self.maker.load(&task.kernel, &artifact), Origin::Built));
        }
    }
}

/// Who makes a kernel.
enum Claimed {
    /// Nobody: it is there.
    Ready(News),
    /// This process, and no other one while this is held.
    Mine(crate::store::Guard),
    /// This process, and perhaps others.
    Anyway,
}

/// Which orders are compiled together: as many units as there are processors, of about the same weight.
fn units(orders: &[Order], strict: bool) -> Vec<Vec<usize>> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let alone = |order: &Order| strict || !may_share_unit(&order.task.kernel, order.recipe.language);
    let mut units: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut heaviest: Vec<usize> = (0..orders.len()).collect();
    heaviest.sort_by_key(|k| std::cmp::Reverse((alone(&orders[*k]), weight(&orders[*k]))));
    // What goes alone comes first, and is not added to.
    let lonely = heaviest.iter().take_while(|k| alone(&orders[**k])).count();
    for (place, k) in heaviest.into_iter().enumerate() {
        let lightest = (lonely.min(units.len())..units.len()).min_by_key(|unit| units[*unit].0);
        let shared = units.len() - lonely.min(units.len());
        match lightest {
            // Lonely ones keep processors busy as well, but not for ever.
            Some(unit) if place >= lonely && shared >= processors.saturating_sub(lonely).max(1) => {
                units[unit].0 += weight(&orders[k]);
                units[unit].1.push(k);
            }
            _ => units.push((weight(&orders[k]), vec![k])),
        }
    }
    units.into_iter().map(|(_, members)| members).collect()
}

/// Roughly how long a kernel keeps a compiler busy, in bytes of text that would keep it as long. Loops that become
/// vectors and the collection of what is selected take more than their text tells.
fn weight(order: &Order) -> usize {
    let of_shape = match order.task.kernel.shape {
        LoopShape::Select(_) | LoopShape::Pairs(_) => 3000,
        LoopShape::Each => 1500,
        LoopShape::Indexed => 0,
    };
    order.recipe.source.len() + of_shape
}

/// What the compiler is to make of these orders; more than one unit if they cannot be in one text.
fn unit(orders: &[Order], members: Vec<usize>) -> Vec<(Unit, Vec<usize>)> {
    let alone = |k: usize| (Unit::alone(orders[k].recipe.clone()), vec![k]);
    let kernels: Vec<&Kernel> = members.iter().map(|k| &*orders[*k].task.kernel).collect();
    let (Some(first), true) = (members.first(), members.len() > 1) else {
        return members.into_iter().map(alone).collect();
    };
    let recipe = &orders[*first].recipe;
    match render_unit(&kernels, recipe.language) {
        Some(source) => {
            let entries = (0..members.len()).map(entry_in_unit).collect();
            vec![(Unit { recipe: Recipe { source: source.text, ..recipe.clone() }, entries }, members)]
        }
        None => members.into_iter().map(alone).collect(),
    }
}

/// Whether it calls functions of the maths library, which the interpreter computes in vectors.
fn calls_functions(kernel: &Kernel) -> bool {
    let mut calls = false;
    kernel.walk_vector(&mut |expr| calls |= matches!(expr, Expr::Call(..)));
    calls
}

fn explain(error: CompileError) -> String {
    match error {
        // Nobody edited the kernel, so it is ours.
        CompileError::Rejected { .. } | CompileError::NoKernel { .. } => {
            format!("internal error: a kernel does not compile; please report it with the model: {error}")
        }
        error => format!("{error}; the kernel stays on the interpreter, with the same results, slower"),
    }
}

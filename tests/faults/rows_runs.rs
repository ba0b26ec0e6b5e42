//! What can happen to a store, to kernels and to processes while whole networks run.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::process::Pid;
use saltus::build::toolchain::discover;
use saltus::build::{CompileOptions, Recipe, compile};
use saltus::engine::{CodeObject, Options, Origin, Threads, Tier};
use saltus::kernel::lower::Lowered;
use saltus::kernel::text::parse_kernel;
use saltus::load::Mailbox;
use saltus::load::library::{CompiledKernel, load};
use saltus::render::{Language, Source};
use saltus::runtime::abi::ABI_VERSION;
use saltus::store::{Store, StoreOptions};
use tempfile::TempDir;

use crate::matrix::{Cases, Row, process};
use crate::rows_store::REPLACEMENTS;
use crate::runs::{
    KERNELS, Outcome, PATIENCE, TIERS, broken_compiler, compiler, copy_of_warm_store, directory, ending, entries, env,
    expected, fork, installed, network, options, results, run, run_part, warm_store, word,
};

/// The rows.
pub const ROWS: &[Row] = &[
    Row { name: "runs: damaged entries", short: 200, long: 2_000, run: damaged },
    Row { name: "runs: entries for other processors", short: 1, long: 1, run: other_processors },
    Row { name: "runs: swaps under load, in one object", short: 10_000, long: 100_000, run: swaps_of_an_object },
    Row { name: "runs: swaps under load, in networks", short: 1_500, long: 30_000, run: swaps_of_networks },
    Row { name: "runs: kernels that trap or miscompute, on trial", short: 1, long: 1, run: bad_kernels },
    Row { name: "runs: kernels that hang, on trial", short: 1, long: 3, run: hanging_kernels },
    Row { name: "runs: forks while kernels are made and loaded", short: 60, long: 1_000, run: forks },
    Row { name: "runs: forks while a compiler is at work", short: 2, long: 20, run: forks_at_work },
];

/// Numbers that are the same in each run and look like chance (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// What is done to the entries of a store; the last argument is a path that is free.
type Damage = fn(&[PathBuf], &mut Chance, &Path) -> bool;

/// Ways to damage entries, and whether a run has to say so.
const DAMAGES: [(&str, Damage, bool); 9] = [
    ("a byte", |files, chance, _| change(&files[chance.below(KERNELS)], chance, flip), true),
    ("a length", |files, chance, _| change(&files[chance.below(KERNELS)], chance, cut), true),
    ("a byte of each", |files, chance, _| files.iter().all(|file| change(file, chance, flip)), true),
    ("zeros at the end", |files, chance, _| change(&files[chance.below(KERNELS)], chance, zero), true),
    (
        "swapped",
        |files, _, aside| {
            fs::rename(&files[0], aside).and_then(|()| fs::rename(&files[1], &files[0])).is_ok()
                && fs::rename(aside, &files[1]).is_ok()
        },
        true,
    ),
    ("emptied", |files, chance, _| File::create(&files[chance.below(KERNELS)]).is_ok(), true),
    ("deleted", |files, chance, _| fs::remove_file(&files[chance.below(KERNELS)]).is_ok(), false),
    (
        "without folder",
        |files, chance, _| fs::remove_dir_all(files[chance.below(KERNELS)].parent().expect("a folder")).is_ok(),
        false,
    ),
    (
        "replaced",
        |files, chance, aside| {
            let file = &files[chance.below(KERNELS)];
            // Everything but a file, which is damage of another kind.
            let (_, replace) = REPLACEMENTS[1 + chance.below(REPLACEMENTS.len() - 1)];
            fs::rename(file, aside).is_ok() && (replace(file, aside) || fs::rename(aside, file).is_err())
        },
        true,
    ),
];

fn change(file: &Path, chance: &mut Chance, how: fn(&[u8], usize) -> Vec<u8>) -> bool {
    let bytes = fs::read(file).expect("an entry");
    let at = chance.below(bytes.len());
    fs::write(file, how(&bytes, at)).is_ok()
}

fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    [&bytes[..at], &[bytes[at] ^ 1 << (at % 8)], &bytes[at + 1..]].concat()
}

fn cut(bytes: &[u8], at: usize) -> Vec<u8> {
    bytes[..at].to_vec()
}

/// An entry ends with a digest, which is not all zeros.
fn zero(bytes: &[u8], at: usize) -> Vec<u8> {
    [&bytes[..at], &vec![0; bytes.len() - at]].concat()
}

fn damaged(samples: usize, cases: &mut Cases) {
    let (compiler, mut chance) = (compiler(), Chance(1));
    for sample in 0..samples {
        let (what, damage, is_told) = DAMAGES[sample % DAMAGES.len()];
        let (store, elsewhere) = (copy_of_warm_store(), directory());
        if !damage(&entries(store.path()), &mut chance, &elsewhere.path().join("aside")) {
            continue;
        }
        let tier = TIERS[sample / DAMAGES.len() % 2];
        let outcome = run(options(tier, store.path(), &compiler));
        let is_made = outcome.origins.contains(&Origin::Built) && !outcome.origins.contains(&Origin::Interpreter);
        let good = outcome.is_right && is_made && outcome.warnings.is_empty() != is_told;
        cases.check(good, || format!("{what}, sample {sample}, {tier:?}: {outcome:?}"));
        let next = run(options(tier, store.path(), &compiler));
        cases.check(next.is_sound(Origin::Hit), || format!("{what}, sample {sample}, not healed: {next:?}"));
    }
}

/// A library with all kernels that a store may ask for, each of which does this.
fn library_that(body: &str) -> Vec<u8> {
    let gcc = installed(&["gcc", "clang", "cc"]);
    let toolchain = discover(&env(&gcc), None, None).expect("a compiler");
    let text = format!(
        "{}void saltus_kernel(void *const *arrays, saltus_call *call) {{ {body} }}",
        include_str!("../../templates/abi.h")
    );
    let source = Source { language: Language::C, text };
    let recipe = Recipe::new(&source, ABI_VERSION, &toolchain, &toolchain.default_features(), Default::default());
    compile(&recipe, &toolchain, &CompileOptions::default()).expect("a library").library
}

/// A store with these bytes in the place of the libraries of some kernels, under recipes that were changed.
pub fn store_with(library: &[u8], how_many: usize, change: impl Fn(Recipe) -> Recipe) -> TempDir {
    let kernels = Store::open(warm_store(), StoreOptions::default()).list();
    assert_eq!(kernels.len(), KERNELS);
    let directory = directory();
    let store = Store::open(directory.path(), StoreOptions::default());
    for (number, kernel) in kernels.into_iter().enumerate() {
        let record = &kernel.record;
        if number < how_many {
            // Alone in its library.
            let recipe = change(Recipe { unit: None, ..record.recipe.clone() });
            store.insert(&recipe, &record.compiler, library, 0.1);
        } else {
            store.insert(&record.recipe, &record.compiler, kernel.library(), 0.1);
        }
    }
    directory
}

fn other_processors(_: usize, cases: &mut Cases) {
    let trap = library_that("*(volatile int *)0 = 1; (void)arrays; (void)call;");
    for tier in TIERS {
        let tomorrow = |recipe: Recipe| {
            let features = recipe.features.iter().chain(["feature-of-tomorrow"]).collect();
            Recipe { features, ..recipe }
        };
        let store = store_with(&trap, KERNELS, tomorrow);
        let foreign = entries(store.path());
        for origin in [Origin::Built, Origin::Hit] {
            let outcome = run(options(tier, store.path(), &compiler()));
            cases.check(outcome.is_sound(origin), || format!("{tier:?}: {outcome:?}"));
            let kept = entries(store.path());
            let beside = kept.len() == 2 * KERNELS && foreign.iter().all(|file| kept.contains(file));
            cases.check(beside, || format!("{tier:?}: {kept:?} of {foreign:?}"));
        }
    }
}

/// Memory of this process that is not on a disk, in bytes.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("a Linux system");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the line");
    1024 * line.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number")
}

/// How much of it may be added by what was swapped and is gone.
const MORE: usize = 16 << 20;

const MARK: u64 = 0x5a17_0517_cafe_0001;

/// The bytes of a kernel that writes a number into all elements, and where that is.
struct Numbered(Vec<u8>, usize);

impl Numbered {
    fn new() -> Numbered {
        let bytes = library_that(&format!(
            "static const volatile u64 mark = {MARK}ULL; u64 *v = (u64 *)arrays[0];
            for (i64 k = call->begin; k < call->end; k++) v[k] = mark;"
        ));
        let places: Vec<usize> = (0..bytes.len() - 8).filter(|at| bytes[*at..at + 8] == MARK.to_le_bytes()).collect();
        assert_eq!(places.len(), 1);
        Numbered(bytes, places[0])
    }

    fn load(&self, number: u64) -> Arc<CompiledKernel> {
        let mut bytes = self.0.clone();
        bytes[self.1..self.1 + 8].copy_from_slice(&number.to_le_bytes());
        Arc::new(load("numbered", &bytes).expect("a kernel"))
    }
}

fn swaps_of_an_object(swaps: usize, cases: &mut Cases) {
    const TEXT: &str =
        "kernel each {\n  param v: f64[] written\n  scalar {\n  }\n  vector {\n    store v[e] = v[e] + 1.0\n  }\n}\n";
    let kernel = parse_kernel(TEXT).expect("a kernel");
    let numbered = Numbered::new();
    let mut v = vec![0_u64; 10_000];
    let (elements, place) = (v.len(), v.as_mut_ptr());
    let lowered = Lowered { kernel, sites: Vec::new(), calls: Vec::new() };
    // SAFETY: the only array lives as long as the object, and is looked at between its runs only.
    let mut object = unsafe { CodeObject::bind("swapped", "test", lowered, vec![place.cast()]) };
    let threads = Arc::new(Threads::new(NonZeroUsize::new(2).expect("two")).expect("threads"));
    object.divide(&threads, 64);
    let mailbox = Mailbox::new();
    let (sender, is_over) = (mailbox.clone(), AtomicBool::new(false));
    let (mut step, mut current, mut warm) = (0, 0, None);
    std::thread::scope(|scope| {
        let (numbered, is_over) = (&numbered, &is_over);
        scope.spawn(move || {
            let kernels = (1..=swaps as u64).take_while(|_| !is_over.load(Ordering::Relaxed));
            kernels.for_each(|number| sender.post((number, numbered.load(number))));
        });
        let started = Instant::now();
        while current < swaps as u64 && started.elapsed() < PATIENCE {
            for (number, code) in mailbox.take() {
                object.swap(code, number.to_string(), step);
                cases.check(number == current + 1, || format!("{number} came after {current}"));
                current = number;
                object.run(elements);
                step += 1;
                // SAFETY: nobody runs the object now.
                let now = unsafe { std::slice::from_raw_parts(place, elements) };
                let torn = now.iter().filter(|value| **value != number).count();
                cases.check(torn == 0, || format!("{torn} of {elements} elements of step {step} are not {number}"));
            }
            object.run(elements);
            step += 1;
            if warm.is_none() && current >= swaps as u64 / 5 {
                warm = Some(resident());
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let grown = resident().saturating_sub(warm.unwrap_or_default());
    cases.check(current == swaps as u64, || format!("only {current} swaps"));
    cases.check(grown < MORE, || format!("{grown} bytes more than after a fifth of the swaps"));
}

fn swaps_of_networks(swaps: usize, cases: &mut Cases) {
    let (compiler, store) = (compiler(), warm_store());
    let (mut done, mut warm) = (0, None);
    while done < swaps {
        let mut network = network(options(Tier::Compiled, store, &compiler));
        run_part(&mut network);
        run_part(&mut network);
        let outcome = Outcome::of(&mut network);
        cases.check(outcome.is_sound(Origin::Hit), || format!("{outcome:?}"));
        done += network.kernel_reports().map(|report| report.swaps.len()).sum::<usize>().max(1);
        if warm.is_none() && done >= swaps / 5 {
            warm = Some(resident());
        }
    }
    let grown = resident().saturating_sub(warm.unwrap_or_default());
    cases.check(grown < MORE, || format!("{grown} bytes more than after a fifth of the swaps"));
}

/// What kernels do that must never run in this process, and what is said of them.
const BAD: [(&str, &str, &str); 7] = [
    ("traps", "*(volatile int *)0 = 1;", "was ended by signal 11"),
    ("is no code", "__builtin_trap();", "was ended by signal"),
    (
        "recurses for ever",
        "volatile char frame[1 << 26]; frame[0] = 1; frame[(1 << 26) - 1] = frame[0];",
        "was ended by signal 11",
    ),
    ("does nothing and selects all", "call->selected_count = call->end;", "than the interpreter"),
    ("sets flags", "call->flags |= 1ull << 40;", "than the interpreter"),
    ("selects less than nothing", "call->selected_count = -1;", "than the interpreter"),
    ("ends the process", EXITS, "did not come to its end"),
];

/// `exit_group(0)`.
const EXITS: &str = if cfg!(target_arch = "x86_64") {
    "__asm__ volatile(\"syscall\" :: \"a\"(231), \"D\"(0) : \"rcx\", \"r11\", \"memory\");"
} else {
    "register long x8 __asm__(\"x8\") = 94, x0 __asm__(\"x0\") = 0; __asm__ volatile(\"svc 0\" :: \"r\"(x8), \"r\"(x0));"
};

fn checked(tier: Tier, threads: usize, store: &Path) -> Options {
    let threads = NonZeroUsize::new(threads).expect("at least one");
    Options { check_swap: true, threads, least_elements: Some(64), ..options(tier, store, &compiler()) }
}

/// Runs until all kernels of a store have been on trial, beside the interpreter alone: whether the bits are the same and
/// each kernel was found wrong with these words, and what was said.
fn trial(options: Options, words: &str, wrong: usize) -> Result<(), String> {
    let (mut network, mut alone) = (network(options), network(Options::interpreted()));
    let started = Instant::now();
    loop {
        run_part(&mut network);
        run_part(&mut alone);
        if results(&network) != results(&alone) {
            return Err("other bits".to_string());
        }
        let tried = network.engine_warnings().len()
            + network.kernel_reports().filter(|report| !report.swaps.is_empty()).count();
        if tried == KERNELS {
            break;
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("{tried} of {KERNELS} kernels tried: {:?}", network.engine_warnings()));
        }
    }
    let told = network.engine_warnings().iter().filter(|warning| warning.contains(words)).count();
    match told == wrong && network.engine_warnings().len() == wrong {
        true => Ok(()),
        false => Err(format!("{:?}", network.engine_warnings())),
    }
}

fn bad_kernels(_: usize, cases: &mut Cases) {
    for (what, body, words) in BAD {
        let library = library_that(&format!("(void)arrays; (void)call; {body}"));
        for tier in TIERS {
            for threads in [1, 2] {
                let store = store_with(&library, KERNELS, |recipe| recipe);
                let found = trial(checked(tier, threads, store.path()), words, KERNELS);
                cases.check(found.is_ok(), || format!("{what}, {tier:?}, {threads} threads: {found:?}"));
            }
        }
    }
}

/// Each of these waits for as long as a kernel on trial may take: they wait at the same time.
fn hanging_kernels(how_many: usize, cases: &mut Cases) {
    let library = library_that("(void)arrays; (void)call; for (;;) __asm__ volatile(\"\" ::: \"memory\");");
    let stores: Vec<TempDir> = (1..=how_many).map(|hanging| store_with(&library, hanging, |recipe| recipe)).collect();
    let mut children = Vec::new();
    for (hanging, store) in (1..).zip(&stores) {
        for tier in if how_many > 1 { &TIERS[..] } else { &TIERS[1..] } {
            let job = ["hanging", &hanging.to_string(), &format!("{tier:?}"), word(store.path())];
            children.push((hanging, tier, process(&job).spawn().expect("a process")));
        }
    }
    for (hanging, tier, child) in children {
        let found = ending(Pid::from_child(&child));
        cases.check(found == Ok(0), || format!("{hanging} kernels hang, {tier:?}: {found:?}"));
    }
}

fn forks(rounds: usize, cases: &mut Cases) {
    let (compiler, mut chance) = (compiler(), Chance(7));
    expected();
    for round in 0..rounds {
        // Kernels are compiled in some rounds, and loaded in most.
        let store = if round % 4 == 0 { directory() } else { copy_of_warm_store() };
        let threads = NonZeroUsize::new(1 + round % 2).expect("at least one");
        let options = Options { threads, least_elements: Some(64), ..options(Tier::Auto, store.path(), &compiler) };
        let mut own = network(options.clone());
        // At any place of what the other threads do.
        (0..chance.below(20_000)).for_each(|_| std::hint::spin_loop());
        let go_on = |network: &mut saltus::network::Network| {
            run_part(network);
            run_part(network);
            Outcome::of(network)
        };
        // Code arrives in every process, whatever it had of the threads of another one.
        let is_sound = |outcome: &Outcome| {
            outcome.is_right && outcome.warnings.is_empty() && !outcome.origins.contains(&Origin::Interpreter)
        };
        let mut children = Vec::new();
        for number in 0..4 {
            children.push(match number % 2 {
                0 => fork(|| is_sound(&go_on(&mut own))),
                _ => fork(|| is_sound(&run(options.clone()))),
            });
        }
        let outcome = go_on(&mut own);
        cases.check(is_sound(&outcome), || format!("parent of round {round}: {outcome:?}"));
        for (number, child) in children.into_iter().enumerate() {
            let found = ending(child);
            cases.check(found == Ok(0), || format!("child {number} of round {round}: {found:?}"));
        }
        let next = run(options);
        cases.check(next.is_sound(Origin::Hit), || format!("after round {round}: {next:?}"));
    }
}

fn forks_at_work(rounds: usize, cases: &mut Cases) {
    let body = "echo > {at}/begun; while [ ! -e {at}/go ]; do sleep 0.01; done; exec {sound} \"$@\"";
    // Code arrives in every process: made there, or by the one that was at it first.
    let is_sound = |outcome: &Outcome| {
        outcome.is_right && outcome.warnings.is_empty() && !outcome.origins.contains(&Origin::Interpreter)
    };
    for round in 0..rounds {
        let (at, store) = (directory(), directory());
        let slow = broken_compiler(at.path(), "cc", body);
        let threads = NonZeroUsize::new(1 + round % 2).expect("at least one");
        let options = Options { threads, least_elements: Some(64), ..options(Tier::Auto, store.path(), &slow) };
        let mut own = network(options.clone());
        run_part(&mut own);
        let started = Instant::now();
        while !at.path().join("begun").exists() && started.elapsed() < PATIENCE {
            std::thread::yield_now();
        }
        let mut go_on = || {
            run_part(&mut own);
            Outcome::of(&mut own)
        };
        let children = [fork(|| is_sound(&go_on())), fork(|| is_sound(&run(options.clone())))];
        let is_begun = at.path().join("begun").exists();
        fs::write(at.path().join("go"), "").expect("written");
        let outcome = go_on();
        cases.check(is_begun && is_sound(&outcome), || format!("parent of round {round}: {outcome:?}"));
        for (child, what) in children.into_iter().zip(["goes on", "begins anew"]) {
            let found = ending(child);
            cases.check(found == Ok(0), || format!("the child of round {round} that {what}: {found:?}"));
        }
        let next = run(options);
        cases.check(next.is_sound(Origin::Hit), || format!("after round {round}: {next:?}"));
    }
}

/// What a process that a row has started does; None: it was another row.
pub fn child(job: &[String]) -> Option<ExitCode> {
    let words: Vec<&str> = job.iter().map(String::as_str).collect();
    let ["hanging", hanging, tier, store] = words[..] else { return None };
    let tier = if tier == "Auto" { Tier::Auto } else { Tier::Compiled };
    let hanging = hanging.parse().expect("a number");
    let found = trial(checked(tier, 1, Path::new(store)), "was stopped after 10 s", hanging);
    Some(ExitCode::from(if found.is_ok() { 0 } else { 2 }))
}

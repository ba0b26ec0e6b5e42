//! Compilers that do not answer what they are asked, that are not what they say, and quick ones that are not quick: the
//! interpreter goes on or the code of whoever compiles is used, nobody waits for ever, and optimised code stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use saltus::build::Env;
use saltus::engine::{Options, Origin, Report, Tier};
use saltus::network::{Model, Network, NeuronGroup};
use tempfile::TempDir;

use crate::matrix::{Cases, Row};
use crate::rows_compilers::check;
use crate::runs::{
    KERNELS, Outcome, PATHS, PATIENCE, TIERS, directory, entries, env, has_ended, installed, options, run, run_part,
    script, word,
};

/// The rows.
pub const ROWS: &[Row] = &[
    Row { name: "compilers: not answering what they are asked", short: 1, long: 1, run: silent },
    Row { name: "compilers: answering without end", short: 1, long: 1, run: talking },
    Row { name: "compilers: not what they say", short: 1, long: 1, run: lying },
    Row { name: "quick compilers: hanging, failing, writing nonsense", short: 1, long: 1, run: quick_and_bad },
    Row { name: "quick compilers: sooner and later than the other one", short: 1, long: 1, run: quick_and_late },
];

/// A compiler that has families of questions: gcc, or what is in its place.
fn gcc() -> PathBuf {
    installed(&["gcc", "clang", "cc"])
}

/// What a compiler is asked: what for, the pattern of the shell that its arguments match, and whether it is only asked if
/// its preprocessor takes it for clang.
pub const QUESTIONS: [(&str, &str, bool); 4] = [
    ("what it would do", "*-###*", false),
    ("an option that no compiler has", "*-'?'*", false),
    ("for an expanded text", "*-E\\ *", false),
    ("for its version", "*--version*", true),
];

/// A compiler with a name that does this when it is asked that.
pub fn asked(directory: &Path, name: &str, pattern: &str, is_clang: bool, act: &str) -> PathBuf {
    let act = act.replace("{at}", word(directory));
    let gcc = gcc();
    let expand =
        if is_clang { format!("*-E\\ *) {} \"$@\"; echo '\"clang\"';;\n", gcc.display()) } else { String::new() };
    let text = format!("case \"$*\" in\n{pattern}) {act};;\n{expand}*) exec {} \"$@\";;\nesac", gcc.display());
    script(directory, name, &text)
}

fn silent(_: usize, cases: &mut Cases) {
    for (what, pattern, is_clang) in QUESTIONS {
        for (how, act) in [
            ("hears no signal", "trap '' HUP INT TERM; echo $$ >> {at}/pids; while :; do :; done"),
            ("waits for a child", "sleep 1000 & echo $! $$ >> {at}/pids; wait"),
        ] {
            let directory = directory();
            let (hangs, pids) = (asked(directory.path(), "cc", pattern, is_clang, act), directory.path().join("pids"));
            // A busy machine may need more time to get as far as hanging. No answer takes longer than ten seconds.
            for (limit, told) in [("0.5", "0.5"), ("3", "3"), ("60", "10")] {
                let variables = [("PATH", PATHS), ("CC", word(&hangs)), ("SALTUS_COMPILE_TIMEOUT", limit)];
                let told = format!("was stopped after {told} s");
                check(cases, &format!("asked {what}, {how}"), &Env::new(variables), &told);
                if pids.exists() {
                    break;
                }
            }
            let left = fs::read_to_string(&pids).unwrap_or_default();
            cases.check(!left.is_empty(), || format!("asked {what}: it never began to hang"));
            for process in left.split_whitespace() {
                cases.check(has_ended(process), || format!("asked {what}, {how}: {process} goes on"));
            }
        }
    }
}

fn talking(_: usize, cases: &mut Cases) {
    for (what, pattern, is_clang) in QUESTIONS {
        for (how, act) in [
            ("until it is killed", "exec yes"),
            ("and takes it for an answer", "(trap '' XFSZ; exec yes) 2> /dev/null; exit 0"),
            ("and to the other stream", "yes >&2; exit 1"),
        ] {
            let directory = directory();
            let talks = asked(directory.path(), "cc", pattern, is_clang, act);
            check(cases, &format!("asked {what}, {how}"), &env(&talks), "does not say which C compiler");
        }
    }
}

/// What becomes of kernels.
enum End {
    /// They are compiled, and kept.
    Built,
    /// They stay on the interpreter, and this is said.
    Stay(&'static str),
    /// One or the other, as it depends on what compilers make of flags that they do not know.
    Either,
}

/// Compilers that are not what they say: what is wrong, the text of the shell with `{gcc}` and `{clang}`, and what
/// becomes of kernels.
const LIES: [(&str, &str, End); 8] = [
    (
        "expands texts like clang",
        "case \"$*\" in *-E\\ *) {gcc} \"$@\"; echo '\"clang\"';; *) exec {gcc} \"$@\";; esac",
        End::Built,
    ),
    ("says gcc, is clang", "case \"$*\" in *-###*) exec {gcc} \"$@\";; *) exec {clang} \"$@\";; esac", End::Built),
    ("says clang, is gcc", "case \"$*\" in *-###*) exec {clang} \"$@\";; *) exec {gcc} \"$@\";; esac", End::Built),
    (
        "is gcc, compiles by clang",
        "case \"$*\" in *kernel.c*) exec {clang} \"$@\";; *) exec {gcc} \"$@\";; esac",
        End::Either,
    ),
    (
        "is clang, compiles by gcc",
        "case \"$*\" in *kernel.c*) exec {gcc} \"$@\";; *) exec {clang} \"$@\";; esac",
        End::Either,
    ),
    (
        "names programs that it does not run",
        "case \"$*\" in *-###*) {gcc} \"$@\" 2>&1 | grep -v '^ '; echo ' /bin/true';; *) exec {gcc} \"$@\";; esac",
        End::Built,
    ),
    (
        "names a program that is not there",
        "case \"$*\" in *-###*) {gcc} \"$@\" 2>&1 | grep -v '^ '; echo ' /no/cc1';; *) exec {gcc} \"$@\";; esac",
        End::Stay("needs `/no/cc1`"),
    ),
    (
        "names a directory",
        "case \"$*\" in *-###*) {gcc} \"$@\" 2>&1 | grep -v '^ '; echo ' /bin/';; *) exec {gcc} \"$@\";; esac",
        End::Stay("needs `/bin/`"),
    ),
];

fn lying(_: usize, cases: &mut Cases) {
    let gcc = gcc();
    let clang = Env::new([("PATH", PATHS)]).find_program(Path::new("clang"));
    for (what, text, end) in LIES {
        let text = match &clang {
            Some(clang) => text.replace("{clang}", word(clang)),
            None if text.contains("{clang}") => continue,
            None => text.to_string(),
        };
        for tier in TIERS {
            let (at, store) = (directory(), directory());
            let lies = script(at.path(), "cc", &text.replace("{gcc}", word(&gcc)));
            let outcome = run(options(tier, store.path(), &lies));
            let is_built = outcome.is_sound(Origin::Built);
            // Whatever arrives: for every kernel something does, and who has no code says why.
            let stays = |words| outcome.origins == [Origin::Interpreter; KERNELS] && outcome.is_told(words);
            let good = match end {
                End::Built => is_built,
                End::Stay(words) => stays(words) && entries(store.path()).is_empty(),
                End::Either => is_built || stays("a kernel does not compile"),
            };
            cases.check(good, || format!("{what}, {tier:?}: {outcome:?}"));
            if is_built {
                let next = run(options(tier, store.path(), &lies));
                cases.check(next.is_sound(Origin::Hit), || format!("{what}, {tier:?}, then: {next:?}"));
            }
        }
    }
}

/// So few cells that plain code is worth having.
fn few() -> Model {
    let cells = NeuronGroup::new("cells", 8, "dv/dt = (drive - v)/(10*ms) : 1\ndrive : 1");
    let cells = cells.threshold("v > 1").reset("v = 0").method("euler");
    Model::new().group(cells).init("cells", "drive", "1.5 + 0.01*i").spike_monitor("spikes", "cells")
}

/// A network of few cells, and the same on the interpreter alone.
struct Pair {
    network: Network,
    alone: Network,
}

impl Pair {
    fn new(options: Options) -> Pair {
        let network = |options| Network::new(&few(), options).expect("a model");
        Pair { network: network(options), alone: network(Options::interpreted()) }
    }

    /// Goes on until that is so; false if it does not become so in this time.
    fn run_until(&mut self, limit: Duration, is_so: impl Fn(&[Report]) -> bool) -> bool {
        let started = Instant::now();
        while started.elapsed() < limit {
            self.run_part();
            if is_so(&self.network.kernel_reports().collect::<Vec<_>>()) {
                return true;
            }
        }
        false
    }

    fn run_part(&mut self) {
        run_part(&mut self.network);
        run_part(&mut self.alone);
    }

    /// What came of it.
    fn end(mut self) -> (Outcome, Vec<Vec<bool>>) {
        self.run_part();
        let outcome = Outcome::of_both(&mut self.network, &self.alone);
        (outcome, self.network.kernel_reports().map(|report| preliminary(&report)).collect())
    }
}

/// Of the code that a kernel had, which was preliminary.
fn preliminary(report: &Report) -> Vec<bool> {
    report.swaps.iter().map(|swap| swap.is_preliminary()).collect()
}

fn is_final(report: &Report) -> bool {
    report.swaps.iter().any(|swap| !swap.is_preliminary())
}

/// A place with two compilers: a quick one, and one that compiles nothing before the file `final` is there.
struct Compilers {
    at: TempDir,
    store: TempDir,
}

/// How the quick one compiles.
const COMPILE: &str = "{gcc} -O0 -w -fPIC -ffp-contract=off -shared -nostdlib -o kernel.so kernel.c";

impl Compilers {
    /// The quick one does `act` when its arguments are like `pattern`, and before it compiles `first`.
    fn new(pattern: &str, act: &str, wait: &str) -> Compilers {
        let (at, store) = (directory(), directory());
        let gcc = gcc();
        let filled = |text: &str| text.replace("{gcc}", word(&gcc)).replace("{at}", word(at.path()));
        let version = format!("echo 'tcc version 0.9.27 ({} Linux)'", std::env::consts::ARCH);
        let (act, compile) = (filled(act), filled(COMPILE));
        let text = format!(
            "case \"$*\" in\n{pattern}) {act};;\n*kernel.c*) exec {compile};;\n-v) {version};;\n*) exit 1;;\nesac"
        );
        script(at.path(), "tcc", &text);
        let wait = filled(wait);
        let text = format!("case \"$*\" in\n*kernel.c*) {wait};;\nesac\nexec {} \"$@\"", gcc.display());
        script(at.path(), "cc", &text);
        Compilers { at, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at.path().join(name)
    }

    fn write(&self, name: &str) {
        fs::write(self.path(name), "").expect("written");
    }

    fn options(&self) -> Options {
        let path = format!("{}:{PATHS}", self.at.path().display());
        let cc = self.path("cc");
        let env = Env::new([("PATH", path.as_str()), ("CC", word(&cc))]);
        Options { env, ..options(Tier::Auto, self.store.path(), &cc) }
    }

    /// Waits until a file is there, but not longer than that.
    fn has(&self, name: &str, limit: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < limit {
            if self.path(name).exists() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }
}

/// What a compiler waits for before it compiles a kernel.
const FINAL: &str = "while [ ! -e {at}/final ]; do sleep 0.01; done";

const HANG: &str = "echo $$ > {at}/begun; exec sleep 1000";

/// What a quick compiler does instead of answering or compiling.
const NOT_QUICK: [(&str, &str, &str); 11] = [
    ("hangs when it is asked what it would do", "*-###*", HANG),
    ("hangs when it is asked for its version", "-v", HANG),
    ("hangs when it is asked for nonsense", "-'?'", HANG),
    ("hangs when it is asked for a text", "-E*", HANG),
    ("hangs when it compiles", "*kernel.c*", HANG),
    ("answers without end", "-E*", ": > {at}/begun; yes; exit 0"),
    ("prints without end", "*kernel.c*", ": > {at}/begun; exec yes"),
    ("fails", "*kernel.c*", ": > {at}/begun; exit 1"),
    ("makes nothing", "*kernel.c*", ": > {at}/begun"),
    ("makes nonsense", "*kernel.c*", "echo nonsense > kernel.so; : > {at}/begun"),
    (
        "makes a library that is no kernel",
        "*kernel.c*",
        "echo 'int x;' | {gcc} -shared -o kernel.so -xc -; : > {at}/begun",
    ),
];

fn quick_and_bad(_: usize, cases: &mut Cases) {
    for (what, pattern, act) in NOT_QUICK {
        let compilers = Compilers::new(pattern, act, FINAL);
        let mut pair = Pair::new(compilers.options());
        pair.run_part();
        let begun = compilers.has("begun", PATIENCE);
        pair.run_part();
        compilers.write("final");
        let started = Instant::now();
        let (outcome, swaps) = pair.end();
        // It does not hang; how long it takes is the machine's.
        let ended = started.elapsed() < PATIENCE;
        let good = begun && ended && outcome.is_sound(Origin::Built) && !swaps.concat().contains(&true);
        cases.check(good, || format!("a quick compiler {what}: begun {begun}, {swaps:?}, {outcome:?}"));
        if let Ok(process) = fs::read_to_string(compilers.path("begun")) {
            cases.check(process.is_empty() || has_ended(process.trim()), || format!("{what}: it goes on"));
        }
    }
}

fn quick_and_late(_: usize, cases: &mut Cases) {
    /// What has not happened by then does not happen: the quick compiler was given up as too slow.
    const LATE: Duration = Duration::from_secs(8);
    let mut notes = Vec::new();
    // In time: each kernel has plain code, and then better.
    let mut in_time = false;
    for _ in 0..10 {
        let compilers = Compilers::new("no-such-question", "", FINAL);
        let mut pair = Pair::new(compilers.options());
        in_time = pair.run_until(LATE, |reports| reports.iter().all(|report| preliminary(report) == [true]));
        compilers.write("final");
        let replaced = pair.run_until(PATIENCE, |reports| reports.iter().all(is_final));
        let (outcome, swaps) = pair.end();
        let in_order = swaps.iter().all(|swaps| swaps.is_sorted_by(|one, next| one >= next));
        let good = replaced && in_order && outcome.is_sound(Origin::Built);
        let good = good && (!in_time || swaps == [[true, false]; KERNELS]);
        cases.check(good, || format!("in time: {in_time}, {swaps:?}, {outcome:?}"));
        if in_time {
            break;
        }
    }
    if !in_time {
        notes.push("never in time".to_string());
    }

    if std::thread::available_parallelism().is_ok_and(|processors| processors.get() < 2) {
        notes.push("one processor: all final code comes at once".to_string());
        return cases.note(notes.join(", "));
    }
    // Too late for one kernel while others still wait for their code: this is the kernel with the first id, whose final
    // code is in one of two texts.
    const FIRST: &str = "if [ -e {at}/first ]; then : > {at}/second; else : > {at}/first; \
                         while [ ! -e {at}/go ]; do sleep 0.01; done; fi; exec ";
    let act = format!("{FIRST}{COMPILE}");
    let mut late = 0;
    for held in ["if grep -q 'hits.byte' kernel.c; then ", "if ! grep -q 'hits.byte' kernel.c; then "] {
        // Whoever is not quick is given up, and then the kernel has no code too many.
        for _ in 0..10 {
            let compilers = Compilers::new("*kernel.c*", &act, &format!("{held}{FINAL}; fi"));
            let mut pair = Pair::new(compilers.options());
            let came = pair.run_until(PATIENCE, |reports| reports.iter().any(is_final));
            compilers.write("go");
            // Who compiles the second kernel has delivered the first.
            let is_late = compilers.has("second", LATE);
            pair.run_part();
            compilers.write("final");
            let (outcome, swaps) = pair.end();
            let in_order = swaps.iter().all(|swaps| swaps.is_sorted_by(|one, next| one >= next));
            let good = came && in_order && outcome.is_sound(Origin::Built);
            cases.check(good, || format!("late, {held}: {swaps:?}, {outcome:?}"));
            late += usize::from(is_late);
            if is_late {
                break;
            }
        }
    }
    if late < 2 {
        notes.push(format!("{late} of 2 came late"));
    }
    // A machine that is too busy for a quick compiler has not all cases.
    if !notes.is_empty() {
        cases.note(notes.join(", "));
    }
}

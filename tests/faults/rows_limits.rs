//! The program with few descriptors or few threads, and ended by signals while compilers are at work.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::matrix::{Cases, Row};
use crate::rows_answers::{QUESTIONS, asked};
use crate::rows_crowd::{finished, kernels, results, saltus};
use crate::runs::{PATHS, PATIENCE, broken_compiler, directory, ending, has_ended, installed, open_copy, word};

/// The rows.
pub const ROWS: &[Row] = &[
    Row { name: "programs: few descriptors", short: 1, long: 1, run: descriptors },
    Row { name: "programs: few threads and processes", short: 1, long: 1, run: threads },
    Row { name: "programs: signals while compilers are at work", short: 1, long: 1, run: signals },
];

/// A model of many groups, each with kernels of its own.
fn model(at: &Path, groups: usize) -> PathBuf {
    let mut text = "format = 1\n[settings]\nduration = \"20*ms\"\n".to_string();
    for k in 0..groups {
        let _ = write!(
            text,
            "[groups.cells{k}]\nN = 3\nequations = \"dv/dt = (1.5{k} - v)/(10*ms) : 1\"\nthreshold = \"v > 1.0{k}\"\n\
             reset = \"v = 0\"\nmethod = \"euler\"\n[monitors.spikes{k}]\nkind = \"spikes\"\nsource = \"cells{k}\"\n"
        );
    }
    let path = at.join("model.toml");
    fs::write(&path, text).expect("written");
    path
}

/// A run of a model in a place with a store, which says in a file of that place what it found.
fn run(at: &Path, model: &Path, tier: &str) -> Command {
    let (store, json) = (at.join("store"), at.join("json"));
    let words = ["run", word(model), "--quiet", "--tier", tier, "--cache-dir", word(&store), "--json", word(&json)];
    let mut command = saltus(&words);
    // Compilers of which the parts cannot be started try again for some seconds.
    command.env("SALTUS_COMPILE_TIMEOUT", "3");
    command
}

/// The same after a text of the shell, for which `$1` is `number`.
fn after(text: &str, number: usize, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{text}; shift; exec \"$@\""), "sh", &number.to_string()]);
    shell.arg(command.get_program()).args(command.get_args()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdout(Stdio::null()).stderr(Stdio::piped());
    shell
}

/// Whether all kernels came from there, and nothing was said.
fn is_sound(found: &Value, origin: &str) -> bool {
    kernels(found).all(|kernel| kernel["origin"] == origin) && found["said"] == ""
}

/// So many locks may be held at once.
const MOST_CLAIMS: usize = 16;

fn descriptors(_: usize, cases: &mut Cases) {
    let at = directory();
    let (model, json) = (model(at.path(), 40), at.path().join("json"));
    let expected = finished(run(at.path(), &model, "interpreter"), &json).expect("a run");
    let store = at.path().join("store");
    let counts = "ls {at}/store/v1/locks | wc -l >> {at}/claims; exec {sound} \"$@\"";
    let counting = broken_compiler(at.path(), "cc", counts);
    for limit in [8, 10, 12, 16, 20, 24, 32, 64, 256] {
        for tier in ["auto", "compiled"] {
            let _ = fs::remove_dir_all(&store);
            let mut command = run(at.path(), &model, tier);
            command.env("CC", &counting);
            let found = finished(after("ulimit -n \"$1\"", limit, &command), &json);
            let is_right = found.as_ref().is_ok_and(|found| {
                // Who has a few more than a program has anyway has enough.
                let is_enough = limit >= 64 && tier == "compiled";
                results(found) == results(&expected) && (!is_enough || is_sound(found, "built"))
            });
            cases.check(is_right, || format!("{limit} descriptors, {tier}: {}", shown(&found)));
            for origin in ["", "hit"] {
                let next = finished(run(at.path(), &model, "compiled"), &json);
                let is_right = next.as_ref().is_ok_and(|next| {
                    results(next) == results(&expected) && (origin.is_empty() || is_sound(next, origin))
                });
                cases.check(is_right, || format!("after {limit} descriptors, {tier}: {}", shown(&next)));
            }
        }
    }
    let claims = fs::read_to_string(at.path().join("claims")).unwrap_or_default();
    let counts: Vec<usize> = claims.lines().filter_map(|line| line.trim().parse().ok()).collect();
    let most = counts.iter().max().copied().unwrap_or_default();
    // Who sweeps the store has one more.
    cases.check((1..=MOST_CLAIMS + 1).contains(&most), || format!("{most} claims at once"));
}

/// What is interesting of a run that is not as it should be.
fn shown(found: &Result<Value, String>) -> String {
    match found {
        Ok(value) => {
            let origins: Vec<&Value> = kernels(value).map(|kernel| &kernel["origin"]).collect();
            format!("{origins:?}: {}", value["said"])
        }
        Err(error) => error.clone(),
    }
}

fn threads(_: usize, cases: &mut Cases) {
    if !rustix::process::geteuid().is_root() {
        return cases.not_here("needs root, to become somebody who has no other processes");
    }
    // Nobody else has this number, not even another one of these tests.
    let user = 20_000 + std::process::id() % 30_000;
    let at = directory();
    let program = open_copy(Path::new(env!("CARGO_BIN_EXE_saltus")), at.path());
    let model = model(at.path(), 3);
    fs::set_permissions(&model, Permissions::from_mode(0o644)).expect("changed");
    let expected = finished(run(at.path(), &model, "interpreter"), &at.path().join("json")).expect("a run");
    for limit in [1, 2, 3, 4, 5, 6, 8, 16] {
        for tier in ["auto", "compiled"] {
            let own = at.path().join(format!("{limit} {tier}"));
            fs::create_dir(&own).expect("a directory");
            std::os::unix::fs::chown(&own, Some(user), Some(user)).expect("changed");
            let json = own.join("json");
            let command = run(&own, &model, tier);
            let mut as_user = Command::new(&program);
            as_user.args(command.get_args());
            as_user.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TMPDIR", &own);
            // Shells have two names for it.
            let text = "ulimit -p \"$1\" 2> /dev/null || ulimit -u \"$1\" || exit 77";
            let mut shell = after(text, limit, &as_user);
            shell.uid(user).gid(user);
            let found = finished(shell, &json);
            let is_right = found.as_ref().is_ok_and(|found| results(found) == results(&expected));
            cases.check(is_right, || format!("{limit} threads, {tier}: {}", shown(&found)));
        }
    }
}

/// A run without an end.
const LONG: &str = "format = 1\nsettings.duration = \"8640000*second\"\n[groups.cells]\nN = 10\nequations = \"dv/dt = (1.5 \
                    - v)/(10*ms) : 1\"\nthreshold = \"v > 1\"\nreset = \"v = 0\"\nmethod = \"euler\"\n[monitors.spikes]\n\
                    kind = \"spikes\"\nsource = \"cells\"\n";

/// What hangs: its name, as which program, and when it is called so.
fn hanging() -> Vec<(String, &'static str, &'static str, bool)> {
    let asked = QUESTIONS.map(|(what, pattern, is_clang)| (format!("asked {what}"), "cc", pattern, is_clang));
    let quick =
        QUESTIONS[..2].iter().map(|(what, pattern, _)| (format!("quick, asked {what}"), "tcc", *pattern, false));
    let compiling = [("cc", "compiling"), ("tcc", "quick, compiling")];
    let compiling = compiling.map(|(program, what)| (what.to_string(), program, "*kernel.c*", false));
    asked.into_iter().chain(quick).chain(compiling).collect()
}

/// Sends a signal as soon as something has begun: whether it had, how the process ended, and what it said.
fn end(child: Child, signal: Signal, has_begun: impl Fn() -> bool) -> (bool, Result<i32, String>, String) {
    let (process, started) = (Pid::from_child(&child), Instant::now());
    while !has_begun() && started.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    let begun = has_begun() && kill_process(process, signal).is_ok();
    let ended = ending(process);
    let mut said = String::new();
    let _ = std::io::Read::read_to_string(&mut child.stderr.expect("piped"), &mut said);
    (begun, ended, said)
}

fn signals(_: usize, cases: &mut Cases) {
    const HANG: &str = "sleep 1000 & echo $! $$ >> {at}/pids; wait";
    for (what, program, pattern, is_clang) in hanging() {
        // The tier that waits for code has no use for code that is soon replaced.
        let second = if program == "cc" { "compiled" } else { "auto" };
        for (tier, signal) in [("auto", Signal::TERM), (second, Signal::HUP), ("auto", Signal::INT)] {
            let at = directory();
            let hangs = asked(at.path(), program, pattern, is_clang, HANG);
            let sound = installed(&["gcc", "clang", "cc"]);
            let (model, temporary) = (at.path().join("model.toml"), at.path().join("temporary"));
            fs::write(&model, LONG).expect("written");
            fs::create_dir(&temporary).expect("a directory");
            let mut command = run(at.path(), &model, tier);
            command.env("TMPDIR", &temporary).env("CC", if program == "cc" { &hangs } else { &sound });
            command.env("PATH", format!("{}:{PATHS}", at.path().display())).env("SALTUS_COMPILE_TIMEOUT", "1000");
            let pids = || fs::read_to_string(at.path().join("pids")).unwrap_or_default();
            let (begun, ended, said) = end(command.spawn().expect("a process"), signal, || pids().ends_with('\n'));
            let interrupted = said.ends_with("interrupted: results are those up to the last whole step\n");
            // Whoever waited for an answer until its time was over says so.
            let good = begun && ended == Ok(130) && interrupted && !said.contains("was stopped after");
            let case = || format!("{what}, {tier}, {signal:?}");
            cases.check(good, || format!("{}: begun {begun}, {ended:?}, {said}", case()));
            let written =
                fs::read(at.path().join("json")).is_ok_and(|json| serde_json::from_slice::<Value>(&json).is_ok());
            cases.check(written, || format!("{}: no results", case()));
            for process in pids().split_whitespace() {
                cases.check(has_ended(process), || format!("{}: {process} goes on", case()));
            }
            let left: Vec<_> =
                fs::read_dir(&temporary).expect("a directory").flatten().map(|entry| entry.path()).collect();
            cases.check(left.is_empty(), || format!("{}: {left:?}", case()));
        }
    }
}

//! Duplicate work: one of many compiles, and nobody waits for ever.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use saltus::build::{OptLevel, Recipe};
use saltus::store::{Claim, Limits, Store, StoreOptions, pauses};
use tempfile::TempDir;

use super::stub::{assert_quiet, files, get, keep, open, recipe};

/// Longer than any wait that ends well.
const LONG: Duration = Duration::from_secs(60);

/// Asks until nobody else is at it, or the kernel is there, or for so long.
fn claim(store: &Store, recipe: &Recipe, wait: Duration) -> Claim {
    let started = Instant::now();
    loop {
        match store.claim(&recipe.kernel_id()) {
            Claim::Others if started.elapsed() < wait && get(store, recipe).is_none() => std::thread::yield_now(),
            claim => return claim,
        }
    }
}

#[test]
fn one_of_many_compiles() {
    let directory = TempDir::new().unwrap();
    let recipe = recipe("kernel");
    let (compiled, all) = (AtomicUsize::new(0), Barrier::new(8));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = open(&directory);
                all.wait();
                let claim = claim(&store, &recipe, LONG);
                if get(&store, &recipe).is_none() {
                    assert!(matches!(claim, Claim::Mine(_)), "{claim:?}: the wait was long");
                    compiled.fetch_add(1, Ordering::Relaxed);
                    keep(&store, &recipe, b"library");
                }
                drop(claim);
                assert_quiet(&store);
            });
        }
    });
    assert_eq!(compiled.into_inner(), 1);
    assert_eq!(files(directory.path()).len(), 1, "no lock is left");
}

#[test]
fn a_holder_that_does_not_finish_is_not_waited_for() {
    let directory = TempDir::new().unwrap();
    let (store, other) = (open(&directory), open(&directory));
    let (slow, free) = (recipe("slow"), recipe("free"));
    let Claim::Mine(guard) = claim(&store, &slow, LONG) else { panic!("nobody has it") };
    for wait in [Duration::ZERO, Duration::from_millis(30)] {
        assert!(matches!(claim(&other, &slow, wait), Claim::Others));
    }
    // Another kernel is another lock, another variant is not.
    assert!(matches!(claim(&other, &free, Duration::ZERO), Claim::Mine(_)));
    let variant = Recipe { opt_level: OptLevel::O1, ..slow.clone() };
    assert!(variant.key() != slow.key() && matches!(claim(&other, &variant, Duration::ZERO), Claim::Others));
    // Whoever gave up publishes all the same, and it can be had while the lock is held.
    keep(&other, &slow, b"library");
    assert!(get(&store, &slow).is_some());
    assert!(matches!(claim(&other, &slow, Duration::ZERO), Claim::Others));
    drop(guard);
    assert!(matches!(claim(&other, &slow, Duration::ZERO), Claim::Mine(_)));
}

/// A process that holds the lock of a kernel, until it is killed.
struct Holder {
    child: Child,
    // What the process started ends when this does.
    stdin: ChildStdin,
}

/// One that has started a process of its own, or not.
fn holder(directory: &TempDir, has_child: bool) -> Holder {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "claim::hold", "--ignored", "--nocapture"])
        .env("SALTUS_TEST_HOLD", directory.path())
        .env("SALTUS_TEST_HOLD_CHILD", if has_child { "1" } else { "" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("it is held")));
    Holder { child, stdin }
}

#[test]
#[ignore = "a process that the others start"]
fn hold() {
    let Some(directory) = std::env::var_os("SALTUS_TEST_HOLD") else { return };
    let store = Store::open(Path::new(&directory), StoreOptions::default());
    let Claim::Mine(_guard) = claim(&store, &recipe("kernel"), Duration::ZERO) else { panic!("nobody has it") };
    // Lives on when this process is killed, and must not keep the lock.
    let has_child = std::env::var_os("SALTUS_TEST_HOLD_CHILD").is_some_and(|value| value == "1");
    let child = has_child.then(|| Command::new("cat").stdout(Stdio::null()).spawn().unwrap());
    let mut out = std::io::stdout();
    writeln!(out, "\nit is held").and_then(|()| out.flush()).unwrap();
    match child {
        Some(mut child) => drop(child.wait()),
        None => drop(std::io::stdin().read_line(&mut String::new())),
    }
}

#[test]
fn a_lock_ends_with_its_process() {
    let directory = TempDir::new().unwrap();
    let (store, recipe) = (open(&directory), recipe("kernel"));
    let Holder { mut child, stdin } = holder(&directory, true);
    assert!(matches!(claim(&store, &recipe, Duration::ZERO), Claim::Others));
    child.kill().unwrap();
    child.wait().unwrap();
    // Not at once: what it started may be on the way into its own program still, where files are closed late.
    let Claim::Mine(guard) = claim(&store, &recipe, LONG) else { panic!("its holder is dead") };
    drop((guard, stdin));
    assert_eq!(files(directory.path()).len(), 0, "its file went with the lock");
}

#[test]
fn locks_of_the_dead_are_swept_and_those_of_the_living_are_not() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    let Holder { mut child, stdin } = holder(&directory, false);
    let Claim::Mine(guard) = claim(&store, &recipe("another kernel"), LONG) else { panic!("nobody has it") };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(files(&directory.path().join("v1/locks")).len(), 2);
    assert_eq!(store.gc(&Limits::default()).unwrap().unwrap().leftovers, 1);
    assert_eq!(files(&directory.path().join("v1/locks")).len(), 1);
    assert!(matches!(claim(&open(&directory), &recipe("another kernel"), Duration::ZERO), Claim::Others));
    drop((guard, stdin));
}

#[test]
fn without_locks_everybody_compiles() {
    let recipe = recipe("kernel");
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    fs::write(directory.path().join("v1/locks"), "in the way").unwrap();
    assert!(matches!(claim(&store, &recipe, LONG), Claim::Anyway));
    keep(&store, &recipe, b"library");
    assert!(get(&store, &recipe).is_some());
    let read_only = Store::open(directory.path(), StoreOptions::read_only());
    assert!(matches!(claim(&read_only, &recipe, LONG), Claim::Anyway));
    assert!(matches!(claim(&Store::none(), &recipe, LONG), Claim::Anyway));
    assert_quiet(&store);
}

#[test]
fn looks_are_frequent_at_first_and_never_rare() {
    let milliseconds: Vec<u128> = pauses().take(7).map(|pause| pause.as_millis()).collect();
    assert_eq!(milliseconds, [1, 2, 4, 8, 10, 10, 10]);
}

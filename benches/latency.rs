//! How long a run takes to get going: fresh processes of the program with an empty and with a filled store, and a second
//! network in one process. Medians of several samples, next to one plain run of the compiler, because only the ratio
//! says something on another machine. Prints a table; never fails for being slow.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use saltus::engine::Options;
use saltus::network::{Model, Network};
use serde_json::Value;

const SAMPLES: usize = 20;

/// Times in seconds, ascending.
struct Times(Vec<f64>);

impl Times {
    fn of(mut sample: impl FnMut() -> f64) -> Times {
        let mut times: Vec<f64> = (0..SAMPLES).map(|_| sample()).collect();
        times.sort_by(f64::total_cmp);
        Times(times)
    }

    fn median(&self) -> f64 {
        (self.0[(SAMPLES - 1) / 2] + self.0[SAMPLES / 2]) / 2.0
    }

    fn min(&self) -> f64 {
        self.0[0]
    }
}

/// One run of the program in a process of its own: its `timing` and the time of the whole process.
fn run(tier: &str, store: &Path) -> (Value, f64) {
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_saltus"))
        .arg("run")
        .arg(common::path(common::HODGKIN_HUXLEY))
        .args(["--quiet", "--json", "-", "--tier", tier, "--cache-dir"])
        .arg(store)
        .stderr(Stdio::inherit())
        .output()
        .expect("the program");
    let seconds = started.elapsed().as_secs_f64();
    assert!(output.status.success(), "saltus run failed");
    let mut result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    (result["timing"].take(), seconds)
}

/// A time of `timing`. A run that ended before it came to that counts whole: it could not have been sooner.
fn time(timing: &Value, name: &str) -> f64 {
    timing[name].as_f64().or_else(|| timing["total"].as_f64()).expect("a time")
}

fn fresh_store() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// A compiler that does nothing: the price of its processes.
fn plain_compile(directory: &Path) -> f64 {
    let source = directory.join("one_line.c");
    std::fs::write(&source, "int one(void) { return 1; }\n").expect("a file");
    let started = Instant::now();
    let status = Command::new("gcc")
        .args(["-O3", "-shared", "-fPIC", "-o"])
        .args([directory.join("one_line.so"), source])
        .status()
        .expect("gcc");
    assert!(status.success());
    started.elapsed().as_secs_f64()
}

/// From a model in memory to its last compiled kernel, in a process that has seen the model before.
fn hot(model: &Model, options: &Options) -> f64 {
    let started = Instant::now();
    let mut network = Network::new(model, options.clone()).expect("a model without errors");
    network.run_for("1*ms").expect("a run");
    network.full_speed().expect("a compiler").duration_since(started).as_secs_f64()
}

struct Row {
    what: &'static str,
    goal: f64,
    aim: f64,
    times: Times,
    /// What the goal is a multiple of, in seconds.
    unit: f64,
    unit_name: &'static str,
}

impl Row {
    fn print(&self) {
        let Row { what, goal, aim, times, unit, unit_name } = self;
        let (median, min) = (times.median() / unit, times.min() / unit);
        let verdict = if median <= *aim {
            "better than the aim"
        } else if median <= *goal {
            "reaches the goal"
        } else {
            "MISSES THE GOAL"
        };
        println!("{what:44} {median:9.3} {min:9.3} {unit_name:3} {goal:6} {aim:6}   {verdict}");
    }
}

fn main() {
    let milliseconds = |what, goal, aim, times| Row { what, goal, aim, times, unit: 1e-3, unit_name: "ms" };
    let directory = fresh_store();
    let mut plain = Vec::new();
    let mut cold_first = Vec::new();
    let mut cold_full = Vec::new();
    // In turns, so that a busy machine slows all of them alike.
    for _ in 0..SAMPLES {
        plain.push(plain_compile(directory.path()));
        let (timing, _) = run("auto", fresh_store().path());
        cold_first.push(time(&timing, "first_step"));
        let (timing, _) = run("compiled", fresh_store().path());
        cold_full.push(time(&timing, "full_speed"));
    }
    let sorted = |times: Vec<f64>| {
        let mut times = times.into_iter();
        Times::of(|| times.next().expect("as many as samples"))
    };
    let (plain, cold_first, cold_full) = (sorted(plain), sorted(cold_first), sorted(cold_full));

    let store = fresh_store();
    run("compiled", store.path());
    let warm = |tier, name: &'static str| {
        let mut process = Vec::new();
        let times = Times::of(|| {
            let (timing, seconds) = run(tier, store.path());
            process.push(seconds);
            time(&timing, name)
        });
        (times, sorted(process))
    };
    let (auto_first, _) = warm("auto", "first_step");
    let (auto_full, process) = warm("auto", "full_speed");
    let (compiled_full, _) = warm("compiled", "full_speed");

    let model = common::hodgkin_huxley(100);
    let options = common::compiled(store.path());
    hot(&model, &options);
    let hot_full = Times::of(|| hot(&model, &options));

    println!("{SAMPLES} samples; one plain compilation: {:.1} ms (min {:.1})", plain.median() * 1e3, plain.min() * 1e3);
    println!("{:44} {:>9} {:>9} {:3} {:>6} {:>6}", "", "median", "min", "", "goal", "aim");
    let unit = plain.median();
    let rows = [
        milliseconds("empty store, auto: first step", 20.0, 5.0, cold_first),
        Row { what: "empty store, compiled: full speed", goal: 8.0, aim: 3.0, times: cold_full, unit, unit_name: "cc" },
        milliseconds("filled store, auto: first step", 20.0, 5.0, auto_first),
        milliseconds("filled store, auto: full speed", 10.0, 1.0, auto_full),
        milliseconds("filled store, compiled: full speed", 10.0, 1.0, compiled_full),
        milliseconds("same process, second network: full speed", 10.0, 1.0, hot_full),
        milliseconds("filled store, auto: the whole process", 100.0, 30.0, process),
    ];
    rows.iter().for_each(Row::print);
    println!("cc: a plain compilation of one line by gcc -O3 -shared, in the same run");
}

//! How soon kernels and models run: `saltus bench latency`, next to compilers that work in the calling process.
//!
//! Cranelift gets the IR of the same kernels, libtcc and Cling their C text. The first two leave the interpreter's bits, or the
//! bench fails; of Cling it is said if it does not.
//! Prints the tables of the command and how its figures compare with the goals of the project; never fails for being slow.
//! The command's options can be given (`-- --samples 50 --html page.html`); `--peers` says where to write what the peers
//! take, for later runs of the command.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

mod cling;
mod cranelift;
mod libtcc;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use indexmap::IndexMap;
use saltus::cli::args::Latency;
use saltus::cli::bench::call::Bound;
use saltus::cli::bench::data::{Absent, ModelTimes, PEERS_FORMAT, Peer, PeerTimes, Peers, Phases, Report};
use saltus::cli::bench::latency::latency_with;
use saltus::cli::bench::subjects::{KernelSubject, kernel_subjects};
use saltus::engine::Interpreted;
use saltus::render::{Language, render};
use saltus::runtime::abi::Execute;

/// Elements of a call, as many as the command has.
const ELEMENTS: usize = saltus::cli::bench::kernels::ELEMENTS;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    latency: Latency,
    /// Given by Cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let Arguments { mut latency, bench: _ } = Arguments::parse();
    // What the command reads, this writes.
    let written = latency.peers.take();
    let peers = match kernel_subjects(latency.only.as_deref()) {
        Ok(subjects) => peers(&subjects, latency.samples.get()),
        Err(failure) => return failed(&failure),
    };
    let path = written.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("latency-peers.json"));
    let text = serde_json::to_string_pretty(&peers).expect("numbers and strings");
    std::fs::write(&path, text + "\n").expect("a file for what peers take");
    match latency_with(&latency, peers, Path::new(env!("CARGO_BIN_EXE_saltus"))) {
        Ok(report) => goals(&report),
        Err(failure) => return failed(&failure),
    }
    println!("\npeers: {}", path.display());
    ExitCode::SUCCESS
}

fn failed(failure: &saltus::cli::failure::Failure) -> ExitCode {
    failure.report();
    ExitCode::from(failure.exit_code())
}

/// What the interpreter leaves of a call.
fn expected(subject: &KernelSubject) -> (Vec<Vec<u64>>, Vec<i32>) {
    let mut bound = Bound::new(&subject.kernel, ELEMENTS).expect("a kernel that can be called");
    // SAFETY: the program is that of the kernel.
    unsafe { bound.call(&Interpreted::new(Arc::clone(&subject.kernel))) };
    bound.bits()
}

/// One sample: calls what was made, and compares what it leaves.
fn called(subject: &KernelSubject, code: &dyn Execute, mut parts: Vec<(&'static str, f64)>, phases: &mut Phases) {
    let mut bound = Bound::new(&subject.kernel, ELEMENTS).expect("a kernel that can be called");
    let started = Instant::now();
    // SAFETY: the code was made of the kernel.
    unsafe { bound.call(code) };
    parts.push(("call", started.elapsed().as_secs_f64()));
    assert!(bound.bits() == expected(subject), "other bits for {}", subject.name);
    phases.add(&parts);
}

fn peers(subjects: &[KernelSubject], samples: usize) -> Peers {
    let mut measured: [Vec<Phases>; 3] = [(); 3].map(|()| subjects.iter().map(|_| Phases::default()).collect());
    let libtcc = libtcc::Libtcc::open();
    // In turns, so that a busy machine slows all of them alike.
    for _ in 0..samples {
        let [interpreter, cranelift, tcc] = &mut measured;
        for (k, subject) in subjects.iter().enumerate() {
            let started = Instant::now();
            let program = Interpreted::new(Arc::clone(&subject.kernel));
            called(subject, &program, vec![("compile", started.elapsed().as_secs_f64())], &mut interpreter[k]);
            let (code, parts) = cranelift::compile(&subject.kernel);
            called(subject, &code, parts.to_vec(), &mut cranelift[k]);
            if let Ok(libtcc) = &libtcc {
                let started = Instant::now();
                let text = render(&subject.kernel, Language::C).text;
                let rendering = ("render", started.elapsed().as_secs_f64());
                let (code, parts) = libtcc.compile(&text);
                called(subject, &code, [&[rendering][..], &parts].concat(), &mut tcc[k]);
            }
        }
    }
    let [interpreter, cranelift, tcc] = measured.map(|of_kernels| {
        let times = subjects.iter().zip(of_kernels).map(|(subject, phases)| {
            let (phases, total) = phases.spreads();
            (subject.name.to_string(), PeerTimes { phases, total })
        });
        times.collect::<IndexMap<_, _>>()
    });
    let version = ::cranelift::VERSION;
    let mut peers = vec![
        peer("interpreter", "the IR to the program of our own interpreter, on which a run starts", interpreter),
        peer(&format!("Cranelift {version}"), "the IR to CLIF to machine code without vectors", cranelift),
    ];
    let mut absent = Vec::new();
    let missing = |name: &str, why| Absent { name: name.to_string(), why };
    match libtcc {
        Ok(_) => peers.push(peer("libtcc", "C to machine code without vectors", tcc)),
        Err(why) => absent.push(missing("libtcc", why)),
    }
    match cling::measure(subjects, samples) {
        Ok((name, note, times)) => peers.push(peer(&name, &note, times)),
        Err(why) => absent.push(missing("Cling", why)),
    }
    Peers { format: PEERS_FORMAT.to_string(), peers, absent }
}

fn peer(name: &str, note: &str, kernels: IndexMap<String, PeerTimes>) -> Peer {
    Peer { name: name.to_string(), note: note.to_string(), kernels }
}

/// A figure that the project has a goal for, in some unit.
struct Figure {
    what: &'static str,
    goal: f64,
    aim: f64,
    found: f64,
    unit: &'static str,
}

fn figures(model: &ModelTimes) -> Vec<Figure> {
    let a_kernel = model.hot_full_speed.median() / model.kernels.max(1) as f64;
    let mut figures = vec![
        Figure {
            what: "empty store: first step",
            goal: 5.0,
            aim: 5.0,
            found: 1e3 * model.cold_first_step.median(),
            unit: "ms",
        },
        Figure {
            what: "filled store: full speed",
            goal: 2.0,
            aim: 1.0,
            found: 1e3 * model.warm_full_speed.median(),
            unit: "ms",
        },
        Figure { what: "same process again: a kernel", goal: 100.0, aim: 50.0, found: 1e6 * a_kernel, unit: "µs" },
    ];
    if let Some(one_file) = &model.one_file {
        let found = model.cold_full_speed.median() / one_file.median();
        figures.insert(1, Figure { what: "empty store: full speed", goal: 2.0, aim: 1.5, found, unit: "one file" });
    }
    figures
}

fn goals(report: &Report) {
    println!("\n{:52} {:>9} {:8} {:>6} {:>6}", "", "median", "", "goal", "aim");
    // The goals are those of the compiler that runs take.
    let first = report.machine.compilers.first().map(|compiler| (&compiler.language, &compiler.name));
    for model in report.models.iter().filter(|model| first == Some((&model.language, &model.compiler))) {
        for Figure { what, goal, aim, found, unit } in figures(model) {
            let verdict = if found <= aim {
                "reaches the aim"
            } else if found <= goal {
                "reaches the goal"
            } else {
                "MISSES THE GOAL"
            };
            let what = format!("{}, {}, {what}", model.name, model.compiler);
            println!("{what:52} {found:9.2} {unit:8} {goal:6} {aim:6}   {verdict}");
        }
    }
}

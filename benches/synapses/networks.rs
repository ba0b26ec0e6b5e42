//! Whole networks: the loop over steps only, without set-up, connecting and compilation; runs of all simulators in turns.

use saltus::network::{Model, Monitor, MonitorKind, Network};

use super::peers::{Peer, seconds};
use super::table::{Goal, Samples, Table};
use super::{Bench, common};

/// Runs of what takes long.
const FEW: usize = 3;

struct Case {
    name: &'static str,
    group: &'static str,
    cells: usize,
    duration_seconds: f64,
    /// Times as fast as Brian2's standalone programs, and as its Cython.
    standalone: Goal,
    cython: Option<Goal>,
    nest: &'static str,
}

/// Names of the networks.
pub const NAMES: [&str; 3] = [CASES[0].name, CASES[1].name, CASES[2].name];

const CASES: [Case; 3] = [
    Case {
        name: "cuba",
        group: "P",
        cells: 4_000,
        duration_seconds: 1.0,
        standalone: Goal::AtLeast(1.0, 2.0),
        cython: None,
        nest: "iaf_psc_exp",
    },
    Case {
        name: "cobahh",
        group: "P",
        cells: 4_000,
        duration_seconds: 1.0,
        standalone: Goal::AtLeast(3.0, 3.0),
        cython: Some(Goal::AtLeast(5.0, 5.0)),
        nest: "hh_cond_exp_traub",
    },
    Case {
        name: "brunel",
        group: "all",
        cells: 5_000,
        duration_seconds: 0.5,
        standalone: Goal::AtLeast(1.0, 1.0),
        cython: None,
        nest: "iaf_psc_delta",
    },
];

impl Case {
    fn file(&self) -> String {
        format!("tests/model_file/reference/{}.toml", self.name)
    }

    /// With nothing that records but a count of spikes.
    fn model(&self) -> Model {
        let mut counter = Monitor::spikes("counter", self.group);
        if let MonitorKind::Events { record, .. } = &mut counter.kind {
            *record = false;
        }
        common::model_of_file(&self.file(), self.cells).monitor(counter)
    }
}

/// The time of a loop and the spikes in it.
struct Run {
    seconds: f64,
    spikes: f64,
}

type Measure<'a> = Box<dyn FnMut() -> Option<Run> + 'a>;

/// A simulator, and what it has done so far.
struct Simulator<'a> {
    name: String,
    runs: usize,
    measure: Measure<'a>,
    done: Vec<Run>,
}

impl<'a> Simulator<'a> {
    fn peer(name: &str, runs: usize, mut peer: Peer) -> Simulator<'a> {
        let name = format!("{} {name}", peer.version);
        let measure = move || {
            let answer = peer.measure()?;
            Some(Run { seconds: seconds(&answer), spikes: answer["spikes"].as_f64().expect("a number") })
        };
        Simulator { name, runs, measure: Box::new(measure), done: Vec::new() }
    }

    fn samples(&self) -> Samples {
        Samples::new(self.done.iter().map(|run| run.seconds).collect())
    }

    fn mean_spikes(&self) -> f64 {
        self.done.iter().map(|run| run.spikes).sum::<f64>() / self.done.len() as f64
    }
}

/// One run, with a seed of its own.
fn saltus(bench: &Bench, case: &Case, threads: usize, seed: u32) -> Run {
    let model = case.model().seed(seed);
    let mut network = Network::new(&model, bench.options(threads)).expect("a model without errors");
    network.run(case.duration_seconds, &mut |_| ()).expect("a run");
    // Kernels are there before the first step.
    let seconds = network.first_step().expect("a step").elapsed().as_secs_f64();
    assert!(network.engine_warnings().is_empty(), "{:?}", network.engine_warnings());
    Run { seconds, spikes: network.spikes("counter").expect("a monitor").total as f64 }
}

fn simulators<'a>(bench: &'a Bench, case: &'a Case, peers: Vec<(&str, usize, Peer)>) -> Vec<Simulator<'a>> {
    let ours = |threads: usize| {
        let mut seed = 0;
        let measure = move || {
            seed += 1;
            Some(saltus(bench, case, threads, seed))
        };
        let name = if threads == 1 { "saltus".to_string() } else { format!("saltus, {threads} threads") };
        Simulator { name, runs: bench.runs, measure: Box::new(measure), done: Vec::new() }
    };
    let theirs = peers.into_iter().map(|(name, runs, peer)| Simulator::peer(name, runs, peer));
    [ours(1), ours(2)].into_iter().chain(theirs).collect()
}

fn start_peers<'n>(bench: &mut Bench, case: &'n Case) -> Vec<(&'n str, usize, Peer)> {
    let file = common::path(&case.file());
    let file = file.to_str().expect("a path");
    let few = bench.runs.min(FEW);
    let mut found = Vec::new();
    let brian2 = [
        ("standalone", "standalone", bench.runs),
        ("standalone without fast-math", "standalone-precise", few),
        ("Cython", "cython", few),
    ];
    for (name, kind, runs) in brian2 {
        found.extend(bench.peers.start("brian2_networks.py", &[file, kind]).map(|peer| (name, runs, peer)));
    }
    found.extend(bench.peers.start("nest_networks.py", &[case.name]).map(|peer| (case.nest, few, peer)));
    found
}

/// The part of the bench.
pub fn measure(bench: &mut Bench, table: &mut Table) {
    let only = bench.networks.clone();
    for case in CASES.iter().filter(|case| only.is_empty() || only.iter().any(|name| name == case.name)) {
        let peers = start_peers(bench, case);
        let mut simulators = simulators(bench, case, peers);
        for round in 0..bench.runs {
            // In turns, so that a busy machine slows all of them alike.
            for simulator in simulators.iter_mut().filter(|simulator| round < simulator.runs) {
                let run = (simulator.measure)();
                simulator.done.extend(run);
            }
        }
        simulators.retain(|simulator| !simulator.done.is_empty());
        report(case, &simulators, table);
    }
    table.say("the loop over steps only; NEST: its nearest models, not the same equations; rates are means over runs");
    table.say(
        "Cython: the times that it reports before its first and after its last step, state restored before each run",
    );
}

fn report(case: &Case, simulators: &[Simulator<'_>], table: &mut Table) {
    let ours = &simulators[0];
    for simulator in simulators {
        let rate = simulator.mean_spikes() / case.cells as f64 / case.duration_seconds;
        let off = simulator.mean_spikes() / ours.mean_spikes() - 1.0;
        let mut note = format!("{rate:.2} Hz, {} runs", simulator.done.len());
        if off.abs() > 0.1 {
            note.push_str(&format!("; THE RATE DIFFERS BY {:+.0} %", off * 100.0));
        }
        table.line_with(&format!("{}: {}", case.name, simulator.name), &simulator.samples(), "s", &note);
    }
    for (position, simulator) in simulators.iter().enumerate().skip(1) {
        let goal = match simulator.name.rsplit(' ').next() {
            Some("standalone") => Some(case.standalone),
            Some("Cython") => case.cython,
            _ => None,
        };
        let what = match position {
            1 => format!("{}: times as fast with two threads", case.name),
            _ => format!("{}: times as fast as {}", case.name, simulator.name),
        };
        match position {
            1 => table.ratio(&what, &simulator.samples(), &ours.samples(), goal),
            _ => table.ratio(&what, &ours.samples(), &simulator.samples(), goal),
        }
    }
}

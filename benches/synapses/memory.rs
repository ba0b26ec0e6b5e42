//! Bytes a synapse: the memory of a process that makes synapses and runs a few steps. Each case has a process of its own.

use std::process::{Command, Stdio};

use saltus::network::{Connect, Model, Network, NeuronGroup, Synapses};
use serde_json::{Value, json};

use super::table::{Goal, Samples, Table};
use super::{Bench, common};

/// The argument that makes this program measure itself: then come the number of a case, the number of cells of each end,
/// and the store.
pub const CHILD: &str = "--memory-case";

const GIB: f64 = (1_u64 << 30) as f64;

/// What a network of 10⁸ synapses may take.
const LARGE_GIB: f64 = 8.0;

struct Case {
    what: &'static str,
    goal: Option<Goal>,
    /// Each pair of cells, or each tenth.
    all: bool,
    synapses: Synapses,
}

fn cases() -> [Case; 6] {
    let synapses = |on_pre: &str| Synapses::new("S", "sources", "targets", "w : 1").on_pre(on_pre).init("w", "rand()");
    let one_delay = || synapses("v_post += w").delay("pre", "1*ms");
    let delays = |expression: &str| synapses("v_post += w").init("pre.delay", expression);
    let at_most = |bytes: f64| Some(Goal::AtMost(bytes, bytes));
    let case = |what, goal, synapses| Case { what, goal, all: false, synapses };
    [
        case("a weight each, one delay", at_most(12.0), one_delay()),
        Case { all: true, ..case("a weight each, one delay, all to all", at_most(12.0), one_delay()) },
        case("a delay each, multiples of the step", at_most(16.0), delays("(1 + (i + j) % 20)*0.1*ms")),
        case("a delay each, 3,000 different ones", at_most(16.0), delays("((7*i + j) % 3000)*0.001*ms")),
        case("a delay each, all different", at_most(16.0), delays("rand()*2*ms")),
        case("a weight each, with `on_post`", at_most(24.0), one_delay().on_post("w = clip(w + 0.01, 0, 1)")),
    ]
}

/// `side` cells at each end, a few of which spike at each step.
fn model(synapses: Synapses, side: usize) -> Model {
    let cells = |name| NeuronGroup::new(name, side, "v : 1").threshold("(i + t_in_timesteps) % 1000 == 0");
    Model::new().seed(1).group(cells("sources")).group(cells("targets")).synapses(synapses)
}

/// A line of the process's own status, in bytes.
fn status(name: &str) -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib * 1024.0)
}

/// Makes and runs a network, and prints what that took.
pub fn child(mut arguments: impl Iterator<Item = String>) {
    let mut next = || arguments.next().expect("an argument");
    let (number, side): (usize, usize) = (next().parse().expect("a number"), next().parse().expect("a number"));
    let store = next();
    let case = &cases()[number];
    let run = |rule: Connect| {
        let model = model(case.synapses.clone().connect(rule), side);
        let mut network = Network::new(&model, common::compiled(store.as_ref())).expect("a model without errors");
        network.run_for("5*ms").expect("a run");
        network
    };
    let resident = || status("VmRSS:").expect("a number");
    // Code, kernels and all that there is one of come with the first network, cells with each.
    let first = run(Connect::pairs(&[0], &[0]));
    let before_cells = resident();
    let second = run(Connect::pairs(&[0], &[0]));
    let before = resident();
    let network = run(if case.all { Connect::all() } else { Connect::all().p("0.1") });
    let (after, peak) = (resident(), status("VmHWM:").expect("a number"));
    let n = network.synapse_counts()["S"] as f64;
    let bytes = |end: f64| (end - before - (before - before_cells)) / n;
    println!("{}", json!({ "bytes": bytes(after), "peak_bytes": bytes(peak), "peak_gib": peak / GIB }));
    drop((first, second));
}

fn in_child(bench: &Bench, number: usize, side: usize) -> Option<Value> {
    let output = Command::new(std::env::current_exe().ok()?)
        .args([CHILD, &number.to_string(), &side.to_string()])
        .arg(bench.store.path())
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

/// The part of the bench.
pub fn measure(bench: &mut Bench, table: &mut Table) {
    if status("VmHWM:").is_none() {
        return table.say("skipped: this system does not tell how much memory a process has");
    }
    let n: f64 = if bench.large { 1e8 } else { 1e7 };
    for (number, case) in cases().into_iter().enumerate() {
        let side = (if case.all { n } else { 10.0 * n }).sqrt() as usize;
        let Some(found) = in_child(bench, number, side) else {
            table.say(&format!("{}: the process did not come to its end", case.what));
            continue;
        };
        let number = |name: &str| found[name].as_f64().unwrap_or(f64::NAN);
        let one = |name: &str| Samples::new(vec![number(name)]);
        match case.goal {
            Some(goal) => table.goal(case.what, &one("bytes"), "bytes", goal),
            None => table.line(case.what, &one("bytes"), "bytes"),
        }
        let note = format!("{:.2} bytes a synapse at most", number("peak_bytes"));
        let what = "    the whole process while it is made";
        match bench.large {
            true => table.goal(what, &one("peak_gib"), "GiB", Goal::AtMost(LARGE_GIB, LARGE_GIB)),
            false => table.line_with(what, &one("peak_gib"), "GiB", &note),
        }
    }
    table.say("bytes a synapse, without what its cells take; multiples of 4 KiB, as the system counts");
}

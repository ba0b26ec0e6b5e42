//! From a network that has run to the data that is written.

use std::time::{Duration, Instant};

use super::output::result::{
    Elements, KernelReport, MonitorData, Origin, Profile, ProfileRow, RateData, Recorded, RunResult, SpikeData,
    StateData, SwapReport, Timing,
};
use crate::engine;
use crate::network::Network;
use crate::network::monitor::Column;
use crate::network::summary::{KernelProfile, ProfilingSummary};
use crate::unit::Dimension;

/// What the clock on the wall said.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    /// When the program started.
    pub start: Instant,
    /// When the model was checked.
    pub parsed: Instant,
    /// When the network was in memory.
    pub prepared: Instant,
    /// When the last run ended.
    pub finished: Instant,
}

/// Moves what was recorded out of the network; `with_state`: and the last values of variables, which may be many.
pub fn result(model: Option<String>, network: &mut Network, watch: Stopwatch, with_state: bool) -> RunResult {
    let seconds = |instant: Instant| instant.duration_since(watch.start).as_secs_f64();
    let connect = network.connecting().as_secs_f64();
    let without_connect = |instant: Instant| seconds(instant) - connect;
    let timing = Timing {
        parse: seconds(watch.parsed),
        prepare: watch.prepared.duration_since(watch.parsed).as_secs_f64() - connect,
        connect,
        run: watch.finished.duration_since(watch.prepared).as_secs_f64(),
        first_step: network.first_step().map_or(0.0, without_connect),
        full_speed: network.full_speed().map(without_connect),
        total: seconds(watch.finished),
    };
    let final_state = if with_state { network.final_state() } else { Default::default() };
    let kernels = network.kernel_reports().map(|report| kernel_report(report, &without_connect)).collect();
    RunResult {
        model,
        simulated_seconds: network.t_seconds(),
        monitors: monitors(network),
        synapses: network.synapse_counts(),
        final_state: final_state.into_iter().map(|(name, state)| (name, state.into_iter().collect())).collect(),
        timing,
        kernels,
        profile: network.profiling_summary().map(|summary| profile(&summary)),
    }
}

/// What was measured, as it is written.
pub fn profile(summary: &ProfilingSummary) -> Profile {
    let row = |name: &str, time: Duration, calls: u64| ProfileRow {
        name: name.to_string(),
        calls,
        seconds: time.as_secs_f64(),
        ns_per_call: time.as_nanos() as f64 / calls.max(1) as f64,
        ns_per_step: summary.per_step(time),
        ..ProfileRow::default()
    };
    let kernel = |kernel: &KernelProfile| ProfileRow {
        runs_on: Some(kernel.runs_on.name()),
        reason: kernel.reason.as_ref().map(ToString::to_string),
        ..row(&kernel.name, kernel.calls.time, kernel.calls.count)
    };
    Profile {
        steps: summary.steps,
        seconds: summary.time.as_secs_f64(),
        kernel_seconds: summary.kernel_time().as_secs_f64(),
        objects: summary.objects.iter().map(|entry| row(&entry.name, entry.time, entry.calls)).collect(),
        kernels: summary.kernels.iter().map(kernel).collect(),
    }
}

/// Says which kernels never left the interpreter although that was not asked for, and why; one warning for each reason.
pub fn warnings_of(summary: &ProfilingSummary) -> Vec<String> {
    let warning = |(reason, names): (&engine::Reason, Vec<&str>)| {
        let word = if names.len() == 1 { "kernel" } else { "kernels" };
        let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("the {word} {} never left the interpreter: {reason}", list.join(", "))
    };
    summary.never_compiled().into_iter().map(warning).collect()
}

fn kernel_report(report: engine::Report, at: &impl Fn(Instant) -> f64) -> KernelReport {
    let swap = |swap: &engine::Swap| SwapReport {
        key: swap.key.map(|key| key.to_string()),
        preliminary: swap.is_preliminary(),
        at: at(swap.at),
        t: swap.moment.t_seconds,
    };
    let swaps = report.swaps.iter().map(swap).collect();
    KernelReport {
        name: report.name,
        kind: report.kind.to_string(),
        shape: report.shape.to_string(),
        language: report.language.name().to_string(),
        key: report.key.map(|k| k.to_string()),
        origin: match report.origin {
            engine::Origin::Hit => Origin::Hit,
            engine::Origin::Built => Origin::Built,
            engine::Origin::Interpreter => Origin::Interpreter,
            engine::Origin::Hand => Origin::Hand,
        },
        compile_seconds: report.compile_seconds,
        swaps,
    }
}

fn recorded(column: Column) -> Recorded {
    Recorded { unit: symbol(column.dimension), values: column.values }
}

/// Monitors in the order of the model.
fn monitors(network: &mut Network) -> indexmap::IndexMap<String, MonitorData> {
    let names: Vec<String> = network.monitor_names().to_vec();
    let mut out = indexmap::IndexMap::new();
    for name in names {
        if let Some(monitor) = network.take_events(&name) {
            let records = monitor.records() as usize;
            let data = SpikeData {
                event: monitor.event_name,
                source: monitor.source_name,
                source_size: monitor.source.n(),
                count: monitor.total as usize,
                records,
                i: monitor.i,
                t: monitor.t,
                variables: monitor.variables.into_iter().map(|(n, (_, c))| (n, recorded(c))).collect(),
            };
            out.insert(name, MonitorData::Spikes(data));
        } else if let Some(monitor) = network.take_states(&name) {
            let (record, records) = (monitor.cells(), monitor.records() as usize);
            let data = StateData {
                source: monitor.source_name,
                elements: Elements::Cells,
                record,
                records,
                t: monitor.t,
                values: monitor.variables.into_iter().map(|(n, (_, c))| (n, recorded(c))).collect(),
            };
            out.insert(name, MonitorData::State(data));
        } else if let Some(monitor) = network.rates(&name) {
            let data = RateData {
                source: monitor.source_name.clone(),
                source_size: monitor.source.n(),
                records: monitor.records() as usize,
                mean: Some(monitor.mean_hertz()).filter(|mean| mean.is_finite()),
                t: monitor.t.clone(),
                rate: monitor.rate.clone(),
            };
            out.insert(name, MonitorData::Rate(data));
        }
    }
    out
}

/// The symbol of the SI unit without prefix, such as `V` or `S/m²`; empty for plain numbers.
pub fn symbol(dimension: Dimension) -> String {
    if dimension.is_dimensionless() {
        return String::new();
    }
    const SYMBOLS: [(&str, &str); 26] = [
        ("volt", "V"),
        ("amp", "A"),
        ("second", "s"),
        ("siemens", "S"),
        ("farad", "F"),
        ("ohm", "Ω"),
        ("hertz", "Hz"),
        ("meter", "m"),
        ("metre", "m"),
        ("kilogram", "kg"),
        ("kelvin", "K"),
        ("mole", "mol"),
        ("mol", "mol"),
        ("candle", "cd"),
        ("newton", "N"),
        ("joule", "J"),
        ("watt", "W"),
        ("coulomb", "C"),
        ("pascal", "Pa"),
        ("tesla", "T"),
        ("weber", "Wb"),
        ("henry", "H"),
        ("katal", "kat"),
        ("mmolar", "mM"),
        ("gray", "Gy"),
        ("lux", "lx"),
    ];
    let mut text = dimension.to_string();
    text = text.replace(" * ", "·").replace("**2", "²").replace("**3", "³").replace("**-1", "⁻¹").replace("**-2", "⁻²");
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphabetic() {
            word.push(c);
            continue;
        }
        let short = SYMBOLS.iter().find(|(name, _)| *name == word).map_or(word.as_str(), |(_, s)| s);
        out.push_str(short);
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

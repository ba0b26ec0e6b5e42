//! The few lines a person reads after a run: what each monitor saw, and where the time and the kernels went.

use std::fmt::Write as _;

use super::format::{counted, duration, grouped, simulated};
use super::result::{KernelReport, MonitorData, Origin, RateData, RunResult, SpikeData, StateData};

/// The summary, as plain lines with a line break at the end of each.
///
/// ```
/// use saltus::cli::output::{RunResult, summary::summary};
///
/// let result = RunResult { model: Some("quiet".to_owned()), simulated_seconds: 0.5, ..RunResult::default() };
/// assert!(summary(&result).starts_with("quiet: 500 ms simulated in "));
/// ```
pub fn summary(result: &RunResult) -> String {
    let monitors = result.monitors.iter().map(|(name, data)| (name, monitor(data, result.simulated_seconds)));
    let synapses = result.synapses.iter().map(|(name, count)| (name, counted(*count, ("synapse", "synapses"))));
    let rows: Vec<_> = synapses.chain(monitors).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = format!(
        "{}: {} simulated in {}\n",
        result.model.as_deref().unwrap_or("model"),
        simulated(result.simulated_seconds),
        duration(result.timing.run)
    );
    for (name, row) in rows {
        let _ = writeln!(text, "  {name:width$}  {row}");
    }
    text + &timing(result) + "\n"
}

fn monitor(data: &MonitorData, seconds: f64) -> String {
    match data {
        MonitorData::Spikes(SpikeData { event, source_size, count, .. }) => {
            let word = if event.is_some() { ("event", "events") } else { ("spike", "spikes") };
            let cells = counted(*source_size, ("cell", "cells"));
            let rate = *count as f64 / (*source_size as f64 * seconds);
            let mean = if rate.is_finite() { format!(", {}", hertz(rate)) } else { String::new() };
            format!("{} from {cells}{mean}", counted(*count, word))
        }
        MonitorData::State(StateData { elements, record, records, values, .. }) => {
            let names: Vec<&str> = values.keys().map(String::as_str).collect();
            let (cells, records) = (counted(record.len(), elements.words()), counted(*records, ("record", "records")));
            format!("{} of {cells}, {records}", names.join(", "))
        }
        MonitorData::Rate(RateData { source_size, records, mean, .. }) => {
            let cells = counted(*source_size, ("cell", "cells"));
            let mean = mean.map_or(String::new(), |mean| format!(", {}", hertz(mean)));
            format!("rate of {cells}, {}{mean}", counted(*records, ("record", "records")))
        }
    }
}

/// A mean rate: `52.0 Hz`, `0.25 Hz`, `1,200 Hz`.
fn hertz(rate: f64) -> String {
    match rate {
        r if r >= 999.95 => format!("{} Hz", grouped(r.round() as usize)),
        r if r >= 0.995 || r == 0.0 => format!("{r:.1} Hz"),
        r => format!("{r:.2} Hz"),
    }
}

fn timing(result: &RunResult) -> String {
    let mut text = format!("first step {}", duration(result.timing.first_step));
    if let Some(full_speed) = result.timing.full_speed {
        let _ = write!(text, ", full speed {}", duration(full_speed));
        // Where the simulation was by then, if it had begun.
        let t = result.kernels.iter().flat_map(|kernel| &kernel.swaps).map(|swap| swap.t).fold(0.0, f64::max);
        if t > 0.0 {
            let _ = write!(text, " (t = {})", simulated(t));
        }
    }
    if result.timing.connect >= 1e-3 {
        let _ = write!(text, ", connecting {}", duration(result.timing.connect));
    }
    if !result.kernels.is_empty() {
        let _ = write!(text, "; kernels: {}", origins(&result.kernels));
    }
    text
}

fn origins(kernels: &[KernelReport]) -> String {
    let count = |origin| kernels.iter().filter(|kernel| kernel.origin == origin).count();
    let (built, reused, interpreted) = (count(Origin::Built), count(Origin::Hit), count(Origin::Interpreter));
    let text = match (built + reused, interpreted) {
        (0, n) => format!("{n} interpreted"),
        (_, 0) => format!("{built} built, {reused} reused"),
        (_, n) => format!("{built} built, {reused} reused, {n} interpreted"),
    };
    match count(Origin::Hand) {
        0 => text,
        n => format!("{text}, {n} by hand"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_keep_their_small_digits() {
        let texts = [0.0, 0.25, 0.996, 52.0, 999.96, 1200.4].map(hertz);
        assert_eq!(texts, ["0.0 Hz", "0.25 Hz", "1.0 Hz", "52.0 Hz", "1,000 Hz", "1,200 Hz"]);
    }
}

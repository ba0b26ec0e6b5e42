//! Tables about a network: in which order its objects run, and where the time goes.

use std::fmt;
use std::time::Duration;

use super::Network;

/// An object that runs in each step, in the order in which they run.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleEntry {
    /// Its name.
    pub name: String,
    /// The object that it is part of: a group, a monitor, or itself.
    pub part_of: String,
    /// Length of its steps in seconds; infinite if it runs at given times.
    pub dt_seconds: f64,
    /// Slot of the schedule.
    pub when: String,
    /// Order within the slot.
    pub order: i32,
    /// Whether it is run.
    pub active: bool,
}

/// In which order the objects of a network run. Prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulingSummary(pub Vec<ScheduleEntry>);

/// What an object has taken so far.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileEntry {
    /// Its name.
    pub name: String,
    /// How long it ran.
    pub time: Duration,
    /// How often.
    pub calls: u64,
}

/// Where the time of runs went, the most expensive object first. Prints as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfilingSummary(pub Vec<ProfileEntry>);

impl Network {
    /// In which order the objects run within a step.
    ///
    /// ```
    /// use saltus::{engine::Options, network::{Model, Network, NeuronGroup}};
    /// let cells = NeuronGroup::new("cells", 3, "dv/dt = 1/ms : 1").threshold("v > 1").reset("v = 0");
    /// let network = Network::new(&Model::new().group(cells), Options::interpreted())?;
    /// let names: Vec<String> = network.scheduling_summary().0.into_iter().map(|entry| entry.name).collect();
    /// assert_eq!(names, ["cells_stateupdater", "cells_spike_thresholder", "cells_spike_resetter"]);
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    pub fn scheduling_summary(&self) -> SchedulingSummary {
        let entry = |s: &super::Scheduled| ScheduleEntry {
            name: s.place.name.clone(),
            part_of: s.owner.clone(),
            dt_seconds: self.memory.clocks[s.clock].dt_seconds(),
            when: self.slots.name_of(&s.place),
            order: s.place.order,
            active: s.active,
        };
        SchedulingSummary(self.schedule.iter().map(entry).collect())
    }

    /// Measures, from the next run on, how long each object takes; forgets what was measured before.
    pub fn set_profiling(&mut self, on: bool) {
        self.is_profiling = on;
        for scheduled in &mut self.schedule {
            (scheduled.time, scheduled.calls) = (Duration::ZERO, 0);
        }
    }

    /// How long each object took since profiling was switched on; `None` if it is off.
    pub fn profiling_summary(&self) -> Option<ProfilingSummary> {
        if !self.is_profiling {
            return None;
        }
        let entry = |s: &super::Scheduled| ProfileEntry { name: s.place.name.clone(), time: s.time, calls: s.calls };
        let mut entries: Vec<ProfileEntry> = self.schedule.iter().filter(|s| s.calls > 0).map(entry).collect();
        entries.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.name.cmp(&b.name)));
        Some(ProfilingSummary(entries))
    }
}

/// Rows of cells under titles: the first `left` columns to the left, the others to the right.
fn write_table(f: &mut fmt::Formatter<'_>, titles: &[&str], rows: &[Vec<String>], left: usize) -> fmt::Result {
    let width = |k: usize| {
        let cells = rows.iter().map(|row| row[k].chars().count());
        cells.chain([titles[k].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let titles = titles.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for (k, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let width = *width;
            line += &if k < left { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") };
        }
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

impl fmt::Display for SchedulingSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortest = self.0.iter().map(|entry| entry.dt_seconds).fold(f64::INFINITY, f64::min);
        let row = |entry: &ScheduleEntry| {
            let steps = (entry.dt_seconds / shortest).round();
            let every = if steps > 1.0 { format!(" (every {steps} steps)") } else { String::new() };
            vec![
                entry.name.clone(),
                entry.part_of.clone(),
                entry.when.clone(),
                if entry.active { "yes".to_string() } else { "no".to_string() },
                entry.order.to_string(),
                match entry.dt_seconds.is_finite() {
                    true => format!("{} ms{every}", milliseconds(entry.dt_seconds)),
                    false => "at given times".to_string(),
                },
            ]
        };
        let rows: Vec<Vec<String>> = self.0.iter().map(row).collect();
        write_table(f, &["object", "part of", "slot", "active", "order", "step"], &rows, 4)
    }
}

/// A time in milliseconds, without the digits that come from rounding.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1e12).round() / 1e9
}

impl fmt::Display for ProfilingSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: Duration = self.0.iter().map(|entry| entry.time).sum();
        let row = |entry: &ProfileEntry| {
            let share = 100.0 * entry.time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
            vec![
                entry.name.clone(),
                format!("{:.3} ms", entry.time.as_secs_f64() * 1e3),
                format!("{share:.1} %"),
                entry.calls.to_string(),
                format!("{:.0}", entry.time.as_nanos() as f64 / entry.calls.max(1) as f64),
            ]
        };
        let rows: Vec<Vec<String>> = self.0.iter().map(row).collect();
        write_table(f, &["object", "time", "share", "calls", "ns/call"], &rows, 1)
    }
}

//! Tables about a network: in which order its objects run, and where the time goes.

use std::fmt;
use std::time::{Duration, Instant};

use super::Network;
use super::kernels::all_code_mut;
use crate::engine::{Calls, CodeObject, Reason, Report, RunsOn};
use crate::runtime::clock::Clock;

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

/// What a kernel has taken so far.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelProfile {
    /// Name of its code object.
    pub name: String,
    /// How long its calls took, and how many they were. Two looks at the clock are in each.
    pub calls: Calls,
    /// What runs it now.
    pub runs_on: RunsOn,
    /// Why that is no optimised kernel, if none has run.
    pub reason: Option<Reason>,
}

/// Where the time of runs went, the most expensive object and kernel first. Prints as tables.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfilingSummary {
    /// How long all steps took.
    pub time: Duration,
    /// How many there were of the shortest kind.
    pub steps: u64,
    /// The objects of the schedule.
    pub objects: Vec<ProfileEntry>,
    /// The kernels that ran in them.
    pub kernels: Vec<KernelProfile>,
}

/// What runs took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Profiled {
    time: Duration,
    steps: u64,
}

/// Where a run that is measured began.
pub(super) struct ProfileStart {
    at: Instant,
    /// Steps of each clock.
    steps: Vec<i64>,
}

impl ProfilingSummary {
    /// How long kernels took; the rest of the steps is the host's: random numbers, spikes on their way, monitors, the
    /// loop itself.
    pub fn kernel_time(&self) -> Duration {
        self.kernels.iter().map(|kernel| kernel.calls.time).sum()
    }

    /// The kernels that never left the interpreter although that was not asked for, by reason.
    pub fn never_compiled(&self) -> Vec<(&Reason, Vec<&str>)> {
        let mut found: Vec<(&Reason, Vec<&str>)> = Vec::new();
        for kernel in self.kernels.iter().filter(|kernel| kernel.runs_on == RunsOn::Interpreter) {
            let Some(reason) = kernel.reason.as_ref().filter(|reason| **reason != Reason::NotAsked) else { continue };
            match found.iter_mut().find(|(other, _)| *other == reason) {
                Some((_, names)) => names.push(&kernel.name),
                None => found.push((reason, vec![&kernel.name])),
            }
        }
        found
    }

    /// Nanoseconds for each step.
    pub fn per_step(&self, time: Duration) -> f64 {
        per(time, self.steps)
    }
}

fn per(time: Duration, count: u64) -> f64 {
    time.as_nanos() as f64 / count.max(1) as f64
}

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

    /// Measures, from the next run on, how long each object and each kernel takes; forgets what was measured before.
    pub fn set_profiling(&mut self, on: bool) {
        self.is_profiling = on;
        self.profiled = Profiled::default();
        for scheduled in &mut self.schedule {
            (scheduled.time, scheduled.calls) = (Duration::ZERO, 0);
        }
        all_code_mut(&mut self.code, &mut self.propagators).for_each(CodeObject::stop_measuring);
    }

    /// How long each object and each kernel took since profiling was switched on; `None` if it is off.
    pub fn profiling_summary(&self) -> Option<ProfilingSummary> {
        if !self.is_profiling {
            return None;
        }
        let entry = |s: &super::Scheduled| ProfileEntry { name: s.place.name.clone(), time: s.time, calls: s.calls };
        let mut objects: Vec<ProfileEntry> = self.schedule.iter().filter(|s| s.calls > 0).map(entry).collect();
        objects.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.name.cmp(&b.name)));
        let kernel = |(object, report): (&CodeObject, &Report)| {
            let calls = object.calls().filter(|calls| calls.count > 0)?;
            Some(KernelProfile {
                name: object.name.clone(),
                calls,
                runs_on: report.runs_on(),
                reason: report.reason.clone(),
            })
        };
        let mut kernels: Vec<KernelProfile> =
            self.code_objects().zip(self.engine.reports()).filter_map(kernel).collect();
        kernels.sort_by(|a, b| b.calls.time.cmp(&a.calls.time).then_with(|| a.name.cmp(&b.name)));
        let Profiled { time, steps } = self.profiled;
        Some(ProfilingSummary { time, steps, objects, kernels })
    }

    pub(super) fn begin_profile(&self) -> ProfileStart {
        ProfileStart { steps: self.memory.clocks.iter().map(Clock::step).collect(), at: Instant::now() }
    }

    pub(super) fn end_profile(&mut self, start: ProfileStart) {
        self.profiled.time += start.at.elapsed();
        let steps = self.memory.clocks.iter().zip(start.steps).map(|(clock, before)| clock.step() - before);
        self.profiled.steps += steps.max().unwrap_or(0).max(0) as u64;
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
        let row = |name: &str, time: Duration, calls: u64, total: Duration| {
            let share = 100.0 * time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
            let milliseconds = format!("{:.3} ms", time.as_secs_f64() * 1e3);
            let (call, step) = (format!("{:.0}", per(time, calls)), format!("{:.0}", self.per_step(time)));
            vec![name.to_string(), milliseconds, format!("{share:.1} %"), calls.to_string(), call, step]
        };
        let total: Duration = self.objects.iter().map(|entry| entry.time).sum();
        let rows: Vec<_> = self.objects.iter().map(|entry| row(&entry.name, entry.time, entry.calls, total)).collect();
        write_table(f, &["object", "time", "share", "calls", "ns/call", "ns/step"], &rows, 1)?;
        let kernels = self.kernel_time();
        let kernel_row = |kernel: &KernelProfile| {
            let mut cells = row(&kernel.name, kernel.calls.time, kernel.calls.count, kernels);
            cells.insert(1, kernel.runs_on.name().to_string());
            cells
        };
        let rows: Vec<_> = self.kernels.iter().map(kernel_row).collect();
        writeln!(f)?;
        write_table(f, &["kernel", "runs on", "time", "share", "calls", "ns/call", "ns/step"], &rows, 2)?;
        let (all, part) = (self.per_step(self.time), self.per_step(kernels));
        writeln!(f, "\n{} steps of {all:.0} ns: {part:.0} in kernels, {:.0} in the host", self.steps, all - part)
    }
}

//! The run loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::Error;
use super::model::Value;
use super::monitor::{RateMonitor, StateMonitor};
use super::neuron_group::Population;
use super::{Action, Network};
use crate::diag::Text;
use crate::runtime::clock::{Clock, due};
use crate::runtime::fpu::default_environment;
use crate::runtime::memory::available_bytes;

/// How often the caller hears of progress.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Steps between two looks at the wall clock: cheap for short steps, and often enough for long ones.
const STEPS_BETWEEN_LOOKS: u32 = 16;

/// Hears how much of a run is done, from 0 to 1.
pub type Progress<'a> = &'a mut dyn FnMut(f64);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it was run.
    Complete,
    /// The stop flag was raised.
    Stopped,
}

impl Network {
    /// Runs for a time such as `100*ms`.
    ///
    /// # Errors
    /// [`Error::Model`] if it is no time.
    pub fn run_for(&mut self, duration: &str) -> Result<Ending, Error> {
        let duration = self.seconds(&Value::Expression(Text::new("duration", duration)))?;
        self.run(duration, &mut |_| ())
    }

    /// Runs for `duration_seconds`; ends early, after a whole step, if the stop flag is raised.
    ///
    /// # Errors
    /// If code that the run waits for cannot be made.
    pub fn run(&mut self, duration_seconds: f64, progress: Progress<'_>) -> Result<Ending, Error> {
        let start = self.t_seconds;
        let end = start + duration_seconds;
        for clock in &mut self.clocks {
            clock.set_interval(start, end);
        }
        self.update_propagators(true);
        self.prepare_monitors()?;
        self.wait_for_code()?;
        self.first_step.get_or_insert_with(Instant::now);
        let environment = default_environment();
        let ending = match self.clocks.len() {
            1 => self.run_single(progress),
            _ => self.run_several(progress),
        };
        drop(environment);
        let ending = ending?;
        self.t_seconds = match ending {
            Ending::Complete => end,
            Ending::Stopped => self.clocks.iter().map(|c| c.t_seconds()).fold(f64::INFINITY, f64::min),
        };
        for population in &mut self.populations {
            population.spike_count = 0;
        }
        self.collect_divisions();
        self.warn_of_nan();
        Ok(ending)
    }

    /// Makes room for what monitors will record, or says now that there is not enough of it.
    fn prepare_monitors(&mut self) -> Result<(), Error> {
        self.spike_monitors.iter_mut().for_each(|m| m.prepare());
        let records = |clock: &Clock| (clock.end() - clock.step()).max(0) as usize;
        let rate_steps = |m: &RateMonitor, populations: &[Population], clocks: &[Clock]| {
            records(&clocks[populations[m.population].clock])
        };
        if let Some(free) = available_bytes() {
            let mut needed = 0u64;
            for monitor in &self.rate_monitors {
                let steps = rate_steps(monitor, &self.populations, &self.clocks) as u64;
                needed = needed.saturating_add(steps.saturating_mul(2 * size_of::<f64>() as u64));
                if needed > free {
                    return Err(Error::Memory { monitor: monitor.name.clone(), needed, free });
                }
            }
            for monitor in &self.state_monitors {
                needed = needed.saturating_add(monitor.bytes_for(records(&self.clocks[monitor.clock])));
                if needed > free {
                    return Err(Error::Memory { monitor: monitor.name.clone(), needed, free });
                }
            }
        }
        for monitor in &mut self.rate_monitors {
            let steps = rate_steps(monitor, &self.populations, &self.clocks);
            monitor.t.reserve(steps);
            monitor.rate.reserve(steps);
        }
        for monitor in &mut self.state_monitors {
            monitor.prepare(records(&self.clocks[monitor.clock]));
        }
        Ok(())
    }

    fn collect_divisions(&mut self) {
        let rates = self.propagators.iter_mut().flatten().map(|p| &mut p.code);
        let spikes = self.spike_monitors.iter_mut().filter_map(|m| m.code.as_mut());
        let states = self.state_monitors.iter_mut().filter_map(|m| m.code.as_mut());
        let all = self.code.iter_mut().chain(rates).chain(spikes).chain(states);
        let sites: Vec<_> = all.flat_map(|c| c.take_divisions_by_zero()).collect();
        self.warn_of_divisions(sites);
    }

    /// Brings the matrices of linear systems up to date: all, or those that can change while the network runs.
    fn update_propagators(&mut self, all: bool) {
        for (updater, population) in self.propagators.iter_mut().zip(&mut self.populations) {
            if let Some(updater) = updater.as_mut().filter(|u| all || u.every_step) {
                updater.update(population, self.clocks[population.clock].dt_seconds());
            }
        }
    }

    /// One clock: every object is due at every step.
    fn run_single(&mut self, progress: Progress<'_>) -> Result<Ending, Error> {
        let stop = self.stop.clone();
        let actions: Vec<Action> = self.schedule.iter().map(|s| s.action).collect();
        let (first, end) = (self.clocks[0].step(), self.clocks[0].end());
        let mut report = Report::new(progress);
        while self.clocks[0].is_running() {
            if stop.load(Ordering::Relaxed) {
                return Ok(Ending::Stopped);
            }
            self.take_new_code()?;
            let t = self.clocks[0].t_seconds();
            for action in &actions {
                self.act(*action, t);
            }
            self.clocks[0].advance();
            report.step(|| (self.clocks[0].step() - first) as f64 / (end - first) as f64);
        }
        report.end();
        Ok(Ending::Complete)
    }

    /// Several clocks: at each time, the objects of all clocks that are due run in the order of the schedule.
    fn run_several(&mut self, progress: Progress<'_>) -> Result<Ending, Error> {
        let stop: std::sync::Arc<AtomicBool> = self.stop.clone();
        let actions: Vec<(usize, Action)> = self.schedule.iter().map(|s| (s.clock, s.action)).collect();
        let start = self.t_seconds;
        let end = self.clocks.iter().map(|c| c.end() as f64 * c.dt_seconds()).fold(0.0, f64::max);
        let mut report = Report::new(progress);
        let mut flags = Vec::with_capacity(self.clocks.len());
        while let Some(first) = due(&self.clocks, &mut flags) {
            if !self.clocks[first].is_running() {
                break;
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(Ending::Stopped);
            }
            self.take_new_code()?;
            for (clock, action) in &actions {
                if flags[*clock] {
                    let t = self.clocks[*clock].t_seconds();
                    self.act(*action, t);
                }
            }
            for (clock, due) in self.clocks.iter_mut().zip(&flags) {
                if *due {
                    clock.advance();
                }
            }
            report.step(|| (self.clocks[first].t_seconds() - start) / (end - start));
        }
        report.end();
        Ok(Ending::Complete)
    }

    #[inline]
    fn act(&mut self, action: Action, t_seconds: f64) {
        match action {
            Action::StateUpdate { population, code } => {
                if self.propagators[population].as_ref().is_some_and(|p| p.every_step) {
                    self.update_propagator(population);
                }
                self.code[code].run(self.populations[population].group.n);
            }
            Action::Threshold { population, code } => {
                let population = &mut self.populations[population];
                population.spike_count = self.code[code].select(population.group.n, &mut population.spikes);
                if population.spike_count > 0 {
                    population.mark_spikes(t_seconds);
                }
            }
            Action::Reset { population, code } => {
                let population = &self.populations[population];
                if population.spike_count > 0 {
                    self.code[code].run_over(&population.spikes[..population.spike_count]);
                }
            }
            Action::RecordSpikes { monitor } => {
                let monitor = &mut self.spike_monitors[monitor];
                let population = &self.populations[monitor.population];
                monitor.record(&population.spikes[..population.spike_count], t_seconds, &population.arrays);
            }
            Action::Operate { population, code } => self.code[code].run(self.populations[population].group.n),
            Action::RecordRate { monitor } => {
                let monitor = &mut self.rate_monitors[monitor];
                let population = &self.populations[monitor.population];
                let dt = self.clocks[population.clock].dt_seconds();
                monitor.t.push(t_seconds);
                // In Brian2's order of operations, to the last bit.
                monitor.rate.push(population.spike_count as f64 / dt / population.group.n as f64);
            }
            Action::RecordState { monitor } => {
                let monitor: &mut StateMonitor = &mut self.state_monitors[monitor];
                monitor.record(t_seconds, &self.populations[monitor.population].arrays);
            }
        }
    }

    fn update_propagator(&mut self, population: usize) {
        if let Some(updater) = &mut self.propagators[population] {
            let population = &mut self.populations[population];
            updater.update(population, self.clocks[population.clock].dt_seconds());
        }
    }
}

/// Tells the caller of progress, without looking at the wall clock at every step.
struct Report<'a> {
    progress: Progress<'a>,
    last: Instant,
    steps: u32,
}

impl<'a> Report<'a> {
    fn new(progress: Progress<'a>) -> Report<'a> {
        progress(0.0);
        Report { progress, last: Instant::now(), steps: 0 }
    }

    #[inline]
    fn step(&mut self, fraction: impl FnOnce() -> f64) {
        self.steps += 1;
        if self.steps == STEPS_BETWEEN_LOOKS {
            self.steps = 0;
            let now = Instant::now();
            if now.duration_since(self.last) >= REPORT_EVERY {
                self.last = now;
                (self.progress)(fraction());
            }
        }
    }

    fn end(self) {
        (self.progress)(1.0);
    }
}

//! The run loop.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::check::Source;
use super::code::{Code, Elements};
use super::error::Error;
use super::memory::Memory;
use super::model::Value;
use super::monitor::{EventMonitor, RateMonitor, Recording};
use super::population::{EventSpace, Population};
use super::synapses::flight::Remarks;
use super::synapses::pathway::{goes_by_row, row_array};
use super::synapses::steps::LONGEST;
use super::{Action, Network};
use crate::diag::{Diagnostic, Diagnostics, Severity, Text};
use crate::random::Streams;
use crate::runtime::clock::{Clock, due};
use crate::runtime::fpu::default_environment;
use crate::runtime::memory::available_for;

/// How often the caller hears of progress.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Steps between two looks at the wall clock: cheap for short steps, and often enough for long ones.
const STEPS_BETWEEN_LOOKS: u32 = 16;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunProgress {
    /// Wall time since it began.
    pub elapsed: Duration,
    /// How much of it is done, from 0 to 1.
    pub completed: f64,
    /// Simulated time at which it began, in seconds.
    pub start_seconds: f64,
    /// Simulated time that it is to take, in seconds.
    pub duration_seconds: f64,
}

/// Hears how far a run is: at its start, now and then, and at its end.
pub type Progress<'a> = &'a mut dyn FnMut(RunProgress);

/// Why a run ends after the current step.
#[derive(Debug)]
pub(super) enum Halt {
    /// That was asked for.
    Stop,
    /// Something failed.
    Failed(Error),
}

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
    /// [`Error::Model`] if that is no finite time of at least 0; otherwise if code that the run waits for cannot be made.
    pub fn run(&mut self, duration_seconds: f64, progress: Progress<'_>) -> Result<Ending, Error> {
        if self.is_running {
            return Err(Error::Running("a run within a run"));
        }
        if !(duration_seconds >= 0.0 && duration_seconds.is_finite()) {
            let message = format!("a run takes a finite time of at least 0, not {duration_seconds} s");
            return Err(Error::Model(Diagnostics(vec![Diagnostic::unlocated(message)])));
        }
        let start = self.t_seconds;
        let end = start + duration_seconds;
        for clock in &mut self.memory.clocks {
            clock.set_interval(start, end);
        }
        self.start_inputs()?;
        self.forget_events();
        self.update_propagators(true);
        self.prepare_monitors()?;
        self.wait_for_code()?;
        self.first_step.get_or_insert_with(Instant::now);
        self.halt = None;
        self.is_running = true;
        let report = Report::new(progress, start, duration_seconds);
        let environment = default_environment();
        let before = self.is_profiling.then(|| self.begin_profile());
        let ending = match (self.clock_classes(), self.is_profiling) {
            (classes, false) if classes.len() == 1 => self.run_single::<false>(report),
            (classes, true) if classes.len() == 1 => self.run_single::<true>(report),
            (classes, false) => self.run_several::<false>(&classes, report),
            (classes, true) => self.run_several::<true>(&classes, report),
        };
        if let Some(before) = before {
            self.end_profile(before);
        }
        drop(environment);
        self.is_running = false;
        let ending = match (ending, self.halt.take()) {
            (_, Some(Halt::Failed(error))) => Err(error),
            (ending, _) => ending,
        };
        let is_complete = matches!(ending, Ok(Ending::Complete));
        self.t_seconds = match is_complete {
            true => end,
            false => self.memory.clocks.iter().map(|c| c.t_seconds()).fold(f64::INFINITY, f64::min),
        };
        self.memory.populations.iter_mut().flat_map(|p| &mut p.events).for_each(EventSpace::end_run);
        self.collect_divisions();
        self.warn_of_nan();
        ending
    }

    /// Before a run that goes on with one that was stopped in between: what happened in the last step is seen in the next
    /// one, as if there had been no end.
    pub(crate) fn resume(&mut self) {
        self.memory.populations.iter_mut().flat_map(|p| &mut p.events).for_each(EventSpace::resume);
    }

    /// Brings everything that follows the lengths of steps, and links, up to date.
    fn start_inputs(&mut self) -> Result<(), Error> {
        let Memory { clocks, populations, timed, .. } = &mut self.memory;
        timed.values_mut().for_each(|array| array.update(|clock| clocks[clock].dt_seconds()));
        let mut diagnostics = Diagnostics::default();
        for population in populations {
            let clock = &clocks[population.clock];
            if let Some(spikes) = &mut population.spikes {
                let lost = spikes.start(clock.step());
                if lost > 0 && clock.end() > clock.step() {
                    let message = format!(
                        "{lost} spikes of the group `{}` are before the start of the run at {} s and are left out",
                        population.group.name,
                        clock.t_seconds()
                    );
                    let warning = Diagnostic { severity: Severity::Warning, ..Diagnostic::unlocated(message) };
                    // A run that goes on begins again and again.
                    if !self.warnings.0.contains(&warning) {
                        self.warnings.push(warning);
                    }
                }
            }
            population.choose_linked_cells(&mut diagnostics);
        }
        self.bounds.iter_mut().for_each(|code| code.object.run_range(0..0));
        self.follow_delays()?;
        for pathway in &mut self.pathways {
            let population = &self.memory.populations[pathway.synapses];
            let Some(wiring) = &population.wiring else { continue };
            let name = pathway.program.delay_name();
            let Some(delays) = wiring.delays.get(&name) else { continue };
            let dt_seconds = self.memory.clocks[pathway.clock].dt_seconds();
            let values = || population.told(&name).map_or(Vec::new(), |array| array.as_f64().to_vec());
            let found = pathway.flight.prepare(delays, wiring.version, dt_seconds, values);
            let Some(Remarks { lost, senseless, is_too_long }) = found else { continue };
            let name = &pathway.name;
            if is_too_long {
                let message = format!("a delay of `{name}` is longer than {LONGEST} steps");
                diagnostics.push(Diagnostic::unlocated(message).hint("use shorter delays or longer steps"));
            }
            let warn = |message| Diagnostic { severity: Severity::Warning, ..Diagnostic::unlocated(message) };
            if lost > 0 {
                let message = format!("{lost} delays of `{name}` are shorter than half a step and became 0");
                self.warnings.push(warn(message));
            }
            if senseless > 0 {
                let message = format!("{senseless} delays of `{name}` are below zero or not a number, and count as 0");
                self.warnings.push(warn(message));
            }
        }
        if diagnostics.has_errors() { Err(Error::Model(diagnostics)) } else { Ok(()) }
    }

    /// Where delays became different, or one, code goes over to lists of synapses, or to whole cells.
    pub(super) fn follow_delays(&mut self) -> Result<(), Error> {
        self.memory.populations.iter_mut().for_each(Population::follow_delays);
        let mut has_changed = false;
        for number in 0..self.pathways.len() {
            let pathway = &self.pathways[number];
            let Some(wiring) = &self.memory.populations[pathway.synapses].wiring else { continue };
            let Some(delays) = wiring.delays.get(&pathway.program.delay_name()) else { continue };
            let is_worth_it = goes_by_row(&pathway.flight.index, delays) && pathway.flight.may_have_cells(delays);
            let wanted = is_worth_it && !pathway.goes_by_list;
            if wanted != pathway.by_row {
                let whole = self.memory.whole(pathway.synapses);
                let (lowered, by_row) = self.memory.pathway_code(&pathway.program, whole, wanted)?;
                if by_row != wanted {
                    self.pathways[number].goes_by_list = true;
                    continue;
                }
                let name = pathway.name.clone();
                self.code[pathway.code] = self.memory.code(whole.into(), name, "synapses", lowered, row_array())?;
                self.pathways[number].by_row = by_row;
                has_changed = true;
            }
        }
        if has_changed {
            self.restart_engine();
        }
        Ok(())
    }

    /// Events that a state brought along are seen in the first step; those that nothing looks for in this run would be seen
    /// in each.
    fn forget_events(&mut self) {
        let Network { memory, schedule, .. } = self;
        for (number, population) in memory.populations.iter_mut().enumerate() {
            for (event_number, event) in population.events.iter_mut().enumerate() {
                let is_looked_for = schedule.iter().filter(|s| s.active).any(|s| match s.action {
                    Action::Threshold { population, event, .. } => (population, event) == (number, event_number),
                    Action::Generate { population } => population == number,
                    _ => false,
                });
                if !is_looked_for {
                    event.count = 0;
                }
            }
        }
    }

    /// Makes room for what monitors will record, or says now that there is not enough of it.
    fn prepare_monitors(&mut self) -> Result<(), Error> {
        if self.stream.is_some() {
            return self.prepare_stream();
        }
        self.event_monitors.iter_mut().for_each(EventMonitor::prepare);
        let Memory { clocks, populations, .. } = &self.memory;
        let rate_steps = |m: &RateMonitor| steps(&clocks[populations[m.source.population].clock]);
        let of_rates = self.rate_monitors.iter().map(|m| m.bytes_for(rate_steps(m)));
        let of_states = self.state_monitors.iter().map(|m| m.bytes_for(steps(&clocks[m.clock])));
        let all = of_rates.chain(of_states).fold(0u64, u64::saturating_add);
        if let Some(free) = available_for(all) {
            let mut needed = 0u64;
            for monitor in &self.rate_monitors {
                needed = needed.saturating_add(monitor.bytes_for(rate_steps(monitor)));
                if needed > free {
                    return Err(Error::Memory { monitor: monitor.name.clone(), needed, free });
                }
            }
            for monitor in &self.state_monitors {
                needed = needed.saturating_add(monitor.bytes_for(steps(&clocks[monitor.clock])));
                if needed > free {
                    return Err(Error::Memory { monitor: monitor.name.clone(), needed, free });
                }
            }
        }
        for monitor in &mut self.rate_monitors {
            monitor.reserve(rate_steps(monitor));
        }
        for monitor in &mut self.state_monitors {
            monitor.reserve(steps(&clocks[monitor.clock]));
        }
        Ok(())
    }

    fn collect_divisions(&mut self) {
        let Network { code, propagators, .. } = self;
        let objects = code.iter_mut().chain(propagators.iter_mut().flatten().map(|p| &mut p.code));
        let sites: Vec<_> = objects.flat_map(|c| c.object.take_divisions_by_zero()).collect();
        self.warn_of_divisions(sites);
    }

    /// Numbers of clocks that go in step with each other, those of a class after its first one.
    fn clock_classes(&self) -> Vec<Vec<usize>> {
        let mut classes: Vec<Vec<usize>> = Vec::new();
        for (number, clock) in self.memory.clocks.iter().enumerate() {
            let same = |class: &&mut Vec<usize>| {
                let first = &self.memory.clocks[class[0]];
                let regular = !first.has_times() && !clock.has_times();
                regular && first.dt_seconds() == clock.dt_seconds() && first.step() == clock.step()
            };
            match classes.iter_mut().find(same) {
                Some(class) => class.push(number),
                None => classes.push(vec![number]),
            }
        }
        classes
    }

    /// Brings the matrices of linear systems up to date: all, or those that can change while the network runs.
    fn update_propagators(&mut self, all: bool) {
        let Network { propagators, memory, streams, .. } = self;
        for (number, updater) in propagators.iter_mut().enumerate() {
            if let Some(updater) = updater.as_mut().filter(|u| all || u.every_step) {
                let dt_seconds = memory.clocks[memory.populations[number].clock].dt_seconds();
                updater.update(&mut memory.populations, number, dt_seconds, streams);
            }
        }
    }

    /// What is carried out: its clock, the action, and its number in the schedule.
    fn active_actions(&self) -> Vec<(usize, Action, usize)> {
        let numbered = self.schedule.iter().enumerate().filter(|(_, s)| s.active);
        numbered.map(|(number, s)| (s.clock, s.action, number)).collect()
    }

    /// Carries out an action, and measures it if that is asked for.
    #[inline]
    fn carry_out<const PROFILE: bool>(&mut self, action: Action, number: usize, t_seconds: f64) {
        if !PROFILE {
            return self.act(action, t_seconds);
        }
        let before = Instant::now();
        self.act(action, t_seconds);
        // An operation may have added objects; the place of others is then theirs from the next run on.
        if let Some(scheduled) = self.schedule.get_mut(number) {
            scheduled.time += before.elapsed();
            scheduled.calls += 1;
        }
    }

    /// Whether the run is to end here.
    #[inline]
    fn is_halted(&self) -> bool {
        self.halt.is_some() || self.stop.load(Ordering::Relaxed)
    }

    /// All clocks in step: every object is due at every step.
    fn run_single<const PROFILE: bool>(&mut self, mut report: Report<'_>) -> Result<Ending, Error> {
        let actions = self.active_actions();
        let (first, end) = (self.memory.clocks[0].step(), self.memory.clocks[0].end());
        while self.memory.clocks[0].is_running() {
            if self.is_halted() {
                return Ok(Ending::Stopped);
            }
            self.take_new_code()?;
            let t = self.memory.clocks[0].t_seconds();
            for (_, action, number) in &actions {
                self.carry_out::<PROFILE>(*action, *number, t);
            }
            self.memory.clocks.iter_mut().for_each(Clock::advance);
            let looked = report.step(|| (self.memory.clocks[0].step() - first) as f64 / (end - first) as f64);
            self.write_chunks(looked)?;
        }
        report.end();
        Ok(Ending::Complete)
    }

    /// Several clocks: at each time, the objects of all clocks that are due run in the order of the schedule.
    fn run_several<const PROFILE: bool>(
        &mut self,
        classes: &[Vec<usize>],
        mut report: Report<'_>,
    ) -> Result<Ending, Error> {
        let class_of = |clock: usize| classes.iter().position(|class| class.contains(&clock)).unwrap_or(0);
        let actions = self.active_actions().into_iter();
        let actions: Vec<(usize, usize, Action, usize)> =
            actions.map(|(clock, action, number)| (class_of(clock), clock, action, number)).collect();
        let firsts: Vec<usize> = classes.iter().map(|class| class[0]).collect();
        let start = self.t_seconds;
        let regular = self.memory.clocks.iter().filter(|c| !c.has_times());
        let end = regular.map(|c| c.end() as f64 * c.dt_seconds()).fold(0.0, f64::max);
        let mut is_due = Vec::with_capacity(firsts.len());
        while let Some(first) = due(&self.memory.clocks, &firsts, &mut is_due) {
            if !self.memory.clocks[first].is_running() {
                break;
            }
            if self.is_halted() {
                return Ok(Ending::Stopped);
            }
            self.take_new_code()?;
            for (class, clock, action, number) in &actions {
                if is_due[*class] {
                    let t = self.memory.clocks[*clock].t_seconds();
                    self.carry_out::<PROFILE>(*action, *number, t);
                }
            }
            for (class, _) in classes.iter().zip(&is_due).filter(|(_, due)| **due) {
                class.iter().for_each(|clock| self.memory.clocks[*clock].advance());
            }
            let looked = report.step(|| (self.memory.clocks[first].t_seconds() - start) / (end - start));
            self.write_chunks(looked)?;
        }
        report.end();
        Ok(Ending::Complete)
    }

    #[inline]
    pub(super) fn act(&mut self, action: Action, t_seconds: f64) {
        let Network { memory, code, streams, .. } = self;
        match action {
            Action::StateUpdate { population, code } => {
                if self.propagators[population].as_ref().is_some_and(|p| p.every_step) {
                    self.update_propagator(population);
                }
                let whole = self.memory.whole(population);
                self.operate(whole, code);
            }
            Action::Generate { population } => {
                let population = &mut memory.populations[population];
                let step = memory.clocks[population.clock].step();
                if let (Some(spikes), Some(event)) = (&mut population.spikes, population.events.first_mut()) {
                    let cells = spikes.spikes(step);
                    event.cells[..cells.len()].copy_from_slice(cells);
                    event.count = cells.len();
                }
            }
            Action::Threshold { population, event, code: number } => {
                let code = &mut code[number];
                memory.refresh(population, &code.copies);
                let n = memory.populations[population].group.n;
                code.prepare(Elements::Range(0, n), &memory.populations, streams);
                let population = &mut memory.populations[population];
                let space = &mut population.events[event];
                space.count = code.object.select_range(0..n, &mut space.cells);
                if event == 0 && space.count > 0 {
                    population.mark_spikes(t_seconds);
                }
            }
            Action::Reset { population, event, code: number } => {
                if memory.populations[population].events[event].count > 0 {
                    let code = &mut code[number];
                    memory.refresh(population, &code.copies);
                    let population = &memory.populations[population];
                    let cells = population.events[event].cells();
                    code.prepare(Elements::List(cells), &memory.populations, streams);
                    code.object.run_over(cells);
                }
            }
            Action::Operate { source, code } => self.operate(source, code),
            Action::Call { operation } => self.call(operation, t_seconds),
            Action::Propagate { pathway } => {
                let pathway = &mut self.pathways[pathway];
                let cells = memory.populations[pathway.source.population].events[pathway.event].of(&pathway.source);
                let first = pathway.source.start as i32;
                pathway.flight.push(cells, first);
                let code = &mut code[pathway.code];
                if pathway.by_row {
                    for cell in pathway.flight.queue.current() {
                        let synapses = pathway.flight.index.range(*cell as usize);
                        if !synapses.is_empty() {
                            code.arrays[0].as_i32_mut()[0] = first + cell;
                            code.object.run_range(synapses);
                        }
                    }
                } else if let Some(parts) = pathway.flight.due_in_parts() {
                    for due in parts.iter().filter(|due| !due.is_empty()) {
                        code.prepare(Elements::List(due), &memory.populations, streams);
                        code.object.run_over(due);
                    }
                } else {
                    let due = pathway.flight.due();
                    if !due.is_empty() {
                        code.prepare(Elements::List(due), &memory.populations, streams);
                        code.object.run_over(due);
                    }
                }
                pathway.flight.queue.advance();
            }
            Action::Sum { sum } => {
                let sum = &self.sums[sum];
                let n = memory.populations[sum.synapses].n();
                if let Some(array) = memory.populations[sum.target.population].arrays.get_mut(&sum.variable) {
                    (sum.target.start..sum.target.stop).for_each(|cell| array.set(cell, 0.0));
                }
                let code = &mut code[sum.code];
                code.prepare(Elements::Range(0, n), &memory.populations, streams);
                code.object.run_range(0..n);
            }
            Action::RecordEvents { monitor } => {
                let monitor = &mut self.event_monitors[monitor];
                let cells = memory.populations[monitor.source.population].events[monitor.event].of(&monitor.source);
                if cells.is_empty() {
                    return;
                }
                if let Some(number) = monitor.code {
                    memory.refresh(monitor.source.population, &code[number].copies);
                }
                let population = &memory.populations[monitor.source.population];
                let cells = population.events[monitor.event].of(&monitor.source);
                if let Some(number) = monitor.code {
                    compute(&mut code[number], &memory.populations, cells, streams);
                }
                monitor.record(cells, t_seconds, &population.arrays, monitor.code.map(|k| &code[k].arrays));
            }
            Action::RecordState { monitor } => {
                let monitor = &mut self.state_monitors[monitor];
                if let Some(number) = monitor.code {
                    memory.refresh(monitor.source.population, &code[number].copies);
                    compute(&mut code[number], &memory.populations, &monitor.record, streams);
                }
                let arrays = &memory.populations[monitor.source.population].arrays;
                monitor.record(t_seconds, arrays, monitor.code.map(|k| &code[k].arrays));
            }
            Action::RecordRate { monitor } => {
                let monitor = &mut self.rate_monitors[monitor];
                let population = &memory.populations[monitor.source.population];
                let count = population.events[0].of(&monitor.source).len();
                let dt = memory.clocks[population.clock].dt_seconds();
                // In Brian2's order of operations, to the last bit.
                monitor.record(t_seconds, count as f64 / dt / monitor.source.n() as f64);
            }
        }
    }

    #[inline]
    fn operate(&mut self, source: Source, number: usize) {
        let Network { memory, code, streams, .. } = self;
        let code = &mut code[number];
        memory.refresh(source.population, &code.copies);
        code.prepare(Elements::Range(source.start, source.stop), &memory.populations, streams);
        code.object.run_range(source.start..source.stop);
    }

    fn update_propagator(&mut self, population: usize) {
        let Network { propagators, memory, streams, .. } = self;
        if let Some(updater) = &mut propagators[population] {
            let dt_seconds = memory.clocks[memory.populations[population].clock].dt_seconds();
            updater.update(&mut memory.populations, population, dt_seconds, streams);
        }
    }
}

/// Steps of a clock in this run.
pub(super) fn steps(clock: &Clock) -> usize {
    (clock.end() - clock.step()).max(0) as usize
}

/// Fills the computed variables of a monitor for these cells.
fn compute(code: &mut Code, populations: &[Population], cells: &[i32], streams: &mut Streams) {
    code.prepare(Elements::List(cells), populations, streams);
    code.object.run_over(cells);
}

/// Tells the caller of progress, without looking at the wall clock at every step.
struct Report<'a> {
    progress: Progress<'a>,
    start: Instant,
    last: Instant,
    steps: u32,
    start_seconds: f64,
    duration_seconds: f64,
}

impl<'a> Report<'a> {
    fn new(progress: Progress<'a>, start_seconds: f64, duration_seconds: f64) -> Report<'a> {
        let now = Instant::now();
        let mut report = Report { progress, start: now, last: now, steps: 0, start_seconds, duration_seconds };
        report.tell(0.0, now);
        report
    }

    fn tell(&mut self, completed: f64, now: Instant) {
        (self.progress)(RunProgress {
            elapsed: now.duration_since(self.start),
            completed,
            start_seconds: self.start_seconds,
            duration_seconds: self.duration_seconds,
        });
    }

    /// One step more; what the clock says, if it was looked at.
    #[inline]
    fn step(&mut self, fraction: impl FnOnce() -> f64) -> Option<Instant> {
        self.steps += 1;
        if self.steps < STEPS_BETWEEN_LOOKS {
            return None;
        }
        self.steps = 0;
        let now = Instant::now();
        if now.duration_since(self.last) >= REPORT_EVERY {
            self.last = now;
            self.tell(fraction(), now);
        }
        Some(now)
    }

    fn end(mut self) {
        self.tell(1.0, Instant::now());
    }
}

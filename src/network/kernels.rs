//! The kernels of a network: code objects get code from the engine, between two steps.

use std::time::Instant;

use super::Network;
use super::code::Code;
use super::error::Error;
use super::propagator::PropagatorUpdater;
use crate::engine::{CodeObject, Moment, Replacement, Report, Tier};
use crate::runtime::clock::Clock;

impl Network {
    /// When the last kernel became an optimised one, if all did before the last step.
    pub fn full_speed(&self) -> Option<Instant> {
        self.engine.full_speed()
    }

    /// What is known about the kernels that ran at every step.
    pub fn kernel_reports(&self) -> impl Iterator<Item = Report> {
        self.engine.reports().to_vec().into_iter()
    }

    /// What stood in the way of compiled kernels.
    pub fn engine_warnings(&self) -> &[String] {
        self.engine.warnings()
    }

    /// Gives up code that is being made, of a program that is about to end: its compilers are killed.
    pub fn abandon_code(&mut self) {
        self.engine.abandon();
    }

    /// Waits for compilations that were started, so that the store has what they make.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub fn finish(&mut self) -> Result<(), Error> {
        Ok(self.engine.finish()?)
    }

    pub(super) fn start_engine(&mut self) {
        let (moment, expected) = (self.moment(), self.expected_seconds());
        let Network { engine, code, propagators, .. } = self;
        engine.start(all_code_mut(code, propagators), moment, expected);
    }

    /// How long the interpreter would take for the planned runs, if there are any: roughly, and rather too long, since
    /// code that runs over a list has less to do.
    fn expected_seconds(&self) -> Option<f64> {
        if self.runs.is_empty() {
            return None;
        }
        let shortest = self.memory.clocks.iter().map(Clock::dt_seconds).fold(f64::INFINITY, f64::min);
        let steps = self.runs.iter().map(|run| run.duration_seconds).sum::<f64>() / shortest;
        let each_step = all_code(&self.code, &self.propagators).map(CodeObject::interpreted_seconds).sum::<f64>();
        Some(steps * each_step)
    }

    /// Makes code for code objects that took the place of others.
    pub(super) fn restart_engine(&mut self) {
        let moment = self.moment();
        let Network { engine, code, propagators, .. } = self;
        engine.restart(all_code_mut(code, propagators), moment);
    }

    /// Where the simulation is.
    pub(super) fn moment(&self) -> Moment {
        let clock = &self.memory.clocks[0];
        Moment { step: clock.step() as u64, t_seconds: clock.t_seconds() }
    }

    /// The first step of the tier `compiled` waits for all code.
    pub(super) fn wait_for_code(&mut self) -> Result<(), Error> {
        if self.engine.was_forked() {
            self.restart_engine();
        }
        if self.engine.tier() == Tier::Compiled {
            while self.engine.wait_for_news(&self.stop) {
                self.swap_new_code()?;
            }
        }
        all_code(&self.code, &self.propagators).for_each(CodeObject::prepare);
        if self.is_profiling {
            // Those that took the place of others are not measured yet.
            all_code_mut(&mut self.code, &mut self.propagators).for_each(CodeObject::measure);
        }
        Ok(())
    }

    /// No code is made any more, since nobody waits for it.
    pub(crate) fn cancel_code(&self) {
        self.engine.cancel();
    }

    /// How many steps of the model have passed.
    pub(crate) fn steps(&self) -> u64 {
        self.memory.clocks.first().map_or(0, |clock| clock.step() as u64)
    }

    /// Monitors of events: name, how many events there were, how many cells are watched.
    pub(crate) fn event_counts(&self) -> impl Iterator<Item = (String, u64, usize)> {
        self.event_monitors.iter().map(|m| (m.name.clone(), m.total, m.source.n()))
    }

    /// Whether all code is there that is going to be.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub(crate) fn has_code(&mut self) -> Result<bool, Error> {
        self.take_new_code()?;
        Ok(!self.engine.is_waiting())
    }

    /// Waits until more code is there, or nobody makes any.
    pub(crate) fn wait_for_news(&mut self) {
        self.engine.wait_for_news(&std::sync::atomic::AtomicBool::new(false));
    }

    /// Lets code by hand run in the place of the kernels that it is for, from the next step on, and the own code of all
    /// others.
    pub(crate) fn replace_code(&mut self, replacements: Vec<Replacement>) {
        let moment = self.moment();
        let Network { engine, code, propagators, .. } = self;
        engine.replace(replacements, moment, &mut all_code_mut(code, propagators).collect::<Vec<_>>());
    }

    /// Gives code objects the kernels with which the next run begins.
    ///
    /// # Errors
    /// If one of them cannot be made: a bug of ours, which that run would report as well.
    pub(crate) fn settle_code(&mut self) -> Result<(), Error> {
        self.follow_delays()
    }

    #[inline]
    pub(super) fn take_new_code(&mut self) -> Result<(), Error> {
        if self.engine.has_news() { self.swap_new_code() } else { Ok(()) }
    }

    fn swap_new_code(&mut self) -> Result<(), Error> {
        let moment = self.moment();
        let Network { engine, code, propagators, .. } = self;
        Ok(engine.take(Some(moment), &mut all_code_mut(code, propagators).collect::<Vec<_>>())?)
    }

    /// Has code made for what was added last.
    pub(super) fn foresee_last(&mut self) {
        let Network { engine, code, .. } = self;
        code.last().iter().flat_map(|code| code.objects()).for_each(|object| engine.foresee(object));
    }
}

/// The code that runs at every step; its order numbers what arrives from the engine.
pub(super) fn all_code<'a>(
    code: &'a [Code],
    propagators: &'a [Option<PropagatorUpdater>],
) -> impl Iterator<Item = &'a CodeObject> {
    let rates = propagators.iter().flatten().filter(|p| p.every_step).map(|p| &p.code);
    code.iter().chain(rates).flat_map(Code::objects)
}

/// The same, in the same order, to change it.
pub(super) fn all_code_mut<'a>(
    code: &'a mut [Code],
    propagators: &'a mut [Option<PropagatorUpdater>],
) -> impl Iterator<Item = &'a mut CodeObject> {
    let rates = propagators.iter_mut().flatten().filter(|p| p.every_step).map(|p| &mut p.code);
    code.iter_mut().chain(rates).flat_map(Code::objects_mut)
}

//! Makes code in the background and keeps account of it: what is on its way, what has arrived, what runs since when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::by_hand::{Held, Replacement};
use super::head_start::Started;
use super::loaded::{self, How};
use super::proof::{Trial, Verdict};
use super::worker::{Arrival, Job, News, Ready, Worker};
use super::{
    CodeObject, EngineError, Moment, Notice, Options, Origin, Reason, Report, RunsOn, Swap, Threads, Tier, shape_name,
};
use crate::build::{Key, stop_all};
use crate::load::slot::Mailbox;

/// Makes code for the code objects of one network.
pub struct Engine {
    options: Options,
    /// What to ask for among the kernels of this process.
    how: Option<How>,
    mailbox: Mailbox<Arrival>,
    worker: Option<Worker>,
    cancelled: Arc<AtomicBool>,
    reports: Vec<Report>,
    outstanding: usize,
    interpreted: usize,
    trials: Vec<Tried>,
    /// Code by hand, and which kernels it is for.
    replacements: Vec<Replacement>,
    /// Which code objects run code by hand, and what they have instead.
    held: BTreeMap<usize, Held>,
    /// Which code objects have heard the last of their code: what is preliminary comes too late for them.
    settled: Vec<bool>,
    full_speed: Option<Instant>,
    warnings: Vec<String>,
    threads: Arc<Threads>,
    /// The process that the threads are in.
    process: u32,
}

/// A kernel that has yet to prove itself.
struct Tried {
    number: usize,
    trial: Arc<Trial>,
    ready: Ready,
    is_preliminary: bool,
}

impl Engine {
    /// Nothing is done yet.
    pub fn new(options: Options) -> Engine {
        let (threads, warning) = threads(&options);
        let (worker, mailbox, cancelled) = match options.head_start.take() {
            Some(Started { worker, mailbox, cancelled }) => (Some(worker), mailbox, cancelled),
            None => (None, Mailbox::that_rings(options.wake.clone()), Arc::new(AtomicBool::new(false))),
        };
        Engine {
            how: How::of(&options),
            options,
            mailbox,
            worker,
            cancelled,
            reports: Vec::new(),
            outstanding: 0,
            interpreted: 0,
            trials: Vec::new(),
            replacements: Vec::new(),
            held: BTreeMap::new(),
            settled: Vec::new(),
            full_speed: None,
            warnings: warning.into_iter().collect(),
            threads: Arc::new(threads),
            process: std::process::id(),
        }
    }

    /// Hears of a code object as soon as there is one, to have its code sooner.
    pub fn foresee(&mut self, object: &CodeObject) {
        if self.options.tier == Tier::Interpreter || self.recall(object).is_some() {
            return;
        }
        if let Some(worker) = self.worker() {
            worker.foresee(object.kernel(), object.ir());
        }
    }

    fn recall(&self, object: &CodeObject) -> Option<Ready> {
        let loaded = loaded::recall(object.ir(), self.how.as_ref()?)?;
        Some(Ready { loaded, origin: Origin::Hit })
    }

    /// The thread that makes code, which is started if need be.
    fn worker(&mut self) -> Option<&Worker> {
        if self.worker.is_none() {
            match Worker::spawn(&self.options, &self.mailbox, &self.cancelled) {
                Ok(worker) => self.worker = Some(worker),
                Err(cause) => self.warn(format!("cannot start a thread to compile kernels: {cause}")),
            }
        }
        self.worker.as_ref()
    }

    /// Starts to make code for these code objects, and lets them use the engine's threads; what arrives is numbered in
    /// their order. `expected_seconds`: how long the interpreter would take for all that they are going to run, if that is
    /// known; what is over before code is there is left to it.
    pub fn start<'a>(
        &mut self,
        objects: impl Iterator<Item = &'a mut CodeObject>,
        moment: Moment,
        expected_seconds: Option<f64>,
    ) {
        let mut jobs = Vec::new();
        for (number, object) in objects.enumerate() {
            match self.options.least_elements {
                Some(least) => object.divide(&self.threads, least),
                None => object.divide_among(&self.threads),
            }
            self.settled.push(false);
            self.reports.push(Report {
                name: object.name.clone(),
                kind: object.kind,
                shape: shape_name(&object.kernel().shape),
                language: self.options.language,
                key: None,
                kernel: None,
                origin: Origin::Interpreter,
                compile_seconds: None,
                compiler: None,
                swaps: Vec::new(),
                by_hand: None,
                reason: Some(if self.options.tier == Tier::Interpreter { Reason::NotAsked } else { Reason::NotReady }),
            });
            let recalled = match self.options.tier {
                Tier::Interpreter => None,
                Tier::Auto | Tier::Compiled => self.recall(object),
            };
            match recalled {
                Some(ready) => self.install(object, number, ready, false, moment),
                None => {
                    let (kernel, ir) = (object.kernel().clone(), *object.ir());
                    jobs.push(Job { number, kernel, ir, elements: object.elements });
                }
            }
            if let Some(replacement) = self.replacements.iter().find(|r| r.is_for(object)).cloned() {
                self.put_by_hand(number, object, &replacement, moment);
            }
        }
        let count = jobs.len();
        if self.options.tier == Tier::Interpreter {
            self.interpreted = count;
        } else if count == 0 {
            self.note_full_speed();
            if let Some(worker) = &self.worker {
                // It may have something to say about the store.
                worker.start(jobs, expected_seconds);
            }
        } else if let Some(worker) = self.worker() {
            worker.start(jobs, expected_seconds);
            self.outstanding = count;
        } else {
            self.interpreted = count;
        }
    }

    /// Starts anew, after code objects were exchanged. Code by hand for one whose kernel is another one now is left out,
    /// which is told.
    pub fn restart<'a>(&mut self, objects: impl Iterator<Item = &'a mut CodeObject>, moment: Moment) {
        self.wait();
        let mut objects: Vec<&mut CodeObject> = objects.collect();
        objects.iter_mut().for_each(|object| object.run_own(moment.step));
        self.held.clear();
        let is_lost = |replacement: &Replacement| !objects.iter().any(|object| replacement.is_for(object));
        let (lost, kept) = std::mem::take(&mut self.replacements).into_iter().partition::<Vec<_>, _>(is_lost);
        self.replacements = kept;
        lost.iter().for_each(|replacement| self.warn(replacement.no_longer_fits()));
        self.mailbox.take().into_iter().for_each(drop);
        self.reports.clear();
        self.trials.clear();
        self.settled.clear();
        self.full_speed = None;
        (self.outstanding, self.interpreted) = (0, 0);
        self.start(objects.into_iter(), moment, None);
    }

    /// Whether the threads are those of another process, of which this one was forked off: they are not here. New ones
    /// take their place, and the caller is to [`restart`](Engine::restart).
    pub fn was_forked(&mut self) -> bool {
        if !self.is_forked() {
            return false;
        }
        self.process = std::process::id();
        self.mailbox = Mailbox::that_rings(self.options.wake.clone());
        self.cancelled = Arc::new(AtomicBool::new(false));
        let (threads, warning) = threads(&self.options);
        self.threads = Arc::new(threads);
        self.warnings.extend(warning);
        true
    }

    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// Whether code may still arrive.
    pub fn is_waiting(&self) -> bool {
        self.outstanding > 0
    }

    /// Whether code may still arrive, or has to prove itself.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.outstanding > 0 || !self.trials.is_empty()
    }

    /// Whether there is something to [`take`](Engine::take).
    #[inline]
    pub fn has_news(&self) -> bool {
        self.is_busy()
            && (self.mailbox.has_arrived() || self.trials.iter().any(|tried| tried.trial.verdict().is_some()))
    }

    /// Gives each kernel that has arrived to its code object, before the step at this moment. Without a moment the
    /// network has no more steps to run, and what has arrived is only noted.
    ///
    /// # Errors
    /// If the compiler that the user named cannot be used.
    pub fn take(&mut self, moment: Option<Moment>, objects: &mut [&mut CodeObject]) -> Result<(), EngineError> {
        let mut refused = None;
        self.settle(moment, objects);
        for Arrival { numbers, news } in self.mailbox.take() {
            let is_preliminary = matches!(news, News::Preliminary(_));
            if !is_preliminary {
                self.outstanding -= numbers.len().min(self.outstanding);
                numbers.iter().for_each(|number| self.settled[*number] = true);
            }
            match news {
                News::Ready(ready) | News::Preliminary(ready) => {
                    let is_late = |number: &usize| is_preliminary && self.settled[*number];
                    let numbers: Vec<usize> = numbers.into_iter().filter(|number| !is_late(number)).collect();
                    for number in numbers {
                        match (moment, objects.get_mut(number)) {
                            (Some(moment), Some(object)) => {
                                self.install(object, number, ready.clone(), is_preliminary, moment);
                            }
                            _ if is_preliminary => {}
                            _ => self.note(number, &ready),
                        }
                    }
                }
                News::NotWorthIt => self.leave(&numbers, Reason::NotWorthIt),
                News::Failed(reason) => {
                    self.leave(&numbers, Reason::Failed(reason.clone()));
                    self.warn(reason);
                }
                News::Refused(error) => {
                    self.leave(&numbers, Reason::Failed(error.to_string()));
                    refused = Some(error);
                }
                News::Warning(warning) => self.warn(warning),
            }
        }
        if moment.is_some() && self.full_speed.is_none() {
            self.note_full_speed();
        }
        match refused {
            // A compiler that was named is used or refused, never replaced.
            Some(error) => Err(EngineError::Toolchain(error)),
            None => Ok(()),
        }
    }

    /// Lets code by hand run in the place of the kernels that it is for, between two steps; all others run their own again.
    /// What is for none of these kernels is left out.
    pub fn replace(&mut self, replacements: Vec<Replacement>, moment: Moment, objects: &mut [&mut CodeObject]) {
        self.replacements = replacements;
        self.replacements.retain(|replacement| objects.iter().any(|object| replacement.is_for(object)));
        for (number, object) in objects.iter_mut().enumerate() {
            match self.replacements.iter().find(|replacement| replacement.is_for(object)).cloned() {
                Some(replacement) => self.put_by_hand(number, object, &replacement, moment),
                None => self.put_back(number, object, moment),
            }
        }
    }

    fn put_by_hand(&mut self, number: usize, object: &mut CodeObject, replacement: &Replacement, moment: Moment) {
        let Replacement { code, .. } = replacement;
        if self.reports[number].key == Some(code.loaded.key) {
            return;
        }
        let mut arrived = None;
        if let Some(k) = self.trials.iter().position(|tried| tried.number == number) {
            // It can be tried out when it is to run.
            let Tried { trial, ready, is_preliminary, .. } = self.trials.remove(k);
            object.swap(trial.trusted(), trial.trusted_name(), moment.step);
            arrived = Some((ready, is_preliminary));
        }
        let own = self.reports[number].clone();
        self.held.entry(number).or_insert(Held { report: own, arrived });
        object.run_by_hand(code.loaded.code.clone(), code.loaded.key.short(), moment.step);
        let ready = Ready { loaded: code.loaded.clone(), origin: Origin::Hand };
        let report = &mut self.reports[number];
        report.language = code.source.language;
        report.by_hand = Some(code.source.clone());
        report.reason = None;
        report.swaps.push(swap(Some(code.loaded.key), RunsOn::Hand, moment));
        note(report, &ready);
        code.warnings.iter().for_each(|warning| self.warn(warning.clone()));
    }

    fn put_back(&mut self, number: usize, object: &mut CodeObject, moment: Moment) {
        let Some(Held { report: own, arrived }) = self.held.remove(&number) else { return };
        object.run_own(moment.step);
        let mut swaps = std::mem::take(&mut self.reports[number].swaps);
        swaps.push(swap(own.swaps.last().and_then(|swap| swap.key), own.runs_on(), moment));
        self.reports[number] = Report { swaps, ..own };
        if let Some((ready, is_preliminary)) = arrived {
            self.install(object, number, ready, is_preliminary, moment);
        }
    }

    /// What is known about the code of the kernel itself, also while code by hand runs in its place.
    fn own_report(&mut self, number: usize) -> &mut Report {
        match self.held.get_mut(&number) {
            Some(held) => &mut held.report,
            None => &mut self.reports[number],
        }
    }

    /// Notes why these stay on the interpreter.
    fn leave(&mut self, numbers: &[usize], reason: Reason) {
        self.interpreted += numbers.len();
        numbers.iter().for_each(|number| self.own_report(*number).reason = Some(reason.clone()));
    }

    /// Puts code into its place, or lets it prove itself there first.
    fn install(&mut self, object: &mut CodeObject, number: usize, ready: Ready, is_preliminary: bool, moment: Moment) {
        if let Some(held) = self.held.get_mut(&number) {
            held.arrived = Some((ready, is_preliminary));
            return;
        }
        if !self.options.cpu.runs_here() {
            // It was made for the store.
            self.reports[number].reason = Some(Reason::OtherProcessor);
            return self.note(number, &ready);
        }
        let (code, name) = (ready.loaded.code.clone(), ready.loaded.key.short());
        if !self.options.check_swap {
            object.swap(code, name, moment.step);
            return self.note_swap(number, &ready, is_preliminary, moment);
        }
        // What is on trial already makes way for what is better.
        if let Some(k) = self.trials.iter().position(|tried| tried.number == number) {
            let trial = self.trials.remove(k).trial;
            object.swap(trial.trusted(), trial.trusted_name(), moment.step);
        }
        let trial = object.try_out(code, name, moment.step);
        self.trials.push(Tried { number, trial, ready, is_preliminary });
    }

    fn note_swap(&mut self, number: usize, ready: &Ready, is_preliminary: bool, moment: Moment) {
        let runs_on = if is_preliminary { RunsOn::Preliminary } else { RunsOn::Compiled };
        self.reports[number].swaps.push(swap(Some(ready.loaded.key), runs_on, moment));
        if !is_preliminary {
            self.reports[number].reason = None;
            self.note(number, ready);
        }
    }

    fn note(&mut self, number: usize, ready: &Ready) {
        note(self.own_report(number), ready);
    }

    /// Swaps in what has proved itself, and leaves out what has not.
    fn settle(&mut self, moment: Option<Moment>, objects: &mut [&mut CodeObject]) {
        for tried in std::mem::take(&mut self.trials) {
            let Tried { number, ref trial, ref ready, is_preliminary } = tried;
            let (Some(verdict), Some(object)) = (trial.verdict(), objects.get_mut(number)) else {
                if moment.is_some() {
                    self.trials.push(tried);
                }
                continue;
            };
            let moment = moment.unwrap_or_default();
            match verdict {
                Verdict::Same => {
                    object.swap(ready.loaded.code.clone(), ready.loaded.key.short(), moment.step);
                    self.note_swap(number, ready, is_preliminary, moment);
                }
                Verdict::Wrong(what) | Verdict::Unknown(what) => {
                    object.swap(trial.trusted(), trial.trusted_name(), moment.step);
                    if !is_preliminary {
                        self.reports[number].reason = Some(Reason::Unproven(what.clone()));
                    }
                    let (name, key) = (&self.reports[number].name, ready.loaded.key.short());
                    let trusted = trial.trusted_words();
                    let warning = format!("the kernel {key} of `{name}` {what}; {trusted} goes on in its place");
                    self.warn(warning);
                    self.interpreted += usize::from(!is_preliminary);
                    if matches!(verdict, Verdict::Wrong(_)) {
                        // Whoever needs it next compiles it anew.
                        self.how.iter().for_each(|how| loaded::forget(&ready.loaded.key, how));
                        self.options.store().set_aside(&ready.loaded.kernel, &ready.loaded.key);
                    }
                }
            }
        }
    }

    fn note_full_speed(&mut self) {
        if !self.is_busy() && self.interpreted == 0 {
            self.full_speed = Some(Instant::now());
        }
    }

    fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Waits until there is something to [`take`](Engine::take); false if all there will be was taken, or `stop` is true.
    pub fn wait_for_news(&mut self, stop: &AtomicBool) -> bool {
        /// How often it is looked whether there is still somebody to wait for.
        const LOOK: Duration = Duration::from_millis(50);
        if self.outstanding == 0 {
            return false;
        }
        loop {
            if self.mailbox.wait(LOOK) {
                return true;
            }
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            if self.worker.as_ref().is_none_or(Worker::has_ended) {
                // It may have posted something before it ended.
                return self.mailbox.has_arrived();
            }
        }
    }

    /// Whether nobody makes code any more.
    pub fn has_ended(&self) -> bool {
        self.worker.as_ref().is_none_or(Worker::has_ended)
    }

    /// Nothing is begun any more, since nobody waits for it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Gives up what is being made, in a process that is about to end: compilers are killed until nobody starts one.
    pub fn abandon(&mut self) {
        /// How often it is looked whether another one was started meanwhile.
        const LOOK: Duration = Duration::from_millis(1);
        /// Who does not end by then waits for something else than a compiler, such as a disk.
        const LONGEST: Duration = Duration::from_secs(2);
        self.cancel();
        let ends = Instant::now() + LONGEST;
        while self.worker.as_ref().is_some_and(|worker| !worker.has_ended()) && Instant::now() < ends {
            stop_all();
            std::thread::sleep(LOOK);
        }
    }

    fn wait(&mut self) {
        if let Some(worker) = self.worker.take()
            && !worker.join()
        {
            self.warn("internal error: the thread that compiles kernels panicked; please report it".to_string());
        }
    }

    /// Waits until all that was begun is done and kept, and notes what came of it, after the last step. A process that
    /// was forked off has begun nothing: what its copy of the memory tells is another process's, and so are the locks in
    /// it.
    ///
    /// # Errors
    /// If the compiler that the user named cannot be used.
    pub fn finish(&mut self) -> Result<(), EngineError> {
        if self.is_forked() {
            return Ok(());
        }
        self.wait();
        self.take(None, &mut [])
    }

    /// Who hears of work that needs much memory.
    pub fn notice(&self) -> &Notice {
        &self.options.notice
    }

    /// How code is made.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What runs the kernels.
    pub fn tier(&self) -> Tier {
        self.options.tier
    }

    /// What is known about each code object, in their order.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }

    /// When the last kernel became an optimised one, if all of them did while the network ran.
    pub fn full_speed(&self) -> Option<Instant> {
        self.full_speed
    }

    /// What stood in the way of compiled kernels.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn note(report: &mut Report, ready: &Ready) {
    report.key = Some(ready.loaded.key);
    report.kernel = Some(ready.loaded.kernel);
    report.origin = ready.origin;
    report.compile_seconds = Some(ready.loaded.compile_seconds);
    report.compiler = Some(ready.loaded.compiler.clone());
}

fn swap(key: Option<Key>, runs_on: RunsOn, moment: Moment) -> Swap {
    Swap { key, runs_on, at: Instant::now(), moment }
}

fn threads(options: &Options) -> (Threads, Option<String>) {
    match Threads::new(options.threads) {
        Ok(threads) => (threads, None),
        Err(cause) => (Threads::one(), Some(format!("cannot start threads to run kernels: {cause}"))),
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // What is being compiled is finished and kept; nothing new is started.
        self.cancel();
        self.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Env;

    #[test]
    fn what_another_process_was_told_is_not_waited_for() {
        let mut engine = Engine::new(Options::interpreted());
        engine.mailbox.post(Arrival { numbers: Vec::new(), news: News::Warning("of the first one".to_string()) });
        let process = std::mem::replace(&mut engine.process, 0);
        engine.finish().unwrap();
        assert!(engine.warnings().is_empty() && engine.mailbox.has_arrived(), "its memory is left alone");
        engine.process = process;
        engine.finish().unwrap();
        assert_eq!(engine.warnings(), ["of the first one"]);
    }

    #[test]
    fn settings_that_are_nonsense_are_told_though_no_code_is_asked_for() {
        let settings = [("SALTUS_COMPILE_TIMEOUT", "-1"), ("SALTUS_CACHE_MAX_AGE", "soon")];
        let mut engine = Engine::new(Options { env: Env::new(settings), ..Options::default() });
        assert!(engine.worker().is_some());
        engine.finish().unwrap();
        let told =
            |name: &str| engine.warnings().iter().any(|warning| warning.starts_with(&format!("`{name}` is ignored")));
        assert!(settings.iter().all(|(name, _)| told(name)), "{:?}", engine.warnings());
    }
}

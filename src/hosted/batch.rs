//! Code that gets its kernels together: compilers work side by side, and who is not compiled yet is interpreted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use super::by_hand::Digest;
use super::code::Code;
use crate::engine::{ByHand, CodeObject, Engine, EngineError, Moment, Options, Replacement, Report, Tier};

/// Code objects that were given to one engine.
pub struct Batch {
    engine: Mutex<Engine>,
    members: Vec<Arc<Mutex<Code>>>,
    /// Of each member: name and kernel of its statements.
    kernels: Vec<(String, Digest)>,
    /// Where the code objects of each member begin among those of all.
    starts: Vec<usize>,
    begun: Instant,
    /// What code by hand is to run, until it does.
    wanted: Mutex<Vec<Replacement>>,
    is_wanted: AtomicBool,
    /// What is to be said about its code.
    notes: Mutex<Vec<String>>,
    /// How often code was run, to say when a kernel was swapped.
    step: AtomicU64,
    /// Whether code is not to run before its kernels are there.
    awaited: AtomicBool,
    /// Where it was started.
    process: u32,
}

impl Batch {
    /// Starts to look up or compile the kernels of all of these.
    pub fn start(members: Vec<Arc<Mutex<Code>>>, options: Options) -> Batch {
        let (begun, awaited) = (Instant::now(), AtomicBool::new(options.tier == Tier::Compiled));
        let mut engine = Engine::new(options);
        let (mut kernels, mut starts, mut count) = (Vec::new(), Vec::new(), 0);
        {
            let mut codes: Vec<MutexGuard<'_, Code>> = members.iter().map(|code| locked(code)).collect();
            let objects = codes.iter_mut().flat_map(|code| code.objects_mut());
            engine.start(objects, Moment::default(), None);
            for code in &mut codes {
                kernels.push((code.object().name.clone(), *code.object().ir()));
                starts.push(count);
                count += code.objects_mut().count();
            }
        }
        Batch {
            engine: Mutex::new(engine),
            members,
            kernels,
            starts,
            begun,
            wanted: Mutex::new(Vec::new()),
            is_wanted: AtomicBool::new(false),
            notes: Mutex::new(Vec::new()),
            step: AtomicU64::new(0),
            awaited,
            process: std::process::id(),
        }
    }

    /// Gives kernels that have arrived to their code, unless some of it is running: then the next look does.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub fn attend(&self) -> Result<(), EngineError> {
        let Ok(mut engine) = self.engine.try_lock() else { return Ok(()) };
        self.step.fetch_add(1, Ordering::Relaxed);
        if self.is_wanted.load(Ordering::Acquire) {
            self.put_by_hand(&mut engine);
        }
        if !engine.is_busy() {
            return Ok(());
        }
        if engine.was_forked() {
            return self.restart(&mut engine);
        }
        if engine.has_news() { self.take(&mut engine) } else { Ok(()) }
    }

    /// In a process that was forked off, kernels that had not arrived never will: whoever made them is not here.
    #[cold]
    fn restart(&self, engine: &mut Engine) -> Result<(), EngineError> {
        let Some(mut codes) = self.codes() else { return Ok(()) };
        engine.restart(codes.iter_mut().flat_map(|code| code.objects_mut()), self.moment());
        Ok(())
    }

    /// Whether code is not to run before its kernels are there.
    pub fn is_awaited(&self) -> bool {
        // In a process that was forked off, nothing comes, and somebody else may have the engine for ever.
        self.awaited.load(Ordering::Acquire) && self.process == std::process::id()
    }

    /// Waits for kernels for a moment and gives those that have arrived to their code; whether there is still something to
    /// wait for, if code is not to be interpreted meanwhile.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub fn wait_a_moment(&self) -> Result<bool, EngineError> {
        let mut engine = locked(&self.engine);
        let once = AtomicBool::new(true);
        let may_come = engine.has_news() || engine.wait_for_news(&once) || !engine.has_ended();
        let taken = self.take(&mut engine);
        let is_awaited = self.is_awaited() && may_come && taken.is_ok() && engine.is_waiting();
        self.awaited.store(is_awaited, Ordering::Release);
        taken.map(|()| is_awaited)
    }

    /// Nobody waits any more: what comes later is used as soon as it is there.
    pub fn stop_waiting(&self) {
        self.awaited.store(false, Ordering::Release);
    }

    /// Lets code by hand run in the place of the kernels that `choose` has some for, by the names and digests of their code
    /// objects, and all others their own: now if nothing of the batch is running, else from the next call on.
    pub fn replace(&self, choose: impl Fn(&str, &Digest) -> Option<ByHand>) {
        let replacement = |(name, ir): &(String, Digest)| {
            choose(name, ir).map(|code| Replacement { of: name.clone(), ir: *ir, code })
        };
        *locked(&self.wanted) = self.kernels.iter().filter_map(replacement).collect();
        self.is_wanted.store(true, Ordering::Release);
        if let Ok(mut engine) = self.engine.try_lock() {
            self.put_by_hand(&mut engine);
        }
    }

    #[cold]
    fn put_by_hand(&self, engine: &mut Engine) {
        let Some(mut codes) = self.codes() else { return };
        self.is_wanted.store(false, Ordering::Release);
        let wanted = locked(&self.wanted).clone();
        engine.replace(wanted, self.moment(), &mut objects(&mut codes));
    }

    /// Waits until all kernels are there that will be, if code is not to be interpreted meanwhile.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub fn wait_if_compiled(&self) -> Result<(), EngineError> {
        while self.wait_a_moment()? {}
        Ok(())
    }

    /// Nothing more is begun, since nobody waits for it.
    pub fn cancel(&self) {
        if let Ok(engine) = self.engine.try_lock() {
            engine.cancel();
        }
    }

    /// Kills what makes kernels, in a process that is about to end.
    pub fn abandon(&self) {
        if let Ok(mut engine) = self.engine.try_lock() {
            engine.abandon();
        }
    }

    fn take(&self, engine: &mut Engine) -> Result<(), EngineError> {
        match self.codes() {
            Some(mut codes) => engine.take(Some(self.moment()), &mut objects(&mut codes)),
            None => Ok(()),
        }
    }

    /// All code, unless some of it is running.
    fn codes(&self) -> Option<Vec<MutexGuard<'_, Code>>> {
        self.members.iter().map(|code| free(code)).collect()
    }

    fn moment(&self) -> Moment {
        Moment { step: self.step.load(Ordering::Relaxed), ..Moment::default() }
    }

    /// Whether kernels may still arrive.
    pub fn is_waiting(&self) -> bool {
        // Whoever has it waits for something.
        self.engine.try_lock().map_or(true, |engine| engine.is_busy())
    }

    /// Whether somebody is at work on kernels.
    pub fn is_at_work(&self) -> bool {
        self.engine.try_lock().map_or(true, |engine| !engine.has_ended())
    }

    /// What is known about the kernel of the statements of a member; nothing while somebody waits for kernels, who may be in
    /// the process that this one was forked off from.
    pub fn report(&self, member: usize) -> Option<Report> {
        self.engine.try_lock().ok()?.reports().get(*self.starts.get(member)?).cloned()
    }

    /// Name and digest of the kernel of the statements of a member.
    pub fn kernel(&self, member: usize) -> Option<&(String, Digest)> {
        self.kernels.get(member)
    }

    /// When it was started.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Has something to say about its code.
    pub fn note(&self, text: String) {
        locked(&self.notes).push(text);
    }

    /// What there is to say since this was last asked.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.notes))
    }

    /// What stood in the way of compiled kernels, as far as it is to be had.
    pub fn warnings(&self) -> Vec<String> {
        self.engine.try_lock().map(|engine| engine.warnings().to_vec()).unwrap_or_default()
    }
}

fn objects<'a>(codes: &'a mut [MutexGuard<'_, Code>]) -> Vec<&'a mut CodeObject> {
    codes.iter_mut().flat_map(|code| code.objects_mut()).collect()
}

/// What a lock guards, unless somebody has it.
fn free<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

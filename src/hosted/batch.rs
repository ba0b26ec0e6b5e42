//! Code that gets its kernels together: compilers work side by side, and who is not compiled yet is interpreted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::code::Code;
use crate::engine::{Engine, EngineError, Moment, Options, Report, Tier};

/// Code objects that were given to one engine.
pub struct Batch {
    engine: Mutex<Engine>,
    members: Vec<Arc<Mutex<Code>>>,
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
        let awaited = AtomicBool::new(options.tier == Tier::Compiled);
        let mut engine = Engine::new(options);
        {
            let mut codes: Vec<MutexGuard<'_, Code>> = members.iter().map(|code| locked(code)).collect();
            let objects = codes.iter_mut().flat_map(|code| code.objects_mut());
            engine.start(objects, Moment::default(), None);
        }
        Batch { engine: Mutex::new(engine), members, step: AtomicU64::new(0), awaited, process: std::process::id() }
    }

    /// Gives kernels that have arrived to their code, unless some of it is running: then the next look does.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub fn attend(&self) -> Result<(), EngineError> {
        let Ok(mut engine) = self.engine.try_lock() else { return Ok(()) };
        self.step.fetch_add(1, Ordering::Relaxed);
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
        let Some(mut codes) = self.all() else { return Ok(()) };
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
        let Some(mut codes) = self.all() else { return Ok(()) };
        let mut objects: Vec<_> = codes.iter_mut().flat_map(|code| code.objects_mut()).collect();
        engine.take(Some(self.moment()), &mut objects)
    }

    /// All code, if none of it runs.
    fn all(&self) -> Option<Vec<MutexGuard<'_, Code>>> {
        let free = |code| match Mutex::try_lock(code) {
            Ok(code) => Some(code),
            Err(TryLockError::Poisoned(code)) => Some(code.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
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

    /// What is known about the kernels; nothing while somebody waits for them, who may be in the process that this one
    /// was forked off from.
    pub fn reports(&self) -> Vec<Report> {
        self.engine.try_lock().map(|engine| engine.reports().to_vec()).unwrap_or_default()
    }

    /// What stood in the way of compiled kernels, as far as it is to be had.
    pub fn warnings(&self) -> Vec<String> {
        self.engine.try_lock().map(|engine| engine.warnings().to_vec()).unwrap_or_default()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Code that gets its kernels together: compilers work side by side, and who is not compiled yet is interpreted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::code::Code;
use crate::engine::{Engine, EngineError, Moment, Options, Report, Tier};

/// Code objects that were given to one engine.
pub struct Batch {
    engine: Mutex<Engine>,
    members: Vec<Arc<Mutex<Code>>>,
    /// How often code was run, to say when a kernel was swapped.
    step: AtomicU64,
}

impl Batch {
    /// Starts to look up or compile the kernels of all of these.
    pub fn start(members: Vec<Arc<Mutex<Code>>>, options: Options) -> Batch {
        let mut engine = Engine::new(options);
        {
            let mut codes: Vec<MutexGuard<'_, Code>> = members.iter().map(|code| locked(code)).collect();
            let objects = codes.iter_mut().flat_map(|code| code.objects_mut());
            engine.start(objects, Moment::default(), None);
        }
        Batch { engine: Mutex::new(engine), members, step: AtomicU64::new(0) }
    }

    /// Gives kernels that have arrived to their code, unless some of it is running: then the next look does.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub fn attend(&self) -> Result<(), EngineError> {
        let Ok(mut engine) = self.engine.try_lock() else { return Ok(()) };
        self.step.fetch_add(1, Ordering::Relaxed);
        if !engine.has_news() { Ok(()) } else { self.take(&mut engine) }
    }

    /// Waits until all kernels are there that will be, if code is not to be interpreted meanwhile.
    ///
    /// # Errors
    /// If the compiler that was asked for cannot be used.
    pub fn wait_if_compiled(&self) -> Result<(), EngineError> {
        let mut engine = locked(&self.engine);
        if engine.tier() == Tier::Compiled {
            while engine.wait_for_news(&std::sync::atomic::AtomicBool::new(false)) {
                self.take(&mut engine)?;
            }
        }
        Ok(())
    }

    fn take(&self, engine: &mut Engine) -> Result<(), EngineError> {
        let mut codes = Vec::with_capacity(self.members.len());
        for code in &self.members {
            match code.try_lock() {
                Ok(code) => codes.push(code),
                Err(TryLockError::Poisoned(code)) => codes.push(code.into_inner()),
                Err(TryLockError::WouldBlock) => return Ok(()),
            }
        }
        let mut objects: Vec<_> = codes.iter_mut().flat_map(|code| code.objects_mut()).collect();
        let step = self.step.load(Ordering::Relaxed);
        engine.take(Some(Moment { step, ..Moment::default() }), &mut objects)
    }

    /// Whether kernels may still arrive.
    pub fn is_waiting(&self) -> bool {
        self.engine.try_lock().is_ok_and(|engine| engine.is_busy())
    }

    /// What is known about the kernels.
    pub fn reports(&self) -> Vec<Report> {
        locked(&self.engine).reports().to_vec()
    }

    /// What stood in the way of compiled kernels.
    pub fn warnings(&self) -> Vec<String> {
        locked(&self.engine).warnings().to_vec()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Threads that run the chunks of one call together with its caller.
//!
//! Chunks are taken one by one, each thread's own first and then those of others, so that a thread that is late or slow
//! holds nobody up; which thread runs a chunk must not matter. Between calls the threads look for work for a while, as
//! the next call of a step is near, and then sleep. A call allocates nothing. All threads compute in the floating-point
//! environment of a run.

use std::cell::UnsafeCell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::JoinHandle;

use super::beside::begin_beside;
use crate::runtime::fpu::default_environment;

/// How often a thread looks for work before it sleeps: some 50 microseconds, about what waking it costs, and longer than
/// what a step does between the calls that are worth dividing.
const LOOKS: u32 = 2000;

/// Waits a moment. Every now and then others get the processor, among them the thread that is waited for, if there are
/// fewer processors than threads that have something to do.
fn pause(looks: u32) {
    if looks % 64 == 63 { std::thread::yield_now() } else { std::hint::spin_loop() }
}

/// Something to run for each chunk.
type Body<'a> = dyn Fn(usize) + Sync + 'a;

/// Threads besides the caller's, which wait for work.
#[derive(Debug)]
pub struct Threads {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the one call that they work for.
    exclusive: Mutex<()>,
    /// The process that they are in.
    process: u32,
}

/// One call.
struct Job {
    body: *const Body<'static>,
    /// Threads that have chunks of their own; the others help.
    owners: usize,
}

/// The chunks of an owner that nobody took yet. Owners do not share a line of the cache.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Chunks {
    next: AtomicUsize,
    end: AtomicUsize,
}

/// The job is open: threads may begin to work on it.
const OPEN: u64 = 1;
/// One thread works on the job.
const ONE_INSIDE: u64 = 2;
/// One job after the other.
const ONE_JOB: u64 = 1 << 32;

struct Shared {
    /// Number of the job, how many threads work on it besides the caller, and whether it is open. All in one word, so
    /// that no thread begins once the caller has closed it.
    state: AtomicU64,
    job: UnsafeCell<Option<Job>>,
    chunks: Vec<Chunks>,
    /// The workers that sleep.
    asleep: Vec<AtomicBool>,
    /// No work will come.
    ended: AtomicBool,
    /// A chunk panicked.
    failed: AtomicBool,
}

// SAFETY: the job is written by the caller only, while it is closed and nobody is inside; it is read only by threads
// that are inside. Its body may be run by several threads at once.
unsafe impl Sync for Shared {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Shared {}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Threads {
    /// This number of threads, one of which is the caller's.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new(count: NonZeroUsize) -> std::io::Result<Threads> {
        let shared = Arc::new(Shared::new(count.get()));
        let mut threads =
            Threads { shared, workers: Vec::new(), exclusive: Mutex::new(()), process: std::process::id() };
        for number in 1..count.get() {
            let shared = Arc::clone(&threads.shared);
            let name = format!("saltus-run-{number}");
            let worker = std::thread::Builder::new().name(name).spawn(move || shared.work(number))?;
            begin_beside(&worker);
            threads.workers.push(worker);
        }
        Ok(threads)
    }

    /// The caller's thread only.
    pub fn one() -> Threads {
        let shared = Arc::new(Shared::new(1));
        Threads { shared, workers: Vec::new(), exclusive: Mutex::new(()), process: std::process::id() }
    }

    /// How many there are, with the caller's.
    pub fn count(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `body` once for each of the chunks `0..chunks`, in any order and on any thread, and returns when all are
    /// done. While the threads work for another caller, this one does everything.
    ///
    /// # Panics
    /// If `body` does.
    pub fn run(&self, chunks: usize, body: &Body<'_>) {
        let exclusive = match self.exclusive.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if exclusive.is_none() || self.workers.is_empty() || chunks < 2 {
            return (0..chunks).for_each(body);
        }
        let shared = &*self.shared;
        let owners = self.count().min(chunks);
        for (owner, own) in shared.chunks.iter().enumerate().take(owners) {
            own.next.store(chunks * owner / owners, Ordering::Relaxed);
            own.end.store(chunks * (owner + 1) / owners, Ordering::Relaxed);
        }
        // SAFETY: only the lifetime changes. Nobody uses the body after `Closing` is dropped, which is in this call.
        let body = unsafe { std::mem::transmute::<&Body<'_>, &'static Body<'static>>(body) };
        // SAFETY: the last job was closed and left by all, and no other caller is here.
        unsafe { *shared.job.get() = Some(Job { body, owners }) };
        shared.failed.store(false, Ordering::Relaxed);
        let closing = Closing(shared);
        shared.open();
        for (worker, asleep) in self.workers.iter().zip(&shared.asleep).take(owners - 1) {
            if asleep.load(Ordering::SeqCst) {
                worker.thread().unpark();
            }
        }
        shared.take_chunks(0);
        drop(closing);
        assert!(!shared.failed.load(Ordering::Relaxed), "a chunk of a kernel's call panicked");
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            if self.process != std::process::id() {
                // They are in the process of which this one was forked off: there is nobody to wait for.
                std::mem::forget(worker);
                continue;
            }
            worker.thread().unpark();
            // A panic of a worker was reported to the caller that it worked for.
            drop(worker.join());
        }
    }
}

impl Shared {
    fn new(count: usize) -> Shared {
        Shared {
            state: AtomicU64::new(0),
            job: UnsafeCell::new(None),
            chunks: (0..count).map(|_| Chunks::default()).collect(),
            asleep: (1..count).map(|_| AtomicBool::new(false)).collect(),
            ended: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    fn open(&self) {
        let state = self.state.load(Ordering::Relaxed);
        self.state.store((state | OPEN).wrapping_add(ONE_JOB), Ordering::SeqCst);
    }

    /// The life of a worker.
    fn work(&self, number: usize) {
        let _environment = default_environment();
        let mut last = 0;
        while let Some(job) = self.wait_for_job(number, last) {
            last = job;
            let _inside = Inside(self);
            self.take_chunks(number);
        }
    }

    /// The number of the next job, which this thread is inside now; `None` if no job will come.
    fn wait_for_job(&self, number: usize, last: u64) -> Option<u64> {
        for looks in 0..LOOKS {
            if self.ended.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(job) = self.enter(last) {
                return Some(job);
            }
            pause(looks);
        }
        let asleep = &self.asleep[number - 1];
        asleep.store(true, Ordering::SeqCst);
        // A caller that opens a job from here on sees that this thread sleeps, and one that did so before is seen.
        let job = loop {
            if self.ended.load(Ordering::SeqCst) {
                break None;
            }
            if let Some(job) = self.enter(last) {
                break Some(job);
            }
            std::thread::park();
        };
        asleep.store(false, Ordering::Relaxed);
        job
    }

    /// Begins to work on a job after `last`, if one is open, and returns its number.
    fn enter(&self, last: u64) -> Option<u64> {
        let mut state = self.state.load(Ordering::SeqCst);
        while state & OPEN != 0 && state / ONE_JOB != last {
            let inside = state + ONE_INSIDE;
            match self.state.compare_exchange_weak(state, inside, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(state / ONE_JOB),
                Err(now) => state = now,
            }
        }
        None
    }

    /// Runs chunks of the job until nobody has any left. Only from inside, or by the caller.
    fn take_chunks(&self, number: usize) {
        // SAFETY: the job stays as it is while a thread is inside.
        let Some(Job { body, owners }) = (unsafe { &*self.job.get() }) else { return };
        // SAFETY: the caller waits for everybody inside before its body goes.
        let body = unsafe { &**body };
        for owner in (number..number + owners).map(|owner| &self.chunks[owner % owners]) {
            let end = owner.end.load(Ordering::Relaxed);
            // Looked at before it is taken, so that threads that find nothing write nothing.
            while owner.next.load(Ordering::Relaxed) < end {
                let chunk = owner.next.fetch_add(1, Ordering::Relaxed);
                if chunk < end {
                    body(chunk);
                }
            }
        }
    }
}

/// A worker inside a job; leaves when dropped, also by a panic.
struct Inside<'a>(&'a Shared);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
        self.0.state.fetch_sub(ONE_INSIDE, Ordering::Release);
    }
}

/// Closes the job and waits for those inside when dropped, also by a panic.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.state.fetch_and(!OPEN, Ordering::Relaxed);
        let inside = |state: u64| state % ONE_JOB >= ONE_INSIDE;
        (0..).take_while(|_| inside(self.0.state.load(Ordering::Acquire))).for_each(pause);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn threads(count: usize) -> Threads {
        Threads::new(NonZeroUsize::new(count).expect("at least one")).expect("threads")
    }

    fn count_one(runs: &AtomicUsize) {
        runs.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn every_chunk_is_run_once() {
        for count in [1, 2, 3, 5] {
            let threads = threads(count);
            assert_eq!(threads.count(), count);
            for chunks in (0..20).chain([64]).cycle().take(2000) {
                let runs: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                threads.run(chunks, &|chunk| count_one(&runs[chunk]));
                assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1), "{runs:?}");
            }
        }
    }

    #[test]
    fn all_threads_work_and_threads_that_sleep_wake_up() {
        let threads = threads(3);
        for _ in 0..20 {
            while !threads.shared.asleep.iter().all(|asleep| asleep.load(Ordering::Relaxed)) {
                std::thread::yield_now();
            }
            // Passed only by three threads together.
            let barrier = Barrier::new(3);
            threads.run(3, &|_| {
                barrier.wait();
            });
        }
    }

    #[test]
    fn a_call_from_a_chunk_is_run_by_its_thread() {
        let (threads, runs) = (threads(2), AtomicUsize::new(0));
        threads.run(4, &|_| threads.run(4, &|_| count_one(&runs)));
        assert_eq!(runs.into_inner(), 16);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_next_call_works() {
        let threads = threads(2);
        let barrier = Barrier::new(2);
        let panics =
            |body: &Body| std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| threads.run(2, body))).is_err();
        let caller = std::thread::current().id();
        assert!(panics(&|_| {
            barrier.wait();
            assert!(std::thread::current().id() == caller, "on the worker");
        }));
        assert!(panics(&|chunk| assert!(chunk > 0, "on some thread")));
        assert!(!panics(&|_| ()));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn threads_keep_denormals_whoever_starts_them() {
        let outer = default_environment();
        let flush_to_zero = 0x9fc0u32;
        // SAFETY: loads a valid value; `outer` restores the thread's own.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const flush_to_zero, options(nostack)) };
        let threads = threads(3);
        drop(outer);
        let barrier = Barrier::new(3);
        threads.run(3, &|_| {
            barrier.wait();
            let half = std::hint::black_box(f64::MIN_POSITIVE) * std::hint::black_box(0.5);
            assert!(half > 0.0);
        });
    }
}

//! What a code object runs, exchanged between two steps.
//!
//! A [`KernelSlot`] belongs to the run loop, so a call through it takes no lock and no atomic operation: it is one
//! indirect call. New kernels come from other threads through a [`Mailbox`], at the cost of one atomic load for each
//! step in which nothing arrived.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::runtime::abi::{Call, Execute};

/// When a slot got which kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the kernel is called: the interpreter, or a short key.
    pub name: String,
    /// The step before which it was swapped in.
    pub step: u64,
}

/// The kernel that a code object runs now, and when it got it.
pub struct KernelSlot {
    current: Arc<dyn Execute>,
    history: Vec<Change>,
}

impl KernelSlot {
    /// A slot that starts with `kernel`.
    pub fn new(kernel: Arc<dyn Execute>, name: impl Into<String>) -> KernelSlot {
        KernelSlot { current: kernel, history: vec![Change { name: name.into(), step: 0 }] }
    }

    /// Puts `new`, which is loaded and sound, in the place of the current kernel before `step`, and returns that one:
    /// to go back to, or to drop. Nobody can be inside a call meanwhile, since a call borrows the slot.
    pub fn swap(&mut self, new: Arc<dyn Execute>, name: impl Into<String>, step: u64) -> Arc<dyn Execute> {
        self.history.push(Change { name: name.into(), step });
        std::mem::replace(&mut self.current, new)
    }

    /// The kernel it runs now.
    pub fn current(&self) -> &Arc<dyn Execute> {
        &self.current
    }

    /// What the current kernel is called.
    pub fn name(&self) -> &str {
        self.history.last().map_or("", |change| &change.name)
    }

    /// Every kernel it had, the first first.
    pub fn history(&self) -> &[Change] {
        &self.history
    }

    /// Runs the current kernel once.
    ///
    /// # Safety
    /// As for [`Execute::execute`].
    #[inline]
    pub unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        // SAFETY: the caller keeps the promises.
        unsafe { self.current.execute(arrays, call) }
    }
}

impl fmt::Debug for KernelSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelSlot").field("history", &self.history).finish_non_exhaustive()
    }
}

/// Brings things from background threads to the run loop. Its clones are one mailbox.
#[derive(Debug)]
pub struct Mailbox<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    /// Whether `posted` has something in it; written only while it is locked.
    arrived: AtomicBool,
    posted: Mutex<Vec<T>>,
    /// For who waits.
    news: Condvar,
    /// Raised with each thing that arrives, if somebody wants that.
    bell: Option<Arc<AtomicBool>>,
}

impl<T> Mailbox<T> {
    /// An empty one.
    pub fn new() -> Mailbox<T> {
        Mailbox::that_rings(None)
    }

    /// An empty one that raises a flag whenever something arrives.
    pub fn that_rings(bell: Option<Arc<AtomicBool>>) -> Mailbox<T> {
        Mailbox(Arc::new(Shared {
            bell,
            arrived: AtomicBool::new(false),
            posted: Mutex::new(Vec::new()),
            news: Condvar::new(),
        }))
    }

    /// Adds something.
    pub fn post(&self, item: T) {
        let mut posted = self.0.posted.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        posted.push(item);
        self.0.arrived.store(true, Ordering::Release);
        self.0.news.notify_one();
        if let Some(bell) = &self.0.bell {
            bell.store(true, Ordering::Release);
        }
    }

    /// All that has arrived, in order. Costs one atomic load if nothing has.
    #[inline]
    pub fn take(&self) -> Vec<T> {
        if self.has_arrived() { self.empty() } else { Vec::new() }
    }

    /// Waits until something has arrived, or so long; whether it has.
    pub fn wait(&self, limit: Duration) -> bool {
        let posted = self.0.posted.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let waited = self.0.news.wait_timeout_while(posted, limit, |posted| posted.is_empty());
        !waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0.is_empty()
    }

    /// Whether something has arrived that was not taken yet.
    #[inline]
    pub fn has_arrived(&self) -> bool {
        self.0.arrived.load(Ordering::Acquire)
    }

    #[cold]
    fn empty(&self) -> Vec<T> {
        let mut posted = self.0.posted.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.0.arrived.store(false, Ordering::Relaxed);
        std::mem::take(&mut *posted)
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Mailbox<T> {
        Mailbox::new()
    }
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Mailbox<T> {
        Mailbox(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_or_doubled_between_threads() {
        let mailbox = Mailbox::new();
        let mut seen = Vec::new();
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..4)
                .map(|sender| {
                    let mailbox = mailbox.clone();
                    scope.spawn(move || (0..1000).for_each(|number| mailbox.post((sender, number))))
                })
                .collect();
            while !senders.iter().all(|sender| sender.is_finished()) {
                seen.extend(mailbox.take());
            }
            seen.extend(mailbox.take());
        });
        for sender in 0..4 {
            let numbers: Vec<i32> = seen.iter().filter(|(from, _)| *from == sender).map(|(_, n)| *n).collect();
            assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
        }
        assert_eq!(mailbox.take(), []);
    }
}

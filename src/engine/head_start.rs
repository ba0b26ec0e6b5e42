//! What is begun for a network before there is one: a thread that opens the store while a model is still being read.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use super::Options;
use super::worker::{Arrival, Worker};
use crate::load::slot::Mailbox;

/// A thread that makes code, and what belongs to it, for whoever comes first.
#[derive(Clone, Default)]
pub struct HeadStart(Option<Arc<Mutex<Option<Started>>>>);

/// What is in it.
pub(super) struct Started {
    pub(super) worker: Worker,
    pub(super) mailbox: Mailbox<Arrival>,
    pub(super) cancelled: Arc<AtomicBool>,
}

impl HeadStart {
    /// Starts it; nothing, if there is no thread to be had: then it is done later.
    pub(super) fn of(options: &Options) -> HeadStart {
        let (mailbox, cancelled) = (Mailbox::new(), Arc::new(AtomicBool::new(false)));
        let worker = Worker::spawn(options, &mailbox, &cancelled).ok();
        HeadStart(worker.map(|worker| Arc::new(Mutex::new(Some(Started { worker, mailbox, cancelled })))))
    }

    pub(super) fn expect(&self, model: &[u8]) {
        // Without it, kernels are loaded a little later, and that is all.
        if let Some(Ok(started)) = self.0.as_ref().map(|started| started.try_lock())
            && let Some(started) = started.as_ref().filter(|started| started.worker.is_here())
        {
            started.worker.expect(model);
        }
    }

    pub(super) fn take(&self) -> Option<Started> {
        // Who was forked off while another thread looks has no use for it anyway.
        let started = self.0.as_ref()?.try_lock().ok()?.take()?;
        if started.worker.is_here() {
            return Some(started);
        }
        // Its thread is in another process.
        std::mem::forget(started);
        None
    }
}

impl std::fmt::Debug for HeadStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "HeadStart" } else { "no HeadStart" })
    }
}

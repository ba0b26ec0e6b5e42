//! Hears of saves of the files that are watched.
//!
//! The system tells of folders, since editors put another file in the place of the one that is saved. A file with a source
//! may also go: but some editors move it away before they write the new one, so that who is away for a moment is waited for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::cli::failure::Failure;

/// How long an editor may take to put another file in the place of one that it has moved away.
const REPLACING: Duration = Duration::from_millis(100);

/// What was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Saved {
    /// The model.
    Model,
    /// The source with this number.
    Source(usize),
}

/// The saves of some files, each once, however often it was saved meanwhile.
pub(super) struct Saves {
    sources: Vec<PathBuf>,
    told: Receiver<(Saved, Instant)>,
    waiting: BTreeMap<Saved, Instant>,
    watcher: Arc<Mutex<Option<RecommendedWatcher>>>,
}

/// Ends the saves when it is dropped: nobody hears of further ones.
pub(super) struct Hush(Arc<Mutex<Option<RecommendedWatcher>>>);

impl Drop for Hush {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Saves {
    /// Hears of a model and of sources from here on.
    pub(super) fn of<'a>(model: &Path, sources: impl Iterator<Item = &'a Path>) -> Result<Saves, Failure> {
        let sources: Vec<PathBuf> = sources.map(Path::to_path_buf).collect();
        let numbered = sources.iter().enumerate().map(|(number, path)| (Saved::Source(number), &**path));
        let files: Vec<(Saved, &Path)> = std::iter::once((Saved::Model, model)).chain(numbered).collect();
        let mut folders = Vec::new();
        let mut places = Vec::new();
        for (saved, path) in &files {
            let folder = folder(path);
            let whole = folder.canonicalize().with_context(|| format!("cannot watch `{}`", folder.display()))?;
            places.push((*saved, whole.join(path.file_name().unwrap_or_default())));
            if !folders.contains(&whole) {
                folders.push(whole);
            }
        }
        let (tell, told) = channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            event.iter().for_each(|event| hear(event, &places, &tell));
        })
        .context("the system does not tell when files are saved")?;
        for folder in folders {
            let watched = watcher.watch(&folder, RecursiveMode::NonRecursive);
            watched.with_context(|| format!("cannot watch `{}`", folder.display()))?;
        }
        let watcher = Arc::new(Mutex::new(Some(watcher)));
        Ok(Saves { sources, told, waiting: BTreeMap::new(), watcher })
    }

    /// What ends them.
    pub(super) fn hush(&self) -> Hush {
        Hush(self.watcher.clone())
    }

    /// The next one, and when it was; none once nobody hears of any.
    pub(super) fn next(&mut self) -> Option<(Saved, Instant)> {
        if self.waiting.is_empty() {
            let (saved, at) = self.told.recv().ok()?;
            self.waiting.insert(saved, at);
        }
        // Who saves twice in a row means the last one.
        self.waiting.extend(self.told.try_iter());
        while self.waiting.keys().any(|saved| self.is_away(*saved)) {
            match self.told.recv_timeout(REPLACING) {
                Ok((saved, at)) => self.waiting.extend([(saved, at)]),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.waiting.pop_first()
    }

    fn is_away(&self, saved: Saved) -> bool {
        matches!(saved, Saved::Source(number) if !self.sources[number].exists())
    }
}

fn hear(event: &Event, places: &[(Saved, PathBuf)], tell: &Sender<(Saved, Instant)>) {
    let is_whole = matches!(
        event.kind,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both))
    );
    let is_gone = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)));
    for (saved, place) in places {
        let matters = is_whole || is_gone && *saved != Saved::Model;
        if matters && event.paths.contains(place) {
            // At the end nobody listens any more.
            let _ = tell.send((*saved, Instant::now()));
        }
    }
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

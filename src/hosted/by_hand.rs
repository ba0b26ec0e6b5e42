//! Sources that somebody wrote by hand for code of another program, which makes its code anew for every run.
//!
//! Each is for a kernel: by the name of its code, as the program's user knows it, and a digest of the whole kernel. Code
//! that is made later under this name gets it as well, as long as the kernel is the same. Where it is another one, the
//! source is given up, which is told once; its versions are kept, should somebody choose one again.

use std::sync::Arc;

use crate::engine::ByHand;
use crate::render::Source;

/// A digest of a kernel, as of [`CodeObject::ir`](crate::engine::CodeObject::ir).
pub type Digest = [u8; 32];

/// All sources by hand, and which of them are to run.
#[derive(Default)]
pub struct Hands(Vec<Hand>);

/// The versions of one kernel.
struct Hand {
    of: String,
    ir: Digest,
    /// The first one is version 1; 0 is what is generated.
    versions: Vec<ByHand>,
    current: usize,
}

impl Hands {
    /// No sources.
    pub const fn new() -> Hands {
        Hands(Vec::new())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn hand(&self, of: &str, ir: &Digest) -> Option<&Hand> {
        self.0.iter().find(|hand| hand.of == of && hand.ir == *ir)
    }

    fn hand_mut(&mut self, of: &str, ir: &Digest) -> Option<&mut Hand> {
        self.0.iter_mut().find(|hand| hand.of == of && hand.ir == *ir)
    }

    /// Code of this very source, if there was one before, for whatever kernel.
    pub fn known(&self, source: &Source) -> Option<ByHand> {
        self.0.iter().flat_map(|hand| &hand.versions).find(|code| *code.source == *source).cloned()
    }

    /// Lets code run in the place of a kernel; the number of its version. A source that the kernel had before has the
    /// number that it had.
    pub fn add(&mut self, of: &str, ir: &Digest, code: ByHand) -> usize {
        if self.hand(of, ir).is_none() {
            self.0.push(Hand { of: of.to_string(), ir: *ir, versions: Vec::new(), current: 0 });
        }
        let Some(hand) = self.hand_mut(of, ir) else { return 0 };
        let before = hand.versions.iter().position(|known| known.source == code.source);
        let at = before.unwrap_or(hand.versions.len());
        if before.is_none() {
            hand.versions.push(code);
        }
        hand.current = at + 1;
        hand.current
    }

    /// Lets a version run; 0 is what is generated. Whether there is such a version.
    pub fn choose(&mut self, of: &str, ir: &Digest, version: usize) -> bool {
        match self.hand_mut(of, ir) {
            Some(hand) if version <= hand.versions.len() => hand.current = version,
            Some(_) => return false,
            None => return version == 0,
        }
        true
    }

    /// The code that is to run in the place of a kernel.
    pub fn current(&self, of: &str, ir: &Digest) -> Option<ByHand> {
        let hand = self.hand(of, ir)?;
        hand.versions.get(hand.current.checked_sub(1)?).cloned()
    }

    /// The versions of a kernel from number 1 on, and the number of the one that is to run.
    pub fn versions(&self, of: &str, ir: &Digest) -> (Vec<Arc<Source>>, usize) {
        let sources = |hand: &Hand| hand.versions.iter().map(|code| code.source.clone()).collect();
        self.hand(of, ir).map_or((Vec::new(), 0), |hand| (sources(hand), hand.current))
    }

    /// Code of this name has this kernel now: a source for another one does not fit any more. Whether one is given up.
    pub fn give_up_others(&mut self, of: &str, ir: &Digest) -> bool {
        let is_other = |hand: &&mut Hand| hand.of == of && hand.ir != *ir && hand.current > 0;
        self.0.iter_mut().filter(is_other).map(|hand| hand.current = 0).count() > 0
    }
}

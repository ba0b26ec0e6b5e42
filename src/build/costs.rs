//! What compiling has cost on this machine, by compiler: a record beside the memos of compilers, from which the time of the
//! next compilation is told.
//!
//! A run of a compiler takes a time of its own and one for what it compiles; both are fitted to the runs seen, of which
//! older ones count less and less. The record is a hint: it may be absent, stale or lost, and two processes that write it
//! at once lose one of two notes.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::env::read_small;
use super::toolchain::Toolchain;

/// Format of the record; another one is ignored.
const FORMAT: u32 = 1;

/// How much an older run counts against the one after it.
const FADING: f64 = 0.98;

/// Times of the runs of one compiler.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    format: u32,
    /// Sums over the runs, each with its weight in them: of 1, sizes, seconds, and products.
    count: f64,
    sizes: f64,
    seconds: f64,
    sizes_sizes: f64,
    sizes_seconds: f64,
}

impl Costs {
    /// The record about a compiler in a directory of memos; empty if there is none.
    pub fn read(memos: Option<&Path>, toolchain: &Toolchain) -> Costs {
        let read = |memos: &Path| serde_json::from_slice(&read_small(&file(memos, toolchain)).ok()?).ok();
        let known: Option<Costs> =
            memos.and_then(read).filter(|costs: &Costs| costs.format == FORMAT && costs.is_sound());
        known.unwrap_or_default()
    }

    /// Adds the time of one run for a text of this size (in bytes).
    pub fn note(&mut self, size: usize, seconds: f64) {
        let size = size as f64;
        let new = [1.0, size, seconds, size * size, size * seconds];
        let Costs { count, sizes, seconds, sizes_sizes, sizes_seconds, .. } = self;
        for (sum, new) in [count, sizes, seconds, sizes_sizes, sizes_seconds].into_iter().zip(new) {
            *sum = *sum * FADING + new;
        }
    }

    /// How long a run for a text of this size takes, in seconds; none if nothing is known.
    pub fn seconds(&self, size: usize) -> Option<f64> {
        if self.count < 0.5 {
            return None;
        }
        let (mean_size, mean) = (self.sizes / self.count, self.seconds / self.count);
        let spread = self.sizes_sizes / self.count - mean_size * mean_size;
        let slope = (self.sizes_seconds / self.count - mean_size * mean) / spread;
        // Texts of nearly one size say nothing about others, and none is compiled sooner for being longer.
        let slope = if spread > 1.0 && slope.is_finite() { slope.clamp(0.0, mean / mean_size.max(1.0)) } else { 0.0 };
        Some((mean + slope * (size as f64 - mean_size)).max(0.0))
    }

    /// Keeps the record. Without it the next prediction is worse, and nothing else.
    pub fn write(&self, memos: Option<&Path>, toolchain: &Toolchain) {
        if let Some(memos) = memos {
            let _ = self.try_write(memos, toolchain);
        }
    }

    fn try_write(&self, memos: &Path, toolchain: &Toolchain) -> io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(memos)?;
        temporary.write_all(&serde_json::to_vec(&Costs { format: FORMAT, ..self.clone() })?)?;
        temporary.persist(file(memos, toolchain))?;
        Ok(())
    }

    fn is_sound(&self) -> bool {
        let Costs { count, sizes, seconds, sizes_sizes, sizes_seconds, .. } = self;
        [count, sizes, seconds, sizes_sizes, sizes_seconds].iter().all(|sum| sum.is_finite() && **sum >= 0.0)
    }
}

fn file(memos: &Path, toolchain: &Toolchain) -> PathBuf {
    memos.join(format!("costs-{}.json", toolchain.identity.short()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_line_through_what_was_seen() {
        let mut costs = Costs::default();
        assert_eq!(costs.seconds(1000), None);
        costs.note(1000, 0.03);
        assert_eq!(costs.seconds(50_000), Some(0.03));
        for _ in 0..20 {
            for size in [1000, 2000, 5000] {
                costs.note(size, 0.02 + 1e-5 * size as f64);
            }
        }
        let seconds = costs.seconds(10_000).unwrap();
        assert!((seconds - 0.12).abs() < 0.005, "{seconds}");
        // Longer texts that were compiled sooner are chance.
        for size in [1000, 20_000] {
            (0..200).for_each(|_| costs.note(size, 20.0 / size as f64));
        }
        assert!(costs.seconds(1_000_000).unwrap() >= 0.0);
    }

    #[test]
    fn what_is_written_is_read_and_nonsense_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let toolchain = Toolchain {
            program: "/usr/bin/cc".into(),
            arguments: Vec::new(),
            family: crate::build::Family::Gcc,
            version: "gcc version 12.2.0".into(),
            target: "x86_64-linux-gnu".into(),
            identity: crate::build::Key([3; 32]),
            search_path: "/usr/bin".into(),
        };
        let read = || Costs::read(Some(directory.path()), &toolchain).seconds(10);
        assert_eq!(read(), None);
        let mut costs = Costs::default();
        costs.note(10, 0.5);
        costs.write(Some(directory.path()), &toolchain);
        assert_eq!(read(), Some(0.5));
        for nonsense in [
            "",
            "{}",
            "[1]",
            "{\"format\":1,\"count\":-1,\"sizes\":0,\"seconds\":0,\"sizes_sizes\":0,\"sizes_seconds\":0}",
        ] {
            fs::write(file(directory.path(), &toolchain), nonsense).unwrap();
            assert_eq!(read(), None, "{nonsense}");
        }
    }
}

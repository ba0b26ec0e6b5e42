//! Which kernel id belongs to which kernel of the IR: a record beside the kernels, so that what is in the store is found
//! without its text being made, which takes longer than everything else on the way to it.
//!
//! A record is of one renderer, which its name tells: another program makes other texts. It is a hint with a digest for
//! each line: what is damaged is not there, and what two processes write at once is lost for one of them.

use std::collections::BTreeMap;

use super::Store;
use super::directory::Directory;
use crate::build::KernelId;

/// The folder of the records.
const TEXTS: &str = "texts";

/// Digest of the IR, kernel id, and the first bytes of a digest of both.
const LINE: usize = 32 + 32 + CHECK;
const CHECK: usize = 16;

/// The most lines of a record; the oldest go.
const MOST: usize = 4096;

/// The most records: those of programs that are not used any more go with the next line.
const MOST_RECORDS: usize = 8;

/// A digest of a kernel of the IR.
pub type IrDigest = [u8; 32];

fn check(line: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.copy_from_slice(&blake3::hash(line).as_bytes()[..CHECK]);
    check
}

/// What a record holds; the lines that are not in order are not there.
pub(super) fn lines(record: &[u8]) -> Vec<(IrDigest, KernelId)> {
    let line = |line: &[u8]| {
        let (ir, rest) = line.split_first_chunk::<32>()?;
        let (id, found) = rest.split_first_chunk::<32>()?;
        (*found == check(&line[..64])).then_some((*ir, KernelId(*id)))
    };
    record.chunks_exact(LINE).filter_map(line).collect()
}

/// A record with these lines.
pub(super) fn record(lines: &[(IrDigest, KernelId)]) -> Vec<u8> {
    let bytes = lines.iter().flat_map(|(ir, id)| {
        let line = [&ir[..], &id.0[..]].concat();
        let check = check(&line);
        line.into_iter().chain(check)
    });
    bytes.collect()
}

impl Store {
    /// What is known of the texts that a renderer (64 digits) makes.
    pub fn texts(&self, renderer: &str) -> BTreeMap<IrDigest, KernelId> {
        self.text_lines(renderer).into_iter().collect()
    }

    fn text_lines(&self, renderer: &str) -> Vec<(IrDigest, KernelId)> {
        let read = |root: &Directory| root.child(TEXTS, false)?.read(renderer, (MOST * LINE) as u64);
        let Some(Ok(content)) = self.root.as_ref().map(read) else { return Vec::new() };
        lines(&content.bytes)
    }

    /// Adds to what is known.
    pub fn add_texts(&self, renderer: &str, new: &[(IrDigest, KernelId)]) {
        // Without it, kernels are found more slowly, and that is all.
        if let Some(root) = self.root.as_ref().filter(|_| !self.options.read_only && !new.is_empty()) {
            let mut lines = self.text_lines(renderer);
            lines.retain(|(ir, _)| new.iter().all(|(other, _)| other != ir));
            lines.extend(new);
            let _ = write(root, renderer, &record(&lines[lines.len().saturating_sub(MOST)..]));
        }
    }
}

fn write(root: &Directory, renderer: &str, bytes: &[u8]) -> Result<(), super::directory::Error> {
    let (texts, temporary) = (root.child(TEXTS, true)?, root.child(super::TEMPORARY, true)?);
    let names = texts.names().unwrap_or_default();
    if names.len() >= MOST_RECORDS {
        for name in names.iter().filter(|name| *name != renderer) {
            texts.remove(name);
        }
    }
    let name = temporary.write_new(bytes)?;
    if let Err(errno) = temporary.replace(&name, &texts, renderer) {
        temporary.remove(&name);
        return Err(errno.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::StoreOptions;

    #[test]
    fn what_was_added_is_known_and_what_is_damaged_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), StoreOptions::default());
        let lines: Vec<(IrDigest, KernelId)> = (0..5).map(|k| ([k; 32], KernelId([k + 100; 32]))).collect();
        assert!(store.texts("one").is_empty());
        store.add_texts("one", &lines[..3]);
        store.add_texts("one", &lines[2..]);
        store.add_texts("another", &lines[..1]);
        assert_eq!(store.texts("one"), lines.iter().copied().collect());
        assert_eq!(store.texts("another").len(), 1);
        let path = directory.path().join("v1/texts/one");
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let known = store.texts("one");
            assert_eq!(known.len(), 4, "byte {at}");
            assert!(known.iter().all(|(ir, id)| lines.contains(&(*ir, *id))));
        }
        for length in 0..sound.len() {
            fs::write(&path, &sound[..length]).unwrap();
            assert_eq!(store.texts("one").len(), length / LINE);
        }
    }

    #[test]
    fn records_are_few_and_short() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), StoreOptions::default());
        let line = |k: usize| {
            let mut ir = [0; 32];
            ir[..8].copy_from_slice(&k.to_le_bytes());
            (ir, KernelId([7; 32]))
        };
        store.add_texts("one", &(0..MOST + 10).map(line).collect::<Vec<_>>());
        let known = store.texts("one");
        assert_eq!(known.len(), MOST);
        assert!(known.contains_key(&line(MOST + 9).0) && !known.contains_key(&line(9).0));
        for k in 0..20 {
            store.add_texts(&format!("renderer {k}"), &[line(k)]);
        }
        assert!(fs::read_dir(directory.path().join("v1/texts")).unwrap().count() <= MOST_RECORDS);
        assert_eq!(store.texts("renderer 19").len(), 1);
    }
}

//! Which kernel id belongs to which kernel of the IR: a record beside the kernels, so that what is in the store is found
//! without its text being made, which takes longer than everything else on the way to it.
//!
//! A record is of one renderer, which its name tells: another program makes other texts. It is a hint with a digest for
//! each line: what is damaged is not there, and what two processes write at once is lost for one of them.
//!
//! Another record, of few lines, tells which kernels a model needed before, by a digest of its text: they can be loaded
//! while the model is still being read. Whether it needs them is found out as if nothing had been expected.

use super::Store;
use super::directory::Directory;
use crate::build::KernelId;

/// The folder of the records of kernels.
const TEXTS: &str = "texts";

/// The folder of the records of models.
const MODELS: &str = "models";

/// Name, value, and the first bytes of a digest of both.
const LINE: usize = 32 + 32 + CHECK;
const CHECK: usize = 16;

/// The most lines of a record of kernels; the oldest go.
const MOST: usize = 4096;

/// The most lines of a record of models: it is written anew with each model that was not seen before.
const MOST_OF_MODELS: usize = 512;

/// The most records: those of programs that are not used any more go with the next line.
const MOST_RECORDS: usize = 8;

/// The most kernels that are expected of one text.
const MOST_EXPECTED: usize = 64;

/// A digest of a kernel of the IR.
pub type IrDigest = [u8; 32];

/// A digest of the text of a model, and of everything besides it that decides which kernels it needs.
pub type ModelDigest = [u8; 32];

/// A line of a record, by a name: digest of a kernel of the IR and kernel id, or the place of an expected kernel and the
/// digest of its IR.
pub type TextLine = ([u8; 32], [u8; 32]);

/// What is known of the texts of kernels, and of models.
#[derive(Debug, Default)]
pub struct Texts {
    kernels: Vec<u8>,
    models: Vec<u8>,
}

impl Texts {
    /// Whether nothing is known of kernels.
    pub fn is_empty(&self) -> bool {
        self.kernels.is_empty()
    }

    /// The id of a kernel of the IR.
    pub fn get(&self, ir: &IrDigest) -> Option<KernelId> {
        value(&self.kernels, ir).map(KernelId)
    }

    /// Which kernels a model needed.
    pub fn expected(&self, model: &ModelDigest) -> Vec<IrDigest> {
        (0..MOST_EXPECTED).map_while(|k| value(&self.models, &place(model, k))).collect()
    }

    /// The lines that say that a model needs these kernels as well, as far as that is not known.
    pub fn expect(&self, model: &ModelDigest, needed: &[IrDigest]) -> Vec<TextLine> {
        let known = self.expected(model);
        let new = needed.iter().filter(|ir| !known.contains(ir)).take(MOST_EXPECTED - known.len());
        (known.len()..).zip(new).map(|(k, ir)| (place(model, k), *ir)).collect()
    }
}

fn value(record: &[u8], name: &[u8; 32]) -> Option<[u8; 32]> {
    // Only lines that are asked for are checked: a few of thousands.
    let mut lines = record.chunks_exact(LINE).rev().filter(|line| line[..32] == *name);
    lines.find_map(sound).map(|(_, value)| value)
}

/// The name of the place of an expected kernel.
fn place(model: &ModelDigest, k: usize) -> [u8; 32] {
    *blake3::Hasher::new().update(model).update(&[k as u8]).finalize().as_bytes()
}

/// What a line says, if it is as it was written.
fn sound(line: &[u8]) -> Option<TextLine> {
    let (name, rest) = line.split_first_chunk::<32>()?;
    let (value, found) = rest.split_first_chunk::<32>()?;
    (*found == check(&line[..64])).then_some((*name, *value))
}

fn check(line: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.copy_from_slice(&blake3::hash(line).as_bytes()[..CHECK]);
    check
}

/// What a record holds; the lines that are not in order are not there.
pub(super) fn lines(record: &[u8]) -> Vec<TextLine> {
    record.chunks_exact(LINE).filter_map(sound).collect()
}

/// A record with these lines.
pub(super) fn record(lines: &[TextLine]) -> Vec<u8> {
    let bytes = lines.iter().flat_map(|(name, value)| {
        let line = [&name[..], &value[..]].concat();
        let check = check(&line);
        line.into_iter().chain(check)
    });
    bytes.collect()
}

impl Store {
    /// What is known of the texts that a renderer (64 digits) makes.
    pub fn texts(&self, renderer: &str) -> Texts {
        Texts { kernels: self.record(TEXTS, renderer, MOST), models: self.record(MODELS, renderer, MOST_OF_MODELS) }
    }

    fn record(&self, folder: &str, renderer: &str, most: usize) -> Vec<u8> {
        let read = |root: &Directory| root.child(folder, false)?.read(renderer, (most * LINE) as u64);
        match self.root.as_ref().map(read) {
            Some(Ok(content)) => content.bytes,
            _ => Vec::new(),
        }
    }

    /// Adds to what is known of kernels.
    pub fn add_texts(&self, renderer: &str, new: &[TextLine]) {
        self.add_lines(TEXTS, renderer, MOST, new);
    }

    /// Adds to what is known of models.
    pub fn add_expected(&self, renderer: &str, new: &[TextLine]) {
        self.add_lines(MODELS, renderer, MOST_OF_MODELS, new);
    }

    fn add_lines(&self, folder: &str, renderer: &str, most: usize, new: &[TextLine]) {
        // Without it, kernels are found more slowly, and that is all.
        if let Some(root) = self.root.as_ref().filter(|_| !self.options.read_only && !new.is_empty()) {
            let mut lines = lines(&self.record(folder, renderer, most));
            lines.retain(|(name, _)| new.iter().all(|(other, _)| other != name));
            lines.extend(new);
            let _ = write(root, folder, renderer, &record(&lines[lines.len().saturating_sub(most)..]));
        }
    }
}

fn write(root: &Directory, folder: &str, renderer: &str, bytes: &[u8]) -> Result<(), super::directory::Error> {
    let (records, temporary) = (root.child(folder, true)?, root.child(super::TEMPORARY, true)?);
    let names = records.names().unwrap_or_default();
    if names.len() >= MOST_RECORDS {
        for name in names.iter().filter(|name| *name != renderer) {
            records.remove(name);
        }
    }
    let name = temporary.write_new(bytes)?;
    if let Err(errno) = temporary.replace(&name, &records, renderer) {
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
        let lines: Vec<TextLine> = (0..5).map(|k| ([k; 32], [k + 100; 32])).collect();
        assert!(store.texts("one").is_empty());
        store.add_texts("one", &lines[..3]);
        store.add_texts("one", &lines[2..]);
        store.add_texts("another", &lines[..1]);
        let known = |renderer: &str| {
            let texts = store.texts(renderer);
            lines.iter().filter_map(|(name, _)| Some((*name, texts.get(name)?.0))).collect::<Vec<_>>()
        };
        assert_eq!(known("one"), lines);
        assert_eq!(known("another"), lines[..1]);
        let path = directory.path().join("v1/texts/one");
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let left = known("one");
            assert_eq!(left.len(), 4, "byte {at}");
            assert!(left.iter().all(|line| lines.contains(line)));
        }
        for length in 0..sound.len() {
            fs::write(&path, &sound[..length]).unwrap();
            assert_eq!(known("one").len(), length / LINE);
        }
    }

    #[test]
    fn records_are_few_and_short() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), StoreOptions::default());
        let line = |k: usize| {
            let mut ir = [0; 32];
            ir[..8].copy_from_slice(&k.to_le_bytes());
            (ir, [7; 32])
        };
        store.add_texts("one", &(0..MOST + 10).map(line).collect::<Vec<_>>());
        let known = store.texts("one");
        assert_eq!(known.kernels.len(), MOST * LINE);
        assert!(known.get(&line(MOST + 9).0).is_some() && known.get(&line(9).0).is_none());
        for k in 0..20 {
            store.add_texts(&format!("renderer {k}"), &[line(k)]);
        }
        assert!(fs::read_dir(directory.path().join("v1/texts")).unwrap().count() <= MOST_RECORDS);
        assert!(store.texts("renderer 19").get(&line(19).0).is_some());
    }

    #[test]
    fn what_a_model_needed_is_expected_again() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), StoreOptions::default());
        let irs: Vec<IrDigest> = (0..200).map(|k| [k; 32]).collect();
        let expect = |text: u8, needed: &[IrDigest]| {
            let new = store.texts("one").expect(&[text; 32], needed);
            store.add_expected("one", &new);
            new.len()
        };
        assert_eq!(expect(1, &irs[..3]), 3);
        assert_eq!(expect(2, &irs[5..6]), 1);
        // With other parameters it may need others: both are expected, and then nothing is new.
        assert_eq!(expect(1, &irs[2..4]), 1);
        assert_eq!(expect(1, &irs[1..4]), 0);
        assert_eq!(store.texts("one").expected(&[1; 32]), irs[..4]);
        assert_eq!(store.texts("one").expected(&[2; 32]), irs[5..6]);
        assert!(store.texts("one").expected(&[3; 32]).is_empty());
        expect(1, &irs);
        assert_eq!(store.texts("one").expected(&[1; 32]).len(), MOST_EXPECTED);
        // Models come and go, kernels stay.
        store.add_texts("one", &[([1; 32], [2; 32])]);
        for text in 10..40 {
            expect(text, &irs);
        }
        let known = store.texts("one");
        assert_eq!((known.models.len(), known.get(&[1; 32])), (MOST_OF_MODELS * LINE, Some(KernelId([2; 32]))));
        assert!(known.expected(&[1; 32]).is_empty() && known.expected(&[39; 32]).len() == MOST_EXPECTED);
    }
}

//! What else is read from disk and not trusted: names in a store, records of texts, memos of compilers, saved states.
//!
//! The store has no index: its folders are one. A memo is believed only if the files that it names are unchanged, but
//! it is JSON that anything may have been written over. A state is a file that a user was given.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use saltus::build::fuzzing::read_memo;
use saltus::build::{KernelId, Key, Machine};
use saltus::engine::Options;
use saltus::network::{Model, Network, NeuronGroup, RandomState};
use saltus::runtime::state_file::StateFile;
use saltus::store::fuzzing::{decode_texts, encode_texts};
use saltus::store::{Store, StoreOptions};

/// The first byte of an input that is a record of texts.
const TEXTS: u8 = b't';

/// Digits of the digest at the end of a state.
const DIGEST: usize = 64;

/// The first byte says what the rest is.
pub fn index(input: &[u8]) {
    let Some((what, rest)) = input.split_first() else { return };
    match what % 4 {
        _ if *what == TEXTS => texts(rest),
        0 => digests(rest),
        1 => names(rest),
        2 => drop(read_memo(rest)),
        _ => state(rest, what & 4 != 0),
    }
}

/// A digest has one spelling.
fn digests(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    assert_eq!(Key::from_hex(text).map(|key| key.to_string()).as_deref().unwrap_or(text), text);
    assert_eq!(KernelId::from_hex(text).map(|id| id.to_string()).as_deref().unwrap_or(text), text);
}

/// Folders and files of any name, each on a line: `group/shelf/entry` and what is in the entry after a blank. The store
/// finds nothing in them, and does not stumble over them.
fn names(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(directory) = tempfile::tempdir() else { return };
    let root = directory.path().join("v1");
    for line in text.lines().take(8) {
        let (path, content) = line.split_once(' ').unwrap_or((line, ""));
        let parts: Vec<&str> = path.split('/').collect();
        let is_name = |part: &&str| !part.is_empty() && !part.contains('\0') && !matches!(*part, "." | "..");
        if parts.len() > 4 || !parts.iter().all(is_name) {
            continue;
        }
        let path = parts.iter().fold(root.clone(), |path, part| path.join(part));
        drop(path.parent().map(fs::create_dir_all));
        drop(fs::write(path, content));
    }
    let store = Store::open(directory.path(), StoreOptions::default());
    assert!(store.list().is_empty(), "an entry has a digest");
    if let Some(kernel) = text.get(..64).and_then(KernelId::from_hex) {
        assert!(store.get(&kernel, None, Machine::this()).is_none());
    }
    store.take_warnings().iter().for_each(|warning| drop(warning.to_string()));
}

/// A record of the texts of kernels, or, if the first byte is odd, what the lines of one say, to which the right digests
/// are added. What is in order is known, the rest is not there, and what is added is known as well.
fn texts(input: &[u8]) {
    const RENDERER: &str = "0f0e0d0c0b0a09080706050403020100f0e0d0c0b0a090807060504030201000";
    let Some((says_only, rest)) = input.split_first() else { return };
    let pair = |line: &[u8]| {
        let (name, value) = line.split_first_chunk::<32>()?;
        Some((*name, *value.first_chunk::<32>()?))
    };
    let is_known = |store: &Store, known: &BTreeMap<[u8; 32], [u8; 32]>| {
        let texts = store.texts(RENDERER);
        known.iter().all(|(name, value)| texts.get(name) == Some(KernelId(*value)))
    };
    let record = match says_only % 2 {
        0 => rest.to_vec(),
        _ => encode_texts(&rest.chunks_exact(64).filter_map(pair).collect::<Vec<_>>()),
    };
    let lines = decode_texts(&record);
    // A line that is in order is one that was written so.
    let again = encode_texts(&lines);
    let mut left = record.chunks_exact(80);
    assert!(again.chunks_exact(80).all(|line| left.any(|other| other == line)), "in their order");
    let Ok(directory) = tempfile::tempdir() else { return };
    let store = Store::open(directory.path(), StoreOptions::default());
    let folder = directory.path().join("v1/texts");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join(RENDERER), &record).expect("room for a small file");
    let mut known: BTreeMap<_, _> = lines.into_iter().collect();
    assert!(is_known(&store, &known));
    let new = (*blake3::hash(&record).as_bytes(), [1; 32]);
    assert_eq!(store.texts(RENDERER).get(&new.0), None);
    store.add_texts(RENDERER, &[new]);
    known.insert(new.0, new.1);
    assert!(is_known(&store, &known));
    assert!(store.take_warnings().is_empty(), "it is a hint");
}

/// A state is read or refused, and put into a network or refused.
fn state(bytes: &[u8], mends: bool) {
    static DIRECTORY: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| tempfile::tempdir().expect("a temporary directory"));
    let mut bytes = bytes.to_vec();
    if let Some(end) = bytes.len().checked_sub(DIGEST).filter(|_| mends) {
        let digest = blake3::hash(&bytes[..end]).to_hex();
        bytes[end..].copy_from_slice(digest.as_bytes());
    }
    let path = directory.path().join(format!("{}.state", std::process::id()));
    fs::write(&path, &bytes).expect("room for a small file");
    match StateFile::read(&path) {
        Ok(state) => written_and_read(&state, &directory.path().join(format!("{}.again", std::process::id()))),
        Err(error) => return drop(error.to_string()),
    }
    let mut network = small_network();
    match network.load_state(&path, RandomState::Restore) {
        Ok(()) => drop(network.run_for("0.5*ms")),
        Err(error) => drop(error.to_string()),
    }
}

fn written_and_read(state: &StateFile, path: &Path) {
    state.write(path).expect("room for a small file");
    let again = StateFile::read(path).expect("what was written is read");
    // By their text, since a NaN is no value that equals itself.
    assert_eq!(format!("{:?}", again.arrays), format!("{:?}", state.arrays));
}

/// The network whose states the corpus has; see `README.md`.
pub fn small_network() -> Network {
    let cells = NeuronGroup::new("cells", 3, "dv/dt = (1.2 - v)/(10*ms) : 1 (unless refractory)")
        .threshold("v > 1")
        .reset("v = 0")
        .refractory("2*ms")
        .method("euler");
    let model = Model::new().seed(1).group(cells).spike_monitor("spikes", "cells");
    Network::new(&model, Options::interpreted()).expect("a model without errors")
}

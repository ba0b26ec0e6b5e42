//! A file of the store: any bytes, bytes with the right digest, and records with the right header.

use saltus::build::compile::ENTRY_SYMBOL;
use saltus::build::elf::check_library;
use saltus::build::{Machine, Recipe};
use saltus::store::fuzzing::{decode_entry, encode_entry};

/// Digest at the end of an entry.
const DIGEST: usize = 32;

/// The first byte says how the rest is made into an entry.
pub fn entry(input: &[u8]) {
    let Some((how, rest)) = input.split_first() else { return };
    match how % 4 {
        0 => decoded(rest),
        1 => decoded(&with_digest(rest)),
        // What is behind the digest is a record and a library, as any two bytes divide them.
        2 => {
            let Some((length, rest)) = rest.split_first_chunk::<2>() else { return };
            let (record, library) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
            decoded(&entry_of(record, library));
        }
        // A library, whatever is said of it.
        _ => drop(check_library(rest, ENTRY_SYMBOL).map_err(|objection| objection.to_string())),
    }
}

fn with_digest(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.extend(blake3::hash(content).as_bytes());
    bytes
}

/// With the header that `cache/README.md` describes.
fn entry_of(record: &[u8], library: &[u8]) -> Vec<u8> {
    let mut bytes = b"saltus-kernel\0\r\n".to_vec();
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend((record.len() as u32).to_le_bytes());
    bytes.extend((library.len() as u64).to_le_bytes());
    bytes.extend(record);
    bytes.extend(library);
    with_digest(&bytes)
}

fn decoded(bytes: &[u8]) {
    let (record, library) = match decode_entry(bytes) {
        Ok(found) => found,
        Err(damage) => return drop(damage.to_string()),
    };
    assert!(library.end <= bytes.len() - DIGEST);
    let recipe: &Recipe = &record.recipe;
    let _ = (recipe.key(), recipe.kernel_id(), Machine::this().runs(&recipe.target, &recipe.features));
    let library = &bytes[library];
    drop(check_library(library, ENTRY_SYMBOL).map_err(|objection| objection.to_string()));
    // What was read is written as it is read: the key of a record does not depend on how its file spells it.
    let again = encode_entry(&record, library);
    let (same, range) = decode_entry(&again).expect("what was written is read");
    assert_eq!((same.recipe.key(), &again[range]), (recipe.key(), library));
}

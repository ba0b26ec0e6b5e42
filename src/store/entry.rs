//! The file of one kernel: a header, a record, the library, and the digest of all of it. `cache/README.md` has the
//! layout.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::directory::Refusal;
use crate::build::Recipe;

/// The last bytes tell a file that went through a text-mode copy.
const MAGIC: [u8; 16] = *b"saltus-kernel\0\r\n";
const FORMAT: u32 = 1;
const HEADER: usize = 32;
const DIGEST: usize = 32;

/// No entry is larger; what is, is not read.
pub(super) const MAX_SIZE: u64 = 64 << 20;

/// Where a library comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// All that decided what it is; its digest is the entry's key.
    pub recipe: Recipe,
    /// How the compiler names itself.
    pub compiler: String,
    /// How long it took.
    pub compile_seconds: f64,
}

/// Why a file is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It is shorter or longer than its header says.
    #[error("it has {found} bytes and should have {expected}")]
    Length {
        /// What the header says, or the least there is.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// It does not start like an entry of this format.
    #[error("it is no entry of format {FORMAT}")]
    Header,
    /// Its content changed after it was written.
    #[error("its digest is wrong")]
    Digest,
    /// The record is not readable.
    #[error("its record is not readable: {0}")]
    Record(String),
    /// It is the entry of another key or kernel.
    #[error("it belongs to another key")]
    OtherKey,
    /// The file is not one to be trusted.
    #[error("{0}")]
    Refused(Refusal),
}

/// The bytes of an entry, and where in them the library is.
pub(super) fn encode(record: &Record, library: &[u8]) -> (Vec<u8>, Range<usize>) {
    let record = serde_json::to_vec(record).expect("a record has only strings and numbers");
    let start = HEADER + record.len();
    let mut bytes = Vec::with_capacity(start + library.len() + DIGEST);
    bytes.extend(MAGIC);
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend((record.len() as u32).to_le_bytes());
    bytes.extend((library.len() as u64).to_le_bytes());
    bytes.extend(record);
    bytes.extend(library);
    let digest = blake3::hash(&bytes);
    bytes.extend(digest.as_bytes());
    (bytes, start..start + library.len())
}

/// The record of an entry, and where the library is.
pub(super) fn decode(bytes: &[u8]) -> Result<(Record, Range<usize>), Damage> {
    let found = bytes.len() as u64;
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return Err(Damage::Length { expected: (HEADER + DIGEST) as u64, found });
    };
    let (magic, numbers) = header.split_at(MAGIC.len());
    let number = |range: Range<usize>| numbers[range].iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let (format, record_length, library_length) = (number(0..4), number(4..8), number(8..16));
    if magic != MAGIC || format != u64::from(FORMAT) {
        return Err(Damage::Header);
    }
    let expected = (HEADER + DIGEST) as u64 + record_length;
    let expected = expected.saturating_add(library_length);
    if found != expected {
        return Err(Damage::Length { expected, found });
    }
    let (content, digest) = bytes.split_at(bytes.len() - DIGEST);
    if blake3::hash(content).as_bytes() != digest {
        return Err(Damage::Digest);
    }
    let library = HEADER + record_length as usize..content.len();
    let record = &content[HEADER..library.start];
    let record = serde_json::from_slice(record).map_err(|error| Damage::Record(error.to_string()))?;
    Ok((record, library))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry with the right digest whose header has these numbers.
    fn crafted(format: u32, record_length: u32, library_length: u64, record: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        bytes.extend(format.to_le_bytes());
        bytes.extend(record_length.to_le_bytes());
        bytes.extend(library_length.to_le_bytes());
        bytes.extend(record);
        let digest = blake3::hash(&bytes);
        bytes.extend(digest.as_bytes());
        bytes
    }

    #[test]
    fn entries_made_on_purpose_are_refused() {
        let cases = [
            (crafted(1, 2, 0, b"{}"), "its record is not readable: missing field `recipe` at line 1 column 2"),
            (crafted(2, 2, 0, b"{}"), "it is no entry of format 1"),
            (crafted(1, u32::MAX, u64::MAX, b"{}"), "it has 66 bytes and should have 18446744073709551615"),
            (crafted(1, 3, 0, b"{}"), "it has 66 bytes and should have 67"),
            (crafted(1, 0, u64::MAX - 63, b""), "it has 64 bytes and should have 18446744073709551615"),
            (Vec::new(), "it has 0 bytes and should have 64"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(decode(&bytes).unwrap_err().to_string(), expected);
        }
    }
}

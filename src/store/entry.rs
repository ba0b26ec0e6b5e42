//! The file of one kernel: a header, a record, the library, perhaps a signature, and the digest of all of it.
//! `cache/README.md` has the layout.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::directory::Refusal;
use super::signature::{self, PublicKey, SecretKey, Signature};
use crate::build::{KernelId, Key, Recipe};

/// The last bytes tell a file that went through a text-mode copy.
const MAGIC: [u8; 16] = *b"saltus-kernel\0\r\n";
/// The format of entries without a signature.
const PLAIN: u32 = 1;
/// The format of entries with one.
const SIGNED: u32 = 2;
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
    #[error("it is no entry of format {PLAIN} or {SIGNED}")]
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
    /// Its signature is not that of its content.
    #[error("its signature is wrong")]
    Signature,
    /// It is in a layer whose entries need a signature.
    #[error("it is not signed by a key that is trusted")]
    NotSigned,
    /// The file is not one to be trusted.
    #[error("{0}")]
    Refused(Refusal),
}

/// A compiled kernel whose bytes have been verified, or were just compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Digest of its recipe.
    pub key: Key,
    /// Digest of what it computes.
    pub kernel: KernelId,
    /// Where it comes from.
    pub record: Record,
    /// The layer that it was found in; None: the personal store, or just compiled.
    pub layer: Option<PathBuf>,
    signature: Option<(PublicKey, Signature)>,
    bytes: Vec<u8>,
    library: Range<usize>,
}

impl Artifact {
    /// A library that was just compiled.
    pub(super) fn new(record: Record, library: &[u8]) -> Artifact {
        let (key, kernel) = (record.recipe.key(), record.recipe.kernel_id());
        let (bytes, library) = encode(&record, library, None);
        Artifact { key, kernel, record, layer: None, signature: None, bytes, library }
    }

    /// What a file holds.
    pub(super) fn decode(bytes: Vec<u8>) -> Result<Artifact, Damage> {
        let Decoded { record, library, signature } = decode(&bytes)?;
        let (key, kernel) = (record.recipe.key(), record.recipe.kernel_id());
        Ok(Artifact { key, kernel, record, layer: None, signature, bytes, library })
    }

    /// The shared library.
    pub fn library(&self) -> &[u8] {
        &self.bytes[self.library.clone()]
    }

    /// Where in the file that is.
    pub(super) fn library_range(&self) -> Range<usize> {
        self.library.clone()
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of its file.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Who says to have signed it. Only [`Artifact::verify_signature`] says whether that is so.
    pub fn signer(&self) -> Option<PublicKey> {
        self.signature.as_ref().map(|(signer, _)| *signer)
    }

    /// Whether its content was signed by whom it says.
    ///
    /// # Errors
    /// [`Damage::Signature`] if not. Without a signature, there is nobody and no error.
    pub fn verify_signature(&self) -> Result<Option<PublicKey>, Damage> {
        let Some((signer, signature)) = &self.signature else { return Ok(None) };
        let content = signed_content(&self.bytes, &self.library);
        if signer.verifies(&content, signature) { Ok(Some(*signer)) } else { Err(Damage::Signature) }
    }

    /// The same kernel in a file that is signed.
    pub fn signed_by(&self, key: &SecretKey) -> Artifact {
        let (bytes, library) = encode(&self.record, self.library(), Some(key));
        let content = signed_content(&bytes, &library);
        Artifact { signature: Some((key.public(), key.sign(&content))), bytes, library, ..self.clone() }
    }
}

/// The digest of everything before the signature.
fn signed_content(bytes: &[u8], library: &Range<usize>) -> [u8; 32] {
    *blake3::hash(&bytes[..library.end]).as_bytes()
}

/// The bytes of an entry, and where in them the library is.
fn encode(record: &Record, library: &[u8], key: Option<&SecretKey>) -> (Vec<u8>, Range<usize>) {
    let record = serde_json::to_vec(record).expect("a record has only strings and numbers");
    let start = HEADER + record.len();
    let place = start..start + library.len();
    let mut bytes = Vec::with_capacity(place.end + signature::BLOCK + DIGEST);
    bytes.extend(MAGIC);
    bytes.extend(if key.is_some() { SIGNED } else { PLAIN }.to_le_bytes());
    bytes.extend((record.len() as u32).to_le_bytes());
    bytes.extend((library.len() as u64).to_le_bytes());
    bytes.extend(record);
    bytes.extend(library);
    if let Some(key) = key {
        let content = signed_content(&bytes, &place);
        bytes.extend(key.public().0);
        bytes.extend(key.sign(&content).0);
    }
    let digest = blake3::hash(&bytes);
    bytes.extend(digest.as_bytes());
    (bytes, place)
}

/// What an entry holds, and where in it the library is.
#[derive(Debug)]
struct Decoded {
    record: Record,
    library: Range<usize>,
    signature: Option<(PublicKey, Signature)>,
}

fn decode(bytes: &[u8]) -> Result<Decoded, Damage> {
    let found = bytes.len() as u64;
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return Err(Damage::Length { expected: (HEADER + DIGEST) as u64, found });
    };
    let (magic, numbers) = header.split_at(MAGIC.len());
    let number = |range: Range<usize>| numbers[range].iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
    let (format, record_length, library_length) = (number(0..4), number(4..8), number(8..16));
    let block = match format {
        _ if magic != MAGIC => return Err(Damage::Header),
        f if f == u64::from(PLAIN) => 0,
        f if f == u64::from(SIGNED) => signature::BLOCK,
        _ => return Err(Damage::Header),
    };
    let expected = (HEADER + block + DIGEST) as u64 + record_length;
    let expected = expected.saturating_add(library_length);
    if found != expected {
        return Err(Damage::Length { expected, found });
    }
    let (content, digest) = bytes.split_at(bytes.len() - DIGEST);
    if blake3::hash(content).as_bytes() != digest {
        return Err(Damage::Digest);
    }
    let library = HEADER + record_length as usize..content.len() - block;
    let signature = signature::parse_block(&content[library.end..]);
    let record = &content[HEADER..library.start];
    let record = serde_json::from_slice(record).map_err(|error| Damage::Record(error.to_string()))?;
    Ok(Decoded { record, library, signature })
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
            (crafted(3, 2, 0, b"{}"), "it is no entry of format 1 or 2"),
            (crafted(2, 2, 0, b"{}"), "it has 66 bytes and should have 162"),
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

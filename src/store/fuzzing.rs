//! A door for the fuzz targets to the formats of entries and of records of texts; nobody else needs it.

use std::ops::Range;

use super::entry::{Artifact, Damage, Record};
use super::texts::{self, TextLine};

/// The record of an entry, and where in its bytes the library is.
///
/// # Errors
/// If the bytes are no entry.
pub fn decode_entry(bytes: &[u8]) -> Result<(Record, Range<usize>), Damage> {
    let artifact = Artifact::decode(bytes.to_vec())?;
    artifact.verify_signature()?;
    Ok((artifact.record.clone(), artifact.library_range()))
}

/// The bytes of an entry.
pub fn encode_entry(record: &Record, library: &[u8]) -> Vec<u8> {
    Artifact::new(record.clone(), library).bytes().to_vec()
}

/// The lines of a record of texts that are in order.
pub fn decode_texts(record: &[u8]) -> Vec<TextLine> {
    texts::lines(record)
}

/// A record of texts with these lines.
pub fn encode_texts(lines: &[TextLine]) -> Vec<u8> {
    texts::record(lines)
}

//! The saved state of a network in a file: named arrays, and a manifest that says what they are.
//!
//! The file is a `.npz` archive without compression, which NumPy reads: first `manifest.json`, then an array for every
//! name. Its comment, the last bytes, has the BLAKE3 digest of all bytes before. Nothing in it depends on the machine
//! or on memory layout. It is written whole or not at all; a file that is read is what was written, bit for bit, or an
//! error. What the arrays and the manifest mean, their user knows.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use zip::{CompressionMethod, ZipArchive};

use super::new_file::NewFile;
use super::npy::{self, Dtype, MAX_DIMENSIONS, Order};

/// The format that is written, and the only one that is read.
pub const FORMAT_VERSION: u64 = 1;

const MANIFEST: &str = "manifest.json";
const FORMAT: &str = "saltus state";
/// How `manifest.json` begins, so that a file tells what it is before anything else is believed of it.
const BEGINNING: &str = "{\"format\":\"saltus state\",\"version\":";
/// What stands before the digest in the comment.
const COMMENT: &str = "BLAKE3 ";
/// Hexadecimal digits of the digest.
const DIGEST: usize = 64;

/// The state of something.
#[derive(Clone, Debug, PartialEq)]
pub struct StateFile {
    /// The version of saltus that wrote it.
    pub saltus: String,
    /// What else there is to say. Numbers with a fraction may change in the last place; exact ones are arrays.
    pub manifest: serde_json::Value,
    /// The arrays, in the order of the file.
    pub arrays: IndexMap<String, TypedArray>,
}

/// An array in C order.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedArray {
    shape: Vec<usize>,
    elements: Elements,
}

/// The elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// True or false.
    Bool(Vec<bool>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit integers without sign.
    U32(Vec<u32>),
    /// Floats.
    F32(Vec<f32>),
    /// Doubles.
    F64(Vec<f64>),
}

/// A state could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// It could not be written.
    #[error("cannot write the state `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be read.
    #[error("cannot read the state `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else.
    #[error("`{}` is no saved state", path.display())]
    NotAState {
        /// The file.
        path: PathBuf,
    },
    /// Another version of saltus wrote it.
    #[error("the state `{}` has format {found}, and this version of saltus reads format {FORMAT_VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// It does not end as it should.
    #[error("the state `{}` is cut off, or damaged at its end", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
    },
    /// It is not what was written.
    #[error("the state `{}` is damaged: {damage}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        damage: Damage,
    },
}

/// What is wrong with a state that ends as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The content changed.
    #[error("its digest is wrong")]
    Digest,
    /// The digest is right, but not of an archive.
    #[error("its archive is not readable: {0}")]
    Archive(String),
    /// The manifest is not as it should be.
    #[error("its manifest is not readable: {0}")]
    Manifest(String),
    /// An array is not what the manifest says of it.
    #[error("its array `{0}` is not what its manifest says")]
    Array(String),
}

/// `manifest.json`; the order of the fields is that of [`BEGINNING`].
#[derive(Serialize, Deserialize)]
struct Manifest {
    format: String,
    version: u64,
    saltus: String,
    arrays: Vec<Description>,
    manifest: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct Description {
    name: String,
    dtype: String,
    shape: Vec<usize>,
}

impl StateFile {
    /// A state without arrays.
    pub fn new(manifest: serde_json::Value) -> StateFile {
        StateFile { saltus: env!("CARGO_PKG_VERSION").to_string(), manifest, arrays: IndexMap::new() }
    }

    /// Writes the state to a file: whole, or nothing.
    pub fn write(&self, path: &Path) -> Result<(), StateFileError> {
        self.write_whole(path).map_err(|source| StateFileError::Write { path: path.to_owned(), source })
    }

    fn write_whole(&self, path: &Path) -> io::Result<()> {
        let new = NewFile::beside(path)?;
        self.write_to(&mut new.file())?;
        new.publish()
    }

    /// Writes into an empty file.
    fn write_to<F: Read + Write + Seek>(&self, file: &mut F) -> io::Result<()> {
        let mut writer = BufWriter::with_capacity(1 << 16, &mut *file);
        let comment = format!("{COMMENT}{}", "0".repeat(DIGEST));
        npy::write_archive(
            &mut writer,
            &comment,
            |error| error,
            |archive| {
                let manifest = serde_json::to_vec(&self.described())?;
                archive.start(MANIFEST, manifest.len() as u64)?;
                archive.write_all(&manifest)?;
                self.arrays.iter().try_for_each(|(name, array)| {
                    let header = array.header();
                    let length = header.len() + array.elements.len() * array.elements.dtype().size();
                    archive.start(&member_name(name), length as u64)?;
                    archive.write_all(&header)?;
                    array.elements.write(archive)
                })
            },
        )?;
        writer.flush()?;
        drop(writer);
        // The archive writes some of its fields last, so that the digest is taken of what is in the file now.
        let end = file.seek(SeekFrom::End(-(DIGEST as i64)))?;
        file.seek(SeekFrom::Start(0))?;
        let digest = digest(file, end)?;
        file.seek(SeekFrom::Start(end))?;
        file.write_all(digest.as_bytes())
    }

    fn described(&self) -> Manifest {
        let describe = |(name, array): (&String, &TypedArray)| Description {
            name: name.clone(),
            dtype: array.elements.dtype().name().to_string(),
            shape: array.shape.clone(),
        };
        Manifest {
            format: FORMAT.to_string(),
            version: FORMAT_VERSION,
            saltus: self.saltus.clone(),
            arrays: self.arrays.iter().map(describe).collect(),
            manifest: self.manifest.clone(),
        }
    }

    /// Reads a state from a file.
    pub fn read(path: &Path) -> Result<StateFile, StateFileError> {
        let file = File::open(path).map_err(|source| StateFileError::Read { path: path.to_owned(), source })?;
        StateFile::read_from(file, path)
    }

    /// Reads a state; `path` is for errors.
    fn read_from<F: Read + Seek>(mut file: F, path: &Path) -> Result<StateFile, StateFileError> {
        let unreadable = |source| StateFileError::Read { path: path.to_owned(), source };
        let damaged = |damage| StateFileError::Damaged { path: path.to_owned(), damage };
        match version(&mut file).map_err(unreadable)? {
            None => return Err(StateFileError::NotAState { path: path.to_owned() }),
            Some(FORMAT_VERSION) => {}
            Some(found) => return Err(StateFileError::Version { path: path.to_owned(), found }),
        }
        match has_its_digest(&mut file).map_err(unreadable)? {
            None => return Err(StateFileError::Incomplete { path: path.to_owned() }),
            Some(false) => return Err(damaged(Damage::Digest)),
            Some(true) => {}
        }
        let mut left = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
        let archive = ZipArchive::new(BufReader::with_capacity(1 << 16, file));
        let mut archive = archive.map_err(|error| damaged(Damage::Archive(error.to_string())))?;
        let bytes = member(&mut archive, 0, MANIFEST).map_err(damaged)?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|error| damaged(Damage::Manifest(error.to_string())))?;
        let mut state = StateFile { saltus: manifest.saltus, manifest: manifest.manifest, arrays: IndexMap::new() };
        for (k, description) in manifest.arrays.into_iter().enumerate() {
            let bytes = member(&mut archive, k + 1, &member_name(&description.name)).map_err(damaged)?;
            // Members that share bytes could become more than memory holds, too.
            left =
                left.checked_sub(bytes.len() as u64).ok_or_else(|| damaged(Damage::Array(description.name.clone())))?;
            let array = TypedArray::of_bytes(&bytes, &description.dtype, description.shape);
            let array = array.ok_or_else(|| damaged(Damage::Array(description.name.clone())))?;
            state.arrays.insert(description.name, array);
        }
        Ok(state)
    }
}

fn member_name(array: &str) -> String {
    format!("{array}.npy")
}

/// The version of the format of a file that begins like a state.
fn version(file: &mut impl Read) -> io::Result<Option<u64>> {
    /// Of a member of an archive: its length, and where in it the lengths of name and further fields are.
    const HEADER: usize = 30;
    const LENGTHS: usize = 26;
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start)?;
    let length = |at: usize| Some(usize::from(u16::from_le_bytes([*start.get(at)?, *start.get(at + 1)?])));
    let found = || {
        let rest = start.strip_prefix(b"PK\x03\x04").and(start.get(HEADER..))?;
        let rest = rest.strip_prefix(MANIFEST.as_bytes())?;
        if length(LENGTHS)? != MANIFEST.len() {
            return None;
        }
        let rest = rest.get(length(LENGTHS + 2)?..)?.strip_prefix(BEGINNING.as_bytes())?;
        let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    Ok(found())
}

/// Whether the digest at the end of a file is that of what is before; `None` if there is no digest.
fn has_its_digest<F: Read + Seek>(file: &mut F) -> io::Result<Option<bool>> {
    let length = file.seek(SeekFrom::End(0))?;
    let Some(end) = length.checked_sub(DIGEST as u64) else { return Ok(None) };
    file.seek(SeekFrom::Start(end.saturating_sub(COMMENT.len() as u64)))?;
    let mut comment = Vec::new();
    file.read_to_end(&mut comment)?;
    let Some(expected) = comment.strip_prefix(COMMENT.as_bytes()) else { return Ok(None) };
    file.seek(SeekFrom::Start(0))?;
    Ok(Some(digest(file, end)?.as_bytes() == expected))
}

/// The digest of the next `length` bytes.
fn digest(file: &mut impl Read, length: u64) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.take(length))?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn member<F: Read + Seek>(archive: &mut ZipArchive<F>, index: usize, name: &str) -> Result<Vec<u8>, Damage> {
    let unreadable = |error: &dyn std::fmt::Display| Damage::Archive(error.to_string());
    let mut member = archive.by_index(index).map_err(|error| unreadable(&error))?;
    if member.name_raw() != name.as_bytes() {
        return Err(unreadable(&format_args!("`{name}` is not where it should be")));
    }
    // None is written so, and a few bytes could become more than memory holds.
    if member.compression() != CompressionMethod::Stored {
        return Err(unreadable(&format_args!("`{name}` is compressed")));
    }
    let mut bytes = Vec::new();
    member.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}

impl TypedArray {
    /// An array of any shape.
    ///
    /// # Panics
    /// If the shape is not that of so many elements, or has more than 32 dimensions.
    pub fn new(shape: Vec<usize>, elements: impl Into<Elements>) -> TypedArray {
        let elements = elements.into();
        assert!(shape.len() <= MAX_DIMENSIONS, "an array of {} dimensions", shape.len());
        assert_eq!(count(&shape), Some(elements.len()), "elements of an array of shape {shape:?}");
        TypedArray { shape, elements }
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements, the last index changing fastest.
    pub fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Its elements.
    pub fn into_elements(self) -> Elements {
        self.elements
    }

    fn header(&self) -> Vec<u8> {
        let shape: Vec<u64> = self.shape.iter().map(|&extent| extent as u64).collect();
        npy::header(self.elements.dtype(), Order::C, &shape)
    }

    /// The array in the bytes of a `.npy` file, if it is this one and whole.
    fn of_bytes(bytes: &[u8], dtype: &str, shape: Vec<usize>) -> Option<TypedArray> {
        let count = count(&shape).filter(|_| shape.len() <= MAX_DIMENSIONS)?;
        let extents: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
        let dtype = Dtype::of_name(dtype)?;
        let bytes = bytes.strip_prefix(&npy::header(dtype, Order::C, &extents)[..])?;
        let elements = Elements::of_bytes(dtype, bytes)?;
        (elements.len() == count).then_some(TypedArray { shape, elements })
    }
}

/// A line of elements.
impl<T: Into<Elements>> From<T> for TypedArray {
    fn from(elements: T) -> TypedArray {
        let elements = elements.into();
        TypedArray { shape: vec![elements.len()], elements }
    }
}

fn count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |count, extent| count.checked_mul(*extent))
}

macro_rules! elements {
    ($($variant:ident: $ty:ty),+) => {
        impl Elements {
            /// Their type.
            pub fn dtype(&self) -> Dtype {
                match self {
                    $(Elements::$variant(_) => Dtype::$variant),+
                }
            }

            /// How many.
            pub fn len(&self) -> usize {
                match self {
                    $(Elements::$variant(elements) => elements.len()),+
                }
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            fn write(&self, writer: &mut impl Write) -> io::Result<()> {
                match self {
                    $(Elements::$variant(elements) => npy::write_elements(elements, writer)),+
                }
            }

            fn of_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Elements> {
                match dtype {
                    $(Dtype::$variant => npy::elements(bytes).map(Elements::$variant)),+
                }
            }
        }

        $(impl From<Vec<$ty>> for Elements {
            fn from(elements: Vec<$ty>) -> Elements {
                Elements::$variant(elements)
            }
        })+
    };
}

elements!(Bool: bool, I32: i32, I64: i64, U32: u32, F32: f32, F64: f64);

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn state() -> StateFile {
        let mut state = StateFile::new(serde_json::json!({"t": 0.5, "groups": ["G"]}));
        state.arrays.insert("G.v".into(), TypedArray::new(vec![3], vec![-0.07, 1e300, -0.0]));
        state.arrays.insert("G.fired".into(), TypedArray::new(vec![1, 2], vec![true, false]));
        state.arrays.insert("random/words".into(), vec![0, u32::MAX].into());
        state
    }

    fn bytes_of(state: &StateFile) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        state.write_to(&mut file).expect("memory");
        file.into_inner()
    }

    fn read(bytes: &[u8]) -> Result<StateFile, StateFileError> {
        StateFile::read_from(Cursor::new(bytes), Path::new("net.state"))
    }

    #[test]
    fn no_changed_byte_is_believed() {
        let whole = bytes_of(&state());
        assert_eq!(read(&whole).expect("whole"), state());
        for at in 0..whole.len() {
            for mask in [0x01, 0x20, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                assert!(read(&bytes).is_err(), "byte {at} changed by {mask:#x}");
            }
        }
        for length in 0..whole.len() {
            let error = read(&whole[..length]).expect_err("cut off");
            let expected = match error {
                StateFileError::Incomplete { .. } => true,
                StateFileError::NotAState { .. } => length < 100,
                _ => false,
            };
            assert!(expected, "{length} bytes: {error}");
        }
        let longer = [&whole[..], b"\n"].concat();
        assert!(matches!(read(&longer), Err(StateFileError::Incomplete { .. })));
    }

    /// A megabyte of zeros in a kilobyte, with the right digest.
    #[test]
    fn what_is_compressed_is_not_unpacked() {
        let mut state = StateFile::new(serde_json::json!({}));
        state.arrays.insert("zeros".into(), vec![0.0; 1 << 17].into());
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let plain = zip::write::SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(MANIFEST, plain).expect("memory");
        zip.write_all(&serde_json::to_vec(&state.described()).expect("JSON")).expect("memory");
        zip.start_file("zeros.npy", plain.compression_method(CompressionMethod::Deflated)).expect("memory");
        zip.write_all(&state.arrays["zeros"].header()).expect("memory");
        zip.write_all(&[0; 1 << 20]).expect("memory");
        zip.set_comment(format!("{COMMENT}{}", "0".repeat(DIGEST))).expect("a short comment");
        let mut bytes = zip.finish().expect("memory").into_inner();
        let end = bytes.len() - DIGEST;
        let digest = blake3::hash(&bytes[..end]).to_hex();
        bytes[end..].copy_from_slice(digest.as_bytes());
        assert!(bytes.len() < 4096, "{} bytes", bytes.len());
        let expected = "the state `net.state` is damaged: its archive is not readable: `zeros.npy` is compressed";
        assert_eq!(read(&bytes).expect_err("compressed").to_string(), expected);
    }

    /// With a digest that is right nevertheless: no panic, and never another value.
    #[test]
    fn the_archive_is_checked_too() {
        let whole = bytes_of(&state());
        let end = whole.len() - DIGEST;
        let mut refused = 0;
        for at in 0..end {
            for mask in [0x01, 0x20, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                let digest = blake3::hash(&bytes[..end]).to_hex();
                bytes[end..].copy_from_slice(digest.as_bytes());
                match read(&bytes) {
                    Ok(found) => assert_eq!(found, state(), "byte {at} changed by {mask:#x}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 3 * end, "{refused} of {} changes are refused", 4 * end);
    }
}

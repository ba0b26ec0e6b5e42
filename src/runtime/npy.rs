//! NumPy's `.npy` format, and archives of it without compression: headers, and elements as bytes (little-endian on
//! every machine).

use std::fmt::Write as _;
use std::io::{self, Seek, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::array::ElementType;

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit integer without sign.
    U32,
    /// Float.
    F32,
    /// Double.
    F64,
}

impl Dtype {
    const ALL: [Dtype; 6] = [Dtype::Bool, Dtype::I32, Dtype::I64, Dtype::U32, Dtype::F32, Dtype::F64];

    /// NumPy's name, such as `float64`.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::Bool => "bool",
            Dtype::I32 => "int32",
            Dtype::I64 => "int64",
            Dtype::U32 => "uint32",
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
        }
    }

    /// The type of this name.
    pub fn of_name(name: &str) -> Option<Dtype> {
        Dtype::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Dtype::Bool => 1,
            Dtype::I32 | Dtype::U32 | Dtype::F32 => 4,
            Dtype::I64 | Dtype::F64 => 8,
        }
    }

    /// As headers have it.
    fn descr(self) -> &'static str {
        match self {
            Dtype::Bool => "|b1",
            Dtype::I32 => "<i4",
            Dtype::I64 => "<i8",
            Dtype::U32 => "<u4",
            Dtype::F32 => "<f4",
            Dtype::F64 => "<f8",
        }
    }
}

impl From<ElementType> for Dtype {
    fn from(ty: ElementType) -> Dtype {
        match ty {
            ElementType::Bool => Dtype::Bool,
            ElementType::I32 => Dtype::I32,
            ElementType::I64 => Dtype::I64,
            ElementType::F32 => Dtype::F32,
            ElementType::F64 => Dtype::F64,
        }
    }
}

/// An element of an array.
pub trait Element: Copy {
    /// Its type.
    const DTYPE: Dtype;

    /// Appends its bytes.
    fn put(self, bytes: &mut Vec<u8>);

    /// The element of as many bytes as the type has; `None` if there is none of these bytes.
    fn of_bytes(bytes: &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($ty:ty: $dtype:ident),+) => {
        $(impl Element for $ty {
            const DTYPE: Dtype = Dtype::$dtype;

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn of_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(<$ty>::from_le_bytes)
            }
        })+
    };
}

numbers!(i32: I32, i64: I64, u32: U32, f32: F32, f64: F64);

impl Element for bool {
    const DTYPE: Dtype = Dtype::Bool;

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}

/// Most dimensions an array may have; NumPy's limit is not lower.
pub const MAX_DIMENSIONS: usize = 32;

/// How the elements of an array follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The last index changes fastest.
    C,
    /// The first index changes fastest.
    Fortran,
}

/// The bytes before the elements: a multiple of 64, and 128 for up to two dimensions whatever their extents are.
///
/// # Panics
/// If there are more than [`MAX_DIMENSIONS`].
pub fn header(dtype: Dtype, order: Order, shape: &[u64]) -> Vec<u8> {
    assert!(shape.len() <= MAX_DIMENSIONS, "an array of {} dimensions", shape.len());
    let fortran = if order == Order::Fortran { "True" } else { "False" };
    let mut text = format!("{{'descr': '{}', 'fortran_order': {fortran}, 'shape': (", dtype.descr());
    for (k, extent) in shape.iter().enumerate() {
        // A tuple of one has a comma.
        let after = if k + 1 < shape.len() || shape.len() == 1 { ", " } else { "" };
        let _ = write!(text, "{extent}{after}");
    }
    text.truncate(text.trim_end_matches(' ').len());
    text.push_str("), }");

    const BEFORE_TEXT: usize = 10;
    let length = (BEFORE_TEXT + text.len() + 1).next_multiple_of(64).max(128);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(b"\x93NUMPY\x01\x00");
    bytes.extend_from_slice(&((length - BEFORE_TEXT) as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(length - 1, b' ');
    bytes.push(b'\n');
    bytes
}

/// Writes elements, through a buffer of fixed size.
pub fn write_elements<T: Element>(elements: &[T], writer: &mut impl Write) -> io::Result<()> {
    const AT_ONCE: usize = 8192;
    let mut bytes = Vec::with_capacity(AT_ONCE.min(elements.len()) * size_of::<T>());
    for elements in elements.chunks(AT_ONCE) {
        bytes.clear();
        elements.iter().for_each(|element| element.put(&mut bytes));
        writer.write_all(&bytes)?;
    }
    Ok(())
}

/// The elements that bytes stand for; `None` if there are no such bytes.
pub fn elements<T: Element>(bytes: &[u8]) -> Option<Vec<T>> {
    let mut elements = Vec::with_capacity(bytes.len() / T::DTYPE.size());
    for bytes in bytes.chunks(T::DTYPE.size()) {
        elements.push(T::of_bytes(bytes)?);
    }
    Some(elements)
}

/// Writes an archive, member by member, with a comment at its end. Equal members give equal bytes. `failed` makes an
/// error of one in writing.
pub fn write_archive<W: Write + Seek, E>(
    writer: W,
    comment: &str,
    failed: impl Fn(io::Error) -> E,
    write_members: impl FnOnce(&mut Archive<W>) -> Result<(), E>,
) -> Result<(), E> {
    let mut archive = Archive { zip: ZipWriter::new(writer) };
    let written = write_members(&mut archive)
        .and_then(|()| archive.zip.set_comment(comment).map_err(|error| failed(error.into())));
    match written {
        Ok(()) => archive.zip.finish().map(drop).map_err(|error| failed(error.into())),
        Err(error) => {
            // An unfinished archive would try again when dropped, and print its failure on standard error.
            std::mem::forget(archive);
            Err(error)
        }
    }
}

/// An archive that is being written. Its members are as they are, without compression.
pub struct Archive<W: Write + Seek> {
    zip: ZipWriter<W>,
}

impl<W: Write + Seek> Archive<W> {
    /// Starts a member of so many bytes, which are what is written next.
    pub fn start(&mut self, name: &str, length: u64) -> io::Result<()> {
        // From this length on, sizes need 64 bits.
        let large = length >= u64::from(u32::MAX);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .large_file(large);
        self.zip.start_file(name, options).map_err(io::Error::from)
    }
}

impl<W: Write + Seek> Write for Archive<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.zip.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_npy_files() {
        for (shape, text) in [
            (&[][..], "()"),
            (&[7], "(7,)"),
            (&[3, 0], "(3, 0)"),
            (&[u64::MAX, u64::MAX], "(18446744073709551615, 18446744073709551615)"),
            (&[1, 2, 3], "(1, 2, 3)"),
        ] {
            let bytes = header(Dtype::F64, Order::Fortran, shape);
            let length = u16::from_le_bytes([bytes[8], bytes[9]]);
            assert_eq!((usize::from(length) + 10, bytes.len()), (128, 128), "{text}");
            let found = String::from_utf8_lossy(&bytes[10..]);
            let expected = format!("{{'descr': '<f8', 'fortran_order': True, 'shape': {text}, }}");
            assert_eq!(found.trim_end(), expected);
            assert!(found.ends_with('\n'));
        }
        let bytes = header(Dtype::U32, Order::C, &[1; MAX_DIMENSIONS]);
        let read = npyz::NpyHeader::from_reader(&bytes[..]).expect("a header");
        assert_eq!((read.shape(), read.order()), (&[1; MAX_DIMENSIONS][..], npyz::Order::C));
        assert_eq!(read.dtype().descr(), "'<u4'");
    }

    #[test]
    fn elements_are_read_as_written() {
        fn check<T: Element + PartialEq + std::fmt::Debug>(values: &[T]) {
            let mut bytes = Vec::new();
            write_elements(values, &mut bytes).expect("memory");
            assert_eq!(bytes.len(), values.len() * T::DTYPE.size());
            assert_eq!(elements::<T>(&bytes).as_deref(), Some(values));
            assert_eq!(Dtype::of_name(T::DTYPE.name()), Some(T::DTYPE));
            bytes.push(7);
            assert_eq!(elements::<T>(&bytes), None);
        }
        check(&[true, false, true]);
        check(&[i32::MIN, -1, 0, i32::MAX]);
        check(&[i64::MIN, 1 << 40]);
        check(&[0, u32::MAX]);
        check(&[0.1_f32, f32::INFINITY]);
        check(&vec![0.1_f64; 20_000]);
    }
}

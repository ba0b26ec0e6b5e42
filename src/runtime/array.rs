//! Typed memory that kernels reach by pointer: aligned to cache lines, never moved while it lives.

/// One cache line; the unit of allocation, so that vector loads never straddle lines.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u64; 8]);

/// The type of the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// One byte, 0 or 1.
    Bool,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// Float.
    F32,
    /// Double.
    F64,
}

impl ElementType {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            ElementType::Bool => 1,
            ElementType::I32 | ElementType::F32 => 4,
            ElementType::I64 | ElementType::F64 => 8,
        }
    }
}

/// A fixed number of elements of one type, zero at first.
pub struct Array {
    ty: ElementType,
    len: usize,
    lines: Vec<Line>,
}

impl Array {
    /// `len` zeros. At least one element's room is allocated, so that the pointer is always valid.
    pub fn zeros(ty: ElementType, len: usize) -> Array {
        let lines = (len.max(1) * ty.size()).div_ceil(size_of::<Line>());
        Array { ty, len, lines: vec![Line([0; 8]); lines] }
    }

    /// These integers.
    pub fn from_i32(values: &[i32]) -> Array {
        let mut array = Array::zeros(ElementType::I32, values.len());
        array.as_i32_mut().copy_from_slice(values);
        array
    }

    /// One double.
    pub fn scalar(value: f64) -> Array {
        let mut array = Array::zeros(ElementType::F64, 1);
        array.set(0, value);
        array
    }

    /// The type of the elements.
    pub fn ty(&self) -> ElementType {
        self.ty
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the elements are, for kernels. Valid, and the same, as long as the array lives.
    pub fn pointer(&mut self) -> *mut u8 {
        self.lines.as_mut_ptr().cast()
    }

    fn base<T>(&self, ty: ElementType) -> *const T {
        assert_eq!(self.ty, ty, "array of another type");
        self.lines.as_ptr().cast()
    }

    /// The elements of an array of doubles.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn as_f64(&self) -> &[f64] {
        // SAFETY: the lines hold `len` elements of the asserted type, aligned, and every bit pattern is a double.
        unsafe { std::slice::from_raw_parts(self.base(ElementType::F64), self.len) }
    }

    /// The elements of an array of doubles, to change them.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn as_f64_mut(&mut self) -> &mut [f64] {
        let base = self.base::<f64>(ElementType::F64).cast_mut();
        // SAFETY: as in `as_f64`; the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(base, self.len) }
    }

    /// The elements of an array of 32-bit integers.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn as_i32(&self) -> &[i32] {
        // SAFETY: as in `as_f64`; every bit pattern is an integer.
        unsafe { std::slice::from_raw_parts(self.base(ElementType::I32), self.len) }
    }

    /// The elements of an array of 32-bit integers, to change them.
    ///
    /// # Panics
    /// If it is of another type.
    pub fn as_i32_mut(&mut self) -> &mut [i32] {
        let base = self.base::<i32>(ElementType::I32).cast_mut();
        // SAFETY: as in `as_f64_mut`.
        unsafe { std::slice::from_raw_parts_mut(base, self.len) }
    }

    /// The elements of an array of booleans, 0 or 1; none if it is of another type.
    pub fn as_bools(&self) -> Option<&[u8]> {
        let base = (self.ty == ElementType::Bool).then(|| self.lines.as_ptr().cast())?;
        // SAFETY: the lines hold `len` bytes.
        Some(unsafe { std::slice::from_raw_parts(base, self.len) })
    }

    /// The bytes of the elements.
    fn bytes_of(&self, k: usize) -> &[u8] {
        assert!(k < self.len, "element {k} of {}", self.len);
        let size = self.ty.size();
        // SAFETY: element `k` lies within the lines, and any memory can be read as bytes.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast::<u8>().add(k * size), size) }
    }

    /// The bytes of one element, in the machine's order.
    pub fn element(&self, k: usize) -> &[u8] {
        self.bytes_of(k)
    }

    /// One element as a double; booleans are 0 or 1.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn get(&self, k: usize) -> f64 {
        let bytes = self.bytes_of(k);
        let four = || [bytes[0], bytes[1], bytes[2], bytes[3]];
        let eight = || [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]];
        match self.ty {
            ElementType::Bool => f64::from(bytes[0]),
            ElementType::I32 => f64::from(i32::from_ne_bytes(four())),
            ElementType::I64 => i64::from_ne_bytes(eight()) as f64,
            ElementType::F32 => f64::from(f32::from_ne_bytes(four())),
            ElementType::F64 => f64::from_ne_bytes(eight()),
        }
    }

    /// Sets one element from a double: integers truncate, a boolean is whether it is not 0.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn set(&mut self, k: usize, value: f64) {
        match self.ty {
            ElementType::Bool => self.write(k, &[u8::from(value != 0.0)]),
            ElementType::I32 => self.write(k, &(value as i32).to_ne_bytes()),
            ElementType::I64 => self.write(k, &(value as i64).to_ne_bytes()),
            ElementType::F32 => self.write(k, &(value as f32).to_ne_bytes()),
            ElementType::F64 => self.write(k, &value.to_ne_bytes()),
        }
    }

    /// One element of an array of booleans or integers.
    ///
    /// # Panics
    /// If there is no such element, or if the array is one of floats.
    pub fn get_i64(&self, k: usize) -> i64 {
        let bytes = self.bytes_of(k);
        match self.ty {
            ElementType::Bool => i64::from(bytes[0]),
            ElementType::I32 => i64::from(i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
            ElementType::I64 => {
                let mut eight = [0; 8];
                eight.copy_from_slice(bytes);
                i64::from_ne_bytes(eight)
            }
            ElementType::F32 | ElementType::F64 => panic!("an array of floats has no integers"),
        }
    }

    /// Sets one element of an array of 64-bit integers.
    ///
    /// # Panics
    /// If it is of another type or there is no such element.
    pub fn set_i64(&mut self, k: usize, value: i64) {
        assert_eq!(self.ty, ElementType::I64, "array of another type");
        self.write(k, &value.to_ne_bytes());
    }

    fn write(&mut self, k: usize, bytes: &[u8]) {
        assert!(k < self.len, "element {k} of {}", self.len);
        let size = self.ty.size();
        debug_assert_eq!(bytes.len(), size);
        // SAFETY: element `k` lies within the lines, which are exclusively borrowed.
        unsafe { self.lines.as_mut_ptr().cast::<u8>().add(k * size).copy_from_nonoverlapping(bytes.as_ptr(), size) }
    }

    /// Takes over the elements of another array of the same type and length.
    ///
    /// # Panics
    /// If it is of another type or length.
    pub fn copy_from(&mut self, other: &Array) {
        assert!(self.ty == other.ty && self.len == other.len, "arrays of one type and length");
        self.lines.copy_from_slice(&other.lines);
    }

    /// An array of `len` elements that begins as this one, zero where that has no more.
    pub fn resized(&self, len: usize) -> Array {
        let mut other = Array::zeros(self.ty, len);
        let bytes = self.len.min(len) * self.ty.size();
        // SAFETY: both have as many bytes of elements, and the new one is nobody else's.
        unsafe {
            let from = self.lines.as_ptr().cast::<u8>();
            other.lines.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(from, bytes);
        }
        other
    }

    /// Every element as a double.
    pub fn to_f64(&self) -> Vec<f64> {
        (0..self.len).map(|k| self.get(k)).collect()
    }
}

/// 32-bit integers that become an array without being copied.
#[derive(Clone, Default)]
pub struct Integers {
    lines: Vec<Line>,
    len: usize,
}

impl Integers {
    /// Makes room for so many more.
    pub fn reserve(&mut self, more: usize) {
        let lines = (self.len + more).div_ceil(PER_LINE);
        self.lines.reserve(lines.saturating_sub(self.lines.len()));
    }

    /// Appends one.
    #[inline]
    pub fn push(&mut self, value: i32) {
        self.extend_from_slice(&[value]);
    }

    /// Appends these.
    #[inline]
    pub fn extend_from_slice(&mut self, values: &[i32]) {
        let begin = self.len;
        self.len += values.len();
        if self.len > self.lines.len() * PER_LINE {
            self.lines.resize(self.len.div_ceil(PER_LINE), Line([0; 8]));
        }
        self.as_mut_slice()[begin..].copy_from_slice(values);
    }

    /// What there is.
    pub fn as_slice(&self) -> &[i32] {
        // SAFETY: the lines hold `len` integers, aligned, and every bit pattern is one.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    /// What there is, to change it.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [i32] {
        // SAFETY: as above; the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }

    /// As an array.
    pub fn into_array(mut self) -> Array {
        if self.lines.is_empty() {
            self.lines.push(Line([0; 8]));
        }
        Array { ty: ElementType::I32, len: self.len, lines: self.lines }
    }
}

impl From<Vec<i32>> for Integers {
    fn from(values: Vec<i32>) -> Integers {
        let mut integers = Integers::default();
        integers.extend_from_slice(&values);
        integers
    }
}

/// 32-bit integers of a line.
const PER_LINE: usize = size_of::<Line>() / size_of::<i32>();

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Array({:?}; {})", self.ty, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lengths_keep_what_there_was() {
        let array = Array::from_i32(&[1, 2, 3]);
        for (len, kept) in [(0, &[][..]), (2, &[1, 2]), (3, &[1, 2, 3]), (5, &[1, 2, 3, 0, 0])] {
            assert_eq!(array.resized(len).as_i32(), kept);
        }
    }

    #[test]
    fn integers_become_an_array() {
        for n in [0, 1, 15, 16, 17, 1000] {
            let values: Vec<i32> = (0..n).map(|k| k * k - 7).collect();
            let mut integers = Integers::default();
            let (some, rest) = values.split_at(values.len() / 3);
            some.iter().for_each(|value| integers.push(*value));
            integers.reserve(rest.len());
            integers.extend_from_slice(rest);
            assert_eq!(integers.as_slice(), values);
            assert_eq!(integers.into_array().as_i32(), values);
        }
    }

    #[test]
    fn every_type_keeps_what_it_is_given() {
        for (ty, given, kept) in [
            (ElementType::Bool, 2.5, 1.0),
            (ElementType::I32, -3.7, -3.0),
            (ElementType::I64, 9e15, 9e15),
            (ElementType::F32, 0.1, f64::from(0.1f32)),
            (ElementType::F64, 0.1, 0.1),
        ] {
            let mut array = Array::zeros(ty, 9);
            assert_eq!(array.pointer() as usize % 64, 0);
            array.set(8, given);
            assert_eq!(array.to_f64(), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, kept], "{ty:?}");
        }
    }
}

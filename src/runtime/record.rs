//! Growing columns of recorded values, each in the type of its variable.

use super::array::{Array, ElementType};

/// Values in the type of their variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// True or false.
    Bool(Vec<bool>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Floats of 32 bits.
    F32(Vec<f32>),
    /// Doubles.
    F64(Vec<f64>),
}

/// Values that are elsewhere, in the type of their variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slice<'a> {
    /// True or false.
    Bool(&'a [bool]),
    /// 32-bit integers.
    I32(&'a [i32]),
    /// 64-bit integers.
    I64(&'a [i64]),
    /// Floats of 32 bits.
    F32(&'a [f32]),
    /// Doubles.
    F64(&'a [f64]),
}

impl Slice<'_> {
    /// The type of the values.
    pub fn ty(self) -> ElementType {
        match self {
            Slice::Bool(_) => ElementType::Bool,
            Slice::I32(_) => ElementType::I32,
            Slice::I64(_) => ElementType::I64,
            Slice::F32(_) => ElementType::F32,
            Slice::F64(_) => ElementType::F64,
        }
    }
}

impl Values {
    /// No values of a type.
    pub fn new(ty: ElementType) -> Values {
        match ty {
            ElementType::Bool => Values::Bool(Vec::new()),
            ElementType::I32 => Values::I32(Vec::new()),
            ElementType::I64 => Values::I64(Vec::new()),
            ElementType::F32 => Values::F32(Vec::new()),
            ElementType::F64 => Values::F64(Vec::new()),
        }
    }

    /// No values of the same type.
    pub fn emptied(&self) -> Values {
        match self {
            Values::Bool(_) => Values::Bool(Vec::new()),
            Values::I32(_) => Values::I32(Vec::new()),
            Values::I64(_) => Values::I64(Vec::new()),
            Values::F32(_) => Values::F32(Vec::new()),
            Values::F64(_) => Values::F64(Vec::new()),
        }
    }

    /// Removes all, and keeps their memory for others.
    pub fn clear(&mut self) {
        match self {
            Values::Bool(values) => values.clear(),
            Values::I32(values) => values.clear(),
            Values::I64(values) => values.clear(),
            Values::F32(values) => values.clear(),
            Values::F64(values) => values.clear(),
        }
    }

    /// The values.
    pub fn as_slice(&self) -> Slice<'_> {
        match self {
            Values::Bool(values) => Slice::Bool(values),
            Values::I32(values) => Slice::I32(values),
            Values::I64(values) => Slice::I64(values),
            Values::F32(values) => Slice::F32(values),
            Values::F64(values) => Slice::F64(values),
        }
    }

    /// Bytes of one.
    pub fn size_of_value(&self) -> usize {
        match self {
            Values::Bool(_) => size_of::<bool>(),
            Values::I32(_) => size_of::<i32>(),
            Values::I64(_) => size_of::<i64>(),
            Values::F32(_) => size_of::<f32>(),
            Values::F64(_) => size_of::<f64>(),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Values::Bool(values) => values.len(),
            Values::I32(values) => values.len(),
            Values::I64(values) => values.len(),
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One value as a double; booleans are 0 and 1.
    ///
    /// # Panics
    /// If there is none at `index`.
    pub fn get(&self, index: usize) -> f64 {
        match self {
            Values::Bool(values) => f64::from(u8::from(values[index])),
            Values::I32(values) => f64::from(values[index]),
            Values::I64(values) => values[index] as f64,
            Values::F32(values) => f64::from(values[index]),
            Values::F64(values) => values[index],
        }
    }

    /// Whether the values are booleans or integers.
    pub fn is_discrete(&self) -> bool {
        matches!(self, Values::Bool(_) | Values::I32(_) | Values::I64(_))
    }

    /// Makes room for more, so that appending them allocates nothing.
    pub fn reserve(&mut self, additional: usize) {
        match self {
            Values::Bool(values) => values.reserve(additional),
            Values::I32(values) => values.reserve(additional),
            Values::I64(values) => values.reserve(additional),
            Values::F32(values) => values.reserve(additional),
            Values::F64(values) => values.reserve(additional),
        }
    }

    /// Appends the elements of `source` at `indices`; a source of one element gives it each time.
    ///
    /// # Panics
    /// If an index is out of range, or `source` is of another type.
    pub fn append(&mut self, source: &Array, indices: &[i32]) {
        let at = |i: i32| if source.len() == 1 { 0 } else { i as usize };
        match self {
            Values::F64(values) => {
                let source = source.as_f64();
                match source {
                    [only] => values.extend(indices.iter().map(|_| *only)),
                    _ => values.extend(indices.iter().map(|i| source[*i as usize])),
                }
            }
            Values::Bool(values) => values.extend(indices.iter().map(|i| source.get_i64(at(*i)) != 0)),
            Values::I32(values) => values.extend(indices.iter().map(|i| source.get_i64(at(*i)) as i32)),
            Values::I64(values) => values.extend(indices.iter().map(|i| source.get_i64(at(*i)))),
            Values::F32(values) => values.extend(indices.iter().map(|i| source.get(at(*i)) as f32)),
        }
    }
}

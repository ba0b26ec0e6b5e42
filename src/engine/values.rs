//! How values that kernels work on are kept in memory.

use crate::kernel::ir::Storage;
use crate::model::namespace::Number;
use crate::runtime::array::{Array, ElementType};

/// The runtime's name of a storage type.
pub fn element_type(storage: Storage) -> ElementType {
    match storage {
        Storage::Bool => ElementType::Bool,
        Storage::I32 => ElementType::I32,
        Storage::I64 => ElementType::I64,
        Storage::F32 => ElementType::F32,
        Storage::F64 => ElementType::F64,
    }
}

/// How a constant is stored: by its type, integers in 32 bits where they fit.
pub fn constant_storage(value: Number) -> Storage {
    match value {
        Number::Boolean(_) => Storage::Bool,
        Number::Integer(value) if i32::try_from(value).is_ok() => Storage::I32,
        Number::Integer(_) => Storage::I64,
        Number::Float(_) => Storage::F64,
    }
}

/// A constant in memory.
pub fn constant_array(value: Number) -> Array {
    let mut array = Array::zeros(element_type(constant_storage(value)), 1);
    match value {
        Number::Integer(value) if array.ty() == ElementType::I64 => array.set_i64(0, value),
        value => array.set(0, value.as_f64()),
    }
    array
}

//! Memory of arrays that Brian2 owns.
//!
//! Plain arrays are bound once and keep their address as long as they live. Dynamic arrays move when they grow: Brian2
//! hands out the address of the object that knows where they are, so that a call need not ask Python. Where that object
//! is not made as expected, which is tried out when this library is loaded, each call asks for the array's `data`.

use std::sync::OnceLock;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi::PyCapsule_GetPointer;
use pyo3::prelude::*;
use saltus::kernel::ir::Storage;

/// A place for an array.
pub enum Slot {
    /// A plain array: it is held, and so stays where it is.
    Fixed { pointer: *mut u8, len: usize, _buffer: PyUntypedBuffer },
    /// A dynamic array, by the object that knows where it is.
    Moving { vector: *const Vector, _array: Py<PyAny> },
    /// A dynamic array that Python has to be asked for.
    Asked { array: Py<PyAny>, storage: Storage },
}

// SAFETY: the pointers are followed only while the interpreter's lock is held, or by code that it was bound to.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

/// How a one-dimensional dynamic array begins in memory: a vector of the standard library, by its three pointers, and how
/// many of its elements count.
#[repr(C)]
pub struct Vector {
    begin: *mut u8,
    _end: *mut u8,
    _room: *mut u8,
    len: usize,
}

/// Whether dynamic arrays are made so: tried out on one.
static IS_KNOWN: OnceLock<bool> = OnceLock::new();

/// Tries out how dynamic arrays are made.
pub fn try_out(py: Python<'_>) -> bool {
    *IS_KNOWN.get_or_init(|| tried_out(py).unwrap_or(false))
}

fn tried_out(py: Python<'_>) -> PyResult<bool> {
    let class = py.import("brian2.memory.dynamicarray")?.getattr("DynamicArray1D")?;
    for (count, dtype) in [(3, "float64"), (5, "int32")] {
        let dtype = py.import("numpy")?.call_method1("dtype", (dtype,))?;
        let array = class.call1((count, dtype))?;
        for count in [count, 1000, 2] {
            array.call_method1("resize", (count,))?;
            let Some(vector) = vector(&array)? else { return Ok(false) };
            let buffer = PyUntypedBuffer::get(&array.getattr("data")?)?;
            // SAFETY: the array lives; whether the fields are what they are taken for is what is tried out. Four words
            // are read of an object that has at least a vector, a size and a factor.
            let (begin, len) = unsafe { ((*vector).begin, (*vector).len) };
            if begin != buffer.buf_ptr().cast() || len != count {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn vector(array: &Bound<'_, PyAny>) -> PyResult<Option<*const Vector>> {
    let capsule = array.call_method0("get_capsule")?;
    // SAFETY: the capsule is alive; a wrong name gives an error.
    let pointer = unsafe { PyCapsule_GetPointer(capsule.as_ptr(), c"DynamicArray1D".as_ptr()) };
    if pointer.is_null() { Err(PyErr::fetch(array.py())) } else { Ok(Some(pointer.cast_const().cast())) }
}

/// The storage type of this name of NumPy's.
pub fn storage(dtype: &str) -> PyResult<Storage> {
    Ok(match dtype {
        "bool" => Storage::Bool,
        "int32" => Storage::I32,
        "int64" => Storage::I64,
        "float32" => Storage::F32,
        "float64" => Storage::F64,
        other => return Err(PyTypeError::new_err(format!("values of type `{other}` are not supported"))),
    })
}

/// NumPy's name of a storage type.
pub fn dtype(storage: Storage) -> &'static str {
    match storage {
        Storage::Bool => "bool",
        Storage::I32 => "int32",
        Storage::I64 => "int64",
        Storage::F32 => "float32",
        Storage::F64 => "float64",
    }
}

fn check(buffer: &PyUntypedBuffer, storage: Storage) -> PyResult<()> {
    let format = buffer.format().to_str().unwrap_or_default().trim_start_matches(['@', '=', '<']);
    let fits = match storage {
        Storage::Bool => format == "?",
        Storage::I32 => matches!(format, "i" | "l") && buffer.item_size() == 4,
        Storage::I64 => matches!(format, "l" | "q") && buffer.item_size() == 8,
        Storage::F32 => format == "f",
        Storage::F64 => format == "d",
    };
    if !fits {
        let message = format!("an array of `{format}` in place of one of {}", dtype(storage));
        return Err(PyTypeError::new_err(message));
    }
    if buffer.item_count() > 1 && !buffer.is_c_contiguous() {
        return Err(PyValueError::new_err("an array that is not contiguous"));
    }
    Ok(())
}

impl Slot {
    /// A place for an array of this type.
    pub fn of(array: &Bound<'_, PyAny>, storage: Storage) -> PyResult<Slot> {
        if array.hasattr("resize_along_first")? || array.hasattr("get_capsule")? {
            if array.hasattr("shrink")? && try_out(array.py()) && is_one_dimensional(array)? {
                if array.len()? > 0 {
                    check(&PyUntypedBuffer::get(&array.getattr("data")?)?, storage)?;
                }
                if let Some(vector) = vector(array)? {
                    return Ok(Slot::Moving { vector, _array: array.clone().unbind() });
                }
            }
            return Ok(Slot::Asked { array: array.clone().unbind(), storage });
        }
        let buffer = PyUntypedBuffer::get(array)?;
        check(&buffer, storage)?;
        Ok(Slot::Fixed { pointer: buffer.buf_ptr().cast(), len: buffer.item_count(), _buffer: buffer })
    }

    /// Where it is now, and how many elements it has.
    pub fn place(&self, py: Python<'_>) -> PyResult<(*mut u8, usize)> {
        match self {
            Slot::Fixed { pointer, len, .. } => Ok((*pointer, *len)),
            // SAFETY: the array is held, and was tried out to be made so.
            Slot::Moving { vector, .. } => Ok(unsafe { ((**vector).begin, (**vector).len) }),
            Slot::Asked { array, storage } => {
                let buffer = PyUntypedBuffer::get(&array.bind(py).getattr("data")?)?;
                if buffer.item_count() > 0 {
                    check(&buffer, *storage)?;
                }
                Ok((buffer.buf_ptr().cast(), buffer.item_count()))
            }
        }
    }
}

fn is_one_dimensional(array: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(array.getattr("shape")?.len()? == 1)
}

//! Random numbers from Brian2's own blocks, and functions written in Python.

use std::collections::HashMap;
use std::sync::OnceLock;

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use saltus::hosted::Host;

use crate::cpp::Functions;

/// Numbers of a block, as Brian2 fetches them.
const BLOCK: usize = 20_000;

/// Where Brian2's device keeps a block of random numbers, and how far it is used up.
struct Block {
    place: Place,
    index: *mut i32,
    /// The function of `numpy.random` that fills it.
    name: &'static str,
}

/// Where the numbers of a block are.
#[derive(Clone, Copy)]
enum Place {
    /// In an array of the device (Brian2 from 2.11 on).
    Held(*mut f64),
    /// At this address, in memory of C's `malloc`; 0 before the first block.
    Pointed(*mut isize),
}

// SAFETY: followed only while the interpreter's lock is held.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

struct Blocks {
    uniforms: Block,
    normals: Block,
    /// What holds the arrays that the pointers are to.
    _device: Py<PyAny>,
}

/// Those of the one device that runs code in this process.
static BLOCKS: OnceLock<Blocks> = OnceLock::new();

/// Draws from the blocks of this device from now on; there is one in a process.
pub fn use_device(device: &Bound<'_, PyAny>) -> PyResult<()> {
    if BLOCKS.get().is_some() {
        return Ok(());
    }
    let block = |name: &'static str, numbers: &str, index: &str| -> PyResult<Block> {
        let numbers = device.getattr(numbers)?;
        let index: PyBuffer<i32> = PyBuffer::get(&device.getattr(index)?)?;
        let place = match PyBuffer::<f64>::get(&numbers) {
            Ok(held) if held.item_count() == BLOCK => Place::Held(held.buf_ptr().cast()),
            _ => Place::Pointed(PyBuffer::<isize>::get(&numbers)?.buf_ptr().cast()),
        };
        Ok(Block { place, index: index.buf_ptr().cast(), name })
    };
    let blocks = Blocks {
        uniforms: block("rand", "rand_buffer", "rand_buffer_index")?,
        normals: block("randn", "randn_buffer", "randn_buffer_index")?,
        _device: device.clone().unbind(),
    };
    // Whoever was first has the same device.
    drop(BLOCKS.set(blocks));
    Ok(())
}

impl Block {
    fn next(&self, py: Python<'_>) -> PyResult<f64> {
        // SAFETY: the device holds both arrays, of one element each, and the lock of the interpreter is held. The index is
        // below the length of the block, which has been fetched unless the index is 0.
        unsafe {
            if *self.index == 0 {
                self.fetch(py)?;
            }
            let value = *self.address().add(*self.index as usize);
            *self.index = (*self.index + 1) % BLOCK as i32;
            Ok(value)
        }
    }

    /// Where the numbers are now, if there are any.
    ///
    /// # Safety
    /// As in `next`.
    unsafe fn address(&self) -> *mut f64 {
        match self.place {
            Place::Held(address) => address,
            // SAFETY: as the caller promised.
            Place::Pointed(pointer) => unsafe { *pointer as *mut f64 },
        }
    }

    /// The same, with room for numbers in any case. Who has fetched numbers before has room: whoever frees them puts
    /// others there.
    ///
    /// # Safety
    /// As in `next`.
    unsafe fn room(&self) -> *mut f64 {
        // SAFETY: as the caller promised.
        unsafe {
            if let Place::Pointed(pointer) = self.place
                && *pointer == 0
            {
                *pointer = libc::malloc(BLOCK * size_of::<f64>()) as isize;
                assert!(*pointer != 0, "memory for a block of random numbers");
            }
            self.address()
        }
    }

    /// # Safety
    /// As in `next`.
    unsafe fn fetch(&self, py: Python<'_>) -> PyResult<()> {
        let drawn = py.import("numpy")?.getattr("random")?.call_method1(self.name, (BLOCK,))?;
        let drawn: PyBuffer<f64> = PyBuffer::get(&drawn)?;
        // SAFETY: there is room for a block.
        unsafe {
            std::ptr::copy_nonoverlapping(drawn.buf_ptr().cast::<f64>(), self.room(), BLOCK);
        }
        Ok(())
    }
}

impl Block {
    /// The numbers, unless there are none.
    fn numbers<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        // SAFETY: the lock of the interpreter is held; a block that is there has all its numbers.
        unsafe {
            let address = self.address().cast_const().cast::<u8>();
            let bytes = BLOCK * size_of::<f64>();
            (!address.is_null()).then(|| PyBytes::new(py, std::slice::from_raw_parts(address, bytes)))
        }
    }

    /// Puts numbers in the place of those that are there.
    fn set_numbers(&self, numbers: &[u8]) -> PyResult<()> {
        if numbers.len() != BLOCK * size_of::<f64>() {
            return Err(pyo3::exceptions::PyValueError::new_err("not a block of random numbers"));
        }
        // SAFETY: as above; the memory has room for a block.
        unsafe {
            std::ptr::copy_nonoverlapping(numbers.as_ptr(), self.room().cast(), numbers.len());
        }
        Ok(())
    }
}

/// The numbers of the blocks, uniform and normal ones: what they are, not where.
#[pyfunction]
pub fn blocks(py: Python<'_>) -> (Option<Bound<'_, PyBytes>>, Option<Bound<'_, PyBytes>>) {
    BLOCKS.get().map_or((None, None), |blocks| (blocks.uniforms.numbers(py), blocks.normals.numbers(py)))
}

/// Puts numbers into the blocks.
#[pyfunction]
pub fn set_blocks(uniforms: Option<&[u8]>, normals: Option<&[u8]>) -> PyResult<()> {
    let Some(blocks) = BLOCKS.get() else { return Ok(()) };
    uniforms.map_or(Ok(()), |numbers| blocks.uniforms.set_numbers(numbers))?;
    normals.map_or(Ok(()), |numbers| blocks.normals.set_numbers(numbers))
}

/// What code gets from Python while the interpreter's lock is held.
pub struct PythonHost<'a, 'py> {
    pub py: Python<'py>,
    pub functions: &'a HashMap<String, Py<PyAny>>,
    /// Functions in C++, which go before those.
    pub cpp: Option<&'a Functions>,
    /// The first thing that went wrong.
    pub fault: Option<PyErr>,
}

impl PythonHost<'_, '_> {
    fn kept<T>(&mut self, result: PyResult<T>, otherwise: T) -> T {
        result.unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            otherwise
        })
    }

    fn drawn(&mut self, block: impl Fn(&Blocks) -> &Block) -> f64 {
        let drawn = match BLOCKS.get() {
            Some(blocks) => block(blocks).next(self.py),
            None => Err(pyo3::exceptions::PyRuntimeError::new_err("saltus is not active")),
        };
        self.kept(drawn, f64::NAN)
    }

    fn called(&self, function: &str, elements: &[i32], arguments: &[&[f64]], results: &mut [f64]) -> PyResult<()> {
        if let Some(called) = self.cpp.and_then(|cpp| cpp.call(function, elements, arguments, results)) {
            return called;
        }
        let Some(function) = self.functions.get(function) else {
            let message = format!("internal error: nothing evaluates `{function}`");
            return Err(pyo3::exceptions::PyRuntimeError::new_err(message));
        };
        let numpy = self.py.import("numpy")?;
        let array = |values: &[f64]| -> PyResult<Bound<'_, PyAny>> {
            // SAFETY: any bytes of doubles are bytes.
            let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) };
            numpy.call_method1("frombuffer", (PyBytes::new(self.py, bytes), "float64"))
        };
        let arguments = arguments.iter().map(|values| array(values)).collect::<PyResult<Vec<_>>>()?;
        let arguments = pyo3::types::PyList::new(self.py, arguments)?;
        let numbers = elements.iter().flat_map(|element| element.to_ne_bytes()).collect::<Vec<u8>>();
        let numbers = numpy.call_method1("frombuffer", (PyBytes::new(self.py, &numbers), "int32"))?;
        let values = function.bind(self.py).call1((arguments, numbers))?;
        let values: PyBuffer<f64> = PyBuffer::get(&values)?;
        values.copy_to_slice(self.py, results)
    }
}

impl Host for PythonHost<'_, '_> {
    fn uniform(&mut self) -> f64 {
        self.drawn(|blocks| &blocks.uniforms)
    }

    fn normal(&mut self) -> f64 {
        self.drawn(|blocks| &blocks.normals)
    }

    fn call(&mut self, function: &str, elements: &[i32], arguments: &[&[f64]], results: &mut [f64]) {
        let called = self.called(function, elements, arguments, results);
        self.kept(called, ());
    }
}

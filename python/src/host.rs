//! Random numbers from Brian2's own blocks, and functions written in Python.

use std::collections::HashMap;
use std::sync::OnceLock;

use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use saltus::hosted::Host;

/// Numbers of a block, as Brian2 fetches them.
const BLOCK: usize = 20_000;

/// Where Brian2's device keeps a block of random numbers, and how far it is used up.
struct Block {
    /// The address of the numbers, in memory of C's `malloc`; 0 before the first one.
    pointer: *mut isize,
    index: *mut i32,
    /// The function of `numpy.random` that fills it.
    name: &'static str,
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
        let numbers: PyBuffer<isize> = PyBuffer::get(&device.getattr(numbers)?)?;
        let index: PyBuffer<i32> = PyBuffer::get(&device.getattr(index)?)?;
        Ok(Block { pointer: numbers.buf_ptr().cast(), index: index.buf_ptr().cast(), name })
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
            let value = *(*self.pointer as *const f64).add(*self.index as usize);
            *self.index = (*self.index + 1) % BLOCK as i32;
            Ok(value)
        }
    }

    /// # Safety
    /// As in `next`.
    unsafe fn fetch(&self, py: Python<'_>) -> PyResult<()> {
        let drawn = py.import("numpy")?.getattr("random")?.call_method1(self.name, (BLOCK,))?;
        let drawn: PyBuffer<f64> = PyBuffer::get(&drawn)?;
        // SAFETY: the old block was allocated by `malloc`, here or by Brian2, and nobody else has its address.
        unsafe {
            libc::free((*self.pointer as *mut f64).cast());
            *self.pointer = 0;
            let block = libc::malloc(BLOCK * size_of::<f64>()).cast::<f64>();
            assert!(!block.is_null(), "memory for a block of random numbers");
            std::ptr::copy_nonoverlapping(drawn.buf_ptr().cast::<f64>(), block, BLOCK);
            *self.pointer = block as isize;
        }
        Ok(())
    }
}

impl Block {
    /// The numbers, unless there are none.
    fn numbers<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        // SAFETY: the lock of the interpreter is held; a block that is there has all its numbers.
        unsafe {
            let address = *self.pointer as *const u8;
            (!address.is_null())
                .then(|| PyBytes::new(py, std::slice::from_raw_parts(address, BLOCK * size_of::<f64>())))
        }
    }

    /// Puts numbers in the place of those that are there.
    fn set_numbers(&self, numbers: &[u8]) -> PyResult<()> {
        if numbers.len() != BLOCK * size_of::<f64>() {
            return Err(pyo3::exceptions::PyValueError::new_err("not a block of random numbers"));
        }
        // SAFETY: as above; the memory has room for a block.
        unsafe {
            if *self.pointer == 0 {
                *self.pointer = libc::malloc(numbers.len()) as isize;
                assert!(*self.pointer != 0, "memory for a block of random numbers");
            }
            std::ptr::copy_nonoverlapping(numbers.as_ptr(), *self.pointer as *mut u8, numbers.len());
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

    fn called(&self, function: &str, arguments: &[&[f64]], results: &mut [f64]) -> PyResult<()> {
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
        let values = function.bind(self.py).call1((pyo3::types::PyList::new(self.py, arguments)?, results.len()))?;
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

    fn call(&mut self, function: &str, arguments: &[&[f64]], results: &mut [f64]) {
        let called = self.called(function, arguments, results);
        self.kept(called, ());
    }
}

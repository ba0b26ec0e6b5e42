//! Kernels that run once: the interpreter needs neither process nor file for them.

use super::EngineError;
use crate::kernel::interpret::meaning::constant;
use crate::kernel::interpret::{Arguments, Program};
use crate::kernel::ir::{Const, Kernel, Param, Stmt};
use crate::kernel::verify::verify;

/// The value that a kernel stores which does nothing else, if it takes no more than operations of the IR on values of its
/// parameters that are known: most constants are a number and a unit, and no program has to be made for them.
pub fn stored_constant(kernel: &Kernel, value_of: &dyn Fn(&Param) -> Option<Const>) -> Option<Const> {
    match (kernel.scalar.as_slice(), kernel.vector.as_slice()) {
        ([], [Stmt::Store { value, when: None, .. }]) => {
            constant(value, &|param| value_of(kernel.params.get(param.0 as usize)?))
        }
        _ => None,
    }
}

/// Interprets a kernel once over the elements `0..n`; returns the flags it set.
///
/// # Safety
/// As for [`CodeObject::bind`](super::CodeObject::bind), for this run only.
pub unsafe fn run_once(kernel: &Kernel, arrays: &[*mut u8], n: usize) -> Result<u64, EngineError> {
    verify(kernel)?;
    let arguments = Arguments { begin: 0, end: n as i64, indices: std::ptr::null(), selected: std::ptr::null_mut() };
    // SAFETY: as the caller promised.
    Ok(unsafe { Program::new(kernel).run(arrays.as_ptr(), arguments) }.flags)
}

/// Interprets a kernel once over the elements of a list; returns the flags it set.
///
/// # Safety
/// As for [`CodeObject::bind`](super::CodeObject::bind), for this run only; the list holds numbers of elements, each once.
pub unsafe fn run_once_over(kernel: &Kernel, arrays: &[*mut u8], indices: &[i32]) -> Result<u64, EngineError> {
    verify(kernel)?;
    let arguments =
        Arguments { begin: 0, end: indices.len() as i64, indices: indices.as_ptr(), selected: std::ptr::null_mut() };
    // SAFETY: as the caller promised.
    Ok(unsafe { Program::new(kernel).run(arrays.as_ptr(), arguments) }.flags)
}

/// Interprets a kernel that selects, once over as many elements as `selected` has room for; returns how many it found.
///
/// # Safety
/// As for [`CodeObject::bind`](super::CodeObject::bind), for this run only.
pub unsafe fn select_once(kernel: &Kernel, arrays: &[*mut u8], selected: &mut [i32]) -> Result<usize, EngineError> {
    verify(kernel)?;
    let arguments =
        Arguments { begin: 0, end: selected.len() as i64, indices: std::ptr::null(), selected: selected.as_mut_ptr() };
    // SAFETY: as the caller promised.
    Ok(unsafe { Program::new(kernel).run(arrays.as_ptr(), arguments) }.selected_count as usize)
}

//! From kernels to running code: Kernel → Source → Key → Artifact → CompiledKernel → CodeObject, on the tier asked for.

mod code_object;

use std::sync::Arc;

pub use self::code_object::{CodeObject, Interpreted};
use crate::kernel::interpret::{Arguments, Program};
use crate::kernel::ir::Kernel;
use crate::kernel::lower::Site;
use crate::kernel::verify::{VerifyError, verify};

/// Why code could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A kernel is ill-formed: a bug of ours.
    #[error("internal error: an ill-formed kernel: {0}; please report it with the model")]
    IllFormed(#[from] VerifyError),
}

/// Interprets a kernel once over the elements `0..n`; returns the flags it set.
///
/// # Safety
/// As for [`CodeObject::bind`], for this run only.
pub unsafe fn run_once(kernel: &Kernel, arrays: &[*mut u8], n: usize) -> Result<u64, EngineError> {
    verify(kernel)?;
    let arguments =
        Arguments { begin: 0, end: n as i64, indices: std::ptr::null(), selected: std::ptr::null_mut() };
    // SAFETY: as the caller promised.
    Ok(unsafe { Program::new(kernel).run(arrays.as_ptr(), arguments) }.flags)
}

/// Interprets a kernel once over the elements of a list; returns the flags it set.
///
/// # Safety
/// As for [`CodeObject::bind`], for this run only; the list holds numbers of elements, each once.
pub unsafe fn run_once_over(kernel: &Kernel, arrays: &[*mut u8], indices: &[i32]) -> Result<u64, EngineError> {
    verify(kernel)?;
    let arguments = Arguments {
        begin: 0,
        end: indices.len() as i64,
        indices: indices.as_ptr(),
        selected: std::ptr::null_mut(),
    };
    // SAFETY: as the caller promised.
    Ok(unsafe { Program::new(kernel).run(arrays.as_ptr(), arguments) }.flags)
}

/// Interprets a kernel that selects, once over as many elements as `selected` has room for; returns how many it found.
///
/// # Safety
/// As for [`CodeObject::bind`], for this run only.
pub unsafe fn select_once(kernel: &Kernel, arrays: &[*mut u8], selected: &mut [i32]) -> Result<usize, EngineError> {
    verify(kernel)?;
    let arguments = Arguments {
        begin: 0,
        end: selected.len() as i64,
        indices: std::ptr::null(),
        selected: selected.as_mut_ptr(),
    };
    // SAFETY: as the caller promised.
    Ok(unsafe { Program::new(kernel).run(arrays.as_ptr(), arguments) }.selected_count as usize)
}

/// The places whose flags are set.
pub fn sites_of(sites: &[Site], flags: u64) -> Vec<Site> {
    (0..sites.len()).filter(|k| flags >> (*k).min(63) & 1 == 1).map(|k| sites[k].clone()).collect()
}

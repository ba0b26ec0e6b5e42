//! The kernel ABI: how the host calls a kernel, in whatever language it is written. `templates/abi.h` is its C form;
//! a test compares every offset.
//!
//! A kernel is one function [`KernelFn`] under the symbol [`ENTRY`]. It reads and writes arrays through a table of
//! pointers, one per parameter in the order of the kernel's parameters, and gets everything that differs from call to
//! call in a [`Call`]. It allocates nothing, calls nothing and keeps nothing.

/// Version of this layout; part of every key.
pub const ABI_VERSION: u32 = 1;

/// The symbol of every kernel.
pub const ENTRY: &str = "saltus_kernel";

/// What one call of a kernel works on, and what it tells the host.
#[repr(C)]
#[derive(Debug, Clone)]
pub struct Call {
    /// First element (for [`indices`](Call::indices): first entry of the list) of this call.
    pub begin: i64,
    /// One past the last.
    pub end: i64,
    /// Elements to work on, ascending and without repetition, for kernels that run over a list; else null.
    pub indices: *const i32,
    /// Where kernels that select put the elements they found: room for `end - begin` entries; else null.
    pub selected: *mut i32,
    /// How many entries of `selected` the kernel wrote.
    pub selected_count: i64,
    /// One bit per place in the kernel's statements where something noteworthy happened (integer division by zero).
    pub flags: u64,
}

impl Call {
    /// A call over the elements `0..n`.
    pub fn over(n: usize) -> Call {
        Call {
            begin: 0,
            end: n as i64,
            indices: std::ptr::null(),
            selected: std::ptr::null_mut(),
            selected_count: 0,
            flags: 0,
        }
    }
}

/// A kernel. `arrays` has one pointer per parameter.
pub type KernelFn = unsafe extern "C" fn(arrays: *const *mut u8, call: *mut Call);

/// Something that computes like a kernel: a compiled one, or an interpreter of the same IR.
pub trait Execute: Send + Sync {
    /// Runs once.
    ///
    /// # Safety
    /// `arrays` holds, for each parameter of the kernel, a valid pointer to as many elements of the parameter's storage
    /// type as the kernel reaches (one for scalars); written arrays are not accessed by anyone else meanwhile. `call`
    /// is as [`Call`] says.
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call);
}

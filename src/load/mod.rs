//! From the bytes of a library to something that runs, and the place from which the run loop calls it.
//!
//! [`library::load`] makes a [`CompiledKernel`] of bytes that were verified; a [`KernelSlot`] holds what a code object
//! runs now, and a [`Mailbox`] brings new kernels from background threads to the run loop, which swaps them in between
//! two steps. Only this module opens libraries; it does not know where their bytes come from.

pub mod library;
pub mod slot;

pub use library::{CompiledKernel, LoadError, load};
pub use slot::{KernelSlot, Mailbox};

//! What the fuzz targets do, as functions of bytes. `tests/fuzz_corpus.rs` of the package calls the same functions.

#[path = "../../tests/kernels/memory.rs"]
mod memory;
#[path = "../../tests/kernels/reference.rs"]
mod reference;

pub mod body;

//! One function for each target: bytes in, nothing out; it panics where saltus is wrong.
//!
//! Nothing here starts a process, and what is written goes to a temporary directory. What a model asks for is bounded
//! before it is done, since a model may ask for a billion cells and is then right to take long.

mod entry;
mod index;
mod kernel_text;
mod language;
mod model_file;

pub use entry::entry;
pub use index::{index, small_network};
pub use kernel_text::kernel_text;
pub use language::language;
pub use model_file::model_file;

/// What is done with an input.
pub type Target = fn(&[u8]);

/// The targets, by name.
#[allow(dead_code, reason = "the fuzz targets call theirs directly")]
pub const ALL: [(&str, Target); 5] = [
    ("language", language),
    ("model_file", model_file),
    ("kernel_text", kernel_text),
    ("entry", entry),
    ("index", index),
];

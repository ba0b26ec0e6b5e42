//! Models: equations, groups and their checks, and the model file.

pub mod block;
pub mod file;

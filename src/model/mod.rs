//! Models: equations, names in scope, and model files.

pub mod file;

//! Models: equations, groups and their checks, and the model file.

pub mod block;
pub mod equations;
pub mod file;
pub mod generator;
pub mod group;
pub mod namespace;
pub mod statements;

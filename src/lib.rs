//! Spiking neural networks from equations, run by compiled kernels that are cached by content and swapped in while
//! the simulation runs.

pub mod diag;
pub mod unit;
pub mod expr;
pub mod model;
pub mod integrate;
pub mod kernel;
pub mod render;
pub mod build;
pub mod store;
pub mod load;
pub mod runtime;
pub mod engine;
pub mod network;
pub mod inspect;
pub mod cli;

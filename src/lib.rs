//! Spiking neural networks from equations, run by compiled kernels that are cached by content and swapped in while
//! the simulation runs.

pub mod build;
pub mod cli;
pub mod diag;
pub mod engine;
pub mod expr;
pub mod hosted;
pub mod inspect;
pub mod integrate;
pub mod kernel;
pub mod live;
pub mod load;
pub mod model;
pub mod network;
pub mod random;
pub mod render;
pub mod runtime;
pub mod store;
pub mod unit;

/// The README's Rust is tested as this crate's own examples are.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

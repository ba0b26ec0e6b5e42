//! Random numbers, drawn by the host: those of NumPy's `RandomState` for the same seed, on every machine.
//!
//! A [`Generator`] draws as `RandomState`'s methods do. [`Streams`] puts the blocks before it from which code draws, so
//! that a model draws what it draws in Brian2. Logarithms and exponentials are computed here and in the maths library of
//! kernels, never by the system's, so that results do not depend on the machine. Uniform numbers are NumPy's bit for bit.
//! Normal numbers are equal but for about one in 3,000, where NumPy's logarithm is wrongly rounded: most of those are one
//! unit in the last place apart, the others (one in 20,000) two. Whole numbers are NumPy's unless NumPy itself decides
//! by a rounding error. Nothing here knows of models or networks, and drawing allocates nothing.

mod binomial;
mod generator;
mod logarithm;
mod poisson;
pub mod sample;
mod streams;

pub use binomial::Binomial;
pub use generator::{Generator, GeneratorState, WORDS, seed_from_entropy};
pub use poisson::Poisson;
pub use streams::{BLOCK, StateError, Streams, StreamsState};

/// What distributions draw from.
pub trait Uniforms {
    /// The next number of the uniform distribution over [0, 1).
    fn uniform(&mut self) -> f64;
}

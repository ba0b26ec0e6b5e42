//! stub
pub mod propagator;

//! Kernels: the typed IR, how statements become it, what it means, and its text.

pub mod arguments;
pub mod hoist;
pub mod interpret;
pub mod ir;
pub mod lower;
pub mod maths;
pub mod order;
pub mod text;
pub mod verify;

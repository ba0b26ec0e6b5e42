//! From source text to the bytes of a shared library.
//!
//! [`toolchain::discover`] finds the machine's compiler, a [`Recipe`] holds everything that can change the machine code
//! of a kernel, its [`Key`] is the digest of that, and [`compile::compile`] turns a recipe into a library. Only this
//! module starts processes. It knows nothing of models, of the store or of how a kernel is called.

pub mod assembly;
pub mod compile;
pub mod costs;
pub mod cpu;
pub mod early;
pub mod elf;
mod env;
pub mod expand;
mod flags;
#[doc(hidden)]
pub mod fuzzing;
pub mod identity;
pub mod messages;
mod probe;
mod probe_rust;
mod process;
pub mod recipe;
pub mod toolchain;

pub use compile::{CompileError, CompileOptions, Compiled, TimeLimitError, Unit, compile, compile_all};
pub use cpu::{CpuFeatures, CpuLevel, Machine};
pub use messages::Message;
pub(crate) use process::ends_within;
pub use process::{lower_priority, stop_all};
pub use recipe::{KernelId, Key, Member, OptLevel, Recipe};
pub use toolchain::{Env, Family, Toolchain, ToolchainError};

use std::fmt::Write as _;

/// Lower-case hexadecimal digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that 64 hexadecimal digits stand for.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        // Only what `hex` writes is accepted, so that a digest has one spelling.
        if pair.iter().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

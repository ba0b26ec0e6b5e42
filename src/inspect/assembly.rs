//! The machine code of a kernel: from the library in the store that would run it, else from the compiler.

use crate::build::assembly::{AssemblyError, assembly, disassemble};
use crate::build::{CompileOptions, Env, OptLevel, Toolchain};
use crate::inspect::KernelView;
use crate::store::Artifact;

/// Machine code as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineCode {
    /// Where it was found, such as `from the library 0123456789ab`.
    pub from: String,
    /// The text.
    pub text: String,
}

/// The machine code of a kernel cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum NoMachineCode {
    /// It is not stored, and there is no compiler.
    #[error("the kernel is not in the store, and there is no compiler to make it")]
    NothingToShow,
    /// The program that was to show it fails.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}

/// The machine code of a kernel: that of a stored library, as it runs, if there are one and an `objdump`; else what the
/// compiler makes of its source.
///
/// # Errors
/// If neither is there, or a program fails.
pub fn machine_code(
    kernel: &KernelView,
    stored: Option<&Artifact>,
    toolchain: Option<&Toolchain>,
    level: OptLevel,
    env: &Env,
) -> Result<MachineCode, NoMachineCode> {
    let (options, _) = CompileOptions::from_env(env);
    let mut missing = None;
    if let Some(artifact) = stored {
        match disassemble(artifact.library(), artifact.record.recipe.entry(), env, &options) {
            Ok(text) => return Ok(MachineCode { from: format!("from the library {}", artifact.key.short()), text }),
            Err(error @ AssemblyError::NoProgram) => missing = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match (toolchain, missing) {
        (Some(toolchain), _) => {
            let text = assembly(&kernel.recipe(toolchain, level), toolchain, &options)?;
            Ok(MachineCode { from: format!("by {}", toolchain.version), text })
        }
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(NoMachineCode::NothingToShow),
    }
}

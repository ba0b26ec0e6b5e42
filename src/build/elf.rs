//! What a linked kernel may be: a shared library that needs nothing, starts nothing and offers the entry symbol.
//!
//! Compilers call functions that nobody wrote (memset, memcpy, sqrt, floor), and fast-math at a link makes a library
//! that switches its process to flush-to-zero when it is loaded. Both are refused here, before anyone opens the file.

use object::elf::{DT_FINI, DT_FINI_ARRAYSZ, DT_INIT, DT_INIT_ARRAYSZ, DT_NEEDED, DT_PREINIT_ARRAYSZ, ET_DYN, PT_TLS};
use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object, ObjectSymbol};

/// What is wrong with a library that a compiler made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// It is no 64-bit ELF shared library.
    #[error("it is not a shared library: {0}")]
    NotALibrary(String),
    /// It calls functions that nobody gives it.
    #[error("it calls {}, which a kernel has not", .0.join(", "))]
    Undefined(Vec<String>),
    /// It asks for other libraries.
    #[error("it loads other libraries")]
    NeedsLibraries,
    /// It runs code when it is loaded or closed.
    #[error("it runs code when it is loaded or closed")]
    RunsAtLoad,
    /// It has variables for each thread.
    #[error("it has thread-local variables")]
    ThreadLocal,
    /// The entry is not there.
    #[error("it does not define `{0}`")]
    NoEntry(String),
}

/// Checks a library with the entry symbol `entry`.
pub fn check_library(bytes: &[u8], entry: &str) -> Result<(), Objection> {
    let not_a_library = |cause: object::Error| Objection::NotALibrary(cause.to_string());
    let elf = ElfFile64::<Endianness>::parse(bytes).map_err(not_a_library)?;
    let endian = elf.endian();
    if elf.elf_header().e_type(endian) != ET_DYN {
        return Err(Objection::NotALibrary("another kind of ELF file".to_string()));
    }
    if elf.elf_program_headers().iter().any(|segment| segment.p_type(endian) == PT_TLS) {
        return Err(Objection::ThreadLocal);
    }
    for dynamic in elf.elf_dynamic_table().map_err(not_a_library)?.iter() {
        if dynamic.tag == DT_NEEDED {
            return Err(Objection::NeedsLibraries);
        }
        let sizes = [DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ, DT_PREINIT_ARRAYSZ];
        let runs = dynamic.tag == DT_INIT || dynamic.tag == DT_FINI || sizes.contains(&dynamic.tag) && dynamic.val > 0;
        if runs {
            return Err(Objection::RunsAtLoad);
        }
    }
    let names = |wanted: fn(&object::read::elf::ElfSymbol<'_, '_, _>) -> bool| -> Vec<String> {
        let symbols = elf.dynamic_symbols().filter(wanted);
        symbols.filter_map(|symbol| symbol.name().ok().map(str::to_string)).collect()
    };
    let undefined = names(|symbol| symbol.is_undefined());
    if !undefined.is_empty() {
        return Err(Objection::Undefined(undefined));
    }
    if !names(|symbol| symbol.is_definition()).iter().any(|name| name == entry) {
        return Err(Objection::NoEntry(entry.to_string()));
    }
    Ok(())
}

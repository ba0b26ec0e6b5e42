//! What a linked kernel may be: a shared library that needs nothing, starts nothing and offers the entry symbol.
//!
//! Compilers call functions that nobody wrote (memset, memcpy, sqrt, floor), and fast-math at a link makes a library
//! that switches its process to flush-to-zero when it is loaded. Both are refused here, before anyone opens the file.
//! So is what whoever made a stored library may have put into it: nothing of it may run by being opened. Whoever runs it
//! trusts it, which is the store's to decide; but libraries are opened that nobody has run yet.

use object::elf::{
    DT_AUDIT, DT_AUXILIARY, DT_DEPAUDIT, DT_FILTER, DT_FINI, DT_FINI_ARRAYSZ, DT_INIT, DT_INIT_ARRAYSZ, DT_JMPREL,
    DT_NEEDED, DT_NULL, DT_PLTRELSZ, DT_PREINIT_ARRAYSZ, DT_RELA, DT_RELASZ, DT_SYMTAB, DynamicTag, ET_DYN, PT_DYNAMIC,
    PT_LOAD, PT_TLS, R_AARCH64_IRELATIVE, R_X86_64_IRELATIVE, Rela64, SHT_DYNSYM, STT_FUNC, STT_GNU_IFUNC,
};
use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _, SectionHeader as _};
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
    let entries = dynamic_entries(&elf)?;
    if entries.iter().any(|(tag, _)| [DT_NEEDED, DT_FILTER, DT_AUXILIARY, DT_AUDIT, DT_DEPAUDIT].contains(tag)) {
        return Err(Objection::NeedsLibraries);
    }
    let arrays = [DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ, DT_PREINIT_ARRAYSZ];
    let runs =
        |(tag, value): &(DynamicTag, u64)| [DT_INIT, DT_FINI].contains(tag) || arrays.contains(tag) && *value > 0;
    let has_choice = elf.dynamic_symbols().any(|symbol| symbol.elf_symbol().st_type() == STT_GNU_IFUNC);
    // Whoever resolves a symbol that code chooses runs that code.
    if entries.iter().any(runs) || has_choice || chooses(&elf, &entries)? {
        return Err(Objection::RunsAtLoad);
    }
    let names = |wanted: fn(&object::read::elf::ElfSymbol<'_, '_, _>) -> bool| -> Vec<String> {
        let symbols = elf.dynamic_symbols().filter(wanted);
        symbols.filter_map(|symbol| symbol.name().ok().map(str::to_string)).collect()
    };
    let undefined = names(|symbol| symbol.is_undefined());
    if !undefined.is_empty() {
        return Err(Objection::Undefined(undefined));
    }
    // Data of that name would be run as code.
    if !names(|symbol| symbol.is_definition() && symbol.elf_symbol().st_type() == STT_FUNC)
        .iter()
        .any(|name| name == entry)
    {
        return Err(Objection::NoEntry(entry.to_string()));
    }
    Ok(())
}

/// Checks a library of functions that users wrote, which may need other libraries and start what they want, for one.
pub fn check_function(bytes: &[u8], entry: &str) -> Result<(), Objection> {
    let elf = ElfFile64::<Endianness>::parse(bytes).map_err(|cause| Objection::NotALibrary(cause.to_string()))?;
    if elf.elf_header().e_type(elf.endian()) != ET_DYN {
        return Err(Objection::NotALibrary("another kind of ELF file".to_string()));
    }
    let has_entry = elf.dynamic_symbols().any(|symbol| {
        symbol.is_definition() && symbol.elf_symbol().st_type() == STT_FUNC && symbol.name() == Ok(entry)
    });
    if has_entry { Ok(()) } else { Err(Objection::NoEntry(entry.to_string())) }
}

type Elf<'data> = ElfFile64<'data, Endianness>;

/// What the dynamic linker is told. It reads the segment; the table of sections, which is for tools, may say something else.
/// What could be read in two ways is refused: nobody but a liar writes it.
fn dynamic_entries(elf: &Elf<'_>) -> Result<Vec<(DynamicTag, u64)>, Objection> {
    let endian = elf.endian();
    let refused = |why: &str| Objection::NotALibrary(why.to_string());
    let mut segments = elf.elf_program_headers().iter().filter(|segment| segment.p_type(endian) == PT_DYNAMIC);
    let (Some(segment), None) = (segments.next(), segments.next()) else {
        return Err(refused("it has not one dynamic table"));
    };
    let (at, size) = (segment.p_vaddr(endian), segment.p_filesz(endian));
    let bytes = loaded(elf, at, size).ok_or_else(|| refused("its dynamic table is not in it"))?;
    let table = object::pod::slice_from_all_bytes::<object::elf::Dyn64<Endianness>>(bytes);
    let table = table.map_err(|()| refused("its dynamic table is not whole"))?;
    let entries = table.iter().map(|entry| (entry.d_tag(endian), entry.d_val(endian)));
    let entries: Vec<(DynamicTag, u64)> = entries.take_while(|(tag, _)| *tag != DT_NULL).collect();
    for (k, (tag, _)) in entries.iter().enumerate() {
        if *tag != DT_NEEDED && entries[..k].iter().any(|(other, _)| other == tag) {
            return Err(refused("its dynamic table says a thing twice"));
        }
    }
    let sections = elf.elf_section_table().iter().filter(|section| section.sh_type(endian) == SHT_DYNSYM);
    let symbols: Vec<u64> = sections.map(|section| section.sh_addr(endian)).collect();
    if !entries.iter().any(|(tag, address)| *tag == DT_SYMTAB && symbols == [*address]) {
        return Err(refused("it has not one table of symbols"));
    }
    Ok(entries)
}

/// The bytes that are at an address once it is loaded.
fn loaded<'data>(elf: &Elf<'data>, address: u64, size: u64) -> Option<&'data [u8]> {
    let in_segment = |segment: &object::elf::ProgramHeader64<Endianness>| {
        let is_loaded = segment.p_type(elf.endian()) == PT_LOAD;
        segment.data_range(elf.endian(), elf.data(), address, size).ok().flatten().filter(|_| is_loaded)
    };
    elf.elf_program_headers().iter().find_map(in_segment)
}

/// Whether an address in it is what code returns that runs when it is loaded.
fn chooses(elf: &Elf<'_>, entries: &[(DynamicTag, u64)]) -> Result<bool, Objection> {
    let value = |wanted: DynamicTag| entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value);
    for (table, size) in [(DT_RELA, DT_RELASZ), (DT_JMPREL, DT_PLTRELSZ)] {
        let (Some(address), Some(size)) = (value(table), value(size)) else { continue };
        let bytes = loaded(elf, address, size);
        let relocations = bytes.and_then(|bytes| object::pod::slice_from_all_bytes::<Rela64<Endianness>>(bytes).ok());
        let Some(relocations) = relocations else {
            return Err(Objection::NotALibrary("its relocations are not in it".to_string()));
        };
        let chosen = [R_X86_64_IRELATIVE, R_AARCH64_IRELATIVE];
        if relocations.iter().any(|relocation| chosen.contains(&relocation.r_type(elf.endian(), false))) {
            return Ok(true);
        }
    }
    Ok(false)
}

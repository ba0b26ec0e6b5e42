//! Opens libraries from memory: the bytes that were verified are the bytes that run, since nobody can change a sealed
//! memory file, and no name on a disk is looked up again.
//!
//! Where there are no memory files, or they may not be executed, a private file that is removed at once serves. The
//! dynamic linker takes two paths that are spelled alike for one library, also when the first is gone: every load
//! uses a spelling that no other load of this process uses.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use crate::runtime::abi::{Call, ENTRY, Execute, KernelFn};

/// A kernel in machine code. Its library is closed when the last clone is gone.
#[derive(Clone, Debug)]
pub struct CompiledKernel {
    function: KernelFn,
    /// Keeps `function` valid.
    library: Arc<Library>,
}

impl CompiledKernel {
    /// What has another symbol in the same library, and so the same variables.
    ///
    /// # Errors
    /// If nothing has.
    pub fn sibling(&self, entry: &str) -> Result<CompiledKernel, LoadError> {
        Ok(CompiledKernel { function: function_of(&self.library, entry)?, library: self.library.clone() })
    }
}

impl Execute for CompiledKernel {
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        // SAFETY: the library is open as long as `self`; the caller keeps the promises of `Execute::execute`, which
        // are those that a kernel of this ABI version asks for.
        unsafe { (self.function)(arrays, call) }
    }
}

/// A library could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file for it could not be made.
    #[error("cannot {verb} for a kernel: {cause}")]
    File {
        /// What was tried.
        verb: &'static str,
        /// Why not.
        cause: io::Error,
    },
    /// The dynamic linker refuses it.
    #[error("cannot open a kernel as `{}`: {cause}", path.display())]
    Open {
        /// How it was named.
        path: PathBuf,
        /// What the dynamic linker says.
        cause: libloading::Error,
    },
    /// It has no entry.
    #[error("a kernel does not define `{entry}`: {cause}")]
    NoEntry {
        /// The symbol that was looked for.
        entry: String,
        /// What the dynamic linker says.
        cause: libloading::Error,
    },
    /// Neither way works.
    #[error("{memory}; {file}")]
    BothWays {
        /// What happened with a memory file.
        memory: Box<LoadError>,
        /// What happened with a private file.
        file: Box<LoadError>,
    },
}

/// By which kind of file a library is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A sealed file in memory.
    Memory,
    /// A file in a private directory, removed as soon as it is open.
    PrivateFile,
}

/// Opens a library; `name` is for those who look at the process's memory map.
pub fn load(name: &str, library: &[u8]) -> Result<CompiledKernel, LoadError> {
    load_entry(name, library, ENTRY)
}

/// Opens a library for the kernel that has the symbol `entry`.
pub fn load_entry(name: &str, library: &[u8], entry: &str) -> Result<CompiledKernel, LoadError> {
    match open_by(Way::Memory, name, library, entry) {
        Err(memory @ (LoadError::File { .. } | LoadError::Open { .. })) => {
            open_by(Way::PrivateFile, name, library, entry)
                .map_err(|file| LoadError::BothWays { memory: Box::new(memory), file: Box::new(file) })
        }
        done => done,
    }
}

/// Opens a library by one kind of file.
pub fn load_by(way: Way, name: &str, library: &[u8]) -> Result<CompiledKernel, LoadError> {
    open_by(way, name, library, ENTRY)
}

fn open_by(way: Way, name: &str, library: &[u8], entry: &str) -> Result<CompiledKernel, LoadError> {
    static LOADS: AtomicU64 = AtomicU64::new(1);
    let number = LOADS.fetch_add(1, Ordering::Relaxed);
    match way {
        Way::Memory => {
            let file = memory_file(name, library)?;
            // The mapping outlives the descriptor, so any number of kernels can be loaded.
            open(&memory_path(file.as_raw_fd(), number), entry)
        }
        Way::PrivateFile => {
            let fail = |verb| move |cause| LoadError::File { verb, cause };
            let directory =
                tempfile::Builder::new().prefix("saltus-").tempdir().map_err(fail("make a private directory"))?;
            // The number too, because directories' names are drawn at random.
            let path = directory.path().join(format!("{number}.so"));
            fs::write(&path, library).map_err(fail("write a private file"))?;
            open(&path, entry)
        }
    }
}

/// A file in memory with this content, which nobody can change any more.
fn memory_file(name: &str, content: &[u8]) -> Result<fs::File, LoadError> {
    let fail = |verb| move |errno: Errno| LoadError::File { verb, cause: errno.into() };
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Systems can be set up so that memory files are not executable unless this is asked for; Linux before 6.3 does
    // not know the flag.
    let made = match rustix::fs::memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags),
        made => made,
    };
    let file = fs::File::from(made.map_err(fail("make a memory file"))?);
    io::Write::write_all(&mut &file, content)
        .map_err(|cause| LoadError::File { verb: "write a memory file", cause })?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(fail("seal a memory file"))?;
    Ok(file)
}

/// A path to an open file that no other load uses, although descriptors are used again: the binary digits of `number`
/// as components that lead nowhere.
fn memory_path(descriptor: i32, number: u64) -> PathBuf {
    let digits = (0..u64::BITS - number.leading_zeros()).rev();
    let detour: String = digits.map(|digit| if number >> digit & 1 == 1 { "./" } else { "/" }).collect();
    PathBuf::from(format!("/proc/self/fd/{detour}{descriptor}"))
}

fn open(path: &Path, entry: &str) -> Result<CompiledKernel, LoadError> {
    // Symbols are bound at once, so that nothing can be missing later, and seen by nobody else.
    // SAFETY: opening runs the library's initialisers. A kernel has none: `build` refuses libraries that run code
    // when they are loaded, and the store vouches for the bytes.
    let library = unsafe { Library::open(Some::<&OsStr>(path.as_os_str()), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|cause| LoadError::Open { path: path.to_path_buf(), cause })?;
    Ok(CompiledKernel { function: function_of(&library, entry)?, library: Arc::new(library) })
}

fn function_of(library: &Library, entry: &str) -> Result<KernelFn, LoadError> {
    // SAFETY: under this symbol every kernel has a function of this type: the ABI version, which is part of the key,
    // says so.
    let function = unsafe { library.get::<KernelFn>(entry.as_bytes()) };
    Ok(*function.map_err(|cause| LoadError::NoEntry { entry: entry.to_string(), cause })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_loads_spell_a_path_alike() {
        let paths = (1..5000).flat_map(|number| [3, 4, 10, 11].map(|descriptor| memory_path(descriptor, number)));
        // Compared as text: as paths they are all equal.
        let spellings: BTreeSet<String> = paths.map(|path| path.into_os_string().into_string().unwrap()).collect();
        assert_eq!(spellings.len(), 4 * 4999);
        assert_eq!(memory_path(7, 5).as_os_str(), "/proc/self/fd/.//./7");
    }

    #[test]
    fn what_is_no_library_is_refused() {
        for way in [Way::Memory, Way::PrivateFile] {
            let error = load_by(way, "test", b"no library").unwrap_err();
            assert!(matches!(error, LoadError::Open { .. }), "{error}");
        }
        assert!(matches!(load("test", b"no library"), Err(LoadError::BothWays { .. })));
    }

    #[test]
    fn a_memory_file_cannot_be_changed() {
        let file = memory_file("test", b"content").unwrap();
        let error = io::Write::write_all(&mut &file, b"other").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(file.set_len(0).is_err());
    }
}

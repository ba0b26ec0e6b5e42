//! Kernels compiled by the compilers that are present.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use libloading::Library;
use saltus::kernel::ir::{Kernel, LoopShape};
use saltus::runtime::abi::{Call, ENTRY, Execute, KernelFn};

use crate::memory::{After, Memory};

/// A compiler with its arguments.
#[derive(Clone, Debug)]
pub struct Toolchain {
    pub name: String,
    program: &'static str,
    arguments: Vec<&'static str>,
}

const COMMON: [&str; 8] = [
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fwrapv",
    "-fno-builtin",
    "-nostdlib",
    "-fPIC",
    "-Wl,-z,defs",
];

/// Every compiler that runs here, at every level of optimisation, for any machine of this kind and for this one.
pub static TOOLCHAINS: LazyLock<Vec<Toolchain>> = LazyLock::new(|| {
    let mut found = Vec::new();
    // gcc makes loops into calls of memset and memcpy otherwise; clang does not, given `-fno-builtin`.
    let compilers = [("gcc", Some("-fno-tree-loop-distribute-patterns")), ("clang", None)];
    for (program, own) in compilers.into_iter().filter(|(program, _)| runs(program)) {
        for level in ["-O0", "-O1", "-O2", "-O3"] {
            for machine in [None, Some("-march=native")] {
                let arguments: Vec<&str> = COMMON.into_iter().chain(own).chain([level]).chain(machine).collect();
                let name = format!("{program} {level} {}", machine.unwrap_or("baseline"));
                found.push(Toolchain { name, program, arguments });
            }
        }
    }
    if runs("tcc") {
        found.push(Toolchain { name: "tcc".into(), program: "tcc", arguments: vec!["-nostdlib"] });
    }
    found
});

/// One thorough and one quick compiler, if there are any: for many small kernels.
pub fn few_toolchains() -> impl Iterator<Item = &'static Toolchain> {
    TOOLCHAINS.iter().filter(|t| ["tcc", "gcc -O3 -march=native"].contains(&t.name.as_str()))
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("-v").output().is_ok_and(|output| output.status.success())
}

/// A kernel in this process.
pub struct Compiled {
    library: Library,
}

impl Toolchain {
    /// Compiles the text in a new directory. Unresolved names are errors.
    pub fn compile(&self, text: &str, directory: &Path) -> Compiled {
        std::fs::create_dir_all(directory).expect("the directory can be made");
        let (source, library) = (directory.join("kernel.c"), directory.join("kernel.so"));
        std::fs::write(&source, text).expect("the directory is writable");
        let output = Command::new(self.program)
            .args(&self.arguments)
            .args(["-shared", "-o"])
            .args([&library, &source])
            .output()
            .expect("the compiler starts");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {messages}\n{text}", self.name);
        // SAFETY: the library has no initialisers.
        let library = unsafe { Library::new(&library) };
        Compiled { library: library.unwrap_or_else(|error| panic!("{}: {error}\n{text}", self.name)) }
    }
}

impl Compiled {
    /// Calls the kernel as the host does.
    pub fn run(&self, kernel: &Kernel, memory: &Memory) -> After {
        let mut memory = memory.clone();
        let mut selected = vec![0; (memory.end - memory.begin).max(0) as usize];
        let mut call = Call {
            begin: memory.begin,
            end: memory.end,
            indices: memory.indices.as_ptr(),
            selected: selected.as_mut_ptr(),
            selected_count: 0,
            flags: 0,
        };
        // SAFETY: there is an array for each parameter, as long as the indices reach.
        unsafe { self.execute(memory.pointers().as_ptr(), &mut call) };
        if matches!(kernel.shape, LoopShape::Select(_) | LoopShape::Pairs(_)) {
            selected.truncate(call.selected_count as usize);
        } else {
            assert_eq!(call.selected_count, 0);
            selected.clear();
        }
        After { arrays: memory.arrays, selected, flags: call.flags }
    }
}

impl Execute for Compiled {
    unsafe fn execute(&self, arrays: *const *mut u8, call: &mut Call) {
        // SAFETY: the symbol is a kernel; the rest is as the caller promised.
        unsafe {
            let entry = self.library.get::<KernelFn>(ENTRY).expect("the entry is there");
            entry(arrays, call);
        }
    }
}

//! Kernels compiled by the compilers that are present.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use libloading::Library;
use saltus::kernel::ir::{Kernel, LoopShape};
use saltus::render::{Language, render};
use saltus::runtime::abi::{Call, ENTRY, Execute, KernelFn};

use crate::memory::{After, Memory};

/// A compiler with its arguments.
#[derive(Clone, Debug)]
pub struct Toolchain {
    pub name: String,
    language: Language,
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

/// Kernels as crates of their own.
const CRATE: [&str; 8] = [
    "--edition=2021",
    "--crate-type=cdylib",
    "--crate-name=kernel",
    "--cap-lints=allow",
    "-Cpanic=abort",
    "-Cdebug-assertions=no",
    "-Clinker=ld",
    "-Clink-arg=-zdefs",
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
                found.push(Toolchain { name, language: Language::C, program, arguments });
            }
        }
    }
    if runs("tcc") {
        let (name, arguments) = ("tcc".into(), vec!["-nostdlib"]);
        found.push(Toolchain { name, language: Language::C, program: "tcc", arguments });
    }
    // Cargo has one, so that there is one.
    for level in ["-Copt-level=0", "-Copt-level=1", "-Copt-level=2", "-Copt-level=3"] {
        for machine in [None, Some("-Ctarget-cpu=native")] {
            let arguments = CRATE.into_iter().chain([level]).chain(machine).collect();
            let name = format!("rustc {level} {}", machine.unwrap_or("baseline"));
            found.push(Toolchain { name, language: Language::Rust, program: "rustc", arguments });
        }
    }
    found
});

/// One thorough and one quick compiler, if there are any, and one of the other language: for many small kernels.
pub fn few_toolchains() -> impl Iterator<Item = &'static Toolchain> {
    const FEW: [&str; 3] = ["tcc", "gcc -O3 -march=native", "rustc -Copt-level=3 -Ctarget-cpu=native"];
    TOOLCHAINS.iter().filter(|t| FEW.contains(&t.name.as_str()))
}

fn runs(program: &str) -> bool {
    Command::new(program).arg("-v").output().is_ok_and(|output| output.status.success())
}

/// A kernel in this process.
pub struct Compiled {
    library: Library,
}

impl Toolchain {
    /// Compiles a kernel in a new directory. Unresolved names are errors.
    pub fn compile(&self, kernel: &Kernel, directory: &Path) -> Compiled {
        let text = render(kernel, self.language).text;
        std::fs::create_dir_all(directory).expect("the directory can be made");
        let (source, shared) = match self.language {
            Language::C => (directory.join("kernel.c"), Some("-shared")),
            Language::Rust => (directory.join("kernel.rs"), None),
            Language::Cpp => unreachable!("no kernel is rendered in C++"),
        };
        let library = directory.join("kernel.so");
        std::fs::write(&source, &text).expect("the directory is writable");
        let mut command = Command::new(self.program);
        command.args(&self.arguments).args(shared).arg("-o").args([&library, &source]);
        let output = command.output().expect("the compiler starts");
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

//! The command lines of compilations, each flag with its reason.

use super::cpu::CpuFeatures;
use super::probe_rust::LINKER;
use super::recipe::{LIBRARY_FILE, OptLevel, source_file};
use super::toolchain::{Family, Toolchain};
use crate::render::Language;

/// The whole command line of a compilation but the program.
pub(super) fn arguments(
    language: Language,
    toolchain: &Toolchain,
    features: &CpuFeatures,
    opt_level: OptLevel,
) -> Vec<String> {
    match language {
        Language::C => {}
        Language::Cpp => return cpp_arguments(toolchain, features, opt_level),
        Language::Rust => return rust_arguments(toolchain, features, opt_level),
    }
    let mut arguments = toolchain.arguments.clone();
    let mut add = |flags: &[&str]| arguments.extend(flags.iter().map(|flag| flag.to_string()));
    add(&[opt_level.flag()]);
    // Warnings are for authors, and a kernel has none.
    add(&["-w"]);
    match toolchain.family {
        Family::Gcc => {
            add(&COMMON);
            add(&GCC);
            if toolchain.major_version().is_some_and(|major| major >= 10) {
                // No vector versions of the remainder loop: it takes a quarter of the time to compile, and runs for at
                // most seven elements a call.
                add(&["--param=vect-epilogues-nomask=0"]);
            }
        }
        Family::Clang => {
            add(&COMMON);
            add(&CLANG);
        }
        Family::Zig => {
            add(&COMMON);
            add(&CLANG);
            add(&ZIG);
        }
        Family::Other => {
            add(&COMMON);
            // Some of the compilers that look like clang have fast-math as their default.
            add(&["-fno-fast-math"]);
        }
        // It has no optimiser, so nothing to forbid, and no flags for it.
        Family::Tcc => {}
        Family::Rustc => unreachable!("it has a command line of its own"),
    }
    if toolchain.family != Family::Tcc {
        let architecture = features.flags(toolchain.family, &toolchain.target);
        if architecture.iter().any(|flag| flag == "-march=x86-64") {
            // No landing pads for indirect branches: distributions switch them on. x86 only.
            add(&["-fcf-protection=none"]);
            if toolchain.family == Family::Gcc && !features.contains("avx") {
                // Functions for vectors of two elements have loops of two iterations, of which this pass, knowing their
                // counter, makes something that is no vector: without it, Hodgkin-Huxley cells take two thirds of the time.
                add(&["-fno-tree-vrp"]);
            }
        }
        add(&architecture.iter().map(String::as_str).collect::<Vec<_>>());
        add(if toolchain.family == Family::Zig { &ZIG_LINK } else { &LINK });
    }
    add(&["-shared", "-nostdlib", "-o", LIBRARY_FILE, source_file(Language::C)]);
    arguments
}

/// For functions that users wrote: they may use the libraries, throw, and ask for more, which comes after these.
fn cpp_arguments(toolchain: &Toolchain, features: &CpuFeatures, opt_level: OptLevel) -> Vec<String> {
    let mut arguments = toolchain.arguments.clone();
    arguments.push(opt_level.flag().to_string());
    arguments.extend(CPP.map(str::to_string));
    arguments.extend(features.flags(toolchain.family, &toolchain.target));
    if !toolchain.target.contains("apple") {
        // A function called `gamma` is not the C library's, which is found first: headers that declare it make it visible.
        // The linker of Apple binds names so by itself, and does not know the flag.
        arguments.push("-Wl,-Bsymbolic".to_string());
    }
    arguments.extend(["-shared", "-o", LIBRARY_FILE, source_file(Language::Cpp)].map(str::to_string));
    arguments
}

/// What compilers of C++ understand.
const CPP: [&str; 8] = [
    // The meaning of the source must not change with the compiler's default.
    "-std=gnu++17",
    // Warnings are for authors, who have seen them elsewhere.
    "-w",
    // Shared libraries are loaded anywhere.
    "-fPIC",
    // As in kernels: what is written is what is computed.
    "-ffp-contract=off",
    "-fno-fast-math",
    // Integers wrap in every tier.
    "-fwrapv",
    // What the library offers are the entries; equal names of two libraries have nothing to do with each other.
    "-fvisibility=hidden",
    // Output of one step goes to the next without a file.
    "-pipe",
];

fn rust_arguments(toolchain: &Toolchain, features: &CpuFeatures, opt_level: OptLevel) -> Vec<String> {
    let mut arguments = toolchain.arguments.clone();
    arguments.extend(RUSTC.map(str::to_string));
    // `-O3` is `-Copt-level=3`.
    arguments.push(format!("-Copt-level={}", opt_level.flag().trim_start_matches("-O")));
    arguments.extend(features.flags(Family::Rustc, &toolchain.target));
    arguments.extend([
        format!("-Clinker={LINKER}"),
        "-o".into(),
        LIBRARY_FILE.into(),
        source_file(Language::Rust).into(),
    ]);
    arguments
}

/// What rustc is told. It has no flag that lets it change floating-point results. With `ld` run by rustc itself, a small
/// kernel takes 60 ms (gcc 66, clang 118) and one of Hodgkin-Huxley cells 92 (77, 103); with `cc` as the linker, some
/// 40 ms more. Linking by a process of our own would save another 5.
const RUSTC: [&str; 16] = [
    // The meaning of the source must not change with the compiler's default.
    "--edition=2021",
    // One that can be loaded, and brings along what it calls.
    "--crate-type=cdylib",
    // It is in the names of symbols.
    "--crate-name=kernel",
    // Nothing unwinds through a kernel.
    "-Cpanic=abort",
    "-Cforce-unwind-tables=no",
    // One file is the whole program: nothing to divide.
    "-Ccodegen-units=1",
    "-Cembed-bitcode=no",
    // Without optimisation, these are on by default: integers wrap, and nobody would see a message.
    "-Cdebug-assertions=no",
    "-Coverflow-checks=no",
    // Loops are vectors already; looking for more takes a tenth of the time and finds nothing.
    "-Cno-vectorize-slp",
    // Warnings are for authors, and a kernel has none.
    "--cap-lints=allow",
    // For the linker as for C: small and few segments, loaded anywhere.
    "-Cstrip=symbols",
    "-Crelro-level=off",
    "-Crelocation-model=pic",
    "-Clink-arg=-znoseparate-code",
    "-Clink-arg=--build-id=none",
];

/// What gcc, clang and compilers like them understand.
const COMMON: [&str; 13] = [
    // The meaning of the source must not change with the compiler's default: C23 reserves more words.
    "-std=gnu11",
    // Shared libraries are loaded anywhere.
    "-fPIC",
    // `a * b + c` is rounded twice, on machines with fused operations too.
    "-ffp-contract=off",
    // `__builtin_sqrt` is an instruction, and no call that sets errno.
    "-fno-math-errno",
    // Nobody reads the floating-point exception flags; without this, gcc does not vectorise conditionals.
    "-fno-trapping-math",
    // Integers wrap in every tier.
    "-fwrapv",
    // A function of ours called `exp` is not the library's, and no loop becomes a call of memset.
    "-fno-builtin",
    // There is no `__stack_chk_fail` to call; distributions switch it on.
    "-fno-stack-protector",
    // Nothing unwinds through a kernel.
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    // The compiler's name is provenance, and in the record.
    "-fno-ident",
    // One file is the whole program already.
    "-fno-lto",
    // Output of one step goes to the next without a file.
    "-pipe",
];

/// What only gcc understands.
const GCC: [&str; 2] = [
    // `-fno-builtin` does not keep it from making loops into calls of memset and memcpy.
    "-fno-tree-loop-distribute-patterns",
    // Does not load the plug-in for link-time optimisation: 1 ms.
    "-fno-use-linker-plugin",
];

/// What only clang understands.
const CLANG: [&str; 2] = [
    // A flag without a use here is no reason to fail.
    "-Qunused-arguments",
    // Colours are for terminals.
    "-fno-color-diagnostics",
];

/// What zig needs to be clang: without a level of its own it looks for undefined behaviour at run time, and it never
/// leaves out debugging information by itself.
const ZIG: [&str; 3] = ["-fno-sanitize=undefined", "-g0", "-s"];

/// zig's linker has not all of [`LINK`].
const ZIG_LINK: [&str; 4] = ["-Wl,--build-id=none", "-Wl,-z,norelro", "-Wl,-z,noexecstack", "-Wl,--gc-sections"];

/// For the linker: 2 kB and two segments instead of 13 kB and four, which load in 22 µs instead of 34.
const LINK: [&str; 4] = [
    "-Wl,--build-id=none",
    // Code and read-only data may share a page.
    "-Wl,-z,noseparate-code",
    // There are no addresses to fill in, so nothing to protect after it.
    "-Wl,-z,norelro",
    "-Wl,-z,noexecstack",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::CpuLevel;
    use crate::build::recipe::Key;

    fn toolchain(family: Family) -> Toolchain {
        Toolchain {
            program: "/usr/bin/cc".into(),
            arguments: vec!["-m64".into()],
            family,
            version: "gcc version 12.2.0".into(),
            target: "x86_64-linux-gnu".into(),
            identity: Key([0; 32]),
            search_path: "/usr/bin".into(),
        }
    }

    #[test]
    fn loops_of_two_iterations_stay_loops() {
        let cases = [
            (Family::Gcc, CpuLevel::V1, true),
            (Family::Gcc, CpuLevel::V2, true),
            (Family::Gcc, CpuLevel::V3, false),
            (Family::Gcc, CpuLevel::V4, false),
            (Family::Clang, CpuLevel::V2, false),
        ];
        for (family, level, expected) in cases {
            let flags = arguments(family.language(), &toolchain(family), &CpuFeatures::of_level(level), OptLevel::O3);
            assert_eq!(flags.iter().any(|flag| flag == "-fno-tree-vrp"), expected, "{family:?}, {level:?}");
        }
    }

    #[test]
    fn no_family_gets_a_flag_that_changes_results() {
        for family in [Family::Gcc, Family::Clang, Family::Tcc, Family::Zig, Family::Rustc, Family::Other] {
            let flags =
                arguments(family.language(), &toolchain(family), &CpuFeatures::of_this_processor(), OptLevel::O3);
            assert_eq!(flags[0], "-m64");
            for flag in flags {
                let bad = ["native", "fast-math", "Ofast", "contract=fast", "unsafe-math"];
                let allowed = flag == "-fno-fast-math";
                assert!(allowed || bad.iter().all(|word| !flag.contains(word)), "{family:?}: {flag}");
            }
        }
    }
}

//! Everything that can change the machine code of a kernel, and its digests.
//!
//! A [`Recipe`] is the only input of a compilation; its [`Key`] is BLAKE3 over all of its fields, so two recipes with
//! one key give one library. A [`KernelId`] leaves out who compiles and how: since every compiler gives the same bits,
//! any library with the right id that the machine can run will do.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cpu::CpuFeatures;
use super::toolchain::{Family, Toolchain};
use super::{hex, unhex};
use crate::render::{Language, Source};

/// What kernels promise about numbers (IEEE 754 double, no contraction, no reassociation) and how their source keeps
/// it. To be raised when a fault in generated kernels is mended without a change of their source.
pub const NUMERIC_POLICY: u32 = 1;

/// The file that a kernel's source is compiled from, in the directory in which the compiler runs.
pub const SOURCE_FILE: &str = "kernel.c";

/// The file that the compiler writes there.
pub const LIBRARY_FILE: &str = "kernel.so";

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The one that these 64 hexadecimal digits show.
            pub fn from_hex(text: &str) -> Option<$name> {
                unhex(text).map($name)
            }

            /// Its first digits, to tell it from others in messages.
            pub fn short(&self) -> String {
                hex(&self.0[..6])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&hex(&self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                $name::from_hex(&text).ok_or_else(|| D::Error::custom("not 64 hexadecimal digits"))
            }
        }
    };
}

digest_type! {
    /// Digest of a whole [`Recipe`]: one library.
    Key
}

digest_type! {
    /// Digest of what a kernel computes: source, ABI version and numeric policy. Several libraries can have one.
    KernelId
}

impl KernelId {
    /// The id of a source text.
    pub fn of(source: &Source, abi_version: u32) -> KernelId {
        let Source { language, text } = source;
        kernel_id(*language, text, abi_version, NUMERIC_POLICY)
    }
}

fn kernel_id(language: Language, source: &str, abi_version: u32, numeric_policy: u32) -> KernelId {
    let mut fields = Fields::new("saltus kernel id v1");
    fields.text(language.name());
    fields.text(source);
    fields.number(abi_version);
    fields.number(numeric_policy);
    KernelId(fields.digest())
}

/// How hard the compiler tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OptLevel {
    /// Not at all.
    O0,
    /// A little.
    O1,
    /// Without vectors where that is not certain to win.
    O2,
    /// With vectors.
    #[default]
    O3,
}

impl OptLevel {
    fn flag(self) -> &'static str {
        match self {
            OptLevel::O0 => "-O0",
            OptLevel::O1 => "-O1",
            OptLevel::O2 => "-O2",
            OptLevel::O3 => "-O3",
        }
    }
}

/// Everything that can change the machine code of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Language of the source.
    pub language: Language,
    /// The whole source text.
    pub source: String,
    /// Every argument of the compiler, in order.
    pub arguments: Vec<String>,
    /// Digest of the compiler's programs.
    pub compiler: Key,
    /// Triple that it compiles for.
    pub target: String,
    /// What the code may ask of the processor.
    pub features: CpuFeatures,
    /// How hard the compiler tries (also among the arguments).
    pub opt_level: OptLevel,
    /// Version of the kernel ABI that the source is written for.
    pub abi_version: u32,
    /// [`NUMERIC_POLICY`] of the version that made this.
    pub numeric_policy: u32,
}

impl Recipe {
    /// How `toolchain` is to compile `source`.
    pub fn new(
        source: &Source,
        abi_version: u32,
        toolchain: &Toolchain,
        features: &CpuFeatures,
        opt_level: OptLevel,
    ) -> Recipe {
        Recipe {
            language: source.language,
            source: source.text.clone(),
            arguments: arguments(toolchain, features, opt_level),
            compiler: toolchain.identity,
            target: toolchain.target.clone(),
            features: features.clone(),
            opt_level,
            abi_version,
            numeric_policy: NUMERIC_POLICY,
        }
    }

    /// The digest of every field.
    pub fn key(&self) -> Key {
        // Destructured, so that a new field does not compile before it is hashed.
        let Recipe { language, source, arguments, compiler, target, features, opt_level, abi_version, numeric_policy } =
            self;
        let mut fields = Fields::new("saltus recipe key v1");
        fields.text(language.name());
        fields.text(source);
        fields.list(arguments.iter().map(String::as_str));
        fields.bytes(&compiler.0);
        fields.text(target);
        fields.list(features.iter());
        fields.text(opt_level.flag());
        fields.number(*abi_version);
        fields.number(*numeric_policy);
        Key(fields.digest())
    }

    /// The digest of what the kernel computes.
    pub fn kernel_id(&self) -> KernelId {
        kernel_id(self.language, &self.source, self.abi_version, self.numeric_policy)
    }
}

/// A digest over fields, each with its length before it, so that no two lists of fields look the same.
struct Fields(blake3::Hasher);

impl Fields {
    fn new(context: &'static str) -> Fields {
        Fields(blake3::Hasher::new_derive_key(context))
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    fn list<'a>(&mut self, items: impl Iterator<Item = &'a str>) {
        let items: Vec<&str> = items.collect();
        self.0.update(&(items.len() as u64).to_le_bytes());
        for item in items {
            self.text(item);
        }
    }

    fn digest(self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}

/// The whole command line of a compilation but the program.
fn arguments(toolchain: &Toolchain, features: &CpuFeatures, opt_level: OptLevel) -> Vec<String> {
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
        Family::Other => {
            add(&COMMON);
            // Some of the compilers that look like clang have fast-math as their default.
            add(&["-fno-fast-math"]);
        }
        // It has no optimiser, so nothing to forbid, and no flags for it.
        Family::Tcc => {}
    }
    if toolchain.family != Family::Tcc {
        let architecture = features.flags(&toolchain.target);
        if architecture.iter().any(|flag| flag == "-march=x86-64") {
            // No landing pads for indirect branches: distributions switch them on. x86 only.
            add(&["-fcf-protection=none"]);
        }
        add(&architecture.iter().map(String::as_str).collect::<Vec<_>>());
        add(&LINK);
    }
    add(&["-shared", "-nostdlib", "-o", LIBRARY_FILE, SOURCE_FILE]);
    arguments
}

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

    fn recipe() -> Recipe {
        Recipe {
            language: Language::C,
            source: "void saltus_kernel(void) {}".into(),
            arguments: vec!["-O3".into(), "-shared".into()],
            compiler: Key([7; 32]),
            target: "x86_64-linux-gnu".into(),
            features: ["avx2", "fma"].into_iter().collect(),
            opt_level: OptLevel::O3,
            abi_version: 1,
            numeric_policy: NUMERIC_POLICY,
        }
    }

    type Change = (&'static str, fn(&mut Recipe), bool);

    /// A field, a change of it, and whether the change also makes another kernel.
    const CHANGES: [Change; 11] = [
        ("source", |r| r.source.push(' '), true),
        ("an argument", |r| r.arguments[0] = "-O2".into(), false),
        ("order of arguments", |r| r.arguments.reverse(), false),
        ("where arguments end", |r| r.arguments = vec!["-O3-shared".into()], false),
        ("compiler", |r| r.compiler.0[31] ^= 1, false),
        ("target", |r| r.target = "x86_64-pc-linux-gnu".into(), false),
        ("features", |r| r.features = ["avx2"].into_iter().collect(), false),
        ("opt level", |r| r.opt_level = OptLevel::O0, false),
        ("ABI version", |r| r.abi_version = 2, true),
        ("numeric policy", |r| r.numeric_policy += 1, true),
        ("source against target", |r| std::mem::swap(&mut r.source, &mut r.target), true),
    ];

    #[test]
    fn every_field_changes_the_key() {
        let original = recipe();
        assert_eq!(original.key(), original.clone().key());
        for (what, change, kernel_too) in CHANGES {
            let mut changed = original.clone();
            change(&mut changed);
            assert_ne!(original.key(), changed.key(), "{what}");
            assert_eq!(original.kernel_id() != changed.kernel_id(), kernel_too, "{what}");
        }
    }

    #[test]
    fn the_order_in_which_features_are_found_does_not() {
        let mut other = recipe();
        other.features = ["fma", "avx2", "fma"].into_iter().collect();
        assert_eq!(recipe().key(), other.key());
    }

    #[test]
    fn digests_have_one_spelling() {
        let key = recipe().key();
        assert_eq!(Key::from_hex(&key.to_string()), Some(key));
        assert_eq!(Key::from_hex(&key.to_string().to_uppercase()), None);
        assert_eq!(Key::from_hex(&format!("+{}", &key.to_string()[1..])), None);
        assert_eq!(Key::from_hex(&key.short()), None);
        assert!(key.to_string().starts_with(&key.short()));
    }

    #[test]
    fn a_recipe_survives_its_record() {
        let text = serde_json::to_string(&recipe()).unwrap();
        let read: Recipe = serde_json::from_str(&text).unwrap();
        assert_eq!((read.key(), &read), (recipe().key(), &recipe()));
    }

    #[test]
    fn no_family_gets_a_flag_that_changes_results() {
        for family in [Family::Gcc, Family::Clang, Family::Tcc, Family::Other] {
            let toolchain = Toolchain {
                program: "/usr/bin/cc".into(),
                arguments: vec!["-m64".into()],
                family,
                version: "gcc version 12.2.0".into(),
                target: "x86_64-linux-gnu".into(),
                identity: Key([0; 32]),
                search_path: "/usr/bin".into(),
            };
            let flags = arguments(&toolchain, &CpuFeatures::of_this_processor(), OptLevel::O3);
            assert_eq!(flags[0], "-m64");
            for flag in flags {
                let bad = ["native", "fast-math", "Ofast", "contract=fast", "unsafe-math"];
                let allowed = flag == "-fno-fast-math";
                assert!(allowed || bad.iter().all(|word| !flag.contains(word)), "{family:?}: {flag}");
            }
        }
    }
}

//! What this processor can do, as the flags that allow a compiler to use it and as the needs that a stored kernel has.
//!
//! The features are found by asking the processor, not the compiler: one list then serves as compiler flags (the same
//! for gcc and clang, so the word `native` never occurs), as part of the key, and as the check before a stored kernel
//! is loaded, and finding it starts no process. Only features that can matter to loops over doubles and integers are
//! in the list; what `-march=native` would add beyond them is cryptography, small-integer dot products and tuning.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::toolchain::Family;

/// Features of x86-64 processors beyond the baseline: our name (Rust's), the compilers' flag, the first portable level
/// that has it.
const X86_64: [(&str, &str, CpuLevel); 17] = [
    ("sse3", "-msse3", CpuLevel::V2),
    ("ssse3", "-mssse3", CpuLevel::V2),
    ("sse4.1", "-msse4.1", CpuLevel::V2),
    ("sse4.2", "-msse4.2", CpuLevel::V2),
    ("popcnt", "-mpopcnt", CpuLevel::V2),
    ("avx", "-mavx", CpuLevel::V3),
    ("avx2", "-mavx2", CpuLevel::V3),
    ("bmi1", "-mbmi", CpuLevel::V3),
    ("bmi2", "-mbmi2", CpuLevel::V3),
    ("f16c", "-mf16c", CpuLevel::V3),
    ("fma", "-mfma", CpuLevel::V3),
    ("lzcnt", "-mlzcnt", CpuLevel::V3),
    ("avx512f", "-mavx512f", CpuLevel::V4),
    ("avx512cd", "-mavx512cd", CpuLevel::V4),
    ("avx512bw", "-mavx512bw", CpuLevel::V4),
    ("avx512dq", "-mavx512dq", CpuLevel::V4),
    ("avx512vl", "-mavx512vl", CpuLevel::V4),
];

/// The portable levels of x86-64 that its psABI defines, for kernels that several machines share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CpuLevel {
    /// SSE2: every x86-64 processor.
    V1,
    /// SSE4.2.
    V2,
    /// AVX2 and FMA.
    V3,
    /// AVX-512 (F, CD, BW, DQ, VL).
    V4,
}

impl CpuLevel {
    /// The level with the name that the psABI gives it, such as `x86-64-v3`.
    pub fn named(name: &str) -> Option<CpuLevel> {
        [CpuLevel::V1, CpuLevel::V2, CpuLevel::V3, CpuLevel::V4].into_iter().find(|level| level.name() == name)
    }

    /// Its name in the psABI.
    pub fn name(self) -> &'static str {
        match self {
            CpuLevel::V1 => "x86-64",
            CpuLevel::V2 => "x86-64-v2",
            CpuLevel::V3 => "x86-64-v3",
            CpuLevel::V4 => "x86-64-v4",
        }
    }
}

/// A set of processor features beyond the baseline of an architecture. Names that this version does not know are kept,
/// and no machine has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CpuFeatures(BTreeSet<String>);

impl CpuFeatures {
    /// None: what every processor of the architecture has.
    pub fn baseline() -> CpuFeatures {
        CpuFeatures::default()
    }

    /// What the processor that runs this process has, and its system lets a process use.
    pub fn of_this_processor() -> CpuFeatures {
        detect()
    }

    /// The features of a portable level.
    pub fn of_level(level: CpuLevel) -> CpuFeatures {
        X86_64.iter().filter(|(_, _, first)| *first <= level).map(|(name, _, _)| *name).collect()
    }

    /// The highest portable level whose features are all among these.
    pub fn level(&self) -> CpuLevel {
        let levels = [CpuLevel::V4, CpuLevel::V3, CpuLevel::V2];
        levels.into_iter().find(|level| CpuFeatures::of_level(*level).is_subset(self)).unwrap_or(CpuLevel::V1)
    }

    /// Whether all of these are in `other`.
    pub fn is_subset(&self, other: &CpuFeatures) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether `name` is one of these.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the baseline.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The flags by which a compiler is allowed to use these and nothing else beyond the baseline of the architecture of
    /// `target` (a triple).
    pub(crate) fn flags(&self, family: Family, target: &str) -> Vec<String> {
        if architecture(target) != "x86_64" {
            return Vec::new();
        }
        match family {
            Family::Rustc => self.flags_of_rustc(),
            Family::Zig => self.flags_of_zig(),
            Family::Gcc | Family::Clang | Family::Tcc | Family::Other => self.flags_of_gcc(),
        }
    }

    /// It takes our names, and 512 bits wherever they may be used.
    fn flags_of_rustc(&self) -> Vec<String> {
        let enabled: Vec<String> = self.iter().map(|name| format!("+{name}")).collect();
        let mut flags = vec!["-Ctarget-cpu=x86-64".to_string()];
        if !enabled.is_empty() {
            flags.push(format!("-Ctarget-feature={}", enabled.join(",")));
        }
        flags
    }

    /// It has LLVM's names, all in one flag.
    fn flags_of_zig(&self) -> Vec<String> {
        let enabled = X86_64.iter().filter(|(name, _, _)| self.contains(name));
        let enabled = enabled.map(|(_, flag, _)| flag.replacen("-m", "+", 1).replace('.', "_"));
        let mut flags = vec![format!("-mcpu=x86_64{}", enabled.collect::<String>())];
        flags.extend(self.wide_vectors());
        flags
    }

    fn wide_vectors(&self) -> Option<String> {
        // clang stays at 256 bits by default: 19 ns against 12 ns a cell and step of a Hodgkin-Huxley kernel.
        self.contains("avx512f").then(|| "-mprefer-vector-width=512".to_string())
    }

    fn flags_of_gcc(&self) -> Vec<String> {
        let enabled = X86_64.iter().filter(|(name, _, _)| self.contains(name)).map(|(_, flag, _)| flag.to_string());
        // One by one on top of the baseline, not `-march=x86-64-v3`: hypervisors mask single features, and older
        // compilers do not know the levels.
        let mut flags: Vec<String> = std::iter::once("-march=x86-64".to_string()).chain(enabled).collect();
        flags.extend(self.wide_vectors());
        flags
    }
}

impl<'a> FromIterator<&'a str> for CpuFeatures {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> CpuFeatures {
        CpuFeatures(names.into_iter().map(str::to_string).collect())
    }
}

impl fmt::Display for CpuFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("baseline");
        }
        for (k, name) in self.iter().enumerate() {
            write!(f, "{}{name}", if k == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> CpuFeatures {
    // The macro wants literals; a test compares this list with the table.
    macro_rules! found {
        ($($name:tt),*) => { [$(($name, std::arch::is_x86_feature_detected!($name))),*] };
    }
    found!(
        "sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt",
        "avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"
    )
    .into_iter()
    .filter(|(_, present)| *present)
    .map(|(name, _)| name)
    .collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> CpuFeatures {
    CpuFeatures::baseline()
}

/// What decides whether a kernel can run here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Architecture in Rust's words, such as `x86_64`.
    pub architecture: String,
    /// Operating system in Rust's words, such as `linux`.
    pub system: String,
    /// Features of its processor.
    pub features: CpuFeatures,
}

impl Machine {
    /// The one that runs this process.
    pub fn this() -> &'static Machine {
        static THIS: OnceLock<Machine> = OnceLock::new();
        THIS.get_or_init(|| Machine {
            architecture: std::env::consts::ARCH.to_string(),
            system: std::env::consts::OS.to_string(),
            features: CpuFeatures::of_this_processor(),
        })
    }

    /// Whether it runs code for `target` (a compiler's triple) that needs `features`.
    pub fn runs(&self, target: &str, features: &CpuFeatures) -> bool {
        self.architecture == architecture(target)
            && target.split('-').any(|part| part == self.system)
            && features.is_subset(&self.features)
    }
}

/// The architecture of a triple in Rust's words; compilers have other words for some.
fn architecture(target: &str) -> &str {
    match target.split('-').next().unwrap_or_default() {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detection_knows_the_features_of_the_table() {
        let known: CpuFeatures = X86_64.iter().map(|(name, _, _)| *name).collect();
        assert!(CpuFeatures::of_this_processor().is_subset(&known));
        assert_eq!(known, CpuFeatures::of_level(CpuLevel::V4));
    }

    #[test]
    fn levels_are_nested_and_named() {
        let levels = [CpuLevel::V1, CpuLevel::V2, CpuLevel::V3, CpuLevel::V4];
        for pair in levels.windows(2) {
            let (lower, higher) = (CpuFeatures::of_level(pair[0]), CpuFeatures::of_level(pair[1]));
            assert!(lower.is_subset(&higher) && lower != higher, "{pair:?}");
        }
        for level in levels {
            assert_eq!(CpuLevel::named(level.name()), Some(level));
            assert_eq!(CpuFeatures::of_level(level).level(), level);
        }
        assert_eq!(CpuLevel::named("native"), None);
    }

    #[test]
    fn a_machine_runs_what_it_has_the_features_for() {
        let machine = Machine {
            architecture: "x86_64".into(),
            system: "linux".into(),
            features: CpuFeatures::of_level(CpuLevel::V3),
        };
        let cases = [
            ("x86_64-linux-gnu", CpuFeatures::baseline(), true),
            ("x86_64-pc-linux-gnu", CpuFeatures::of_level(CpuLevel::V3), true),
            ("x86_64-linux-gnu", CpuFeatures::of_level(CpuLevel::V4), false),
            ("x86_64-linux-gnu", ["feature-of-tomorrow"].into_iter().collect(), false),
            ("aarch64-linux-gnu", CpuFeatures::baseline(), false),
            ("x86_64-apple-darwin", CpuFeatures::baseline(), false),
        ];
        for (target, features, expected) in cases {
            assert_eq!(machine.runs(target, &features), expected, "{target} {features}");
        }
    }

    #[test]
    fn flags_name_every_feature_and_never_native() {
        let target = "x86_64-linux-gnu";
        let flags = CpuFeatures::of_level(CpuLevel::V4).flags(Family::Gcc, target);
        for (name, flag, _) in X86_64 {
            assert!(flags.iter().any(|f| f == flag), "{flag}");
            let rust = CpuFeatures::of_level(CpuLevel::V4).flags(Family::Rustc, target);
            assert!(rust[1].split(['=', ',']).any(|f| f.strip_prefix('+') == Some(name)), "{name}");
        }
        let zig = CpuFeatures::of_level(CpuLevel::V2).flags(Family::Zig, target);
        assert_eq!(zig, ["-mcpu=x86_64+sse3+ssse3+sse4_1+sse4_2+popcnt"]);
        for (family, baseline) in
            [(Family::Gcc, "-march=x86-64"), (Family::Rustc, "-Ctarget-cpu=x86-64"), (Family::Zig, "-mcpu=x86_64")]
        {
            let flags = CpuFeatures::of_level(CpuLevel::V4).flags(family, target);
            assert!(flags.iter().all(|flag| !flag.contains("native")));
            assert_eq!(CpuFeatures::baseline().flags(family, target), [baseline]);
        }
    }
}

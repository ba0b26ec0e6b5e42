//! Everything that can change the machine code of a kernel, and its digests.
//!
//! A [`Recipe`] is the only input of a compilation; its [`Key`] is BLAKE3 over all of its fields, so two recipes with
//! one key give one library. A [`KernelId`] leaves out who compiles and how: since every compiler gives the same bits,
//! any library with the right id that the machine can run will do.
//!
//! A source that somebody wrote by hand promises none of that. Its keys and ids are digests of their own kind, whatever it
//! says: what was made of it is never found by who asks for a kernel that was generated, nor the other way round.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::compile::ENTRY_SYMBOL;
use super::cpu::CpuFeatures;
use super::flags::arguments;
use super::toolchain::Toolchain;
use super::{hex, unhex};
use crate::render::{Language, Source};

/// What kernels promise about numbers (IEEE 754 double, no contraction, no reassociation) and how their source keeps
/// it. To be raised when a fault in generated kernels is mended without a change of their source.
pub const NUMERIC_POLICY: u32 = 1;

/// The file that a kernel's source is compiled from, in the directory in which the compiler runs.
pub fn source_file(language: Language) -> &'static str {
    match language {
        Language::C => "kernel.c",
        Language::Cpp => "kernel.cpp",
        Language::Rust => "kernel.rs",
    }
}

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
        kernel_id(*language, text, abi_version, NUMERIC_POLICY, false)
    }

    /// The id of a source that somebody wrote by hand.
    pub fn of_hand(source: &Source, abi_version: u32) -> KernelId {
        kernel_id(source.language, &source.text, abi_version, NUMERIC_POLICY, true)
    }
}

fn kernel_id(language: Language, source: &str, abi_version: u32, numeric_policy: u32, by_hand: bool) -> KernelId {
    let mut fields = Fields::new(if by_hand { "saltus id of a kernel by hand v1" } else { "saltus kernel id v1" });
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
    pub(super) fn flag(self) -> &'static str {
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
    /// What it was compiled together with, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Member>,
    /// Whether somebody wrote the source by hand.
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_hand: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "it is called with a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// The place of a kernel in a text of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Key of the recipe of the whole text.
    pub unit: Key,
    /// The kernel's symbol there.
    pub entry: String,
}

impl Recipe {
    /// How `toolchain` is to compile `source`, which is in its language.
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
            arguments: arguments(source.language, toolchain, features, opt_level),
            compiler: toolchain.identity,
            target: toolchain.target.clone(),
            features: features.clone(),
            opt_level,
            abi_version,
            numeric_policy: NUMERIC_POLICY,
            unit: None,
            by_hand: false,
        }
    }

    /// The same for a source that somebody wrote by hand.
    #[must_use]
    pub fn by_hand(self) -> Recipe {
        Recipe { by_hand: true, ..self }
    }

    /// With more arguments, after all others.
    #[must_use]
    pub fn with_arguments(mut self, more: impl IntoIterator<Item = String>) -> Recipe {
        self.arguments.extend(more);
        self
    }

    /// The recipe of a kernel that is compiled as part of `unit`, under the symbol `entry` there.
    pub fn in_unit(self, unit: &Recipe, entry: String) -> Recipe {
        Recipe { unit: Some(Member { unit: unit.key(), entry }), ..self }
    }

    /// Whether the other recipe makes the same of the same kernel, but for what that was compiled together with.
    pub fn makes_the_same_as(&self, other: &Recipe) -> bool {
        let alone = |recipe: &Recipe| Recipe { unit: None, ..recipe.clone() };
        alone(self) == alone(other)
    }

    /// The symbol of the kernel in the library.
    pub fn entry(&self) -> &str {
        self.unit.as_ref().map_or(ENTRY_SYMBOL, |member| &member.entry)
    }

    /// The digest of every field.
    pub fn key(&self) -> Key {
        // Destructured, so that a new field does not compile before it is hashed.
        let Recipe {
            language,
            source,
            arguments,
            compiler,
            target,
            features,
            opt_level,
            abi_version,
            numeric_policy,
            unit,
            by_hand,
        } = self;
        let mut fields =
            Fields::new(if *by_hand { "saltus key of a recipe by hand v1" } else { "saltus recipe key v1" });
        fields.text(language.name());
        fields.text(source);
        fields.list(arguments.iter().map(String::as_str));
        fields.bytes(&compiler.0);
        fields.text(target);
        fields.list(features.iter());
        fields.text(opt_level.flag());
        fields.number(*abi_version);
        fields.number(*numeric_policy);
        if let Some(Member { unit, entry }) = unit {
            fields.bytes(&unit.0);
            fields.text(entry);
        }
        Key(fields.digest())
    }

    /// The digest of what the kernel computes.
    pub fn kernel_id(&self) -> KernelId {
        kernel_id(self.language, &self.source, self.abi_version, self.numeric_policy, self.by_hand)
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
            unit: None,
            by_hand: false,
        }
    }

    type Change = (&'static str, fn(&mut Recipe), bool);

    /// A field, a change of it, and whether the change also makes another kernel.
    const CHANGES: [Change; 16] = [
        ("language", |r| r.language = Language::Rust, true),
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
        ("unit", |r| r.unit = Some(Member { unit: Key([1; 32]), entry: "saltus_kernel_0".into() }), false),
        ("another unit", |r| r.unit = Some(Member { unit: Key([2; 32]), entry: "saltus_kernel_0".into() }), false),
        ("place in a unit", |r| r.unit = Some(Member { unit: Key([1; 32]), entry: "saltus_kernel_1".into() }), false),
        ("by hand", |r| r.by_hand = true, true),
        ("source against target", |r| std::mem::swap(&mut r.source, &mut r.target), true),
    ];

    #[test]
    fn every_field_changes_the_key() {
        let original = recipe();
        let mut keys = vec![original.key()];
        for (what, change, kernel_too) in CHANGES {
            let mut changed = original.clone();
            change(&mut changed);
            assert!(!keys.contains(&changed.key()), "{what}");
            keys.push(changed.key());
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
}

//! Names of variables in generated code: those of the model, unless they mean something else there. The same names are
//! reserved for all languages, so that a variable has one name everywhere.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Words of C and C++.
const C_AND_CPP: &str = "\
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t char8_t class \
    co_await co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype \
    default delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int \
    long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register \
    reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct switch \
    template this thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using \
    virtual void volatile wchar_t while xor xor_eq";
/// Words of Rust, and what no pattern may bind.
const RUST: &str = "\
    Err None Ok Self Some abstract as async await become box crate dyn f32 f64 final fn gen impl in isize let loop macro match mod \
    move mut override priv pub ref self str super trait type unsafe unsized use usize where yield";
/// Macros that C compilers define.
const MACROS: &str = "\
    arm i386 linux mips powerpc sparc sun unix vax PPC";
/// Types and variables of the templates.
const TEMPLATES: &str = "\
    arrays begin call count end flags hits i16 i32 i64 i8 indices selected u16 u32 u64 u8 _first _i _j _k _stop";

/// All of them: a kernel asks for each of its names, on the way to its first step.
static RESERVED: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| [C_AND_CPP, RUST, MACROS, TEMPLATES].iter().flat_map(|words| words.split(' ')).collect());

/// Makes the list now, by the thread that calls this.
pub(super) fn prepare() {
    LazyLock::force(&RESERVED);
}

/// Whether a word means something else in an expression in C with nothing but a few declarations around it.
pub(super) fn is_reserved_in_c(name: &str) -> bool {
    /// What is declared there.
    const AROUND: &str = "arrays call i32 i64 u64 u8";
    let is_ours = ["__", "_u_", "saltus"].iter().any(|prefix| name.starts_with(prefix));
    is_ours || [C_AND_CPP, MACROS, AROUND].iter().any(|words| words.split_whitespace().any(|word| word == name))
}

/// The name of a variable in generated code: with `_u_` before it if it is reserved. Different names stay different, as
/// a name that begins so gets another one.
pub(super) fn safe_name(name: &str) -> String {
    let mut bytes = name.bytes();
    let implementation =
        bytes.next() == Some(b'_') && bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_uppercase());
    let ours = ["_u_", "saltus", "SALTUS"].iter().any(|prefix| name.starts_with(prefix));
    if implementation || ours || RESERVED.contains(name) { format!("_u_{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reserved_names_change() {
        for name in ["v", "tau", "I", "i", "j", "e", "exp", "_lio_1", "_v", "self_", "Double", "u", "_u"] {
            assert_eq!(safe_name(name), name);
        }
        for name in
            ["double", "register", "fn", "self", "linux", "call", "_i", "saltus_exp", "__FILE__", "_Bool", "_u_x"]
        {
            assert_eq!(safe_name(name), format!("_u_{name}"));
        }
    }
}

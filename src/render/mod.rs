//! From kernel IR to source text, by templates that hold loops and declarations and one operator table per language.

mod arrange;
mod aside;
mod c;
mod cpp;
pub mod expr;
mod layout;
pub mod maths;
mod names;
mod native;
mod prelude;
mod rust;
mod split;
mod template;
mod vector;

pub use self::aside::{
    AROUND_EXPRESSION, ELEMENT, EXPRESSION_PLACE, NativeExpression, NativeTable, functions_in_c, identifiers,
    model_name, render_native_expression,
};
pub use self::cpp::{ARRAYS_ENTRY, CppArray, CppFunction, CppText, MESSAGE_SIZE, cpp_entry, render_cpp};
pub use self::native::{NativeFunction, render_native};
use crate::kernel::ir::Kernel;

/// The languages of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// C, without headers.
    C,
    /// C++: functions that users wrote. No kernel is rendered in it.
    Cpp,
    /// Rust, without the standard library.
    Rust,
}

impl Language {
    /// As shown to users.
    pub fn name(self) -> &'static str {
        match self {
            Language::C => "c",
            Language::Cpp => "c++",
            Language::Rust => "rust",
        }
    }
}

/// A rendered kernel: complete, self-contained text with the entry symbol of the ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The language of the text.
    pub language: Language,
    /// The text.
    pub text: String,
}

/// Several kernels in one text: the k-th has the symbol `saltus_kernel_k`. None where that gains nothing, or not for these.
///
/// # Panics
/// If a kernel is ill-formed.
pub fn render_unit(kernels: &[&Kernel], language: Language) -> Option<Source> {
    let entries = kernels.iter().enumerate().map(|(k, kernel)| (*kernel, entry_in_unit(k)));
    let text = match language {
        Language::C => c::render_unit(&entries.collect::<Vec<_>>())?,
        Language::Cpp | Language::Rust => return None,
    };
    Some(Source { language, text })
}

/// The symbol of the k-th kernel of a unit.
pub fn entry_in_unit(k: usize) -> String {
    format!("saltus_kernel_{k}")
}

/// Whether a kernel can be in a unit with others.
pub fn may_share_unit(kernel: &Kernel, language: Language) -> bool {
    language == Language::C && !c::has_functions_of_vectors(kernel)
}

/// Does now what several threads would wait for if one of them did it: for whoever is about to start threads.
pub fn prepare_names() {
    names::prepare();
}

/// Does now what the first call of [`render`] would have to do before.
pub fn prepare(language: Language) {
    template::prepare(match language {
        Language::C => template::Set::C,
        Language::Cpp => template::Set::Cpp,
        Language::Rust => template::Set::Rust,
    });
}

/// Renders a kernel that [`verify`](crate::kernel::verify::verify) accepts.
///
/// # Panics
/// If the kernel is ill-formed, or the language none of kernels.
pub fn render(kernel: &Kernel, language: Language) -> Source {
    let text = match language {
        Language::C => c::render(kernel),
        Language::Cpp => unreachable!("no kernel is rendered in C++"),
        Language::Rust => rust::render(kernel),
    };
    Source { language, text }
}

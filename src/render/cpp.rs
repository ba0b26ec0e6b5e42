//! Functions that users wrote in C++, with an entry for each by which it is called like a kernel.

use serde::Serialize;

use super::template::{self, Set};
use super::{Language, Source};

/// The entry that is told where the arrays are, before any function is called: one pointer for each, in their order.
pub const ARRAYS_ENTRY: &str = "saltus_arrays";

/// Bytes for what a function says that throws, besides a zero at the end.
pub const MESSAGE_SIZE: usize = 255;

/// The functions of one piece of code, in one text: they share what their sources define.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CppText {
    /// What is included before all else, with `<>` or quotes.
    pub headers: Vec<String>,
    /// Arrays that the sources know by these names.
    pub arrays: Vec<CppArray>,
    /// Sources by the names that messages have for them, each after those that it needs.
    pub definitions: Vec<(String, String)>,
    /// What is called.
    pub functions: Vec<CppFunction>,
}

/// An array that functions read and write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CppArray {
    /// Its name.
    pub name: String,
    /// The type of its elements in C++.
    pub ty: &'static str,
}

/// A function that is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CppFunction {
    /// Its name in the source.
    pub name: String,
    /// The types in C++ that its arguments are given in.
    pub arguments: Vec<&'static str>,
    /// Whether the number of the element comes after them.
    pub takes_element: bool,
}

/// The symbol of the k-th function. Its pointers: results, room for a message of [`MESSAGE_SIZE`] bytes and a zero, numbers
/// of elements (32-bit integers) if it takes them, arguments.
pub fn cpp_entry(k: usize) -> String {
    format!("saltus_function_{k}")
}

#[derive(Serialize)]
struct Context<'a> {
    headers: &'a [String],
    arrays: Vec<Array<'a>>,
    definitions: Vec<Definition<'a>>,
    functions: Vec<Function<'a>>,
    arrays_entry: &'static str,
    message_size: usize,
}

#[derive(Serialize)]
struct Array<'a> {
    name: &'a str,
    /// Its type, with the star.
    pointer: String,
}

#[derive(Serialize)]
struct Definition<'a> {
    name: &'a str,
    source: &'a str,
}

#[derive(Serialize)]
struct Function<'a> {
    entry: String,
    name: &'a str,
    arguments: Vec<Argument>,
    takes_element: bool,
}

#[derive(Serialize)]
struct Argument {
    position: usize,
    r#type: &'static str,
}

/// The complete source of a library with the functions. What is in the arrays is not in it.
pub fn render_cpp(text: &CppText) -> Source {
    let context = Context {
        headers: &text.headers,
        arrays: text
            .arrays
            .iter()
            .map(|array| Array { name: &array.name, pointer: format!("{} *", array.ty) })
            .collect(),
        definitions: text
            .definitions
            .iter()
            .map(|(name, source)| Definition { name, source: source.trim_end() })
            .collect(),
        functions: text.functions.iter().enumerate().map(|(k, function)| function_context(k, function)).collect(),
        arrays_entry: ARRAYS_ENTRY,
        message_size: MESSAGE_SIZE,
    };
    Source { language: Language::Cpp, text: template::render(Set::Cpp, "functions.cpp", &context) }
}

fn function_context(k: usize, function: &CppFunction) -> Function<'_> {
    let arguments = function.arguments.iter().enumerate();
    Function {
        entry: cpp_entry(k),
        name: &function.name,
        // After results, message and elements.
        arguments: arguments.map(|(k, ty)| Argument { position: k + 3, r#type: ty }).collect(),
        takes_element: function.takes_element,
    }
}

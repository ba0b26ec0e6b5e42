//! Functions written in C by users, wrapped so that they are called like kernels.

use serde::Serialize;

use super::template::{self, Set};
use super::{Language, Source};

/// A function in C. Its pointer table has its arguments, its result, then its arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeFunction {
    /// Its name in the source.
    pub name: String,
    /// C source that defines it.
    pub source: String,
    /// The C types of its arguments.
    pub arguments: Vec<&'static str>,
    /// Names of the arrays that it reads, and their values.
    pub arrays: Vec<(String, Vec<f64>)>,
}

#[derive(Serialize)]
struct Context<'a> {
    name: &'a str,
    source: &'a str,
    arguments: Vec<Argument>,
    result: usize,
    arrays: Vec<ArrayName<'a>>,
}

#[derive(Serialize)]
struct Argument {
    position: usize,
    r#type: &'static str,
}

#[derive(Serialize)]
struct ArrayName<'a> {
    position: usize,
    name: &'a str,
}

/// The complete source of a library with the function. The values of arrays are not in it.
pub fn render_native(function: &NativeFunction) -> Source {
    let result = function.arguments.len();
    let arguments = function.arguments.iter().enumerate().map(|(position, ty)| Argument { position, r#type: ty });
    let arrays = function.arrays.iter().enumerate().map(|(k, (name, _))| ArrayName { position: result + 1 + k, name });
    let context = Context {
        name: &function.name,
        source: function.source.trim_end(),
        arguments: arguments.collect(),
        result,
        arrays: arrays.collect(),
    };
    Source { language: Language::C, text: template::render(Set::MoreC, "native.c", &context) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_becomes_a_loop() {
        let function = NativeFunction {
            name: "nearest".into(),
            source: "static double nearest(double x, int k) { return table[k] + x; }\n".into(),
            arguments: vec!["double", "int"],
            arrays: vec![("table".into(), vec![1.0])],
        };
        let text = render_native(&function).text;
        assert!(text.starts_with("static const double *table;\nstatic double nearest("), "{text}");
        assert!(text.contains("    table = arrays[3];\n"), "{text}");
        let call = "_result[_k] = (double)nearest((double)_argument_0[_k], (int)_argument_1[_k]);";
        assert!(text.contains(call), "{text}");
    }
}

//! Expressions in C by users, to be evaluated beside a model: what is around them so that they are called like kernels.
//! The names of the model are constants in it, or pointers to constants; the functions are those of kernels.

use std::collections::BTreeSet;

use serde::Serialize;

use super::names::is_reserved_in_c;
use super::template::{self, Set};
use super::{Language, Source, prelude};

/// An expression in C. Its pointer table has its tables, then its result.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeExpression {
    /// The text, as the user wrote it.
    pub text: String,
    /// What it reads.
    pub tables: Vec<NativeTable>,
}

/// What an expression in C reads by a name.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeTable {
    /// The name in C.
    pub name: String,
    /// The C type of a value.
    pub ty: &'static str,
    /// Whether it is one value, else a pointer to one for each element.
    pub is_single: bool,
}

/// The file that compilers find the expression in.
pub const EXPRESSION_PLACE: &str = "expression";

/// The file that they find the rest in.
pub const AROUND_EXPRESSION: &str = "around the expression";

/// The number of the element that an expression is evaluated for.
pub const ELEMENT: &str = "_idx";

/// What functions are called in C, and in the maths library and the table of operators.
const FUNCTIONS: [(&str, &str); 20] = [
    ("exp", "exp"),
    ("expm1", "expm1"),
    ("log", "log"),
    ("log1p", "log1p"),
    ("log2", "log2"),
    ("log10", "log10"),
    ("pow", "pow"),
    ("sin", "sin"),
    ("cos", "cos"),
    ("tan", "tan"),
    ("asin", "arcsin"),
    ("acos", "arccos"),
    ("atan", "arctan"),
    ("sinh", "sinh"),
    ("cosh", "cosh"),
    ("tanh", "tanh"),
    ("sqrt", "sqrt"),
    ("fabs", "abs"),
    ("floor", "floor"),
    ("trunc", "trunc"),
];

/// The names of the functions that expressions in C can call.
pub fn functions_in_c() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}

/// The words of an expression in C that can be names, each once.
///
/// ```
/// let names = saltus::render::identifiers("v[j[0]]*1e3 + 0x1fuL*_u_double");
/// assert_eq!(names.into_iter().collect::<Vec<_>>(), ["_u_double", "j", "v"]);
/// ```
pub fn identifiers(text: &str) -> BTreeSet<&str> {
    let is_word = |c: char| c == '_' || c == '.' || c.is_ascii_alphanumeric();
    let words = text.split(|c| !is_word(c)).filter(|word| !word.starts_with(|c: char| c.is_ascii_digit() || c == '.'));
    words.flat_map(|word| word.split('.').take(1)).filter(|word| !word.is_empty()).collect()
}

/// What a name in C stands for in the model, where reserved words have `_u_` before them; none for words of C.
///
/// ```
/// use saltus::render::model_name;
/// assert_eq!([model_name("v"), model_name("double"), model_name("_u_double")], [Some("v"), None, Some("double")]);
/// ```
pub fn model_name(name: &str) -> Option<&str> {
    match name.strip_prefix("_u_") {
        Some(rest) => is_reserved_in_c(rest).then_some(rest),
        None => (!is_reserved_in_c(name)).then_some(name),
    }
}

#[derive(Serialize)]
struct Context<'a> {
    prelude: Vec<&'static str>,
    functions: Vec<(&'static str, &'static str)>,
    tables: Vec<Table<'a>>,
    result: usize,
    place: &'static str,
    rest: &'static str,
    expression: &'a str,
}

#[derive(Serialize)]
struct Table<'a> {
    position: usize,
    name: &'a str,
    r#type: &'static str,
    is_single: bool,
}

/// The complete source of a library that evaluates the expression. Values are not in it.
pub fn render_native_expression(expression: &NativeExpression) -> Source {
    let words = identifiers(&expression.text);
    let is_table = |name: &str| expression.tables.iter().any(|table| table.name == name);
    let called = FUNCTIONS.into_iter().filter(|(name, _)| words.contains(name) && !is_table(name));
    let functions: Vec<(&str, &str)> = called.collect();
    let needed: BTreeSet<&'static str> = functions.iter().map(|(_, own)| *own).collect();
    let tables = expression.tables.iter().enumerate().map(|(position, table)| Table {
        position,
        name: &table.name,
        r#type: table.ty,
        is_single: table.is_single,
    });
    let context = Context {
        prelude: prelude::texts(Language::C, &needed).into_iter().map(|(_, text)| text).collect(),
        functions,
        tables: tables.collect(),
        result: expression.tables.len(),
        place: EXPRESSION_PLACE,
        rest: AROUND_EXPRESSION,
        expression: expression.text.trim_end(),
    };
    Source { language: Language::C, text: template::render(Set::MoreC, "aside.c", &context) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_gets_what_it_names() {
        let table = |name: &str, ty, is_single| NativeTable { name: name.to_string(), ty, is_single };
        let tables = vec![table("v", "double", false), table("t", "double", true)];
        let expression = NativeExpression { text: "sqrt(v[_idx]) + t".to_string(), tables };
        let text = render_native_expression(&expression).text;
        for part in [
            "#define sqrt saltus_sqrt\n",
            "    const double *const v = arrays[0];\n    const double t = *(const double *)arrays[1];\n",
            "        _values[_idx] = (double)+(\n#line 1 \"expression\"\nsqrt(v[_idx]) + t\n#line",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("#define exp"), "{text}");
    }
}

//! From the text of the maths library to its forms in the languages of kernels and in that of the host, and the part of
//! it that a kernel needs.
//!
//! [`generate`] makes the files that `kernel::maths` includes; it runs in a test, never on the way to a simulation.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::expr::{self, Dialect, Names};
use super::{Language, prelude};
use crate::diag::Diagnostic;
use crate::kernel::ir::{self, Expr, Function, LocalId, ParamId, Place, Type};
use crate::kernel::maths;
use crate::kernel::text::{Definition, Library, Table, parse_library};

/// A file made from the library.
#[derive(Debug, PartialEq)]
pub struct GeneratedFile {
    /// Path from the root of the package.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// The files made from the library: the host's form, and for each function and table a file in each language of kernels.
///
/// # Errors
/// The first thing in the library that is not understood.
pub fn generate() -> Result<Vec<GeneratedFile>, Diagnostic> {
    let library = parse_library(maths::LIBRARY)?;
    let mut files = vec![GeneratedFile { path: "src/kernel/maths/generated.rs".into(), text: rust_file(&library) }];
    let mut add = |path: String, text: String| files.push(GeneratedFile { path, text });
    for table in &library.tables {
        add(c_path(table.name), c_table(table));
        add(rust_path(table.name), rust_table(table, Dialect::Rust));
    }
    for Definition { function, .. } in &library.functions {
        add(c_path(function.name), c_function(function));
        add(rust_path(function.name), rust_function(function, Dialect::Rust));
    }
    Ok(files)
}

/// The text of these functions, tables and helpers of the operator table in a language of kernels, and of all they use,
/// in order of use.
pub fn prelude(language: Language, names: impl IntoIterator<Item = &'static str>) -> String {
    prelude::texts(language, &names.into_iter().collect()).into_iter().map(|(_, text)| text).collect()
}

fn c_path(name: &str) -> String {
    format!("templates/c/maths/{name}.h")
}

fn rust_path(name: &str) -> String {
    format!("templates/rust/maths/{name}.rs")
}

struct FunctionNames<'a>(&'a Function);

impl Names for FunctionNames<'_> {
    fn local(&self, id: LocalId) -> String {
        self.0.locals[id.0 as usize].name.clone()
    }

    fn load(&self, _: Place) -> String {
        unreachable!("functions have no parameters in memory")
    }

    fn gather(&self, _: ParamId, _: &str) -> String {
        unreachable!("functions have no parameters in memory")
    }

    fn element(&self) -> String {
        unreachable!("functions do not run over elements")
    }

    fn wide_element(&self) -> String {
        unreachable!("functions do not run over elements")
    }

    fn type_of(&self, expr: &Expr) -> Type {
        ir::type_of(expr, &self.0.locals, &[])
    }
}

fn c_function(function: &Function) -> String {
    let names = FunctionNames(function);
    let parameters: Vec<String> = function.locals[..function.arity]
        .iter()
        .map(|l| format!("{} {}", expr::type_name(Dialect::C, l.ty), l.name))
        .collect();
    let mut text = format!(
        "static inline __attribute__((always_inline)) double saltus_{}({}) {{\n",
        function.name,
        parameters.join(", ")
    );
    for (id, value) in &function.body {
        let ty = expr::type_name(Dialect::C, function.locals[id.0 as usize].ty);
        let _ = writeln!(text, "    const {ty} {} = {};", names.local(*id), expr::expr(Dialect::C, value, &names));
    }
    let _ = writeln!(text, "    return {};\n}}", expr::expr(Dialect::C, &function.result, &names));
    text
}

fn c_table(table: &Table) -> String {
    let mut text = format!("static const double saltus_{}[{}] = {{\n", table.name, table.values.len());
    for value in &table.values {
        let _ = writeln!(text, "    {},", expr::c_double(*value));
    }
    text.push_str("};\n");
    text
}

/// How a function or table is declared, up to its name.
fn declared(dialect: Dialect, visibility: &str, keyword: &str, name: &str) -> String {
    let visibility = if dialect == Dialect::Host { visibility } else { "" };
    format!("{visibility}{keyword} {}{name}", dialect.prefix())
}

fn rust_function(function: &Function, dialect: Dialect) -> String {
    let names = FunctionNames(function);
    let parameters: Vec<String> = function.locals[..function.arity]
        .iter()
        .map(|l| format!("{}: {}", l.name, expr::type_name(dialect, l.ty)))
        .collect();
    let declared = declared(dialect, "pub ", "fn", function.name);
    let mut text = format!("#[inline(always)]\n{declared}({}) -> f64 {{\n", parameters.join(", "));
    for (id, value) in &function.body {
        let ty = expr::type_name(dialect, function.locals[id.0 as usize].ty);
        let _ = writeln!(text, "    let {}: {ty} = {};", names.local(*id), expr::expr(dialect, value, &names));
    }
    let _ = writeln!(text, "    {}\n}}", expr::expr(dialect, &function.result, &names));
    text
}

fn rust_table(table: &Table, dialect: Dialect) -> String {
    // A power of two, so that the remainder that keeps an index in range costs nothing.
    let length = table.values.len().next_power_of_two();
    let mut text = format!("{}: [f64; {length}] = [\n", declared(dialect, "", "static", table.name));
    for index in 0..length {
        let _ = writeln!(text, "    {:?},", table.values.get(index).copied().unwrap_or(0.0));
    }
    text.push_str("];\n");
    text
}

fn rust_file(library: &Library) -> String {
    let mut text = String::from(
        "// Made from library.ir by render::maths; a test compares.\n\
         #![allow(clippy::all, missing_docs, unused_imports, unused_parens, clippy::approx_constant)]\n\n\
         use super::operators::*;\nuse super::{Block, Builtin, Internal, Scalar, Texts};\n",
    );
    for table in &library.tables {
        let _ = write!(text, "\n{}", rust_table(table, Dialect::Host));
    }
    for Definition { function, .. } in &library.functions {
        let _ = write!(text, "\n{}", rust_function(function, Dialect::Host));
    }
    text.push_str("\n/// The functions over slices.\nmod blocks {\n    use super::super::block::{block_one, block_two, versions};\n\n");
    let builtins: Vec<(&Function, f64)> =
        library.functions.iter().filter_map(|d| d.bound_ulp.map(|b| (&d.function, b))).collect();
    for (function, _) in &builtins {
        let macro_name = if function.arity == 1 { "block_one" } else { "block_two" };
        let _ = writeln!(text, "    {macro_name}!({});", function.name);
    }
    let _ = write!(text, "}}\n\npub(super) static BUILTINS: [Builtin; {}] = [\n", builtins.len());
    for (function, bound) in builtins {
        let (name, arity) = (function.name, function.arity);
        let kind = if arity == 1 { "One" } else { "Two" };
        let _ = writeln!(
            text,
            "    Builtin {{\n        name: {name:?},\n        arity: {arity},\n        depends: &{:?},\n        \
             texts: {},\n        bound_ulp: {bound:?},\n        block: Block::{kind}(blocks::{name}),\n        \
             scalar: Scalar::{kind}({name}),\n    }},",
            dependencies(function),
            included(name),
        );
    }
    let tables = library.tables.iter().map(|t| (t.name, Vec::new()));
    let functions = library.functions.iter().filter(|d| d.bound_ulp.is_none());
    let internals: Vec<_> = tables.chain(functions.map(|d| (d.function.name, dependencies(&d.function)))).collect();
    let _ = write!(text, "];\n\npub(super) static INTERNALS: [Internal; {}] = [\n", internals.len());
    for (name, depends) in internals {
        let _ = writeln!(text, "    Internal {{ name: {name:?}, depends: &{depends:?}, texts: {} }},", included(name));
    }
    text.push_str("];\n");
    text
}

fn included(name: &str) -> String {
    let include = |path: String| format!("include_str!(\"../../../{path}\")");
    format!("Texts {{ c: {}, rust: {} }}", include(c_path(name)), include(rust_path(name)))
}

fn dependencies(function: &Function) -> Vec<&'static str> {
    let mut found = BTreeSet::new();
    let names = FunctionNames(function);
    for value in function.body.iter().map(|(_, value)| value).chain([&function.result]) {
        expr::needs(value, &names, &mut found);
    }
    found.into_iter().collect()
}

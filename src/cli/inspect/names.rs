//! What the names of a model stand for, as text and for a page.

use crate::cli::failure::Failure;
use crate::cli::output::format::{bytes, counted, grouped};
use crate::cli::page::Table;
use crate::cli::table::{Align, table};
use crate::inspect::{ConstantView, ModelFunctionView, NamespaceView, ObjectView, VariableView, fits};

/// The names that fit.
///
/// # Errors
/// If none does.
pub fn chosen(all: NamespaceView, glob: Option<&str>) -> Result<NamespaceView, Failure> {
    let Some(glob) = glob else { return Ok(all) };
    let of_object = |object: &ObjectView| ObjectView {
        variables: object.variables.iter().filter(|v| fits(glob, &v.name)).cloned().collect(),
        ..object.clone()
    };
    let found = NamespaceView {
        constants: all.constants.iter().filter(|c| fits(glob, &c.name)).cloned().collect(),
        functions: all.functions.iter().filter(|f| fits(glob, &f.name)).cloned().collect(),
        objects: all.objects.iter().map(of_object).filter(|object| !object.variables.is_empty()).collect(),
    };
    if found.constants.is_empty() && found.functions.is_empty() && found.objects.is_empty() {
        let constants = all.constants.iter().map(|c| c.name.as_str());
        let functions = all.functions.iter().map(|f| f.name.as_str());
        let variables = all.objects.iter().flat_map(|object| &object.variables).map(|v| v.name.as_str());
        let mut names: Vec<&str> = Vec::new();
        for name in constants.chain(functions).chain(variables) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        return Err(super::nothing_fits("name", "names", glob, names));
    }
    Ok(found)
}

/// A table for the constants, one for the functions, and one for each object that has variables.
pub fn tables(names: &NamespaceView) -> Vec<(String, Table)> {
    let mut tables = Vec::new();
    if !names.constants.is_empty() {
        let row = |c: &ConstantView| {
            let gap = if c.unit.is_empty() { "" } else { " " };
            vec![c.name.clone(), c.shown.clone(), format!("{}{gap}{}", c.value, c.unit)]
        };
        let rows = names.constants.iter().map(row).collect();
        tables.push(("constants".to_owned(), Table { words: 3, headings: vec!["name", "value", "in SI units"], rows }));
    }
    if !names.functions.is_empty() {
        let plain = |unit: &str| if unit.is_empty() { "1".to_owned() } else { unit.to_owned() };
        let row = |f: &ModelFunctionView| vec![f.call.clone(), f.takes.join(", "), plain(&f.unit), f.body.clone()];
        let rows = names.functions.iter().map(row).collect();
        tables.push(("functions".to_owned(), Table { words: 4, headings: vec!["call", "takes", "gives", "by"], rows }));
    }
    for object in &names.objects {
        let words = if object.is_synapses { ("synapse", "synapses") } else { ("cell", "cells") };
        let heading = format!("{}: {}", object.name, counted(object.elements, words));
        let rows = object.variables.iter().map(variable_row).collect();
        let headings = vec!["name", "unit", "type", "what", "values", "size"];
        tables.push((heading, Table { words: 4, headings, rows }));
    }
    tables
}

fn variable_row(variable: &VariableView) -> Vec<String> {
    let none = || "-".to_owned();
    let unit = if variable.unit.is_empty() { "1".to_owned() } else { variable.unit.clone() };
    let mut what = variable.what.clone();
    variable.flags.iter().for_each(|flag| what += &format!(", {flag}"));
    vec![
        variable.name.clone(),
        unit,
        variable.ty.to_owned(),
        what,
        variable.elements.map_or_else(none, grouped),
        variable.bytes.map_or_else(none, |count| bytes(count as u64)),
    ]
}

/// All of it as text.
pub fn text(names: &NamespaceView) -> String {
    let part = |(heading, table_of): (String, Table)| {
        let align = |k: usize| if k < table_of.words { Align::Left } else { Align::Right };
        let columns: Vec<(&str, Align)> =
            table_of.headings.iter().enumerate().map(|(k, heading)| (*heading, align(k))).collect();
        format!("# {heading}\n\n{}", table(&columns, &table_of.rows))
    };
    tables(names).into_iter().map(part).collect::<Vec<_>>().join("\n")
}

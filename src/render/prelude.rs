//! What a kernel's text needs above it: helpers of operators, functions and tables, each after what it uses.

use std::collections::BTreeSet;

use super::{Language, expr};
use crate::kernel::maths::{self, Texts};

/// Names and texts of these and of all that they use.
///
/// # Panics
/// If one is unknown: a verified kernel names none that is.
pub(super) fn texts(language: Language, names: &BTreeSet<&'static str>) -> Vec<(&'static str, &'static str)> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    names.iter().for_each(|name| visit(language, name, &mut seen, &mut found));
    found
}

fn visit(
    language: Language,
    name: &'static str,
    seen: &mut BTreeSet<&'static str>,
    found: &mut Vec<(&'static str, &'static str)>,
) {
    if !seen.insert(name) {
        return;
    }
    let (depends, texts) = definition(name).expect("a verified kernel uses nothing unknown");
    depends.iter().for_each(|name| visit(language, name, seen, found));
    let text = match language {
        Language::C | Language::Cpp => texts.c,
        Language::Rust => texts.rust,
    };
    found.push((name, text));
}

fn definition(name: &str) -> Option<(&'static [&'static str], Texts)> {
    let internal = || maths::internals().iter().find(|i| i.name == name).map(|i| (i.depends, i.texts));
    expr::helper(name)
        .map(|h| (h.depends, h.texts))
        .or_else(|| maths::lookup(name).map(|f| (f.depends, f.texts)))
        .or_else(internal)
}

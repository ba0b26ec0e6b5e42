//! The templates of kernels, part of the program and parsed once. They hold declarations and loops, no arithmetic.

use std::sync::LazyLock;

use serde::Serialize;
use tera::{Context, Tera};

const TEMPLATES: [(&str, &str); 18] = [
    ("abi.h", include_str!("../../templates/abi.h")),
    ("kernel.c", include_str!("../../templates/c/kernel.c.tera")),
    ("head.c", include_str!("../../templates/c/head.c.tera")),
    ("function.c", include_str!("../../templates/c/function.c.tera")),
    ("unit.c", include_str!("../../templates/c/unit.c.tera")),
    ("each.c", include_str!("../../templates/c/each.c.tera")),
    ("indexed.c", include_str!("../../templates/c/indexed.c.tera")),
    ("select.c", include_str!("../../templates/c/select.c.tera")),
    ("widen.c", include_str!("../../templates/c/widen.c.tera")),
    ("native.c", include_str!("../../templates/c/native.c.tera")),
    ("narrow.c", include_str!("../../templates/c/narrow.c.tera")),
    ("abi.rs", include_str!("../../templates/abi.rs")),
    ("kernel.rs", include_str!("../../templates/rust/kernel.rs.tera")),
    ("each.rs", include_str!("../../templates/rust/each.rs.tera")),
    ("indexed.rs", include_str!("../../templates/rust/indexed.rs.tera")),
    ("select.rs", include_str!("../../templates/rust/select.rs.tera")),
    ("elements.rs", include_str!("../../templates/rust/elements.rs.tera")),
    ("call.rs", include_str!("../../templates/rust/call.rs.tera")),
];

static PARSED: LazyLock<Tera> = LazyLock::new(|| {
    let mut tera = Tera::default();
    // Nothing here is HTML, whatever a file is called: `<` and `&` must stay.
    tera.autoescape_on(Vec::<&str>::new());
    tera.add_raw_templates(TEMPLATES).expect("the templates are well-formed");
    tera
});

/// Parses the templates, if that was not done yet: half a millisecond that others can spend otherwise.
pub(super) fn prepare() {
    LazyLock::force(&PARSED);
}

/// The text that a template makes of its context.
///
/// # Panics
/// If the context lacks what the template asks for.
pub(super) fn render(template: &str, context: &impl Serialize) -> String {
    let context = Context::from_serialize(context).expect("a context is a structure with names");
    PARSED.render(template, &context).expect("the template knows its context")
}

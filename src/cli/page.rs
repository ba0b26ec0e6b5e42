//! Pages: one HTML file each that needs nothing else, in light and dark, for telephones and desks.

use serde::Serialize;
use tera::{Context, Tera};

pub use crate::inspect::highlight::escaped;

/// What all pages look like; a template inserts it as it is.
pub const STYLE: &str = include_str!("../../templates/page.css");

/// A table of a page.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Table {
    /// How many of the first columns are words; the others are numbers.
    pub words: usize,
    /// Over the columns.
    pub headings: Vec<&'static str>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

/// The page that a template makes of a context.
///
/// # Panics
/// If the template does not fit: templates are part of the program, and tests render them.
pub fn render(template: &str, context: &impl Serialize) -> String {
    /// Its ending decides that texts are escaped, which may be anything: what a compiler calls itself, or a user a model.
    const NAME: &str = "page.html";
    let mut tera = Tera::default();
    tera.autoescape_on(vec![".html"]);
    tera.add_raw_template(NAME, template).expect("the template is well-formed");
    let context = Context::from_serialize(context).expect("a page is a structure with names");
    tera.render(NAME, &context).expect("the template knows its context")
}

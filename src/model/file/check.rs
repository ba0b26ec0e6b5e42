//! Holds a parsed file against the table of keys: unknown, missing and meaningless keys, wrong types, unknown objects.
//!
//! Where nothing is reported here, [`extract`](super::extract) finds every key it asks for.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::keys::{self, Key, Names, Shape, Table};
use super::text;
use crate::diag::{Diagnostic, Diagnostics, File, nearest};

/// A key as written, and what stands there.
pub(super) type Item<'a> = (&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>);

/// The entries of a table, in the order in which they are first mentioned.
///
/// The parser moves a table whose header comes after that of one of its subtables, which order of calls must not follow.
pub(super) fn entries<'a>(table: &'a DeTable<'a>) -> Vec<Item<'a>> {
    let mut entries: Vec<_> = table.iter().collect();
    if !entries.is_sorted_by_key(first_mention) {
        entries.sort_by_cached_key(first_mention);
    }
    entries
}

fn first_mention((key, value): &Item<'_>) -> usize {
    let inside = match value.get_ref() {
        DeValue::Table(table) => table.iter().map(|entry| first_mention(&entry)).min(),
        DeValue::Array(_) => Some(value.span().start),
        _ => None,
    };
    key.span().start.min(inside.unwrap_or(usize::MAX))
}

/// Reports all that is wrong with the file as far as the table of keys tells.
pub(super) fn check(file: &Arc<File>, document: &DeTable<'_>) -> Diagnostics {
    let mut names = BTreeMap::new();
    for table in ["groups", "synapses"] {
        let objects = document.get(table).and_then(|value| value.get_ref().as_table());
        names
            .insert(table, objects.map_or(Vec::new(), |t| entries(t).iter().map(|e| e.0.get_ref().as_ref()).collect()));
    }
    let mut checker = Checker { file, names, diagnostics: Diagnostics::default() };
    checker.table(&keys::MODEL, "", 0..0, document);
    checker.diagnostics
}

struct Checker<'a> {
    file: &'a Arc<File>,
    names: BTreeMap<&'static str, Vec<&'a str>>,
    diagnostics: Diagnostics,
}

impl Checker<'_> {
    fn error(&self, place: &str, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        let text = text::as_written(self.file, place, range);
        Diagnostic::error(&text, text.whole(), message)
    }

    fn table(&mut self, table: &Table, place: &str, range: Range<usize>, found: &DeTable<'_>) {
        let kind = match (table.key("kind").map(|key| key.shape), found.get("kind")) {
            (Some(Shape::Choice(choices)), Some(kind)) => {
                kind.get_ref().as_str().and_then(|kind| choices.iter().copied().find(|choice| *choice == kind))
            }
            _ => table.default_kind,
        };
        for (name, value) in entries(found) {
            let (range, name) = (name.span(), name.get_ref().as_ref());
            let Some(key) = table.key(name) else {
                self.unknown_key(table, kind, place, range, name, value.get_ref());
                continue;
            };
            if kind.is_some_and(|kind| !key.kinds.is_empty() && !key.kinds.contains(&kind)) {
                self.meaningless_key(key, table, kind.unwrap_or_default(), place, range);
            }
            self.value(&key.shape, &join(place, name), value);
        }
        for key in table.keys.iter().filter(|key| key.is_required_in(kind) && found.get(key.name).is_none()) {
            let (place, whose, hint) = if place.is_empty() {
                (key.name, table.word.to_string(), "write `format = 1` at the top".to_string())
            } else {
                (place, format!("`{place}`"), format!("`{}`: {}", key.name, key.about))
            };
            let diagnostic = self.error(place, range.clone(), format!("{whose} has no `{}`", key.name));
            self.diagnostics.push(diagnostic.hint(hint));
        }
    }

    fn unknown_key(
        &mut self,
        table: &Table,
        kind: Option<&str>,
        place: &str,
        range: Range<usize>,
        name: &str,
        value: &DeValue<'_>,
    ) {
        let word = if value.is_table() { "table" } else { "key" };
        let wanted = |key: &&Key| kind.is_none_or(|kind| key.kinds.is_empty() || key.kinds.contains(&kind));
        let known: Vec<&str> = table.keys.iter().filter(wanted).map(|key| key.name).collect();
        let hint =
            match nearest(name, known.iter().copied()).or_else(|| nearest(name, table.keys.iter().map(|k| k.name))) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys of {} are {}", table.word, list(&known)),
            };
        self.diagnostics.push(self.error(&join(place, name), range, format!("unknown {word} `{name}`")).hint(hint));
    }

    /// The format passes over such keys, so they only get a warning.
    fn meaningless_key(&mut self, key: &Key, table: &Table, kind: &str, place: &str, range: Range<usize>) {
        let text = text::as_written(self.file, &join(place, key.name), range);
        let message = format!("`{}` means nothing in {} of kind `{kind}`", key.name, table.word);
        let hint = format!("it is a key of kind {}", list(key.kinds));
        self.diagnostics.push(Diagnostic::warning(&text, text.whole(), message).hint(hint));
    }

    fn value(&mut self, shape: &Shape, place: &str, value: &Spanned<DeValue<'_>>) {
        if !accepts(shape, value.get_ref()) {
            return self.wrong_type(shape, place, value);
        }
        match (shape, value.get_ref()) {
            (Shape::Any(shapes), found) => {
                let mut accepting = shapes.iter().filter(|shape| accepts(shape, found));
                if let Some(shape) = accepting.clone().find(|shape| fits(shape, found)).or_else(|| accepting.next()) {
                    self.value(shape, place, value);
                }
            }
            (Shape::Table(table), DeValue::Table(found)) => self.table(table, place, value.span(), found),
            (Shape::Map { of, names }, DeValue::Table(found)) => {
                for (name, value) in entries(found) {
                    let place_of_name = join(place, name.get_ref());
                    self.name(*names, &place_of_name, name);
                    self.value(of, &place_of_name, value);
                }
            }
            (Shape::List { of, at_least }, DeValue::Array(found)) => {
                if found.len() < *at_least {
                    let diagnostic = self.error(place, value.span(), format!("`{place}` is empty"));
                    self.diagnostics.push(match last_of(place) {
                        "connect" => {
                            diagnostic.hint("leave `connect` out, or write `[{}]`, to connect all cells with all")
                        }
                        _ => diagnostic,
                    });
                }
                self.elements(of, place, found.iter());
                if let Shape::List { .. } = of {
                    self.equal_rows(place, found);
                }
            }
            (Shape::Identifier | Shape::Choice(_) | Shape::Object(_), DeValue::String(found)) => {
                self.name_in_string(shape, place, value.span(), found);
            }
            (Shape::Integer { .. } | Shape::Number, found) => self.number(shape, place, value.span(), found),
            _ => {}
        }
    }

    /// Of a list of numbers only the first wrong one is reported: there may be millions.
    fn elements<'v>(&mut self, of: &Shape, place: &str, found: impl Iterator<Item = &'v Spanned<DeValue<'v>>>) {
        let is_scalar = !matches!(of, Shape::Table(_));
        for (k, element) in found.enumerate() {
            let before = self.diagnostics.0.len();
            if !is_scalar || !is_plainly_right(of, element.get_ref()) {
                self.value(of, &format!("{place}[{k}]"), element);
            }
            if is_scalar && self.diagnostics.0.len() > before {
                break;
            }
        }
    }

    fn equal_rows(&mut self, place: &str, rows: &DeArray<'_>) {
        let mut lengths = rows.iter().filter_map(|row| Some((row.span(), row.get_ref().as_array()?.len())));
        let Some((_, first)) = lengths.next() else { return };
        if let Some((range, other)) = lengths.find(|(_, length)| *length != first) {
            let message = format!("the rows of `{}` differ in length: {first} and {other}", last_of(place));
            self.diagnostics.push(self.error(place, range, message));
        }
    }

    fn name(&mut self, names: Names, place: &str, name: &Spanned<DeString<'_>>) {
        let written = name.get_ref().as_ref();
        let parts = match names {
            Names::Identifier => vec![written],
            Names::Variable => written.splitn(2, '.').collect(),
        };
        if !parts.into_iter().all(is_identifier) {
            self.diagnostics.push(not_an_identifier(self.error(place, name.span(), ""), written));
        }
    }

    fn name_in_string(&mut self, shape: &Shape, place: &str, range: Range<usize>, found: &str) {
        let text = text::of_string(self.file, place, range, found);
        let error = |message: String| Diagnostic::error(&text, text.whole(), message);
        let key = last_of(place);
        let diagnostic = match shape {
            Shape::Identifier if !is_identifier(found) => not_an_identifier(error(String::new()), found),
            Shape::Choice(choices) if !choices.contains(&found) => {
                let hint = match nearest(found, choices.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if *choices == keys::SLOTS => {
                        "the places are `start`, `groups`, `thresholds`, `synapses`, `resets` and `end`, each also with \
                         `before_` or `after_`"
                            .to_string()
                    }
                    None => format!("`{key}` is one of {}", list(choices)),
                };
                error(format!("`{key}` cannot be `{found}`")).hint(hint)
            }
            Shape::Object(tables) => {
                let known: Vec<&str> = tables.iter().flat_map(|table| &self.names[table]).copied().collect();
                if known.contains(&found) {
                    return;
                }
                let what = if tables.contains(&"synapses") { "group and no synapses" } else { "group" };
                let diagnostic = error(format!("there is no {what} with the name `{found}`"));
                match nearest(found, known.iter().copied()) {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None if known.is_empty() => diagnostic,
                    None if known.len() == 1 => diagnostic.hint(format!("there is {}", list(&known))),
                    None => diagnostic.hint(format!("there are {}", list(&known))),
                }
            }
            _ => return,
        };
        self.diagnostics.push(diagnostic);
    }

    fn number(&mut self, shape: &Shape, place: &str, range: Range<usize>, found: &DeValue<'_>) {
        let key = last_of(place);
        let Some(number) = number(found) else {
            let message = format!("`{key}` is too large a number");
            return self.diagnostics.push(self.error(place, range, message));
        };
        let (Shape::Integer { min, max }, Number::Integer(integer)) = (shape, number) else { return };
        if (*min..=*max).contains(&integer) {
            return;
        }
        let diagnostic = self.error(place, range, "");
        self.diagnostics.push(match key {
            "format" => Diagnostic { message: format!("format {integer} is not known"), ..diagnostic }
                .hint("this version reads `format = 1`"),
            _ if integer < *min => Diagnostic { message: format!("`{key}` must be at least {min}"), ..diagnostic },
            _ => {
                let diagnostic = Diagnostic { message: format!("`{key}` must be at most {max}"), ..diagnostic };
                if *max >= keys::LARGEST_SIZE - 1 && *min >= 0 && key != "seed" {
                    diagnostic.hint("indices are 32-bit numbers")
                } else {
                    diagnostic
                }
            }
        });
    }

    fn wrong_type(&mut self, shape: &Shape, place: &str, value: &Spanned<DeValue<'_>>) {
        let (found, key) = (value.get_ref(), last_of(place));
        let mut range = value.span();
        if found.is_table() {
            // A table's own range may be a whole header: the first line of it says enough.
            let lines = self.file.text.get(range.clone()).unwrap_or_default();
            range.end = range.start + lines.find('\n').unwrap_or(lines.len());
        }
        let written = self.file.text.get(range.clone()).unwrap_or_default().to_string();
        let diagnostic =
            self.error(place, range, format!("`{key}` must be {}, found {}", describe(shape), describe_found(found)));
        let hint = match (shape, found) {
            (Shape::Table(_), _) if !place.contains('[') && place.contains('.') => {
                let table = &place[..place.len() - key.len() - 1];
                Some(format!("`{table}` holds named tables: `[{table}.NAME]`"))
            }
            (Shape::Integer { .. }, DeValue::Float(_)) => match number(found) {
                Some(Number::Float(float)) if float.fract() == 0.0 && float.abs() < 1e15 => {
                    Some(format!("write `{float}`"))
                }
                _ => None,
            },
            (Shape::Integer { .. } | Shape::Number | Shape::Boolean, DeValue::String(string)) => match string.trim() {
                plain @ ("true" | "false") => Some(format!("write `{plain}` without quotes")),
                plain if plain.parse::<f64>().is_ok() => Some(format!("write `{plain}` without quotes")),
                _ => Some(format!("`{}` cannot be an expression", key.split('[').next().unwrap_or(key))),
            },
            (Shape::Boolean, DeValue::Integer(_)) => Some("write `true` or `false`".to_string()),
            (Shape::Text | Shape::Identifier, DeValue::Integer(_) | DeValue::Float(_)) => {
                Some(format!("write `\"{written}\"`"))
            }
            (Shape::List { of: Shape::Table(_), .. }, DeValue::Table(_)) => {
                Some("put the table in brackets: `[{ ... }]`, or double those of its header: `[[ ... ]]`".to_string())
            }
            (Shape::List { .. }, DeValue::Integer(_) | DeValue::Float(_) | DeValue::String(_)) => {
                Some(format!("write `[{written}]`"))
            }
            (Shape::Map { of: Shape::Table(_), .. }, _) => Some(format!("each has a name: `[{place}.NAME]`")),
            (Shape::Any(_), DeValue::Table(table)) if place.contains(".init.") => {
                table.keys().next().map(|name| format!("write `\"{key}.{}\"`, in quotes", name.get_ref()))
            }
            _ => None,
        };
        self.diagnostics.push(Diagnostic { hint, ..diagnostic });
    }
}

/// A number of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
}

/// The number that stands there; `None` where there is none, or one that is too large.
pub(super) fn number(value: &DeValue<'_>) -> Option<Number> {
    match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Number::Integer),
        DeValue::Float(float) => {
            let value: f64 = float.as_str().parse().ok()?;
            (value.is_finite() || !float.as_str().contains(|c: char| c.is_ascii_digit()))
                .then_some(Number::Float(value))
        }
        _ => None,
    }
}

/// Whether a string may be the name of an object or a variable.
pub(super) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `groups` and `cells` to `groups.cells`.
pub(super) fn join(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_string() } else { format!("{place}.{name}") }
}

/// The names in backticks, the last two with `and`.
pub(super) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

fn not_an_identifier(diagnostic: Diagnostic, name: &str) -> Diagnostic {
    Diagnostic { message: format!("`{name}` is not an identifier"), ..diagnostic }
        .hint("a name has letters, digits and `_`, and does not start with a digit")
}

/// The key or the element that a place ends with.
fn last_of(place: &str) -> &str {
    let start = place.rfind('.').map_or(0, |dot| dot + 1);
    &place[start..]
}

/// Whether the first element of a list has the right type too: tells lists of one thing from lists of another.
fn fits(shape: &Shape, value: &DeValue<'_>) -> bool {
    match (shape, value) {
        (Shape::List { of, .. }, DeValue::Array(found)) => found.iter().next().is_none_or(|e| accepts(of, e.get_ref())),
        _ => true,
    }
}

/// Whether the type is right, elements aside.
fn accepts(shape: &Shape, value: &DeValue<'_>) -> bool {
    match (shape, value) {
        (Shape::Any(shapes), value) => shapes.iter().any(|shape| accepts(shape, value)),
        (Shape::Text | Shape::Identifier | Shape::Choice(_) | Shape::Object(_), DeValue::String(_)) => true,
        (Shape::Number, DeValue::Integer(_) | DeValue::Float(_)) => true,
        (Shape::Integer { .. }, DeValue::Integer(_)) => true,
        (Shape::Boolean, DeValue::Boolean(_)) => true,
        (Shape::List { .. }, DeValue::Array(_)) => true,
        (Shape::Table(_) | Shape::Map { .. }, DeValue::Table(_)) => true,
        _ => false,
    }
}

/// A quick look that spares most numbers of a long list a place of their own.
fn is_plainly_right(shape: &Shape, value: &DeValue<'_>) -> bool {
    match (shape, value, number(value)) {
        (Shape::Number, _, Some(_)) => true,
        (Shape::Integer { min, max }, _, Some(Number::Integer(integer))) => (*min..=*max).contains(&integer),
        (Shape::Boolean, DeValue::Boolean(_), _) => true,
        _ => false,
    }
}

fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Any(shapes) => {
            let mut words: Vec<String> = shapes.iter().map(describe).collect();
            words.dedup();
            match words.split_last() {
                Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
                _ => words.concat(),
            }
        }
        Shape::Text | Shape::Identifier | Shape::Choice(_) | Shape::Object(_) => "a string".to_string(),
        Shape::Number => "a number".to_string(),
        Shape::Integer { .. } => "a whole number".to_string(),
        Shape::Boolean => "a boolean".to_string(),
        Shape::List { of, .. } => format!("a list of {}", plural(of)),
        Shape::Table(_) | Shape::Map { .. } => "a table".to_string(),
    }
}

fn plural(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any(_) => "strings or numbers",
        Shape::Text | Shape::Identifier | Shape::Choice(_) | Shape::Object(_) => "strings",
        Shape::Number => "numbers",
        Shape::Integer { .. } => "whole numbers",
        Shape::Boolean => "booleans",
        Shape::List { .. } => "lists of numbers",
        Shape::Table(_) | Shape::Map { .. } => "tables",
    }
}

fn describe_found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a string".to_string(),
        DeValue::Integer(integer) => format!("the number {integer}"),
        DeValue::Float(float) => format!("the number {}", float.as_str()),
        DeValue::Boolean(boolean) => format!("the boolean `{boolean}`"),
        DeValue::Datetime(_) => "a date or time".to_string(),
        DeValue::Array(_) => "a list".to_string(),
        DeValue::Table(_) => "a table".to_string(),
    }
}

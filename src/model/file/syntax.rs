//! TOML into a tree, and its errors in the words of the format.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::text;
use crate::diag::{Diagnostic, Diagnostics, File};
use crate::unit;

/// The tree, unless an error leaves in doubt what belongs where; and all errors up to the first such one.
pub(super) fn parse(file: &Arc<File>) -> (Option<DeTable<'_>>, Diagnostics) {
    let source = file.text.as_str();
    let (document, mut errors) = DeTable::parse_recoverable(source);
    let document = document.into_inner();
    errors.sort_by_key(|error| error.span().map_or(0, |range| range.start));
    let in_list = errors.iter().find(|error| error.message().starts_with("unexpected `=` in array"));
    let list_without_end = in_list.and_then(Error::span).map(|range| line_of(source, within(source, range).start));
    let mut diagnostics = Diagnostics::default();
    let mut repeated_header = None;
    for error in errors {
        let range = within(source, error.span().unwrap_or_default());
        let line = line_of(source, range.start);
        if list_without_end.as_ref() == Some(&line) {
            let written = source[line.clone()].split('=').next().unwrap_or_default().trim_end();
            let key = line.start..line.start + written.len();
            let diagnostic = diagnostic(file, key, "this key is inside of a list that has no end");
            diagnostics.push(diagnostic.hint("close the list above it with `]`"));
            return (None, diagnostics);
        }
        if error.message() == "duplicate key" {
            // The keys of a table that comes twice are there twice as well.
            let header = header_of(source, range.start);
            if repeated_header.is_none() || repeated_header != header {
                diagnostics.push(duplicate(file, range));
            }
            if source[line].trim_start().starts_with('[') {
                repeated_header = header;
            }
            continue;
        }
        let (diagnostic, is_recovered) = located(file, &document, &error, range);
        diagnostics.push(diagnostic);
        if !is_recovered {
            return (None, diagnostics);
        }
    }
    (Some(document), diagnostics)
}

fn within(source: &str, range: Range<usize>) -> Range<usize> {
    let floor = |mut offset: usize| {
        offset = offset.min(source.len());
        while !source.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    floor(range.start)..floor(range.end.max(range.start))
}

fn line_of(source: &str, offset: usize) -> Range<usize> {
    let start = source[..offset].rfind('\n').map_or(0, |end| end + 1);
    start..source[start..].find('\n').map_or(source.len(), |length| start + length)
}

/// Where the line of the last header starts, that of `offset` included.
fn header_of(source: &str, offset: usize) -> Option<usize> {
    let mut line = line_of(source, offset);
    while !source[line.clone()].trim_start().starts_with('[') {
        line = line_of(source, line.start.checked_sub(1)?);
    }
    Some(line.start)
}

/// The number or word without quotes that stands at `offset`.
fn bare_value(source: &str, value: &Spanned<DeValue<'_>>, offset: usize) -> Option<Range<usize>> {
    let span = within(source, value.span());
    match value.get_ref() {
        DeValue::Table(table) => table.iter().find_map(|(_, value)| bare_value(source, value, offset)),
        DeValue::Array(array) => array.iter().find_map(|value| bare_value(source, value, offset)),
        _ => (span.start <= offset && offset <= span.end && !source[span.clone()].starts_with(['"', '\'']))
            .then_some(span),
    }
}

fn diagnostic(file: &Arc<File>, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
    let text = text::as_written(file, &file.name, range);
    Diagnostic::error(&text, text.whole(), message)
}

fn duplicate(file: &Arc<File>, range: Range<usize>) -> Diagnostic {
    let name = &file.text[range.clone()];
    let message = format!("`{name}` is there twice");
    diagnostic(file, range, message).hint("remove one, or give it another name")
}

/// The error for people, and whether the tree holds what was meant all the same.
fn located(file: &Arc<File>, document: &DeTable<'_>, error: &Error, range: Range<usize>) -> (Diagnostic, bool) {
    let (source, message) = (file.text.as_str(), error.message());
    let is_bare = message.starts_with("string values must be quoted") || message.starts_with("invalid boolean");
    if is_bare && range.is_empty() {
        return (diagnostic(file, range, "a value is missing here"), false);
    }
    let bare = document.iter().find_map(|(_, value)| bare_value(source, value, range.start));
    let is_expression =
        |written: &str| written.contains(['*', '/', '(', ' ']) || written.starts_with(|c: char| c.is_alphabetic());
    if let Some(range) = bare.filter(|bare| is_bare || is_expression(&source[bare.clone()])) {
        let written = &source[range.clone()];
        let (message, hint) = match written.to_ascii_lowercase() {
            boolean if boolean == "true" || boolean == "false" => ("booleans are in lower case", boolean),
            _ => ("expressions and names must be in quotes", format!("\"{}\"", with_unit(written))),
        };
        return (diagnostic(file, range, message).hint(format!("write `{hint}`")), true);
    }
    for (kind, quotes) in [("multi-line literal", "'''"), ("multi-line basic", "\"\"\"")] {
        if message.starts_with(&format!("invalid {kind} string, expected")) && range.start >= source.trim_end().len() {
            // Nothing after it closes the string, so the last quotes of the file are those that open it.
            let start = source.rfind(quotes).unwrap_or(range.start);
            let hint = format!("close it with `{quotes}`");
            return (diagnostic(file, start..start + quotes.len(), "this string has no end").hint(hint), false);
        }
    }
    for (kind, quote) in [("literal", '\''), ("basic", '"')] {
        if message == format!("invalid {kind} string, expected `{quote}`") {
            let hint = format!("close it with `{quote}`, or use `'''` around text of several lines");
            return (diagnostic(file, range, "this string has no end on its line").hint(hint), false);
        }
    }
    if message.starts_with("missing escaped value") {
        let start = range.start.saturating_sub(1);
        let hint = "strings in single quotes have no escapes";
        return (diagnostic(file, start..range.end, "this is no escape of TOML").hint(hint), false);
    }
    let message = message.trim_end_matches(", expected nothing");
    (diagnostic(file, range, format!("invalid TOML: {message}")), false)
}

/// `10ms` as `10*ms`, anything else as it is.
fn with_unit(written: &str) -> String {
    let (number, name) = written.split_at(written.find(|c: char| c.is_alphabetic()).unwrap_or(written.len()));
    if number.parse::<f64>().is_ok() && unit::lookup(name).is_some() {
        return format!("{number}*{name}");
    }
    written.to_string()
}

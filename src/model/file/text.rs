//! Pieces of a model file as [`Text`], each byte with the place it was written at.

use std::ops::Range;
use std::sync::Arc;

use crate::diag::{File, Text};

/// A piece of the file as it stands there.
pub(super) fn as_written(file: &Arc<File>, place: &str, range: Range<usize>) -> Text {
    let content = file.text.get(range.clone()).unwrap_or_default();
    let offsets = (range.start..=range.start + content.len()).map(|offset| offset as u32).collect();
    Text::in_file(place, content, file.clone(), offsets)
}

/// A name that the file implies, shown where what implies it stands.
pub(super) fn implied(file: &Arc<File>, place: &str, name: &str, range: &Range<usize>) -> Text {
    let mut offsets = vec![range.start as u32; name.len()];
    if let Some(last) = offsets.last_mut() {
        *last = range.end.saturating_sub(1).max(range.start) as u32;
    }
    offsets.push(range.end as u32);
    Text::in_file(place, name, file.clone(), offsets)
}

/// The content of the TOML string that stands at `range`, quotes included; `decoded` is what the parser made of it.
///
/// A line break is `\n` whatever the file uses, so that a model means the same on every machine.
pub(super) fn of_string(file: &Arc<File>, place: &str, range: Range<usize>, decoded: &str) -> Text {
    let raw = file.text.get(range.clone()).unwrap_or_default();
    let bytes = raw.as_bytes();
    let quote = bytes.first().copied().unwrap_or_default();
    let is_multi_line = raw.starts_with("'''") || raw.starts_with("\"\"\"");
    let delimiter = if is_multi_line { 3 } else { usize::from(quote == b'"' || quote == b'\'') };
    let mut at = delimiter;
    if is_multi_line {
        at += raw[at..].starts_with("\r\n") as usize + raw[at..].starts_with(['\r', '\n']) as usize;
    }
    let (mut content, mut offsets) = (String::with_capacity(decoded.len()), Vec::with_capacity(decoded.len() + 1));
    let mut characters = decoded.chars().peekable();
    while let Some(character) = characters.next() {
        if is_multi_line && quote == b'"' {
            at = after_joined_lines(raw, at);
        }
        let is_escape = quote == b'"' && bytes.get(at) == Some(&b'\\');
        let written = match bytes.get(at + 1) {
            _ if !is_escape => character.len_utf8(),
            Some(b'x') => 4,
            Some(b'u') => 6,
            Some(b'U') => 10,
            _ => 2,
        };
        let is_half_of_line_break = !is_escape && character == '\r' && characters.peek() == Some(&'\n');
        if !is_half_of_line_break {
            content.push(character);
            let step = usize::from(!is_escape);
            offsets.extend((0..character.len_utf8()).map(|k| (range.start + (at + k * step).min(raw.len())) as u32));
        }
        at += written;
    }
    offsets.push((range.start + at.min(raw.len())) as u32);
    Text::in_file(place, content, file.clone(), offsets)
}

/// The offset after the backslashes at ends of lines that start at `at`, and the white space that follows each.
fn after_joined_lines(raw: &str, mut at: usize) -> usize {
    while let Some(rest) = raw.get(at..).and_then(|rest| rest.strip_prefix('\\')) {
        let joined = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let skipped = &rest[..rest.len() - joined.len()];
        if !skipped.contains('\n') {
            break;
        }
        at += 1 + skipped.len();
    }
    at
}

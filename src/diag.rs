//! Located messages about a model: what is wrong, where, and what to do now.
//!
//! A [`Text`] is a piece of model text (one string of a model file, or one argument of the Rust API) that knows where
//! it stands in its file. A [`Diagnostic`] points into a `Text` and draws the excerpt. Messages are lower case, have no
//! full stop and put literals in backticks. Nothing here knows the language.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::Serialize;

/// A range of bytes in a [`Text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range from `start` to `end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// The smallest range that holds both.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A whole file, or a string of the API that stands for one.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Path or name shown in messages.
    pub name: String,
    /// The content.
    pub text: String,
}

/// A piece of model text and the place it came from. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Text(Arc<TextData>);

#[derive(Debug, PartialEq)]
struct TextData {
    content: String,
    place: String,
    file: Arc<File>,
    /// For each byte of `content` and its end, the byte of the file it was written as; empty: the same offsets.
    offsets: Vec<u32>,
}

impl Text {
    /// Text that is its own file, as given to the Rust API; `place` says what it is, such as `equations`.
    pub fn new(place: impl Into<String>, content: impl Into<String>) -> Text {
        let (place, content) = (place.into(), content.into());
        let file = Arc::new(File { name: place.clone(), text: content.clone() });
        Text(Arc::new(TextData { content, place, file, offsets: Vec::new() }))
    }

    /// Text found in a file: `offsets` holds, for each byte of `content` and for its end, the offset in the file.
    ///
    /// # Panics
    /// If `offsets` does not have one more entry than `content` has bytes.
    pub fn in_file(place: impl Into<String>, content: impl Into<String>, file: Arc<File>, offsets: Vec<u32>) -> Text {
        let content = content.into();
        assert_eq!(offsets.len(), content.len() + 1, "one offset for each byte and one for the end");
        Text(Arc::new(TextData { content, place: place.into(), file, offsets }))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0.content
    }

    /// Where it stands in the model, such as `groups.cells.threshold`.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// The file it is part of.
    pub fn file(&self) -> &Arc<File> {
        &self.0.file
    }

    /// The span of the whole text.
    pub fn whole(&self) -> Span {
        Span::new(0, self.0.content.len())
    }

    fn file_range(&self, span: Span) -> (usize, usize) {
        let at = |offset: u32| -> usize {
            match self.0.offsets.get(offset as usize) {
                Some(&o) => o as usize,
                None if self.0.offsets.is_empty() => (offset as usize).min(self.0.file.text.len()),
                None => self.0.offsets.last().copied().unwrap_or(0) as usize,
            }
        };
        let start = at(span.start);
        // The last byte's own place plus one, so that an escape or a line break after it is not underlined.
        let end = if span.end > span.start { at(span.end - 1) + 1 } else { start };
        (start, end.max(start))
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The model runs, but perhaps not as meant.
    Warning,
    /// The model cannot run.
    Error,
}

/// One message about a model, located in its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The text and the range it is about.
    pub at: Option<(Text, Span)>,
    /// What to do, when we know.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(text: &Text, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, message: message.into(), at: Some((text.clone(), span)), hint: None }
    }

    /// A warning at a place.
    pub fn warning(text: &Text, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(text, span, message) }
    }

    /// An error that has no place in a text.
    pub fn unlocated(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, message: message.into(), at: None, hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the hint `did you mean ...`, if one of the `candidates` is near to `name`.
    #[must_use]
    pub fn suggest<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Diagnostic {
        match nearest(name, candidates) {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Line and column, from 1, of the first character; columns count characters.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let (text, span) = self.at.as_ref()?;
        Some(line_column(&text.0.file.text, text.file_range(*span).0))
    }

    /// As JSON for editors: `severity`, `message`, `hint`, `file`, `place`, `line`, `column`, `end_line`, `end_column`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::json!({"severity": self.severity, "message": self.message, "hint": self.hint});
        if let Some((text, span)) = &self.at {
            let (start, end) = text.file_range(*span);
            let source = &text.0.file.text;
            let ((line, column), (end_line, end_column)) = (line_column(source, start), line_column(source, end));
            object["file"] = text.0.file.name.clone().into();
            object["place"] = text.0.place.clone().into();
            for (key, value) in [("line", line), ("column", column), ("end_line", end_line), ("end_column", end_column)]
            {
                object[key] = value.into();
            }
        }
        object
    }
}

fn line_column(source: &str, offset: usize) -> (usize, usize) {
    let offset = floor_char(source, offset);
    let before = &source[..offset];
    let line_start = before.rfind('\n').map_or(0, |p| p + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn floor_char(source: &str, offset: usize) -> usize {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}", self.message)?;
        if let Some((text, span)) = &self.at {
            let source = &text.0.file.text;
            let (start, end) = text.file_range(*span);
            let (start, end) = (floor_char(source, start), floor_char(source, end));
            let (line, column) = line_column(source, start);
            let line_start = source[..start].rfind('\n').map_or(0, |p| p + 1);
            let line_end = source[line_start..].find('\n').map_or(source.len(), |p| line_start + p);
            let excerpt = source[line_start..line_end].trim_end();
            let shown_end = end.min(line_start + excerpt.len()).max(start);
            let number = line.to_string();
            let indent: String =
                source[line_start..start].chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let carets = "^".repeat(source[start..shown_end].chars().count().max(1));
            let mut place = String::new();
            if text.0.file.name != text.0.place {
                let _ = write!(place, ", in `{}`", text.0.place);
            }
            write!(f, "\n  --> {}:{line}:{column}{place}", text.0.file.name)?;
            write!(f, "\n  {number} | {excerpt}\n  {:width$} | {indent}{carets}", "", width = number.len())?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// All that is wrong with a model, at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one, unless the same was said of the same place.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in other {
            self.push(diagnostic);
        }
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.has_errors_since(0)
    }

    /// Whether there is an error among those after the first `before`.
    pub fn has_errors_since(&self, before: usize) -> bool {
        self.0[before..].iter().any(|d| d.severity == Severity::Error)
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, diagnostic) in self.0.iter().enumerate() {
            let gap = if k == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The candidate nearest to `name`, if one is near enough to be a slip of the keyboard.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let limit = (length / 3).max(1);
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|c| *c != name)
        .map(|c| {
            let distance = if c.eq_ignore_ascii_case(name) { 0 } else { strsim::damerau_levenshtein(name, c) };
            (distance, c)
        })
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    near.sort_unstable();
    near.dedup();
    match near[..] {
        // Any letter is one slip from any other, so that among several none is meant more than the others.
        [(1.., _), _, ..] if length == 1 => None,
        [(_, nearest), ..] => Some(nearest),
        [] => None,
    }
}

//! Model files, format 1: from a file to a [`ModelFile`] and everything that is wrong with it, at once.
//!
//! Every string comes out as a [`Text`](crate::diag::Text) that knows where each of its bytes is written, every number
//! with the text it was written as; order is that of the file. References between tables are checked, the strings
//! themselves are not: this module does not know the language, nor what a simulation can do.

mod changes;
mod check;
mod extract;
pub mod keys;
mod relations;
pub mod schema;
mod syntax;
mod text;
mod types;

use std::convert::Infallible;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

use crate::diag::{Diagnostic, Diagnostics, File};

pub use changes::{ChangeError, Changes};
pub use types::*;

/// Offsets are 32-bit numbers, and a model has no reason to be near that.
const LARGEST_FILE: u64 = 256 << 20;

/// Why a model file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refuses.
    #[error("cannot read the model `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// It is not text.
    #[error("the model `{}` is not UTF-8 text (byte {offset})", .path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first byte that is wrong.
        offset: usize,
    },
    /// It is no model.
    #[error("the model `{}` is larger than {} MiB", .path.display(), LARGEST_FILE >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a file's text, without the byte order mark that some editors put there.
pub fn read(path: &Path) -> Result<Arc<File>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_path_buf(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(FileError::TooLarge { path: path.to_path_buf() });
    }
    let mut text = String::from_utf8(bytes)
        .map_err(|error| FileError::NotText { path: path.to_path_buf(), offset: error.utf8_error().valid_up_to() })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(Arc::new(File { name: path.display().to_string(), text }))
}

/// What a file says, and everything that is wrong with it, in the order of the file.
///
/// ```
/// use std::sync::Arc;
/// use saltus::{diag::File, model::file};
/// let text = "format = 1\n[settings]\nduraton = '1*second'\n".to_string();
/// let (_, diagnostics) = file::parse(Arc::new(File { name: "model.toml".into(), text }));
/// assert_eq!(diagnostics.0[1].hint.as_deref(), Some("did you mean `duration`?"));
/// ```
pub fn parse(file: Arc<File>) -> (ModelFile, Diagnostics) {
    let Ok(parsed) = parse_changed(file, |_| Ok::<(), Infallible>(()));
    parsed
}

/// The same, after changes; these are only tried where nothing is wrong with the file itself.
pub fn parse_with(file: Arc<File>, changes: &Changes) -> Result<(ModelFile, Diagnostics), ChangeError> {
    parse_changed(file, |model| model.change(changes))
}

/// Changes come before the last check, since one of them may be the duration that the file does not have.
fn parse_changed<E>(
    file: Arc<File>,
    change: impl FnOnce(&mut ModelFile) -> Result<(), E>,
) -> Result<(ModelFile, Diagnostics), E> {
    let (document, mut diagnostics) = syntax::parse(&file);
    let Some(document) = document else {
        return Ok((extract::model(&file, &DeTable::new()), diagnostics));
    };
    let guessed: Vec<usize> = diagnostics.0.iter().filter_map(line_of).collect();
    let mut model = extract::model(&file, &document);
    let found = check::check(&file, &document).into_iter().chain(relations::check(&mut model));
    // What was made of a line with an error of syntax is a guess.
    diagnostics.extend(found.filter(|diagnostic| line_of(diagnostic).is_none_or(|line| !guessed.contains(&line))));
    if !diagnostics.has_errors() {
        change(&mut model)?;
    }
    diagnostics.extend(duration(&file, &document, &model));
    diagnostics.0.sort_by_cached_key(Diagnostic::line_column);
    Ok((model, diagnostics))
}

fn line_of(diagnostic: &Diagnostic) -> Option<usize> {
    diagnostic.line_column().map(|(line, _)| line)
}

/// A duration that is missing, or that is there in vain.
fn duration(file: &Arc<File>, document: &DeTable<'_>, model: &ModelFile) -> Option<Diagnostic> {
    let settings = document.get_key_value("settings");
    let key = settings.and_then(|(_, settings)| settings.get_ref().as_table()?.get_key_value("duration"));
    let has_runs =
        document.get("runs").is_some_and(|runs| runs.get_ref().as_array().is_none_or(|runs| !runs.is_empty()));
    match key {
        Some((key, _)) if has_runs => {
            let text = text::as_written(file, "settings.duration", key.span());
            let message = "this duration means nothing where there are `[[runs]]`";
            Some(Diagnostic::warning(&text, text.whole(), message).hint("each run has its own"))
        }
        None if !has_runs && model.runs.is_empty() => {
            let text =
                text::as_written(file, "settings.duration", settings.map_or(0..0, |(_, settings)| settings.span()));
            let diagnostic = Diagnostic::error(&text, text.whole(), "the model has no duration");
            Some(diagnostic.hint("write `duration = \"1*second\"` in `[settings]`"))
        }
        _ => None,
    }
}

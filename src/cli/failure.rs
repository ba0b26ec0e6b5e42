//! Why a command ends without doing what it was asked to, the exit code that says so, and how it is told.

use std::io;
use std::path::Path;

use super::output::OutputError;
use super::output::format::counted;
use super::say;
use crate::diag::{Diagnostic, Diagnostics, Severity, nearest};
use crate::model::file::{ChangeError, FileError};
use crate::network;

/// How the names of model files end.
const ENDING: &str = ".toml";

/// A command that failed.
#[derive(Debug)]
pub enum Failure {
    /// The model is wrong.
    Model(Diagnostics),
    /// The command line is wrong in an expression of the model language.
    Expression(Diagnostics),
    /// The command line is wrong.
    Usage(String),
    /// The machine is in the way, or we are wrong.
    World(anyhow::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Model(_) => 1,
            Failure::Expression(_) | Failure::Usage(_) => 2,
            Failure::World(_) => 3,
        }
    }

    /// Says on standard error what is wrong.
    pub fn report(&self) {
        match self {
            Failure::Model(diagnostics) | Failure::Expression(diagnostics) => {
                say::problem(&diagnostics.to_string());
                if diagnostics.0.len() > 1 {
                    say::problem(&format!("\n{}", tally(diagnostics)));
                }
            }
            Failure::Usage(message) => say::problem(&format!("error: {message}")),
            Failure::World(error) => say::problem(&format!("error: {}", explained(error))),
        }
    }
}

/// How many errors and warnings there are: `2 errors, 1 warning`.
pub fn tally(diagnostics: &Diagnostics) -> String {
    let count = |severity| diagnostics.0.iter().filter(|d| d.severity == severity).count();
    match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => "no problems".to_owned(),
        (0, warnings) => counted(warnings, ("warning", "warnings")),
        (errors, 0) => counted(errors, ("error", "errors")),
        (errors, warnings) => {
            format!("{}, {}", counted(errors, ("error", "errors")), counted(warnings, ("warning", "warnings")))
        }
    }
}

/// The chain of causes, each after a colon, without the numbers of the system's errors.
fn explained(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(|cause| say::without_number(&cause.to_string())) {
        // Some messages end in their cause already.
        if !text.ends_with(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Failure {
        Failure::Usage(error.to_string())
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        match &error {
            // Not text, or far too large: it is no model.
            FileError::NotText { .. } | FileError::TooLarge { .. } => {
                Failure::Model(Diagnostics(vec![Diagnostic::unlocated(error.to_string())]))
            }
            FileError::Unreadable { path, source } => match source.kind() {
                io::ErrorKind::NotFound => {
                    let near = neighbour(path).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                    Failure::Usage(format!("there is no file `{}`{near}", path.display()))
                }
                io::ErrorKind::IsADirectory => {
                    Failure::Usage(format!("`{}` is a directory, not a model file", path.display()))
                }
                _ => Failure::World(error.into()),
            },
        }
    }
}

/// The file beside a missing one that may be meant.
fn neighbour(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let stems: Vec<String> = names.filter_map(|name| Some(name.strip_suffix(ENDING)?.to_owned())).collect();
    let forgotten = stems.iter().map(String::as_str).find(|stem| *stem == wanted);
    let wanted = wanted.strip_suffix(ENDING).unwrap_or(wanted);
    let near = forgotten.or_else(|| nearest(wanted, stems.iter().map(String::as_str)))?;
    let near = format!("{near}{ENDING}");
    Some(folder.map_or(near.clone(), |folder| folder.join(near).display().to_string()))
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Failure {
        Failure::World(error.into())
    }
}

impl From<network::Error> for Failure {
    fn from(error: network::Error) -> Failure {
        match error {
            network::Error::Model(diagnostics) => Failure::Model(diagnostics),
            error => Failure::World(error.into()),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::World(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once_and_without_numbers() {
        let source = io::Error::from_raw_os_error(28);
        let error = OutputError::Write { path: "results.json".into(), source };
        let text = explained(&anyhow::Error::from(error).context("the run is lost"));
        assert_eq!(text, "the run is lost: cannot write `results.json`: No space left on device");
    }
}

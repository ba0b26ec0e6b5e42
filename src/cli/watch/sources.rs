//! Files with sources of kernels, in the place of those that the model leads to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::inspect::nothing_fits;
use crate::diag::Text;
use crate::inspect::fits;
use crate::live::{Change, Swapped};
use crate::network::Network;
use crate::render::Language;

/// A file that is followed.
pub(super) struct Followed {
    /// Name of the code object, or a pattern that fits it.
    of: String,
    path: PathBuf,
    /// Its text, right or wrong, if there is one.
    content: Option<String>,
    /// Whether a source of it runs.
    runs: bool,
}

/// The files that were asked for, none of which was read yet.
///
/// # Errors
/// [`Failure::Usage`] if one is for no kernel, or for several, or if native code is not allowed.
pub(super) fn followed(
    given: &[(String, PathBuf)],
    network: &Network,
    allow_native: bool,
) -> Result<Vec<Followed>, Failure> {
    if !given.is_empty() && !allow_native {
        let message = "sources of kernels are native code, which runs only with permission: add `--allow-native`";
        return Err(Failure::Usage(message.to_string()));
    }
    let names: Vec<&str> = network.code_objects().map(|object| &*object.name).collect();
    let mut taken: Vec<&str> = Vec::new();
    for (of, path) in given {
        match names.iter().filter(|name| fits(of, name)).collect::<Vec<_>>()[..] {
            [] => return Err(nothing_fits("kernel", "kernels", of, names)),
            [name] if taken.contains(name) => {
                return Err(Failure::Usage(format!("`--source` names the kernel `{name}` twice")));
            }
            [name] => taken.push(name),
            _ => {
                return Err(Failure::Usage(format!(
                    "`{of}` fits more than one kernel: `{}` is to run in the place of one",
                    path.display()
                )));
            }
        }
    }
    let followed = |(of, path): &(String, PathBuf)| {
        let (of, path) = (of.clone(), path.clone());
        Followed { of, path, content: None, runs: false }
    };
    Ok(given.iter().map(followed).collect())
}

impl Followed {
    /// The change that the file asks for now, if that is another one than before.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn change(&mut self) -> Result<Option<Change>, Failure> {
        let Followed { of, path, content, runs } = self;
        let text = read(path)?;
        if text == *content {
            return Ok(None);
        }
        content.clone_from(&text);
        let Some(text) = text else {
            return Ok(runs.then(|| Change::generated(of)));
        };
        let language = match path.extension().and_then(OsStr::to_str) {
            Some("c") => Some(Language::C),
            Some("rs") => Some(Language::Rust),
            _ => None,
        };
        let text = Text::new(path.display().to_string(), text);
        Ok(Some(Change::Source { of: of.clone(), text, language }))
    }

    /// Notes that its change was made.
    pub(super) fn is_swapped(&mut self) {
        self.runs = self.content.is_some();
    }

    /// Notes what another change has done to it: who saves the file again wants it for the kernel as it is now.
    pub(super) fn note(&mut self, swapped: &Swapped) {
        if swapped.no_longer_fit.iter().any(|name| fits(&self.of, name)) {
            (self.content, self.runs) = (None, false);
        }
    }
}

/// What is in a file; nothing if there is none.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(anyhow::Error::new(error).context(format!("cannot read the source `{}`", path.display())).into())
        }
    }
}

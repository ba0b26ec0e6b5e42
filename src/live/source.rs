//! Sources of kernels that somebody wrote by hand: which kernel each is for, and what is wrong with one in the places of
//! its text.

use std::sync::Arc;

use super::Refused;
use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::engine::{ByHand, CodeObject, EngineError, HandError, MakingByHand, Options, Replacement, make_by_hand};
use crate::inspect::fits;
use crate::network::{Error, Network};
use crate::render::{Language, Source};

/// A source that runs in the place of the one that the model leads to.
#[derive(Clone)]
pub struct SourceByHand {
    text: Text,
    replacement: Replacement,
}

impl SourceByHand {
    /// Name of the code object.
    pub fn of(&self) -> &str {
        &self.replacement.of
    }

    /// The text, as it was given.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The same with its language.
    pub fn source(&self) -> &Source {
        &self.replacement.code.source
    }

    pub(super) fn replacement(&self) -> Replacement {
        self.replacement.clone()
    }
}

type Digest = [u8; 32];

/// The kernel that a source is for.
pub(super) struct Place {
    /// Name of its code object.
    pub(super) of: String,
    ir: Digest,
}

/// A source that is being compiled.
pub(super) struct Making {
    place: Place,
    text: Text,
    making: MakingByHand,
    /// What came of it, if that was waited for.
    done: Option<Result<ByHand, HandError>>,
}

/// The one code object of a network that a pattern fits.
pub(super) fn place(network: &Network, of: &str) -> Result<Place, Refused> {
    let objects: Vec<&CodeObject> = network.code_objects().collect();
    let names: Vec<&str> = objects.iter().map(|object| &*object.name).collect();
    let at = only(of, "code object", &names).map_err(wrong)?;
    Ok(Place { of: objects[at].name.clone(), ir: *objects[at].ir() })
}

/// The number of the one name that a pattern fits.
fn only(pattern: &str, what: &str, names: &[&str]) -> Result<usize, Diagnostic> {
    let found: Vec<usize> = (0..names.len()).filter(|k| fits(pattern, names[*k])).collect();
    match found[..] {
        [one] => Ok(one),
        [] => {
            let error = Diagnostic::unlocated(format!("no {what} fits `{pattern}`"));
            let error = error.suggest(pattern, names.iter().copied());
            Err(if error.hint.is_some() || names.is_empty() {
                error
            } else {
                error.hint(format!("there {}", listed(names)))
            })
        }
        _ => {
            let several: Vec<&str> = found.iter().map(|k| names[*k]).collect();
            let error = Diagnostic::unlocated(format!("`{pattern}` fits more than one {what}"));
            Err(error.hint(format!("there {}: name one of them", listed(&several))))
        }
    }
}

/// `is `a``, or `are `a` and `b``.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [one] => format!("is {one}"),
        [first @ .., last] => format!("are {} and {last}", first.join(", ")),
        [] => "is none".to_string(),
    }
}

fn wrong(diagnostic: Diagnostic) -> Refused {
    Refused::Wrong(Error::Model(Diagnostics(vec![diagnostic])))
}

impl Place {
    /// The source for this kernel, if its code is `known`, and else on its way.
    pub(super) fn source<'a>(
        self,
        text: &Text,
        language: Language,
        known: impl Iterator<Item = &'a SourceByHand>,
        options: &Options,
    ) -> Result<Result<SourceByHand, Making>, Refused> {
        let source = Source { language, text: text.as_str().to_string() };
        let mut known = known.map(|known| &known.replacement.code);
        if let Some(code) = known.find(|code| *code.source == source) {
            return Ok(Ok(self.with(text.clone(), code.clone())));
        }
        match make_by_hand(source, options) {
            Ok(making) => Ok(Err(Making { place: self, text: text.clone(), making, done: None })),
            Err(error) => Err(refused(&self.of, text, error)),
        }
    }

    fn with(self, text: Text, code: ByHand) -> SourceByHand {
        let Place { of, ir } = self;
        SourceByHand { text, replacement: Replacement { of, ir, code } }
    }
}

impl Making {
    /// The source with its code, or what is wrong with it, if that is known.
    pub(super) fn poll(&mut self) -> Option<Result<SourceByHand, Refused>> {
        let done = self.done.take().or_else(|| self.making.poll())?;
        let place = Place { of: self.place.of.clone(), ir: self.place.ir };
        let source = done.map(|code| place.with(self.text.clone(), code));
        Some(source.map_err(|error| refused(&self.place.of, &self.text, error)))
    }

    /// Waits until it is known.
    pub(super) fn wait(&mut self) {
        if self.done.is_none() {
            self.done = Some(self.making.wait());
        }
    }

    /// Nobody waits for it.
    pub(super) fn abandon(self) {
        self.making.abandon();
    }
}

/// The sources with another one, in the place of the one that its code object had.
pub(super) fn with(sources: &[SourceByHand], new: SourceByHand) -> Arc<Vec<SourceByHand>> {
    let others = sources.iter().filter(|source| source.of() != new.of()).cloned();
    Arc::new(others.chain([new.clone()]).collect())
}

/// The sources without the one that a pattern fits, and whose that was.
pub(super) fn without(sources: &[SourceByHand], of: &str) -> Result<(String, Arc<Vec<SourceByHand>>), Refused> {
    let names: Vec<&str> = sources.iter().map(SourceByHand::of).collect();
    let at = only(of, "code object with a source by hand", &names).map_err(wrong)?;
    let mut left = sources.to_vec();
    let gone = left.remove(at);
    Ok((gone.replacement.of, Arc::new(left)))
}

/// The sources that are for kernels of a network, and the names of the code objects of the others.
pub(super) fn fitting(network: &Network, sources: &Arc<Vec<SourceByHand>>) -> (Arc<Vec<SourceByHand>>, Vec<String>) {
    let fits = |source: &SourceByHand| network.code_objects().any(|object| source.replacement.is_for(object));
    let (fitting, others): (Vec<_>, Vec<_>) = sources.iter().cloned().partition(fits);
    if others.is_empty() {
        return (sources.clone(), Vec::new());
    }
    (Arc::new(fitting), others.into_iter().map(|source| source.replacement.of).collect())
}

/// Says what is wrong with a source, at its lines.
fn refused(of: &str, text: &Text, error: HandError) -> Refused {
    const TO_START_FROM: &str = "the source that the model leads to has it: `saltus inspect MODEL NAME --source`";
    Refused::Wrong(match error {
        HandError::Forbidden => {
            let message = format!("the source of `{of}` by hand is native code, which runs only with permission");
            let error = Diagnostic::unlocated(message).hint("`--allow-native`, or `Options::allow_native`");
            Error::Model(Diagnostics(vec![error]))
        }
        HandError::Toolchain(error) => Error::Engine(EngineError::Toolchain(error)),
        HandError::Failed(message) => Error::Engine(EngineError::ByHand { of: of.to_string(), message }),
        error => Error::Model(error.located(of, text, TO_START_FROM)),
    })
}

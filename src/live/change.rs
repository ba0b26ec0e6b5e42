//! Changes to a model, by the text of one of its parts.

use std::fmt;

use crate::diag::{Diagnostic, Diagnostics, Text};
use crate::network::{AnyGroup, Error, Model, Run};
use crate::render::Language;

/// Something to change about a model that runs. The texts are those of a model file.
#[derive(Clone, Debug)]
pub enum Change {
    /// The equations of a group of neurons, or of synapses.
    Equations {
        /// Its name.
        of: String,
        /// All equations.
        text: Text,
    },
    /// The condition for a spike.
    Threshold {
        /// The group.
        of: String,
        /// The condition.
        text: Text,
    },
    /// The statements after a spike.
    Reset {
        /// The group.
        of: String,
        /// The statements.
        text: Text,
    },
    /// The statements of a pathway.
    Pathway {
        /// The synapses.
        of: String,
        /// The pathway, such as `pre`.
        pathway: String,
        /// The statements.
        text: Text,
    },
    /// The source of a kernel.
    Source {
        /// Name of its code object, such as `cells_stateupdater`, or a pattern that [fits](crate::inspect::fits) one.
        of: String,
        /// The source.
        text: Text,
        /// What it is written in; the language of the network's kernels if absent.
        language: Option<Language>,
    },
    /// Back to the source that the model leads to.
    Generated {
        /// The code object, or a pattern that fits one of those with a source by hand.
        of: String,
    },
    /// The whole model, and the runs that are planned for it, if they change.
    Model(Box<Model>, Option<Vec<Run>>),
    /// Back to what a change has changed, or to an older version, by its number.
    Revert(Option<usize>),
}

impl Change {
    /// Other equations of a group or of synapses.
    pub fn equations(of: &str, text: &str) -> Change {
        Change::Equations { of: of.to_string(), text: Text::new(format!("{of}.equations"), text) }
    }

    /// Another condition for a spike.
    pub fn threshold(of: &str, text: &str) -> Change {
        Change::Threshold { of: of.to_string(), text: Text::new(format!("{of}.threshold"), text) }
    }

    /// Other statements after a spike.
    pub fn reset(of: &str, text: &str) -> Change {
        Change::Reset { of: of.to_string(), text: Text::new(format!("{of}.reset"), text) }
    }

    /// Other statements of a pathway.
    pub fn pathway(of: &str, pathway: &str, text: &str) -> Change {
        let place = format!("{of}.{pathway}");
        Change::Pathway { of: of.to_string(), pathway: pathway.to_string(), text: Text::new(place, text) }
    }

    /// Another source of a kernel, in the language of the network's kernels. [`inspect::kernels`](crate::inspect::kernels)
    /// has the one to start from.
    pub fn source(of: &str, text: &str) -> Change {
        Change::Source { of: of.to_string(), text: Text::new(format!("{of}.source"), text), language: None }
    }

    /// The same in a language.
    pub fn source_in(language: Language, of: &str, text: &str) -> Change {
        let text = Text::new(format!("{of}.source"), text);
        Change::Source { of: of.to_string(), text, language: Some(language) }
    }

    /// The source of a kernel that the model leads to, in the place of one that was written by hand.
    pub fn generated(of: &str) -> Change {
        Change::Generated { of: of.to_string() }
    }

    /// Another model.
    pub fn model(model: Model) -> Change {
        Change::Model(Box::new(model), None)
    }

    /// The model with the change made; going back, and sources of kernels, are not for a model alone.
    pub(super) fn applied(&self, model: &Model) -> Result<Model, Error> {
        let mut model = match self {
            Change::Model(model, _) => return Ok((**model).clone()),
            _ => model.clone(),
        };
        match self {
            Change::Equations { of, text } => *equations(&mut model, of, text)? = text.clone(),
            Change::Threshold { of, text } => neurons(&mut model, of, text)?.threshold = Some(text.clone()),
            Change::Reset { of, text } => neurons(&mut model, of, text)?.reset = Some(text.clone()),
            Change::Pathway { of, pathway, text } => *code(&mut model, of, pathway, text)? = text.clone(),
            Change::Model(..) | Change::Revert(_) | Change::Source { .. } | Change::Generated { .. } => {}
        }
        Ok(model)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Equations { of, .. } => write!(f, "equations of {of}"),
            Change::Threshold { of, .. } => write!(f, "threshold of {of}"),
            Change::Reset { of, .. } => write!(f, "reset of {of}"),
            Change::Pathway { of, pathway, .. } => write!(f, "{pathway} of {of}"),
            Change::Source { of, .. } => write!(f, "source of {of} by hand"),
            Change::Generated { of } => write!(f, "generated source of {of}"),
            Change::Model(..) => f.write_str("model"),
            Change::Revert(None) => f.write_str("back by one"),
            Change::Revert(Some(number)) => write!(f, "back to version {number}"),
        }
    }
}

fn unknown<'a>(text: &Text, what: &str, name: &str, names: impl IntoIterator<Item = &'a str>) -> Error {
    let error = Diagnostic::error(text, text.whole(), format!("there is no {what} `{name}`"));
    Error::Model(Diagnostics(vec![error.suggest(name, names)]))
}

fn neurons<'m>(model: &'m mut Model, name: &str, text: &Text) -> Result<&'m mut crate::model::group::GroupText, Error> {
    let is_it = |group: &AnyGroup| matches!(group, AnyGroup::Neurons(group) if group.text.name == name);
    let Some(at) = model.groups.iter().position(is_it) else {
        let names = model.groups.iter().filter(|group| matches!(group, AnyGroup::Neurons(_))).map(AnyGroup::name);
        return Err(unknown(text, "group of neurons", name, names));
    };
    match &mut model.groups[at] {
        AnyGroup::Neurons(group) => Ok(&mut group.text),
        _ => unreachable!("it was found among groups of neurons"),
    }
}

fn equations<'m>(model: &'m mut Model, name: &str, text: &Text) -> Result<&'m mut Text, Error> {
    match model.synapses.iter().position(|synapses| synapses.text.name == name) {
        Some(at) => Ok(&mut model.synapses[at].text.equations),
        None => Ok(&mut neurons(model, name, text)?.equations),
    }
}

fn code<'m>(model: &'m mut Model, name: &str, pathway: &str, text: &Text) -> Result<&'m mut Text, Error> {
    let Some(at) = model.synapses.iter().position(|synapses| synapses.text.name == name) else {
        return Err(unknown(text, "synapses object", name, model.synapses.iter().map(|s| s.text.name.as_str())));
    };
    let pathways = &mut model.synapses[at].text.pathways;
    match pathways.iter().position(|p| p.name.as_str() == pathway) {
        Some(at) => Ok(&mut pathways[at].code),
        None => Err(unknown(text, "pathway", pathway, pathways.iter().map(|p| p.name.as_str()))),
    }
}

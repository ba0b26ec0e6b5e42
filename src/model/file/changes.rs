//! Changes to a model file that do not come from the file: `--set`, `--duration`, `--seed`.

use super::types::*;
use crate::diag::{Text, nearest};

/// What to change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Replaces the duration of the only run.
    pub duration: Option<String>,
    /// Replaces the seed.
    pub seed: Option<u32>,
    /// Names of constants, or `GROUP.VARIABLE` for initial values, and their expressions.
    pub set: Vec<(String, String)>,
}

/// A change that the model has no place for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No such constant.
    #[error("the model has no constant `{name}`{}", did_you_mean(.near))]
    UnknownConstant {
        /// As given.
        name: String,
        /// The nearest there is.
        near: Option<String>,
    },
    /// Neither a group nor synapses.
    #[error("the model has no group and no synapses `{name}`{}", did_you_mean(.near))]
    UnknownOwner {
        /// As given.
        name: String,
        /// The nearest there is.
        near: Option<String>,
    },
    /// No such initial value.
    #[error("`{owner}` has no initial value `{name}` to replace{}", did_you_mean(.near))]
    UnknownInit {
        /// The group or the synapses.
        owner: String,
        /// As given.
        name: String,
        /// The nearest there is.
        near: Option<String>,
    },
    /// It is not clear which run is meant.
    #[error("the model has {count} runs, each with a duration of its own")]
    SeveralRuns {
        /// How many.
        count: usize,
    },
}

fn did_you_mean(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

fn near<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(str::to_string)
}

fn expression(place: String, expression: &str) -> Value {
    Located { value: Scalar::Expression, text: Text::new(place, expression) }
}

impl ModelFile {
    /// Makes all changes.
    pub fn change(&mut self, changes: &Changes) -> Result<(), ChangeError> {
        for (name, value) in &changes.set {
            match name.split_once('.') {
                Some((owner, variable)) => self.set_init(owner, variable, value)?,
                None => self.set_constant(name, value)?,
            }
        }
        if let Some(duration) = &changes.duration {
            self.set_duration(duration)?;
        }
        if let Some(seed) = changes.seed {
            self.set_seed(seed);
        }
        Ok(())
    }

    /// Replaces a constant.
    pub fn set_constant(&mut self, name: &str, value: &str) -> Result<(), ChangeError> {
        match self.constants.iter_mut().find(|(constant, _)| constant.as_str() == name) {
            Some((_, constant)) => {
                *constant = expression(format!("--set {name}"), value);
                Ok(())
            }
            None => Err(ChangeError::UnknownConstant {
                name: name.to_string(),
                near: near(name, self.constants.iter().map(|(constant, _)| constant.as_str())),
            }),
        }
    }

    /// Replaces an initial value of a group or of synapses.
    pub fn set_init(&mut self, owner: &str, variable: &str, value: &str) -> Result<(), ChangeError> {
        let names: Vec<String> = self
            .groups
            .iter()
            .map(|group| &group.name)
            .chain(self.synapses.iter().map(|synapses| &synapses.name))
            .map(|name| name.as_str().to_string())
            .collect();
        let group = self.groups.iter_mut().find(|group| group.name.as_str() == owner).map(Group::init_mut);
        let synapses = self.synapses.iter_mut().find(|synapses| synapses.name.as_str() == owner);
        let Some(init) = group.or(synapses.map(|synapses| Some(&mut synapses.init))) else {
            let near = near(owner, names.iter().map(String::as_str));
            return Err(ChangeError::UnknownOwner { name: owner.to_string(), near });
        };
        let init: &mut [Entry] = init.map_or(&mut [], Vec::as_mut_slice);
        if let Some((_, entry)) = init.iter_mut().find(|(name, _)| name.as_str() == variable) {
            *entry = expression(format!("--set {owner}.{variable}"), value);
            return Ok(());
        }
        Err(ChangeError::UnknownInit {
            owner: owner.to_string(),
            name: variable.to_string(),
            near: near(variable, init.iter().map(|(name, _)| name.as_str())),
        })
    }

    /// Replaces the duration of the only run.
    pub fn set_duration(&mut self, duration: &str) -> Result<(), ChangeError> {
        let duration = expression("--duration".to_string(), duration);
        match &mut self.runs[..] {
            [] => self.runs.push(Run { duration, set: Vec::new() }),
            [run] => run.duration = duration,
            runs => return Err(ChangeError::SeveralRuns { count: runs.len() }),
        }
        Ok(())
    }

    /// Replaces the seed.
    pub fn set_seed(&mut self, seed: u32) {
        self.settings.seed = Some(Located { value: seed, text: Text::new("--seed", seed.to_string()) });
    }
}

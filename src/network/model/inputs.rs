//! Inputs of groups as given: Poisson inputs, and variables that stand for those of other groups.

use super::Value;
use crate::diag::Text;

/// Many independent Poisson inputs to each cell of a group: one binomial number a cell and step, times a weight.
#[derive(Clone, Debug, PartialEq)]
pub struct PoissonInput {
    /// Its name, which decides the order within a slot.
    pub name: String,
    /// The group that receives it.
    pub target: Text,
    /// The variable it is added to.
    pub variable: Text,
    /// Number of inputs of each cell.
    pub n: u64,
    /// Rate of each input.
    pub rate: Value,
    /// What one spike adds; evaluated at each step.
    pub weight: Value,
    /// Slot of the schedule; `synapses` if absent.
    pub when: Option<Text>,
    /// Order within the slot.
    pub order: i32,
}

impl PoissonInput {
    /// `n` inputs to each cell of `target`, each with the rate `rate`; each spike adds `weight` to `variable`.
    pub fn new(target: &str, variable: &str, n: u64, rate: &str, weight: &str) -> PoissonInput {
        let place = |part: &str| format!("poisson_inputs.{target}.{part}");
        PoissonInput {
            name: "poissoninput".to_string(),
            target: Text::new(place("target"), target),
            variable: Text::new(place("variable"), variable),
            n,
            rate: Value::expression(&place("rate"), rate),
            weight: Value::expression(&place("weight"), weight),
            when: None,
            order: 0,
        }
    }

    /// Gives it a name; `poissoninput` and a number if none is given.
    #[must_use]
    pub fn named(mut self, name: &str) -> PoissonInput {
        self.name = name.to_string();
        self
    }

    /// Puts it into another slot.
    #[must_use]
    pub fn when(mut self, slot: &str, order: i32) -> PoissonInput {
        self.when = Some(Text::new(format!("poisson_inputs.{}.when", self.name), slot));
        self.order = order;
        self
    }
}

/// A variable marked `linked` that stands for a variable of another group, or of the same one.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The group with the linked variable.
    pub group: Text,
    /// The linked variable.
    pub variable: Text,
    /// The group that has the values; a subgroup gives those of its cells.
    pub source: Text,
    /// The variable that has the values.
    pub source_variable: Text,
    /// Which cell of the source each cell stands for; cell by cell if absent.
    pub index: Option<LinkIndex>,
}

/// Which cell of the source each cell of a linked variable stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkIndex {
    /// These.
    Cells(Vec<i64>),
    /// What this integer variable of the group, marked `constant`, says.
    Variable(Text),
}

impl Link {
    /// Cell `k` of `group.variable` stands for cell `k` of `source.source_variable`, or for its one value if that is shared.
    pub fn new(group: &str, variable: &str, source: &str, source_variable: &str) -> Link {
        let place = |part: &str| format!("groups.{group}.{variable}.{part}");
        Link {
            group: Text::new(place("group"), group),
            variable: Text::new(place("variable"), variable),
            source: Text::new(place("source"), source),
            source_variable: Text::new(place("source_variable"), source_variable),
            index: None,
        }
    }

    /// Cell `k` stands for cell `cells[k]` of the source.
    #[must_use]
    pub fn cells(mut self, cells: &[i64]) -> Link {
        self.index = Some(LinkIndex::Cells(cells.to_vec()));
        self
    }

    /// Each cell stands for the cell of the source whose number this integer variable of the group is.
    #[must_use]
    pub fn index(mut self, variable: &str) -> Link {
        let place = format!("groups.{}.{}.index", self.group.as_str(), self.variable.as_str());
        self.index = Some(LinkIndex::Variable(Text::new(place, variable)));
        self
    }
}

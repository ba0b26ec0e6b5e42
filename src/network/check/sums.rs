//! Checks of sums over synapses: a variable of a cell is one sum at most.

use super::order::overlap;
use super::{Checker, Source};
use crate::diag::Diagnostic;
use crate::model::group::Side;
use crate::network::synapses::CheckedSynapses;

impl Checker<'_> {
    /// Says which variables are two sums for some cells.
    pub(super) fn sums(&mut self) {
        let sums = || {
            self.checked_synapses
                .iter()
                .flat_map(|synapses| synapses.model.summed.iter().map(move |sum| (synapses, sum)))
        };
        let mut errors = Vec::new();
        for (number, (synapses, sum)) in sums().enumerate() {
            let target = end(synapses, sum.side);
            let first = sums()
                .take(number)
                .find(|(other, before)| before.variable == sum.variable && overlap(end(other, before.side), target));
            let Some((other, before)) = first else { continue };
            let line = |side: Side| format!("{}{}", sum.variable, side.suffix());
            let (name, first) = (line(sum.side), line(before.side));
            let equations = &synapses.model.group.equations;
            let span = equations.lines.get(&name).map_or(equations.text.whole(), |line| line.name_span);
            let (own, of) = (&synapses.model.group.name, &other.model.group.name);
            let message = format!(
                "`{name}` of `{own}` and `{first}` of `{of}` are both sums for the variable `{}` of the same cells of `{}`",
                sum.variable,
                self.group_of(target.population).name,
            );
            let hint = format!(
                "a variable is one sum: give each a variable of its own, and add them as in `{0} = {0}_1 + {0}_2`",
                sum.variable
            );
            errors.push(Diagnostic::error(&equations.text, span, message).hint(hint));
        }
        errors.into_iter().for_each(|error| self.diagnostics.push(error));
    }
}

/// The cells at one end.
fn end(synapses: &CheckedSynapses, side: Side) -> Source {
    match side {
        Side::Pre => synapses.source,
        Side::Post => synapses.target,
    }
}

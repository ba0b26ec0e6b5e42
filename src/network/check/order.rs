//! Warnings of code whose outcome depends on the order in which synapses are taken.

use super::{Checker, Source};
use crate::diag::{Diagnostic, Text};
use crate::expr::ast::{AssignOp, BinaryOp, Statement};
use crate::expr::check::{Scope, draws};
use crate::model::block::Block;
use crate::model::group::{Group, OrderScope, SynapsesModel, order_dependence};

impl Checker<'_> {
    /// Looks at the pathways and the sums of synapses.
    pub(super) fn orders_of_synapses(&mut self, model: &SynapsesModel, solved: &Block, source: Source, target: Source) {
        let (equations, ends_meet) = (&model.group.equations.text, overlap(source, target));
        for pathway in &model.pathways {
            let parts = [(equations, &solved.statements[..]), (&pathway.text, &pathway.statements[..])];
            self.order_of_code(&parts, &model.group, ends_meet);
        }
        for sum in &model.summed {
            let statement = Statement {
                target: format!("{}{}", sum.variable, sum.side.suffix()),
                target_span: sum.expr.span,
                op: AssignOp::Update(BinaryOp::Add),
                value: sum.expr.clone(),
                span: sum.expr.span,
            };
            self.order_of_code(&[(equations, &[statement])], &model.group, ends_meet);
        }
    }

    /// Looks at code that runs at regular times for all synapses, if it is for synapses.
    pub(super) fn order_of_operation(&mut self, text: &Text, statements: &[Statement], population: usize) {
        let Some(synapses) = population.checked_sub(self.groups.len()).and_then(|k| self.checked_synapses.get(k))
        else {
            return;
        };
        let warning = warning(&[(text, statements)], &synapses.model.group, overlap(synapses.source, synapses.target));
        warning.into_iter().for_each(|warning| self.diagnostics.push(warning));
    }

    fn order_of_code(&mut self, parts: &[(&Text, &[Statement])], group: &Group, ends_meet: bool) {
        warning(parts, group, ends_meet).into_iter().for_each(|warning| self.diagnostics.push(warning));
    }
}

/// Whether some cells belong to both.
pub(super) fn overlap(source: Source, target: Source) -> bool {
    // How many synapses there are is not known yet: none are at both ends, or all are.
    let have_common = source.start < target.stop && target.start < source.stop;
    source.population == target.population && (have_common || source.n() == 0)
}

fn warning(parts: &[(&Text, &[Statement])], group: &Group, ends_meet: bool) -> Option<Diagnostic> {
    let draws = |name: &str| draws(name) || group.namespace.function(name).is_some_and(|f| f.stateful);
    let scope = OrderScope { variables: &group.variables, draws: &draws, ends_meet };
    let whole: Vec<Statement> = parts.iter().flat_map(|(_, statements)| statements.iter().cloned()).collect();
    let (number, variable) = order_dependence(&whole, &scope)?;
    let mut first = 0;
    for (text, statements) in parts {
        if let Some(statement) = number.checked_sub(first).and_then(|k| statements.get(k)) {
            let does = match statement.target == variable {
                true => format!("what is left in `{variable}`"),
                false => format!("what `{}` gets of `{variable}`", statement.target),
            };
            let message = format!("{does} may depend on the order of synapses");
            let hint = "synapses that act in the same step share their cells, and are taken in the order of the cells, \
                        then of their making";
            return Some(Diagnostic::warning(text, statement.span, message).hint(hint));
        }
        first += statements.len();
    }
    None
}

//! Reading values from a network: variables, subexpressions, and any expression over a group.

use indexmap::IndexMap;

use super::Network;
use super::assign::check_selection;
use super::code::{Drawing, Elements};
use super::error::Error;
use super::model::Filter;
use crate::diag::{Diagnostics, Text};
use crate::expr::check::check;
use crate::expr::parser;
use crate::kernel::ir::{LoopShape, Storage};
use crate::runtime::array::{Array, ElementType};

impl Network {
    /// The values of an expression in the language of models, in SI units, for the cells of a group or a subgroup: of
    /// all, or of those of a filter in its order. Booleans are 0 and 1. Random numbers are drawn as by assignments.
    ///
    /// ```
    /// use saltus::{engine::Options, network::{Model, Network, NeuronGroup}};
    /// let cells = NeuronGroup::new("cells", 3, "v : volt\ndouble = 2*v : volt");
    /// let mut network = Network::new(&Model::new().group(cells).init("cells", "v", "i*mV"), Options::interpreted())?;
    /// assert_eq!(network.evaluate("cells", "double + 1*mV", None)?, [0.001, 0.003, 0.005]);
    /// # Ok::<(), saltus::network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Model`] if there is no such group or cell, or the expression is wrong.
    pub fn evaluate(&mut self, group: &str, expression: &str, filter: Option<&Filter>) -> Result<Vec<f64>, Error> {
        let mut diagnostics = Diagnostics::default();
        let text = Text::new(format!("groups.{group}"), expression);
        let Some(source) = self.source_named(group, &text, &mut diagnostics) else {
            return Err(Error::Model(diagnostics));
        };
        let checked = &self.memory.populations[source.population].group;
        let expr = parser::expression(&text, &mut diagnostics);
        let is_right = expr.as_ref().is_some_and(|e| check(e, checked, &text, &mut diagnostics).is_some());
        let selection = filter.map(|filter| check_selection(filter, group, source, checked, &mut diagnostics));
        let (Some(expr), true, false) = (expr, is_right, diagnostics.has_errors()) else {
            return Err(Error::Model(diagnostics));
        };
        let cells = match selection.flatten() {
            Some(selection) => selection.cells(&mut self.memory, &mut self.streams)?,
            None => (source.start as i32..source.stop as i32).collect(),
        };
        let lowered = self.memory.lower(source.into(), &text, |lowerer| {
            let value = lowerer.expr(&expr)?;
            lowerer.output(VALUE, Storage::F64, value);
            Ok(LoopShape::Indexed)
        })?;
        let n = self.memory.populations[source.population].n();
        let arrays = IndexMap::from([(VALUE.to_string(), Array::zeros(ElementType::F64, n))]);
        let mut code = self.memory.code(source.into(), "evaluation", "once", lowered, arrays)?;
        code.drawing = Drawing::Direct;
        self.memory.refresh(source.population, &code.copies);
        let guards = &self.memory.populations;
        code.prepare(Elements::List(&cells), guards, &mut self.streams);
        let mut once = cells.clone();
        once.sort_unstable();
        once.dedup();
        code.object.run_over(&once);
        let values = code.arrays[VALUE].as_f64();
        Ok(cells.iter().map(|cell| values[*cell as usize]).collect())
    }
}

/// The array that the values are written to.
const VALUE: &str = "_value";

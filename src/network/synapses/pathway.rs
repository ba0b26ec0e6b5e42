//! The way from the events of one end to their effects.
//!
//! A [`Pathway`] takes the events of one end, keeps them for the time of the delay, and runs its code for the synapses of
//! the cells that they happened to: cells ascending, synapses in the order in which they were made (Brian2's rule). If
//! all synapses have one delay and those of each cell were made one after the other, the code runs cell by cell over whole
//! ranges of synapses; else over lists of them.

use indexmap::IndexMap;

use super::delays::Delays;
use super::flight::Flight;
use super::index::SynapseIndex;
use crate::diag::{Span, Text};
use crate::expr::ast::{AssignOp, Expr, ExprKind, Statement};
use crate::kernel::ir::LoopShape;
use crate::kernel::lower::Lowered;
use crate::model::group::{PathwayCode, Role, Side};
use crate::network::check::Source;
use crate::network::error::Error;
use crate::network::memory::{Context, Memory};
use crate::runtime::array::{Array, ElementType};

/// The parameter of code that runs cell by cell: the number of the cell in its population.
pub const ROW: &str = "_row";

/// The fewest synapses of a cell, on average, that make a call for each cell worth it.
const FEWEST_OF_CELL: usize = 4;

/// What runs for events.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name, side and statements.
    pub code: PathwayCode,
    /// What brings event-driven variables up to the event, and where their equations stand.
    pub event_driven: Vec<Statement>,
    /// Where those equations stand.
    pub equations: Text,
}

/// The way from the events of one end to their effects.
pub struct Pathway {
    /// Name of its code object, such as `S_pre`.
    pub name: String,
    /// What runs for them.
    pub program: Program,
    /// The population of synapses.
    pub synapses: usize,
    /// The cells whose events it takes.
    pub source: Source,
    /// Number of the event in their population.
    pub event: usize,
    /// Which clock it follows.
    pub clock: usize,
    /// Number of its code.
    pub code: usize,
    /// Whether its code runs cell by cell.
    pub by_row: bool,
    /// Whether it was seen that it cannot run cell by cell.
    pub goes_by_list: bool,
    /// What is on its way.
    pub flight: Flight,
}

/// Whether code that runs cell by cell would be worth it and possible, by what is wired up.
pub fn goes_by_row(index: &SynapseIndex, delays: &Delays) -> bool {
    let is_same = matches!(delays, Delays::Same(_));
    is_same && index.is_contiguous() && index.synapses_of_all() >= FEWEST_OF_CELL * index.cells()
}

/// The array that only code has which runs cell by cell, as the first of its own.
pub fn row_array() -> IndexMap<String, Array> {
    IndexMap::from([(ROW.to_string(), Array::zeros(ElementType::I32, 1))])
}

impl Memory {
    /// The code of a pathway over these synapses, cell by cell if that is asked for and possible, and whether it is.
    pub fn pathway_code(&self, program: &Program, whole: Source, by_row: bool) -> Result<(Lowered, bool), Error> {
        let PathwayCode { side, statements, text, .. } = &program.code;
        let group = &self.populations[whole.population].group;
        // A cell's own variables would be written again and again.
        let is_own = |role: &Role| matches!(role, Role::Endpoint { side: own, .. } if own == side);
        let writes_own = statements.iter().any(|s| group.variables.get(&s.target).is_some_and(|v| is_own(&v.role)));
        if by_row && !writes_own {
            let context = Context { row: Some(*side), ..whole.into() };
            let lowered = self.lower(context, text, |l| program.lower(l, LoopShape::Each))?;
            // What the host evaluates is evaluated for all synapses that are due; what is gathered is not written.
            if lowered.calls.is_empty() && !lowered.kernel.writes_what_it_gathers() {
                return Ok((lowered, true));
            }
        }
        let lowered = self.lower(whole.into(), text, |l| program.lower(l, LoopShape::Indexed))?;
        Ok((lowered, false))
    }
}

impl Program {
    fn lower(
        &self,
        lowerer: &mut crate::kernel::lower::Lowerer<'_>,
        shape: LoopShape,
    ) -> Result<LoopShape, crate::kernel::lower::LowerError> {
        lowerer.set_text(&self.equations);
        lowerer.statements(&self.event_driven)?;
        if !self.event_driven.is_empty() {
            lowerer.statement(&Statement {
                target: "lastupdate".to_string(),
                target_span: Span::default(),
                op: AssignOp::Set,
                value: Expr::new(ExprKind::Name("t".to_string()), Span::default()),
                span: Span::default(),
            })?;
        }
        lowerer.set_text(&self.code.text);
        lowerer.statements(&self.code.statements)?;
        Ok(shape)
    }

    /// The name of the variable that is its delay.
    pub fn delay_name(&self) -> String {
        format!("{}.delay", self.code.name)
    }

    /// Whose events it is for.
    pub fn side(&self) -> Side {
        self.code.side
    }
}

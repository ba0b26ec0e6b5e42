//! The way from the events of one end to their effects.
//!
//! A [`Pathway`] takes the events of one end, keeps them for the time of the delay, and runs its code for the synapses of
//! the cells that they happened to: cells ascending, synapses in the order in which they were made (Brian2's rule). If
//! all synapses have one delay, cells are on their way, else synapses. If moreover the synapses of each cell were made one
//! after the other, the code runs cell by cell over whole ranges of synapses; else over lists of them.

use std::sync::Arc;

use indexmap::IndexMap;

use super::delays::Delays;
use super::index::SynapseIndex;
use super::steps::{Counted, Steps};
use crate::diag::{Span, Text};
use crate::expr::ast::{AssignOp, Expr, ExprKind, Statement};
use crate::kernel::ir::LoopShape;
use crate::kernel::lower::Lowered;
use crate::model::group::{PathwayCode, Role, Side};
use crate::network::check::Source;
use crate::network::error::Error;
use crate::network::memory::{Context, Memory};
use crate::runtime::array::{Array, ElementType};
use crate::runtime::spike_queue::SpikeQueue;

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
    /// Whether it can run cell by cell.
    pub can_go_by_row: bool,
    /// Synapses by cell.
    pub index: Arc<SynapseIndex>,
    /// Events on their way: cells or synapses.
    pub queue: SpikeQueue,
    /// Whether cells are on their way.
    pub has_cells: bool,
    /// Delays in steps, of which version of the delays, and of which length.
    steps: Steps,
    counted: Option<(u64, f64)>,
    /// Synapses whose effects come now.
    due: Vec<i32>,
}

impl Pathway {
    /// Nothing on its way.
    #[allow(clippy::too_many_arguments, reason = "each is a field")]
    pub fn new(
        name: String,
        program: Program,
        synapses: usize,
        source: Source,
        event: usize,
        clock: usize,
        code: usize,
        by_row: bool,
        can_go_by_row: bool,
        index: Arc<SynapseIndex>,
    ) -> Pathway {
        let queue = SpikeQueue::new(0);
        let (steps, due, has_cells) = (Steps::Same(0), Vec::new(), true);
        Pathway {
            name,
            program,
            synapses,
            source,
            event,
            clock,
            code,
            by_row,
            can_go_by_row,
            index,
            queue,
            has_cells,
            steps,
            counted: None,
            due,
        }
    }

    /// Goes over to these delays; returns how many delays above zero became zero steps. `version`: of the delays;
    /// `values`: gives the delay of each in seconds.
    pub fn prepare(&mut self, delays: &Delays, version: u64, dt_seconds: f64, values: impl Fn() -> Vec<f64>) -> usize {
        let mut lost = 0;
        if self.counted != Some((version, dt_seconds)) {
            if !self.may_have_cells(delays) {
                self.send_synapses();
            }
            let counted = Counted::new(delays, dt_seconds, values);
            (self.steps, lost) = (counted.steps, counted.lost);
            self.queue.reserve(counted.longest as usize);
            self.counted = Some((version, dt_seconds));
        }
        self.has_cells = self.may_have_cells(delays);
        lost
    }

    /// Instead of cells, their synapses as they are now are on their way.
    pub fn send_synapses(&mut self) {
        if self.has_cells && !self.queue.is_empty() {
            let pending = self.queue.pending();
            self.queue.clear();
            for (ahead, cell) in pending {
                self.index.synapses(cell as usize).for_each(|synapse| self.queue.push(ahead, synapse as i32));
            }
            self.has_cells = false;
        }
    }

    /// Other synapses are wired up: delays are counted anew.
    pub fn set_index(&mut self, index: Arc<SynapseIndex>) {
        self.index = index;
        self.counted = None;
    }

    /// Whether cells can be on their way with these delays; synapses that are already cannot become cells.
    pub fn may_have_cells(&self, delays: &Delays) -> bool {
        matches!(delays, Delays::Same(_)) && (self.has_cells || self.queue.is_empty())
    }

    /// Goes back to what was on its way, in how many steps.
    pub fn restore(&mut self, index: Arc<SynapseIndex>, has_cells: bool, pending: impl Iterator<Item = (i64, u32)>) {
        self.set_index(index);
        self.has_cells = has_cells;
        self.queue.clear();
        for (ahead, number) in pending {
            let number = number as i32;
            let ahead = usize::try_from(ahead).unwrap_or(0);
            self.queue.reserve(ahead);
            self.queue.push(ahead, number);
        }
    }

    /// Puts the cells of an event in, counted in their population.
    #[inline]
    pub fn push(&mut self, cells: &[i32]) {
        let first = self.source.start as i32;
        if self.has_cells {
            let delay = self.steps.same();
            cells.iter().for_each(|cell| self.queue.push(delay, cell - first));
        } else {
            let Pathway { steps, index, queue, .. } = self;
            cells.iter().for_each(|cell| steps.send((cell - first) as usize, index, queue));
        }
    }

    /// The synapses whose effects come now, in order.
    #[inline]
    pub fn due(&mut self) -> &[i32] {
        let Pathway { due, queue, index, .. } = self;
        if !self.has_cells {
            return queue.current();
        }
        due.clear();
        queue.current().iter().for_each(|cell| index.extend(due, *cell as usize));
        due
    }
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

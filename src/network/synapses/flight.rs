//! Events on their way through synapses: cells if all synapses have one delay, else synapses.

use std::collections::HashSet;
use std::sync::Arc;

use super::delays::Delays;
use super::index::SynapseIndex;
use super::steps::{Counted, LONGEST, Steps};
use crate::runtime::spike_queue::SpikeQueue;

/// Events on their way through the synapses of a pathway.
pub struct Flight {
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
    /// Whether a synapse may be due twice in a step: delays changed while something was on its way.
    may_repeat: bool,
}

impl Flight {
    /// Nothing on its way.
    pub fn new(index: Arc<SynapseIndex>) -> Flight {
        Flight {
            index,
            queue: SpikeQueue::new(0),
            has_cells: true,
            steps: Steps::Same(0),
            counted: None,
            due: Vec::new(),
            may_repeat: false,
        }
    }

    /// Goes over to these delays; returns what is to be told of them, if they are others than before. `version`: of the
    /// delays; `values`: gives the delay of each in seconds.
    pub fn prepare(
        &mut self,
        delays: &Delays,
        version: u64,
        dt_seconds: f64,
        values: impl Fn() -> Vec<f64>,
    ) -> Option<Remarks> {
        self.may_repeat &= !self.queue.is_empty();
        let mut remarks = None;
        if self.counted != Some((version, dt_seconds)) {
            if !self.may_have_cells(delays) {
                self.send_synapses();
            }
            let counted = Counted::new(delays, dt_seconds, values);
            let Counted { steps, longest, lost, senseless } = counted;
            remarks = Some(Remarks { lost, senseless, is_too_long: longest > LONGEST });
            if longest > LONGEST {
                return remarks;
            }
            self.steps = steps;
            self.queue.reserve(longest as usize);
            self.counted = Some((version, dt_seconds));
            self.may_repeat |= !self.queue.is_empty();
        }
        self.has_cells = self.may_have_cells(delays);
        remarks
    }

    /// Goes over to steps of another length.
    pub fn rescale(&mut self, old_dt_seconds: f64, new_dt_seconds: f64) {
        self.queue.rescale(old_dt_seconds, new_dt_seconds);
        self.may_repeat |= !self.queue.is_empty();
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
        self.may_repeat = !self.queue.is_empty();
    }

    /// Puts the cells of an event in, counted from `first`.
    #[inline]
    pub fn push(&mut self, cells: &[i32], first: i32) {
        if self.has_cells {
            let delay = self.steps.same();
            cells.iter().for_each(|cell| self.queue.push(delay, cell - first));
        } else {
            let Flight { steps, index, queue, .. } = self;
            cells.iter().for_each(|cell| steps.send((cell - first) as usize, index, queue));
        }
    }

    /// The synapses whose effects come now, in order.
    #[inline]
    pub fn due(&mut self) -> &[i32] {
        let Flight { due, queue, index, .. } = self;
        if !self.has_cells {
            return queue.current();
        }
        due.clear();
        queue.current().iter().for_each(|cell| index.extend(due, *cell as usize));
        due
    }

    /// The same in parts in which no synapse comes twice, if one may: kernels run over lists without repeats.
    pub fn due_in_parts(&mut self) -> Option<Vec<Vec<i32>>> {
        if !self.may_repeat {
            return None;
        }
        let (mut parts, mut part, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
        for synapse in self.due() {
            if !seen.insert(*synapse) {
                parts.push(std::mem::take(&mut part));
                seen.clear();
                seen.insert(*synapse);
            }
            part.push(*synapse);
        }
        parts.push(part);
        Some(parts)
    }
}

/// What is to be told of delays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remarks {
    /// How many delays above zero became none.
    pub lost: usize,
    /// How many are below zero or no numbers.
    pub senseless: usize,
    /// Whether one is longer than there can be; then nothing changed.
    pub is_too_long: bool,
}

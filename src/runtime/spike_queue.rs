//! Spikes on their way: what was pushed comes out a number of steps later, in the order of pushing.
//!
//! A queue holds whole numbers, such as those of cells where all synapses of a pathway share a delay, of synapses where each has its own. It
//! grows with what is on its way, and a step costs what comes out in it, however many synapses there are.

/// Numbers by the step in which they come out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpikeQueue {
    /// A ring: the numbers of the current step are at `now`.
    slots: Vec<Vec<i32>>,
    now: usize,
}

impl SpikeQueue {
    /// A queue for delays of up to `longest` steps.
    pub fn new(longest: usize) -> SpikeQueue {
        SpikeQueue { slots: vec![Vec::new(); longest + 1], now: 0 }
    }

    /// The longest delay in steps.
    pub fn longest(&self) -> usize {
        self.slots.len() - 1
    }

    /// Makes room for delays of up to `longest` steps; what is on its way stays on it.
    pub fn reserve(&mut self, longest: usize) {
        if longest <= self.longest() {
            return;
        }
        self.slots.rotate_left(self.now);
        self.now = 0;
        self.slots.resize(longest + 1, Vec::new());
    }

    /// Puts a number in that comes out after `delay` steps, 0 for the current one.
    ///
    /// # Panics
    /// If the delay is longer than the longest one.
    #[inline]
    pub fn push(&mut self, delay: usize, number: i32) {
        self.slot(delay).push(number);
    }

    #[inline]
    fn slot(&mut self, delay: usize) -> &mut Vec<i32> {
        assert!(delay < self.slots.len(), "a delay of {delay} steps");
        let slot = self.now + delay;
        let slot = if slot >= self.slots.len() { slot - self.slots.len() } else { slot };
        &mut self.slots[slot]
    }

    /// What comes out in the current step, in the order in which it was pushed.
    #[inline]
    pub fn current(&self) -> &[i32] {
        &self.slots[self.now]
    }

    /// Goes on to the next step; what came out is gone.
    #[inline]
    pub fn advance(&mut self) {
        self.slots[self.now].clear();
        self.now = if self.now + 1 == self.slots.len() { 0 } else { self.now + 1 };
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Vec::is_empty)
    }

    /// Everything on its way: in how many steps it comes out, and the number; in the order of coming out.
    pub fn pending(&self) -> Vec<(usize, i32)> {
        let steps = (0..self.slots.len()).flat_map(|ahead| {
            let slot = &self.slots[(self.now + ahead) % self.slots.len()];
            slot.iter().map(move |number| (ahead, *number))
        });
        steps.collect()
    }

    /// Goes over to steps of another length: what is on its way comes out at the nearest time.
    pub fn rescale(&mut self, old_dt_seconds: f64, new_dt_seconds: f64) {
        let steps = |ahead: usize| (ahead as f64 * old_dt_seconds / new_dt_seconds).round() as usize;
        let pending = self.pending();
        self.clear();
        self.reserve(pending.iter().map(|(ahead, _)| steps(*ahead)).max().unwrap_or(0));
        pending.iter().for_each(|(ahead, number)| self.push(steps(*ahead), *number));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.slots.iter_mut().for_each(Vec::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a list that is sorted by the step of coming out, equal ones in the order of pushing.
        #[test]
        fn a_queue_is_a_list_sorted_by_time(steps in prop::collection::vec(prop::collection::vec((0_usize..9, 0_i32..1000), 0..6), 1..40)) {
            let mut queue = SpikeQueue::new(3);
            queue.reserve(8);
            let mut list: Vec<(usize, i32)> = Vec::new();
            for (step, pushed) in steps.iter().enumerate() {
                for (delay, number) in pushed {
                    queue.push(*delay, *number);
                    list.push((step + delay, *number));
                }
                let due: Vec<i32> = list.iter().filter(|(time, _)| *time == step).map(|(_, number)| *number).collect();
                prop_assert_eq!(queue.current(), &due[..]);
                let mut pending: Vec<(usize, i32)> =
                    list.iter().filter(|(time, _)| *time >= step).map(|(time, number)| (time - step, *number)).collect();
                pending.sort_by_key(|(ahead, _)| *ahead);
                prop_assert_eq!(queue.pending(), pending);
                queue.advance();
            }
        }

        #[test]
        fn longer_delays_move_nothing(before in prop::collection::vec((0_usize..4, 0_i32..9), 0..9), advances in 0_usize..9, longest in 0_usize..12) {
            let mut queue = SpikeQueue::new(3);
            (0..advances).for_each(|_| queue.advance());
            before.iter().for_each(|(delay, number)| queue.push(*delay, *number));
            let pending = queue.pending();
            queue.reserve(longest);
            prop_assert_eq!(queue.pending(), pending);
            prop_assert_eq!(queue.longest(), longest.max(3));
        }
    }
}

//! Spikes at given times, sorted into steps.
//!
//! In: cells and times in any order, a period if all of them come again. Out: for each step the cells that spike in it,
//! ascending, each once. A time belongs to the step `int((t + dt/1000)/dt)` (Brian2's rule), so that times on the grid
//! of steps are not moved by rounding.

use std::ops::Range;

/// A time this part of a step before a step belongs to it.
const NUDGE: f64 = 1e-3;

/// How near to a whole number of steps a period has to be, in steps.
const EPSILON: f64 = 1e-4;

/// Cells that spike at given times.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikeSource {
    /// As given: the cell and the time in seconds of each spike, by time and cell.
    spikes: Vec<(i32, f64)>,
    period_seconds: Option<f64>,
    /// By step and cell.
    cells: Vec<i32>,
    bins: Vec<i64>,
    period: Option<i64>,
    /// Number of the spike that comes next.
    next: usize,
    /// The step that comes next, within a period.
    last: i64,
}

/// What is wrong with given spikes.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpikeSourceError {
    /// There are not as many times as cells.
    #[error("there are {indices} indices, but {times} times")]
    Lengths {
        /// How many indices.
        indices: usize,
        /// How many times.
        times: usize,
    },
    /// A cell does not exist.
    #[error("there is no cell {index} in a group of {n}")]
    Cell {
        /// The number.
        index: i64,
        /// Cells of the group.
        n: usize,
    },
    /// A time is negative or no number.
    #[error("a spike is at {seconds} s")]
    Time {
        /// The time.
        seconds: f64,
    },
    /// Two spikes of a cell are in one step.
    #[error("the cell {index} spikes more than once in the step at {seconds} s")]
    Twice {
        /// The cell.
        index: i32,
        /// Start of the step.
        seconds: f64,
    },
    /// The period does not fit.
    #[error("{reason}")]
    Period {
        /// Why.
        reason: String,
    },
}

impl SpikeSourceError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            SpikeSourceError::Twice { .. } => Some("use a shorter `dt`, or move one of the spikes"),
            SpikeSourceError::Time { .. } => Some("times are in seconds, from 0 on"),
            _ => None,
        }
    }
}

/// The step that a time belongs to.
fn bin(seconds: f64, dt_seconds: f64) -> i64 {
    ((seconds + NUDGE * dt_seconds) / dt_seconds) as i64
}

impl SpikeSource {
    /// Spikes of `n` cells in steps of `dt_seconds`: `indices[k]` at `times_seconds[k]`.
    ///
    /// # Errors
    /// If cells do not exist, times are none, a cell spikes twice in a step, or the period is not longer than the last
    /// time and a whole number of steps.
    pub fn new(
        n: usize,
        indices: &[i64],
        times_seconds: &[f64],
        period_seconds: Option<f64>,
        dt_seconds: f64,
    ) -> Result<SpikeSource, SpikeSourceError> {
        if indices.len() != times_seconds.len() {
            return Err(SpikeSourceError::Lengths { indices: indices.len(), times: times_seconds.len() });
        }
        let mut spikes = Vec::with_capacity(indices.len());
        for (&index, &seconds) in indices.iter().zip(times_seconds) {
            let cell = i32::try_from(index).ok().filter(|cell| (0..n as i64).contains(&i64::from(*cell)));
            let cell = cell.ok_or(SpikeSourceError::Cell { index, n })?;
            if !(seconds >= 0.0 && seconds.is_finite()) {
                return Err(SpikeSourceError::Time { seconds });
            }
            spikes.push((cell, seconds));
        }
        spikes.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        let mut source = SpikeSource {
            spikes,
            period_seconds,
            cells: Vec::new(),
            bins: Vec::new(),
            period: None,
            next: 0,
            last: -1,
        };
        source.set_dt(dt_seconds)?;
        Ok(source)
    }

    /// Sorts the spikes into steps of another length.
    ///
    /// # Errors
    /// If a cell then spikes twice in a step, or the period is no whole number of steps.
    pub fn set_dt(&mut self, dt_seconds: f64) -> Result<(), SpikeSourceError> {
        let mut sorted: Vec<(i64, i32)> =
            self.spikes.iter().map(|(cell, seconds)| (bin(*seconds, dt_seconds), *cell)).collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SpikeSourceError::Twice { index: pair[0].1, seconds: pair[0].0 as f64 * dt_seconds });
        }
        let period = match self.period_seconds {
            None => None,
            Some(seconds) => Some(self.period_in_steps(seconds, dt_seconds)?),
        };
        self.period = period;
        self.bins = sorted.iter().map(|(bin, _)| *bin).collect();
        self.cells = sorted.into_iter().map(|(_, cell)| cell).collect();
        self.next = 0;
        self.last = -1;
        Ok(())
    }

    fn period_in_steps(&self, seconds: f64, dt_seconds: f64) -> Result<i64, SpikeSourceError> {
        let error = |reason: String| Err(SpikeSourceError::Period { reason });
        if !(seconds > 0.0 && seconds.is_finite()) {
            return error(format!("a period cannot be {seconds} s"));
        }
        let steps = (seconds / dt_seconds).round();
        if steps < 1.0 {
            return error(format!("the period of {seconds} s is shorter than a step of {dt_seconds} s"));
        }
        if (steps - seconds / dt_seconds).abs() > EPSILON * steps {
            return error(format!("the period of {seconds} s is no whole number of steps of {dt_seconds} s"));
        }
        if let Some((_, last)) = self.spikes.last()
            && *last >= seconds
        {
            return error(format!("the period of {seconds} s must be longer than the last time, {last} s"));
        }
        Ok(steps as i64)
    }

    /// Gets ready to run from a step on; returns how many spikes lie before it and will never be.
    pub fn start(&mut self, step: i64) -> usize {
        match self.period {
            Some(period) => {
                let within = step.rem_euclid(period);
                self.next = self.bins.partition_point(|bin| *bin < within);
                self.last = within - 1;
                0
            }
            None => {
                self.next = self.bins.partition_point(|bin| *bin < step);
                self.last = step - 1;
                self.next
            }
        }
    }

    /// The cells that spike in a step, which is the one after the step asked for before.
    #[inline]
    pub fn spikes(&mut self, step: i64) -> &[i32] {
        let within = match self.period {
            Some(period) => step % period,
            None => step,
        };
        if within <= self.last {
            self.next = 0;
        }
        self.last = within;
        let range: Range<usize> = self.next..self.next + self.due(within);
        self.next = range.end;
        &self.cells[range]
    }

    /// How many of the next spikes are due by this step.
    #[inline]
    fn due(&self, within: i64) -> usize {
        self.bins[self.next..].iter().take_while(|bin| **bin <= within).count()
    }

    /// The cell and the time in seconds of each spike, by time and cell; the period.
    pub fn given(&self) -> (&[(i32, f64)], Option<f64>) {
        (&self.spikes, self.period_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DT: f64 = 1e-4;

    fn run(source: &mut SpikeSource, steps: Range<i64>) -> Vec<(i64, Vec<i32>)> {
        source.start(steps.start);
        steps.map(|step| (step, source.spikes(step).to_vec())).filter(|(_, cells)| !cells.is_empty()).collect()
    }

    #[test]
    fn times_on_the_grid_stay_in_their_step() {
        // Trap 48: 0.3 ms is 2.9999999999999996 steps.
        let mut source = SpikeSource::new(3, &[2, 0, 1, 0], &[3e-4, 3e-4, 3.999e-4, 0.0], None, DT).expect("spikes");
        assert_eq!(run(&mut source, 0..10), [(0, vec![0]), (3, vec![0, 2]), (4, vec![1])]);
    }

    #[test]
    fn periods_come_again_from_any_step() {
        let mut source = SpikeSource::new(2, &[0, 1], &[0.0, 2e-4], Some(3e-4), DT).expect("spikes");
        let all = run(&mut source, 0..7);
        assert_eq!(all, [(0, vec![0]), (2, vec![1]), (3, vec![0]), (5, vec![1]), (6, vec![0])]);
        let later = run(&mut source, 4..7);
        assert_eq!(later, all[3..]);
        let mut every = SpikeSource::new(1, &[0], &[0.0], Some(DT), DT).expect("spikes");
        assert_eq!(run(&mut every, 5..8).len(), 3);
    }

    #[test]
    fn spikes_before_the_start_are_counted() {
        let mut source = SpikeSource::new(1, &[0, 0], &[1e-4, 5e-4], None, DT).expect("spikes");
        assert_eq!(source.start(3), 1);
        assert_eq!(source.spikes(3), [0; 0]);
        assert_eq!(source.spikes(4), [0; 0]);
        assert_eq!(source.spikes(5), [0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        type Case = (&'static [i64], &'static [f64], Option<f64>, &'static str);
        let cases: [Case; 8] = [
            (&[0, 1], &[0.0], None, "there are 2 indices, but 1 times"),
            (&[2], &[0.0], None, "there is no cell 2 in a group of 2"),
            (&[-1], &[0.0], None, "there is no cell -1 in a group of 2"),
            (&[0], &[-1.0], None, "a spike is at -1 s"),
            (&[0, 0], &[2e-4, 2.5e-4], None, "the cell 0 spikes more than once in the step at 0.0002 s"),
            (&[0], &[2e-4], Some(2e-4), "the period of 0.0002 s must be longer than the last time, 0.0002 s"),
            (&[0], &[0.0], Some(1.5e-4), "the period of 0.00015 s is no whole number of steps of 0.0001 s"),
            (&[0], &[0.0], Some(1e-5), "the period of 0.00001 s is shorter than a step of 0.0001 s"),
        ];
        for (indices, times, period, message) in cases {
            let error = SpikeSource::new(2, indices, times, period, DT).expect_err(message);
            assert_eq!(error.to_string(), message);
        }
    }
}

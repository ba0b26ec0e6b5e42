//! Clocks: whole steps of a fixed length, or a list of times.
//!
//! Time is the step number times `dt`, never a running sum: a million additions of 0.1 ms drift. A clock owns the
//! values of `t`, `dt` and `t_in_timesteps` that kernels read.

use super::array::{Array, ElementType};

/// Times that differ by less than this part of `dt` are the same (Brian2's rule).
const EPSILON: f64 = 1e-4;

/// Times in lists that differ by less, in seconds, are the same (Brian2's rule).
const SAME_TIME: f64 = 1e-14;

/// A clock.
#[derive(Debug)]
pub struct Clock {
    /// Infinite for a list of times.
    dt: f64,
    /// The times, ascending, if they are given.
    times: Option<Box<[f64]>>,
    step: i64,
    end: i64,
    /// `t` in seconds, one double.
    pub t: Array,
    /// `dt` in seconds, one double.
    pub dt_array: Array,
    /// `t_in_timesteps`, one 64-bit integer.
    pub step_array: Array,
}

impl Clock {
    /// A clock at time 0.
    pub fn new(dt_seconds: f64) -> Clock {
        Clock {
            dt: dt_seconds,
            times: None,
            step: 0,
            end: 0,
            t: Array::scalar(0.0),
            dt_array: Array::scalar(dt_seconds),
            step_array: Array::zeros(ElementType::I64, 1),
        }
    }

    /// A clock whose steps are at these times, in seconds, ascending and each once.
    pub fn at(times_seconds: &[f64]) -> Clock {
        Clock { times: Some(times_seconds.into()), ..Clock::new(f64::INFINITY) }
    }

    /// Whether its steps are at given times.
    pub fn has_times(&self) -> bool {
        self.times.is_some()
    }

    /// Length of a step in seconds; infinite for a list of times.
    pub fn dt_seconds(&self) -> f64 {
        self.dt
    }

    /// Time at the start of the current step, in seconds.
    pub fn t_seconds(&self) -> f64 {
        match &self.times {
            None => self.step as f64 * self.dt,
            Some(times) => usize::try_from(self.step).ok().and_then(|k| times.get(k).copied()).unwrap_or(f64::INFINITY),
        }
    }

    /// Number of the current step.
    pub fn step(&self) -> i64 {
        self.step
    }

    /// Number of the first step that is not part of the run.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Whether the current step is part of the run.
    pub fn is_running(&self) -> bool {
        self.step < self.end
    }

    /// Sets the run from `start` to `end`: the nearest steps, or the next ones where none is near.
    pub fn set_interval(&mut self, start_seconds: f64, end_seconds: f64) {
        self.step = self.nearest_step(start_seconds);
        self.end = self.nearest_step(end_seconds);
        self.publish();
    }

    /// Goes to a step, with no run before it.
    pub fn set_step(&mut self, step: i64) {
        (self.step, self.end) = (step, step);
        self.publish();
    }

    /// Goes on to the next step.
    pub fn advance(&mut self) {
        self.step += 1;
        self.publish();
    }

    /// Whether steps of another length can go on from `t_seconds`, where a step of the current length begins (Brian2's
    /// rule).
    pub fn fits(&self, dt_seconds: f64, t_seconds: f64) -> bool {
        let old = (t_seconds / self.dt).round() * self.dt;
        let new = (t_seconds / dt_seconds).round() * dt_seconds;
        (new - old).abs() / dt_seconds <= EPSILON
    }

    /// Goes on from `t_seconds` with steps of another length.
    pub fn set_dt(&mut self, dt_seconds: f64, t_seconds: f64) {
        self.dt = dt_seconds;
        self.dt_array.set(0, dt_seconds);
        self.set_interval(t_seconds, t_seconds);
    }

    /// The step that begins at a time; of given times, the next one. None if the time is between two steps.
    pub fn step_at(&self, t_seconds: f64) -> Option<i64> {
        let step = self.nearest_step(t_seconds);
        let begins = self.has_times() || (step as f64 * self.dt - t_seconds).abs() / self.dt <= EPSILON;
        begins.then_some(step)
    }

    fn nearest_step(&self, t_seconds: f64) -> i64 {
        if let Some(times) = &self.times {
            return times.partition_point(|time| *time < t_seconds) as i64;
        }
        let nearest = (t_seconds / self.dt).round();
        let near = nearest * self.dt == t_seconds || (nearest * self.dt - t_seconds).abs() / self.dt <= EPSILON;
        if near { nearest as i64 } else { (t_seconds / self.dt).ceil() as i64 }
    }

    fn publish(&mut self) {
        self.t.as_f64_mut()[0] = self.t_seconds();
        self.step_array.set_i64(0, self.step);
    }
}

/// Which of the clocks with these numbers are due: those at the smallest time, within a small part of the smallest `dt`.
/// Returns the number of the clock at that time.
pub fn due(clocks: &[Clock], among: &[usize], due: &mut Vec<bool>) -> Option<usize> {
    let first = among.iter().copied().min_by(|&a, &b| clocks[a].t_seconds().total_cmp(&clocks[b].t_seconds()))?;
    due.clear();
    let (t, dt) = (clocks[first].t_seconds(), clocks[first].dt);
    due.extend(among.iter().map(|&k| &clocks[k]).map(|c| {
        let difference = (c.t_seconds() - t).abs();
        // Lists of times have no step to compare with.
        let step = if dt.min(c.dt).is_finite() { dt.min(c.dt) * EPSILON } else { SAME_TIME };
        difference == 0.0 || difference < step
    }));
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_nearest_step_or_the_next() {
        for (dt, duration, steps) in [
            (1e-4, 0.5, 5000),
            (1e-4, 0.30000000000000004, 3000),
            (1e-3, 0.0105, 11),
            (1e-3, 0.01000000001, 10),
            (1e-4, 0.0, 0),
        ] {
            let mut clock = Clock::new(dt);
            clock.set_interval(0.0, duration);
            assert_eq!(clock.end(), steps, "dt {dt}, duration {duration}");
        }
    }

    #[test]
    fn given_times_are_due_with_steps_at_the_same_time() {
        let mut clocks = [Clock::new(1e-4), Clock::at(&[1e-4, 1.5e-4, 9e-4])];
        clocks.iter_mut().for_each(|clock| clock.set_interval(0.0, 3e-4));
        let mut seen = Vec::new();
        let mut flags = Vec::new();
        while let Some(first) = due(&clocks, &[0, 1], &mut flags).filter(|first| clocks[*first].is_running()) {
            seen.push((clocks[first].t_seconds(), flags.clone()));
            clocks.iter_mut().zip(&flags).filter(|(_, due)| **due).for_each(|(clock, _)| clock.advance());
        }
        let expected = [
            (0.0, vec![true, false]),
            (1e-4, vec![true, true]),
            (1.5e-4, vec![false, true]),
            (2e-4, vec![true, false]),
        ];
        assert_eq!(seen, expected);
        clocks[1].set_interval(3e-4, 1e-3);
        assert_eq!((clocks[1].step(), clocks[1].end()), (2, 3));
    }

    #[test]
    fn clocks_of_one_time_are_due_together() {
        let mut clocks = [Clock::new(1e-4), Clock::new(3e-4), Clock::new(2e-4)];
        let mut seen = Vec::new();
        let mut flags = Vec::new();
        for clock in &mut clocks {
            clock.set_interval(0.0, 1.0);
        }
        for _ in 0..7 {
            due(&clocks, &[0, 1, 2], &mut flags);
            seen.push(flags.iter().map(|d| u8::from(*d)).collect::<Vec<_>>());
            for (clock, due) in clocks.iter_mut().zip(&flags) {
                if *due {
                    clock.advance();
                }
            }
        }
        let expected: [[u8; 3]; 7] = [[1, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 1, 1]];
        assert_eq!(seen, expected);
    }
}

//! RatesOverTime over time from what monitors recorded, in bins or smoothed (Brian2's `binned_rate` and `smooth_rate`).
//!
//! In: the name of a monitor of rates, spikes or other events, and seconds. Out: times in seconds and rates in hertz, one
//! row for a monitor of rates, one a cell for one of events. Every result is as long as what was recorded, whatever the
//! window.

use super::Network;
use super::monitor::{EventMonitor, RateMonitor};
use crate::runtime::memory::available_bytes;

/// A bin this near to a whole number of steps is one, in steps.
const WHOLE: f64 = 1e-6;

/// A time this part of a step before a step belongs to it.
const NUDGE: f64 = 1e-3;

/// The longest window that is made, in steps.
const MOST_STEPS: f64 = 1e8;

/// A shape to smooth with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Window<'a> {
    /// A Gaussian with this standard deviation, cut off at twice that, to the nearest step. With a width of 0 nothing is
    /// smoothed.
    Gaussian {
        /// Standard deviation in seconds.
        width_seconds: f64,
    },
    /// The mean over an odd number of steps, that which is next to the width ([`Window::steps`]).
    Flat {
        /// Width in seconds.
        width_seconds: f64,
    },
    /// Weights of steps, an odd number of them; divided by their sum. The last one is that of the earliest step, as in a
    /// convolution.
    Own(&'a [f64]),
}

/// RatesOverTime over time.
#[derive(Clone, Debug, PartialEq)]
pub struct RatesOverTime {
    /// Where each bin begins, in seconds.
    pub t: Vec<f64>,
    /// In hertz, a value for each bin: one row for a whole group, or one for each cell.
    pub rates: Vec<Vec<f64>>,
}

/// Why there are no such rates.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RateError {
    /// The name is that of no monitor, or of one of variables.
    #[error("there is no monitor `{name}` of rates, spikes or other events")]
    NoMonitor {
        /// The name.
        name: String,
    },
    /// Events were only counted, or what was recorded is elsewhere by now.
    #[error("the monitor `{name}` holds {held} of {total} records only; rates over time need all of them")]
    NotHeld {
        /// The monitor.
        name: String,
        /// Those that it holds.
        held: u64,
        /// All, recorded or only counted.
        total: u64,
    },
    /// The length of the step changed, or the monitor rested for a while.
    #[error(
        "the monitor `{name}` has not recorded at every step of {dt_seconds} s, so its values are no rate over time"
    )]
    Gaps {
        /// The monitor.
        name: String,
        /// Length of a step at the end.
        dt_seconds: f64,
    },
    /// The bins are not made of whole steps.
    #[error("bins of {bin_seconds} s are not made of whole steps of {dt_seconds} s")]
    Bin {
        /// Length of a bin.
        bin_seconds: f64,
        /// Length of a step.
        dt_seconds: f64,
    },
    /// The width is negative, no number, or far too large.
    #[error("a window cannot be {width_seconds} s wide")]
    Width {
        /// The width.
        width_seconds: f64,
    },
    /// The weights have no middle.
    #[error("a window has an odd number of weights, so that one is in the middle, but these are {count}")]
    Even {
        /// How many.
        count: usize,
    },
    /// The weights cannot be made to sum up to 1.
    #[error("the weights of a window are divided by their sum, but it is {sum}")]
    Sum {
        /// Their sum.
        sum: f64,
    },
    /// The result does not fit.
    #[error(
        "rates of {cells} cells in {bins} bins take {:.1} GB, but only {:.1} GB of memory are free; use longer bins",
        (*.cells as f64) * (*.bins as f64) * 8e-9, *.free as f64 / 1e9
    )]
    Memory {
        /// Rows.
        cells: usize,
        /// Bins in each.
        bins: usize,
        /// Bytes that there are.
        free: u64,
    },
}

impl Network {
    /// The rate in bins of `bin_seconds`, a whole number of steps. Bins that a run did not fill are left out.
    ///
    /// Bins of a monitor of rates begin with its first value; those of events begin at 0 s and go on to the present time
    /// of the group.
    ///
    /// # Errors
    /// If there is no such monitor, it does not hold what is needed, or the bins are not made of whole steps.
    pub fn binned_rate(&self, monitor: &str, bin_seconds: f64) -> Result<RatesOverTime, RateError> {
        self.in_bins(monitor, |dt_seconds| steps_in(bin_seconds, dt_seconds))
    }

    /// The rate at every step, smoothed. Nothing happened before the first step and after the last one.
    ///
    /// # Errors
    /// If there is no such monitor, it does not hold what is needed, or there is no such window.
    pub fn smooth_rate(&self, monitor: &str, window: Window<'_>) -> Result<RatesOverTime, RateError> {
        let mut weights = Vec::new();
        let mut rates = self.in_bins(monitor, |dt_seconds| {
            weights = window.weights(dt_seconds)?;
            Ok(1)
        })?;
        rates.rates.iter_mut().for_each(|row| *row = smoothed(row, &weights));
        Ok(rates)
    }

    /// `steps` says how many steps of which length a bin has.
    fn in_bins(
        &self,
        name: &str,
        steps: impl FnOnce(f64) -> Result<usize, RateError>,
    ) -> Result<RatesOverTime, RateError> {
        let clock = |population: usize| &self.memory.clocks[self.memory.populations[population].clock];
        if let Some(monitor) = self.rates(name) {
            let dt_seconds = clock(monitor.source.population).dt_seconds();
            return bins_of_rates(monitor, steps(dt_seconds)?, dt_seconds);
        }
        let Some(monitor) = self.spikes(name) else { return Err(RateError::NoMonitor { name: name.to_string() }) };
        let clock = clock(monitor.source.population);
        bins_of_events(monitor, steps(clock.dt_seconds())?, clock.dt_seconds(), clock.step())
    }
}

fn steps_in(bin_seconds: f64, dt_seconds: f64) -> Result<usize, RateError> {
    let steps = (bin_seconds / dt_seconds).round();
    let is_whole = (bin_seconds / dt_seconds - steps).abs() <= WHOLE;
    if is_whole && steps >= 1.0 { Ok(steps as usize) } else { Err(RateError::Bin { bin_seconds, dt_seconds }) }
}

fn bins_of_rates(monitor: &RateMonitor, steps: usize, dt_seconds: f64) -> Result<RatesOverTime, RateError> {
    if monitor.written > 0 {
        let held = monitor.t.len() as u64;
        return Err(RateError::NotHeld { name: monitor.name.clone(), held, total: held + monitor.written });
    }
    let is_one_step = |pair: &[f64]| ((pair[1] - pair[0]) / dt_seconds - 1.0).abs() < NUDGE;
    if !monitor.t.windows(2).all(is_one_step) {
        return Err(RateError::Gaps { name: monitor.name.clone(), dt_seconds });
    }
    let t = monitor.t.chunks_exact(steps).map(|times| times[0]).collect();
    let mean = |rates: &[f64]| rates.iter().sum::<f64>() / steps as f64;
    Ok(RatesOverTime { t, rates: vec![monitor.rate.chunks_exact(steps).map(mean).collect()] })
}

fn bins_of_events(monitor: &EventMonitor, steps: usize, dt_seconds: f64, end: i64) -> Result<RatesOverTime, RateError> {
    if monitor.total != monitor.t.len() as u64 {
        let (held, total) = (monitor.t.len() as u64, monitor.total);
        return Err(RateError::NotHeld { name: monitor.name.clone(), held, total });
    }
    let (cells, bins) = (monitor.source.n(), end.max(0) as usize / steps);
    if let Some(free) = available_bytes()
        && (cells as u64).saturating_mul(bins as u64).saturating_mul(size_of::<f64>() as u64) > free
    {
        return Err(RateError::Memory { cells, bins, free });
    }
    let mut rates = vec![vec![0.0; bins]; cells];
    for (cell, t) in monitor.i.iter().zip(&monitor.t) {
        let step = ((t + NUDGE * dt_seconds) / dt_seconds) as usize;
        // What happened in a bin that is not full is left out with it.
        if let Some(count) = rates[*cell as usize].get_mut(step / steps) {
            *count += 1.0;
        }
    }
    let bin_seconds = steps as f64 * dt_seconds;
    rates.iter_mut().flatten().for_each(|count| *count /= bin_seconds);
    Ok(RatesOverTime { t: (0..bins).map(|bin| (bin * steps) as f64 * dt_seconds).collect(), rates })
}

impl Window<'_> {
    /// Over how many steps of this length it reaches.
    ///
    /// # Errors
    /// If it has no width, or no step in its middle.
    pub fn steps(&self, dt_seconds: f64) -> Result<usize, RateError> {
        let (width_seconds, half) = match *self {
            Window::Own(weights) if weights.len() % 2 == 1 => return Ok(weights.len()),
            Window::Own(weights) => return Err(RateError::Even { count: weights.len() }),
            Window::Gaussian { width_seconds } => (width_seconds, (2.0 * width_seconds / dt_seconds).round_ties_even()),
            Window::Flat { width_seconds } => (width_seconds, (width_seconds / (2.0 * dt_seconds)).round_ties_even()),
        };
        match (0.0..=MOST_STEPS).contains(&half) && width_seconds >= 0.0 {
            true => Ok(2 * half as usize + 1),
            false => Err(RateError::Width { width_seconds }),
        }
    }

    /// What each step counts; all together 1.
    fn weights(&self, dt_seconds: f64) -> Result<Vec<f64>, RateError> {
        let steps = self.steps(dt_seconds)?;
        let mut weights = match self {
            Window::Own(weights) => weights.to_vec(),
            Window::Gaussian { width_seconds } if steps > 1 => {
                let deviation = width_seconds / dt_seconds;
                let middle = (steps / 2) as f64;
                let weight = |k: usize| (-(k as f64 - middle).powi(2) / (2.0 * deviation * deviation)).exp();
                (0..steps).map(weight).collect()
            }
            Window::Gaussian { .. } | Window::Flat { .. } => vec![1.0; steps],
        };
        let sum: f64 = weights.iter().sum();
        if sum == 0.0 || !sum.is_finite() {
            return Err(RateError::Sum { sum });
        }
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Ok(weights)
    }
}

/// The convolution of values with weights around them, as long as the values.
fn smoothed(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let half = weights.len() / 2;
    let mut result = vec![0.0; values.len()];
    // From each value to its neighbours: most rates of single cells are 0.
    for (k, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
        let (first, end) = (k.saturating_sub(half), (k + half + 1).min(values.len()));
        let weights = &weights[first + half - k..];
        result[first..end].iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_reach_over_an_odd_number_of_steps() {
        let flat = |ms: f64| Window::Flat { width_seconds: ms * 1e-3 }.steps(1e-4);
        // Halves go to the even number.
        for (ms, steps) in [(0.01, 1), (0.05, 1), (0.1, 1), (0.2, 3), (0.25, 3), (0.3, 3), (0.4, 5), (0.5, 5)] {
            assert_eq!(flat(ms), Ok(steps), "{ms} ms");
        }
        let gaussian = |ms: f64| Window::Gaussian { width_seconds: ms * 1e-3 }.steps(1e-4);
        for (ms, steps) in [(0.0, 1), (0.1, 5), (0.15, 7), (0.3, 13), (0.32, 13), (1.0, 41)] {
            assert_eq!(gaussian(ms), Ok(steps), "{ms} ms");
        }
        for width_seconds in [-1e-3, f64::INFINITY] {
            assert_eq!(Window::Flat { width_seconds }.steps(1e-4), Err(RateError::Width { width_seconds }));
        }
        assert!(Window::Gaussian { width_seconds: f64::NAN }.steps(1e-4).is_err());
        assert_eq!(Window::Own(&[1.0; 4]).steps(1e-4), Err(RateError::Even { count: 4 }));
        assert_eq!(Window::Own(&[1.0, -2.0, 1.0]).weights(1e-4), Err(RateError::Sum { sum: 0.0 }));
    }

    #[test]
    fn smoothing_is_a_convolution_as_long_as_the_values() {
        let values = [1.0, 0.0, 4.0, 2.0];
        let slow = |weights: &[f64]| {
            let half = weights.len() as isize / 2;
            let at = |k: isize, m: usize| values.get((k + half - m as isize) as usize).copied().unwrap_or(0.0);
            (0..4).map(|k| (0..weights.len()).map(|m| weights[m] * at(k, m)).sum()).collect::<Vec<f64>>()
        };
        for weights in [&[1.0][..], &[1.0, 0.0, 0.0], &[3.0, 2.0, 1.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]]
        {
            assert_eq!(smoothed(&values, weights), slow(weights), "{weights:?}");
        }
        assert_eq!(smoothed(&values, &[1.0, 0.0, 0.0]), [0.0, 4.0, 2.0, 0.0]);
    }

    #[test]
    fn bins_are_whole_steps() {
        assert_eq!(steps_in(0.3e-3, 0.1e-3), Ok(3));
        assert_eq!(steps_in(0.7e-3, 0.1e-3), Ok(7));
        for bin_seconds in [0.25e-3, 0.05e-3, 0.0, -1e-3, f64::NAN] {
            assert!(steps_in(bin_seconds, 1e-4).is_err(), "{bin_seconds}");
        }
    }
}

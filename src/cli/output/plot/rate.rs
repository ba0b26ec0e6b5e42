//! Population rates over time, smoothed with a Gaussian.

use super::axis::round_step;
use crate::cli::output::result::{RateData, SpikeData};

const BINS: usize = 600;

/// A smoothed rate.
pub(super) struct SmoothRate {
    /// (seconds, hertz), one per bin; NaN where nothing is known.
    pub points: Vec<(f64, f64)>,
    /// Width of the Gaussian, in seconds.
    pub sigma: f64,
}

/// The rate of events per cell from 0 to `end`.
pub(super) fn of_spikes(spikes: &SpikeData, end: f64) -> SmoothRate {
    let bin = end / BINS as f64;
    let mut counts = vec![0.0; BINS];
    for seconds in &spikes.t {
        counts[bin_of(*seconds, bin)] += 1.0;
    }
    let weights = vec![bin * spikes.source_size.max(1) as f64; BINS];
    smooth(&counts, &weights, bin, default_sigma(end))
}

/// A recorded rate.
pub(super) fn of_rate(rate: &RateData, end: f64) -> SmoothRate {
    let bin = end / BINS as f64;
    let (mut sums, mut weights) = (vec![0.0; BINS], vec![0.0; BINS]);
    for (seconds, hertz) in rate.t.iter().zip(&rate.rate).filter(|(_, hertz)| hertz.is_finite()) {
        sums[bin_of(*seconds, bin)] += hertz;
        weights[bin_of(*seconds, bin)] += 1.0;
    }
    // Records that are far apart need a width that reaches from one to the next.
    let spacing = end / rate.t.len().max(1) as f64;
    smooth(&sums, &weights, bin, default_sigma(end).max(round_step(spacing / 2.0)))
}

fn bin_of(seconds: f64, bin: f64) -> usize {
    ((seconds / bin) as usize).min(BINS - 1)
}

/// 1, 2 or 5 times a power of ten, near a hundredth of the time shown.
fn default_sigma(end: f64) -> f64 {
    round_step(end / 200.0)
}

/// At each bin the weighted mean of `sums / weights` around it; at the ends of the inner side only.
fn smooth(sums: &[f64], weights: &[f64], bin: f64, sigma: f64) -> SmoothRate {
    let reach = (4.0 * sigma / bin).ceil() as usize;
    let kernel: Vec<f64> = (0..=reach).map(|k| (-0.5 * (k as f64 * bin / sigma).powi(2)).exp()).collect();
    let points = (0..sums.len())
        .map(|centre| {
            let near = centre.saturating_sub(reach)..(centre + reach + 1).min(sums.len());
            let (mut sum, mut weight) = (0.0, 0.0);
            for k in near {
                let factor = kernel[k.abs_diff(centre)];
                sum += factor * sums[k];
                weight += factor * weights[k];
            }
            ((centre as f64 + 0.5) * bin, sum / weight)
        })
        .collect();
    SmoothRate { points, sigma }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_flat_to_the_ends() {
        let t: Vec<f64> = (0..6000).map(|k| (f64::from(k) + 0.5) / 6000.0).collect();
        let spikes = SpikeData { source_size: 100, count: t.len(), i: vec![0; t.len()], t, ..SpikeData::default() };
        for (seconds, hertz) in of_spikes(&spikes, 1.0).points {
            assert!((hertz - 60.0).abs() < 1e-9, "{hertz} Hz at {seconds} s");
        }
    }

    #[test]
    fn sparse_records_leave_no_gap() {
        let t: Vec<f64> = (0..10).map(|k| f64::from(k) / 10.0).collect();
        let rate = RateData { rate: vec![7.0; 10], t, source_size: 3, ..RateData::default() };
        assert!(of_rate(&rate, 1.0).points.iter().all(|(_, hertz)| (hertz - 7.0).abs() < 1e-9));
    }
}

//! The progress bar of a run, on a terminal only: fraction of the simulated time, and the time left.
//!
//! [`Progress::update`] stores one number, so that it can be called at every step; a thread of its own draws ten times
//! a second. Runs too short to wonder about show nothing. The bar is gone when the run ends.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::format::{duration, simulated};

const REDRAW: Duration = Duration::from_millis(100);
const SILENT: Duration = Duration::from_millis(300);
const RESOLUTION: u64 = 10_000;

/// A running progress bar, or none.
#[derive(Debug)]
pub struct Progress {
    state: Arc<State>,
    drawer: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    fraction: AtomicU64,
    done: AtomicBool,
}

impl Progress {
    /// Starts a bar for a run of that many simulated seconds. Without a terminal on standard error, or if not
    /// `enabled`, nothing is ever drawn and no thread started.
    pub fn start(total_seconds_simulated: f64, enabled: bool) -> Progress {
        let state = Arc::new(State::default());
        let drawer = (enabled && std::io::stderr().is_terminal()).then(|| {
            let state = state.clone();
            // Without a thread the run goes on without a bar.
            thread::Builder::new().name("progress".to_owned()).spawn(move || draw(&state, total_seconds_simulated)).ok()
        });
        Progress { state, drawer: drawer.flatten() }
    }

    /// Tells how much of the simulated time is done, from 0 to 1. Costs one store.
    pub fn update(&self, fraction: f64) {
        self.state.fraction.store(fraction.to_bits(), Ordering::Relaxed);
    }

    /// Removes the bar; so does dropping.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.state.done.store(true, Ordering::Release);
        if let Some(drawer) = self.drawer.take() {
            drawer.thread().unpark();
            // A panic of the drawing thread has been reported already, and costs the run nothing but its bar.
            let _ = drawer.join();
        }
    }
}

fn draw(state: &State, total_seconds: f64) {
    let started = Instant::now();
    let mut bar = None;
    while !state.done.load(Ordering::Acquire) {
        let elapsed = started.elapsed();
        if elapsed >= SILENT {
            let fraction = f64::from_bits(state.fraction.load(Ordering::Relaxed)).clamp(0.0, 1.0);
            let bar = bar.get_or_insert_with(new_bar);
            bar.set_position((fraction * RESOLUTION as f64) as u64);
            bar.set_message(message(fraction, total_seconds, elapsed));
        }
        thread::park_timeout(REDRAW);
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(RESOLUTION), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:32} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("━━─"));
    bar
}

/// How far the run is, and how long it will take from here if it goes on as before.
fn message(fraction: f64, total_seconds: f64, elapsed: Duration) -> String {
    let percent = (fraction * 100.0).floor();
    let (now, all) = (simulated(round_to(fraction * total_seconds, total_seconds / 1000.0)), simulated(total_seconds));
    let done = format!("{percent:3.0} %  {now} of {all}");
    if fraction > 0.0 && fraction < 1.0 {
        let left = elapsed.as_secs_f64() * (1.0 - fraction) / fraction;
        format!("{done}, {} left", duration(left.max(0.1)))
    } else {
        done
    }
}

fn round_to(value: f64, grain: f64) -> f64 {
    if grain > 0.0 { (value / grain).round() * grain } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_tells_the_time_left() {
        let text = |fraction| message(fraction, 10.0, Duration::from_secs(3));
        assert_eq!(text(0.0), "  0 %  0 ms of 10 s");
        assert_eq!(text(0.25), " 25 %  2.5 s of 10 s, 9.00 s left");
        assert_eq!(text(0.999), " 99 %  9.99 s of 10 s, 100 ms left");
        assert_eq!(text(1.0), "100 %  10 s of 10 s");
    }

    #[test]
    fn without_a_bar_there_is_no_thread() {
        let progress = Progress::start(1.0, false);
        progress.update(0.5);
        assert!(progress.drawer.is_none());
        progress.finish();
    }
}

//! How much latency the run would have borne.

use serde::Serialize;

use super::change::Change;
use super::replica::{Bench, Factual};

/// Scales of the durations that are tried: 0 to 1.5.
const STEPS: u32 = 30;
const STEP: f64 = 0.05;
/// Halvings of a step at each crossing: to a thousandth of the latency.
const REFINED: u32 = 6;

/// A stretch of latencies that all do, or all do not, collide, as far as was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Milliseconds.
    pub from_ms: f64,
    /// Milliseconds.
    pub to_ms: f64,
    /// Whether it ends without a collision.
    pub safe: bool,
}

impl Interval {
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { from_ms: self.from_ms * factor, to_ms: self.to_ms * factor, ..self }
    }
}

/// Scales, not milliseconds.
pub(crate) struct Critical {
    /// The first crossing from safe to unsafe.
    pub scale: Option<f64>,
    pub intervals: Vec<Interval>,
}

/// Scales all durations of the run from 0 to 1.5 and refines where the outcome changes. With occupancy the outcome need not
/// be monotone: every interval is told.
pub(crate) fn critical(bench: &mut Bench, factual: &Factual) -> Critical {
    let mut safe = |scale: f64| bench.impact(factual, &Change::scaled(scale)) == 0.0;
    let tried: Vec<bool> = (0..=STEPS).map(|i| safe(f64::from(i) * STEP)).collect();
    let mut intervals = vec![Interval { from_ms: 0.0, to_ms: 0.0, safe: tried[0] }];
    for (i, pair) in tried.windows(2).enumerate() {
        if pair[0] == pair[1] {
            continue;
        }
        let (mut low, mut high) = (i as f64 * STEP, (i + 1) as f64 * STEP);
        for _ in 0..REFINED {
            let middle = f64::midpoint(low, high);
            if safe(middle) == pair[0] { low = middle } else { high = middle }
        }
        if let Some(last) = intervals.last_mut() {
            last.to_ms = low;
        }
        intervals.push(Interval { from_ms: high, to_ms: high, safe: pair[1] });
    }
    if let Some(last) = intervals.last_mut() {
        last.to_ms = f64::from(STEPS) * STEP;
    }
    let scale = intervals.first().filter(|first| first.safe).map(|first| first.to_ms);
    Critical { scale, intervals }
}

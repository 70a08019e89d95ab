//! How much latency the run would have borne.

use runtime::in_lanes;
use serde::Serialize;

use super::change::Change;
use super::replica::{Bench, Factual};
use crate::pool::LANES;

/// Scales of the durations that are tried: 0 to 1.5.
const STEPS: u32 = 30;
const STEP: f64 = 0.05;
/// Halvings of a step at each crossing: to a thousandth of the latency.
const REFINED: u32 = 6;

/// A stretch of latencies that all do, or all do not, collide, as far as was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Factor of all durations.
    pub from_scale: f64,
    /// Factor of all durations.
    pub to_scale: f64,
    /// Milliseconds; `None` where the latency was changed on the way.
    pub from_ms: Option<f64>,
    /// Milliseconds; `None` likewise.
    pub to_ms: Option<f64>,
    /// Whether it ends without a collision.
    pub safe: bool,
}

impl Interval {
    fn at(scale: f64, safe: bool) -> Self {
        Self { from_scale: scale, to_scale: scale, from_ms: None, to_ms: None, safe }
    }

    /// Named by the latency there was, where there is one to name it by.
    pub(crate) fn named(self, latency_ms: Option<f64>) -> Self {
        let ms = |scale: f64| latency_ms.map(|ms| scale * ms);
        Self { from_ms: ms(self.from_scale), to_ms: ms(self.to_scale), ..self }
    }
}

/// What one factor of all durations came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// The factor.
    pub scale: f64,
    /// Impact speed, m/s; zero when nothing is hit.
    pub impact: f64,
}

/// Scales, not milliseconds.
pub(crate) struct Critical {
    /// The first crossing from safe to unsafe.
    pub scale: Option<f64>,
    pub intervals: Vec<Interval>,
    pub tried: Vec<Tried>,
}

/// Scales all durations of the run from 0 to 1.5 and refines where the outcome changes. With occupancy the outcome need not
/// be monotone: every interval is told.
pub(crate) async fn critical(bench: &Bench, factual: &Factual) -> Critical {
    let impact = async |scale: f64| bench.impact(factual, &Change::scaled(scale)).await;
    let scales = (0..=STEPS).map(|i| f64::from(i) * STEP);
    let tried = scales.map(async |scale| Tried { scale, impact: impact(scale).await });
    let tried: Vec<Tried> = in_lanes(LANES, tried).await;
    let safe: Vec<bool> = tried.iter().map(|tried| tried.impact == 0.0).collect();
    let mut intervals = vec![Interval::at(0.0, safe[0])];
    for (i, pair) in safe.windows(2).enumerate() {
        if pair[0] == pair[1] {
            continue;
        }
        let (mut low, mut high) = (i as f64 * STEP, (i + 1) as f64 * STEP);
        for _ in 0..REFINED {
            let middle = f64::midpoint(low, high);
            if (impact(middle).await == 0.0) == pair[0] { low = middle } else { high = middle }
        }
        if let Some(last) = intervals.last_mut() {
            last.to_scale = low;
        }
        intervals.push(Interval::at(high, pair[1]));
    }
    if let Some(last) = intervals.last_mut() {
        last.to_scale = f64::from(STEPS) * STEP;
    }
    let scale = intervals.first().filter(|first| first.safe).map(|first| first.to_scale);
    Critical { scale, intervals, tried }
}

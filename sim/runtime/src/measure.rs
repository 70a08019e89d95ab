//! Measures an engine at the cadence of the loop it will serve, and says when the numbers are not to be trusted.

use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use timing::{Rate, ServiceTime, SimTime, Span};

use crate::onnxruntime::span;
use crate::{Engine, RuntimeError, Tensor, Witness, synthetic_inputs};

/// How far the wall time between two starts may be from the period, as a share of it.
const CADENCE: f64 = 0.1;
/// Share of starts that may be off the cadence: a scheduler slips now and then.
const SLIPS: f64 = 0.02;
/// A first quarter slower than the last by this share means that the engine was still warming up.
const DRIFT: f64 = 0.25;
/// Drift is judged from this many samples.
const ENOUGH: usize = 40;
/// An inference that takes so long, and so many times the median, built an engine on the way.
const REBUILD: Span = Span(500_000_000);
const REBUILT: f64 = 50.0;

/// In the complaint about a run that takes longer than a period. Such a model keeps the device busy without a pause, in a
/// loop as in the measurement.
pub const OVERRUN: &str = "not every start of the cadence was kept";

/// How to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasureOptions {
    /// Starts a second; the loop's own frame rate. Idle processors and cold caches are part of the truth.
    pub hz: f64,
    /// Samples.
    pub count: usize,
    /// Runs before the first sample, at the same cadence.
    pub warm_up: usize,
    /// Length of a dynamic first axis.
    pub batch: usize,
    /// Of the synthetic inputs.
    pub seed: u64,
}

impl Default for MeasureOptions {
    fn default() -> Self {
        Self { hz: 20.0, count: 300, warm_up: 20, batch: 1, seed: 0 }
    }
}

/// Service times, and whether they may be called a measurement of this engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// For each run, the idle time before it (end of the run before to its start) and its stages.
    pub samples: Vec<(Span, ServiceTime)>,
    /// Whether there is no complaint.
    pub trusted: bool,
    /// What was not as it should be, in sentences.
    pub complaints: Vec<String>,
}

/// Runs the engine on synthetic inputs, each start at its absolute instant of the cadence.
///
/// Takes `(warm_up + count) / hz` seconds, alone on its thread. Where a run takes longer than a period, the next starts
/// at the next instant of the cadence that is still to come, as a device that takes the newest frame would.
pub fn measure(engine: &mut dyn Engine, options: &MeasureOptions) -> Result<Measurement, RuntimeError> {
    let inputs = synthetic_inputs(&engine.info().model, options.batch, options.seed);
    measure_on(engine, &inputs, options)
}

/// [`measure`] on inputs of the caller's: for a model whose dynamic axes have lengths of their own, or whose time depends
/// on what it sees.
pub fn measure_on(
    engine: &mut dyn Engine,
    inputs: &[Tensor],
    options: &MeasureOptions,
) -> Result<Measurement, RuntimeError> {
    let Some(rate) = Rate::from_hz(options.hz) else {
        let found = format!("a cadence of {} Hz", options.hz);
        return Err(RuntimeError::Input { found, expected: "0.001 to 1,000,000 Hz".to_owned() });
    };
    let mut outputs = Vec::new();
    let witness = Witness::begin(&engine.info().served_at);
    let base = Instant::now();
    let mut run = Run { samples: Vec::with_capacity(options.count), slips: 0, busy: Duration::ZERO };
    let (mut k, mut last) = (0, (base, base));
    for i in 0..options.warm_up + options.count {
        let due = sleep_until_event(rate, base, &mut k);
        let start = Instant::now();
        let time = engine.infer(inputs, &mut outputs)?;
        let end = Instant::now();
        if i >= options.warm_up {
            run.samples.push((span(last.1, start), time));
            run.slips += usize::from(i > 0 && slipped(due, start, rate));
            run.busy += end - start;
        }
        last = (start, end);
    }
    let mut complaints = witness.complaints(engine.info());
    complaints.extend(engine.watch().map(|watch| watch.complaints()).unwrap_or_default());
    Ok(run.judge(rate, complaints))
}

/// Sleeps until event `k`, or the first after now, and moves on to the next.
fn sleep_until_event(rate: Rate, base: Instant, k: &mut u64) -> Instant {
    let now = SimTime(span(base, Instant::now()).0);
    *k = (*k).max(rate.first_at_or_after(now));
    let due = base + Duration::from_nanos(rate.event(*k).0.max(0) as u64);
    *k += 1;
    thread::sleep(due.saturating_duration_since(Instant::now()));
    due
}

fn slipped(due: Instant, start: Instant, rate: Rate) -> bool {
    start.saturating_duration_since(due).as_secs_f64() > CADENCE * rate.period_secs()
}

struct Run {
    samples: Vec<(Span, ServiceTime)>,
    slips: usize,
    busy: Duration,
}

impl Run {
    fn judge(self, rate: Rate, mut complaints: Vec<String>) -> Measurement {
        let count = self.samples.len();
        if self.slips as f64 > SLIPS * count as f64 {
            complaints.push(format!(
                "{} of {count} runs started more than {:.0} % of a period late; lower the rate or free the processor",
                self.slips,
                CADENCE * 100.0
            ));
        }
        let period = rate.period_secs();
        let mean = self.busy.as_secs_f64() / count.max(1) as f64;
        if mean > period {
            complaints.push(format!(
                "a run takes {:.2} ms on average and a period is {:.2} ms: {OVERRUN}",
                mean * 1e3,
                period * 1e3
            ));
        }
        if count < ENOUGH {
            complaints.push(format!("{count} samples are too few to see whether the engine was warm; take {ENOUGH}"));
        }
        complaints.extend(unsteady(&self.samples));
        Measurement { trusted: complaints.is_empty(), samples: self.samples, complaints }
    }
}

/// Why times are not those of a warm engine that stays as it is; in sentences. Fewer than 40 say nothing.
pub fn unsteady(samples: &[(Span, ServiceTime)]) -> Vec<String> {
    if samples.len() < ENOUGH {
        return Vec::new();
    }
    let mut complaints: Vec<String> = drift(samples).into_iter().collect();
    let (slowest, typical) = (samples.iter().map(|(_, time)| time.total()).max().unwrap_or_default(), median(samples));
    if slowest > REBUILD && slowest > typical.times(REBUILT) {
        complaints.push(format!(
            "one inference took {slowest} against a median of {typical}: an engine was built on the way, or the device hung"
        ));
    }
    complaints
}

/// Whether the first quarter was slower than the last.
fn drift(samples: &[(Span, ServiceTime)]) -> Option<String> {
    let quarter = samples.len() / 4;
    let first = median(&samples[..quarter]);
    let last = median(&samples[samples.len() - quarter..]);
    let share = (first.0 - last.0) as f64 / last.0.max(1) as f64;
    let mut text = String::new();
    if share.abs() > DRIFT {
        let _ = write!(text, "the first quarter took {first}, the last {last}: ");
        text.push_str(if share > 0.0 { "the engine was still cold" } else { "the processor slowed down" });
    }
    (!text.is_empty()).then_some(text)
}

fn median(samples: &[(Span, ServiceTime)]) -> Span {
    let mut totals: Vec<Span> = samples.iter().map(|(_, time)| time.total()).collect();
    totals.sort_unstable();
    totals.get(totals.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cold_engine_is_seen() {
        let sample = |ms| (Span::ZERO, ServiceTime::compute(Span::from_ms(ms)));
        let steady: Vec<_> = (0..100).map(|_| sample(1.0)).collect();
        assert_eq!(drift(&steady), None);
        let cold: Vec<_> = (0..100).map(|i| sample(if i < 25 { 2.0 } else { 1.0 })).collect();
        assert!(drift(&cold).unwrap().contains("still cold"));
        let throttled: Vec<_> = (0..100).map(|i| sample(if i < 75 { 1.0 } else { 1.5 })).collect();
        assert!(drift(&throttled).unwrap().contains("slowed down"));
    }
}

//! What the window remembers of a run: the robot's trail, the frames that ended, the commands that took hold.

use std::collections::VecDeque;

use episode::{Entry, Percentiles};
use timing::{Fate, Frame, LineConfig, SimTime, Span, Stage, Trace};

use crate::snapshot::{AgeStrip, Life};

/// Points of the trail; at 240 ticks a second, half a minute.
const TRAIL: usize = 8192;
/// Ended frames, and inferences among them: enough for some seconds even where most frames are dropped.
const ENDED: usize = 512;
const INFERRED: usize = 160;
/// Live times that are compared with the calibration.
const LIVE: usize = 32;

/// Fed with the episode's log.
#[derive(Debug, Default)]
pub(crate) struct History {
    trail: VecDeque<(SimTime, [f32; 2])>,
    ended: VecDeque<(Frame, Fate, SimTime)>,
    /// `a` and `c` of applied frames.
    applied: VecDeque<(SimTime, SimTime)>,
    live: VecDeque<Span>,
    /// The calibration's 99th percentile, milliseconds.
    calibrated: Option<f64>,
}

impl History {
    pub fn new(calibration: Option<&Trace>) -> Self {
        let totals = |trace: &Trace| trace.samples.iter().map(|s| s.service.total()).collect::<Vec<_>>();
        let calibrated = calibration.map(totals).filter(|t| !t.is_empty()).map(|t| Percentiles::of(&t).p99);
        Self { calibrated, ..Self::default() }
    }

    pub fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Tick(tick) => push(&mut self.trail, TRAIL, (tick.at, floor(&tick.robot.pose))),
            Entry::Predicted(prediction) => push(&mut self.live, LIVE, prediction.service.total()),
            Entry::Ended { at, frame, fate, .. } => {
                push(&mut self.ended, ENDED, (*frame, *fate, *at));
                if *fate == Fate::Applied {
                    push(&mut self.applied, 4096, (*at, frame.captured));
                    let old = *at - Span::from_secs(AgeStrip::WINDOW);
                    // The one before the window still shows at its left edge.
                    while self.applied.get(1).is_some_and(|(a, _)| *a < old) {
                        self.applied.pop_front();
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether live inferences take longer than when the network was alone: half of the last exceed what then one in a
    /// hundred did.
    pub fn drifted(&self) -> bool {
        let live: Vec<Span> = self.live.iter().copied().collect();
        self.calibrated.is_some_and(|p99| live.len() == LIVE && Percentiles::of(&live).p50 > p99)
    }

    /// The longest that something new had to wait, in the last second, until a command that knew of it took hold: the highest
    /// peak of the age, be it an old one if there is no newer; or the age now, if that is higher.
    pub fn reaction(&self, now: SimTime) -> Option<Span> {
        let recent = now - Span::from_secs(1.0);
        let mut longest = self.applied.back().map(|(_, c)| now - *c)?;
        let pairs = self.applied.iter().rev().zip(self.applied.iter().rev().skip(1));
        for (i, ((next, _), (_, captured))) in pairs.enumerate() {
            if i > 0 && *next < recent {
                break;
            }
            longest = longest.max(*next - *captured);
        }
        Some(longest)
    }

    /// The trail since `from`, thinned.
    pub fn trail_since(&self, from: SimTime) -> Vec<[f32; 2]> {
        let first = self.trail.partition_point(|(at, _)| *at <= from);
        let step = (self.trail.len() - first).div_ceil(96).max(1);
        self.trail.iter().skip(first).step_by(step).map(|(_, at)| *at).collect()
    }

    /// The age over the last seconds.
    pub fn ages(&self, now: SimTime) -> AgeStrip {
        let mut strip = AgeStrip::default();
        let seconds = |t: SimTime| (t - now).secs();
        for (i, &(a, c)) in self.applied.iter().enumerate() {
            let until = self.applied.get(i + 1).map_or(now, |next| next.0).min(now);
            let from = a.max(now - Span::from_secs(AgeStrip::WINDOW));
            if until < from {
                continue;
            }
            strip.saw.push([seconds(from), (from - c).ms()]);
            strip.saw.push([seconds(until), (until - c).ms()]);
            if from == a {
                strip.latencies.push([seconds(a), (a - c).ms()]);
            }
            if until < now {
                strip.peaks.push([seconds(until), (until - c).ms()]);
            }
        }
        strip
    }

    /// The last inferences and those on the way, with the drops between them, oldest first.
    pub fn lives(&self, config: &LineConfig, on_the_way: &[Frame], now: SimTime) -> Vec<Life> {
        let mut lives = Vec::new();
        let mut inferred = 0;
        for (frame, fate, at) in self.ended.iter().rev() {
            if *fate != Fate::Dropped {
                inferred += 1;
                if inferred > INFERRED {
                    break;
                }
            }
            lives.push(life(frame, Some(*fate), config, *at));
        }
        lives.extend(on_the_way.iter().map(|frame| life(frame, None, config, now)));
        lives.sort_by_key(|life| life.id);
        lives
    }
}

fn push<T>(queue: &mut VecDeque<T>, most: usize, value: T) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(value);
}

/// A place on the floor.
pub(crate) fn floor(pose: &plant::Pose) -> [f32; 2] {
    [pose.x as f32, pose.y as f32]
}

/// The stages of a frame, as far as they have come at `until`.
fn life(frame: &Frame, fate: Option<Fate>, config: &LineConfig, until: SimTime) -> Life {
    let mut bars = Vec::new();
    let mut at = frame.captured;
    let mut stage = |stage: Stage, end: SimTime| {
        let (from, to) = (at.min(until), end.min(until));
        if to > from {
            bars.push((stage, from, to));
        }
        at = at.max(end);
    };
    if fate != Some(Fate::Dropped) {
        let sensed = frame.captured + config.sensing;
        stage(Stage::Sensing, sensed);
        stage(Stage::LinkOut, frame.arrived.unwrap_or(sensed + config.link_out));
        stage(Stage::Queue, frame.started.unwrap_or(until));
    }
    if let (Some(started), None) = (frame.started, frame.service) {
        stage(Stage::Compute, until.max(started));
    }
    if let (Some(started), Some(service)) = (frame.started, frame.service) {
        let finished = frame.finished.unwrap_or(started + service.total());
        // What a pipeline makes a frame wait between its servers.
        let mut t = finished - service.total();
        stage(Stage::Queue, t);
        for (part, span) in [
            (Stage::Pre, service.pre),
            (Stage::HostToDevice, service.host_to_device),
            (Stage::Compute, service.compute),
            (Stage::DeviceToHost, service.device_to_host),
            (Stage::Post, service.post),
        ] {
            t += span;
            stage(part, t);
        }
        let back = frame.returned.unwrap_or(finished + config.link_back + service.link());
        stage(Stage::LinkBack, back);
        if let Some(applied) = frame.applied {
            stage(Stage::ControlWait, applied - config.dead_time);
            stage(Stage::DeadTime, applied);
        }
    }
    Life { id: frame.id, captured: frame.captured, bars, fate }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;

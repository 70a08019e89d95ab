//! What a schedule comes to in an episode, once it has settled.

use episode::{Entry, Episode};
use timing::{Fate, Frame, SimTime, Span};

use crate::Ages;

/// The settled part of one or several episodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// Frames whose inference ended after the first that did, and the time they took.
    processed: (u64, Span),
    applied: (u64, Span),
    captured: u64,
    dropped: u64,
    pub latencies: Vec<Span>,
    pub ages: Ages,
    /// The oldest that a command grew before the next one.
    pub age_max: Span,
}

impl Observed {
    /// Of an episode's log; what was captured before a third of it is over does not count.
    pub fn of(episode: &mut Episode) -> Self {
        let log = episode.take_log();
        let settled = SimTime(episode.plant().tick_start().0 / 3);
        let ended = |entry: &Entry| match entry {
            Entry::Ended { frame, fate, .. } if frame.captured >= settled => Some((*frame, *fate)),
            _ => None,
        };
        let frames: Vec<(Frame, Fate)> = log.iter().filter_map(ended).collect();
        let applied: Vec<Frame> = frames.iter().filter(|(_, fate)| *fate == Fate::Applied).map(|(f, _)| *f).collect();
        let took_hold: Vec<SimTime> = applied.iter().filter_map(|frame| frame.applied).collect();
        let mut age_max = applied.iter().filter_map(Frame::latency).max().unwrap_or_default();
        for pair in applied.windows(2) {
            age_max = age_max.max(pair[1].applied.map_or(Span::ZERO, |a| a - pair[0].captured));
        }
        let first = took_hold.first().copied().unwrap_or(SimTime::NEVER);
        let tick_age = |entry: &Entry| match entry {
            Entry::Tick(tick) if tick.at >= first => tick.age,
            _ => None,
        };
        let ages: Vec<Span> = log.iter().filter_map(tick_age).collect();
        // A batch ends at one instant, whatever order its frames are noted in.
        let mut finished: Vec<SimTime> = frames.iter().filter_map(|(frame, _)| frame.finished).collect();
        finished.sort_unstable();
        Self {
            processed: rate(&finished),
            applied: rate(&took_hold),
            captured: frames.len() as u64,
            dropped: frames.iter().filter(|(_, fate)| *fate == Fate::Dropped).count() as u64,
            latencies: applied.iter().filter_map(Frame::latency).collect(),
            ages: Ages::of(&ages),
            age_max,
        }
    }

    /// Together with another episode.
    pub fn add(&mut self, other: &Self) {
        for (sum, one) in [(&mut self.processed, other.processed), (&mut self.applied, other.applied)] {
            *sum = (sum.0 + one.0, sum.1 + one.1);
        }
        self.captured += other.captured;
        self.dropped += other.dropped;
        self.latencies.extend(&other.latencies);
        self.ages.add(&other.ages);
        self.age_max = self.age_max.max(other.age_max);
    }

    pub fn processed_hz(&self) -> f64 {
        per_second(self.processed)
    }

    pub fn applied_hz(&self) -> f64 {
        per_second(self.applied)
    }

    /// Share of the frames that were never inferred.
    pub fn dropped_share(&self) -> f64 {
        self.dropped as f64 / self.captured.max(1) as f64
    }
}

/// How many came after those of the first instant, and in what time.
fn rate(at: &[SimTime]) -> (u64, Span) {
    let (Some(&first), Some(&last)) = (at.first(), at.last()) else { return (0, Span::ZERO) };
    (at.iter().filter(|t| **t > first).count() as u64, last - first)
}

fn per_second((count, span): (u64, Span)) -> f64 {
    if span > Span::ZERO { count as f64 / span.secs() } else { 0.0 }
}

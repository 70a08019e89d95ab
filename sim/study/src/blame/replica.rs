//! One replica: the run itself with other noise and another sensor phase, and its forks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use episode::{Change, Entry, Episode, Outcome, Story};
use plant::Contact;
use scenario::Setup;
use timing::{Fate, SimTime, Span, Stage, Stream, draw, draw_unit};

use super::change::{Change as Counterfactual, Part};
use super::{Accused, Inquiry, Verdict};
use crate::StudyError;
use crate::drive::{Network, advance};
use crate::pool::Seat;

/// Slower than this the robot stands, m/s.
const STANDING: f64 = 0.02;
/// How finely the last avoidable moment is sought.
const MOMENT: Span = Span(10_000_000);

/// A run that collided.
pub(crate) struct Factual {
    /// At its start.
    pub start: Episode,
    /// About the window's length before the contact.
    pub before: Episode,
    pub contact: Contact,
    pub story: Story,
    /// Until when a fork is watched.
    pub until: SimTime,
    /// An actor was hit.
    pub actor: bool,
    /// Latency of the first command that knew of the obstacle; the median where there was none.
    pub latency: Span,
    /// A person changed the latency after that frame was captured: what is scaled then is no one number of milliseconds.
    pub changed: bool,
    /// What its stages took.
    pub stages: Vec<(Stage, Span)>,
    /// Median service time, where some inferences take longer.
    pub spikes: Option<Span>,
    /// Parts of the latency that take time.
    pub parts: Vec<Part>,
}

/// Runs episodes with the networks that drive in them.
pub(crate) struct Bench {
    networks: BTreeMap<String, Network>,
    /// Episodes so far.
    pub runs: Cell<usize>,
}

impl Bench {
    pub async fn new(accused: &Accused, seat: &Seat<'_>) -> Result<Self, StudyError> {
        Ok(Self { networks: Network::take_all(seat, &accused.networks).await?, runs: Cell::new(0) })
    }

    /// The run, or one like it; `None` when it does not collide.
    pub async fn factual(
        &self,
        accused: &Accused,
        index: u64,
        inquiry: &Inquiry,
    ) -> Result<Option<Factual>, StudyError> {
        let window = inquiry.window;
        let setup = jittered(&accused.setup, index);
        let mut start = Episode::new(Arc::new(setup), accused.source.clone())?;
        start.schedule_edits(accused.edits.iter().cloned());
        let mut episode = start.clone();
        episode.keep_log();
        self.pump(&mut episode, SimTime::NEVER).await;
        let log = episode.take_log();
        let contact =
            log.iter().find_map(|entry| if let Entry::Contact(contact) = entry { Some(contact) } else { None });
        let (Some(contact), Some(story), Some(Outcome::Collision)) = (contact, episode.story(), episode.outcome())
        else {
            return Ok(None);
        };
        let mut before = start.clone();
        self.pump(&mut before, contact.at - forked(inquiry, index)).await;
        let first = first_that_knew(&log, contact.index);
        let config = &episode.setup().line;
        let stages = first.and_then(|frame| frame.stages(config)).map(Vec::from).unwrap_or_default();
        let known = first.map_or(before.now(), |frame| frame.captured);
        let changed = accused
            .edits
            .iter()
            .filter(|edit| alters_latency(&edit.change))
            .any(|edit| known < edit.at && edit.at < contact.at);
        let mut latencies = episode.stats().latencies.clone();
        let latency = first.and_then(timing::Frame::latency).unwrap_or_else(|| median(&mut latencies));
        let services: Vec<_> =
            log.iter().filter_map(|e| if let Entry::Predicted(p) = e { Some(p.service) } else { None }).collect();
        let mut times: Vec<Span> = services.iter().map(timing::ServiceTime::total).collect();
        let usual = median(&mut times);
        let takes = |part: Part| match part {
            Part::Sensing => config.sensing > Span::ZERO,
            Part::Link => {
                config.link_out + config.link_back > Span::ZERO
                    || config.network.is_some()
                    || services.iter().any(|s| s.link() > Span::ZERO)
            }
            Part::PrePost => services.iter().any(|s| s.pre + s.post > Span::ZERO),
            Part::Compute => services.iter().any(|s| s.total() > s.pre + s.post),
            Part::Actuation => config.dead_time > Span::ZERO,
        };
        Ok(Some(Factual {
            until: contact.at + window,
            actor: contact.index >= episode.setup().world.obstacles.len(),
            contact: contact.clone(),
            story: story.clone(),
            latency,
            changed,
            stages,
            spikes: times.last().filter(|longest| **longest > usual).map(|_| usual),
            parts: Part::ALL.into_iter().filter(|part| takes(*part)).collect(),
            start,
            before,
        }))
    }

    async fn pump(&self, episode: &mut Episode, until: SimTime) {
        self.runs.update(|runs| runs + 1);
        // An inference that fails leads to the safe command, here as in the run.
        advance(|pilot| self.networks.get(pilot.model()?), episode, until).await;
    }

    /// The impact speed of a fork before the contact, m/s; zero when nothing is hit until the window has passed.
    pub async fn impact(&self, factual: &Factual, change: &Counterfactual) -> f64 {
        self.impact_from(&factual.before, change, factual.until).await
    }

    async fn impact_from(&self, from: &Episode, change: &Counterfactual, until: SimTime) -> f64 {
        let mut fork = change.fork(from);
        self.pump(&mut fork, until).await;
        // A touch at no speed at all is one.
        fork.story().map_or(0.0, |story| story.impact_speed.max(f64::MIN_POSITIVE))
    }

    /// What a fork at `from` says.
    pub async fn verdict(&self, factual: &Factual, from: &Episode) -> Verdict {
        if factual.actor && factual.contact.robot_speed.abs() < STANDING {
            return Verdict::Actor;
        }
        let avoids = async |change| self.impact_from(from, &change, factual.until).await == 0.0;
        match (avoids(Counterfactual::NO_LATENCY).await, avoids(Counterfactual::EXPERT).await) {
            (true, true) => Verdict::Joint,
            (true, false) => Verdict::Latency,
            (false, true) => Verdict::Model,
            (false, false) if avoids(Counterfactual::BOTH).await => Verdict::Either,
            (false, false) => Verdict::Unavoidable,
        }
    }

    /// The last instant within the window from which the expert without latency avoids it, to 10 ms, taken to be the border
    /// between instants that all do and instants that all do not; `None` when not even the first does.
    pub async fn last_avoidable(&self, factual: &Factual) -> Option<SimTime> {
        let at = async |t: SimTime| {
            let mut then = factual.before.clone();
            self.pump(&mut then, t).await;
            self.impact_from(&then, &Counterfactual::BOTH, factual.until).await == 0.0
        };
        let (mut early, mut late) = (factual.before.now(), factual.contact.at);
        if !at(early).await {
            return None;
        }
        while late - early > MOMENT {
            let middle = early + (late - early).times(0.5);
            if at(middle).await { early = middle } else { late = middle }
        }
        Some(early)
    }
}

/// Whether frames after such a change take other times than before.
fn alters_latency(change: &Change) -> bool {
    match change {
        Change::Source(_) | Change::Deadline(_) | Change::Pilot(_) | Change::Network(_) => true,
        Change::Cruise(_) | Change::Compensation(_) => false,
    }
}

/// How long before the contact a replica forks time: spread evenly over a sixth of the window to either side, for at one
/// instant alone a verdict may be that instant's. The run itself is next to the middle.
pub(crate) fn forked(inquiry: &Inquiry, index: u64) -> Span {
    let n = inquiry.replicas.max(1) as u64;
    let place = ((index + n / 2) % n) as f64 + 0.5;
    inquiry.window + inquiry.spread().times(2.0 * place / n as f64 - 1.0)
}

/// The same variant with other noise and another sensor phase; 0 is the variant itself.
fn jittered(setup: &Setup, index: u64) -> Setup {
    let mut setup = setup.clone();
    if index > 0 {
        Arc::make_mut(&mut setup.world).seed = draw(setup.world.seed, Stream::Jitter, 2 * index);
        let capture = &mut setup.line.capture;
        capture.phase = capture.rate.period().times(draw_unit(setup.seed, Stream::Jitter, 2 * index + 1));
    }
    setup
}

/// The first applied frame in which the thing was in sight, in its last unbroken stretch of sight.
fn first_that_knew(log: &[Entry], thing: usize) -> Option<&timing::Frame> {
    let mut sees = BTreeMap::new();
    let mut first = None;
    for entry in log {
        match entry {
            Entry::Observed(o) => {
                sees.insert(o.frame, o.seen.iter().any(|seen| seen.index == thing));
            }
            Entry::Ended { frame, fate: Fate::Applied, .. } => {
                let saw = sees.get(&frame.id) == Some(&true);
                first = if saw { first.or(Some(frame)) } else { None };
            }
            _ => {}
        }
    }
    first
}

fn median(spans: &mut [Span]) -> Span {
    spans.sort_unstable();
    spans.get(spans.len() / 2).copied().unwrap_or_default()
}

//! A lane: one run of up to four in the same world, with all that has happened in it, so that any instant can be looked at again
//! and time can be forked there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use episode::{Answer, Change, Driver, Entry, Episode, NewPilot, Outcome, Pumped, Supply};
use scenario::Latency;
use timing::{SimTime, Source, Span, Trace};

use crate::history::History;
use crate::{Launched, Settings};

/// Lanes at most: as many as colours can be told apart on one course.
pub(crate) const MOST: usize = 4;

/// One run.
pub(crate) struct Lane {
    /// Which of the places it has, from 0; it keeps it until it is closed.
    pub place: usize,
    /// What it was launched with.
    pub launched: Settings,
    /// What held from when on: the launch, and each change since.
    pub settings: Vec<(SimTime, Settings)>,
    pub runtime_line: String,
    pub model_line: String,
    pub calibration: Option<Arc<Trace>>,
    pub episode: Episode,
    pub driver: Driver,
    pub history: History,
    /// How far it has come.
    pub reached: SimTime,
    /// When it left the lane that it was forked from.
    pub forked: Option<SimTime>,
    /// It comes from a log and is only looked at.
    pub recorded: bool,
    past: Past,
    review: Option<Review>,
}

/// All that happened, and states from which any instant is reached quickly.
#[derive(Default)]
struct Past {
    entries: Vec<Entry>,
    /// Of every tick.
    digests: Vec<u64>,
    keys: Vec<Arc<Key>>,
    /// Distance of the keys.
    every: Span,
}

/// A state to go on from.
struct Key {
    episode: Episode,
    /// Entries before it.
    entries: usize,
    /// Requests that were not answered then.
    asked: Vec<u64>,
}

/// The lane at an earlier instant.
struct Review {
    key: usize,
    at: SimTime,
    episode: Episode,
    driver: Driver,
    history: History,
    /// Since the key.
    entries: Vec<Entry>,
}

/// A lane may be so far ahead of the instant that all are shown at: they play by turns.
pub(crate) const AHEAD: Span = Span(4_000_000);
/// Keys are at first this far apart; twice as far whenever there are too many.
const EVERY: Span = Span(250_000_000);
/// Keys at most.
const KEYS: usize = 192;

impl Lane {
    /// A run at its start.
    pub fn new(place: usize, launched: Launched) -> Self {
        let Launched { mut episode, driver, settings, runtime_line, model_line, calibration } = launched;
        episode.keep_log();
        let mut lane = Self {
            place,
            launched: settings.clone(),
            settings: vec![(SimTime::ZERO, settings)],
            runtime_line,
            model_line,
            history: History::new(calibration.as_deref()),
            calibration,
            episode,
            driver,
            reached: SimTime::ZERO,
            forked: None,
            recorded: false,
            past: Past { every: EVERY, ..Past::default() },
            review: None,
        };
        lane.past.keep(&lane.episode, &lane.driver);
        lane
    }

    /// What holds at the instant shown.
    pub fn settings(&self) -> &Settings {
        let at = self.shown_at();
        self.settings.iter().rev().find(|(since, _)| *since <= at).map_or(&self.launched, |(_, settings)| settings)
    }

    /// What holds at its end.
    pub fn latest(&self) -> &Settings {
        self.settings.last().map_or(&self.launched, |(_, settings)| settings)
    }

    /// What a person changed now.
    pub fn set(&mut self, settings: Settings) {
        self.settings.push((self.reached, settings));
    }

    /// Whether it goes no further: it has ended, or its log has.
    pub fn done(&self) -> bool {
        self.recorded || self.episode.outcome().is_some()
    }

    /// Plays on, at most to `until`. Gives what happened, for the log.
    pub fn play(&mut self, until: SimTime, patience: Duration) -> (Pumped, Vec<Entry>) {
        let pumped = self.driver.pump(&mut self.episode, until, patience);
        // What was shown does not come back, though the last event may lie before it.
        let reached = if pumped == Pumped::Reached { until } else { self.episode.now() };
        self.reached = self.reached.max(reached);
        (pumped, self.happened())
    }

    /// Goes on with what happens at this very instant, and no further. Whether it has, and all that was asked is answered; and what
    /// happened, for the log.
    pub fn settle(&mut self, patience: Duration) -> (bool, Vec<Entry>) {
        let just_after = self.episode.now() + Span(1);
        let pumped = self.driver.pump(&mut self.episode, just_after, patience);
        let settled = pumped == Pumped::Reached && self.driver.outstanding().next().is_none();
        (settled, self.happened())
    }

    /// What happened since the last call.
    fn happened(&mut self) -> Vec<Entry> {
        let entries = self.episode.take_log();
        for entry in &entries {
            self.history.take(entry);
        }
        self.past.take(&entries);
        self.past.keep(&self.episode, &self.driver);
        entries
    }

    /// Lets the others have their turn, once the inference that was still running at the end is done.
    pub fn rest(&mut self) {
        self.driver.rest();
    }

    /// Runs a log to its end, or to the last of `ticks` where it is cut off.
    pub fn run_through(&mut self, ticks: Option<u64>) {
        loop {
            let until = self.episode.plant().tick_end() + self.past.every;
            let cut = ticks.map(|ticks| self.episode.setup().world.tick.event(ticks));
            let (pumped, entries) = self.play(cut.map_or(until, |cut| cut.min(until)), Duration::ZERO);
            for edit in
                entries.iter().filter_map(|entry| if let Entry::Edited(edit) = entry { Some(edit) } else { None })
            {
                let settings = edited(self.settings(), &edit.change);
                self.settings.push((edit.at, settings));
            }
            if pumped == Pumped::Over || cut.is_some_and(|cut| until >= cut) {
                break;
            }
        }
        self.recorded = true;
        self.reached = instant(&self.episode);
    }

    /// Looks at an earlier instant; at the newest with `None`.
    pub fn look_at(&mut self, at: Option<SimTime>) {
        let Some(at) = at.filter(|at| *at + AHEAD < self.reached) else {
            self.review = None;
            return;
        };
        let key = self.past.key(at);
        let far = |review: &Review| at < review.at || key > review.key;
        if self.review.as_ref().is_none_or(far) {
            self.review = Some(self.past.review(key, self.calibration.as_deref()));
        }
        if let Some(review) = &mut self.review {
            review.go(at);
        }
    }

    /// The instant shown.
    pub fn shown_at(&self) -> SimTime {
        self.review.as_ref().map_or(self.reached, |review| review.at)
    }

    /// What is shown.
    pub fn shown(&self) -> (&Episode, &History, SimTime) {
        match &self.review {
            Some(review) => (&review.episode, &review.history, review.at),
            None => (&self.episode, &self.history, self.reached),
        }
    }

    /// How it ended and when, if it has.
    pub fn end(&self) -> Option<(SimTime, Outcome)> {
        Some((self.episode.plant().tick_start(), self.episode.outcome()?))
    }

    /// A lane that goes on from the instant shown, on what `launched` brings to run its network. [`Lane::settle`] first. Gives what
    /// happened until then, too, for its log.
    pub fn fork(&mut self, place: usize, launched: Launched) -> (Self, Vec<Entry>) {
        if let Some(review) = &mut self.review {
            review.play(review.episode.now() + Span(1));
        }
        let (episode, _, at) = self.shown();
        let mut episode = episode.clone();
        if self.review.is_some() || self.recorded {
            // Another future. At the newest instant, what waits is what a person has just changed.
            episode.forget_edits();
        }
        let source = launched.episode.line().source();
        if matches!(episode.line().source(), Source::Recorded { .. }) {
            episode.change(Change::Source(source.clone()));
        }
        let (key, tail) = match &self.review {
            Some(review) => (review.key, &review.entries[..]),
            None => (self.past.keys.len() - 1, &self.past.entries[self.past.keys[self.past.keys.len() - 1].entries..]),
        };
        let mut entries = self.past.entries[..self.past.keys[key].entries].to_vec();
        entries.extend_from_slice(tail);
        let mut history = History::new(launched.calibration.as_deref());
        for entry in &entries {
            history.take(entry);
        }
        let mut past = Past { keys: self.past.keys[..=key].to_vec(), every: self.past.every, ..Past::default() };
        past.take(&entries);
        let mut settings: Vec<_> = self.settings.iter().filter(|(since, _)| *since <= at).cloned().collect();
        if settings.is_empty() {
            settings.push((SimTime::ZERO, self.launched.clone()));
        }
        let lane = Self {
            place,
            launched: self.launched.clone(),
            settings,
            runtime_line: launched.runtime_line,
            model_line: launched.model_line,
            calibration: launched.calibration,
            episode,
            driver: launched.driver,
            history,
            reached: at,
            forked: Some(at),
            recorded: false,
            past,
            review: None,
        };
        (lane, entries)
    }

    /// Up to when its ticks are those of `other`, digest for digest; `None` if no tick of both differs.
    pub fn equal_until(&self, other: &Self) -> Option<SimTime> {
        let (mine, theirs) = (&self.past.digests, &other.past.digests);
        // Digests roll: once they differ, they differ for good.
        let both = mine.len().min(theirs.len());
        let (mut low, mut high) = (0, both);
        while low < high {
            let middle = low.midpoint(high);
            if mine[middle] == theirs[middle] { low = middle + 1 } else { high = middle }
        }
        (low < both).then(|| self.episode.setup().world.tick.event(low as u64))
    }

    /// Everywhere it has been until the instant shown, on the floor, thinned.
    pub fn trail(&self) -> Vec<[f32; 2]> {
        let (_, history, _) = self.shown();
        history.trail_since(SimTime::ZERO)
    }
}

/// No event before it is left.
fn instant(episode: &Episode) -> SimTime {
    episode.now().max(episode.plant().tick_start())
}

/// Settings with what an edit of a log changed, as far as it can be named.
fn edited(settings: &Settings, change: &Change) -> Settings {
    let mut settings = settings.clone();
    match change {
        Change::Source(Source::Fixed(span)) => settings.latency = Latency::Fixed(span.ms()),
        Change::Source(Source::Service(service)) => settings.latency = Latency::Service(service.ms()),
        Change::Source(_) => {}
        Change::Cruise(cruise) => settings.cruise = Some(*cruise),
        Change::Compensation(compensation) => settings.compensation = *compensation,
        Change::Deadline(deadline) => settings.deadline_ms = deadline.map(Span::ms),
        Change::Pilot(NewPilot { pilot, runtime, graph }) => {
            settings.model = Some(pilot.name().to_owned());
            settings.runtime.clone_from(runtime);
            settings.graph.clone_from(graph);
        }
        Change::Network(network) => {
            let name = network.as_ref().map_or(scenario::NO_NETWORK, |network| &network.name);
            settings.link = Some(name.to_owned());
        }
    }
    settings
}

impl Past {
    fn take(&mut self, entries: &[Entry]) {
        self.entries.extend_from_slice(entries);
        let digest = |entry: &Entry| if let Entry::Tick(tick) = entry { Some(tick.digest) } else { None };
        self.digests.extend(entries.iter().filter_map(digest));
    }

    /// Remembers the state, if it is time to.
    fn keep(&mut self, episode: &Episode, driver: &Driver) {
        let due = self.keys.last().map_or(SimTime::ZERO, |key| instant(&key.episode) + self.every);
        if instant(episode) < due || episode.outcome().is_some() {
            return;
        }
        let asked = driver.outstanding().collect();
        self.keys.push(Arc::new(Key { episode: episode.clone(), entries: self.entries.len(), asked }));
        if self.keys.len() > KEYS {
            let mut index = 0;
            self.keys.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every = self.every.times(2.0);
        }
    }

    /// The last key before an instant.
    fn key(&self, at: SimTime) -> usize {
        self.keys.partition_point(|key| instant(&key.episode) <= at).saturating_sub(1)
    }

    /// The state of a key, ready to go on as it went on then.
    fn review(&self, index: usize, calibration: Option<&Trace>) -> Review {
        let key = &self.keys[index];
        let mut episode = key.episode.clone();
        let since = &self.entries[key.entries..];
        let mut answers = BTreeMap::new();
        let mut edits = Vec::new();
        for entry in since {
            match entry {
                Entry::Predicted(prediction) => {
                    answers.insert(prediction.id, Answer::Predicted(prediction.clone()));
                }
                Entry::Failed(failure) => {
                    answers.insert(failure.id, Answer::Failed(failure.clone()));
                }
                Entry::Edited(edit) => edits.push(edit.clone()),
                _ => {}
            }
        }
        // Those that the state knew of are in it.
        episode.schedule_edits(edits.into_iter().skip(key.episode.pending_edits()));
        let asked: BTreeSet<u64> = key.asked.iter().copied().collect();
        for id in asked {
            match answers.remove(&id) {
                Some(Answer::Predicted(prediction)) => {
                    episode.deliver(prediction);
                }
                Some(Answer::Failed(failure)) => episode.fail(failure),
                None => {}
            }
        }
        let mut history = History::new(calibration);
        for entry in &self.entries[..key.entries] {
            history.take(entry);
        }
        let at = instant(&episode);
        Review { key: index, at, episode, driver: Driver::new(Supply::Recorded(answers)), history, entries: Vec::new() }
    }
}

impl Review {
    fn go(&mut self, at: SimTime) {
        self.play(at);
        self.at = at.max(self.at);
    }

    fn play(&mut self, until: SimTime) {
        self.driver.pump(&mut self.episode, until, Duration::ZERO);
        let entries = self.episode.take_log();
        for entry in &entries {
            self.history.take(entry);
        }
        self.entries.extend(entries);
    }
}

#[cfg(test)]
#[path = "lane_tests.rs"]
mod tests;

//! The delay line: from a capture, through the device, to the instant at which its command takes hold.
//!
//! A discrete-event model in integer nanoseconds, without world, network or clock. Whoever drives it asks for the next
//! instant at which something happens ([`Line::peek`]), takes the events of that instant one by one ([`Line::pop`]),
//! and says how long an inference took when that was not known beforehand ([`Line::deliver`], [`Line::lose`]).

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use End::{Finish, Lost, Unknown};

use crate::network::{Channel, Sent};
use crate::source::{Source, idle_before};
use crate::{Chunks, Clock, Heat, Network, Schedule, ServiceTime, SimTime, Span, Stage, Warmth};

/// When results may become commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// As soon as they are back.
    Event,
    /// At the first control instant at or after they are back.
    Periodic(Clock),
}

impl Control {
    /// The longest that a result can wait.
    pub fn longest_wait(self) -> Span {
        match self {
            Self::Event => Span::ZERO,
            Self::Periodic(clock) => clock.rate.period(),
        }
    }
}

/// The constant delays and rules of the line.
#[derive(Clone, Debug, PartialEq)]
pub struct LineConfig {
    /// When the sensor samples the world.
    pub capture: Clock,
    /// When results may become commands.
    pub control: Control,
    /// The device's queue rule.
    pub schedule: Schedule,
    /// Exposure and readout.
    pub sensing: Span,
    /// Robot to device.
    pub link_out: Span,
    /// Device to robot.
    pub link_back: Span,
    /// The actuator's dead time.
    pub dead_time: Span,
    /// An inference that has not finished this long after its start is lost. Of a device elsewhere: whose answer is not back.
    pub deadline: Option<Span>,
    /// A modelled network between robot and device, on top of `link_out` and `link_back`.
    pub network: Option<Arc<Network>>,
    /// Seeds the draws of service times.
    pub seed: u64,
}

impl LineConfig {
    /// The constant delays outside the device.
    pub fn around(&self) -> Span {
        self.sensing + self.link_out + self.link_back + self.dead_time
    }
}

/// The life of one frame; instants that it did not reach are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Index of its capture.
    pub id: u64,
    /// `c`: the world was sampled.
    pub captured: SimTime,
    /// `r`: arrived at the device.
    pub arrived: Option<SimTime>,
    /// `s`: pre-processing began.
    pub started: Option<SimTime>,
    /// What the worker ran and timed.
    pub service: Option<ServiceTime>,
    /// `f`: post-processing ended.
    pub finished: Option<SimTime>,
    /// `b`: back at the robot.
    pub returned: Option<SimTime>,
    /// `a`: the command takes hold.
    pub applied: Option<SimTime>,
}

impl Frame {
    fn captured(id: u64, captured: SimTime) -> Self {
        Self {
            id,
            captured,
            arrived: None,
            started: None,
            service: None,
            finished: None,
            returned: None,
            applied: None,
        }
    }

    /// The latency `L = a - c`.
    pub fn latency(&self) -> Option<Span> {
        self.applied.map(|a| a - self.captured)
    }

    /// How long each stage took, in order; they add up to the latency. `None` unless it was applied.
    pub fn stages(&self, config: &LineConfig) -> Option<[(Stage, Span); 11]> {
        let (arrived, started, finished, applied) = (self.arrived?, self.started?, self.finished?, self.applied?);
        let service = self.service?;
        // Waiting inside a pipeline lies between s and f; on a single server it is zero.
        let queue = (started - arrived) + (finished - started - service.total());
        let back = self.returned?;
        // Of a measured link only the sum is known; the part that lies before the device is told as such.
        Some([
            (Stage::Sensing, config.sensing),
            (Stage::LinkOut, arrived - self.captured - config.sensing + service.link_out),
            (Stage::Queue, queue),
            (Stage::Pre, service.pre),
            (Stage::HostToDevice, service.host_to_device),
            (Stage::Compute, service.compute),
            (Stage::DeviceToHost, service.device_to_host),
            (Stage::Post, service.post),
            (Stage::LinkBack, back - finished - service.link_out),
            (Stage::ControlWait, applied - back - config.dead_time),
            (Stage::DeadTime, config.dead_time),
        ])
    }
}

/// How a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its command came into force.
    Applied,
    /// It was inferred, but a newer command was in force, or a newer frame of its batch spoke for it.
    Superseded,
    /// It was never inferred.
    Dropped,
    /// Its inference missed the deadline or failed, or the network lost it on its way.
    Lost,
}

/// How many frames ended how. `captured` is the sum of the other five.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Frames sampled.
    pub captured: u64,
    /// See [`Fate::Applied`].
    pub applied: u64,
    /// See [`Fate::Superseded`].
    pub superseded: u64,
    /// See [`Fate::Dropped`].
    pub dropped: u64,
    /// See [`Fate::Lost`].
    pub lost: u64,
    /// Not ended yet.
    pub in_flight: u64,
}

/// Something that happens at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The sensor samples the world.
    Captured {
        /// Index of the capture.
        id: u64,
    },
    /// The device takes up a frame. When `service` is `None`, [`Line::deliver`] or [`Line::lose`] must follow before
    /// the line can pass the earliest instant at which the inference may end.
    Started {
        /// The frame; of a batch, its newest.
        id: u64,
        /// How many frames are inferred together (less than the batch size in a partial batch).
        frames: usize,
        /// How long it takes, if known.
        service: Option<ServiceTime>,
    },
    /// An inference is done; its command is on the way back.
    Finished {
        /// The frame.
        id: u64,
    },
    /// A frame's life is over. `Applied` means that its command is in force from now on.
    Ended {
        /// The frame's whole life.
        frame: Frame,
        /// How it ended.
        fate: Fate,
    },
}

/// An inference on the device, or in the pure delay that stands for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The frame.
    pub frame: Frame,
    /// Whether the device is busy with it.
    pub occupies: bool,
    /// Its deadline: an edit after its start is for later inferences.
    deadline: Option<Span>,
    end: End,
}

impl Serving {
    fn started(&self) -> SimTime {
        self.frame.started.unwrap_or_default()
    }

    /// The latest instant at which it can end.
    fn latest(&self) -> SimTime {
        self.deadline.map_or(SimTime::NEVER, |d| self.started() + d)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Unknown,
    Finish(SimTime),
    Lost(SimTime),
}

fn heat(source: &Source) -> Option<Heat> {
    source.device().map(|device| Heat::new(device.body))
}

/// The delay line. Clone it to fork time.
#[derive(Clone, Debug)]
pub struct Line {
    config: LineConfig,
    source: Source,
    captures: u64,
    channel: Channel,
    /// Of a modelled device.
    heat: Option<Heat>,
    /// Frames on their way to the device, and whether they get lost on it.
    outbound: VecDeque<(Frame, bool)>,
    waiting: VecDeque<Frame>,
    serving: Vec<Serving>,
    /// Frames of a running batch that its newest speaks for.
    passengers: Vec<Frame>,
    returning: Vec<Frame>,
    /// Results that get lost on their way back, and when.
    strays: Vec<(SimTime, Frame)>,
    /// When the pipeline's servers are free: pre, compute, post.
    pipeline: [SimTime; 3],
    freed: Option<SimTime>,
    in_force: Option<Frame>,
    /// Set where answers are chunks, and when the newest frame was captured that was asked about.
    chunks: Option<Chunks>,
    asked: Option<SimTime>,
    counts: Counts,
    ended: VecDeque<(Frame, Fate)>,
}

impl Line {
    /// A line at the start of an episode: nothing captured, nothing in force.
    pub fn new(config: LineConfig, source: Source) -> Self {
        Self {
            config,
            heat: heat(&source),
            source,
            captures: 0,
            channel: Channel::default(),
            outbound: VecDeque::new(),
            waiting: VecDeque::new(),
            serving: Vec::new(),
            passengers: Vec::new(),
            returning: Vec::new(),
            strays: Vec::new(),
            pipeline: [SimTime::ZERO; 3],
            freed: None,
            in_force: None,
            chunks: None,
            asked: None,
            counts: Counts::default(),
            ended: VecDeque::new(),
        }
    }

    /// The constant delays and rules.
    pub fn config(&self) -> &LineConfig {
        &self.config
    }

    /// Where service times come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// An edit: inferences that start from now on take their times from `source`. A device that is another one than before comes as
    /// its conditions say, having idled until now; the same one stays as warm as it is, whatever network it runs.
    pub fn set_source(&mut self, source: Source) {
        let body = |source: &Source| source.device().map(|device| device.body);
        if body(&source) != body(&self.source) {
            self.heat = heat(&source);
        }
        self.source = source;
    }

    /// What a modelled device has come to at `now`; `None` where durations come from elsewhere.
    pub fn warmth(&self, now: SimTime) -> Option<Warmth> {
        self.heat.map(|heat| heat.warmth(now))
    }

    /// An edit: inferences that start from now on have this deadline.
    pub fn set_deadline(&mut self, deadline: Option<Span>) {
        self.config.deadline = deadline;
    }

    /// How answers of several commands are executed, where they are: frames captured from now on are asked about one at a time,
    /// and an answer takes hold at a step of its own.
    pub fn set_chunks(&mut self, chunks: Option<Chunks>) {
        self.chunks = chunks;
    }

    /// See [`Line::set_chunks`].
    pub fn chunks(&self) -> Option<Chunks> {
        self.chunks
    }

    /// From now on the delays outside the device are those of `config`. Frames on their way keep theirs, and
    /// none overtakes another on its way out.
    pub fn set_delays(&mut self, config: &LineConfig) {
        let LineConfig { sensing, link_out, link_back, dead_time, .. } = *config;
        let network = config.network.clone();
        self.config = LineConfig { sensing, link_out, link_back, dead_time, network, ..self.config.clone() };
    }

    /// The frame behind the command in force; `None` while the initial command holds.
    pub fn in_force(&self) -> Option<&Frame> {
        self.in_force.as_ref()
    }

    /// Age of the command in force, `t - c`; undefined before the first command.
    pub fn age(&self, t: SimTime) -> Option<Span> {
        self.in_force.map(|frame| t - frame.captured)
    }

    /// How many frames ended how.
    pub fn counts(&self) -> Counts {
        let c = self.counts;
        Counts { in_flight: c.captured - c.applied - c.superseded - c.dropped - c.lost, ..c }
    }

    /// Started and unfinished inferences, in the order of their starts.
    pub fn serving(&self) -> &[Serving] {
        &self.serving
    }

    /// Results between `f` and `a`, with `applied` set to `a`, in the order of their finish.
    pub fn returning(&self) -> &[Frame] {
        &self.returning
    }

    /// The started inference whose end is not known yet, and the latest instant at which it can end.
    pub fn unknown(&self) -> Option<(Frame, SimTime)> {
        let serving = self.serving.iter().find(|s| s.end == Unknown)?;
        Some((serving.frame, serving.latest()))
    }

    /// The next instant at which something known happens; not after the present one while that is not quiet.
    pub fn peek(&self) -> SimTime {
        if !self.ended.is_empty() {
            return SimTime::ZERO;
        }
        let ends = self.serving.iter().filter_map(|s| match s.end {
            Finish(t) | Lost(t) => Some(t),
            Unknown => None,
        });
        let applied = self.returning.iter().filter_map(|frame| frame.applied);
        let strays = self.strays.iter().map(|(at, _)| *at);
        let arrival = self.next_arrival();
        let capture = self.config.capture.event(self.captures);
        ends.chain(applied).chain(strays).chain(arrival).chain(self.start_instant()).fold(capture, SimTime::min)
    }

    /// The next event at `now`, which must be the instant of [`Line::peek`]; `None` when the instant is quiet.
    ///
    /// Order at one instant: finish, loss, apply (by `c`), capture, arrive, start; and again until quiet.
    pub fn pop(&mut self, now: SimTime) -> Option<Event> {
        loop {
            if let Some((frame, fate)) = self.ended.pop_front() {
                return Some(Event::Ended { frame, fate });
            }
            if let Some(event) = self.finish(now) {
                return Some(event);
            }
            if self.lose_due(now) || self.stray(now) || self.apply(now) {
                continue;
            }
            if self.config.capture.event(self.captures) <= now {
                return Some(self.capture(now));
            }
            if self.next_arrival().is_some_and(|r| r <= now) {
                self.arrive();
                continue;
            }
            return self.start(now);
        }
    }

    /// Says how long the inference of `id` took. Past the deadline it is lost at exactly `s + deadline`.
    ///
    /// Must come before the line passes the instant at which the inference ends; in a pipeline, whose first server is
    /// free long before that, before it passes the start. Returns whether `id` was waiting for this; a result that comes
    /// after its loss is none.
    pub fn deliver(&mut self, id: u64, service: ServiceTime) -> bool {
        let Some(i) = self.serving.iter().position(|s| s.frame.id == id && s.end == Unknown) else { return false };
        self.serving[i].frame.service = Some(service);
        self.serving[i].end = self.end_of(self.serving[i], service);
        true
    }

    /// Says that the inference of `id` failed `after` its start (a dead worker), or passed its deadline. One whose
    /// duration was known beforehand is lost when it would have finished: its wall time means nothing.
    pub fn lose(&mut self, id: u64, after: Span) -> bool {
        let Some(serving) = self.serving.iter_mut().find(|s| s.frame.id == id) else { return false };
        serving.end = Lost(match serving.end {
            Unknown => {
                let end = (serving.started() + after).min(serving.latest());
                if serving.occupies {
                    self.pipeline[0] = self.pipeline[0].max(end);
                }
                end
            }
            Finish(t) | Lost(t) => t,
        });
        true
    }

    /// The inference that finishes next at `now`, whose output is needed before [`Line::pop`].
    pub fn finishing(&self, now: SimTime) -> Option<u64> {
        let due = self.serving.iter().filter(|s| matches!(s.end, Finish(f) if f <= now));
        due.min_by_key(|s| s.frame.captured).map(|s| s.frame.id)
    }

    fn end(&mut self, frame: Frame, fate: Fate) {
        match fate {
            Fate::Applied => self.counts.applied += 1,
            Fate::Superseded => self.counts.superseded += 1,
            Fate::Dropped => self.counts.dropped += 1,
            Fate::Lost => self.counts.lost += 1,
        }
        self.ended.push_back((frame, fate));
    }

    /// Takes an inference whose end is due off the device.
    fn take_due(&mut self, due: impl Fn(End) -> bool) -> Option<Serving> {
        let (i, _) =
            self.serving.iter().enumerate().filter(|(_, s)| due(s.end)).min_by_key(|(_, s)| s.frame.captured)?;
        Some(self.serving.remove(i))
    }

    fn finish(&mut self, now: SimTime) -> Option<Event> {
        let Serving { mut frame, occupies, .. } = self.take_due(|end| matches!(end, Finish(f) if f <= now))?;
        if occupies {
            self.freed = Some(now);
        }
        let link = frame.service.map_or(Span::ZERO, |service| service.link());
        let Sent { at, lost } = self.channel.back(self.config.network.as_deref(), self.config.seed, frame.id, now);
        let back = at + self.config.link_back + link;
        let instant = match self.config.control {
            Control::Event => back,
            Control::Periodic(clock) => clock.next_at_or_after(back),
        };
        frame.finished = Some(now);
        if lost {
            self.strays.push((back, frame));
        } else {
            frame.returned = Some(back);
            let applied = instant + self.config.dead_time;
            let at_a_step = |chunks: Chunks| chunks.at(frame.captured, chunks.delay(applied - frame.captured));
            frame.applied = Some(self.chunks.map_or(applied, at_a_step));
            self.returning.push(frame);
        }
        self.end_passengers(frame, occupies, Fate::Superseded);
        Some(Event::Finished { id: frame.id })
    }

    fn lose_due(&mut self, now: SimTime) -> bool {
        let Some(lost) = self.take_due(|end| matches!(end, Lost(t) if t <= now)) else { return false };
        if lost.occupies {
            self.freed = Some(now);
        }
        self.end(lost.frame, Fate::Lost);
        self.end_passengers(lost.frame, lost.occupies, Fate::Lost);
        true
    }

    fn stray(&mut self, now: SimTime) -> bool {
        let Some(i) = self.strays.iter().position(|(at, _)| *at <= now) else { return false };
        let (_, frame) = self.strays.remove(i);
        self.end(frame, Fate::Lost);
        true
    }

    /// Those who rode with `frame` end with it. A pure delay carries no passengers: they ride on the device.
    fn end_passengers(&mut self, frame: Frame, occupies: bool, fate: Fate) {
        if occupies {
            for passenger in std::mem::take(&mut self.passengers) {
                let Frame { started, service, finished, .. } = frame;
                self.end(Frame { started, service, finished, ..passenger }, fate);
            }
        }
    }

    fn apply(&mut self, now: SimTime) -> bool {
        let due = self.returning.iter().enumerate().filter(|(_, frame)| frame.applied.is_some_and(|a| a <= now));
        let Some((i, _)) = due.min_by_key(|(_, frame)| frame.captured) else { return false };
        let mut frame = self.returning.remove(i);
        if self.in_force.is_some_and(|f| f.captured > frame.captured) {
            frame.applied = None;
            self.end(frame, Fate::Superseded);
        } else {
            self.in_force = Some(frame);
            self.end(frame, Fate::Applied);
        }
        true
    }

    fn capture(&mut self, now: SimTime) -> Event {
        let id = self.captures;
        self.captures += 1;
        self.counts.captured += 1;
        let mut frame = Frame::captured(id, now);
        if self.chunks.is_some_and(|chunks| self.not_yet(chunks, now)) {
            self.end(frame, Fate::Dropped);
            return Event::Captured { id };
        }
        self.asked = Some(now);
        let sensed = now + self.config.sensing;
        match self.channel.out(self.config.network.as_deref(), self.config.seed, id, sensed) {
            Some(Sent { at, lost }) => {
                let arrived = at + self.config.link_out + self.source.way_out(self.config.seed, id);
                // None overtakes another.
                let before = self.outbound.back().and_then(|(frame, _)| frame.arrived).unwrap_or_default();
                frame.arrived = Some(arrived.max(before));
                self.outbound.push_back((frame, lost));
            }
            // Ends when its turn would come, after this capture.
            None => self.end(frame, Fate::Dropped),
        }
        Event::Captured { id }
    }

    /// Whether a frame captured now is not asked about: what will be commanded while it is on its way is not known yet, or the
    /// answer before it is to be followed for longer.
    fn not_yet(&self, chunks: Chunks, now: SimTime) -> bool {
        let idle = self.outbound.is_empty()
            && self.waiting.is_empty()
            && self.serving.is_empty()
            && self.returning.is_empty()
            && self.strays.is_empty();
        !idle || self.asked.is_some_and(|asked| now < chunks.at(asked, chunks.every.unwrap_or(0)))
    }

    fn next_arrival(&self) -> Option<SimTime> {
        self.outbound.front().and_then(|(frame, _)| frame.arrived)
    }

    fn arrive(&mut self) {
        let Some((mut frame, lost)) = self.outbound.pop_front() else { return };
        if lost {
            frame.arrived = None;
            return self.end(frame, Fate::Lost);
        }
        self.waiting.push_back(frame);
        let places = match self.config.schedule {
            _ if !self.source.occupies() => return,
            Schedule::Newest | Schedule::Pipeline | Schedule::Batch { n: 1, .. } => 1,
            Schedule::Batch { n, .. } => n,
            Schedule::Skip if self.busy() => 0,
            Schedule::Skip => 1,
            Schedule::Fifo { depth } => {
                // An idle device takes the arriving frame at this very instant: it does not need a place.
                if self.waiting.len() > depth + usize::from(!self.busy()) {
                    self.waiting.pop_back();
                    self.end(frame, Fate::Dropped);
                }
                return;
            }
        };
        while self.waiting.len() > places {
            let Some(oldest) = self.waiting.pop_front() else { break };
            self.end(oldest, Fate::Dropped);
        }
    }

    /// Whether a single server is taken.
    fn busy(&self) -> bool {
        self.serving.iter().any(|s| s.occupies)
    }

    /// When the device takes up its next inference, as far as is known.
    fn start_instant(&self) -> Option<SimTime> {
        let oldest = self.waiting.front()?.arrived?;
        let newest = self.waiting.back()?.arrived?;
        if !self.source.occupies() {
            return Some(oldest);
        }
        let ready = match self.config.schedule {
            // Nobody knows yet how long its first server is taken.
            Schedule::Pipeline if self.serving.iter().any(|s| s.occupies && s.end == Unknown) => return None,
            Schedule::Pipeline => return Some(newest.max(self.pipeline[0])),
            _ if self.busy() => return None,
            Schedule::Batch { n, timeout } if self.waiting.len() < n => oldest + timeout,
            Schedule::Batch { .. } => newest,
            _ => oldest,
        };
        Some(ready.max(self.freed.unwrap_or_default()))
    }

    fn start(&mut self, now: SimTime) -> Option<Event> {
        if self.start_instant().is_none_or(|t| t > now) {
            return None;
        }
        let occupies = self.source.occupies();
        let mut frames = 1;
        if occupies && matches!(self.config.schedule, Schedule::Batch { .. }) {
            let newest = self.waiting.pop_back()?;
            self.passengers.extend(self.waiting.drain(..));
            self.waiting.push_back(newest);
            frames += self.passengers.len();
        }
        let mut frame = self.waiting.pop_front()?;
        let pace = self.heat.as_mut().map_or(1.0, |heat| heat.begin(now));
        let idle = idle_before(now, self.freed);
        let service = self.source.service_at(self.config.seed, frame.id, idle, pace);
        if let (Some(heat), Some(service)) = (&mut self.heat, service) {
            let total = service.total();
            heat.work(now, self.config.deadline.map_or(total, |deadline| total.min(deadline)));
        }
        frame.started = Some(now);
        frame.service = service;
        // The deadline counts the way out, also where it lies before the start.
        let way_out = self.source.way_out(self.config.seed, frame.id);
        let deadline = self.config.deadline.map(|deadline| (deadline - way_out).max(Span::ZERO));
        let mut serving = Serving { frame, occupies, deadline, end: Unknown };
        if let Some(service) = service {
            serving.end = self.end_of(serving, service);
        }
        self.serving.push(serving);
        Some(Event::Started { id: frame.id, frames, service })
    }

    /// When an inference ends that takes `service`. Finishing exactly at the deadline is finished.
    fn end_of(&mut self, serving: Serving, service: ServiceTime) -> End {
        let limit = serving.latest();
        let finish = if serving.occupies && self.config.schedule == Schedule::Pipeline {
            self.pass_pipeline(serving.started(), service, limit)
        } else {
            serving.started() + service.total()
        };
        // The answer of a device elsewhere must be back by then.
        if finish + service.link() > limit { Lost(limit) } else { Finish(finish) }
    }

    /// A frame that is done at one server holds it until the next is free; a lost one leaves at its deadline, `limit`.
    fn pass_pipeline(&mut self, started: SimTime, service: ServiceTime, limit: SimTime) -> SimTime {
        let [_, compute_free, post_free] = self.pipeline;
        let compute_start = (started + service.pre).max(compute_free);
        let compute = service.host_to_device + service.compute + service.device_to_host;
        let post_start = (compute_start + compute).max(post_free);
        let finish = post_start + service.post;
        self.pipeline[0] = compute_start.min(limit);
        if compute_start < limit {
            self.pipeline[1] = post_start.min(limit);
        }
        if post_start < limit {
            self.pipeline[2] = finish.min(limit);
        }
        finish
    }
}

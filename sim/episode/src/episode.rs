//! One run of one scenario as a value: `advance` is the only way forward, `clone` forks time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use plant::{Command, Observation, Piece, Plant};
use scenario::{Compensation, PilotSpec, Setup};
use timing::{Chunks, Event, Fate, Frame, Line, LineConfig, Network, Schedule, ServiceTime, SimTime, Source, Span};

use crate::chunks::check_chunks;
use crate::digest::{digest, digest_chunks};
use crate::log::TickEntry;
use crate::mind::{Mind, Thought};
use crate::verdict::{Sightings, Story};
use crate::{Change, Edit, Entry, EpisodeError, Failure, Outcome, Prediction, Request, Stats, Status};

/// The simulation of one scenario. Reads no clock, does no input or output, starts no thread.
///
/// Given the same setup, edits and predictions it goes through the same states, bit for bit, whoever drives it and at
/// whatever pace. A clone goes on exactly as the original would have.
#[derive(Clone, Debug)]
pub struct Episode {
    setup: Arc<Setup>,
    mind: Mind,
    plant: Plant,
    line: Line,
    /// No event before this instant is left; those at it may be.
    now: SimTime,
    /// The tick in progress, cut at captures and applications.
    pieces: Vec<Piece>,
    command: Command,
    /// What the network saw when it made the command in force.
    behind: Option<Arc<Observation>>,
    /// Observations of frames that have not ended.
    observations: BTreeMap<u64, Arc<Observation>>,
    /// Decoded outputs of frames that have not ended.
    thoughts: BTreeMap<u64, Thought>,
    /// Where answers are chunks: what is left of the one that is followed.
    script: Script,
    /// And the frozen prefixes of frames that have not ended.
    frozen: BTreeMap<u64, Vec<Command>>,
    /// Requests that will not be answered, and whether the safe command follows.
    given_up: BTreeMap<u64, bool>,
    /// The inference whose end is unknown, and how long it is known to have run.
    running: Option<(u64, Span)>,
    edits: VecDeque<Edit>,
    stale: bool,
    sightings: Sightings,
    story: Option<Story>,
    stats: Stats,
    digest: u64,
    log: Option<Vec<Entry>>,
    outcome: Option<Outcome>,
}

impl Episode {
    /// The start of an episode. `source` says where service times come from.
    pub fn new(setup: Arc<Setup>, source: Source) -> Result<Self, EpisodeError> {
        let plant = Plant::new(setup.world.clone())?;
        let mind = Mind::new(&setup);
        check_chunks(&setup, &source)?;
        if source == Source::Measured && !mind.asks() {
            return Err(EpisodeError::NothingToMeasure);
        }
        if source == Source::Measured && setup.line.schedule == Schedule::Pipeline {
            return Err(EpisodeError::NoOverlap);
        }
        let expected = batch_size(setup.line.schedule);
        if let Source::Replay(trace) = &source
            && trace.batch != expected
        {
            return Err(EpisodeError::BatchSize { found: trace.batch, expected });
        }
        let command = setup.initial_command;
        let mut line = Line::new(setup.line.clone(), source);
        line.set_chunks(mind.chunks());
        Ok(Self {
            line,
            mind,
            now: SimTime::ZERO,
            pieces: vec![Piece { from: SimTime::ZERO, command }],
            command,
            behind: None,
            observations: BTreeMap::new(),
            thoughts: BTreeMap::new(),
            script: Script::default(),
            frozen: BTreeMap::new(),
            given_up: BTreeMap::new(),
            running: None,
            edits: VecDeque::new(),
            stale: false,
            sightings: Sightings::default(),
            story: None,
            stats: Stats { min_clearance: plant.clearance(), ..Stats::default() },
            digest: setup.seed,
            log: None,
            outcome: None,
            plant,
            setup,
        })
    }

    /// A fork in which other things hold from now on: who drives and how late. For counterfactuals: it keeps no log. `change` is
    /// made to the setup that holds now, and to what edits still to come will make of it, and so is `adjust` to the source of
    /// durations. The world, and what a person changed until now, stay as they are.
    #[must_use]
    pub fn branch(&self, change: impl Fn(&mut Setup), adjust: impl Fn(&Source) -> Source) -> Self {
        let changed = |mut setup: Setup| {
            change(&mut setup);
            Setup { world: self.setup.world.clone(), ..setup }
        };
        let setup = Arc::new(changed(Setup::clone(&self.setup)));
        let mut fork = self.clone();
        fork.line.set_delays(&setup.line);
        fork.line.set_source(adjust(self.line.source()));
        for edit in &mut fork.edits {
            match &mut edit.change {
                Change::Source(source) => *source = adjust(source),
                Change::Pilot(new) => new.pilot = changed(self.with_pilot(&new.pilot)).pilot,
                Change::Network(network) => *network = changed(self.with_network(network.take())).line.network,
                _ => {}
            }
        }
        if setup.line.deadline != self.setup.line.deadline {
            fork.line.set_deadline(setup.line.deadline);
            fork.edits.retain(|edit| !matches!(edit.change, Change::Deadline(_)));
        }
        fork.log = None;
        fork.set_setup(setup);
        fork
    }

    fn with_pilot(&self, pilot: &PilotSpec) -> Setup {
        Setup { pilot: pilot.clone(), ..Setup::clone(&self.setup) }
    }

    fn with_network(&self, network: Option<Arc<Network>>) -> Setup {
        let line = LineConfig { network, ..self.setup.line.clone() };
        Setup { line, ..Setup::clone(&self.setup) }
    }

    fn set_setup(&mut self, setup: Arc<Setup>) {
        self.mind.set_setup(setup.clone());
        self.setup = setup;
    }

    /// Keeps a log from now on; take it with [`Episode::take_log`].
    pub fn keep_log(&mut self) {
        self.log.get_or_insert_default();
    }

    /// What happened since the last call.
    pub fn take_log(&mut self) -> Vec<Entry> {
        self.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What was set up, with the pilot that drives now and the network that it is over.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// The world.
    pub fn plant(&self) -> &Plant {
        &self.plant
    }

    /// The delay line.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// No event before this instant is left.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// The command in force.
    pub fn command(&self) -> Command {
        self.command
    }

    /// What the network saw when it made the command in force; `None` while the initial command holds.
    pub fn behind(&self) -> Option<&Arc<Observation>> {
        self.behind.as_ref()
    }

    /// The newest observation.
    pub fn newest(&self) -> Option<&Arc<Observation>> {
        self.mind.newest()
    }

    /// Running numbers.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The story of the collision, if there was one.
    pub fn story(&self) -> Option<&Story> {
        self.story.as_ref()
    }

    /// The rolling digest (XXH3-64) at the last committed tick; what it covers stands in `digest.rs`.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The robot at an instant of the tick in progress.
    pub fn robot_at(&self, t: SimTime) -> plant::RobotState {
        self.plant.robot_at(&self.pieces, t.clamp(self.plant.tick_start(), self.plant.tick_end()))
    }

    /// What sensors without noise would give at an instant of the tick in progress, for displays.
    pub fn truth_at(&self, t: SimTime) -> Observation {
        let t = t.clamp(self.plant.tick_start(), self.plant.tick_end());
        self.plant.truth(&self.pieces, t, self.newest().map_or(0, |newest| newest.frame))
    }

    /// How far along a path the footprint gets before it meets something, as things stand at an instant of the tick in progress;
    /// see [`Plant::free_along`].
    pub fn free_along(&self, path: &[plant::Pose], t: SimTime) -> f64 {
        self.plant.free_along(path, t.clamp(self.plant.tick_start(), self.plant.tick_end()))
    }

    /// Path driven since the frame behind the command in force was captured, metres, at an instant of the tick in
    /// progress; since the start while the initial command holds.
    pub fn blind_at(&self, t: SimTime) -> f64 {
        self.robot_at(t).odometer - self.behind.as_ref().map_or(0.0, |o| o.robot.odometer)
    }

    /// Makes a change as early as possible: just after the present instant. Returns the edit, with its time.
    pub fn change(&mut self, change: Change) -> Edit {
        let last = self.edits.back().map_or(SimTime::ZERO, |e| e.at);
        let edit = Edit { at: (self.now + Span(1)).max(last), change };
        self.edits.push_back(edit.clone());
        edit
    }

    /// Replays edits of an earlier run, in the order of their times.
    pub fn schedule_edits(&mut self, edits: impl IntoIterator<Item = Edit>) {
        self.edits.extend(edits);
    }

    /// Edits that are still to come.
    pub fn pending_edits(&self) -> usize {
        self.edits.len()
    }

    /// Gives up the edits that are still to come: what follows is another future.
    pub fn forget_edits(&mut self) {
        self.edits.clear();
    }

    /// Encodes the inputs of a request as the network's contract says, reusing the buffers of `out`. Left as it is when
    /// nothing waits for the request.
    pub fn inputs(&self, id: u64, contract: pilot::Contract, out: &mut Vec<pilot::Tensor>) {
        if let Some(observation) = self.observations.get(&id) {
            let frozen = self.frozen.get(&id).map_or(&[][..], |frozen| frozen);
            self.mind.encode(contract, observation, frozen, self.command, out);
        }
    }

    /// Goes forward until everything before `until` has happened, or as far as is known.
    ///
    /// Order at one instant: edit, step of a chunk, finish, loss, apply (by `c`), capture, arrive, start, and again until quiet; tick n
    /// holds the instants [t_n, t_(n+1)) and commits when none of them is left or unknown. While the end of an inference
    /// is unknown, nothing at or after `s` + [`Episode::still_running`] happens.
    pub fn advance(&mut self, until: SimTime) -> Status {
        loop {
            if self.outcome.is_some() {
                return Status::Over;
            }
            let unknown = self.line.unknown().map(|(frame, _)| frame);
            let bound = unknown.map_or(SimTime::NEVER, |frame| {
                let known = self.running.filter(|(id, _)| *id == frame.id).map_or(Span::ZERO, |(_, elapsed)| elapsed);
                frame.started.unwrap_or_default() + known
            });
            let blocked = Status::Blocked(unknown.map_or(0, |frame| frame.id));
            let tick_end = self.plant.tick_end();
            let line = self.line.peek().max(self.now);
            let step = self.script.next().max(self.now);
            let t = line.min(self.edit_instant()).min(self.stale_instant()).min(step);
            if t >= tick_end {
                if tick_end > until {
                    return Status::Reached;
                }
                if tick_end > bound {
                    return blocked;
                }
                self.commit(tick_end);
                continue;
            }
            if t >= until {
                return Status::Reached;
            }
            if t >= bound {
                return blocked;
            }
            self.now = t;
            if self.take_edit() {
                continue;
            }
            if step <= t {
                self.take_step();
                continue;
            }
            if line > t {
                self.stop_stale();
                continue;
            }
            if let Some(id) = self.line.finishing(t).filter(|id| !self.thoughts.contains_key(id)) {
                return Status::Blocked(id);
            }
            if let Some(request) = self.line.pop(t).and_then(|event| self.handle(event)) {
                return Status::Wants(request);
            }
        }
    }

    /// Delivers the result of a request. Returns whether anything still waited for it.
    pub fn deliver(&mut self, prediction: Prediction) -> bool {
        let id = prediction.id;
        let timed = self.line.deliver(id, prediction.service);
        let awaited = self.observations.contains_key(&id) && !self.given_up.contains_key(&id);
        if self.running.is_some_and(|(running, _)| running == id) {
            self.running = None;
        }
        if !(timed || awaited) {
            return false;
        }
        if awaited && !self.thoughts.contains_key(&id) {
            let thought = self.mind.decode(&prediction.output);
            self.stats.unusable += u64::from(thought.safe);
            self.thoughts.insert(id, thought);
        }
        let link = prediction.service.link();
        if link > Span::ZERO {
            self.stats.links.push(link);
        }
        self.note(Entry::Predicted(prediction));
        true
    }

    /// Says that a request will not be answered. If the worker failed (`why` is not empty), the safe command takes hold
    /// when it is lost; if it only missed its deadline, the last command holds.
    pub fn fail(&mut self, failure: Failure) {
        let id = failure.id;
        let waits = self.observations.contains_key(&id) && !self.given_up.contains_key(&id);
        if waits && self.line.lose(id, failure.after) {
            self.given_up.insert(id, !failure.why.is_empty());
            self.running = None;
            self.note(Entry::Failed(failure));
        }
    }

    /// Says that the inference of `id` has run for `elapsed` and has not finished, so that time may go on to
    /// `s + elapsed`. Beyond the deadline it is lost at exactly `s + deadline`.
    pub fn still_running(&mut self, id: u64, elapsed: Span) {
        let Some((frame, latest)) = self.line.unknown().filter(|(frame, _)| frame.id == id) else { return };
        let started = frame.started.unwrap_or_default();
        if started + elapsed > latest {
            self.fail(Failure { id, after: latest - started, why: String::new() });
        } else {
            self.running = Some((id, elapsed));
        }
    }

    /// Says that the inference of `id` was asked of a device elsewhere `elapsed` ago and that no answer is back. The device may
    /// have finished at any time since `s`, so time does not go on; past its deadline it is lost at exactly `s + deadline`.
    pub fn still_away(&mut self, id: u64, elapsed: Span) {
        let Some((frame, latest)) = self.line.unknown().filter(|(frame, _)| frame.id == id) else { return };
        let started = frame.started.unwrap_or_default();
        if started + elapsed > latest {
            self.fail(Failure { id, after: latest - started, why: String::new() });
        }
    }

    fn note(&mut self, entry: Entry) {
        if let Some(log) = &mut self.log {
            log.push(entry);
        }
    }

    fn edit_instant(&self) -> SimTime {
        self.edits.front().map_or(SimTime::NEVER, |edit| edit.at.max(self.now))
    }

    fn take_edit(&mut self) -> bool {
        let Some(edit) = self.edits.pop_front_if(|edit| edit.at <= self.now) else { return false };
        match edit.change.clone() {
            Change::Source(source) => self.line.set_source(source),
            Change::Cruise(cruise) => self.mind.set_cruise(cruise),
            Change::Compensation(compensation) => {
                self.mind.set_compensation(compensation);
                self.line.set_chunks(self.mind.chunks());
                if self.mind.chunks().is_none() {
                    self.script = Script::default();
                }
            }
            Change::Deadline(deadline) => self.line.set_deadline(deadline),
            Change::Pilot(new) => self.set_setup(self.with_pilot(&new.pilot).into()),
            Change::Network(network) => {
                self.set_setup(self.with_network(network).into());
                self.line.set_delays(&self.setup.line);
            }
        }
        self.note(Entry::Edited(edit));
        true
    }

    /// When the watchdog would find the command in force too old.
    fn stale_instant(&self) -> SimTime {
        match (self.mind.compensation(), self.line.in_force()) {
            (Compensation::Watchdog { stale_ms }, Some(frame)) if !self.stale => {
                (frame.captured + Span::from_ms(stale_ms)).max(self.now)
            }
            _ => SimTime::NEVER,
        }
    }

    fn stop_stale(&mut self) {
        self.stale = true;
        self.take_command(self.mind.safe_command());
        let age = self.line.age(self.now).unwrap_or_default();
        self.note(Entry::Stale { at: self.now, age });
    }

    /// The next command of the chunk that is followed.
    fn take_step(&mut self) {
        if let Some((_, command)) = self.script.steps.pop_front() {
            self.take_command(command);
        }
    }

    /// What will be commanded at each step of an answer to a frame captured now, until that can take over.
    fn freeze(&mut self, id: u64, chunks: Chunks) {
        let mut held = self.command;
        let mut steps = self.script.steps.iter().peekable();
        let frozen = (0..self.mind.expected_delay().min(chunks.horizon)).map(|k| {
            while let Some((_, command)) = steps.next_if(|(at, _)| *at <= chunks.at(self.now, k)) {
                held = *command;
            }
            held
        });
        self.frozen.insert(id, frozen.collect());
    }

    /// A chunk came: it takes over where its frozen prefix ends, or at once if it is later than that.
    fn follow(&mut self, frame: &Frame, thought: &Thought, chunks: Chunks) {
        let delay = chunks.delay(self.now - frame.captured);
        self.mind.took(delay);
        let frozen = self.frozen.get(&frame.id).map_or(0, Vec::len);
        // Of one that is wholly over the last command is the best there is.
        let from = delay.max(frozen).min(thought.commands.len() - 1);
        let over = chunks.at(frame.captured, from).max(self.now);
        self.stats.ran_out += u64::from(self.script.ends.is_some_and(|ends| ends < over));
        self.script.steps.retain(|(at, _)| *at < over);
        let steps =
            (from..thought.commands.len()).map(|k| (chunks.at(frame.captured, k).max(over), thought.commands[k]));
        self.script.steps.extend(steps);
        self.script.ends = Some(chunks.at(frame.captured, thought.commands.len()));
        if self.script.next() <= self.now {
            self.take_step();
        }
    }

    /// Cuts the tick here.
    fn take_command(&mut self, command: Command) {
        self.command = command;
        let from = self.now;
        match self.pieces.last_mut() {
            Some(last) if last.from == from => last.command = command,
            _ => self.pieces.push(Piece { from, command }),
        }
    }

    fn handle(&mut self, event: Event) -> Option<Request> {
        match event {
            Event::Captured { id } => self.observe(id),
            Event::Started { id, frames, service } => return self.start(id, frames, service),
            Event::Finished { .. } => {}
            Event::Ended { frame, fate } => self.end_frame(&frame, fate),
        }
        None
    }

    fn observe(&mut self, id: u64) {
        self.take_command(self.command);
        let observation = Arc::new(self.plant.observe(&self.pieces, self.now, id));
        self.mind.remember(&observation);
        self.sightings.observe(&observation);
        if let Some(chunks) = self.line.chunks() {
            self.freeze(id, chunks);
        }
        self.note(Entry::Observed(observation.clone()));
        self.observations.insert(id, observation);
    }

    fn start(&mut self, id: u64, frames: usize, service: Option<ServiceTime>) -> Option<Request> {
        self.stats.inferences += 1;
        let observation = self.observations.get(&id)?;
        let captured = observation.at;
        if let Some(thought) = self.mind.decide(observation) {
            self.thoughts.insert(id, thought);
            if let Some(service) = service {
                // Nobody is asked, but the log of a run holds every prediction it used.
                self.note(Entry::Predicted(Prediction { id, service, output: Vec::new() }));
                return None;
            }
        }
        if service.is_none() {
            self.running = Some((id, Span::ZERO));
        }
        Some(Request { id, captured, started: self.now, frames, service })
    }

    fn end_frame(&mut self, frame: &Frame, fate: Fate) {
        let observation = self.observations.remove(&frame.id);
        let thought = self.thoughts.remove(&frame.id);
        let failed = self.given_up.remove(&frame.id) == Some(true);
        let (mut command, mut safe) = (None, false);
        match (fate, observation, thought) {
            (Fate::Applied, Some(observation), Some(thought)) => {
                let latency = self.now - frame.captured;
                let peak = self.behind.as_ref().map_or(self.now - SimTime::ZERO, |o| self.now - o.at);
                self.stats.age_peak = self.stats.age_peak.max(peak);
                self.stats.blind_max = self.stats.blind_max.max(self.blind_at(self.now));
                self.stats.latencies.push(latency);
                if let Some(chunks) = self.line.chunks() {
                    self.follow(frame, &thought, chunks);
                } else {
                    let applied = self.mind.apply(&thought, &observation, latency);
                    self.take_command(applied);
                }
                self.sightings.act(&observation, self.now, self.robot_at(self.now).odometer);
                self.behind = Some(observation);
                self.stale = false;
                (command, safe) = (Some(self.command), thought.safe);
            }
            (Fate::Lost, ..) if failed => {
                self.script = Script::default();
                self.take_command(self.mind.safe_command());
                (command, safe) = (Some(self.command), true);
            }
            _ => {}
        }
        self.frozen.remove(&frame.id);
        self.note(Entry::Ended { at: self.now, frame: *frame, fate, command, safe });
    }

    /// Ends the tick: physics takes the pieces, contacts resolve.
    fn commit(&mut self, tick_end: SimTime) {
        let report = self.plant.step(&self.pieces);
        self.now = tick_end;
        self.pieces.clear();
        self.pieces.push(Piece { from: tick_end, command: self.command });
        let age = self.line.age(tick_end);
        let blind = self.blind_at(tick_end);
        self.stats.ages.extend(age);
        self.stats.age_peak = self.stats.age_peak.max(age.unwrap_or_default());
        self.stats.blind_max = self.stats.blind_max.max(blind);
        self.stats.min_clearance = self.stats.min_clearance.min(report.clearance);
        self.stats.collisions += report.contacts.len() as u32;
        self.digest = digest(self.digest, &self.plant, &self.line, &self.thoughts, self.command);
        if !(self.script.steps.is_empty() && self.frozen.is_empty()) {
            self.digest = digest_chunks(self.digest, &self.script.steps, &self.frozen);
        }
        if self.log.is_some() {
            self.note(Entry::Tick(TickEntry {
                at: tick_end,
                robot: self.plant.robot(),
                actors: self.plant.actor_poses_at(tick_end).map(|(pose, _)| pose).collect(),
                command: self.command,
                age,
                blind,
                clearance: report.clearance,
                digest: self.digest,
            }));
        }
        let touched = !report.contacts.is_empty();
        for contact in report.contacts {
            self.story.get_or_insert_with(|| Story::of(&contact, &self.sightings, age, blind));
            self.note(Entry::Contact(contact));
        }
        self.outcome = if report.invalid {
            self.stats.invalid = true;
            Some(Outcome::Timeout)
        } else if touched {
            Some(Outcome::Collision)
        } else if self.plant.fallen() {
            Some(Outcome::Fall)
        } else if self.plant.goal_reached() && (!self.setup.goal_at_rest || self.plant.robot().linear == 0.0) {
            Some(Outcome::Goal)
        } else if tick_end >= SimTime::ZERO + self.setup.duration {
            Some(Outcome::Timeout)
        } else {
            None
        };
        if let Some(outcome) = self.outcome {
            self.note(Entry::Over { at: tick_end, outcome });
        }
    }
}

/// What is left of a chunk.
#[derive(Clone, Debug, Default)]
struct Script {
    /// When each command takes hold.
    steps: VecDeque<(SimTime, Command)>,
    /// When the last of it is over.
    ends: Option<SimTime>,
}

impl Script {
    fn next(&self) -> SimTime {
        self.steps.front().map_or(SimTime::NEVER, |(at, _)| *at)
    }
}

/// Frames in an inference: a batch is padded to its full size, whatever waits.
pub fn batch_size(schedule: Schedule) -> usize {
    match schedule {
        Schedule::Batch { n, .. } => n,
        _ => 1,
    }
}

//! What the simulation thread does: takes orders, lets the lanes go as far as the speed says, shows where they stand.
#![allow(
    clippy::disallowed_methods,
    reason = "playing at a speed is wall time by nature; it decides nothing in the run"
)]

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use episode::{Change, Entry, NewPilot, Pumped, Turn};
use scenario::Latency;
use timing::{SimTime, Source, Span};

use crate::lane::{self, Lane};
use crate::sim_thread::{Knob, Order, Slot};
use crate::snapshot::{Blaming, LaneView, Phase, Playback, Snapshot, Timeline};
use crate::{Kept, Launched, Launcher, Settings, gather, lanes};

pub(crate) struct Player {
    launcher: Box<dyn Launcher>,
    orders: Receiver<Order>,
    slot: Slot,
    shown: Snapshot,
    lanes: Vec<Lane>,
    /// Which lane the controls are for.
    focus: usize,
    /// The instant shown of all lanes: some get there by playing, others, which were there before, are looked at again.
    at: SimTime,
    /// Their inferences run one at a time.
    turn: Turn,
    /// Where simulated and wall time were tied together.
    tied: (SimTime, Instant),
    /// For the speed obtained.
    mark: (SimTime, Instant),
    obtained: f64,
    /// Where time stands while paused.
    paused: Option<SimTime>,
    speed: f64,
    hold: Option<SimTime>,
    /// Whether the phase map is looked at.
    mapped: bool,
    published: Instant,
}

/// How long the thread sleeps between two looks at the clock while a run goes on.
const BEAT: Duration = Duration::from_millis(1);
/// How often a snapshot is made.
const PUBLISH: Duration = Duration::from_millis(7);
/// Further behind than this, time is tied anew: the machine is too slow, and a jump would follow.
const SLACK: Span = Span(100_000_000);
/// How long a fork waits for what its lane has asked.
const PATIENCE: Duration = Duration::from_secs(30);

impl Player {
    /// A player without a run; `hold`: time stands at zero until it is let go.
    pub fn new(
        launcher: Box<dyn Launcher>,
        orders: Receiver<Order>,
        slot: Slot,
        settings: &Settings,
        hold: bool,
    ) -> Self {
        let now = Instant::now();
        Self {
            launcher,
            orders,
            slot,
            shown: Snapshot::empty(settings.clone()),
            lanes: Vec::new(),
            focus: 0,
            at: SimTime::ZERO,
            turn: Turn::default(),
            tied: (SimTime::ZERO, now),
            mark: (SimTime::ZERO, now),
            obtained: 0.0,
            paused: None,
            speed: settings.speed,
            hold: hold.then_some(SimTime::ZERO),
            mapped: false,
            published: now,
        }
    }

    /// Plays until the window closes.
    pub fn run(mut self, first: &Settings) {
        self.launch(first);
        loop {
            let live = self.shown.phase == Phase::Live;
            match self.orders.recv_timeout(if live { BEAT } else { Duration::from_millis(20) }) {
                Ok(Order::Quit) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.map();
            if live {
                self.advance();
            }
            self.ask();
        }
    }

    /// What becomes of that which goes on elsewhere.
    fn ask(&mut self) {
        let focus = self.lanes.get(self.focus).map(|lane| (lane.place, lane.recorded));
        let kept = focus.filter(|(_, recorded)| !recorded);
        let kept = kept.map_or_else(Kept::default, |(place, _)| self.launcher.kept(place));
        let blame = focus.map_or_else(Blaming::default, |(place, _)| self.launcher.blaming(place));
        let settling = self.launcher.settling();
        if (&settling, &blame, &kept) != (&self.shown.settling, &self.shown.blame, &self.shown.log) {
            (self.shown.settling, self.shown.blame, self.shown.log) = (settling, blame, kept);
            self.publish();
        }
    }

    /// Keeps the phase map; it is refined only where nothing that goes on could be timed. A paused run that is measured has its
    /// next inference in hand.
    fn map(&mut self) {
        let over = matches!(self.shown.phase, Phase::Over(_) | Phase::Failed(_));
        let measured = |lane: &Lane| lane.settings().latency == Latency::Measured;
        let idle = over || (self.paused.is_some() && !self.lanes.iter().any(measured));
        self.launcher.refine(idle && self.mapped);
        let map = self.launcher.phase_map(&self.shown.settings);
        if map != self.shown.map {
            self.shown.map = map;
            self.publish();
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Launch(settings) => self.launch(&settings),
            Order::Open(scenario) => match self.launcher.settings(&scenario) {
                Ok(settings) => {
                    let speed = self.speed;
                    let place = self.lanes.get(self.focus).map_or(0, |lane| lane.place);
                    self.begin(vec![(place, Settings { speed, ..settings })], 0);
                }
                Err(why) => self.fail(why),
            },
            Order::Race(settings) => self.race(*settings),
            Order::OpenLog(path) => self.open_log(&path),
            Order::Pause(pause) => {
                self.paused = pause.then_some(self.at);
                self.tie();
            }
            Order::Step => {
                if let (Some(at), Some(lane)) = (&mut self.paused, self.lanes.get(self.focus)) {
                    *at = lane.shown().0.plant().tick_end().max(*at);
                }
            }
            Order::Speed(speed) => {
                self.speed = speed;
                self.shown.settings.speed = speed;
                self.tie();
            }
            Order::Hold(at) => {
                self.hold = at;
                self.tie();
            }
            Order::Scrub(at) => self.scrub(at),
            Order::Change(knob) => self.change(knob),
            Order::Equip(with) => self.equip(*with),
            Order::Fork => {
                self.fork();
            }
            Order::Focus(index) => {
                if index < self.lanes.len() {
                    self.focus = index;
                    self.show(false);
                }
            }
            Order::Close(index) => self.close(index),
            Order::Blame => {
                if let Some(lane) = self.lanes.get(self.focus) {
                    self.launcher.blame(lane.place);
                }
            }
            Order::Map(looked_at) => self.mapped = looked_at,
            Order::Settle(lab, predicted) => self.launcher.settle(&lab, predicted),
            Order::Quit => {}
        }
        self.publish();
    }

    /// Sets the lane in focus up anew, and the others with it, from the start.
    fn launch(&mut self, settings: &Settings) {
        let seed = settings.seed;
        let stays = |lane: &Lane| lane.launched.scenario == settings.scenario && !lane.recorded;
        let mut plans: Vec<(usize, Settings)> = Vec::new();
        let mut focus = 0;
        for (index, lane) in self.lanes.iter().enumerate() {
            if index == self.focus {
                focus = plans.len();
                plans.push((lane.place, settings.clone()));
            } else if stays(lane) {
                plans.push((lane.place, Settings { seed, ..lane.latest().clone() }));
            }
        }
        if plans.is_empty() {
            plans.push((0, settings.clone()));
        }
        self.speed = settings.speed;
        self.begin(plans, focus);
    }

    /// A lane more, and all from the start.
    fn race(&mut self, settings: Settings) {
        let mut plans: Vec<_> = self.lanes.iter().map(|lane| (lane.place, lane.latest().clone())).collect();
        match self.free_place() {
            Some(place) => plans.push((place, settings)),
            // The newest makes room.
            None => plans[lane::MOST - 1].1 = settings,
        }
        let focus = plans.len() - 1;
        self.begin(plans, focus);
    }

    /// Sets lanes up from the start. What ran networks in them goes on to do so.
    fn begin(&mut self, plans: Vec<(usize, Settings)>, focus: usize) {
        let scenario = plans.first().map_or(String::new(), |(_, settings)| settings.scenario.clone());
        self.shown.phase = Phase::Loading(format!("loading {scenario} ..."));
        self.publish();
        let mut supplies = Vec::new();
        for lane in self.lanes.drain(..) {
            if plans.iter().all(|(place, _)| *place != lane.place) {
                self.launcher.close(lane.place);
            }
            if !lane.recorded {
                supplies.push((lane.place, lane.driver.into_supply()));
            }
        }
        let mut begun = Vec::new();
        for (place, settings) in plans {
            let reuse = supplies.iter().position(|(of, _)| *of == place).map(|index| supplies.swap_remove(index).1);
            match self.launcher.launch(place, &settings, reuse) {
                Ok(launched) => begun.push(self.lane(place, launched)),
                Err(why) => {
                    for lane in begun {
                        self.launcher.close(lane.place);
                    }
                    self.shown.settings = settings;
                    self.fail(why);
                    return;
                }
            }
        }
        self.open(begun, focus);
    }

    fn lane(&self, place: usize, launched: Launched) -> Lane {
        let mut lane = Lane::new(place, launched);
        lane.driver.take_turns(&self.turn);
        lane
    }

    /// Time begins anew with these lanes.
    fn open(&mut self, lanes: Vec<Lane>, focus: usize) {
        self.lanes = lanes;
        self.focus = focus;
        self.at = SimTime::ZERO;
        self.obtained = 0.0;
        self.paused = self.paused.map(|_| SimTime::ZERO);
        self.hold = self.hold.map(|_| SimTime::ZERO);
        self.shown = Snapshot {
            run: self.shown.run + 1,
            phase: Phase::Live,
            settling: self.shown.settling.clone(),
            blame: Blaming::Idle,
            map: self.shown.map.clone(),
            ..Snapshot::empty(self.shown.settings.clone())
        };
        self.tie();
        self.show(self.hold == Some(SimTime::ZERO));
    }

    fn open_log(&mut self, path: &Path) {
        self.shown.phase = Phase::Loading(format!("opening {} ...", path.display()));
        self.publish();
        match self.launcher.open_log(path) {
            Ok(opened) => {
                for lane in self.lanes.drain(..) {
                    self.launcher.close(lane.place);
                }
                let mut lane = Lane::new(0, opened.launched);
                lane.run_through(opened.cut);
                self.open(vec![lane], 0);
                let name = path.file_stem().unwrap_or(path.as_os_str());
                self.shown.timeline.log = name.to_string_lossy().into_owned();
                self.publish();
            }
            Err(why) => self.fail(why),
        }
    }

    fn fail(&mut self, why: String) {
        self.lanes.clear();
        self.shown.phase = Phase::Failed(why);
        self.shown.run += 1;
        self.shown.scene = None;
        self.shown.lanes.clear();
        self.publish();
    }

    fn free_place(&self) -> Option<usize> {
        (0..lane::MOST).find(|place| self.lanes.iter().all(|lane| lane.place != *place))
    }

    /// Forks time in the lane in focus at the instant shown. Whether it could.
    fn fork(&mut self) -> bool {
        let Some(lane) = self.lanes.get(self.focus) else { return false };
        let Settings { model, runtime, graph, link, .. } = lane.settings().clone();
        let settings = Settings { model, runtime, graph, link, ..lane.launched.clone() };
        let Some(place) = self.room() else { return false };
        let Some(launched) = self.prepare(place, &settings) else { return false };
        let (fork, entries) = self.lanes[self.focus].fork(place, launched);
        self.join(fork, entries);
        true
    }

    /// A place for a lane more.
    fn room(&mut self) -> Option<usize> {
        let place = self.free_place();
        if place.is_none() {
            self.refuse(format!("there are {} lanes already; close one (X) to fork again", lane::MOST));
        }
        place
    }

    /// A change cannot be made.
    fn refuse(&mut self, why: impl Into<String>) {
        self.shown.notice = why.into();
        self.shown.refused += 1;
    }

    /// What runs the network in a fork of the lane in focus; all that was asked is answered then.
    fn prepare(&mut self, place: usize, settings: &Settings) -> Option<Launched> {
        let from = self.lanes.get(self.focus)?.place;
        if !self.settle() {
            self.refuse("the network does not answer, so time cannot be forked here");
            return None;
        }
        self.shown.notice = "loading the network ...".into();
        self.publish();
        match self.launcher.fork(place, settings, from) {
            Ok(launched) => Some(launched),
            Err(why) => {
                self.refuse(why);
                None
            }
        }
    }

    /// Takes a fork in, in its place, and goes on to look at it.
    fn join(&mut self, mut fork: Lane, entries: Vec<Entry>) {
        fork.driver.take_turns(&self.turn);
        self.launcher.record(fork.place, &fork.episode, entries, false);
        if let Some(index) = self.lanes.iter().position(|lane| lane.place == fork.place) {
            self.lanes[index] = fork;
            self.focus = index;
        } else {
            self.lanes.push(fork);
            self.focus = self.lanes.len() - 1;
        }
        self.shown.notice.clear();
        self.tie();
        self.show(false);
    }

    /// Another pilot, its network run otherwise, or over another link: in a fork where time stands, else from the start.
    fn equip(&mut self, with: Settings) {
        let Some(lane) = self.lanes.get(self.focus) else { return };
        let Settings { model, runtime, graph, link, .. } = with;
        let settings = Settings { model, runtime, graph, link, speed: self.speed, ..lane.settings().clone() };
        let over = lane.episode.outcome().is_some() && self.at >= lane.reached;
        if self.paused.is_none() || self.at == SimTime::ZERO || over {
            self.launch(&settings);
            return;
        }
        // A fork in which nothing has happened yet is made again.
        let again = lane.forked == Some(self.at) && self.at >= lane.reached;
        let Some(place) = (if again { Some(lane.place) } else { self.room() }) else { return };
        let Some(launched) = self.prepare(place, &settings) else { return };
        let lane = &mut self.lanes[self.focus];
        let setup = launched.episode.setup().clone();
        if setup.world.camera.is_some() && lane.episode.setup().world.camera.is_none() {
            if !again {
                self.launcher.close(place);
            }
            self.launch(&settings);
            self.shown.notice = format!(
                "{} looks through a depth camera, which this run did not have: it began anew",
                setup.pilot.name()
            );
            return;
        }
        let source = launched.episode.line().source().clone();
        let (mut fork, entries) = lane.fork(place, launched);
        let was = fork.latest().clone();
        let Settings { model, runtime, graph, link, latency, .. } = settings.clone();
        if (&was.model, &was.runtime, &was.graph) != (&model, &runtime, &graph) {
            fork.episode.change(Change::Pilot(NewPilot { pilot: setup.pilot.clone(), runtime, graph }));
            // What a device, or this machine when it was alone, takes for it is another network's time.
            let its_own = matches!(latency, Latency::Device(_) | Latency::Measured);
            if its_own && *fork.episode.line().source() != source {
                fork.episode.change(Change::Source(source));
            }
        }
        if was.link != link {
            fork.episode.change(Change::Network(setup.line.network.clone()));
        }
        fork.set(settings);
        self.join(fork, entries);
    }

    /// Waits until all that happens at this instant has happened and what was asked is answered. Whether it is.
    fn settle(&mut self) -> bool {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let mut settled = true;
            for lane in &mut self.lanes {
                if lane.done() {
                    lane.rest();
                    continue;
                }
                let (answered, entries) = lane.settle(BEAT);
                self.launcher.record(lane.place, &lane.episode, entries, lane.done());
                settled &= answered || lane.done();
            }
            if settled {
                return true;
            }
            if Instant::now() > give_up {
                return false;
            }
        }
    }

    fn close(&mut self, index: usize) {
        if self.lanes.len() < 2 || index >= self.lanes.len() {
            return;
        }
        let lane = self.lanes.remove(index);
        self.launcher.close(lane.place);
        if self.focus > index || self.focus == self.lanes.len() {
            self.focus -= 1;
        }
        self.tie();
        self.show(false);
    }

    fn change(&mut self, knob: Knob) {
        let Some(lane) = self.lanes.get(self.focus) else { return };
        let past = self.at < lane.reached || lane.recorded;
        // What is changed after the end holds for the next run: the window launches it with it.
        if !past && lane.done() {
            return;
        }
        // Where time stands, a change is another future, beside the one there is.
        let stands = past || self.paused.is_some();
        let forks = stands && self.at > SimTime::ZERO && lane.forked != Some(self.at);
        let forked = (forks || past) && self.fork();
        if past && !forked {
            return;
        }
        let Some(lane) = self.lanes.get_mut(self.focus) else { return };
        let mut settings = lane.settings().clone();
        let change = match knob {
            Knob::Latency(latency) => match self.launcher.source(lane.place, &latency) {
                Ok(source) => {
                    settings.latency = latency;
                    Change::Source(source)
                }
                Err(why) => return self.refuse(why),
            },
            Knob::Cruise(cruise) => {
                settings.cruise = Some(cruise);
                Change::Cruise(cruise)
            }
            Knob::Compensation(compensation) => {
                settings.compensation = compensation;
                Change::Compensation(compensation)
            }
            Knob::Deadline(ms) => {
                settings.deadline_ms = ms;
                Change::Deadline(ms.map(Span::from_ms))
            }
            Knob::Calibration => {
                let Some(trace) = &lane.calibration else {
                    return self.refuse("there is no calibration of this network to go on with");
                };
                Change::Source(Source::Replay(trace.clone()))
            }
        };
        lane.set(settings);
        lane.episode.change(change);
        self.shown.notice.clear();
        self.show(false);
    }

    fn scrub(&mut self, at: SimTime) {
        if self.lanes.is_empty() {
            return;
        }
        // An earlier instant is looked at with all the answers that belong to it.
        self.settle();
        self.at = at.max(SimTime::ZERO).min(self.head());
        self.paused = self.paused.map(|_| self.at);
        for lane in &mut self.lanes {
            lane.look_at(Some(self.at));
        }
        self.tie();
        self.show(false);
    }

    /// How far the lane that is furthest has come.
    fn head(&self) -> SimTime {
        self.lanes.iter().map(|lane| lane.reached).max().unwrap_or_default()
    }

    fn tie(&mut self) {
        self.tied = (self.at, Instant::now());
        self.mark = self.tied;
    }

    /// Lets one lane play, and passes on what happened.
    fn play(&mut self, index: usize, until: SimTime, patience: Duration) -> Pumped {
        let lane = &mut self.lanes[index];
        if lane.done() {
            lane.rest();
            return Pumped::Over;
        }
        let (pumped, entries) = lane.play(until, patience);
        self.launcher.record(lane.place, &lane.episode, entries, pumped == Pumped::Over);
        pumped
    }

    /// Plays on.
    fn advance(&mut self) {
        if self.lanes.is_empty() {
            return;
        }
        let due = self.tied.0 + Span::from_secs(self.tied.1.elapsed().as_secs_f64() * self.speed);
        let mut target = self.paused.unwrap_or(due).min(self.hold.unwrap_or(SimTime::NEVER)).max(self.at);
        if self.lanes.iter().all(Lane::done) {
            target = target.min(self.head());
        }
        let give_up = Instant::now() + BEAT;
        let several = self.lanes.len() > 1;
        let patience = BEAT / self.lanes.len() as u32;
        let mut ended = false;
        loop {
            // Together: none is more than a tick ahead of another.
            let front = self.front(target);
            let step = if several { target.min(front + lane::AHEAD) } else { target };
            let mut waiting = false;
            for index in 0..self.lanes.len() {
                // Also one that is further: the others may wait for their turn until its answer is taken.
                let reached = self.lanes[index].reached;
                let pumped =
                    self.play(index, step.max(reached), if reached < step { patience } else { Duration::ZERO });
                waiting |= pumped == Pumped::Waiting && reached < step;
                ended |= pumped == Pumped::Over;
            }
            if waiting || step >= target || Instant::now() >= give_up {
                break;
            }
        }
        let reached = self.front(target).min(self.head());
        self.at = self.at.max(reached);
        if self.paused.is_none() && (due - reached > SLACK || due > target) {
            self.tied = (reached, Instant::now());
        }
        if ended || self.published.elapsed() >= PUBLISH {
            self.show(self.hold == Some(target) && reached == target);
        }
    }

    /// How far all lanes have come on their way to `target`.
    fn front(&self, target: SimTime) -> SimTime {
        self.lanes.iter().filter(|lane| !lane.done()).map(|lane| lane.reached).fold(target, SimTime::min)
    }

    fn show(&mut self, held: bool) {
        let over = self.lanes.iter().all(Lane::done) && self.at >= self.head();
        let (sim, wall) = (self.at - self.mark.0, self.mark.1.elapsed());
        if over {
            self.obtained = 0.0;
        } else if wall > Duration::from_millis(400) {
            self.obtained = sim.secs() / wall.as_secs_f64();
            self.mark = (self.at, Instant::now());
        }
        let playback = Playback { speed: self.speed, obtained: self.obtained, paused: self.paused.is_some(), held };
        for lane in &mut self.lanes {
            lane.look_at(Some(self.at));
        }
        let Some(lane) = self.lanes.get(self.focus) else { return };
        let (episode, history, at) = lane.shown();
        self.shown.scene = Some(gather::scene(episode, history, at, playback));
        self.shown.settings = Settings { speed: self.speed, ..lane.settings().clone() };
        self.shown.runtime_line.clone_from(&lane.runtime_line);
        self.shown.model_line.clone_from(&lane.model_line);
        self.shown.focus = self.focus;
        self.shown.lanes = self.views();
        let ends = self.lanes.iter().filter_map(|lane| lane.end().map(|(at, how)| (lane.place, at, how)));
        let forks = self.lanes.iter().filter_map(|lane| lane.forked.map(|at| (lane.place, at)));
        self.shown.timeline = Timeline {
            at: self.at,
            head: self.head(),
            ends: ends.collect(),
            forks: forks.collect(),
            log: std::mem::take(&mut self.shown.timeline.log),
        };
        let ending = gather::ending(&lane.episode).filter(|_| over);
        self.shown.phase = ending.map_or(Phase::Live, Phase::Over);
        self.publish();
    }

    /// All lanes, and what sets them apart.
    fn views(&self) -> Vec<LaneView> {
        let all: Vec<&Settings> = self.lanes.iter().map(Lane::settings).collect();
        let first = &self.lanes[0];
        let views = self.lanes.iter().enumerate().map(|(index, lane)| {
            let (episode, _, at) = lane.shown();
            LaneView {
                place: lane.place,
                differs: lanes::differences(&all, index),
                robot: episode.robot_at(at),
                trail: if all.len() > 1 { lane.trail() } else { Vec::new() },
                age: episode.line().age(at),
                outcome: episode.outcome(),
                digest: episode.digest(),
                equal_until: lane.equal_until(first),
            }
        });
        views.collect()
    }

    fn publish(&mut self) {
        self.published = Instant::now();
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(self.shown.clone());
    }
}

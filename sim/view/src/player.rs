//! What the simulation thread does: takes orders, lets the episode go as far as its speed says, shows where it stands.
#![allow(
    clippy::disallowed_methods,
    reason = "playing at a speed is wall time by nature; it decides nothing in the run"
)]

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use episode::{Change, Driver, Episode, Pumped};
use scenario::Latency;
use timing::{SimTime, Source, Span, Trace};

use crate::history::History;
use crate::sim_thread::{Knob, Order, Slot};
use crate::snapshot::{Phase, Playback, Snapshot};
use crate::{Kept, Launched, Launcher, Settings, gather};

/// A run, and where simulated and wall time were tied together.
struct Stage {
    episode: Episode,
    driver: Driver,
    history: History,
    calibration: Option<Arc<Trace>>,
    tied: (SimTime, Instant),
    /// For the speed obtained.
    mark: (SimTime, Instant),
    obtained: f64,
}

pub(crate) struct Player {
    launcher: Box<dyn Launcher>,
    orders: Receiver<Order>,
    slot: Slot,
    shown: Snapshot,
    stage: Option<Stage>,
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

impl Player {
    /// A player without a run; `hold`: time stands at zero until it is let go.
    pub fn new(
        launcher: Box<dyn Launcher>,
        orders: Receiver<Order>,
        slot: Slot,
        settings: &Settings,
        hold: bool,
    ) -> Self {
        Self {
            launcher,
            orders,
            slot,
            shown: Snapshot::empty(settings.clone()),
            stage: None,
            paused: None,
            speed: settings.speed,
            hold: hold.then_some(SimTime::ZERO),
            mapped: false,
            published: Instant::now(),
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
            let settling = self.launcher.settling();
            if settling != self.shown.settling {
                self.shown.settling = settling;
                self.publish();
            }
            let kept = self.launcher.kept();
            if kept != self.shown.log {
                self.shown.log = kept;
                self.publish();
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Launch(settings) => self.launch(&settings),
            Order::Open(scenario) => match self.launcher.settings(&scenario) {
                Ok(settings) => self.launch(&Settings { speed: self.speed, ..settings }),
                Err(why) => self.fail(why),
            },
            Order::Pause(pause) => {
                self.paused = pause.then(|| self.now());
                self.tie();
            }
            Order::Step => {
                if let (Some(at), Some(stage)) = (&mut self.paused, &self.stage) {
                    *at = stage.episode.plant().tick_end().max(*at);
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
            Order::Change(knob) => self.change(knob),
            Order::Map(looked_at) => self.mapped = looked_at,
            Order::Settle(lab, predicted) => self.launcher.settle(&lab, predicted),
            Order::Quit => {}
        }
        self.publish();
    }

    /// Keeps the phase map; it is refined only where nothing that goes on could be timed. A paused run that is measured has its
    /// next inference in hand.
    fn map(&mut self) {
        let over = matches!(self.shown.phase, Phase::Over(_) | Phase::Failed(_));
        let idle = over || (self.paused.is_some() && self.shown.settings.latency != Latency::Measured);
        self.launcher.refine(idle && self.mapped);
        let map = self.launcher.phase_map(&self.shown.settings);
        if map != self.shown.map {
            self.shown.map = map;
            self.publish();
        }
    }

    /// Sets a run up. The last one's worker goes on to serve it.
    fn launch(&mut self, settings: &Settings) {
        self.shown.phase = Phase::Loading(format!("loading {} ...", settings.scenario));
        self.publish();
        let reuse = self.stage.take().map(|stage| stage.driver.into_supply());
        self.speed = settings.speed;
        match self.launcher.launch(settings, reuse) {
            Ok(launched) => self.begin(launched),
            Err(why) => {
                self.shown.settings = settings.clone();
                self.fail(why);
            }
        }
    }

    fn begin(&mut self, launched: Launched) {
        let Launched { mut episode, driver, settings, runtime_line, model_line, calibration } = launched;
        episode.keep_log();
        let now = Instant::now();
        let stage = Stage {
            history: History::new(calibration.as_deref()),
            episode,
            driver,
            calibration,
            tied: (SimTime::ZERO, now),
            mark: (SimTime::ZERO, now),
            obtained: 0.0,
        };
        self.stage = Some(stage);
        self.paused = self.paused.map(|_| SimTime::ZERO);
        self.hold = self.hold.map(|_| SimTime::ZERO);
        self.shown = Snapshot {
            run: self.shown.run + 1,
            phase: Phase::Live,
            settings: Settings { speed: self.speed, ..settings },
            runtime_line,
            model_line,
            notice: String::new(),
            log: Kept::default(),
            settling: self.shown.settling.clone(),
            map: self.shown.map.clone(),
            scene: None,
        };
        self.show(SimTime::ZERO, self.hold == Some(SimTime::ZERO));
    }

    fn fail(&mut self, why: String) {
        self.shown.phase = Phase::Failed(why);
        self.shown.run += 1;
        self.shown.scene = None;
        self.publish();
    }

    fn change(&mut self, knob: Knob) {
        // What is changed after the end holds for the next run: the window launches it with it.
        let Some(stage) = self.stage.as_mut().filter(|stage| stage.episode.outcome().is_none()) else { return };
        let settings = &mut self.shown.settings;
        let change = match knob {
            Knob::Latency(latency) => match self.launcher.source(&latency) {
                Ok(source) => {
                    settings.latency = latency;
                    Change::Source(source)
                }
                Err(why) => {
                    self.shown.notice = why;
                    return;
                }
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
                let Some(trace) = &stage.calibration else {
                    self.shown.notice = "there is no calibration of this network to go on with".into();
                    return;
                };
                Change::Source(Source::Replay(trace.clone()))
            }
        };
        self.shown.notice.clear();
        stage.episode.change(change);
    }

    /// The instant shown.
    fn now(&self) -> SimTime {
        self.shown.scene.as_ref().map_or(SimTime::ZERO, |scene| scene.now)
    }

    fn tie(&mut self) {
        let now = self.now();
        if let Some(stage) = &mut self.stage {
            stage.tied = (now, Instant::now());
            stage.mark = stage.tied;
        }
    }

    /// Plays on.
    fn advance(&mut self) {
        let shown = self.now();
        let Some(stage) = &mut self.stage else { return };
        let (tied, since) = stage.tied;
        let due = tied + Span::from_secs(since.elapsed().as_secs_f64() * self.speed);
        let target = self.paused.unwrap_or(due).min(self.hold.unwrap_or(SimTime::NEVER));
        let pumped = stage.driver.pump(&mut stage.episode, target, BEAT);
        // What was shown does not come back, though the last event may lie before it.
        let reached = if pumped == Pumped::Reached { target } else { stage.episode.now() }.max(shown);
        if self.paused.is_none() && (due - reached > SLACK || due > target) {
            stage.tied = (reached, Instant::now());
        }
        let over = pumped == Pumped::Over;
        let entries = stage.episode.take_log();
        for entry in &entries {
            stage.history.take(entry);
        }
        self.launcher.record(&stage.episode, entries, over);
        if over || self.published.elapsed() >= PUBLISH {
            self.show(reached, pumped == Pumped::Reached && self.hold == Some(target));
        }
    }

    fn show(&mut self, at: SimTime, held: bool) {
        let Some(stage) = &mut self.stage else { return };
        let (sim, wall) = (at - stage.mark.0, stage.mark.1.elapsed());
        if wall > Duration::from_millis(400) {
            stage.obtained = sim.secs() / wall.as_secs_f64();
            stage.mark = (at, Instant::now());
        }
        let playback = Playback { speed: self.speed, obtained: stage.obtained, paused: self.paused.is_some(), held };
        self.shown.scene = Some(gather::scene(&stage.episode, &stage.history, at, playback));
        if let Some(ending) = gather::ending(&stage.episode) {
            self.shown.phase = Phase::Over(ending);
        }
        self.publish();
    }

    fn publish(&mut self) {
        self.published = Instant::now();
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(self.shown.clone());
    }
}

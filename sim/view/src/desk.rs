//! The state of the window itself, and the one place where an action of a person, whatever it came from, takes effect.

use std::path::{Path, PathBuf};

use episode::Outcome;
use scenario::{Compensation, Latency};
use timing::{Schedule, SimTime, Span};

use crate::film::Filming;
use crate::labs::LabDesk;
use crate::sim_thread::{Knob, Order};
use crate::snapshot::{Phase, Snapshot};
use crate::undo::{Past, difference};
use crate::{Choice, Choices, Instrument, Settings, Stretch, dropped, theme};

/// What a person can do. Keys, panels, cards and scripts all speak in these.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Stop or go on.
    Pause,
    /// One tick.
    Step,
    /// Half the speed.
    Slower,
    /// Twice the speed.
    Faster,
    /// The same run again, with the present settings.
    Reset,
    /// The scenario at this place of the list.
    Scenario(usize),
    /// Where the latency comes from.
    Latency(Latency),
    /// More or less of it, milliseconds.
    Nudge(f64),
    /// The times measured when the network was alone.
    Calibration,
    /// The speed wanted on a free course, m/s.
    Cruise(f64),
    /// What is done about latency.
    Compensation(Compensation),
    /// The deadline, milliseconds.
    Deadline(Option<f64>),
    /// The seed; starts anew.
    Seed(u64),
    /// The network; a fork where time stands, else it starts anew.
    Model(String),
    /// The runtime; as for the network.
    Runtime(String),
    /// How far the graph is rewritten; as for the network.
    Graph(String),
    /// The modelled network between robot and device, or the scenario's own; as for the network.
    Link(Option<String>),
    /// The device's queue rule; starts anew.
    Schedule(Schedule),
    /// From above, or along.
    Camera,
    /// The camera there: yaw and pitch in degrees, metres from the robot.
    Eye([f32; 3]),
    /// The scene alone, without panels; and back.
    Bare,
    /// The list of keys.
    Help,
    /// The labs: show, hide.
    Labs,
    /// The lab at this place of the list, or the list.
    Lab(Option<usize>),
    /// A prediction, from 0.
    Predict(usize),
    /// Run what settles the lab, and open its first run.
    Settle,
    /// Open a run of the lab, from 0.
    LabRun(usize),
    /// A second future from this moment on.
    Fork,
    /// The lane at this index.
    Lane(usize),
    /// The next lane.
    NextLane,
    /// Close the lane at this index.
    CloseLane(usize),
    /// Close the lane in focus.
    CloseFocus,
    /// A lane more with these settings, and all from the start.
    Race(Box<Settings>),
    /// The present settings with this latency, beside what there is, and all from the start.
    WhatIf(Latency),
    /// The same from this moment on, seconds: time forks there and goes on.
    WhatIfFrom(f64, Latency),
    /// Look at this moment, seconds.
    Scrub(f64),
    /// Look so many seconds further on, or back.
    Look(f64),
    /// Look at a log.
    OpenLog(PathBuf),
    /// Whose fault was the collision?
    Blame,
    /// An instrument on the right: show, hide.
    Instrument(Instrument),
    /// The waterfall shows this stretch of time, or the last inferences.
    Stretch(Option<Stretch>),
    /// The waterfall shows a stretch so many times as long, up to now.
    Zoom(f64),
    /// A picture of the window.
    Shot,
    /// Files were dropped on the window.
    Dropped(Vec<PathBuf>),
    /// A network from a file: time it and drive with it.
    OpenModel(PathBuf),
    /// A scenario from a file.
    OpenScenario(PathBuf),
    /// Dark, or light.
    Dark,
    /// Take the last change of the settings back.
    Undo,
    /// Make it again.
    Redo,
    /// A short film of the window: begin, end.
    Film,
    /// Close the card, or the help, or the window.
    Escape,
}

/// Slowest and fastest play.
pub(crate) const SPEEDS: [f64; 2] = [0.1, 8.0];
/// The slider ends here; the command line goes on.
pub(crate) const LATENCY_MAX: f64 = 500.0;

/// The state of the window.
#[derive(Clone, Debug, bevy::prelude::Resource)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Desk {
    /// What the controls show.
    pub settings: Settings,
    /// The run the settings were taken from.
    run: u64,
    /// Changes that could not be made until then.
    refused: u64,
    /// The last settings that could be launched.
    worked: Option<Settings>,
    /// What can be picked.
    pub choices: Choices,
    /// Whether time stands still.
    pub paused: bool,
    /// Whether the camera looks from above.
    pub from_above: bool,
    /// Where the camera was asked to be: yaw and pitch in degrees, metres from the robot.
    pub eye: Option<[f32; 3]>,
    /// Whether the scene is shown alone.
    pub bare: bool,
    /// Whether the list of keys is shown.
    pub help: bool,
    /// What becomes of the files that hover above the window; empty if none do.
    pub promise: String,
    /// Whether the first steps are told: until anything is done.
    pub hint: bool,
    /// Light or dark.
    pub(crate) mode: theme::Mode,
    /// The labs.
    pub labs: LabDesk,
    /// The instrument on the right, in front of the labs.
    pub instrument: Option<Instrument>,
    /// The stretch of time that the waterfall shows; the last inferences if `None`.
    pub stretch: Option<Stretch>,
    /// Whether the card of the ended run was closed.
    pub card_closed: bool,
    /// A picture is wanted.
    pub shot: bool,
    /// A film of the window.
    pub(crate) film: Filming,
    /// The window is to close.
    pub quit: bool,
    /// A line shown for a moment.
    pub toast: String,
    over: bool,
    /// The lane in focus, of so many.
    lane: (usize, usize),
    /// The moment shown, seconds.
    at: f64,
    outbox: Vec<Order>,
    past: Past,
    /// Whether the pointer holds something.
    drag: bool,
}

impl Desk {
    /// The desk of a window that is about to launch `settings`.
    pub fn new(settings: Settings, choices: Choices) -> Self {
        Self {
            settings,
            run: 0,
            refused: 0,
            worked: None,
            choices,
            paused: false,
            from_above: false,
            eye: None,
            bare: false,
            help: false,
            promise: String::new(),
            hint: false,
            mode: theme::Mode::default(),
            labs: LabDesk::default(),
            instrument: None,
            stretch: None,
            card_closed: false,
            shot: false,
            film: Filming::default(),
            quit: false,
            toast: String::new(),
            over: false,
            lane: (0, 0),
            at: 0.0,
            outbox: Vec::new(),
            past: Past::default(),
            drag: false,
        }
    }

    /// Follows the simulation: a new run brings its settings with it.
    pub fn follow(&mut self, snapshot: &Snapshot) {
        self.labs.follow(&snapshot.settling);
        self.over = matches!(snapshot.phase, Phase::Over(_) | Phase::Failed(_));
        let lane = (snapshot.focus, snapshot.lanes.len());
        let at = snapshot.timeline.at.secs();
        let looking = snapshot.timeline.past() || !snapshot.timeline.log.is_empty();
        // The controls show what holds in that lane, or held at that moment; and what holds still, after a change that was refused.
        let refused = snapshot.refused != self.refused;
        if snapshot.run == self.run && (lane != self.lane || looking && at != self.at || refused) {
            self.settings = snapshot.settings.clone();
        }
        self.refused = snapshot.refused;
        if lane != self.lane {
            // What was changed in another lane is not taken back in this one.
            self.past = Past::default();
        }
        (self.lane, self.at) = (lane, at);
        if snapshot.run != self.run {
            self.run = snapshot.run;
            self.settings = snapshot.settings.clone();
            self.card_closed = false;
            if snapshot.phase == Phase::Live {
                self.worked = Some(snapshot.settings.clone());
            }
        }
    }

    /// What the window must tell the simulation. Of several changes of one kind only the last is kept, so that a dragged
    /// slider never fills the channel.
    pub fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.outbox)
    }

    /// Puts orders back that could not be passed on.
    pub fn put_back(&mut self, mut orders: Vec<Order>) {
        orders.append(&mut self.outbox);
        self.outbox = orders;
    }

    /// Whether a run is to be set up.
    pub(crate) fn pending_launch(&self) -> bool {
        self.outbox
            .iter()
            .any(|order| matches!(order, Order::Launch(_) | Order::Open(_) | Order::Race(_) | Order::OpenLog(_)))
    }

    /// The latency in milliseconds, where it is a number.
    pub fn latency_ms(&self) -> Option<f64> {
        match self.settings.latency {
            Latency::Zero => Some(0.0),
            Latency::Fixed(ms) | Latency::Service(ms) => Some(ms),
            _ => None,
        }
    }

    /// Settings to go back to after a failure.
    pub fn worked(&self) -> Option<&Settings> {
        self.worked.as_ref()
    }

    fn tell(&mut self, order: Order) {
        let same = |a: &Order| match (a, &order) {
            (Order::Change(a), Order::Change(b)) => std::mem::discriminant(a) == std::mem::discriminant(b),
            (Order::Speed(_), Order::Speed(_))
            | (Order::Equip(_), Order::Equip(_))
            | (Order::Scrub(_), Order::Scrub(_))
            | (Order::Map(_), Order::Map(_)) => true,
            _ => false,
        };
        self.outbox.retain(|waiting| !same(waiting));
        self.outbox.push(order);
    }

    /// A run begins: what was still to be changed belongs to the one before.
    fn forget(&mut self) {
        let of_a_run =
            |order: &Order| matches!(order, Order::Change(_) | Order::Equip(_) | Order::Launch(_) | Order::Open(_));
        self.outbox.retain(|waiting| !of_a_run(waiting));
    }

    /// A run begins, and time goes on.
    fn clear(&mut self) {
        self.forget();
        if self.paused {
            self.paused = false;
            self.tell(Order::Pause(false));
        }
    }

    fn launch(&mut self) {
        self.clear();
        let settings = self.settings.clone();
        self.tell(Order::Launch(settings.into()));
    }

    /// Launches these settings.
    pub fn go(&mut self, settings: Settings) {
        let was = std::mem::replace(&mut self.settings, settings);
        self.past.note(was, false);
        self.launch();
    }

    /// Tells whether the pointer holds something: all changes of one drag are taken back together.
    pub(crate) fn dragging(&mut self, drag: bool) {
        self.drag = drag;
        if !drag {
            self.past.let_go();
        }
    }

    /// Takes an action, and remembers what the settings were.
    pub fn act(&mut self, action: Action) {
        if std::mem::take(&mut self.hint) && action == Action::Escape {
            return;
        }
        match action {
            Action::Undo => {
                let step = self.past.undo(&self.settings);
                self.step_to(step, "taken back", "nothing to take back");
            }
            Action::Redo => {
                let step = self.past.redo(&self.settings);
                self.step_to(step, "done again", "nothing to do again");
            }
            action => {
                let was = self.settings.clone();
                self.take(action);
                if (Settings { speed: self.settings.speed, ..was.clone() }) != self.settings {
                    self.past.note(was, self.drag);
                }
            }
        }
    }

    /// Goes to other settings: in the run that goes on if all that differs can be changed in it, else by a launch.
    fn step_to(&mut self, step: Option<Settings>, done: &str, none: &str) {
        let Some(new) = step else {
            none.clone_into(&mut self.toast);
            return;
        };
        self.toast = format!("{done}: {}", difference(&self.settings, &new));
        let old = std::mem::replace(&mut self.settings, new.clone());
        // All that the run which goes on can take; where time stands also another network and link.
        let Settings { model, runtime, graph, latency, link, cruise, compensation, deadline_ms, .. } = new.clone();
        let turned = Settings { latency, cruise, compensation, deadline_ms, ..old.clone() };
        let equipped = Settings { model, runtime, graph, link, ..turned.clone() };
        let live = (turned == new || self.stands() && equipped == new) && cruise.is_some();
        if !live || self.pending_launch() {
            self.launch();
            return;
        }
        if turned != new {
            self.equip();
        }
        let knobs = [
            (old.latency != new.latency).then_some(Knob::Latency(new.latency)),
            (old.cruise != new.cruise).then_some(new.cruise).flatten().map(Knob::Cruise),
            (old.compensation != new.compensation).then_some(Knob::Compensation(new.compensation)),
            (old.deadline_ms != new.deadline_ms).then_some(Knob::Deadline(new.deadline_ms)),
        ];
        for knob in knobs.into_iter().flatten() {
            self.tell(Order::Change(knob));
        }
    }

    fn take(&mut self, action: Action) {
        match action {
            Action::Pause if self.over => self.launch(),
            Action::Pause => {
                self.paused = !self.paused;
                self.tell(Order::Pause(self.paused));
            }
            Action::Step => {
                if !self.paused {
                    self.take(Action::Pause);
                }
                self.tell(Order::Step);
            }
            Action::Slower => self.play(self.settings.speed / 2.0),
            Action::Faster => self.play(self.settings.speed * 2.0),
            Action::Reset => self.launch(),
            Action::Scenario(index) => {
                if let Some(choice) = self.choices.scenarios.get(index) {
                    self.open(choice.id.clone());
                }
            }
            Action::Latency(latency) => {
                self.settings.latency = latency.clone();
                self.tell(Order::Change(Knob::Latency(latency)));
            }
            Action::Nudge(by) => {
                let ms = (self.latency_ms().unwrap_or(0.0) + by).clamp(0.0, LATENCY_MAX);
                let service = matches!(self.settings.latency, Latency::Service(_));
                self.take(Action::Latency(if service { Latency::Service(ms) } else { Latency::Fixed(ms) }));
            }
            Action::Calibration => self.tell(Order::Change(Knob::Calibration)),
            Action::Cruise(cruise) => {
                self.settings.cruise = Some(cruise);
                self.tell(Order::Change(Knob::Cruise(cruise)));
            }
            Action::Compensation(compensation) => {
                self.settings.compensation = compensation;
                self.tell(Order::Change(Knob::Compensation(compensation)));
            }
            Action::Deadline(ms) => {
                self.settings.deadline_ms = ms;
                self.tell(Order::Change(Knob::Deadline(ms)));
            }
            Action::Seed(seed) => {
                self.settings.seed = seed;
                self.launch();
            }
            Action::Model(model) => {
                self.settings.model = Some(model);
                self.equip();
            }
            Action::Runtime(runtime) => {
                self.settings.runtime = runtime;
                self.equip();
            }
            Action::Graph(graph) => {
                self.settings.graph = graph;
                self.equip();
            }
            Action::Link(link) => {
                self.settings.link = link;
                self.equip();
            }
            Action::Schedule(schedule) => {
                self.settings.schedule = schedule;
                self.launch();
            }
            Action::Camera => {
                self.from_above = !self.from_above;
                self.eye = None;
            }
            Action::Eye(eye) => self.eye = Some(eye),
            Action::Bare => self.bare = !self.bare,
            Action::Dropped(paths) => match dropped::action(&paths) {
                Ok(action) => self.take(action),
                Err(why) => self.toast = why,
            },
            Action::OpenModel(path) => {
                let id = offer(&mut self.choices.models, &path, "dropped");
                self.settings.model = Some(id);
                self.settings.latency = Latency::Measured;
                self.launch();
            }
            Action::OpenScenario(path) => {
                let id = offer(&mut self.choices.scenarios, &path, "dropped");
                self.open(id);
            }
            Action::Dark => self.mode = self.mode.other(),
            Action::Help => self.help = !self.help,
            Action::Labs => {
                // Behind an instrument they are open, but not seen.
                self.labs.open = self.instrument.is_some() || !self.labs.open;
                self.put(None);
            }
            Action::Lab(which) => {
                self.labs.open = true;
                self.put(None);
                self.labs.pick(which);
            }
            Action::Predict(choice) => self.labs.predict(choice),
            Action::Settle => {
                if let (Some(sheet), Some(predicted), false) = (self.labs.sheet(), self.labs.predicted, self.labs.asked)
                {
                    let order = Order::Settle(sheet.id.clone(), predicted);
                    self.labs.asked = true;
                    self.tell(order);
                    self.take(Action::LabRun(0));
                }
            }
            Action::LabRun(run) => {
                if let Some((_, id)) = self.labs.sheet().and_then(|sheet| sheet.runs.get(run)) {
                    let id = id.clone();
                    self.clear();
                    self.open(id);
                }
            }
            Action::Fork => self.tell(Order::Fork),
            Action::Lane(index) => self.tell(Order::Focus(index)),
            Action::NextLane => self.tell(Order::Focus((self.lane.0 + 1) % self.lane.1.max(1))),
            Action::CloseLane(index) => self.tell(Order::Close(index)),
            Action::CloseFocus => self.tell(Order::Close(self.lane.0)),
            Action::Race(settings) => {
                self.clear();
                self.tell(Order::Race(settings));
            }
            Action::WhatIf(latency) => {
                self.take(Action::Race(Box::new(Settings { latency, ..self.settings.clone() })));
            }
            Action::WhatIfFrom(secs, latency) => {
                self.take(Action::Scrub(secs));
                self.take(Action::Latency(latency));
                self.paused = false;
                self.tell(Order::Pause(false));
            }
            Action::Scrub(secs) => {
                // A moment that is looked at stands still.
                if !self.paused {
                    self.paused = true;
                    self.tell(Order::Pause(true));
                }
                let at = SimTime::ZERO + Span::from_secs(secs.clamp(0.0, 1e6));
                self.at = secs;
                self.tell(Order::Scrub(at));
            }
            Action::Look(by) => self.take(Action::Scrub((self.at + by).max(0.0))),
            Action::OpenLog(path) => {
                self.clear();
                self.tell(Order::OpenLog(path));
            }
            Action::Blame => self.tell(Order::Blame),
            Action::Instrument(which) => self.put(Some(which).filter(|which| self.instrument != Some(*which))),
            Action::Stretch(stretch) => self.stretch = stretch,
            Action::Zoom(factor) => {
                // Half a second is about what the last inferences take.
                let now = self.stretch.unwrap_or(Stretch { span: 500.0, back: 0.0 });
                self.stretch = Some(now.zoomed(factor, 1.0));
            }
            Action::Shot => self.shot = true,
            Action::Film if self.film.busy && !self.film.on => {
                "the film before this one is still being written".clone_into(&mut self.toast);
            }
            Action::Film => self.film.on = !self.film.on,
            // Taken by `act`.
            Action::Undo | Action::Redo => {}
            Action::Escape if self.bare => self.bare = false,
            Action::Escape if self.help => self.help = false,
            Action::Escape if self.over && !self.card_closed => self.card_closed = true,
            Action::Escape if self.instrument.is_some() => self.put(None),
            Action::Escape if self.labs.open => self.labs.open = false,
            Action::Escape => self.quit = true,
        }
    }

    /// Whether time stands on the way, so that another future can begin here.
    fn stands(&self) -> bool {
        self.paused && !self.over
    }

    /// Another pilot drives, or over another link: from here on in a fork where time stands, else from the start.
    fn equip(&mut self) {
        if self.stands() {
            self.tell(Order::Equip(self.settings.clone().into()));
        } else {
            self.launch();
        }
    }

    /// Puts an instrument on the right, or none.
    pub(crate) fn put(&mut self, instrument: Option<Instrument>) {
        let map = |of: Option<Instrument>| of == Some(Instrument::Map);
        if map(self.instrument) != map(instrument) {
            self.tell(Order::Map(map(instrument)));
        }
        self.instrument = instrument;
    }

    /// Opens a scenario with its own settings.
    fn open(&mut self, id: String) {
        self.settings.scenario.clone_from(&id);
        self.forget();
        self.tell(Order::Open(id));
    }

    fn play(&mut self, speed: f64) {
        self.settings.speed = speed.clamp(SPEEDS[0], SPEEDS[1]);
        self.tell(Order::Speed(self.settings.speed));
    }
}

/// Makes a file something that can be picked; gives its `id`.
fn offer(choices: &mut Vec<Choice>, path: &Path, description: &str) -> String {
    let id = path.display().to_string();
    if choices.iter().all(|choice| choice.id != id) {
        let title = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        choices.push(Choice { id: id.clone(), title, description: format!("{description}: {id}") });
    }
    id
}

/// What an outcome is called, in a list.
pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Goal => "at the goal",
        Outcome::Collision => "collided",
        Outcome::Fall => "fell",
        Outcome::Timeout => "out of time",
    }
}

/// What an outcome is called.
pub(crate) fn outcome_title(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Goal => "Goal reached",
        Outcome::Collision => "Collision",
        Outcome::Fall => "It fell",
        Outcome::Timeout => "Time is up",
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
pub(crate) mod tests;

//! What the window draws: plain data, made by the simulation thread, never changed afterwards.

use std::sync::Arc;

use episode::Outcome;
use plant::{Observation, Pose, RobotState, World};
use timing::{Counts, Fate, SimTime, Span, Stage, Warmth};

use crate::gauge::Gauge;
use crate::labs::Settling;
use crate::phase::MapState;
use crate::{Kept, Settings};

/// Everything the window shows of one instant.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts the runs of this session; a new number means a new world.
    pub run: u64,
    /// What goes on.
    pub phase: Phase,
    /// What this run is made from, with the changes made while it went on; the controls follow it when a run begins.
    pub settings: Settings,
    /// What was asked for and obtained, in one line.
    pub runtime_line: String,
    /// The network, in one line.
    pub model_line: String,
    /// What went wrong with the last edit; empty if nothing did.
    pub notice: String,
    /// How many changes could not be made: after each the controls show again what holds.
    pub refused: u64,
    /// Where this run is kept.
    pub log: Kept,
    /// What becomes of the runs that settle a lab.
    pub settling: Settling,
    /// The phase map of this run's scenario.
    pub map: MapState,
    /// The run, if one has been launched: of several lanes, the one in focus.
    pub scene: Option<Scene>,
    /// All lanes, that one among them.
    pub lanes: Vec<LaneView>,
    /// Which of them is in focus.
    pub focus: usize,
    /// The whole run.
    pub timeline: Timeline,
    /// What became of the question whose fault it was.
    pub blame: Blaming,
}

/// A robot beside others in the same world.
#[derive(Clone, Debug)]
pub struct LaneView {
    /// Its place, from 0: its letter and its colour.
    pub place: usize,
    /// What sets it apart from the others, such as `latency fixed:80`; empty where nothing does.
    pub differs: Vec<String>,
    /// The robot.
    pub robot: RobotState,
    /// Where it has been, on the floor.
    pub trail: Vec<[f32; 2]>,
    /// Age of the command in force.
    pub age: Option<Span>,
    /// How it has ended, once that is shown.
    pub outcome: Option<Outcome>,
    /// The digest of the last tick shown.
    pub digest: u64,
    /// Up to when every tick is that of the first lane, digest for digest; `None` if none differs.
    pub equal_until: Option<SimTime>,
}

/// The whole run, for the bar under the scene.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// The instant shown.
    pub at: SimTime,
    /// How far the lane that is furthest has come.
    pub head: SimTime,
    /// When lanes ended: place, when, how.
    pub ends: Vec<(usize, SimTime, Outcome)>,
    /// When lanes were forked: place and when.
    pub forks: Vec<(usize, SimTime)>,
    /// It is a log that is looked at.
    pub log: String,
}

impl Timeline {
    /// Whether an earlier instant is shown.
    pub fn past(&self) -> bool {
        self.at < self.head
    }
}

/// What became of the question whose fault a collision was.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Blaming {
    /// Nobody has asked.
    #[default]
    Idle,
    /// It is being found out.
    Running {
        /// Steps done.
        done: usize,
        /// Of so many; 0 before that is known.
        of: usize,
    },
    /// It is known.
    Told(Verdict),
    /// It cannot be told: why.
    Failed(String),
}

/// Whose fault it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// One word or two.
    pub verdict: String,
    /// In plain words.
    pub paragraph: String,
    /// Numbers: name and value.
    pub numbers: Vec<(String, String)>,
    /// The latency up to which it does not collide, milliseconds.
    pub critical_ms: Option<f64>,
    /// Where time was forked to find that out, seconds.
    pub forked_s: f64,
}

/// What goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// A run is being set up: what for, in words.
    Loading(String),
    /// It runs, or is paused.
    Live,
    /// It has ended.
    Over(Ending),
    /// It could not be set up: why and what to do.
    Failed(String),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Goal, collision, ...
    pub outcome: Outcome,
    /// Why, in one sentence with numbers; only of collisions.
    pub story: Option<String>,
    /// Simulated seconds.
    pub seconds: f64,
    /// Smallest distance to anything, metres; `None` where there is nothing.
    pub clearance: Option<f64>,
    /// The highest peak of the age, milliseconds.
    pub age_ms: f64,
    /// Longest path driven on one frame, metres.
    pub blind: f64,
    /// The digest of the last tick.
    pub digest: u64,
}

/// The run at an instant.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What never changes during a run.
    pub world: Arc<World>,
    /// Now.
    pub now: SimTime,
    /// The robot now.
    pub robot: RobotState,
    /// The actors now, in the scenario's order.
    pub actors: Vec<Pose>,
    /// The newest observation: its scan is drawn as dots.
    pub newest: Option<Arc<Observation>>,
    /// What the network saw when it made the command in force.
    pub behind: Option<Arc<Observation>>,
    /// Age of the command in force.
    pub age: Option<Span>,
    /// Path driven since the frame behind the command in force was captured, metres.
    pub blind: f64,
    /// That path on the floor, from the capture to now.
    pub blind_path: Vec<[f32; 2]>,
    /// Where the command in force takes the robot.
    pub committed: Vec<[f32; 2]>,
    /// What the robot needs to stop from now, metres; zero for a balancer.
    pub stopping: f64,
    /// Distance to the nearest thing, metres; infinite where there is nothing.
    pub clearance: f64,
    /// What a modelled device that grows warm has come to.
    pub warmth: Option<Warmth>,
    /// How many frames ended how.
    pub counts: Counts,
    /// For the age strip.
    pub ages: AgeStrip,
    /// For the waterfall, oldest first.
    pub lives: Vec<Life>,
    /// How the run is played.
    pub playback: Playback,
    /// What the latency numbers are worth.
    pub badge: Badge,
    /// What the instruments show.
    pub instruments: Instruments,
}

/// What the instruments show of an instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instruments {
    /// What it needs to stop, and what is free ahead; `None` for a balancer.
    pub gauge: Option<Gauge>,
    /// What sensors without noise would give now.
    pub truth: Option<Arc<Observation>>,
    /// The free distance at which the scenario lets the robot see what is ahead, metres, if it says so.
    pub sight: Option<f64>,
    /// What of a reaction is no pure delay: sensing, links, the longest wait for a control instant, dead time and lag.
    pub spent: Span,
}

/// How the run is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playback {
    /// Simulated seconds a second, as asked for.
    pub speed: f64,
    /// Simulated seconds a second, as obtained lately.
    pub obtained: f64,
    /// Whether time stands still.
    pub paused: bool,
    /// Whether a script holds time at this very instant.
    pub held: bool,
}

/// What the latency numbers are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Badge {
    /// Timed by a clock, in this run.
    Measured,
    /// Timed by a clock, but not as when the network was calibrated alone: the window takes its share.
    Drifted,
    /// From a recording.
    Recorded,
    /// From a device's published numbers.
    Modelled,
    /// Set by hand.
    Set,
}

impl Badge {
    /// The word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Drifted => "measured, disturbed",
            Self::Recorded => "recorded",
            Self::Modelled => "modelled",
            Self::Set => "set by hand",
        }
    }

    /// What it means.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Measured => {
                "Each inference is run and timed on this machine. A window is not a certified measurement: use \
                 `deadtime measure` for one."
            }
            Self::Drifted => {
                "Inferences take longer here than when the network was timed alone: the window takes its share of the \
                 processor. Press T to go on with the times measured alone."
            }
            Self::Recorded => "Inference times come from a recording.",
            Self::Modelled => "Inference times are drawn from a device's published numbers. That device is not here.",
            Self::Set => "The latency is what you set.",
        }
    }
}

/// Age of the command in force over the last seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgeStrip {
    /// Corners of the saw: (seconds from now, so negative; milliseconds).
    pub saw: Vec<[f64; 2]>,
    /// Its peaks.
    pub peaks: Vec<[f64; 2]>,
    /// The age at each application, which is the latency of the frame applied.
    pub latencies: Vec<[f64; 2]>,
}

impl AgeStrip {
    /// Seconds shown.
    pub const WINDOW: f64 = 3.0;
}

/// One frame in the waterfall.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    /// Index of its capture.
    pub id: u64,
    /// `c`.
    pub captured: SimTime,
    /// Its stages, from and to.
    pub bars: Vec<(Stage, SimTime, SimTime)>,
    /// How it ended; `None` while it is on the way.
    pub fate: Option<Fate>,
}

impl Snapshot {
    /// Before anything has been launched.
    pub fn empty(settings: Settings) -> Self {
        Self {
            run: 0,
            phase: Phase::Loading("loading ...".into()),
            settings,
            runtime_line: String::new(),
            model_line: String::new(),
            notice: String::new(),
            refused: 0,
            log: Kept::default(),
            settling: Settling::default(),
            map: MapState::default(),
            scene: None,
            lanes: Vec::new(),
            focus: 0,
            timeline: Timeline::default(),
            blame: Blaming::default(),
        }
    }
}

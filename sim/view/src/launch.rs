//! What the window needs from whoever starts it, and the options of the window itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use episode::{Driver, Entry, Episode, Supply};
use scenario::{Compensation, Latency};
use timing::{Schedule, Source, Trace};

use crate::labs::{LabSheet, Settling};
use crate::memory::Memory;
use crate::phase::MapState;
use crate::script::Script;
use crate::snapshot::Blaming;

/// What a run is made from: all that the command line can say about one.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name or path of a scenario; the `id` of a [`Choice`].
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The network, by the `id` of a [`Choice`]; the scenario's own if `None`.
    pub model: Option<String>,
    /// The runtime, by the `id` of a [`Choice`].
    pub runtime: String,
    /// How far its graph is rewritten before it runs, by the `id` of a [`Choice`].
    pub graph: String,
    /// Where the latency comes from.
    pub latency: Latency,
    /// The modelled network between robot and device, by the `id` of a [`Choice`]; the scenario's own if `None`.
    pub link: Option<String>,
    /// The device's queue rule.
    pub schedule: Schedule,
    /// The speed wanted on a free course, m/s; the scenario's own if `None`.
    pub cruise: Option<f64>,
    /// What is done about latency.
    pub compensation: Compensation,
    /// An inference that takes longer is lost, milliseconds.
    pub deadline_ms: Option<f64>,
    /// Simulated seconds a second.
    pub speed: f64,
}

/// Something a person can choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What [`Settings`] holds.
    pub id: String,
    /// What is shown.
    pub title: String,
    /// One line more.
    pub description: String,
}

/// A run that is ready.
pub struct Launched {
    /// At its start.
    pub episode: Episode,
    /// Its driver.
    pub driver: Driver,
    /// What was really set up, with the scenario's own values filled in where nothing was asked for.
    pub settings: Settings,
    /// Runtime asked for and obtained, such as `auto -> onnxruntime 1.32 (tensorrt: no NVIDIA driver)`.
    pub runtime_line: String,
    /// The network, in one line.
    pub model_line: String,
    /// The network's times when it was alone, to compare live ones with and to fall back on.
    pub calibration: Option<Arc<Trace>>,
}

/// A log that is ready to be looked at.
pub struct OpenedLog {
    /// At its start, with a driver that knows the answers. Its settings can be launched: `scenario` stands for the log's.
    pub launched: Launched,
    /// Ticks, where it was cut off.
    pub cut: Option<u64>,
}

/// What can be picked, in the order of the lists.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Scenarios.
    pub scenarios: Vec<Choice>,
    /// Networks.
    pub models: Vec<Choice>,
    /// Runtimes.
    pub runtimes: Vec<Choice>,
    /// How far graphs are rewritten.
    pub graphs: Vec<Choice>,
    /// Modelled networks between robot and device.
    pub links: Vec<Choice>,
    /// Devices that can be modelled: each [`Choice::id`] is a [`Latency`] as it is typed.
    pub devices: Vec<Choice>,
}

/// Sets runs up. Lives on the simulation thread, so it may take its time; the window shows that it loads.
pub trait Launcher: Send {
    /// Sets a run up in a lane, one of at most four places. `reuse` is what answered the requests of the last run there. An error says
    /// what is wrong and what to do.
    fn launch(&mut self, lane: usize, settings: &Settings, reuse: Option<Supply>) -> Result<Launched, String>;

    /// The same for a lane that leaves the lane `from` where time stands: its log begins as that one's.
    fn fork(&mut self, lane: usize, settings: &Settings, from: usize) -> Result<Launched, String>;

    /// A log to be looked at: an episode that its answers drive.
    fn open_log(&mut self, path: &Path) -> Result<OpenedLog, String> {
        Err(format!("logs cannot be opened here: {}", path.display()))
    }

    /// A lane is closed: what it was goes on no more.
    fn close(&mut self, _lane: usize) {}

    /// The scenario's own settings, for when it is picked.
    fn settings(&mut self, scenario: &str) -> Result<Settings, String>;

    /// What can be picked.
    fn choices(&self) -> Choices;

    /// What a latency means, for a change while the run of a lane goes on.
    fn source(&mut self, lane: usize, latency: &Latency) -> Result<Source, String>;

    /// What happened in a lane since the last call, for whoever keeps a log; `over` with the last of a run.
    fn record(&mut self, _lane: usize, _episode: &Episode, _entries: Vec<Entry>, _over: bool) {}

    /// Begins to find out whose fault the collision in a lane was, and returns at once; what was begun for it before is given up.
    fn blame(&mut self, _lane: usize) {}

    /// How far that is for a lane. Asked all the time, so it must not wait.
    fn blaming(&mut self, _lane: usize) -> Blaming {
        Blaming::default()
    }

    /// The guided experiments.
    fn labs(&self) -> Vec<LabSheet> {
        Vec::new()
    }

    /// Begins to settle a lab, with what was predicted (a choice, from 0), and returns at once; what was begun before is given up.
    fn settle(&mut self, _lab: &str, _predicted: usize) {}

    /// How far that is. Asked all the time, so it must not wait.
    fn settling(&mut self) -> Settling {
        Settling::default()
    }

    /// The phase map of these settings, as far as it is known. Asked all the time, so it must not wait.
    fn phase_map(&mut self, _settings: &Settings) -> MapState {
        MapState::default()
    }

    /// Whether the phase map may be refined in the background. Asked all the time; where it says no for the first time it returns
    /// when nothing is refined any more, so that nothing disturbs what is timed from then on.
    fn refine(&mut self, _may: bool) {}

    /// Where the log of the present run of a lane is kept, and what went wrong with it. Asked all the time, so it must not wait.
    fn kept(&mut self, _lane: usize) -> Kept {
        Kept::default()
    }
}

/// Where the log of a run is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What to type to run it again; empty before anything happened, or where nothing is kept.
    pub command: String,
    /// The whole path.
    pub path: String,
    /// Why it is not kept, or only in part; empty if nothing went wrong.
    pub problem: String,
}

/// How the window is opened.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewOptions {
    /// Logical pixels.
    pub size: [u32; 2],
    /// Shadows, and smooth edges. Without a graphics processor smooth edges are left out anyway.
    pub fine: bool,
    /// What to do without a person, for tests.
    pub script: Option<Script>,
    /// Where screenshots go.
    pub shots: PathBuf,
    /// What was remembered, and the file to remember in; `None` where nothing is to be.
    pub memory: Option<(Memory, PathBuf)>,
    /// Whether somebody sees the window for the first time: told the first steps.
    pub first: bool,
    /// A line to begin with; empty for none.
    pub note: String,
    /// A log to be looked at.
    pub log: Option<PathBuf>,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            size: [1280, 800],
            fine: true,
            script: None,
            shots: PathBuf::from("."),
            log: None,
            memory: None,
            first: false,
            note: String::new(),
        }
    }
}

/// The window could not be opened, or ended badly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewError {
    /// The simulation thread could not be started.
    Thread(String),
    /// The window ended with this exit code.
    Ended(u8),
}

impl std::fmt::Display for ViewError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Thread(why) => write!(f, "the simulation thread could not be started: {why}"),
            Self::Ended(code) => {
                write!(f, "the window ended with code {code}; run with --headless, or see the log above")
            }
        }
    }
}

impl std::error::Error for ViewError {}

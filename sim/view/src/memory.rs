//! What the window remembers from one time to the next: a small TOML file in the user's configuration folder. It changes
//! what a window opens with and nothing else; a file that cannot be read is as good as none.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::thread::JoinHandle;

use bevy::prelude::*;
use bevy::window::{Monitor, PrimaryWindow};
use serde::{Deserialize, Serialize};

use crate::desk::SPEEDS;
use crate::snapshot::Phase;
use crate::theme::Mode;
use crate::{Desk, Instrument, Settings, app::Newest};

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Light or dark.
    pub(crate) theme: Mode,
    /// The size of the window, logical pixels.
    pub(crate) size: Option<[u32; 2]>,
    /// Its place, pixels of the desktop.
    pub(crate) place: Option<[i32; 2]>,
    /// Whether the labs are shown.
    pub(crate) labs: bool,
    /// The instrument on the right.
    pub(crate) instrument: Option<Instrument>,
    /// Whether the camera looks from above.
    pub(crate) from_above: bool,
    /// The run that was open.
    run: Option<Run>,
}

/// [`Settings`], in the words of the command line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Run {
    scenario: String,
    seed: u64,
    model: Option<String>,
    runtime: String,
    graph: Option<String>,
    latency: String,
    link: Option<String>,
    schedule: String,
    cruise: Option<f64>,
    compensation: String,
    deadline_ms: Option<f64>,
    speed: f64,
}

/// Before what is remembered.
const HEAD: &str = "# What deadtime's window opens with: written by the window. Delete it to begin anew.\n\n";

/// Smallest and largest window.
const SIZES: [u32; 2] = [320, 16384];

impl Memory {
    /// What a file holds, `None` if there is none. An error says what is wrong with it.
    pub fn load(path: &Path) -> Result<Option<Self>, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map(Some).map_err(|why| format!("{}: {why}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut memory: Self = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        memory.size = memory.size.filter(|size| size.iter().all(|n| (SIZES[0]..=SIZES[1]).contains(n)));
        memory.settings().transpose()?;
        Ok(memory)
    }

    fn text(&self) -> Result<String, String> {
        toml::to_string(self).map(|text| format!("{HEAD}{text}")).map_err(|e| e.to_string())
    }

    /// Writes the file as a whole or not at all.
    fn save(&self, path: &Path) -> Result<(), String> {
        let write = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let part = path.with_extension(format!("{}.part", std::process::id()));
            std::fs::write(&part, self.text().map_err(std::io::Error::other)?)?;
            std::fs::rename(&part, path).inspect_err(|_| drop(std::fs::remove_file(&part)))
        };
        write().map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The run that was open, if one was. An error names what cannot be read.
    pub fn settings(&self) -> Option<Result<Settings, String>> {
        self.run.as_ref().map(Run::settings)
    }

    /// Size of the window, logical pixels, if one is remembered.
    pub fn size(&self) -> Option<[u32; 2]> {
        self.size
    }
}

impl Run {
    fn of(settings: &Settings) -> Self {
        let Settings { scenario, seed, model, runtime, graph, latency, link, schedule, .. } = settings.clone();
        let Settings { cruise, compensation, deadline_ms, speed, .. } = *settings;
        Self {
            scenario,
            seed,
            model,
            runtime,
            graph: Some(graph),
            latency: latency.to_string(),
            link,
            schedule: schedule.to_string(),
            cruise,
            compensation: compensation.to_string(),
            deadline_ms,
            speed,
        }
    }

    fn settings(&self) -> Result<Settings, String> {
        fn read<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, String> {
            text.parse().map_err(|why: T::Err| format!("{name} `{text}`: {why}"))
        }
        let positive = |name: &str, value: Option<f64>| match value {
            Some(value) if !(value > 0.0 && value.is_finite()) => Err(format!("{name} {value}: expected more than 0")),
            value => Ok(value),
        };
        Ok(Settings {
            scenario: self.scenario.clone(),
            seed: self.seed,
            model: self.model.clone(),
            runtime: self.runtime.clone(),
            graph: self.graph.clone().unwrap_or_else(|| "all".into()),
            link: self.link.clone(),
            latency: read("latency", &self.latency)?,
            schedule: read("schedule", &self.schedule)?,
            cruise: positive("cruise", self.cruise)?,
            compensation: read("compensation", &self.compensation)?,
            deadline_ms: positive("deadline_ms", self.deadline_ms)?,
            speed: positive("speed", Some(self.speed))?.unwrap_or(1.0).clamp(SPEEDS[0], SPEEDS[1]),
        })
    }
}

/// What is to be remembered of a window.
fn memory_of(desk: &Desk, window: &Window, phase: &Phase) -> Memory {
    // What could not be launched once would not be the next time.
    let failed = matches!(phase, Phase::Failed(_));
    let settings = if failed { desk.worked() } else { Some(&desk.settings) };
    let [width, height] = [window.width(), window.height()].map(|n| (n.round() as u32).clamp(SIZES[0], SIZES[1]));
    Memory {
        theme: desk.mode,
        size: Some([width, height]),
        place: match window.position {
            WindowPosition::At(at) => Some(at.to_array()),
            _ => None,
        },
        labs: desk.labs.open,
        instrument: desk.instrument,
        from_above: desk.from_above,
        // TOML has no larger numbers.
        run: settings.filter(|settings| i64::try_from(settings.seed).is_ok()).map(Run::of),
    }
}

/// Writes what is remembered: now and then, and when the window closes; never on the thread that draws.
#[derive(Resource)]
pub(crate) struct Scribe {
    path: PathBuf,
    written: Memory,
    newest: Memory,
    writing: Option<JoinHandle<Result<(), String>>>,
    said: bool,
}

impl Scribe {
    pub fn new(path: PathBuf, memory: Memory) -> Self {
        Self { path, newest: memory.clone(), written: memory, writing: None, said: false }
    }

    /// Begins to write what is new, unless it writes still.
    fn write(&mut self) {
        if self.writing.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        self.wait();
        if self.newest != self.written && !self.said {
            let (path, memory) = (self.path.clone(), self.newest.clone());
            self.written = memory.clone();
            let thread = std::thread::Builder::new().name("memory".into());
            self.writing = thread.spawn(move || memory.save(&path)).ok();
        }
    }

    fn wait(&mut self) {
        let ended = self.writing.take().and_then(|thread| thread.join().ok());
        if let (Some(Err(why)), false) = (ended, self.said) {
            // Once: a folder that cannot be written to stays so.
            self.said = true;
            eprintln!("nothing is remembered: {why}");
        }
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        self.wait();
        self.write();
        self.wait();
    }
}

/// Seconds between two looks at what has changed.
const EVERY: f32 = 2.0;

/// Remembers.
pub(crate) fn remember(
    scribe: Option<ResMut<Scribe>>,
    desk: Res<Desk>,
    newest: Res<Newest>,
    windows: Query<&Window, With<PrimaryWindow>>,
    time: Res<Time<Real>>,
    mut last: Local<f32>,
) {
    let (Some(mut scribe), Ok(window)) = (scribe, windows.single()) else { return };
    if desk.quit || time.elapsed_secs() - *last > EVERY {
        *last = time.elapsed_secs();
        scribe.newest = memory_of(&desk, window, &newest.phase);
        if !desk.quit {
            scribe.write();
        }
    }
}

/// Where the window was, to be put there again once it is known what screens there are.
#[derive(Resource)]
pub(crate) struct Place(pub Option<[i32; 2]>);

/// Puts the window back, if its title bar would be on a screen.
pub(crate) fn put_back(
    mut place: ResMut<Place>,
    monitors: Query<&Monitor>,
    mut windows: Query<&mut Window, With<PrimaryWindow>>,
) {
    let (Some(at), Ok(mut window)) = (place.0, windows.single_mut()) else { return };
    if monitors.is_empty() {
        return;
    }
    place.0 = None;
    let screens: Vec<[i32; 4]> = monitors
        .iter()
        .map(|m| [m.physical_position.x, m.physical_position.y, m.physical_width as i32, m.physical_height as i32])
        .collect();
    if on_a_screen(at, &screens) {
        window.position = WindowPosition::At(IVec2::from_array(at));
    }
}

/// Whether a hand's breadth of the title bar of a window at this place can be seen; screens by corner and size.
fn on_a_screen([x, y]: [i32; 2], screens: &[[i32; 4]]) -> bool {
    const GRIP: i64 = 100;
    let inside = |at: i32, from: i32, size: i32, rest: i64| {
        let (at, from, end) = (i64::from(at), i64::from(from), i64::from(from) + i64::from(size));
        at >= from && at + rest <= end
    };
    screens.iter().any(|&[left, top, width, height]| inside(x, left, width, GRIP) && inside(y, top, height, GRIP))
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;

//! The phase map as the window sees it: the one that ships, made finer on a thread of its own while nothing else is timed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use miette::Result;
use runtime::{Options, Precision};
use scenario::{Compensation, Scenario, Setup};
use study::{Diagram, Prober};
use view::Settings;
use view::phase::{MapState, MapWork, PhaseCell, PhaseMap};

use crate::{assets, launch};

/// Episodes in a cell of a map that does not ship: the first seeds, as in those that do.
const SEEDS: u64 = 10;
/// Speeds and latencies of such a map, and its last latency, milliseconds.
const GRID: (usize, usize) = (8, 11);
const LATEST: f64 = 500.0;
/// How often a cell may be divided.
const DIVISIONS: u32 = 2;

/// The folder of the maps that ship.
pub fn folder() -> PathBuf {
    assets::root().join("assets/phase")
}

/// Keeps the map of the run at hand.
pub struct Mapper {
    options: Options,
    /// Whether runs ask a network elsewhere; a map asks the one that is here.
    elsewhere: bool,
    /// The settings that the map belongs to.
    settings: Option<Settings>,
    subject: Option<Subject>,
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is driven.
#[derive(Clone)]
struct Subject {
    scenario: Scenario,
    /// Equal for equal maps.
    key: String,
    /// Who drives, and under which circumstances, in words.
    driven: String,
    /// Coarse speeds and latencies.
    speeds: Vec<f64>,
    latencies: Vec<f64>,
    seeds: u64,
}

#[derive(Default)]
struct Shared {
    state: Mutex<MapState>,
    /// Speed and latency near which it is refined first.
    near: Mutex<(f64, f64)>,
}

impl Shared {
    fn set(&self, change: impl FnOnce(&mut MapState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> MapState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Mapper {
    pub fn new(options: Options, elsewhere: bool) -> Self {
        let (shared, stop) = (Arc::default(), Arc::default());
        Self { options, elsewhere, settings: None, subject: None, shared, stop, thread: None }
    }

    /// The map of these settings. `load` gives their scenario, with the modelled network that lies between; it is asked when they
    /// are others than the last.
    pub fn map(&mut self, settings: &Settings, load: impl FnOnce() -> Result<Scenario>) -> MapState {
        // Speed and latency are what the map is about.
        let about = Settings {
            seed: 0,
            latency: scenario::Latency::Zero,
            schedule: timing::Schedule::Newest,
            cruise: None,
            speed: 1.0,
            runtime: String::new(),
            graph: String::new(),
            ..settings.clone()
        };
        if self.settings.as_ref() != Some(&about) {
            let found = load().map_err(|report| MapWork::Failed(launch::in_words(&report)));
            let subject = found.and_then(|scenario| self.subject(&scenario, settings));
            self.settings = Some(about);
            self.begin(subject);
        }
        *self.shared.near.lock().unwrap_or_else(PoisonError::into_inner) = near(settings);
        self.shared.state()
    }

    fn begin(&mut self, subject: Result<Subject, MapWork>) {
        self.refine(false);
        self.shared = Arc::default();
        self.subject = None;
        match subject {
            Ok(mut subject) => {
                let shown = shipped(&mut subject);
                self.shared.set(|state| state.shown = shown.map(Arc::new));
                self.subject = Some(subject);
            }
            Err(work) => self.shared.set(|state| state.work = work),
        }
    }

    /// Lets the thread work, or ends it: then it returns when nothing of it runs any more.
    pub fn refine(&mut self, may: bool) {
        if may {
            let waits = self.shared.state().work == MapWork::Waits;
            if let (None, true, Some(subject)) = (&self.thread, waits, self.subject.clone()) {
                self.stop.store(false, Ordering::Relaxed);
                let (shared, stop, options) = (self.shared.clone(), self.stop.clone(), self.options.clone());
                shared.set(|state| state.work = MapWork::Runs);
                let spawned = std::thread::Builder::new().name("phase map".into()).spawn(move || {
                    let work = work(&subject, &shared, &stop, options).unwrap_or_else(MapWork::Failed);
                    shared.set(|state| state.work = work);
                });
                match spawned {
                    Ok(thread) => self.thread = Some(thread),
                    Err(error) => self.shared.set(|state| state.work = MapWork::Failed(error.to_string())),
                }
            }
        } else if let Some(thread) = self.thread.take() {
            self.stop.store(true, Ordering::Relaxed);
            let _ = thread.join();
        }
    }

    /// What these settings drive, with a pure delay in place of their latency.
    fn subject(&self, scenario: &Scenario, settings: &Settings) -> Result<Subject, MapWork> {
        let failed = |why: scenario::ScenarioError| MapWork::Failed(format!("there is no map: {why}"));
        let deadline = settings.deadline_ms;
        let scenario = neutral(scenario, settings.model.as_deref(), settings.compensation, deadline).map_err(failed)?;
        let setup = scenario.setup(scenario.seed).map_err(failed)?;
        let plant::Robot::Rover(rover) = &setup.world.robot else {
            return Err(MapWork::None("A balancer has no speed to choose, so there is no map.".into()));
        };
        let even = |n: usize, from: f64, to: f64| {
            // Round numbers, as a person would choose them.
            (0..n).map(|i| ((from + (to - from) * i as f64 / (n - 1) as f64) * 1e3).round() / 1e3).collect()
        };
        Ok(Subject {
            key: key(&scenario, self.precision(&setup)).map_err(failed)?,
            driven: self.driven(&setup),
            speeds: even(GRID.0, rover.max_speed * 0.3, rover.max_speed),
            latencies: even(GRID.1, 0.0, LATEST),
            seeds: SEEDS,
            scenario,
        })
    }

    /// Who drives, and what of the circumstances makes a difference to a map.
    fn driven(&self, setup: &Setup) -> String {
        let elsewhere = self.elsewhere && setup.pilot.model().is_some();
        let file = if elsewhere { " (the file here, not the target's)" } else { "" };
        let precision = match self.precision(setup) {
            Precision::Fp32 => String::new(),
            other => format!(" asked for in {other}"),
        };
        let network = setup.line.network.as_ref().map_or(String::new(), |network| format!(" over {}", network.name));
        let hold = setup.compensation == Compensation::Hold;
        let compensation = if hold { String::new() } else { format!(" with {}", setup.compensation) };
        let deadline =
            setup.line.deadline.map_or(String::new(), |after| format!(" and a deadline of {} ms", after.ms()));
        format!("{}{file}{precision}{network}{compensation}{deadline}", setup.pilot.name())
    }

    /// The precision that is asked of TensorRT for this driver's network: another network, as far as a map goes.
    fn precision(&self, setup: &Setup) -> Precision {
        if setup.pilot.model().is_some() { self.options.precision } else { Precision::Fp32 }
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Where the settings are, as far as they say.
fn near(settings: &Settings) -> (f64, f64) {
    use scenario::Latency;
    let ms = match settings.latency {
        Latency::Fixed(ms) | Latency::Service(ms) => ms,
        _ => 0.0,
    };
    (settings.cruise.unwrap_or(1.0), ms)
}

/// Without what a map makes no difference of.
fn neutral(
    scenario: &Scenario,
    model: Option<&str>,
    compensation: Compensation,
    deadline: Option<f64>,
) -> Result<Scenario, scenario::ScenarioError> {
    let latency = scenario::Latency::Zero.to_string().into();
    let schedule = timing::Schedule::Newest.to_string().into();
    let compensation = compensation.to_string().into();
    let (model, deadline) = (model.map(Into::into), deadline.map(Into::into));
    let changes = [
        ("latency", Some(&latency)),
        ("schedule", Some(&schedule)),
        ("compensation", Some(&compensation)),
        ("model", model.as_ref()),
        ("deadline", deadline.as_ref()),
    ];
    scenario.vary(changes.into_iter().filter_map(|(field, value)| Some((field, value?))))
}

/// Equal for scenarios that have the same map, of a network in the same precision.
fn key(neutral: &Scenario, precision: Precision) -> Result<String, scenario::ScenarioError> {
    Ok(format!("{precision}\n{}", neutral.vary([("speed", &1.0.into())])?.text()))
}

/// The map that ships for a subject, if there is one; its grid is taken over.
fn shipped(subject: &mut Subject) -> Option<PhaseMap> {
    let name = subject.scenario.name();
    let diagram = Diagram::load(&folder().join(name).with_extension("json")).ok()?;
    let base = scenario::load(&assets::root().join("scenarios").join(name).with_extension("toml")).ok()?;
    let setup = base.setup(base.seed).ok()?;
    let deadline = setup.line.deadline.map(timing::Span::ms);
    let own = neutral(&base, Some(&diagram.pilot), setup.compensation, deadline).ok()?;
    let boundary = diagram.boundary.iter().map(|b| [b.v, b.all_stop_ms, b.none_stops_ms]).collect();
    // The formula knows the scenario and not who drives.
    let alone = PhaseMap { title: title(subject), cells: Vec::new(), boundary };
    // Maps that ship are of networks as they were exported.
    if key(&own, Precision::Fp32).ok()? != subject.key {
        return Some(alone).filter(|_| differs_by_driver(&own, subject));
    }
    subject.speeds.clone_from(&diagram.speeds);
    subject.latencies.clone_from(&diagram.latencies);
    subject.seeds = diagram.seeds as u64;
    let collided = diagram.collided.iter().flatten();
    let cells = coarse(subject).into_iter().zip(collided).map(|((speed, latency_ms, size), collided)| PhaseCell {
        speed,
        latency_ms,
        size,
        collided: *collided as u32,
        of: diagram.seeds as u32,
    });
    Some(PhaseMap { cells: cells.collect(), title: title(subject), ..alone })
}

/// Whether only who drives, and what is done about latency, tells two scenarios apart.
fn differs_by_driver(own: &Scenario, subject: &Subject) -> bool {
    let plain = |scenario: &Scenario| {
        let nobody = neutral(scenario, Some("pilot"), Compensation::Hold, None).ok()?;
        key(&nobody, Precision::Fp32).ok()
    };
    plain(own).is_some_and(|own| plain(&subject.scenario) == Some(own))
}

fn title(subject: &Subject) -> String {
    format!("{}, driven by {}, {} seeds a cell", subject.scenario.name(), subject.driven, subject.seeds)
}

/// Speed, latency and size of each coarse cell, in the order of a diagram.
fn coarse(subject: &Subject) -> Vec<(f64, f64, [f64; 2])> {
    let step = |values: &[f64]| match (values.first(), values.last()) {
        (Some(first), Some(last)) => (last - first) / (values.len().max(2) - 1) as f64,
        _ => 0.0,
    };
    let size = [step(&subject.speeds), step(&subject.latencies)];
    let row = |v: &f64| subject.latencies.iter().map(move |ms| (*v, *ms, size)).collect::<Vec<_>>();
    subject.speeds.iter().flat_map(row).collect()
}

/// Drives cell after cell until there is none left or it is stopped.
fn work(subject: &Subject, shared: &Shared, stop: &AtomicBool, options: Options) -> Result<MapWork, String> {
    let load = launch::loader(options);
    let prober = Prober::new(subject.scenario.clone(), &load);
    loop {
        let empty = || PhaseMap { title: title(subject), ..PhaseMap::default() };
        let mut map = shared.state().shown.as_deref().cloned().unwrap_or_else(empty);
        let at = *shared.near.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((speed, latency_ms, size)) = next(subject, &map, at) else { return Ok(MapWork::Done) };
        let mut collided = 0;
        for seed in 0..subject.seeds {
            match prober.collides(speed, latency_ms, seed, stop).map_err(|e| launch::in_words(&launch::report(e)))? {
                Some(hit) => collided += u32::from(hit),
                None => return Ok(MapWork::Waits),
            }
        }
        map.cells.push(PhaseCell { speed, latency_ms, size, collided, of: subject.seeds as u32 });
        // Coarse ones below fine ones.
        map.cells.sort_by(|a, b| b.size[1].total_cmp(&a.size[1]));
        shared.set(|state| state.shown = Some(Arc::new(map)));
    }
}

/// The cell to be driven next: coarse before fine, and of those the one nearest to where the settings are.
fn next(subject: &Subject, map: &PhaseMap, near: (f64, f64)) -> Option<(f64, f64, [f64; 2])> {
    let all = coarse(subject);
    let size = all.first()?.2;
    let away = |&(v, ms, _): &(f64, f64, [f64; 2])| ((v - near.0) / size[0]).hypot((ms - near.1) / size[1]);
    let known = |&(v, ms, size): &(f64, f64, [f64; 2])| {
        let same = |a: f64, b: f64| (a - b).abs() < 1e-6;
        map.cells.iter().any(|cell| same(cell.speed, v) && same(cell.latency_ms, ms) && same(cell.size[1], size[1]))
    };
    let nearest = |cells: Vec<(f64, f64, [f64; 2])>| {
        cells.into_iter().filter(|cell| !known(cell)).min_by(|a, b| away(a).total_cmp(&away(b)))
    };
    let ends = |values: &[f64]| (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
    let (speeds, latencies) = (ends(&subject.speeds), ends(&subject.latencies));
    let inside = |&(v, ms, _): &(f64, f64, [f64; 2])| {
        (speeds.0..=speeds.1).contains(&v) && (latencies.0..=latencies.1).contains(&ms)
    };
    if let Some(cell) = nearest(all) {
        return Some(cell);
    }
    (1..=DIVISIONS).find_map(|level| {
        let above = size[1] / f64::from(1 << (level - 1));
        let parents = map.cells.iter().filter(|cell| (cell.size[1] - above).abs() < 1e-6 && undecided(map, cell));
        nearest(parents.flat_map(quarters).filter(inside).collect())
    })
}

/// The four parts of a cell.
fn quarters(cell: &PhaseCell) -> impl Iterator<Item = (f64, f64, [f64; 2])> + use<> {
    let PhaseCell { speed, latency_ms, size: [dv, dms], .. } = *cell;
    [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)]
        .into_iter()
        .map(move |(a, b)| (speed + a * dv / 4.0, latency_ms + b * dms / 4.0, [dv / 2.0, dms / 2.0]))
}

/// Whether it matters where in a cell one is: some collide and some do not, or it is otherwise beside it.
fn undecided(map: &PhaseMap, cell: &PhaseCell) -> bool {
    let share = cell.share();
    let [dv, dms] = cell.size;
    let beside = [(dv, 0.0), (-dv, 0.0), (0.0, dms), (0.0, -dms)];
    let mut others = beside.iter().filter_map(|(v, ms)| map.at(cell.speed + v, cell.latency_ms + ms));
    (share > 0.0 && share < 1.0) || others.any(|other| (other.share() - share).abs() > 0.3)
}

#[cfg(test)]
#[path = "phase_in_window_tests.rs"]
mod tests;

//! A grid of scenarios over seeds: every cell is driven once for each seed.

mod journal;
mod merge;
mod result;
mod row;

pub use merge::{Merged, merge};
pub use result::write;
pub use row::Row;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use runtime::{Requested, in_lanes};
use scenario::{Grid, Latency, PilotSpec, Scenario, Setup};
use timing::Source;

use crate::drive::drive_setup;
use crate::latency::drawn_from;
use crate::pool::{self, LANES, Load, Progress, Seat};
use crate::{StudyError, sha256, source_of};
use journal::{Head, Journal};

/// Seeds that are driven and kept together.
const CHUNK: usize = 16;

/// Which part of a sweep a process does: unit `u` of all belongs to shard `u mod of + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shard {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { number: 1, of: 1 };
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (number, of) = text.split_once('/')?;
            let (number, of): (usize, usize) = (number.parse().ok()?, of.parse().ok()?);
            (1..=of).contains(&number).then_some(Self { number, of })
        };
        read().ok_or_else(|| format!("found shard `{text}`; expected K/N with K from 1 to N, such as 2/7"))
    }
}

/// A sweep that is ready to run.
pub struct Sweep {
    grid: Grid,
    version: String,
    fingerprint: String,
    sources: BTreeMap<String, Prepared>,
}

/// A source of latency, loaded once.
struct Prepared {
    source: Source,
    trusted: bool,
}

/// How a sweep is run.
pub struct Running<'a> {
    /// Its part.
    pub shard: Shard,
    /// Where the journal is kept.
    pub out: &'a Path,
    /// Go on with the journal that is there.
    pub resume: bool,
    /// Units side by side.
    pub jobs: usize,
    /// Ends the run after the units in progress.
    pub stop: &'a AtomicBool,
}

/// One cell and some of its seeds.
#[derive(Clone, Copy, Debug)]
struct Unit {
    index: usize,
    cell: usize,
    chunk: usize,
}

impl Sweep {
    /// Loads what the cells need and refuses what cannot be swept. `file_of` gives the file of a model by name: parts that
    /// were run with other files do not fit together.
    pub fn new(grid: Grid, version: &str, file_of: &dyn Fn(&str) -> PathBuf) -> Result<Self, StudyError> {
        let hash_of = |model: &str| std::fs::read(file_of(model)).map_or_else(|_| "none".into(), |b| sha256(&b));
        let (mut sources, mut inputs) = (BTreeMap::new(), Vec::new());
        for cell in grid.samples() {
            let scenario = grid.scenario(cell)?;
            check(&grid, cell, &scenario)?;
            let setup = scenario.setup(scenario.seed)?;
            if let Some(model) = setup.pilot.model() {
                inputs.push(format!("model {model} {}", hash_of(model)));
            }
            if let Entry::Vacant(place) = sources.entry(key_of(&setup)) {
                if let Latency::Replay(path) = &setup.latency {
                    let bytes = std::fs::read(path).map_err(|e| failed(path, &e.to_string()))?;
                    inputs.push(format!("trace {} {}", path.display(), sha256(&bytes)));
                }
                place.insert(Prepared::of(&setup, file_of)?);
            }
        }
        inputs.sort();
        inputs.dedup();
        let columns: Vec<String> =
            grid.plan.axes.iter().map(|axis| format!("{} {:?}", axis.field, axis.values)).collect();
        let parts = [version, grid.base.text(), &grid.plan.seeds.to_string(), &columns.join("\n"), &inputs.join("\n")];
        Ok(Self { fingerprint: sha256(parts.join("\n---\n").as_bytes()), version: version.to_owned(), grid, sources })
    }

    /// What is swept.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Episodes in all.
    pub fn episodes(&self) -> usize {
        self.grid.cells() * self.grid.plan.seeds.all().len()
    }

    fn chunks(&self) -> usize {
        self.grid.plan.seeds.all().len().div_ceil(CHUNK)
    }

    fn units(&self) -> impl Iterator<Item = Unit> + use<> {
        let chunks = self.chunks();
        (0..self.grid.cells() * chunks).map(move |index| Unit { index, cell: index / chunks, chunk: index % chunks })
    }

    fn head(&self, shard: Shard) -> Head {
        Head::of(&self.grid, &self.version, &self.fingerprint, CHUNK, shard)
    }

    /// Runs a shard, keeping each finished unit in the journal of `running.out`, and gives the journal. Stopped or killed, it
    /// goes on from there with `resume`.
    pub fn run(&self, running: &Running, load: &Load, progress: &dyn Progress) -> Result<PathBuf, StudyError> {
        let Shard { number, of } = running.shard;
        let (journal, done) = Journal::open(running.out, &self.head(running.shard), running.resume)?;
        let path = journal.path().to_owned();
        let left: Vec<Unit> =
            self.units().filter(|unit| unit.index % of == number - 1 && !done.contains(&unit.index)).collect();
        let journal = Mutex::new(journal);
        progress.begin(&format!("shard {}", running.shard), left.len(), false);
        let outcome = pool::run_in(1, &left, running.jobs, load, progress, async |seat, unit| {
            if running.stop.load(Ordering::Relaxed) {
                return Err(StudyError::Stopped);
            }
            let rows: Vec<Vec<String>> = self.drive(seat, *unit).await?.iter().map(Row::texts).collect();
            journal.lock().unwrap_or_else(PoisonError::into_inner).push(unit.index, rows)
        });
        progress.end();
        let journal = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
        journal.close()?;
        outcome.map(|_| path)
    }

    /// Runs all of it and keeps the rows in memory: those of each cell, in the order of the seeds.
    pub fn rows(&self, jobs: usize, load: &Load, progress: &dyn Progress) -> Result<Vec<Vec<Row>>, StudyError> {
        let units: Vec<Unit> = self.units().collect();
        progress.begin("driving", units.len(), false);
        let rows = pool::run_in(1, &units, jobs, load, progress, async |seat, unit| self.drive(seat, *unit).await)?;
        progress.end();
        Ok(rows.chunks(self.chunks()).map(<[Vec<Row>]>::concat).collect())
    }

    /// Drives one episode of each of these cells, one after the other, for an estimate: `progress` hears of each.
    pub fn try_some(&self, cells: &[usize], load: &Load, progress: &dyn Progress) -> Result<(), StudyError> {
        let units: Vec<Unit> = cells.iter().map(|&cell| Unit { index: 0, cell, chunk: 0 }).collect();
        pool::run_in(1, &units, 1, load, progress, async |seat, unit| self.some(seat, *unit, 1).await).map(drop)
    }

    async fn drive(&self, seat: &Seat<'_>, unit: Unit) -> Result<Vec<Row>, StudyError> {
        self.some(seat, unit, CHUNK).await
    }

    /// At most so many episodes of a unit.
    async fn some(&self, seat: &Seat<'_>, unit: Unit, most: usize) -> Result<Vec<Row>, StudyError> {
        let scenario = self.grid.scenario(unit.cell)?;
        let hash = sha256(scenario.text().as_bytes());
        let seeds = self.grid.plan.seeds.all().chunks(CHUNK).nth(unit.chunk).unwrap_or_default();
        let one = async |seed: &u64| {
            let setup = scenario.setup(*seed)?;
            let prepared = self.prepared(&setup)?;
            let key = self.key(unit.cell, &setup.pilot);
            let (trial, runtime) = drive_setup(seat, setup, &key, prepared.source.clone()).await?;
            Ok(Row::of(*seed, &trial, prepared.source.modelled(), prepared.trusted, runtime, &hash))
        };
        in_lanes(LANES, seeds.iter().take(most).map(one)).await.into_iter().collect()
    }

    fn prepared(&self, setup: &Setup) -> Result<&Prepared, StudyError> {
        self.sources.get(&key_of(setup)).ok_or_else(|| StudyError::Plan {
            found: format!("the latency {} in one combination of values only", setup.latency),
            expected: "each latency as the value of one axis".into(),
        })
    }

    /// What a network is called when it is loaded: `RUNTIME:MODEL`, with nothing before the colon where the plan names none.
    fn key(&self, cell: usize, pilot: &PilotSpec) -> String {
        let runtime = self.grid.runtime_axis().map(|axis| self.grid.texts(cell)[axis].clone()).unwrap_or_default();
        pilot.model().map_or_else(String::new, |model| format!("{runtime}:{model}"))
    }
}

/// A source and what it depends on.
fn key_of(setup: &Setup) -> String {
    match &setup.latency {
        Latency::Device(_) => format!("{} {:?} {:?}", setup.latency, setup.pilot, setup.device),
        other => other.to_string(),
    }
}

impl Prepared {
    fn of(setup: &Setup, file_of: &dyn Fn(&str) -> PathBuf) -> Result<Self, StudyError> {
        let source = source_of(setup, file_of)?;
        let trusted = if let Source::Replay(trace) = &source { trace.trusted } else { true };
        Ok(Self { source: drawn_from(source), trusted })
    }
}

/// What no sweep can do.
fn check(grid: &Grid, cell: usize, scenario: &Scenario) -> Result<(), StudyError> {
    let plan = &grid.plan;
    if scenario.latency.source == Latency::Measured {
        let message = "episodes that run side by side load the cores, so their latency cannot be measured";
        let model = scenario.controller.model.as_deref().unwrap_or("MODEL");
        let hz = scenario.capture.hz;
        let help = format!(
            "measure it alone, `deadtime measure {model} --hz {hz} --out {model}.json`, and vary `latency` with \
             \"replay:{model}.json\"; or name a latency: zero, fixed:MS, service:MS, profile:NAME, device:NAME"
        );
        let by =
            |axis: &scenario::Axis| axis.field.split('+').any(|f| ["latency", "latency.source"].contains(&f.trim()));
        return Err(match plan.axes.iter().position(by) {
            Some(axis) => plan.error(axis, Some(grid.values(cell)[axis]), message, &help),
            None => plan.scenario_error(message, &help),
        }
        .into());
    }
    if let Some(axis) = grid.runtime_axis() {
        let value = grid.values(cell)[axis];
        let text = plan.axes[axis].text(value);
        if let Err(error) = text.parse::<Requested>() {
            let help = "expected auto, tensorrt, cuda, onnxruntime or rten";
            return Err(plan.error(axis, Some(value), &error.to_string(), help).into());
        }
    }
    Ok(())
}

/// An error about a file.
fn failed(path: &Path, why: &str) -> StudyError {
    StudyError::File { path: path.display().to_string(), why: why.to_owned() }
}

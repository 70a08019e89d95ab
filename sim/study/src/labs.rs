//! Labs: the runs that settle a question, and whether they come to what the lab says.
//!
//! [`settle`] is what the command line, its `--check` and the window ask alike. Latencies that are to be measured are
//! measured first, those of all runs in turn, and then drawn from by each seed; everything else about a run is a pure function
//! of its seed.

mod judge;
mod measure;
mod read;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use scenario::lab::Run;
use scenario::{Lab, Latency, Scenario};
use serde::{Deserialize, Serialize};
use timing::Source;

use crate::drive::ride_setup;
use crate::pool::{self, Load, Progress};
use crate::report::LatencyMs;
use crate::{Estimate, StudyError, wilson};
use measure::Supply;
use read::Reading;

pub use words::{run_line, settled_text};

/// A lab that is to be settled.
pub struct Bench<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// The scenario of each of its runs ([`Lab::scenario`]).
    pub scenarios: &'a [Scenario],
    /// Episodes side by side.
    pub jobs: usize,
    /// The machine, in words.
    pub device: &'a str,
    /// The file of a model by name.
    pub file_of: &'a (dyn Fn(&str) -> PathBuf + Sync),
    /// Set to give up.
    pub stop: &'a AtomicBool,
}

/// What the runs came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settled {
    /// The lab's name.
    pub lab: String,
    /// Of its file.
    pub sha256: String,
    /// The machine, in words.
    pub device: String,
    /// All conditions together: the worst of them.
    pub held: Held,
    /// Each run.
    pub runs: Vec<RunResult>,
    /// Each condition.
    pub checks: Vec<Judged>,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// It does.
    Holds,
    /// It cannot be told on this machine, or not now: nothing was found that speaks against it and could be relied upon.
    Uncertified,
    /// It does not.
    Fails,
}

/// A condition, and what was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// What it means.
    pub what: String,
    /// Whether it holds.
    pub held: Held,
    /// What was found.
    pub found: String,
    /// What should have been.
    pub expected: String,
    /// Why it could not be certified, or what else to know; empty if nothing.
    pub remark: String,
}

/// What came of the seeds of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunResult {
    /// One word.
    pub name: String,
    /// A few.
    pub title: String,
    /// The scenario.
    pub scenario: String,
    /// The seeds, as they were typed.
    pub seeds: String,
    /// How many.
    pub episodes: usize,
    /// Who drove.
    pub model: String,
    /// The runtime obtained; `none` without a network.
    pub runtime: String,
    /// Where the latency came from.
    pub latency: String,
    /// What that is: `modelled`, `recorded`, or `measured` (here, then replayed).
    pub kind: &'static str,
    /// The modelled network between robot and device, if there is one.
    pub network: Option<String>,
    /// Service time, or the delay.
    pub service_ms: LatencyMs,
    /// Episodes that ended by touching something.
    pub collisions: usize,
    /// Their share.
    pub collided: Estimate,
    /// Share that reached the goal, or lasted until the end where there is none.
    pub reached: Estimate,
    /// Each metric, its median over the seeds.
    pub numbers: BTreeMap<&'static str, f64>,
    /// Why it is not to be trusted.
    pub complaints: Vec<String>,
    /// Why it could not be run here.
    pub missing: Option<String>,
}

/// A run with the numbers of each seed.
struct Ran {
    result: RunResult,
    readings: Vec<Reading>,
    /// Service times of the rounds in which it was measured beside others, ms.
    rounds: Vec<f64>,
}

/// Runs everything that a lab asks for, and judges it.
///
/// # Errors
/// When a scenario cannot be set up or a network cannot be loaded or cannot drive, and [`StudyError::Stopped`]. A runtime that a
/// run names and that is not here is no error: what depends on it is not certified.
pub fn settle(bench: &Bench, load: &Load, progress: &dyn Progress) -> Result<Settled, StudyError> {
    let lab = bench.lab;
    let supplies = measure::supplies(bench, load, progress)?;
    let mut tasks = Vec::new();
    for (i, supply) in supplies.iter().enumerate() {
        if let Supply::Here { source, .. } = supply {
            tasks.extend(lab.runs[i].seeds.all().iter().map(|&seed| (i, seed, source.clone())));
        }
    }
    progress.begin(&lab.title, tasks.len(), false);
    let readings = pool::run(&tasks, bench.jobs, load, progress, async |seat, (i, seed, source)| {
        if bench.stop.load(Ordering::Relaxed) {
            return Err(StudyError::Stopped);
        }
        let setup = bench.scenarios[*i].setup(*seed)?;
        let (episode, failures, runtime) =
            ride_setup(seat, setup, &key(&lab.runs[*i], &bench.scenarios[*i]), source.clone()).await?;
        Ok((*i, Reading::of(&episode, failures, runtime)))
    })?;
    progress.end();
    let mut of_runs: Vec<Vec<Reading>> = lab.runs.iter().map(|_| Vec::new()).collect();
    for (i, reading) in readings {
        of_runs[i].push(reading);
    }
    let runs: Vec<Ran> = of_runs
        .into_iter()
        .zip(supplies)
        .enumerate()
        .map(|(i, (readings, supply))| ran(&lab.runs[i], &bench.scenarios[i], readings, supply))
        .collect::<Result<_, _>>()?;
    let checks: Vec<Judged> = lab.checks.iter().map(|condition| judge::judge(lab, condition, &runs)).collect();
    Ok(Settled {
        lab: lab.name.clone(),
        sha256: crate::sha256(lab.text().as_bytes()),
        device: bench.device.to_owned(),
        held: checks.iter().map(|check| check.held).max().unwrap_or(Held::Holds),
        runs: runs.into_iter().map(|ran| ran.result).collect(),
        checks,
    })
}

/// What a run's network is called when it is loaded: `RUNTIME/OPTIMISATION:MODEL`, each empty where nothing is asked for.
fn key(run: &Run, scenario: &Scenario) -> String {
    let runtime = run.runtime.as_deref().unwrap_or_default();
    let optimisation = run.optimisation.map_or_else(String::new, |level| level.to_string());
    format!("{runtime}/{optimisation}:{}", scenario.controller.model.as_deref().unwrap_or_default())
}

fn ran(run: &Run, scenario: &Scenario, readings: Vec<Reading>, supply: Supply) -> Result<Ran, StudyError> {
    let setup = scenario.setup(scenario.seed)?;
    let (times, rounds, mut complaints, missing, kind) = match supply {
        Supply::Here { source, rounds, complaints } => {
            let kind = kind(&setup.latency, &source);
            let times = if rounds.is_empty() { crate::contest::times(&source) } else { rounds.clone() };
            (times, rounds, complaints, None, kind)
        }
        Supply::Missing(why) => (Vec::new(), Vec::new(), Vec::new(), Some(why), "measured"),
    };
    let broken = readings.iter().filter(|reading| !reading.failures.is_empty() || reading.summary.unusable > 0).count();
    if broken > 0 {
        let why = readings.iter().find_map(|reading| reading.failures.first().cloned());
        let why = why.unwrap_or_else(|| "outputs that are no numbers".into());
        complaints.push(format!("{broken} of {} episodes failed, first: {why}", readings.len()));
    }
    let n = readings.len();
    let collisions = readings.iter().filter(|reading| reading.collided()).count();
    let mut ran = Ran {
        result: RunResult {
            name: run.name.clone(),
            title: run.title().to_owned(),
            scenario: setup.name.clone(),
            seeds: run.seeds.to_string(),
            episodes: n,
            model: setup.pilot.name().to_owned(),
            runtime: readings.first().map_or_else(|| "none".into(), |reading| reading.runtime.clone()),
            latency: named(&setup.latency),
            kind,
            network: setup.line.network.as_ref().map(|network| network.name.clone()),
            service_ms: LatencyMs::of(times),
            collisions,
            collided: wilson(collisions, n),
            reached: wilson(readings.iter().filter(|reading| reading.success).count(), n),
            numbers: BTreeMap::new(),
            complaints,
            missing,
        },
        readings,
        rounds,
    };
    ran.result.numbers = scenario::Metric::ALL
        .into_iter()
        .filter_map(|metric| Some((metric.name(), ran.number(metric, scenario::lab::Over::Median)?)))
        .collect();
    Ok(ran)
}

/// A latency as it is typed; a trace lies beside the lab, so its name says enough.
fn named(latency: &Latency) -> String {
    match latency {
        Latency::Replay(path) => format!("replay:{}", path.file_name().unwrap_or_default().display()),
        other => other.to_string(),
    }
}

/// What a source is worth.
fn kind(latency: &Latency, source: &Source) -> &'static str {
    match (latency, source) {
        (Latency::Measured, _) => "measured",
        (_, Source::Replay(trace)) if trace.model != "modelled" => "recorded",
        _ => "modelled",
    }
}

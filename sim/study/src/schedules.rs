//! Schedules at equal hardware: what each does to throughput, and what to the age of commands.

use std::fmt::Write;
use std::sync::Arc;

use episode::batch_size;
use pilot::Contract;
use scenario::{Outcome, PilotSpec, Seeds};
use serde::Serialize;
use timing::{LineConfig, Sample, Schedule, ServiceTime, Source, Span, Trace, max_reaction};

use crate::contest::{Measuring, measure_alone};
use crate::drive::ride;
use crate::latency::to_draw_from;
use crate::pool::{self, Load, Progress};
use crate::report::{LatencyMs, ScenarioSource, SeedSource};
use crate::table::rows;
use crate::{Course, Estimate, StudyError, wilson};

mod chart;
mod comb;
mod expected;
mod observed;
mod words;

pub use chart::{comb_chart, throughput_chart};
pub use comb::{Comb, CombRow};
pub use expected::{Expected, expected};
pub use words::{schedule_table, schedules_page};

use observed::Observed;

/// What an inference costs on the device that all schedules share.
#[derive(Clone, Debug, PartialEq)]
pub enum Cost {
    /// Stated: a batch of n takes `fixed + each n`.
    Modelled {
        /// Whatever the batch.
        fixed: Span,
        /// For each frame in it.
        each: Span,
        /// Shares of pre-processing, compute and post-processing; they add up to 1.
        split: [f64; 3],
    },
    /// A model's, measured alone at every batch that a schedule asks for.
    Measured {
        /// Its name.
        model: String,
        /// Inferences at most, for each batch.
        samples: usize,
        /// The machine, in words.
        device: String,
    },
}

/// What is run.
pub struct SchedulePlan<'a> {
    /// Where.
    pub course: &'a Course,
    /// Episodes of each schedule.
    pub seeds: &'a Seeds,
    /// Which.
    pub schedules: &'a [Schedule],
    /// The hardware.
    pub cost: Cost,
    /// Whether the comb is run, where the scenario has one.
    pub comb: bool,
    /// Episodes side by side.
    pub jobs: usize,
    /// Of the program.
    pub version: &'a str,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScheduleStudy {
    /// Always `schedules`.
    pub study: &'static str,
    /// Of the program.
    pub version: String,
    /// Where.
    pub scenario: ScenarioSource,
    /// Episodes of each schedule.
    pub seeds: SeedSource,
    /// T, ms.
    pub period_ms: f64,
    /// What an inference costs, in words.
    pub cost: String,
    /// Whether that is stated rather than measured.
    pub modelled: bool,
    /// Whether the measurement can be relied upon.
    pub trusted: bool,
    /// If not, why.
    pub complaints: Vec<String>,
    /// The longest reaction that stops in time where somebody brakes on sight, ms.
    pub max_reaction_ms: Option<f64>,
    /// Each schedule.
    pub schedules: Vec<ScheduleRow>,
    /// What follows, in sentences.
    pub findings: Vec<String>,
    /// Which service times collide.
    pub comb: Option<Comb>,
}

/// One schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScheduleRow {
    /// Which.
    pub schedule: String,
    /// S, of a batch S(n), ms.
    pub service_ms: LatencyMs,
    /// Frames a second whose inference ended.
    pub processed_hz: f64,
    /// Commands a second.
    pub applied_hz: f64,
    /// Share of frames never inferred.
    pub dropped_share: f64,
    /// Smallest latency of an applied frame, ms.
    pub latency_ms_min: f64,
    /// Largest.
    pub latency_ms_max: f64,
    /// Age of the command in force, ms, median over the ticks.
    pub age_ms_p50: Option<f64>,
    /// 99th percentile.
    pub age_ms_p99: Option<f64>,
    /// The oldest that a command grew before the next: the worst reaction.
    pub age_ms_max: f64,
    /// What the formulas say, at the median S.
    pub formula: Expected,
    /// Whether throughput is within 1 % of the formula and latency and age within its bounds; null where S is not constant.
    pub as_formula: Option<bool>,
    /// Episodes.
    pub episodes: usize,
    /// That ended by touching something.
    pub collisions: usize,
    /// Their share.
    pub collided: Estimate,
}

/// Runs every schedule on the same seeds, and the comb.
pub fn schedules(plan: &SchedulePlan, load: &Load, progress: &dyn Progress) -> Result<ScheduleStudy, StudyError> {
    let mut complaints = Vec::new();
    let sources = sources(plan, load, progress, &mut complaints)?;
    let seeds = plan.seeds.all();
    let network = network(plan.course, load)?;
    let mut tasks = Vec::new();
    for (schedule, trace) in plan.schedules.iter().zip(&sources) {
        tasks.extend(seeds.iter().map(|&seed| (*schedule, Source::Replay(trace.clone()), seed)));
    }
    progress.begin("driving", tasks.len(), false);
    let done = pool::run(&tasks, plan.jobs, load, progress, async |seat, (schedule, source, seed)| {
        let mut setup = plan.course.setup(*seed)?;
        setup.line.schedule = *schedule;
        let network = network.as_ref().map(|(name, contract)| (name.as_str(), Some(*contract)));
        let (mut episode, failures) = ride(seat, setup, network, source.clone(), true).await?;
        Ok((Observed::of(&mut episode), episode.outcome() == Some(Outcome::Collision), failures))
    })?;
    progress.end();
    complaints.extend(
        done.iter().flat_map(|(.., failures)| failures).take(1).map(|why| format!("an inference failed: {why}")),
    );
    let setup = plan.course.setup(plan.course.scenario.seed)?;
    let modelled = matches!(plan.cost, Cost::Modelled { .. });
    let episodes = done.chunks(seeds.len().max(1));
    let schedules: Vec<ScheduleRow> = plan
        .schedules
        .iter()
        .zip(&sources)
        .zip(episodes)
        .map(|((schedule, trace), episodes)| row(*schedule, trace, &setup.line, modelled, episodes))
        .collect();
    let comb = if plan.comb { comb::comb(plan.course, plan.jobs, load, progress)? } else { None };
    let max_reaction_ms = match (&setup.pilot, &setup.world.robot) {
        (PilotSpec::BrakeOnSight { sight }, plant::Robot::Rover(rover)) => {
            Some(max_reaction(*sight, setup.world.start_speed, rover.braking) * 1e3)
        }
        _ => None,
    };
    Ok(ScheduleStudy {
        study: "schedules",
        version: plan.version.to_owned(),
        scenario: plan.course.into(),
        seeds: SeedSource::of(plan.seeds, Vec::new()),
        period_ms: setup.line.capture.rate.period().ms(),
        cost: plan.cost.to_string(),
        modelled,
        trusted: complaints.is_empty(),
        findings: words::findings(&schedules, max_reaction_ms, comb.as_ref()),
        complaints,
        max_reaction_ms,
        schedules,
        comb,
    })
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Modelled { fixed, each, split: [pre, compute, post] } => write!(
                f,
                "modelled: a batch of n takes S(n) = {} + {} n ms, of which pre-processing {:.0} %, compute {:.0} % and \
                 post-processing {:.0} %",
                fixed.ms(),
                each.ms(),
                pre * 100.0,
                compute * 100.0,
                post * 100.0
            ),
            Self::Measured { model, device, .. } => {
                write!(f, "measured: {model} at each batch size alone on {device}, then replayed")
            }
        }
    }
}

/// The service times of each schedule: equal hardware, so one trace a batch size.
fn sources(
    plan: &SchedulePlan,
    load: &Load,
    progress: &dyn Progress,
    complaints: &mut Vec<String>,
) -> Result<Vec<Arc<Trace>>, StudyError> {
    match &plan.cost {
        Cost::Modelled { fixed, each, split } => {
            Ok(plan.schedules.iter().map(|s| Arc::new(constant(batch_size(*s), *fixed, *each, *split))).collect())
        }
        Cost::Measured { model, samples, device } => {
            let hz = plan.course.setup(plan.course.scenario.seed)?.line.capture.rate.hz();
            let mut engine = load(model).map_err(|why| StudyError::Engine { model: model.clone(), why })?;
            let mut known: Vec<Arc<Trace>> = Vec::new();
            for schedule in plan.schedules {
                let batch = batch_size(*schedule);
                if !known.iter().any(|trace| trace.batch == batch) {
                    let measuring = Measuring { samples: *samples, device };
                    let trace = measure_alone(engine.as_mut(), model, (hz, batch), &measuring, progress)?;
                    complaints.extend(trace.complaints.iter().map(|c| format!("batch {batch}: {c}")));
                    known.push(Arc::new(to_draw_from(trace)));
                }
            }
            let of = |s: &Schedule| known.iter().find(|trace| trace.batch == batch_size(*s)).cloned();
            Ok(plan.schedules.iter().filter_map(of).collect())
        }
    }
}

/// The scenario's own network, if one drives there.
fn network(course: &Course, load: &Load) -> Result<Option<(String, Contract)>, StudyError> {
    let setup = course.setup(course.scenario.seed)?;
    let PilotSpec::Network { model } = &setup.pilot else { return Ok(None) };
    let engine = load(model).map_err(|why| StudyError::Engine { model: model.clone(), why })?;
    let no_pilot = |why: String| StudyError::NoPilot { model: model.clone(), scenario: course.name.clone(), why };
    match episode::fit(&engine.info().model, &setup.world.robot) {
        Ok(Some(contract)) => Ok(Some((model.clone(), contract))),
        Ok(None) => Err(no_pilot("it does not follow the pilots' contract".into())),
        Err(misfit) => Err(no_pilot(misfit.found)),
    }
}

/// A device that always takes as long.
fn constant(batch: usize, fixed: Span, each: Span, [pre, compute, _]: [f64; 3]) -> Trace {
    let total = Span(fixed.0 + each.0 * batch as i64);
    let (pre, compute) = (total.times(pre), total.times(compute));
    let service = ServiceTime { pre, compute, post: total - pre - compute, ..ServiceTime::default() };
    let samples = vec![Sample { frame: 0, idle: Span::ZERO, service }];
    Trace { model: "modelled".into(), batch, trusted: true, samples, ..Trace::default() }
}

fn row(
    schedule: Schedule,
    trace: &Trace,
    line: &LineConfig,
    modelled: bool,
    episodes: &[(Observed, bool, Vec<String>)],
) -> ScheduleRow {
    let mut seen = Observed::default();
    for (observed, ..) in episodes {
        seen.add(observed);
    }
    let mut services: Vec<ServiceTime> = trace.samples.iter().map(|sample| sample.service).collect();
    services.sort_unstable_by_key(ServiceTime::total);
    let median = services.get(services.len() / 2).copied().unwrap_or_default();
    let formula = expected(schedule, median, line.capture.rate.period(), line.around(), line.control.longest_wait());
    let ms = |of: Option<&Span>| of.copied().unwrap_or_default().ms();
    let (least, most) = (ms(seen.latencies.iter().min()), ms(seen.latencies.iter().max()));
    let collisions = episodes.iter().filter(|(_, collided, _)| *collided).count();
    // A nanosecond or two of rounding is none.
    let within = |x: f64, lo: f64, hi: f64| x >= lo - 1e-4 && x <= hi + 1e-4;
    let near = |a: f64, b: f64| (a / b - 1.0).abs() < 0.01;
    let as_formula = near(seen.processed_hz(), formula.processed_hz)
        && near(seen.applied_hz(), formula.applied_hz)
        && within(least, formula.latency_ms_min, most)
        && within(most, least, formula.latency_ms_max)
        && within(seen.age_max.ms(), 0.0, formula.age_ms_max);
    ScheduleRow {
        schedule: schedule.to_string(),
        service_ms: LatencyMs::of(services.iter().map(|s| s.total().ms()).collect()),
        processed_hz: seen.processed_hz(),
        applied_hz: seen.applied_hz(),
        dropped_share: seen.dropped_share(),
        latency_ms_min: least,
        latency_ms_max: most,
        age_ms_p50: seen.ages.percentile(0.5),
        age_ms_p99: seen.ages.percentile(0.99),
        age_ms_max: seen.age_max.ms(),
        formula,
        as_formula: modelled.then_some(as_formula),
        episodes: episodes.len(),
        collisions,
        collided: wilson(collisions, episodes.len()),
    }
}

/// For terminals.
pub fn schedules_text(study: &ScheduleStudy) -> String {
    let mut text =
        format!("{}, seeds {}, a frame every {} ms\n", study.scenario.name, study.seeds.text, study.period_ms);
    let _ = writeln!(text, "{}\n\n{}", study.cost, rows(&schedule_table(study)));
    for complaint in &study.complaints {
        let _ = writeln!(text, "not trusted: {complaint}");
    }
    for finding in &study.findings {
        let _ = writeln!(text, "{finding}");
    }
    text
}

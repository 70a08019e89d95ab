//! How late may it be? The longest latency at which a robot still stops in time: by formula, and by experiment.

mod chart;
mod critical;

pub use chart::budget_chart;

use plant::{Robot, Rover};
use scenario::{Outcome, PilotSpec, Scenario, Setup};
use serde::Serialize;
use timing::{Source, Span, max_reaction, occupied_budget};

use crate::candidates::Candidate;
use crate::drive::drive_setup;
use crate::pool::{self, Load, Progress, Seat};
use crate::{StudyError, Trial};
use critical::{Critical, critical, of_all};

/// Sensor phases that every speed is tried with, at least.
const PHASES: u64 = 20;

/// What is asked.
pub struct Question<'a> {
    /// The scenario, with the pilot that drives.
    pub scenario: &'a Scenario,
    /// Speeds, m/s.
    pub speeds: &'a [f64],
    /// Episodes for each speed where more than the sensor's phase is random.
    pub seeds: u64,
    /// The share of those that must go well.
    pub confidence: f64,
    /// Episodes side by side.
    pub jobs: usize,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// Name of the scenario.
    pub scenario: String,
    /// Whether the seed sets the sensor's phase and nothing else: then the worst phase counts, else a share of all seeds.
    pub phases_only: bool,
    /// Episodes for each speed and latency.
    pub seeds: u64,
    /// The share that must go well, where more than the phase is random.
    pub confidence: f64,
    /// Braking, m/s^2.
    pub braking: f64,
    /// Distance of two captures, ms.
    pub period_ms: f64,
    /// Distance of two control instants, ms; 0 when results take hold at once.
    pub control_ms: f64,
    /// Sensing, links, dead time and the actuator's lag, ms; and the mean delay of a modelled network.
    pub other_ms: f64,
    /// The modelled network, if there is one.
    pub network: Option<OverNetwork>,
    /// Each speed.
    pub speeds: Vec<AtSpeed>,
    /// Whether every measurement among the candidates can be relied upon.
    pub certified: bool,
    /// The models and devices that are judged.
    pub candidates: Vec<Candidate>,
}

/// What a modelled network adds to the reaction. Losses and waits for the link are in the experiment alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverNetwork {
    /// Its name.
    pub name: String,
    /// Mean of a frame and its answer together, ms: propagation, jitter and bytes over bandwidth. The formula counts it.
    pub mean_ms: f64,
    /// The longest, ms: jitter ends at eight means.
    pub longest_ms: f64,
}

/// One speed. Latencies are milliseconds of pure delay (pre-processing to post-processing) unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtSpeed {
    /// m/s.
    pub v: f64,
    /// Free distance when the obstacle can first be seen, m; null when nobody is met.
    pub distance_m: Option<f64>,
    /// Longest reaction, from sight to brakes, by formula; negative when none would do.
    pub reaction_ms: Option<f64>,
    /// What of it is left for a pure delay; 0 when nothing is.
    pub analytic_ms: Option<f64>,
    /// The longest that was still safe; null when no latency is.
    pub empirical_ms: Option<f64>,
    /// Lower end: of the 95 % interval, or of the last step of the search. Null when so few seeds tell nothing.
    pub lo: Option<f64>,
    /// Upper end; null when so few seeds tell nothing, or nothing was too late.
    pub hi: Option<f64>,
    /// Nothing up to the latest that was tried was too late.
    pub at_least: bool,
    /// Episodes that go wrong without any latency.
    pub unavoidable: usize,
    /// The longest service time of a device that is busy meanwhile, derived from the empirical one.
    pub occupied_ms: Option<f64>,
    /// Who is fast enough for that.
    pub fits: Vec<String>,
}

/// Answers, for each speed. Candidates are measured or known beforehand.
pub fn budget(
    question: &Question,
    candidates: Vec<Candidate>,
    load: &Load,
    progress: &dyn Progress,
) -> Result<Budget, StudyError> {
    let first = at_speed(question.scenario, question.speeds.first().copied().unwrap_or(1.0))?;
    let setup = first.setup(0)?;
    let rover = rover(&setup)?;
    let phases_only = phases_only(&first)?;
    let phases = first.capture.phase_steps.unwrap_or(PHASES);
    let seeds = if phases_only { phases } else { question.seeds.max(phases) };
    let mut budget = Budget {
        scenario: setup.name.clone(),
        phases_only,
        seeds,
        confidence: question.confidence,
        braking: rover.braking,
        period_ms: setup.line.capture.rate.period_secs() * 1e3,
        control_ms: setup.line.control.longest_wait().ms(),
        other_ms: other_ms(&setup, rover),
        network: setup.line.network.as_ref().map(|network| OverNetwork {
            name: network.name.clone(),
            mean_ms: network.mean_delay().ms(),
            longest_ms: network.longest_delay().ms(),
        }),
        speeds: Vec::new(),
        certified: candidates.iter().all(|candidate| candidate.trusted),
        candidates,
    };
    for &v in question.speeds {
        let at = one_speed(&budget, question, v, load, progress)?;
        budget.speeds.push(at);
    }
    Ok(budget)
}

fn one_speed(
    budget: &Budget,
    question: &Question,
    v: f64,
    load: &Load,
    progress: &dyn Progress,
) -> Result<AtSpeed, StudyError> {
    let scenario = at_speed(question.scenario, v)?;
    let distance = distance(&scenario, budget.seeds, budget.period_ms, v, question.jobs)?;
    let reaction = distance.map(|d| max_reaction(d, v, budget.braking) * 1e3);
    let left = |ms: f64| (ms - budget.period_ms - budget.control_ms - budget.other_ms).max(0.0);
    let seeds: Vec<u64> = (0..budget.seeds).collect();
    progress.begin(&format!("{v} m/s"), seeds.len(), false);
    let found: Vec<Critical> = pool::run(&seeds, question.jobs, load, progress, async |seat, &seed| {
        critical(async |ms| bad(seat, &scenario, seed, ms).await).await
    })?;
    progress.end();
    let all = of_all(&found, budget.phases_only, budget.confidence);
    let occupied = all.empirical.map(|ms| occupied_budget(ms / 1e3, budget.period_ms / 1e3) * 1e3);
    let fits = budget.candidates.iter().filter(|c| occupied.is_some_and(|ms| c.judged_ms <= ms));
    Ok(AtSpeed {
        v,
        distance_m: distance,
        reaction_ms: reaction,
        analytic_ms: reaction.map(left),
        empirical_ms: all.empirical,
        lo: all.lo,
        hi: all.hi,
        at_least: all.at_least,
        unavoidable: all.unavoidable,
        occupied_ms: occupied,
        fits: fits.map(|c| c.name.clone()).collect(),
    })
}

/// Longest pure delay with a sensor that never makes one wait, by formula, and the period of the one there is, ms; `None` where
/// nobody is met.
pub(crate) fn analytic(scenario: &Scenario, v: f64, jobs: usize) -> Result<Option<(f64, f64)>, StudyError> {
    let scenario = at_speed(scenario, v)?;
    let setup = scenario.setup(0)?;
    let Robot::Rover(rover) = &setup.world.robot else { return Ok(None) };
    let period = setup.line.capture.rate.period_secs() * 1e3;
    let seeds = scenario.capture.phase_steps.unwrap_or(PHASES);
    let distance = distance(&scenario, seeds, period, v, jobs)?;
    let spent = setup.line.control.longest_wait().ms() + other_ms(&setup, rover);
    Ok(distance.map(|d| (max_reaction(d, v, rover.braking) * 1e3 - spent, period)))
}

/// The scenario at a speed, its seeds stepping through the phases of the sensor.
fn at_speed(scenario: &Scenario, v: f64) -> Result<Scenario, StudyError> {
    let steps = scenario.capture.phase_steps.unwrap_or(0).max(PHASES);
    Ok(scenario.vary([("speed", &v.into()), ("capture.phase_steps", &(steps as i64).into())])?)
}

fn rover(setup: &Setup) -> Result<&Rover, StudyError> {
    match &setup.world.robot {
        Robot::Rover(rover) => Ok(rover),
        Robot::Balancer(_) => Err(StudyError::Plan {
            found: format!("the balancer of `{}`", setup.name),
            expected: "a rover, whose question is whether it stops in time".into(),
        }),
    }
}

fn other_ms(setup: &Setup, rover: &Rover) -> f64 {
    let network = setup.line.network.as_ref().map_or(Span::ZERO, |network| network.mean_delay());
    (setup.line.around() + network + rover.lag).ms()
}

/// Whether two seeds of one phase are one episode.
fn phases_only(scenario: &Scenario) -> Result<bool, StudyError> {
    let steps = scenario.capture.phase_steps.unwrap_or(PHASES);
    let (a, b) = (scenario.setup(0)?, scenario.setup(steps)?);
    let mut other = (*b.world).clone();
    other.seed = a.world.seed;
    let noise = a.world.lidar.noise > 0.0 || a.world.camera.is_some();
    let sees_noise = matches!(a.pilot, PilotSpec::Network { .. });
    let steady = a.line.network.as_ref().is_none_or(|network| network.steady());
    Ok(other == *a.world && !(noise && sees_noise) && steady)
}

/// Whether an episode with this pure delay goes wrong.
async fn bad(seat: &Seat<'_>, scenario: &Scenario, seed: u64, ms: f64) -> Result<bool, StudyError> {
    let trial = trial(seat, scenario, seed, ms, None).await?;
    Ok(matches!(trial.outcome, Outcome::Collision | Outcome::Fall))
}

async fn trial(
    seat: &Seat<'_>,
    scenario: &Scenario,
    seed: u64,
    ms: f64,
    pilot: Option<PilotSpec>,
) -> Result<Trial, StudyError> {
    let mut setup = scenario.setup(seed)?;
    setup.pilot = pilot.unwrap_or(setup.pilot);
    let key = setup.pilot.model().map_or_else(String::new, |model| format!(":{model}"));
    let (trial, _) = drive_setup(seat, setup, &key, Source::Fixed(Span::from_ms(ms))).await?;
    match trial.failures.first() {
        Some(why) => Err(StudyError::Engine { model: key.trim_start_matches(':').to_owned(), why: why.clone() }),
        None => Ok(trial),
    }
}

/// The free distance at first sight: what `brake_on_sight` is told, or what somebody who drives straight on covers from the
/// first sight of what it hits, in the median episode. There the sight is sampled, half a period late on average.
fn distance(scenario: &Scenario, seeds: u64, period_ms: f64, v: f64, jobs: usize) -> Result<Option<f64>, StudyError> {
    if let PilotSpec::BrakeOnSight { sight } = scenario.setup(0)?.pilot {
        return Ok(Some(sight));
    }
    let seeds: Vec<u64> = (0..seeds).collect();
    let nobody = |model: &str| Err(format!("{model} is not asked"));
    let driven = pool::run(&seeds, jobs, &nobody, &(), async |seat, &seed| {
        Ok(trial(seat, scenario, seed, 0.0, Some(PilotSpec::Straight)).await?.sight_to_impact)
    })?;
    let mut met: Vec<f64> = driven.into_iter().flatten().collect();
    if met.len() * 2 < seeds.len() {
        return Ok(None);
    }
    met.sort_by(f64::total_cmp);
    Ok(Some(met[met.len() / 2] + v * period_ms / 2e3))
}

//! What a scenario expects of many runs: the latency that it bears, and how often it succeeds.

use pilot::Contract;
use scenario::{Bounds, Check, Critical, Latency, PilotSpec, Rate, Scenario, Setup};
use timing::{Source, Span};

use crate::contest::{Contestant, Entrant, Measuring};
use crate::drive::{Trial, ride, trial};
use crate::pool::{Load, Progress, run};
use crate::{Course, Estimate, StudyError, wilson};

/// What came of the expectations that one run cannot tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proved {
    /// One for each expectation.
    pub checks: Vec<Check>,
    /// Why they are not to be trusted.
    pub complaints: Vec<String>,
    /// Episodes that were run.
    pub episodes: usize,
}

/// Latencies beyond the bounds that are tried together before it is asked whether one failed.
const CHUNK: usize = 5;

/// Checks `critical_latency_ms`, `success_rate` and `success_rate_lower` of a scenario. Success is what it is in a comparison:
/// the goal without a collision; without a goal, nothing until the end. A latency that is to be measured is measured first,
/// alone, on the machine that `device` names, and then drawn from by each seed for itself.
///
/// # Errors
/// When the model cannot be loaded or measured, or a seed cannot be set up.
pub fn prove(
    scenario: &Scenario,
    jobs: usize,
    device: &str,
    load: &Load,
    progress: &dyn Progress,
) -> Result<Proved, StudyError> {
    let setup = scenario.setup(scenario.seed)?;
    let expect = setup.expect.clone();
    // A critical latency is one of pure delays: no source is needed for it.
    let latency = if expect.asks_seeds() { setup.latency.clone() } else { Latency::Zero };
    let mut bench = Bench::new(scenario, &setup, latency, device, jobs, load, progress)?;
    let mut checks = Vec::new();
    if let Some(critical) = expect.critical_latency_ms {
        checks.push(bench.critical(&setup, critical)?);
    }
    if expect.asks_seeds() {
        checks.extend(bench.rates(scenario, expect.success_rate, expect.success_rate_lower)?);
    }
    Ok(Proved { checks, complaints: bench.complaints, episodes: bench.episodes })
}

struct Bench<'a> {
    /// Who decides, where the scenario's own pilot is a stand-in.
    pilot: PilotSpec,
    network: Option<(String, Contract)>,
    source: Source,
    jobs: usize,
    load: &'a Load<'a>,
    progress: &'a dyn Progress,
    complaints: Vec<String>,
    episodes: usize,
}

impl<'a> Bench<'a> {
    fn new(
        scenario: &Scenario,
        setup: &Setup,
        latency: Latency,
        device: &str,
        jobs: usize,
        load: &'a Load<'a>,
        progress: &'a dyn Progress,
    ) -> Result<Self, StudyError> {
        let course = Course::from(scenario.clone());
        let (name, surrogate) = match &setup.pilot {
            PilotSpec::Network { model } => (model.clone(), false),
            PilotSpec::Surrogate { model } => (model.clone(), true),
            // Nothing of theirs is loaded.
            _ => ("expert".to_owned(), false),
        };
        let entrant = Entrant { name: name.clone(), latency };
        let measuring = Measuring { samples: 300, device };
        let mut ready = Contestant::prepare_any(&entrant, &course, load, &measuring, progress)?;
        let source = ready.sources.pop().ok_or(StudyError::Lost)?;
        let network = ready.contract.filter(|_| !surrogate).map(|contract| (name, contract));
        let pilot = match &setup.pilot {
            PilotSpec::Network { .. } | PilotSpec::Surrogate { .. } if network.is_none() => PilotSpec::Expert,
            pilot => pilot.clone(),
        };
        Ok(Self { pilot, network, source, jobs, load, progress, complaints: ready.complaints, episodes: 0 })
    }

    /// Whether each of these succeeds.
    fn drive(&mut self, what: &str, tasks: &[(Setup, Source)]) -> Result<Vec<bool>, StudyError> {
        self.progress.begin(what, tasks.len(), false);
        let network = self.network.as_ref().map(|(name, contract)| (name.as_str(), Some(*contract)));
        let trials: Vec<Trial> = run(tasks, self.jobs, self.load, self.progress, async |seat, (setup, source)| {
            let setup = Setup { pilot: self.pilot.clone(), ..setup.clone() };
            let (episode, failures) = ride(seat, setup, network, source.clone(), false).await?;
            Ok(trial(&episode, failures))
        })?;
        self.progress.end();
        self.episodes += trials.len();
        let failed = trials.iter().filter(|trial| !trial.failures.is_empty() || trial.invalid).count();
        if failed > 0 {
            let why = trials.iter().find_map(|trial| trial.failures.first().cloned());
            let why = why.unwrap_or_else(|| "physics broke down".into());
            self.complaints.push(format!("{failed} of {} episodes failed, first: {why}", trials.len()));
        }
        Ok(trials.iter().map(|trial| trial.success).collect())
    }

    /// Pure delays from none on, until one fails at one sensor phase or more.
    fn critical(&mut self, setup: &Setup, critical: Critical) -> Result<Check, StudyError> {
        let grid = grid(&critical);
        let bound = critical.min.or(critical.max).unwrap_or_default();
        let sure = grid.iter().filter(|ms| **ms <= bound).count();
        let mut borne: Option<f64> = None;
        let mut rest = &grid[..];
        let mut take = sure;
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(take.clamp(1, rest.len()));
            let tasks: Vec<(Setup, Source)> = chunk.iter().flat_map(|ms| phases(setup, critical.phases, *ms)).collect();
            let succeeded = self.drive("critical latency", &tasks)?;
            for (ms, phases) in chunk.iter().zip(succeeded.chunks(critical.phases.max(1) as usize)) {
                let failures = phases.iter().filter(|success| !**success).count();
                if failures > 0 {
                    let broken = Broken { ms: *ms, failures };
                    return Ok(critical_check(&critical, borne, Some(&broken)));
                }
                borne = Some(*ms);
            }
            (rest, take) = (later, CHUNK);
        }
        Ok(critical_check(&critical, borne, None))
    }

    /// Both shares from the same runs.
    fn rates(
        &mut self,
        scenario: &Scenario,
        rate: Option<Rate>,
        lower: Option<Rate>,
    ) -> Result<Vec<Check>, StudyError> {
        let seeds = rate.iter().chain(&lower).map(|rate| rate.seeds).max().unwrap_or_default();
        let setups: Result<Vec<_>, _> =
            (0..seeds).map(|seed| Ok((scenario.setup(seed)?, self.source.clone()))).collect::<Result<_, StudyError>>();
        let succeeded = self.drive("success rate", &setups?)?;
        let of = |rate: Rate| {
            let successes = succeeded.iter().take(rate.seeds as usize).filter(|success| **success).count();
            (successes, wilson(successes, rate.seeds as usize))
        };
        let check = |name, rate: Rate, value: fn(&Estimate) -> f64| {
            let (successes, estimate) = of(rate);
            let Estimate { lo, hi, .. } = estimate;
            Check {
                name,
                passed: rate.bounds().contain(value(&estimate)),
                found: format!(
                    "{:.4} ({successes} of {} seeds; 95 % interval {lo:.4} to {hi:.4})",
                    value(&estimate),
                    rate.seeds
                ),
                expected: rate.bounds().to_string(),
            }
        };
        let rate = rate.map(|rate| check("success_rate", rate, |estimate| estimate.rate));
        let lower = lower.map(|rate| check("success_rate_lower", rate, |estimate| estimate.lo));
        Ok(rate.into_iter().chain(lower).collect())
    }
}

/// The first latency that fails.
struct Broken {
    ms: f64,
    /// Phases at which it does.
    failures: usize,
}

/// The latencies to try, ascending: every step from none to twice the greater bound, ten steps at least, and the bounds.
fn grid(critical: &Critical) -> Vec<f64> {
    let bounds = [critical.min, critical.max];
    let most = bounds.into_iter().flatten().fold(0.0, f64::max);
    let step = critical.step_ms;
    let end = (2.0 * most).max(most + 10.0 * step);
    let steps = (end / step).ceil() as u32;
    // A step beside a bound, but for rounding, is the bound.
    let snapped = |ms: f64| bounds.into_iter().flatten().find(|bound| (bound - ms).abs() < 1e-6).unwrap_or(ms);
    let steps = (0..=steps).map(|i| snapped(f64::from(i) * step));
    let mut grid: Vec<f64> = steps.chain(bounds.into_iter().flatten()).collect();
    grid.sort_by(f64::total_cmp);
    grid.dedup();
    grid
}

/// The setup at each sensor phase, under this pure delay.
fn phases(setup: &Setup, phases: u64, ms: f64) -> impl Iterator<Item = (Setup, Source)> {
    let setup = setup.clone();
    (0..phases).map(move |i| {
        let mut setup = setup.clone();
        let period = setup.line.capture.rate.period();
        setup.line.capture.phase = Span((i128::from(period.0) * i128::from(i) / i128::from(phases)) as i64);
        (setup, Source::Fixed(Span::from_ms(ms)))
    })
}

fn critical_check(critical: &Critical, borne: Option<f64>, broken: Option<&Broken>) -> Check {
    let Critical { step_ms, phases, .. } = critical;
    let bounds: Bounds = critical.bounds();
    let tried = format!("pure delays every {step_ms} ms at {phases} sensor phases");
    let (passed, found) = match (borne, broken) {
        (None, Some(Broken { failures, .. })) => {
            (false, format!("none ({tried}: without any latency {failures} of {phases} fail)"))
        }
        (Some(ms), Some(Broken { ms: beyond, failures })) => (
            bounds.contain(ms),
            format!("{ms} ms ({tried}: all up to it succeed; at {beyond} ms {failures} of {phases} fail)"),
        ),
        // What nothing breaks is above every bound, but no latency was found to be the critical one.
        (borne, None) => {
            let ms = borne.unwrap_or_default();
            (
                critical.max.is_none(),
                format!("above {ms} ms ({tried}: nothing fails up to there, so the limit is not known)"),
            )
        }
    };
    Check { name: "critical_latency_ms", passed, found, expected: format!("{bounds} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_holds_the_bounds_and_what_lies_beyond() {
        let grid_of = |min, max, step_ms| grid(&Critical { min, max, step_ms, phases: 1 });
        assert_eq!(grid_of(Some(25.0), None, 10.0)[..5], [0.0, 10.0, 20.0, 25.0, 30.0]);
        assert_eq!(grid_of(Some(25.0), None, 10.0).last(), Some(&130.0));
        let thirds = grid_of(Some(0.3), Some(0.6), 0.1);
        assert!(thirds.windows(2).all(|pair| pair[1] - pair[0] > 0.05), "{thirds:?}");
        assert_eq!(grid_of(None, Some(100.0), 50.0).last(), Some(&600.0));
    }

    #[test]
    fn a_limit_is_told_by_what_fails_beyond() {
        let at_least = Critical { min: Some(150.0), ..Critical::default() };
        let at_most = Critical { max: Some(150.0), ..Critical::default() };
        let broken = |ms| Some(Broken { ms, failures: 3 });
        for (critical, borne, beyond, passed) in [
            (&at_least, Some(150.0), broken(160.0), true),
            (&at_least, Some(140.0), broken(150.0), false),
            (&at_least, Some(300.0), None, true),
            (&at_least, None, broken(0.0), false),
            (&at_most, Some(150.0), broken(160.0), true),
            (&at_most, Some(160.0), broken(170.0), false),
            (&at_most, Some(300.0), None, false),
        ] {
            let check = critical_check(critical, borne, beyond.as_ref());
            assert_eq!(check.passed, passed, "{check:?}");
        }
    }
}

//! What can be done about late commands, on the same cases: which way removes the collisions, at what cost in time.

use std::collections::BTreeSet;

use scenario::{Compensation, Latency, Outcome, Seeds, Setup};
use serde::Serialize;
use timing::Source;

use crate::contest::{Contestant, Measuring};
use crate::drive::{ride, trial};
use crate::pool::{self, Load, Progress};
use crate::report::{Driven, LatencyMs, Paired, ScenarioSource, SeedSource};
use crate::{Course, Entrant, Estimate, Pairs, StudyError, Trial, engine_name, mean_effect, pilot_named, wilson};

mod chart;
mod words;

pub use chart::compensation_chart;
pub use words::{compensation_page, compensation_text};

/// What is run.
pub struct CompensationPlan<'a> {
    /// Where.
    pub course: &'a Course,
    /// The same cases for every way.
    pub seeds: &'a Seeds,
    /// Who drives: a model, expert, straight, brake_on_sight; the scenario's own pilot if `None`.
    pub pilot: Option<&'a str>,
    /// How late.
    pub latency: &'a Latency,
    /// What is done about it; the first is what the others are compared with.
    pub ways: &'a [Compensation],
    /// Episodes side by side.
    pub jobs: usize,
    /// Inferences at most in a measurement of latency.
    pub samples: usize,
    /// Of the program.
    pub version: &'a str,
    /// The machine, in words.
    pub device: &'a str,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CompensationStudy {
    /// Always `compensation`.
    pub study: &'static str,
    /// Of the program.
    pub version: String,
    /// The machine, in words.
    pub device: String,
    /// Where.
    pub scenario: ScenarioSource,
    /// The cases.
    pub seeds: SeedSource,
    /// Who drove.
    pub pilot: String,
    /// SHA-256 of its network.
    pub pilot_sha256: Option<String>,
    /// The runtime obtained; `none` without a network.
    pub runtime: String,
    /// How late.
    pub latency: String,
    /// Service time, or the delay.
    pub latency_ms: LatencyMs,
    /// Whether that is a device's published numbers.
    pub modelled: bool,
    /// Whether everything can be relied upon.
    pub trusted: bool,
    /// If not, why.
    pub complaints: Vec<String>,
    /// The ways, and before them the same pilot without any latency.
    pub ways: Vec<WayReport>,
    /// Every way against the first, corrected for their number.
    pub tests: Vec<WayTest>,
    /// What follows, in sentences.
    pub findings: Vec<String>,
    /// What is not compared, and why.
    pub left_out: Vec<String>,
}

/// One way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WayReport {
    /// The compensation, or `no latency`.
    pub way: String,
    /// What came of its episodes.
    pub driven: Driven,
    /// Share of episodes that ended by touching something.
    pub collided: Estimate,
    /// Mean time to the goal where it was reached, seconds, with its normal interval.
    pub time_to_goal_s: Option<Estimate>,
    /// By how much it is slower than the first way, over the cases in which both reached the goal.
    pub slower_s: Option<Estimate>,
    /// How many cases those are.
    pub slower_cases: usize,
    /// By how much it is slower than without latency, over the cases in which both reached the goal.
    pub slower_than_no_latency_s: Option<Estimate>,
    /// Action chunks that were over before the next took over.
    pub ran_out: u64,
}

/// A way against the first, on the same cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WayTest {
    /// The way.
    pub a: String,
    /// The first way.
    pub b: String,
    /// `collision` or `success`.
    pub of: &'static str,
    /// That of the way against that of the first.
    #[serde(flatten)]
    pub paired: Paired,
}

/// What the table calls the pilot without latency.
const REFERENCE: &str = "no latency";

/// Drives every way over all cases.
pub fn compensation(
    plan: &CompensationPlan,
    load: &Load,
    progress: &dyn Progress,
) -> Result<CompensationStudy, StudyError> {
    check(plan)?;
    let name = match plan.pilot {
        Some(name) => name.to_owned(),
        None => own_pilot(plan.course)?,
    };
    let entrant = Entrant { name, latency: plan.latency.clone() };
    let measuring = Measuring { samples: plan.samples, device: plan.device };
    let courses = std::slice::from_ref(plan.course);
    let contestant = Contestant::prepare(&entrant, courses, load, &measuring, progress)?;
    let (ways, left_out) = possible(plan, &contestant)?;
    let cases = drive_all(plan, &ways, &contestant, load, progress)?;
    let names: Vec<String> =
        std::iter::once(REFERENCE.to_owned()).chain(ways.iter().map(Compensation::to_string)).collect();
    let ways: Vec<WayReport> =
        names.iter().zip(&cases).map(|(name, own)| way(name, own, &cases[1], &cases[0])).collect();
    let tests = tests(&names[1..], &cases[1..]);
    let mut complaints = contestant.complaints.clone();
    complaints.extend(
        cases
            .iter()
            .flatten()
            .flat_map(|trial| &trial.failures)
            .take(1)
            .map(|why| format!("an inference failed: {why}")),
    );
    if cases.iter().flatten().any(|trial| trial.invalid) {
        complaints.push("physics broke down: a body went non-finite".into());
    }
    let info = contestant.info.as_ref();
    Ok(CompensationStudy {
        study: "compensation",
        version: plan.version.to_owned(),
        device: plan.device.to_owned(),
        scenario: plan.course.into(),
        seeds: SeedSource::of(plan.seeds, Vec::new()),
        pilot: contestant.name.clone(),
        pilot_sha256: info.map(|info| info.model.sha256.clone()),
        runtime: info.map_or_else(|| "none".into(), engine_name),
        latency: plan.latency.to_string(),
        latency_ms: contestant.latency_ms,
        modelled: contestant.modelled,
        trusted: complaints.is_empty(),
        complaints,
        findings: words::findings(&ways, &tests),
        left_out,
        ways,
        tests,
    })
}

fn check(plan: &CompensationPlan) -> Result<(), StudyError> {
    let refuse = |found: String, expected: &str| Err(StudyError::Plan { found, expected: expected.to_owned() });
    let names: Vec<String> = plan.ways.iter().map(Compensation::to_string).collect();
    if names.is_empty() {
        return refuse("no compensation".into(), "at least one, such as hold");
    }
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        return refuse(format!("the compensations {}", names.join(", ")), "each once");
    }
    Ok(())
}

fn own_pilot(course: &Course) -> Result<String, StudyError> {
    Ok(course.setup(course.scenario.seed)?.pilot.name().to_owned())
}

/// The cases of the pilot without latency, then those of each way.
fn drive_all(
    plan: &CompensationPlan,
    ways: &[Compensation],
    contestant: &Contestant,
    load: &Load,
    progress: &dyn Progress,
) -> Result<Vec<Vec<Trial>>, StudyError> {
    let source = contestant.sources.first().cloned().unwrap_or(Source::ZERO);
    let seeds = plan.seeds.all();
    let conditions =
        std::iter::once((Compensation::Hold, Source::ZERO)).chain(ways.iter().map(|way| (*way, source.clone())));
    let mut tasks = Vec::new();
    for (way, source) in conditions {
        tasks.extend(seeds.iter().map(|&seed| (way, source.clone(), seed)));
    }
    progress.begin("driving", tasks.len(), false);
    let cases = pool::run(&tasks, plan.jobs, load, progress, async |seat, (way, source, seed)| {
        let mut setup = plan.course.setup(*seed)?;
        setup.pilot = pilot_named(&contestant.name, &setup)?;
        setup.compensation = *way;
        let network = contestant.contract.map(|contract| (contestant.name.as_str(), Some(contract)));
        let (episode, failures) = ride(seat, setup, network, source.clone(), false).await?;
        Ok(trial(&episode, failures))
    })?;
    progress.end();
    Ok(cases.chunks(seeds.len()).map(<[Trial]>::to_vec).collect())
}

fn way(name: &str, own: &[Trial], first: &[Trial], reference: &[Trial]) -> WayReport {
    let collisions = own.iter().filter(|trial| collided(trial)).count();
    let times: Vec<f64> = own.iter().filter(|trial| trial.success).map(|trial| trial.seconds).collect();
    let slower = |than: &[Trial]| -> Vec<f64> {
        let both = own.iter().zip(than).filter(|(a, b)| a.success && b.success);
        both.map(|(a, b)| a.seconds - b.seconds).collect()
    };
    let mean = |seconds: &[f64]| (!seconds.is_empty()).then(|| mean_effect(seconds));
    let than_first = slower(first);
    WayReport {
        way: name.to_owned(),
        driven: Driven::of(own.iter()),
        collided: wilson(collisions, own.len()),
        time_to_goal_s: mean(&times),
        slower_s: mean(&than_first),
        slower_cases: than_first.len(),
        slower_than_no_latency_s: mean(&slower(reference)),
        ran_out: own.iter().map(|trial| trial.ran_out).sum(),
    }
}

fn collided(trial: &Trial) -> bool {
    trial.outcome == Outcome::Collision
}

/// Whether something happened in a case.
type Is = fn(&Trial) -> bool;

/// What is tested.
const KINDS: [(&str, Is); 2] = [("collision", collided), ("success", |trial| trial.success)];

/// Every way but the first against the first.
fn tests(names: &[String], cases: &[Vec<Trial>]) -> Vec<WayTest> {
    let (Some((first, ways)), Some((baseline, others))) = (names.split_first(), cases.split_first()) else {
        return Vec::new();
    };
    let (mut who, mut pairs) = (Vec::new(), Vec::new());
    for (name, own) in ways.iter().zip(others) {
        for (of, is) in KINDS {
            who.push((name.clone(), of));
            pairs.push(Pairs::of(own.iter().zip(baseline).map(|(a, b)| (is(a), is(b)))));
        }
    }
    let test = |((a, of), paired)| WayTest { a, b: first.clone(), of, paired };
    who.into_iter().zip(Paired::all(&pairs)).map(test).collect()
}

/// The ways that this pilot can go, and what is not compared and why. A way named first is what the others are compared with, so
/// that it must be possible.
fn possible(plan: &CompensationPlan, contestant: &Contestant) -> Result<(Vec<Compensation>, Vec<String>), StudyError> {
    let mut left_out = Vec::new();
    let mut setup = plan.course.setup(plan.course.scenario.seed)?;
    setup.pilot = pilot_named(&contestant.name, &setup)?;
    let source = contestant.sources.first().cloned().unwrap_or(Source::ZERO);
    let mut ways = Vec::new();
    for (i, way) in plan.ways.iter().enumerate() {
        let way_setup = Setup { compensation: *way, ..setup.clone() };
        match episode::chunks_possible(contestant.contract, &way_setup, &source) {
            Ok(()) => ways.push(*way),
            Err(why) if i == 0 => return Err(why.into()),
            Err(why) => left_out.push(format!("{way}: {why}")),
        }
    }
    if ways.contains(&Compensation::Predict) && contestant.contract.is_none() {
        left_out.push("predict moves what a network is fed; this pilot has none, so it is the same as hold".into());
    }
    Ok((ways, left_out))
}

//! What a comparison came to: the object that `deadtime compare --json` prints.

use scenario::Seeds;
use serde::Serialize;

use crate::{Ages, Course, Estimate, Pairs, Trial, holm, sha256, wilson};

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Of the program.
    pub version: String,
    /// The machine that latencies were measured on, in words.
    pub device: String,
    /// Each pilot, in the order given.
    pub models: Vec<ModelReport>,
    /// The two exchanges of latency between two pilots, for each pair asked for.
    pub swap: Vec<SwapReport>,
    /// Paired tests of all pairs, corrected for their number.
    pub tests: Vec<TestReport>,
    /// The seeds, the same for every pilot and scenario.
    pub seeds: SeedSource,
    /// The scenarios.
    pub scenarios: Vec<ScenarioSource>,
    /// Captures a second in every scenario; null: each scenario's own.
    pub hz: Option<f64>,
    /// The test set, if one was named.
    pub set: Option<ScenarioSource>,
    /// What follows, in sentences.
    pub findings: Vec<String>,
}

/// A file by its name and the SHA-256 of its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScenarioSource {
    /// Its name.
    pub name: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// Seeds as they were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeedSource {
    /// A range or a list.
    pub text: String,
    /// How many.
    pub count: usize,
    /// Of the seeds written in decimal, one a line.
    pub sha256: String,
    /// Seeds of the held-out episodes that the open-loop error is of.
    pub held_out: Vec<u64>,
}

impl From<&Course> for ScenarioSource {
    fn from(course: &Course) -> Self {
        Self { name: course.name.clone(), sha256: course.sha256.clone() }
    }
}

impl SeedSource {
    /// Seeds, and those of the held-out episodes, if there are any.
    pub(crate) fn of(seeds: &Seeds, held_out: Vec<u64>) -> Self {
        let lines: Vec<String> = seeds.all().iter().map(|seed| format!("{seed}\n")).collect();
        Self { text: seeds.to_string(), count: lines.len(), sha256: sha256(lines.concat().as_bytes()), held_out }
    }
}

/// Percentiles of service times, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencyMs {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
}

impl LatencyMs {
    /// By nearest rank; zero without any.
    pub fn of(mut ms: Vec<f64>) -> Self {
        ms.sort_by(f64::total_cmp);
        Self { p50: nearest_rank(&ms, 0.5), p99: nearest_rank(&ms, 0.99) }
    }
}

/// The value that a share `p` of a rising list does not exceed, by nearest rank; zero without any.
pub(crate) fn nearest_rank(rising: &[f64], p: f64) -> f64 {
    match rising.len() {
        0 => 0.0,
        n => rising[((p * n as f64).ceil() as usize).clamp(1, n) - 1],
    }
}

/// The middle of numbers that rise; of two in the middle, between them.
pub(crate) fn median(rising: &[f64]) -> Option<f64> {
    let n = rising.len();
    Some(f64::midpoint(*rising.get(n.checked_sub(1)? / 2)?, rising[n / 2]))
}

/// Percentiles of the age of the command in force, milliseconds; null where no command ever took hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AgeMs {
    /// Median over all ticks of all episodes.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
}

/// One pilot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelReport {
    /// As it was named.
    pub name: String,
    /// Of the model's file and its external data; null without a network.
    pub sha256: Option<String>,
    /// Parameters.
    pub params: Option<u64>,
    /// Multiply-accumulates of one inference; null where they cannot be counted.
    pub macs: Option<u64>,
    /// If not, why.
    pub uncounted: Option<String>,
    /// Size of the file and its external data.
    pub bytes: Option<u64>,
    /// Share of held-out frames on which its action costs more than 0.12 m of way above the expert's cheapest, by the
    /// expert's own costs; null where the expert has none.
    pub open_loop_error: Option<f64>,
    /// How many frames.
    pub open_loop_frames: usize,
    /// Success without latency.
    pub success_zero: Estimate,
    /// Success with its real latency.
    pub success_real: Estimate,
    /// Where its latency comes from.
    pub latency: String,
    /// Its service time.
    pub latency_ms: LatencyMs,
    /// The runtime obtained, with its version; `none` without a network.
    pub runtime: String,
    /// The runtime asked for; `none` without a network.
    pub runtime_asked: String,
    /// Whether the latency is a device's published numbers rather than a measurement or a setting.
    pub modelled: bool,
    /// Whether the latency and every inference can be relied upon.
    pub trusted: bool,
    /// If not, why.
    pub complaints: Vec<String>,
    /// Over all scenarios, without latency.
    pub zero: Driven,
    /// Over all scenarios, with its real latency.
    pub real: Driven,
    /// Each scenario by itself.
    pub by_scenario: Vec<ScenarioReport>,
}

/// One pilot in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioReport {
    /// Which.
    pub scenario: String,
    /// As in [`ModelReport`].
    pub open_loop_error: Option<f64>,
    /// Without latency.
    pub zero: Driven,
    /// With its real latency.
    pub real: Driven,
}

/// What came of a number of episodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Driven {
    /// How many.
    pub episodes: usize,
    /// Goal without collision.
    pub successes: usize,
    /// Their share.
    pub success: Estimate,
    /// Ended by touching something.
    pub collisions: usize,
    /// Mean over the episodes of the smallest distance to anything, metres; null where there is nothing.
    pub clearance_m: Option<f64>,
    /// Age of the command in force.
    pub age_ms: AgeMs,
    /// Longest path driven on one frame in any of them, metres.
    pub blind_m_max: f64,
    /// Inferences.
    pub inferences: u64,
    /// Frames never inferred.
    pub dropped: u64,
    /// Outputs that were not finite, each replaced by the safe command.
    pub unusable: u64,
    /// Inferences that failed.
    pub failures: usize,
}

impl Driven {
    pub(crate) fn of<'t>(trials: impl Iterator<Item = &'t Trial> + Clone) -> Self {
        let count = |is: fn(&Trial) -> bool| trials.clone().filter(|t| is(t)).count();
        let mut ages = Ages::default();
        trials.clone().for_each(|trial| ages.add(&trial.ages));
        let clearances: Vec<f64> = trials.clone().filter_map(|trial| trial.clearance).collect();
        let mean = clearances.iter().sum::<f64>() / clearances.len().max(1) as f64;
        let (episodes, successes) = (trials.clone().count(), count(|t| t.success));
        Self {
            episodes,
            successes,
            success: wilson(successes, episodes),
            collisions: count(|t| t.outcome == scenario::Outcome::Collision),
            clearance_m: (!clearances.is_empty()).then_some(mean),
            age_ms: AgeMs { p50: ages.percentile(0.5), p99: ages.percentile(0.99) },
            blind_m_max: trials.clone().map(|t| t.blind_max).fold(0.0, f64::max),
            inferences: trials.clone().map(|t| t.inferences).sum(),
            dropped: trials.clone().map(|t| t.dropped).sum(),
            unusable: trials.clone().map(|t| t.unusable).sum(),
            failures: trials.map(|t| t.failures.len()).sum(),
        }
    }
}

/// With which latency a case was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// None.
    Zero,
    /// Each pilot's own.
    Real,
}

/// A paired comparison of two pilots on the same cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestReport {
    /// The first.
    pub a: String,
    /// The second.
    pub b: String,
    /// With which latency.
    pub at: Case,
    /// Success of the first against that of the second.
    #[serde(flatten)]
    pub paired: Paired,
}

/// What happened to two on the same cases, one of several tests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// In how many cases it happened to whom.
    pub pairs: Pairs,
    /// Share of the first less that of the second, with Newcombe's paired interval.
    pub difference: Estimate,
    /// Exact two-sided McNemar test.
    pub p: f64,
    /// The same by Holm's correction over all tests here.
    pub p_holm: f64,
    /// Whether that is below 0.05.
    pub significant: bool,
}

/// A difference is called one below this.
const LEVEL: f64 = 0.05;

impl Paired {
    /// The tests of all these pairs, corrected together.
    pub(crate) fn all(pairs: &[Pairs]) -> Vec<Self> {
        let p: Vec<f64> = pairs.iter().map(Pairs::mcnemar).collect();
        let corrected = holm(&p);
        let one = |((pairs, p), p_holm): ((&Pairs, f64), f64)| Self {
            pairs: *pairs,
            difference: pairs.difference(),
            p,
            p_holm,
            significant: p_holm < LEVEL,
        };
        pairs.iter().zip(p).zip(corrected).map(one).collect()
    }
}

/// One pilot's outputs at one pilot's latency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SwapCell {
    /// Whose network decides.
    pub outputs: String,
    /// Whose service times they come at.
    pub latency: String,
    /// What came of it.
    pub success: Estimate,
}

/// Two pilots, each at its own and at the other's latency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SwapReport {
    /// The first.
    pub a: String,
    /// The second.
    pub b: String,
    /// The four.
    pub cells: Vec<SwapCell>,
    /// Success of the second less that of the first, each at its own latency.
    pub difference: Estimate,
    /// The part of it that comes with the second's latency, whoever decides: the mean over both pilots' outputs.
    pub speed: Estimate,
    /// The part that comes with the second's outputs, however late: the mean over both latencies. The two parts add up.
    pub accuracy: Estimate,
}

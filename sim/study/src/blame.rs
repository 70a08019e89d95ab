//! Whose fault a collision was: the but-for verdict by counterfactual episodes, as the time contract defines it.
//!
//! The run is repeated on replicas whose noise and sensor phase differ. In each, time is forked a few seconds before the
//! contact, and in the fork the latency is taken away, or the network is replaced by the expert on what is in line of sight,
//! or both. What avoids the collision was needed for it.

mod change;
mod critical;
mod picture;
mod replica;
mod shares;
mod words;

use std::collections::BTreeMap;

use episode::{Edit, Story};
use pilot::Contract;
use runtime::in_lanes;
use scenario::Setup;
use serde::Serialize;
use timing::{SimTime, Source, Span};

use crate::StudyError;
use crate::pool::{LANES, Load, Progress, Seat, run};
use change::Change;
use critical::critical;
use replica::{Bench, Factual};

pub use change::Part;
pub use critical::{Interval, Tried};
pub use picture::blame_chart;

/// The run that is looked into.
#[derive(Clone, Debug)]
pub struct Accused {
    /// The scenario's variant, with the pilot that drove.
    pub setup: Setup,
    /// Where the durations came from. Not measured anew: a measured run brings its trace.
    pub source: Source,
    /// What a person changed on the way.
    pub edits: Vec<Edit>,
    /// The networks that drive in it, and what each is fed: that of the setup, and those that took over on the way.
    pub networks: BTreeMap<String, Contract>,
}

/// How it is looked into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inquiry {
    /// Time is forked about this long before the contact, spread over the replicas by a sixth to either side; a collision within the same time after it was not avoided.
    pub window: Span,
    /// Runs whose noise and sensor phase differ; the first is the run itself.
    pub replicas: usize,
    /// Threads.
    pub jobs: usize,
}

impl Default for Inquiry {
    fn default() -> Self {
        Self { window: Span::from_secs(3.0), replicas: 16, jobs: 1 }
    }
}

impl Inquiry {
    /// How far the forks' times lie from the window's length at most.
    pub fn spread(&self) -> Span {
        self.window.times(SPREAD)
    }
}

/// Half a second of three.
const SPREAD: f64 = 1.0 / 6.0;
/// Share of the replicas that must agree.
const AGREEMENT: f64 = 0.8;

/// What was to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Without latency it would not have happened; with the expert's eyes it would.
    Latency,
    /// With the expert's eyes it would not have happened; without latency it would.
    Model,
    /// Either remedy would have avoided it: both causes were needed.
    Joint,
    /// Only both remedies together would have avoided it: either cause alone suffices.
    Either,
    /// The expert without latency hits too.
    Unavoidable,
    /// Somebody walked into the standing robot.
    Actor,
    /// The replica did not collide.
    NoCollision,
    /// The replicas do not agree.
    Undetermined,
}

/// How often a change avoids the collision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIf {
    /// What is changed, in words.
    pub change: String,
    /// Replicas in which the collision is avoided.
    pub avoids: usize,
    /// Replicas that collide without it.
    pub of: usize,
}

/// The answer: the object that `deadtime blame --json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blame {
    /// Name of the scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// What at least four of five replicas say.
    pub verdict: Verdict,
    /// Latency up to which the run itself does not collide, milliseconds: all stage durations scaled alike, and named by what
    /// the first command that knew of the obstacle had. `None` when it collides without any, and when somebody changed the latency
    /// after that command's frame was captured: then only the scale says something.
    pub critical_latency_ms: Option<f64>,
    /// The same as a factor of all durations.
    pub critical_scale: Option<f64>,
    /// Whether the latency was changed on the way to the contact, after the obstacle was seen.
    pub latency_changed: bool,
    /// Critical latency less the one there was, milliseconds; negative by as much as was missing.
    pub margin_ms: Option<f64>,
    /// The latency there was, milliseconds.
    pub latency_ms: f64,
    /// Part of the impact speed that each stage brought (Shapley value over the stages that take time); may be negative.
    /// `None` when latency changes nothing.
    pub shares: Option<BTreeMap<&'static str, f64>>,
    /// What each stage took in that inference, milliseconds.
    pub stages_ms: BTreeMap<&'static str, f64>,
    /// From then on not even the expert without latency could avoid it, seconds; `None` when it never could.
    pub last_avoidable_s: Option<f64>,
    /// Episodes that were run, forks included.
    pub episodes: usize,
    /// Replicas by verdict, forked before the contact.
    pub split: BTreeMap<Verdict, usize>,
    /// The same, changed from the start on.
    pub split_from_start: BTreeMap<Verdict, usize>,
    /// Safe and unsafe latencies, in order.
    pub intervals: Vec<Interval>,
    /// Every factor of all durations that was tried on the run itself, with what it came to.
    pub tried: Vec<Tried>,
    /// Other changes.
    pub what_if: Vec<WhatIf>,
    /// How long before the contact time was forked, seconds: in the middle of the replicas.
    pub window_s: f64,
    /// And how far from that at most, seconds.
    pub window_spread_s: f64,
    /// The collision.
    pub story: Story,
}

/// What a replica has to say.
struct Witness {
    verdict: Verdict,
    from_start: Verdict,
    avoids: Vec<bool>,
    /// Impact speed for each set of stages that take time, m/s.
    coalitions: Vec<f64>,
    base: Option<Base>,
    runs: usize,
}

/// What only the run itself is asked.
struct Base {
    factual: Factual,
    critical: critical::Critical,
    last_avoidable: Option<SimTime>,
}

/// Looks into a run. `None` when it does not collide (any more).
///
/// # Errors
/// When the model cannot be loaded, or an episode not begin.
pub fn blame(
    accused: &Accused,
    inquiry: &Inquiry,
    load: &Load,
    progress: &dyn Progress,
) -> Result<Option<Blame>, StudyError> {
    let begin = async |seat: &Seat, index: u64| -> Result<(Bench, Option<Factual>), StudyError> {
        let bench = Bench::new(accused, seat).await?;
        let factual = bench.factual(accused, index, inquiry).await?;
        Ok((bench, factual))
    };
    let first = run(&[0], 1, load, &(), async |seat, &index| Ok(begin(seat, index).await?.1.map(|f| f.parts)))?;
    let [Some(parts)] = &first[..] else { return Ok(None) };
    let indices: Vec<u64> = (0..inquiry.replicas.max(1) as u64).collect();
    progress.begin("replicas", indices.len(), false);
    let witnesses = run(&indices, inquiry.jobs, load, progress, async |seat, &index| {
        let (bench, factual) = begin(seat, index).await?;
        Ok(Box::pin(hear(bench, factual, parts, index == 0)).await)
    })?;
    progress.end();
    Ok(Some(sum_up(accused, inquiry, parts, witnesses)?))
}

async fn hear(bench: Bench, factual: Option<Factual>, parts: &[Part], base: bool) -> Witness {
    let none = Verdict::NoCollision;
    let Some(factual) = factual else {
        let runs = bench.runs.get();
        return Witness {
            verdict: none,
            from_start: none,
            avoids: Vec::new(),
            coalitions: Vec::new(),
            base: None,
            runs,
        };
    };
    let verdict = bench.verdict(&factual, &factual.before).await;
    let from_start = bench.verdict(&factual, &factual.start).await;
    let others: Vec<Change> = others(parts, &factual).into_iter().map(|(_, change)| change).collect();
    let sets = (0..1u32 << parts.len())
        .map(|set| Change::only(parts.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, p)| *p)));
    let changes = others.iter().copied().chain(sets);
    let impact = async |change| bench.impact(&factual, &change).await;
    let mut avoids: Vec<f64> = in_lanes(LANES, changes.map(impact)).await;
    let coalitions = avoids.split_off(others.len());
    let avoids = avoids.into_iter().map(|impact| impact == 0.0).collect();
    let mut found = None;
    if base {
        let critical = critical(&bench, &factual).await;
        let last_avoidable = bench.last_avoidable(&factual).await;
        found = Some(Base { factual, critical, last_avoidable });
    }
    Witness { verdict, from_start, avoids, coalitions, base: found, runs: bench.runs.get() }
}

/// Changes beside the four that make the verdict.
fn others(parts: &[Part], factual: &Factual) -> Vec<(String, Change)> {
    let mut others: Vec<(String, Change)> =
        parts.iter().map(|part| (format!("no {}", part.label()), Change::without(*part))).collect();
    if let Some(median) = factual.spikes {
        others.push(("no inference slower than the median".into(), Change { at_most: Some(median), ..Change::NONE }));
    }
    if factual.start.setup().line.deadline.is_some() {
        others.push(("no deadline".into(), Change { no_deadline: true, ..Change::NONE }));
    }
    others
}

fn sum_up(accused: &Accused, inquiry: &Inquiry, parts: &[Part], witnesses: Vec<Witness>) -> Result<Blame, StudyError> {
    let count = |of: fn(&Witness) -> Verdict| {
        witnesses.iter().fold(BTreeMap::new(), |mut split, witness| {
            *split.entry(of(witness)).or_insert(0) += 1;
            split
        })
    };
    let (split, split_from_start) = (count(|w| w.verdict), count(|w| w.from_start));
    let collided: Vec<&Witness> = witnesses.iter().filter(|w| w.verdict != Verdict::NoCollision).collect();
    let shares = shares::shapley(parts, &collided.iter().map(|w| w.coalitions.as_slice()).collect::<Vec<_>>());
    let base = witnesses.iter().find_map(|w| w.base.as_ref()).ok_or(StudyError::Lost)?;
    let factual = &base.factual;
    let what_if = others(parts, factual)
        .into_iter()
        .enumerate()
        .map(|(i, (change, _))| WhatIf {
            change,
            avoids: collided.iter().filter(|w| w.avoids.get(i) == Some(&true)).count(),
            of: collided.len(),
        })
        .collect();
    let latency_ms = factual.latency.ms();
    let named = (!factual.changed).then_some(latency_ms);
    let critical_scale = base.critical.scale;
    let critical_latency_ms = critical_scale.zip(named).map(|(scale, ms)| scale * ms);
    Ok(Blame {
        scenario: accused.setup.name.clone(),
        seed: accused.setup.seed,
        verdict: agreed(&split, witnesses.len()),
        critical_latency_ms,
        critical_scale,
        latency_changed: factual.changed,
        margin_ms: critical_latency_ms.map(|critical| critical - latency_ms),
        latency_ms,
        shares,
        stages_ms: factual.stages.iter().map(|(stage, span)| (stage.label(), span.ms())).collect(),
        last_avoidable_s: base.last_avoidable.map(SimTime::secs),
        episodes: witnesses.iter().map(|w| w.runs).sum::<usize>(),
        split,
        split_from_start,
        intervals: base.critical.intervals.iter().map(|i| i.named(named)).collect(),
        tried: base.critical.tried.clone(),
        what_if,
        window_s: inquiry.window.secs(),
        window_spread_s: inquiry.spread().secs(),
        story: factual.story.clone(),
    })
}

fn agreed(split: &BTreeMap<Verdict, usize>, of: usize) -> Verdict {
    let most = split.iter().max_by_key(|(_, count)| **count);
    most.filter(|(_, count)| **count as f64 >= AGREEMENT * of as f64)
        .map_or(Verdict::Undetermined, |(verdict, _)| *verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_are_spread_evenly_and_the_run_itself_is_in_the_middle() {
        let inquiry = Inquiry::default();
        let mut ms: Vec<i64> = (0..16).map(|i| replica::forked(&inquiry, i).0 / 1_000_000).collect();
        assert!((3000..3040).contains(&ms[0]), "{ms:?}");
        ms.sort_unstable();
        assert!(
            ms[0] >= 2500 && ms[15] <= 3500 && ms.windows(2).all(|two| (61..=63).contains(&(two[1] - two[0]))),
            "{ms:?}"
        );
        assert_eq!(replica::forked(&Inquiry { replicas: 1, ..inquiry }, 0), inquiry.window);
    }

    #[test]
    fn four_of_five_must_agree() {
        let split = |latency, model| BTreeMap::from([(Verdict::Latency, latency), (Verdict::Model, model)]);
        assert_eq!(agreed(&split(13, 3), 16), Verdict::Latency);
        assert_eq!(agreed(&split(12, 4), 16), Verdict::Undetermined);
        assert_eq!(agreed(&split(3, 13), 16), Verdict::Model);
    }
}

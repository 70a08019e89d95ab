//! Every pilot on every case, without latency and with its own.

use scenario::Seeds;
use timing::Source;

use crate::contest::{Contestant, Measuring};
use crate::drive::{Task, drive};
use crate::held_out::{self, HeldOut, Judged};
use crate::pool::{self, Load, Progress};
use crate::report::{Driven, ModelReport, ScenarioReport, SwapCell, SwapReport};
use crate::verdict::{findings, tests};
use crate::{
    Comparison, Course, Entrant, ScenarioSource, SeedSource, StudyError, Trial, engine_name, mean_effect, wilson,
};

/// What is compared, and how.
pub struct Plan<'a> {
    /// Where they drive.
    pub courses: &'a [Course],
    /// The same for every course and pilot.
    pub seeds: &'a Seeds,
    /// Who drives.
    pub entrants: &'a [Entrant],
    /// The pair, by index, whose latencies are exchanged.
    pub swap: Option<(usize, usize)>,
    /// Episodes side by side.
    pub jobs: usize,
    /// Inferences at most in a measurement of latency.
    pub samples: usize,
    /// The test set that named courses and seeds.
    pub set: Option<ScenarioSource>,
    /// Of the program.
    pub version: &'a str,
    /// The machine, in words.
    pub device: &'a str,
}

/// Measures each pilot alone, then drives all of them on all cases, and tests what differs.
pub fn compare(plan: &Plan, load: &Load, progress: &dyn Progress) -> Result<Comparison, StudyError> {
    check(plan)?;
    let measuring = Measuring { samples: plan.samples, device: plan.device };
    let contestants: Vec<Contestant> = plan
        .entrants
        .iter()
        .map(|entrant| Contestant::prepare(entrant, plan.courses, load, &measuring, progress))
        .collect::<Result<_, _>>()?;
    let driven = Runs::run(plan, &contestants, load, progress)?;
    let judged = judge(plan, &contestants, load, progress)?;
    let models: Vec<ModelReport> =
        (0..contestants.len()).map(|m| report(plan, &contestants[m], &driven.of(m), &judged[m])).collect();
    let names: Vec<String> = plan.entrants.iter().map(|entrant| entrant.name.clone()).collect();
    let tests = tests(&names, &driven.zero, &driven.real);
    let swap: Vec<SwapReport> = driven.swap_report(plan).into_iter().collect();
    let findings = findings(&models, &tests);
    Ok(Comparison {
        version: plan.version.to_owned(),
        device: plan.device.to_owned(),
        models,
        swap,
        tests,
        seeds: SeedSource::of(plan.seeds, held_out::seeds(plan.seeds.all())),
        scenarios: plan.courses.iter().map(ScenarioSource::from).collect(),
        hz: plan.courses.iter().find_map(|course| course.rate).map(timing::Rate::hz),
        set: plan.set.clone(),
        findings,
    })
}

fn check(plan: &Plan) -> Result<(), StudyError> {
    let refuse = |found: String, expected: &str| Err(StudyError::Plan { found, expected: expected.to_owned() });
    if plan.courses.is_empty() || plan.entrants.is_empty() {
        return refuse("no scenario or no model".into(), "at least one of each");
    }
    let names: Vec<&str> = plan.entrants.iter().map(|entrant| entrant.name.as_str()).collect();
    if let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
        return refuse(format!("the model `{}` twice", names[i]), "each model once");
    }
    let courses: Vec<&str> = plan.courses.iter().map(|course| course.sha256.as_str()).collect();
    if let Some(i) = (1..courses.len()).find(|&i| courses[..i].contains(&courses[i])) {
        return refuse(format!("the scenario `{}` twice", plan.courses[i].name), "each scenario once");
    }
    match plan.swap {
        Some((a, b)) if a == b || a.max(b) >= names.len() => {
            refuse("a swap of a model with itself".into(), "two of the models compared")
        }
        _ => Ok(()),
    }
}

/// All trials: for each condition those of all cases, courses first.
struct Runs {
    zero: Vec<Vec<Trial>>,
    real: Vec<Vec<Trial>>,
    /// The first's outputs at the second's latency, and the reverse.
    swapped: Vec<Vec<Trial>>,
}

impl Runs {
    fn run(plan: &Plan, contestants: &[Contestant], load: &Load, progress: &dyn Progress) -> Result<Self, StudyError> {
        // Whose outputs, and whose latency; those of one network stand together.
        let mut conditions: Vec<(usize, Option<usize>)> = Vec::new();
        for m in 0..contestants.len() {
            conditions.extend([(m, None), (m, Some(m))]);
            match plan.swap {
                Some((a, b)) if m == a => conditions.push((a, Some(b))),
                Some((a, b)) if m == b => conditions.push((b, Some(a))),
                _ => {}
            }
        }
        // Without latency of its own, a pilot is driven once.
        let same =
            |m: usize, by: Option<usize>| by == Some(m) && contestants[m].sources.iter().all(|s| *s == Source::ZERO);
        let mut tasks = Vec::new();
        for &(m, by) in conditions.iter().filter(|(m, by)| !same(*m, *by)) {
            for (c, course) in plan.courses.iter().enumerate() {
                let source = by.map_or(Source::ZERO, |by| contestants[by].sources[c].clone());
                let task = |&seed| Task { course, seed, contestant: &contestants[m], source: source.clone() };
                tasks.extend(plan.seeds.all().iter().map(task));
            }
        }
        progress.begin("driving", tasks.len(), false);
        let trials = pool::run(&tasks, plan.jobs, load, progress, drive)?;
        progress.end();
        let cases = plan.courses.len() * plan.seeds.all().len();
        let mut blocks = trials.chunks(cases.max(1)).map(<[Trial]>::to_vec);
        let mut runs = Self { zero: Vec::new(), real: Vec::new(), swapped: Vec::new() };
        for (m, by) in conditions {
            let block = if same(m, by) { runs.zero.last().cloned() } else { blocks.next() }.ok_or(StudyError::Lost)?;
            match by {
                None => runs.zero.push(block),
                Some(by) if by == m => runs.real.push(block),
                Some(_) => runs.swapped.push(block),
            }
        }
        // The blocks come in the order of the models; the report wants the first of the pair first.
        if plan.swap.is_some_and(|(a, b)| a > b) {
            runs.swapped.reverse();
        }
        Ok(runs)
    }

    fn of(&self, m: usize) -> [&[Trial]; 2] {
        [&self.zero[m], &self.real[m]]
    }

    fn swap_report(&self, plan: &Plan) -> Option<SwapReport> {
        let (a, b) = plan.swap?;
        let name = |m: usize| plan.entrants[m].name.clone();
        let [a_at_b, b_at_a] = &self.swapped[..] else { return None };
        let cells = [(a, a, &self.real[a]), (a, b, a_at_b), (b, a, b_at_a), (b, b, &self.real[b])];
        let rate = |trials: &[Trial]| wilson(trials.iter().filter(|t| t.success).count(), trials.len());
        let scores = |trials: &[Trial]| -> Vec<f64> { trials.iter().map(|t| f64::from(u8::from(t.success))).collect() };
        let [aa, ab, ba, bb] = cells.map(|(_, _, trials)| scores(trials));
        let effect = |of: fn([f64; 4]) -> f64| {
            let each: Vec<f64> = (0..aa.len()).map(|i| of([aa[i], ab[i], ba[i], bb[i]])).collect();
            mean_effect(&each)
        };
        Some(SwapReport {
            a: name(a),
            b: name(b),
            cells: cells
                .iter()
                .map(|(outputs, latency, trials)| SwapCell {
                    outputs: name(*outputs),
                    latency: name(*latency),
                    success: rate(trials),
                })
                .collect(),
            difference: effect(|[aa, _, _, bb]| bb - aa),
            speed: effect(|[aa, ab, ba, bb]| (ab - aa + bb - ba) / 2.0),
            accuracy: effect(|[aa, ab, ba, bb]| (ba - aa + bb - ab) / 2.0),
        })
    }
}

/// The open-loop judgement of each pilot on each course.
fn judge(
    plan: &Plan,
    contestants: &[Contestant],
    load: &Load,
    progress: &dyn Progress,
) -> Result<Vec<Vec<Judged>>, StudyError> {
    let seeds = held_out::seeds(plan.seeds.all());
    let mut tasks = Vec::new();
    for contestant in contestants {
        for course in plan.courses {
            tasks.extend(seeds.iter().map(|&seed| HeldOut { course, seed, contestant }));
        }
    }
    progress.begin("judging held-out frames", tasks.len(), false);
    let judged = pool::run(&tasks, plan.jobs, load, progress, held_out::judge)?;
    progress.end();
    let add = |sum: Judged, one: &Judged| Judged { frames: sum.frames + one.frames, dear: sum.dear + one.dear };
    let by_course: Vec<Judged> = judged.chunks(seeds.len()).map(|c| c.iter().fold(Judged::default(), add)).collect();
    Ok(by_course.chunks(plan.courses.len()).map(<[Judged]>::to_vec).collect())
}

fn report(plan: &Plan, contestant: &Contestant, [zero, real]: &[&[Trial]; 2], judged: &[Judged]) -> ModelReport {
    let n = plan.seeds.all().len();
    let share = |of: &[Judged]| {
        let (frames, dear) = of.iter().fold((0, 0), |(f, d), j| (f + j.frames, d + j.dear));
        (frames > 0).then(|| dear as f64 / frames as f64)
    };
    let by_scenario = plan
        .courses
        .iter()
        .enumerate()
        .map(|(c, course)| ScenarioReport {
            scenario: course.name.clone(),
            open_loop_error: share(&judged[c..=c]),
            zero: Driven::of(zero[c * n..(c + 1) * n].iter()),
            real: Driven::of(real[c * n..(c + 1) * n].iter()),
        })
        .collect();
    let (driven_zero, driven_real) = (Driven::of(zero.iter()), Driven::of(real.iter()));
    let mut complaints = contestant.complaints.clone();
    if let Some(first) = zero.iter().chain(*real).flat_map(|t| &t.failures).next() {
        let failures = driven_zero.failures + driven_real.failures;
        complaints.push(format!("{failures} inferences failed, the first: {first}"));
    }
    if zero.iter().chain(*real).any(|t| t.invalid) {
        complaints.push("physics broke down: a body went non-finite".into());
    }
    let (info, parts) = (contestant.info.as_ref(), contestant.anatomy.as_ref());
    ModelReport {
        name: contestant.name.clone(),
        sha256: info.map(|info| info.model.sha256.clone()),
        params: parts.map(|parts| parts.params),
        macs: parts.and_then(|parts| parts.macs),
        uncounted: parts.and_then(|parts| parts.uncounted.clone()),
        // Of a file elsewhere nobody tells the size.
        bytes: info.map(|info| info.model.bytes).filter(|bytes| *bytes > 0),
        open_loop_error: share(judged),
        open_loop_frames: judged.iter().map(|j| j.frames).sum(),
        success_zero: driven_zero.success,
        success_real: driven_real.success,
        latency: contestant.latency.to_string(),
        latency_ms: contestant.latency_ms,
        runtime: info.map_or_else(|| "none".into(), engine_name),
        runtime_asked: info.map_or_else(|| "none".into(), |info| info.requested.to_string()),
        modelled: contestant.modelled,
        trusted: complaints.is_empty(),
        complaints,
        zero: driven_zero,
        real: driven_real,
        by_scenario,
    }
}

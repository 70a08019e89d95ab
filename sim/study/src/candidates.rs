//! Models and devices whose latency is set against a budget.

use record::trace;
use scenario::{Latency, profiles};
use serde::Serialize;
use timing::{Profile, Source, Trace};

use crate::contest::{Contestant, Measuring};
use crate::latency::needs_workload;
use crate::pool::{Load, Progress};
use crate::report::nearest_rank;
use crate::{Course, Entrant, StudyError, workload};

/// From this many samples on, the 99.9th percentile says something.
const MANY: usize = 10_000;

/// One model or device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// What was run and where, or who published it.
    pub from: String,
    /// Median, ms.
    pub p50_ms: f64,
    /// What it is judged at, ms.
    pub judged_ms: f64,
    /// Which percentile that is: `p99.9` of 10,000 samples or more, else `p99`; `typical` where one number is all there is.
    pub judged_at: &'static str,
    /// Samples behind it; null where they are published quantiles.
    pub samples: Option<usize>,
    /// Whether the numbers are published rather than measured here.
    pub modelled: bool,
    /// Whether the measurement can be relied upon.
    pub trusted: bool,
    /// If not, why.
    pub complaints: Vec<String>,
}

/// The devices whose published latencies ship.
pub fn devices() -> Vec<Candidate> {
    profiles().iter().map(device).collect()
}

/// A modelled device that would run a model of the scenario, under the scenario's conditions while it is cool.
pub fn modelled(name: &str, model: &str, file: &std::path::Path, course: &Course) -> Result<Candidate, StudyError> {
    let latency = Latency::Device(name.to_owned());
    let work = if needs_workload(&latency) { Some(workload(file)?) } else { None };
    let found = scenario::device(name, work.as_ref(), &course.scenario.device)?;
    let of = if work.is_some() { format!("device:{name} with {model}") } else { format!("device:{name}") };
    Ok(Candidate { name: of, ..device(&found.profile) })
}

fn device(profile: &Profile) -> Candidate {
    let at = |q: f64| profile.quantiles.iter().find(|(found, _)| *found == q).map(|(_, span)| span.ms());
    let typical = profile.quantiles.last().map_or(0.0, |(_, span)| span.ms());
    // The published tails are those of some hundred thousand inferences.
    let (judged_ms, judged_at) = at(0.999).map_or((typical, "typical"), |ms| (ms, "p99.9"));
    Candidate {
        name: profile.name.clone(),
        from: format!("{}; {}", profile.label, profile.source),
        p50_ms: at(0.5).unwrap_or(typical),
        judged_ms,
        judged_at,
        samples: None,
        modelled: true,
        trusted: true,
        complaints: Vec::new(),
    }
}

/// Measures those of the models that can drive in the scenario, each alone on the machine, at its cadence; the others are
/// left out. Give nobody else the cores meanwhile.
pub fn measured(
    models: &[String],
    course: &Course,
    samples: usize,
    machine: &str,
    load: &Load,
    progress: &dyn Progress,
) -> Result<Vec<Candidate>, StudyError> {
    let mut found = Vec::new();
    for model in models {
        let entrant = Entrant { name: model.clone(), latency: Latency::Measured };
        let measuring = Measuring { samples, device: machine };
        let one = match Contestant::prepare(&entrant, std::slice::from_ref(course), load, &measuring, progress) {
            Ok(one) => one,
            Err(StudyError::NoPilot { .. }) => continue,
            Err(other) => return Err(other),
        };
        for source in &one.sources {
            if let Source::Replay(trace) = source {
                let trace = Trace {
                    trusted: one.complaints.is_empty(),
                    complaints: one.complaints.clone(),
                    ..(**trace).clone()
                };
                found.push(Candidate { name: model.clone(), ..traced(&trace) });
            }
        }
    }
    Ok(found)
}

/// A stored trace or log.
pub fn stored(path: &std::path::Path) -> Result<Candidate, StudyError> {
    Ok(traced(&trace(path)?))
}

fn traced(trace: &Trace) -> Candidate {
    let mut ms: Vec<f64> = trace.samples.iter().map(|sample| sample.service.total().ms()).collect();
    ms.sort_by(f64::total_cmp);
    let n = ms.len();
    let (p, judged_at) = if n >= MANY { (0.999, "p99.9") } else { (0.99, "p99") };
    Candidate {
        name: trace.model.clone(),
        from: format!("measured: {} on {}", trace.runtime, trace.device),
        p50_ms: nearest_rank(&ms, 0.5),
        judged_ms: nearest_rank(&ms, p),
        judged_at,
        samples: Some(n),
        modelled: false,
        trusted: trace.trusted,
        complaints: trace.complaints.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timing::{Sample, ServiceTime, Span};

    #[test]
    fn many_samples_are_judged_at_their_tail() {
        let trace = |n: u64| Trace {
            model: "m".into(),
            batch: 1,
            samples: (0..n)
                .map(|frame| Sample {
                    frame,
                    idle: Span::ZERO,
                    service: ServiceTime::compute(Span::from_ms(frame as f64)),
                })
                .collect(),
            ..Trace::default()
        };
        let of = |n: u64| (traced(&trace(n)).judged_at, traced(&trace(n)).judged_ms, traced(&trace(n)).samples);
        assert_eq!(of(9_999), ("p99", 9_899.0, Some(9_999)));
        assert_eq!(of(10_000), ("p99.9", 9_989.0, Some(10_000)));
    }

    #[test]
    fn devices_say_what_they_are_judged_at() {
        let all = devices();
        let find = |name: &str| all.iter().find(|c| c.name == name).unwrap();
        assert_eq!((find("orin-nx-retinanet").judged_at, find("orin-nx-retinanet").judged_ms), ("p99.9", 28.96));
        assert_eq!((find("cloud-pi0").judged_at, find("cloud-pi0").judged_ms), ("typical", 273.0));
        assert!(all.iter().all(|c| c.modelled && c.judged_ms >= c.p50_ms && c.p50_ms > 0.0));
    }
}

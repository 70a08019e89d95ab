//! Where the latency of each run comes from. What is to be measured is measured before anything is driven, each network once in
//! each round and in turn, so that whatever else goes on on the machine slows all of them alike: their ratios stand firmer
//! than their times.

use std::sync::Arc;

use episode::batch_size;
use runtime::{Engine, EngineInfo, MeasureOptions, RuntimeError, measure_together};
use scenario::{Latency, Scenario};
use timing::{Sample, Source, Span, Trace};

use super::{Bench, key};
use crate::latency::to_draw_from;
use crate::pool::{Load, Progress};
use crate::{StudyError, engine_name, source_of};

/// Rounds of a measurement, unless they would take longer than [`AT_MOST_S`].
const ROUNDS: usize = 200;
/// Seconds.
const AT_MOST_S: f64 = 15.0;
/// What an interval of a median needs.
const FEWEST: usize = 40;

/// Where a run gets its latency from.
pub(super) enum Supply {
    /// From here.
    Here {
        source: Source,
        /// Service times by round, ms, if it was measured.
        rounds: Vec<f64>,
        complaints: Vec<String>,
    },
    /// It cannot be run on this machine, and why.
    Missing(String),
}

/// A network at a cadence and a batch, measured once for all runs that share it.
#[derive(Clone, PartialEq)]
struct Wanted {
    key: String,
    hz: f64,
    batch: usize,
}

/// The supply of every run.
pub(super) fn supplies(bench: &Bench, load: &Load, progress: &dyn Progress) -> Result<Vec<Supply>, StudyError> {
    let mut wanted: Vec<Option<Wanted>> = Vec::new();
    for (run, scenario) in bench.lab.runs.iter().zip(bench.scenarios) {
        let setup = scenario.setup(scenario.seed)?;
        let (hz, batch) = (setup.line.capture.rate.hz(), batch_size(setup.line.schedule));
        wanted.push((setup.latency == Latency::Measured).then(|| Wanted { key: key(run, scenario), hz, batch }));
    }
    let mut each: Vec<Wanted> = Vec::new();
    for one in wanted.iter().flatten() {
        if !each.contains(one) {
            each.push(one.clone());
        }
    }
    let measured = measured(bench, &each, load, progress)?;
    let mut supplies = Vec::new();
    for (i, (run, scenario)) in bench.lab.runs.iter().zip(bench.scenarios).enumerate() {
        let place = wanted[i].as_ref().and_then(|one| each.iter().position(|other| other == one));
        supplies.push(match place {
            Some(place) => measured[place].clone().map_or_else(Supply::Missing, |(trace, complaints)| Supply::Here {
                rounds: trace.samples.iter().map(|sample| sample.service.total().ms()).collect(),
                source: Source::Replay(Arc::new(to_draw_from(trace))),
                complaints,
            }),
            None if run.runtime.is_some() => match load(&key(run, scenario)) {
                Ok(_) => given(bench, scenario)?,
                Err(why) => Supply::Missing(why),
            },
            None => given(bench, scenario)?,
        });
    }
    Ok(supplies)
}

fn given(bench: &Bench, scenario: &Scenario) -> Result<Supply, StudyError> {
    let source = source_of(&scenario.setup(scenario.seed)?, bench.file_of)?;
    let complaints = match &source {
        Source::Replay(trace) if !trace.trusted => vec!["the recording it replays is not certified".to_owned()],
        _ => Vec::new(),
    };
    Ok(Supply::Here { source, rounds: Vec::new(), complaints })
}

/// A trace and its complaints, or why there is none.
type Measured = Result<(Trace, Vec<String>), String>;

fn measured(bench: &Bench, each: &[Wanted], load: &Load, progress: &dyn Progress) -> Result<Vec<Measured>, StudyError> {
    let mut all: Vec<Option<Measured>> = vec![None; each.len()];
    for first in 0..each.len() {
        if all[first].is_some() {
            continue;
        }
        let alike = |i: &usize| each[*i].hz == each[first].hz && each[*i].batch == each[first].batch;
        let (mut engines, mut places): (Vec<Box<dyn Engine>>, Vec<usize>) = (Vec::new(), Vec::new());
        for i in (first..each.len()).filter(alike) {
            match load(&each[i].key) {
                Ok(engine) => {
                    engines.push(engine);
                    places.push(i);
                }
                // A runtime that is asked for by name may be missing; a network may not.
                Err(why) if !each[i].key.starts_with('/') => all[i] = Some(Err(why)),
                Err(why) => return Err(StudyError::Engine { model: model(&each[i].key).to_owned(), why }),
            }
        }
        if engines.is_empty() {
            continue;
        }
        let (traces, complaints) = in_turn(bench, &mut engines, &each[first], progress)
            .map_err(|e| StudyError::Engine { model: model(&each[places[0]].key).to_owned(), why: e.to_string() })?;
        for (i, trace) in places.into_iter().zip(traces) {
            all[i] = Some(Ok((trace, complaints.clone())));
        }
    }
    Ok(all.into_iter().map(|one| one.unwrap_or_else(|| Err("it was not measured".into()))).collect())
}

fn model(key: &str) -> &str {
    key.split_once(':').map_or(key, |(_, model)| model)
}

fn in_turn(
    bench: &Bench,
    engines: &mut [Box<dyn Engine>],
    at: &Wanted,
    progress: &dyn Progress,
) -> Result<(Vec<Trace>, Vec<String>), RuntimeError> {
    let options = MeasureOptions { hz: at.hz, count: 3, warm_up: 2, batch: at.batch, ..MeasureOptions::default() };
    let first = measure_together(engines, &options)?;
    let mean =
        |times: &Vec<timing::ServiceTime>| times.iter().map(|t| t.total().secs()).sum::<f64>() / times.len() as f64;
    let round = first.times.iter().map(mean).sum::<f64>().max(1.0 / at.hz);
    let count = ROUNDS.min((AT_MOST_S / round) as usize).max(FEWEST);
    progress.begin(&bench.lab.title, ((count + 10) as f64 * round).ceil() as usize, true);
    let measured = measure_together(engines, &MeasureOptions { count, warm_up: 10, ..options })?;
    progress.end();
    // Between its turns an engine rests about a period.
    let idle = Span::from_secs(1.0 / at.hz);
    let trace = |(info, times): (&EngineInfo, Vec<timing::ServiceTime>)| Trace {
        model: model(&at.key).to_owned(),
        runtime: engine_name(info),
        device: bench.device.to_owned(),
        batch: at.batch,
        trusted: measured.complaints.is_empty(),
        complaints: measured.complaints.clone(),
        samples: (0..).zip(times).map(|(frame, service)| Sample { frame, idle, service }).collect(),
    };
    let traces = engines.iter().map(|engine| engine.info()).zip(measured.times).map(trace).collect();
    Ok((traces, measured.complaints.clone()))
}

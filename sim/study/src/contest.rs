//! Who takes part in a comparison, and how late each of them is.

use std::fmt::Write;
use std::sync::Arc;

use episode::{batch_size, fit};
use pilot::Contract;
use plant::Robot;
use runtime::{Anatomy, Engine, EngineInfo, MeasureOptions, Rung, RuntimeError, anatomy, measure};
use scenario::Latency;
use timing::{Profile, Source, Trace};

use crate::latency::{drawn_from, needs_workload, source_under, to_draw_from, workload_of};
use crate::pool::{Load, Progress};
use crate::report::LatencyMs;
use crate::{Course, StudyError, source, trace_of};

/// A pilot that is to be compared, and where its latency comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Entrant {
    /// A model, or expert, straight, brake_on_sight.
    pub name: String,
    /// Its real latency.
    pub latency: Latency,
}

/// One that is ready to drive.
pub(crate) struct Contestant {
    pub name: String,
    /// What its network is fed; `None` without a network.
    pub contract: Option<Contract>,
    pub info: Option<EngineInfo>,
    pub anatomy: Option<Anatomy>,
    pub latency: Latency,
    /// Its latency on each course.
    pub sources: Vec<Source>,
    pub latency_ms: LatencyMs,
    pub modelled: bool,
    /// Why its latency is not to be trusted.
    pub complaints: Vec<String>,
}

/// How latencies are measured.
pub(crate) struct Measuring<'a> {
    /// Inferences at most, for each cadence.
    pub samples: usize,
    /// The machine, in words.
    pub device: &'a str,
}

/// Time that a measurement may take at one cadence, seconds, unless it would have fewer than [`FEWEST`] samples.
const AT_MOST_S: f64 = 30.0;
/// What a certified measurement needs.
const FEWEST: usize = 40;

impl Contestant {
    /// Loads the model, checks that it can drive on every course, and finds out how late it is, alone on the machine.
    pub fn prepare(
        entrant: &Entrant,
        courses: &[Course],
        load: &Load,
        measuring: &Measuring,
        progress: &dyn Progress,
    ) -> Result<Self, StudyError> {
        Self::ready(entrant, courses, load, measuring, progress, false)
    }

    /// The same, but a network that cannot drive is welcome: it has no contract, and gives the latency alone.
    pub fn prepare_any(
        entrant: &Entrant,
        course: &Course,
        load: &Load,
        measuring: &Measuring,
        progress: &dyn Progress,
    ) -> Result<Self, StudyError> {
        Self::ready(entrant, std::slice::from_ref(course), load, measuring, progress, true)
    }

    fn ready(
        entrant: &Entrant,
        courses: &[Course],
        load: &Load,
        measuring: &Measuring,
        progress: &dyn Progress,
        strangers: bool,
    ) -> Result<Self, StudyError> {
        let name = entrant.name.clone();
        let mut contestant = Self {
            contract: None,
            info: None,
            anatomy: None,
            latency: entrant.latency.clone(),
            sources: Vec::new(),
            latency_ms: LatencyMs::default(),
            modelled: false,
            complaints: Vec::new(),
            name,
        };
        let mut engine = None;
        if !matches!(entrant.name.as_str(), "expert" | "straight" | "brake_on_sight") {
            let loaded = load(&entrant.name).map_err(|why| contestant.broken(why))?;
            contestant.seat(loaded.info(), courses, strangers)?;
            engine = Some(loaded);
        }
        match (&entrant.latency, engine) {
            (Latency::Measured, Some(mut engine)) => {
                contestant.measure(engine.as_mut(), courses, measuring, progress)?;
            }
            // Nothing that takes time is run.
            (Latency::Measured, None) => contestant.sources = vec![Source::ZERO; courses.len()],
            (Latency::Device(_), _) => contestant.model(courses)?,
            (latency, _) => contestant.set(source(latency)?, courses.len()),
        }
        Ok(contestant)
    }

    fn broken(&self, why: impl ToString) -> StudyError {
        StudyError::Engine { model: self.name.clone(), why: why.to_string() }
    }

    /// What the network is fed on these courses; an error explains what the contract asks.
    fn seat(&mut self, info: &EngineInfo, courses: &[Course], strangers: bool) -> Result<(), StudyError> {
        for course in courses {
            let robot = course.scenario.setup(course.scenario.seed)?.world.robot.clone();
            let no_pilot = |why: String| StudyError::NoPilot {
                model: self.name.clone(),
                scenario: course.name.clone(),
                why: format!("{why}\n{}", asked(&robot)),
            };
            self.contract = match fit(&info.model, &robot) {
                Ok(Some(contract)) => Some(contract),
                Ok(None) if strangers => None,
                Ok(None) => {
                    let inputs: Vec<String> = info.model.inputs.iter().map(ToString::to_string).collect();
                    return Err(no_pilot(format!("its inputs are {}", inputs.join(", "))));
                }
                Err(misfit) => return Err(no_pilot(misfit.found)),
            };
        }
        // The file of a model elsewhere is not here.
        if info.obtained != Rung::Remote {
            self.anatomy = Some(anatomy(&info.model.path).map_err(|e| self.broken(e))?);
        }
        self.info = Some(info.clone());
        Ok(())
    }

    /// A modelled device, under the conditions of each course.
    fn model(&mut self, courses: &[Course]) -> Result<(), StudyError> {
        let work = match &self.anatomy {
            Some(parts) if needs_workload(&self.latency) => {
                Some(workload_of(&self.name, parts).map_err(|why| self.broken(why))?)
            }
            _ => None,
        };
        for course in courses {
            let conditions = &course.scenario.device;
            self.sources.push(source_under(&self.latency, conditions, work.as_ref())?);
        }
        self.modelled = true;
        self.latency_ms = LatencyMs::of(self.sources.iter().flat_map(times).collect());
        Ok(())
    }

    /// A source that is the same on every course.
    fn set(&mut self, source: Source, courses: usize) {
        self.modelled = source.modelled();
        if let Source::Replay(trace) = &source
            && !trace.trusted
        {
            self.complaints.extend(trace.complaints.iter().cloned());
            if trace.complaints.is_empty() {
                self.complaints.push("the trace is not certified".into());
            }
        }
        let source = drawn_from(source);
        self.latency_ms = LatencyMs::of(times(&source));
        self.sources = vec![source; courses];
    }

    /// Measures at the cadence and batch of each course; courses that share both share the trace.
    fn measure(
        &mut self,
        engine: &mut dyn Engine,
        courses: &[Course],
        measuring: &Measuring,
        progress: &dyn Progress,
    ) -> Result<(), StudyError> {
        let mut measured: Vec<((u64, usize), Arc<Trace>)> = Vec::new();
        for course in courses {
            let line = course.setup(course.scenario.seed)?.line;
            let (hz, batch) = (line.capture.rate.hz(), batch_size(line.schedule));
            let key = (hz.to_bits(), batch);
            if !measured.iter().any(|(known, _)| *known == key) {
                let trace = self.measure_at(engine, hz, batch, measuring, progress)?;
                measured.push((key, Arc::new(trace)));
            }
            let trace = measured.iter().find(|(known, _)| *known == key).map(|(_, trace)| trace.clone());
            self.sources.extend(trace.map(Source::Replay));
        }
        self.latency_ms = LatencyMs::of(self.sources.iter().flat_map(times).collect());
        Ok(())
    }

    fn measure_at(
        &mut self,
        engine: &mut dyn Engine,
        hz: f64,
        batch: usize,
        measuring: &Measuring,
        progress: &dyn Progress,
    ) -> Result<Trace, StudyError> {
        let trace = measure_alone(engine, &self.name, (hz, batch), measuring, progress)?;
        self.complaints.extend(trace.complaints.iter().map(|c| format!("at {hz} Hz: {c}")));
        Ok(to_draw_from(trace))
    }
}

/// Measures a model alone at a cadence (Hz) and a batch. Its complaints are those that count.
pub(crate) fn measure_alone(
    engine: &mut dyn Engine,
    name: &str,
    (hz, batch): (f64, usize),
    measuring: &Measuring,
    progress: &dyn Progress,
) -> Result<Trace, StudyError> {
    let broken = |e: RuntimeError| StudyError::Engine { model: name.to_owned(), why: e.to_string() };
    let options = MeasureOptions { hz, count: 3, warm_up: 2, batch, ..MeasureOptions::default() };
    let first = measure(engine, &options).map_err(broken)?;
    let mean = first.samples.iter().map(|(_, time)| time.total().secs()).sum::<f64>() / first.samples.len() as f64;
    let each = mean.max(1.0 / hz);
    let count = ((AT_MOST_S / each) as usize).min(measuring.samples).max(FEWEST);
    let options = MeasureOptions { count, warm_up: 10, ..options };
    progress.begin(name, ((count + 10) as f64 * each).ceil() as usize, true);
    let mut measurement = measure(engine, &options).map_err(broken)?;
    progress.end();
    measurement.complaints.retain(|complaint| !expected(complaint));
    let trace = trace_of(engine.info(), &measurement, measuring.device.to_owned());
    Ok(Trace { batch, ..trace })
}

/// A model that is slower than the cadence keeps the device busy without a pause, in a run as in the measurement: that is
/// no contamination.
fn expected(complaint: &str) -> bool {
    complaint.contains(runtime::OVERRUN)
}

/// Service times that stand for a source, milliseconds: all of a trace, or draws of a distribution.
pub(crate) fn times(source: &Source) -> Vec<f64> {
    match source {
        Source::Replay(trace) => trace.samples.iter().map(|sample| sample.service.total().ms()).collect(),
        Source::Profile(profile) => draws(profile),
        // While it is cool.
        Source::Device(device) => draws(&device.profile),
        Source::Service(span) | Source::Fixed(span) => vec![span.ms()],
        Source::Measured | Source::Recorded { .. } | Source::Adjusted(..) => Vec::new(),
    }
}

fn draws(profile: &Profile) -> Vec<f64> {
    (0..10_000).filter_map(|frame| profile.service(0, frame)).map(|time| time.total().ms()).collect()
}

/// The contracts of a robot as a table.
fn asked(robot: &Robot) -> String {
    let mut text = "the contract asks, with N frames in a batch, all f32:".to_owned();
    for (i, contract) in Contract::of(robot).iter().enumerate() {
        text.push_str(if i == 0 { "" } else { "\n  or" });
        let output = contract.output();
        for (way, tensor) in contract.inputs().iter().map(|input| ("in ", input)).chain([("out", &output)]) {
            let axes: Vec<String> = tensor.shape[1..].iter().map(|n| format!(", {n}")).collect();
            let _ = write!(text, "\n  {way}  {:14} [N{}]", tensor.name, axes.concat());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_shown_as_a_table() {
        let text = asked(&Robot::Rover(plant::rover_default()));
        assert!(
            text.contains("\n  in   scan           [N, 3, 360]\n  in   state          [N, 6]\n  out  logits"),
            "{text}"
        );
        let balancer = asked(&Robot::Balancer(plant::balancer_default()));
        assert!(balancer.ends_with("in   body           [N, 4]\n  out  acceleration   [N, 1]"), "{balancer}");
    }
}

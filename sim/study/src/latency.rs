//! From what people name to what runs: pilots, sources of latency, engines.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::{Anatomy, EngineInfo, Measurement};
use scenario::{Conditions, Latency, PilotSpec, Setup, Workload};
use timing::{Sample, ServiceTime, Source, Span, Trace};

use crate::StudyError;

/// The pilot of a name: expert, straight, brake_on_sight, or a network.
pub fn pilot_named(name: &str, setup: &Setup) -> Result<PilotSpec, StudyError> {
    Ok(match name {
        "expert" => PilotSpec::Expert,
        "straight" => PilotSpec::Straight,
        "brake_on_sight" => match setup.sight {
            Some(sight) => PilotSpec::BrakeOnSight { sight },
            None => return Err(StudyError::NoSight { scenario: setup.name.clone() }),
        },
        _ => PilotSpec::Network { model: name.to_owned() },
    })
}

/// Where service times come from, where no network of ours runs on a modelled device.
pub fn source(latency: &Latency) -> Result<Source, StudyError> {
    source_under(latency, &Conditions::default(), None)
}

/// Where service times come from; a modelled device is under these conditions and runs `work`, unless it names a network itself.
pub(crate) fn source_under(
    latency: &Latency,
    conditions: &Conditions,
    work: Option<&Workload>,
) -> Result<Source, StudyError> {
    Ok(match latency {
        Latency::Measured => Source::Measured,
        Latency::Zero => Source::ZERO,
        Latency::Fixed(ms) => Source::Fixed(Span::from_ms(*ms)),
        Latency::Service(ms) => Source::Service(Span::from_ms(*ms)),
        Latency::Replay(path) => Source::Replay(Arc::new(record::trace(path)?)),
        Latency::Profile(name) => Source::Profile(Arc::new(scenario::profile(name)?)),
        Latency::Device(name) => Source::Device(Arc::new(scenario::device(name, work, conditions)?)),
    })
}

/// Where the service times of a setup come from: a modelled device runs the network that drives. `file_of` gives the file of a
/// model by name.
pub fn source_of(setup: &Setup, file_of: &dyn Fn(&str) -> PathBuf) -> Result<Source, StudyError> {
    let model = setup.pilot.model().filter(|_| needs_workload(&setup.latency));
    let work = model.map(|model| workload(&file_of(model))).transpose()?;
    source_under(&setup.latency, &setup.device, work.as_ref())
}

/// Whether a source needs to know what network drives.
pub(crate) fn needs_workload(latency: &Latency) -> bool {
    matches!(latency, Latency::Device(name) if !scenario::names_network(name))
}

/// What a model asks of a modelled device, counted from its file.
pub fn workload(model: &Path) -> Result<Workload, StudyError> {
    let name = model.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let broken = |why: String| StudyError::Engine { model: name.clone(), why };
    let parts = runtime::anatomy(model).map_err(|e| broken(e.to_string()))?;
    workload_of(&name, &parts).map_err(broken)
}

/// The same of what was counted before; an error says why it was not.
pub(crate) fn workload_of(name: &str, parts: &Anatomy) -> Result<Workload, String> {
    let macs = parts.macs.ok_or_else(|| {
        let why = parts.uncounted.clone().unwrap_or_default();
        format!("its multiply-accumulates are not counted ({why}), so no device can be modelled for it")
    })?;
    // What is quantised keeps its biases in 32 bits: they are few.
    let int8 = parts.params > 0 && parts.weight_bytes < 2 * parts.params;
    Ok(Workload {
        name: name.to_owned(),
        macs: macs as f64,
        weights: parts.params as f64,
        activations: parts.activations as f64,
        int8,
    })
}

/// A measurement as a trace file holds it; `device` names the machine.
pub fn trace_of(info: &EngineInfo, measurement: &Measurement, device: String) -> Trace {
    let sample = |(i, (idle, service)): (usize, &(Span, ServiceTime))| Sample {
        frame: i as u64,
        idle: *idle,
        service: *service,
    };
    Trace {
        model: info.model.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
        runtime: engine_name(info),
        device,
        batch: 1,
        trusted: measurement.trusted,
        complaints: measurement.complaints.clone(),
        samples: measurement.samples.iter().enumerate().map(sample).collect(),
    }
}

/// No episode has as many frames.
const BEYOND: u64 = 1 << 40;

/// The trace with its samples at frames that no episode reaches: every seed then draws blocks of its own from it, instead of
/// all of them meeting the same slow inference at the same frame.
pub(crate) fn to_draw_from(mut trace: Trace) -> Trace {
    for sample in &mut trace.samples {
        sample.frame = sample.frame.saturating_add(BEYOND);
    }
    trace
}

/// The same of the trace of a source; any other source is drawn from as it is.
pub(crate) fn drawn_from(source: Source) -> Source {
    match source {
        Source::Replay(trace) => Source::Replay(Arc::new(to_draw_from(Arc::unwrap_or_clone(trace)))),
        other => other,
    }
}

/// The rung and the version of its library, without the library's place.
pub fn engine_name(info: &EngineInfo) -> String {
    let version = info.version.split(" (").next().unwrap_or_default();
    format!("{} ({version})", info.obtained)
}

/// Asked for, obtained, and why not more.
pub fn runtime_line(info: &EngineInfo) -> String {
    let mut refused: Vec<String> = info.refused.iter().map(|(rung, why)| format!("no {rung}: {why}")).collect();
    refused.extend(info.forgone.iter().cloned());
    let tail = if refused.is_empty() { String::new() } else { format!(" ({})", refused.join("; ")) };
    format!("asked for {}, obtained {}{tail}", info.requested, engine_name(info))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_draw_different_times_from_one_trace() {
        let sample = |frame| Sample { frame, idle: Span::ZERO, service: ServiceTime::compute(Span(frame as i64)) };
        let trace = Trace { batch: 1, samples: (0..400).map(sample).collect(), ..Trace::default() };
        let first = |trace: &Trace, seed| trace.service(seed, 7, Span::ZERO);
        assert_eq!(first(&trace, 1), first(&trace, 2), "recorded frames come back as they were");
        let moved = to_draw_from(trace);
        assert_ne!(first(&moved, 1), first(&moved, 2));
        assert_eq!(first(&moved, 1), first(&moved, 1));
    }
}

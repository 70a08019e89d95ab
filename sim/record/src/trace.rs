//! Service times without a run: trace files, and logs taken as such.

use std::collections::BTreeMap;
use std::path::Path;

use episode::Answer;
use mcap::MAGIC;
use serde_json::Value;
use timing::{Sample, SimTime, Span, Trace};

use crate::reader::decode;
use crate::{RecordError, file};

/// Reads service times for `--latency replay:FILE`: a trace file, or a log, told apart by their first bytes.
///
/// Of a log it takes the service time of every prediction, and the time that the device had been idle before. A frame that
/// was still on the way when the log ended counts as idle for no time.
pub fn trace(path: impl AsRef<Path>) -> Result<Trace, RecordError> {
    let path = path.as_ref();
    let bytes = file::read(path)?;
    let trace = if bytes.starts_with(MAGIC) {
        from_log(&bytes, path)?
    } else {
        serde_json::from_slice(&bytes).map_err(|error| not_a_trace(path, error.to_string()))?
    };
    check(&trace).map_err(|found| not_a_trace(path, found))?;
    Ok(trace)
}

/// Writes a trace file: under its final name it is whole or not there.
pub fn write_trace(path: impl AsRef<Path>, trace: &Trace) -> Result<(), RecordError> {
    let path = path.as_ref();
    let mut text = serde_json::to_vec(trace).map_err(|error| not_a_trace(path, error.to_string()))?;
    text.push(b'\n');
    file::write(path, &text)
}

fn from_log(bytes: &[u8], path: &Path) -> Result<Trace, RecordError> {
    let (recording, services) = decode(bytes, path)?;
    let mut starts: Vec<(SimTime, SimTime, u64)> = services.iter().map(|(id, s)| (s.started, s.ended, *id)).collect();
    starts.sort_unstable();
    // Before the first start the device had been idle for ever.
    let mut freed: Option<SimTime> = None;
    let mut idle = BTreeMap::new();
    for (started, ended, id) in starts {
        idle.insert(id, freed.map_or(Span(i64::MAX), |freed| (started - freed).max(Span::ZERO)));
        freed = freed.max(Some(ended));
    }
    let samples = recording.answers.iter().filter_map(|(id, answer)| match answer {
        Answer::Predicted(prediction) => {
            Some(Sample { frame: *id, idle: idle.get(id).copied().unwrap_or_default(), service: prediction.service })
        }
        Answer::Failed(_) => None,
    });
    let header = &recording.header;
    let summary = recording.summary.as_ref();
    let complaints = complaints(recording.complete, &header.latency, summary);
    Ok(Trace {
        model: header.model.clone(),
        runtime: header.runtime_obtained.clone(),
        device: header.device.clone(),
        batch: header.batch(),
        trusted: complaints.is_empty(),
        complaints,
        samples: samples.collect(),
    })
}

/// Why the service times of a log are no certified measurement.
fn complaints(complete: bool, latency: &str, summary: Option<&Value>) -> Vec<String> {
    let mut complaints = Vec::new();
    if latency != "measured" {
        complaints.push(format!("taken from a run with latency {latency}: not measured"));
    }
    if !complete {
        complaints.push("taken from a log that is cut or damaged".into());
    }
    let said = summary.and_then(|summary| summary["complaints"].as_array());
    complaints.extend(said.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    if complaints.is_empty() && summary.is_some_and(|summary| summary["trusted"] != true) {
        complaints.push("taken from a run that is not to be trusted".into());
    }
    complaints
}

/// What a trace must hold to be drawn from.
fn check(trace: &Trace) -> Result<(), String> {
    if trace.samples.is_empty() {
        return Err("no sample".into());
    }
    if trace.batch == 0 {
        return Err("batch 0".into());
    }
    if let Some(pair) = trace.samples.windows(2).find(|pair| pair[0].frame >= pair[1].frame) {
        return Err(format!("frame {} after frame {} (frames must increase)", pair[1].frame, pair[0].frame));
    }
    let negative =
        |sample: &&Sample| sample.idle < Span::ZERO || sample.service.parts().iter().any(|span| *span < Span::ZERO);
    match trace.samples.iter().find(negative) {
        Some(sample) => Err(format!("a negative duration in frame {}", sample.frame)),
        None => Ok(()),
    }
}

fn not_a_trace(path: &Path, found: String) -> RecordError {
    RecordError::NotATrace { path: path.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timing::ServiceTime;

    use crate::fixture::{self, entries, service};

    fn sample(frame: u64, compute: i64) -> Sample {
        Sample { frame, idle: Span(7), service: ServiceTime::compute(Span(compute)) }
    }

    #[test]
    fn a_trace_file_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        let written = Trace {
            model: "pilot".into(),
            runtime: "rten 0.27".into(),
            device: "a table".into(),
            batch: 4,
            trusted: false,
            complaints: vec!["other load on its cores".into()],
            samples: vec![sample(0, 3), sample(1, i64::MAX), sample(9, 0)],
        };
        write_trace(&path, &written).unwrap();
        assert_eq!(trace(&path).unwrap(), written);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "only the trace is left");
        assert!(matches!(write_trace("/nowhere/at/all.json", &written), Err(RecordError::Write { .. })));
    }

    #[test]
    fn a_log_is_a_trace_of_its_service_times() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.mcap");
        fixture::write(&path, &entries(1.0));
        let trace = trace(&path).unwrap();
        assert_eq!((trace.model.as_str(), trace.batch, trace.trusted), ("pilot", 4, true));
        assert_eq!((trace.runtime.as_str(), trace.device.as_str()), ("rten 0.27", "a table"));
        let predicted: Vec<u64> = (0..40).filter(|id| id % 5 != 4).collect();
        assert_eq!(trace.samples.iter().map(|s| s.frame).collect::<Vec<_>>(), predicted);
        for sample in &trace.samples {
            assert_eq!(sample.service, service(sample.frame));
            // A frame starts every 25 ms; every fifth is lost after 5 ms.
            let expected = match sample.frame {
                0 => Span(i64::MAX),
                id if id % 5 == 0 => Span(20_000_000),
                id => Span(25_000_000) - service(id - 1).total(),
            };
            assert_eq!(sample.idle, expected, "frame {}", sample.frame);
        }
    }

    #[test]
    fn a_cut_log_is_a_trace_that_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.mcap");
        fixture::write(&path, &entries(1.0));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let trace = trace(&path).unwrap();
        assert!(trace.samples.len() > 5);
        assert_eq!(trace.complaints, ["taken from a log that is cut or damaged"]);
        assert!(!trace.trusted);
    }

    #[test]
    fn what_cannot_be_drawn_from_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            trace(&path).unwrap_err().to_string().replace(&path.display().to_string(), "F")
        };
        let stages =
            |compute: &str| format!(r#""pre":0,"host_to_device":0,"compute":{compute},"device_to_host":0,"post":0"#);
        let sample = |frame: u64, compute: &str| format!(r#"{{"frame":{frame},"idle":0,{}}}"#, stages(compute));
        let hint = "expected a trace file as `deadtime measure MODEL --out F.json` writes it, or a log";
        assert_eq!(error(r#"{"samples":[]}"#), format!("F is no trace: no sample; {hint}"));
        let same = format!(r#"{{"samples":[{},{}]}}"#, sample(3, "1"), sample(3, "1"));
        assert!(error(&same).contains("frame 3 after frame 3 (frames must increase)"), "{}", error(&same));
        let negative = format!(r#"{{"samples":[{}]}}"#, sample(3, "-1"));
        assert!(error(&negative).contains("a negative duration in frame 3"), "{}", error(&negative));
        assert!(error(r#"{"batch":0,"samples":[{}]}"#).contains("missing field `frame`"));
        assert!(error("frame,ms").contains("is no trace: expected ident at line 1 column 2"), "{}", error("frame,ms"));
    }
}

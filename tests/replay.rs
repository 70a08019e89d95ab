//! A log re-runs bit for bit, and a changed one is found out.

use crate::support::{deadtime, folder, json, text};

/// Drives by the depth image alone.
const CAMERA: &str = "sim/runtime/tests/data/camera.onnx";

#[test]
fn a_run_with_the_network_replays_and_so_does_one_without() {
    let (_keep, dir) = folder();
    for (name, args) in [
        ("measured", vec!["run", "lesson", "--latency", "measured", "--unpaced", "--seed", "3"]),
        ("fixed", vec!["run", "lesson", "--latency", "fixed:120", "--seed", "4"]),
        ("profile", vec!["run", "lesson", "--latency", "profile:orin-nx-retinanet", "--model", "expert"]),
        (
            "surrogate",
            vec!["run", "slalom", "--model", "sim/runtime/tests/data/conv.onnx", "--latency", "measured", "--unpaced"],
        ),
        (
            "deadline",
            vec![
                "run",
                "slalom",
                "--model",
                "sim/runtime/tests/data/conv.onnx",
                "--latency",
                "measured",
                "--unpaced",
                "--deadline",
                "0.15",
            ],
        ),
        ("camera", vec!["run", "slalom", "--model", CAMERA, "--latency", "fixed:50"]),
        ("expert", vec!["run", "slalom", "--model", "expert", "--latency", "service:40", "--schedule", "fifo:2"]),
    ] {
        let log = dir.join(name).with_extension("mcap");
        let run = deadtime(&[&args[..], &["--log", text(&log), "--json"]].concat());
        let digest = json(&run)["digest"].clone();
        let replay = deadtime(&["replay", text(&log), "--json"]);
        let report = json(&replay);
        assert_eq!(replay.status.code(), Some(0), "{name}: {report}");
        assert_eq!(report["identical"], true, "{name}");
        assert_eq!(report["digest"], digest, "{name}");
        // Other latencies, same seed: the digest is not a constant.
        assert!(report["ticks"].as_u64().is_some_and(|n| n > 100), "{name}");
    }
}

#[test]
fn a_log_whose_predictions_differ_is_found_out() {
    use episode::{Answer, Driver, Episode, Pumped, Supply};
    let (_keep, dir) = folder();
    let log = dir.join("run.mcap");
    deadtime(&["run", "lesson", "--latency", "fixed:80", "--log", text(&log), "--json"]);
    let recording = record::read(&log).expect("a log");
    let digest_with = |answers: std::collections::BTreeMap<u64, Answer>| {
        let mut setup = crate::support::setup("lesson", recording.header.seed);
        setup.latency = scenario::Latency::Fixed(80.0);
        let mut episode =
            Episode::new(std::sync::Arc::new(setup), timing::Source::Recorded { occupies: false }).expect("valid");
        let mut driver = Driver::new(Supply::Recorded(answers));
        let forever = timing::SimTime(i64::MAX);
        assert_eq!(driver.pump(&mut episode, forever, std::time::Duration::ZERO), Pumped::Over);
        episode.digest()
    };
    let same = digest_with(recording.answers.clone());
    assert_eq!(Some(&same), recording.digests.last());
    // One nanosecond more in one prediction.
    let mut later = recording.answers.clone();
    if let Some(Answer::Predicted(prediction)) = later.get_mut(&20) {
        prediction.service.compute += timing::Span(1);
    }
    assert_ne!(digest_with(later), same);
}

//! A run as a timeline for Perfetto.

use std::collections::BTreeMap;

use crate::support::{deadtime, finish, folder, json, setup, text};
use episode::{Entry, Episode};
use serde_json::Value;
use timing::{Fate, Source, Span, Stage};

/// A queue, so that frames wait and some are dropped.
fn waiting() -> (scenario::Setup, Source) {
    let mut setup = setup("slalom", 0);
    setup.pilot = scenario::PilotSpec::Expert;
    setup.line.schedule = timing::Schedule::Fifo { depth: 2 };
    (setup, Source::Service(Span::from_ms(40.0)))
}

fn timeline(args: &[&str]) -> Value {
    let (_keep, dir) = folder();
    let (log, out) = (dir.join("run.mcap"), dir.join("timeline.json"));
    deadtime(&[args, &["--log", text(&log)]].concat());
    let replay = deadtime(&["replay", text(&log), "--timeline", text(&out), "--json"]);
    assert_eq!(json(&replay)["identical"], true);
    serde_json::from_slice(&std::fs::read(&out).expect("a timeline")).expect("JSON")
}

fn nanos(value: &Value) -> i64 {
    (value.as_f64().expect("a number") * 1000.0).round() as i64
}

#[test]
fn bars_are_the_stages_and_no_two_of_a_track_overlap() {
    let trace = timeline(&[
        "run",
        "slalom",
        "--seed",
        "0",
        "--model",
        "expert",
        "--latency",
        "service:40",
        "--schedule",
        "fifo:2",
    ]);
    let events = trace["traceEvents"].as_array().expect("events");
    let (setup, source) = waiting();
    let line = setup.line.clone();
    let mut episode = Episode::new(std::sync::Arc::new(setup), source).expect("a valid setup");
    episode.keep_log();
    finish(&mut episode);
    let log = episode.take_log();
    // What the run's own log says that each frame's stages took.
    let mut wanted: BTreeMap<(u64, &str), i64> = BTreeMap::new();
    let mut fates: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &log {
        let Entry::Ended { frame, fate, .. } = entry else { continue };
        *fates.entry(if *fate == Fate::Applied { "applied" } else { "dropped" }).or_default() += 1;
        let Some(stages) = frame.stages(&line).filter(|_| *fate == Fate::Applied) else { continue };
        let long = stages.into_iter().filter(|(_, span)| *span > Span::ZERO);
        wanted.extend(long.map(|(stage, span)| ((frame.id, stage.label()), span.0)));
    }
    let bars: Vec<&Value> = events.iter().filter(|e| e["ph"] == "X").collect();
    let drawn = bars.iter().filter(|bar| bar["args"]["fate"] == "applied");
    let drawn: BTreeMap<(u64, &str), i64> = drawn
        .map(|bar| ((bar["args"]["frame"].as_u64().unwrap(), bar["name"].as_str().unwrap()), nanos(&bar["dur"])))
        .collect();
    assert_eq!(drawn, wanted);
    assert!(wanted.keys().any(|(_, stage)| *stage == Stage::Queue.label()), "nothing waits");
    for (fate, count) in fates {
        assert!(count > 0 && events.iter().filter(|e| e["ph"] == "i" && e["name"] == fate).count() == count, "{fate}");
    }
    // As a viewer adds them, without rounding.
    let mut ends: BTreeMap<u64, f64> = BTreeMap::new();
    for bar in bars {
        let end = ends.entry(bar["tid"].as_u64().unwrap()).or_default();
        let (from, long) = (bar["ts"].as_f64().expect("a number"), bar["dur"].as_f64().expect("a number"));
        assert!(from >= *end, "{bar}");
        *end = from + long;
    }
    let times: Vec<i64> = events.iter().filter(|e| e["ph"] != "M").map(|e| nanos(&e["ts"])).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "not in the order of time");
    let ticks = log.iter().filter(|entry| matches!(entry, Entry::Tick(_))).count();
    assert_eq!(events.iter().filter(|e| e["ph"] == "C" && e["name"] == "speed").count(), ticks);
    for track in events.iter().filter(|e| e["ph"] == "X" || e["ph"] == "i").map(|e| &e["tid"]) {
        assert!(events.iter().any(|e| e["name"] == "thread_name" && e["tid"] == *track), "track {track} has no name");
    }
}

#[test]
fn a_pure_delay_overlaps_on_lanes_and_the_collision_is_on_the_robot_s_track() {
    let trace = timeline(&["run", "braking", "--latency", "fixed:200"]);
    let events = trace["traceEvents"].as_array().expect("events");
    let lanes: Vec<&Value> = events.iter().filter(|e| e["name"] == "thread_name").map(|e| &e["args"]["name"]).collect();
    assert!(lanes.iter().any(|name| **name == "compute (10)"), "{lanes:?}");
    let hit: Vec<&Value> = events.iter().filter(|e| e["name"] == "collision").collect();
    assert!(hit.len() == 1 && hit[0]["args"]["with"] == "wall" && hit[0]["tid"] == 1, "{hit:?}");
}

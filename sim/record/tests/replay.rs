//! A run is its log: replayed from the file alone, every tick has the digest that was recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use episode::{Change, Driver, Entry, Episode, NewPilot, Pumped, Summary, Supply};
use record::{Header, Writer, read};
use scenario::PilotSpec;
use timing::{SimTime, Source, Span};

const SCENARIO: &str = r#"
title = "A pedestrian steps out"
duration_s = 6
[robot]
speed = 1.0
goal = { x = 8, y = 0 }
[controller]
pilot = "straight"
[capture]
hz = 40
[[actor]]
name = "pedestrian"
path = [[6, 3], [6, -3]]
speed = 1.2
trigger = { at_s = 1 }
"#;

fn setup(header: &Header) -> Arc<scenario::Setup> {
    Arc::new(scenario::parse(&header.scenario_toml, "course.toml").unwrap().setup(header.seed).unwrap())
}

fn new_pilot(pilot: PilotSpec) -> NewPilot {
    NewPilot { pilot, runtime: String::new(), graph: String::new() }
}

fn digests(log: &[Entry]) -> Vec<u64> {
    log.iter().filter_map(|entry| if let Entry::Tick(tick) = entry { Some(tick.digest) } else { None }).collect()
}

/// Drives to the end, changing things on the way, and logs it. Returns the digests.
fn live(path: &Path, header: &Header, source: Source, changes: &[(f64, Change)]) -> Vec<u64> {
    let mut episode = Episode::new(setup(header), source).unwrap();
    episode.keep_log();
    let mut driver = Driver::new(Supply::Nobody);
    let mut log = Vec::new();
    for (at, change) in changes {
        driver.pump(&mut episode, SimTime::ZERO + Span::from_secs(*at), Duration::ZERO);
        episode.change(change.clone());
    }
    while driver.pump(&mut episode, SimTime::NEVER, Duration::ZERO) != Pumped::Over {}
    log.extend(episode.take_log());
    let mut writer = Writer::create(path, header).unwrap();
    for entry in &log {
        writer.push(entry).unwrap();
    }
    writer.finish(&Summary::of(&episode)).unwrap();
    digests(&log)
}

#[test]
fn a_log_replays_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let changes = [
        (0.5, Change::Cruise(0.1 + 0.2)),
        (1.0, Change::Source(Source::Fixed(Span::from_ms(33.0)))),
        (1.5, Change::Compensation(scenario::Compensation::Watchdog { stale_ms: 1e3 / 12.0 })),
        (2.0, Change::Source(Source::Service(Span::from_ms(70.0)))),
        (2.5, Change::Deadline(Some(Span::from_ms(60.0)))),
        (3.0, Change::Deadline(None)),
        (3.5, Change::Pilot(new_pilot(PilotSpec::Expert))),
        (4.0, Change::Network(scenario::network("wifi-busy").unwrap().map(Arc::new))),
        (4.3, Change::Network(None)),
        (4.5, Change::Pilot(new_pilot(PilotSpec::BrakeOnSight { sight: 1.0 / 3.0 }))),
    ];
    let sources = [Source::Service(Span::from_ms(81.0)), Source::Fixed(Span::from_ms(120.0)), Source::ZERO];
    for (i, source) in sources.into_iter().enumerate() {
        let path = folder.path().join(format!("{i}.mcap"));
        let header = Header {
            scenario_name: "course".into(),
            scenario_toml: SCENARIO.into(),
            seed: 3,
            occupies: source.occupies(),
            ..Header::default()
        };
        let lived = live(&path, &header, source, &changes);

        let recording = read(&path).unwrap();
        assert!(recording.complete);
        assert_eq!(recording.digests, lived);
        assert_eq!(recording.edits.len(), changes.len());
        assert!(recording.answers.len() > 20, "{} answers", recording.answers.len());
        let occupies = recording.header.occupies;
        let mut episode = Episode::new(setup(&recording.header), Source::Recorded { occupies }).unwrap();
        episode.schedule_edits(recording.edits);
        episode.keep_log();
        let mut driver = Driver::new(Supply::Recorded(recording.answers));
        while driver.pump(&mut episode, SimTime::NEVER, Duration::ZERO) != Pumped::Over {}
        let replayed = digests(&episode.take_log());
        let differs = lived.iter().zip(&replayed).position(|(a, b)| a != b);
        assert_eq!((differs, replayed.len()), (None, lived.len()), "source {i}");

        let size = std::fs::metadata(&path).unwrap().len() as f64;
        let seconds = recording.summary.unwrap()["sim_seconds"].as_f64().unwrap();
        println!("{:.0} kB for each simulated second", size / 1e3 / seconds);
        assert!(size / seconds < 400e3);

        // The other way to use it: the same times, by frame, from a trace.
        let trace = record::trace(&path).unwrap();
        let known: BTreeMap<u64, Span> = trace.samples.iter().map(|s| (s.frame, s.service.total())).collect();
        assert!(known.len() > 20 && !trace.trusted);
    }
}

//! A run that never was, with everything in it that a log can hold.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use episode::{Change, Edit, Entry, Failure, NewPilot, Outcome, Prediction, Summary, TickEntry};
use plant::{Command, Contact, Observation, Outline, Pose, RobotState, Seen};
use scenario::PilotSpec;
use timing::{Fate, Frame, Loss, Network, Rate, ServiceTime, SimTime, Source, Span, Way};

use crate::{Header, Writer};

const SCENARIO: &str = r#"
title = "A course with everything"
duration_s = 20
[robot]
goal = { x = 8, y = 0 }
[controller]
pilot = "straight"
[capture]
hz = 40
[[box]]
name = "van"
x = 4
y = 2
length = 2
width = 1
[[actor]]
name = "pedestrian"
path = [[6, 3], [6, -3]]
speed = 1.2
trigger = { at_s = 0 }
"#;

/// What a header can hold.
pub(crate) fn header() -> Header {
    Header {
        scenario_name: "course".into(),
        scenario_toml: SCENARIO.into(),
        seed: u64::MAX,
        overrides: [("schedule".to_owned(), "batch:4:50".to_owned())].into(),
        latency: "measured".into(),
        model: "pilot".into(),
        model_sha256: Some("00ff".into()),
        runtime_requested: "auto".into(),
        runtime_obtained: "rten 0.27".into(),
        device: "a table".into(),
        ..Header::default()
    }
}

/// Bits that JSON numbers would lose.
pub(crate) const AWKWARD: [f32; 8] =
    [f32::NAN, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::from_bits(0x7fc0_1234), f32::from_bits(1), 0.1, f32::MAX];

/// The service time of a frame.
pub(crate) fn service(id: u64) -> ServiceTime {
    let (id, ns) = (id.cast_signed(), |n: i64| Span(n * 1_234_567 % 5_000_001));
    ServiceTime {
        pre: ns(id),
        host_to_device: ns(id + 1),
        compute: ns(id + 2),
        device_to_host: Span::ZERO,
        post: ns(id + 3),
        ..ServiceTime::default()
    }
}

/// Changes of every kind, as they come back from a log.
pub(crate) fn edits() -> Vec<Edit> {
    let changes = [
        Change::Source(Source::Recorded { occupies: true }),
        Change::Source(Source::Service(Span(80_000_001))),
        Change::Source(Source::Fixed(Span(3))),
        Change::Source(Source::Recorded { occupies: false }),
        Change::Cruise(0.1 + 0.2),
        Change::Compensation(scenario::Compensation::Watchdog { stale_ms: 1e9 / 3.0 }),
        Change::Compensation(scenario::Compensation::Predict),
        Change::Deadline(Some(Span(120_000_000))),
        Change::Deadline(None),
        Change::Pilot(NewPilot {
            pilot: PilotSpec::Network { model: "student".into() },
            runtime: "rten".into(),
            graph: "off".into(),
        }),
        Change::Network(Some(Arc::new(network()))),
        Change::Network(None),
        Change::Pilot(NewPilot {
            pilot: PilotSpec::BrakeOnSight { sight: 0.1 + 0.2 },
            runtime: String::new(),
            graph: String::new(),
        }),
    ];
    (0..).zip(changes).map(|(i, change)| Edit { at: SimTime(1 + i * 5_000_000), change }).collect()
}

/// A network whose numbers have no short decimals.
fn network() -> Network {
    let way = |byte_ns| Way { delay: Span(12_345_678), jitter: Span(1_234_567), byte_ns };
    Network {
        name: "awkward".into(),
        label: "none that is".into(),
        source: "nobody".into(),
        // 35 Mbit/s: read without all its digits it is another number.
        out: way(8000.0 / 35.0),
        back: way(1e23),
        loss: Loss {
            good: 0.1 + 0.2,
            bad: 1.0 / 3.0,
            to_bad: f64::MIN_POSITIVE / 3.0,
            to_good: 1.0,
            bad_delay: Span(3),
        },
        frame_bytes: u64::MAX,
        answer_bytes: 1,
    }
}

/// The digest after tick `n`.
pub(crate) fn digest(n: u64) -> u64 {
    timing::draw(5, timing::Stream::Input, n)
}

/// 240 ticks and 40 captures a second; every frame starts when it is captured, every fifth fails.
pub(crate) fn entries(seconds: f64) -> Vec<Entry> {
    let end = SimTime::ZERO + Span::from_secs(seconds);
    let (ticks, captures) = (Rate::from_hz(240.0).unwrap(), Rate::from_hz(40.0).unwrap());
    let mut entries = Vec::new();
    let mut changes = edits().into_iter().peekable();
    let (mut frame, mut ends) = (0, VecDeque::new());
    for n in 0.. {
        let at = ticks.event(n + 1);
        if at > end {
            break;
        }
        while let Some(edit) = changes.next_if(|edit| edit.at < at) {
            entries.push(Entry::Edited(edit));
        }
        while captures.event(frame) < at {
            ends.push_back(one_frame(frame, captures.event(frame), &mut entries));
            frame += 1;
        }
        entries.extend(ends.pop_front_if(|end| matches!(end, Entry::Ended { at: ended, .. } if *ended < at)));
        entries.push(tick(n, at));
    }
    entries.push(Entry::Stale { at: end, age: Span(150_000_000) });
    let contact = Contact { at: end, with: "van".into(), index: 0, impact_speed: 1.5, robot_speed: 1.5 };
    entries.push(Entry::Contact(contact));
    entries.push(Entry::Over { at: end, outcome: Outcome::Collision });
    entries
}

/// Its end, which comes later.
fn one_frame(id: u64, captured: SimTime, entries: &mut Vec<Entry>) -> Entry {
    entries.push(Entry::Observed(Arc::new(observation(id, captured))));
    let lost = id % 5 == 4;
    let finished = captured + service(id).total();
    let applied = finished + Span(1_000_000);
    if lost {
        entries.push(Entry::Failed(Failure { id, after: Span(5_000_000), why: "the worker died".into() }));
    } else {
        let output = AWKWARD.iter().copied().chain([id as f32]).collect();
        entries.push(Entry::Predicted(Prediction { id, service: service(id), output }));
    }
    Entry::Ended {
        at: if lost { captured + Span(5_000_000) } else { applied },
        frame: Frame {
            id,
            captured,
            arrived: Some(captured),
            started: Some(captured),
            service: (!lost).then(|| service(id)),
            finished: (!lost).then_some(finished),
            returned: (!lost).then_some(finished),
            applied: (!lost).then_some(applied),
        },
        fate: if lost { Fate::Lost } else { Fate::Applied },
        command: Some(Command::Twist { linear: 2.0, angular: -0.1 }),
        safe: lost,
    }
}

fn observation(frame: u64, at: SimTime) -> Observation {
    let pose = Pose { x: 6.0, y: 3.0 - at.secs(), yaw: 0.0 };
    let seen = Seen { index: 1, outline: Outline::Cylinder { radius: 0.25 }, pose, velocity: [0.0, -1.2] };
    Observation {
        frame,
        at,
        robot: robot(at),
        goal: [8.0, 0.0],
        scan: (0..360).map(|i| if i % 3 == 0 { 10.0 } else { 2.0 + i as f32 / 100.0 }).collect(),
        depth: None,
        seen: [seen].into(),
        gap: f64::INFINITY,
    }
}

fn robot(at: SimTime) -> RobotState {
    let x = 2.0 * at.secs();
    RobotState { pose: Pose { x, y: 0.013_7 * x, yaw: 0.1 }, linear: 2.0, odometer: x, ..RobotState::default() }
}

fn tick(n: u64, at: SimTime) -> Entry {
    Entry::Tick(TickEntry {
        at,
        robot: robot(at),
        actors: vec![Pose { x: 6.0, y: 3.0 - at.secs(), yaw: 0.3 }],
        command: Command::Twist { linear: 2.0, angular: -0.1 },
        age: (n > 10).then_some(Span(73_456_789)),
        blind: 0.147,
        clearance: if n.is_multiple_of(2) { f64::INFINITY } else { 0.4 },
        digest: digest(n),
    })
}

/// A summary with a not-so-round number.
pub(crate) fn summary() -> Summary {
    Summary {
        scenario: "course".into(),
        seed: u64::MAX,
        outcome: Outcome::Collision,
        collisions: 1,
        sim_seconds: 1.0 / 3.0,
        wall_seconds: 1.0,
        realtime_factor: 1.0,
        runtime: "rten 0.27".into(),
        model: "pilot".into(),
        latency: "measured".into(),
        modelled: false,
        inferences: 3,
        dropped: 0,
        superseded: 0,
        lost: 1,
        in_flight: 0,
        unusable: 1,
        ran_out: 0,
        latency_ms: episode::Percentiles::default(),
        link_ms: episode::Percentiles::default(),
        link_all_out: None,
        age_ms: episode::AgeMs { p50: 1.0, p99: 2.0, max: 3.0 },
        blind_m_max: 0.2,
        min_clearance_m: None,
        overhead_us: episode::OverheadUs::default(),
        hand_over_us: episode::OverheadUs::default(),
        device: None,
        digest: "0123456789abcdef".into(),
        trusted: true,
        complaints: Vec::new(),
        story: None,
    }
}

/// Writes a whole log.
pub(crate) fn write(path: &Path, entries: &[Entry]) {
    let mut writer = Writer::create(path, &header()).unwrap();
    for entry in entries {
        writer.push(entry).unwrap();
    }
    writer.finish(&summary()).unwrap();
}

//! The scenarios that ship: every one loads for every seed, and poses the problem that it says it does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plant::{Command, Piece, Plant, World};
use scenario::{Scenario, Setup, find_scenarios, load, schema};
use timing::{SimTime, Span};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn shipped(name: &str) -> Scenario {
    load(&folder().join(format!("{name}.toml"))).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn each_loads_for_every_seed() {
    let files = find_scenarios([folder()]);
    let names: Vec<_> = files.iter().map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    for name in [
        "braking",
        "lesson",
        "step_out",
        "slalom",
        "corridor",
        "crowd",
        "warehouse",
        "balance",
        "empty_bench",
        "bench_60",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} is missing");
    }
    for (path, name) in files.iter().zip(&names) {
        let scenario = load(path).unwrap_or_else(|e| panic!("{e}\n{}", e.help_line()));
        assert!(scenario.text().starts_with("#:schema ./scenario.schema.json\n# "), "{name} says what it teaches");
        for seed in 0..200 {
            let setup = scenario.setup(seed).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(setup, scenario.setup(seed).unwrap(), "{name}, seed {seed}: a setup depends on the seed alone");
            assert_eq!(setup.name, *name);
            Plant::new(setup.world).unwrap_or_else(|e| panic!("{name}, seed {seed}: {e}"));
        }
    }
}

#[test]
fn bench_60_has_60_things() {
    let world = shipped("bench_60").setup(0).unwrap().world;
    assert_eq!((world.obstacles.len(), world.actors.len(), world.lidar.beams), (50, 10, 360));
}

#[test]
fn the_schema_is_up_to_date() {
    let path = folder().join("scenario.schema.json");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    assert!(kept == schema(), "renew it: deadtime schema > scenarios/scenario.schema.json");
}

/// Drives `setup` by `decide` (given the robot's view at each capture, the command or none), whose commands take hold
/// `latency` after their capture. Stops at a collision, at the goal or when time is up; gives the first contact.
fn drive(
    setup: &Setup,
    latency: Span,
    mut decide: impl FnMut(&plant::Observation) -> Option<Command>,
) -> Option<plant::Contact> {
    let mut plant = Plant::new(setup.world.clone()).unwrap();
    let mut in_force = setup.initial_command;
    let (mut frame, mut pending) = (0, Vec::<Piece>::new());
    let arrived = |plant: &Plant| plant.goal_reached() && (!setup.goal_at_rest || plant.robot().linear == 0.0);
    while plant.tick_end() < SimTime::ZERO + setup.duration && !arrived(&plant) {
        let mut pieces = vec![Piece { from: plant.tick_start(), command: in_force }];
        // Whatever is captured in this tick acts after it, unless latency is below a tick.
        loop {
            let capture = setup.line.capture.event(frame);
            let due = pending.first().map_or(SimTime::NEVER, |piece| piece.from);
            if due.min(capture) >= plant.tick_end() {
                break;
            }
            if due <= capture {
                pieces.push(pending.remove(0));
            } else {
                let view = plant.observe(&pieces, capture, frame);
                pending.extend(decide(&view).map(|command| Piece { from: capture + latency, command }));
                frame += 1;
            }
        }
        in_force = pieces[pieces.len() - 1].command;
        if let Some(contact) = plant.step(&pieces).contacts.first() {
            return Some(contact.clone());
        }
    }
    None
}

/// Cruises until anything moving is in sight, then brakes for good.
fn brake_for_actors(setup: &Setup, latency: Span) -> Option<plant::Contact> {
    let still = setup.world.obstacles.len();
    let mut seen = false;
    drive(setup, latency, |view| {
        seen |= view.seen.iter().any(|thing| thing.index >= still);
        Some(if seen { Command::STOP } else { cruise(setup) })
    })
}

fn cruise(setup: &Setup) -> Command {
    Command::Twist { linear: setup.cruise, angular: 0.0 }
}

/// The setup without sensor noise and with few beams where nobody looks.
fn blind(setup: &Setup) -> Setup {
    let lidar = plant::Lidar { beams: 2, ..setup.world.lidar };
    Setup { world: Arc::new(World { lidar, ..(*setup.world).clone() }), ..setup.clone() }
}

#[test]
fn driving_straight_fails_in_at_least_half_of_the_seeds() {
    for name in ["lesson", "step_out", "slalom", "corridor", "crowd", "warehouse"] {
        let scenario = shipped(name);
        let fails = (0..100).filter(|&seed| {
            let setup = blind(&scenario.setup(seed).unwrap());
            drive(&setup, Span::ZERO, |_| Some(cruise(&setup))).is_some()
        });
        let fails = fails.count();
        eprintln!("{name}: driving straight fails in {fails} of 100 seeds");
        assert!(fails >= 50, "{name}: {fails} of 100");
    }
}

#[test]
fn the_lesson_can_be_survived_at_100_ms_and_not_at_200() {
    let scenario = shipped("lesson");
    let hits = |ms: f64| {
        let hit = |seed: &u64| brake_for_actors(&scenario.setup(*seed).unwrap(), Span::from_ms(ms)).is_some();
        (0..20).filter(hit).count()
    };
    let table = (0..14).map(|i| f64::from(i) * 20.0).map(|ms| (ms, hits(ms)));
    eprintln!("lesson, braking for actors: (latency ms, hits of 20) {:?}", table.collect::<Vec<_>>());
    assert_eq!([0.0, 100.0, 130.0].map(hits), [0, 0, 0]);
    assert_eq!([200.0, 250.0].map(hits), [20, 20]);
}

#[test]
fn braking_is_the_oracle() {
    let scenario = shipped("braking");
    let hits = |ms: f64| {
        let hit = |seed: &u64| {
            let setup = scenario.setup(*seed).unwrap();
            let (sight, mut seen) = (setup.sight.unwrap(), false);
            let hit = drive(&setup, Span::from_ms(ms), |view| {
                seen |= view.gap <= sight;
                Some(if seen { Command::STOP } else { cruise(&setup) })
            });
            hit.is_some()
        };
        (0..20).filter(hit).count()
    };
    assert_eq!([0.0, 100.0, 130.0, 151.0, 200.0].map(hits), [0, 0, 0, 20, 20]);
    let phases: Vec<_> = (0..21).map(|seed| scenario.setup(seed).unwrap().line.capture.phase.ms()).collect();
    assert_eq!(phases[..3], [0.0, 1.0, 2.0]);
    assert_eq!((phases[19], phases[20]), (19.0, 0.0));
}

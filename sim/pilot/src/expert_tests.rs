use std::sync::Arc;

use plant::{Lidar, Outline, Plant, Pose, Robot, RobotState, Seen, World, rover_default};
use timing::{Rate, SimTime};

use super::*;

/// A robot at the origin that drives straight on at this speed, with a goal 15 m ahead.
pub(crate) fn observation(seen: &[Seen], speed: f64) -> Observation {
    Observation {
        frame: 0,
        at: SimTime::ZERO,
        robot: RobotState { linear: speed, ..RobotState::default() },
        goal: [15.0, 0.0],
        scan: vec![10.0; 360].into(),
        depth: None,
        seen: seen.into(),
        gap: f64::INFINITY,
    }
}

/// The range scan of standing things from the origin.
pub(crate) fn scan_of(things: &[Seen]) -> Vec<f32> {
    let world = World {
        tick: Rate::from_hz(100.0).unwrap(),
        robot: Robot::Rover(rover_default()),
        start: Pose::default(),
        start_speed: 0.0,
        goal: None,
        obstacles: things
            .iter()
            .map(|t| plant::Obstacle { name: String::new(), outline: t.outline, height: 1.0, pose: t.pose })
            .collect(),
        actors: vec![],
        lidar: Lidar { beams: 360, max_range: 10.0, height: 0.2, noise: 0.0 },
        camera: None,
        seed: 1,
    };
    let plant = Plant::new(Arc::new(world)).unwrap();
    let pieces = [plant::Piece { from: SimTime::ZERO, command: Command::STOP }];
    plant.observe(&pieces, SimTime::ZERO, 0).scan.to_vec()
}

/// A wall across the way whose near face is at x.
pub(crate) fn wall_ahead(x: f64) -> Seen {
    thing(Outline::Box { length: 0.2, width: 8.0 }, x + 0.1, 0.0, [0.0; 2])
}

fn thing(outline: Outline, x: f64, y: f64, velocity: [f64; 2]) -> Seen {
    Seen { index: 0, outline, pose: Pose { x, y, yaw: 0.0 }, velocity }
}

fn decide(seen: &[Seen], speed: f64) -> (f64, f64) {
    match expert(&observation(seen, speed), &rover_default(), 2.0).command {
        Command::Twist { linear, angular } => (linear, angular),
        Command::Acceleration { .. } => unreachable!(),
    }
}

#[test]
fn on_a_free_floor_it_cruises_straight() {
    assert_eq!(decide(&[], 2.0), (2.0, 0.0));
    assert_eq!(decide(&[], 0.0), (2.0, 0.0));
}

#[test]
fn it_turns_towards_the_goal() {
    let mut seen = observation(&[], 2.0);
    seen.goal = [3.0, 3.0];
    let Command::Twist { angular, .. } = expert(&seen, &rover_default(), 2.0).command else { unreachable!() };
    assert!(angular > 0.3, "{angular}");
}

#[test]
fn it_goes_round_a_box_on_the_free_side() {
    let pillar = thing(Outline::Box { length: 0.5, width: 0.8 }, 2.5, 0.2, [0.0; 2]);
    let (linear, angular) = decide(&[pillar], 2.0);
    assert!(linear > 1.0 && angular < -0.1, "{linear} {angular}");
}

#[test]
fn it_brakes_at_full_for_somebody_who_steps_out() {
    // In a gate with no room to swerve; free distance 1.36 m.
    let stack = Outline::Box { length: 2.0, width: 0.8 };
    let seen = [
        thing(stack, 0.6, 0.9, [0.0; 2]),
        thing(stack, 0.6, -0.9, [0.0; 2]),
        thing(Outline::Cylinder { radius: 0.25 }, 1.9, 0.75, [0.0, -1.0]),
    ];
    assert_eq!(decide(&seen, 2.0).0, 0.0);
    // Not for the gate alone.
    assert_eq!(decide(&seen[..2], 2.0).0, 2.0);
}

#[test]
fn it_stops_before_a_wall_and_not_long_before() {
    // Down to 1 m/s or less: all of them brake at full for the next half second.
    assert!(decide(&[wall_ahead(1.3)], 2.0).0 <= 1.0);
    assert_eq!(decide(&[wall_ahead(0.45)], 0.6).0, 0.0);
    assert!(decide(&[wall_ahead(3.5)], 2.0).0 > 1.0);
}

#[test]
fn costs_and_class_agree() {
    let seen = [thing(Outline::Cylinder { radius: 0.3 }, 1.8, 0.1, [0.0, -0.8])];
    let decision = expert(&observation(&seen, 1.5), &rover_default(), 2.0);
    let least = decision.costs.iter().copied().fold(f32::INFINITY, f32::min);
    assert_eq!(decision.costs[decision.class], least);
    assert_eq!(decision.command, GRID.command(decision.class, 2.0));
    assert!(decision.costs.iter().all(|cost| cost.is_finite()));
}

use plant::rover_default;

use super::*;
use crate::expert::tests::{observation, scan_of, wall_ahead};

#[test]
fn a_predicted_wall_comes_nearer_by_speed_times_latency() {
    let mut seen = observation(&[], 2.0);
    seen.scan = scan_of(&[wall_ahead(3.0)]).into();
    seen.goal = [5.0, 0.0];
    let robot = Robot::Rover(rover_default());
    let moved = predict(&seen, &robot, crate::straight(2.0), 10.0, 0.2);
    assert!((f64::from(moved.scan[180]) - (f64::from(seen.scan[180]) - 0.4)).abs() < 1e-4, "{}", moved.scan[180]);
    assert!((moved.goal[0] - 4.6).abs() < 1e-9);
    assert!((moved.robot.pose.x - 0.4).abs() < 1e-9);
    // Under a stop it brakes meanwhile: 2 * 0.2 - 0.2^2.
    let moved = predict(&seen, &robot, Command::STOP, 10.0, 0.2);
    assert!((moved.robot.pose.x - 0.36).abs() < 1e-9);
    assert!((moved.robot.linear - 1.6).abs() < 1e-9);
}

#[test]
fn turning_by_whole_beams_shifts_the_scan() {
    let scan = scan_of(&[wall_ahead(2.0)]);
    let mut out = Vec::new();
    let three = Pose { x: 0.0, y: 0.0, yaw: 3.0 * TAU / 360.0 };
    reproject(&scan, 10.0, three, &mut out);
    // Not at the wall's ends, where rounding decides.
    let worst = (120..240).map(|i| (out[i] - scan[(i + 3) % 360]).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn moving_along_a_wall_changes_nothing_of_it() {
    // An endless wall on the left: after half a metre forward it looks the same within the chords' error.
    let wall = plant::Seen {
        index: 0,
        outline: plant::Outline::Box { length: 60.0, width: 0.1 },
        pose: Pose { x: 0.0, y: 1.5, yaw: 0.0 },
        velocity: [0.0; 2],
    };
    let scan = scan_of(&[wall]);
    let mut out = Vec::new();
    reproject(&scan, 10.0, Pose { x: 0.5, y: 0.0, yaw: 0.0 }, &mut out);
    for i in 230..310 {
        assert!((out[i] - scan[i]).abs() < 0.01, "{i}: {} {}", out[i], scan[i]);
    }
}

#[test]
fn an_empty_scan_stays_empty() {
    let mut out = Vec::new();
    reproject(&[10.0; 360], 10.0, Pose { x: 0.4, y: 0.1, yaw: 0.3 }, &mut out);
    assert_eq!(out, vec![10.0; 360]);
}

#[test]
fn the_governor_keeps_the_curvature() {
    assert_eq!(
        governor(Command::Twist { linear: 2.0, angular: 1.0 }, 1.5),
        Command::Twist { linear: 1.5, angular: 0.75 }
    );
    let slow = Command::Twist { linear: 1.0, angular: 1.0 };
    assert_eq!(governor(slow, 1.5), slow);
}

#[test]
fn bearings_are_close_to_atan2() {
    for i in -314..=314 {
        let a = f64::from(i) / 100.0;
        let (s, c) = libm::sincos(a);
        assert!((f64::from(bearing(s as f32, c as f32)) - a).abs() < 2e-5);
    }
}

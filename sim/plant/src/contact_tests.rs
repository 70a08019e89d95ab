use super::*;
use crate::geometry::Frame;
use crate::model::{Outline, Pose};

const HALF: Vec2 = [0.254, 0.215];
const SECS: f64 = 1.0 / 60.0;

fn straight(speed: f64) -> Motion {
    Motion { moved: [speed * SECS, 0.0], turned: 0.0, velocity: [speed, 0.0], spin: 0.0 }
}

fn wall(gap: f64) -> Body {
    let pose = Pose { x: HALF[0] + gap + 0.5, ..Pose::default() };
    let prism = Prism::new(Outline::Box { length: 1.0, width: 4.0 }, 1.0, Frame::of(&pose));
    Body { prism, moved: [0.0; 2] }
}

#[test]
fn a_wall_stops_the_robot_at_its_surface() {
    let motion = resolve(HALF, 17.0, SECS, &straight(2.0), &[wall(0.01)]).unwrap();
    assert!((motion.moved[0] - 0.01).abs() < 1e-3, "{motion:?}");
    assert!(motion.velocity[0].abs() < 0.02, "{motion:?}");
}

#[test]
fn with_nothing_near_the_wish_is_fulfilled() {
    let wish = Motion { moved: [0.03, -0.001], turned: 0.02, velocity: [1.9, -0.05], spin: 1.1 };
    let motion = resolve(HALF, 17.0, SECS, &wish, &[wall(2.0)]).unwrap();
    for (found, expected) in [
        (motion.moved[0], wish.moved[0]),
        (motion.moved[1], wish.moved[1]),
        (motion.turned, wish.turned),
        (motion.velocity[0], wish.velocity[0]),
        (motion.velocity[1], wish.velocity[1]),
        (motion.spin, wish.spin),
    ] {
        assert!((found - expected).abs() < 1e-5, "{motion:?}");
    }
}

#[test]
fn a_round_thing_off_centre_turns_the_robot() {
    let pose = Pose { x: HALF[0] + 0.11, y: 0.15, yaw: 0.0 };
    let prism = Prism::new(Outline::Cylinder { radius: 0.1 }, 1.0, Frame::of(&pose));
    let motion = resolve(HALF, 17.0, SECS, &straight(2.0), &[Body { prism, moved: [0.0; 2] }]).unwrap();
    assert!(motion.spin > 0.1 && motion.velocity[0] < 2.0, "{motion:?}");
}

#[test]
fn what_moves_pushes_what_stands() {
    let mut body = wall(0.005);
    body.moved = [-1.5 * SECS, 0.0];
    let motion = resolve(HALF, 17.0, SECS, &straight(0.0), &[body]).unwrap();
    assert!((motion.moved[0] + 1.5 * SECS - 0.005).abs() < 1e-3, "{motion:?}");
    assert!((motion.velocity[0] + 1.5).abs() < 0.05, "{motion:?}");
}

#[test]
fn what_is_not_finite_is_refused() {
    let wish = Motion { spin: f64::NAN, ..straight(1.0) };
    assert_eq!(resolve(HALF, 17.0, SECS, &wish, &[wall(0.01)]), None);
}

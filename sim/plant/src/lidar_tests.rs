use proptest::prelude::*;
use rapier3d::parry::math::{Pose as Pose3, Vector};
use rapier3d::parry::query::{Ray, RayCast};
use rapier3d::parry::shape::{Ball, Cuboid};

use super::*;
use crate::geometry::Frame;
use crate::model::{Outline, Pose};

const LIDAR: Lidar = Lidar { beams: 360, max_range: 10.0, height: 0.2, noise: 0.0 };

fn any_thing() -> impl Strategy<Value = Prism> {
    let outline = prop_oneof![
        (0.05..3.0f64, 0.05..3.0f64).prop_map(|(length, width)| Outline::Box { length, width }),
        (0.05..1.5f64).prop_map(|radius| Outline::Cylinder { radius }),
    ];
    (outline, 0.0..1.0f64, -11.0..11.0f64, -11.0..11.0f64, -4.0..4.0f64)
        .prop_map(|(outline, height, x, y, yaw)| Prism::new(outline, height, Frame::of(&Pose { x, y, yaw })))
}

/// The same by parry, in single precision.
fn by_parry(thing: &Prism, dir: Vec2) -> Option<f64> {
    if thing.height < LIDAR.height {
        return None;
    }
    let [x, y] = thing.frame.origin.map(|v| v as f32);
    let yaw = libm::atan2(thing.frame.axis[1], thing.frame.axis[0]) as f32;
    let place = Pose3::new(Vector::new(x, y, 0.0), Vector::new(0.0, 0.0, yaw));
    let ray = Ray::new(Vector::ZERO, Vector::new(dir[0] as f32, dir[1] as f32, 0.0));
    let max = LIDAR.max_range as f32;
    let hit = match thing.form {
        Form::Box(half) => {
            Cuboid::new(Vector::new(half[0] as f32, half[1] as f32, 1.0)).cast_ray(&place, &ray, max, true)
        }
        Form::Circle(radius) => Ball::new(radius as f32).cast_ray(&place, &ray, max, true),
    };
    hit.map(f64::from)
}

proptest! {
    #[test]
    fn ranges_agree_with_parry(thing in any_thing()) {
        let beams = beams(LIDAR.beams);
        let scan = scan(&LIDAR, &beams, std::iter::once(thing));
        for (i, &dir) in beams.iter().enumerate() {
            let found = f64::from(scan.ranges[i]);
            // Where a beam grazes the thing, single precision answers for a beam a hair to the side.
            let around = [-1e-4, 0.0, 1e-4].map(|hair| by_parry(&thing, turn(dir, hair)).unwrap_or(LIDAR.max_range));
            let near = around.iter().copied().fold(f64::INFINITY, f64::min);
            let far = around.iter().copied().fold(0.0, f64::max);
            prop_assert!((near - 3e-4..far + 3e-4).contains(&found), "beam {i}: {found}, not {near} to {far}");
        }
    }

    #[test]
    fn the_nearest_of_all_is_met_and_seen(things in prop::collection::vec(any_thing(), 0..20)) {
        let beams = beams(LIDAR.beams);
        let all = scan(&LIDAR, &beams, things.iter().copied());
        let alone: Vec<_> = things.iter().map(|&thing| scan(&LIDAR, &beams, std::iter::once(thing))).collect();
        for (i, &found) in all.ranges.iter().enumerate() {
            let nearest = alone.iter().map(|one| one.ranges[i]).fold(LIDAR.max_range as f32, f32::min);
            prop_assert_eq!(found, nearest, "beam {}", i);
        }
        for (one, &seen) in alone.iter().zip(&all.seen) {
            let first = one.ranges.iter().zip(&all.ranges).any(|(one, all)| one <= all);
            prop_assert!(!seen || (one.seen[0] && first));
        }
    }

    #[test]
    fn culling_leaves_no_beam_out(thing in any_thing()) {
        let facing: Vec<usize> = facing(&thing, 360).collect();
        for (i, &dir) in beams(360).iter().enumerate() {
            prop_assert!(thing.pierced(dir).is_none() || facing.contains(&i), "beam {i}");
        }
    }
}

fn turn(dir: Vec2, by: f64) -> Vec2 {
    let (sin, cos) = libm::sincos(by);
    crate::geometry::turn(dir, [cos, sin])
}

#[test]
fn the_middle_pair_looks_ahead() {
    let beams = beams(360);
    assert!(beams[179][1] < 0.0 && beams[180][1] > 0.0);
    assert!((beams[179][0] - libm::cos(PI / 360.0)).abs() < 1e-12);
    assert!(beams[0][0] < 0.0 && beams[0][1] < 0.0);
}

#[test]
fn what_is_lower_than_the_scan_plane_is_not_met() {
    let thing =
        |height| Prism::new(Outline::Cylinder { radius: 0.5 }, height, Frame::of(&Pose { x: 3.0, ..Pose::default() }));
    let beams = beams(LIDAR.beams);
    let low = scan(&LIDAR, &beams, std::iter::once(thing(0.19)));
    assert!(low.ranges.iter().all(|&range| range == 10.0) && !low.seen[0]);
    let high = scan(&LIDAR, &beams, std::iter::once(thing(0.21)));
    assert!((high.ranges[180] - 2.5).abs() < 1e-3 && high.seen[0]);
}

#[test]
fn what_is_hidden_is_not_seen() {
    let at = |x| Prism::new(Outline::Box { length: 0.2, width: 1.0 }, 1.0, Frame::of(&Pose { x, ..Pose::default() }));
    let scan = scan(&LIDAR, &beams(LIDAR.beams), [at(5.0), at(2.0)].into_iter());
    assert_eq!(scan.seen, [false, true]);
}

#[test]
fn the_rough_bearing_is_good_enough() {
    for i in -31_415..31_415 {
        let bearing = f64::from(i) * 1e-4;
        let (sin, cos) = libm::sincos(bearing);
        assert!((rough_atan2(3.0 * sin, 3.0 * cos) - bearing).abs() < SLACK / 4.0, "{bearing}");
    }
}

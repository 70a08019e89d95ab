use proptest::prelude::*;
use rapier3d::parry::math::{Pose as Pose3, Vector};
use rapier3d::parry::query::{Ray, RayCast};
use rapier3d::parry::shape::Cuboid;

use super::*;
use crate::geometry::{Form, Frame, dot};
use crate::model::{Outline, Pose};

const CAMERA: DepthCamera = DepthCamera { width: 32, height: 24, fov: 1.4, mount: 0.4, max_range: 8.0, noise: 0.0 };

fn thing(outline: impl Strategy<Value = Outline>) -> impl Strategy<Value = Prism> {
    (outline, 0.05..1.0f64, -1.0..9.0f64, -6.0..6.0f64, -4.0..4.0f64)
        .prop_map(|(outline, height, x, y, yaw)| Prism::new(outline, height, Frame::of(&Pose { x, y, yaw })))
        .prop_filter("holds the lens", |thing| dot(thing.frame.origin, thing.frame.origin).sqrt() > thing.bound + 0.05)
}

fn any_box() -> impl Strategy<Value = Prism> {
    thing((0.1..2.0f64, 0.1..2.0f64).prop_map(|(length, width)| Outline::Box { length, width }))
}

fn any_cylinder() -> impl Strategy<Value = Prism> {
    thing((0.1..1.0f64).prop_map(|radius| Outline::Cylinder { radius }))
}

/// A box by parry, in single precision; nothing may be met.
fn by_parry(thing: &Prism, side: f64, rise: f64) -> Option<f64> {
    let ray = Ray::new(Vector::new(0.0, 0.0, CAMERA.mount as f32), Vector::new(1.0, side as f32, rise as f32));
    let Form::Box([length, width]) = thing.form else { unreachable!() };
    let [x, y] = thing.frame.origin.map(|v| v as f32);
    let half = (thing.height / 2.0) as f32;
    let yaw = libm::atan2(thing.frame.axis[1], thing.frame.axis[0]) as f32;
    let place = Pose3::new(Vector::new(x, y, half), Vector::new(0.0, 0.0, yaw));
    let cuboid = Cuboid::new(Vector::new(length as f32, width as f32, half));
    cuboid.cast_ray(&place, &ray, CAMERA.max_range as f32, true).map(f64::from)
}

/// Steps of a walk along the ray, metres.
const STEP: f64 = 1e-3;

/// A cylinder by walking along the ray: parry's own cast at a cylinder iterates, and near its rim is centimetres off.
fn by_walking(thing: &Prism, side: f64, rise: f64) -> Option<f64> {
    let Form::Circle(radius) = thing.form else { unreachable!() };
    let inside = |x: &f64| {
        let away = [x - thing.frame.origin[0], side * x - thing.frame.origin[1]];
        (0.0..=thing.height).contains(&(CAMERA.mount + rise * x)) && dot(away, away) <= radius * radius
    };
    let steps = (CAMERA.max_range / STEP) as u32;
    (0..steps).map(|i| f64::from(i) * STEP).find(inside)
}

/// Compares the depth of one thing and the floor with the truth for rays a hair to the sides of each pixel's: what grazes an edge may
/// be on either side of it. It is met within `close`, metres.
fn compare(
    thing: Prism,
    hair: f64,
    close: f64,
    truth: impl Fn(&Prism, f64, f64) -> Option<f64>,
) -> Result<(), TestCaseError> {
    let depth = render(&CAMERA, std::iter::once(thing)).depth;
    let focal = CAMERA.width as f64 / 2.0 / libm::tan(CAMERA.fov / 2.0);
    for row in 0..CAMERA.height {
        for column in 0..CAMERA.width {
            let side = (CAMERA.width as f64 / 2.0 - column as f64 - 0.5) / focal;
            let rise = (CAMERA.height as f64 / 2.0 - row as f64 - 0.5) / focal;
            let found = f64::from(depth[row * CAMERA.width + column]);
            let around = [(0.0, 0.0), (hair, 0.0), (-hair, 0.0), (0.0, hair), (0.0, -hair)].map(|(aside, up)| {
                let (side, rise) = (side + aside, rise + up);
                let floor = if rise < 0.0 { -CAMERA.mount / rise } else { CAMERA.max_range };
                truth(&thing, side, rise).unwrap_or(CAMERA.max_range).min(floor).min(CAMERA.max_range)
            });
            let near = around.iter().copied().fold(f64::INFINITY, f64::min) - close;
            let far = around.iter().copied().fold(0.0, f64::max) + close;
            prop_assert!(
                (near..far).contains(&found),
                "row {} column {}: {}, not {} to {}",
                row,
                column,
                found,
                near,
                far
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_box_is_where_parry_meets_it(thing in any_box()) {
        compare(thing, 1e-4, 1e-3, by_parry)?;
    }

    #[test]
    fn the_nearest_of_all_is_met(things in prop::collection::vec(prop_oneof![any_box(), any_cylinder()], 0..6)) {
        let all = render(&CAMERA, things.iter().copied()).depth;
        let alone: Vec<_> = things.iter().map(|&thing| render(&CAMERA, std::iter::once(thing)).depth).collect();
        let nothing = render(&CAMERA, std::iter::empty()).depth;
        for (i, &found) in all.iter().enumerate() {
            prop_assert_eq!(found, alone.iter().map(|one| one[i]).fold(nothing[i], f32::min), "pixel {}", i);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_cylinder_is_where_a_walk_meets_it(thing in any_cylinder()) {
        // A step passes over what is thinner: a hair as wide as that a third of a metre away.
        compare(thing, 3.0 * STEP, 5.0 * STEP, by_walking)?;
    }
}

#[test]
fn the_floor_the_front_and_the_top() {
    let low = Prism::new(Outline::Box { length: 2.0, width: 9.0 }, 0.2, Frame::of(&Pose { x: 3.0, ..Pose::default() }));
    let depth = render(&CAMERA, std::iter::once(low)).depth;
    let focal = 16.0 / libm::tan(0.7);
    let at = |row: usize| f64::from(depth[row * 32 + 16]);
    let rise = |row: usize| (12.0 - row as f64 - 0.5) / focal;
    assert_eq!(at(0), 8.0); // above the horizon
    assert!((at(23) + 0.4 / rise(23)).abs() < 1e-6); // floor before it
    let front = (0..24).find(|&row| 0.4 + 2.0 * rise(row) < 0.2 && 0.4 + 2.0 * rise(row) > 0.0).unwrap();
    assert!((at(front) - 2.0).abs() < 1e-6);
    let top = (0..24).find(|&row| rise(row) < 0.0 && (2.0..4.0).contains(&(-0.2 / rise(row)))).unwrap();
    assert!((at(top) + 0.2 / rise(top)).abs() < 1e-6);
}

#[test]
fn what_a_pixel_meets_is_seen() {
    let at = |x: f64, y: f64, height: f64| {
        Prism::new(Outline::Box { length: 0.4, width: 0.4 }, height, Frame::of(&Pose { x, y, yaw: 0.0 }))
    };
    let (pallet, hidden, behind) = (at(2.0, 0.0, 0.12), at(3.0, 0.0, 0.01), at(-2.0, 0.0, 1.0));
    let (beside, tall) = (at(0.5, 3.0, 1.0), at(4.0, 0.0, 1.5));
    let image = render(&CAMERA, [pallet, hidden, behind, beside, tall].into_iter());
    // The second is in the pallet's shadow; the pallet hides nothing that is taller than the lens.
    assert_eq!(image.seen, [true, false, false, false, true]);
}

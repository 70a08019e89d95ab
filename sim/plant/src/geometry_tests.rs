use proptest::prelude::*;

use super::*;

const HALF: Vec2 = [0.254, 0.215];

fn prism(outline: Outline, x: f64, y: f64, yaw: f64) -> Prism {
    Prism::new(outline, 1.0, Frame::of(&Pose { x, y, yaw }))
}

fn any_outline() -> impl Strategy<Value = Outline> {
    prop_oneof![
        (0.05..3.0f64, 0.05..3.0f64).prop_map(|(length, width)| Outline::Box { length, width }),
        (0.05..2.0f64).prop_map(|radius| Outline::Cylinder { radius }),
    ]
}

/// Points on the border of a prism, dense enough for a brute-force answer within 5 mm.
fn border(thing: &Prism) -> Vec<Vec2> {
    match thing.form {
        Form::Circle(radius) => (0..4000)
            .map(|i| {
                let (sin, cos) = libm::sincos(f64::from(i) * std::f64::consts::TAU / 4000.0);
                [thing.frame.origin[0] + radius * cos, thing.frame.origin[1] + radius * sin]
            })
            .collect(),
        Form::Box(half) => {
            let corners = thing.corners(half);
            (0..4)
                .flat_map(|i| {
                    let (a, b) = (corners[i], corners[(i + 1) % 4]);
                    (0..1000).map(move |k| {
                        let t = f64::from(k) / 1000.0;
                        [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
                    })
                })
                .collect()
        }
    }
}

proptest! {
    #[test]
    fn distance_agrees_with_brute_force(
        outline in any_outline(), x in -4.0..4.0f64, y in -4.0..4.0f64, yaw in -4.0..4.0f64,
    ) {
        let thing = prism(outline, x, y, yaw);
        let robot = prism(Outline::Box { length: 2.0 * HALF[0], width: 2.0 * HALF[1] }, 0.0, 0.0, 0.0);
        let found = distance(HALF, &thing);
        let brute = border(&thing).into_iter().map(|p| to_box(HALF, p)).fold(f64::INFINITY, f64::min);
        if found > 0.0 {
            prop_assert!((found - brute).abs() < 5e-3, "{found} {brute}");
            prop_assert!(overlap(HALF, &thing, 0.0).is_none());
        } else {
            // Either borders meet, or one lies inside the other.
            let inside = distance_from_inside(&robot, &thing);
            prop_assert!(brute < 5e-3 || inside, "{found} {brute}");
            prop_assert!(overlap(HALF, &thing, 1e-12).is_some() || found > -1e-12);
        }
    }

    #[test]
    fn moving_apart_along_the_normal_ends_an_overlap(
        outline in any_outline(), x in -2.0..2.0f64, y in -2.0..2.0f64, yaw in -4.0..4.0f64,
    ) {
        let mut thing = prism(outline, x, y, yaw);
        if let Some(found) = overlap(HALF, &thing, 1e-6) {
            prop_assert!((dot(found.normal, found.normal) - 1.0).abs() < 1e-12);
            thing.frame.origin[0] += found.normal[0] * (found.depth + 1e-9);
            thing.frame.origin[1] += found.normal[1] * (found.depth + 1e-9);
            prop_assert!(distance(HALF, &thing) > 0.0);
        }
    }

    #[test]
    fn gap_is_where_driving_ahead_first_touches(
        outline in any_outline(), x in -1.0..5.0f64, y in -2.0..2.0f64, yaw in -4.0..4.0f64,
    ) {
        let thing = prism(outline, x, y, yaw);
        prop_assume!(distance(HALF, &thing) > 0.01);
        let ahead = |way: f64| {
            let mut moved = thing;
            moved.frame.origin[0] -= way;
            distance(HALF, &moved)
        };
        if let Some(way) = gap(HALF, &thing) {
            // Before it nothing touches by more than the lane's margin.
            prop_assert!(ahead(way - 1e-7) > -2e-9, "{}", ahead(way - 1e-7));
            prop_assert!(ahead(way).abs() < 1e-6, "{way} {}", ahead(way));
        } else {
            for k in 0..700 {
                prop_assert!(ahead(f64::from(k) * 0.01) > -1e-6);
            }
        }
    }
}

fn distance_from_inside(robot: &Prism, thing: &Prism) -> bool {
    let holds = |outer: &Prism, p: Vec2| match outer.form {
        Form::Box(half) => to_box(half, outer.frame.see(p)) == 0.0,
        Form::Circle(radius) => dot(outer.frame.see(p), outer.frame.see(p)) <= radius * radius,
    };
    holds(robot, thing.frame.origin) || holds(thing, robot.frame.origin)
}

#[test]
fn a_box_ahead_has_an_exact_gap() {
    let thing = prism(Outline::Box { length: 1.0, width: 0.2 }, 3.0, 0.3, 0.0);
    assert!((gap(HALF, &thing).unwrap() - (2.5 - HALF[0])).abs() < 1e-12);
    let beside = prism(Outline::Box { length: 1.0, width: 0.2 }, 3.0, 0.316, 0.0);
    assert_eq!(gap(HALF, &beside), None);
    let behind = prism(Outline::Box { length: 1.0, width: 0.2 }, -3.0, 0.0, 0.0);
    assert_eq!(gap(HALF, &behind), None);
}

#[test]
fn a_contact_names_its_normal_and_place() {
    let wall = prism(Outline::Box { length: 0.1, width: 8.0 }, HALF[0] + 0.05 - 1e-4, 2.0, 0.0);
    let found = overlap(HALF, &wall, 1e-9).unwrap();
    assert!((found.depth - 1e-4).abs() < 1e-12);
    assert_eq!(found.normal, [1.0, 0.0]);
    assert!((found.point[0] - HALF[0]).abs() < 1e-3 && found.point[1].abs() <= HALF[1]);
}

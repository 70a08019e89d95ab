//! What a world must be before it can be simulated.

use crate::geometry::{Frame, distance};
use crate::model::{Outline, Robot, Trigger, World};
use crate::scene::Scene;

/// Why a world cannot be simulated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlantError {
    /// A number is NaN or infinite.
    #[error("{what} is {found}; it must be a finite number")]
    NotFinite {
        /// Which number.
        what: String,
        /// What it is.
        found: f64,
    },
    /// A number lies outside its range.
    #[error("{what} is {found}; it must be {expected}")]
    OutOfRange {
        /// Which number.
        what: String,
        /// What it is.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// The scanner has no beams.
    #[error("the lidar has no beams; give it at least one")]
    NoBeams,
    /// The depth camera has no pixels.
    #[error("the depth camera has no pixels; give it at least one row and one column")]
    NoPixels,
    /// An actor has no waypoint.
    #[error("actor `{name}` has no waypoint; give it at least the one where it stands")]
    NoPath {
        /// The actor's name.
        name: String,
    },
    /// The robot overlaps something before anything has moved.
    #[error("the robot starts inside `{name}`; move one of them")]
    StartsInside {
        /// The name of what it overlaps.
        name: String,
    },
    /// In one tick something could pass through the robot.
    #[error(
        "at {hz} Hz robot and actors close in by up to {found} m in one tick; raise the tick rate until that is below {limit} m, the footprint's shorter side"
    )]
    TickTooSlow {
        /// The tick rate.
        hz: f64,
        /// Metres a tick.
        found: f64,
        /// Metres.
        limit: f64,
    },
}

fn finite(what: &str, found: f64) -> Result<(), PlantError> {
    if found.is_finite() { Ok(()) } else { Err(PlantError::NotFinite { what: what.into(), found }) }
}

fn positive(what: &str, found: f64) -> Result<(), PlantError> {
    finite(what, found)?;
    if found > 0.0 {
        return Ok(());
    }
    Err(PlantError::OutOfRange { what: what.into(), found, expected: "greater than zero" })
}

fn not_negative(what: &str, found: f64) -> Result<(), PlantError> {
    finite(what, found)?;
    if found >= 0.0 {
        return Ok(());
    }
    Err(PlantError::OutOfRange { what: what.into(), found, expected: "zero or greater" })
}

fn outline(name: &str, outline: Outline, height: f64) -> Result<(), PlantError> {
    match outline {
        Outline::Box { length, width } => {
            positive(&format!("the length of `{name}`"), length)?;
            positive(&format!("the width of `{name}`"), width)?;
        }
        Outline::Cylinder { radius } => positive(&format!("the radius of `{name}`"), radius)?,
    }
    positive(&format!("the height of `{name}`"), height)
}

/// The robot's top speed, once its numbers are known to be sound.
fn robot(robot: &Robot) -> Result<f64, PlantError> {
    match robot {
        Robot::Rover(r) => {
            for (what, found) in [
                ("the rover's length", r.length),
                ("the rover's width", r.width),
                ("the rover's height", r.height),
                ("the rover's mass", r.mass),
                ("the rover's top speed", r.max_speed),
                ("the rover's top yaw rate", r.max_yaw_rate),
                ("the rover's acceleration", r.acceleration),
                ("the rover's braking", r.braking),
                ("the rover's yaw acceleration", r.yaw_acceleration),
            ] {
                positive(what, found)?;
            }
            not_negative("the rover's lag", r.lag.secs())?;
            Ok(r.max_speed)
        }
        Robot::Balancer(b) => {
            for (what, found) in [
                ("the balancer's length", b.length),
                ("the balancer's width", b.width),
                ("the balancer's height", b.height),
                ("the balancer's mass", b.mass),
                ("the balancer's unstable pole", b.omega),
                ("the balancer's largest acceleration", b.max_acceleration),
                ("the balancer's top speed", b.max_speed),
                ("the balancer's fall pitch", b.fall_pitch),
            ] {
                positive(what, found)?;
            }
            finite("the balancer's pitch at the start", b.start_pitch)?;
            Ok(b.max_speed)
        }
    }
}

fn sensors(world: &World) -> Result<(), PlantError> {
    if world.lidar.beams == 0 {
        return Err(PlantError::NoBeams);
    }
    positive("the lidar's range", world.lidar.max_range)?;
    not_negative("the height of the lidar", world.lidar.height)?;
    not_negative("the lidar's noise", world.lidar.noise)?;
    let Some(camera) = &world.camera else { return Ok(()) };
    if camera.width == 0 || camera.height == 0 {
        return Err(PlantError::NoPixels);
    }
    positive("the camera's field of view", camera.fov)?;
    if camera.fov >= std::f64::consts::PI {
        let what = "the camera's field of view".into();
        return Err(PlantError::OutOfRange { what, found: camera.fov, expected: "less than half a turn" });
    }
    positive("the height of the camera", camera.mount)?;
    positive("the camera's range", camera.max_range)?;
    not_negative("the camera's noise", camera.noise)
}

/// That every number is finite and within its range.
pub(crate) fn numbers(world: &World) -> Result<(), PlantError> {
    let mut fastest = robot(&world.robot)?;
    for (what, found) in [
        ("x of the start", world.start.x),
        ("y of the start", world.start.y),
        ("the yaw at the start", world.start.yaw),
        ("the speed at the start", world.start_speed),
    ] {
        finite(what, found)?;
    }
    fastest = fastest.max(world.start_speed.abs());
    if let Some(goal) = &world.goal {
        finite("x of the goal", goal.x)?;
        finite("y of the goal", goal.y)?;
        positive("the radius of the goal", goal.radius)?;
    }
    sensors(world)?;
    for obstacle in &world.obstacles {
        outline(&obstacle.name, obstacle.outline, obstacle.height)?;
        for found in [obstacle.pose.x, obstacle.pose.y, obstacle.pose.yaw] {
            finite(&format!("the pose of `{}`", obstacle.name), found)?;
        }
    }
    let mut actors = 0f64;
    for actor in &world.actors {
        outline(&actor.name, actor.outline, actor.height)?;
        not_negative(&format!("the speed of `{}`", actor.name), actor.speed)?;
        match actor.trigger {
            Trigger::At(after) => not_negative(&format!("the start of `{}`", actor.name), after.secs())?,
            Trigger::RobotWithin(near) => not_negative(&format!("the trigger distance of `{}`", actor.name), near)?,
        }
        if actor.path.is_empty() {
            return Err(PlantError::NoPath { name: actor.name.clone() });
        }
        for &found in actor.path.iter().flatten() {
            finite(&format!("a waypoint of `{}`", actor.name), found)?;
        }
        actors = actors.max(actor.speed);
    }
    let (length, width) = match &world.robot {
        Robot::Rover(r) => (r.length, r.width),
        Robot::Balancer(b) => (b.length, b.width),
    };
    let (found, limit) = ((fastest + actors) * world.tick.period_secs(), length.min(width));
    if found > limit {
        return Err(PlantError::TickTooSlow { hz: world.tick.hz(), found, limit });
    }
    Ok(())
}

/// Nothing may overlap the robot at the start.
pub(crate) fn start(world: &World, scene: &Scene) -> Result<(), PlantError> {
    let base = Frame::of(&world.start);
    let obstacles = scene.obstacles.iter().copied().zip(world.obstacles.iter().map(|obstacle| &obstacle.name));
    let actors = world.actors.iter().zip(&scene.courses).map(|(actor, course)| {
        let stand = course.stand(crate::actors::Course::known_start(actor), timing::SimTime::ZERO);
        (stand.prism(actor), &actor.name)
    });
    for (prism, name) in obstacles.chain(actors) {
        if distance(scene.half, &prism.seen_from(&base)) < 0.0 {
            return Err(PlantError::StartsInside { name: name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use timing::Rate;

    use super::*;
    use crate::model::{Actor, Lidar, Obstacle, Pose};
    use crate::{Plant, rover_default};

    fn world() -> World {
        World {
            tick: Rate::from_hz(240.0).unwrap(),
            robot: Robot::Rover(rover_default()),
            start: Pose::default(),
            start_speed: 0.0,
            goal: None,
            obstacles: vec![Obstacle {
                name: "parked van".into(),
                outline: Outline::Box { length: 4.0, width: 2.0 },
                height: 2.0,
                pose: Pose { x: 5.0, ..Pose::default() },
            }],
            actors: vec![Actor {
                name: "pedestrian".into(),
                outline: Outline::Cylinder { radius: 0.25 },
                height: 1.7,
                path: vec![[3.0, 3.0]],
                speed: 1.4,
                trigger: Trigger::RobotWithin(1.0),
                repeat: false,
            }],
            lidar: Lidar { beams: 360, max_range: 10.0, height: 0.2, noise: 0.0 },
            camera: None,
            seed: 0,
        }
    }

    fn refusal(change: impl Fn(&mut World)) -> String {
        let mut world = world();
        change(&mut world);
        Plant::new(Arc::new(world)).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_world_is_accepted() {
        assert!(Plant::new(Arc::new(world())).is_ok());
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let cases = [
            (refusal(|w| w.start.x = f64::NAN), "x of the start is NaN; it must be a finite number"),
            (refusal(|w| w.obstacles[0].height = 0.0), "the height of `parked van` is 0; it must be greater than zero"),
            (refusal(|w| w.obstacles[0].pose.x = 2.0), "the robot starts inside `parked van`; move one of them"),
            (
                refusal(|w| w.actors[0].path = vec![[0.4, 0.0]]),
                "the robot starts inside `pedestrian`; move one of them",
            ),
            (
                refusal(|w| w.actors[0].path.clear()),
                "actor `pedestrian` has no waypoint; give it at least the one where it stands",
            ),
            (refusal(|w| w.lidar.beams = 0), "the lidar has no beams; give it at least one"),
            (refusal(|w| w.lidar.noise = -1.0), "the lidar's noise is -1; it must be zero or greater"),
            (
                refusal(|w| w.tick = Rate::from_hz(4.0).unwrap()),
                "at 4 Hz robot and actors close in by up to 0.85 m in one tick; raise the tick rate until that is below \
                 0.43 m, the footprint's shorter side",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}

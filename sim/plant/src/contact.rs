//! What a contact does: one Rapier step for the robot among the things within reach.
//!
//! The scene is put together anew for each tick that has a contact, in the base frame at the tick's start. So Rapier
//! holds no state of ours, its single precision is spent on centimetres, and which other things exist cannot change the
//! result. Nothing is lost by that: the robot is the only body that yields, so there is no stack whose impulses want
//! carrying over.
//!
//! Whether there is a contact is not Rapier's to say. It predicts contacts, and takes most of the speed of a body that
//! ends a step a millimetre before a wall: a robot that stops just in time would be called a collision. `Plant` asks
//! exact geometry.

use rapier3d::prelude::*;

use crate::geometry::{Form, Prism, Vec2};

/// A motion during one tick, in the base frame at its start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Motion {
    /// Metres.
    pub moved: Vec2,
    /// Radians.
    pub turned: f64,
    /// At the end, m/s.
    pub velocity: Vec2,
    /// At the end, rad/s.
    pub spin: f64,
}

impl Motion {
    fn numbers(&self) -> [f64; 6] {
        [self.moved[0], self.moved[1], self.turned, self.velocity[0], self.velocity[1], self.spin]
    }

    fn is_finite(&self) -> bool {
        self.numbers().into_iter().all(f64::is_finite)
    }

    /// Whether nothing moves at all.
    pub fn is_rest(&self) -> bool {
        self.numbers() == [0.0; 6]
    }
}

/// Something within reach, in the base frame at the tick's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    pub prism: Prism,
    /// Zero for what stands.
    pub moved: Vec2,
}

/// Half the height of every contact shape, metres. All things stand on the floor, so contacts are planar; shapes of one
/// height keep Rapier from ever choosing a vertical normal.
const HALF_HEIGHT: Real = 1.0;

/// Rapier looks for contacts this much further than bodies move in the tick, metres.
const MARGIN: f64 = 0.02;

/// How far things may be apart at the tick's start and still be handed to `resolve`, given how far they move, metres.
pub(crate) fn reach(moved: f64) -> f64 {
    moved + MARGIN
}

/// The motion that contacts leave of the one that was wished. Rapier is given the velocity that yields the tick's whole
/// displacement; the difference to the end velocity is added afterwards, so contacts keep their impulses.
/// `None` when the result is not finite.
pub(crate) fn resolve(half: Vec2, mass: f64, secs: f64, wish: &Motion, bodies: &[Body]) -> Option<Motion> {
    if !wish.is_finite() {
        return None;
    }
    let mean = [wish.moved[0] / secs, wish.moved[1] / secs];
    let mean_spin = wish.turned / secs;
    let mut world = PhysicsWorld::new();
    world.gravity = Vector::ZERO;
    let furthest = bodies.iter().map(|body| libm::hypot(body.moved[0], body.moved[1])).fold(0.0, f64::max);
    let parameters = &mut world.integration_parameters;
    parameters.dt = secs as Real;
    parameters.normalized_prediction_distance =
        reach(libm::hypot(wish.moved[0], wish.moved[1]) + wish.turned.abs() * libm::hypot(half[0], half[1]) + furthest)
            as Real;
    // Predicted contacts already stop the robot at the surface; Rapier's own sweep would stop it 5 mm short of that.
    parameters.max_ccd_substeps = 0;
    parameters.contact_recycling = false; // there is no earlier step to recycle from
    let (robot, _) = world.insert(
        RigidBodyBuilder::dynamic()
            .locked_axes(
                LockedAxes::TRANSLATION_LOCKED_Z | LockedAxes::ROTATION_LOCKED_X | LockedAxes::ROTATION_LOCKED_Y,
            )
            .can_sleep(false)
            .linvel(flat(mean))
            .angvel(Vector::new(0.0, 0.0, mean_spin as Real)),
        ColliderBuilder::cuboid(half[0] as Real, half[1] as Real, HALF_HEIGHT).mass(mass as Real),
    );
    for body in bodies {
        let velocity = [body.moved[0] / secs, body.moved[1] / secs];
        let builder = if body.moved == [0.0; 2] {
            RigidBodyBuilder::fixed()
        } else {
            RigidBodyBuilder::kinematic_velocity_based().linvel(flat(velocity))
        };
        let Prism { frame, form, .. } = body.prism;
        let yaw = libm::atan2(frame.axis[1], frame.axis[0]);
        let collider = match form {
            Form::Box(half) => ColliderBuilder::cuboid(half[0] as Real, half[1] as Real, HALF_HEIGHT),
            // At the height of the prisms' middle a ball meets them where the upright cylinder would, by a closed
            // formula.
            Form::Circle(radius) => ColliderBuilder::ball(radius as Real),
        };
        world.insert(builder.translation(flat(frame.origin)).rotation(Vector::new(0.0, 0.0, yaw as Real)), collider);
    }
    world.step();
    let after = &world.bodies[robot];
    let (place, velocity) = (after.translation(), after.linvel());
    let turn = after.rotation();
    let result = Motion {
        moved: [f64::from(place.x), f64::from(place.y)],
        turned: 2.0 * libm::atan2(f64::from(turn.z), f64::from(turn.w)),
        velocity: [
            f64::from(velocity.x) + (wish.velocity[0] - mean[0]),
            f64::from(velocity.y) + (wish.velocity[1] - mean[1]),
        ],
        spin: f64::from(after.angvel().z) + (wish.spin - mean_spin),
    };
    (result.is_finite() && world.quarantine().is_empty()).then_some(result)
}

fn flat(v: Vec2) -> Vector {
    Vector::new(v[0] as Real, v[1] as Real, 0.0)
}

#[cfg(test)]
#[path = "contact_tests.rs"]
mod tests;

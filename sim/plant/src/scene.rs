//! What follows from the world and never changes: worked out once, shared by every fork.

use crate::actors::Course;
use crate::geometry::{Frame, Prism, Vec2, dot};
use crate::model::{Robot, World};

/// The world with its sines, lengths and bounding circles worked out.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Half length and half width of the footprint.
    pub half: Vec2,
    /// Radius of the circle around the footprint.
    pub bound: f64,
    /// The obstacles, in the world frame.
    pub obstacles: Vec<Prism>,
    /// The actors' ways.
    pub courses: Vec<Course>,
    /// Unit vectors of the scanner's beams, in the base frame.
    pub beams: Vec<Vec2>,
}

impl Scene {
    pub fn new(world: &World) -> Self {
        let (length, width) = match &world.robot {
            Robot::Rover(rover) => (rover.length, rover.width),
            Robot::Balancer(balancer) => (balancer.length, balancer.width),
        };
        let half = [length / 2.0, width / 2.0];
        Self {
            half,
            bound: libm::hypot(half[0], half[1]),
            obstacles: world
                .obstacles
                .iter()
                .map(|obstacle| Prism::new(obstacle.outline, obstacle.height, Frame::of(&obstacle.pose)))
                .collect(),
            courses: world.actors.iter().map(Course::new).collect(),
            beams: crate::lidar::beams(world.lidar.beams),
        }
    }

    /// Whether a thing can be within `reach` of the footprint in `base`, by the circles around them.
    pub fn may_be_within(&self, base: &Frame, thing: &Prism, reach: f64) -> bool {
        let away = [thing.frame.origin[0] - base.origin[0], thing.frame.origin[1] - base.origin[1]];
        let near = reach + thing.bound + self.bound;
        dot(away, away) <= near * near
    }
}

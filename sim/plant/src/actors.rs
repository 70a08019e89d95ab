//! Actors walk their waypoints; where they are at an instant is a formula, not an integration.

use timing::SimTime;

use crate::geometry::{Frame, Prism, Vec2};
use crate::model::{Actor, Pose, Trigger};

/// An actor at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActorState {
    /// Where it is, in the world frame; it faces the way it walks.
    pub pose: Pose,
    /// World frame, m/s.
    pub velocity: [f64; 2],
    /// When it started or will start; `None` while its trigger waits for the robot.
    pub started: Option<SimTime>,
}

/// One straight stretch of a path.
#[derive(Clone, Copy, Debug)]
struct Leg {
    from: Vec2,
    /// Unit vector.
    along: Vec2,
    /// Radians.
    yaw: f64,
    /// Metres from the first waypoint to the end of this leg.
    until: f64,
    length: f64,
}

/// A path with its lengths worked out.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    start: Vec2,
    legs: Vec<Leg>,
    speed: f64,
    repeat: bool,
}

/// Where an actor is on its course, with its direction as a unit vector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stand {
    pub pose: Pose,
    pub axis: Vec2,
    pub velocity: Vec2,
}

impl Stand {
    /// The actor as a prism in the world frame.
    pub fn prism(&self, actor: &Actor) -> Prism {
        let frame = Frame { origin: [self.pose.x, self.pose.y], axis: self.axis };
        Prism::new(actor.outline, actor.height, frame)
    }
}

impl Course {
    /// The course of an actor; waypoints that repeat the one before them are left out.
    pub fn new(actor: &Actor) -> Self {
        let mut legs: Vec<Leg> = Vec::new();
        for ends in actor.path.windows(2) {
            let way = [ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]];
            let length = libm::hypot(way[0], way[1]);
            if length > 0.0 {
                let before = legs.last().map_or(0.0, |leg| leg.until);
                legs.push(Leg {
                    from: ends[0],
                    along: [way[0] / length, way[1] / length],
                    yaw: libm::atan2(way[1], way[0]),
                    until: before + length,
                    length,
                });
            }
        }
        Self { start: actor.path[0], legs, speed: actor.speed, repeat: actor.repeat }
    }

    /// When the actor starts, as far as that is known at the start of the episode.
    pub fn known_start(actor: &Actor) -> Option<SimTime> {
        match actor.trigger {
            Trigger::At(after) => Some(SimTime::ZERO + after),
            Trigger::RobotWithin(_) => None,
        }
    }

    /// Where the actor stands or walks at an instant.
    pub fn stand(&self, started: Option<SimTime>, at: SimTime) -> Stand {
        let (Some(first), Some(last)) = (self.legs.first(), self.legs.last()) else {
            let pose = Pose { x: self.start[0], y: self.start[1], yaw: 0.0 };
            return Stand { pose, axis: [1.0, 0.0], velocity: [0.0; 2] };
        };
        let Some(started) = started.filter(|&started| at >= started) else {
            return on_leg(first, 0.0, 0.0, 1.0);
        };
        let walked = self.speed * (at - started).secs();
        let length = last.until;
        if !self.repeat {
            if walked >= length {
                return on_leg(last, last.length, 0.0, 1.0);
            }
            return self.at(walked, 1.0);
        }
        let round = walked % (2.0 * length);
        if round < length { self.at(round, 1.0) } else { self.at(2.0 * length - round, -1.0) }
    }

    fn at(&self, way: f64, sense: f64) -> Stand {
        let leg = self.legs.iter().find(|leg| way < leg.until).unwrap_or(&self.legs[self.legs.len() - 1]);
        on_leg(leg, way - (leg.until - leg.length), self.speed, sense)
    }
}

/// `way` metres along a leg, walking it forwards (`sense` 1) or backwards (-1).
fn on_leg(leg: &Leg, way: f64, speed: f64, sense: f64) -> Stand {
    let axis = [leg.along[0] * sense, leg.along[1] * sense];
    let yaw = if sense > 0.0 { leg.yaw } else { leg.yaw + std::f64::consts::PI };
    Stand {
        pose: Pose { x: leg.from[0] + leg.along[0] * way, y: leg.from[1] + leg.along[1] * way, yaw },
        axis,
        velocity: [axis[0] * speed, axis[1] * speed],
    }
}

#[cfg(test)]
mod tests {
    use timing::Span;

    use super::*;
    use crate::model::Outline;

    fn walker(repeat: bool) -> Actor {
        Actor {
            name: "walker".into(),
            outline: Outline::Cylinder { radius: 0.25 },
            height: 1.7,
            path: vec![[0.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 4.0]],
            speed: 2.0,
            trigger: Trigger::At(Span::from_ms(500.0)),
            repeat,
        }
    }

    fn stand(actor: &Actor, secs: f64) -> ([f64; 2], [f64; 2]) {
        let at = SimTime::ZERO + Span::from_secs(secs);
        let stand = Course::new(actor).stand(Course::known_start(actor), at);
        ([stand.pose.x, stand.pose.y], stand.velocity)
    }

    #[test]
    fn it_waits_walks_and_stands() {
        let actor = walker(false);
        assert_eq!(stand(&actor, 0.2), ([0.0, 0.0], [0.0, 0.0]));
        assert_eq!(stand(&actor, 1.5), ([2.0, 0.0], [2.0, 0.0]));
        assert_eq!(stand(&actor, 3.0), ([3.0, 2.0], [0.0, 2.0]));
        assert_eq!(stand(&actor, 9.0), ([3.0, 4.0], [0.0, 0.0]));
    }

    #[test]
    fn it_walks_back_and_forth() {
        let actor = walker(true);
        assert_eq!(stand(&actor, 0.5 + 4.5), ([3.0, 2.0], [0.0, -2.0]));
        assert_eq!(stand(&actor, 0.5 + 6.5), ([1.0, 0.0], [-2.0, 0.0]));
        assert_eq!(stand(&actor, 0.5 + 7.5), ([1.0, 0.0], [2.0, 0.0]));
    }

    #[test]
    fn a_single_waypoint_is_a_place_to_stand() {
        let actor = Actor { path: vec![[1.0, 2.0]], ..walker(true) };
        assert_eq!(stand(&actor, 7.0), ([1.0, 2.0], [0.0, 0.0]));
    }
}

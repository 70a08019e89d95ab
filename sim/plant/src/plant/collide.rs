//! What happens when the footprint meets something.

use timing::SimTime;

use super::{Plant, SLOP};
use crate::contact::{self, Body, Motion};
use crate::geometry::{Frame, Overlap, Prism, Vec2, distance, dot, overlap, turn, turn_back};
use crate::model::{Pose, Robot};
use crate::state::{Contact, Piece, RobotState, TickReport};

impl Plant {
    /// The footprint, moved without contacts to `next`, overlaps something: reports what is touched for the first time,
    /// and lets Rapier say where the robot really goes. Actors are already at the tick's end.
    pub(super) fn collide(&mut self, pieces: &[Piece], base: &Frame, next: &mut RobotState, report: &mut TickReport) {
        let scene = &*self.scene;
        let things = scene.obstacles.iter().chain(&self.walkers).enumerate();
        let hits: Vec<usize> = things
            .filter(|&(index, thing)| {
                !self.touched[index]
                    && scene.may_be_within(base, thing, 0.0)
                    && overlap(scene.half, &thing.seen_from(base), SLOP).is_some()
            })
            .map(|(index, _)| index)
            .collect();
        for index in hits {
            self.touched[index] = true;
            report.contacts.push(self.first_touch(pieces, index));
        }

        let from = Frame::of(&self.robot.pose);
        let turned = next.pose.yaw - self.robot.pose.yaw;
        let (sin, cos) = libm::sincos(turned);
        let wish = Motion {
            moved: from.see([next.pose.x, next.pose.y]),
            turned,
            velocity: turn([next.linear, next.lateral], [cos, sin]),
            spin: next.angular,
        };
        let bodies = self.within_reach(&from, &wish);
        if wish.is_rest() && bodies.iter().all(|body| body.moved == [0.0; 2]) {
            return; // Standing against something that stands.
        }
        let secs = (self.end - self.start).secs();
        let Some(motion) = contact::resolve(self.scene.half, self.mass(), secs, &wish, &bodies) else {
            report.invalid = true;
            *next = RobotState { linear: 0.0, lateral: 0.0, angular: 0.0, ..self.robot };
            return;
        };
        let moved = turn(motion.moved, from.axis);
        next.pose = Pose {
            x: self.robot.pose.x + moved[0],
            y: self.robot.pose.y + moved[1],
            yaw: self.robot.pose.yaw + motion.turned,
        };
        let (sin, cos) = libm::sincos(motion.turned);
        [next.linear, next.lateral] = turn_back(motion.velocity, [cos, sin]);
        next.angular = motion.spin;
        next.odometer = self.robot.odometer + dot(motion.moved, motion.moved).sqrt();
    }

    /// The things that the robot or they themselves can bring into contact during the tick, seen from the base frame at
    /// its start.
    fn within_reach(&self, from: &Frame, wish: &Motion) -> Vec<Body> {
        let travel = dot(wish.moved, wish.moved).sqrt() + wish.turned.abs() * self.scene.bound;
        let obstacles = self.scene.obstacles.iter().map(|thing| (*thing, [0.0; 2]));
        let walkers = self.walkers.iter().zip(self.stands_at(self.start)).map(|(walker, before)| {
            let origin = [before.pose.x, before.pose.y];
            let moved = [walker.frame.origin[0] - origin[0], walker.frame.origin[1] - origin[1]];
            (Prism { frame: Frame { origin, ..walker.frame }, ..*walker }, moved)
        });
        obstacles
            .chain(walkers)
            .map(|(thing, moved)| (thing, moved, contact::reach(travel + dot(moved, moved).sqrt())))
            .filter(|(thing, _, reach)| self.scene.may_be_within(from, thing, *reach))
            .map(|(thing, moved, reach)| {
                (Body { prism: thing.seen_from(from), moved: turn_back(moved, from.axis) }, reach)
            })
            .filter(|(body, reach)| distance(self.scene.half, &body.prism) <= *reach)
            .map(|(body, _)| body)
            .collect()
    }

    fn mass(&self) -> f64 {
        match &self.world.robot {
            Robot::Rover(rover) => rover.mass,
            Robot::Balancer(balancer) => balancer.mass,
        }
    }

    /// The contact with a thing that overlaps at the tick's end: its speeds are those at the nanosecond of the touch.
    fn first_touch(&self, pieces: &[Piece], index: usize) -> Contact {
        let (mut before, mut after) = (self.start, self.end);
        while after.0 - before.0 > 1 {
            let middle = SimTime(before.0 + (after.0 - before.0) / 2);
            if self.overlap_at(pieces, index, middle).1.is_some() {
                after = middle;
            } else {
                before = middle;
            }
        }
        let (robot, overlap, velocity) = self.overlap_at(pieces, index, after);
        let impact_speed = overlap.map_or(0.0, |Overlap { normal, point, .. }| {
            let mine = [robot.linear - robot.angular * point[1], robot.lateral + robot.angular * point[0]];
            dot([mine[0] - velocity[0], mine[1] - velocity[1]], normal).max(0.0)
        });
        let obstacles = &self.world.obstacles;
        let name = match index.checked_sub(obstacles.len()) {
            None => &obstacles[index].name,
            Some(i) => &self.world.actors[i].name,
        };
        Contact {
            at: self.end,
            with: name.clone(),
            index,
            impact_speed,
            robot_speed: libm::hypot(robot.linear, robot.lateral),
        }
    }

    /// The robot at an instant, how a thing overlaps it then, and the thing's velocity; the latter two in the base
    /// frame.
    fn overlap_at(&self, pieces: &[Piece], index: usize, at: SimTime) -> (RobotState, Option<Overlap>, Vec2) {
        let robot = self.robot_at(pieces, at);
        let base = Frame::of(&robot.pose);
        let (thing, velocity) = match index.checked_sub(self.scene.obstacles.len()) {
            None => (self.scene.obstacles[index], [0.0; 2]),
            Some(i) => {
                let stand = self.scene.courses[i].stand(self.actors[i].started, at);
                (stand.prism(&self.world.actors[i]), stand.velocity)
            }
        };
        let overlap = overlap(self.scene.half, &thing.seen_from(&base), SLOP);
        (robot, overlap, turn_back(velocity, base.axis))
    }
}

//! What stands and moves around the robot during a plan.

use plant::{Observation, Outline};

use super::rollout::{Body, Motion, STEP_SECS, STEPS};

/// Nearer than this counts as touching, metres: to what stands, and to what moves. What is nearer already may stay so.
const TOUCH: [f64; 2] = [0.0, 0.03];
/// Nearer than this to what moves is a graze, metres: a bet on its velocity, so it costs this much a second.
const GRAZE: (f64, f64) = (0.12, 45.0);
/// Distance that is kept if possible, metres.
const MARGIN: [f64; 2] = [0.04, 0.20];
/// Distance below which nearness costs, metres.
const SOFT: [f64; 2] = [0.35, 0.70];
/// Cost a second of being at the margin.
const WEIGHT: [f64; 2] = [2.0, 3.0];
/// Cost a second for each metre inside the margin.
const INSIDE: f64 = 60.0;

/// How near a pose is to things.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nearness {
    pub cost: f64,
    pub touches: bool,
}

#[derive(Clone, Copy, Debug)]
struct Thing {
    /// Centre in the base frame now, metres.
    at: [f64; 2],
    /// Base frame, m/s.
    velocity: [f64; 2],
    /// Direction of its x axis in the base frame.
    axis: [f64; 2],
    /// Half sizes; zero for a circle.
    half: [f64; 2],
    /// Of a circle.
    radius: f64,
    /// 1 if it moves.
    kind: usize,
    /// Nearer than this counts as touching, metres.
    touch: f64,
}

impl Thing {
    /// Distance from a point to its outline; negative inside.
    fn distance(&self, point: [f64; 2], secs: f64) -> f64 {
        let away = [point[0] - self.at[0] - self.velocity[0] * secs, point[1] - self.at[1] - self.velocity[1] * secs];
        let x = (away[0] * self.axis[0] + away[1] * self.axis[1]).abs() - self.half[0];
        let y = (away[1] * self.axis[0] - away[0] * self.axis[1]).abs() - self.half[1];
        let outside = (x.max(0.0) * x.max(0.0) + y.max(0.0) * y.max(0.0)).sqrt();
        outside + x.max(y).min(0.0) - self.radius
    }

    fn clearance(&self, body: &Body, at: &Motion, secs: f64) -> f64 {
        let (dx, dy) = (at.cos * body.offset, at.sin * body.offset);
        let front = self.distance([at.x + dx, at.y + dy], secs);
        let back = self.distance([at.x - dx, at.y - dy], secs);
        front.min(back) - body.radius
    }
}

/// Everything in sight that a plan can reach.
pub(super) struct Things(Vec<Thing>);

impl Things {
    pub fn of(observation: &Observation, body: &Body, cruise: f64) -> Self {
        let base = observation.robot.pose;
        let (sin, cos) = libm::sincos(base.yaw);
        let reach = cruise.max(observation.robot.linear) * STEPS as f64 * STEP_SECS + 1.0;
        let things = observation.seen.iter().map(|seen| {
            let (dx, dy) = (seen.pose.x - base.x, seen.pose.y - base.y);
            let [vx, vy] = seen.velocity;
            let (axis_sin, axis_cos) = libm::sincos(seen.pose.yaw - base.yaw);
            let (half, radius) = match seen.outline {
                Outline::Box { length, width } => ([length / 2.0, width / 2.0], 0.0),
                Outline::Cylinder { radius } => ([0.0; 2], radius),
            };
            Thing {
                at: [dx * cos + dy * sin, dy * cos - dx * sin],
                velocity: [vx * cos + vy * sin, vy * cos - vx * sin],
                axis: [axis_cos, axis_sin],
                half,
                radius,
                kind: usize::from(seen.velocity != [0.0; 2]),
                touch: 0.0,
            }
        });
        let near = |thing: &Thing| {
            let speed = libm::hypot(thing.velocity[0], thing.velocity[1]);
            thing.distance([0.0; 2], 0.0) < reach + speed * STEPS as f64 * STEP_SECS
        };
        let at = Motion::start(0.0, 0.0);
        let touch = |mut thing: Thing| {
            let now = thing.clearance(body, &at, 0.0);
            thing.touch = (now - 0.03).clamp(0.0, TOUCH[thing.kind]);
            thing
        };
        Self(things.filter(near).map(touch).collect())
    }

    /// Of a pose at a step of the plan.
    pub fn nearness(&self, body: &Body, at: &Motion, step: usize) -> Nearness {
        let secs = step as f64 * STEP_SECS;
        let mut worst = Nearness::default();
        for thing in &self.0 {
            if thing.distance([at.x, at.y], secs) >= SOFT[thing.kind] + body.offset + body.radius {
                continue;
            }
            let clear = thing.clearance(body, at, secs);
            let (margin, soft) = (MARGIN[thing.kind], SOFT[thing.kind]);
            if clear >= soft {
                continue;
            }
            let inside = ((soft - clear) / (soft - margin)).min(1.0);
            let cost = WEIGHT[thing.kind] * inside * inside + INSIDE * (margin - clear).max(0.0);
            let graze = if thing.kind == 1 && clear < GRAZE.0 { GRAZE.1 } else { 0.0 };
            worst.cost = worst.cost.max(cost + graze);
            worst.touches |= clear < thing.touch;
        }
        worst
    }

    /// Whether somebody who moves is touched.
    pub fn mover_touches(&self, body: &Body, at: &Motion, step: usize) -> bool {
        let secs = step as f64 * STEP_SECS;
        self.0.iter().any(|thing| thing.kind == 1 && thing.clearance(body, at, secs) < MARGIN[1])
    }
}

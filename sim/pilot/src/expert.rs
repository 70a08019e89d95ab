//! The privileged expert: plans on exact shapes and velocities of what is in line of sight, and on nothing else.
//!
//! Every action of the grid is tried as the first half second of a plan of two arcs, rolled out for two seconds under the
//! robot's limits, while what moves goes on at its velocity. It is reactive: it fears no corner behind which there might
//! be somebody, and brakes at full when somebody is there.

mod rollout;
mod things;

use plant::{Command, Observation, Rover};

use crate::grid::{GRID, Grid};
use rollout::{Body, FIRST, Motion, STEP_SECS, STEPS};
use things::Things;

/// What the expert thinks of every action.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What it would do.
    pub command: Command,
    /// The same as a class of [`GRID`].
    pub class: usize,
    /// The cost of the best plan that begins with each class; less is better. A metre of way is 1.
    pub costs: [f32; Grid::LEN],
}

/// Cost of touching something. It dwarfs everything else; hitting later and slower is better.
const HIT: f64 = 40.0;
/// A hit now rather than at the end of the plan.
const HIT_SOON: f64 = 20.0;
/// For each m/s at which it hits.
const HIT_SPEED: f64 = 10.0;
/// For each rad/s of change of the yaw rate, and of yaw rate.
const SMOOTH: f64 = 0.06;
const STRAIGHT: f64 = 0.04;
/// Facing away from the goal at the plan's end, by 1 - cosine.
const FACING: f64 = 0.3;
/// For each class below the cruise speed, so that equal plans are fast.
const SLOW: f64 = 0.01;
/// At least this much slower than now is braking, m/s.
const BRAKING: f64 = 0.25;
/// A goal passed at this distance is reached, metres.
const REACHED: f64 = 0.3;
/// Yaw rates of the second arc, rad/s.
const THEN: [f64; 7] = [-1.6, -1.0, -0.5, 0.0, 0.5, 1.0, 1.6];

/// Decides on an observation of a rover's world, at a cruise speed in m/s. A pure function of its arguments.
pub fn expert(observation: &Observation, rover: &Rover, cruise: f64) -> Decision {
    let cruise = cruise.min(rover.max_speed);
    let body = Body::of(rover);
    let planner = Planner {
        things: Things::of(observation, &body, cruise),
        body,
        rover,
        goal: if observation.goal == [0.0; 2] { [1e3, 0.0] } else { observation.goal },
        now: Motion::start(observation.robot.linear, observation.robot.angular),
        cruise,
    };
    let mut costs = [f64::INFINITY; Grid::LEN];
    for (class, cost) in costs.iter_mut().enumerate() {
        let (speed, yaw) = GRID.indices(class);
        *cost = planner.cost(GRID.speeds[speed] * cruise, GRID.yaw_rates[yaw]) + SLOW * (4 - speed) as f64;
    }
    let mut class = cheapest(&costs);
    let stop = &costs[..GRID.yaw_rates.len()];
    let ceiling = costs[class];
    // Unless a stop is where one is run over.
    let stop_is_safe = stop[cheapest(stop)] < HIT || ceiling >= HIT;
    if stop_is_safe && planner.must_brake(GRID.speeds[GRID.indices(class).0] * cruise) {
        // Half a brake is a bet on where the other will be; whoever drives late would lose it.
        for cost in &mut costs[GRID.yaw_rates.len()..] {
            *cost = cost.max(ceiling) + HIT;
        }
        class = cheapest(&costs);
    }
    Decision { command: GRID.command(class, cruise), class, costs: costs.map(|cost| cost as f32) }
}

fn cheapest(costs: &[f64]) -> usize {
    (1..costs.len()).fold(0, |best, i| if costs[i] < costs[best] { i } else { best })
}

struct Planner<'a> {
    things: Things,
    body: Body,
    rover: &'a Rover,
    /// In the base frame, metres.
    goal: [f64; 2],
    now: Motion,
    cruise: f64,
}

/// A plan in progress.
#[derive(Clone, Copy)]
struct Plan {
    at: Motion,
    /// Of nearness and hits so far.
    cost: f64,
    /// Steps that were left when the goal was reached.
    reached: Option<usize>,
    hit: bool,
}

impl Planner<'_> {
    /// Cost of the best plan that begins with this command.
    fn cost(&self, linear: f64, angular: f64) -> f64 {
        let effort = SMOOTH * (angular - self.now.angular).abs() + STRAIGHT * angular.abs();
        let mut first = Plan { at: self.now, cost: effort, reached: None, hit: false };
        self.follow(&mut first, linear, angular, 0..FIRST);
        if first.hit {
            return self.finish(&first);
        }
        let mut best = f64::INFINITY;
        for then_linear in [linear.max(self.cruise / 2.0), 0.0] {
            for then_angular in THEN {
                let mut plan = first;
                plan.cost += STRAIGHT / 2.0 * then_angular.abs();
                self.follow(&mut plan, then_linear, then_angular, FIRST..STEPS);
                best = best.min(self.finish(&plan));
                if then_linear == 0.0 && first.at.linear == 0.0 && then_angular == 0.0 {
                    break;
                }
            }
        }
        best
    }

    fn follow(&self, plan: &mut Plan, linear: f64, angular: f64, steps: std::ops::Range<usize>) {
        for step in steps {
            plan.at.advance(self.rover, linear, angular);
            let near = self.things.nearness(&self.body, &plan.at, step + 1);
            plan.cost += near.cost * STEP_SECS;
            if near.touches {
                let left = (STEPS - step) as f64 / STEPS as f64;
                plan.cost += HIT + HIT_SOON * left + HIT_SPEED * plan.at.linear.abs();
                plan.hit = true;
                return;
            }
            if plan.reached.is_none() && self.to_goal(&plan.at) < REACHED {
                plan.reached = Some(STEPS - step - 1);
            }
        }
    }

    fn to_goal(&self, at: &Motion) -> f64 {
        let away = [self.goal[0] - at.x, self.goal[1] - at.y];
        (away[0] * away[0] + away[1] * away[1]).sqrt()
    }

    fn finish(&self, plan: &Plan) -> f64 {
        if let Some(left) = plan.reached {
            return plan.cost - self.cruise * left as f64 * STEP_SECS;
        }
        let away = self.to_goal(&plan.at);
        let facing = (plan.at.cos * (self.goal[0] - plan.at.x) + plan.at.sin * (self.goal[1] - plan.at.y)) / away;
        plan.cost + away + FACING * (1.0 - facing)
    }

    /// Whether a wanted slowing is because of somebody who moves: then it is a full stop.
    fn must_brake(&self, wanted: f64) -> bool {
        if wanted > self.now.linear - BRAKING || wanted == 0.0 {
            return false;
        }
        let mut at = self.now;
        (1..=STEPS * 3 / 4).any(|step| {
            at.advance(self.rover, self.now.linear, self.now.angular);
            self.things.mover_touches(&self.body, &at, step)
        })
    }
}

#[cfg(test)]
#[path = "expert_tests.rs"]
pub(crate) mod tests;

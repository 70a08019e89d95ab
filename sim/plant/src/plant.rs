//! The changing state and the step.

mod ahead;
mod collide;
mod observe;

use std::sync::Arc;

use timing::SimTime;
use xxhash_rust::xxh3::Xxh3;

use crate::actors::{ActorState, Course, Stand};
use crate::balance::balance;
use crate::check::{self, PlantError};
use crate::drive::drive;
use crate::geometry::{Frame, Prism, distance};
use crate::model::{Command, Pose, Robot, Trigger, World};
use crate::scene::Scene;
use crate::state::{Piece, RobotState, TickReport};

/// Overlaps up to this are none, metres: one nanometre of rounding does not make a collision of an exact stop.
const SLOP: f64 = 1e-9;

/// The world as it is now. A clone is a fork of time: given the same commands both stay equal, bit for bit.
#[derive(Clone, Debug)]
pub struct Plant {
    world: Arc<World>,
    scene: Arc<Scene>,
    tick: u64,
    /// The current tick is `[start, end)`.
    start: SimTime,
    end: SimTime,
    robot: RobotState,
    fallen: bool,
    actors: Vec<ActorState>,
    /// Obstacles, then actors.
    touched: Vec<bool>,
    // What follows is worked out from the above.
    /// The actors at `start`, in the world frame.
    walkers: Vec<Prism>,
    clearance: f64,
    /// Which obstacle was nearest; the search begins with it.
    nearest: usize,
}

impl Plant {
    /// A world at its start.
    ///
    /// # Errors
    /// What makes it impossible to simulate, by name: see [`PlantError`].
    pub fn new(world: Arc<World>) -> Result<Self, PlantError> {
        check::numbers(&world)?;
        let scene = Scene::new(&world);
        check::start(&world, &scene)?;
        let pitch = match &world.robot {
            Robot::Rover(_) => 0.0,
            Robot::Balancer(balancer) => balancer.start_pitch,
        };
        let robot = RobotState { pose: world.start, linear: world.start_speed, pitch, ..RobotState::default() };
        let stands: Vec<(Stand, Option<SimTime>)> = world
            .actors
            .iter()
            .zip(&scene.courses)
            .map(|(actor, course)| {
                let started = Course::known_start(actor);
                (course.stand(started, SimTime::ZERO), started)
            })
            .collect();
        let mut plant = Self {
            tick: 0,
            start: world.tick.event(0),
            end: world.tick.event(1),
            robot,
            fallen: false,
            actors: stands
                .iter()
                .map(|&(stand, started)| ActorState { pose: stand.pose, velocity: stand.velocity, started })
                .collect(),
            touched: vec![false; world.obstacles.len() + world.actors.len()],
            walkers: stands.iter().zip(&world.actors).map(|((stand, _), actor)| stand.prism(actor)).collect(),
            clearance: f64::INFINITY,
            nearest: 0,
            scene: Arc::new(scene),
            world,
        };
        plant.fallen = plant.is_down(&robot);
        plant.clearance = plant.measure_clearance(&Frame::of(&robot.pose));
        Ok(plant)
    }

    /// What never changes.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The tick that the next [`step`](Self::step) commits. Tick n is [event(n), event(n + 1)) of the world's tick
    /// rate.
    pub fn tick(&self) -> u64 {
        self.tick
    }

    /// Where the current tick begins: the instant of [`robot`](Self::robot) and [`actors`](Self::actors).
    pub fn tick_start(&self) -> SimTime {
        self.start
    }

    /// Where the current tick ends.
    pub fn tick_end(&self) -> SimTime {
        self.end
    }

    /// The robot at the start of the tick.
    pub fn robot(&self) -> RobotState {
        self.robot
    }

    /// The actors at the start of the tick, in the world's order.
    pub fn actors(&self) -> &[ActorState] {
        &self.actors
    }

    /// Whether the robot's centre is within the goal's radius, at the start of the tick. Never without a goal.
    pub fn goal_reached(&self) -> bool {
        self.world
            .goal
            .is_some_and(|goal| libm::hypot(goal.x - self.robot.pose.x, goal.y - self.robot.pose.y) <= goal.radius)
    }

    /// Whether a balancer has ever pitched beyond its limit at a tick's end. Never for a rover.
    pub fn fallen(&self) -> bool {
        self.fallen
    }

    /// Distance from the footprint to the nearest obstacle or actor at the start of the tick, metres: zero when the
    /// last tick had a contact, infinite when there is nothing.
    pub fn clearance(&self) -> f64 {
        self.clearance
    }

    /// The robot at an instant of the current tick, `tick_start <= at <= tick_end`, under the commands of `pieces`.
    /// Contacts are left out: they resolve at the tick's end.
    pub fn robot_at(&self, pieces: &[Piece], at: SimTime) -> RobotState {
        debug_assert!(self.start <= at && at <= self.end, "{at} is outside the tick");
        debug_assert!(pieces.first().is_some_and(|piece| piece.from == self.start), "pieces must begin with the tick");
        debug_assert!(pieces.is_sorted_by_key(|piece| piece.from), "pieces must be in order");
        let mut state = self.robot;
        let mut from = self.start;
        for (i, piece) in pieces.iter().enumerate() {
            let until = pieces.get(i + 1).map_or(at, |next| next.from.min(at));
            if until > from {
                self.advance(&mut state, piece.command, (until - from).secs());
                from = until;
            }
        }
        state
    }

    /// Pose and world velocity of each actor at an instant of the current tick, exact along its waypoints.
    pub fn actor_poses_at(&self, at: SimTime) -> impl ExactSizeIterator<Item = (Pose, [f64; 2])> + '_ {
        self.stands_at(at).map(|stand| (stand.pose, stand.velocity))
    }

    /// Commits the tick under the commands of `pieces`, of which the first begins with the tick.
    pub fn step(&mut self, pieces: &[Piece]) -> TickReport {
        let mut report = TickReport::default();
        let mut next = self.robot_at(pieces, self.end);
        self.place_actors();
        let base = Frame::of(&next.pose);
        self.clearance = self.measure_clearance(&base);
        if self.clearance < 0.0 {
            self.collide(pieces, &base, &mut next, &mut report);
            self.clearance = 0.0;
        }
        report.clearance = self.clearance;
        self.robot = next;
        self.fallen |= self.is_down(&next);
        self.tick += 1;
        self.start = self.end;
        self.end = self.world.tick.event(self.tick + 1);
        for (state, actor) in self.actors.iter_mut().zip(&self.world.actors) {
            if let (None, Trigger::RobotWithin(near)) = (state.started, actor.trigger)
                && (next.pose.x - actor.path[0][0]).abs() <= near
            {
                state.started = Some(self.start);
            }
        }
        report
    }

    /// Feeds the whole changing state to a hash, in this order, little-endian, floats by their bits (-0 is not 0):
    ///
    /// 1. the tick (`u64`);
    /// 2. the robot's x, y, yaw, linear, lateral, angular, pitch, pitch rate and odometer (`f64`), and a byte that is 1
    ///    once a balancer has fallen;
    /// 3. each actor's start in nanoseconds (`i64`; -1 while its trigger waits), from which its pose follows;
    /// 4. a byte for each obstacle, then actor, that is 1 once the robot has touched it.
    ///
    /// Sensor noise holds no state between frames, and Rapier none between ticks.
    pub fn digest(&self, hasher: &mut Xxh3) {
        crate::digest::digest(hasher, self.tick, &self.robot, self.fallen, &self.actors, &self.touched);
    }

    fn advance(&self, state: &mut RobotState, command: Command, secs: f64) {
        match &self.world.robot {
            Robot::Rover(rover) => drive(rover, state, command, secs),
            Robot::Balancer(balancer) => balance(balancer, state, command, secs),
        }
    }

    fn is_down(&self, robot: &RobotState) -> bool {
        matches!(&self.world.robot, Robot::Balancer(balancer) if robot.pitch.abs() > balancer.fall_pitch)
    }

    fn stands_at(&self, at: SimTime) -> impl ExactSizeIterator<Item = Stand> + '_ {
        self.scene.courses.iter().zip(&self.actors).map(move |(course, state)| course.stand(state.started, at))
    }

    /// Moves the actors to the tick's end.
    fn place_actors(&mut self) {
        for ((course, state), walker) in self.scene.courses.iter().zip(&mut self.actors).zip(&mut self.walkers) {
            let stand = course.stand(state.started, self.end);
            (state.pose, state.velocity) = (stand.pose, stand.velocity);
            walker.frame = Frame { origin: [stand.pose.x, stand.pose.y], axis: stand.axis };
        }
    }

    /// Distance from the footprint in `base` to the nearest thing; less than zero when one overlaps by more than the
    /// slop.
    fn measure_clearance(&mut self, base: &Frame) -> f64 {
        let scene = &*self.scene;
        let mut best = match scene.obstacles.get(self.nearest) {
            Some(thing) => distance(scene.half, &thing.seen_from(base)),
            None => f64::INFINITY,
        };
        for (index, thing) in scene.obstacles.iter().chain(&self.walkers).enumerate() {
            if scene.may_be_within(base, thing, best.max(0.0)) {
                let found = distance(scene.half, &thing.seen_from(base));
                if found < best {
                    best = found;
                    self.nearest = index;
                }
            }
        }
        if best < -SLOP { best } else { best.max(0.0) }
    }
}

#[cfg(test)]
mod tests;

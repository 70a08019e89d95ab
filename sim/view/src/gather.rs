//! Reads out of an episode what the window draws.

use std::sync::Arc;

use episode::{Episode, Outcome};
use plant::{Command, Robot, RobotState};
use scenario::Setup;
use timing::{Frame, SimTime, Source, Span};

use crate::gauge;
use crate::history::{History, floor};
use crate::snapshot::{Badge, Ending, Instruments, Playback, Scene};

/// The scene at `t`, an instant of the tick in progress.
pub(crate) fn scene(episode: &Episode, history: &History, t: SimTime, playback: Playback) -> Scene {
    let plant = episode.plant();
    let line = episode.line();
    let setup = episode.setup();
    let robot = episode.robot_at(t);
    let behind = episode.behind().cloned();
    let mut blind_path: Vec<[f32; 2]> = behind.iter().map(|o| floor(&o.robot.pose)).collect();
    blind_path.extend(history.trail_since(behind.as_ref().map_or(SimTime::ZERO, |o| o.at)));
    blind_path.push(floor(&robot.pose));
    let on_the_way: Vec<Frame> =
        line.serving().iter().map(|serving| serving.frame).chain(line.returning().iter().copied()).collect();
    Scene {
        world: setup.world.clone(),
        now: t,
        robot,
        actors: plant.actor_poses_at(t).map(|(pose, _)| pose).collect(),
        newest: episode.newest().cloned(),
        age: line.age(t),
        blind: episode.blind_at(t),
        blind_path,
        committed: committed(&setup.world.robot, &robot, episode.command()),
        stopping: stopping(&setup.world.robot, &robot),
        clearance: plant.clearance(),
        warmth: line.warmth(t),
        counts: line.counts(),
        ages: history.ages(t),
        lives: history.lives(line.config(), &on_the_way, t),
        playback,
        badge: badge(line.source(), history),
        instruments: Instruments {
            gauge: gauge::gauge(episode, t, history.reaction(t)),
            truth: Some(Arc::new(episode.truth_at(t))),
            sight: setup.sight,
            spent: spent(setup),
        },
        behind,
    }
}

/// How it ended, once it has.
pub(crate) fn ending(episode: &Episode) -> Option<Ending> {
    let outcome = episode.outcome()?;
    let stats = episode.stats();
    Some(Ending {
        outcome,
        story: episode.story().filter(|_| outcome == Outcome::Collision).map(episode::Story::sentence),
        seconds: episode.plant().tick_start().secs(),
        clearance: Some(stats.min_clearance).filter(|m| m.is_finite()),
        age_ms: stats.age_peak.ms(),
        blind: stats.blind_max,
        digest: episode.digest(),
    })
}

fn badge(source: &Source, history: &History) -> Badge {
    match source {
        Source::Measured if history.drifted() => Badge::Drifted,
        Source::Measured => Badge::Measured,
        Source::Replay(_) | Source::Recorded { .. } => Badge::Recorded,
        Source::Profile(_) | Source::Device(_) => Badge::Modelled,
        Source::Service(_) | Source::Fixed(_) => Badge::Set,
        Source::Adjusted(source, _) => badge(source, history),
    }
}

/// What of a reaction is no pure delay.
fn spent(setup: &Setup) -> Span {
    let lag = match &setup.world.robot {
        Robot::Rover(rover) => rover.lag,
        Robot::Balancer(_) => Span::ZERO,
    };
    setup.line.control.longest_wait() + setup.line.around() + lag
}

/// `v^2 / (2 b)`.
fn stopping(robot: &Robot, state: &RobotState) -> f64 {
    match robot {
        Robot::Rover(rover) => timing::stopping_distance(state.linear, rover.braking, 0.0),
        Robot::Balancer(_) => 0.0,
    }
}

/// Seconds of the committed path.
const HORIZON: f64 = 1.2;
const STEPS: usize = 30;

/// Where the command in force takes a rover if no other comes: for display, so a plain integration will do.
fn committed(robot: &Robot, from: &RobotState, command: Command) -> Vec<[f32; 2]> {
    let (Robot::Rover(rover), Command::Twist { linear, angular }) = (robot, command) else { return Vec::new() };
    let dt = HORIZON / STEPS as f64;
    let (mut pose, mut v, mut w) = (from.pose, from.linear, from.angular);
    let mut path = vec![floor(&pose)];
    for _ in 0..STEPS {
        let limit = if linear.abs() > v.abs() { rover.acceleration } else { rover.braking } * dt;
        v += (linear - v).clamp(-limit, limit);
        w += (angular - w).clamp(-rover.yaw_acceleration * dt, rover.yaw_acceleration * dt);
        let heading = pose.yaw + w * dt / 2.0;
        pose.x += v * dt * heading.cos();
        pose.y += v * dt * heading.sin();
        pose.yaw += w * dt;
        path.push(floor(&pose));
    }
    path
}

//! The changing part of the world: what is seen, what happened.

use std::sync::Arc;

use timing::SimTime;

use crate::model::{Command, Outline, Pose};

/// The robot's state at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RobotState {
    /// World frame.
    pub pose: Pose,
    /// Forward speed in the base frame, m/s.
    pub linear: f64,
    /// Sideways speed in the base frame, m/s; zero but after a contact.
    pub lateral: f64,
    /// Yaw rate, rad/s.
    pub angular: f64,
    /// A balancer's pitch, radians, positive forward.
    pub pitch: f64,
    /// A balancer's pitch rate, rad/s.
    pub pitch_rate: f64,
    /// Length of the path driven since the start, metres, counting reverse as positive.
    pub odometer: f64,
}

/// A stretch of a tick under one command: from `from` to the next piece, or to the tick's end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// When the command takes hold, within the tick. The first piece of a tick begins with it.
    pub from: SimTime,
    /// What is in force.
    pub command: Command,
}

/// An obstacle or actor in sight (at least one beam meets it), exactly as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Index into `World::obstacles`, then `World::actors`.
    pub index: usize,
    /// Seen from above.
    pub outline: Outline,
    /// World frame.
    pub pose: Pose,
    /// World frame, m/s.
    pub velocity: [f64; 2],
}

/// A depth image, row by row from the top left, metres.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthImage {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `width * height` depths along the optical axis.
    pub depth: Arc<[f32]>,
    /// What a pixel that meets nothing holds.
    pub max_range: f32,
}

/// What the robot senses at one instant, with the truth that only a privileged pilot may read.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Index of the capture.
    pub frame: u64,
    /// The instant at which the world was sampled.
    pub at: SimTime,
    /// The robot's own state (odometry and localisation are taken as exact).
    pub robot: RobotState,
    /// The goal in the base frame, metres: x forward, y left. Zero without a goal.
    pub goal: [f64; 2],
    /// Ranges in metres, beam by beam; see `Lidar` for their bearings.
    pub scan: Arc<[f32]>,
    /// The depth image, if there is a camera.
    pub depth: Option<DepthImage>,
    /// Privileged: what is in line of sight of the scanner.
    pub seen: Arc<[Seen]>,
    /// Privileged: free distance straight ahead of the footprint's front, within its width, to the nearest obstacle or
    /// actor, metres; infinite when there is none. Not limited by line of sight or range.
    pub gap: f64,
}

/// The first touch of something.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Contact {
    /// End of the tick in which they touched.
    pub at: SimTime,
    /// Name of what was hit.
    pub with: String,
    /// Index into `World::obstacles`, then `World::actors`.
    pub index: usize,
    /// Closing speed along the contact normal before the contact, m/s; at least zero.
    pub impact_speed: f64,
    /// The robot's own speed before the contact, m/s.
    pub robot_speed: f64,
}

/// What a tick brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TickReport {
    /// New contacts, each thing once an episode.
    pub contacts: Vec<Contact>,
    /// Distance from the footprint to the nearest obstacle or actor at the tick's end, metres; infinite when there is
    /// none, zero in contact.
    pub clearance: f64,
    /// Rapier quarantined a body that went non-finite: the run is invalid.
    pub invalid: bool,
}

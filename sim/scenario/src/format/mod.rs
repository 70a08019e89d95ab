//! What a scenario file says, key by key. Lengths are metres, speeds m/s; x points along the course, y to the left.
//! A [`Number`] may be left to the seed.

mod things;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timing::Schedule;

pub use things::{Actor, BoxObstacle, Cylinder, Group, Scatter, ScatterKind, Trigger, Wall};

use crate::latency::words;
use crate::read::SourceText;
use crate::{Compensation, Expect, Latency, Number};

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line, for lists and window titles
    pub title: String,
    /// What it teaches
    #[serde(default)]
    pub description: String,
    /// The run ends after this many seconds
    pub duration_s: f64,
    /// The seed when none is given on the command line
    #[serde(default)]
    pub seed: u64,
    /// Whether left and right are exchanged
    #[serde(default)]
    pub mirror: Mirror,
    /// How finely the world is integrated
    #[serde(default)]
    pub physics: Physics,
    /// The robot, where it starts and where it is to go
    pub robot: Robot,
    /// When the sensors sample the world
    #[serde(default)]
    pub capture: Capture,
    /// The range scanner
    #[serde(default)]
    pub lidar: Lidar,
    /// The depth camera; none if absent
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<Camera>,
    /// Boxes that stand still
    #[serde(default, rename = "box", skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<BoxObstacle>,
    /// Cylinders that stand still
    #[serde(default, rename = "cylinder", skip_serializing_if = "Vec::is_empty")]
    pub cylinders: Vec<Cylinder>,
    /// Walls
    #[serde(default, rename = "wall", skip_serializing_if = "Vec::is_empty")]
    pub walls: Vec<Wall>,
    /// Whoever moves by its own will
    #[serde(default, rename = "actor", skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<Actor>,
    /// Many things at random places
    #[serde(default, rename = "scatter", skip_serializing_if = "Vec::is_empty")]
    pub scatters: Vec<Scatter>,
    /// Groups of things that the seed moves together: `[group.NAME]`
    #[serde(default, rename = "group", skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Group>,
    /// Who drives
    pub controller: Controller,
    /// How late its commands come
    #[serde(default)]
    pub latency: LatencyLine,
    /// Air, battery and start of a modelled device
    #[serde(default, skip_serializing_if = "Conditions::is_default")]
    pub device: Conditions,
    /// What must hold for the scenario to pass
    #[serde(default)]
    pub expect: Expect,
    /// The file's text and where each key stands in it.
    #[serde(skip)]
    pub(crate) source: SourceText,
}

/// Whether y is turned into -y.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mirror {
    /// Never
    #[default]
    No,
    /// Always
    Yes,
    /// For half of the seeds
    Random,
}

/// `[physics]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Physics {
    /// Ticks a second
    pub tick_hz: f64,
}

impl Default for Physics {
    fn default() -> Self {
        Self { tick_hz: 240.0 }
    }
}

/// The kinds of robots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RobotKind {
    /// Differential drive, in the class of a Clearpath Jackal
    #[default]
    Rover,
    /// Two wheels, balancing
    Balancer,
}

/// `[robot]`. What is left out is the robot's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Robot {
    /// Which robot
    pub kind: RobotKind,
    /// Where it starts
    pub start: Start,
    /// Forward speed at the start, m/s
    pub speed: f64,
    /// The speed wanted where the way is free, m/s; its top speed if absent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cruise: Option<f64>,
    /// Where it is to go
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
    /// Kilograms
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mass: Option<f64>,
    /// Top speed, m/s
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_speed: Option<f64>,
    /// Rover: fastest turn, rad/s
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_yaw_rate: Option<f64>,
    /// Rover: acceleration, m/s^2. Balancer: largest base acceleration
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceleration: Option<f64>,
    /// Rover: braking, m/s^2
    #[serde(skip_serializing_if = "Option::is_none")]
    pub braking: Option<f64>,
    /// Rover: angular acceleration, rad/s^2
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yaw_acceleration: Option<f64>,
    /// Rover: first-order lag of the wheel-speed loop, ms
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<f64>,
    /// Balancer: the unstable pole, rad/s
    #[serde(skip_serializing_if = "Option::is_none")]
    pub omega: Option<f64>,
    /// Balancer: beyond this pitch it has fallen, degrees
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fall_deg: Option<f64>,
    /// Balancer: pitch at the start, degrees
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_pitch_deg: Option<Number>,
}

/// Where the robot starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Start {
    /// Metres
    pub x: Number,
    /// Metres
    pub y: Number,
    /// Degrees, counter-clockwise from x
    pub yaw_deg: Number,
}

impl Default for Start {
    fn default() -> Self {
        Self { x: Number::ZERO, y: Number::ZERO, yaw_deg: Number::ZERO }
    }
}

/// Where the robot is to go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// Metres
    pub x: Number,
    /// Metres
    pub y: Number,
    /// Reached when the robot's centre is this near, metres
    #[serde(default = "goal_radius")]
    pub radius: f64,
    /// Whether it counts only once the robot stands still in it
    #[serde(default)]
    pub at_rest: bool,
}

fn goal_radius() -> f64 {
    0.5
}

/// `[capture]`: when all sensors sample the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// Captures a second
    pub hz: f64,
    /// The first capture, ms after the start
    pub phase_ms: Number,
    /// If given, the seed sets the phase: (seed mod steps) / steps of a period
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_steps: Option<u64>,
}

impl Default for Capture {
    fn default() -> Self {
        Self { hz: 40.0, phase_ms: Number::ZERO, phase_steps: None }
    }
}

/// `[lidar]`: a planar scanner on the robot's centre.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lidar {
    /// Beams in a full turn
    pub beams: usize,
    /// Metres
    pub max_range: f64,
    /// Height of the scan plane, metres
    pub height: f64,
    /// Standard deviation of the range noise, metres
    pub noise: f64,
}

impl Default for Lidar {
    fn default() -> Self {
        Self { beams: 360, max_range: 10.0, height: 0.3, noise: 0.01 }
    }
}

/// `[camera]`: a depth camera in the middle of the robot's front.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Camera {
    /// Pixels across
    pub width: usize,
    /// Pixels down
    pub height: usize,
    /// Horizontal field of view, degrees
    pub fov_deg: f64,
    /// Height of the lens, metres
    pub mount: f64,
    /// Metres
    pub max_range: f64,
    /// Standard deviation of the depth noise at one metre, metres
    pub noise: f64,
}

impl Default for Camera {
    fn default() -> Self {
        Self { width: 64, height: 48, fov_deg: 90.0, mount: 0.25, max_range: 10.0, noise: 0.005 }
    }
}

/// Who drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PilotKind {
    /// The neural network `model`
    Network,
    /// The privileged expert
    Expert,
    /// Cruises, and brakes for good once something is within `sight`
    BrakeOnSight,
    /// Any ONNX file gives the latency, the expert the decisions
    Surrogate,
    /// Cruises and sees nothing
    Straight,
}

/// `[controller]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    /// Who drives
    pub pilot: PilotKind,
    /// Network and surrogate: a name in assets/models, or the path of an .onnx file
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Brake on sight: the free distance at which the pilot sees what is ahead, metres
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sight: Option<f64>,
    /// Control instants a second; results take hold as soon as they are back if absent
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hz: Option<f64>,
    /// What is done about latency
    #[serde(default)]
    pub compensation: Compensation,
    /// Holds until the first command; keeps the start speed if absent
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_command: Option<InitialCommand>,
}

/// A command for a rover (`linear`, `angular`) or a balancer (`acceleration`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InitialCommand {
    /// m/s
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear: Option<f64>,
    /// rad/s, positive to the left
    #[serde(skip_serializing_if = "Option::is_none")]
    pub angular: Option<f64>,
    /// m/s^2, positive forward
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceleration: Option<f64>,
}

/// `[latency]`: the line from capture to command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyLine {
    /// Where the time of an inference comes from
    pub source: Latency,
    /// The device's queue rule: newest, skip, fifo:DEPTH, batch:N:TIMEOUT_MS or pipeline
    #[serde(with = "words")]
    #[schemars(with = "String")]
    pub schedule: Schedule,
    /// An inference that takes longer is lost, ms
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<f64>,
    /// Exposure and readout, ms
    pub sensing_ms: f64,
    /// Robot to device, ms
    pub link_out_ms: f64,
    /// Device to robot, ms
    pub link_back_ms: f64,
    /// A modelled network between robot and device: none, wifi, wifi-busy, lte, 5g, 5g-edge, cloud-near, cloud-far, or FILE.toml#NAME
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// What one frame puts on that network, bytes; the scan and the depth image as 32-bit floats if absent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_bytes: Option<u64>,
    /// What one answer puts on it, bytes; 128 if absent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_bytes: Option<u64>,
    /// Dead time of the actuator, ms
    pub dead_time_ms: f64,
}

/// `[device]`: the conditions of a modelled device (`source = "device:..."`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// The air around it, degrees Celsius
    pub air_c: f64,
    /// The device at the start, degrees Celsius; as the air if absent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_c: Option<f64>,
    /// Heat builds and leaks so many times as fast as it would: a run of a minute shows what takes this many
    pub hurry: f64,
    /// The robot's battery, Wh; a cable if absent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_wh: Option<f64>,
    /// What the rest of the robot takes from it, W
    pub robot_w: f64,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { air_c: 25.0, start_c: None, hurry: 1.0, battery_wh: None, robot_w: 0.0 }
    }
}

impl Conditions {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

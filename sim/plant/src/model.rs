//! The constant part of the world: what does not change while an episode runs.
//!
//! Frames: the world frame has x forward along the course, y to the left, z up, in metres; yaw is counter-clockwise
//! from x in radians. The base frame sits at the robot's centre on the floor, x forward, y left.

use timing::{Rate, Span};

/// A position and heading on the floor, in the world frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Pose {
    /// Metres.
    pub x: f64,
    /// Metres.
    pub y: f64,
    /// Radians, not wrapped.
    pub yaw: f64,
}

/// The outline of an upright prism, seen from above and centred on its pose.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outline {
    /// A rectangle, `length` along its x and `width` along its y, in metres.
    Box {
        /// Metres along x.
        length: f64,
        /// Metres along y.
        width: f64,
    },
    /// A circle.
    Cylinder {
        /// Metres.
        radius: f64,
    },
}

/// Something that stands on the floor and never moves. Walls are long thin boxes.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Obstacle {
    /// The name used in verdicts, such as `parked van`.
    pub name: String,
    /// Seen from above.
    pub outline: Outline,
    /// Metres above the floor.
    pub height: f64,
    /// Where its centre stands.
    pub pose: Pose,
}

/// When an actor starts to walk its path.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// At this time after the start of the episode.
    At(Span),
    /// When the robot's centre first comes this near, in metres, to the actor's first waypoint along x: seen at tick ends.
    RobotWithin(f64),
}

/// Something that moves along waypoints by its own will and does not give way.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Actor {
    /// The name used in verdicts, such as `pedestrian`.
    pub name: String,
    /// Seen from above.
    pub outline: Outline,
    /// Metres above the floor.
    pub height: f64,
    /// At least one waypoint in the world frame, metres. It waits at the first.
    pub path: Vec<[f64; 2]>,
    /// Metres a second along the path, constant, reached at once.
    pub speed: f64,
    /// When it starts.
    pub trigger: Trigger,
    /// Whether it walks back and forth for ever; otherwise it stands at the last waypoint.
    pub repeat: bool,
}

/// A differential-drive rover.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Rover {
    /// Footprint along x, metres.
    pub length: f64,
    /// Footprint along y, metres.
    pub width: f64,
    /// Metres.
    pub height: f64,
    /// Kilograms.
    pub mass: f64,
    /// Fastest forward speed, m/s; it may reverse at a quarter of it.
    pub max_speed: f64,
    /// Fastest turn, rad/s.
    pub max_yaw_rate: f64,
    /// Traction-limited acceleration, m/s^2.
    pub acceleration: f64,
    /// Traction-limited braking, m/s^2.
    pub braking: f64,
    /// Traction-limited angular acceleration, rad/s^2.
    pub yaw_acceleration: f64,
    /// First-order lag of the wheel-speed loop; zero follows the limits exactly.
    pub lag: Span,
}

/// A two-wheeled balancing robot: base acceleration in, pitch out, `pitch'' = omega^2 sin(pitch) - (u/l) cos(pitch)`
/// with `omega^2 = g / l`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Balancer {
    /// Footprint along x, metres.
    pub length: f64,
    /// Footprint along y, metres.
    pub width: f64,
    /// Metres.
    pub height: f64,
    /// Kilograms.
    pub mass: f64,
    /// The unstable pole omega, rad/s.
    pub omega: f64,
    /// Largest base acceleration, m/s^2.
    pub max_acceleration: f64,
    /// Fastest base speed, m/s.
    pub max_speed: f64,
    /// Beyond this pitch it has fallen, radians.
    pub fall_pitch: f64,
    /// Pitch at the start, radians.
    pub start_pitch: f64,
}

/// The robot.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Robot {
    /// Follows `Command::Twist`.
    Rover(Rover),
    /// Follows `Command::Acceleration`.
    Balancer(Balancer),
}

/// A planar range scanner on the robot's centre. Beam `i` of `n` points at bearing `-pi + 2 pi (i + 0.5) / n` in the
/// base frame, so the middle pair looks straight ahead.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Lidar {
    /// Beams in a full turn.
    pub beams: usize,
    /// A beam that meets nothing returns this, metres.
    pub max_range: f64,
    /// Height of the scan plane above the floor, metres.
    pub height: f64,
    /// Standard deviation of the range noise, metres.
    pub noise: f64,
}

/// A depth camera in the middle of the robot's front, looking along x.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DepthCamera {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Horizontal field of view, radians. Pixels are square.
    pub fov: f64,
    /// Height of the lens above the floor, metres.
    pub mount: f64,
    /// A pixel that meets nothing returns this, metres.
    pub max_range: f64,
    /// Standard deviation of the noise at one metre; it grows with the square of depth, metres.
    pub noise: f64,
}

/// Where the robot is to go.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Goal {
    /// Metres.
    pub x: f64,
    /// Metres.
    pub y: f64,
    /// Reached when the robot's centre is this near, metres.
    pub radius: f64,
}

/// Everything that is constant during an episode.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct World {
    /// How often physics ticks.
    pub tick: Rate,
    /// The robot.
    pub robot: Robot,
    /// Where it starts.
    pub start: Pose,
    /// Forward speed at the start, m/s.
    pub start_speed: f64,
    /// Where it is to go.
    pub goal: Option<Goal>,
    /// What stands still.
    pub obstacles: Vec<Obstacle>,
    /// What moves.
    pub actors: Vec<Actor>,
    /// The range scanner.
    pub lidar: Lidar,
    /// The depth camera, if the robot has one.
    pub camera: Option<DepthCamera>,
    /// Seed of the sensor noise. Noise of frame k depends on this and k alone.
    pub seed: u64,
}

/// What the robot is told to do.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// For a rover, in the base frame.
    Twist {
        /// Forward speed, m/s.
        linear: f64,
        /// Yaw rate, rad/s, positive to the left.
        angular: f64,
    },
    /// For a balancer.
    Acceleration {
        /// Base acceleration, m/s^2, positive forward.
        base: f64,
    },
}

impl Command {
    /// A rover's standstill.
    pub const STOP: Self = Self::Twist { linear: 0.0, angular: 0.0 };
}

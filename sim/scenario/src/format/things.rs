//! What stands or moves in the world.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mirror;
use crate::{Number, Point};

/// `[[box]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoxObstacle {
    /// The name used in verdicts
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Centre, metres
    pub x: Number,
    /// Centre, metres
    pub y: Number,
    /// Degrees, counter-clockwise
    #[serde(default = "zero")]
    pub yaw_deg: Number,
    /// Along x, metres
    pub length: Number,
    /// Along y, metres
    pub width: Number,
    /// Metres
    #[serde(default = "metre")]
    pub height: f64,
    /// The group it moves with
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// `[[cylinder]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cylinder {
    /// The name used in verdicts
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Centre, metres
    pub x: Number,
    /// Centre, metres
    pub y: Number,
    /// Metres
    pub radius: Number,
    /// Metres
    #[serde(default = "metre")]
    pub height: f64,
    /// The group it moves with
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// `[[wall]]`: a wall along a line of points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wall {
    /// The name used in verdicts
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Points [x, y] of its middle line, at least two, metres
    pub path: Vec<Point>,
    /// Metres
    #[serde(default = "thickness")]
    pub thickness: f64,
    /// Metres
    #[serde(default = "metre")]
    pub height: f64,
    /// The group it moves with
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// `[[actor]]`: moves along its path and does not give way. A circle if it has a `radius`, else a box.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The name used in verdicts
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Metres; 0.25 if no size is given
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius: Option<Number>,
    /// Of a box, along x, metres
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<Number>,
    /// Of a box, along y, metres
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<Number>,
    /// Metres
    #[serde(default = "person")]
    pub height: f64,
    /// Waypoints [x, y], metres; it waits at the first
    pub path: Vec<Point>,
    /// m/s
    #[serde(default = "walk")]
    pub speed: Number,
    /// When it sets out; at once if absent
    #[serde(default = "at_once")]
    pub trigger: Trigger,
    /// Whether it walks back and forth for ever
    #[serde(default)]
    pub repeat: bool,
    /// The group it moves with
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// When an actor sets out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Seconds after the start
    AtS(Number),
    /// When the robot is this near along x, metres
    RobotWithin(Number),
}

/// What a `[[scatter]]` scatters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScatterKind {
    /// Boxes at any angle
    Box,
    /// Cylinders
    Cylinder,
    /// Pedestrians who walk back and forth
    Actor,
}

/// `[[scatter]]`: `count` things, each drawn anew and placed where there is room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scatter {
    /// What
    pub kind: ScatterKind,
    /// The name used in verdicts
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many
    pub count: usize,
    /// Metres
    pub x: Number,
    /// Metres
    pub y: Number,
    /// Side of a box, diameter of the others, metres
    pub size: Number,
    /// Metres; 1 or, for actors, 1.7 if absent
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<f64>,
    /// Free distance to everything else, metres
    #[serde(default = "metre")]
    pub apart: f64,
    /// Free distance to the robot's start and to the goal, also along a walk, metres
    #[serde(default = "clear")]
    pub clear: f64,
    /// Actors: m/s
    #[serde(default = "walk")]
    pub speed: Number,
    /// Actors: length of the walk, metres
    #[serde(default = "walk_length")]
    pub walk: Number,
    /// Actors: direction of the walk, degrees
    #[serde(default = "any_heading")]
    pub heading_deg: Number,
}

/// `[group.NAME]`: moves its members together; mirrored after the shift, about y = 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// Metres
    pub shift_x: Number,
    /// Metres
    pub shift_y: Number,
    /// Whether left and right are exchanged
    pub mirror: Mirror,
}

impl Default for Group {
    fn default() -> Self {
        Self { shift_x: Number::ZERO, shift_y: Number::ZERO, mirror: Mirror::No }
    }
}

fn zero() -> Number {
    Number::ZERO
}

fn metre() -> f64 {
    1.0
}

fn thickness() -> f64 {
    0.1
}

fn person() -> f64 {
    1.7
}

fn walk() -> Number {
    Number::Fixed(1.2)
}

fn at_once() -> Trigger {
    Trigger::AtS(Number::ZERO)
}

fn clear() -> f64 {
    1.5
}

fn walk_length() -> Number {
    Number::Random { min: 3.0, max: 6.0 }
}

fn any_heading() -> Number {
    Number::Random { min: 0.0, max: 360.0 }
}

//! Frames and ticks as messages.

use episode::TickEntry;
use plant::Command;
use serde::{Deserialize, Serialize};
use timing::{Fate, Frame, LineConfig, SimTime, Span};

use crate::message::Message;
use crate::schema::{Field, Kind, field};

/// A command, a field for each kind.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct CommandMessage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    linear: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    angular: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acceleration: Option<f64>,
}

impl From<Command> for CommandMessage {
    fn from(command: Command) -> Self {
        match command {
            Command::Twist { linear, angular } => {
                Self { linear: Some(linear), angular: Some(angular), acceleration: None }
            }
            Command::Acceleration { base } => Self { acceleration: Some(base), ..Self::default() },
        }
    }
}

/// The life of a frame.
#[derive(Serialize, Deserialize)]
pub(crate) struct FrameMessage {
    pub frame: u64,
    pub fate: Fate,
    pub at: SimTime,
    pub captured: SimTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<SimTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<SimTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<SimTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied: Option<SimTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    stages_ms: serde_json::Map<String, serde_json::Value>,
    safe: bool,
    #[serde(flatten)]
    command: CommandMessage,
}

impl Message for FrameMessage {
    const TOPIC: &'static str = "deadtime/frame";
    const SCHEMA: &'static str = "deadtime.Frame";
    const FIELDS: &'static [Field] = &[
        field("frame", Kind::Integer, "index of the capture"),
        field("fate", Kind::Text, "applied, superseded, dropped or lost"),
        field("at", Kind::Integer, "when its life ended, ns"),
        field("captured", Kind::Integer, "c: the world was sampled, ns"),
        field("arrived", Kind::Integer, "r: at the device, ns"),
        field("started", Kind::Integer, "s: pre-processing began, ns"),
        field("finished", Kind::Integer, "f: post-processing ended, ns"),
        field("applied", Kind::Integer, "a: the command took hold, ns"),
        field("latency_ms", Kind::Number, "a - c"),
        field(
            "stages_ms",
            Kind::Table(&[
                "sensing",
                "link out",
                "queue",
                "pre",
                "host to device",
                "compute",
                "device to host",
                "post",
                "link back",
                "control wait",
                "dead time",
            ]),
            "how the latency divides",
        ),
        field("safe", Kind::Flag, "the safe command stands in for it"),
        field("linear", Kind::Number, "the command that came into force: m/s"),
        field("angular", Kind::Number, "and rad/s"),
        field("acceleration", Kind::Number, "or m/s^2"),
    ];
}

impl FrameMessage {
    /// `line` is needed to tell the stages.
    pub fn new(
        at: SimTime,
        frame: &Frame,
        fate: Fate,
        command: Option<Command>,
        safe: bool,
        line: Option<&LineConfig>,
    ) -> Self {
        let applied = frame.applied.filter(|_| fate == Fate::Applied);
        let stages = applied.and(line).and_then(|line| frame.stages(line));
        Self {
            frame: frame.id,
            fate,
            at,
            captured: frame.captured,
            arrived: frame.arrived,
            started: frame.started,
            finished: frame.finished,
            applied,
            latency_ms: applied.and(frame.latency()).map(Span::ms),
            stages_ms: stages
                .into_iter()
                .flatten()
                .map(|(stage, span)| (stage.label().into(), span.ms().into()))
                .collect(),
            safe,
            command: command.map(CommandMessage::from).unwrap_or_default(),
        }
    }
}

/// The digests of some ticks, and the state at the end of the last.
#[derive(Serialize)]
pub(crate) struct TickMessage<'a> {
    first: u64,
    #[serde(with = "crate::bits::u64s")]
    digests: &'a [u64],
    x: f64,
    y: f64,
    yaw: f64,
    pitch: f64,
    speed: f64,
    yaw_rate: f64,
    #[serde(flatten)]
    command: CommandMessage,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<f64>,
    blind_m: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    clearance_m: Option<f64>,
}

/// What a replay needs of a [`TickMessage`].
#[derive(Deserialize)]
pub(crate) struct Digests {
    /// Index of the tick of the first.
    pub first: u64,
    /// One a tick.
    #[serde(with = "crate::bits::u64s")]
    pub digests: Vec<u64>,
}

impl Message for TickMessage<'_> {
    const TOPIC: &'static str = "deadtime/tick";
    const SCHEMA: &'static str = "deadtime.Tick";
    const FIELDS: &'static [Field] = &[
        field("first", Kind::Integer, "index of the tick of the first digest"),
        field("digests", Kind::Text, "of every tick since the last message: sixteen hexadecimal digits each"),
        field("x", Kind::Number, "the robot at the end of the last tick, m"),
        field("y", Kind::Number, "m"),
        field("yaw", Kind::Number, "rad"),
        field("pitch", Kind::Number, "rad"),
        field("speed", Kind::Number, "m/s"),
        field("yaw_rate", Kind::Number, "rad/s"),
        field("linear", Kind::Number, "the command in force: m/s"),
        field("angular", Kind::Number, "and rad/s"),
        field("acceleration", Kind::Number, "or m/s^2"),
        field("age_ms", Kind::Number, "age of the command in force"),
        field("blind_m", Kind::Number, "path driven since the frame behind it was captured"),
        field("clearance_m", Kind::Number, "distance to the nearest thing"),
    ];
}

impl<'a> TickMessage<'a> {
    /// `digests` ends with the digest of `tick`.
    pub fn new(first: u64, digests: &'a [u64], tick: &TickEntry) -> Self {
        let robot = tick.robot;
        Self {
            first,
            digests,
            x: robot.pose.x,
            y: robot.pose.y,
            yaw: robot.pose.yaw,
            pitch: robot.pitch,
            speed: robot.linear,
            yaw_rate: robot.angular,
            command: tick.command.into(),
            age_ms: tick.age.map(Span::ms),
            blind_m: tick.blind,
            clearance_m: Some(tick.clearance).filter(|clearance| clearance.is_finite()),
        }
    }
}

//! Our own messages: what they hold, on which topic, under which schema.

use episode::{Change, Edit, Failure, Prediction, Summary, TickEntry};
use plant::Command;
use serde::{Deserialize, Serialize};
use timing::{Fate, Frame, LineConfig, ServiceTime, SimTime, Source, Span};

use crate::Header;
use crate::schema::{Field, Kind, field};

/// A JSON message on a channel of its own.
pub(crate) trait Message: Serialize {
    const TOPIC: &'static str;
    const SCHEMA: &'static str;
    const FIELDS: &'static [Field];
}

impl Message for Header {
    const TOPIC: &'static str = "deadtime/header";
    const SCHEMA: &'static str = "deadtime.Header";
    const FIELDS: &'static [Field] = &[
        field("version", Kind::Integer, "log format"),
        field("deadtime", Kind::Text, "version of the program"),
        field("scenario_name", Kind::Text, "name of the scenario"),
        field("scenario_toml", Kind::Text, "the scenario's file"),
        field("seed", Kind::Integer, "fixes what the scenario leaves open"),
        field("latency", Kind::Text, "where the latency came from"),
        field("occupies", Kind::Flag, "whether that occupied the device"),
        field("schedule", Kind::Text, "the device's queue rule"),
        field("model", Kind::Text, "the network, or the pilot that needs none"),
        field("runtime_requested", Kind::Text, "the runtime asked for"),
        field("runtime_obtained", Kind::Text, "the runtime obtained"),
        field("device", Kind::Text, "the machine"),
        field("arch", Kind::Text, "the processor's architecture"),
    ];
}

/// How many numbers of an output are written out for plots.
const PLOTTED: usize = 16;

/// An answered inference.
#[derive(Serialize, Deserialize)]
pub(crate) struct PredictionMessage {
    frame: u64,
    #[serde(flatten)]
    service: ServiceTime,
    #[serde(skip_deserializing)]
    total_ms: f64,
    #[serde(skip_deserializing)]
    output: Vec<f32>,
    #[serde(with = "crate::bits::f32s")]
    output_bits: Vec<f32>,
}

impl Message for PredictionMessage {
    const TOPIC: &'static str = "deadtime/prediction";
    const SCHEMA: &'static str = "deadtime.Prediction";
    const FIELDS: &'static [Field] = &[
        field("frame", Kind::Integer, "index of the capture"),
        field("pre", Kind::Integer, "input conversion, ns"),
        field("host_to_device", Kind::Integer, "copy to the accelerator, ns"),
        field("compute", Kind::Integer, "the network, ns"),
        field("device_to_host", Kind::Integer, "copy back, ns"),
        field("post", Kind::Integer, "output conversion, ns"),
        field("total_ms", Kind::Number, "the sum of the five, ms"),
        field("output", Kind::Numbers, "the first numbers of the output, for plots"),
        field("output_bits", Kind::Text, "the whole output: eight hexadecimal digits a float"),
    ];
}

impl From<&Prediction> for PredictionMessage {
    fn from(Prediction { id, service, output }: &Prediction) -> Self {
        Self {
            frame: *id,
            service: *service,
            total_ms: service.total().ms(),
            output: output.iter().copied().take(PLOTTED).collect(),
            output_bits: output.clone(),
        }
    }
}

impl PredictionMessage {
    /// `None` when a duration is negative.
    pub fn prediction(self) -> Option<Prediction> {
        let ServiceTime { pre, host_to_device, compute, device_to_host, post } = self.service;
        let sound = [pre, host_to_device, compute, device_to_host, post].iter().all(|stage| *stage >= Span::ZERO);
        sound.then_some(Prediction { id: self.frame, service: self.service, output: self.output_bits })
    }
}

/// An inference that brought no result.
#[derive(Serialize, Deserialize)]
pub(crate) struct FailureMessage {
    frame: u64,
    after: Span,
    why: String,
}

impl Message for FailureMessage {
    const TOPIC: &'static str = "deadtime/failure";
    const SCHEMA: &'static str = "deadtime.Failure";
    const FIELDS: &'static [Field] = &[
        field("frame", Kind::Integer, "index of the capture"),
        field("after", Kind::Integer, "given up this long after its start, ns"),
        field("why", Kind::Text, "what happened; empty when the deadline passed"),
    ];
}

impl From<&Failure> for FailureMessage {
    fn from(Failure { id, after, why }: &Failure) -> Self {
        Self { frame: *id, after: *after, why: why.clone() }
    }
}

impl FailureMessage {
    /// `None` when the duration is negative.
    pub fn failure(self) -> Option<Failure> {
        (self.after >= Span::ZERO).then_some(Failure { id: self.frame, after: self.after, why: self.why })
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Changed {
    Source,
    Cruise,
    Compensation,
    Deadline,
}

/// A change that a person made. A source that needs a clock or a file is replayed from the recorded predictions, so
/// only whether it occupied is kept of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct EditMessage {
    at: SimTime,
    change: Changed,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occupies: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ns: Option<Span>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "crate::bits::f64s")]
    bits: Vec<f64>,
}

impl Message for EditMessage {
    const TOPIC: &'static str = "deadtime/edit";
    const SCHEMA: &'static str = "deadtime.Edit";
    const FIELDS: &'static [Field] = &[
        field("at", Kind::Integer, "when it took hold, ns"),
        field("change", Kind::Text, "source, cruise, compensation or deadline"),
        field("text", Kind::Text, "the new value, in words"),
        field("occupies", Kind::Flag, "of a source: whether it occupies the device"),
        field("ns", Kind::Integer, "of a constant source, or a deadline: how long"),
        field("bits", Kind::Text, "of a number: sixteen hexadecimal digits"),
    ];
}

impl From<&Edit> for EditMessage {
    fn from(edit: &Edit) -> Self {
        let message = |change, text| Self { at: edit.at, change, text, occupies: None, ns: None, bits: Vec::new() };
        match &edit.change {
            Change::Source(source) => {
                let (text, ns) = match source {
                    Source::Measured => ("measured".into(), None),
                    Source::Replay(trace) => (format!("replay of {} on {}", trace.model, trace.device), None),
                    Source::Profile(profile) => (format!("profile:{}", profile.name), None),
                    Source::Service(span) => (format!("service:{}", span.ms()), Some(*span)),
                    Source::Fixed(span) => (format!("fixed:{}", span.ms()), Some(*span)),
                    Source::Recorded { .. } => ("recorded".into(), None),
                };
                Self { occupies: Some(source.occupies()), ns, ..message(Changed::Source, text) }
            }
            Change::Cruise(speed) => Self { bits: vec![*speed], ..message(Changed::Cruise, format!("{speed} m/s")) },
            Change::Compensation(compensation) => {
                let bits = match compensation {
                    scenario::Compensation::Watchdog { stale_ms } => vec![*stale_ms],
                    _ => Vec::new(),
                };
                Self { bits, ..message(Changed::Compensation, compensation.to_string()) }
            }
            Change::Deadline(ns) => {
                let text = ns.map_or_else(|| "none".into(), |ns| ns.to_string());
                Self { ns: *ns, ..message(Changed::Deadline, text) }
            }
        }
    }
}

impl EditMessage {
    /// For people.
    pub fn sentence(&self) -> String {
        let what = match self.change {
            Changed::Source => "latency",
            Changed::Cruise => "cruise",
            Changed::Compensation => "compensation",
            Changed::Deadline => "deadline",
        };
        format!("changed: {what} is now {}", self.text)
    }

    /// `None` when the parts do not belong together.
    pub fn edit(self) -> Option<Edit> {
        let number = self.bits.first().copied();
        let change = match (self.change, self.ns) {
            (_, Some(ns)) if ns < Span::ZERO => return None,
            (Changed::Source, None) => Change::Source(Source::Recorded { occupies: self.occupies? }),
            (Changed::Source, Some(ns)) if self.occupies? => Change::Source(Source::Service(ns)),
            (Changed::Source, Some(ns)) => Change::Source(Source::Fixed(ns)),
            (Changed::Cruise, _) => Change::Cruise(number?),
            (Changed::Compensation, _) => Change::Compensation(match number {
                Some(stale_ms) => scenario::Compensation::Watchdog { stale_ms },
                None => self.text.parse().ok()?,
            }),
            (Changed::Deadline, ns) => Change::Deadline(ns),
        };
        Some(Edit { at: self.at, change })
    }
}

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
                "sensing", "link out", "queue", "pre", "host to device", "compute", "device to host", "post", "link back",
                "control wait", "dead time",
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
            stages_ms: stages.into_iter().flatten().map(|(stage, span)| (stage.label().into(), span.ms().into())).collect(),
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

impl Message for Summary {
    const TOPIC: &'static str = "deadtime/summary";
    const SCHEMA: &'static str = "deadtime.Summary";
    const FIELDS: &'static [Field] = &[
        field("outcome", Kind::Text, "goal, collision, fall or timeout"),
        field("collisions", Kind::Integer, "things touched"),
        field("sim_seconds", Kind::Number, "simulated seconds"),
        field("inferences", Kind::Integer, "inferences started"),
        field("dropped", Kind::Integer, "frames never inferred"),
        field("superseded", Kind::Integer, "results that came after a newer one"),
        field("lost", Kind::Integer, "inferences that missed the deadline or failed"),
        field("latency_ms", Kind::Table(&["p50", "p90", "p99", "max"]), "a - c of applied frames"),
        field("age_ms", Kind::Table(&["p50", "p99", "max"]), "age of the command in force"),
        field("blind_m_max", Kind::Number, "longest path driven on one frame"),
        field("digest", Kind::Text, "of the last tick"),
        field("trusted", Kind::Flag, "whether the measurement can be relied upon"),
    ];
}

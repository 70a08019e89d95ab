//! What passes between an episode and whatever runs its network.

use serde::{Deserialize, Serialize};
use timing::{ServiceTime, SimTime, Span};

/// An inference has started and its result is wanted. Plain data: a fork keeps it, and one [`Prediction`] serves every
/// copy that holds its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Index of the capture.
    pub id: u64,
    /// `c`.
    pub captured: SimTime,
    /// `s`.
    pub started: SimTime,
    /// How many frames are inferred together.
    pub frames: usize,
    /// How long it takes in simulated time, where that is known; otherwise the prediction must say.
    pub service: Option<ServiceTime>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Index of the capture.
    pub id: u64,
    /// How long the worker took, or the known duration.
    pub service: ServiceTime,
    /// The network's first output for the newest frame; empty where the pilot decides by itself.
    pub output: Vec<f32>,
}

/// An inference that brought no result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Index of the capture.
    pub id: u64,
    /// How long after its start it was given up.
    pub after: Span,
    /// What happened, in words; empty when the deadline passed.
    pub why: String,
}

/// How far [`crate::Episode::advance`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything before the wanted instant has happened.
    Reached,
    /// An inference started: run it and deliver its prediction. Go on advancing meanwhile.
    Wants(Request),
    /// Nothing more can be known before this inference is delivered, or known to run still.
    Blocked(u64),
    /// The episode has ended.
    Over,
}

/// A change to a running episode, made by a person at an instant, recorded and replayed.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// When it takes hold, before anything else at that instant.
    pub at: SimTime,
    /// What changes.
    pub change: Change,
}

/// What an edit changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Where service times come from, for inferences that start from now on.
    Source(timing::Source),
    /// The speed wanted on a free course, m/s.
    Cruise(f64),
    /// What the robot does about late commands.
    Compensation(scenario::Compensation),
    /// The deadline of inferences that start from now on.
    Deadline(Option<Span>),
    /// Who drives. Whoever answers the requests must run the network of this pilot from now on.
    Pilot(NewPilot),
    /// The modelled network between robot and device. Frames on their way keep theirs.
    Network(Option<std::sync::Arc<timing::Network>>),
}

/// A pilot that takes over on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewPilot {
    /// It.
    pub pilot: scenario::PilotSpec,
    /// The runtime that was asked for; the episode itself makes no use of it.
    pub runtime: String,
    /// How far the graph is rewritten; nor of this.
    pub graph: String,
}

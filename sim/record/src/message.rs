//! Our own messages: what they hold, on which topic, under which schema. Edits, frames and ticks have files of their own.

use episode::{Failure, Prediction, Summary};
use serde::{Deserialize, Serialize};
use timing::{ServiceTime, Span};

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
        field("model_sha256", Kind::Text, "of the network's file"),
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
        field("link_out", Kind::Integer, "measured way to a device elsewhere, ns; left out where zero"),
        field("link_back", Kind::Integer, "and back, ns"),
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
        let sound = self.service.parts().iter().all(|stage| *stage >= Span::ZERO);
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

impl Message for Summary {
    const TOPIC: &'static str = "deadtime/summary";
    const SCHEMA: &'static str = "deadtime.Summary";
    const FIELDS: &'static [Field] = &[
        field("scenario", Kind::Text, "name of the scenario"),
        field("seed", Kind::Integer, "fixes what the scenario leaves open"),
        field("model", Kind::Text, "the network, or the pilot that needs none"),
        field("runtime", Kind::Text, "the runtime that ran it"),
        field("latency", Kind::Text, "where the latency came from"),
        field("modelled", Kind::Flag, "whether that is a model of a device"),
        field("outcome", Kind::Text, "goal, collision, fall or timeout"),
        field("collisions", Kind::Integer, "things touched"),
        field("sim_seconds", Kind::Number, "simulated seconds"),
        field("wall_seconds", Kind::Number, "wall seconds; zero of a run in the window"),
        field("realtime_factor", Kind::Number, "simulated over wall"),
        field("inferences", Kind::Integer, "inferences started"),
        field("dropped", Kind::Integer, "frames never inferred"),
        field("superseded", Kind::Integer, "results that came after a newer one"),
        field("lost", Kind::Integer, "inferences that missed the deadline or failed"),
        field("in_flight", Kind::Integer, "frames on the way at the end"),
        field("unusable", Kind::Integer, "outputs that were not finite"),
        field("ran_out", Kind::Integer, "action chunks that were over before the next took over"),
        field("latency_ms", Kind::Table(&["p50", "p90", "p99", "max"]), "a - c of applied frames"),
        field("link_ms", Kind::Table(&["p50", "p90", "p99", "max"]), "measured link to a device elsewhere, both ways"),
        field("age_ms", Kind::Table(&["p50", "p99", "max"]), "age of the command in force"),
        field("blind_m_max", Kind::Number, "longest path driven on one frame"),
        field("overhead_us", Kind::Table(&["p50", "p99"]), "harness time of an inference"),
        field("hand_over_us", Kind::Table(&["p50", "p99"]), "to the worker and back"),
        field("digest", Kind::Text, "of the last tick"),
        field("trusted", Kind::Flag, "whether the measurement can be relied upon"),
    ];
}

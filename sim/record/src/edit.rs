//! A person's change as a message.

use std::sync::Arc;

use episode::{Change, Edit, NewPilot};
use scenario::PilotSpec;
use serde::{Deserialize, Serialize};
use timing::{Network, SimTime, Source, Span};

use crate::message::Message;
use crate::schema::{Field, Kind, field};

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Changed {
    Source,
    Cruise,
    Compensation,
    Deadline,
    Pilot,
    Network,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pilot: Option<PilotKind>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    runtime: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    graph: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    modelled: String,
}

/// Who drives; what more belongs to it are `text`, its model, and `bits`, how far it sees.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PilotKind {
    Network,
    Surrogate,
    Expert,
    BrakeOnSight,
    Straight,
}

impl Message for EditMessage {
    const TOPIC: &'static str = "deadtime/edit";
    const SCHEMA: &'static str = "deadtime.Edit";
    const FIELDS: &'static [Field] = &[
        field("at", Kind::Integer, "when it took hold, ns"),
        field("change", Kind::Text, "source, cruise, compensation, deadline, pilot or network"),
        field("text", Kind::Text, "the new value, in words"),
        field("occupies", Kind::Flag, "of a source: whether it occupies the device"),
        field("ns", Kind::Integer, "of a constant source, or a deadline: how long"),
        field("bits", Kind::Text, "of a number: sixteen hexadecimal digits"),
        field("pilot", Kind::Text, "who drives: network, surrogate, expert, brake_on_sight or straight"),
        field("runtime", Kind::Text, "of a pilot: the runtime that was asked for"),
        field("graph", Kind::Text, "of a pilot: how far the graph is rewritten"),
        field(
            "modelled",
            Kind::Text,
            "of a network: all its numbers, as JSON; without them the device is on the robot",
        ),
    ];
}

impl From<&Edit> for EditMessage {
    fn from(edit: &Edit) -> Self {
        let message = |change, text| Self {
            at: edit.at,
            change,
            text,
            occupies: None,
            ns: None,
            bits: Vec::new(),
            pilot: None,
            runtime: String::new(),
            graph: String::new(),
            modelled: String::new(),
        };
        match &edit.change {
            Change::Source(source) => {
                let (text, ns) = match source {
                    // Experiments branch off; they are no edits of a run.
                    Source::Adjusted(source, _) => {
                        (format!("{} adjusted", if source.occupies() { "service" } else { "delay" }), None)
                    }
                    Source::Measured => ("measured".into(), None),
                    Source::Replay(trace) => (format!("replay of {} on {}", trace.model, trace.device), None),
                    Source::Profile(profile) => (format!("profile:{}", profile.name), None),
                    Source::Device(device) => (format!("device:{}", device.profile.name), None),
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
            Change::Pilot(NewPilot { pilot, runtime, graph }) => {
                let (kind, bits) = match pilot {
                    PilotSpec::Network { .. } => (PilotKind::Network, Vec::new()),
                    PilotSpec::Surrogate { .. } => (PilotKind::Surrogate, Vec::new()),
                    PilotSpec::Expert => (PilotKind::Expert, Vec::new()),
                    PilotSpec::BrakeOnSight { sight } => (PilotKind::BrakeOnSight, vec![*sight]),
                    PilotSpec::Straight => (PilotKind::Straight, Vec::new()),
                };
                let (runtime, graph) = (runtime.clone(), graph.clone());
                Self { pilot: Some(kind), runtime, graph, bits, ..message(Changed::Pilot, pilot.name().to_owned()) }
            }
            Change::Network(network) => {
                let name = network.as_ref().map_or(scenario::NO_NETWORK, |network| &network.name);
                let modelled = network.as_deref().and_then(|network| serde_json::to_string(network).ok());
                Self { modelled: modelled.unwrap_or_default(), ..message(Changed::Network, name.to_owned()) }
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
            Changed::Pilot => "pilot",
            Changed::Network => "network",
        };
        let how =
            [("runtime", &self.runtime), ("graph", &self.graph)].into_iter().filter(|(_, value)| !value.is_empty());
        let how: Vec<String> = how.map(|(name, value)| format!(", {name} {value}")).collect();
        format!("changed: {what} is now {}{}", self.text, how.concat())
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
            (Changed::Network, _) if self.modelled.is_empty() => Change::Network(None),
            (Changed::Network, _) => {
                let network: Network = serde_json::from_str(&self.modelled).ok()?;
                Change::Network(Some(Arc::new(network)))
            }
            (Changed::Pilot, _) => Change::Pilot(NewPilot {
                pilot: match self.pilot? {
                    PilotKind::Network => PilotSpec::Network { model: self.text },
                    PilotKind::Surrogate => PilotSpec::Surrogate { model: self.text },
                    PilotKind::Expert => PilotSpec::Expert,
                    PilotKind::BrakeOnSight => PilotSpec::BrakeOnSight { sight: number? },
                    PilotKind::Straight => PilotSpec::Straight,
                },
                runtime: self.runtime,
                graph: self.graph,
            }),
        };
        Some(Edit { at: self.at, change })
    }
}

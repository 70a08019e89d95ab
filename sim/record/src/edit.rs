//! A person's change as a message.

use std::sync::Arc;

use episode::{Change, Edit};
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
    #[serde(default, skip_serializing_if = "String::is_empty")]
    json: String,
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
        field("json", Kind::Text, "of a pilot or a network: all that belongs to it"),
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
            json: String::new(),
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
            Change::Pilot(new) => {
                let text = format!("{}, runtime {}, graph {}", new.pilot.name(), new.runtime, new.graph);
                Self { json: json(new), ..message(Changed::Pilot, text) }
            }
            Change::Network(network) => {
                let name = network.as_ref().map_or(scenario::NO_NETWORK, |network| &network.name);
                Self { json: json(&network.as_deref()), ..message(Changed::Network, name.to_owned()) }
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
            (Changed::Pilot, _) => Change::Pilot(serde_json::from_str(&self.json).ok()?),
            (Changed::Network, _) => {
                let network: Option<Network> = serde_json::from_str(&self.json).ok()?;
                Change::Network(network.map(Arc::new))
            }
        };
        Some(Edit { at: self.at, change })
    }
}

/// Plain data, which always can be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

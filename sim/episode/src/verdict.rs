//! The story of a run: what was hit, on what knowledge, and how old that knowledge was.

use std::collections::BTreeMap;

use plant::{Contact, Observation};
use serde::Serialize;
use timing::{SimTime, Span};

/// What the robot knew of one thing, and since when it acted on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sighting {
    last_frame: u64,
    seen: SimTime,
    odometer: f64,
    acted: Option<SimTime>,
    driven: f64,
}

/// What has been in sight, by index of the thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sightings(BTreeMap<usize, Sighting>);

impl Sightings {
    /// A new frame: things that were hidden in the one before come into sight anew.
    pub fn observe(&mut self, observation: &Observation) {
        let frame = observation.frame;
        for seen in observation.seen.iter() {
            let new = Sighting {
                last_frame: frame,
                seen: observation.at,
                odometer: observation.robot.odometer,
                acted: None,
                driven: 0.0,
            };
            let sighting = self.0.entry(seen.index).or_insert(new);
            if sighting.last_frame + 1 < frame {
                *sighting = new;
            }
            sighting.last_frame = frame;
        }
    }

    /// A command made from `behind` takes hold at `now`.
    pub fn act(&mut self, behind: &Observation, now: SimTime, odometer: f64) {
        for seen in behind.seen.iter() {
            if let Some(sighting) = self.0.get_mut(&seen.index)
                && sighting.acted.is_none()
                && sighting.seen <= behind.at
            {
                sighting.acted = Some(now);
                sighting.driven = odometer - sighting.odometer;
            }
        }
    }
}

/// The whole story of a collision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// What was hit.
    pub hit: String,
    /// When, seconds.
    pub at_s: f64,
    /// Closing speed, m/s.
    pub impact_speed: f64,
    /// The robot's speed, m/s.
    pub robot_speed: f64,
    /// Age of the command in force, ms; `None` when no command had come yet.
    pub age_ms: Option<f64>,
    /// Path driven on the frame behind the command in force, metres.
    pub blind_m: f64,
    /// From the frame in which it came into sight to the first command that knew of it, ms.
    pub reaction_ms: Option<f64>,
    /// Path driven meanwhile, metres.
    pub reaction_m: Option<f64>,
    /// When it came into sight, seconds.
    pub first_seen_s: Option<f64>,
}

impl Story {
    pub(crate) fn of(contact: &Contact, sightings: &Sightings, age: Option<Span>, blind: f64) -> Self {
        let sighting = sightings.0.get(&contact.index);
        let reaction = sighting.and_then(|s| s.acted.map(|acted| acted - s.seen));
        Self {
            hit: contact.with.clone(),
            at_s: contact.at.secs(),
            impact_speed: contact.impact_speed,
            robot_speed: contact.robot_speed,
            age_ms: age.map(Span::ms),
            blind_m: blind,
            reaction_ms: reaction.map(Span::ms),
            reaction_m: reaction.and(sighting).map(|s| s.driven),
            first_seen_s: sighting.map(|s| s.seen.secs()),
        }
    }

    /// One sentence with numbers.
    pub fn sentence(&self) -> String {
        let Self { hit, at_s, impact_speed, blind_m, .. } = self;
        let start = format!("Hit the {hit} at {impact_speed:.2} m/s, {at_s:.2} s into the run");
        match (self.first_seen_s, self.reaction_ms, self.reaction_m, self.age_ms) {
            (Some(seen), Some(ms), Some(m), Some(age)) => format!(
                "{start}. It came into sight at {seen:.2} s, but the first command that knew of it took hold {ms:.0} ms and \
                 {m:.2} m later; at the impact the command in force was {age:.0} ms old, {blind_m:.2} m driven blind."
            ),
            (Some(seen), None, _, Some(age)) => format!(
                "{start}. It came into sight at {seen:.2} s, and no command that knew of it ever took hold: the one in \
                 force was {age:.0} ms old, {blind_m:.2} m driven blind."
            ),
            (None, _, _, Some(age)) => {
                format!("{start}. The scanner never saw it; the command in force was {age:.0} ms old.")
            }
            _ => format!("{start}, before any command had come: {blind_m:.2} m driven blind."),
        }
    }
}

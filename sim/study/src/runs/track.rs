//! What a top-down view of a run needs, as plain numbers: metres, seconds, radians.

use std::collections::BTreeMap;
use std::sync::Arc;

use episode::{Entry, TickEntry};
use plant::{Observation, Outline, Pose, Robot};
use scenario::Setup;
use serde::Serialize;
use timing::{Fate, SimTime, Span};

/// Samples are this far apart: a page draws what lies between.
const STEP: Span = Span(33_000_000);

/// A run from above.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Track {
    /// The robot's length and width.
    robot: [f64; 2],
    /// Centre and radius.
    goal: Option<[f64; 3]>,
    /// What stands still.
    things: Vec<Thing>,
    /// What moves; its pose is in the samples.
    actors: Vec<Thing>,
    pub samples: Vec<Sample>,
    /// When which frame's command took hold.
    pub applied: Vec<(f64, u64)>,
    /// Those frames: what the network saw.
    pub frames: BTreeMap<u64, Seen>,
    /// What happened, in words.
    pub notes: Vec<(f64, String)>,
    /// The instant to show first.
    pub focus: f64,
    /// Frames that were observed and have not ended.
    #[serde(skip)]
    pending: BTreeMap<u64, Arc<Observation>>,
    #[serde(skip)]
    last: Option<TickEntry>,
}

/// Something that stands or moves on the floor.
#[derive(Clone, Debug, Serialize)]
struct Thing {
    name: String,
    /// Length and width of a box, or one radius.
    size: Vec<f64>,
    /// Where it stands, or stood when the run began.
    at: [f64; 3],
}

/// The world at the end of a tick.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sample {
    pub t: f64,
    pub at: [f64; 3],
    pub speed: f64,
    pub odometer: f64,
    /// Age of the command in force, ms.
    pub age: Option<f64>,
    pub blind: f64,
    pub clearance: Option<f64>,
    actors: Vec<[f64; 3]>,
}

/// What the network saw.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Seen {
    /// `c`.
    t: f64,
    at: [f64; 3],
    odometer: f64,
    /// Actors in sight, by index.
    actors: Vec<(usize, [f64; 3])>,
}

impl Track {
    /// A run that has not begun.
    pub fn of(setup: &Setup) -> Self {
        let world = &setup.world;
        let robot = match &world.robot {
            Robot::Rover(rover) => [rover.length, rover.width],
            Robot::Balancer(balancer) => [balancer.length, balancer.width],
        };
        let things =
            world.obstacles.iter().map(|o| Thing { name: o.name.clone(), size: size(o.outline), at: pose(&o.pose) });
        let actors = world.actors.iter().map(|actor| {
            let [x, y] = actor.path.first().copied().unwrap_or_default();
            Thing { name: actor.name.clone(), size: size(actor.outline), at: [short(x), short(y), 0.0] }
        });
        Self {
            robot,
            goal: world.goal.map(|goal| [short(goal.x), short(goal.y), short(goal.radius)]),
            things: things.collect(),
            actors: actors.collect(),
            ..Self::default()
        }
    }

    /// Takes what it needs from a log.
    pub fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Observed(observation) => {
                self.pending.insert(observation.frame, observation.clone());
            }
            Entry::Ended { at, frame, fate, safe, .. } => {
                let observation = self.pending.remove(&frame.id);
                if let (Fate::Applied, Some(observation)) = (fate, observation) {
                    self.applied.push((seconds(*at), frame.id));
                    self.frames.insert(frame.id, self.seen(&observation));
                }
                if *safe {
                    self.note(*at, "an output was unusable or an inference failed: the safe command holds");
                }
            }
            Entry::Tick(tick) => self.tick(tick),
            Entry::Stale { at, age } => {
                self.note(*at, &format!("the watchdog stops the robot: the command is {age} old"));
            }
            Entry::Contact(contact) => {
                self.note(contact.at, &format!("hits the {} at {:.2} m/s", contact.with, contact.impact_speed));
            }
            Entry::Edited(edit) => self.note(edit.at, "a person changed something"),
            Entry::Predicted(_) | Entry::Failed(_) | Entry::Over { .. } => {}
        }
    }

    /// The run is over: where it ended is shown, and what is looked at first is its collision, or its oldest command.
    pub fn end(&mut self) {
        if let Some(tick) = self.last.take() {
            self.sample(&tick);
        }
        let oldest = self.samples.iter().max_by(|a, b| a.age.unwrap_or(0.0).total_cmp(&b.age.unwrap_or(0.0)));
        let hit = self.notes.iter().find(|(_, note)| note.starts_with("hits")).map(|(t, _)| *t);
        self.focus = hit.or(oldest.map(|sample| sample.t)).unwrap_or_default();
        self.pending.clear();
    }

    /// The sawtooth of ages, exactly: seconds and milliseconds.
    pub fn ages(&self) -> Vec<(f64, f64)> {
        self.since(|seen, t| (t - seen.t) * 1e3)
    }

    /// The path driven blind: seconds and metres.
    pub fn blinds(&self) -> Vec<(f64, f64)> {
        self.since(|seen, t| (self.odometer(t) - seen.odometer).max(0.0))
    }

    /// At the beginning and the end of each command's time.
    fn since(&self, grown: impl Fn(&Seen, f64) -> f64) -> Vec<(f64, f64)> {
        let end = self.samples.last().map_or(0.0, |sample| sample.t);
        let mut points = Vec::new();
        for (i, (at, frame)) in self.applied.iter().enumerate() {
            let until = self.applied.get(i + 1).map_or(end, |(next, _)| *next);
            points
                .extend(self.frames.get(frame).into_iter().flat_map(|seen| [*at, until].map(|t| (t, grown(seen, t)))));
        }
        points
    }

    /// Between two samples on the line between them.
    fn odometer(&self, t: f64) -> f64 {
        let next = self.samples.partition_point(|sample| sample.t < t);
        match (next.checked_sub(1).and_then(|i| self.samples.get(i)), self.samples.get(next)) {
            (Some(from), Some(to)) => from.odometer + (to.odometer - from.odometer) * (t - from.t) / (to.t - from.t),
            (one, other) => one.or(other).map_or(0.0, |sample| sample.odometer),
        }
    }

    fn note(&mut self, at: SimTime, text: &str) {
        self.notes.push((seconds(at), text.to_owned()));
    }

    fn tick(&mut self, tick: &TickEntry) {
        let due = self.samples.last().is_none_or(|last| tick.at.secs() >= last.t + STEP.secs());
        if due {
            self.sample(tick);
            self.last = None;
        } else {
            self.last = Some(tick.clone());
        }
    }

    fn sample(&mut self, tick: &TickEntry) {
        self.samples.push(Sample {
            t: seconds(tick.at),
            at: pose(&tick.robot.pose),
            speed: short(tick.robot.linear),
            odometer: short(tick.robot.odometer),
            age: tick.age.map(|age| short(age.ms())),
            blind: short(tick.blind),
            clearance: Some(tick.clearance).filter(|m| m.is_finite()).map(short),
            actors: tick.actors.iter().map(pose).collect(),
        });
    }

    fn seen(&self, observation: &Observation) -> Seen {
        let actor = |seen: &plant::Seen| Some((seen.index.checked_sub(self.things.len())?, pose(&seen.pose)));
        Seen {
            t: seconds(observation.at),
            at: pose(&observation.robot.pose),
            odometer: short(observation.robot.odometer),
            actors: observation.seen.iter().filter_map(actor).collect(),
        }
    }
}

fn size(outline: Outline) -> Vec<f64> {
    match outline {
        Outline::Box { length, width } => vec![short(length), short(width)],
        Outline::Cylinder { radius } => vec![short(radius)],
    }
}

fn pose(pose: &Pose) -> [f64; 3] {
    [pose.x, pose.y, pose.yaw].map(short)
}

/// To a tenth of a millimetre, or of a milliradian.
fn short(value: f64) -> f64 {
    if value.is_finite() { (value * 1e4).round() / 1e4 } else { 0.0 }
}

/// To ten microseconds.
fn seconds(t: SimTime) -> f64 {
    (t.secs() * 1e5).round() / 1e5
}

//! What happened, in the order in which it became known: the raw material of logs, timelines and verdicts.

use std::sync::Arc;

use plant::{Command, Contact, Observation, Pose, RobotState};
use timing::{Fate, Frame, SimTime, Span};

use crate::{Edit, Failure, Outcome, Prediction};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A tick was committed.
    Tick(TickEntry),
    /// The world was sampled.
    Observed(Arc<Observation>),
    /// An inference was answered.
    Predicted(Prediction),
    /// An inference was not.
    Failed(Failure),
    /// A frame's life ended; `command` came into force if it was applied.
    Ended {
        /// When.
        at: SimTime,
        /// Its life.
        frame: Frame,
        /// How it ended.
        fate: Fate,
        /// What came into force.
        command: Option<Command>,
        /// Whether the output was unusable (not finite) and the safe command stands in for it.
        safe: bool,
    },
    /// The watchdog stopped the robot: the command in force was too old.
    Stale {
        /// When.
        at: SimTime,
        /// How old it was.
        age: Span,
    },
    /// Something was touched for the first time.
    Contact(Contact),
    /// A person changed something.
    Edited(Edit),
    /// The episode ended.
    Over {
        /// When.
        at: SimTime,
        /// How.
        outcome: Outcome,
    },
}

/// The world at the end of a tick.
#[derive(Clone, Debug)]
pub struct TickEntry {
    /// The end of the tick.
    pub at: SimTime,
    /// The robot.
    pub robot: RobotState,
    /// The actors, in the scenario's order.
    pub actors: Vec<Pose>,
    /// The command in force.
    pub command: Command,
    /// Age of the command in force; `None` while the initial command holds.
    pub age: Option<Span>,
    /// Path driven since the frame behind the command in force was captured, metres.
    pub blind: f64,
    /// Distance to the nearest thing, metres.
    pub clearance: f64,
    /// The rolling digest after this tick.
    pub digest: u64,
}

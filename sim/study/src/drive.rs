//! One closed-loop episode of a study.

use std::sync::Arc;
use std::time::Duration;

use episode::{Driver, Episode, Pumped, Supply};
use pilot::Contract;
use scenario::{Outcome, Setup};
use timing::{SimTime, Source};

use crate::contest::Contestant;
use crate::course::succeeded;
use crate::pool::Seat;
use crate::{Ages, Course, StudyError, pilot_named};

/// Who drives what, and how late.
pub(crate) struct Task<'a> {
    pub course: &'a Course,
    pub seed: u64,
    pub contestant: &'a Contestant,
    pub source: Source,
}

/// What came of an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The goal was reached without a collision; where there is no goal, nothing happened until the end.
    pub success: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Smallest distance to anything, metres; `None` when there is nothing.
    pub clearance: Option<f64>,
    /// Age of the command in force at every tick's end.
    pub ages: Ages,
    /// Longest path driven on one frame, metres.
    pub blind_max: f64,
    /// Inferences started.
    pub inferences: u64,
    /// Frames never inferred.
    pub dropped: u64,
    /// Outputs that were not finite.
    pub unusable: u64,
    /// Why inferences failed.
    pub failures: Vec<String>,
    /// Physics broke down.
    pub invalid: bool,
    /// The rolling digest of the last tick.
    pub digest: u64,
}

/// Runs an episode to its end.
pub(crate) fn drive(seat: &mut Seat, task: &Task) -> Result<Trial, StudyError> {
    let name = &task.contestant.name;
    let mut setup = task.course.scenario.setup(task.seed)?;
    setup.pilot = pilot_named(name, &setup)?;
    drive_setup(seat, setup, task.source.clone(), task.contestant.contract.map(|contract| (name.as_str(), contract)))
}

/// The same for a setup that is ready; `network` is who drives and what it is fed.
pub(crate) fn drive_setup(
    seat: &mut Seat,
    mut setup: Setup,
    source: Source,
    network: Option<(&str, Contract)>,
) -> Result<Trial, StudyError> {
    let supply = match network {
        Some((name, contract)) => {
            if contract.needs_camera() {
                setup.give_camera();
            }
            Supply::Worker { worker: seat.take(name)?, contract: Some(contract) }
        }
        None => Supply::Nobody,
    };
    let mut episode = Episode::new(Arc::new(setup), source)?;
    let mut driver = Driver::new(supply);
    while driver.pump(&mut episode, SimTime(i64::MAX), Duration::from_secs(1)) != Pumped::Over {}
    let failures = driver.failures().to_vec();
    if let (Supply::Worker { worker, .. }, Some((name, _))) = (driver.into_supply(), network) {
        seat.give_back(name, worker);
    }
    Ok(trial(&episode, failures))
}

fn trial(episode: &Episode, failures: Vec<String>) -> Trial {
    let stats = episode.stats();
    let outcome = episode.outcome().unwrap_or(Outcome::Timeout);
    Trial {
        success: succeeded(episode.setup(), outcome) && !stats.invalid,
        outcome,
        clearance: Some(stats.min_clearance).filter(|m| m.is_finite()),
        ages: Ages::of(&stats.ages),
        blind_max: stats.blind_max,
        inferences: stats.inferences,
        dropped: episode.line().counts().dropped,
        unusable: stats.unusable,
        failures,
        invalid: stats.invalid,
        digest: episode.digest(),
    }
}

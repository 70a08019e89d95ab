//! One closed-loop episode of a study.

use std::sync::Arc;
use std::time::Duration;

use episode::{Driver, Episode, Pumped, Supply, fit};
use pilot::Contract;
use scenario::{Outcome, PilotSpec, Setup};
use timing::{SimTime, Source, Span};

use crate::contest::Contestant;
use crate::course::succeeded;
use crate::pool::Seat;
use crate::{Ages, Course, StudyError, engine_name, pilot_named};

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
    /// When it ended, simulated seconds.
    pub seconds: f64,
    /// Closing speed of the collision, m/s, if there was one.
    pub impact_speed: Option<f64>,
    /// Path from the first sight of what was hit to the impact, at the speed of the impact, metres.
    pub sight_to_impact: Option<f64>,
    /// Age of the command in force at every tick's end.
    pub ages: Ages,
    /// The highest peak of the age, which lies between ticks; `None` when no command ever took hold.
    pub age_peak: Option<Span>,
    /// Longest path driven on one frame, metres.
    pub blind_max: f64,
    /// Inferences started.
    pub inferences: u64,
    /// Frames never inferred.
    pub dropped: u64,
    /// Results that came after a newer one.
    pub superseded: u64,
    /// Inferences that missed the deadline or failed.
    pub lost: u64,
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
    let mut setup = task.course.setup(task.seed)?;
    setup.pilot = pilot_named(name, &setup)?;
    let network = task.contestant.contract.map(|contract| (name.as_str(), Some(contract)));
    let (episode, failures) = ride(seat, setup, network, task.source.clone(), false)?;
    Ok(trial(&episode, failures))
}

/// Runs a setup to its end, with the network that its pilot needs: what it is called when it is loaded, and what it is fed; one
/// that is fed nothing is only timed. Gives the episode, with its log where one is kept, and why inferences failed.
pub(crate) fn ride(
    seat: &mut Seat,
    mut setup: Setup,
    network: Option<(&str, Option<Contract>)>,
    source: Source,
    keep_log: bool,
) -> Result<(Episode, Vec<String>), StudyError> {
    let supply = match network {
        Some((name, contract)) => {
            if contract.is_some_and(Contract::needs_camera) {
                setup.give_camera();
            }
            Supply::Worker { worker: seat.take(name)?, contract }
        }
        None => Supply::Nobody,
    };
    let mut episode = Episode::new(Arc::new(setup), source)?;
    if keep_log {
        episode.keep_log();
    }
    let mut driver = Driver::new(supply);
    while driver.pump(&mut episode, SimTime(i64::MAX), Duration::from_secs(1)) != Pumped::Over {}
    let failures = driver.failures().to_vec();
    if let (Supply::Worker { worker, .. }, Some((name, _))) = (driver.into_supply(), network) {
        seat.give_back(name, worker);
    }
    Ok((episode, failures))
}

/// The same for a setup that says itself who drives; `key` is what its network is called when it is loaded. Also gives the
/// runtime that was obtained, `none` without a network. A network that cannot drive is an error.
pub(crate) fn ride_setup(
    seat: &mut Seat,
    setup: Setup,
    key: &str,
    source: Source,
) -> Result<(Episode, Vec<String>, String), StudyError> {
    let (model, drives) = match &setup.pilot {
        PilotSpec::Network { model } => (model, true),
        PilotSpec::Surrogate { model } => (model, false),
        PilotSpec::Expert | PilotSpec::BrakeOnSight { .. } | PilotSpec::Straight => {
            let (episode, failures) = ride(seat, setup, None, source, false)?;
            return Ok((episode, failures, "none".into()));
        }
    };
    let no_pilot = |why: String| StudyError::NoPilot { model: model.clone(), scenario: setup.name.clone(), why };
    let worker = seat.take(key)?;
    let runtime = engine_name(worker.info());
    let contract = fit(&worker.info().model, &setup.world.robot).map_err(|e| no_pilot(e.to_string()));
    seat.give_back(key, worker);
    let contract = if drives {
        Some(contract?.ok_or_else(|| no_pilot("it is no pilot; `pilot = \"surrogate\"` only times it".into()))?)
    } else {
        None
    };
    let (episode, failures) = ride(seat, setup, Some((key, contract)), source, false)?;
    Ok((episode, failures, runtime))
}

/// What came of [`ride_setup`].
pub(crate) fn drive_setup(
    seat: &mut Seat,
    setup: Setup,
    key: &str,
    source: Source,
) -> Result<(Trial, String), StudyError> {
    let (episode, failures, runtime) = ride_setup(seat, setup, key, source)?;
    Ok((trial(&episode, failures), runtime))
}

pub(crate) fn trial(episode: &Episode, failures: Vec<String>) -> Trial {
    let stats = episode.stats();
    let outcome = episode.outcome().unwrap_or(Outcome::Timeout);
    let counts = episode.line().counts();
    Trial {
        success: succeeded(episode.setup(), outcome) && !stats.invalid,
        outcome,
        clearance: Some(stats.min_clearance).filter(|m| m.is_finite()),
        seconds: episode.plant().tick_start().secs(),
        impact_speed: episode.story().map(|story| story.impact_speed),
        sight_to_impact: episode.story().and_then(|s| Some((s.at_s - s.first_seen_s?) * s.robot_speed)),
        ages: Ages::of(&stats.ages),
        age_peak: Some(stats.age_peak).filter(|_| !stats.ages.is_empty()),
        blind_max: stats.blind_max,
        inferences: stats.inferences,
        dropped: counts.dropped,
        superseded: counts.superseded,
        lost: counts.lost,
        unusable: stats.unusable,
        failures,
        invalid: stats.invalid,
        digest: episode.digest(),
    }
}

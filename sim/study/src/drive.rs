//! One closed-loop episode of a study.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use episode::{Episode, Failure, Prediction, Request, Status, batch_size, chunks_possible, fit};
use pilot::Contract;
use runtime::Rows;
use scenario::{Outcome, PilotSpec, Setup};
use timing::{ServiceTime, SimTime, Source, Span};

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
    /// Action chunks that were over before the next took over.
    pub ran_out: u64,
    /// Why inferences failed.
    pub failures: Vec<String>,
    /// Physics broke down.
    pub invalid: bool,
    /// The rolling digest of the last tick.
    pub digest: u64,
}

/// A network that drives: asked at once whenever an episode wants it. Simulated time needs no pace where durations are known;
/// one that is not is the one measured, without any cadence.
pub(crate) struct Network {
    rows: Rc<Rows>,
    contract: Contract,
}

impl Network {
    pub async fn take(seat: &Seat<'_>, name: &str, contract: Contract) -> Result<Self, StudyError> {
        Ok(Self { rows: seat.take(name).await?, contract })
    }

    /// Several that drive one after the other, by name.
    pub async fn take_all(
        seat: &Seat<'_>,
        networks: &BTreeMap<String, Contract>,
    ) -> Result<BTreeMap<String, Self>, StudyError> {
        let names: Vec<&str> = networks.keys().map(String::as_str).collect();
        let taken = seat.take_all(&names).await?.into_iter().zip(networks);
        Ok(taken.map(|(rows, (name, contract))| (name.clone(), Self { rows, contract: *contract })).collect())
    }

    /// Its output for a request; where the duration is not known, with the one measured.
    pub async fn infer(
        &self,
        episode: &Episode,
        request: Request,
        encoded: &mut Vec<pilot::Tensor>,
    ) -> Result<(ServiceTime, Vec<f32>), String> {
        episode.inputs(request.id, self.contract, encoded);
        let row = encoded.iter().map(|tensor| (tensor.spec.name, &tensor.spec.shape[1..], &tensor.data[..]));
        let copies = batch_size(episode.setup().line.schedule);
        match request.service {
            Some(service) if copies == 1 => self.rows.infer(row).await.map(|output| (service, output)),
            known => self.rows.alone(row, copies).map(|(measured, output)| (known.unwrap_or(measured), output)),
        }
    }
}

/// Advances an episode as far as it goes before `until`, with the network of the pilot that drives; gives why inferences failed.
pub(crate) async fn advance<'a>(
    network: impl Fn(&PilotSpec) -> Option<&'a Network>,
    episode: &mut Episode,
    until: SimTime,
) -> Vec<String> {
    let (mut encoded, mut failures) = (Vec::new(), Vec::new());
    while let Status::Wants(request) = episode.advance(until) {
        let answer = match network(&episode.setup().pilot) {
            Some(network) => network.infer(episode, request, &mut encoded).await,
            None => Err("no network is there to be asked".to_owned()),
        };
        match answer {
            Ok((service, output)) => {
                episode.deliver(Prediction { id: request.id, service, output });
            }
            Err(why) => {
                failures.push(why.clone());
                episode.fail(Failure { id: request.id, after: Span::ZERO, why });
            }
        }
    }
    failures
}

/// Runs an episode to its end.
pub(crate) async fn drive(seat: &Seat<'_>, task: &Task<'_>) -> Result<Trial, StudyError> {
    let name = &task.contestant.name;
    let mut setup = task.course.setup(task.seed)?;
    setup.pilot = pilot_named(name, &setup)?;
    let network = task.contestant.contract.map(|contract| (name.as_str(), Some(contract)));
    let (episode, failures) = ride(seat, setup, network, task.source.clone(), false).await?;
    Ok(trial(&episode, failures))
}

/// Runs a setup to its end, with the network that its pilot needs: what it is called when it is loaded, and what it is fed; one
/// that is fed nothing is only timed, so not run here. Gives the episode, with its log where one is kept, and why inferences failed.
pub(crate) async fn ride(
    seat: &Seat<'_>,
    mut setup: Setup,
    network: Option<(&str, Option<Contract>)>,
    source: Source,
    keep_log: bool,
) -> Result<(Episode, Vec<String>), StudyError> {
    let network = match network {
        Some((name, Some(contract))) => {
            if contract.needs_camera() {
                setup.give_camera();
            }
            chunks_possible(Some(contract), &setup, &source)?;
            Some(Network::take(seat, name, contract).await?)
        }
        _ => None,
    };
    let mut episode = Episode::new(Arc::new(setup), source)?;
    if keep_log {
        episode.keep_log();
    }
    let failures = advance(|_| network.as_ref(), &mut episode, SimTime::NEVER).await;
    Ok((episode, failures))
}

/// The same for a setup that says itself who drives; `key` is what its network is called when it is loaded. Also gives the
/// runtime that was obtained, `none` without a network. A network that cannot drive is an error.
pub(crate) async fn ride_setup(
    seat: &Seat<'_>,
    setup: Setup,
    key: &str,
    source: Source,
) -> Result<(Episode, Vec<String>, String), StudyError> {
    let (model, drives) = match &setup.pilot {
        PilotSpec::Network { model } => (model, true),
        PilotSpec::Surrogate { model } => (model, false),
        PilotSpec::Expert | PilotSpec::BrakeOnSight { .. } | PilotSpec::Straight => {
            let (episode, failures) = ride(seat, setup, None, source, false).await?;
            return Ok((episode, failures, "none".into()));
        }
    };
    let no_pilot = |why: String| StudyError::NoPilot { model: model.clone(), scenario: setup.name.clone(), why };
    let rows = seat.take(key).await?;
    let runtime = engine_name(rows.info());
    let contract = fit(&rows.info().model, &setup.world.robot).map_err(|e| no_pilot(e.to_string()));
    let contract = if drives {
        Some(contract?.ok_or_else(|| no_pilot("it is no pilot; `pilot = \"surrogate\"` only times it".into()))?)
    } else {
        None
    };
    let (episode, failures) = ride(seat, setup, Some((key, contract)), source, false).await?;
    Ok((episode, failures, runtime))
}

/// What came of [`ride_setup`].
pub(crate) async fn drive_setup(
    seat: &Seat<'_>,
    setup: Setup,
    key: &str,
    source: Source,
) -> Result<(Trial, String), StudyError> {
    let (episode, failures, runtime) = ride_setup(seat, setup, key, source).await?;
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
        ran_out: stats.ran_out,
        failures,
        invalid: stats.invalid,
        digest: episode.digest(),
    }
}

//! The open-loop error: how often a pilot would have done something dear, on frames that it did not bring about.

use std::sync::Arc;

use episode::{Episode, Prediction, Request, Status};
use pilot::{Contract, GRID};
use plant::{Command, Robot};
use scenario::PilotSpec;
use timing::{ServiceTime, SimTime, Source};

use crate::contest::Contestant;
use crate::drive::Network;
use crate::pool::Seat;
use crate::{Course, StudyError};

/// Seeds of the held-out episodes begin here: training and tests stay far below.
pub const HELD_OUT_FROM: u64 = 1_000_000_000;
/// Held-out episodes of each scenario.
pub(crate) const EPISODES: u64 = 10;
/// An action is dear if its plan costs this much more than the cheapest by the expert's own costs, metres of way: the
/// temperature of the soft labels that the networks learn from (training/README.md).
pub const TOLERANCE_M: f32 = 0.12;
/// Frames are judged at most this often, a second: neighbours at 40 Hz are nearly the same frame.
const JUDGED_HZ: f64 = 8.0;

/// One held-out episode of one pilot.
pub(crate) struct HeldOut<'a> {
    pub course: &'a Course,
    pub seed: u64,
    pub contestant: &'a Contestant,
}

/// Frames judged, and those on which the action was dear or there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    pub frames: usize,
    pub dear: usize,
}

/// The seeds of the held-out episodes: none of the test's.
pub(crate) fn seeds(test: &[u64]) -> Vec<u64> {
    (HELD_OUT_FROM..).filter(|seed| !test.contains(seed)).take(EPISODES as usize).collect()
}

/// The expert drives without latency; the pilot says at every so many frames what it would have done.
pub(crate) async fn judge(seat: &Seat<'_>, task: &HeldOut<'_>) -> Result<Judged, StudyError> {
    let name = &task.contestant.name;
    let mut setup = task.course.setup(task.seed)?;
    setup.pilot = PilotSpec::Surrogate { model: name.clone() };
    let contract = task.contestant.contract;
    if contract.is_some_and(Contract::needs_camera) {
        setup.give_camera();
    }
    let network = match contract {
        Some(contract) => Some((contract, Network::take(seat, name, contract).await?)),
        None => None,
    };
    let mut encoded = Vec::new();
    let every = ((setup.line.capture.rate.hz() / JUDGED_HZ).round() as u64).max(1);
    // Each request is answered at its own instant: no latency.
    let mut episode = Episode::new(Arc::new(setup), Source::Recorded { occupies: false })?;
    let mut judged = Judged::default();
    while let Status::Wants(request) = episode.advance(SimTime(i64::MAX)) {
        if request.id.is_multiple_of(every) {
            let command = match &network {
                Some((contract, network)) => {
                    // Not the duration that the episode waits for: any will do.
                    let request = Request { service: Some(ServiceTime::default()), ..request };
                    let output = network.infer(&episode, request, &mut encoded).await;
                    output.ok().and_then(|(_, output)| contract.decode(&output, episode.setup().cruise).ok())
                }
                None => decided(name, &episode),
            };
            if let Some(dear) = is_dear(&episode, command) {
                judged.frames += 1;
                judged.dear += usize::from(dear);
            }
        }
        episode.deliver(Prediction { id: request.id, service: ServiceTime::default(), output: Vec::new() });
    }
    Ok(judged)
}

/// What a pilot without a network would have done.
fn decided(name: &str, episode: &Episode) -> Option<Command> {
    let (setup, seen) = (episode.setup(), episode.newest()?);
    match (name, &setup.world.robot) {
        ("straight", Robot::Rover(_)) => Some(pilot::straight(setup.cruise)),
        ("expert", Robot::Rover(rover)) => Some(pilot::expert(seen, rover, setup.cruise).command),
        ("brake_on_sight", Robot::Rover(_)) => Some(pilot::brake_on_sight(seen, setup.sight?, setup.cruise)),
        _ => None,
    }
}

/// Whether a command is dear on the newest frame; `None` where the expert knows no costs.
fn is_dear(episode: &Episode, command: Option<Command>) -> Option<bool> {
    let (setup, seen) = (episode.setup(), episode.newest()?);
    let Robot::Rover(rover) = &setup.world.robot else { return None };
    let Some(Command::Twist { linear, angular }) = command else { return Some(true) };
    let costs = pilot::expert(seen, rover, setup.cruise).costs;
    let cheapest = costs.iter().copied().fold(f32::INFINITY, f32::min);
    Some(costs[nearest(linear / setup.cruise, angular)] > cheapest + TOLERANCE_M)
}

/// The class of the grid that is nearest to a command, its speed given as a part of the cruise speed.
fn nearest(speed: f64, yaw_rate: f64) -> usize {
    let closest = |values: &[f64], to: f64| {
        (1..values.len()).fold(0, |best, i| if (values[i] - to).abs() < (values[best] - to).abs() { i } else { best })
    };
    GRID.class(closest(&GRID.speeds, speed), closest(&GRID.yaw_rates, yaw_rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_nearest_to_its_own_command() {
        for class in 0..GRID.len() {
            let Command::Twist { linear, angular } = GRID.command(class, 2.0) else { unreachable!("a rover's grid") };
            assert_eq!(nearest(linear / 2.0, angular), class);
        }
    }

    #[test]
    fn held_out_seeds_are_not_those_of_the_test() {
        assert_eq!(seeds(&[5])[0], HELD_OUT_FROM);
        assert_eq!(seeds(&[HELD_OUT_FROM, HELD_OUT_FROM + 2])[..2], [HELD_OUT_FROM + 1, HELD_OUT_FROM + 3]);
    }
}

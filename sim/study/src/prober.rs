//! Single cells of a phase diagram, an episode at a time, for somebody who may have to stop at any moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use episode::{Episode, fit};
use runtime::block_on;
use scenario::{Outcome, PilotSpec, Scenario};
use timing::{SimTime, Source, Span};

use crate::StudyError;
use crate::drive::{Network, advance};
use crate::pool::{Load, Seat};

/// Simulated time between two looks at whether to stop: some milliseconds of work.
const LOOK: Span = Span(250_000_000);

/// Drives a scenario at speeds and pure delays; keeps the network loaded in between.
pub struct Prober<'a> {
    scenario: Scenario,
    seat: Seat<'a>,
}

impl<'a> Prober<'a> {
    /// Of a scenario with the pilot that drives.
    pub fn new(scenario: Scenario, load: &'a Load<'a>) -> Self {
        Self { scenario, seat: Seat::new(load) }
    }

    /// Whether it collides at a speed and a pure delay, as the cells of [`crate::Diagram`] count it; `None` if it was
    /// stopped before it knew.
    pub fn collides(
        &self,
        speed: f64,
        latency_ms: f64,
        seed: u64,
        stop: &AtomicBool,
    ) -> Result<Option<bool>, StudyError> {
        block_on(self.drive(speed, latency_ms, seed, stop), || self.seat.settle())
    }

    async fn drive(&self, speed: f64, ms: f64, seed: u64, stop: &AtomicBool) -> Result<Option<bool>, StudyError> {
        let scenario = self.scenario.vary([("speed", &speed.into()), ("latency", &ms.into())])?;
        let mut setup = scenario.setup(seed)?;
        let network = match &setup.pilot {
            PilotSpec::Network { model } => {
                let rows = self.seat.take(model).await?;
                let no_pilot =
                    |why: String| StudyError::NoPilot { model: model.clone(), scenario: setup.name.clone(), why };
                let contract = fit(&rows.info().model, &setup.world.robot).map_err(|e| no_pilot(e.to_string()))?;
                let contract = contract.ok_or_else(|| no_pilot("it is no pilot".into()))?;
                drop(rows);
                let network = Network::take(&self.seat, model, contract).await?;
                if contract.needs_camera() {
                    setup.give_camera();
                }
                Some(network)
            }
            _ => None,
        };
        let model = setup.pilot.name().to_owned();
        let mut episode = Episode::new(Arc::new(setup), Source::Fixed(Span::from_ms(ms)))?;
        let mut until = SimTime::ZERO;
        while episode.outcome().is_none() {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            until += LOOK;
            if let Some(why) = advance(|_| network.as_ref(), &mut episode, until).await.into_iter().next() {
                return Err(StudyError::Engine { model, why });
            }
        }
        Ok(Some(episode.outcome() == Some(Outcome::Collision)))
    }
}

#[cfg(test)]
mod tests {
    use scenario::{Grid, Seeds};

    use super::*;
    use crate::{Diagram, Sweep, phase_grid};

    fn braking() -> Scenario {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/braking.toml");
        scenario::load(&path).unwrap()
    }

    fn nobody(model: &str) -> Result<Box<dyn runtime::Engine>, String> {
        Err(format!("{model} is not asked"))
    }

    #[test]
    fn it_counts_what_the_diagram_counts() {
        let seeds: Seeds = "5".parse().unwrap();
        let plan = phase_grid("braking", ((1.0, 2.0), (100.0, 180.0)), (2, 3), &seeds).unwrap();
        let sweep = Sweep::new(Grid::new(plan, braking()).unwrap(), "", &|_| std::path::PathBuf::new()).unwrap();
        let rows = sweep.rows(1, &nobody, &()).unwrap();
        let diagram = Diagram::of(&sweep.grid().base, &sweep.grid().plan, &rows, vec![], 1).unwrap();
        let prober = Prober::new(braking(), &nobody);
        let go_on = AtomicBool::new(false);
        let count = |v: f64, ms: f64| {
            (0..5).filter(|seed| prober.collides(v, ms, *seed, &go_on).unwrap() == Some(true)).count()
        };
        let probed: Vec<Vec<usize>> =
            diagram.speeds.iter().map(|v| diagram.latencies.iter().map(|ms| count(*v, *ms)).collect()).collect();
        assert_eq!(probed, diagram.collided);
        // At 1 m/s nothing is too late yet, at 2 m/s 140 ms are for some phases and 180 ms for all.
        assert_eq!((probed[0].clone(), probed[1][2]), (vec![0, 0, 0], 5));
        assert_eq!(diagram.pilot, "brake_on_sight");
    }

    #[test]
    fn it_stops_when_told_and_says_what_is_wrong() {
        let stop = AtomicBool::new(true);
        assert_eq!(Prober::new(braking(), &nobody).collides(2.0, 100.0, 0, &stop).unwrap(), None);
        let by_network = braking().vary([("model", &"pilot".into())]).unwrap();
        let error = Prober::new(by_network, &nobody).collides(2.0, 100.0, 0, &stop).unwrap_err();
        assert!(error.to_string().contains("pilot is not asked"), "{error}");
    }
}

//! A scenario that pilots are compared on.

use scenario::{Scenario, ScenarioError, Setup};
use timing::Rate;

use crate::sha256;

/// A scenario and the hash of its text.
#[derive(Clone, Debug)]
pub struct Course {
    /// Its name.
    pub name: String,
    /// The scenario.
    pub scenario: Scenario,
    /// Of the file's text.
    pub sha256: String,
    /// Captures a second, where not the scenario's own.
    pub rate: Option<Rate>,
}

impl Course {
    /// What is driven on one seed.
    pub(crate) fn setup(&self, seed: u64) -> Result<Setup, ScenarioError> {
        let mut setup = self.scenario.setup(seed)?;
        if let Some(rate) = self.rate {
            setup.line.capture.rate = rate;
        }
        Ok(setup)
    }
}

impl From<Scenario> for Course {
    fn from(scenario: Scenario) -> Self {
        Self { name: scenario.name().to_owned(), sha256: sha256(scenario.text().as_bytes()), scenario, rate: None }
    }
}

/// What is success: the goal, where there is one; else staying upright and untouched until the time is up. A collision
/// ends an episode, so that a goal is one without collision.
pub(crate) fn succeeded(setup: &Setup, outcome: scenario::Outcome) -> bool {
    let wanted = if setup.world.goal.is_some() { scenario::Outcome::Goal } else { scenario::Outcome::Timeout };
    outcome == wanted
}

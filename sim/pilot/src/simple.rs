//! Pilots that need no thought.

use plant::{Command, Observation};

/// Rounding of a gap that is exactly at the limit, metres.
const ROUNDING: f64 = 1e-9;

/// Stops once the free distance ahead is at most `sight` metres, else drives straight on at `cruise` m/s. Feels nothing
/// behind, beside or through latency: the pilot of the oracles.
pub fn brake_on_sight(observation: &Observation, sight: f64, cruise: f64) -> Command {
    if observation.gap <= sight + ROUNDING { Command::STOP } else { straight(cruise) }
}

/// Drives straight on at `cruise` m/s and sees nothing.
pub fn straight(cruise: f64) -> Command {
    Command::Twist { linear: cruise, angular: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expert::tests::observation;

    #[test]
    fn it_brakes_at_its_sight_and_not_before() {
        let mut seen = observation(&[], 2.0);
        seen.gap = 1.3 + 2e-9;
        assert_eq!(brake_on_sight(&seen, 1.3, 2.0), straight(2.0));
        seen.gap = 1.3 + 0.5e-9;
        assert_eq!(brake_on_sight(&seen, 1.3, 2.0), Command::STOP);
    }
}

//! The actions a rover's network chooses from.

use plant::Command;

/// A joint grid of forward speeds and yaw rates. A class is an action; classes run through the yaw rates of the lowest
/// speed first, from right to left.
///
/// It is a classification because a good driver may pass on the left or on the right, but not in the middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Forward speeds as parts of the cruise speed, ascending.
    pub speeds: [f64; 5],
    /// Yaw rates in rad/s, ascending: from the right to the left.
    pub yaw_rates: [f64; 13],
}

/// The grid of every rover network.
pub const GRID: Grid = Grid {
    speeds: [0.0, 0.25, 0.5, 0.75, 1.0],
    yaw_rates: [
        -2.0,
        -5.0 / 3.0,
        -4.0 / 3.0,
        -1.0,
        -2.0 / 3.0,
        -1.0 / 3.0,
        0.0,
        1.0 / 3.0,
        2.0 / 3.0,
        1.0,
        4.0 / 3.0,
        5.0 / 3.0,
        2.0,
    ],
};

impl Grid {
    /// The number of classes.
    pub const LEN: usize = 5 * 13;

    /// The number of classes.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub const fn len(&self) -> usize {
        Self::LEN
    }

    /// The class of a speed and a yaw rate, by their indices.
    pub const fn class(&self, speed: usize, yaw: usize) -> usize {
        speed * self.yaw_rates.len() + yaw
    }

    /// Indices of speed and yaw rate of a class.
    pub const fn indices(&self, class: usize) -> (usize, usize) {
        (class / self.yaw_rates.len(), class % self.yaw_rates.len())
    }

    /// The command of a class at a cruise speed in m/s.
    pub fn command(&self, class: usize, cruise: f64) -> Command {
        let (speed, yaw) = self.indices(class);
        Command::Twist { linear: self.speeds[speed] * cruise, angular: self.yaw_rates[yaw] }
    }

    /// The command of a distribution, given as logits: the speed with the most probability over all yaw rates, then the
    /// most probable yaw rate at that speed, smoothed with its two neighbours so that steering does not step.
    /// At a stop it is halved: with late commands the robot swings on while it brakes, into what it stops beside.
    pub fn decide(&self, logits: &[f32], cruise: f64) -> Command {
        let top = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let mut weights = [0f64; Self::LEN];
        for (weight, &logit) in weights.iter_mut().zip(logits) {
            *weight = libm::exp(f64::from(logit - top));
        }
        let rows = weights.chunks_exact(self.yaw_rates.len());
        let speed = first_largest(rows.map(|row| row.iter().sum()));
        let row = &weights[self.class(speed, 0)..self.class(speed + 1, 0)];
        let mode = first_largest(row.iter().copied());
        let near = mode.saturating_sub(1)..(mode + 2).min(row.len());
        let total: f64 = row[near.clone()].iter().sum();
        let angular = near.map(|j| row[j] * self.yaw_rates[j]).sum::<f64>() / total;
        let angular = if speed == 0 { angular / 2.0 } else { angular };
        Command::Twist { linear: self.speeds[speed] * cruise, angular }
    }
}

fn first_largest(values: impl Iterator<Item = f64>) -> usize {
    let best = values.enumerate().fold((0, f64::NEG_INFINITY), |best, (i, v)| if v > best.1 { (i, v) } else { best });
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twist(logits: &[f32]) -> (f64, f64) {
        match GRID.decide(logits, 2.0) {
            Command::Twist { linear, angular } => (linear, angular),
            Command::Acceleration { .. } => unreachable!(),
        }
    }

    #[test]
    fn classes_and_indices_are_inverse() {
        for class in 0..GRID.len() {
            let (speed, yaw) = GRID.indices(class);
            assert_eq!(GRID.class(speed, yaw), class);
        }
        assert_eq!(GRID.command(0, 2.0), Command::Twist { linear: 0.0, angular: -2.0 });
        assert_eq!(GRID.command(64, 1.0), Command::Twist { linear: 1.0, angular: 2.0 });
    }

    #[test]
    fn left_or_right_is_never_averaged_to_the_middle() {
        let mut logits = [0.0; Grid::LEN];
        logits[GRID.class(4, 2)] = 9.0;
        logits[GRID.class(4, 10)] = 9.5;
        let (_, angular) = twist(&logits);
        assert!((angular - 4.0 / 3.0).abs() < 0.01, "{angular}");
    }

    #[test]
    fn a_stop_spread_over_yaw_rates_is_still_a_stop() {
        let mut logits = [-9.0; Grid::LEN];
        for yaw in 4..9 {
            logits[GRID.class(0, yaw)] = 1.0;
        }
        logits[GRID.class(4, 6)] = 1.5;
        assert_eq!(twist(&logits).0, 0.0);
    }

    #[test]
    fn a_stop_steers_half() {
        let mut logits = [-20.0; Grid::LEN];
        logits[GRID.class(0, 12)] = 9.0;
        let (linear, angular) = twist(&logits);
        assert!(linear == 0.0 && (angular - 1.0).abs() < 1e-6, "{angular}");
    }

    #[test]
    fn neighbours_smooth_the_steering() {
        let mut logits = [-20.0; Grid::LEN];
        logits[GRID.class(4, 6)] = 1.0;
        logits[GRID.class(4, 7)] = 1.0;
        assert!((twist(&logits).1 - 1.0 / 6.0).abs() < 1e-6);
    }
}

//! The robot's motion in a plan, and the shape that must not touch anything.

use plant::Rover;

/// Seconds a step.
pub(super) const STEP_SECS: f64 = 0.125;
/// Steps of a plan: two seconds, twice what braking from 2 m/s takes.
pub(super) const STEPS: usize = 16;
/// Steps of its first arc.
pub(super) const FIRST: usize = 4;

/// Pose in the base frame of the observation, and speeds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Motion {
    pub x: f64,
    pub y: f64,
    pub cos: f64,
    pub sin: f64,
    pub linear: f64,
    pub angular: f64,
}

impl Motion {
    pub fn start(linear: f64, angular: f64) -> Self {
        Self { x: 0.0, y: 0.0, cos: 1.0, sin: 0.0, linear, angular }
    }

    /// One step towards these speeds, within the rover's limits.
    pub fn advance(&mut self, rover: &Rover, linear: f64, angular: f64) {
        let (up, down) = (rover.acceleration * STEP_SECS, rover.braking * STEP_SECS);
        let v = self.linear + (linear - self.linear).clamp(-down, up);
        let turn = rover.yaw_acceleration * STEP_SECS;
        let w = self.angular + (angular - self.angular).clamp(-turn, turn);
        let ahead = f64::midpoint(self.linear, v) * STEP_SECS;
        let half = f64::midpoint(self.angular, w) * STEP_SECS / 2.0;
        // Half a step turns by an eighth of a radian at most: the series is exact to 1e-7.
        let h2 = half * half;
        let (sin, cos) = (half * (1.0 - h2 / 6.0 * (1.0 - h2 / 20.0)), 1.0 - h2 / 2.0 * (1.0 - h2 / 12.0));
        self.turn(sin, cos);
        self.x += ahead * self.cos;
        self.y += ahead * self.sin;
        self.turn(sin, cos);
        (self.linear, self.angular) = (v, w);
    }

    fn turn(&mut self, sin: f64, cos: f64) {
        (self.cos, self.sin) = (self.cos * cos - self.sin * sin, self.sin * cos + self.cos * sin);
    }
}

/// Two circles on the long axis that cover the footprint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body {
    /// Centres at plus and minus this, metres.
    pub offset: f64,
    /// Metres.
    pub radius: f64,
}

impl Body {
    pub fn of(rover: &Rover) -> Self {
        let offset = (rover.length / 4.0).max((rover.length - rover.width) / 2.0);
        Self { offset, radius: libm::hypot(rover.length / 2.0 - offset, rover.width / 2.0) }
    }
}

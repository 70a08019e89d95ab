//! A rover under a constant command, in closed form: no step size enters.

use crate::model::{Command, Rover};
use crate::state::RobotState;

/// Below this a speed is the commanded one, m/s or rad/s: an exponential approach never ends by itself, and what is
/// left out is a picometre.
const SETTLED: f64 = 1e-12;

/// How a speed may change.
struct Limits {
    /// Away from standstill, m/s^2.
    up: f64,
    /// Towards standstill, m/s^2.
    down: f64,
    /// First-order lag, seconds; zero follows the limits exactly.
    lag: f64,
}

/// A stretch of time in which a speed obeys one law.
struct Phase {
    /// Seconds; infinite if only a new command ends it.
    lasts: f64,
    /// The speed at its end, exactly.
    end: f64,
    law: Law,
}

enum Law {
    /// At the target.
    Hold,
    /// Constant acceleration.
    Ramp(f64),
    /// Exponential approach with this lag.
    Settle(f64),
}

impl Phase {
    fn of(speed: f64, target: f64, limits: &Limits) -> Self {
        let error = target - speed;
        if error.abs() <= SETTLED {
            return Self { lasts: f64::INFINITY, end: target, law: Law::Hold };
        }
        let slowing = (speed > 0.0 && error < 0.0) || (speed < 0.0 && error > 0.0);
        // Reversing passes standstill, where the limit changes from braking to acceleration.
        let passes_standstill = slowing && ((speed > 0.0 && target < 0.0) || (speed < 0.0 && target > 0.0));
        let border = if passes_standstill { 0.0 } else { target };
        let rate = (if slowing { limits.down } else { limits.up }).copysign(error);
        // Where the proportional law begins to ask for less than the limit.
        let settle = target - rate * limits.lag;
        let end = if rate > 0.0 { border.min(settle) } else { border.max(settle) };
        if (end - speed) * rate > 0.0 {
            return Self { lasts: (end - speed) / rate, end, law: Law::Ramp(rate) };
        }
        let lasts = if passes_standstill { limits.lag * libm::log(error / target) } else { f64::INFINITY };
        Self { lasts, end: border, law: Law::Settle(limits.lag) }
    }

    /// The speed after `dt` seconds of this phase, and the distance covered.
    fn advance(&self, speed: f64, target: f64, dt: f64) -> (f64, f64) {
        match self.law {
            Law::Hold => (target, target * dt),
            Law::Ramp(rate) => {
                let end = if dt >= self.lasts { self.end } else { speed + rate * dt };
                (end, f64::midpoint(speed, end) * dt)
            }
            Law::Settle(lag) => {
                let error = target - speed;
                let decayed = libm::expm1(-dt / lag); // exp(-dt / lag) - 1
                let end = if dt >= self.lasts { self.end } else { target - error * (1.0 + decayed) };
                (end, target * dt + error * lag * decayed)
            }
        }
    }
}

/// The speeds a rover is asked for, within its limits. What is not finite, or not for a rover, is a stop: a broken
/// pilot must not break physics.
fn wanted(rover: &Rover, command: Command) -> (f64, f64) {
    match command {
        Command::Twist { linear, angular } if linear.is_finite() && angular.is_finite() => (
            linear.clamp(-rover.max_speed / 4.0, rover.max_speed),
            angular.clamp(-rover.max_yaw_rate, rover.max_yaw_rate),
        ),
        _ => (0.0, 0.0),
    }
}

/// Drives for `dt` seconds under one command. Cut wherever a speed's law changes, so that the speeds and the path
/// length are exact; the heading of each part is that of its middle.
pub(crate) fn drive(rover: &Rover, state: &mut RobotState, command: Command, dt: f64) {
    let (linear, angular) = wanted(rover, command);
    let lag = rover.lag.secs();
    let forward = Limits { up: rover.acceleration, down: rover.braking, lag };
    let turn = Limits { up: rover.yaw_acceleration, down: rover.yaw_acceleration, lag };
    let slip = Limits { up: rover.braking, down: rover.braking, lag: 0.0 };
    let mut left = dt;
    while left > 0.0 {
        let along = Phase::of(state.linear, linear, &forward);
        let about = Phase::of(state.angular, angular, &turn);
        let aside = Phase::of(state.lateral, 0.0, &slip);
        let part = left.min(along.lasts).min(about.lasts).min(aside.lasts);
        let (v, ahead) = along.advance(state.linear, linear, part);
        let (w, turned) = about.advance(state.angular, angular, part);
        let (u, left_by) = aside.advance(state.lateral, 0.0, part);
        (state.linear, state.angular, state.lateral) = (v, w, u);
        travel(state, ahead, left_by, turned);
        left -= part;
    }
}

/// Moves the pose by a small displacement in the base frame, along the heading in the middle of the turn.
pub(crate) fn travel(state: &mut RobotState, ahead: f64, left_by: f64, turned: f64) {
    let (sin, cos) = libm::sincos(state.pose.yaw + turned / 2.0);
    state.pose.x += ahead * cos - left_by * sin;
    state.pose.y += ahead * sin + left_by * cos;
    state.pose.yaw += turned;
    state.odometer += if left_by == 0.0 { ahead.abs() } else { (ahead * ahead + left_by * left_by).sqrt() };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use timing::Span;

    use super::*;
    use crate::robots::rover_default;

    fn twist(linear: f64, angular: f64) -> Command {
        Command::Twist { linear, angular }
    }

    #[test]
    fn braking_covers_v2_over_2b() {
        let mut state = RobotState { linear: 2.0, ..RobotState::default() };
        drive(&rover_default(), &mut state, Command::STOP, 5.0);
        assert_eq!(state.linear, 0.0);
        assert!((state.pose.x - 1.0).abs() < 1e-12);
    }

    #[test]
    fn reversing_brakes_first_then_accelerates() {
        let rover = Rover { acceleration: 1.0, braking: 4.0, ..rover_default() };
        let mut state = RobotState { linear: 2.0, ..RobotState::default() };
        drive(&rover, &mut state, twist(-0.5, 0.0), 1.0);
        // 0.5 s of braking over 0.5 m, then 0.5 s of acceleration over -0.125 m.
        assert!((state.pose.x - 0.375).abs() < 1e-12);
        assert!((state.linear + 0.5).abs() < 1e-12);
        assert!((state.odometer - 0.625).abs() < 1e-12);
    }

    #[test]
    fn a_lag_saturates_then_decays() {
        // tau = 0.2 s, limit 2 m/s^2: a step of 1 m/s ramps to 0.6 m/s in 0.3 s, then settles exponentially.
        let rover = Rover { lag: Span::from_ms(200.0), ..rover_default() };
        let mut state = RobotState::default();
        drive(&rover, &mut state, twist(1.0, 0.0), 0.8);
        let decay = libm::exp(-0.5 / 0.2);
        assert!((state.linear - (1.0 - 0.4 * decay)).abs() < 1e-12);
        let way = 0.3 * 0.3 + 0.5 - 0.4 * 0.2 * (1.0 - decay);
        assert!((state.pose.x - way).abs() < 1e-12);
    }

    #[test]
    fn an_arc_has_radius_v_over_w() {
        let rover = rover_default();
        let mut state = RobotState { linear: 1.0, angular: 1.0, ..RobotState::default() };
        for _ in 0..60 {
            drive(&rover, &mut state, twist(1.0, 1.0), 1.0 / 60.0);
            let radius = libm::hypot(state.pose.x, state.pose.y - 1.0);
            assert!((radius - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn commands_are_clamped_and_nonsense_stops() {
        let rover = rover_default();
        assert_eq!(wanted(&rover, twist(9.0, -9.0)), (2.0, -2.0));
        assert_eq!(wanted(&rover, twist(-9.0, 0.0)), (-0.5, 0.0));
        assert_eq!(wanted(&rover, twist(f64::NAN, 1.0)), (0.0, 0.0));
        assert_eq!(wanted(&rover, twist(1.0, f64::INFINITY)), (0.0, 0.0));
        assert_eq!(wanted(&rover, Command::Acceleration { base: 1.0 }), (0.0, 0.0));
    }

    proptest! {
        #[test]
        fn a_cut_changes_nothing_on_a_straight(
            speed in -0.5..2.0f64, target in -0.5..2.0f64, lag in 0.0..300.0f64, whole in 0.001..2.0f64, cut in 0.0..1.0f64,
        ) {
            let rover = Rover { acceleration: 1.5, braking: 2.5, lag: Span::from_ms(lag), ..rover_default() };
            let start = RobotState { linear: speed, ..RobotState::default() };
            let (mut once, mut twice) = (start, start);
            drive(&rover, &mut once, twist(target, 0.0), whole);
            drive(&rover, &mut twice, twist(target, 0.0), whole * cut);
            drive(&rover, &mut twice, twist(target, 0.0), whole * (1.0 - cut));
            prop_assert!((once.pose.x - twice.pose.x).abs() < 1e-9);
            prop_assert!((once.linear - twice.linear).abs() < 1e-9);
        }

        #[test]
        fn fine_steps_of_the_law_agree(speed in -0.5..2.0f64, target in -0.5..2.0f64, lag in 1.0..300.0f64) {
            let rover = Rover { acceleration: 1.5, braking: 2.5, lag: Span::from_ms(lag), ..rover_default() };
            let mut state = RobotState { linear: speed, ..RobotState::default() };
            drive(&rover, &mut state, twist(target, 0.0), 0.5);
            let (mut v, mut x, h) = (speed, 0.0, 1e-5);
            for _ in 0..50_000 {
                let asked = (target - v) / rover.lag.secs();
                let limit = if v * asked < 0.0 { rover.braking } else { rover.acceleration };
                let next = v + asked.clamp(-limit, limit) * h;
                x += f64::midpoint(v, next) * h;
                v = next;
            }
            prop_assert!((state.linear - v).abs() < 2e-4, "{} {}", state.linear, v);
            prop_assert!((state.pose.x - x).abs() < 2e-4);
        }
    }
}

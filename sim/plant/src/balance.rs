//! A balancing robot under a constant base acceleration.

use std::f64::consts::FRAC_PI_2;

use crate::drive::travel;
use crate::model::{Balancer, Command};
use crate::state::RobotState;

/// Standard gravity, m/s^2 (ISO 80000-3). With it a balancer's `omega` gives its pendulum length.
pub const GRAVITY: f64 = 9.806_65;

/// Longest Runge-Kutta step, seconds: with poles of some 10 rad/s its error is below 1e-10 rad a second.
const LONGEST_STEP: f64 = 1e-3;

/// The base acceleration asked for, within the limit. What is not finite, or not for a balancer, is zero.
fn wanted(balancer: &Balancer, command: Command) -> f64 {
    match command {
        Command::Acceleration { base } if base.is_finite() => {
            base.clamp(-balancer.max_acceleration, balancer.max_acceleration)
        }
        _ => 0.0,
    }
}

/// Moves for `dt` seconds under one command: base speed and position are exact, pitch is integrated by Runge-Kutta.
/// At the speed limit the base no longer accelerates, and the pendulum feels that.
pub(crate) fn balance(balancer: &Balancer, state: &mut RobotState, command: Command, dt: f64) {
    let asked = wanted(balancer, command);
    let mut left = dt;
    while left > 0.0 {
        let blocked = asked * state.linear > 0.0 && state.linear.abs() >= balancer.max_speed;
        let u = if blocked { 0.0 } else { asked };
        let limit = balancer.max_speed.copysign(u);
        let until_limit = if u == 0.0 { f64::INFINITY } else { (limit - state.linear) / u };
        let part = left.min(until_limit);
        let end = if part == until_limit { limit } else { state.linear + u * part };
        let ahead = f64::midpoint(state.linear, end) * part;
        state.linear = end;
        let left_by = coast(&mut state.lateral, balancer.max_acceleration, part);
        let spin_down = balancer.max_acceleration / (balancer.width / 2.0);
        let turned = coast(&mut state.angular, spin_down, part);
        tip(balancer, state, u, part);
        travel(state, ahead, left_by, turned);
        left -= part;
    }
}

/// A speed left by a contact decays at `rate`; returns the distance covered.
fn coast(speed: &mut f64, rate: f64, dt: f64) -> f64 {
    if *speed == 0.0 {
        return 0.0;
    }
    let stops_in = speed.abs() / rate;
    if dt >= stops_in {
        let way = *speed / 2.0 * stops_in;
        *speed = 0.0;
        return way;
    }
    let end = *speed - (rate * dt).copysign(*speed);
    let way = f64::midpoint(*speed, end) * dt;
    *speed = end;
    way
}

/// Pitch over `dt` seconds at base acceleration `u`; on the floor it stays.
fn tip(balancer: &Balancer, state: &mut RobotState, u: f64, dt: f64) {
    let pole2 = balancer.omega * balancer.omega;
    let push = u * pole2 / GRAVITY; // u / l
    let pull = |pitch: f64| {
        let (sin, cos) = libm::sincos(pitch);
        pole2 * sin - push * cos
    };
    let steps = libm::ceil(dt / LONGEST_STEP - 1e-9).max(1.0);
    let h = dt / steps;
    for _ in 0..steps as u32 {
        let (p, r) = (state.pitch, state.pitch_rate);
        let k1 = pull(p);
        let k2 = pull(p + r * h / 2.0);
        let k3 = pull(p + r * h / 2.0 + k1 * h * h / 4.0);
        let k4 = pull(p + r * h + k2 * h * h / 2.0);
        state.pitch = p + r * h + (k1 + k2 + k3) * h * h / 6.0;
        state.pitch_rate = r + (k1 + 2.0 * k2 + 2.0 * k3 + k4) * h / 6.0;
        if state.pitch.abs() >= FRAC_PI_2 {
            state.pitch = FRAC_PI_2.copysign(state.pitch);
            state.pitch_rate = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robots::balancer_default;

    fn push(base: f64) -> Command {
        Command::Acceleration { base }
    }

    #[test]
    fn a_small_pitch_grows_with_the_unstable_pole() {
        let robot = balancer_default();
        let mut state = RobotState { pitch: 1e-5, ..RobotState::default() };
        for _ in 0..60 {
            balance(&robot, &mut state, push(0.0), 1.0 / 60.0);
        }
        let expected = 1e-5 * libm::cosh(robot.omega);
        assert!((state.pitch / expected - 1.0).abs() < 1e-5, "{} {expected}", state.pitch);
    }

    #[test]
    fn the_base_is_exact_and_stops_accelerating_at_its_limit() {
        let robot = Balancer { max_speed: 1.0, ..balancer_default() };
        let mut state = RobotState::default();
        balance(&robot, &mut state, push(2.0), 1.0);
        assert!((state.pose.x - 0.75).abs() < 1e-12);
        assert_eq!(state.linear, 1.0);
        balance(&robot, &mut state, push(-2.0), 0.25);
        assert!((state.linear - 0.5).abs() < 1e-12);
    }

    #[test]
    fn leaning_into_an_acceleration_is_an_equilibrium() {
        // tan(pitch) = u / g
        let robot = balancer_default();
        let mut state = RobotState { pitch: libm::atan(1.0 / GRAVITY), ..RobotState::default() };
        balance(&robot, &mut state, push(1.0), 0.5);
        assert!((state.pitch - libm::atan(1.0 / GRAVITY)).abs() < 1e-12);
    }

    #[test]
    fn nonsense_asks_for_nothing_and_the_fallen_lie() {
        let robot = balancer_default();
        assert_eq!(wanted(&robot, push(f64::NAN)), 0.0);
        assert_eq!(wanted(&robot, Command::STOP), 0.0);
        assert_eq!(wanted(&robot, push(99.0)), robot.max_acceleration);
        let mut state = RobotState { pitch: 0.5, ..RobotState::default() };
        balance(&robot, &mut state, push(0.0), 5.0);
        assert_eq!((state.pitch, state.pitch_rate), (FRAC_PI_2, 0.0));
    }
}

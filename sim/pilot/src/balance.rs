//! The expert of the balancing robot.

use plant::{Balancer, Command, GRAVITY, Observation};

/// Gains on pitch, pitch rate, position and speed of the robot in units of its own pole: time in 1/omega, length in
/// g/omega^2, acceleration in g. Then `pitch'' = pitch - u`, `x'' = u` for every balancer. Poles at -0.9 +- 0.3i and
/// -0.15 +- 0.1i: low gains on purpose, since high ones spend the delay margin.
const GAINS: [f64; 4] = [2.501_75, 2.4285, 0.029_25, 0.3285];

/// Holds the robot upright near the origin of world x: a linear law on pitch, pitch rate, position and speed, clamped to
/// what the robot can do.
pub fn balance_expert(observation: &Observation, balancer: &Balancer) -> Command {
    let robot = &observation.robot;
    let omega = balancer.omega;
    let unit = GRAVITY / (omega * omega);
    let state = [robot.pitch, robot.pitch_rate / omega, robot.pose.x / unit, robot.linear / (unit * omega)];
    let wanted: f64 = GAINS.iter().zip(state).map(|(gain, x)| gain * x).sum();
    Command::Acceleration { base: (wanted * GRAVITY).clamp(-balancer.max_acceleration, balancer.max_acceleration) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plant::{Lidar, Piece, Plant, Pose, Robot, World, balancer_default};
    use timing::Rate;

    use super::*;

    /// Peak pitch in the last half of 20 s, radians, with commands `delay` captures (10 ms) old; `None` if it fell.
    fn run(omega: f64, delay: usize) -> Option<f64> {
        let balancer = Balancer { omega, ..balancer_default() };
        let world = World {
            tick: Rate::from_hz(100.0).unwrap(),
            robot: Robot::Balancer(balancer.clone()),
            start: Pose::default(),
            start_speed: 0.0,
            goal: None,
            obstacles: vec![],
            actors: vec![],
            lidar: Lidar { beams: 8, max_range: 10.0, height: 0.2, noise: 0.0 },
            camera: None,
            seed: 1,
        };
        let mut plant = Plant::new(Arc::new(world)).unwrap();
        let mut late = std::collections::VecDeque::from(vec![Command::Acceleration { base: 0.0 }; delay]);
        let mut peak = 0f64;
        for k in 0..2000 {
            let piece = |command| [Piece { from: plant.tick_start(), command }];
            let seen = plant.observe(&piece(Command::STOP), plant.tick_start(), k);
            late.push_back(balance_expert(&seen, &balancer));
            let now = piece(late.pop_front().unwrap());
            plant.step(&now);
            if plant.fallen() {
                return None;
            }
            if k > 1000 {
                peak = peak.max(plant.robot().pitch.abs());
            }
        }
        Some(peak)
    }

    #[test]
    fn it_holds_every_pole_upright() {
        for omega in [3.0, 6.0, 9.0] {
            let peak = run(omega, 0).expect("it stands");
            assert!(peak < 1e-3, "{omega}: {peak}");
        }
    }

    #[test]
    fn it_survives_some_delay_and_falls_beyond_the_bound() {
        assert!(run(6.0, 6).is_some_and(|peak| peak < 0.01));
        // sqrt(2)/6 s = 236 ms
        assert!(run(6.0, 25).is_none());
    }
}

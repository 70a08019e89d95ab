//! Robots with published numbers.

use timing::Span;

use crate::model::{Balancer, Rover};

/// A rover of the size of Clearpath's Jackal.
///
/// Size (508 x 430 x 250 mm), mass (17 kg) and top speed (2.0 m/s) are from Clearpath Robotics' Jackal data sheet. The
/// data sheet names no acceleration: 2 m/s^2 both ways, within what rubber tyres hold on a dry floor (0.2 g), is ours,
/// and so are the turn limits of 2 rad/s and 8 rad/s^2. The lag is zero; a scenario sets it.
pub fn rover_default() -> Rover {
    Rover {
        length: 0.508,
        width: 0.430,
        height: 0.250,
        mass: 17.0,
        max_speed: 2.0,
        max_yaw_rate: 2.0,
        acceleration: 2.0,
        braking: 2.0,
        yaw_acceleration: 8.0,
        lag: Span::ZERO,
    }
}

/// A desk-sized balancing robot: its unstable pole of 6 rad/s is that of a point mass 0.27 m above the axle.
///
/// By the bound `sqrt(2) / omega` no pure feedback of angle and rate holds it beyond a delay of 236 ms. It has fallen
/// at 45 degrees, and starts 2 degrees off upright so that something happens. All numbers are ours.
pub fn balancer_default() -> Balancer {
    Balancer {
        length: 0.20,
        width: 0.36,
        height: 0.60,
        mass: 6.0,
        omega: 6.0,
        max_acceleration: 8.0,
        max_speed: 2.0,
        fall_pitch: std::f64::consts::FRAC_PI_4,
        start_pitch: 2.0 * std::f64::consts::PI / 180.0,
    }
}

//! Closed forms. Seconds, metres; `v` is speed (m/s), `b` braking (m/s^2), `d` the free distance when the obstacle can
//! first be seen, less footprint and clearance (m), `r` the total reaction time (s).

/// Maximum acceptable reaction, `R_max = D/v - v/(2b)`: the longest time between the instant at which an obstacle could
/// be seen and the instant at which the brakes bite that still stops within `d`. Negative when no reaction would do.
///
/// ```
/// // At 2 m/s, 1.3 m free, braking with 2 m/s^2: 150 ms.
/// assert!((timing::max_reaction(1.3, 2.0, 2.0) - 0.150).abs() < 1e-12);
/// ```
pub fn max_reaction(d: f64, v: f64, b: f64) -> f64 {
    d / v - v / (2.0 * b)
}

/// The same for an obstacle that closes at `w`: `R_max = (D - v^2/(2b) - w v/b)/(v + w)`.
pub fn max_reaction_closing(d: f64, v: f64, b: f64, w: f64) -> f64 {
    (d - v * v / (2.0 * b) - w * v / b) / (v + w)
}

/// Distance to a standstill, `v R + v^2/(2b)`.
pub fn stopping_distance(v: f64, b: f64, r: f64) -> f64 {
    v * r + v * v / (2.0 * b)
}

/// Safe speed, `v_max(R) = b (sqrt(R^2 + 2D/b) - R)` (MAVBench, MICRO 2018).
pub fn safe_speed(d: f64, b: f64, r: f64) -> f64 {
    b * (libm::sqrt(r * r + 2.0 * d / b) - r)
}

/// The longest service time of a device that is busy meanwhile, where `left` is left for a pure delay and captures are `t`
/// apart: `S <= left` while S <= t (a new frame then never waits), else `S <= left / 2` (a frame waits for the one in
/// service, and is served after it). Seconds.
///
/// ```
/// // 130 ms are left: 65 on a busy device. 15 ms are left: all of them.
/// assert_eq!((timing::occupied_budget(0.130, 0.020), timing::occupied_budget(0.015, 0.020)), (0.065, 0.015));
/// ```
pub fn occupied_budget(left: f64, t: f64) -> f64 {
    left.min(t).max(left / 2.0)
}

/// The longest delay at which a PD law on angle and rate can hold a linear pendulum with unstable pole `omega` (rad/s):
/// `sqrt(2)/omega`, counted with half a sampling period.
pub fn pendulum_delay_bound(omega: f64) -> f64 {
    std::f64::consts::SQRT_2 / omega
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_speeds_of_the_braking_scenario() {
        for (r, v) in [(0.0, 2.280), (0.05, 2.183), (0.1, 2.089), (0.2, 1.915), (0.4, 1.617)] {
            assert!((safe_speed(1.3, 2.0, r) - v).abs() < 5e-4, "v_max({r}) = {}", safe_speed(1.3, 2.0, r));
        }
    }

    #[test]
    fn the_forms_agree() {
        let (d, v, b) = (1.3, 2.0, 2.0);
        let r = max_reaction(d, v, b);
        assert!((stopping_distance(v, b, r) - d).abs() < 1e-12);
        assert!((safe_speed(d, b, r) - v).abs() < 1e-12);
        assert!((max_reaction_closing(d, v, b, 0.0) - r).abs() < 1e-12);
    }
}

//! What a known motion does to what was seen, and what is done about late commands.

use std::f64::consts::{FRAC_PI_2, PI, TAU};
use std::sync::Arc;

use plant::{Command, Observation, Pose, Robot, RobotState};

/// Two neighbouring returns nearer to each other than this share a surface, metres; further apart, one hides the other.
const SURFACE: f64 = 0.4;

/// A command with its forward speed limited to `v_max` m/s; the path keeps its curvature, so the yaw rate falls too. A
/// balancer's acceleration is left alone.
pub fn governor(command: Command, v_max: f64) -> Command {
    match command {
        Command::Twist { linear, angular } if linear > v_max => {
            Command::Twist { linear: v_max, angular: angular * v_max / linear }
        }
        other => other,
    }
}

/// A scan (ranges in metres, `max_range` where nothing was met) as it would look from `pose`, given in the base frame of
/// the scan: each return is moved into the new frame, surfaces between neighbouring returns are cut anew by the beams,
/// the nearest wins, and a beam that nothing reaches takes the farther of its neighbours. Things are taken to stand still.
pub fn reproject(scan: &[f32], max_range: f32, pose: Pose, out: &mut Vec<f32>) {
    let n = scan.len();
    out.clear();
    out.resize(n, f32::INFINITY);
    if n < 3 {
        out.fill(max_range);
        return;
    }
    let per_beam = TAU / n as f64;
    let (turn_sin, turn_cos) = libm::sincos(per_beam);
    let (sin, cos) = libm::sincos(-PI + per_beam / 2.0 - pose.yaw);
    let (back_sin, back_cos) = libm::sincos(pose.yaw);
    let shift = [-(pose.x * back_cos + pose.y * back_sin), pose.x * back_sin - pose.y * back_cos];
    let beams_per_radian = n as f64 / TAU;
    let mut beam = [cos, sin];
    let mut point = |range: f32| {
        let r = f64::from(range);
        let at = [shift[0] + r * beam[0], shift[1] + r * beam[1]];
        beam = [beam[0] * turn_cos - beam[1] * turn_sin, beam[1] * turn_cos + beam[0] * turn_sin];
        let range = (at[0] * at[0] + at[1] * at[1]).sqrt();
        Return { at, range, beam: (bearing(at[1], at[0]) + PI) * beams_per_radian - 0.5 }
    };
    let first = point(scan[0]);
    let mut from = first;
    for i in 0..n {
        let next = (i + 1) % n;
        let to = if next == 0 { first } else { point(scan[next]) };
        let missed = scan[i] >= max_range && scan[next] >= max_range;
        span(from, to, missed.then_some(max_range), out);
        from = to;
    }
    fill(out, max_range);
}

/// What a beam met, seen from the new frame.
#[derive(Clone, Copy)]
struct Return {
    /// Metres.
    at: [f64; 2],
    /// Metres.
    range: f64,
    /// Its bearing in beams: that of beam i is i.
    beam: f64,
}

/// Draws what lies between two neighbouring returns.
fn span(from: Return, to: Return, missed: Option<f32>, out: &mut [f32]) {
    let n = out.len();
    let (Return { at: a, range: da, beam: at }, Return { at: b, range: db, beam: mut until }) = (from, to);
    if until - at > n as f64 / 2.0 {
        until -= n as f64;
    } else if until - at < -(n as f64) / 2.0 {
        until += n as f64;
    }
    let along = [b[0] - a[0], b[1] - a[1]];
    let connected = missed.is_some() || along[0] * along[0] + along[1] * along[1] < SURFACE * SURFACE;
    // Beams of a span that crosses the back run below zero or beyond the last.
    let mut put = |beam: i64, range: f64| {
        let n = n as i64;
        let index = if beam < 0 {
            beam + n
        } else if beam >= n {
            beam - n
        } else {
            beam
        };
        if let Some(nearest) = out.get_mut(index as usize) {
            *nearest = nearest.min(missed.unwrap_or(range as f32));
        }
    };
    if !connected {
        put(ceil(at - 0.5), da);
        return;
    }
    // A surface seen from behind (bearings that run backwards) counts as well: it still hides.
    let (low, high) = if at <= until { (at, until) } else { (until, at) };
    let wide = if high > low { until - at } else { 1.0 };
    let mut beam = ceil(low);
    while beam as f64 <= high {
        // Along a short chord one over the range is linear in the bearing, but for the square of a small angle.
        put(beam, da * db * wide / (db * wide + (da - db) * (beam as f64 - at)));
        beam += 1;
    }
}

/// The least whole number that is not less; `f64::ceil` is a call on the processors we build for.
fn ceil(x: f64) -> i64 {
    let whole = x as i64;
    whole + i64::from(whole as f64 != x && x > 0.0)
}

/// Beams that nothing reached.
fn fill(ranges: &mut [f32], max_range: f32) {
    let n = ranges.len();
    let Some(known) = ranges.iter().position(|r| r.is_finite()) else { return ranges.fill(max_range) };
    let mut i = 0;
    while i < n {
        let at = (known + i) % n;
        if ranges[at].is_finite() {
            i += 1;
            continue;
        }
        let hole = (0..n).take_while(|k| ranges[(at + k) % n].is_infinite()).count();
        let range = ranges[(at + n - 1) % n].max(ranges[(at + hole) % n]).min(max_range);
        for k in 0..hole {
            ranges[(at + k) % n] = range;
        }
        i += hole;
    }
    for range in ranges {
        *range = range.min(max_range);
    }
}

/// `atan2` within 1.2e-5 rad (Abramowitz and Stegun 4.4.49): a fiftieth of a degree-wide beam's thousandth.
fn bearing(y: f64, x: f64) -> f64 {
    let (small, large) = if x.abs() > y.abs() { (y.abs(), x.abs()) } else { (x.abs(), y.abs()) };
    if large == 0.0 {
        return 0.0;
    }
    let t = small / large;
    let t2 = t * t;
    let near_axis = t * (0.999_866 + t2 * (-0.330_299_5 + t2 * (0.180_141 + t2 * (-0.085_133 + t2 * 0.020_835_1))));
    let from_x = if x.abs() > y.abs() { near_axis } else { FRAC_PI_2 - near_axis };
    let upper = if x < 0.0 { PI - from_x } else { from_x };
    upper.copysign(y)
}

/// The pose of `to` in the base frame of `from`.
pub(crate) fn relative(from: &Pose, to: &Pose) -> Pose {
    let (sin, cos) = libm::sincos(from.yaw);
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    Pose { x: dx * cos + dy * sin, y: dy * cos - dx * sin, yaw: to.yaw - from.yaw }
}

/// The observation moved `secs` ahead by the robot's own motion under `command`, everything else standing still: where it
/// will be when a command that comes so late takes hold. Scan, goal and state are moved; the privileged fields, the depth
/// image and the stamp stay.
pub fn predict(observation: &Observation, robot: &Robot, command: Command, max_range: f64, secs: f64) -> Observation {
    let mut moved = observation.clone();
    let (Robot::Rover(rover), Command::Twist { linear, angular }) = (robot, command) else { return moved };
    let limits = (rover.acceleration, rover.braking, rover.yaw_acceleration);
    let linear = linear.clamp(-rover.max_speed / 4.0, rover.max_speed);
    let angular = angular.clamp(-rover.max_yaw_rate, rover.max_yaw_rate);
    let steps = libm::ceil(secs.max(0.0) / 0.005);
    for _ in 0..steps as usize {
        advance(&mut moved.robot, linear, angular, limits, secs / steps);
    }
    let ahead = relative(&observation.robot.pose, &moved.robot.pose);
    let (sin, cos) = libm::sincos(ahead.yaw);
    if observation.goal != [0.0; 2] {
        let away = [observation.goal[0] - ahead.x, observation.goal[1] - ahead.y];
        moved.goal = [away[0] * cos + away[1] * sin, away[1] * cos - away[0] * sin];
    }
    let mut scan = Vec::new();
    reproject(&observation.scan, max_range as f32, ahead, &mut scan);
    moved.scan = Arc::from(scan);
    moved
}

/// One small step of a rover without lag.
fn advance(state: &mut RobotState, linear: f64, angular: f64, (up, down, turn): (f64, f64, f64), dt: f64) {
    let rate = if (linear - state.linear) * state.linear < 0.0 { down } else { up };
    let v = state.linear + (linear - state.linear).clamp(-rate * dt, rate * dt);
    let w = state.angular + (angular - state.angular).clamp(-turn * dt, turn * dt);
    let (ahead, turned) = (f64::midpoint(state.linear, v) * dt, f64::midpoint(state.angular, w) * dt);
    let (sin, cos) = libm::sincos(state.pose.yaw + turned / 2.0);
    state.pose = Pose { x: state.pose.x + ahead * cos, y: state.pose.y + ahead * sin, yaw: state.pose.yaw + turned };
    (state.linear, state.angular) = (v, w);
    state.odometer += ahead.abs();
}

#[cfg(test)]
#[path = "motion_tests.rs"]
mod tests;

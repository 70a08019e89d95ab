//! What a known motion does to what was seen, and what is done about late commands.

use std::f32::consts::{FRAC_PI_2, PI as PI_32};
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use plant::{Command, Observation, Pose, Robot, RobotState};

/// Two neighbouring returns nearer to each other than this share a surface, metres; further apart, one hides the other.
const SURFACE: f32 = 0.4;

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
    let returns = Returns::of(scan, pose);
    let mut from = returns.get(0);
    for i in 0..n {
        let next = if i + 1 == n { 0 } else { i + 1 };
        let to = returns.get(next);
        let missed = scan[i] >= max_range && scan[next] >= max_range;
        span(from, to, missed.then_some(max_range), out);
        from = to;
    }
    fill(out, max_range);
}

/// What all beams met, seen from the new frame; in columns, so that the compiler can work on several at once.
struct Returns {
    x: Vec<f32>,
    y: Vec<f32>,
    range: Vec<f32>,
    beam: Vec<f32>,
}

impl Returns {
    fn of(scan: &[f32], pose: Pose) -> Self {
        let n = scan.len();
        let per_beam = TAU / n as f64;
        let (turn_sin, turn_cos) = libm::sincos(per_beam);
        let (sin, cos) = libm::sincos(-PI + per_beam / 2.0 - pose.yaw);
        let (back_sin, back_cos) = libm::sincos(pose.yaw);
        let shift_x = -(pose.x * back_cos + pose.y * back_sin) as f32;
        let shift_y = (pose.x * back_sin - pose.y * back_cos) as f32;
        let mut unit = [cos, sin];
        let (mut x, mut y) = (vec![0.0; n], vec![0.0; n]);
        for (x, y) in x.iter_mut().zip(&mut y) {
            (*x, *y) = (unit[0] as f32, unit[1] as f32);
            unit = [unit[0] * turn_cos - unit[1] * turn_sin, unit[1] * turn_cos + unit[0] * turn_sin];
        }
        let (mut range, mut beam) = (vec![0.0; n], vec![0.0; n]);
        let beams_per_radian = (n as f64 / TAU) as f32;
        for i in 0..n {
            x[i] = shift_x + scan[i] * x[i];
            y[i] = shift_y + scan[i] * y[i];
            range[i] = (x[i] * x[i] + y[i] * y[i]).sqrt();
            beam[i] = (bearing(y[i], x[i]) + PI_32) * beams_per_radian - 0.5;
        }
        Self { x, y, range, beam }
    }

    fn get(&self, i: usize) -> Return {
        Return { at: [self.x[i], self.y[i]], range: self.range[i], beam: self.beam[i] }
    }
}

/// What a beam met, seen from the new frame.
#[derive(Clone, Copy)]
struct Return {
    /// Metres.
    at: [f32; 2],
    /// Metres.
    range: f32,
    /// Its bearing in beams: that of beam i is i.
    beam: f32,
}

/// Draws what lies between two neighbouring returns.
fn span(from: Return, to: Return, missed: Option<f32>, out: &mut [f32]) {
    let n = out.len();
    let (Return { at: a, range: da, beam: at }, Return { at: b, range: db, beam: mut until }) = (from, to);
    if until - at > n as f32 / 2.0 {
        until -= n as f32;
    } else if until - at < -(n as f32) / 2.0 {
        until += n as f32;
    }
    let along = [b[0] - a[0], b[1] - a[1]];
    let connected = missed.is_some() || along[0] * along[0] + along[1] * along[1] < SURFACE * SURFACE;
    // Beams of a span that crosses the back run below zero or beyond the last.
    let mut put = |beam: i32, range: f32| {
        let n = n as i32;
        let index = if beam < 0 {
            beam + n
        } else if beam >= n {
            beam - n
        } else {
            beam
        };
        if let Some(nearest) = out.get_mut(index as usize) {
            *nearest = nearest.min(missed.unwrap_or(range));
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
    while beam as f32 <= high {
        // Along a short chord one over the range is linear in the bearing, but for the square of a small angle.
        put(beam, da * db * wide / (db * wide + (da - db) * (beam as f32 - at)));
        beam += 1;
    }
}

/// The least whole number that is not less; `f32::ceil` is a call on the processors we build for.
fn ceil(x: f32) -> i32 {
    let whole = x as i32;
    whole + i32::from(whole as f32 != x && x > 0.0)
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

/// `atan2` within 1.2e-5 rad (Abramowitz and Stegun 4.4.49): a thousandth of a beam.
fn bearing(y: f32, x: f32) -> f32 {
    let (small, large) = (x.abs().min(y.abs()), x.abs().max(y.abs()));
    let t = small / large.max(f32::MIN_POSITIVE);
    let t2 = t * t;
    let near_axis = t * (0.999_866 + t2 * (-0.330_299_5 + t2 * (0.180_141 + t2 * (-0.085_133 + t2 * 0.020_835_1))));
    let from_x = if x.abs() > y.abs() { near_axis } else { FRAC_PI_2 - near_axis };
    let upper = if x < 0.0 { PI_32 - from_x } else { from_x };
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

//! The range scanner: exact planar ray casting.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use crate::geometry::{Form, Prism, Vec2, dot};
use crate::model::Lidar;

/// What the beams meet, before noise.
pub(crate) struct Scan {
    /// Metres, beam by beam; `max_range` where nothing is met.
    pub ranges: Vec<f32>,
    /// Whether each thing is met by a beam, in the order in which they were given.
    pub seen: Vec<bool>,
}

/// Unit vectors of the beams in the base frame: beam `i` of `n` points at `-pi + 2 pi (i + 0.5) / n`.
pub(crate) fn beams(n: usize) -> Vec<Vec2> {
    (0..n)
        .map(|i| {
            let (sin, cos) = libm::sincos(-PI + TAU * (i as f64 + 0.5) / n as f64);
            [cos, sin]
        })
        .collect()
}

/// Casts all beams against prisms in the base frame. Each prism is tried only by the beams that can meet it.
pub(crate) fn scan(lidar: &Lidar, beams: &[Vec2], things: impl Iterator<Item = Prism>) -> Scan {
    const NOTHING: u32 = u32::MAX;
    let mut nearest = vec![(lidar.max_range, NOTHING); beams.len()];
    let mut count = 0;
    for (index, thing) in things.enumerate() {
        count += 1;
        let far2 = dot(thing.frame.origin, thing.frame.origin);
        if thing.height < lidar.height || far2 > (lidar.max_range + thing.bound) * (lidar.max_range + thing.bound) {
            continue;
        }
        for i in facing(&thing, beams.len()) {
            if let Some((range, _)) = thing.pierced(beams[i])
                && range < nearest[i].0
            {
                nearest[i] = (range, index as u32);
            }
        }
    }
    let mut seen = vec![false; count];
    let ranges = nearest
        .into_iter()
        .map(|(range, index)| {
            if index != NOTHING {
                seen[index as usize] = true;
            }
            range as f32
        })
        .collect();
    Scan { ranges, seen }
}

/// The beams that may meet a prism in the base frame: all that do, and a few more.
fn facing(thing: &Prism, n: usize) -> impl Iterator<Item = usize> {
    let at = thing.frame.origin;
    let far2 = dot(at, at);
    // Bearings of the extremes relative to the centre's. From outside, a convex thing fills less than half a turn.
    let (mut low, mut high) = (0f64, 0f64);
    match thing.form {
        Form::Circle(radius) if far2 > radius * radius => {
            high = rough_atan2(radius, (far2 - radius * radius).sqrt());
            low = -high;
        }
        Form::Box(half) if holds_origin(thing, half) => (low, high) = (-PI, PI),
        Form::Box(_) => {
            for corner in thing.hull() {
                let aside = rough_atan2(at[0] * corner[1] - at[1] * corner[0], dot(at, corner));
                low = low.min(aside);
                high = high.max(aside);
            }
        }
        Form::Circle(_) => (low, high) = (-PI, PI),
    }
    let per_beam = TAU / n as f64;
    let centre = rough_atan2(at[1], at[0]) + PI;
    let first = ((centre + low - SLACK) / per_beam - 0.5).ceil();
    let last = ((centre + high + SLACK) / per_beam - 0.5).floor();
    let count = ((last - first + 1.0) as usize).min(n);
    let first = first.rem_euclid(n as f64) as usize;
    (first..first + count).map(move |i| if i < n { i } else { i - n })
}

fn holds_origin(thing: &Prism, half: Vec2) -> bool {
    let [x, y] = thing.frame.see([0.0, 0.0]);
    x.abs() <= half[0] && y.abs() <= half[1]
}

/// Widening of a bearing interval, radians: well above twice the error of `rough_atan2`.
const SLACK: f64 = 1e-4;

/// `atan2` within 1.2e-5 rad (Abramowitz and Stegun 4.4.49), fast; only to choose beams, never for a range.
fn rough_atan2(y: f64, x: f64) -> f64 {
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

#[cfg(test)]
#[path = "lidar_tests.rs"]
mod tests;

//! Planar geometry of upright prisms: distance, overlap, rays, and what lies straight ahead.

use crate::model::{Outline, Pose};

/// A vector in the plane.
pub(crate) type Vec2 = [f64; 2];

pub(crate) fn dot(a: Vec2, b: Vec2) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

/// `v` turned by the angle whose cosine and sine are `axis`.
pub(crate) fn turn(v: Vec2, axis: Vec2) -> Vec2 {
    [v[0] * axis[0] - v[1] * axis[1], v[0] * axis[1] + v[1] * axis[0]]
}

/// `v` turned back by the angle whose cosine and sine are `axis`.
pub(crate) fn turn_back(v: Vec2, axis: Vec2) -> Vec2 {
    [v[0] * axis[0] + v[1] * axis[1], v[1] * axis[0] - v[0] * axis[1]]
}

/// A frame on the floor: origin, and the cosine and sine of its yaw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub origin: Vec2,
    pub axis: Vec2,
}

impl Frame {
    pub fn of(pose: &Pose) -> Self {
        let (sin, cos) = libm::sincos(pose.yaw);
        Self { origin: [pose.x, pose.y], axis: [cos, sin] }
    }

    /// A point of the outer frame, seen from this one.
    pub fn see(&self, p: Vec2) -> Vec2 {
        turn_back([p[0] - self.origin[0], p[1] - self.origin[1]], self.axis)
    }
}

/// The outline without its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// Half length and half width.
    Box(Vec2),
    /// Radius.
    Circle(f64),
}

/// An upright prism in some frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prism {
    pub frame: Frame,
    pub form: Form,
    /// Radius of the circle around it.
    pub bound: f64,
    pub height: f64,
}

impl Prism {
    pub fn new(outline: Outline, height: f64, frame: Frame) -> Self {
        let (form, bound) = match outline {
            Outline::Box { length, width } => {
                let half = [length / 2.0, width / 2.0];
                (Form::Box(half), dot(half, half).sqrt())
            }
            Outline::Cylinder { radius } => (Form::Circle(radius), radius),
        };
        Self { frame, form, bound, height }
    }

    /// The same prism seen from `base`.
    pub fn seen_from(&self, base: &Frame) -> Self {
        let frame = Frame { origin: base.see(self.frame.origin), axis: turn_back(self.frame.axis, base.axis) };
        Self { frame, ..*self }
    }

    /// Where a ray from the origin along `dir` runs inside it, in multiples of `dir`, from zero on.
    pub fn pierced(&self, dir: Vec2) -> Option<(f64, f64)> {
        let (enter, leave) = match self.form {
            Form::Box(half) => {
                let from = turn_back(self.frame.origin, self.frame.axis);
                let along = turn_back(dir, self.frame.axis);
                let (a, b) = ((from[0] - half[0]) / along[0], (from[0] + half[0]) / along[0]);
                let (c, d) = ((from[1] - half[1]) / along[1], (from[1] + half[1]) / along[1]);
                (a.min(b).max(c.min(d)), a.max(b).min(c.max(d)))
            }
            Form::Circle(radius) => {
                let (a, b) = (dot(dir, dir), dot(dir, self.frame.origin));
                let root2 = b * b - a * (dot(self.frame.origin, self.frame.origin) - radius * radius);
                if root2 < 0.0 {
                    return None;
                }
                let root = root2.sqrt();
                ((b - root) / a, (b + root) / a)
            }
        };
        (enter <= leave && leave >= 0.0).then_some((enter.max(0.0), leave))
    }

    /// The corners of a box, counter-clockwise.
    fn corners(&self, half: Vec2) -> [Vec2; 4] {
        [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]].map(|sign| {
            let corner = turn([sign[0] * half[0], sign[1] * half[1]], self.frame.axis);
            [self.frame.origin[0] + corner[0], self.frame.origin[1] + corner[1]]
        })
    }

    /// The corners of a box, or of the square around a circle.
    pub fn hull(&self) -> [Vec2; 4] {
        match self.form {
            Form::Box(half) => self.corners(half),
            Form::Circle(radius) => self.corners([radius, radius]),
        }
    }
}

/// How a footprint and a thing overlap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overlap {
    /// Metres.
    pub depth: f64,
    /// Unit vector from the footprint to the thing.
    pub normal: Vec2,
    /// Where they meet.
    pub point: Vec2,
}

/// The distance between a centred box of this half size and a prism in its frame; zero or less when they overlap.
pub(crate) fn distance(half: Vec2, thing: &Prism) -> f64 {
    match thing.form {
        Form::Circle(radius) => to_box(half, thing.frame.origin) - radius,
        Form::Box(other) => {
            let (separation, _) = separation(half, thing.frame, other);
            if separation <= 0.0 {
                return separation;
            }
            // Of two disjoint convex polygons one nearest point is a corner.
            let mut nearest = f64::INFINITY;
            for corner in thing.corners(other) {
                nearest = nearest.min(to_box(half, corner));
            }
            for sign in [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]] {
                nearest = nearest.min(to_box(other, thing.frame.see([sign[0] * half[0], sign[1] * half[1]])));
            }
            nearest
        }
    }
}

/// How a centred box of this half size and a prism in its frame overlap by more than `slop`.
pub(crate) fn overlap(half: Vec2, thing: &Prism, slop: f64) -> Option<Overlap> {
    let at = thing.frame.origin;
    let found = match thing.form {
        Form::Circle(radius) => {
            let point = [at[0].clamp(-half[0], half[0]), at[1].clamp(-half[1], half[1])];
            let away = [at[0] - point[0], at[1] - point[1]];
            let gap = dot(away, away).sqrt();
            if gap > 0.0 {
                Overlap { depth: radius - gap, normal: [away[0] / gap, away[1] / gap], point }
            } else {
                let (axis, inside) = nearest_face(half, at);
                Overlap { depth: radius + inside, normal: signed(axis, at), point: at }
            }
        }
        Form::Box(other) => {
            let (separation, axis) = separation(half, thing.frame, other);
            let (normal, point) = if axis < 2 {
                let normal = signed(axis, at);
                let mine = turn_back(normal, thing.frame.axis);
                let corner = turn([-support(mine[0]) * other[0], -support(mine[1]) * other[1]], thing.frame.axis);
                (normal, [at[0] + corner[0], at[1] + corner[1]])
            } else {
                let toward = turn_back(at, thing.frame.axis);
                let normal = turn(signed(axis - 2, toward), thing.frame.axis);
                (normal, [support(normal[0]) * half[0], support(normal[1]) * half[1]])
            };
            let point = [point[0].clamp(-half[0], half[0]), point[1].clamp(-half[1], half[1])];
            Overlap { depth: -separation, normal, point }
        }
    };
    (found.depth > slop).then_some(found)
}

/// Free distance from the front of a centred box of this half size to a prism in its frame, straight ahead along x
/// within the box's width; `None` if it is not in the way.
pub(crate) fn gap(half: Vec2, thing: &Prism) -> Option<f64> {
    let at = thing.frame.origin;
    // Touching the edge of the lane is not being in it; the margin is rounding.
    let lane = half[1] - 1e-9;
    if at[0] + thing.bound <= half[0] || at[1].abs() - thing.bound >= lane {
        return None;
    }
    let (near, far) = match thing.form {
        Form::Circle(radius) => {
            let aside = (at[1].abs() - lane).max(0.0);
            let reach = (radius * radius - aside * aside).sqrt();
            (at[0] - reach, at[0] + reach)
        }
        Form::Box(other) => extent_in_lane(&thing.corners(other), lane)?,
    };
    (far > half[0]).then(|| (near - half[0]).max(0.0))
}

/// Least and greatest x of the part of a convex polygon with `|y| < lane`.
fn extent_in_lane(corners: &[Vec2; 4], lane: f64) -> Option<(f64, f64)> {
    let (mut near, mut far) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut take = |x: f64| {
        near = near.min(x);
        far = far.max(x);
    };
    for (i, &a) in corners.iter().enumerate() {
        let b = corners[(i + 1) % 4];
        if a[1].abs() < lane {
            take(a[0]);
        }
        for border in [-lane, lane] {
            if (a[1] < border) != (b[1] < border) {
                take(a[0] + (b[0] - a[0]) * ((border - a[1]) / (b[1] - a[1])));
            }
        }
    }
    (near <= far).then_some((near, far))
}

/// Distance from a point to a centred box; zero inside.
fn to_box(half: Vec2, p: Vec2) -> f64 {
    let away = [(p[0].abs() - half[0]).max(0.0), (p[1].abs() - half[1]).max(0.0)];
    dot(away, away).sqrt()
}

/// The largest separation of two boxes along their four face normals, and which: 0 and 1 are x and y of the centred
/// one, 2 and 3 those of the other. Negative is the depth of the overlap.
fn separation(half: Vec2, frame: Frame, other: Vec2) -> (f64, usize) {
    let [cos, sin] = frame.axis.map(f64::abs);
    let toward = turn_back(frame.origin, frame.axis);
    let along = [
        frame.origin[0].abs() - (half[0] + cos * other[0] + sin * other[1]),
        frame.origin[1].abs() - (half[1] + sin * other[0] + cos * other[1]),
        toward[0].abs() - (other[0] + cos * half[0] + sin * half[1]),
        toward[1].abs() - (other[1] + sin * half[0] + cos * half[1]),
    ];
    let mut best = 0;
    for axis in 1..4 {
        if along[axis] > along[best] {
            best = axis;
        }
    }
    (along[best], best)
}

/// The face of a centred box nearest to a point inside it, and how far inside.
fn nearest_face(half: Vec2, p: Vec2) -> (usize, f64) {
    let inside = [half[0] - p[0].abs(), half[1] - p[1].abs()];
    if inside[0] <= inside[1] { (0, inside[0]) } else { (1, inside[1]) }
}

/// The unit vector of an axis on the side of `p`.
fn signed(axis: usize, p: Vec2) -> Vec2 {
    let mut unit = [0.0; 2];
    unit[axis] = 1f64.copysign(p[axis]);
    unit
}

/// Which end of an edge lies furthest along; its middle when the edge is square to the direction but for rounding.
fn support(component: f64) -> f64 {
    if component.abs() < 1e-9 { 0.0 } else { 1f64.copysign(component) }
}

#[cfg(test)]
#[path = "geometry_tests.rs"]
mod tests;

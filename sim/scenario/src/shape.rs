//! Outlines on the floor: where they are, and whether two of them come near each other.

use plant::{Outline, Pose};

/// An outline at a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub outline: Outline,
    pub pose: Pose,
}

impl Shape {
    /// A circle.
    pub fn circle([x, y]: [f64; 2], radius: f64) -> Self {
        Self { outline: Outline::Cylinder { radius }, pose: Pose { x, y, yaw: 0.0 } }
    }

    /// Whether the free distance to `other` is less than `margin`, metres. Between two boxes the corners of the margin
    /// are square, so a pair of corners may count as near a little early.
    pub fn near(&self, other: &Self, margin: f64) -> bool {
        let between = [other.pose.x - self.pose.x, other.pose.y - self.pose.y];
        // Most pairs are far apart.
        if libm::hypot(between[0], between[1]) > self.reach() + other.reach() + margin {
            return false;
        }
        match (self.half(), other.half()) {
            (Err(a), Err(b)) => libm::hypot(between[0], between[1]) < a + b + margin,
            (Ok(half), Err(radius)) => box_to_point(half, turn(between, -self.pose.yaw)) < radius + margin,
            (Err(radius), Ok(half)) => {
                box_to_point(half, turn([-between[0], -between[1]], -other.pose.yaw)) < radius + margin
            }
            (Ok(a), Ok(b)) => {
                // Separating axes: two boxes are apart if they are so along a side of one of them.
                [self.pose.yaw, other.pose.yaw].iter().all(|&yaw| {
                    let along = turn(between, -yaw);
                    let (a, b) = (extent(a, self.pose.yaw - yaw), extent(b, other.pose.yaw - yaw));
                    (0..2).all(|axis| along[axis].abs() < a[axis] + b[axis] + margin)
                })
            }
        }
    }

    /// Radius of the circle around it, metres.
    pub fn reach(&self) -> f64 {
        self.half().map_or_else(|radius| radius, |[x, y]| libm::hypot(x, y))
    }

    /// Half the sides of a box, or the radius of a circle.
    fn half(&self) -> Result<[f64; 2], f64> {
        match self.outline {
            Outline::Box { length, width } => Ok([length / 2.0, width / 2.0]),
            Outline::Cylinder { radius } => Err(radius),
        }
    }
}

/// A vector turned counter-clockwise, radians.
pub(crate) fn turn([x, y]: [f64; 2], angle: f64) -> [f64; 2] {
    let (sin, cos) = libm::sincos(angle);
    [cos * x - sin * y, sin * x + cos * y]
}

fn box_to_point(half: [f64; 2], point: [f64; 2]) -> f64 {
    libm::hypot((point[0].abs() - half[0]).max(0.0), (point[1].abs() - half[1]).max(0.0))
}

/// Half the sides of the upright box around a box turned by `angle`.
fn extent([x, y]: [f64; 2], angle: f64) -> [f64; 2] {
    let (sin, cos) = libm::sincos(angle);
    [(cos * x).abs() + (sin * y).abs(), (sin * x).abs() + (cos * y).abs()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64, y: f64, yaw_deg: f64) -> Shape {
        let outline = Outline::Box { length: 2.0, width: 2.0 };
        Shape { outline, pose: Pose { x, y, yaw: yaw_deg.to_radians() } }
    }

    #[test]
    fn near_is_symmetric_and_exact_along_the_sides() {
        let cases = [
            (square(0.0, 0.0, 0.0), square(3.0, 0.0, 0.0), 1.0),
            (square(0.0, 0.0, 0.0), square(3.0, 0.0, 45.0), 2.0 - 2f64.sqrt()),
            (square(0.0, 0.0, 30.0), Shape::circle([0.0, 0.0], 0.1), 0.0),
            (square(0.0, 0.0, 0.0), Shape::circle([4.0, 5.0], 1.0), 4.0),
            (square(0.0, 0.0, 90.0), Shape::circle([0.0, 2.0], 0.5), 0.5),
            (Shape::circle([0.0, 0.0], 1.0), Shape::circle([0.0, 3.0], 1.0), 1.0),
        ];
        for (a, b, distance) in cases {
            for (a, b) in [(a, b), (b, a)] {
                assert!(a.near(&b, distance + 1e-9), "{a:?} {b:?}");
                assert!(distance == 0.0 || !a.near(&b, distance - 1e-9), "{a:?} {b:?}");
            }
        }
    }
}

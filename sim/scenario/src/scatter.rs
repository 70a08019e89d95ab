//! Many things at random places, none too near another.

use std::collections::BTreeMap;

use plant::{Actor, Obstacle, Outline, Pose, Trigger, World};
use timing::Span;

use crate::format::{Scatter, ScatterKind};
use crate::number::Dice;
use crate::shape::Shape;
use crate::world::{ahead, robot_shape, standing};

/// Tries for one thing. Draws depend on thing and try, so a thing that had to be moved does not move the others' draws.
const TRIES: usize = 200;

/// What a scatter adds to `world`, or message and help where there is no room.
pub(crate) fn place(
    scatter: &Scatter,
    path: &str,
    dice: Dice,
    world: &World,
) -> Result<(Vec<Obstacle>, Vec<Actor>), (String, String)> {
    let mut room = Room::of(scatter, world);
    let (mut obstacles, mut actors) = (Vec::new(), Vec::new());
    for k in 1..=scatter.count {
        let found = (1..=TRIES).map(|i| Draft::draw(scatter, &format!("{path}.{k}.{i}"), dice));
        let Some(draft) = found.into_iter().find(|draft| room.takes(draft, scatter)) else {
            let message = format!("found no room for {k} of {} (seed {})", scatter.count, dice.0);
            let help = "make x and y wider, or `count`, `size`, `apart`, `clear` or `walk` smaller".to_owned();
            return Err((message, help));
        };
        let name = scatter.name.clone().unwrap_or_else(|| draft.kind_name().to_owned());
        let name = format!("{name} {k}");
        match draft.walk {
            None => obstacles.push(Obstacle {
                name,
                outline: draft.shape.outline,
                height: scatter.height.unwrap_or(1.0),
                pose: draft.shape.pose,
            }),
            Some(to) => actors.push(Actor {
                name,
                outline: draft.shape.outline,
                height: scatter.height.unwrap_or(1.7),
                path: vec![[draft.shape.pose.x, draft.shape.pose.y], to],
                speed: draft.speed,
                trigger: Trigger::At(Span::ZERO),
                repeat: true,
            }),
        }
        room.taken.add(draft.shape);
    }
    Ok((obstacles, actors))
}

/// A thing at a place that may still be refused.
struct Draft {
    shape: Shape,
    /// The other end of a walk.
    walk: Option<[f64; 2]>,
    speed: f64,
    /// Side or diameter, m.
    size: f64,
}

impl Draft {
    fn draw(scatter: &Scatter, path: &str, dice: Dice) -> Self {
        let number = |key: &str, number| dice.number(&format!("{path}.{key}"), number);
        let at = [number("x", scatter.x), number("y", scatter.y)];
        let size = number("size", scatter.size);
        let circle = Shape::circle(at, size / 2.0);
        match scatter.kind {
            ScatterKind::Box => {
                let yaw = dice.unit(&format!("{path}.yaw")) * std::f64::consts::TAU;
                let outline = Outline::Box { length: size, width: size };
                let shape = Shape { outline, pose: Pose { x: at[0], y: at[1], yaw } };
                Self { shape, walk: None, speed: 0.0, size }
            }
            ScatterKind::Cylinder => Self { shape: circle, walk: None, speed: 0.0, size },
            ScatterKind::Actor => {
                let heading = number("heading_deg", scatter.heading_deg).to_radians();
                let walk = ahead(at, number("walk", scatter.walk), heading);
                Self { shape: circle, walk: Some(walk), speed: number("speed", scatter.speed), size }
            }
        }
    }

    fn kind_name(&self) -> &'static str {
        match (self.walk, self.shape.outline) {
            (Some(_), _) => "pedestrian",
            (None, Outline::Box { .. }) => "box",
            (None, Outline::Cylinder { .. }) => "cylinder",
        }
    }
}

/// What is already there.
struct Room {
    start: Shape,
    goal: Option<Shape>,
    obstacles: Vec<Shape>,
    /// They, what this scatter placed, and who stands where at the start.
    taken: Places,
    /// Both ends of a walk lie in here: x from, to, y from, to.
    floor: [f64; 4],
}

impl Room {
    fn of(scatter: &Scatter, world: &World) -> Self {
        let ((x0, x1), (y0, y1)) = (scatter.x.bounds(), scatter.y.bounds());
        let obstacles: Vec<Shape> =
            world.obstacles.iter().map(|o| Shape { outline: o.outline, pose: o.pose }).collect();
        let mut taken = Places::default();
        obstacles.iter().copied().chain(world.actors.iter().map(standing)).for_each(|shape| taken.add(shape));
        Self {
            start: robot_shape(world),
            goal: world.goal.map(|goal| Shape::circle([goal.x, goal.y], goal.radius)),
            obstacles,
            taken,
            floor: [x0, x1, y0, y1],
        }
    }

    fn takes(&self, draft: &Draft, scatter: &Scatter) -> bool {
        !self.taken.any_near(&draft.shape, scatter.apart)
            && self.clear(&draft.shape, scatter)
            && draft.walk.is_none_or(|to| self.walkable(draft, to, scatter))
    }

    fn clear(&self, shape: &Shape, scatter: &Scatter) -> bool {
        !shape.near(&self.start, scatter.clear) && self.goal.is_none_or(|goal| !shape.near(&goal, scatter.clear))
    }

    /// Nobody walks through a wall, nor over start or goal.
    fn walkable(&self, draft: &Draft, to: [f64; 2], scatter: &Scatter) -> bool {
        let [x0, x1, y0, y1] = self.floor;
        if !(x0..=x1).contains(&to[0]) || !(y0..=y1).contains(&to[1]) {
            return false;
        }
        let from = [draft.shape.pose.x, draft.shape.pose.y];
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        // The floor that is walked over, with square ends.
        let width = draft.size;
        let outline = Outline::Box { length: libm::hypot(dx, dy) + width, width };
        let pose = Pose { x: from[0] + dx / 2.0, y: from[1] + dy / 2.0, yaw: libm::atan2(dy, dx) };
        let walk = Shape { outline, pose };
        self.clear(&walk, scatter) && !self.obstacles.iter().any(|other| walk.near(other, 0.1))
    }
}

/// Side of a cell of [`Places`], metres.
const CELL: f64 = 4.0;

/// Shapes by where they are, so that asking who is near does not take longer the more there are.
#[derive(Default)]
struct Places {
    cells: BTreeMap<(i64, i64), Vec<Shape>>,
    /// Those that reach further from their centre than a cell.
    wide: Vec<Shape>,
}

impl Places {
    fn add(&mut self, shape: Shape) {
        if shape.reach() > CELL {
            self.wide.push(shape);
        } else {
            self.cells.entry((cell(shape.pose.x), cell(shape.pose.y))).or_default().push(shape);
        }
    }

    fn any_near(&self, shape: &Shape, apart: f64) -> bool {
        // Rounding makes nobody miss a neighbour.
        let far = shape.reach() + CELL + apart + 1e-6;
        let (x, y) = (shape.pose.x, shape.pose.y);
        let columns = (cell(x - far)..=cell(x + far)).flat_map(|column| {
            let rows = (column, cell(y - far))..=(column, cell(y + far));
            self.cells.range(rows).flat_map(|(_, shapes)| shapes)
        });
        columns.chain(&self.wide).any(|other| shape.near(other, apart))
    }
}

fn cell(x: f64) -> i64 {
    (x / CELL).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_near_is_found_wherever_it_is() {
        let mut state = 1u64;
        let mut unit = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut shapes = Vec::new();
        for _ in 0..300 {
            let at = [60.0 * unit() - 30.0, 60.0 * unit() - 30.0];
            let outline = Outline::Box { length: 0.1 + 12.0 * unit() * unit() * unit(), width: 0.3 };
            shapes.push(Shape { outline, pose: Pose { x: at[0], y: at[1], yaw: 7.0 * unit() } });
            shapes.push(Shape::circle([60.0 * unit() - 30.0, 60.0 * unit() - 30.0], 0.5 * unit()));
        }
        let mut places = Places::default();
        shapes[..500].iter().for_each(|shape| places.add(*shape));
        assert!(!places.wide.is_empty() && places.cells.len() > 20);
        let mut found = 0;
        for shape in &shapes[500..] {
            for apart in [0.0, 0.3, 2.0] {
                let by_hand = shapes[..500].iter().any(|other| shape.near(other, apart));
                assert_eq!(places.any_near(shape, apart), by_hand, "{shape:?} at {apart}");
                found += usize::from(by_hand);
            }
        }
        assert!((30..270).contains(&found), "{found}");
    }
}

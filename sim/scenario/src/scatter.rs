//! Many things at random places, none too near another.

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
        room.taken.push(draft.shape);
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
    /// What this scatter placed, and who stands where at the start.
    taken: Vec<Shape>,
    /// Both ends of a walk lie in here: x from, to, y from, to.
    floor: [f64; 4],
}

impl Room {
    fn of(scatter: &Scatter, world: &World) -> Self {
        let ((x0, x1), (y0, y1)) = (scatter.x.bounds(), scatter.y.bounds());
        Self {
            start: robot_shape(world),
            goal: world.goal.map(|goal| Shape::circle([goal.x, goal.y], goal.radius)),
            obstacles: world.obstacles.iter().map(|o| Shape { outline: o.outline, pose: o.pose }).collect(),
            taken: world.actors.iter().map(standing).collect(),
            floor: [x0, x1, y0, y1],
        }
    }

    fn takes(&self, draft: &Draft, scatter: &Scatter) -> bool {
        let apart = self.obstacles.iter().chain(&self.taken).all(|other| !draft.shape.near(other, scatter.apart));
        apart && self.clear(&draft.shape, scatter) && draft.walk.is_none_or(|to| self.walkable(draft, to, scatter))
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

//! The world of a scenario for one seed.

use plant::{Outline, Pose, World};
use timing::Span;

use crate::format::{Actor, Camera, Mirror, RobotKind, Scenario, Trigger};
use crate::number::Dice;
use crate::shape::{Shape, turn};
use crate::{Number, ScenarioError, scatter};

/// The world of one variant.
pub(crate) fn build(scenario: &Scenario, dice: Dice) -> Result<World, ScenarioError> {
    let (robot, lidar) = (&scenario.robot, &scenario.lidar);
    let start = pose(dice, "robot.start", robot.start.x, robot.start.y, robot.start.yaw_deg);
    let world = World {
        tick: scenario.rate("physics.tick_hz", scenario.physics.tick_hz)?,
        robot: self::robot(scenario, dice),
        start,
        start_speed: robot.speed,
        goal: robot.goal.as_ref().map(|goal| plant::Goal {
            x: dice.number("robot.goal.x", goal.x),
            y: dice.number("robot.goal.y", goal.y),
            radius: goal.radius,
        }),
        obstacles: Vec::new(),
        actors: Vec::new(),
        lidar: plant::Lidar {
            beams: lidar.beams,
            max_range: lidar.max_range,
            height: lidar.height,
            noise: lidar.noise,
        },
        camera: scenario.camera.as_ref().map(camera),
        seed: dice.0,
    };
    let mut builder = Builder { scenario, dice, world, obstacle_paths: Vec::new(), actor_paths: Vec::new() };
    builder.obstacles();
    builder.actors();
    for (i, scatter) in scenario.scatters.iter().enumerate() {
        let path = format!("scatter[{}]", i + 1);
        let (obstacles, actors) = scatter::place(scatter, &path, dice, &builder.world)
            .map_err(|(message, help)| scenario.error(&path, &message, &help))?;
        builder.obstacle_paths.resize(builder.obstacle_paths.len() + obstacles.len(), path.clone());
        builder.actor_paths.resize(builder.actor_paths.len() + actors.len(), path);
        builder.world.obstacles.extend(obstacles);
        builder.world.actors.extend(actors);
    }
    builder.mirror();
    builder.check()?;
    Ok(builder.world)
}

pub(crate) fn camera(camera: &Camera) -> plant::DepthCamera {
    plant::DepthCamera {
        width: camera.width,
        height: camera.height,
        fov: camera.fov_deg.to_radians(),
        mount: camera.mount,
        max_range: camera.max_range,
        noise: camera.noise,
    }
}

/// How a group or the whole course is moved: shifted, then perhaps mirrored about y = 0.
#[derive(Clone, Copy)]
struct Placing {
    shift: [f64; 2],
    mirrored: bool,
}

impl Placing {
    fn point(self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [x, y] = [x + self.shift[0], y + self.shift[1]];
        [x, if self.mirrored { -y } else { y }]
    }

    fn pose(self, pose: Pose) -> Pose {
        let [x, y] = self.point([pose.x, pose.y]);
        Pose { x, y, yaw: if self.mirrored { -pose.yaw } else { pose.yaw } }
    }
}

/// A world that is being built.
struct Builder<'a> {
    scenario: &'a Scenario,
    dice: Dice,
    world: World,
    /// The key path of each obstacle and of each actor, for messages.
    obstacle_paths: Vec<String>,
    actor_paths: Vec<String>,
}

impl Builder<'_> {
    fn obstacles(&mut self) {
        let (scenario, dice) = (self.scenario, self.dice);
        for (i, item) in scenario.boxes.iter().enumerate() {
            let path = format!("box[{}]", i + 1);
            let length = dice.number(&format!("{path}.length"), item.length);
            let width = dice.number(&format!("{path}.width"), item.width);
            let pose = pose(dice, &path, item.x, item.y, item.yaw_deg);
            let name = item.name.clone().unwrap_or_else(|| format!("box {}", i + 1));
            self.obstacle(path, name, Outline::Box { length, width }, item.height, pose, item.group.as_deref());
        }
        for (i, item) in scenario.cylinders.iter().enumerate() {
            let path = format!("cylinder[{}]", i + 1);
            let radius = dice.number(&format!("{path}.radius"), item.radius);
            let pose = pose(dice, &path, item.x, item.y, Number::ZERO);
            let name = item.name.clone().unwrap_or_else(|| format!("cylinder {}", i + 1));
            self.obstacle(path, name, Outline::Cylinder { radius }, item.height, pose, item.group.as_deref());
        }
        for (i, item) in scenario.walls.iter().enumerate() {
            let path = format!("wall[{}]", i + 1);
            let at = |k: usize| format!("{path}.path[{}]", k + 1);
            let points: Vec<_> = item.path.iter().enumerate().map(|(k, &point)| dice.point(&at(k), point)).collect();
            let name = item.name.clone().unwrap_or_else(|| format!("wall {}", i + 1));
            for pair in points.windows(2) {
                let [dx, dy] = [pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]];
                // Half a thickness more at both ends closes the corners.
                let outline = Outline::Box { length: libm::hypot(dx, dy) + item.thickness, width: item.thickness };
                let (x, y) = (pair[0][0] + dx / 2.0, pair[0][1] + dy / 2.0);
                let pose = Pose { x, y, yaw: libm::atan2(dy, dx) };
                self.obstacle(path.clone(), name.clone(), outline, item.height, pose, item.group.as_deref());
            }
        }
    }

    fn obstacle(&mut self, path: String, name: String, outline: Outline, height: f64, pose: Pose, group: Option<&str>) {
        let pose = self.placing(group).pose(pose);
        self.world.obstacles.push(plant::Obstacle { name, outline, height, pose });
        self.obstacle_paths.push(path);
    }

    fn actors(&mut self) {
        let dice = self.dice;
        for (i, item) in self.scenario.actors.iter().enumerate() {
            let path = format!("actor[{}]", i + 1);
            let placing = self.placing(item.group.as_deref());
            let at = |k: usize| format!("{path}.path[{}]", k + 1);
            let points = item.path.iter().enumerate();
            let trigger = match item.trigger {
                Trigger::AtS(at) => {
                    plant::Trigger::At(Span::from_secs(dice.number(&format!("{path}.trigger.at_s"), at)))
                }
                Trigger::RobotWithin(near) => {
                    plant::Trigger::RobotWithin(dice.number(&format!("{path}.trigger.robot_within"), near))
                }
            };
            self.world.actors.push(plant::Actor {
                name: item.name.clone().unwrap_or_else(|| format!("actor {}", i + 1)),
                outline: actor_outline(dice, &path, item),
                height: item.height,
                path: points.map(|(k, &point)| placing.point(dice.point(&at(k), point))).collect(),
                speed: dice.number(&format!("{path}.speed"), item.speed),
                trigger,
                repeat: item.repeat,
            });
            self.actor_paths.push(path);
        }
    }

    fn placing(&self, group: Option<&str>) -> Placing {
        let Some((name, group)) = group.and_then(|name| Some((name, self.scenario.groups.get(name)?))) else {
            return Placing { shift: [0.0; 2], mirrored: false };
        };
        let draw = |key: &str, number| self.dice.number(&format!("group.{name}.{key}"), number);
        Placing {
            shift: [draw("shift_x", group.shift_x), draw("shift_y", group.shift_y)],
            mirrored: mirrored(self.dice, &format!("group.{name}.mirror"), group.mirror),
        }
    }

    /// Mirrors the whole course, if the scenario says so.
    fn mirror(&mut self) {
        let placing = Placing { shift: [0.0; 2], mirrored: mirrored(self.dice, "mirror", self.scenario.mirror) };
        let world = &mut self.world;
        world.start = placing.pose(world.start);
        if let Some(goal) = &mut world.goal {
            [goal.x, goal.y] = placing.point([goal.x, goal.y]);
        }
        for obstacle in &mut world.obstacles {
            obstacle.pose = placing.pose(obstacle.pose);
        }
        for point in world.actors.iter_mut().flat_map(|actor| &mut actor.path) {
            *point = placing.point(*point);
        }
    }

    /// What depends on the seed and yet must hold.
    fn check(&self) -> Result<(), ScenarioError> {
        let (scenario, world, seed) = (self.scenario, &self.world, self.dice.0);
        let robot = robot_shape(world);
        let goal = world.goal.map(|goal| Shape::circle([goal.x, goal.y], 0.0));
        let obstacles = world.obstacles.iter().zip(&self.obstacle_paths);
        let obstacles = obstacles.map(|(o, path)| (Shape { outline: o.outline, pose: o.pose }, &o.name, path));
        let actors = world.actors.iter().zip(&self.actor_paths);
        let actors = actors.map(|(a, path)| (standing(a), &a.name, path));
        for (i, (shape, name, path)) in obstacles.chain(actors).enumerate() {
            if robot.near(&shape, 1e-3) {
                let message = format!("the robot starts inside `{name}` (seed {seed})");
                return Err(scenario.error(path, &message, "move it, or move robot.start"));
            }
            if i < world.obstacles.len() && goal.is_some_and(|goal| goal.near(&shape, 1e-3)) {
                let message = format!("the goal lies inside `{name}` (seed {seed})");
                return Err(scenario.error(path, &message, "move it, or move robot.goal"));
            }
        }
        self.check_tick()
    }

    /// In one tick nothing may pass through the robot.
    fn check_tick(&self) -> Result<(), ScenarioError> {
        let (robot, top, short) = match &self.world.robot {
            plant::Robot::Rover(r) => ("rover", r.max_speed, r.length.min(r.width)),
            plant::Robot::Balancer(b) => ("balancer", b.max_speed, b.length.min(b.width)),
        };
        let fastest = self.world.actors.iter().map(|actor| actor.speed).fold(0.0, f64::max);
        let least = (top + fastest) / short;
        if self.world.tick.hz() >= least {
            return Ok(());
        }
        let message = format!("at {} Hz an actor could pass through the {robot} in one tick", self.world.tick.hz());
        let help = format!("set tick_hz to {} or more", least.ceil());
        Err(self.scenario.error("physics.tick_hz", &message, &help))
    }
}

fn robot(scenario: &Scenario, dice: Dice) -> plant::Robot {
    let given = &scenario.robot;
    let set = |to: &mut f64, value: Option<f64>| *to = value.unwrap_or(*to);
    match given.kind {
        RobotKind::Rover => {
            let mut rover = plant::rover_default();
            set(&mut rover.mass, given.mass);
            set(&mut rover.max_speed, given.max_speed);
            set(&mut rover.max_yaw_rate, given.max_yaw_rate);
            set(&mut rover.acceleration, given.acceleration);
            set(&mut rover.braking, given.braking);
            set(&mut rover.yaw_acceleration, given.yaw_acceleration);
            rover.lag = given.lag_ms.map_or(rover.lag, Span::from_ms);
            plant::Robot::Rover(rover)
        }
        RobotKind::Balancer => {
            let mut balancer = plant::balancer_default();
            set(&mut balancer.mass, given.mass);
            set(&mut balancer.max_speed, given.max_speed);
            set(&mut balancer.max_acceleration, given.acceleration);
            set(&mut balancer.omega, given.omega);
            set(&mut balancer.fall_pitch, given.fall_deg.map(f64::to_radians));
            let pitch = given.start_pitch_deg.map(|pitch| dice.number("robot.start_pitch_deg", pitch));
            set(&mut balancer.start_pitch, pitch.map(f64::to_radians));
            plant::Robot::Balancer(balancer)
        }
    }
}

fn mirrored(dice: Dice, path: &str, mirror: Mirror) -> bool {
    match mirror {
        Mirror::No => false,
        Mirror::Yes => true,
        Mirror::Random => dice.unit(path) < 0.5,
    }
}

fn pose(dice: Dice, path: &str, x: Number, y: Number, yaw_deg: Number) -> Pose {
    Pose {
        x: dice.number(&format!("{path}.x"), x),
        y: dice.number(&format!("{path}.y"), y),
        yaw: dice.number(&format!("{path}.yaw_deg"), yaw_deg).to_radians(),
    }
}

fn actor_outline(dice: Dice, path: &str, actor: &Actor) -> Outline {
    match (actor.length, actor.width) {
        (Some(length), Some(width)) => Outline::Box {
            length: dice.number(&format!("{path}.length"), length),
            width: dice.number(&format!("{path}.width"), width),
        },
        _ => Outline::Cylinder { radius: dice.number(&format!("{path}.radius"), actor.radius.unwrap_or(0.25.into())) },
    }
}

/// The robot's footprint at the start.
pub(crate) fn robot_shape(world: &World) -> Shape {
    let (length, width) = match &world.robot {
        plant::Robot::Rover(rover) => (rover.length, rover.width),
        plant::Robot::Balancer(balancer) => (balancer.length, balancer.width),
    };
    Shape { outline: Outline::Box { length, width }, pose: world.start }
}

/// An actor where it waits, facing along its path as it will.
pub(crate) fn standing(actor: &plant::Actor) -> Shape {
    let at = actor.path.first().copied().unwrap_or_default();
    let to = actor.path.get(1).copied().unwrap_or(at);
    let yaw = libm::atan2(to[1] - at[1], to[0] - at[0]);
    Shape { outline: actor.outline, pose: Pose { x: at[0], y: at[1], yaw } }
}

/// A point `distance` from `from` in the direction `heading`, radians.
pub(crate) fn ahead(from: [f64; 2], distance: f64, heading: f64) -> [f64; 2] {
    let [dx, dy] = turn([distance, 0.0], heading);
    [from[0] + dx, from[1] + dy]
}

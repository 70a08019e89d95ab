//! What a viewer draws: Foxglove's messages of the world, the robot, and the ghost of what the network saw.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::Arc;

use foxglove::messages::{
    Color, CubePrimitive, CylinderPrimitive, FrameTransform, FrameTransforms, LaserScan, LinePrimitive, Log, Point3,
    Pose, Quaternion, SceneEntity, SceneUpdate, Timestamp, Vector3, line_primitive, log,
};
use plant::{Observation, Outline, Robot, RobotState, World};
use timing::{Fate, SimTime};

const BLUE: Color = Color { r: 0.16, g: 0.44, b: 0.84, a: 1.0 };
const GREY: Color = Color { r: 0.55, g: 0.55, b: 0.58, a: 1.0 };
const RED: Color = Color { r: 0.85, g: 0.25, b: 0.2, a: 1.0 };
const GREEN: Color = Color { r: 0.2, g: 0.7, b: 0.3, a: 0.4 };
const AMBER: Color = Color { r: 1.0, g: 0.7, b: 0.1, a: 0.35 };

/// Metres above the floor at which lines are seen.
const LINE_HEIGHT: f64 = 0.02;

/// What must be remembered to draw.
pub(crate) struct Scene {
    world: Arc<World>,
    /// Observations of frames that have not ended.
    seen: BTreeMap<u64, Arc<Observation>>,
    behind: Option<Arc<Observation>>,
    /// Where the robot was at each drawing since the frame behind the command in force.
    trail: Vec<(SimTime, [f64; 2])>,
}

impl Scene {
    /// The scene at the start.
    pub fn new(world: Arc<World>) -> Self {
        Self { world, seen: BTreeMap::new(), behind: None, trail: Vec::new() }
    }

    /// Remembers what may become the ghost.
    pub fn observe(&mut self, observation: &Arc<Observation>) {
        self.seen.insert(observation.frame, observation.clone());
    }

    /// A frame's life is over; an applied one is what the network saw from now on.
    pub fn end(&mut self, frame: u64, fate: Fate) {
        let observation = self.seen.remove(&frame);
        if fate == Fate::Applied && observation.is_some() {
            self.behind = observation;
            let since = self.ghost_since();
            self.trail.retain(|(at, _)| *at > since);
        }
    }

    fn ghost_since(&self) -> SimTime {
        self.behind.as_ref().map_or(SimTime::ZERO, |behind| behind.at)
    }

    /// Where the robot was when the network saw the world; before the first command, where it started.
    fn ghost(&self) -> RobotState {
        let start = RobotState { pose: self.world.start, ..RobotState::default() };
        self.behind.as_ref().map_or(start, |behind| behind.robot)
    }

    /// Where the robot starts.
    pub fn start(&self) -> RobotState {
        RobotState { pose: self.world.start, ..RobotState::default() }
    }

    /// Robot and ghost in the world.
    pub fn transforms(&self, at: SimTime, robot: RobotState) -> FrameTransforms {
        let transform = |name: &str, state: RobotState| {
            let pose = pose(state.pose, 0.0, state.pitch);
            FrameTransform {
                timestamp: Some(stamp(at)),
                parent_frame_id: "world".into(),
                child_frame_id: name.into(),
                translation: pose.position,
                rotation: pose.orientation,
            }
        };
        FrameTransforms { transforms: vec![transform("base", robot), transform("ghost", self.ghost())] }
    }

    /// What never moves in its own frame.
    pub fn course(&self) -> SceneUpdate {
        let world = &self.world;
        let mut obstacles = entity(SimTime::ZERO, "world", "obstacles");
        for obstacle in &world.obstacles {
            add(&mut obstacles, obstacle.outline, obstacle.pose, obstacle.height, GREY);
        }
        let mut goal = entity(SimTime::ZERO, "world", "goal");
        if let Some(plant::Goal { x, y, radius }) = world.goal {
            add(&mut goal, Outline::Cylinder { radius }, plant::Pose { x, y, yaw: 0.0 }, LINE_HEIGHT, GREEN);
        }
        let (length, width, height) = match &world.robot {
            Robot::Rover(rover) => (rover.length, rover.width, rover.height),
            Robot::Balancer(balancer) => (balancer.length, balancer.width, balancer.height),
        };
        let body = |frame: &str, id: &str, color| {
            let mut body = SceneEntity { frame_locked: true, ..entity(SimTime::ZERO, frame, id) };
            add(&mut body, Outline::Box { length, width }, plant::Pose::default(), height, color);
            body
        };
        let bodies = [body("base", "robot", BLUE), body("ghost", "ghost of the robot", AMBER)];
        SceneUpdate { deletions: Vec::new(), entities: [obstacles, goal].into_iter().chain(bodies).collect() }
    }

    /// Actors, what the network saw of them, and the path driven since.
    pub fn moving(&mut self, at: SimTime, robot: RobotState, actors: &[plant::Pose]) -> SceneUpdate {
        let world = &self.world;
        let mut now = entity(at, "world", "actors");
        for (actor, pose) in world.actors.iter().zip(actors) {
            add(&mut now, actor.outline, *pose, actor.height, RED);
        }
        let mut seen = entity(at, "world", "actors as seen");
        for thing in self.behind.iter().flat_map(|behind| behind.seen.iter()) {
            // What stands still is where it was.
            if let Some(actor) = thing.index.checked_sub(world.obstacles.len()).and_then(|i| world.actors.get(i)) {
                add(&mut seen, thing.outline, thing.pose, actor.height, AMBER);
            }
        }
        self.trail.push((at, [robot.pose.x, robot.pose.y]));
        let from = self.ghost().pose;
        let path = std::iter::once([from.x, from.y]).chain(self.trail.iter().map(|(_, point)| *point));
        let mut blind = entity(at, "world", "driven blind");
        blind.lines.push(LinePrimitive {
            r#type: line_primitive::Type::LineStrip as i32,
            pose: Some(pose(plant::Pose::default(), LINE_HEIGHT, 0.0)),
            thickness: 4.0,
            scale_invariant: true,
            points: path.map(|[x, y]| Point3 { x, y, z: 0.0 }).collect(),
            color: Some(Color { a: 1.0, ..AMBER }),
            colors: Vec::new(),
            indices: Vec::new(),
        });
        SceneUpdate { deletions: Vec::new(), entities: vec![now, seen, blind] }
    }

    /// A range scan. A beam that met nothing has an infinite range, as viewers expect.
    pub fn scan(&self, observation: &Observation) -> LaserScan {
        let lidar = self.world.lidar;
        let half_step = PI / observation.scan.len().max(1) as f64;
        let range = |&r: &f32| if f64::from(r) < lidar.max_range { f64::from(r) } else { f64::INFINITY };
        LaserScan {
            timestamp: Some(stamp(observation.at)),
            frame_id: "base".into(),
            pose: Some(pose(plant::Pose::default(), lidar.height, 0.0)),
            start_angle: half_step - PI,
            end_angle: PI - half_step,
            ranges: observation.scan.iter().map(range).collect(),
            intensities: Vec::new(),
        }
    }
}

/// An event in words.
pub(crate) fn event(at: SimTime, level: log::Level, message: String) -> Log {
    Log {
        timestamp: Some(stamp(at)),
        level: level as i32,
        message,
        name: "deadtime".into(),
        file: String::new(),
        line: 0,
    }
}

fn stamp(at: SimTime) -> Timestamp {
    let nanos = at.0.max(0);
    Timestamp::new(
        u32::try_from(nanos / timing::NANOS_PER_SEC).unwrap_or(u32::MAX),
        (nanos % timing::NANOS_PER_SEC) as u32,
    )
}

/// Something that stays until the next of its name.
fn entity(at: SimTime, frame: &str, id: &str) -> SceneEntity {
    SceneEntity { timestamp: Some(stamp(at)), frame_id: frame.into(), id: id.into(), ..SceneEntity::default() }
}

/// A thing that stands on the floor.
fn add(entity: &mut SceneEntity, outline: Outline, at: plant::Pose, height: f64, color: Color) {
    let (pose, color) = (Some(pose(at, height / 2.0, 0.0)), Some(color));
    match outline {
        Outline::Box { length, width } => {
            entity.cubes.push(CubePrimitive { pose, size: Some(Vector3 { x: length, y: width, z: height }), color });
        }
        Outline::Cylinder { radius } => entity.cylinders.push(CylinderPrimitive {
            pose,
            size: Some(Vector3 { x: 2.0 * radius, y: 2.0 * radius, z: height }),
            bottom_scale: 1.0,
            top_scale: 1.0,
            color,
        }),
    }
}

/// Yaw about z, then pitch about the new y (positive forward).
fn pose(at: plant::Pose, z: f64, pitch: f64) -> Pose {
    let ((sy, cy), (sp, cp)) = ((at.yaw / 2.0).sin_cos(), (pitch / 2.0).sin_cos());
    Pose {
        position: Some(Vector3 { x: at.x, y: at.y, z }),
        orientation: Some(Quaternion { x: -sy * sp, y: cy * sp, z: sy * cp, w: cy * cp }),
    }
}

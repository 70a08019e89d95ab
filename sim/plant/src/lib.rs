//! The world that obeys physics: robot, obstacles, actors, sensors, ground truth.
//!
//! [`World`] is constant, [`Plant`] changes, and [`Plant::step`] is the one seam where control enters: it takes the
//! commands that held during a tick as [`Piece`]s cut at exact instants, and commits the tick. [`Plant::observe`]
//! samples the world at any instant inside the tick.
//!
//! The state is planar and double precision. Motion is integrated in closed form (a balancer's pitch by Runge-Kutta),
//! so a tick rate decides only when contacts resolve. Whether something is touched is decided by exact geometry; Rapier
//! then says what the contact does. Rapier keeps nothing from one tick to the next, so a [`Plant`] is the whole state:
//! a clone is a fork.
//!
//! ```
//! use std::sync::Arc;
//! use plant::{Command, Lidar, Piece, Plant, Pose, Robot, World, rover_default};
//! use timing::Rate;
//!
//! let world = World {
//!     tick: Rate::from_hz(240.0).unwrap(),
//!     robot: Robot::Rover(rover_default()),
//!     start: Pose::default(),
//!     start_speed: 2.0,
//!     goal: None,
//!     obstacles: vec![],
//!     actors: vec![],
//!     lidar: Lidar { beams: 360, max_range: 10.0, height: 0.2, noise: 0.0 },
//!     camera: None,
//!     seed: 1,
//! };
//! let mut plant = Plant::new(Arc::new(world))?;
//! while plant.robot().linear > 0.0 {
//!     plant.step(&[Piece { from: plant.tick_start(), command: Command::STOP }]);
//! }
//! assert!((plant.robot().pose.x - 1.0).abs() < 1e-9); // v^2 / (2 b) = 2^2 / (2 * 2)
//! # Ok::<(), plant::PlantError>(())
//! ```

mod actors;
mod balance;
mod camera;
mod check;
mod contact;
mod digest;
mod drive;
mod geometry;
mod lidar;
mod model;
mod noise;
mod plant;
mod robots;
mod scene;
mod state;

pub use actors::ActorState;
pub use balance::GRAVITY;
pub use check::PlantError;
pub use model::*;
pub use plant::Plant;
pub use robots::{balancer_default, rover_default};
pub use state::*;

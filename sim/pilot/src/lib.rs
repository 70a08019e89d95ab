//! From what the robot senses to what it does: encode for and decode from a network, the expert, the simple pilots, and
//! what can be done about late commands. No clock, no thread, no runtime.
//!
//! A [`Contract`] says what a network is fed and what it answers; [`Input`] is what a pilot looks at.
//!
//! ```
//! use pilot::{Contract, GRID};
//! // A network that is sure of full speed straight on.
//! let mut logits = vec![0.0; GRID.len()];
//! logits[GRID.class(4, 6)] = 20.0;
//! let plant::Command::Twist { linear, angular } = Contract::Rover.decode(&logits, 2.0)? else { unreachable!() };
//! assert_eq!(linear, 2.0);
//! assert!(angular.abs() < 1e-6);
//! # Ok::<(), pilot::NotFinite>(())
//! ```

mod balance;
mod contract;
mod expert;
mod grid;
mod motion;
mod simple;

pub use balance::balance_expert;
pub use contract::{Contract, Input, NotFinite, Tensor, TensorSpec};
pub use expert::{Decision, expert};
pub use grid::{GRID, Grid};
pub use motion::{governor, predict, reproject};
pub use simple::{brake_on_sight, straight};

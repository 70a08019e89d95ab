//! The window: a Bevy scene and egui panels over a simulation that runs in a thread of its own.
//!
//! The only crate that names Bevy or egui. [`run`] opens the window; whoever calls it passes a [`Launcher`], which sets runs up,
//! so that the window can do nothing that the command line cannot. The thread named `simulation` drives the same `Episode` as the
//! command line does and leaves a [`snapshot::Snapshot`], plain data, at every instant; a frame draws the newest and never
//! waits. Changes by a person go to the episode as edits with their time. Panels are functions over plain structs.

#![allow(
    clippy::too_many_arguments,
    clippy::type_complexity,
    reason = "the arguments of a Bevy system are what it reads and writes"
)]

mod app;
mod camera;
mod card;
mod desk;
mod director;
mod dropped;
mod film;
mod gather;
mod gauge;
mod ghost;
mod history;
mod hud;
mod instrument;
mod keys;
mod lab_panel;
pub mod labs;
mod lane;
mod lanes;
mod latency;
mod launch;
mod limit;
mod markdown;
mod memory;
mod panel;
pub mod phase;
mod phase_panel;
mod player;
mod plots;
mod probe;
mod ribbons;
mod robot;
mod scene;
mod script;
mod seen;
mod shade;
mod shapes;
mod shot;
mod sim_thread;
pub mod snapshot;
mod theme;
mod timeline;
mod undo;
mod waterfall;
mod window;
mod work;

pub use app::{leave, run};
pub use desk::{Action, Desk};
pub use gauge::Gauge;
pub use instrument::Instrument;
pub use launch::{Choice, Choices, Kept, Launched, Launcher, OpenedLog, Settings, ViewError, ViewOptions};
pub use memory::Memory;
pub use probe::probe;
pub use script::{Cue, Script};
pub use sim_thread::{Knob, Order};
pub use waterfall::Stretch;

//! Everything in TOML that people write: scenarios, device profiles, test sets, labs.
//!
//! [`load`] reads a file into a [`Scenario`], plain data that says what the file says; [`Scenario::setup`] fixes what it
//! leaves to the seed and gives a [`Setup`], all that an episode needs. A mistake is a [`ScenarioError`] that shows
//! file, line, caret and remedy.
//!
//! ```
//! let text = r#"
//!     title = "An open floor"
//!     duration_s = 10
//!     [robot]
//!     goal = { x = { min = 4, max = 6 }, y = 0 }
//!     [controller]
//!     pilot = "straight"
//! "#;
//! let scenario = scenario::parse(text, "floor.toml").unwrap();
//! let goal = scenario.setup(7).unwrap().world.goal.unwrap();
//! assert!((4.0..=6.0).contains(&goal.x));
//! ```

mod check;
mod device;
mod error;
mod expect;
pub mod format;
pub mod lab;
mod latency;
mod network;
mod number;
mod profile;
mod read;
mod scatter;
mod set;
mod setup;
mod shape;
mod sweep;
mod vary;
mod world;

pub use device::{
    DeviceSpec, Mode, Roofline, RooflinePoint, Runtime, Workload, device, median_ms, names_network, roofline,
};
pub use error::{ScenarioError, did_you_mean, nearest};
pub use expect::{Bounds, Check, Critical, Expect, Facts, Outcome, Rate};
pub use format::{Conditions, Scenario};
pub use lab::{Lab, Metric, find_labs, lab_name, lab_schema, load_lab, parse_lab};
pub use latency::{Compensation, Latency};
pub use network::{NO_NETWORK, network, networks};
pub use number::{Number, Point};
pub use profile::{profile, profiles};
pub use read::{find_scenarios, load, parse, schema};
pub use set::{Seeds, TestSet, load_set};
pub use setup::{PilotSpec, Setup};
pub use sweep::{Axis, Grid, SweepPlan, load_sweep, parse_sweep, sweep_of, sweep_schema};

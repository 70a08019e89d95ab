//! The loop, without input or output: one value, [`Episode`]; clone it to fork time. [`Driver`] paces it and talks to
//! the inference worker.

mod chunks;
mod digest;
mod drive;
mod episode;
mod error;
mod fit;
mod log;
mod mind;
mod request;
mod stats;
mod summary;
mod verdict;

pub use chunks::chunks_possible;
pub use drive::{Answer, Driver, Pumped, Supply, Turn};
pub use episode::{Episode, batch_size};
pub use error::EpisodeError;
pub use fit::{Misfit, fit};
pub use log::{Entry, TickEntry};
pub use request::{Change, Edit, Failure, NewPilot, Prediction, Request, Status};
pub use scenario::Outcome;
pub use stats::{Percentiles, Stats};
pub use summary::{AgeMs, DeviceReport, LinkAllOut, OverheadUs, Summary};
pub use verdict::Story;

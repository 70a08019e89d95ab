//! Runs on disk: logs that replay bit for bit, and traces of latency.
//!
//! A log is an MCAP file. [`Writer`] makes one while a run goes on, [`Keeper`] one after another on a thread of its own,
//! [`read`] takes back what a replay needs. A trace holds service times alone; [`trace`] takes one from a trace file or
//! from a log.
//!
//! # What a log holds
//!
//! `log_time` is simulated time in nanoseconds. A metadata record `deadtime` repeats the header for people and tools.
//!
//! | topic | content |
//! |---|---|
//! | `/tf` | where the robot is (`base`) and where it was when the network saw the world behind the command in force (`ghost`), at most 60 Hz |
//! | `/course` | what never moves, once: obstacles, goal, the bodies of robot and ghost |
//! | `/scene` | actors, what the network saw of them, the path driven blind, at most 20 Hz |
//! | `/scan` | range scans, at most 10 Hz |
//! | `/log` | events in words |
//! | `deadtime/header` | [`Header`], the first message |
//! | `deadtime/prediction` | every answer, bit for bit |
//! | `deadtime/failure` | every inference that brought none |
//! | `deadtime/edit` | every change that a person made |
//! | `deadtime/frame` | the life of every frame, with its stages |
//! | `deadtime/tick` | the digests of *all* ticks; robot, command, age, blind distance and clearance of the last, at most 60 Hz |
//! | `deadtime/summary` | the last message of a run that came to its end |
//!
//! The first five are Foxglove's own messages in Protobuf; the others are JSON with a schema. JSON has no NaN, no
//! infinity and no promise about the last bit, so numbers that must come back exactly are integers, or hexadecimal bits:
//! eight digits a `f32`, sixteen a `f64` or a digest. Numbers beside them are for plots.
//!
//! # Cut and damaged logs
//!
//! Chunks are short, uncompressed and carry checksums. [`read`] takes all chunks up to the first that is cut or damaged,
//! and says whether that was all ([`Recording::complete`]).

mod bag;
mod bits;
mod channel;
mod edit;
mod error;
mod file;
mod header;
mod import;
mod keeper;
mod life;
mod mcap_file;
mod message;
mod place;
mod reader;
mod scene;
mod schema;
mod trace;
mod writer;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod writer_tests;

pub use bag::import_bag;
pub use error::RecordError;
pub use file::write as write_whole;
pub use header::{FORMAT, Header};
pub use import::{Columns, Unit, import_csv};
pub use keeper::{Keeper, Kept};
pub use place::Place;
pub use reader::{Recording, read};
pub use trace::{trace, write_trace};
pub use writer::Writer;

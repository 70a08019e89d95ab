//! Time: the clock, the stages of an inference, where their durations come from, and the delay line they pass.
//!
//! Pure data and maths. Simulated time is integer nanoseconds; nothing here reads a clock, and every draw is a hash of
//! a seed and what the draw is for.

mod chunks;
mod device;
mod formulas;
mod hash;
mod line;
mod network;
mod schedule;
mod source;
mod stage;
mod time;

pub use chunks::{Chunks, Infeasible};
pub use device::{Body, Device, Heat, Thermal, Warmth};
pub use formulas::*;
pub use hash::{Stream, draw, draw_unit};
pub use line::{Control, Counts, Event, Fate, Frame, Line, LineConfig, Serving};
pub use network::{JITTER_CUT, Loss, Network, Way};
pub use schedule::Schedule;
pub use source::{Adjustment, BLOCK_LENGTH, IDLE_BINS, Profile, Sample, Source, Trace};
pub use stage::{ServiceTime, Stage};
pub use time::{Clock, NANOS_PER_SEC, Rate, SimTime, Span};

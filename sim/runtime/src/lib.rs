//! Tensors in, tensors out, timed. Knows no robot.

// Clocks are read in this crate and in the pacing loop, nowhere else: here they time the network itself.
#![allow(clippy::disallowed_methods, reason = "the crate that measures inference reads the monotonic clock")]

mod engine;
mod error;
mod options;
mod rung;
mod tensor;

pub use engine::{Engine, EngineInfo, Watch};
pub use error::RuntimeError;
pub use options::{Isolation, Optimisation, Options, Precision};
pub use rung::{Requested, Rung};
pub use tensor::{Data, Element, ModelInfo, Tensor, TensorSpec};

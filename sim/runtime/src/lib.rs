//! Tensors in, tensors out, timed. Knows no robot.
//!
//! [`load`] reads a model once, refuses what must not reach an engine, walks the ladder of [`Rung`]s (TensorRT, CUDA, ONNX
//! Runtime on the processor, the built-in rten) and hands over an [`Engine`] that is warm. A [`Worker`] runs it on a thread
//! of its own; [`measure`] measures it at the cadence of the loop it will serve; [`Rows`] shares it among many who ask at once.
//!
//! What holds here:
//! - The rung that was asked for by name is obtained or is an error; a rung passed over on the way has its one-line reason
//!   in [`EngineInfo::refused`].
//! - The stages of a [`ServiceTime`](timing::ServiceTime) are contiguous: they add up to stop less start.
//! - While an inference runs, [`Worker::elapsed`] never reports more than its service time will turn out to be.
//! - Engines are given bytes, never paths: no file is opened because a model names it, except by the pre-flight, which
//!   follows no link and leaves no folder.
//! - A model that is not trusted by its SHA-256 runs in a child process; whatever becomes of that process is an error of
//!   one inference.
//! - One thread within an operator and no spinning by default: beside a control loop a second thread gains nothing at its
//!   cadence, and spinning burns the core that the loop needs.

// Clocks are read in this crate and in the pacing loop, nowhere else: here they time the network itself.
#![allow(clippy::disallowed_methods, reason = "the crate that measures inference reads the monotonic clock")]

mod anatomy;
mod bindings;
mod cache;
mod child;
mod contamination;
mod declared;
mod driver;
mod embedded;
mod engine;
mod engine_cache;
mod error;
mod fetch;
mod fusion;
mod graph;
mod ladder;
mod lanes;
mod library;
mod limits;
mod measure;
mod model;
mod nvml;
mod onnxruntime;
mod options;
mod pieces;
mod power;
mod protocol;
mod rows;
mod rung;
mod serve;
mod shared;
mod synthetic;
mod tensor;
mod tensorrt;
mod together;
mod waiting;
mod wire;
mod worker;

pub use anatomy::{Anatomy, anatomy};
pub use contamination::Witness;
pub use engine::{Engine, EngineInfo, Watch};
pub use error::RuntimeError;
pub use fusion::{Optimised, dissect_main, fusion};
pub use ladder::{load, survey};
pub use lanes::{block_on, in_lanes};
pub use limits::{Limits, limits};
pub use measure::{MeasureOptions, Measurement, OVERRUN, measure, measure_on, unsteady};
pub use model::inspect;
pub use onnxruntime::refuse_telemetry;
pub use options::{Isolation, Optimisation, Options, Precision};
pub use pieces::{Piece, gpu_pieces, has_gpu};
pub use power::{Meter, Power};
pub use rows::{ROWS, Row, Rows};
pub use rung::{Requested, Rung};
pub use serve::engine_main;
pub use synthetic::synthetic_inputs;
pub use tensor::{Data, Element, ModelInfo, Tensor, TensorSpec};
pub use together::{Together, measure_together};
pub use worker::{Failure, Finished, Job, Running, Worker};

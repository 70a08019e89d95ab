//! Networks that run on the hardware that will carry them, near or far: [`connect`] makes an [`runtime::Engine`] of any server
//! of the Open Inference Protocol, [`serve`] is such a server. The only crate that names `tonic`.
//!
//! What holds here:
//! - Every call has a time; what takes longer, or is garbage, is an error of one inference. After three running the target is not
//!   asked again.
//! - A server of ours tells how long a frame was with it, by its own clock and by stage; what is left of the round trip is the
//!   link, which delays the command and occupies nothing. No two clocks are ever compared.
//! - Of the link only the sum is measured. It is told in two halves, and each may be off by half of it.
//! - A server that tells nothing is taken as busy for the whole round trip, and that is said.
//! - It listens on loopback; any other address needs a token.

// Round trips and residences are measured here, by the monotonic clock.
#![allow(clippy::disallowed_methods, reason = "a round trip and a residence are measured by a clock")]

mod address;
mod client;
mod error;
mod residence;
mod rest;
mod server;
mod tensors;

use std::time::Instant;

use timing::Span;

pub use address::Address;
pub use client::{TargetOptions, connect};
pub use error::TargetError;
pub use residence::Residence;
pub use server::{ServeOptions, Served, serve};

/// The protocol's messages, made by `build.rs` of `proto/open_inference.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod wire {
    tonic::include_proto!("inference");
}

/// The largest message either side takes: a batch of large images. No output of a pilot comes near.
const MAX_MESSAGE: usize = 64 << 20;

fn span(from: Instant, to: Instant) -> Span {
    Span(to.saturating_duration_since(from).as_nanos() as i64)
}

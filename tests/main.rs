//! The promises of the program, one file a promise, one binary.

mod braking;
mod cli;
mod determinism;
mod replay;
mod support;
mod walls;

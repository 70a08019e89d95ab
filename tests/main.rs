//! The promises of the program, one file a promise, one binary.

mod balance;
mod blame;
mod braking;
mod cli;
mod compare;
mod determinism;
mod lesson;
mod models;
mod replay;
mod scenarios;
mod support;
mod target;
mod walls;

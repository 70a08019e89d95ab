//! The promises of the program, one file a promise, one binary.

mod balance;
mod blame;
mod braking;
mod budget;
mod chunks;
mod cli;
mod compare;
mod compensation;
mod determinism;
mod device;
mod expect;
mod fidelity;
mod labs;
mod lesson;
mod models;
mod phase_maps;
mod replay;
mod report;
mod scenarios;
mod schedules;
mod support;
mod sweep;
mod target;
mod timeline;
mod walls;

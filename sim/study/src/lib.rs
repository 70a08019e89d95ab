//! Experiments over episodes: many runs of the same pilots on the same cases, and what can be said of them.
//!
//! [`compare`] drives every pilot over every scenario and seed, without latency and with its own, and tests the differences.
//! Engines are handed in by a closure, so that nothing here knows how a model is found, trusted or isolated.
//!
//! What holds here:
//! - Every pilot meets the same cases: a scenario, a seed, and with it the same world, noise and draws of latency.
//! - A latency is measured alone on the machine, before any episode runs, and then replayed: episodes that run side by side
//!   load the cores and may not be timed.
//! - The result does not depend on how many jobs ran it.

mod ages;
mod blame;
mod budget;
mod candidates;
mod chart;
mod compare;
mod compensation;
mod contest;
mod course;
mod devices;
mod drive;
mod error;
mod expectation;
mod held_out;
mod html;
mod labs;
mod latency;
mod page;
mod phase;
mod pool;
mod prober;
mod proportion;
mod report;
mod roofline;
mod runs;
mod schedules;
mod sweep;
mod table;
mod verdict;

pub use ages::Ages;
pub use blame::{Accused, Blame, Inquiry, Interval, Part, Tried, Verdict, WhatIf, blame, blame_chart};
pub use budget::{AtSpeed, Budget, OverNetwork, Question, budget, budget_chart};
pub use candidates::{Candidate, devices, measured, modelled, stored};
pub use chart::{latency_chart, success_chart};
pub use compare::{Plan, compare};
pub use compensation::{
    CompensationPlan, CompensationStudy, WayReport, WayTest, compensation, compensation_chart, compensation_page,
    compensation_text,
};
pub use contest::Entrant;
pub use course::Course;
pub use devices::{HeldOut as HeldOutPoint, RooflineReport, RuntimeFit, roofline_report};
pub use drive::Trial;
pub use error::StudyError;
pub use expectation::{Proved, prove};
pub use held_out::{HELD_OUT_FROM, TOLERANCE_M};
pub use labs::{Bench, Held, Judged, RunResult, Settled, run_line, settle, settled_text};
pub use latency::{engine_name, pilot_named, runtime_line, source, source_of, trace_of, workload};
pub use page::page;
pub use phase::{Diagram, phase_chart, phase_grid};
pub use pool::{Load, Progress};
pub use prober::Prober;
pub use proportion::{CONFIDENCE, Estimate, Pairs, holm, mean_effect, wilson};
pub use report::{
    AgeMs, Case, Comparison, Driven, LatencyMs, ModelReport, Paired, ScenarioReport, ScenarioSource, SeedSource,
    SwapCell, SwapReport, TestReport,
};
pub use roofline::{Machine, Spot, roofline_chart};
pub use runs::{ReportPlan, ResultFile, Run, runs_page};
pub use schedules::{
    Comb, CombRow, Cost, Expected, SchedulePlan, ScheduleRow, ScheduleStudy, comb_chart, schedule_table, schedules,
    schedules_page, schedules_text, throughput_chart,
};
pub use sweep::{Merged, Row, Running, Shard, Sweep, merge, write as write_result};
pub use table::table;

/// SHA-256, lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    use std::fmt::Write;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

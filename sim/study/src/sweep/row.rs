//! One episode of a sweep.

use crate::Trial;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Words.
    Text,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A truth value.
    Flag,
}

/// A column of the result.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name, with the unit.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be empty: null in Parquet.
    pub optional: bool,
}

const fn column(name: &'static str, kind: Kind, optional: bool) -> Column {
    Column { name, kind, optional }
}

/// The columns after those of the axes.
pub const COLUMNS: [Column; 19] = [
    column("seed", Kind::Whole, false),
    column("outcome", Kind::Text, false),
    column("collided", Kind::Flag, false),
    column("time_s", Kind::Number, false),
    column("min_clearance_m", Kind::Number, true),
    column("impact_speed_mps", Kind::Number, true),
    column("age_peak_ms", Kind::Number, true),
    column("age_p99_ms", Kind::Number, true),
    column("blind_m_max", Kind::Number, false),
    column("processed", Kind::Whole, false),
    column("dropped", Kind::Whole, false),
    column("superseded", Kind::Whole, false),
    column("lost", Kind::Whole, false),
    column("unusable", Kind::Whole, false),
    column("modelled", Kind::Flag, false),
    column("trusted", Kind::Flag, false),
    column("runtime", Kind::Text, false),
    column("scenario_sha256", Kind::Text, false),
    column("digest", Kind::Text, false),
];

/// One episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which variant.
    pub seed: u64,
    /// goal, collision, fall or timeout.
    pub outcome: String,
    /// Whether it touched something.
    pub collided: bool,
    /// When it ended, simulated seconds.
    pub time_s: f64,
    /// Smallest distance to anything, metres; `None` when there is nothing.
    pub min_clearance_m: Option<f64>,
    /// Closing speed of the collision, m/s.
    pub impact_speed: Option<f64>,
    /// Highest age of the command in force, ms; `None` when none took hold.
    pub age_peak_ms: Option<f64>,
    /// 99th percentile of that age over the ticks, ms.
    pub age_p99_ms: Option<f64>,
    /// Longest path driven on one frame, metres.
    pub blind_m: f64,
    /// Inferences started, frames never inferred, results after a newer one, inferences that failed or were late, outputs
    /// that were no numbers.
    pub counts: [u64; 5],
    /// Whether the latency is a device's published numbers.
    pub modelled: bool,
    /// Whether latency, inferences and physics can be relied upon.
    pub trusted: bool,
    /// The runtime obtained, `none` without a network.
    pub runtime: String,
    /// Of the text of the cell's scenario.
    pub scenario_sha256: String,
    /// The rolling digest of the last tick.
    pub digest: u64,
}

impl Row {
    pub(crate) fn of(seed: u64, trial: &Trial, modelled: bool, trusted: bool, runtime: String, hash: &str) -> Self {
        Self {
            seed,
            outcome: trial.outcome.to_string(),
            collided: trial.outcome == scenario::Outcome::Collision,
            time_s: trial.seconds,
            min_clearance_m: trial.clearance,
            impact_speed: trial.impact_speed,
            age_peak_ms: trial.age_peak.map(timing::Span::ms),
            age_p99_ms: trial.ages.percentile(0.99),
            blind_m: trial.blind_max,
            counts: [trial.inferences, trial.dropped, trial.superseded, trial.lost, trial.unusable],
            modelled,
            trusted: trusted && trial.failures.is_empty() && !trial.invalid,
            runtime,
            scenario_sha256: hash.to_owned(),
            digest: trial.digest,
        }
    }

    /// As the columns of `COLUMNS` hold it; empty for what is not there. Numbers come back as they were.
    pub fn texts(&self) -> Vec<String> {
        let optional = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let [processed, dropped, superseded, lost, unusable] = self.counts.map(|n| n.to_string());
        vec![
            self.seed.to_string(),
            self.outcome.clone(),
            self.collided.to_string(),
            self.time_s.to_string(),
            optional(self.min_clearance_m),
            optional(self.impact_speed),
            optional(self.age_peak_ms),
            optional(self.age_p99_ms),
            self.blind_m.to_string(),
            processed,
            dropped,
            superseded,
            lost,
            unusable,
            self.modelled.to_string(),
            self.trusted.to_string(),
            self.runtime.clone(),
            self.scenario_sha256.clone(),
            format!("{:016x}", self.digest),
        ]
    }
}

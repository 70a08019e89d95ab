//! The numbers that a lab may ask for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of a run: as `deadtime run --json` names it, or one of all its seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Metric {
    /// Share of the seeds that ended by touching something
    #[serde(rename = "collided")]
    Collided,
    /// Share of the seeds that reached the goal, or, where there is none, lasted until the end
    #[serde(rename = "reached")]
    Reached,
    /// Service time of the device (pre-processing to post-processing), median, ms
    #[serde(rename = "service_ms.p50")]
    ServiceP50,
    /// Service time, 99th percentile, ms
    #[serde(rename = "service_ms.p99")]
    ServiceP99,
    /// Frames a second whose inference ended
    #[serde(rename = "processed_hz")]
    ProcessedHz,
    /// Simulated length, s
    #[serde(rename = "sim_seconds")]
    SimSeconds,
    /// Inferences started
    #[serde(rename = "inferences")]
    Inferences,
    /// Frames never inferred
    #[serde(rename = "dropped")]
    Dropped,
    /// Results that came after a newer one
    #[serde(rename = "superseded")]
    Superseded,
    /// Inferences that missed the deadline, or frames that the network lost
    #[serde(rename = "lost")]
    Lost,
    /// From capture to application, median, ms
    #[serde(rename = "latency_ms.p50")]
    LatencyP50,
    /// From capture to application, 99th percentile, ms
    #[serde(rename = "latency_ms.p99")]
    LatencyP99,
    /// From capture to application, largest, ms
    #[serde(rename = "latency_ms.max")]
    LatencyMax,
    /// Age of the command in force, median, ms
    #[serde(rename = "age_ms.p50")]
    AgeP50,
    /// Age of the command in force, 99th percentile, ms
    #[serde(rename = "age_ms.p99")]
    AgeP99,
    /// Age of the command in force, highest peak, ms
    #[serde(rename = "age_ms.max")]
    AgeMax,
    /// Longest path driven on one frame, m
    #[serde(rename = "blind_m_max")]
    BlindMax,
    /// Smallest distance to anything, m
    #[serde(rename = "min_clearance_m")]
    MinClearance,
    /// Closing speed of the collision, m/s
    #[serde(rename = "impact_speed")]
    ImpactSpeed,
}

impl Metric {
    /// All of them, in the order in which lists show them.
    pub const ALL: [Self; 19] = [
        Self::Collided,
        Self::Reached,
        Self::ServiceP50,
        Self::ServiceP99,
        Self::ProcessedHz,
        Self::SimSeconds,
        Self::Inferences,
        Self::Dropped,
        Self::Superseded,
        Self::Lost,
        Self::LatencyP50,
        Self::LatencyP99,
        Self::LatencyMax,
        Self::AgeP50,
        Self::AgeP99,
        Self::AgeMax,
        Self::BlindMax,
        Self::MinClearance,
        Self::ImpactSpeed,
    ];

    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collided => "collided",
            Self::Reached => "reached",
            Self::ServiceP50 => "service_ms.p50",
            Self::ServiceP99 => "service_ms.p99",
            Self::ProcessedHz => "processed_hz",
            Self::SimSeconds => "sim_seconds",
            Self::Inferences => "inferences",
            Self::Dropped => "dropped",
            Self::Superseded => "superseded",
            Self::Lost => "lost",
            Self::LatencyP50 => "latency_ms.p50",
            Self::LatencyP99 => "latency_ms.p99",
            Self::LatencyMax => "latency_ms.max",
            Self::AgeP50 => "age_ms.p50",
            Self::AgeP99 => "age_ms.p99",
            Self::AgeMax => "age_ms.max",
            Self::BlindMax => "blind_m_max",
            Self::MinClearance => "min_clearance_m",
            Self::ImpactSpeed => "impact_speed",
        }
    }

    /// Of one number for all seeds together there is no median.
    pub fn of_all_seeds(self) -> bool {
        matches!(self, Self::Collided | Self::Reached | Self::ServiceP50 | Self::ServiceP99)
    }

    /// What follows a number; empty for shares and counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Collided | Self::Reached | Self::Inferences | Self::Dropped | Self::Superseded | Self::Lost => "",
            Self::ProcessedHz => " a second",
            Self::SimSeconds => " s",
            Self::BlindMax | Self::MinClearance => " m",
            Self::ImpactSpeed => " m/s",
            _ => " ms",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_messages_use_one_name() {
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
    }
}

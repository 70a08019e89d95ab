//! What a run came to: the object that `deadtime run --json` prints.

use serde::Serialize;
use timing::Warmth;

use crate::{Episode, Outcome, Percentiles, Story};

/// Age of the command in force over time, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AgeMs {
    /// Median over the ticks' ends.
    pub p50: f64,
    /// 99th percentile over the ticks' ends.
    pub p99: f64,
    /// The highest peak.
    pub max: f64,
}

/// Harness time of an inference, outside simulated time, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct OverheadUs {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// What a modelled device came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DeviceReport {
    /// Heat, power and battery at the end.
    #[serde(flatten)]
    pub warmth: Warmth,
    /// What the device took for each metre of the way, J; null where the robot did not move.
    pub energy_j_per_m: Option<f64>,
}

/// What a run on a device elsewhere would have come to if all of the measured link lay on the way out. In the run itself all of it
/// lies on the way back: a round trip tells only the sum, and these are its two extremes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LinkAllOut {
    /// How it ended.
    pub outcome: Outcome,
    /// Things touched.
    pub collisions: u32,
    /// Frames never inferred.
    pub dropped: u64,
    /// `a - c` of applied frames.
    pub latency_ms: Percentiles,
    /// Age of the command in force.
    pub age_ms: AgeMs,
    /// Smallest distance to anything, metres; null when there is nothing.
    pub min_clearance_m: Option<f64>,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Name of the scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Things touched.
    pub collisions: u32,
    /// Simulated seconds.
    pub sim_seconds: f64,
    /// Wall seconds.
    pub wall_seconds: f64,
    /// Simulated over wall.
    pub realtime_factor: f64,
    /// The runtime that ran the network, with its version; `none` without a network.
    pub runtime: String,
    /// The network, or the pilot that needs none.
    pub model: String,
    /// Where the latency came from.
    pub latency: String,
    /// Whether that is a model of a device rather than a measurement or a setting.
    pub modelled: bool,
    /// Inferences started.
    pub inferences: u64,
    /// Frames never inferred.
    pub dropped: u64,
    /// Results that came after a newer one.
    pub superseded: u64,
    /// Inferences that missed the deadline or failed.
    pub lost: u64,
    /// Frames still on the way at the end.
    pub in_flight: u64,
    /// Outputs that were not finite.
    pub unusable: u64,
    /// Action chunks that were over before the next took over.
    pub ran_out: u64,
    /// `a - c` of applied frames.
    pub latency_ms: Percentiles,
    /// The measured link to a device elsewhere and back; half of it is how far its split may be off. Zero where there is none.
    pub link_ms: Percentiles,
    /// The other extreme of how that link splits; left out where there is none, or nobody drove it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_all_out: Option<LinkAllOut>,
    /// Age of the command in force.
    pub age_ms: AgeMs,
    /// Longest path driven on one frame, metres.
    pub blind_m_max: f64,
    /// Smallest distance to anything, metres; null when there is nothing.
    pub min_clearance_m: Option<f64>,
    /// Observation encoded, output decoded, book-keeping.
    pub overhead_us: OverheadUs,
    /// Handing a frame to the worker and its result back.
    pub hand_over_us: OverheadUs,
    /// The rolling digest of the last tick, hexadecimal.
    pub digest: String,
    /// The modelled device, where one answered; null elsewhere.
    pub device: Option<DeviceReport>,
    /// Whether the measurement behind it can be relied upon.
    pub trusted: bool,
    /// If not, why.
    pub complaints: Vec<String>,
    /// The collision, if there was one.
    pub story: Option<Story>,
}

impl Summary {
    /// What `episode` alone can say; whoever drove it fills in the rest.
    pub fn of(episode: &Episode) -> Self {
        let stats = episode.stats();
        let counts = episode.line().counts();
        let ages = Percentiles::of(&stats.ages);
        Self {
            scenario: episode.setup().name.clone(),
            seed: episode.setup().seed,
            outcome: episode.outcome().unwrap_or(Outcome::Timeout),
            collisions: stats.collisions,
            sim_seconds: episode.plant().tick_start().secs(),
            wall_seconds: 0.0,
            realtime_factor: 0.0,
            runtime: "none".into(),
            model: String::new(),
            latency: String::new(),
            modelled: episode.line().source().modelled(),
            inferences: stats.inferences,
            dropped: counts.dropped,
            superseded: counts.superseded,
            lost: counts.lost,
            in_flight: counts.in_flight,
            unusable: stats.unusable,
            ran_out: stats.ran_out,
            latency_ms: Percentiles::of(&stats.latencies),
            link_all_out: None,
            link_ms: Percentiles::of(&stats.links),
            age_ms: AgeMs { p50: ages.p50, p99: ages.p99, max: stats.age_peak.ms() },
            blind_m_max: stats.blind_max,
            min_clearance_m: Some(stats.min_clearance).filter(|m| m.is_finite()),
            overhead_us: OverheadUs::default(),
            hand_over_us: OverheadUs::default(),
            digest: format!("{:016x}", episode.digest()),
            device: device(episode),
            trusted: true,
            complaints: Vec::new(),
            story: episode.story().cloned(),
        }
    }
}

fn device(episode: &Episode) -> Option<DeviceReport> {
    let warmth = episode.line().warmth(episode.plant().tick_start())?;
    let way = episode.plant().robot().odometer;
    Some(DeviceReport { warmth, energy_j_per_m: (way > 0.01).then(|| warmth.energy_j / way) })
}

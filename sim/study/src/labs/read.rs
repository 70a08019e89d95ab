//! What one episode of a lab says, and what all of a run say together.

use episode::{Episode, Summary};
use scenario::lab::Over;
use scenario::{Metric, Outcome};

use super::Ran;
use crate::course::succeeded;
use crate::report::median;

/// The numbers of one episode.
pub(super) struct Reading {
    pub summary: Summary,
    pub success: bool,
    /// Frames a second whose inference ended.
    pub processed_hz: f64,
    pub failures: Vec<String>,
    pub runtime: String,
}

impl Reading {
    pub fn of(episode: &Episode, failures: Vec<String>, runtime: String) -> Self {
        let (summary, counts) = (Summary::of(episode), episode.line().counts());
        Self {
            success: succeeded(episode.setup(), summary.outcome) && !episode.stats().invalid,
            processed_hz: (counts.applied + counts.superseded) as f64 / summary.sim_seconds.max(1e-9),
            summary,
            failures,
            runtime,
        }
    }

    pub fn collided(&self) -> bool {
        self.summary.outcome == Outcome::Collision
    }

    /// `None` where this episode has no such number.
    fn number(&self, metric: Metric) -> Option<f64> {
        let of = &self.summary;
        // Before any command took hold there is neither latency nor age.
        let commanded = |ms: f64| (of.age_ms.max > 0.0 || of.latency_ms.max > 0.0).then_some(ms);
        match metric {
            Metric::Collided | Metric::Reached | Metric::ServiceP50 | Metric::ServiceP99 => None,
            Metric::ProcessedHz => Some(self.processed_hz),
            Metric::SimSeconds => Some(of.sim_seconds),
            Metric::Inferences => Some(of.inferences as f64),
            Metric::Dropped => Some(of.dropped as f64),
            Metric::Superseded => Some(of.superseded as f64),
            Metric::Lost => Some(of.lost as f64),
            Metric::LatencyP50 => commanded(of.latency_ms.p50),
            Metric::LatencyP99 => commanded(of.latency_ms.p99),
            Metric::LatencyMax => commanded(of.latency_ms.max),
            Metric::AgeP50 => commanded(of.age_ms.p50),
            Metric::AgeP99 => commanded(of.age_ms.p99),
            Metric::AgeMax => commanded(of.age_ms.max),
            Metric::BlindMax => commanded(of.blind_m_max),
            Metric::MinClearance => of.min_clearance_m,
            Metric::ImpactSpeed => of.story.as_ref().map(|story| story.impact_speed),
        }
    }
}

impl Ran {
    /// A metric of the run; `None` where no seed has it.
    pub fn number(&self, metric: Metric, over: Over) -> Option<f64> {
        let result = &self.result;
        let any = !self.readings.is_empty();
        match metric {
            Metric::Collided => any.then_some(result.collided.rate),
            Metric::Reached => any.then_some(result.reached.rate),
            Metric::ServiceP50 => any.then_some(result.service_ms.p50),
            Metric::ServiceP99 => any.then_some(result.service_ms.p99),
            _ => of_all(self.readings.iter().filter_map(|reading| reading.number(metric)).collect(), over),
        }
    }
}

fn of_all(mut numbers: Vec<f64>, over: Over) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    match over {
        Over::Min => numbers.first().copied(),
        Over::Max => numbers.last().copied(),
        Over::Median => median(&numbers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_numbers_become_one() {
        let of = |over| of_all(vec![4.0, 1.0, 2.0, 9.0], over);
        assert_eq!([Over::Min, Over::Median, Over::Max].map(of), [Some(1.0), Some(3.0), Some(9.0)]);
        assert_eq!(of_all(vec![5.0, 1.0, 2.0], Over::Median), Some(2.0));
        assert_eq!([Over::Min, Over::Median, Over::Max].map(|over| of_all(Vec::new(), over)), [None; 3]);
    }
}

//! Running numbers of an episode.

use timing::Span;

/// Percentiles of a set of durations, in milliseconds; by nearest rank. All zero for an empty set.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Percentiles {
    /// Median.
    pub p50: f64,
    /// 90th.
    pub p90: f64,
    /// 99th.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

impl Percentiles {
    /// Percentiles of `values`, which need no order.
    pub fn of(values: &[Span]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        // Nearest rank: the smallest value that at least p of all do not exceed.
        let at = |p: f64| match sorted.len() {
            0 => 0.0,
            n => sorted[((p * n as f64).ceil() as usize).clamp(1, n) - 1].ms(),
        };
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

/// What an episode has come to so far.
#[derive(Clone, Debug)]
pub struct Stats {
    /// The measured link, both ways, of every answer of a device elsewhere.
    pub links: Vec<Span>,
    /// `L` of every applied frame.
    pub latencies: Vec<Span>,
    /// Age of the command in force at every tick's end.
    pub ages: Vec<Span>,
    /// The highest peak of the age, which lies between ticks.
    pub age_peak: Span,
    /// Longest path driven on one frame, metres.
    pub blind_max: f64,
    /// Smallest distance to anything, metres.
    pub min_clearance: f64,
    /// Things touched.
    pub collisions: u32,
    /// Inferences started.
    pub inferences: u64,
    /// Outputs that were not finite, each replaced by the safe command.
    pub unusable: u64,
    /// Chunks that were over before the next took over; their last command held meanwhile.
    pub ran_out: u64,
    /// Physics broke down; the run says nothing.
    pub invalid: bool,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            links: Vec::new(),
            latencies: Vec::new(),
            ages: Vec::new(),
            age_peak: Span::ZERO,
            blind_max: 0.0,
            min_clearance: f64::INFINITY,
            collisions: 0,
            inferences: 0,
            unusable: 0,
            ran_out: 0,
            invalid: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_nearest_rank() {
        let values: Vec<Span> = (1..=100).rev().map(|ms| Span::from_ms(f64::from(ms))).collect();
        let p = Percentiles::of(&values);
        assert_eq!((p.p50, p.p90, p.p99, p.max), (50.0, 90.0, 99.0, 100.0));
        assert_eq!(Percentiles::of(&[]), Percentiles::default());
        assert_eq!(Percentiles::of(&[Span::from_ms(3.0)]).p50, 3.0);
    }
}

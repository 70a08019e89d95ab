//! Where service times come from: a clock, a recording, a device's profile, or a number.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hash::{Stream, draw, draw_unit};
use crate::{Device, ServiceTime, SimTime, Span};

/// One measured inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Index of the capture.
    pub frame: u64,
    /// How long the device had been idle when it started.
    pub idle: Span,
    /// What it took.
    #[serde(flatten)]
    pub service: ServiceTime,
}

/// Service times of one run or one measurement: the content of a trace file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The model that was timed.
    #[serde(default)]
    pub model: String,
    /// The runtime that ran it, with its version.
    #[serde(default)]
    pub runtime: String,
    /// The machine, in words.
    #[serde(default)]
    pub device: String,
    /// Frames in each inference; a schedule with another batch size refuses the trace.
    #[serde(default = "one")]
    pub batch: usize,
    /// Whether the measurement was certified (alone, warm, at its own cadence).
    #[serde(default)]
    pub trusted: bool,
    /// If not, why.
    #[serde(default)]
    pub complaints: Vec<String>,
    /// In the order of their starts, frame indices increasing.
    pub samples: Vec<Sample>,
}

fn one() -> usize {
    1
}

/// Samples that stay together when a trace is resampled, so that bursts stay bursts.
pub const BLOCK_LENGTH: u64 = 16;

/// Upper borders of the idle-gap bins: a device answers differently when it comes out of a pause, so a resampled start
/// takes a sample from its own bin.
pub const IDLE_BINS: [Span; 4] = [Span(1_000_000), Span(10_000_000), Span(100_000_000), Span(1_000_000_000)];

fn idle_bin(idle: Span) -> usize {
    IDLE_BINS.iter().position(|&border| idle < border).unwrap_or(IDLE_BINS.len())
}

impl Trace {
    /// The recorded time of `frame`; a frame that was not recorded draws from the blocks of the trace: block
    /// `frame / BLOCK_LENGTH` begins at a sample chosen by hash of the seed, and a sample from another idle-gap bin than
    /// the present start's gives way to the next one of the same bin. `None` when the trace is empty.
    pub fn service(&self, seed: u64, frame: u64, idle: Span) -> Option<ServiceTime> {
        if let Ok(i) = self.samples.binary_search_by_key(&frame, |s| s.frame) {
            return Some(self.samples[i].service);
        }
        let n = self.samples.len();
        let first = (draw(seed, Stream::Service, frame / BLOCK_LENGTH) % n.max(1) as u64) as usize;
        let start = first + (frame % BLOCK_LENGTH) as usize;
        let bin = idle_bin(idle);
        let same_bin = (0..n).map(|i| &self.samples[(start + i) % n]).find(|s| idle_bin(s.idle) == bin);
        same_bin.or_else(|| self.samples.get(start % n.max(1))).map(|s| s.service)
    }
}

/// The latency distribution of a device that is not at hand, from published quantiles. Always labelled modelled: the
/// quantiles say nothing of bursts, so draws are independent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// As typed after `profile:`.
    pub name: String,
    /// The device and the network that was timed on it, in words.
    pub label: String,
    /// Where the numbers come from.
    pub source: String,
    /// `(q, service time)` from q = 0 (minimum) to q = 1 (maximum), both increasing.
    pub quantiles: Vec<(f64, Span)>,
}

/// The recorded maximum of a run of some hundred thousand inferences is taken as the quantile `1 - TAIL`.
const TAIL: f64 = 1e-6;

impl Profile {
    /// The service time of one frame. Between quantiles it is linear; above the last but one it is exponential in
    /// -ln(1 - q), as tails are, and reaches the maximum at 1 - 10^-6.
    pub fn service(&self, seed: u64, frame: u64) -> Option<ServiceTime> {
        Some(ServiceTime::compute(self.quantile(draw_unit(seed, Stream::Service, frame))?))
    }

    fn quantile(&self, u: f64) -> Option<Span> {
        let (last, body) = self.quantiles.split_last()?;
        let above = body.partition_point(|&(q, _)| q <= u);
        let (q0, lo) = *body.get(above.saturating_sub(1))?;
        if let Some(&(q1, hi)) = body.get(above) {
            return Some(lo + Span(((hi - lo).0 as f64 * (u - q0) / (q1 - q0)) as i64));
        }
        if q0 >= 1.0 - TAIL {
            return Some(last.1);
        }
        let depth = |q: f64| -libm::log((1.0 - q).max(TAIL));
        let t = ((depth(u) - depth(q0)) / (depth(1.0) - depth(q0))).clamp(0.0, 1.0);
        let ratio = last.1.0 as f64 / lo.0.max(1) as f64;
        Some(Span((lo.0 as f64 * libm::pow(ratio, t)) as i64))
    }
}

/// What an experiment makes of the durations of a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adjustment {
    /// Factor of pre- and post-processing.
    pub around: f64,
    /// Factor of compute and its copies.
    pub compute: f64,
    /// No inference takes longer in all: what is over is cut from its compute and copies.
    pub at_most: Option<Span>,
    /// Factor of the measured way to a device elsewhere and back.
    pub link: f64,
    /// Whether that way lies before the device with all of its length, instead of behind it. A round trip tells only the sum: these
    /// are the two extremes, and where they end alike the split does not matter.
    pub link_first: bool,
}

impl Default for Adjustment {
    /// Nothing is changed.
    fn default() -> Self {
        Self { around: 1.0, compute: 1.0, at_most: None, link: 1.0, link_first: false }
    }
}

impl Adjustment {
    fn of(&self, service: ServiceTime) -> ServiceTime {
        let ServiceTime { pre, host_to_device, compute, device_to_host, post, link_out, link_back } = service;
        let over = self.at_most.map_or(Span::ZERO, |most| (service.total() - most).max(Span::ZERO));
        let inner = host_to_device + compute + device_to_host;
        // Where it lies before the device it is no part of what follows the start: see `Source::way_out`.
        let link = if self.link_first { 0.0 } else { self.link };
        let kept = if inner > Span::ZERO { ((inner - over).0.max(0)) as f64 / inner.0 as f64 } else { 1.0 };
        ServiceTime {
            pre: pre.times(self.around),
            host_to_device: host_to_device.times(self.compute * kept),
            compute: compute.times(self.compute * kept),
            device_to_host: device_to_host.times(self.compute * kept),
            post: post.times(self.around),
            link_out: link_out.times(link),
            link_back: link_back.times(link),
        }
    }
}

/// Where the service time of an inference comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The network runs and is timed by a clock. Occupies the device.
    Measured,
    /// A recording, frame by frame. Occupies.
    Replay(Arc<Trace>),
    /// A device's published distribution: modelled. Occupies.
    Profile(Arc<Profile>),
    /// A modelled device that warms up. Occupies.
    Device(Arc<Device>),
    /// Always this long. Occupies.
    Service(Span),
    /// A pure delay in place of pre..post. Occupies nothing: frames overtake none, none waits.
    Fixed(Span),
    /// A recorded run: durations come from its predictions.
    Recorded {
        /// Whether its source occupied the device.
        occupies: bool,
    },
    /// Another source's durations, changed by an experiment.
    Adjusted(Arc<Source>, Adjustment),
}

impl Source {
    /// No latency at all.
    pub const ZERO: Self = Self::Fixed(Span::ZERO);

    /// Whether the device is busy meanwhile.
    pub fn occupies(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Recorded { occupies } => *occupies,
            Self::Adjusted(source, _) => source.occupies(),
            _ => true,
        }
    }

    /// Whether the numbers are a model of a device rather than a measurement or a setting.
    pub fn modelled(&self) -> bool {
        match self {
            Self::Adjusted(source, _) => source.modelled(),
            _ => matches!(self, Self::Profile(_) | Self::Device(_)),
        }
    }

    /// Whether its durations hold a measured way to a device elsewhere.
    pub fn linked(&self) -> bool {
        match self {
            Self::Replay(trace) => trace.samples.iter().any(|sample| sample.service.link() > Span::ZERO),
            Self::Adjusted(source, _) => source.linked(),
            _ => false,
        }
    }

    /// The part of the measured link of `frame` that delays its arrival at the device: all of it or nothing.
    pub fn way_out(&self, seed: u64, frame: u64) -> Span {
        match self {
            Self::Adjusted(source, by) if by.link_first => {
                source.service(seed, frame, Span::ZERO).map_or(Span::ZERO, |service| service.link().times(by.link))
            }
            _ => Span::ZERO,
        }
    }

    /// The modelled device behind it, if there is one.
    pub fn device(&self) -> Option<&Arc<Device>> {
        match self {
            Self::Device(device) => Some(device),
            Self::Adjusted(source, _) => source.device(),
            _ => None,
        }
    }

    /// The service time of `frame`, or `None` when only a clock or a recording can tell. Of a modelled device: while it is cool.
    pub fn service(&self, seed: u64, frame: u64, idle: Span) -> Option<ServiceTime> {
        self.service_at(seed, frame, idle, 1.0)
    }

    /// The same of a modelled device that now takes `pace` times as long.
    pub(crate) fn service_at(&self, seed: u64, frame: u64, idle: Span, pace: f64) -> Option<ServiceTime> {
        match self {
            Self::Measured | Self::Recorded { .. } => None,
            Self::Replay(trace) => trace.service(seed, frame, idle),
            Self::Profile(profile) => profile.service(seed, frame),
            Self::Service(span) | Self::Fixed(span) => Some(ServiceTime::compute(*span)),
            Self::Device(device) => {
                let cool = device.profile.service(seed, frame)?;
                Some(ServiceTime::compute(cool.compute.times(pace)))
            }
            Self::Adjusted(source, by) => source.service_at(seed, frame, idle, pace).map(|service| by.of(service)),
        }
    }
}

/// The idle time before a start at `s`, when the device last became free at `freed`.
pub(crate) fn idle_before(s: SimTime, freed: Option<SimTime>) -> Span {
    freed.map_or(Span(i64::MAX), |freed| s - freed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(quantiles: &[(f64, i64)]) -> Profile {
        let quantiles = quantiles.iter().map(|&(q, ns)| (q, Span(ns))).collect();
        Profile { name: String::new(), label: String::new(), source: String::new(), quantiles }
    }

    #[test]
    fn quantiles_are_met_and_joined() {
        let maxq = [(0.0, 849_000), (0.5, 1_309_000), (0.99, 1_999_000), (0.999, 2_019_000), (1.0, 122_100_000)];
        let profile = profile(&maxq);
        for (q, ns) in maxq {
            assert_eq!(profile.quantile(q), Some(Span(ns)), "at {q}");
        }
        assert_eq!(profile.quantile(0.25), Some(Span(1_079_000)), "linear");
        let q = |q| profile.quantile(q).unwrap().0 as f64;
        assert!((q(1.0 - TAIL) - 122_100_000.0).abs() < 10.0, "the maximum is at 1 - TAIL");
        let middle = q(1.0 - 1e-4) * q(1.0 - 1e-4) / (q(1.0 - 1e-3) * q(1.0 - 1e-5));
        assert!((middle - 1.0).abs() < 1e-5, "exponential in -ln(1 - q): {middle}");
    }

    #[test]
    fn an_experiment_changes_durations_part_by_part() {
        let ms = |ms: f64| Span::from_ms(ms);
        let service = ServiceTime {
            pre: ms(2.0),
            host_to_device: ms(1.0),
            compute: ms(30.0),
            device_to_host: ms(1.0),
            post: ms(4.0),
            ..ServiceTime::default()
        };
        let by = |around, compute, at_most: Option<f64>| {
            Adjustment { around, compute, at_most: at_most.map(ms), ..Adjustment::default() }.of(service)
        };
        assert_eq!(by(1.0, 1.0, None), service);
        assert_eq!(by(0.0, 1.0, None).total(), ms(32.0));
        assert_eq!(by(0.5, 0.25, None).total(), ms(11.0));
        assert_eq!(by(1.0, 1.0, Some(22.0)).total(), ms(22.0));
        assert_eq!(by(1.0, 1.0, Some(22.0)).pre, ms(2.0), "a spike is one of compute");
        let source =
            Source::Adjusted(Arc::new(Source::Fixed(ms(10.0))), Adjustment { compute: 1.5, ..Adjustment::default() });
        assert_eq!(source.service(0, 0, Span::ZERO), Some(ServiceTime::compute(ms(15.0))));
        assert!(!source.occupies());
    }

    #[test]
    fn a_profile_without_a_tail_ends_at_its_maximum() {
        // No room for a tail above the last but one, and no division of zero by zero.
        let profile = profile(&[(0.0, 1_000), (0.999_999_9, 2_000), (1.0, 3_000)]);
        assert_eq!(profile.quantile(0.999_999_95), Some(Span(3_000)));
    }
}

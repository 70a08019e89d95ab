//! What the time contract's formulas say of a schedule: captures each T, a constant service time S, the device alone.

use serde::Serialize;
use timing::{Schedule, ServiceTime, Span};

/// What a schedule must come to once its queue is as full as it gets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// Frames a second whose inference ends.
    pub processed_hz: f64,
    /// Commands a second.
    pub applied_hz: f64,
    /// The latency of an applied frame is at least this, ms.
    pub latency_ms_min: f64,
    /// And at most this.
    pub latency_ms_max: f64,
    /// The command in force is at most this old, ms: the worst reaction to something that comes into sight.
    pub age_ms_max: f64,
}

/// The formulas. `service` is S of the whole inference (of a batch, S(n)), `period` is T; `around` are the constant delays
/// outside the device, and `wait` the longest wait for a control instant.
pub fn expected(schedule: Schedule, service: ServiceTime, period: Span, around: Span, wait: Span) -> Expected {
    let (t, s) = (period.ms(), service.total().ms());
    // Frames in an inference, how often one ends, and the bounds of the latency inside the device.
    let (frames, every, least, most) = match schedule {
        Schedule::Newest => (1, t.max(s), s, waiting(s, t)),
        Schedule::Skip => (1, t * (s / t).ceil().max(1.0), s, s),
        Schedule::Fifo { depth } if s > t => {
            let full = (depth + 1) as f64 * s;
            (1, s, full - t, full)
        }
        Schedule::Fifo { .. } => (1, t, s, s),
        Schedule::Batch { n, .. } => (n, (n as f64 * t).max(s), s, if s > n as f64 * t { s + t } else { s }),
        Schedule::Pipeline => {
            let servers =
                [service.pre, service.host_to_device + service.compute + service.device_to_host, service.post];
            let servers = servers.map(Span::ms);
            let slowest = servers.iter().copied().fold(0.0, f64::max);
            // A frame holds every server before the slowest for as long as the slowest takes.
            let at = servers.iter().rposition(|&ms| ms == slowest).unwrap_or(0);
            let held = (at + 1) as f64 * slowest + servers[at + 1..].iter().sum::<f64>();
            if slowest > t { (1, slowest, s, held + t) } else { (1, t, s, s) }
        }
    };
    let (around, wait) = (around.ms(), wait.ms());
    let most = most + around + wait;
    Expected {
        processed_hz: frames as f64 * 1e3 / every,
        applied_hz: 1e3 / every,
        latency_ms_min: least + around,
        latency_ms_max: most,
        age_ms_max: most + every,
    }
}

/// The longest a frame takes that may have to wait for the one in service: nothing newer came for up to a period.
fn waiting(s: f64, t: f64) -> f64 {
    if s > t { s + t } else { s }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: f64) -> Span {
        Span::from_ms(ms)
    }

    fn of(schedule: &str, s: f64, t: f64) -> Expected {
        expected(schedule.parse().unwrap(), ServiceTime::compute(ms(s)), ms(t), Span::ZERO, Span::ZERO)
    }

    #[test]
    fn the_rows_of_the_contract() {
        assert_eq!(of("newest", 50.0, 20.0).processed_hz, 20.0);
        assert_eq!(of("newest", 5.0, 20.0).processed_hz, 50.0);
        assert!((of("skip", 50.0, 20.0).processed_hz - 1e3 / 60.0).abs() < 1e-9);
        let fifo = of("fifo:2", 50.0, 20.0);
        assert_eq!((fifo.latency_ms_min, fifo.latency_ms_max), (130.0, 150.0));
        let batch = of("batch:4:1000", 100.0, 20.0);
        assert_eq!((batch.processed_hz, batch.applied_hz), (40.0, 10.0));
        // Worst reaction: T + 2S on a single slot, T + S where nothing waits.
        assert_eq!((of("newest", 50.0, 20.0).age_ms_max, of("newest", 5.0, 20.0).age_ms_max), (120.0, 25.0));
    }

    #[test]
    fn a_pipeline_is_as_fast_as_its_slowest_server() {
        let service = ServiceTime { pre: ms(10.0), compute: ms(30.0), post: ms(10.0), ..ServiceTime::default() };
        let found = expected(Schedule::Pipeline, service, ms(20.0), Span::ZERO, Span::ZERO);
        assert!((found.processed_hz - 1e3 / 30.0).abs() < 1e-9);
        // It holds the first server for 30 ms, computes for 30, ends in 10, after waiting for up to a period.
        assert_eq!((found.latency_ms_min, found.latency_ms_max), (50.0, 90.0));
    }
}

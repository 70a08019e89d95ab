//! Action chunks: a network that answers with its next commands, and the rule by which they take hold.

use std::fmt;

use crate::{SimTime, Span};

/// How answers of several commands are executed: prefix-frozen, after real-time chunking (Black, Galliker, Levine: *Real-Time
/// Execution of Action Chunking Flow Policies*, 2025).
///
/// Command k of an answer is meant for the instant `c + k period`. An answer that comes `L` after its capture takes over at
/// step `d = ceil(L / period)`; until then the answer before it goes on, and since that is known when the frame is captured, it is told
/// to the network as the *frozen prefix*. For it to be known no frame is asked about while another is on its way, so that an answer
/// is followed for at least as many steps as it took, `d <= s`; and it must not run out before the next takes over,
/// `s <= H - d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// Between two commands of an answer.
    pub period: Span,
    /// `H`: commands in an answer.
    pub horizon: usize,
    /// `s`: steps from one asking to the next, at the least. `None`: as soon as the last answer is in force, so that `s = d`.
    pub every: Option<usize>,
}

/// The rule `d <= s <= H - d` cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Infeasible {
    /// Steps that an answer takes.
    pub delay: usize,
    /// Steps from one asking to the next.
    pub every: usize,
    /// Steps in an answer.
    pub horizon: usize,
    /// Of one step.
    pub period: Span,
}

impl fmt::Display for Infeasible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delay: d, every: s, horizon: h, period } = self;
        let ms = period.ms();
        write!(f, "an answer comes d = {d} steps of {ms} ms late and is followed for s = {s} of its H = {h}; ")?;
        if d > s {
            write!(f, "before it is there the next would be asked for: d <= s must hold")
        } else {
            write!(f, "it runs out before the next takes over: s <= H - d must hold")
        }
    }
}

impl std::error::Error for Infeasible {}

impl Chunks {
    /// `d`: steps that an answer takes, which comes `latency` after its capture.
    pub fn delay(&self, latency: Span) -> usize {
        let period = self.period.0.max(1);
        latency.0.max(0).unsigned_abs().div_ceil(period.unsigned_abs()) as usize
    }

    /// When a command is meant to take hold.
    pub fn at(&self, captured: SimTime, step: usize) -> SimTime {
        captured + Span(self.period.0 * step as i64)
    }

    /// Whether answers that all come `latency` after their captures, which are `between` apart, never run out.
    ///
    /// # Errors
    /// When they do.
    pub fn check(&self, latency: Span, between: Span) -> Result<(), Infeasible> {
        let delay = self.delay(latency);
        let every = self.every.unwrap_or_else(|| delay.max(self.delay(between)));
        let ok = delay <= every && every + delay <= self.horizon;
        let Self { period, horizon, .. } = *self;
        if ok { Ok(()) } else { Err(Infeasible { delay, every, horizon, period }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: f64) -> Span {
        Span::from_ms(ms)
    }

    fn chunks(every: Option<usize>) -> Chunks {
        Chunks { period: ms(50.0), horizon: 16, every }
    }

    #[test]
    fn the_delay_is_rounded_up() {
        let delay = |latency| chunks(None).delay(ms(latency));
        assert_eq!([0.0, 0.1, 50.0, 50.1, 170.0, 200.0].map(delay), [0, 1, 1, 2, 4, 4]);
    }

    #[test]
    fn what_runs_out_is_refused() {
        let check = |every, latency| chunks(every).check(ms(latency), ms(25.0));
        // d = 4: s may be 4 to 12.
        for every in [4, 8, 12] {
            assert_eq!(check(Some(every), 170.0), Ok(()), "{every}");
        }
        let refused = |every, latency| check(every, latency).unwrap_err().to_string();
        assert_eq!(
            refused(Some(3), 170.0),
            "an answer comes d = 4 steps of 50 ms late and is followed for s = 3 of its H = 16; before it is there the next would \
             be asked for: d <= s must hold"
        );
        assert!(refused(Some(13), 170.0).ends_with("it runs out before the next takes over: s <= H - d must hold"));
        // As often as can be: 2 d <= H.
        assert_eq!(check(None, 400.0), Ok(()));
        assert!(
            refused(None, 401.0).starts_with("an answer comes d = 9 steps of 50 ms late and is followed for s = 9")
        );
        // Frames are rare: s is at least their distance.
        assert_eq!(chunks(None).check(ms(100.0), ms(700.0)), Ok(()));
        assert!(chunks(None).check(ms(100.0), ms(750.0)).is_err());
    }
}

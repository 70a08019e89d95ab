//! The clock: integer nanoseconds, and periodic events on it.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

/// Nanoseconds in a second.
pub const NANOS_PER_SEC: i64 = 1_000_000_000;

/// An instant of simulated time: nanoseconds since the episode began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimTime(pub i64);

/// A length of simulated time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl SimTime {
    /// The instant at which an episode begins.
    pub const ZERO: Self = Self(0);
    /// Later than any event.
    pub const NEVER: Self = Self(i64::MAX);

    /// Seconds since the episode began, for display and for formulas.
    pub fn secs(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Milliseconds as people type them, rounded half to even. Not finite or out of range saturates.
    ///
    /// ```
    /// use timing::Span;
    /// assert_eq!(Span::from_ms(0.000_000_5), Span(0));
    /// assert_eq!(Span::from_ms(0.000_001_5), Span(2));
    /// assert_eq!(Span::from_ms(200.0), Span(200_000_000));
    /// ```
    pub fn from_ms(ms: f64) -> Self {
        Self((ms * 1e6).round_ties_even() as i64)
    }

    /// Seconds, rounded to the nearest nanosecond, half to even.
    pub fn from_secs(secs: f64) -> Self {
        Self((secs * NANOS_PER_SEC as f64).round_ties_even() as i64)
    }

    /// So many times as long, rounded to the nearest nanosecond.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        if factor == 1.0 { self } else { Self((self.0 as f64 * factor).round_ties_even() as i64) }
    }

    /// Milliseconds, for people.
    pub fn ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds, for formulas.
    pub fn secs(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ms", self.ms())
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} s", self.secs())
    }
}

impl Add<Span> for SimTime {
    type Output = Self;
    /// Saturating, so that `NEVER` stays never.
    fn add(self, rhs: Span) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub<Span> for SimTime {
    type Output = Self;
    fn sub(self, rhs: Span) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

impl Sub for SimTime {
    type Output = Span;
    fn sub(self, rhs: Self) -> Span {
        Span(self.0.saturating_sub(rhs.0))
    }
}

impl AddAssign<Span> for SimTime {
    fn add_assign(&mut self, rhs: Span) {
        *self = *self + rhs;
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, rhs: Self) {
        *self = *self + rhs;
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

impl SubAssign for Span {
    fn sub_assign(&mut self, rhs: Self) {
        *self = *self - rhs;
    }
}

impl Neg for Span {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl std::iter::Sum for Span {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// How often something happens, kept as whole millihertz so that every event has one exact instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate {
    millihertz: u64,
}

impl Rate {
    /// A rate in hertz, rounded to a whole millihertz; `None` unless 0.001 <= hz <= 1,000,000.
    pub fn from_hz(hz: f64) -> Option<Self> {
        (0.001..=1e6).contains(&hz).then(|| Self { millihertz: (hz * 1e3).round_ties_even() as u64 })
    }

    /// Hertz.
    pub fn hz(self) -> f64 {
        self.millihertz as f64 / 1e3
    }

    /// The mean distance of two events, in seconds.
    pub fn period_secs(self) -> f64 {
        1e3 / self.millihertz as f64
    }

    /// The mean distance of two events, rounded down to a nanosecond.
    pub fn period(self) -> Span {
        self.event(1) - SimTime::ZERO
    }

    /// Event `k` is at floor(k * 10^9 / hz). 240 Hz is not a whole number of nanoseconds, yet no event ever drifts.
    ///
    /// ```
    /// use timing::{Rate, SimTime};
    /// let rate = Rate::from_hz(240.0).unwrap();
    /// assert_eq!(rate.event(1), SimTime(4_166_666));
    /// assert_eq!(rate.event(240), SimTime(1_000_000_000));
    /// ```
    pub fn event(self, k: u64) -> SimTime {
        SimTime((i128::from(k) * 1_000_000_000_000 / i128::from(self.millihertz)) as i64)
    }

    /// The index of the first event at or after `t`.
    pub fn first_at_or_after(self, t: SimTime) -> u64 {
        if t <= SimTime::ZERO {
            return 0;
        }
        // floor(k 10^12 / m) >= t  <=>  k 10^12 / m >= t  <=>  k >= ceil(t m / 10^12)
        let scaled = i128::from(t.0) * i128::from(self.millihertz);
        ((scaled + 999_999_999_999) / 1_000_000_000_000) as u64
    }
}

/// A periodic clock: event `k` is at `phase + floor(k * 10^9 / hz)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Clock {
    /// How often.
    pub rate: Rate,
    /// The instant of event 0, not negative.
    pub phase: Span,
}

impl Clock {
    /// A clock whose event 0 is at the start of the episode.
    pub fn from_start(rate: Rate) -> Self {
        Self { rate, phase: Span::ZERO }
    }

    /// The instant of event `k`.
    pub fn event(self, k: u64) -> SimTime {
        self.rate.event(k) + self.phase
    }

    /// The first event at or after `t`.
    pub fn next_at_or_after(self, t: SimTime) -> SimTime {
        self.event(self.rate.first_at_or_after(t - self.phase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn first_at_or_after_is_the_first(millihertz in 1u64..1_000_000_000, t in 0i64..1_000_000_000_000) {
            let rate = Rate { millihertz };
            let k = rate.first_at_or_after(SimTime(t));
            prop_assert!(rate.event(k) >= SimTime(t));
            prop_assert!(k == 0 || rate.event(k - 1) < SimTime(t));
        }
    }

    #[test]
    fn a_rate_is_refused_outside_its_range() {
        assert!(Rate::from_hz(0.0).is_none());
        assert!(Rate::from_hz(f64::NAN).is_none());
        assert!(Rate::from_hz(-5.0).is_none());
        assert!(Rate::from_hz(1e7).is_none());
    }
}

//! Shares and their uncertainty: how often something succeeded, and how much more often than something else.

use serde::Serialize;
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

/// The confidence of every interval of this crate.
pub const CONFIDENCE: f64 = 0.95;

/// An estimate between the ends of its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate itself.
    pub rate: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

/// The two-sided standard normal quantile of [`CONFIDENCE`].
pub fn z() -> f64 {
    Normal::standard().inverse_cdf(f64::midpoint(1.0, CONFIDENCE))
}

/// Share of successes with Wilson's score interval (Wilson 1927; method 3 of Newcombe, Statistics in Medicine 17:857,
/// 1998), at 95 %. Without a trial the share is 0 and the interval everything.
pub fn wilson(successes: usize, trials: usize) -> Estimate {
    if trials == 0 {
        return Estimate { rate: 0.0, lo: 0.0, hi: 1.0 };
    }
    let (n, p, z) = (trials as f64, successes as f64 / trials as f64, z());
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // At 0 and at 1 the formula meets the border but for rounding.
    let lo = if successes == 0 { 0.0 } else { (middle - half) / scale };
    let hi = if successes == trials { 1.0 } else { (middle + half) / scale };
    Estimate { rate: p, lo, hi }
}

/// How two pilots did on the same cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pairs {
    /// Both succeeded.
    pub both: usize,
    /// Only the first did.
    pub only_a: usize,
    /// Only the second did.
    pub only_b: usize,
    /// Neither did.
    pub neither: usize,
}

impl Pairs {
    /// Counts cases, each with the success of the first and of the second.
    pub fn of(cases: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut pairs = Self::default();
        for case in cases {
            *match case {
                (true, true) => &mut pairs.both,
                (true, false) => &mut pairs.only_a,
                (false, true) => &mut pairs.only_b,
                (false, false) => &mut pairs.neither,
            } += 1;
        }
        pairs
    }

    /// All cases.
    pub fn total(&self) -> usize {
        self.both + self.only_a + self.only_b + self.neither
    }

    /// Exact two-sided McNemar test: of the cases that tell the two apart, as many or more one-sided ones under a fair
    /// coin (McNemar 1947; twice the smaller binomial tail, at most 1).
    pub fn mcnemar(&self) -> f64 {
        let discordant = (self.only_a + self.only_b) as u64;
        let Ok(coin) = Binomial::new(0.5, discordant) else { return 1.0 };
        (2.0 * coin.cdf(self.only_a.min(self.only_b) as u64)).min(1.0)
    }

    /// The first share less the second, with Newcombe's interval for paired proportions at 95 %: method 10 of Newcombe,
    /// Statistics in Medicine 17:2635 (1998), Wilson's intervals joined with the correlation, which is corrected for
    /// continuity where it is positive.
    pub fn difference(&self) -> Estimate {
        let n = self.total();
        let (a, b) = (wilson(self.both + self.only_a, n), wilson(self.both + self.only_b, n));
        let phi = self.correlation();
        let reach = |da: f64, db: f64| (da * da - 2.0 * phi * da * db + db * db).max(0.0).sqrt();
        let rate = a.rate - b.rate;
        Estimate {
            rate,
            lo: (rate - reach(a.rate - a.lo, b.hi - b.rate)).max(-1.0),
            hi: (rate + reach(a.hi - a.rate, b.rate - b.lo)).min(1.0),
        }
    }

    /// Newcombe's phi. Zero where a margin is empty.
    fn correlation(&self) -> f64 {
        let [both, only_a, only_b, neither] =
            [self.both, self.only_a, self.only_b, self.neither].map(|count| count as f64);
        let margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither);
        if margins == 0.0 {
            return 0.0;
        }
        let excess = both * neither - only_a * only_b;
        let corrected = if excess > 0.0 { (excess - self.total() as f64 / 2.0).max(0.0) } else { excess };
        corrected / margins.sqrt()
    }
}

/// Holm's step-down correction (Holm, Scandinavian Journal of Statistics 6:65, 1979): for each p-value, in the order given,
/// the level at which its hypothesis would be rejected among all of them.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut adjusted = vec![0.0; p.len()];
    let mut highest = 0.0f64;
    for (rank, &i) in order.iter().enumerate() {
        highest = highest.max((p[i] * (p.len() - rank) as f64).min(1.0));
        adjusted[i] = highest;
    }
    adjusted
}

/// Mean of paired effects with its normal interval at 95 %, for effects that are not shares.
pub fn mean_effect(effects: &[f64]) -> Estimate {
    let n = effects.len() as f64;
    let rate = effects.iter().sum::<f64>() / n.max(1.0);
    let spread = effects.iter().map(|x| (x - rate) * (x - rate)).sum::<f64>() / (n - 1.0).max(1.0);
    let half = z() * (spread / n.max(1.0)).sqrt();
    Estimate { rate, lo: rate - half, hi: rate + half }
}

#[cfg(test)]
#[path = "proportion_tests.rs"]
mod tests;

//! The latency at which an episode begins to go wrong, and what many of them say together.

use statrs::distribution::{Binomial, DiscreteCDF};

use crate::StudyError;

/// Where the first crossing is looked for, milliseconds. Not every episode is monotone in latency: the search finds the
/// first of these that goes wrong, and narrows the step before it.
const SCAN: [f64; 16] =
    [0.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 800.0, 1000.0, 1200.0, 1600.0, 2400.0, 3200.0];
/// To this many milliseconds.
const RESOLUTION: f64 = 0.25;

/// One episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Critical {
    /// The longest latency below the first bad one that is still safe, ms; `None` when none is.
    pub safe: Option<f64>,
    /// The shortest found that is not; `None` when all are safe.
    pub bad: Option<f64>,
}

/// Bisection, on the first step of the scan that goes wrong.
pub(crate) async fn critical(
    mut bad: impl AsyncFnMut(f64) -> Result<bool, StudyError>,
) -> Result<Critical, StudyError> {
    let mut safe = None;
    for ms in SCAN {
        if !bad(ms).await? {
            safe = Some(ms);
            continue;
        }
        let Some(mut lo) = safe else { return Ok(Critical { safe: None, bad: Some(ms) }) };
        let mut hi = ms;
        while hi - lo > RESOLUTION {
            let middle = f64::midpoint(lo, hi);
            *(if bad(middle).await? { &mut hi } else { &mut lo }) = middle;
        }
        return Ok(Critical { safe: Some(lo), bad: Some(hi) });
    }
    Ok(Critical { safe, bad: None })
}

/// All episodes of a speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct All {
    pub empirical: Option<f64>,
    pub lo: Option<f64>,
    pub hi: Option<f64>,
    pub at_least: bool,
    pub unavoidable: usize,
}

/// The worst of all phases with the last step of its search; or the latency that a share `confidence` survives, with the
/// distribution-free 95 % interval of that quantile (order statistics).
pub(crate) fn of_all(found: &[Critical], phases_only: bool, confidence: f64) -> All {
    let mut sorted = found.to_vec();
    let key = |c: &Critical| c.safe.unwrap_or(-1.0);
    sorted.sort_by(|a, b| key(a).total_cmp(&key(b)));
    let n = sorted.len();
    // Free of the last bits of 1 - 0.95.
    let q = ((1.0 - confidence) * 1e9).round() / 1e9;
    let rank = if phases_only { 0 } else { ((q * n as f64) as usize).min(n.saturating_sub(1)) };
    let at = sorted.get(rank).copied().unwrap_or(Critical { safe: None, bad: None });
    let (lo, hi) = if phases_only { (at.safe, at.bad) } else { interval(&sorted, q) };
    All {
        empirical: at.safe,
        lo,
        hi,
        at_least: at.safe.is_some() && at.bad.is_none(),
        unavoidable: found.iter().filter(|c| c.safe.is_none()).count(),
    }
}

/// Between which of the sorted ones the quantile `q` lies: 2.5 % of the mass of Binomial(n, q) on either side.
fn interval(sorted: &[Critical], q: f64) -> (Option<f64>, Option<f64>) {
    let n = sorted.len() as u64;
    let Ok(binomial) = Binomial::new(q, n) else { return (None, None) };
    let lo = (0..n).take_while(|&r| binomial.cdf(r) <= 0.025).last();
    let hi = (0..n).find(|&r| binomial.cdf(r) >= 0.975);
    (lo.and_then(|r| sorted[r as usize].safe), hi.and_then(|r| sorted[r as usize].bad))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_crossing_is_found() {
        let find = |bad: &dyn Fn(f64) -> bool| runtime::block_on(critical(async |ms| Ok(bad(ms))), || false).unwrap();
        let found = find(&|ms| ms > 130.4);
        assert!(found.safe.unwrap() <= 130.4 && found.bad.unwrap() > 130.4);
        assert!(found.bad.unwrap() - found.safe.unwrap() <= RESOLUTION);
        assert_eq!(find(&|_| true), Critical { safe: None, bad: Some(0.0) });
        assert_eq!(find(&|_| false), Critical { safe: Some(3200.0), bad: None });
        // Safe again at 100: the first counts.
        let comb = find(&|ms| (60.0..80.0).contains(&ms) || ms > 120.0);
        assert!((59.0..60.0).contains(&comb.safe.unwrap()), "{comb:?}");
    }

    #[test]
    fn a_share_survives_and_the_worst_phase_counts() {
        let at = |ms: f64| Critical { safe: Some(ms), bad: Some(ms + 0.25) };
        let found: Vec<Critical> = (1..=100).rev().map(|ms| at(f64::from(ms))).collect();
        let worst = of_all(&found, true, 0.95);
        assert_eq!((worst.empirical, worst.lo, worst.hi), (Some(1.0), Some(1.0), Some(1.25)));
        let share = of_all(&found, false, 0.95);
        // 95 of 100 survive 6 ms; Binomial(100, 0.05): P(X <= 1) = 3.7 %, P(X = 0) = 0.6 %, P(X <= 9) = 97.2 %,
        // P(X <= 10) = 98.9 %.
        assert_eq!((share.empirical, share.lo, share.hi), (Some(6.0), Some(1.0), Some(11.25)));
        let few = of_all(&found[..20], false, 0.95);
        assert_eq!(few.lo, None, "twenty seeds have no lower end");
        let none = Critical { safe: None, bad: Some(0.0) };
        let mixed = of_all(&[at(5.0), none], true, 0.95);
        assert_eq!((mixed.empirical, mixed.unavoidable), (None, 1));
    }
}

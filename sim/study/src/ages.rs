//! How old commands were, over many episodes.

use std::collections::BTreeMap;

use timing::Span;

/// Width of a bin: a tenth of a millisecond.
const BIN: i64 = 100_000;

/// A histogram of ages, fine enough to read percentiles off and small enough to keep for every episode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ages(BTreeMap<i64, u64>);

impl Ages {
    /// The ages of one episode.
    pub fn of(ages: &[Span]) -> Self {
        let mut bins = BTreeMap::new();
        for age in ages {
            *bins.entry(age.0 / BIN).or_default() += 1;
        }
        Self(bins)
    }

    /// Adds those of another episode.
    pub fn add(&mut self, other: &Self) {
        for (bin, count) in &other.0 {
            *self.0.entry(*bin).or_default() += count;
        }
    }

    /// The age that a share `p` of all does not exceed, by nearest rank, in milliseconds to a tenth; `None` without any.
    pub fn percentile(&self, p: f64) -> Option<f64> {
        let total: u64 = self.0.values().sum();
        let rank = ((p * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut passed = 0;
        let found = self.0.iter().find(|(_, count)| {
            passed += **count;
            passed >= rank
        });
        found.map(|(bin, _)| *bin as f64 / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_episodes_together() {
        let mut ages = Ages::of(&(1..=50).map(|ms| Span::from_ms(f64::from(ms))).collect::<Vec<_>>());
        ages.add(&Ages::of(&(51..=100).map(|ms| Span::from_ms(f64::from(ms))).collect::<Vec<_>>()));
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|p| ages.percentile(p)), [1.0, 50.0, 99.0, 100.0].map(Some));
        assert_eq!(Ages::default().percentile(0.5), None);
    }
}

//! How much of the impact each part of the latency brought.

use std::collections::BTreeMap;

use super::change::Part;

/// Shapley values of the parts, as shares of what all of them bring together. `worth` holds, for each replica, the impact
/// speed of every set of parts (bit i of the index: `parts[i]` is in it). `None` when all together change nothing.
///
/// The value of a part is its marginal contribution averaged over all orders in which the parts can be added (Shapley 1953).
pub(crate) fn shapley(parts: &[Part], worth: &[&[f64]]) -> Option<BTreeMap<&'static str, f64>> {
    let sets = 1usize << parts.len();
    let mean = |set: usize| worth.iter().map(|w| w[set]).sum::<f64>() / worth.len().max(1) as f64;
    let value: Vec<f64> = (0..sets).map(mean).collect();
    let all = value[sets - 1] - value[0];
    if all.abs() < 1e-9 {
        return None;
    }
    let n = parts.len();
    let weight = |size: usize| (factorial(size) * factorial(n - size - 1)) as f64 / factorial(n) as f64;
    let share = |i: usize| {
        let without = (0..sets).filter(|set| set >> i & 1 == 0);
        let brought = |set: usize| weight(set.count_ones() as usize) * (value[set | 1 << i] - value[set]);
        without.map(brought).sum::<f64>() / all
    };
    Some(parts.iter().enumerate().map(|(i, part)| (part.label(), share(i))).collect())
}

fn factorial(n: usize) -> usize {
    (1..=n).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_glove_game() {
        // One left and two right gloves; a pair is worth 1: 2/3, 1/6, 1/6 (Shapley's textbook example).
        let parts = [Part::Sensing, Part::Compute, Part::Link];
        let worth: Vec<f64> = (0..8).map(|set| f64::from(u8::from(set & 1 == 1 && set & 6 != 0))).collect();
        let shares = shapley(&parts, &[&worth]).unwrap();
        for (part, share) in [("sensing", 2.0 / 3.0), ("compute", 1.0 / 6.0), ("link", 1.0 / 6.0)] {
            assert!((shares[part] - share).abs() < 1e-12, "{part}: {}", shares[part]);
        }
    }

    #[test]
    fn shares_add_up_and_may_be_negative() {
        let parts = [Part::Compute, Part::Actuation];
        let shares = shapley(&parts, &[&[0.0, 2.0, -0.5, 1.0], &[0.0, 1.0, -0.5, 1.0]]).unwrap();
        assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(shares["actuation"] < 0.0);
    }

    #[test]
    fn where_latency_changes_nothing_there_are_none() {
        assert_eq!(shapley(&[Part::Compute], &[&[1.2, 1.2]]), None);
    }
}

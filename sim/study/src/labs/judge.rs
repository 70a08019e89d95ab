//! Whether a condition of a lab holds.

use scenario::lab::{Condition, Over};
use scenario::{Bounds, Lab, Metric};
use statrs::distribution::{Binomial, DiscreteCDF};

use super::{Held, Judged, Ran};
use crate::report;

/// A number, and where it may lie in truth if it was measured.
struct Found {
    value: f64,
    interval: Option<(f64, f64)>,
    words: String,
}

pub(super) fn judge(lab: &Lab, condition: &Condition, runs: &[Ran]) -> Judged {
    let of = |name: &String| lab.run(name).and_then(|i| runs.get(i));
    let (Some(run), than) = (of(&condition.run), condition.than.as_ref().and_then(of)) else {
        return judged(condition, Held::Fails, "no such run".into(), String::new());
    };
    let concerned = || std::iter::once(run).chain(than);
    if let Some(why) = concerned().find_map(|ran| ran.result.missing.clone()) {
        return judged(condition, Held::Uncertified, "not run".into(), why);
    }
    let Some(found) = found(condition, run, than) else {
        return judged(condition, Held::Fails, "none".into(), String::new());
    };
    let bounds = condition.bounds();
    let complaint = concerned().find_map(|ran| ran.result.complaints.first().cloned()).unwrap_or_default();
    let (held, remark) = match found.interval {
        Some((lo, hi))
            if bounds.contain(lo) != bounds.contain(hi) || bounds.contain(lo) != bounds.contain(found.value) =>
        {
            (Held::Uncertified, "its 95 % interval holds a bound".to_owned())
        }
        _ if bounds.contain(found.value) => (Held::Holds, complaint),
        _ if complaint.is_empty() => (Held::Fails, complaint),
        _ => (Held::Uncertified, complaint),
    };
    judged(condition, held, found.words, remark)
}

fn judged(condition: &Condition, held: Held, found: String, remark: String) -> Judged {
    Judged { what: condition.what.clone(), held, found, expected: expected(condition), remark }
}

fn found(condition: &Condition, run: &Ran, than: Option<&Ran>) -> Option<Found> {
    let Condition { metric, over, .. } = condition;
    let value = run.number(*metric, *over)?;
    let Some(than) = than else {
        return Some(Found { value, interval: None, words: words(*metric, value, Some(run)) });
    };
    let other = than.number(*metric, *over)?;
    let two = |verb: &str| format!("{} {verb} {}", words(*metric, value, Some(run)), words(*metric, other, Some(than)));
    if condition.difference.is_some() {
        let value = value - other;
        let words = format!("{}: {}", words(*metric, value, None), two("less"));
        return Some(Found { value, interval: None, words });
    }
    // Measured in the same rounds: the ratio of each, and where their median lies.
    let paired = *metric == Metric::ServiceP50 && !run.rounds.is_empty() && run.rounds.len() == than.rounds.len();
    if paired {
        let ratios: Vec<f64> = run.rounds.iter().zip(&than.rounds).map(|(a, b)| a / b).collect();
        let (value, lo, hi) = median(ratios)?;
        let words = format!("{value:.2} (95 % interval {lo:.2} to {hi:.2}): {}", two("over"));
        return Some(Found { value, interval: Some((lo, hi)), words });
    }
    let value = value / other;
    value.is_finite().then(|| Found { value, interval: None, words: format!("{value:.2}: {}", two("over")) })
}

/// The median with its distribution-free 95 % interval, by order statistics.
fn median(mut values: Vec<f64>) -> Option<(f64, f64, f64)> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let middle = report::median(&values)?;
    let binomial = Binomial::new(0.5, n as u64).ok()?;
    // The largest rank that at most 2.5 % of all samples have below the median.
    let below = (0..n as u64).take_while(|&r| binomial.cdf(r) <= 0.025).count();
    let ends = if below > 0 { (values[below - 1], values[n - below]) } else { (values[0], values[n - 1]) };
    Some((middle, ends.0, ends.1))
}

/// A number with its unit; shares also as a count, and the median of many seeds as what it is.
fn words(metric: Metric, value: f64, of: Option<&Ran>) -> String {
    match (metric, of.map(|ran| &ran.result)) {
        (Metric::Collided, Some(run)) => format!("{value:.2} ({} of {})", run.collisions, run.episodes),
        (Metric::Reached, Some(run)) => {
            format!("{value:.2} ({:.0} of {})", run.reached.rate * run.episodes as f64, run.episodes)
        }
        (Metric::Collided | Metric::Reached, None) => format!("{value:.2}"),
        _ => format!("{}{}", digits(value), metric.unit()),
    }
}

/// Three digits that count.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value == value.trunc() => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn expected(condition: &Condition) -> String {
    let Condition { metric, over, run, than, ratio, .. } = condition;
    let bounds: Bounds = condition.bounds();
    let over = match over {
        Over::Median => "",
        Over::Min => "smallest ",
        Over::Max => "largest ",
    };
    match (than, ratio) {
        (Some(than), Some(_)) => format!("{over}{metric} of {run} over that of {than}: {bounds}"),
        (Some(than), None) => format!("{over}{metric} of {run} less that of {than}: {bounds}{}", metric.unit()),
        _ => format!("{over}{metric} of {run}: {bounds}{}", metric.unit()),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

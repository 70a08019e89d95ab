//! What follows from the trials: paired tests, and sentences.

use crate::report::{Case, ModelReport, TestReport};
use crate::{Pairs, Trial, holm};

/// A difference is called one below this.
const LEVEL: f64 = 0.05;

/// All pairs, at both latencies, corrected together.
pub(crate) fn tests(names: &[String], zero: &[Vec<Trial>], real: &[Vec<Trial>]) -> Vec<TestReport> {
    let mut tests = Vec::new();
    for (at, trials) in [(Case::Zero, zero), (Case::Real, real)] {
        for a in 0..trials.len() {
            for b in a + 1..trials.len() {
                let pairs = Pairs::of(trials[a].iter().zip(&trials[b]).map(|(a, b)| (a.success, b.success)));
                let (a, b) = (names[a].clone(), names[b].clone());
                let (difference, p) = (pairs.difference(), pairs.mcnemar());
                tests.push(TestReport { a, b, at, pairs, difference, p, p_holm: p, significant: false });
            }
        }
    }
    let corrected = holm(&tests.iter().map(|test| test.p).collect::<Vec<_>>());
    for (test, p_holm) in tests.iter_mut().zip(corrected) {
        (test.p_holm, test.significant) = (p_holm, p_holm < LEVEL);
    }
    tests
}

/// Which pairs change places, and what must be said of the pilots.
pub(crate) fn findings(models: &[ModelReport], tests: &[TestReport]) -> Vec<String> {
    let mut said = Vec::new();
    for zero in tests.iter().filter(|test| test.at == Case::Zero) {
        let Some(real) = tests.iter().find(|t| t.at == Case::Real && t.a == zero.a && t.b == zero.b) else { continue };
        said.push(sentence(zero, real));
    }
    for model in models {
        let unusable = model.zero.unusable + model.real.unusable;
        if unusable > 0 {
            said.push(format!(
                "{}: {unusable} outputs held NaN, infinity or too few numbers; the contract asks for finite numbers, and \
                 the robot stopped instead.",
                model.name
            ));
        }
        if let Some(first) = model.complaints.first() {
            said.push(format!("{} is not to be trusted: {first}.", model.name));
        }
    }
    said
}

/// Who is ahead, if that is significant.
fn leader(test: &TestReport) -> Option<&str> {
    match (test.significant, test.difference.rate > 0.0) {
        (false, _) => None,
        (true, true) => Some(&test.a),
        (true, false) => Some(&test.b),
    }
}

/// What the two tests of a pair say together.
fn sentence(zero: &TestReport, real: &TestReport) -> String {
    let by = |test: &TestReport| {
        let d = test.difference;
        let sign = if d.rate < 0.0 { -1.0 } else { 1.0 };
        let (lo, hi) = if sign < 0.0 { (-d.hi, -d.lo) } else { (d.lo, d.hi) };
        format!(
            "{:.1} points (95 % {:.1} to {:.1}, p = {:.2e})",
            d.rate.abs() * 100.0,
            lo * 100.0,
            hi * 100.0,
            test.p_holm
        )
    };
    let (a, b) = (&zero.a, &zero.b);
    match (leader(zero), leader(real)) {
        (Some(first), Some(second)) if first != second => format!(
            "{first} is ahead without latency by {}, {second} with its own latency by {}: the order turns.",
            by(zero),
            by(real)
        ),
        (Some(first), Some(_)) => {
            format!(
                "{first} is ahead of the other of {a} and {b} without latency by {} and with it by {}.",
                by(zero),
                by(real)
            )
        }
        (Some(first), None) => format!(
            "{first} is ahead of the other of {a} and {b} without latency by {}; with latency they cannot be told apart.",
            by(zero)
        ),
        (None, Some(second)) => {
            format!("{a} and {b} cannot be told apart without latency; with it {second} is ahead by {}.", by(real))
        }
        (None, None) => format!("{a} and {b} cannot be told apart by these cases, without latency or with it."),
    }
}

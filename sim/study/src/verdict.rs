//! What follows from the trials: paired tests, and sentences.

use crate::report::{Case, ModelReport, Paired, TestReport};
use crate::{Pairs, Trial};

/// All pairs, at both latencies, corrected together.
pub(crate) fn tests(names: &[String], zero: &[Vec<Trial>], real: &[Vec<Trial>]) -> Vec<TestReport> {
    let (mut who, mut pairs) = (Vec::new(), Vec::new());
    for (at, trials) in [(Case::Zero, zero), (Case::Real, real)] {
        for (a, b) in (0..trials.len()).flat_map(|a| (a + 1..trials.len()).map(move |b| (a, b))) {
            who.push((a, b, at));
            pairs.push(Pairs::of(trials[a].iter().zip(&trials[b]).map(|(a, b)| (a.success, b.success))));
        }
    }
    let report = |((a, b, at), paired): ((usize, usize, Case), Paired)| TestReport {
        a: names[a].clone(),
        b: names[b].clone(),
        at,
        paired,
    };
    who.into_iter().zip(Paired::all(&pairs)).map(report).collect()
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
    match (test.paired.significant, test.paired.difference.rate > 0.0) {
        (false, _) => None,
        (true, true) => Some(&test.a),
        (true, false) => Some(&test.b),
    }
}

/// What the two tests of a pair say together.
fn sentence(zero: &TestReport, real: &TestReport) -> String {
    let by = |test: &TestReport| {
        let d = test.paired.difference;
        let sign = if d.rate < 0.0 { -1.0 } else { 1.0 };
        let (lo, hi) = if sign < 0.0 { (-d.hi, -d.lo) } else { (d.lo, d.hi) };
        format!(
            "{:.1} points (95 % {:.1} to {:.1}, p = {:.2e})",
            d.rate.abs() * 100.0,
            lo * 100.0,
            hi * 100.0,
            test.paired.p_holm
        )
    };
    let (a, b) = (&zero.a, &zero.b);
    let behind = |first: &str| if first == a { b } else { a };
    match (leader(zero), leader(real)) {
        (Some(first), Some(second)) if first != second => format!(
            "The order turns: without latency {first} is ahead of {second} by {}, with their own latencies {second} is ahead of \
             {first} by {}.",
            by(zero),
            by(real)
        ),
        (Some(first), Some(_)) => format!(
            "{first} is ahead of {} without latency by {} and with their own by {}.",
            behind(first),
            by(zero),
            by(real)
        ),
        (Some(first), None) => format!(
            "{first} is ahead of {} without latency by {}; with their own latencies they cannot be told apart.",
            behind(first),
            by(zero)
        ),
        (None, Some(second)) => format!(
            "{a} and {b} cannot be told apart without latency; with their own {second} is ahead of {} by {}.",
            behind(second),
            by(real)
        ),
        (None, None) => format!("{a} and {b} cannot be told apart by these cases, without latency or with their own."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Estimate;

    fn test(at: Case, rate: f64, significant: bool) -> TestReport {
        let difference = Estimate { rate, lo: rate - 0.1, hi: rate + 0.1 };
        let (a, b) = ("teacher".to_owned(), "student".to_owned());
        let paired = Paired { pairs: Pairs::default(), difference, p: 0.01, p_holm: 0.02, significant };
        TestReport { a, b, at, paired }
    }

    #[test]
    fn the_sentence_says_who_is_ahead_of_whom() {
        let (zero, real) = (test(Case::Zero, 0.2, true), test(Case::Real, -0.3, true));
        let said = sentence(&zero, &real);
        assert!(said.starts_with(
            "The order turns: without latency teacher is ahead of student by 20.0 points (95 % 10.0 to 30.0"
        ));
        assert!(said.contains("student is ahead of teacher by 30.0 points (95 % 20.0 to 40.0"), "{said}");
        let unclear = test(Case::Zero, 0.01, false);
        assert!(sentence(&unclear, &real).contains("with their own student is ahead of teacher by 30.0"));
        assert!(sentence(&zero, &test(Case::Real, -0.05, false)).ends_with("they cannot be told apart."));
        assert!(sentence(&unclear, &test(Case::Real, 0.0, false)).contains("by these cases"));
    }
}

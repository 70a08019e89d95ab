//! A comparison as text.

use std::fmt::Write;

use crate::Estimate;
use crate::report::{Case, Comparison, ModelReport, Paired, TestReport};

/// For terminals: the pilots, the tests, the swap, what follows.
pub fn table(comparison: &Comparison) -> String {
    let mut text = rows(&model_cells(comparison));
    for model in &comparison.models {
        for complaint in &model.complaints {
            let _ = writeln!(text, "not trusted: {}: {complaint}", model.name);
        }
    }
    if !comparison.tests.is_empty() {
        text.push_str(
            "\npaired tests (exact McNemar, Holm's correction), success of the first less that of the second:\n",
        );
        text.push_str(&rows(&test_cells(&comparison.tests)));
    }
    for swap in &comparison.swap {
        let _ = writeln!(text, "\nswap of {} and {}: success by whose outputs come at whose latency", swap.a, swap.b);
        let cells = swap
            .cells
            .iter()
            .map(|c| vec![format!("outputs of {}", c.outputs), format!("latency of {}", c.latency), share(&c.success)]);
        text.push_str(&rows(&cells.collect::<Vec<_>>()));
        let _ = writeln!(
            text,
            "{} less {}: {} points, of which speed {} and accuracy {}",
            swap.b,
            swap.a,
            points(&swap.difference),
            points(&swap.speed),
            points(&swap.accuracy)
        );
    }
    if !comparison.findings.is_empty() {
        text.push('\n');
    }
    for finding in &comparison.findings {
        let _ = writeln!(text, "{finding}");
    }
    text
}

/// Heading and cells of the table of pilots.
pub(crate) fn model_cells(comparison: &Comparison) -> Vec<Vec<String>> {
    let heading = [
        "model",
        "params",
        "MACs",
        "file",
        "open-loop",
        "success, zero",
        "success, real",
        "clearance",
        "age p50/p99",
        "blind",
        "latency p50/p99",
        "runtime",
    ];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    cells.extend(comparison.models.iter().map(|model| one_model(model).to_vec()));
    cells
}

fn one_model(m: &ModelReport) -> [String; 12] {
    let none = || "-".to_owned();
    let latency = match (m.modelled, m.trusted) {
        (true, _) => " modelled",
        (false, false) => " not trusted",
        _ => "",
    };
    [
        m.name.clone(),
        m.params.map_or_else(none, short),
        m.macs.map_or_else(none, short),
        m.bytes.map_or_else(none, |bytes| format!("{}B", short(bytes))),
        m.open_loop_error.map_or_else(none, |share| format!("{:.1} %", share * 100.0)),
        share(&m.success_zero),
        share(&m.success_real),
        m.real.clearance_m.map_or_else(none, |metres| format!("{metres:.2} m")),
        ages(m.real.age_ms.p50, m.real.age_ms.p99),
        format!("{:.2} m", m.real.blind_m_max),
        format!("{:.2}/{:.2} ms{latency}", m.latency_ms.p50, m.latency_ms.p99),
        m.runtime.clone(),
    ]
}

/// Heading and cells of the table of tests.
pub(crate) fn test_cells(tests: &[TestReport]) -> Vec<Vec<String>> {
    let at = |test: &TestReport| match test.at {
        Case::Zero => "zero",
        Case::Real => "real",
    };
    let tests = tests.iter().map(|test| ([test.a.as_str(), &test.b, at(test)], &test.paired));
    paired_cells(["first", "second", "latency", "only first/second"], tests)
}

/// The same for any paired tests: the first three headings are of what is compared, the fourth of who had it alone.
pub(crate) fn paired_cells<'a>(
    heading: [&str; 4],
    tests: impl Iterator<Item = ([&'a str; 3], &'a Paired)>,
) -> Vec<Vec<String>> {
    let heading = heading.into_iter().chain(["difference", "p", "p by Holm", ""]);
    let mut cells = vec![heading.map(str::to_owned).collect()];
    cells.extend(tests.map(|(what, test)| {
        let mut row: Vec<String> = what.map(str::to_owned).into();
        row.extend([
            format!("{}/{}", test.pairs.only_a, test.pairs.only_b),
            format!("{} points", points(&test.difference)),
            probability(test.p),
            probability(test.p_holm),
            if test.significant { "significant at 5 %".to_owned() } else { String::new() },
        ]);
        row
    }));
    cells
}

/// `45/98 ms`: the median and the 99th percentile of an age.
pub(crate) fn ages(p50: Option<f64>, p99: Option<f64>) -> String {
    p50.zip(p99).map_or_else(|| "-".into(), |(p50, p99)| format!("{p50:.0}/{p99:.0} ms"))
}

/// `93.5 % (91.2 to 95.3)`.
pub(crate) fn share(e: &Estimate) -> String {
    format!("{:.1} % ({:.1} to {:.1})", e.rate * 100.0, e.lo * 100.0, e.hi * 100.0)
}

/// `+3.5 (+1.2 to +5.3)`, a difference of shares in points.
pub(crate) fn points(e: &Estimate) -> String {
    // A zero has no sign.
    let signed = |x: f64| if (x * 1000.0).round() == 0.0 { "0.0".to_owned() } else { format!("{:+.1}", x * 100.0) };
    format!("{} ({} to {})", signed(e.rate), signed(e.lo), signed(e.hi))
}

fn probability(p: f64) -> String {
    if p >= 0.001 { format!("{p:.3}") } else { format!("{p:.1e}") }
}

/// A count with three digits and a letter: `2.82M`.
pub(crate) fn short(n: u64) -> String {
    let n = n as f64;
    let steps = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let Some((unit, letter)) = steps.into_iter().find(|(unit, _)| n >= *unit) else { return format!("{n:.0}") };
    let scaled = n / unit;
    let digits = if scaled >= 99.95 { 0 } else { 1 + usize::from(scaled < 9.995) };
    format!("{scaled:.digits$}{letter}")
}

/// Columns as wide as their widest cell, the first left-aligned.
pub(crate) fn rows(cells: &[Vec<String>]) -> String {
    let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |c: usize| cells.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in cells {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.00k"),
            (2_822_208, "2.82M"),
            (12_345_678, "12.3M"),
            (999_600_000, "1000M"),
        ] {
            assert_eq!(short(n), text);
        }
    }

    #[test]
    fn a_zero_has_no_sign() {
        assert_eq!(points(&Estimate { rate: -0.0001, lo: -0.05, hi: 0.051 }), "0.0 (-5.0 to +5.1)");
    }

    #[test]
    fn columns_stand_under_each_other() {
        let cells = [["a", "bb"], ["ccc", "d"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(rows(&cells), "a    bb\nccc  d\n");
    }
}

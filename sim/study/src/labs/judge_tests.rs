use std::collections::BTreeMap;

use episode::{Episode, Summary};
use scenario::parse_lab;
use timing::Source;

use super::super::{RunResult, read::Reading};
use super::*;
use crate::report::LatencyMs;
use crate::wilson;

/// A lab with one condition.
fn lab(condition: &str) -> Lab {
    let text = format!(
        "+++\ntitle = 't'\nquestion = 'q'\nnotice = ['n']\n[[choice]]\ntext = 'a'\nright = true\n[[choice]]\ntext = 'b'\n\
         [[run]]\nname = 'one'\nscenario = 's'\nseeds = '4'\n[[run]]\nname = 'two'\nscenario = 's'\nseeds = '4'\n\
         [[check]]\nwhat = 'w'\n{condition}\n+++\n## Go deeper\nd\n"
    );
    parse_lab(&text, "t.md").unwrap_or_else(|e| panic!("{e}"))
}

fn summary() -> Summary {
    let text = "title = 't'\nduration_s = 0.1\n[robot]\n[controller]\npilot = 'straight'\n[latency]\nsource = 'zero'\n";
    let setup = scenario::parse(text, "t.toml").unwrap().setup(0).unwrap();
    Summary::of(&Episode::new(setup.into(), Source::ZERO).unwrap())
}

/// A run of these lengths, of which so many collided.
fn ran(seconds: &[f64], collisions: usize, rounds: &[f64]) -> Ran {
    let reading = |s: &f64| Reading {
        summary: Summary { sim_seconds: *s, min_clearance_m: None, ..summary() },
        success: true,
        processed_hz: 10.0 * s,
        failures: Vec::new(),
        runtime: "none".into(),
    };
    let n = seconds.len();
    let result = RunResult {
        name: String::new(),
        title: String::new(),
        scenario: String::new(),
        seeds: String::new(),
        episodes: n,
        model: String::new(),
        runtime: String::new(),
        latency: String::new(),
        kind: "modelled",
        network: None,
        service_ms: LatencyMs::of(rounds.to_vec()),
        collisions,
        collided: wilson(collisions, n),
        reached: wilson(n - collisions, n),
        numbers: BTreeMap::new(),
        complaints: Vec::new(),
        missing: None,
    };
    Ran { result, readings: seconds.iter().map(reading).collect(), rounds: rounds.to_vec() }
}

fn held(condition: &str, runs: &[Ran]) -> Held {
    let lab = lab(condition);
    judge(&lab, &lab.checks[0], runs).held
}

#[test]
fn every_kind_of_condition_holds_and_fails() {
    let runs = [ran(&[1.0, 2.0, 3.0, 8.0], 3, &[]), ran(&[1.0, 1.0, 1.0, 1.0], 0, &[])];
    for (holds, fails) in [
        ("metric = 'collided'\nmin = 0.75", "metric = 'collided'\nmin = 0.76"),
        ("metric = 'reached'\nmax = 0.25", "metric = 'reached'\nmax = 0.2"),
        ("metric = 'sim_seconds'\nmin = 2.5\nmax = 2.5", "metric = 'sim_seconds'\nmax = 2.4"),
        ("metric = 'sim_seconds'\nover = 'max'\nmin = 8", "metric = 'sim_seconds'\nover = 'max'\nmin = 9"),
        ("metric = 'sim_seconds'\nover = 'min'\nmax = 1", "metric = 'sim_seconds'\nover = 'min'\nmin = 2"),
        (
            "metric = 'processed_hz'\nthan = 'two'\nratio = { min = 2.5 }",
            "metric = 'processed_hz'\nthan = 'two'\nratio = { min = 2.6 }",
        ),
        (
            "metric = 'collided'\nthan = 'two'\ndifference = { min = 0.7 }",
            "metric = 'collided'\nthan = 'two'\ndifference = { max = 0.7 }",
        ),
    ] {
        assert_eq!(held(&format!("run = 'one'\n{holds}"), &runs), Held::Holds, "{holds}");
        assert_eq!(held(&format!("run = 'one'\n{fails}"), &runs), Held::Fails, "{fails}");
    }
    // What no seed has is nothing that holds; nothing is divided by zero.
    assert_eq!(held("run = 'one'\nmetric = 'min_clearance_m'\nmin = 0", &runs), Held::Fails);
    assert_eq!(held("run = 'one'\nmetric = 'collided'\nthan = 'two'\nratio = { min = 1 }", &runs), Held::Fails);
}

#[test]
fn a_ratio_of_measured_times_is_judged_by_its_interval() {
    let rounds = |factor: f64, spread: f64| -> Vec<f64> {
        (0..100).map(|i| factor * (1.0 + spread * (f64::from(i * 37 % 100) / 100.0 - 0.5))).collect()
    };
    let condition = "run = 'one'\nmetric = 'service_ms.p50'\nthan = 'two'\nratio = { min = 1.5 }";
    let of = |factor: f64, spread: f64| [ran(&[1.0], 0, &rounds(factor, spread)), ran(&[1.0], 0, &vec![1.0; 100])];
    assert_eq!(held(condition, &of(2.0, 0.2)), Held::Holds);
    assert_eq!(held(condition, &of(1.2, 0.2)), Held::Fails);
    // So near to the bound that the rounds cannot tell.
    assert_eq!(held(condition, &of(1.51, 0.8)), Held::Uncertified);
    let lab = lab(condition);
    let said = judge(&lab, &lab.checks[0], &of(2.0, 0.2)).found;
    assert!(said.starts_with("1.99 (95 % interval 1.9") || said.starts_with("2.00 (95 % interval 1.9"), "{said}");
}

#[test]
fn what_was_disturbed_or_is_missing_never_fails() {
    let condition = "run = 'one'\nmetric = 'reached'\nmin = 1";
    let mut runs = [ran(&[1.0, 1.0], 1, &[]), ran(&[1.0, 1.0], 0, &[])];
    assert_eq!(held(condition, &runs), Held::Fails);
    runs[0].result.complaints.push("other programs".into());
    assert_eq!(held(condition, &runs), Held::Uncertified);
    runs[1].result.missing = Some("no such runtime".into());
    assert_eq!(held(condition, &runs[..]), Held::Uncertified, "of the run that is there");
    let compared = "run = 'one'\nmetric = 'reached'\nthan = 'two'\ndifference = { min = -1 }";
    let lab = lab(compared);
    let judged = judge(&lab, &lab.checks[0], &runs);
    assert_eq!((judged.held, judged.remark.as_str()), (Held::Uncertified, "no such runtime"));
}

#[test]
fn the_interval_of_a_median_is_that_of_order_statistics() {
    // Binomial(100, 1/2): P(X <= 39) = 1.8 %, P(X <= 40) = 2.8 %: from the 40th to the 61st of them.
    let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    assert_eq!(median(values), Some((50.5, 40.0, 61.0)));
    assert_eq!(median(vec![3.0]), Some((3.0, 3.0, 3.0)));
    assert_eq!(median(Vec::new()), None);
}

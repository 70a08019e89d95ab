//! A comparison with the network that ships, on the engine that is always there.

use std::path::{Path, PathBuf};

use runtime::{Engine, Options, Requested, Rung};
use scenario::{Latency, Seeds};
use study::{Case, Comparison, Course, Entrant, Plan, StudyError, compare};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load(model: &str) -> Result<Box<dyn Engine>, String> {
    // The same network by another name: the same function.
    let file = if model == "twin" { "pilot" } else { model };
    let path = root().join("assets/models").join(file).with_extension("onnx");
    let sums = include_str!("../../../assets/models/SHA256SUMS");
    let trusted = sums.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    let options = Options { requested: Requested::Exactly(Rung::Rten), trusted, ..Options::default() };
    runtime::load(&path, &options).map_err(|e| e.to_string())
}

fn courses(names: &[&str]) -> Vec<Course> {
    let path = |name: &&str| root().join("scenarios").join(name).with_extension("toml");
    names.iter().map(|name| scenario::load(&path(name)).expect("a scenario").into()).collect()
}

fn run(names: &[&str], models: &[(&str, Latency)], seeds: &str, jobs: usize) -> Result<Comparison, StudyError> {
    let entrants: Vec<Entrant> =
        models.iter().map(|(name, latency)| Entrant { name: (*name).to_owned(), latency: latency.clone() }).collect();
    let seeds: Seeds = seeds.parse().expect("seeds");
    let plan = Plan {
        courses: &courses(names),
        seeds: &seeds,
        entrants: &entrants,
        swap: (entrants.len() > 1).then(|| (0, entrants.len() - 1)),
        jobs,
        samples: 40,
        set: None,
        version: "test",
        device: "a table",
    };
    compare(&plan, &load, &())
}

#[test]
fn the_number_of_jobs_does_not_change_the_result() {
    let models = [("pilot", Latency::Service(30.0)), ("straight", Latency::Zero)];
    let one = run(&["lesson", "slalom"], &models, "2", 1).unwrap();
    for jobs in [2, 7] {
        assert_eq!(run(&["lesson", "slalom"], &models, "2", jobs).unwrap(), one, "{jobs} jobs");
    }
    let json = serde_json::to_value(&one).expect("plain data");
    assert_eq!(json["models"][0]["latency_ms"]["p50"], 30.0);
}

#[test]
fn latency_costs_success_and_the_swap_says_that_it_was_the_latency() {
    // The lesson: 100 ms are borne, 250 ms are not. The same network twice is one function, so all of it is speed.
    let models = [("pilot", Latency::Fixed(250.0)), ("twin", Latency::Fixed(20.0))];
    let found = run(&["lesson"], &models, "1000..1006", 2).unwrap();
    let [slow, fast] = &found.models[..] else { panic!("two models") };
    assert_eq!((slow.zero.successes, slow.real.successes), (6, 0), "{slow:?}");
    assert_eq!((fast.zero.successes, fast.real.successes), (6, 6), "{fast:?}");
    assert_eq!((slow.latency_ms.p50, fast.latency_ms.p50), (250.0, 20.0));
    assert!(slow.real.age_ms.p50 > Some(250.0) && fast.real.age_ms.p99 < Some(60.0));
    assert!(slow.real.blind_m_max > 0.4 && slow.open_loop_error < Some(0.5));
    assert!(slow.macs.is_some() && slow.macs == fast.macs && slow.open_loop_error == fast.open_loop_error);
    let swap = &found.swap[0];
    let rates: Vec<f64> = swap.cells.iter().map(|cell| cell.success.rate).collect();
    assert_eq!(rates, [0.0, 1.0, 0.0, 1.0]);
    assert_eq!((swap.difference.rate, swap.speed.rate, swap.accuracy.rate), (1.0, 1.0, 0.0));
    // Six cases against none: p = 2 / 2^6, doubled by Holm among two tests.
    let real = found.tests.iter().find(|test| test.at == Case::Real).unwrap();
    assert!((real.paired.p - 0.031_25).abs() < 1e-12 && (real.paired.p_holm - 0.0625).abs() < 1e-12, "{real:?}");
    assert_eq!((real.paired.pairs.only_a, real.paired.pairs.only_b, real.paired.difference.rate), (0, 6, -1.0));
}

#[test]
fn the_expert_makes_no_open_loop_error_and_straight_makes_many() {
    let models = [("expert", Latency::Zero), ("straight", Latency::Zero)];
    let found = run(&["slalom"], &models, "2", 2).unwrap();
    assert_eq!(found.models[0].open_loop_error, Some(0.0));
    assert!(found.models[1].open_loop_error > Some(0.3), "{:?}", found.models[1].open_loop_error);
    assert!(found.models[0].open_loop_frames > 100);
}

#[test]
fn what_cannot_be_compared_is_explained() {
    let zero = |name| (name, Latency::Zero);
    for (models, expected) in [
        (vec![zero("balancer")], "in   scan           [N, 3, 360]"),
        (vec![zero("nobody")], "the model `nobody` cannot be run"),
        (vec![zero("pilot"), zero("pilot")], "found the model `pilot` twice"),
        (vec![], "no scenario or no model"),
        (vec![zero("brake_on_sight")], "needs `sight`"),
    ] {
        let said = run(&["lesson"], &models, "1", 1).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let twice = run(&["lesson", "lesson"], &[zero("expert")], "1", 1).unwrap_err().to_string();
    assert!(twice.contains("found the scenario `lesson` twice"), "{twice}");
}

#[test]
fn one_model_alone_is_described_without_tests() {
    let found = run(&["lesson"], &[("expert", Latency::Zero)], "2", 1).unwrap();
    assert!(found.tests.is_empty() && found.swap.is_empty() && found.findings.is_empty());
    assert_eq!(found.models[0].zero, found.models[0].real);
    let page = study::page(&found).unwrap();
    assert!(page.contains(&found.scenarios[0].sha256) && page.contains("prefers-color-scheme"));
    for outside in ["src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(study::table(&found).starts_with("model "));
}

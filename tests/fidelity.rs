//! A replayed trace stands for the live run: the same outcomes, here and on a target.
//!
//! `DEADTIME_FIDELITY_SEEDS=100 cargo test --release fidelity -- --nocapture` tries as many and prints a table.

use std::path::Path;

use crate::support::{deadtime, folder, json, text};
use crate::target::serve;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
struct Metrics {
    success: f64,
    clearance: f64,
    age_p50: f64,
    age_p99: f64,
    /// Of runs that reach the goal.
    seconds: f64,
}

impl Metrics {
    fn of(report: &serde_json::Value) -> Self {
        let number = |value: &serde_json::Value| value.as_f64().unwrap_or_default();
        let success = f64::from(u8::from(report["outcome"] == "goal"));
        Self {
            success,
            clearance: number(&report["min_clearance_m"]),
            age_p50: number(&report["age_ms"]["p50"]),
            age_p99: number(&report["age_ms"]["p99"]),
            seconds: success * number(&report["sim_seconds"]),
        }
    }

    fn mean(all: &[Self]) -> Self {
        let sum = |field: fn(&Self) -> f64| all.iter().map(field).sum::<f64>();
        let (n, goals) = (all.len() as f64, sum(|m| m.success).max(1.0));
        Self {
            success: sum(|m| m.success) / n,
            clearance: sum(|m| m.clearance) / n,
            age_p50: sum(|m| m.age_p50) / n,
            age_p99: sum(|m| m.age_p99) / n,
            seconds: sum(|m| m.seconds) / goals,
        }
    }

    fn fields(&self) -> [(&'static str, f64); 5] {
        let Self { success, clearance, age_p50, age_p99, seconds } = *self;
        [
            ("success", success),
            ("clearance", clearance),
            ("age p50", age_p50),
            ("age p99", age_p99),
            ("time to goal", seconds),
        ]
    }
}

fn seeds() -> u64 {
    std::env::var("DEADTIME_FIDELITY_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Between two samples of the age, milliseconds: it is read at the ticks of `lesson`, 240 a second, so a median jumps by so much.
const TICK_MS: f64 = 1000.0 / 240.0;

/// The largest relative difference of two sets of metrics, of ages what goes beyond `apart_ms`; prints the table.
fn compare(what: &str, live: &[Metrics], replayed: &[Metrics], apart_ms: f64) -> f64 {
    let (live, replayed) = (Metrics::mean(live), Metrics::mean(replayed));
    let mut worst = 0.0f64;
    for ((name, a), (_, b)) in live.fields().into_iter().zip(replayed.fields()) {
        let off = (b / a.max(1e-9) - 1.0).abs();
        let beyond = if name.starts_with("age") { off - apart_ms / a.max(1e-9) } else { off };
        worst = worst.max(beyond);
        println!("{what:34} {name:13} live {a:9.4}  replayed {b:9.4}  {:6.3} %", off * 100.0);
    }
    worst
}

/// Live runs, each with its log, and each log's times on a network that runs here.
fn live_and_replayed(dir: &Path, live: &[&str]) -> (Vec<Metrics>, Vec<Metrics>) {
    let mut both = (Vec::new(), Vec::new());
    for seed in 0..seeds() {
        let (log, seed) = (dir.join(format!("{seed}.mcap")), seed.to_string());
        let common = ["run", "lesson", "--seed", &seed, "--json", "--offline"];
        let measured = ["--latency", "measured", "--unpaced", "--log", text(&log)];
        let far = json(&deadtime(&[&common[..], &measured[..], live].concat()));
        let times = format!("replay:{}", log.display());
        let here = json(&deadtime(&[&common[..], &["--latency", &times, "--runtime", "rten"]].concat()));
        assert_eq!(far["digest"], here["digest"], "seed {seed}: the same times are the same run");
        both.0.push(Metrics::of(&far));
        both.1.push(Metrics::of(&here));
    }
    both
}

#[test]
fn a_log_replays_to_the_outcomes_of_its_live_run_here_and_on_a_target() {
    let (_keep, dir) = folder();
    let (live, replayed) = live_and_replayed(&dir, &["--runtime", "rten"]);
    assert!(compare("own log, here", &live, &replayed, 0.0) <= 0.01);
    let server = serve(&[]);
    let (live, replayed) = live_and_replayed(&dir, &["--target", &server.address]);
    assert!(compare("own log, on a target", &live, &replayed, 0.0) <= 0.01);
}

/// One trace, measured once, for all seeds: what `measure` is for. Latencies of the live runs are others each time, so this holds
/// only as far as the machine is the same then and later; few seeds on a busy machine are given more room.
#[test]
fn one_measured_trace_stands_for_live_runs_of_many_seeds() {
    let (_keep, dir) = folder();
    let server = serve(&[]);
    let room = if seeds() >= 100 { 0.01 } else { 0.1 };
    for (what, place) in
        [("one trace, here", ["--runtime", "rten"]), ("one trace, a target", ["--target", &server.address])]
    {
        let trace = dir.join("trace.json");
        let measure = ["measure", "pilot", "--count", "200", "--json", "--out", text(&trace)];
        let measured = json(&deadtime(&[&measure[..], &place[..]].concat()));
        if measured["trusted"] != true {
            eprintln!(
                "SKIPPED: {what}: this machine does other things, so no trace stands for it: {}",
                measured["complaints"]
            );
            continue;
        }
        let times = format!("replay:{}", trace.display());
        let (mut live, mut replayed) = (Vec::new(), Vec::new());
        for seed in 0..seeds() {
            let seed = seed.to_string();
            let common = ["run", "lesson", "--seed", &seed, "--json", "--offline"];
            // Paced, as the trace was measured: a network that is asked without a pause is faster.
            let now = ["--latency", "measured"];
            live.push(Metrics::of(&json(&deadtime(&[&common[..], &now[..], &place[..]].concat()))));
            let later = ["--latency", &times, "--runtime", "rten"];
            replayed.push(Metrics::of(&json(&deadtime(&[&common[..], &later[..]].concat()))));
        }
        let worst = compare(what, &live, &replayed, TICK_MS);
        assert!(worst <= room, "{what}: {:.2} % off", worst * 100.0);
    }
}

//! Whose fault a collision was.

use crate::support::{deadtime, folder, json, text};

#[test]
fn too_late_a_brake_is_latency_and_its_limit_is_the_formula_s() {
    let output = deadtime(&["blame", "braking", "--latency", "fixed:200", "--replicas", "4", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let blame = json(&output);
    // R_max is 150 ms; the sensor's phase takes between nothing and a period of 20 ms of it.
    let critical = blame["critical_latency_ms"].as_f64().expect("a number");
    assert!((129.0..=151.0).contains(&critical), "{critical}");
    assert!((blame["margin_ms"].as_f64().expect("a number") - (critical - 200.0)).abs() < 1e-9);
    assert_eq!(blame["shares"]["compute"], 1.0);
    assert_eq!(blame["intervals"].as_array().map(Vec::len), Some(2), "a pure delay is monotone");
}

#[test]
fn jobs_make_no_difference_and_a_log_says_what_its_scenario_says() {
    let (_keep, dir) = folder();
    let log = dir.join("run.mcap");
    let options = ["--model", "expert", "--latency", "fixed:260"];
    deadtime(&[&["run", "lesson", "--log", text(&log)], &options[..]].concat());
    let replicas = ["--replicas", "3", "--json"];
    let one = deadtime(&[&["blame", "lesson", "--jobs", "1"], &options[..], &replicas].concat());
    let two = deadtime(&[&["blame", "lesson", "--jobs", "2"], &options[..], &replicas].concat());
    let logged = deadtime(&[&["blame", text(&log)], &replicas[..]].concat());
    assert_eq!(json(&one), json(&two));
    assert_eq!(json(&one), json(&logged));
    // The expert's own decisions, late: nothing but latency can be to blame.
    assert_eq!(json(&one)["verdict"], "latency");
}

#[test]
fn who_sees_nothing_is_a_model_s_fault() {
    let blame =
        json(&deadtime(&["blame", "slalom", "--model", "straight", "--latency", "zero", "--replicas", "3", "--json"]));
    assert_eq!(blame["verdict"], "model", "{blame}");
    assert!(blame["shares"].is_null() && blame["critical_latency_ms"].is_null());
}

#[test]
fn without_a_collision_there_is_nothing_to_blame() {
    assert_eq!(deadtime(&["blame", "braking", "--latency", "fixed:100"]).status.code(), Some(4));
    assert_eq!(deadtime(&["blame", "lesson", "--latency", "measured"]).status.code(), Some(2));
    assert_eq!(deadtime(&["blame", "braking", "--window", "0"]).status.code(), Some(2));
}

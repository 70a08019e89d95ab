//! `deadtime study compensation`: what can be done about late commands, on the same cases.

use crate::support::{deadtime, folder, json, text};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_governor_stops_in_time_where_holding_cannot() {
    // Brake on sight at 200 ms: no phase stops. Whoever drives as fast as the latency allows does, and takes longer.
    let args =
        ["braking", "--latency", "fixed:200", "--compensation", "hold,governor,predict", "--seeds", "10", "--json"];
    let output = deadtime(&[&["study", "compensation"], &args[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let study = json(&output);
    let way = |name: &str| {
        let ways = study["ways"].as_array().expect("ways");
        ways.iter().find(|way| way["way"] == name).unwrap_or_else(|| panic!("{name}: {study}")).clone()
    };
    let collisions = |name: &str| way(name)["driven"]["collisions"].as_u64();
    assert_eq!((collisions("no latency"), collisions("hold"), collisions("governor")), (Some(0), Some(10), Some(0)));
    // A pilot without a network is fed nothing that could be moved.
    assert_eq!(way("predict")["driven"], way("hold")["driven"]);
    assert!(study["left_out"].to_string().contains("the same as hold"), "{study}");
    let test = |of: &str| {
        let tests = study["tests"].as_array().expect("tests");
        tests.iter().find(|test| test["a"] == "governor" && test["of"] == of).expect("a test").clone()
    };
    let collision = test("collision");
    assert_eq!((&collision["pairs"]["only_b"], &collision["significant"]), (&10.into(), &true.into()));
    assert!((collision["p"].as_f64().expect("p") - 2.0 / 1024.0).abs() < 1e-9, "{collision}");
    assert!(way("governor")["slower_s"].is_null() && way("governor")["slower_cases"] == 0, "hold never gets there");
}

#[test]
fn a_network_is_run_on_the_same_cases_whatever_the_jobs() {
    let of = |jobs: &str| {
        let args = ["lesson", "--latency", "service:60", "--compensation", "hold,predict,watchdog:20", "--seeds", "2"];
        let output = deadtime(&[&["study", "compensation"], &args[..], &["--jobs", jobs, "--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        json(&output)
    };
    let study = of("2");
    assert_eq!(study, of("1"));
    assert_eq!(study["pilot"], "pilot");
    let ways = study["ways"].as_array().expect("ways");
    // A watchdog that bites before any command comes lets nobody drive.
    assert_eq!((&ways[3]["way"], &ways[3]["driven"]["successes"]), (&"watchdog:20".into(), &0.into()));
    assert!(ways[3]["time_to_goal_s"].is_null() && ways[0]["time_to_goal_s"]["rate"].as_f64() > Some(3.0), "{study}");
}

#[test]
fn a_page_is_written_and_mistakes_are_explained() {
    let (_keep, dir) = folder();
    let out = dir.join("page");
    let args =
        ["study", "compensation", "braking", "--seeds", "3", "--compensation", "hold,governor", "--out", text(&out)];
    let output = deadtime(&args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = std::fs::read_to_string(out.join("compensation.html")).expect("written");
    assert!(page.contains("<figure><svg") && page.contains("exact McNemar"));
    assert!(out.join("compensation.svg").exists() && out.join("compensation.json").exists());
    for (args, expected) in [
        (vec!["braking", "--compensation", "hold,hold"], "each once"),
        (vec!["braking", "--compensation", "watch"], "expected hold, watchdog:MS"),
        (vec!["no-such"], "there is no scenario"),
        (vec!["lesson", "--model", "no-such"], "there is no model"),
        (vec!["lesson", "--latency", "late"], "expected"),
    ] {
        let output = deadtime(&[vec!["study", "compensation"], args.clone()].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(expected) && !said.contains("panicked"), "{args:?}: {said}");
    }
}

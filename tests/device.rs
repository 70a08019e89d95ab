//! Modelled devices: a roofline for networks that were never measured there, and heat that makes them slow on the way.

use std::sync::Arc;
use std::time::Duration;

use episode::{Driver, Episode, Pumped, Supply};
use timing::{SimTime, Source};

use crate::support::{deadtime, finish, folder, json, root, text};

#[test]
fn a_fork_takes_the_heat_along() {
    let scenario = scenario::load(&root().join("scenarios/heat.toml")).expect("it ships");
    let setup = scenario.setup(3).expect("a setup");
    let device = scenario::device("jetson-nano:resnet50-256", None, &setup.device).expect("it ships");
    let mut episode = Episode::new(Arc::new(setup), Source::Device(Arc::new(device))).expect("a valid setup");
    let mut driver = Driver::new(Supply::Nobody);
    let half = SimTime(30_000_000_000);
    assert_eq!(driver.pump(&mut episode, half, Duration::ZERO), Pumped::Reached);
    let mut fork = episode.clone();
    let warm = |episode: &Episode| episode.line().warmth(episode.plant().tick_start()).expect("a device");
    assert!(warm(&episode).celsius > 80.0, "{:?}", warm(&episode));
    finish(&mut episode);
    finish(&mut fork);
    assert_eq!((episode.digest(), warm(&episode)), (fork.digest(), warm(&fork)));
    assert!(warm(&fork).throttled_s > 0.0);
}

#[test]
fn a_hot_device_is_late_in_the_end_and_a_cool_one_is_not() {
    let (_keep, dir) = folder();
    let log = dir.join("hot.mcap");
    let hot = json(&deadtime(&["run", "heat", "--json", "--log", text(&log)]));
    let device = &hot["device"];
    assert_eq!(hot["outcome"], "collision", "{hot}");
    assert!(hot["sim_seconds"].as_f64() > Some(30.0), "it was safe at first: {hot}");
    assert!(device["throttled_s"].as_f64() > Some(0.0) && device["throttled"] == true, "{device}");
    assert!(device["celsius_max"].as_f64().is_some_and(|c| (97.0..97.5).contains(&c)), "{device}");
    assert!(device["energy_j_per_m"].as_f64().is_some_and(|j| j > 1.0), "{device}");
    assert!(device["battery_left"].as_f64().is_some_and(|left| left > 0.5 && left < 1.0), "{device}");
    assert_eq!((hot["modelled"].as_bool(), hot["trusted"].as_bool()), (Some(true), Some(true)));
    // The heat is in the log as the times that it made.
    let replayed = deadtime(&["replay", text(&log), "--json"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", String::from_utf8_lossy(&replayed.stderr));
    assert_eq!(json(&replayed)["digest"], hot["digest"]);
    let cool = dir.join("cool.toml");
    let scenario = std::fs::read_to_string(root().join("scenarios/heat.toml")).expect("it ships");
    std::fs::write(&cool, scenario.replace("air_c = 50", "air_c = 20")).expect("written");
    let cool = json(&deadtime(&["run", text(&cool), "--json"]));
    assert_eq!((cool["outcome"].as_str(), cool["device"]["throttled_s"].as_f64()), (Some("goal"), Some(0.0)), "{cool}");
    assert_eq!(json(&deadtime(&["run", "heat", "--latency", "zero", "--json"]))["outcome"], "goal");
}

#[test]
fn another_board_or_power_mode_decides() {
    let goals = |latency: &str| {
        let run =
            |seed: u64| deadtime(&["run", "onboard", "--latency", latency, "--seed", &seed.to_string(), "--json"]);
        (0..6).filter(|seed| json(&run(*seed))["outcome"] == "goal").count()
    };
    assert_eq!(goals("device:agx-orin:retinanet"), 6);
    assert!(goals("device:agx-orin@15w:retinanet") < 3);
    assert_eq!(goals("device:jetson-nano:retinanet"), 0);
}

#[test]
fn a_device_runs_the_network_that_drives() {
    let run = |device: &str| {
        let latency = format!("device:{device}");
        json(&deadtime(&["run", "lesson", "--latency", &latency, "--runtime", "rten", "--offline", "--json"]))
    };
    let (nano, orin) = (run("jetson-nano"), run("agx-orin"));
    let p50 = |report: &serde_json::Value| report["latency_ms"]["p50"].as_f64().unwrap_or_default();
    assert!(p50(&nano) > p50(&orin) + 1.0, "{nano} against {orin}");
    assert_eq!(nano["modelled"], true);
    assert!(nano["device"]["mean_w"].as_f64().is_some_and(|w| (1.5..10.0).contains(&w)), "{nano}");
}

#[test]
fn budgets_and_sweeps_know_devices() {
    let devices = ["--devices", "agx-orin:retinanet,jetson-nano:retinanet", "--models", "none"];
    let budget = deadtime(&[&["budget", "braking", "--speed", "1.5", "--json"], &devices[..]].concat());
    let budget = json(&budget);
    let fits = budget["speeds"][0]["fits"].to_string();
    assert!(fits.contains("device:agx-orin:retinanet") && !fits.contains("jetson-nano:retinanet"), "{fits}");
    let (_keep, dir) = folder();
    let out = dir.join("sweep");
    let grid = "latency=device:agx-orin:retinanet,device:jetson-nano:retinanet";
    let sweep = deadtime(&["sweep", "onboard", "--grid", grid, "--seeds", "4", "--out", text(&out), "--json"]);
    assert_eq!(sweep.status.code(), Some(0), "{}", String::from_utf8_lossy(&sweep.stderr));
    let rows = std::fs::read_to_string(out.join("sweep.csv")).expect("a result");
    let of = |device: &str, outcome: &str| rows.lines().filter(|r| r.contains(device) && r.contains(outcome)).count();
    assert_eq!((of("agx-orin", "goal"), of("jetson-nano", "collision")), (4, 4), "{rows}");
}

#[test]
fn what_the_roofline_misses_is_told() {
    let report = json(&deadtime(&["devices", "--json"]));
    let points = report["points"].as_array().expect("points");
    assert!(points.len() >= 21 && points.iter().all(|point| point["error"].is_number()));
    assert!(report["median_error"].as_f64().is_some_and(|error| error <= 0.25), "{report}");
    // The cliff of the Edge TPU.
    let ms = |size: &str| {
        let estimates = report["estimates"].as_array().expect("estimates");
        let found = estimates
            .iter()
            .find(|e| e["device"] == "coral-usb" && e["network"].as_str().is_some_and(|name| name.starts_with(size)));
        found.and_then(|e| e["ms"].as_f64()).expect("an estimate")
    };
    assert!(ms("6 MB") == ms("8 MB") && ms("10 MB") > ms("8 MB") && ms("20 MB") > 3.0 * ms("8 MB"), "{report}");
    for (args, expected) in [
        (vec!["run", "lesson", "--latency", "device:agx-orn"], "did you mean `agx-orin`"),
        (vec!["run", "braking", "--latency", "device:agx-orin"], "no network runs"),
        (vec!["run", "braking", "--latency", "device:agx-orin@3w:vgg16"], "has no mode `3w`"),
        (vec!["budget", "braking", "--models", "none", "--devices", "agx-orin"], "no network runs"),
    ] {
        let output = deadtime(&args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        // The report may break the line anywhere.
        let told = told.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(told.contains(expected), "{args:?}: {told}");
    }
}

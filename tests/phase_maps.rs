//! The phase maps that ship are what `deadtime phase` gives.
//!
//! All were made by `deadtime phase NAME --speed 0.6..2 --latency 0..500 --cells 8x11 --seeds 10 --models none --out DIR`, and are its
//! phase.json under the name of the scenario.

use crate::support::{deadtime, folder, json, root, text};

/// Those that have a map. Benches, the balancer and the one of two minutes about heat have none.
fn scenarios() -> Vec<String> {
    let files =
        std::fs::read_dir(root().join("assets/phase")).expect("a folder").map(|file| file.expect("a file").path());
    let mut names: Vec<String> =
        files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    assert!(["braking", "lesson"].iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    names
}

fn shipped(name: &str) -> serde_json::Value {
    let path = root().join("assets/phase").join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number")).collect()
}

fn rows(map: &serde_json::Value) -> Vec<Vec<f64>> {
    map["collided"].as_array().expect("rows").iter().map(numbers).collect()
}

#[test]
fn every_map_is_whole_and_about_its_scenario() {
    for name in scenarios() {
        let map = shipped(&name);
        assert_eq!((map["scenario"].as_str(), &map["seeds"]), (Some(name.as_str()), &10.into()), "{name}");
        let path = root().join("scenarios").join(&name).with_extension("toml");
        let scenario = scenario::load(&path).expect("a scenario");
        let setup = scenario.setup(scenario.seed).expect("a setup");
        assert_eq!(map["pilot"].as_str(), Some(setup.pilot.name()), "{name}");
        let (speeds, latencies) = (numbers(&map["speeds"]), numbers(&map["latencies"]));
        assert_eq!((speeds.len(), latencies.len()), (8, 11), "{name}");
        assert!(rows(&map).iter().all(|row| row.len() == 11 && row.iter().all(|n| (0.0..=10.0).contains(n))), "{name}");
    }
}

#[test]
fn some_cells_driven_again_are_the_same() {
    // Without a network to the last episode; with one, another processor may decide one at the edge otherwise.
    for (name, off) in [("braking", 0.0), ("lesson", 1.0)] {
        let map = shipped(name);
        let (speeds, latencies, all) = (numbers(&map["speeds"]), numbers(&map["latencies"]), rows(&map));
        // Where it turns: the four neighbours that differ most.
        let spread = |i: usize, j: usize| {
            let four = [all[i][j], all[i][j + 1], all[i + 1][j], all[i + 1][j + 1]];
            four.iter().fold(0.0, |a: f64, b| a.max(*b)) - four.iter().fold(10.0, |a: f64, b| a.min(*b))
        };
        let places = (0..7).flat_map(|i| (0..10).map(move |j| (i, j)));
        let (i, j) = places.max_by(|a, b| spread(a.0, a.1).total_cmp(&spread(b.0, b.1))).expect("a place");
        assert!(spread(i, j) > 3.0, "{name} never turns");
        let between = |values: &[f64], at: usize| format!("{}..{}", values[at], values[at + 1]);
        let (_keep, dir) = folder();
        let (speed, latency) = (between(&speeds, i), between(&latencies, j));
        let args = ["--speed", &speed, "--latency", &latency, "--cells", "2x2", "--seeds", "10", "--models", "none"];
        let output = deadtime(&[&["phase", name], &args[..], &["--json", "--out", text(&dir)]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let again = rows(&json(&output));
        for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let (then, now) = (all[i + a][j + b], again[a][b]);
            assert!((then - now).abs() <= off, "{name}: {then} of 10 shipped, {now} now, at {speed} m/s, {latency} ms");
        }
    }
}

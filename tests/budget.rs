//! `deadtime budget` and `deadtime phase`: formula and experiment agree where the formula holds.

use crate::support::{deadtime, folder, json, root, text};

#[test]
fn formula_and_experiment_agree_on_braking() {
    let (_keep, dir) = folder();
    let args = ["braking", "--speed", "1.25..2.15", "--steps", "4", "--models", "none", "--json", "--out", text(&dir)];
    let output = deadtime(&[&["budget"], &args[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let budget = json(&output);
    assert_eq!((&budget["phases_only"], &budget["seeds"]), (&true.into(), &20.into()));
    let speeds = budget["speeds"].as_array().expect("speeds");
    assert_eq!(speeds.len(), 4);
    for at in speeds {
        let number = |key: &str| at[key].as_f64().unwrap_or_else(|| panic!("`{key}` of {at}"));
        let v = number("v");
        // D/v - v/2b less a period, by hand.
        let by_hand = (1.3 / v - v / 4.0) * 1e3 - 20.0;
        assert!((number("analytic_ms") - by_hand).abs() < 1e-6, "{at}");
        let apart = (number("empirical_ms") - number("analytic_ms")).abs();
        assert!(apart <= f64::max(2.0, 0.02 * by_hand), "{apart} ms apart at {v} m/s");
        assert!(number("lo") <= number("empirical_ms") && number("empirical_ms") < number("hi"), "{at}");
        // Who fits is as slow as a busy device may be, and who does not is slower.
        let busy = number("occupied_ms");
        for candidate in budget["candidates"].as_array().expect("candidates") {
            let fits = at["fits"].as_array().expect("fits").contains(&candidate["name"]);
            assert_eq!(fits, candidate["judged_ms"].as_f64().expect("ms") <= busy, "{candidate} at {v} m/s");
        }
    }
    let fits: Vec<usize> = speeds.iter().map(|at| at["fits"].as_array().map_or(0, Vec::len)).collect();
    assert!(fits.is_sorted_by(|a, b| a >= b) && fits[0] > fits[3], "faster robots leave less time: {fits:?}");
    let svg = std::fs::read_to_string(dir.join("budget.svg")).expect("a chart");
    assert!(svg.contains("by experiment") && dir.join("budget.json").exists());
}

#[test]
fn a_network_takes_its_share_of_the_reaction() {
    let (_keep, dir) = folder();
    let way = |delay: u32, jitter: f64| format!("{{ delay_ms = {delay}, jitter_ms = {jitter}, bandwidth_mbps = 10 }}");
    let ask = |jitter: f64| {
        let network = format!(
            "source = 'made up'\n[[network]]\nname = 'wire'\nlabel = 'modelled'\nout = {}\nback = {}\n",
            way(12, jitter),
            way(8, jitter)
        );
        std::fs::write(dir.join("wire.toml"), network).expect("written");
        let braking = std::fs::read_to_string(root().join("scenarios/braking.toml")).expect("a scenario");
        let latency = format!(
            "[latency]\nnetwork = {:?}\nframe_bytes = 12500\nanswer_bytes = 1250",
            text(&dir.join("wire.toml"))
        );
        assert!(braking.contains("[latency]"));
        let path = dir.join("wired.toml");
        std::fs::write(&path, braking.replace("[latency]", &latency)).expect("written");
        let args = ["--speed", "1.5..1.6", "--steps", "2", "--models", "none"];
        let said = deadtime(&[&["budget", text(&path)], &args[..]].concat());
        assert!(String::from_utf8_lossy(&said.stdout).contains("network wire: the formula counts its mean delay"));
        json(&deadtime(&[&["budget", text(&path)], &args[..], &["--json"]].concat()))
    };
    // 12 + 8 ms on the way, and 10 + 1 ms for the bytes.
    let steady = ask(0.0);
    assert_eq!(steady["network"]["mean_ms"], 31.0);
    assert_eq!((&steady["other_ms"], &steady["phases_only"]), (&31.0.into(), &true.into()));
    let at = &steady["speeds"][0];
    let number = |key: &str| at[key].as_f64().unwrap_or_else(|| panic!("`{key}` of {at}"));
    let by_hand = (1.3 / 1.5 - 1.5 / 4.0) * 1e3 - 20.0 - 31.0;
    assert!((number("analytic_ms") - by_hand).abs() < 1e-6, "{at}");
    assert!((number("empirical_ms") - by_hand).abs() <= f64::max(2.0, 0.02 * by_hand), "{at}");
    // Seeds differ by more than the sensor's phase, and the most that jitter may add is told.
    let shaky = ask(2.0);
    assert_eq!(shaky["phases_only"], false);
    assert_eq!(shaky["network"]["longest_ms"], 63.0);
    assert!((shaky["network"]["mean_ms"].as_f64().expect("ms") - 35.0).abs() < 0.01, "{shaky}");
}

#[test]
fn where_the_scene_is_random_a_share_must_survive() {
    let (_keep, dir) = folder();
    let path = dir.join("random.toml");
    let braking = std::fs::read_to_string(root().join("scenarios/braking.toml")).expect("a scenario");
    std::fs::write(&path, braking.replace("x = 3.805", "x = { min = 3.7, max = 3.9 }")).expect("written");
    let ask = |confidence: &str, seeds: &str| {
        let more = ["--models", "none", "--seeds", seeds, "--confidence", confidence, "--json"];
        json(&deadtime(&[&["budget", text(&path)], &more[..]].concat()))
    };
    let budget = ask("0.8", "60");
    assert_eq!((&budget["phases_only"], &budget["seeds"]), (&false.into(), &60.into()));
    let at = &budget["speeds"][0];
    let number = |key: &str| at[key].as_f64().unwrap_or_else(|| panic!("`{key}` of {at}"));
    assert!(number("lo") < number("empirical_ms") && number("empirical_ms") < number("hi"), "{at}");
    // The wait for the next capture is anything from 0 to 20 ms: four of five survive 134 ms.
    assert!(number("lo") < 134.0 && 134.0 < number("hi"), "{at}");
    // So few seeds say nothing of the worst twentieth: no lower end.
    assert!(ask("0.95", "40")["speeds"][0]["lo"].is_null());
}

#[test]
fn models_are_measured_and_judged() {
    let args = ["braking", "--models", "pilot", "--samples", "40", "--json"];
    let output = deadtime(&[&["budget"], &args[..]].concat());
    let budget = json(&output);
    let pilot = &budget["candidates"][0];
    // Beside other tests a measurement may not be certified, and then says so.
    let certified = pilot["trusted"] == true;
    assert_eq!(output.status.code(), Some(if certified { 0 } else { 3 }));
    assert_eq!(budget["certified"], certified);
    assert_eq!(String::from_utf8_lossy(&output.stderr).contains("not certified: pilot: "), !certified);
    assert_eq!(
        (&pilot["name"], &pilot["judged_at"], &pilot["modelled"]),
        (&"pilot".into(), &"p99".into(), &false.into())
    );
    assert!(pilot["judged_ms"].as_f64() > Some(0.0) && pilot["samples"].as_u64() >= Some(40), "{pilot}");
    for (args, expected) in [
        (vec!["braking", "--models", "balancer"], "cannot drive in `braking`"),
        (vec!["balance", "--models", "none"], "expected a rover"),
        (vec!["braking", "--models", "none", "--speed", "2..1"], "such as 1..2.2"),
        (vec!["braking", "--models", "none", "--confidence", "1"], "expected a share"),
        (vec!["braking", "--models", "none", "--traces", "nowhere.json"], "nowhere.json"),
    ] {
        let output = deadtime(&[vec!["budget"], args.clone()].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn the_diagram_holds_every_cell_and_its_border_is_the_formula() {
    let (_keep, dir) = folder();
    let args = [
        "braking",
        "--speed",
        "1.5..2.25",
        "--latency",
        "0..300",
        "--cells",
        "4x31",
        "--models",
        "none",
        "--json",
        "--out",
        text(&dir),
    ];
    let output = deadtime(&[&["phase"], &args[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let diagram = json(&output);
    let rows = diagram["collided"].as_array().expect("rows");
    assert_eq!(rows.len(), 4);
    for (row, border) in rows.iter().zip(diagram["boundary"].as_array().expect("a boundary")) {
        let hits: Vec<u64> = row.as_array().expect("cells").iter().filter_map(serde_json::Value::as_u64).collect();
        assert_eq!(hits.len(), 31);
        let (all, none) = (border["all_stop_ms"].as_f64().unwrap(), border["none_stops_ms"].as_f64().unwrap());
        for (i, hit) in hits.iter().enumerate() {
            let ms = 10.0 * i as f64;
            // Twenty phases are a millisecond apart.
            assert!(ms > all - 1.0 || *hit == 0, "{ms} ms at {border}");
            assert!(ms < none + 1.0 || *hit == 20, "{ms} ms at {border}");
        }
    }
    let svg = std::fs::read_to_string(dir.join("phase.svg")).expect("a picture");
    assert!(svg.contains("cloud-pi0") && svg.contains("all sensor phases stop") && dir.join("phase.json").exists());
}

#[test]
fn what_is_not_certified_is_labelled_and_ends_with_3() {
    let (_keep, dir) = folder();
    let trace = dir.join("doubtful.json");
    let service = r#"{ "frame": 0, "idle": 0, "pre": 0, "host_to_device": 0, "compute": 4000000, "device_to_host": 0, "post": 0 }"#;
    let text_of = format!(
        r#"{{ "model": "doubtful", "runtime": "r", "device": "d", "batch": 1, "trusted": false, "complaints": ["another program"], "samples": [{service}] }}"#
    );
    std::fs::write(&trace, text_of).expect("written");
    for command in ["budget", "phase"] {
        let small: &[&str] = if command == "phase" { &["--cells", "2x2", "--seeds", "1"] } else { &[] };
        let args = [command, "braking", "--models", "none", "--traces", text(&trace), "--json", "--out", text(&dir)];
        let output = deadtime(&[&args[..], small].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{command}: {said}");
        assert!(said.contains("not certified: doubtful: another program"), "{command}: {said}");
        assert_eq!(json(&output)["certified"], false, "{command}");
    }
}

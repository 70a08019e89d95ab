//! The command line: what it prints, how it ends, what it says of mistakes.

use crate::support::{deadtime, folder, json, text};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn run_prints_the_promised_object() {
    let output = deadtime(&["run", "braking", "--latency", "fixed:200", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = json(&output);
    for key in [
        "scenario",
        "seed",
        "outcome",
        "collisions",
        "sim_seconds",
        "wall_seconds",
        "realtime_factor",
        "runtime",
        "model",
        "inferences",
        "dropped",
        "superseded",
        "lost",
        "latency_ms",
        "age_ms",
        "blind_m_max",
        "min_clearance_m",
        "overhead_us",
        "digest",
        "trusted",
    ] {
        assert!(report.get(key).is_some(), "`{key}` is missing");
    }
    assert_eq!(report["outcome"], "collision");
    for key in ["p50", "p90", "p99", "max"] {
        assert_eq!(report["latency_ms"][key], 200.0);
    }
}

#[test]
fn an_expectation_that_fails_is_exit_1_and_a_flag_switches_them_off() {
    let (_keep, dir) = folder();
    let path = dir.join("wish.toml");
    let braking = std::fs::read_to_string(crate::support::root().join("scenarios/braking.toml")).expect("braking");
    std::fs::write(&path, braking.replace("fixed:100", "fixed:200")).expect("written");
    assert_eq!(deadtime(&["run", text(&path)]).status.code(), Some(1));
    assert_eq!(deadtime(&["run", text(&path), "--latency", "fixed:200"]).status.code(), Some(0));
    let junit = dir.join("out.xml");
    let test = deadtime(&["test", text(&dir), "--junit", text(&junit)]);
    assert_eq!(test.status.code(), Some(1), "{}", stderr(&test));
    let xml = std::fs::read_to_string(&junit).expect("JUnit XML");
    assert!(xml.contains("failures=\"1\"") && xml.contains("wish.toml"), "{xml}");
}

#[test]
fn mistakes_are_exit_2_with_a_remedy() {
    for (args, expected) in [
        (vec!["run", "no-such-scenario"], "no-such-scenario"),
        (vec!["run", "braking", "--latency", "fixd:100"], "fixed"),
        (vec!["run", "braking", "--latency", "measured"], "runs no network"),
        (vec!["run", "braking", "--schedule", "oldest"], "newest"),
        (vec!["run", "lesson", "--model", "no-such-model"], "balancer"),
        (vec!["run", "lesson", "--latency", "profile:agx-orin-maxm-resnet50"], "did you mean"),
        (vec!["run", "lesson", "--runtime", "tensorflow"], "rten"),
        (vec!["replay", "no-such.mcap"], "no-such.mcap"),
        (vec!["frobnicate"], "frobnicate"),
    ] {
        let output = deadtime(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{args:?}");
    }
}

#[test]
fn a_measured_run_beside_other_programs_is_not_trusted() {
    // Its shell is gone at once, so it is no child of ours.
    let burn = "timeout 60 sh -c 'while :; do :; done' > /dev/null 2>&1 & echo $!";
    let burn = std::process::Command::new("sh").args(["-c", burn]).output().expect("a shell");
    let other = String::from_utf8_lossy(&burn.stdout).trim().to_owned();
    let output = deadtime(&["run", "lesson", "--latency", "measured", "--model", "pilot", "--offline", "--json"]);
    std::process::Command::new("kill").arg(other).status().expect("kill");
    let report = json(&output);
    assert_eq!(output.status.code(), Some(3), "{report}");
    assert_eq!(report["trusted"], false);
    assert!(report["complaints"].to_string().contains("other programs used"), "{report}");
}

#[test]
fn nothing_selected_is_exit_4() {
    let (_keep, dir) = folder();
    assert_eq!(deadtime(&["test", text(&dir)]).status.code(), Some(4));
}

#[test]
fn without_a_display_the_program_runs_headless_and_says_how_to_get_the_window() {
    let output = deadtime(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("For the window"), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("lesson"));
}

#[test]
fn the_shipped_schema_is_up_to_date() {
    let shipped =
        std::fs::read_to_string(crate::support::root().join("scenarios/scenario.schema.json")).expect("schema");
    let printed = String::from_utf8(deadtime(&["schema"]).stdout).expect("text");
    assert_eq!(printed, shipped, "renew it: cargo run --release -- schema > scenarios/scenario.schema.json");
}

#[test]
fn broken_scenarios_show_the_place_and_a_remedy() {
    let bad = crate::support::root().join("sim/scenario/tests/bad");
    let mut files: Vec<_> = std::fs::read_dir(bad).expect("the broken scenarios").flatten().map(|e| e.path()).collect();
    files.sort();
    assert!(files.len() >= 20);
    for file in files {
        let output = deadtime(&["run", text(&file)]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{}: {said}", file.display());
        assert!(said.contains("help:") && !said.contains("panicked"), "{}: {said}", file.display());
    }
}

#[test]
fn broken_models_are_explained() {
    let (_keep, dir) = folder();
    let whole = std::fs::read(crate::support::root().join("sim/runtime/tests/data/conv.onnx")).expect("a model");
    let cut = |n: usize| whole[..n].to_vec();
    let mut flipped = whole.clone();
    flipped[3] ^= 0xff;
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("text", b"not a model at all\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("one byte", cut(1)),
        ("a third", cut(whole.len() / 3)),
        ("a half", cut(whole.len() / 2)),
        ("nearly all", cut(whole.len() - 1)),
        ("flipped", flipped),
    ] {
        let path = dir.join(name).with_extension("onnx");
        std::fs::write(&path, bytes).expect("written");
        let output = deadtime(&["run", "lesson", "--model", text(&path), "--latency", "fixed:50", "--offline"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains("cannot be run") && !said.contains("panicked"), "{name}: {said}");
    }
}

#[test]
fn any_network_at_all_can_give_the_latency_while_the_expert_decides() {
    let run = [
        "run",
        "slalom",
        "--model",
        "sim/runtime/tests/data/conv.onnx",
        "--latency",
        "measured",
        "--unpaced",
        "--offline",
    ];
    let output = deadtime(&run);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "unpaced is not certified: {said}");
    assert!(said.contains("decisions by the expert") && said.contains("process of its own"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("slalom, seed 0: goal"));
}

#[test]
fn a_camera_model_brings_its_camera() {
    // It stops where the image is full of something near. Without an image it would see nothing and drive on.
    let output =
        deadtime(&["run", "braking", "--model", "sim/runtime/tests/data/camera.onnx", "--latency", "zero", "--json"]);
    let report = json(&output);
    assert_eq!(report["outcome"], "timeout", "{}", stderr(&output));
    assert!(report["min_clearance_m"].as_f64().is_some_and(|left| left < 3.0), "{report}");
    let output = deadtime(&["run", "braking", "--model", "sim/runtime/tests/data/camera.onnx", "--latency", "zero"]);
    assert!(stderr(&output).contains("the default one is on"), "{}", stderr(&output));
}

#[test]
fn a_model_that_nearly_follows_the_contract_is_told_what_it_asks() {
    let almost = "sim/runtime/tests/data/almost.onnx";
    for args in [vec!["run", "braking", "--model", almost], vec!["collect", "scenarios/slalom.toml", "--model", almost]]
    {
        let output = deadtime(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        let said = stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        for part in ["`image` f32 [?, 1, 48, 64]", "`depth` f32 [N, 1, 48, 64]", "surrogate"] {
            assert!(said.replace("│ ", "").contains(part), "{args:?}: {said}");
        }
    }
}

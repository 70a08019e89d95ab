//! Labs: those that ship come out as they say, one that does not is found, and a student's answers are kept.

use std::process::{Command, Output};

use crate::support::{deadtime, folder, json, root, text};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `deadtime labs`, with a data folder of its own.
fn labs(args: &[&str], data: &std::path::Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deadtime"))
        .arg("labs")
        .args(args)
        .current_dir(root())
        .env("XDG_DATA_HOME", data)
        .output()
        .expect("the program starts")
}

#[test]
fn the_modelled_labs_come_out_as_they_say() {
    for lab in ["stale-predictions", "throughput", "edge-or-cloud", "maximum-latency", "memory-cliff"] {
        let output = deadtime(&["labs", lab, "--check", "--json"]);
        let report = json(&output);
        assert_eq!(output.status.code(), Some(0), "{report:#}");
        assert_eq!((&report[0]["lab"], &report[0]["held"]), (&lab.into(), &"holds".into()));
        let runs = report[0]["runs"].as_array().expect("runs");
        assert!(runs.iter().all(|run| run["kind"] == "modelled" && run["episodes"] == 20), "{report:#}");
    }
}

#[test]
fn every_lab_has_a_page_that_asks_what_it_asks() {
    let labs = scenario::find_labs(&root().join("labs"));
    assert_eq!(labs.len(), 8);
    let list = std::fs::read_to_string(root().join("docs/labs.md")).expect("the list");
    for path in labs {
        let lab = scenario::load_lab(&path).expect("it ships");
        let page = root().join("docs/labs").join(&lab.name).with_extension("md");
        let text = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
        let asked = [&lab.title, &lab.question].into_iter().chain(lab.choices.iter().map(|choice| &choice.text));
        for words in asked {
            assert!(text.contains(words), "{}: `{words}` is missing", page.display());
        }
        for run in &lab.runs {
            assert!(text.contains(run.title()), "{}: the run `{}` is missing", page.display(), run.title());
        }
        let picture = page.with_extension("png");
        assert!(picture.metadata().is_ok_and(|meta| meta.len() < 130_000), "{}: small and there", picture.display());
        assert!(text.contains(&format!("({}.png)", lab.name)) && list.contains(&format!("(labs/{}.md)", lab.name)));
    }
}

#[test]
fn a_lab_that_does_not_come_out_is_found_with_the_reason() {
    let (_keep, dir) = folder();
    let shipped = std::fs::read_to_string(root().join("labs/8-maximum-latency.md")).expect("a lab");
    // With brakes twice as good it would stop.
    let wrong = shipped.replace("latency = \"fixed:151\"", "latency = \"fixed:151\"\nset = { \"robot.braking\" = 4 }");
    std::fs::write(dir.join("wrong.md"), &wrong).expect("written");
    std::fs::write(dir.join("1-true.md"), &shipped).expect("written");
    let args = |one: &'static str| ["labs", one, "--check", "--labs"].map(str::to_owned);
    let of = |one| {
        let args = args(one);
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        args.push(text(&dir));
        deadtime(&args)
    };
    assert_eq!(of("true").status.code(), Some(0));
    let output = of("wrong");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in
        ["FAILS", "And at none 151 ms late", "found 0.00 (0 of 20); expected collided of fast-too-late: at least 1"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The same lab whatever the jobs.
    let jobs = |n| json(&deadtime(&["labs", "8", "--check", "--json", "--jobs", n]));
    assert_eq!(jobs("1"), jobs("2"));
}

#[test]
fn a_runtime_that_is_not_here_is_no_failure() {
    let (_keep, dir) = folder();
    let shipped = std::fs::read_to_string(root().join("labs/8-maximum-latency.md")).expect("a lab");
    let elsewhere = "model = \"pilot\"\nruntime = \"tensorrt\"\nlatency = \"fixed:151\"";
    std::fs::write(dir.join("gpu.md"), shipped.replace("latency = \"fixed:151\"", elsewhere)).expect("written");
    let output = deadtime(&["labs", "gpu", "--check", "--json", "--labs", text(&dir)]);
    let report = json(&output);
    let run = report[0]["runs"].as_array().expect("runs").iter().find(|run| run["name"] == "fast-too-late");
    let run = run.expect("the run");
    if run["missing"].is_null() {
        // A machine with TensorRT.
        assert!(run["runtime"].as_str().is_some_and(|name| name.contains("tensorrt")), "{report:#}");
        return;
    }
    assert_eq!((output.status.code(), &report[0]["held"]), (Some(3), &"uncertified".into()), "{report:#}");
    assert!(run["missing"].as_str().is_some_and(|why| why.contains("tensorrt") || why.contains("NVIDIA")), "{run}");
}

#[test]
fn a_modelled_device_runs_the_network_of_the_run() {
    let (_keep, dir) = folder();
    let shipped = std::fs::read_to_string(root().join("labs/8-maximum-latency.md")).expect("a lab");
    let board = "model = \"pilot-wide\"\nlatency = \"device:jetson-nano\"";
    std::fs::write(dir.join("board.md"), shipped.replace("latency = \"fixed:151\"", board)).expect("written");
    let output = deadtime(&["labs", "board", "--check", "--json", "--labs", text(&dir)]);
    let report = json(&output);
    let run = report[0]["runs"].as_array().expect("runs").iter().find(|run| run["name"] == "fast-too-late");
    let run = run.expect("the run");
    assert_eq!((&run["kind"], &run["missing"]), (&"modelled".into(), &serde_json::Value::Null), "{run:#}");
    assert!(run["service_ms"]["p50"].as_f64().is_some_and(|ms| ms > 0.5), "{run:#}");
}

#[test]
fn a_lab_is_walked_and_its_answers_are_kept() {
    let (_keep, dir) = folder();
    for (n, right) in [("2", false), ("4", true)] {
        let output = labs(&["maximum-latency", "--predict", n], &dir);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
        for part in ["Eight times", "holds", "What to notice", "v R + v^2/(2b) <= D", "Go deeper"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(said.contains("Your prediction came out"), right, "{said}");
    }
    let report = json(&labs(&["--json"], &dir));
    let of = report["labs"].as_array().expect("labs").iter().find(|lab| lab["name"] == "maximum-latency");
    let answers = of.expect("the lab")["answers"].as_array().expect("answers").clone();
    let told: Vec<_> = answers.iter().map(|answer| (answer["predicted"].as_u64(), answer["right"].as_bool())).collect();
    assert_eq!(told, [(Some(2), Some(false)), (Some(4), Some(true))]);
    assert_eq!(answers[0]["results"]["checks"].as_array().map(Vec::len), Some(4), "{report:#}");
    assert_eq!(report["labs"].as_array().map(Vec::len), Some(9));
    let list = labs(&[], &dir);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.contains("maximum-latency        done"), "{list}");
}

#[test]
fn mistakes_are_explained() {
    let (_keep, dir) = folder();
    std::fs::write(dir.join("broken.md"), "+++\ntitle = 3\n+++\n").expect("written");
    for (args, code, expected) in [
        (vec!["maximum"], 2, "did you mean `maximum-latency`?"),
        (vec!["8", "--predict", "9"], 2, "expected 1 to 4"),
        (vec!["--predict", "1"], 2, "LAB"),
        (vec!["--labs", text(&dir)], 2, "broken.md:2:9"),
        (vec!["--labs", "scenarios"], 4, "begins with a line +++"),
    ] {
        let output = labs(&args, &dir);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
}

//! `deadtime compare`: pilots on the same cases.

use crate::support::{deadtime, folder, json, text};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_prints_the_promised_object() {
    let args = ["slalom", "--models", "pilot,straight", "--seeds", "2", "--latency", "fixed:50", "--json"];
    let output = deadtime(&[&["compare"], &args[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = json(&output);
    let model = &report["models"][0];
    for key in [
        "name",
        "params",
        "macs",
        "bytes",
        "open_loop_error",
        "success_zero",
        "success_real",
        "latency_ms",
        "runtime",
        "modelled",
        "trusted",
    ] {
        assert!(model.get(key).is_some(), "`{key}` is missing");
    }
    for key in ["rate", "lo", "hi"] {
        assert!(model["success_zero"][key].is_f64() && model["success_real"][key].is_f64(), "{model}");
    }
    assert_eq!((&model["name"], &model["latency_ms"]["p99"]), (&"pilot".into(), &50.0.into()));
    assert_eq!(model["bytes"], 1_012_683);
    assert_eq!(report["tests"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["swap"][0]["cells"].as_array().map(Vec::len), Some(4));
    assert_eq!((&report["seeds"]["text"], &report["seeds"]["count"]), (&"0..2".into(), &2.into()));
    let hash = report["scenarios"][0]["sha256"].as_str().expect("a hash").to_owned();
    assert!(stderr(&output).contains(&format!("scenario slalom  sha256 {hash}")), "{}", stderr(&output));
    // Nobody who drives straight on comes through a slalom.
    assert_eq!(report["models"][1]["success_zero"]["rate"], 0.0);
}

#[test]
fn the_latency_is_measured_alone_and_then_replayed() {
    let args = ["lesson", "--models", "pilot,pilot-wide", "--seeds", "2", "--samples", "40", "--jobs", "2", "--json"];
    let output = deadtime(&[&["compare"], &args[..]].concat());
    // Beside other tests a measurement may not be certified.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", stderr(&output));
    assert!(stderr(&output).contains("measuring pilot-wide alone"), "{}", stderr(&output));
    let report = json(&output);
    let p50 = |i: usize| report["models"][i]["latency_ms"]["p50"].as_f64().expect("a latency");
    assert!(p50(0) > 0.0 && p50(1) > 2.0 * p50(0), "{} and {}", p50(0), p50(1));
    for model in report["models"].as_array().expect("models") {
        assert_eq!(model["modelled"], false);
        assert_eq!(model["trusted"], model["complaints"].as_array().is_some_and(Vec::is_empty));
    }
    assert_eq!(
        output.status.code() == Some(0),
        report["models"].as_array().unwrap().iter().all(|m| m["trusted"] == true)
    );
}

#[test]
fn a_set_is_run_as_it_stands_and_a_page_is_written() {
    let (_keep, dir) = folder();
    let out = dir.join("page");
    let args = [
        "set:quick",
        "--models",
        "expert,straight",
        "--latency",
        "zero,profile:orin-nx-retinanet",
        "--out",
        text(&out),
    ];
    let output = deadtime(&[&["compare"], &args[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("test set quick  sha256 "), "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("modelled") && said.contains("paired tests"), "{said}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("written");
    let page = read("compare.html");
    assert!(page.contains("<figure><svg") && page.contains("4000..4005") && page.contains("modelled"), "{page}");
    assert!(read("success.svg").starts_with("<svg") && read("latency.svg").contains("straight"));
    let report: serde_json::Value = serde_json::from_str(&read("compare.json")).expect("JSON");
    assert_eq!((&report["set"]["name"], &report["models"][1]["modelled"]), (&"quick".into(), &true.into()));
}

#[test]
fn outputs_that_are_no_numbers_are_counted_and_said() {
    let model = "sim/runtime/tests/data/nan.onnx";
    let output = deadtime(&["compare", "slalom", "--models", model, "--seeds", "1", "--latency", "zero", "--json"]);
    let report = json(&output);
    let found = &report["models"][0];
    assert_eq!(found["zero"]["unusable"], found["zero"]["inferences"], "{found}");
    assert!(found["zero"]["inferences"].as_u64() > Some(100) && found["open_loop_error"] == 1.0, "{found}");
    assert!(report["findings"].to_string().contains("outputs held NaN, infinity or too few numbers"), "{report}");
    assert_eq!(report["tests"].as_array().map(Vec::len), Some(0));
}

#[test]
fn mistakes_are_explained() {
    for (args, expected) in [
        (vec!["lesson", "--models", "no-such-model", "--latency", "zero"], "a model that ships (balancer"),
        (vec!["lesson", "--models", "balancer", "--latency", "zero"], "state          [N, 6]"),
        (vec!["lesson", "--models", "sim/runtime/tests/data/conv.onnx", "--latency", "zero"], "its inputs are `image`"),
        (
            vec!["lesson", "--models", "sim/runtime/tests/data/almost.onnx", "--latency", "zero"],
            "depth          [N, 1, 48, 64]",
        ),
        (vec!["lesson", "--models", "pilot", "--seeds", "0"], "which are none"),
        (vec!["lesson", "--models", "pilot,straight", "--swap", "pilot,expert"], "two of the models compared"),
        (vec!["lesson", "--models", "pilot,straight", "--latency", "zero,zero,zero"], "3 latencies for 2 models"),
        (vec!["lesson", "set:quick", "--models", "expert"], "set:NAME alone"),
        (vec!["set:nowhere", "--models", "expert"], "cannot be read"),
        (vec!["no-such", "--models", "expert"], "there is no scenario `no-such`"),
        (vec!["lesson", "--models", "expert", "--latency", "profile:orin"], "profiles here"),
        (vec!["lesson"], "--models"),
    ] {
        let output = deadtime(&[vec!["compare"], args.clone()].concat());
        // Long lines are broken and framed.
        let said = stderr(&output);
        let flat =
            |text: &str| text.replace(['│', '╰', '├', '─', '▶'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(flat(&said).contains(&flat(expected)) && !said.contains("panicked"), "{args:?}: {said}");
    }
}

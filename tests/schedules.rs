//! `deadtime study schedules`: the time contract's table of schedules, and its comb, in episodes.

use crate::support::{deadtime, folder, json, text};

fn study(args: &[&str]) -> serde_json::Value {
    let output = deadtime(&[&["study", "schedules"], args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    json(&output)
}

const SCHEDULES: &str = "newest,skip,fifo:1,fifo:3,batch:2:1000,batch:4:1000,batch:8:1000,pipeline";

#[test]
fn episodes_follow_the_formulas_at_light_and_heavy_load() {
    // S(n) = A + B n, with and without waiting; the capture is each 20 ms.
    for (service, split) in
        [("4,2", "0.2,0.6,0.2"), ("40,10", "0.2,0.6,0.2"), ("3,30", "0.6,0.2,0.2"), ("60,17", "0.1,0.2,0.7")]
    {
        let args = ["--schedules", SCHEDULES, "--service", service, "--split", split, "--seeds", "5", "--no-comb"];
        let study = study(&args);
        assert_eq!((&study["modelled"], &study["comb"]), (&true.into(), &serde_json::Value::Null));
        for row in study["schedules"].as_array().expect("schedules") {
            assert_eq!(row["as_formula"], true, "S(n) from {service}: {row:#}");
        }
    }
}

#[test]
fn most_throughput_is_not_least_age() {
    let study = study(&["--seeds", "20", "--no-comb"]);
    let rows = study["schedules"].as_array().expect("schedules");
    let of = |name: &str, key: &str| {
        rows.iter().find(|row| row["schedule"] == name).and_then(|row| row[key].as_f64()).expect("a number")
    };
    assert!(
        (of("batch:4:1000", "processed_hz") - 50.0).abs() < 0.5 && (of("newest", "processed_hz") - 20.0).abs() < 0.2
    );
    assert!(of("batch:4:1000", "age_ms_max") > of("newest", "age_ms_max") + 30.0);
    // 150 ms are left: a batch that sees every frame hits the wall, the single slot that drops most of them never does.
    assert!(
        of("batch:8:1000", "processed_hz") > 49.0
            && of("batch:8:1000", "collisions") > 0.0
            && of("newest", "collisions") == 0.0
    );
    assert!(study["findings"][0].as_str().expect("a sentence").starts_with("Throughput is not latency: batch:4:1000"));
}

#[test]
fn the_comb_is_that_of_the_contract() {
    let study = study(&["--seeds", "1", "--schedules", "newest"]);
    let rows = study["comb"]["rows"].as_array().expect("a comb");
    let at_20 = rows.iter().find(|row| row["period_ms"] == 20.0).expect("a capture each 20 ms");
    assert_eq!(at_20["switches_ms"], serde_json::json!([81, 83, 92, 99, 108, 124, 130]));
    for row in rows {
        assert_eq!(row["as_computed"].as_u64(), row["collides"].as_array().map(|hits| hits.len() as u64), "{row}");
    }
    assert_eq!(study["comb"]["reaction_ms"].as_f64().map(f64::round), Some(150.0));
}

#[test]
fn batches_of_a_model_are_measured_and_replayed() {
    let output = deadtime(&[
        "study",
        "schedules",
        "--model",
        "pilot",
        "--schedules",
        "newest,batch:4:1000",
        "--samples",
        "40",
        "--seeds",
        "2",
        "--json",
    ]);
    // Beside other tests a measurement may not be certified.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
    let study = json(&output);
    assert_eq!(study["modelled"], false);
    let service = |i: usize| study["schedules"][i]["service_ms"]["p50"].as_f64().expect("a time");
    assert!(
        service(0) > 0.0 && service(1) > service(0),
        "a batch of four takes longer: {} and {}",
        service(0),
        service(1)
    );
    assert!(study["cost"].as_str().is_some_and(|cost| cost.starts_with("measured: pilot at each batch size")));
}

#[test]
fn a_page_is_written_and_mistakes_are_explained() {
    let (_keep, dir) = folder();
    let out = dir.join("page");
    let output = deadtime(&["study", "schedules", "--seeds", "2", "--out", text(&out)]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(out.join("schedules.html")).expect("written");
    assert!(
        page.contains("modelled") && page.contains("81, 83, 92, 99, 108, 124, 130") && page.contains("<figure><svg")
    );
    for file in ["throughput.svg", "comb.svg", "schedules.json"] {
        assert!(out.join(file).exists(), "{file}");
    }
    for (args, expected) in [
        (vec!["--service", "40"], "expected two, such as 40,10"),
        (vec!["--service=-1,2"], "not both 0"),
        (vec!["--split", "0.5,0.5,0.5"], "add up to 1"),
        (vec!["--schedules", "oldest"], "expected newest"),
        (vec!["no-such"], "there is no scenario"),
        (vec!["--model", "no-such"], "there is no model"),
    ] {
        let output = deadtime(&[vec!["study", "schedules"], args.clone()].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

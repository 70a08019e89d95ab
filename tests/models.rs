//! `deadtime models`, `deadtime fusion`, `deadtime measure --optimization`.

use crate::support::{deadtime, folder, json, root, text};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn models_that_ship_and_models_dropped_in_a_folder_are_listed() {
    let (_keep, dir) = folder();
    for name in ["conv.onnx", "almost.onnx"] {
        std::fs::copy(root().join("sim/runtime/tests/data").join(name), dir.join(name)).expect("copied");
    }
    std::fs::write(dir.join("broken.onnx"), "no model").expect("written");
    let output = deadtime(&["models", text(&dir), "--offline", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report = json(&output);
    let model = |name: &str| {
        let found = report["models"].as_array().expect("models").iter().find(|model| model["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is not listed")).clone()
    };
    let rung = |model: &serde_json::Value, name: &str| {
        let tried = model["runtimes"].as_array().expect("runtimes").iter().find(|tried| tried["runtime"] == name);
        tried.expect("each rung is tried").clone()
    };
    let pilot = model("pilot");
    assert_eq!(
        (&pilot["known"], &pilot["drives"], &pilot["bytes"]),
        (&true.into(), &"Rover".into(), &1_012_683.into())
    );
    assert!(pilot["macs"].as_u64() > Some(1_000_000) && pilot["operations_per_byte"].as_f64() > Some(1.0), "{pilot}");
    assert_eq!(pilot["runtimes"].as_array().map(Vec::len), Some(4));
    assert_eq!(rung(&pilot, "rten")["runs"], true);
    assert!(!rung(&pilot, "tensorrt")["found"].as_str().expect("a reason").contains('\n'));
    assert_eq!(model("balancer")["drives"], "Balancer");
    let conv = model("conv");
    assert_eq!((&conv["known"], &conv["drives"], &conv["macs"]), (&false.into(), &"surrogate".into(), &().into()));
    assert!(conv["uncounted"].to_string().contains("Conv"), "{conv}");
    assert!(model("almost")["misfit"].to_string().contains("image"));
    assert!(model("broken")["refused"].to_string().contains("not a complete ONNX model"));
}

#[test]
fn a_folder_that_is_not_there_is_explained() {
    let output = deadtime(&["models", "no/such/folder", "--offline"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no/such/folder") && stderr(&output).contains("give a folder"));
}

#[test]
fn the_roofline_places_the_models() {
    let (_keep, dir) = folder();
    let svg = dir.join("roofline.svg");
    let output = deadtime(&["models", "--runtime", "rten", "--roofline", text(&svg), "--json"]);
    // Beside other tests a measurement may not be certified.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", stderr(&output));
    let roofline = json(&output)["roofline"].clone();
    let machine = &roofline["machine"];
    let (peak, bandwidth) = (machine["peak_gflops"].as_f64().unwrap(), machine["bandwidth_gbs"].as_f64().unwrap());
    assert!(peak > 0.5 && bandwidth > 0.1, "{machine}");
    let spots = roofline["spots"].as_array().expect("spots");
    assert!(spots.iter().any(|spot| spot["name"] == "pilot" && spot["gflops"].as_f64() > Some(0.0)), "{roofline}");
    assert!(std::fs::read_to_string(svg).expect("a chart").contains("pilot-wide"));
}

#[test]
fn optimisation_levels_are_shown_with_what_they_fuse() {
    let output = deadtime(&["fusion", "pilot", "--count", "20", "--hz", "200", "--profiled", "5", "--json"]);
    if output.status.code() == Some(2) && stderr(&output).contains("no libonnxruntime found") {
        eprintln!("SKIPPED: {}", stderr(&output));
        return;
    }
    // Beside other tests a measurement may not be certified.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", stderr(&output));
    let report = json(&output);
    let levels = report["levels"].as_array().expect("levels");
    assert_eq!(
        levels.iter().map(|l| l["level"].as_str().unwrap()).collect::<Vec<_>>(),
        ["off", "basic", "extended", "all"]
    );
    let nodes = |i: usize| levels[i]["nodes"].as_u64().unwrap();
    assert!(nodes(0) > nodes(2), "{report}");
    // Each convolution of the pilot takes its activation into itself.
    assert_eq!(levels[2]["new"]["com.microsoft:FusedConv"], 5, "{report}");
    assert_eq!(levels[2]["absorbed"]["com.microsoft:FusedConv"][0], "Relu");
    assert!(levels[2]["gone"]["Relu"].as_u64() >= Some(5), "{report}");
    for level in levels {
        assert!(level["latency_ms"]["p50"].as_f64() > Some(0.0));
        assert!(level["operator_us"].as_object().is_some_and(|times| !times.is_empty()), "{level}");
    }
    assert!(report["speedup"].as_f64() > Some(0.2));
}

#[test]
fn a_model_that_is_not_ours_is_optimised_too_and_a_broken_one_explained() {
    let conv = "sim/runtime/tests/data/qdq.onnx";
    let output = deadtime(&["fusion", conv, "--count", "5", "--hz", "200", "--profiled", "3", "--json"]);
    if output.status.code() == Some(2) && stderr(&output).contains("no libonnxruntime found") {
        eprintln!("SKIPPED: {}", stderr(&output));
        return;
    }
    let report = json(&output);
    assert_eq!(report["levels"][3]["new"]["com.microsoft:FusedConv"], 1, "{report}");
    let output = deadtime(&["fusion", "sim/runtime/tests/data/make.py"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot be run"), "{}", stderr(&output));
}

#[test]
fn a_level_can_be_measured_by_itself() {
    let args = ["measure", "pilot", "--optimization", "off", "--hz", "200", "--count", "40", "--json"];
    let output = deadtime(&args);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", stderr(&output));
    assert_eq!(json(&output)["optimization"], "off");
    // What drives can be run so, too; what it computes stays the same, up to rounding.
    for level in ["off", "extended"] {
        let run = ["run", "lesson", "--latency", "fixed:50", "--optimization", level, "--json"];
        assert_eq!(json(&deadtime(&run))["outcome"], "goal", "{level}");
    }
    let output = deadtime(&["measure", "pilot", "--optimization", "some"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("off, basic, extended or all"), "{}", stderr(&output));
}

/// The first output of each row of a call.
fn infer(engine: &mut dyn runtime::Engine, inputs: &[runtime::Tensor]) -> Vec<Vec<u32>> {
    let (rows, mut outputs) = (inputs[0].shape[0], Vec::new());
    engine.infer(inputs, &mut outputs).expect("it runs");
    let values = outputs[0].data.as_f32().expect("floats");
    values.chunks(values.len() / rows).map(|row| row.iter().map(|x| x.to_bits()).collect()).collect()
}

/// A call of these rows of another.
fn rows_of(inputs: &[runtime::Tensor], rows: &[usize]) -> Vec<runtime::Tensor> {
    let take = |tensor: &runtime::Tensor| {
        let values = tensor.data.as_f32().expect("floats");
        let each = values.len() / tensor.shape[0];
        let data = rows.iter().flat_map(|row| &values[row * each..][..each]).copied().collect();
        runtime::Tensor::f32(tensor.name.clone(), [&[rows.len()], &tensor.shape[1..]].concat(), data)
    };
    inputs.iter().map(take).collect()
}

#[test]
fn whoever_shares_a_call_gets_from_every_model_that_ships_what_it_gets_alone() {
    use runtime::{Isolation, Options, ROWS, Requested, Rows, Rung, synthetic_inputs};
    let folder = std::fs::read_dir(root().join("assets/models")).expect("models");
    let mut models: Vec<_> = folder.map(|entry| entry.expect("a file").path()).collect();
    models.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    models.sort();
    assert!(models.len() > 3);
    for path in models {
        for rung in [Rung::Rten, Rung::OnnxRuntimeCpu] {
            let options = Options {
                requested: Requested::Exactly(rung),
                isolate: Isolation::Never,
                offline: true,
                ..Options::default()
            };
            let engine = match runtime::load(&path, &options) {
                Ok(engine) => engine,
                Err(error) => {
                    eprintln!("SKIPPED: {} on {rung}: {error}", path.display());
                    continue;
                }
            };
            let what = format!("{} on {rung}", path.display());
            let all = synthetic_inputs(&engine.info().model, ROWS + 1, 5);
            let shared = Rows::new(engine).together() == ROWS;
            eprintln!("{what}: shared {shared}");
            if shared {
                let mut engine = runtime::load(&path, &options).expect("it was loaded before");
                let alone: Vec<_> =
                    (0..=ROWS).map(|row| infer(&mut *engine, &rows_of(&all, &[row])).remove(0)).collect();
                // Every row at every place, and beside others.
                for turn in 0..=ROWS {
                    let order: Vec<usize> = (0..ROWS).map(|place| (place * 2 + turn) % (ROWS + 1)).collect();
                    let together = infer(&mut *engine, &rows_of(&all, &order));
                    let alike = order.iter().enumerate().all(|(place, row)| together[place] == alone[*row]);
                    assert!(alike, "{what} answers otherwise in company");
                }
            }
            if path.ends_with("pilot.onnx") && rung == Rung::OnnxRuntimeCpu {
                assert!(shared, "{what} is worth sharing");
            }
        }
    }
}

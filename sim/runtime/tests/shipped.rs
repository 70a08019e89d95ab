//! Every model that ships answers what its reference says, on every runtime that is here. A runtime that cannot run one says so,
//! and the reference knows it.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runtime::{Rung, RuntimeError, Tensor, inspect, synthetic_inputs};
use serde::Deserialize;
use support::local;

/// NAME.json beside NAME.onnx, written by the training scripts; other facts are in it too.
#[derive(Deserialize)]
struct Reference {
    sha256: String,
    /// Of the inputs, made by `synthetic_inputs`.
    seed: u64,
    output: Vec<f32>,
    /// Of its weights.
    precision: String,
    /// In units of 1 + the largest output.
    tolerance: f32,
    /// By runtime: what it says of a model that it cannot run.
    #[serde(default)]
    cannot: BTreeMap<String, String>,
}

const RENEW: &str = "renew it: python training/reference.py";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/models")
}

fn models() -> Vec<(PathBuf, Reference)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    paths.sort();
    assert!(paths.len() >= 3, "{paths:?}");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(path.with_extension("json"))
            .unwrap_or_else(|e| panic!("{} has no reference ({e}); {RENEW}", path.display()));
        (path, serde_json::from_str(&text).unwrap())
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn each_has_a_card_a_hash_and_its_own_reference() {
    let sums = std::fs::read_to_string(folder().join("SHA256SUMS")).unwrap();
    for (path, reference) in models() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let found = inspect(&path).unwrap().sha256;
        assert_eq!(reference.sha256, found, "{name}: {RENEW}");
        assert!(sums.contains(&format!("{found}  {name}")), "{name} is not in SHA256SUMS; {RENEW}");
        assert!(path.with_extension("md").is_file(), "{name} has no card");
    }
}

/// The largest difference from the reference, in units of 1 + the largest output.
fn difference(outputs: &[Tensor], reference: &Reference) -> f32 {
    let found = outputs[0].data.as_f32().unwrap();
    assert_eq!(found.len(), reference.output.len());
    let unit = 1.0 + reference.output.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    found.iter().zip(&reference.output).map(|(x, y)| (x - y).abs() / unit).fold(0.0, f32::max)
}

/// Whether sums of products of 8 bits are exact on this processor.
fn vnni() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx512vnni") || std::is_x86_feature_detected!("avxvnni");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

#[test]
fn each_answers_its_reference_on_every_runtime_that_can_run_it() {
    for (path, reference) in models() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        for rung in [Rung::Rten, Rung::OnnxRuntimeCpu] {
            let options = runtime::Options { offline: false, ..local(rung) };
            let known = reference.cannot.get(&rung.to_string());
            let attempt = runtime::load(&path, &options).and_then(|mut engine| {
                let mut outputs = Vec::new();
                let inputs = synthetic_inputs(&engine.info().model, 1, reference.seed);
                engine.infer(&inputs, &mut outputs).map(|_| outputs)
            });
            match (attempt, known) {
                (Ok(outputs), None) => {
                    let off = difference(&outputs, &reference);
                    // Without VNNI, ONNX Runtime's products of 8 bits saturate at 16: a second rounding.
                    let roundings = if reference.precision == "int8" && !vnni() { 2.0 } else { 1.0 };
                    let allowed = roundings * reference.tolerance;
                    eprintln!("{name} on {rung}: off by {off:.1e}, {allowed:.1e} allowed");
                    assert!(off <= allowed, "{name} on {rung}: off by {off}; {allowed}");
                }
                (Err(RuntimeError::Missing { reason, .. }), _) if reason.starts_with("no libonnxruntime found") => {
                    eprintln!("SKIPPED: {name} on {rung}: {reason}");
                }
                (Err(error), Some(said)) => assert!(error.to_string().contains(said), "{name} on {rung}: {error}"),
                (Err(error), None) => panic!("{name} on {rung}: {error}"),
                (Ok(_), Some(said)) => panic!("{name} runs on {rung} after all (`{said}`); {RENEW}"),
            }
        }
    }
}

#[test]
fn a_reference_is_not_met_by_another_model() {
    // Else the tolerance would let anything through.
    let all = models();
    let (path, pilot) = all.iter().find(|(path, _)| path.ends_with("pilot.onnx")).expect("the pilot");
    let mut engine = runtime::load(path, &local(Rung::Rten)).unwrap();
    let mut outputs = Vec::new();
    engine.infer(&synthetic_inputs(&engine.info().model, 1, pilot.seed + 1), &mut outputs).unwrap();
    assert!(difference(&outputs, pilot) > 10.0 * pilot.tolerance);
}

//! What only a GPU can show: CUDA and TensorRT compute what the processor computes, in how long, from engines that are kept.
//!
//! Where there is no GPU, or TensorRT is missing, each test is reported as ignored and the reason stands above: never as passed.
//!
//! ```text
//! cargo test --release -p runtime --test gpu
//! ```
//!
//! Engines are built anew in a cache of their own, which takes minutes on a Jetson.
#![allow(clippy::type_complexity, reason = "tables of cases")]
#![allow(clippy::disallowed_methods, reason = "that an engine comes from the cache is seen on a clock")]

mod support;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use runtime::{Engine, MeasureOptions, Options, Precision, Rung, RuntimeError, Tensor, measure, synthetic_inputs};
use support::{data, local};

/// Says that this process has a cache of its own.
const ANEW: &str = "DEADTIME_GPU_TESTS";
/// A largest difference, in units of 1 + the largest output: TensorRT uses TF32 (10 bits of mantissa) in fp32 too.
const FP32: f32 = 2e-3;
const FP16: f32 = 1e-2;
/// Two ways to round the same integers differ by a step now and then.
const INT8: f32 = 5e-2;

fn main() -> ExitCode {
    if std::env::var_os(ANEW).is_none() {
        return anew();
    }
    let args = Arguments::from_args();
    let tests: [(&str, Rung, fn() -> Result<(), Failed>); 11] = [
        ("cuda_agrees_with_the_processor", Rung::Cuda, cuda_agrees),
        ("cuda_times_its_copies_and_its_distribution_is_told", Rung::Cuda, || distribution(&local(Rung::Cuda))),
        ("cuda_as_a_graph_computes_the_same", Rung::Cuda, || graph(&local(Rung::Cuda))),
        ("tensorrt_in_fp32_agrees_with_the_processor", Rung::TensorRt, || agrees(Precision::Fp32, FP32)),
        ("tensorrt_in_fp16_agrees_with_the_processor", Rung::TensorRt, || agrees(Precision::Fp16, FP16)),
        ("tensorrt_in_int8_agrees_with_fp16_and_the_processor", Rung::TensorRt, int8_against_fp16),
        ("tensorrt_times_its_copies_and_its_distribution_is_told", Rung::TensorRt, || distribution(&in_fp16())),
        ("tensorrt_as_a_graph_computes_the_same", Rung::TensorRt, || graph(&in_fp16())),
        ("an_engine_is_built_once", Rung::TensorRt, an_engine_is_built_once),
        ("an_engine_that_was_spoilt_is_built_anew", Rung::TensorRt, a_spoilt_engine_is_built_anew),
        ("a_dla_is_used_or_forgone_with_a_reason", Rung::TensorRt, dla_or_reason),
    ];
    let trials: Vec<Trial> = tests
        .map(|(name, rung, test)| {
            let missing = missing(rung);
            if let Some(why) = missing.as_ref().filter(|_| !args.list) {
                eprintln!("{name}: skipped: no GPU: {why}");
            }
            Trial::test(name, test).with_ignored_flag(missing.is_some())
        })
        .into();
    // Side by side they would measure each other.
    libtest_mimic::run(&Arguments { test_threads: Some(1), ..args }, trials).exit_code()
}

/// This program again, with an empty cache of engines.
fn anew() -> ExitCode {
    let cache = tempfile::tempdir().expect("a folder");
    let program = std::env::current_exe().expect("a program");
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1)).env("XDG_CACHE_HOME", cache.path()).env(ANEW, "1");
    let status = command.status().expect("it starts");
    ExitCode::from(u8::try_from(status.code().unwrap_or(101)).unwrap_or(101))
}

/// Why a rung cannot be tried here.
fn missing(rung: Rung) -> Option<String> {
    match runtime::load(&data("mlp.onnx"), &local(rung)) {
        Err(RuntimeError::Missing { reason, .. }) => Some(reason),
        _ => None,
    }
}

fn in_fp16() -> Options {
    Options { precision: Precision::Fp16, ..local(Rung::TensorRt) }
}

fn load(model: &str, options: &Options) -> Result<Box<dyn Engine>, Failed> {
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/models").join(model);
    let path = if shipped.exists() { shipped } else { data(model) };
    let engine = runtime::load(&path, options).map_err(|e| Failed::from(format!("{model}: {e}")))?;
    let info = engine.info();
    if let Some(forgone) = info.forgone.first() {
        eprintln!("  {model} on {}: {forgone}", info.version);
    }
    Ok(engine)
}

fn outputs(engine: &mut dyn Engine, batch: usize, seed: u64) -> Result<Vec<Tensor>, Failed> {
    let inputs = synthetic_inputs(&engine.info().model, batch, seed);
    let mut outputs = Vec::new();
    engine.infer(&inputs, &mut outputs)?;
    Ok(outputs)
}

/// The largest difference over ten inputs, in units of 1 + the largest output.
fn difference(a: &mut dyn Engine, b: &mut dyn Engine) -> Result<f32, Failed> {
    let mut most = 0.0f32;
    for seed in 0..10 {
        for (a, b) in outputs(a, 1, seed)?.iter().zip(outputs(b, 1, seed)?) {
            let (Some(a), Some(b)) = (a.data.as_f32(), b.data.as_f32()) else { return Err("not floats".into()) };
            if a.len() != b.len() || a.is_empty() {
                return Err(format!("{} outputs against {}", a.len(), b.len()).into());
            }
            let unit = 1.0 + a.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            most = a.iter().zip(b).map(|(x, y)| (x - y).abs() / unit).fold(most, f32::max);
        }
    }
    Ok(most)
}

fn within(what: &str, off: f32, most: f32) -> Result<(), Failed> {
    println!("  {what}: off by {off:.1e}, {most:.1e} allowed");
    // Also where it is not a number.
    if off <= most { Ok(()) } else { Err(format!("{what}: off by {off}, {most} allowed").into()) }
}

fn against_the_processor(models: &[&str], options: &Options, most: f32) -> Result<(), Failed> {
    for model in models {
        let mut here = load(model, &local(Rung::Rten))?;
        let mut there = load(model, options)?;
        within(model, difference(&mut *here, &mut *there)?, most)?;
    }
    Ok(())
}

fn cuda_agrees() -> Result<(), Failed> {
    against_the_processor(&["mlp.onnx", "pilot.onnx", "student.onnx", "qdq.onnx"], &local(Rung::Cuda), FP32)
}

fn agrees(precision: Precision, most: f32) -> Result<(), Failed> {
    let options = Options { precision, ..local(Rung::TensorRt) };
    against_the_processor(&["mlp.onnx", "pilot.onnx", "student.onnx"], &options, most)
}

fn int8_against_fp16() -> Result<(), Failed> {
    let int8 = Options { precision: Precision::Int8, ..local(Rung::TensorRt) };
    against_the_processor(&["signed.onnx"], &int8, INT8)?;
    let (mut narrow, mut wide) = (load("signed.onnx", &int8)?, load("signed.onnx", &in_fp16())?);
    within("int8 against fp16", difference(&mut *wide, &mut *narrow)?, INT8)?;
    let (narrow, wide) = (p50(&mut *narrow)?, p50(&mut *wide)?);
    println!("  int8 {narrow:.3} ms, fp16 {wide:.3} ms");
    // And a model that carries no quantisation is refused rather than computed in something else.
    match runtime::load(&data("mlp.onnx"), &int8) {
        Err(RuntimeError::Missing { reason, .. }) if reason.contains("QuantizeLinear") => Ok(()),
        Err(other) => Err(format!("another error: {other}").into()),
        Ok(_) => Err("it was loaded".into()),
    }
}

fn p50(engine: &mut dyn Engine) -> Result<f64, Failed> {
    let measured = measure(engine, &MeasureOptions { hz: 100.0, count: 200, ..MeasureOptions::default() })?;
    Ok(at(&measured.samples.iter().map(|(_, time)| time.total().ms()).collect::<Vec<_>>(), 0.5))
}

fn at(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * q) as usize]
}

/// Prints the stages at the cadence of a loop. What must hold: the stages are there, apart, and add up.
fn distribution(options: &Options) -> Result<(), Failed> {
    let mut engine = load("student.onnx", options)?;
    let info = engine.info().clone();
    let measured = measure(&mut *engine, &MeasureOptions { hz: 40.0, count: 400, ..MeasureOptions::default() })?;
    println!("  {}", info.version);
    let stages: [(&str, fn(&timing::ServiceTime) -> timing::Span); 6] = [
        ("pre", |time| time.pre),
        ("host to device", |time| time.host_to_device),
        ("compute", |time| time.compute),
        ("device to host", |time| time.device_to_host),
        ("post", |time| time.post),
        ("total", timing::ServiceTime::total),
    ];
    for (name, stage) in stages {
        let ms: Vec<f64> = measured.samples.iter().map(|(_, time)| stage(time).ms()).collect();
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|q| at(&ms, q));
        println!("  {name:15} p50 {p50:8.3}  p99 {p99:8.3}  max {most:8.3} ms");
    }
    for complaint in &measured.complaints {
        println!("  not certified: {complaint}");
    }
    if !info.copies_apart {
        return Err("inputs and outputs are not bound on the device: its copies are not timed apart".into());
    }
    let apart =
        |time: &timing::ServiceTime| time.host_to_device.0 > 0 && time.device_to_host.0 > 0 && time.compute.0 > 0;
    match measured.samples.iter().position(|(_, time)| !apart(time)) {
        Some(sample) => Err(format!("sample {sample} has a stage without a length").into()),
        None => Ok(()),
    }
}

/// A CUDA graph changes nothing but the time; another shape is refused, not computed with the old one.
fn graph(options: &Options) -> Result<(), Failed> {
    let mut plain = load("student.onnx", options)?;
    let mut graph = load("student.onnx", &Options { cuda_graph: true, ..options.clone() })?;
    if !graph.info().cuda_graph {
        return Err(format!("forgone: {:?}", graph.info().forgone).into());
    }
    within("as a graph", difference(&mut *plain, &mut *graph)?, 1e-5)?;
    println!("  plain {:.3} ms, as a graph {:.3} ms", p50(&mut *plain)?, p50(&mut *graph)?);
    match outputs(&mut *graph, 2, 0) {
        Err(refused) if refused.message().is_some_and(|why| why.contains("one shape")) => Ok(()),
        Err(other) => Err(other),
        Ok(_) => Err("a graph of one shape took another".into()),
    }
}

fn timed(model: &str, options: &Options) -> Result<(Box<dyn Engine>, Duration), Failed> {
    let begun = Instant::now();
    Ok((load(model, options)?, begun.elapsed()))
}

/// Of a model that no other test loads.
fn an_engine_is_built_once() -> Result<(), Failed> {
    let options = local(Rung::TensorRt);
    let (mut first, cold) = timed("pilot-wide.onnx", &options)?;
    let (mut second, kept) = timed("pilot-wide.onnx", &options)?;
    println!("  built in {:.1} s, from the cache in {:.1} s", cold.as_secs_f64(), kept.as_secs_f64());
    if first.info().built_ms.is_none() || second.info().built_ms.is_some() {
        return Err(format!("built_ms: {:?}, then {:?}", first.info().built_ms, second.info().built_ms).into());
    }
    if kept > cold / 2 {
        return Err(format!("the cache saves too little: {kept:?} after {cold:?}").into());
    }
    within("from the cache", difference(&mut *first, &mut *second)?, 0.0)
}

fn a_spoilt_engine_is_built_anew() -> Result<(), Failed> {
    let options = in_fp16();
    drop(load("mlp.onnx", &options)?);
    let engines = std::path::PathBuf::from(std::env::var("XDG_CACHE_HOME")?).join("deadtime/tensorrt");
    let files = || std::fs::read_dir(&engines).into_iter().flatten().flatten();
    let files = files().flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let mut spoilt = 0;
    for path in files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|e| e == "engine")) {
        let bytes = std::fs::read(&path)?;
        std::fs::write(&path, &bytes[..bytes.len() / 2])?;
        spoilt += 1;
    }
    if spoilt == 0 {
        return Err("TensorRT kept no engine".into());
    }
    let mut engine = load("mlp.onnx", &options)?;
    if engine.info().built_ms.is_none() {
        return Err("half an engine was taken for one".into());
    }
    let mut here = load("mlp.onnx", &local(Rung::Rten))?;
    within("built anew", difference(&mut *here, &mut *engine)?, FP16)
}

fn dla_or_reason() -> Result<(), Failed> {
    let engine = load("student.onnx", &Options { dla: Some(0), ..in_fp16() })?;
    let info = engine.info();
    println!("  DLA: {:?}; {:?}", info.dla, info.forgone);
    if info.dla.is_none() && !info.forgone.iter().any(|why| why.starts_with("no DLA core 0: ")) {
        return Err("forgone without a reason".into());
    }
    Ok(())
}

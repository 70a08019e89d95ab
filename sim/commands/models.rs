//! `deadtime models`: what is there to drive with, what it costs, what it is fed, what it runs on.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::{IntoDiagnostic, Result, WrapErr, miette};
use plant::Robot;
use runtime::{Anatomy, Engine, ModelInfo, Options, Requested, Rung, Witness};
use serde::Serialize;
use study::{Machine, Spot};

use super::{UNTRUSTED, print_json};
use crate::assets;
use crate::launch::{RuntimeOptions, engine, engine_name, report};

/// Options of `models`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folders with ONNX files, besides the models that ship
    pub folders: Vec<PathBuf>,
    /// Measure this machine's limits and each model's speed, and draw them here
    #[arg(long, value_name = "OUT.svg")]
    pub roofline: Option<PathBuf>,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What `models --json` prints.
#[derive(Serialize)]
struct Report {
    models: Vec<Model>,
    /// Limits and spots, where a roofline was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    roofline: Option<Roofline>,
}

#[derive(Serialize)]
struct Roofline {
    machine: Machine,
    spots: Vec<Spot>,
    trusted: bool,
    complaints: Vec<String>,
}

/// One file.
#[derive(Serialize)]
struct Model {
    name: String,
    path: PathBuf,
    /// Why it is no model that can be loaded, where it is not; the rest is empty then.
    refused: Option<String>,
    sha256: Option<String>,
    /// Whether the hash is that of a model that ships: others run in a process of their own.
    known: bool,
    bytes: Option<u64>,
    params: Option<u64>,
    macs: Option<u64>,
    uncounted: Option<String>,
    operations_per_byte: Option<f64>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// The contract it follows, or `surrogate`: run and timed while the expert drives.
    drives: Option<String>,
    /// Why it is no pilot although it looks like one.
    misfit: Option<String>,
    runtimes: Vec<Tried>,
}

/// Whether a rung runs a model.
#[derive(Serialize)]
struct Tried {
    runtime: String,
    runs: bool,
    /// The library, or why not.
    found: String,
}

/// `deadtime models`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut paths = onnx_files(&assets::root().join("assets/models"))?;
    for folder in &args.folders {
        paths.extend(onnx_files(folder)?);
    }
    let trusted = assets::trusted_models();
    let models: Vec<Model> = paths.iter().map(|path| look(path, &trusted, args)).collect();
    let roofline = args.roofline.as_deref().map(|out| roofline(out, &models, args)).transpose()?;
    let report = Report { models, roofline };
    if args.json {
        print_json(&report);
    } else {
        report.models.iter().for_each(print_text);
        if let (Some(roofline), Some(out)) = (&report.roofline, &args.roofline) {
            print_roofline(roofline, out);
        }
    }
    let trusted = report.roofline.is_none_or(|roofline| roofline.trusted);
    Ok(if trusted { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) })
}

fn onnx_files(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.extension().is_some_and(|e| e == "onnx") && folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    assets::onnx_files(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read the folder {}; give a folder with ONNX files", folder.display()))
}

fn look(path: &Path, trusted: &[String], args: &Args) -> Model {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut model = Model {
        name,
        path: path.to_owned(),
        refused: None,
        sha256: None,
        known: false,
        bytes: None,
        params: None,
        macs: None,
        uncounted: None,
        operations_per_byte: None,
        inputs: Vec::new(),
        outputs: Vec::new(),
        drives: None,
        misfit: None,
        runtimes: Vec::new(),
    };
    match runtime::inspect(path).and_then(|info| runtime::anatomy(path).map(|parts| (info, parts))) {
        Err(error) => model.refused = Some(error.to_string()),
        Ok((info, parts)) => {
            model.operations_per_byte = intensity(&info, &parts);
            model.known = trusted.contains(&info.sha256);
            model.bytes = Some(info.bytes);
            model.params = Some(parts.params);
            model.macs = parts.macs;
            model.uncounted = parts.uncounted;
            model.inputs = info.inputs.iter().map(ToString::to_string).collect();
            model.outputs = info.outputs.iter().map(ToString::to_string).collect();
            (model.drives, model.misfit) = drives(&info);
            model.sha256 = Some(info.sha256);
            model.runtimes = Rung::ALL.iter().map(|rung| try_on(*rung, path, args)).collect();
        }
    }
    model
}

/// The contract that a model follows, and why none if it nearly follows one.
fn drives(info: &ModelInfo) -> (Option<String>, Option<String>) {
    let mut misfit = None;
    for robot in [Robot::Rover(plant::rover_default()), Robot::Balancer(plant::balancer_default())] {
        match episode::fit(info, &robot) {
            Ok(Some(contract)) => return (Some(format!("{contract:?}")), None),
            Ok(None) => {}
            Err(error) => misfit = misfit.or(Some(error.to_string())),
        }
    }
    if misfit.is_some() { (None, misfit) } else { (Some("surrogate".to_owned()), None) }
}

fn try_on(rung: Rung, path: &Path, args: &Args) -> Tried {
    let options = Options { requested: Requested::Exactly(rung), ..args.runtime.options() };
    let (runs, found) = match runtime::load(path, &options) {
        Ok(engine) => (true, engine_name(engine.info())),
        Err(runtime::RuntimeError::Missing { reason, .. }) => (false, reason),
        Err(error) => (false, error.to_string().lines().next().unwrap_or_default().to_owned()),
    };
    Tried { runtime: rung.to_string(), runs, found }
}

/// Operations, two a multiply-accumulate, for each byte of weights, inputs and outputs, each moved once.
fn intensity(info: &ModelInfo, parts: &Anatomy) -> Option<f64> {
    let moved = info.inputs.iter().chain(&info.outputs).map(|tensor| {
        let axes = tensor.shape.iter().enumerate().map(|(i, n)| n.or((i == 0).then_some(1)));
        axes.product::<Option<usize>>().map(|elements| elements * 4)
    });
    let moved = moved.sum::<Option<usize>>()? as u64 + parts.weight_bytes;
    Some(2.0 * parts.macs? as f64 / moved.max(1) as f64)
}

fn print_text(model: &Model) {
    let known = if model.known { "ships with this program" } else { "not one of ours: runs in a process of its own" };
    let number = |n: Option<u64>| n.map_or_else(|| "not counted".to_owned(), grouped);
    println!("{}  ({})", model.name, model.path.display());
    if let Some(reason) = &model.refused {
        println!("  refused    {reason}");
        return;
    }
    println!("  {known}; SHA-256 {}", model.sha256.as_deref().unwrap_or_default());
    println!(
        "  costs      {} bytes, {} parameters, {} multiply-accumulates",
        number(model.bytes),
        number(model.params),
        number(model.macs)
    );
    if let Some(why) = &model.uncounted {
        println!("             not counted: {why}");
    }
    println!("  in         {}", model.inputs.join(", "));
    println!("  out        {}", model.outputs.join(", "));
    let drives = match (&model.drives, &model.misfit) {
        (Some(word), _) if word == "surrogate" => "not: it can be run and timed while the expert decides".to_owned(),
        (Some(contract), _) => format!("by the contract {contract}"),
        (None, misfit) => format!("not: {}", misfit.as_deref().unwrap_or_default()),
    };
    println!("  drives     {drives}");
    for Tried { runtime, runs, found } in &model.runtimes {
        let mark = if *runs { "yes" } else { "no " };
        println!("  {runtime:11}  {mark}  {found}");
    }
}

/// `1,013,683`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let starts = (0..digits.len()).filter(|i| *i > 0 && (digits.len() - i).is_multiple_of(3));
    let mut text = digits.clone();
    for (commas, start) in starts.enumerate() {
        text.insert(start + commas, ',');
    }
    text
}

/// Measures the limits and every model that can be placed; draws them.
fn roofline(out: &Path, models: &[Model], args: &Args) -> Result<Roofline> {
    eprintln!("measuring this machine's limits, and each model alone");
    let options = args.runtime.options();
    let witness = Witness::begin(&[]);
    let limits = runtime::limits(&options).into_diagnostic()?;
    let machine = Machine {
        device: super::doctor::processor(),
        runtime: engine_name(&limits.info),
        peak_gflops: limits.gflops,
        bandwidth_gbs: limits.gbytes,
    };
    let mut spots = Vec::new();
    for model in models {
        let (Some(intensity), Some(macs)) = (model.operations_per_byte, model.macs) else { continue };
        match engine(&model.path.to_string_lossy(), &options) {
            Ok(mut engine) => {
                let secs = typical(engine.as_mut())?;
                spots.push(Spot { name: model.name.clone(), intensity, gflops: 2.0 * macs as f64 / secs / 1e9 });
            }
            Err(error) => eprintln!("{} is left out: {error}", model.name),
        }
    }
    let complaints = witness.complaints(&limits.info);
    let svg = study::roofline_chart(&machine, &spots).map_err(report)?;
    std::fs::write(out, svg).map_err(|e| miette!("cannot write {}: {e}", out.display()))?;
    Ok(Roofline { machine, spots, trusted: complaints.is_empty(), complaints })
}

/// Median time of an inference, back to back, in seconds.
fn typical(engine: &mut dyn Engine) -> Result<f64> {
    const RUNS: usize = 40;
    /// Enough for a median of a slow model.
    const AT_MOST_S: f64 = 5.0;
    let inputs = runtime::synthetic_inputs(&engine.info().model, 1, 0);
    let (mut outputs, mut times) = (Vec::new(), Vec::new());
    while times.len() < RUNS && times.iter().sum::<f64>() < AT_MOST_S {
        times.push(engine.infer(&inputs, &mut outputs).into_diagnostic()?.total().secs());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2].max(1e-9))
}

fn print_roofline(roofline: &Roofline, out: &Path) {
    let Roofline { machine, spots, complaints, .. } = roofline;
    println!(
        "one core with {}: {:.1} GFLOP/s fp32, {:.1} GB/s",
        machine.runtime, machine.peak_gflops, machine.bandwidth_gbs
    );
    for spot in spots {
        println!(
            "  {:20} {:8.2} operations a byte, {:8.2} GFLOP/s, {:5.1} % of what is possible there",
            spot.name,
            spot.intensity,
            spot.gflops,
            100.0 * spot.gflops / machine.roof(spot.intensity)
        );
    }
    println!(
        "  (weights that stay in the caches are read faster than from memory: a small model may stand above the slope)"
    );
    for complaint in complaints {
        println!("  not certified: {complaint}");
    }
    println!("roofline: {}", out.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(n), text);
        }
    }
}

//! `deadtime measure`: what a model costs here, at the loop's own cadence.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use episode::Percentiles;
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result, WrapErr};
use runtime::{Engine, MeasureOptions, Meter, Optimisation, Power};
use serde::Serialize;
use timing::{Span, Trace};

use super::{UNTRUSTED, print_json};
use crate::assets;
use crate::launch::{RemoteOptions, RuntimeOptions, engine_name, runtime_line, trace_of};

/// Options of `measure`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A model that ships (pilot), or any ONNX file
    pub model: String,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    #[command(flatten)]
    pub remote: RemoteOptions,
    /// Inferences a second: the cadence of the loop that will use it, since an idling device answers differently
    #[arg(long, value_name = "N", default_value_t = 40.0)]
    pub hz: f64,
    /// How many inferences to time
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub count: usize,
    /// Frames in each inference
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub batch: usize,
    /// Write the trace here, for --latency replay:FILE
    #[arg(long, value_name = "TRACE")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What `measure --json` prints.
#[derive(Serialize)]
struct Report {
    model: String,
    sha256: String,
    runtime: String,
    optimization: Optimisation,
    hz: f64,
    batch: usize,
    samples: usize,
    total_ms: Percentiles,
    pre_ms: Percentiles,
    compute_ms: Percentiles,
    post_ms: Percentiles,
    /// Measured way to a target and back, beside the total.
    link_ms: Percentiles,
    /// What this machine took meanwhile, where it tells; a target's power is its own affair.
    power: Vec<Power>,
    trusted: bool,
    complaints: Vec<String>,
}

/// `deadtime measure`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut engine = match args.remote.engine(&args.model, args.batch) {
        Some(engine) => engine?,
        None => engine_here(args)?,
    };
    let info = engine.info().clone();
    eprintln!("runtime: {}", runtime_line(&info));
    let wanted = MeasureOptions { hz: args.hz, count: args.count, batch: args.batch, ..MeasureOptions::default() };
    let seconds = (wanted.count + wanted.warm_up) as f64 / args.hz.max(1e-3);
    let meter = Meter::begin();
    let measurement = with_progress(seconds, || runtime::measure(engine.as_mut(), &wanted)).into_diagnostic()?;
    let power = if args.remote.target.is_some() { Vec::new() } else { meter.end() };
    let runtime = engine_name(&info);
    if let Some(out) = &args.out {
        record::write_trace(out, &Trace { batch: args.batch, ..trace_of(&info, &measurement) }).into_diagnostic()?;
    }
    let of = |stage: fn(&timing::ServiceTime) -> Span| {
        Percentiles::of(&measurement.samples.iter().map(|(_, service)| stage(service)).collect::<Vec<_>>())
    };
    let report = Report {
        model: args.model.clone(),
        sha256: info.model.sha256.clone(),
        runtime,
        optimization: args.runtime.optimisation,
        hz: args.hz,
        batch: args.batch,
        samples: measurement.samples.len(),
        total_ms: of(timing::ServiceTime::total),
        pre_ms: of(|s| s.pre),
        compute_ms: of(|s| s.host_to_device + s.compute + s.device_to_host),
        post_ms: of(|s| s.post),
        link_ms: of(timing::ServiceTime::link),
        power,
        trusted: measurement.trusted,
        complaints: measurement.complaints.clone(),
    };
    if args.json {
        print_json(&report);
    } else {
        print_text(&report, args.out.as_ref());
    }
    Ok(if report.trusted { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) })
}

fn engine_here(args: &Args) -> Result<Box<dyn Engine>> {
    let path = assets::model(&args.model);
    let options = runtime::Options { batch: args.batch, ..args.runtime.options() };
    let engine = runtime::load(&path, &options).into_diagnostic();
    engine.wrap_err_with(|| format!("the model {} cannot be run", path.display()))
}

/// Nothing may load the cores while a latency is measured, so the bar is redrawn once a second.
fn with_progress<T>(seconds: f64, work: impl FnOnce() -> T) -> T {
    let style = ProgressStyle::with_template("measuring {bar:30} {pos}/{len} s")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(seconds.ceil() as u64).with_style(style);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::thread::park_timeout(Duration::from_secs(1));
                bar.inc(1);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        bar.finish_and_clear();
        result
    })
}

fn print_text(report: &Report, out: Option<&PathBuf>) {
    let Report { model, runtime, hz, samples, .. } = report;
    println!("{model} on {runtime}: {samples} inferences at {hz} Hz, batch {}", report.batch);
    for (name, p) in [
        ("total", &report.total_ms),
        ("pre", &report.pre_ms),
        ("compute", &report.compute_ms),
        ("post", &report.post_ms),
        ("link", &report.link_ms),
    ] {
        if name == "link" && p.max == 0.0 {
            continue;
        }
        println!("  {name:8} p50 {:8.3}  p90 {:8.3}  p99 {:8.3}  max {:8.3} ms", p.p50, p.p90, p.p99, p.max);
    }
    if report.link_ms.max > 0.0 {
        println!("  the link is both ways and beside the total; each way is half of it, to within that half");
    }
    for line in report.power.iter().map(power_line) {
        println!("  power    {line}");
    }
    for complaint in &report.complaints {
        println!("  not certified: {complaint}");
    }
    if let Some(out) = out {
        println!("trace: {0}; use it with --latency replay:{0}", out.display());
    }
}

/// A reading, or why there is none.
pub fn power_line(power: &Power) -> String {
    match (power.watts, &power.missing) {
        (Some(watts), _) => format!("{watts:.2} W, {}", power.source),
        (None, why) => format!("{}: {}", power.source, why.as_deref().unwrap_or("not available")),
    }
}

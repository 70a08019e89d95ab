//! `deadtime doctor`: what is here, what is missing, how to get it.

use std::process::ExitCode;

use miette::Result;
use serde::Serialize;

use super::print_json;
use crate::assets;

/// Options of `doctor`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Fetch nothing while looking
    #[arg(long)]
    pub offline: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Rung {
    runtime: String,
    available: bool,
    found: Option<String>,
    missing: Option<String>,
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    processor: String,
    cores: usize,
    window: Option<String>,
    runtimes: Vec<Rung>,
    /// What CUDA and TensorRT need, piece by piece.
    gpu: Vec<runtime::Piece>,
    models: Vec<String>,
    profiles: Vec<String>,
    /// Devices that can be modelled.
    devices: Vec<String>,
    power: Vec<runtime::Power>,
}

/// `deadtime doctor`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let runtimes = runtime::survey(args.offline)
        .into_iter()
        .map(|(rung, look)| Rung {
            runtime: rung.to_string(),
            available: look.is_ok(),
            found: look.clone().ok(),
            missing: look.err(),
        })
        .collect();
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        processor: processor(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        window: super::window::missing(),
        runtimes,
        gpu: runtime::gpu_pieces(),
        models: assets::models(),
        profiles: scenario::profiles().into_iter().map(|profile| profile.name).collect(),
        devices: scenario::roofline().devices.into_iter().map(|spec| spec.name).collect(),
        power: power(),
    };
    if args.json {
        print_json(&report);
    } else {
        print_text(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_text(report: &Report) {
    println!("deadtime {}, {} cores of {}", report.version, report.cores, report.processor);
    println!("runtimes, best first:");
    for rung in &report.runtimes {
        match (&rung.found, &rung.missing) {
            (Some(found), _) => println!("  ok       {:12} {found}", rung.runtime),
            (_, missing) => println!("  missing  {:12} {}", rung.runtime, missing.as_deref().unwrap_or_default()),
        }
    }
    // Where there is no GPU nobody misses its libraries.
    if runtime::has_gpu() {
        println!("for CUDA and TensorRT, in this order:");
        for piece in &report.gpu {
            match (&piece.found, &piece.missing) {
                (Some(found), _) => println!("  ok       {:26} {found}", piece.name),
                (_, missing) => println!("  missing  {:26} {}", piece.name, missing.as_deref().unwrap_or_default()),
            }
        }
    }
    match &report.window {
        None => println!("window:    ok"),
        Some(reason) => println!("window:    none here: {reason}"),
    }
    println!("models:    {}", report.models.join(", "));
    println!("profiles:  {} (modelled from published numbers)", report.profiles.join(", "));
    println!("devices:   {} (modelled by a roofline; see `deadtime devices`)", report.devices.join(", "));
    for line in report.power.iter().map(super::measure::power_line) {
        println!("power:     {line}");
    }
    println!("nothing above is needed to begin: the built-in rten runs every model that ships");
}

/// Over a tenth of a second, idle.
fn power() -> Vec<runtime::Power> {
    let meter = runtime::Meter::begin();
    std::thread::sleep(std::time::Duration::from_millis(100));
    meter.end()
}

/// The processor, in the words of the system.
pub fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = info.lines().find_map(|line| line.strip_prefix("model name").or_else(|| line.strip_prefix("Model")));
    named
        .and_then(|rest| rest.split(':').nth(1))
        .map_or_else(|| std::env::consts::ARCH.to_owned(), |name| name.trim().to_owned())
}

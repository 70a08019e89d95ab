//! `deadtime devices`: which devices can be modelled, by which roofline, and how far it may be off.

use std::process::ExitCode;

use miette::Result;
use scenario::{Conditions, Roofline, Workload};
use serde::Serialize;
use study::RooflineReport;

use super::print_json;
use crate::assets;
use crate::launch::report;

/// Options of `devices`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Also what this model would take on each of them: one that ships, or an ONNX file
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    roofline: RooflineReport,
    /// What the model would take, or without one a network of 0.5 GMACs by the size of its weights.
    estimates: Vec<Estimate>,
    source: String,
}

/// A device in a mode.
#[derive(Serialize)]
struct Estimate {
    device: String,
    label: String,
    network: String,
    ms: f64,
}

/// `deadtime devices`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let all = scenario::roofline();
    let estimates = match &args.model {
        Some(model) => {
            let work = study::workload(&assets::model(model)).map_err(report)?;
            let names = all.devices.iter().flat_map(with_modes);
            names.map(|name| estimate(&name, &work)).collect::<Result<_>>()?
        }
        None => cliff(&all)?,
    };
    let report = Report { roofline: study::roofline_report().map_err(report)?, estimates, source: all.source.clone() };
    if args.json {
        print_json(&report);
    } else {
        print_text(&all, &report, args.model.is_none());
    }
    Ok(ExitCode::SUCCESS)
}

/// A device by itself, then in each of its modes.
pub(crate) fn with_modes(spec: &scenario::DeviceSpec) -> Vec<String> {
    let modes = spec.modes.iter().map(|mode| format!("{}@{}", spec.name, mode.name));
    std::iter::once(spec.name.clone()).chain(modes).collect()
}

fn estimate(name: &str, work: &Workload) -> Result<Estimate> {
    let profile = scenario::device(name, Some(work), &Conditions::default())?.profile;
    let ms = scenario::median_ms(&profile);
    Ok(Estimate { device: name.to_owned(), label: profile.label, network: work.name.clone(), ms })
}

/// The same work with ever more weights: on a device with little memory of its own, they fall off a cliff.
fn cliff(all: &Roofline) -> Result<Vec<Estimate>> {
    let sizes = [6.0, 8.0, 10.0, 20.0];
    let on = |spec: &scenario::DeviceSpec| {
        sizes
            .map(|mb| {
                let name = format!("{mb} MB of int8 weights");
                let work = Workload { name, macs: 0.5e9, weights: mb * 1e6, activations: 4e6, int8: true };
                estimate(&spec.name, &work)
            })
            .into_iter()
            .collect::<Vec<_>>()
    };
    all.devices.iter().flat_map(on).collect()
}

fn print_text(all: &Roofline, report: &Report, cliff: bool) {
    println!(
        "modelled, never measured here: --latency device:NAME[@MODE] for the network that drives, device:NAME:NETWORK for a public one"
    );
    for spec in &all.devices {
        println!("  {:14} {}: {}", spec.name, spec.label, with_modes(spec).join(", "));
    }
    let networks: Vec<&str> = all.networks.iter().map(|(name, ..)| name.as_str()).collect();
    println!("  networks: {}", networks.join(", "));
    println!(
        "\nt = max(operations / (compute * peak), bytes / (bandwidth * limit)) + overhead, fitted to what was recorded"
    );
    for fit in &report.roofline.fits {
        let own: Vec<String> = fit.overheads_ms.iter().map(|(device, ms)| format!("{device} {ms:.2}")).collect();
        println!(
            "  {:22} compute {:.3}, bandwidth {:.3}, overhead {:.2} ms ({})",
            fit.runtime,
            fit.compute,
            fit.bandwidth,
            fit.overhead_ms,
            own.join(", ")
        );
    }
    println!("\n  {:28} {:>11} {:>10} {:>22}", "recorded", "median ms", "fitted", "by the others alone");
    for point in &report.roofline.points {
        println!(
            "  {:28} {:>11.3} {:>10.3} {:>14.3} {:>+6.0} %",
            point.profile,
            point.recorded_ms,
            point.fitted_ms,
            point.predicted_ms,
            point.error * 100.0
        );
    }
    println!(
        "  each point left out once: median error {:.0} %, worst {:.0} %",
        report.roofline.median_error * 100.0,
        report.roofline.worst_error * 100.0
    );
    println!("\n{}", if cliff { "0.5 GMACs with ever more weights, ms:" } else { "this model, ms:" });
    for found in &report.estimates {
        if cliff {
            println!("  {:14} {:28} {:>9.2}", found.device, found.network, found.ms);
        } else {
            println!("  {:14} {:>9.3}  {}", found.device, found.ms, found.label);
        }
    }
    println!("source: {}", report.source);
}

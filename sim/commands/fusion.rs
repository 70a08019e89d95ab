//! `deadtime fusion`: a model at the four levels of graph optimisation of ONNX Runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use episode::Percentiles;
use miette::{IntoDiagnostic, Result, WrapErr};
use runtime::{Anatomy, MeasureOptions, Optimisation, Optimised, Options, Requested, Rung};
use serde::Serialize;

use super::{UNTRUSTED, print_json};
use crate::assets;
use crate::launch::{engine, engine_name};

/// Options of `fusion`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A model that ships (pilot), or any ONNX file
    pub model: String,
    /// Rounds a second in which each level runs once
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    pub hz: f64,
    /// Inferences to time at each level
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub count: usize,
    /// Inferences to profile at each level, apart from those that are timed
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub profiled: usize,
    /// Fetch nothing
    #[arg(long)]
    pub offline: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What `fusion --json` prints.
#[derive(Serialize)]
struct Report {
    model: String,
    sha256: String,
    runtime: String,
    /// Nodes of the model as it is.
    operators: BTreeMap<String, usize>,
    levels: Vec<Level>,
    /// Median latency without optimisation over that with all of it.
    speedup: f64,
    trusted: bool,
    complaints: Vec<String>,
}

#[derive(Serialize)]
struct Level {
    #[serde(flatten)]
    graph: Optimised,
    nodes: usize,
    /// Operators of the model of which there are fewer, and by how many.
    gone: BTreeMap<String, usize>,
    /// Operators that the model does not have.
    new: BTreeMap<String, usize>,
    latency_ms: Percentiles,
}

/// `deadtime fusion`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let requested = Requested::Exactly(Rung::OnnxRuntimeCpu);
    let options = Options { requested, offline: args.offline, trusted: assets::trusted_models(), ..Options::default() };
    // Loaded first: an unknown model or a missing runtime is explained as everywhere.
    let mut engines = Optimisation::ALL
        .iter()
        .map(|level| engine(&args.model, &Options { optimisation: *level, ..options.clone() }))
        .collect::<Result<Vec<_>>>()?;
    let info = engines[0].info().clone();
    let wanted = MeasureOptions { hz: args.hz, count: args.count.max(1), warm_up: 10, ..MeasureOptions::default() };
    eprintln!("timing {} at four levels in turn, {} rounds at {} Hz or slower", args.model, wanted.count, args.hz);
    let measured = runtime::measure_together(&mut engines, &wanted).into_diagnostic()?;
    drop(engines);
    let (before, graphs) = runtime::fusion(&assets::model(&args.model), &options, args.profiled.max(1))
        .into_diagnostic()
        .wrap_err("the graphs cannot be shown")?;
    let times = measured.times.iter().map(|times| times.iter().map(timing::ServiceTime::total).collect::<Vec<_>>());
    let levels: Vec<Level> =
        graphs.into_iter().zip(times).map(|(graph, times)| level(&before, graph, Percentiles::of(&times))).collect();
    let report = Report {
        model: args.model.clone(),
        sha256: info.model.sha256.clone(),
        runtime: engine_name(&info),
        operators: before.operators,
        speedup: levels[0].latency_ms.p50 / levels[3].latency_ms.p50.max(1e-9),
        levels,
        trusted: measured.complaints.is_empty(),
        complaints: measured.complaints,
    };
    if args.json {
        print_json(&report);
    } else {
        print_text(&report);
    }
    Ok(if report.trusted { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) })
}

fn level(before: &Anatomy, graph: Optimised, latency_ms: Percentiles) -> Level {
    let count = |of: &BTreeMap<String, usize>, name: &str| of.get(name).copied().unwrap_or(0);
    let less = |name: &String, had: usize| had.checked_sub(count(&graph.operators, name)).filter(|n| *n > 0);
    let gone = before.operators.iter().filter_map(|(name, had)| Some((name.clone(), less(name, *had)?))).collect();
    let new = graph.operators.iter().filter(|(name, _)| !before.operators.contains_key(*name));
    let new = new.map(|(name, n)| (name.clone(), *n)).collect();
    Level { nodes: graph.operators.values().sum(), gone, new, latency_ms, graph }
}

fn print_text(report: &Report) {
    println!("{} on {}", report.model, report.runtime);
    let nodes: usize = report.operators.values().sum();
    println!("  as it is   {nodes:4} nodes: {}", counts(&report.operators));
    for level in &report.levels {
        let Level { graph, nodes, gone, new, latency_ms, .. } = level;
        println!(
            "  {:9}  {nodes:4} nodes, p50 {:.3}  p99 {:.3} ms",
            graph.level.to_string(),
            latency_ms.p50,
            latency_ms.p99
        );
        if !gone.is_empty() || !new.is_empty() {
            println!("             gone: {}; new: {}", counts(gone), counts(new));
        }
        for (operator, taken) in &graph.absorbed {
            let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
            println!("             {operator} took in {}", taken.join(", "));
        }
    }
    println!("  off over all: {:.2}", report.speedup);
    println!("  where time goes, us an inference under the profiler, which slows it:");
    let level = |i: usize| &report.levels[i].graph.operator_us;
    let names: BTreeSet<&String> = level(0).keys().chain(level(3).keys()).collect();
    let mut rows: Vec<(&String, f64, f64)> = names
        .into_iter()
        .map(|name| (name, level(0).get(name).copied().unwrap_or(0.0), level(3).get(name).copied().unwrap_or(0.0)))
        .collect();
    rows.sort_by(|a, b| b.1.max(b.2).total_cmp(&a.1.max(a.2)));
    println!("    {:24} {:>10} {:>10}", "operator", "off", "all");
    for (name, off, all) in rows {
        println!("    {name:24} {off:10.1} {all:10.1}");
    }
    for complaint in &report.complaints {
        println!("  not certified: {complaint}");
    }
}

/// `5 Conv, 5 Relu`.
fn counts(operators: &BTreeMap<String, usize>) -> String {
    if operators.is_empty() {
        return "none".to_owned();
    }
    operators.iter().map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", ")
}

//! `deadtime import`: latencies that were recorded elsewhere as a trace.

use std::path::PathBuf;
use std::process::ExitCode;

use episode::Percentiles;
use miette::{IntoDiagnostic, Result};
use timing::{ServiceTime, Span};

/// Options of `import`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A CSV file with a header line and one line a frame; or, with --topic, a ROS 2 bag in MCAP
    pub file: PathBuf,
    /// The column that holds the latency
    #[arg(long, value_name = "NAME", default_value = "latency_ms")]
    pub column: String,
    /// The column that holds the time of each start, seconds: how long the device had been idle before. Without it a device
    /// counts as never idle
    #[arg(long, value_name = "NAME")]
    pub start: Option<String>,
    /// Of what unit the latencies are: s, ms, us, ns
    #[arg(long, value_name = "U", default_value = "ms")]
    pub unit: record::Unit,
    /// The topic of a bag whose messages begin with a header: received less stamped is the latency
    #[arg(long, value_name = "NAME", conflicts_with_all = ["column", "start", "unit"])]
    pub topic: Option<String>,
    /// What was timed, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub model: String,
    /// On what, in words
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub device: String,
    /// The trace, for --latency replay:FILE
    #[arg(long, value_name = "TRACE")]
    pub out: PathBuf,
}

/// `deadtime import`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let columns = record::Columns { latency: args.column.clone(), start: args.start.clone(), unit: args.unit };
    let imported = match &args.topic {
        Some(topic) => record::import_bag(&args.file, topic),
        None => record::import_csv(&args.file, &columns),
    };
    let mut trace = imported.into_diagnostic()?;
    trace.model.clone_from(&args.model);
    trace.device.clone_from(&args.device);
    record::write_trace(&args.out, &trace).into_diagnostic()?;
    let totals: Vec<Span> = trace.samples.iter().map(|sample| ServiceTime::total(&sample.service)).collect();
    let p = Percentiles::of(&totals);
    println!(
        "{} inferences: p50 {:.3}  p90 {:.3}  p99 {:.3}  max {:.3} ms; all of it counts as the device's",
        totals.len(),
        p.p50,
        p.p90,
        p.p99,
        p.max
    );
    println!("trace: {0}; use it with --latency replay:{0}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

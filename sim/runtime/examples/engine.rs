//! The smallest program around an engine: loads a model, isolated unless told otherwise, and measures it.
//!
//! ```text
//! cargo run --release -p runtime --example engine -- MODEL [RUNTIME] [HZ] [COUNT]
//! cargo run --release -p runtime --example engine -- doctor
//! ```
//!
//! `NOT_ISOLATED`, `PRECISION`, `CUDA_GRAPH` and `DLA` in the environment are the options of these names.

use std::process::ExitCode;

use runtime::{MeasureOptions, Options, RuntimeError};

fn main() -> ExitCode {
    runtime::refuse_telemetry();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        // What an isolated model needs of its host program.
        Some("__engine") => return runtime::engine_main(),
        Some("__dissect") => return runtime::dissect_main(),
        Some("doctor") => {
            doctor();
            Ok(())
        }
        Some(_) => measure(&args),
        None => {
            eprintln!("usage: engine MODEL [RUNTIME] [HZ] [COUNT] | engine doctor");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn doctor() {
    for (rung, found) in runtime::survey(false) {
        match found {
            Ok(what) => println!("{rung:<12} ok       {what}"),
            Err(why) => println!("{rung:<12} missing  {why}"),
        }
    }
    for piece in runtime::gpu_pieces() {
        println!(
            "{}: {}",
            piece.name,
            piece.found.or(piece.missing.map(|why| format!("missing: {why}"))).unwrap_or_default()
        );
    }
}

fn measure(args: &[String]) -> Result<(), RuntimeError> {
    let requested = args.get(1).map_or(Ok(runtime::Requested::Auto), |word| word.parse())?;
    let isolate =
        if std::env::var_os("NOT_ISOLATED").is_some() { runtime::Isolation::Never } else { runtime::Isolation::Auto };
    let asked = |name| std::env::var(name).ok();
    let options = Options {
        requested,
        isolate,
        precision: asked("PRECISION").and_then(|word| word.parse().ok()).unwrap_or_default(),
        cuda_graph: asked("CUDA_GRAPH").is_some(),
        dla: asked("DLA").and_then(|core| core.parse().ok()),
        ..Options::default()
    };
    let mut engine = runtime::load(args[0].as_ref(), &options)?;
    let info = engine.info();
    println!("{} ({}), isolated: {}", info.obtained, info.version, info.isolated);
    for (rung, reason) in &info.refused {
        println!("  not {rung}: {reason}");
    }
    for reason in &info.forgone {
        println!("  {reason}");
    }
    let number = |i: usize, default: f64| args.get(i).and_then(|n| n.parse().ok()).unwrap_or(default);
    let options = MeasureOptions { hz: number(2, 50.0), count: number(3, 200.0) as usize, ..MeasureOptions::default() };
    let measured = runtime::measure(&mut *engine, &options)?;
    let mut totals: Vec<f64> = measured.samples.iter().map(|(_, time)| time.total().ms()).collect();
    totals.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| totals[((totals.len() - 1) as f64 * q) as usize];
    println!("p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms; trusted: {}", at(0.5), at(0.99), at(1.0), measured.trusted);
    for complaint in &measured.complaints {
        println!("  {complaint}");
    }
    Ok(())
}

//! `deadtime blame`: whose fault a collision was.
#![allow(clippy::disallowed_methods, reason = "it tells how long it took")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use episode::{Change, fit};
use miette::{IntoDiagnostic, Result, miette};
use scenario::{Latency, PilotSpec, Setup};
use study::{Accused, Blame, Inquiry, Verdict};
use timing::{Source, Span};

use super::bar::Bar;
use super::{NOTHING, UNTRUSTED, jobs, json_text, print_json, write_files};
use crate::assets;
use crate::launch::{Overrides, RuntimeOptions, engine, loader, report, source, source_of};

/// Options of `blame`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A log of a run that collided, by path or by the name under which the window keeps it, or a scenario
    #[arg(value_name = "RUN.mcap|SCENARIO")]
    pub what: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// The seed of a scenario; its own by default
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Time is forked this long before the contact, seconds
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    pub window: f64,
    /// Runs whose noise and sensor phase differ
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub replicas: usize,
    /// Replicas side by side; one a core by default. Makes no difference to the result
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Write the answer as text, JSON and a picture into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `deadtime blame`.
pub fn run(args: &Args) -> Result<ExitCode> {
    if !(args.window > 0.0 && args.window <= 60.0) {
        return Err(miette!("found --window {}; expected seconds above 0 and at most 60", args.window));
    }
    let began = Instant::now();
    let what = crate::log::find(&args.what);
    let log = what.extension().is_some_and(|extension| extension == "mcap");
    let accused = if log { from_log(args, &what)? } else { from_scenario(args)? };
    let inquiry = Inquiry {
        window: Span::from_secs(args.window),
        replicas: args.replicas.clamp(1, 10_000),
        jobs: jobs(args.jobs),
    };
    let load = loader(args.runtime.options());
    let Some(blame) = study::blame(&accused, &inquiry, &load, &Bar::default()).map_err(report)? else {
        if log {
            let outcome =
                record::read(&what).into_diagnostic()?.summary.and_then(|summary| summary.get("outcome").cloned());
            if outcome.is_none_or(|outcome| outcome == "collision") {
                eprintln!("no verdict: run again from the log on this machine's engine, it does not collide");
                return Ok(ExitCode::from(UNTRUSTED));
            }
        }
        eprintln!("{}, seed {}: no collision, so nothing is to blame", accused.setup.name, accused.setup.seed);
        return Ok(ExitCode::from(NOTHING));
    };
    if let Some(out) = &args.out {
        write(out, &blame)?;
    }
    if args.json {
        print_json(&blame);
    } else {
        print!("{}", blame.text());
        println!("  in {:.1} s", began.elapsed().as_secs_f64());
    }
    let told = !matches!(blame.verdict, Verdict::Undetermined | Verdict::NoCollision);
    Ok(if told { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) })
}

fn from_log(args: &Args, path: &Path) -> Result<Accused> {
    if !args.overrides.is_empty() || args.seed.is_some() {
        return Err(miette!(
            help = "to change something, give the scenario instead of the log",
            "found options that change the run beside the log {}",
            path.display()
        ));
    }
    let mut recording = record::read(path).into_diagnostic()?;
    let setup = super::replay::recorded_setup(&recording.header, path)?;
    let latency: Latency = recording.header.latency.parse().map_err(|e| miette!("the log's latency: {e}"))?;
    let again = || -> Result<Source> { Ok(Source::Replay(Arc::new(record::trace(path).into_diagnostic()?))) };
    let source = match latency {
        Latency::Measured | Latency::Replay(_) => again()?,
        Latency::Device(_) => source_of(&setup)?,
        other => source(&other)?,
    };
    // What a clock, a trace or a profile told after an edit: the log holds it frame by frame.
    for edit in &mut recording.edits {
        if let Change::Source(source @ Source::Recorded { .. }) = &mut edit.change {
            *source = again()?;
        }
    }
    accused(args, setup, source, recording.edits)
}

fn from_scenario(args: &Args) -> Result<Accused> {
    let scenario = assets::load_scenario(&args.what)?;
    let setup = args.overrides.setup(&scenario, args.seed.unwrap_or(scenario.seed))?;
    if setup.latency == Latency::Measured {
        return Err(miette!(
            help = "record it first: `deadtime run SCENARIO --log run.mcap`, then `deadtime blame run.mcap`; or give another --latency",
            "found measured latency; expected a run that is already known"
        ));
    }
    let source = source_of(&setup)?;
    accused(args, setup, source, Vec::new())
}

/// Looks at the network once, for what it is fed.
fn accused(args: &Args, mut setup: Setup, source: Source, edits: Vec<episode::Edit>) -> Result<Accused> {
    let mut network = None;
    if let PilotSpec::Network { model } = &setup.pilot {
        let contract =
            fit(&engine(model, &args.runtime.options())?.info().model.clone(), &setup.world.robot).into_diagnostic()?;
        network = contract.map(|contract| (model.clone(), contract));
    }
    if network.as_ref().is_some_and(|(_, contract)| contract.needs_camera()) {
        setup.give_camera();
    }
    // A surrogate's decisions are the expert's.
    if network.is_none() && matches!(setup.pilot, PilotSpec::Network { .. } | PilotSpec::Surrogate { .. }) {
        setup.pilot = PilotSpec::Expert;
    }
    Ok(Accused { setup, source, edits, network })
}

fn write(out: &Path, blame: &Blame) -> Result<()> {
    let picture = study::blame_chart(blame).map_err(report)?;
    write_files(out, &[("blame.json", json_text(blame)?), ("blame.txt", blame.text()), ("blame.svg", picture)])
}

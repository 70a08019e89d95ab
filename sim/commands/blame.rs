//! `deadtime blame`: whose fault a collision was.
#![allow(clippy::disallowed_methods, reason = "it tells how long it took")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use episode::{Change, fit};
use miette::{IntoDiagnostic, Result, miette};
use runtime::synthetic_inputs;
use scenario::{Latency, PilotSpec, Setup};
use study::{Accused, Blame, Inquiry, Verdict};
use timing::{Source, Span};

use super::bar::Bar;
use super::run::go;
use super::{NOTHING, UNTRUSTED, jobs, json_text, print_json, write_files};
use crate::assets;
use crate::launch::{Overrides, RuntimeOptions, engine, launch, loader, report, source, source_of, worker};
use crate::log::header;

/// From so many seconds on it is said how long it may take.
const WORTH_SAYING: f64 = 10.0;

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
    /// With measured latency: look into the recorded run even if it is no certified measurement
    #[arg(long)]
    pub uncertified: bool,
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
    let found = if log { from_log(args, &what)? } else { from_scenario(args)? };
    let Found { accused, complaints, inference_s } = found;
    for complaint in &complaints {
        eprintln!("not certified: {complaint}");
    }
    if !complaints.is_empty() && !args.uncertified {
        eprintln!(
            "no verdict on a run that is not certified; give the machine to this program alone, or say --uncertified"
        );
        return Ok(ExitCode::from(UNTRUSTED));
    }
    let inquiry = Inquiry {
        window: Span::from_secs(args.window),
        replicas: args.replicas.clamp(1, 10_000),
        jobs: jobs(args.jobs),
    };
    let estimate = inference_s.map_or(0.0, |seconds| seconds * inferences(&accused, &inquiry));
    if estimate > WORTH_SAYING {
        eprintln!("{:.1} ms an inference: this may take {estimate:.0} s", inference_s.unwrap_or_default() * 1e3);
    }
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
    Ok(if told && complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) })
}

/// A run that can be looked into.
pub struct Found {
    /// It.
    pub accused: Accused,
    /// Why it is no certified measurement, where it was just measured for this.
    complaints: Vec<String>,
    /// One inference, seconds, where a network is run.
    inference_s: Option<f64>,
}

fn from_log(args: &Args, path: &Path) -> Result<Found> {
    if !args.overrides.is_empty() || args.seed.is_some() {
        return Err(miette!(
            help = "to change something, give the scenario instead of the log",
            "found options that change the run beside the log {}",
            path.display()
        ));
    }
    recorded(&args.runtime, path)
}

/// The run that a log holds.
pub fn recorded(runtime: &RuntimeOptions, path: &Path) -> Result<Found> {
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
    accused(runtime, setup, source, recording.edits)
}

fn from_scenario(args: &Args) -> Result<Found> {
    let scenario = assets::load_scenario(&args.what)?;
    let setup = args.overrides.setup(&scenario, args.seed.unwrap_or(scenario.seed))?;
    if setup.latency == Latency::Measured {
        return measured(args, &scenario, setup);
    }
    let source = source_of(&setup)?;
    accused(&args.runtime, setup, source, Vec::new())
}

/// Runs the scenario once, alone and at its pace, and takes its log.
fn measured(args: &Args, scenario: &scenario::Scenario, setup: Setup) -> Result<Found> {
    let seed = args.seed.unwrap_or(scenario.seed);
    let mut launched = launch(setup, |model| worker(model, &args.runtime, |_| {}))?;
    eprintln!("measuring: {} runs once, alone on the machine", scenario.name());
    let folder = tempfile::tempdir().into_diagnostic()?;
    let path = folder.path().join("run.mcap");
    let header = header(&launched, scenario, seed, &args.overrides, &args.runtime);
    let mut log = record::Writer::create(&path, &header).into_diagnostic()?;
    let mut written = Ok(());
    let summary = go(&mut launched, true, &mut |entry, _| {
        if written.is_ok() {
            written = log.push(entry);
        }
    });
    written.into_diagnostic()?;
    log.finish(&summary).into_diagnostic()?;
    // Its worker would share the cores.
    drop(launched);
    Ok(Found { complaints: summary.complaints, ..recorded(&args.runtime, &path)? })
}

/// Inferences of a blame one after the other, on all its threads, at most about: whole runs and forks of twice the window.
fn inferences(accused: &Accused, inquiry: &Inquiry) -> f64 {
    let line = &accused.setup.line;
    let parts = [line.sensing, line.dead_time, line.link_out + line.link_back];
    let parts = 1 + parts.iter().filter(|part| **part > Span::ZERO).count() + usize::from(!accused.source.modelled());
    let hz = line.capture.rate.hz();
    let whole = accused.setup.duration.secs() * hz * 3.0;
    let fork = 2.0 * inquiry.window.secs() * hz;
    let replicas = inquiry.replicas as f64 * (whole + fork * (1 + parts + (1 << parts)) as f64);
    // The critical latency is sought in one replica alone.
    (replicas + fork * 50.0) / inquiry.jobs as f64
}

/// Looks at each network once, for what it is fed and how long it takes.
fn accused(runtime: &RuntimeOptions, mut setup: Setup, source: Source, mut edits: Vec<episode::Edit>) -> Result<Found> {
    let (mut networks, mut inference_s) = (BTreeMap::new(), None::<f64>);
    let later = edits.iter_mut().filter_map(|edit| match &mut edit.change {
        Change::Pilot(new) => Some(&mut new.pilot),
        _ => None,
    });
    for pilot in std::iter::once(&mut setup.pilot).chain(later) {
        if let PilotSpec::Network { model } = pilot
            && !networks.contains_key(model)
        {
            let mut engine = engine(model, &runtime.options())?;
            let contract = fit(&engine.info().model, &setup.world.robot).into_diagnostic()?;
            networks.extend(contract.map(|contract| (model.clone(), contract)));
            let (inputs, mut outputs) = (synthetic_inputs(&engine.info().model, 1, 0), Vec::new());
            let each = (0..3).filter_map(|_| Some(engine.infer(&inputs, &mut outputs).ok()?.total().secs()));
            inference_s = each.reduce(f64::min).into_iter().chain(inference_s).reduce(f64::max);
        }
        let drives = matches!(pilot, PilotSpec::Network { model } if networks.contains_key(model));
        // A surrogate's decisions are the expert's.
        if pilot.model().is_some() && !drives {
            *pilot = PilotSpec::Expert;
        }
    }
    if networks.values().any(|contract| contract.needs_camera()) {
        setup.give_camera();
    }
    Ok(Found { accused: Accused { setup, source, edits, networks }, complaints: Vec::new(), inference_s })
}

fn write(out: &Path, blame: &Blame) -> Result<()> {
    let picture = study::blame_chart(blame).map_err(report)?;
    write_files(out, &[("blame.json", json_text(blame)?), ("blame.txt", blame.text()), ("blame.svg", picture)])
}

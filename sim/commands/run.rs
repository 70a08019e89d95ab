//! `deadtime run`: one scenario, headless.
#![allow(clippy::disallowed_methods, reason = "a paced run follows the wall clock, and every run reports its speed")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use episode::{Entry, Pumped, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::{IntoDiagnostic, Result};
use runtime::Witness;
use scenario::{Facts, Latency, PilotSpec};
use timing::{SimTime, Span};

use super::{FAILED, UNTRUSTED, print_json};
use crate::assets;
use crate::launch::{Launched, Overrides, RuntimeOptions, launch, worker};
use crate::timeline::{Timeline, verdict};

/// Options of `run`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A scenario file, or the name of one that ships: braking, lesson, slalom...
    pub scenario: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// The seed; the scenario's own by default
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Do not keep to the wall clock where the latency is measured: faster, but not certified
    #[arg(long)]
    pub unpaced: bool,
    /// Write the run to this log
    #[arg(long, value_name = "F.mcap")]
    pub log: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `deadtime run`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let path = assets::scenario(&args.scenario);
    let scenario = scenario::load(&path)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let setup = args.overrides.setup(&scenario, seed)?;
    let expect = setup.expect.clone();
    let mut launched = launch(setup, |model| worker(model, &args.runtime, |_| {}))?;
    if !args.json {
        eprintln!("runtime: {}", launched.labels.runtime_line);
        for remark in &launched.labels.remarks {
            eprintln!("note: {remark}");
        }
    }
    let mut timeline = Timeline::default();
    let bar = progress(args.json, launched.episode.setup().duration);
    let mut log = match &args.log {
        Some(path) => Some(record::Writer::create(path, &header(args, &scenario, seed, &launched)).into_diagnostic()?),
        None => None,
    };
    let mut problem = None;
    let summary = go(&mut launched, !args.unpaced, &mut |entry, now| {
        timeline.push(entry);
        if let (Some(log), None) = (&mut log, &problem)
            && let Err(error) = log.push(entry)
        {
            problem = Some(error);
        }
        bar.set_position(now.0 as u64 / 1_000_000);
    });
    bar.finish_and_clear();
    if let Some(error) = problem {
        return Err(error).into_diagnostic();
    }
    if let Some(log) = log {
        log.finish(&summary).into_diagnostic()?;
    }
    let checks = if args.overrides.is_empty() { expect.check(&facts(&summary)) } else { Vec::new() };
    if args.json {
        print_json(&summary);
    } else {
        print!("{}\n{}", verdict(&summary), timeline.draw());
        for check in &checks {
            let mark = if check.passed { "ok    " } else { "FAILED" };
            println!("  {mark} {}: found {}, expected {}", check.name, check.found, check.expected);
        }
        if let Some(path) = &args.log {
            println!("log: {0}; `deadtime replay {0}` re-runs it", path.display());
        }
    }
    Ok(if !summary.trusted {
        ExitCode::from(UNTRUSTED)
    } else if checks.iter().all(|check| check.passed) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

/// Drawn on a terminal only, and only when a run takes long enough to wonder.
fn progress(hidden: bool, duration: Span) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of at most {len} ms simulated")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(duration.0 as u64 / 1_000_000).with_style(style);
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    bar
}

fn header(args: &Args, scenario: &scenario::Scenario, seed: u64, launched: &Launched) -> record::Header {
    let labels = &launched.labels;
    let setup = launched.episode.setup();
    let mut overrides = args.overrides.to_map();
    if matches!(setup.pilot, PilotSpec::Surrogate { .. }) {
        // Found out from the model itself, which a replay does not load.
        overrides.insert("pilot".into(), "surrogate".into());
    }
    if scenario.camera.is_none() && setup.world.camera.is_some() {
        overrides.insert("camera".into(), "default".into());
    }
    record::Header {
        scenario_name: setup.name.clone(),
        scenario_toml: scenario.text().to_owned(),
        seed,
        overrides,
        latency: labels.latency.to_string(),
        occupies: launched.episode.line().source().occupies(),
        model: labels.model.clone(),
        model_sha256: launched.driver.engine().map(|info| info.model.sha256.clone()),
        runtime_requested: args.runtime.runtime.to_string(),
        runtime_obtained: labels.runtime.clone(),
        schedule: setup.line.schedule.to_string(),
        device: super::doctor::processor(),
        ..record::Header::default()
    }
}

/// Runs an episode to its end. A measured run keeps to the wall clock when `paced`, since an idling device answers
/// differently, and is trusted only if it was alone on its cores. `sink` gets every log entry; what it does counts as ours.
pub fn go(launched: &mut Launched, paced: bool, sink: &mut dyn FnMut(&Entry, SimTime)) -> Summary {
    let Launched { episode, driver, labels } = launched;
    let measured = labels.latency == Latency::Measured;
    let paced = paced && measured;
    episode.keep_log();
    let witness = Witness::begin();
    let start = Instant::now();
    loop {
        let until = if paced { SimTime(start.elapsed().as_nanos() as i64) } else { SimTime(i64::MAX) };
        // A slice at a time, so that a log is written while the run goes on: what a kill can lose.
        let slice = episode.plant().tick_start() + Span::from_ms(40.0);
        let pumped = driver.pump(episode, until.min(slice), Duration::from_millis(50));
        for entry in episode.take_log() {
            sink(&entry, episode.now());
        }
        match pumped {
            Pumped::Over => break,
            Pumped::Reached if paced => std::thread::sleep(Duration::from_micros(200)),
            Pumped::Reached | Pumped::Waiting => {}
        }
    }
    let wall = start.elapsed().as_secs_f64();
    // Asked at once, before summing up adds to the work.
    let alone = driver.engine().filter(|_| paced).map(|engine| witness.complaints(engine));
    let mut summary = labels.complete(Summary::of(episode));
    summary.wall_seconds = wall;
    summary.realtime_factor = summary.sim_seconds / wall.max(1e-9);
    (summary.overhead_us, summary.hand_over_us) = driver.harness();
    summary.complaints = complaints(driver, episode.stats().invalid, measured, paced);
    summary.complaints.extend(alone.into_iter().flatten());
    summary.trusted = summary.complaints.is_empty();
    summary
}

/// Why a run's verdict cannot be relied upon.
fn complaints(driver: &episode::Driver, invalid: bool, measured: bool, paced: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    if let Some(first) = driver.failures().first() {
        complaints.push(format!("the runtime failed {} times, first: {first}", driver.failures().len()));
    }
    if invalid {
        complaints.push("physics broke down: a body went non-finite".into());
    }
    if measured && !paced {
        complaints.push(
            "measured without keeping to the wall clock (--unpaced): an idling device answers differently".into(),
        );
    }
    // One start in a hundred may be late: this is not a real-time operating system.
    if let Some(share) = driver.cadence_off().filter(|share| measured && paced && *share > 0.01) {
        complaints.push(format!("{:.1} % of the starts were more than 10 % off their cadence", share * 100.0));
    }
    complaints
}

/// What `[expect]` looks at.
pub fn facts(summary: &Summary) -> Facts {
    let commanded = summary.latency_ms.max > 0.0 || summary.age_ms.max > 0.0;
    Facts {
        outcome: summary.outcome,
        collisions: u64::from(summary.collisions),
        sim_seconds: summary.sim_seconds,
        min_clearance_m: summary.min_clearance_m,
        p99_age_ms: commanded.then_some(summary.age_ms.p99),
        max_age_ms: commanded.then_some(summary.age_ms.max),
        blind_m_max: commanded.then_some(summary.blind_m_max),
        dropped: summary.dropped,
        lost: summary.lost,
    }
}

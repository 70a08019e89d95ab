//! `deadtime run`: one scenario, headless.
#![allow(clippy::disallowed_methods, reason = "a paced run follows the wall clock, and every run reports its speed")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use episode::{Entry, LinkAllOut, Pumped, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::{IntoDiagnostic, Result, miette};
use runtime::Witness;
use scenario::{Facts, Latency, Setup};
use timing::{Adjustment, Sample, ServiceTime, SimTime, Source, Span, Trace};

use super::{FAILED, INTERRUPT, INTERRUPTED, UNTRUSTED, heed_interrupts, print_json};
use crate::assets;
use crate::launch::{Launched, Overrides, RemoteOptions, RuntimeOptions, launch, launch_from, worker};
use crate::log::header;
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
    #[command(flatten)]
    pub remote: RemoteOptions,
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
    let scenario = assets::load_scenario(&args.scenario)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let setup = args.overrides.setup(&scenario, seed)?;
    let expect = setup.expect.clone();
    let batch = episode::batch_size(setup.line.schedule);
    let mut launched = launch(setup, |model| args.remote.worker(model, &args.runtime, batch))?;
    if !args.json {
        eprintln!("runtime: {}", launched.labels.runtime_line);
        for remark in &launched.labels.remarks {
            eprintln!("note: {remark}");
        }
    }
    let mut timeline = Timeline::default();
    let mut times = Vec::new();
    let bar = progress(args.json, launched.episode.setup().duration);
    let mut log = match &args.log {
        Some(path) => {
            let header = header(&launched, &scenario, seed, &args.overrides, &args.runtime);
            Some(record::Writer::create(path, &header).into_diagnostic()?)
        }
        None => None,
    };
    let mut problem = None;
    heed_interrupts();
    let mut summary = go(&mut launched, !args.unpaced, &mut |entry, now| {
        timeline.push(entry);
        if let Entry::Predicted(prediction) = entry {
            times.push(Sample { frame: prediction.id, idle: Span::ZERO, service: prediction.service });
        }
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
    if INTERRUPT.load(Ordering::Relaxed) {
        eprintln!("interrupted after {:.2} simulated s", summary.sim_seconds);
        if let (Some(log), Some(path)) = (log, &args.log) {
            log.leave().into_diagnostic()?;
            eprintln!("the log so far: {0}; `deadtime replay {0}` re-runs it", path.display());
        }
        return Ok(ExitCode::from(INTERRUPTED));
    }
    // Of a device elsewhere only the round trip is known: how it splits must not decide how the run ends.
    if summary.link_ms.max > 0.0
        && launched.labels.latency == Latency::Measured
        && launched.driver.failures().is_empty()
    {
        let setup = args.overrides.setup(&scenario, seed)?;
        match all_out(&launched, setup, times, &args.runtime) {
            Ok(other) => weigh(&mut summary, other),
            Err(why) => eprintln!("note: how the link splits may matter; not driven at the other extreme: {why:#}"),
        }
    }
    if let Some(log) = log {
        log.finish(&summary).into_diagnostic()?;
    }
    let many = args.overrides.is_empty() && expect.asks_many_runs();
    let checks = if args.overrides.is_empty() { expect.check(&facts(&summary)) } else { Vec::new() };
    if args.json {
        print_json(&summary);
    } else {
        print!("{}\n{}", verdict(&summary), timeline.draw());
        for check in &checks {
            let mark = if check.passed { "ok    " } else { "FAILED" };
            println!("  {mark} {}: found {}, expected {}", check.name, check.found, check.expected);
        }
        if many {
            println!("  what is expected of many runs is checked by `deadtime test {}`", args.scenario.display());
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

/// The same run, driven by the network here in the times that were measured, with the whole link on the way out.
fn all_out(
    launched: &Launched,
    mut setup: Setup,
    samples: Vec<Sample>,
    runtime: &RuntimeOptions,
) -> Result<LinkAllOut> {
    let trace = Trace { samples, ..Trace::default() };
    let link_first = Adjustment { link_first: true, ..Adjustment::default() };
    let source = Source::Adjusted(Arc::new(Source::Replay(Arc::new(trace))), link_first);
    // Nothing is measured any more.
    setup.latency = Latency::Replay("the run".into());
    let there = launched.driver.engine().map(|engine| engine.model.sha256.clone()).unwrap_or_default();
    let mut again = launch_from(setup, source, |model| {
        let worker = worker(model, runtime, |_| {})?;
        if there.is_empty() || worker.info().model.sha256 == there {
            Ok(worker)
        } else {
            Err(miette!("the target's {model} is another file than the one here"))
        }
    })?;
    let Summary { outcome, collisions, dropped, latency_ms, age_ms, min_clearance_m, .. } =
        go(&mut again, false, &mut |_, _| {});
    Ok(LinkAllOut { outcome, collisions, dropped, latency_ms, age_ms, min_clearance_m })
}

/// Notes the other extreme; where it ends otherwise, nobody knows how the run ends.
fn weigh(summary: &mut Summary, other: LinkAllOut) {
    if other.outcome != summary.outcome {
        summary.complaints.push(format!(
            "how the measured link splits decides: {} with all of it on the way back, {} with all of it on the way out",
            summary.outcome, other.outcome
        ));
        summary.trusted = false;
    }
    summary.link_all_out = Some(other);
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

/// Runs an episode to its end. A measured run keeps to the wall clock when `paced`, since an idling device answers
/// differently, and is trusted only if it was alone on its cores. `sink` gets every log entry; what it does counts as ours.
pub fn go(launched: &mut Launched, paced: bool, sink: &mut dyn FnMut(&Entry, SimTime)) -> Summary {
    let Launched { episode, driver, labels } = launched;
    let measured = labels.latency == Latency::Measured;
    let paced = paced && measured;
    episode.keep_log();
    let mut times: Vec<(Span, ServiceTime)> = Vec::new();
    let served_at = driver.engine().map_or(&[][..], |engine| &engine.served_at);
    let witness = measured.then(|| Witness::begin(served_at));
    let start = Instant::now();
    loop {
        let until = if paced { SimTime(start.elapsed().as_nanos() as i64) } else { SimTime(i64::MAX) };
        // A slice at a time, so that a log is written while the run goes on: what a kill can lose.
        let slice = episode.plant().tick_start() + Span::from_ms(40.0);
        let pumped = driver.pump(episode, until.min(slice), Duration::from_millis(50));
        for entry in episode.take_log() {
            if let (true, Entry::Predicted(prediction)) = (measured, &entry) {
                times.push((Span::ZERO, prediction.service));
            }
            sink(&entry, episode.now());
        }
        match pumped {
            Pumped::Over => break,
            _ if INTERRUPT.load(Ordering::Relaxed) => break,
            Pumped::Reached if paced => std::thread::sleep(Duration::from_micros(200)),
            Pumped::Reached | Pumped::Waiting => {}
        }
    }
    let wall = start.elapsed().as_secs_f64();
    // Asked at once: what comes after is no part of the measurement.
    let uncertified = witness.map_or_else(Vec::new, |witness| uncertified(driver, paced, &witness, &times));
    let mut summary = labels.complete(Summary::of(episode));
    summary.wall_seconds = wall;
    summary.realtime_factor = summary.sim_seconds / wall.max(1e-9);
    (summary.overhead_us, summary.hand_over_us) = driver.harness();
    summary.complaints = complaints(driver.failures(), episode.stats().invalid);
    summary.complaints.extend(uncertified);
    summary.trusted = summary.complaints.is_empty();
    summary
}

/// Why a run's verdict cannot be relied upon, whatever its latency was.
pub fn complaints(failures: &[String], invalid: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    if let Some(first) = failures.first() {
        complaints.push(format!("the runtime failed {} times, first: {first}", failures.len()));
    }
    if invalid {
        complaints.push("physics broke down: a body went non-finite".into());
    }
    complaints
}

/// Why a measured run is not a certified measurement.
fn uncertified(driver: &episode::Driver, paced: bool, witness: &Witness, times: &[(Span, ServiceTime)]) -> Vec<String> {
    if !paced {
        let unpaced = "measured without keeping to the wall clock (--unpaced): an idling device answers differently";
        return vec![unpaced.into()];
    }
    let mut complaints = driver.engine().map(|engine| witness.complaints(engine)).unwrap_or_default();
    complaints.extend(driver.complaints());
    complaints.extend(runtime::unsteady(times));
    // One start in a hundred may be late: this is not a real-time operating system.
    if let Some(share) = driver.cadence_off().filter(|share| *share > 0.01) {
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

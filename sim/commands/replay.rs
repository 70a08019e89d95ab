//! `deadtime replay`: the same run again, from its recorded prediction stream.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use episode::{Driver, Entry, Episode, Pumped, Supply};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use scenario::{PilotSpec, Setup};
use serde::Serialize;
use timing::{SimTime, Source};

use super::{FAILED, UNTRUSTED, print_json};
use crate::chrome_trace::chrome_trace;
use crate::launch::Overrides;
use crate::log;

/// Options of `replay`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A log as `deadtime run --log` writes it, or the name of one that the window keeps, such as 0042-lesson
    pub log: PathBuf,
    /// Write the run's timeline in Chrome's trace format, in simulated time: ui.perfetto.dev opens it
    #[arg(long, value_name = "F.json")]
    pub timeline: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What `replay --json` prints.
#[derive(Serialize)]
struct Report {
    scenario: String,
    seed: u64,
    ticks: usize,
    edits: usize,
    identical: bool,
    first_differing_tick: Option<usize>,
    first_differing_s: Option<f64>,
    complete: bool,
    digest: String,
}

/// What a log says was run; `log` is for messages.
pub fn recorded_setup(header: &record::Header, log: &Path) -> Result<Setup> {
    let scenario = scenario::parse(&header.scenario_toml, &format!("{} (in {})", header.scenario_name, log.display()))?;
    let mut setup = Overrides::from_map(&header.overrides)?
        .setup(&scenario, header.seed)
        .wrap_err("the scenario in the log cannot be set up again")?;
    setup.name.clone_from(&header.scenario_name);
    if header.overrides.get("pilot").is_some_and(|pilot| pilot == "surrogate") {
        setup.pilot = PilotSpec::Surrogate { model: header.model.clone() };
    }
    if header.overrides.contains_key("camera") {
        setup.give_camera();
    }
    Ok(setup)
}

/// `deadtime replay`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let path = log::find(&args.log);
    let recording = record::read(&path).into_diagnostic()?;
    let header = &recording.header;
    let setup = recorded_setup(header, &path)?;
    let rate = setup.world.tick;
    let mut episode =
        Episode::new(Arc::new(setup), Source::Recorded { occupies: header.occupies }).into_diagnostic()?;
    episode.schedule_edits(recording.edits.clone());
    episode.keep_log();
    let mut driver = Driver::new(Supply::Recorded(recording.answers.clone()));
    while driver.pump(&mut episode, SimTime(i64::MAX), Duration::from_secs(1)) != Pumped::Over {
        if episode.plant().tick() as usize >= recording.digests.len() && !recording.complete {
            break;
        }
    }
    let entries = episode.take_log();
    if let Some(path) = &args.timeline {
        let name = format!("{}, seed {}, latency {}", header.scenario_name, header.seed, header.latency);
        let trace = chrome_trace(&name, &episode.setup().line, &entries);
        std::fs::write(path, trace.to_string()).map_err(|e| miette!("cannot write {}: {e}", path.display()))?;
    }
    let digests: Vec<u64> = entries
        .iter()
        .filter_map(|entry| if let Entry::Tick(tick) = entry { Some(tick.digest) } else { None })
        .collect();
    let recorded = &recording.digests;
    let common = digests.len().min(recorded.len());
    let differs = (0..common).find(|&i| digests[i] != recorded[i]);
    let shorter = (recording.complete && digests.len() != recorded.len()).then_some(common);
    let first = differs.or(shorter);
    let report = Report {
        scenario: header.scenario_name.clone(),
        seed: header.seed,
        ticks: recorded.len(),
        edits: recording.edits.len(),
        identical: first.is_none(),
        first_differing_tick: first,
        first_differing_s: first.map(|tick| rate.event(tick as u64 + 1).secs()),
        complete: recording.complete,
        digest: format!("{:016x}", episode.digest()),
    };
    if args.json {
        print_json(&report);
    } else {
        print_text(&report);
    }
    Ok(match (report.identical, report.complete) {
        (false, _) => ExitCode::from(FAILED),
        (true, false) => ExitCode::from(UNTRUSTED),
        (true, true) => ExitCode::SUCCESS,
    })
}

fn print_text(report: &Report) {
    let Report { scenario, seed, ticks, digest, edits, .. } = report;
    let edits = if *edits > 0 { format!(", {edits} changes made on the way") } else { String::new() };
    let verdict = match (report.first_differing_tick, report.first_differing_s) {
        (Some(tick), Some(at)) => format!("the state differs from tick {tick} on ({at:.4} s)"),
        _ => format!("{ticks} ticks, every digest equal ({digest}){edits}"),
    };
    println!("{scenario}, seed {seed}: {verdict}");
    if !report.complete {
        println!("the log is incomplete: its run was cut off, and only what it holds was compared");
    }
}

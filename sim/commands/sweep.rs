//! `deadtime sweep`: a grid of scenarios over seeds, in parts that may be killed, resumed and merged.
#![allow(clippy::disallowed_methods, reason = "a plan says how long it would take")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use miette::{Result, miette};
use runtime::Options;
use scenario::{Grid, Seeds};
use serde::Serialize;
use study::{Progress, Running, Shard, StudyError, Sweep};

use super::bar::Bar;
use super::{INTERRUPT, INTERRUPTED, heed_interrupts, jobs, print_json};
use crate::assets;
use crate::launch::{self, RuntimeOptions, report};

/// Options of `sweep`.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    run: Run,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Say what would be run, and about how long it would take here
    Plan(Run),
    /// Run it, or a shard of it (the same as without this word)
    Run(Run),
    /// Join the journals of all shards into one result
    Merge(Merge),
}

/// What is swept, and how.
#[derive(clap::Args, Debug)]
pub struct Run {
    /// The plan of a sweep, by path or name; with --grid, a scenario
    #[arg(value_name = "PLAN.toml|SCENARIO")]
    pub what: Option<PathBuf>,
    /// A field of the scenario and its values: speed=1,1.5,2 or latency=0..200:21 (21 numbers), robot.braking=..., `box[1].x=...`,
    /// model=..., runtime=..., schedule=..., compensation=...
    #[arg(long, value_name = "FIELD=VALUES")]
    pub grid: Vec<String>,
    /// A number of seeds, a range A..B, or a list; the plan's, or 20
    #[arg(long, value_name = "N|A..B|LIST")]
    pub seeds: Option<Seeds>,
    /// Only this part of N
    #[arg(long, value_name = "K/N", default_value_t = Shard::WHOLE)]
    pub shard: Shard,
    /// Go on with what a run that was stopped or killed left in --out
    #[arg(long)]
    pub resume: bool,
    /// Cells side by side; one a core by default. Makes no difference to the result
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// The folder for journal and result; sweep-NAME by default
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Which journals are joined.
#[derive(clap::Args, Debug)]
pub struct Merge {
    /// Folders that `sweep run` wrote
    #[arg(required = true, value_name = "DIR")]
    pub from: Vec<PathBuf>,
    /// The folder for the result; the first of the others by default
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What a finished sweep tells.
#[derive(Serialize)]
struct Told {
    episodes: usize,
    collided: usize,
    trusted: bool,
    files: Vec<PathBuf>,
}

/// `deadtime sweep`.
pub fn run(args: &Args) -> Result<ExitCode> {
    match &args.what {
        Some(What::Plan(run)) => plan(run),
        Some(What::Run(run)) => sweep(run),
        None => sweep(&args.run),
        Some(What::Merge(merge)) => join(&merge.from, merge.out.as_deref().unwrap_or(&merge.from[0]), merge.json),
    }
}

impl Run {
    fn what(&self) -> Result<&Path> {
        let help =
            "such as `deadtime sweep braking --grid speed=1,2`, or `deadtime sweep scenarios/sweeps/braking.toml`";
        self.what
            .as_deref()
            .ok_or_else(|| miette!(help = help, "expected a plan, or a scenario and --grid FIELD=VALUES"))
    }
}

fn prepare(run: &Run) -> Result<Sweep> {
    let plan = if run.grid.is_empty() {
        let mut plan = scenario::load_sweep(&assets::sweep(run.what()?))?;
        plan.seeds = run.seeds.clone().unwrap_or(plan.seeds);
        plan
    } else {
        let seeds = run.seeds.clone().map_or_else(|| "20".parse().map_err(|why: String| miette!("{why}")), Ok)?;
        scenario::sweep_of(&run.what()?.display().to_string(), &run.grid, &seeds)?
    };
    let base = assets::load_scenario(Path::new(&plan.scenario))?;
    let grid = Grid::new(plan, base)?;
    Sweep::new(grid, env!("CARGO_PKG_VERSION"), &assets::model).map_err(report)
}

/// Gives engines for the keys of a sweep, `RUNTIME:MODEL`.
pub fn loader(options: Options) -> impl Fn(&str) -> Result<Box<dyn runtime::Engine>, String> + Sync {
    move |key: &str| {
        let (requested, model) = key.split_once(':').unwrap_or(("", key));
        let mut options = options.clone();
        if !requested.is_empty() {
            options.requested = requested.parse().map_err(|e: runtime::RuntimeError| e.to_string())?;
        }
        launch::loader(options)(model)
    }
}

fn sweep(run: &Run) -> Result<ExitCode> {
    let sweep = prepare(run)?;
    let name = run.what()?.file_stem().map_or_else(|| "sweep".into(), |stem| stem.to_string_lossy().into_owned());
    let out = run.out.clone().unwrap_or_else(|| PathBuf::from(format!("sweep-{name}")));
    heed_interrupts();
    let running = Running { shard: run.shard, out: &out, resume: run.resume, jobs: jobs(run.jobs), stop: &INTERRUPT };
    match sweep.run(&running, &loader(run.runtime.options()), &Bar::default()) {
        Err(StudyError::Stopped) => {
            eprintln!("interrupted; the same command with --resume goes on from {}", out.display());
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => Err(report(error)),
        Ok(journal) if run.shard.of > 1 => {
            if !run.json {
                println!("journal: {}; when all shards are done: deadtime sweep merge DIR...", journal.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(journal) => join(&[journal], &out, run.json),
    }
}

fn join(from: &[PathBuf], out: &Path, json: bool) -> Result<ExitCode> {
    let merged = study::merge(from).map_err(report)?;
    let files = study::write_result(out, &merged).map_err(report)?;
    let count = |name: &str, value: &str| {
        let column = merged.columns.iter().position(|(column, ..)| column == name);
        column.map_or(0, |column| merged.rows.iter().filter(|row| row[column] == value).count())
    };
    let told = Told {
        episodes: merged.rows.len(),
        collided: count("collided", "true"),
        trusted: count("trusted", "false") == 0,
        files,
    };
    if json {
        print_json(&told);
    } else {
        println!("{}: {} episodes, {} collided", merged.title, told.episodes, told.collided);
        for file in &told.files {
            println!("  {}", file.display());
        }
        if !told.trusted {
            println!("  not to be trusted: see the column `trusted`");
        }
    }
    Ok(if told.trusted { ExitCode::SUCCESS } else { ExitCode::from(super::UNTRUSTED) })
}

/// What `sweep plan --json` prints.
#[derive(Serialize)]
struct Planned {
    title: String,
    scenario: String,
    axes: Vec<Spread>,
    cells: usize,
    seeds: String,
    episodes: usize,
    /// Of the whole sweep here, estimated from a few episodes, without the loading of networks.
    seconds: f64,
    jobs: usize,
}

#[derive(Serialize)]
struct Spread {
    name: String,
    values: Vec<String>,
}

fn plan(run: &Run) -> Result<ExitCode> {
    let sweep = prepare(run)?;
    let grid = sweep.grid();
    let jobs = jobs(run.jobs);
    let each = time_some(&sweep, run)?;
    let planned = Planned {
        title: grid.plan.title.clone(),
        scenario: grid.plan.scenario.clone(),
        axes: grid
            .plan
            .axes
            .iter()
            .map(|axis| Spread {
                name: axis.column().to_owned(),
                values: (0..axis.values.len()).map(|value| axis.text(value)).collect(),
            })
            .collect(),
        cells: grid.cells(),
        seeds: grid.plan.seeds.to_string(),
        episodes: sweep.episodes(),
        seconds: each.as_secs_f64() * sweep.episodes() as f64 / jobs as f64,
        jobs,
    };
    if run.json {
        print_json(&planned);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}: varies {}", planned.title, planned.scenario);
    for Spread { name, values } in &planned.axes {
        let shown = if values.len() > 8 {
            format!("{} ... {} ({} values)", values[..3].join(", "), values[values.len() - 1], values.len())
        } else {
            values.join(", ")
        };
        println!("  {name}: {shown}");
    }
    println!(
        "  {} cells x seeds {} = {} episodes, about {:.0} s here with {jobs} jobs",
        planned.cells, planned.seeds, planned.episodes, planned.seconds
    );
    Ok(ExitCode::SUCCESS)
}

/// The mean time of an episode: one for each of a few cells spread over the grid. The first is not counted: its engine is
/// loaded before.
fn time_some(sweep: &Sweep, run: &Run) -> Result<Duration> {
    let cells = sweep.grid().cells();
    let some: Vec<usize> = [0].into_iter().chain((0..cells).step_by(cells.div_ceil(8).max(1))).collect();
    let stamps = Stamps::default();
    sweep.try_some(&some, &loader(run.runtime.options()), &stamps).map_err(report)?;
    let stamps = stamps.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let spent = stamps.last().zip(stamps.first()).map_or(Duration::ZERO, |(last, first)| *last - *first);
    Ok(spent / (stamps.len().max(2) as u32 - 1))
}

/// When each step was done.
#[derive(Default)]
struct Stamps(Mutex<Vec<Instant>>);

impl Progress for Stamps {
    fn begin(&self, _: &str, _: usize, _: bool) {}
    fn step(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }
    fn end(&self) {}
}

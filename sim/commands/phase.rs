//! `deadtime phase`: how often it collides, by speed and latency.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::{Result, miette};
use scenario::{Grid, Seeds};
use study::{Diagram, Sweep};

use super::bar::Bar;
use super::candidates::{Between, Candidates, judged, with_pilot};
use super::sweep::loader;
use super::{jobs, json_text, print_json, write_files};
use crate::assets;
use crate::launch::report;

/// Options of `phase`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A scenario file, or the name of one that ships
    pub scenario: PathBuf,
    /// Speeds, m/s; from half the scenario's own to a fifth more by default
    #[arg(long, value_name = "A..B")]
    pub speed: Option<Between>,
    /// Pure delays, ms
    #[arg(long, value_name = "C..D", default_value = "0..300")]
    pub latency: Between,
    /// Speeds x latencies
    #[arg(long, value_name = "NxM", default_value = "30x30", value_parser = cells)]
    pub cells: (usize, usize),
    /// A number of seeds, a range A..B, or a list
    #[arg(long, value_name = "N|A..B|LIST", default_value = "20")]
    pub seeds: Seeds,
    /// Who drives: a model, or expert, brake_on_sight; the scenario's own by default
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    #[command(flatten)]
    pub candidates: Candidates,
    /// Episodes side by side; one a core by default. Makes no difference to the result
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// The folder for picture and numbers
    #[arg(long, value_name = "DIR", default_value = "phase")]
    pub out: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn cells(text: &str) -> Result<(usize, usize), String> {
    let both = text.split_once('x').and_then(|(rows, columns)| Some((rows.parse().ok()?, columns.parse().ok()?)));
    let possible = |n: &usize| (2..=500).contains(n);
    both.filter(|(rows, columns)| possible(rows) && possible(columns))
        .ok_or_else(|| format!("found `{text}`; expected NxM with 2 to 500 each, such as 30x30"))
}

/// `deadtime phase`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let scenario = with_pilot(&assets::load_scenario(&args.scenario)?, args.model.as_ref())?;
    let own = scenario.setup(scenario.seed)?.cruise;
    let speed = args.speed.unwrap_or(Between(own * 0.5, own * 1.2));
    if speed.0 == speed.1 || args.latency.0 == args.latency.1 {
        return Err(miette!("found one speed or one latency; expected A..B with A below B"));
    }
    let between = ((speed.0, speed.1), (args.latency.0, args.latency.1));
    let plan = study::phase_grid(scenario.name(), between, args.cells, &args.seeds).map_err(report)?;
    let sweep = Sweep::new(Grid::new(plan, scenario)?, env!("CARGO_PKG_VERSION"), &assets::model).map_err(report)?;
    let candidates = args.candidates.all(&sweep.grid().base)?;
    let load = loader(args.candidates.runtime.options());
    let rows = sweep.rows(jobs(args.jobs), &load, &Bar::default()).map_err(report)?;
    let grid = sweep.grid();
    let diagram = Diagram::of(&grid.base, &grid.plan, &rows, candidates, jobs(args.jobs)).map_err(report)?;
    let chart = study::phase_chart(&diagram).map_err(report)?;
    write_files(&args.out, &[("phase.svg", chart), ("phase.json", json_text(&diagram)?)])?;
    if args.json {
        print_json(&diagram);
    } else {
        let collided: usize = diagram.collided.iter().flatten().sum();
        println!("{}: {collided} of {} episodes collided", diagram.scenario, sweep.episodes());
        println!("picture: {}", args.out.join("phase.svg").display());
    }
    Ok(judged(&diagram.candidates))
}

//! `deadtime budget`: how late may it be?

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use miette::{Result, miette};
use study::{AtSpeed, Budget, Candidate, OverNetwork, Question};

use super::bar::Bar;
use super::candidates::{Between, Candidates, judged, with_pilot};
use super::sweep::loader;
use super::{jobs, json_text, print_json, write_files};
use crate::assets;
use crate::launch::report;

/// Options of `budget`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A scenario file, or the name of one that ships
    pub scenario: PathBuf,
    /// Speeds, m/s; the scenario's own by default
    #[arg(long, value_name = "A..B")]
    pub speed: Option<Between>,
    /// How many speeds from A to B
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub steps: usize,
    /// The share of episodes that must go well, where more than the sensor's phase is random
    #[arg(long, value_name = "P", default_value_t = 0.95)]
    pub confidence: f64,
    /// Episodes for each speed and latency, where more than the sensor's phase is random
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub seeds: u64,
    /// Who drives: a model, or expert, brake_on_sight; the scenario's own by default
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    #[command(flatten)]
    pub candidates: Candidates,
    /// Episodes side by side; one a core by default. Makes no difference to the result
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Write the answer as JSON and as a chart into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `deadtime budget`.
pub fn run(args: &Args) -> Result<ExitCode> {
    if !(0.0..1.0).contains(&args.confidence) {
        return Err(miette!(
            "found --confidence {}; expected a share from 0 to below 1, such as 0.95",
            args.confidence
        ));
    }
    let scenario = with_pilot(&assets::load_scenario(&args.scenario)?, args.model.as_ref())?;
    let own = scenario.setup(scenario.seed)?.cruise;
    let speeds = args.speed.unwrap_or(Between(own, own)).steps(args.steps.clamp(1, 1000));
    let question = Question {
        scenario: &scenario,
        speeds: &speeds,
        seeds: args.seeds.clamp(1, 100_000),
        confidence: args.confidence,
        jobs: jobs(args.jobs),
    };
    let candidates = args.candidates.all(&scenario)?;
    let load = loader(args.candidates.runtime.options());
    let budget = study::budget(&question, candidates, &load, &Bar::default()).map_err(report)?;
    if let Some(out) = &args.out {
        let chart = study::budget_chart(&budget).map_err(report)?;
        write_files(out, &[("budget.svg", chart), ("budget.json", json_text(&budget)?)])?;
    }
    if args.json {
        print_json(&budget);
    } else {
        print!("{}", words(&budget));
        if let Some(out) = &args.out {
            println!("chart: {}", out.join("budget.svg").display());
        }
    }
    Ok(judged(&budget.candidates))
}

fn words(budget: &Budget) -> String {
    let Budget { scenario, seeds, confidence, braking, period_ms, control_ms, other_ms, .. } = budget;
    let judged = if budget.phases_only {
        format!("the worst of {seeds} sensor phases")
    } else {
        format!("what {:.0} % of {seeds} seeds survive, with a 95 % interval", confidence * 100.0)
    };
    let mut text = format!(
        "{scenario}: braking {braking} m/s^2, a capture every {period_ms} ms, control {control_ms} ms, other stages and lag \
         {other_ms:.2} ms\nlongest pure delay that is still safe; by experiment: {judged}\n\n  {:>6} {:>9} {:>11} {:>13} {:>19} {:>9}  fits\n",
        "m/s", "sight m", "formula ms", "experiment ms", "interval ms", "busy ms"
    );
    for at in &budget.speeds {
        text.push_str(&row(at, budget.candidates.len()));
    }
    if let Some(OverNetwork { name, mean_ms, longest_ms }) = &budget.network {
        let _ = writeln!(
            text,
            "\nnetwork {name}: the formula counts its mean delay out and back, {mean_ms:.2} ms (part of the {other_ms:.2} ms above). \
             Jitter may make it {longest_ms:.2} ms, and losses come on top: the experiment has both"
        );
    }
    text.push_str(
        "\nbusy: the longest service time of a device that takes no other frame meanwhile; that is what must fit\n\n",
    );
    let _ = writeln!(text, "  {:34} {:>9} {:>8}  from", "model or device", "ms", "judged");
    for c in &budget.candidates {
        let doubt = if c.trusted { "" } else { " (not certified)" };
        let samples = c.samples.map_or_else(String::new, |n| format!(", {n} samples"));
        let modelled = if c.modelled { ", modelled" } else { "" };
        let Candidate { name, judged_ms, judged_at, from, .. } = c;
        let _ = writeln!(text, "  {name:34} {judged_ms:>9.3} {judged_at:>8}  {from}{samples}{modelled}{doubt}");
    }
    text
}

fn row(at: &AtSpeed, candidates: usize) -> String {
    let number = |value: Option<f64>, digits: usize| value.map_or("none".into(), |v| format!("{v:.digits$}"));
    let interval = match (at.lo, at.hi) {
        (None, None) => "-".to_owned(),
        (lo, hi) => format!("{} to {}", number(lo, 2).replace("none", "?"), number(hi, 2).replace("none", "?")),
    };
    let more = if at.at_least { ">= " } else { "" };
    let fits = match at.fits.len() {
        n if n == candidates => format!("all {n}"),
        0 => "none".into(),
        n if n > 4 => format!("{n} of {candidates}"),
        n => format!("{n} of {candidates}: {}", at.fits.join(", ")),
    };
    let lost =
        if at.unavoidable > 0 { format!("; {} episodes fail at any latency", at.unavoidable) } else { String::new() };
    format!(
        "  {:>6} {:>9} {:>11} {:>13} {:>19} {:>9}  {fits}{lost}\n",
        at.v,
        number(at.distance_m, 3),
        number(at.analytic_ms, 1),
        format!("{more}{}", number(at.empirical_ms, 2)),
        interval,
        number(at.occupied_ms, 1)
    )
}

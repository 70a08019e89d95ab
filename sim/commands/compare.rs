//! `deadtime compare`: pilots on the same cases, without latency and with their own.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::{Result, miette};
use scenario::{Latency, Seeds};
use study::{Comparison, Course, Entrant, Plan, ScenarioSource};
use timing::Rate;

use super::bar::Bar;
use super::{UNTRUSTED, jobs, json_text, print_json, write_files};
use crate::assets;
use crate::launch::{RuntimeOptions, loader, report};

/// Options of `compare`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Scenario files or names, or one test set: set:NAME (of scenarios/sets) or set:FILE
    #[arg(required = true, value_name = "SCENARIO|set:NAME")]
    pub scenarios: Vec<String>,
    /// Models that ship, ONNX files, MODEL@grpc://HOST:PORT on a target, or expert, straight, brake_on_sight
    #[arg(long, value_name = "A,B,...", value_delimiter = ',', required = true)]
    pub models: Vec<String>,
    /// A number of seeds, a range A..B, or a list; 20 unless a test set says
    #[arg(long, value_name = "N|A..B|LIST")]
    pub seeds: Option<Seeds>,
    /// Captures a second in every scenario, instead of its own or the test set's
    #[arg(long, value_parser = super::collect::rate, value_name = "HZ")]
    pub hz: Option<Rate>,
    /// Each model's real latency: measured (alone, before anything is driven), zero, fixed:MS, service:MS, profile:NAME,
    /// `device:NAME[@MODE][:NETWORK]`, replay:FILE; one for all, or one for each model
    #[arg(long, value_name = "L,...", value_delimiter = ',', default_value = "measured")]
    pub latency: Vec<Latency>,
    /// The two models that exchange their latencies; the first and the last by default
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub swap: Vec<String>,
    /// Write a page, charts and the JSON into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Episodes side by side; one a core by default. Makes no difference to the result
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Inferences at most in a measurement of latency
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub samples: usize,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What is driven, whether by a test set or by names.
struct Cases {
    courses: Vec<Course>,
    seeds: Seeds,
    set: Option<ScenarioSource>,
}

/// `deadtime compare`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let cases = cases(args)?;
    let entrants = entrants(args)?;
    say_what_is_run(&cases);
    let device = super::doctor::processor();
    let plan = Plan {
        courses: &cases.courses,
        seeds: &cases.seeds,
        entrants: &entrants,
        swap: swap(args)?,
        jobs: jobs(args.jobs),
        samples: args.samples.max(1),
        set: cases.set.clone(),
        version: env!("CARGO_PKG_VERSION"),
        device: &device,
    };
    let load = loader(args.runtime.options());
    let comparison = study::compare(&plan, &load, &Bar::default()).map_err(report)?;
    if let Some(out) = &args.out {
        write(out, &comparison)?;
    }
    if args.json {
        print_json(&comparison);
    } else {
        print!("{}", study::table(&comparison));
        if let Some(out) = &args.out {
            println!("page: {}", out.join("compare.html").display());
        }
    }
    let trusted = comparison.models.iter().all(|model| model.trusted);
    Ok(if trusted { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) })
}

fn cases(args: &Args) -> Result<Cases> {
    let default = || "20".parse::<Seeds>().map_err(|why| miette!("{why}"));
    let named = |names: &[String], rate: Option<Rate>| -> Result<Vec<Course>> {
        let course = |name: &String| Ok(Course { rate, ..assets::load_scenario(Path::new(name))?.into() });
        names.iter().map(course).collect()
    };
    let Some(name) = args.scenarios.iter().find_map(|name| name.strip_prefix("set:")) else {
        let seeds = args.seeds.clone().map_or_else(default, Ok)?;
        return Ok(Cases { courses: named(&args.scenarios, args.hz)?, seeds, set: None });
    };
    if args.scenarios.len() > 1 {
        return Err(miette!("found a test set among other scenarios; expected set:NAME alone"));
    }
    let set = scenario::load_set(&assets::test_set(name))?;
    // A set that is run with other seeds, or at another rate, is another set: that its name and hash stand there would deceive.
    let source = ScenarioSource { name: name.to_owned(), sha256: study::sha256(set.text().as_bytes()) };
    let whole = args.seeds.is_none() && args.hz.is_none();
    Ok(Cases {
        courses: named(&set.scenarios, args.hz.or(set.hz.and_then(Rate::from_hz)))?,
        seeds: args.seeds.clone().unwrap_or(set.seeds),
        set: whole.then_some(source),
    })
}

fn entrants(args: &Args) -> Result<Vec<Entrant>> {
    let latency = |i: usize| match &args.latency[..] {
        [one] => Ok(one.clone()),
        several if several.len() == args.models.len() => Ok(several[i].clone()),
        several => Err(miette!(
            "found {} latencies for {} models; expected one for all, or one for each",
            several.len(),
            args.models.len()
        )),
    };
    args.models.iter().enumerate().map(|(i, name)| Ok(Entrant { name: name.clone(), latency: latency(i)? })).collect()
}

fn swap(args: &Args) -> Result<Option<(usize, usize)>> {
    let models = &args.models;
    let index = |name: &String| {
        models.iter().position(|model| model == name).ok_or_else(|| {
            miette!("found --swap with `{name}`; expected two of the models compared: {}", models.join(", "))
        })
    };
    match &args.swap[..] {
        [] => Ok((models.len() > 1).then(|| (0, models.len() - 1))),
        [a, b] => Ok(Some((index(a)?, index(b)?))),
        other => {
            Err(miette!("found --swap with {} models; expected two, such as --swap pilot,pilot-wide", other.len()))
        }
    }
}

/// Before the first episode: what is about to be run, so that nothing can be chosen afterwards.
fn say_what_is_run(cases: &Cases) {
    if let Some(set) = &cases.set {
        eprintln!("test set {}  sha256 {}", set.name, set.sha256);
    }
    for course in &cases.courses {
        eprintln!("scenario {}  sha256 {}", course.name, course.sha256);
    }
    eprintln!("seeds {} ({})", cases.seeds, cases.seeds.all().len());
}

fn write(out: &Path, comparison: &Comparison) -> Result<()> {
    write_files(
        out,
        &[
            ("compare.html", study::page(comparison).map_err(report)?),
            ("success.svg", study::success_chart(comparison).map_err(report)?),
            ("latency.svg", study::latency_chart(comparison).map_err(report)?),
            ("compare.json", json_text(comparison)?),
        ],
    )
}

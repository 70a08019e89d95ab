//! `deadtime study compensation`: what can be done about late commands.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::Result;
use scenario::{Compensation, Latency, Seeds};
use study::CompensationPlan;

use super::{jobs, write};
use crate::assets;
use crate::commands::compare::{Bar, in_words};
use crate::commands::{UNTRUSTED, doctor, print_json};
use crate::launch::{RuntimeOptions, engine, report};

/// Options of `study compensation`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A scenario file, or the name of one that ships: lesson, step_out, braking
    #[arg(default_value = "lesson")]
    pub scenario: PathBuf,
    /// Who drives: a model that ships, an ONNX file, or expert, straight, brake_on_sight; the scenario's own by default
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// How late: fixed:MS, service:MS, profile:NAME, replay:FILE, measured (alone, before anything is driven)
    #[arg(long, value_name = "L", default_value = "fixed:200")]
    pub latency: Latency,
    /// What is done about it; the others are compared with the first
    #[arg(
        long = "compensation",
        value_name = "C,...",
        value_delimiter = ',',
        default_value = "hold,watchdog:150,watchdog:250,predict,governor"
    )]
    pub ways: Vec<Compensation>,
    /// A number of seeds, a range A..B, or a list
    #[arg(long, value_name = "N|A..B|LIST", default_value = "40")]
    pub seeds: Seeds,
    /// Inferences at most in a measurement of latency
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub samples: usize,
    /// Episodes side by side; one a core by default. Makes no difference to the result
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Write a page, a chart and the JSON into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `deadtime study compensation`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let course = assets::load_scenario(&args.scenario)?.into();
    let device = doctor::processor();
    let plan = CompensationPlan {
        course: &course,
        seeds: &args.seeds,
        pilot: args.model.as_deref(),
        latency: &args.latency,
        ways: &args.ways,
        jobs: jobs(args.jobs),
        samples: args.samples.max(1),
        version: env!("CARGO_PKG_VERSION"),
        device: &device,
    };
    let options = args.runtime.options();
    let load = |model: &str| engine(model, &options).map_err(|report| in_words(&report));
    let study = study::compensation(&plan, &load, &Bar::default()).map_err(report)?;
    if let Some(out) = &args.out {
        let files = [
            ("compensation.html", study::compensation_page(&study).map_err(report)?),
            ("compensation.svg", study::compensation_chart(&study).map_err(report)?),
        ];
        write(out, "compensation", &study, &files)?;
    }
    if args.json {
        print_json(&study);
    } else {
        print!("{}", study::compensation_text(&study));
        if let Some(out) = &args.out {
            println!("page: {}", out.join("compensation.html").display());
        }
    }
    Ok(if study.trusted { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) })
}

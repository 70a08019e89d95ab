//! `deadtime study compensation`: what can be done about late commands.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::Result;
use scenario::{Compensation, Latency, Seeds};
use study::CompensationPlan;

use super::{Common, exit};
use crate::assets;
use crate::commands::bar::Bar;
use crate::commands::{doctor, jobs};
use crate::launch::{loader, report};

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
        default_value = "hold,watchdog:150,watchdog:250,predict,governor,chunks"
    )]
    pub ways: Vec<Compensation>,
    /// A number of seeds, a range A..B, or a list
    #[arg(long, value_name = "N|A..B|LIST", default_value = "40")]
    pub seeds: Seeds,
    #[command(flatten)]
    pub common: Common,
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
        jobs: jobs(args.common.jobs),
        samples: args.common.samples.max(1),
        version: env!("CARGO_PKG_VERSION"),
        device: &device,
    };
    let load = loader(args.common.runtime.options());
    let study = study::compensation(&plan, &load, &Bar::default()).map_err(report)?;
    args.common.tell("compensation", &study, &study::compensation_text(&study), || {
        Ok(vec![
            ("compensation.html", study::compensation_page(&study).map_err(report)?),
            ("compensation.svg", study::compensation_chart(&study).map_err(report)?),
        ])
    })?;
    Ok(exit(study.trusted))
}

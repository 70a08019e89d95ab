//! `deadtime study schedules`: throughput is not latency.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::{Result, miette};
use scenario::Seeds;
use study::{Cost, SchedulePlan};
use timing::{Schedule, Span};

use super::{Common, exit};
use crate::assets;
use crate::commands::bar::Bar;
use crate::commands::{doctor, jobs};
use crate::launch::{loader, report};

/// Options of `study schedules`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A scenario file, or the name of one that ships
    #[arg(default_value = "braking")]
    pub scenario: PathBuf,
    /// Which schedules
    #[arg(
        long,
        value_name = "S,...",
        value_delimiter = ',',
        default_value = "newest,skip,fifo:1,fifo:2,batch:4:1000,batch:8:1000,pipeline"
    )]
    pub schedules: Vec<Schedule>,
    /// The modelled cost of a batch of n, S(n) = A + B n milliseconds
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "40,10", conflicts_with = "model")]
    pub service: Vec<f64>,
    /// The modelled shares of pre-processing, compute and post-processing
    #[arg(
        long,
        value_name = "PRE,COMPUTE,POST",
        value_delimiter = ',',
        default_value = "0.2,0.6,0.2",
        conflicts_with = "model"
    )]
    pub split: Vec<f64>,
    /// Measure this model at every batch size, alone, instead of the modelled cost
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// A number of seeds, a range A..B, or a list
    #[arg(long, value_name = "N|A..B|LIST", default_value = "20")]
    pub seeds: Seeds,
    /// Leave out the comb
    #[arg(long)]
    pub no_comb: bool,
    #[command(flatten)]
    pub common: Common,
}

/// `deadtime study schedules`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let course = assets::load_scenario(&args.scenario)?.into();
    let plan = SchedulePlan {
        course: &course,
        seeds: &args.seeds,
        schedules: &args.schedules,
        cost: cost(args)?,
        comb: !args.no_comb,
        jobs: jobs(args.common.jobs),
        version: env!("CARGO_PKG_VERSION"),
    };
    let load = loader(args.common.runtime.options());
    let study = study::schedules(&plan, &load, &Bar::default()).map_err(report)?;
    args.common.tell("schedules", &study, &study::schedules_text(&study), || {
        let mut files = vec![
            ("schedules.html", study::schedules_page(&study).map_err(report)?),
            ("throughput.svg", study::throughput_chart(&study).map_err(report)?),
        ];
        if let Some(comb) = &study.comb {
            files.push(("comb.svg", study::comb_chart(comb).map_err(report)?));
        }
        Ok(files)
    })?;
    Ok(exit(study.trusted))
}

fn cost(args: &Args) -> Result<Cost> {
    if let Some(model) = &args.model {
        let samples = args.common.samples.max(1);
        return Ok(Cost::Measured { model: model.clone(), samples, device: doctor::processor() });
    }
    let [fixed, each] = args.service[..] else {
        return Err(miette!("found --service with {} numbers; expected two, such as 40,10", args.service.len()));
    };
    if !(fixed >= 0.0 && each >= 0.0 && fixed + each > 0.0 && fixed.max(each) <= 1e6) {
        return Err(miette!("found --service {fixed},{each}; expected milliseconds from 0 on, not both 0"));
    }
    let split: [f64; 3] = args.split[..]
        .try_into()
        .map_err(|_| miette!("found --split with {} numbers; expected three, such as 0.2,0.6,0.2", args.split.len()))?;
    if !(split.iter().all(|share| *share >= 0.0) && (split.iter().sum::<f64>() - 1.0).abs() < 1e-6) {
        return Err(miette!("found --split {split:?}; expected three shares that add up to 1"));
    }
    Ok(Cost::Modelled { fixed: Span::from_ms(fixed), each: Span::from_ms(each), split })
}

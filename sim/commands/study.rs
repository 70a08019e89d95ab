//! `deadtime study`: experiments with a question of their own.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::Result;
use serde::Serialize;

use super::{UNTRUSTED, json_text, print_json, write_files};
use crate::launch::RuntimeOptions;

mod compensation;
mod schedules;

/// Which study.
#[derive(clap::Subcommand, Debug)]
pub enum Study {
    /// What each schedule does to throughput and to the age of commands, on equal hardware
    Schedules(schedules::Args),
    /// Which way of dealing with late commands removes the collisions, and at what cost in time
    Compensation(compensation::Args),
}

/// Options of every study.
#[derive(clap::Args, Debug)]
pub struct Common {
    /// Inferences at most in a measurement of latency
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub samples: usize,
    /// Episodes side by side; one a core by default. Makes no difference to the result
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Write a page, charts and the JSON into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `deadtime study`.
pub fn run(study: &Study) -> Result<ExitCode> {
    match study {
        Study::Schedules(args) => schedules::run(args),
        Study::Compensation(args) => compensation::run(args),
    }
}

impl Common {
    /// Tells what came of a study, as text or JSON, and writes its files, the first of which is the page.
    fn tell<T: Serialize>(
        &self,
        name: &str,
        study: &T,
        text: &str,
        files: impl FnOnce() -> Result<Vec<(&'static str, String)>>,
    ) -> Result<()> {
        let mut page = None;
        if let Some(out) = &self.out {
            let json = format!("{name}.json");
            let mut files: Vec<(&str, String)> = files()?;
            page = files.first().map(|(file, _)| out.join(file));
            files.push((&json, json_text(study)?));
            write_files(out, &files)?;
        }
        if self.json {
            print_json(study);
        } else {
            print!("{text}");
            if let Some(page) = page {
                println!("page: {}", page.display());
            }
        }
        Ok(())
    }
}

/// The exit code of a study.
fn exit(trusted: bool) -> ExitCode {
    if trusted { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) }
}

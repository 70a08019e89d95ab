//! `deadtime study`: experiments with a question of their own.

use std::path::Path;
use std::process::ExitCode;

use miette::{Result, WrapErr, miette};
use serde::Serialize;

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

/// `deadtime study`.
pub fn run(study: &Study) -> Result<ExitCode> {
    match study {
        Study::Schedules(args) => schedules::run(args),
        Study::Compensation(args) => compensation::run(args),
    }
}

/// Writes the files of a study, its JSON among them, into a folder.
fn write<T: Serialize>(out: &Path, name: &str, study: &T, files: &[(&str, String)]) -> Result<()> {
    let cannot = |what: &Path| format!("cannot write {}", what.display());
    std::fs::create_dir_all(out).map_err(|e| miette!("{e}")).wrap_err_with(|| cannot(out))?;
    let json = serde_json::to_string_pretty(study).map_err(|e| miette!("{e}"))? + "\n";
    let json = (format!("{name}.json"), json);
    let files = files.iter().map(|(file, text)| ((*file).to_owned(), text.clone()));
    for (file, text) in files.chain([json]) {
        let path = out.join(file);
        std::fs::write(&path, text).map_err(|e| miette!("{e}")).wrap_err_with(|| cannot(&path))?;
    }
    Ok(())
}

/// Episodes side by side: as asked, else one a core.
fn jobs(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).clamp(1, 256)
}

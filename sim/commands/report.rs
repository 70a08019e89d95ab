//! `deadtime report`: logs and results as one page that can be sent to somebody.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::{IntoDiagnostic, Result, miette};
use study::{Progress, ReportPlan, ResultFile, Run};

use super::bar::Bar;
use super::replay::recorded_setup;
use super::{NOTHING, UNTRUSTED};
use crate::launch::{in_words, report as in_full};

/// Options of `report`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Logs, by path or by the name under which the window keeps them, and folders of logs and of results (JSON, SVG, text)
    /// such as --out writes
    #[arg(required = true, value_name = "RUN.mcap|FOLDER")]
    pub what: Vec<PathBuf>,
    /// The page
    #[arg(long, value_name = "F.html", default_value = "report.html")]
    pub out: PathBuf,
    /// So many of the worst runs can be watched on it
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub worst: usize,
}

/// A file of results larger than this is left out, bytes.
const LARGEST: u64 = 8 << 20;
/// Folders within folders that are looked into.
const DEEP: usize = 3;

/// What was found.
#[derive(Default)]
struct Found {
    /// Logs: what they are called, where they are, whether they were named themselves.
    logs: Vec<(String, PathBuf, bool)>,
    results: Vec<ResultFile>,
    left_out: Vec<String>,
}

/// `deadtime report`.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut found = Found::default();
    for what in &args.what {
        found.add(&crate::log::find(what))?;
    }
    let bar = Bar::default();
    bar.begin("running logs again", found.logs.len(), false);
    let mut runs = Vec::new();
    for (name, path, named) in &found.logs {
        match again(name, path) {
            Ok(run) => runs.push(run),
            Err(error) if *named => return Err(error),
            Err(error) => {
                // Where it lies is nobody else's business.
                let why = in_words(&error).replace(&path.display().to_string(), name);
                found.left_out.push(format!("{name}: {why}"));
            }
        }
        bar.step();
    }
    bar.end();
    if runs.is_empty() && found.results.is_empty() {
        eprintln!(
            "found no log and no results; expected RUN.mcap as `deadtime run --log` writes it, or a folder of --out"
        );
        return Ok(ExitCode::from(NOTHING));
    }
    let plan = ReportPlan {
        runs: &runs,
        results: &found.results,
        left_out: &found.left_out,
        worst: args.worst,
        version: env!("CARGO_PKG_VERSION"),
    };
    let page = study::runs_page(&plan).map_err(in_full)?;
    std::fs::write(&args.out, page).map_err(|e| miette!("cannot write {}: {e}", args.out.display()))?;
    println!("report of {} logs and {} files of results: {}", runs.len(), found.results.len(), args.out.display());
    for left_out in &found.left_out {
        eprintln!("left out: {left_out}");
    }
    let whole = found.left_out.is_empty() && runs.iter().all(|run| run.doubt.is_none());
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) })
}

fn again(name: &str, path: &Path) -> Result<Run> {
    let recording = record::read(path).into_diagnostic()?;
    let setup = recorded_setup(&recording.header, path)?;
    Run::again(name.to_owned(), recording, setup).map_err(in_full)
}

impl Found {
    fn add(&mut self, path: &Path) -> Result<()> {
        let name = last(path);
        if path.is_dir() {
            return self.look_into(path, &name, "", 0);
        }
        match kind(path) {
            // Whatever is named itself and is no result must be a log: reading it says what is wrong.
            None | Some(Kind::Log) => self.logs.push((name, path.to_owned(), true)),
            Some(Kind::Result) => self.result(path, &last(path.parent().unwrap_or(path)), name)?,
        }
        Ok(())
    }

    /// Files in the order of their names, then folders.
    fn look_into(&mut self, folder: &Path, top: &str, within: &str, depth: usize) -> Result<()> {
        let cannot = |e: std::io::Error| miette!("cannot read the folder {}: {e}", folder.display());
        let mut entries = std::fs::read_dir(folder).map_err(cannot)?.flatten().collect::<Vec<_>>();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in &entries {
            let (path, name) = (entry.path(), format!("{within}{}", entry.file_name().to_string_lossy()));
            // Links are not followed: a folder holds what lies in it.
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            match kind(&path) {
                Some(Kind::Log) => self.logs.push((name, path, false)),
                Some(Kind::Result) => self.result(&path, top, name)?,
                None => {}
            }
        }
        for entry in entries.iter().filter(|entry| depth < DEEP && entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            let within = format!("{within}{}/", entry.file_name().to_string_lossy());
            self.look_into(&entry.path(), top, &within, depth + 1)?;
        }
        Ok(())
    }

    fn result(&mut self, path: &Path, folder: &str, name: String) -> Result<()> {
        let cannot = |e: std::io::Error| miette!("cannot read {}: {e}", path.display());
        if std::fs::metadata(path).map_err(cannot)?.len() > LARGEST {
            self.left_out.push(format!("{name}: larger than {} MiB", LARGEST >> 20));
            return Ok(());
        }
        let text = String::from_utf8_lossy(&std::fs::read(path).map_err(cannot)?).into_owned();
        self.results.push(ResultFile { folder: folder.to_owned(), name, text });
        Ok(())
    }
}

enum Kind {
    Log,
    Result,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "mcap" => Some(Kind::Log),
        "json" | "svg" | "txt" => Some(Kind::Result),
        _ => None,
    }
}

/// The last part of a path: whole paths are nobody else's business.
fn last(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.file_name().map_or_else(|| "results".into(), |name| name.to_string_lossy().into_owned())
}

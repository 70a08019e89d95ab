//! Labs where they meet the rest: which there are, what their runs need, and who settles them.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use miette::{Result, miette};
use runtime::{Engine, Options};
use scenario::{Lab, Scenario, did_you_mean, nearest};
use study::{Bench, Progress, Settled, StudyError};

use crate::{assets, launch};

/// The folder that was given, or the one that ships.
pub fn folder(given: Option<&Path>) -> PathBuf {
    given.map_or_else(|| assets::root().join("labs"), Path::to_path_buf)
}

/// The labs of a folder, in their order. One that cannot be read is an error.
pub fn all(folder: &Path) -> Result<Vec<Lab>> {
    let labs =
        scenario::find_labs(folder).iter().map(|path| scenario::load_lab(path)).collect::<Result<Vec<_>, _>>()?;
    match (1..labs.len()).find(|&i| labs[..i].iter().any(|lab| lab.name == labs[i].name)) {
        Some(i) => Err(miette!(
            help = "rename one of the files: the number in front does not count",
            "found two labs called `{}` in {}",
            labs[i].name,
            folder.display()
        )),
        None => Ok(labs),
    }
}

/// A lab by name, or by its number in the list, from 1.
pub fn named<'a>(labs: &'a [Lab], name: &str) -> Result<&'a Lab> {
    let numbered = name.parse::<usize>().ok().and_then(|n| labs.get(n.checked_sub(1)?));
    if let Some(lab) = labs.iter().find(|lab| lab.name == name).or(numbered) {
        return Ok(lab);
    }
    let names: Vec<&str> = labs.iter().map(|lab| lab.name.as_str()).collect();
    let guess = did_you_mean(nearest(name, names.iter().copied()));
    Err(miette!(help = format!("{guess}labs here: {}", names.join(", ")), "there is no lab `{name}`"))
}

/// The scenario of one run, from 0.
pub fn scenario_of(lab: &Lab, run: usize) -> Result<Scenario> {
    let name = &lab.runs[run].scenario;
    let base = assets::load_scenario(Path::new(name)).map_err(|report| {
        let help = report.help().map_or_else(|| "see the scenario".to_owned(), |help| help.to_string());
        lab.scenario_error(run, &report.to_string(), &help)
    })?;
    Ok(lab.scenario(run, &base)?)
}

/// Runs everything that a lab asks for, and judges it: the one function behind the command line, its `--check` and the window.
/// `None` if it was stopped.
pub fn settle(
    lab: &Lab,
    options: &Options,
    jobs: usize,
    stop: &AtomicBool,
    progress: &dyn Progress,
) -> Result<Option<Settled>> {
    let scenarios = (0..lab.runs.len()).map(|run| scenario_of(lab, run)).collect::<Result<Vec<_>>>()?;
    let device = crate::commands::doctor::processor();
    let bench = Bench { lab, scenarios: &scenarios, jobs, device: &device, file_of: &assets::model, stop };
    match study::settle(&bench, &loader(options.clone()), progress) {
        Err(StudyError::Stopped) => Ok(None),
        other => other.map(Some).map_err(launch::report),
    }
}

/// Gives engines for the keys of labs, `RUNTIME/OPTIMISATION:MODEL`.
fn loader(options: Options) -> impl Fn(&str) -> Result<Box<dyn Engine>, String> + Sync {
    move |key: &str| {
        let (how, model) = key.split_once(':').unwrap_or(("", key));
        let (requested, optimisation) = how.split_once('/').unwrap_or((how, ""));
        let mut options = options.clone();
        if !requested.is_empty() {
            options.requested = requested.parse().map_err(|e: runtime::RuntimeError| e.to_string())?;
        }
        if !optimisation.is_empty() {
            options.optimisation = optimisation.parse()?;
        }
        launch::loader(options)(model)
    }
}

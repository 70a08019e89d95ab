//! Logs as the program keeps them: what their header says of a run, and where the window's lie.

use std::path::{Path, PathBuf};

use runtime::Rung;
use scenario::{PilotSpec, Scenario};

use crate::commands::doctor::processor;
use crate::launch::{Launched, Overrides, RuntimeOptions};

/// What a log says of a run: enough to set it up again.
pub fn header(
    launched: &Launched,
    scenario: &Scenario,
    seed: u64,
    overrides: &Overrides,
    runtime: &RuntimeOptions,
) -> record::Header {
    let labels = &launched.labels;
    let setup = launched.episode.setup();
    let mut overrides = overrides.to_map();
    if matches!(setup.pilot, PilotSpec::Surrogate { .. }) {
        // Found out from the model itself, which a replay does not load.
        overrides.insert("pilot".into(), "surrogate".into());
    }
    if let Some(network) = &setup.line.network {
        overrides.insert("network".into(), serde_json::to_string(network.as_ref()).unwrap_or_default());
    }
    if scenario.camera.is_none() && setup.world.camera.is_some() {
        overrides.insert("camera".into(), "default".into());
    }
    let engine = launched.driver.engine();
    let remote = engine.filter(|info| info.obtained == Rung::Remote);
    record::Header {
        scenario_name: setup.name.clone(),
        scenario_toml: scenario.text().to_owned(),
        seed,
        overrides,
        latency: labels.latency.to_string(),
        occupies: launched.episode.line().source().occupies(),
        model: labels.model.clone(),
        model_sha256: engine.map(|info| info.model.sha256.clone()).filter(|sha256| !sha256.is_empty()),
        runtime_requested: remote.map_or(runtime.runtime, |info| info.requested).to_string(),
        runtime_options: if remote.is_some() { std::collections::BTreeMap::new() } else { runtime.to_map() },
        runtime_obtained: labels.runtime.clone(),
        schedule: setup.line.schedule.to_string(),
        device: remote.map_or_else(processor, |info| info.version.clone()),
        ..record::Header::default()
    }
}

/// Where the program keeps what is a person's: `$XDG_DATA_HOME/deadtime`, else `~/.local/share/deadtime`. `None` where neither
/// can be told.
pub fn data_folder() -> Option<PathBuf> {
    folder("XDG_DATA_HOME", ".local/share")
}

/// Where the window remembers how it was: `window.toml` in `$XDG_CONFIG_HOME/deadtime`, else in `~/.config/deadtime`.
#[cfg(feature = "window")]
pub fn memory_file() -> Option<PathBuf> {
    Some(folder("XDG_CONFIG_HOME", ".config")?.join("window.toml"))
}

fn folder(named: &str, under_home: &str) -> Option<PathBuf> {
    let absolute = |key| std::env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(named).or_else(|| absolute("HOME").map(|home| home.join(under_home)))?;
    Some(folder.join("deadtime"))
}

/// Where the window keeps the logs of its runs: `runs` in the data folder.
pub fn runs_folder() -> Option<PathBuf> {
    Some(data_folder()?.join("runs"))
}

/// A log by path, or by the name of one that the window keeps, with or without `.mcap`.
pub fn find(name: &Path) -> PathBuf {
    let mut whole = name.as_os_str().to_owned();
    if name.extension().is_none_or(|extension| extension != "mcap") {
        whole.push(".mcap");
    }
    let kept = runs_folder().map(|folder| folder.join(whole));
    kept.filter(|kept| !name.exists() && kept.exists()).unwrap_or_else(|| name.to_owned())
}

/// What to type to run this log again: its name, if the window keeps it.
#[cfg(feature = "window")]
pub fn replay_command(path: &Path) -> String {
    let kept = runs_folder().is_some_and(|folder| path.parent() == Some(&folder));
    let name = if kept { path.file_stem().map(Path::new) } else { None };
    format!("deadtime replay {}", name.unwrap_or(path).display())
}

//! From a run of a lab to the scenario that is driven.

use std::path::{Path, PathBuf};

use toml::Value;

use super::{Lab, Run};
use crate::{Latency, Scenario, ScenarioError};

impl Lab {
    /// The scenario of a run (from 0): `base`, the scenario it names, with the run's values. A run that is to be measured
    /// keeps `measured`. An error shows the key of the lab that it comes from.
    pub fn scenario(&self, run: usize, base: &Scenario) -> Result<Scenario, ScenarioError> {
        let changes = changes(&self.runs[run]);
        let pairs = |of: &'_ [(String, Value, String)]| -> Vec<(String, Value)> {
            of.iter().map(|(field, value, _)| (field.clone(), value.clone())).collect()
        };
        let vary = |pairs: &[(String, Value)]| base.vary(pairs.iter().map(|(field, value)| (field.as_str(), value)));
        let all = match vary(&pairs(&changes)) {
            Ok(scenario) => return Ok(scenario),
            Err(error) => error,
        };
        let at = format!("run[{}]", run + 1);
        // Which of them it was: the first that fails beside those before it.
        let blamed = (0..changes.len()).find_map(|i| {
            let error = vary(&pairs(&changes[..=i])).err()?;
            Some((format!("{at}.{}", changes[i].2), error))
        });
        let (path, error) = blamed.unwrap_or((format!("{at}.scenario"), all));
        Err(self.error(&path, error.message(), error.help_line()))
    }

    /// An error about the scenario that a run names.
    pub fn scenario_error(&self, run: usize, message: &str, help: &str) -> ScenarioError {
        self.error(&format!("run[{}].scenario", run + 1), message, help)
    }

    /// Relative paths of what lies beside the file.
    pub(super) fn find_beside(&mut self, folder: &Path) {
        let beside = |text: &str| Some(folder.join(text)).filter(|path| path.is_file());
        for run in &mut self.runs {
            if let Some(Latency::Replay(path)) = &mut run.latency
                && let Some(found) = beside(&path.to_string_lossy())
            {
                *path = found;
            }
            let model = run.model.iter_mut();
            let text = model.chain([&mut run.scenario]).chain(run.network.iter_mut());
            for text in text {
                let (file, rest) =
                    text.split_once('#').map_or((text.as_str(), None), |(file, rest)| (file, Some(rest)));
                if let Some(found) =
                    Some(Path::new(file)).filter(|path| path.extension().is_some()).and_then(|_| beside(file))
                {
                    let found: PathBuf = found;
                    *text = found.display().to_string() + &rest.map_or_else(String::new, |rest| format!("#{rest}"));
                }
            }
        }
    }
}

/// Field of the scenario, value, key of the run.
fn changes(run: &Run) -> Vec<(String, Value, String)> {
    let text = |value: Option<String>| value.map(Value::String);
    let named = [
        ("model", "model", text(run.model.clone())),
        ("latency", "latency", text(run.latency.as_ref().map(Latency::to_string))),
        ("schedule", "schedule", text(run.schedule.map(|schedule| schedule.to_string()))),
        ("compensation", "compensation", text(run.compensation.map(|way| way.to_string()))),
        ("deadline", "deadline_ms", run.deadline_ms.map(Value::Float)),
        ("speed", "speed", run.speed.map(Value::Float)),
        ("latency.network", "network", text(run.network.clone())),
    ];
    let named = named.into_iter().filter_map(|(field, key, value)| Some((field.to_owned(), value?, key.to_owned())));
    let set = run.set.iter().map(|(field, value)| (field.clone(), value.clone(), format!("set.{field}")));
    named.chain(set).collect()
}

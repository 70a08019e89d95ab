//! What a run was: enough to set it up again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use timing::Schedule;

/// Version of the log format; newer ones are refused.
pub const FORMAT: u32 = 1;

/// What a run was: enough to set it up again.
///
/// `Header::default()` holds the format, this program's version and this machine's architecture, and nothing of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Log format, see [`FORMAT`].
    pub version: u32,
    /// Version of the program that wrote the log.
    pub deadtime: String,
    /// Name of the scenario.
    pub scenario_name: String,
    /// The scenario's file as it was read.
    pub scenario_toml: String,
    /// The seed that fixed what the scenario leaves open.
    pub seed: u64,
    /// Command-line options that shaped the run, as typed: model, latency, schedule, deadline, cruise, compensation.
    pub overrides: BTreeMap<String, String>,
    /// Where the latency came from, such as `measured` or `fixed:100`.
    pub latency: String,
    /// Whether that source occupied the device.
    pub occupies: bool,
    /// The device's queue rule; [`crate::Writer`] fills in an empty one from the scenario.
    #[serde(default)]
    pub schedule: String,
    /// The network, or the pilot that needs none.
    pub model: String,
    /// SHA-256 of the network's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// The runtime that was asked for.
    pub runtime_requested: String,
    /// How that runtime was asked to run it, by option, as typed: precision, cuda-graph, dla. A replay needs none of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runtime_options: BTreeMap<String, String>,
    /// The runtime that was obtained, with its version.
    pub runtime_obtained: String,
    /// The machine, in words.
    #[serde(default)]
    pub device: String,
    /// The processor's architecture. Digests are equal on machines of the same one.
    pub arch: String,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            version: FORMAT,
            deadtime: env!("CARGO_PKG_VERSION").into(),
            scenario_name: String::new(),
            scenario_toml: String::new(),
            seed: 0,
            overrides: BTreeMap::new(),
            latency: String::new(),
            occupies: true,
            schedule: String::new(),
            model: String::new(),
            model_sha256: None,
            runtime_requested: String::new(),
            runtime_options: BTreeMap::new(),
            runtime_obtained: String::new(),
            device: String::new(),
            arch: std::env::consts::ARCH.into(),
        }
    }
}

impl Header {
    /// The scenario's setup: its world is what a viewer draws. `None` where the text is no scenario; a log needs none.
    pub(crate) fn setup(&self) -> Option<Arc<scenario::Setup>> {
        let scenario = scenario::parse(&self.scenario_toml, &self.scenario_name).ok()?;
        scenario.setup(self.seed).ok().map(Arc::new)
    }

    /// The queue rule in force: the option, else the scenario's.
    pub(crate) fn find_schedule(&self, setup: Option<&scenario::Setup>) -> String {
        let option = self.overrides.get("schedule").cloned();
        option.or_else(|| setup.map(|setup| setup.line.schedule.to_string())).unwrap_or_default()
    }

    /// Frames in each inference.
    pub(crate) fn batch(&self) -> usize {
        match self.schedule.parse() {
            Ok(Schedule::Batch { n, .. }) => n,
            _ => 1,
        }
    }

    /// All but the scenario's text, for people and tools.
    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        let fields = [
            ("version", self.version.to_string()),
            ("deadtime", self.deadtime.clone()),
            ("scenario_name", self.scenario_name.clone()),
            ("seed", self.seed.to_string()),
            ("latency", self.latency.clone()),
            ("occupies", self.occupies.to_string()),
            ("schedule", self.schedule.clone()),
            ("model", self.model.clone()),
            ("model_sha256", self.model_sha256.clone().unwrap_or_default()),
            ("runtime_requested", self.runtime_requested.clone()),
            ("runtime_obtained", self.runtime_obtained.clone()),
            ("device", self.device.clone()),
            ("arch", self.arch.clone()),
        ];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        let options = self.overrides.iter().map(|(name, value)| (format!("option {name}"), value.clone()));
        fields.chain(options).collect()
    }
}

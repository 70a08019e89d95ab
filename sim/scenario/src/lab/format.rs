//! What stands between the fences of a lab.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use timing::Schedule;
use toml::Table;

use super::Metric;
use crate::latency::words;
use crate::read::SourceText;
use crate::{Bounds, Compensation, Latency, Seeds};

/// A guided experiment.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    /// A few words
    pub title: String,
    /// What is to be found out, in a sentence or two
    pub question: String,
    /// What a student may predict; exactly one is right
    #[serde(rename = "choice", default)]
    #[schemars(required)]
    pub choices: Vec<Choice>,
    /// What settles it
    #[serde(rename = "run", default)]
    #[schemars(required)]
    pub runs: Vec<Run>,
    /// What the runs must come to, so that the lab stays true
    #[serde(rename = "check", default)]
    #[schemars(required)]
    pub checks: Vec<Condition>,
    /// What to notice, a sentence or two each
    #[serde(default)]
    #[schemars(required)]
    pub notice: Vec<String>,
    /// The file without extension and without the number that sorts it.
    #[serde(skip)]
    pub name: String,
    /// The text below, by headings.
    #[serde(skip)]
    pub sections: Vec<Section>,
    #[serde(skip)]
    pub(crate) text: String,
    #[serde(skip)]
    pub(crate) source: SourceText,
}

/// Something a student may predict.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The prediction
    pub text: String,
    /// Said to whoever chose it, when the question is settled
    #[serde(default)]
    pub why: String,
    /// Whether this is what comes out
    #[serde(default)]
    pub right: bool,
}

/// A run that settles the question: a scenario with other values, over seeds.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// One word, for the checks
    pub name: String,
    /// A few words, for people; the name if absent
    #[serde(default)]
    pub title: String,
    /// A scenario that ships, or the path of a file
    pub scenario: String,
    /// A number of seeds, a range "A..B", or a list "3,5,9"
    #[serde(with = "words")]
    #[schemars(with = "String")]
    pub seeds: Seeds,
    /// Who drives: a model that ships, an ONNX file, or expert, brake_on_sight, straight
    pub model: Option<String>,
    /// Where latency comes from. `measured`: all runs of the lab that say so are measured before, in turn, and what was measured
    /// is replayed over the seeds
    pub latency: Option<Latency>,
    /// The device's queue rule: newest, skip, fifo:DEPTH, batch:N:TIMEOUT_MS, pipeline
    #[serde(default, deserialize_with = "maybe")]
    #[schemars(with = "Option<String>")]
    pub schedule: Option<Schedule>,
    /// What is done about late commands: hold, watchdog:MS, predict, governor, chunks
    pub compensation: Option<Compensation>,
    /// Inferences that take longer are lost, ms
    pub deadline_ms: Option<f64>,
    /// The speed at which it drives, m/s
    pub speed: Option<f64>,
    /// A modelled network between robot and device, by name, or FILE.toml#NAME
    pub network: Option<String>,
    /// On what the network is run: auto, tensorrt, cuda, onnxruntime, rten
    pub runtime: Option<String>,
    /// How far ONNX Runtime may rewrite the network's graph
    pub optimisation: Option<Graph>,
    /// Any other fields of the scenario, such as { "robot.braking" = 3 }
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    pub set: Table,
}

/// How far a graph may be rewritten before it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Graph {
    /// As exported
    Off,
    /// Constants folded
    Basic,
    /// Operators fused
    Extended,
    /// Operators fused, memory laid out anew
    All,
}

impl std::fmt::Display for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Off => "off",
            Self::Basic => "basic",
            Self::Extended => "extended",
            Self::All => "all",
        })
    }
}

/// What must come out: a number of one run within bounds, or beside that of another.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What it means, in a sentence
    pub what: String,
    /// Of which run
    pub run: String,
    /// Which number
    pub metric: Metric,
    /// Which of the seeds' numbers
    #[serde(default)]
    pub over: Over,
    /// At least
    pub min: Option<f64>,
    /// At most
    pub max: Option<f64>,
    /// Compared with this run: then give `ratio` or `difference` instead of `min` and `max`
    pub than: Option<String>,
    /// Bounds of the run's number divided by the other's
    pub ratio: Option<Bounds>,
    /// Bounds of the run's number less the other's
    pub difference: Option<Bounds>,
}

/// Which of the numbers of many seeds stands for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// The median
    #[default]
    Median,
    /// The smallest
    Min,
    /// The largest
    Max,
}

/// A part of a lab's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its heading; empty for what stands before the first.
    pub title: String,
    /// Markdown.
    pub text: String,
}

impl Run {
    /// What people read.
    pub fn title(&self) -> &str {
        if self.title.is_empty() { &self.name } else { &self.title }
    }
}

/// [`words`] of a key that may be absent.
fn maybe<'de, T: FromStr<Err = String>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    words::deserialize(deserializer).map(Some)
}

//! How a model should be loaded.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Requested;

/// A hint for TensorRT; the other rungs compute in the precision the model was exported with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    Fp32,
    /// 16-bit floats where TensorRT finds them faster.
    Fp16,
    /// 8-bit integers; the model must carry its own quantisation (QDQ).
    Int8,
}

impl Precision {
    /// All, widest first.
    pub const ALL: [Self; 3] = [Self::Fp32, Self::Fp16, Self::Int8];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.to_string() == word)
            .ok_or_else(|| format!("found precision `{word}`; expected fp32, fp16 or int8"))
    }
}

/// How far the engine may rewrite the graph before it runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimisation {
    /// The graph as exported.
    Off,
    /// Constant folding and removal of no-ops.
    Basic,
    /// Fusion of operators.
    Extended,
    /// Fusion and memory layout.
    #[default]
    All,
}

impl Optimisation {
    /// All levels, least first.
    pub const ALL: [Self; 4] = [Self::Off, Self::Basic, Self::Extended, Self::All];
}

impl fmt::Display for Optimisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Off => "off",
            Self::Basic => "basic",
            Self::Extended => "extended",
            Self::All => "all",
        })
    }
}

impl FromStr for Optimisation {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|level| level.to_string() == word)
            .ok_or_else(|| format!("found optimisation `{word}`; expected off, basic, extended or all"))
    }
}

/// Whether the engine runs in a child process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// In a child process unless the model's SHA-256 is among [`Options::trusted`].
    #[default]
    Auto,
    /// Never: only for models whose origin is known.
    Never,
    /// Always.
    Always,
}

/// How to load a model. `Options::default()` is what an untrusted file deserves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// Which rung.
    pub requested: Requested,
    /// TensorRT's precision.
    pub precision: Precision,
    /// Whether a GPU's kernels are recorded once as a CUDA graph and launched as one. Its shapes are those of the warm-up.
    pub cuda_graph: bool,
    /// The core of a Jetson's DLA that TensorRT should build for; layers that are not for it stay on the GPU.
    pub dla: Option<u32>,
    /// Graph optimisation.
    pub optimisation: Optimisation,
    /// Threads within one operator. One is right beside a control loop: see the crate's documentation.
    pub threads: usize,
    /// Fetch nothing. `DEADTIME_OFFLINE=1` does the same.
    pub offline: bool,
    /// Whether to run in a child process.
    pub isolate: Isolation,
    /// SHA-256 (lower-case hexadecimal) of models that may run in this process.
    pub trusted: Vec<String>,
    /// The batch that replaces a dynamic first axis in the warm-up.
    pub batch: usize,
    /// Shapes of inputs in the warm-up, by name, where the defaults of [`synthetic_inputs`](crate::synthetic_inputs) do
    /// not fit the model.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Runs outside any measurement before the engine is handed over.
    pub warm_up: usize,
    /// The ONNX Runtime library to use; `None` searches for it.
    pub library: Option<PathBuf>,
    /// The program that is started as `program __engine` for an isolated model; `None` is this program.
    pub child_program: Option<PathBuf>,
    /// Address space of the child in bytes, where no GPU is involved (CUDA reserves far more than it uses).
    pub child_memory: u64,
    /// How long the child may take to load and warm up. TensorRT builds an engine in this time, for minutes.
    pub load_timeout: Duration,
    /// How long one isolated inference may take before the child is ended.
    pub infer_timeout: Duration,
    /// Told in one line what takes long; `None` writes the line to stderr.
    #[serde(skip)]
    pub progress: Option<fn(&str)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            requested: Requested::Auto,
            precision: Precision::Fp32,
            cuda_graph: false,
            dla: None,
            optimisation: Optimisation::All,
            threads: 1,
            offline: false,
            isolate: Isolation::Auto,
            trusted: Vec::new(),
            batch: 1,
            shapes: BTreeMap::new(),
            warm_up: 5,
            library: None,
            child_program: None,
            child_memory: 8 << 30,
            load_timeout: Duration::from_mins(20),
            infer_timeout: Duration::from_secs(10),
            progress: None,
        }
    }
}

impl Options {
    /// Whether fetching is forbidden, by this option or by the environment.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline || std::env::var_os("DEADTIME_OFFLINE").is_some_and(|v| !v.is_empty() && v != "0")
    }

    pub(crate) fn say(&self, line: &str) {
        match self.progress {
            Some(progress) => progress(line),
            None => eprintln!("{line}"),
        }
    }
}

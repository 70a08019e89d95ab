//! What every engine can do: run a network once and say how long each stage took.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use timing::ServiceTime;

use crate::{ModelInfo, Optimisation, Precision, Requested, Rung, Running, RuntimeError, Tensor};

/// What was asked for and what was obtained: enough to reproduce a measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// What the user asked for.
    pub requested: Requested,
    /// The rung that runs the model.
    pub obtained: Rung,
    /// Name and version of the engine's library, and where it was found.
    pub version: String,
    /// Each better rung that was not obtained, with a one-line reason.
    pub refused: Vec<(Rung, String)>,
    /// The model.
    pub model: ModelInfo,
    /// Whether it runs in a child process.
    pub isolated: bool,
    /// Graph optimisation.
    pub optimisation: Optimisation,
    /// TensorRT's precision; [`Precision::Fp32`] on other rungs, which leave a model as it was exported.
    pub precision: Precision,
    /// Whether its kernels are launched as one CUDA graph.
    #[serde(default)]
    pub cuda_graph: bool,
    /// The DLA core it was built for.
    #[serde(default)]
    pub dla: Option<u32>,
    /// Milliseconds that loading took while TensorRT built its engine; `None` where it had none to build.
    #[serde(default)]
    pub built_ms: Option<u64>,
    /// What was asked for of this rung and not obtained, with the reason.
    #[serde(default)]
    pub forgone: Vec<String>,
    /// Threads within one operator.
    pub threads: usize,
    /// Whether `host_to_device` and `device_to_host` are timed apart. When not, copies (if any) are part of `compute`.
    pub copies_apart: bool,
    /// Whether the warm-up ran; it is skipped for a model whose dynamic axes refuse the synthetic shapes.
    pub warm: bool,
    /// Where a server of this machine runs it, in a process of its own; empty for an engine here, and for a device elsewhere.
    #[serde(default)]
    pub served_at: Vec<SocketAddr>,
}

impl EngineInfo {
    /// A warm engine here that is what was asked for, with one thread and no options; the rest is for whoever knows better to say.
    pub fn new(obtained: Rung, model: ModelInfo) -> Self {
        Self {
            requested: Requested::Exactly(obtained),
            obtained,
            version: String::new(),
            refused: Vec::new(),
            model,
            isolated: false,
            optimisation: Optimisation::All,
            precision: Precision::Fp32,
            cuda_graph: false,
            dla: None,
            built_ms: None,
            forgone: Vec::new(),
            threads: 1,
            copies_apart: false,
            warm: true,
            served_at: Vec::new(),
        }
    }
}

/// A loaded, warm network.
pub trait Engine: Send {
    /// What it is.
    fn info(&self) -> &EngineInfo;

    /// Runs the network once. `outputs` is cleared and refilled, its buffers reused where they fit.
    ///
    /// The stages are contiguous: `pre` begins when this is called, `post` ends when it returns. Outputs may hold
    /// anything a float can, NaN and infinity too: judging them is the caller's affair.
    fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError>;

    /// For an engine that runs elsewhere (another process, another machine): the place to ask how far it has come. Its
    /// [`ServiceTime`] is then taken as it is; without a watch the worker's own stamps bound it.
    fn watch(&self) -> Option<Arc<dyn Watch>> {
        None
    }
}

/// How far an inference that runs elsewhere has come, asked from another thread.
pub trait Watch: Send + Sync {
    /// Called before a job is handed over: what was true of the one before must not be said of the next.
    fn reset(&self);

    /// [`Running::For`] must never exceed what the service time will turn out to be.
    fn running(&self) -> Running;

    /// Why what was measured until now cannot be certified, in sentences.
    fn complaints(&self) -> Vec<String> {
        Vec::new()
    }
}

//! What can go wrong between a model file and its first output.

use std::path::PathBuf;
use std::time::Duration;

use crate::Rung;

/// Every error of this crate: what was found, what was expected, what to do.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The model, or a file it needs, cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's words, or what the file is instead of a regular one.
        reason: String,
    },
    /// A size is beyond what is loaded from an untrusted file.
    #[error("{}: {what} is {found}, at most {limit} is accepted; use a smaller model", path.display())]
    TooLarge {
        /// The model.
        path: PathBuf,
        /// What is too large.
        what: String,
        /// How large it is.
        found: u64,
        /// The cap.
        limit: u64,
    },
    /// The bytes are not an ONNX model, or only a part of one.
    #[error("{} is not a complete ONNX model: {reason}; export or download it again", path.display())]
    NotOnnx {
        /// The model.
        path: PathBuf,
        /// What was found, and where.
        reason: String,
    },
    /// The graph is well formed but is not one that can be run.
    #[error("{}: {reason}", path.display())]
    Graph {
        /// The model.
        path: PathBuf,
        /// What was found, what was expected, what to do.
        reason: String,
    },
    /// Weights kept outside the model's own folder.
    #[error(
        "{}: tensor `{tensor}` keeps its data in `{location}`: {reason}; external data must be a plain file inside the \
         model's folder (copy it there, or save the model as one file)",
        path.display()
    )]
    ExternalData {
        /// The model.
        path: PathBuf,
        /// The tensor whose data it is.
        tensor: String,
        /// The place the model names.
        location: String,
        /// Why it is refused.
        reason: String,
    },
    /// An operator that is not run.
    #[error("{}: operator `{operator}` of domain `{domain}` is refused: {reason}", path.display())]
    Operator {
        /// The model.
        path: PathBuf,
        /// The operator.
        operator: String,
        /// Its domain; `ai.onnx` for the standard one.
        domain: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The rung asked for is not there. Never answered by silently taking another.
    #[error("`{rung}` was asked for and is not available: {reason}\nhelp: {help}")]
    Missing {
        /// The rung.
        rung: Rung,
        /// The missing piece.
        reason: String,
        /// How to get it.
        help: String,
    },
    /// No rung can run the model.
    #[error("no engine can run this model:{}", list(refused))]
    NoEngine {
        /// Each rung's reason.
        refused: Vec<(Rung, String)>,
    },
    /// Tensors that do not fit the model.
    #[error("{found}; the model expects {expected}")]
    Input {
        /// What was handed over.
        found: String,
        /// What the model declares.
        expected: String,
    },
    /// The engine failed while it loaded or ran the model.
    #[error("{rung} failed: {reason}")]
    Engine {
        /// The rung.
        rung: Rung,
        /// The engine's words.
        reason: String,
    },
    /// The isolated engine refused the model: its own error, as text.
    #[error("{0}")]
    Isolated(String),
    /// The child process that isolates the model died, hung or spoke nonsense.
    #[error("the isolated engine {what}")]
    Child {
        /// What it did.
        what: String,
    },
    /// The child process did not answer in time; it has been ended.
    #[error("the isolated engine did not {what} within {limit:?} and was ended")]
    TimedOut {
        /// What it should have done.
        what: String,
        /// The limit.
        limit: Duration,
    },
    /// A device elsewhere cannot be used, did not answer, or not as it should.
    #[error("the target {address} {what}")]
    Target {
        /// As it was named.
        address: String,
        /// What it did, and what can be done.
        what: String,
    },
    /// A word that names no rung.
    #[error("unknown runtime `{found}`; expected one of auto, tensorrt, cuda, onnxruntime, rten")]
    UnknownRuntime {
        /// The word.
        found: String,
    },
}

fn list(refused: &[(Rung, String)]) -> String {
    refused.iter().fold(String::new(), |text, (rung, reason)| text + &format!("\n  {rung}: {reason}"))
}

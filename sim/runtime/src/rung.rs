//! The rungs of the ladder, best first.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{RuntimeError, tensorrt};

/// One way to run a network. The order of the variants is the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rung {
    /// ONNX Runtime with the TensorRT execution provider.
    TensorRt,
    /// ONNX Runtime with the CUDA execution provider.
    Cuda,
    /// ONNX Runtime on the processor.
    #[serde(rename = "onnxruntime")]
    OnnxRuntimeCpu,
    /// The built-in engine: always there, slower.
    Rten,
    /// A device elsewhere, reached over a network. No rung of the ladder: only who names a target gets it.
    Remote,
}

impl Rung {
    /// All rungs of the ladder, best first.
    pub const ALL: [Self; 4] = [Self::TensorRt, Self::Cuda, Self::OnnxRuntimeCpu, Self::Rten];

    /// Whether the rung computes on an NVIDIA GPU.
    pub fn on_gpu(self) -> bool {
        matches!(self, Self::TensorRt | Self::Cuda)
    }

    /// What a person can do to get this rung, which was refused for `reason`.
    pub(crate) fn help(self, reason: &str) -> &'static str {
        match self {
            Self::TensorRt if reason.starts_with(tensorrt::INT8) => {
                "ask for --precision fp16, or quantise the model so: training/signed.py"
            }
            Self::TensorRt => {
                "install an NVIDIA driver if there is none, then `pip install \"onnxruntime-gpu[cuda,cudnn]\" \
                 \"tensorrt-cu13-libs==10.16.1.11\"` (TensorRT 10; see NVIDIA's guide for its package index), and start \
                 again in that environment"
            }
            Self::Cuda => {
                "install an NVIDIA driver if there is none, then `pip install \"onnxruntime-gpu[cuda,cudnn]\"` (not beside \
                 `onnxruntime`: they share files), and start again in that \
                 environment"
            }
            Self::OnnxRuntimeCpu => {
                "`pip install onnxruntime` (1.31 or later), or set ORT_DYLIB_PATH to the full path of libonnxruntime"
            }
            Self::Rten => "the built-in engine lacks an operator of this model; use --runtime onnxruntime",
            Self::Remote => "name one with --target grpc://HOST:PORT",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::OnnxRuntimeCpu => "onnxruntime",
            Self::Rten => "rten",
            Self::Remote => "remote",
        })
    }
}

impl FromStr for Rung {
    type Err = RuntimeError;

    fn from_str(word: &str) -> Result<Self, RuntimeError> {
        Self::ALL
            .into_iter()
            .find(|rung| rung.to_string() == word)
            .ok_or_else(|| RuntimeError::UnknownRuntime { found: word.to_owned() })
    }
}

/// Which rung the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requested {
    /// The best that is there.
    #[default]
    Auto,
    /// This one or an error.
    Exactly(Rung),
}

impl Requested {
    /// The rungs to try, in order.
    pub(crate) fn rungs(self) -> Vec<Rung> {
        match self {
            Self::Auto => Rung::ALL.to_vec(),
            Self::Exactly(rung) => vec![rung],
        }
    }
}

impl fmt::Display for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Exactly(rung) => rung.fmt(f),
        }
    }
}

impl FromStr for Requested {
    type Err = RuntimeError;

    fn from_str(word: &str) -> Result<Self, RuntimeError> {
        if word == "auto" { Ok(Self::Auto) } else { word.parse().map(Self::Exactly) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for rung in Rung::ALL {
            assert_eq!(rung.to_string().parse::<Requested>().unwrap(), Requested::Exactly(rung));
        }
        assert_eq!("auto".parse::<Requested>().unwrap(), Requested::Auto);
    }

    #[test]
    fn a_wrong_name_lists_the_right_ones() {
        let text = "tensor-rt".parse::<Requested>().unwrap_err().to_string();
        assert_eq!(text, "unknown runtime `tensor-rt`; expected one of auto, tensorrt, cuda, onnxruntime, rten");
    }
}

//! Tensors as callers see them: named, shaped, row-major, in ordinary vectors.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::RuntimeError;

/// The element type a model declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 16-bit float; callers hand over and receive [`Data::F32`], converted in `pre` and `post`.
    F16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 8-bit unsigned integer.
    U8,
    /// Truth value.
    Bool,
}

impl Element {
    /// From the number ONNX gives it (`TensorProto.DataType`); `None` for those that engines here do not take.
    pub(crate) fn from_onnx(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::F32,
            2 => Self::U8,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            10 => Self::F16,
            11 => Self::F64,
            _ => return None,
        })
    }

    /// Zeros of the kind a caller uses for this element.
    pub fn zeros(self, len: usize) -> Data {
        match self {
            Self::F32 | Self::F16 => Data::F32(vec![0.0; len]),
            Self::F64 => Data::F64(vec![0.0; len]),
            Self::I64 => Data::I64(vec![0; len]),
            Self::I32 => Data::I32(vec![0; len]),
            Self::U8 => Data::U8(vec![0; len]),
            Self::Bool => Data::Bool(vec![false; len]),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::F16 => "f16",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::U8 => "u8",
            Self::Bool => "bool",
        })
    }
}

/// The elements of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// 32-bit floats; also the face of 16-bit ones.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// Bytes.
    U8(Vec<u8>),
    /// Truth values.
    Bool(Vec<bool>),
}

impl Data {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as 32-bit floats, if that is what they are.
    pub fn as_f32(&self) -> Option<&[f32]> {
        if let Self::F32(v) = self { Some(v) } else { None }
    }

    /// The element type.
    pub fn kind(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::F64(_) => Element::F64,
            Self::I64(_) => Element::I64,
            Self::I32(_) => Element::I32,
            Self::U8(_) => Element::U8,
            Self::Bool(_) => Element::Bool,
        }
    }
}

/// A named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The model's name for this input or output.
    pub name: String,
    /// The length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major elements, as many as the product of `shape`.
    pub data: Data,
}

impl Tensor {
    /// A tensor of 32-bit floats.
    pub fn f32(name: impl Into<String>, shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Self {
        Self { name: name.into(), shape: shape.into(), data: Data::F32(data) }
    }
}

/// What a model declares of one input or output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Its axes; `None` is dynamic.
    pub shape: Vec<Option<usize>>,
}

impl TensorSpec {
    /// Whether `tensor` has this element, rank and every fixed axis, and as many elements as its shape says.
    pub fn check(&self, tensor: &Tensor) -> Result<(), RuntimeError> {
        let element = if self.element == Element::F16 { Element::F32 } else { self.element };
        let axes = self.shape.len() == tensor.shape.len()
            && self.shape.iter().zip(&tensor.shape).all(|(want, have)| want.is_none_or(|want| want == *have));
        let elements = tensor.shape.iter().try_fold(1usize, |n, axis| n.checked_mul(*axis));
        if element == tensor.data.kind() && axes && elements == Some(tensor.data.len()) {
            return Ok(());
        }
        Err(RuntimeError::Input {
            found: format!(
                "input `{}` is {} {:?} with {} elements",
                tensor.name,
                tensor.data.kind(),
                tensor.shape,
                tensor.data.len()
            ),
            expected: self.to_string(),
        })
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {} [", self.name, self.element)?;
        for (i, axis) in self.shape.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match axis {
                Some(n) => write!(f, "{comma}{n}")?,
                None => write!(f, "{comma}?")?,
            }
        }
        f.write_str("]")
    }
}

/// What is known of a model before any engine has seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Where it was read.
    pub path: PathBuf,
    /// SHA-256 of the file, lower-case hexadecimal. Of external data too, where the model has any.
    pub sha256: String,
    /// Inputs, in the model's order.
    pub inputs: Vec<TensorSpec>,
    /// Outputs, in the model's order.
    pub outputs: Vec<TensorSpec>,
    /// Size of the file and its external data.
    pub bytes: u64,
}

impl ModelInfo {
    /// The tensor for each input, in the model's order; an error where they do not fit.
    pub fn order<'a>(&self, given: &'a [Tensor]) -> Result<Vec<&'a Tensor>, RuntimeError> {
        let ordered: Result<Vec<_>, _> = self
            .inputs
            .iter()
            .map(|spec| {
                let tensor = given.iter().find(|tensor| tensor.name == spec.name);
                let tensor = tensor.ok_or_else(|| self.wrong_inputs(given))?;
                spec.check(tensor).map(|()| tensor)
            })
            .collect();
        let ordered = ordered?;
        if ordered.len() == given.len() { Ok(ordered) } else { Err(self.wrong_inputs(given)) }
    }

    fn wrong_inputs(&self, given: &[Tensor]) -> RuntimeError {
        let names: Vec<_> = given.iter().map(|tensor| format!("`{}`", tensor.name)).collect();
        let expected: Vec<_> = self.inputs.iter().map(ToString::to_string).collect();
        RuntimeError::Input { found: format!("inputs [{}]", names.join(", ")), expected: expected.join(", ") }
    }
}

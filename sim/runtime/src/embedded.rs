//! The built-in engine, rten: pure Rust, always there, several times slower on convolutions and quantised models.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use rten::{ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::prelude::*;
use timing::ServiceTime;

use crate::model::Model;
use crate::onnxruntime::{one_line, span};
use crate::{Data, Element, Engine, EngineInfo, Optimisation, Options, Rung, RuntimeError, Tensor, TensorSpec};

/// The version this crate is pinned to; rten itself does not tell.
pub(crate) const VERSION: &str = "rten 0.27.0 (built in)";

pub(crate) struct Embedded {
    info: EngineInfo,
    model: rten::Model,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
    pool: Arc<ThreadPool>,
}

impl Embedded {
    pub(crate) fn new(model: &Model, mut info: EngineInfo, options: &Options) -> Result<Self, String> {
        let mut load = ModelOptions::with_all_ops();
        // It knows only on and off.
        load.enable_optimization(options.optimisation != Optimisation::Off).prepack_weights(true);
        for (location, data) in &model.external {
            load.external_data(location, data.to_vec());
        }
        let loaded = guarded(|| load.load(model.bytes.clone()).map_err(|e| one_line(&e.to_string())))?;
        let ids = |specs: &[TensorSpec]| -> Result<Vec<NodeId>, String> {
            specs.iter().map(|spec| loaded.node_id(&spec.name).map_err(|e| one_line(&e.to_string()))).collect()
        };
        let (inputs, outputs) = (ids(&model.info.inputs)?, ids(&model.info.outputs)?);
        VERSION.clone_into(&mut info.version);
        let pool = Arc::new(ThreadPool::with_num_threads(options.threads.max(1)));
        Ok(Self { info, model: loaded, inputs, outputs, pool })
    }

    /// Records whether the warm-up ran.
    pub(crate) fn set_warm(&mut self, warm: bool) {
        self.info.warm = warm;
    }

    fn run(&self, inputs: Vec<(NodeId, ValueOrView)>) -> Result<Vec<Value>, RuntimeError> {
        let mut options = RunOptions::default();
        options.thread_pool = Some(self.pool.clone());
        guarded(|| self.model.run(inputs, &self.outputs, Some(options)).map_err(|e| one_line(&e.to_string())))
            .map_err(|reason| RuntimeError::Engine { rung: Rung::Rten, reason })
    }
}

impl Engine for Embedded {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn infer(&mut self, inputs: &[Tensor], outputs: &mut Vec<Tensor>) -> Result<ServiceTime, RuntimeError> {
        let start = Instant::now();
        let ordered = self.info.model.order(inputs)?;
        let narrowed: Vec<_> = ordered.iter().map(|tensor| Narrow::from(&tensor.data)).collect();
        let views: Result<Vec<_>, RuntimeError> = narrowed
            .iter()
            .zip(&ordered)
            .zip(&self.inputs)
            .map(|((data, tensor), id)| Ok((*id, data.view(&tensor.shape)?.into())))
            .collect();
        let views = views?;
        let filled = Instant::now();
        let results = self.run(views)?;
        let computed = Instant::now();
        outputs.clear();
        for (spec, value) in self.info.model.outputs.iter().zip(results) {
            outputs.push(widen(spec, value)?);
        }
        let end = Instant::now();
        Ok(ServiceTime {
            pre: span(start, filled),
            compute: span(filled, computed),
            post: span(computed, end),
            ..ServiceTime::default()
        })
    }
}

/// rten asserts in places where a crafted model can lead it; that must not end the program.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("rten gave up on this model (it panicked)".to_owned()))
}

/// What rten computes with: it has no 64-bit types and no truth values.
enum Narrow<'a> {
    F32(Cow<'a, [f32]>),
    I32(Cow<'a, [i32]>),
    U8(&'a [u8]),
}

impl<'a> From<&'a Data> for Narrow<'a> {
    fn from(data: &'a Data) -> Self {
        match data {
            Data::F32(v) => Self::F32(Cow::Borrowed(v)),
            Data::F64(v) => Self::F32(v.iter().map(|x| *x as f32).collect()),
            // As rten itself does with 64-bit constants.
            Data::I64(v) => {
                let clamp = |x: &i64| (*x).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
                Self::I32(v.iter().map(clamp).collect())
            }
            Data::I32(v) => Self::I32(Cow::Borrowed(v)),
            Data::U8(v) => Self::U8(v),
            Data::Bool(v) => Self::I32(v.iter().map(|x| i32::from(*x)).collect()),
        }
    }
}

impl Narrow<'_> {
    fn view(&self, shape: &[usize]) -> Result<ValueView<'_>, RuntimeError> {
        let failed = |reason: String| RuntimeError::Engine { rung: Rung::Rten, reason };
        match self {
            Self::F32(v) => ValueView::from_shape(shape, &v[..]).map_err(|e| failed(e.to_string())),
            Self::I32(v) => ValueView::from_shape(shape, &v[..]).map_err(|e| failed(e.to_string())),
            Self::U8(v) => ValueView::from_shape(shape, v).map_err(|e| failed(e.to_string())),
        }
    }
}

/// An output in the element type the model declares.
fn widen(spec: &TensorSpec, value: Value) -> Result<Tensor, RuntimeError> {
    let (shape, data) = match value {
        Value::FloatTensor(t) => (t.shape().to_vec(), Data::F32(t.into_data())),
        Value::Int32Tensor(t) => (t.shape().to_vec(), Data::I32(t.into_data())),
        Value::UInt8Tensor(t) => (t.shape().to_vec(), Data::U8(t.into_data())),
        _ => {
            let reason = format!("output `{}` is neither float, int32 nor uint8", spec.name);
            return Err(RuntimeError::Engine { rung: Rung::Rten, reason });
        }
    };
    let data = match (spec.element, data) {
        (Element::F64, Data::F32(v)) => Data::F64(v.into_iter().map(f64::from).collect()),
        (Element::I64, Data::I32(v)) => Data::I64(v.into_iter().map(i64::from).collect()),
        (Element::Bool, Data::I32(v)) => Data::Bool(v.into_iter().map(|x| x != 0).collect()),
        (_, data) => data,
    };
    Ok(Tensor { name: spec.name.clone(), shape, data })
}

//! Buffers bound to a session once, so that a call copies each input and output exactly once.

use half::slice::HalfFloatSliceExt;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::value::{DynTensor, TensorElementType, TensorValueTypeMarker, Value, ValueType};

use crate::{Data, Element, ModelInfo, Tensor, TensorSpec};

/// Elements of an output that is allocated ahead: 1 GiB of floats.
const MAX_AHEAD: i64 = 1 << 28;

type Result<T> = std::result::Result<T, ort::Error>;

/// Outputs that ONNX Runtime allocated, by position: shape and data.
pub(crate) type Free = Vec<Option<(Vec<usize>, Data)>>;

/// One tensor on the host and, on a GPU rung, its twin there.
struct Buffer {
    host: DynTensor,
    device: Option<DynTensor>,
}

/// The binding of one set of input shapes.
pub(crate) struct Bindings {
    binding: IoBinding,
    shapes: Vec<Vec<usize>>,
    inputs: Vec<Buffer>,
    /// `None` where the shape is known only after the run.
    outputs: Vec<Option<Buffer>>,
}

impl Bindings {
    /// Binds buffers for inputs of these shapes. `ahead` also allocates outputs whose shape follows from them.
    pub(crate) fn new(
        session: &Session,
        model: &ModelInfo,
        inputs: &[&Tensor],
        device: bool,
        ahead: bool,
    ) -> Result<Self> {
        let host = Allocator::default();
        let gpu = device.then(|| gpu_allocator(session)).transpose()?;
        let mut binding = session.create_binding()?;
        let mut buffers = Vec::new();
        for (spec, tensor) in model.inputs.iter().zip(inputs) {
            let buffer = Buffer::new(&host, gpu.as_ref(), spec.element, &tensor.shape)?;
            binding.bind_input(&spec.name, buffer.bound())?;
            buffers.push(buffer);
        }
        let mut outputs = Vec::new();
        for spec in &model.outputs {
            let shape = if ahead { output_shape(session, inputs, &spec.name) } else { None };
            let Some(shape) = shape else {
                binding.bind_output_to_device(&spec.name, &host_memory()?)?;
                outputs.push(None);
                continue;
            };
            let mut buffer = Buffer::new(&host, gpu.as_ref(), spec.element, &shape)?;
            binding.bind_output(&spec.name, buffer.bound_mut())?;
            outputs.push(Some(buffer));
        }
        let shapes = inputs.iter().map(|tensor| tensor.shape.clone()).collect();
        Ok(Self { binding, shapes, inputs: buffers, outputs })
    }

    /// Whether the buffers have these shapes.
    pub(crate) fn fits(&self, inputs: &[&Tensor]) -> bool {
        self.shapes.len() == inputs.len()
            && self.shapes.iter().zip(inputs).all(|(shape, tensor)| *shape == tensor.shape)
    }

    /// Whether every output has a buffer here.
    pub(crate) fn all_ahead(&self) -> bool {
        self.outputs.iter().all(Option::is_some)
    }

    /// Copies the inputs into the bound buffers.
    pub(crate) fn fill(&mut self, inputs: &[&Tensor], outputs: &[TensorSpec]) -> Result<()> {
        // ONNX Runtime keeps what it allocated for such an output and wants the next one to have the same shape.
        for (_, spec) in self.outputs.iter().zip(outputs).filter(|(buffer, _)| buffer.is_none()) {
            self.binding.bind_output_to_device(&spec.name, &host_memory()?)?;
        }
        self.inputs.iter_mut().zip(inputs).try_for_each(|(buffer, tensor)| fill(&mut buffer.host, &tensor.data))
    }

    /// Copies the inputs to the GPU; nothing without one.
    pub(crate) fn upload(&mut self) -> Result<()> {
        for buffer in &mut self.inputs {
            if let Some(device) = &mut buffer.device {
                buffer.host.copy_into(device)?;
            }
        }
        Ok(())
    }

    /// Runs, and returns the outputs that have no buffer here, by position.
    pub(crate) fn run(&self, session: &mut Session, specs: &[TensorSpec]) -> Result<Free> {
        let results = session.run_binding(&self.binding)?;
        let take = |(i, (buffer, spec)): (usize, (&Option<Buffer>, &TensorSpec))| {
            if buffer.is_some() {
                return Ok(None);
            }
            let ValueType::Tensor { shape, .. } = results[i].dtype() else {
                return Err(ort::Error::new(format!("output `{}` is not a tensor", spec.name)));
            };
            let shape: Vec<usize> = shape.iter().map(|axis| *axis as usize).collect();
            let mut data = spec.element.zeros(0);
            read(&results[i], &mut data)?;
            Ok(Some((shape, data)))
        };
        self.outputs.iter().zip(specs).enumerate().map(take).collect()
    }

    /// Copies the outputs from the GPU; nothing without one.
    pub(crate) fn download(&mut self) -> Result<()> {
        for buffer in self.outputs.iter_mut().flatten() {
            if let Some(device) = &buffer.device {
                device.copy_into(&mut buffer.host)?;
            }
        }
        Ok(())
    }

    /// Copies the outputs into the caller's tensors, reusing their vectors.
    pub(crate) fn read(&self, specs: &[TensorSpec], free: Free, outputs: &mut Vec<Tensor>) -> Result<()> {
        outputs.truncate(specs.len());
        for (i, ((spec, buffer), free)) in specs.iter().zip(&self.outputs).zip(free).enumerate() {
            if outputs.len() == i {
                outputs.push(Tensor { name: spec.name.clone(), shape: Vec::new(), data: spec.element.zeros(0) });
            }
            let out = &mut outputs[i];
            spec.name.clone_into(&mut out.name);
            out.shape.clear();
            match (buffer, free) {
                (Some(buffer), _) => {
                    out.shape.extend(buffer.host.shape().iter().map(|axis| *axis as usize));
                    read(&buffer.host, &mut out.data)?;
                }
                (None, Some((shape, data))) => {
                    out.shape = shape;
                    out.data = data;
                }
                (None, None) => return Err(ort::Error::new(format!("output `{}` is missing", spec.name))),
            }
        }
        Ok(())
    }
}

impl Buffer {
    fn new(host: &Allocator, gpu: Option<&Allocator>, element: Element, shape: &[usize]) -> Result<Self> {
        let kind = element_type(element);
        let device = gpu.map(|gpu| DynTensor::new(gpu, kind, shape)).transpose()?;
        Ok(Self { host: DynTensor::new(host, kind, shape)?, device })
    }

    fn bound(&self) -> &DynTensor {
        self.device.as_ref().unwrap_or(&self.host)
    }

    fn bound_mut(&mut self) -> &mut DynTensor {
        self.device.as_mut().unwrap_or(&mut self.host)
    }
}

fn host_memory() -> Result<MemoryInfo<'static>> {
    MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)
}

fn gpu_allocator(session: &Session) -> Result<Allocator> {
    let memory = MemoryInfo::new(AllocationDevice::CUDA, 0, AllocatorType::Device, MemoryType::Default)?;
    Allocator::new(session, memory)
}

fn element_type(element: Element) -> TensorElementType {
    match element {
        Element::F32 => TensorElementType::Float32,
        Element::F64 => TensorElementType::Float64,
        Element::F16 => TensorElementType::Float16,
        Element::I64 => TensorElementType::Int64,
        Element::I32 => TensorElementType::Int32,
        Element::U8 => TensorElementType::Uint8,
        Element::Bool => TensorElementType::Bool,
    }
}

/// The shape an output has for these inputs, where every dynamic axis bears the name of an input's axis.
fn output_shape(session: &Session, inputs: &[&Tensor], name: &str) -> Option<Vec<usize>> {
    let output = session.outputs().iter().find(|outlet| outlet.name() == name)?;
    let ValueType::Tensor { shape, dimension_symbols, .. } = output.dtype() else { return None };
    let axes = shape.iter().zip(dimension_symbols.iter());
    let lengths: Option<Vec<i64>> = axes
        .map(|(axis, symbol)| if *axis >= 0 { Some(*axis) } else { axis_length(session, inputs, symbol) })
        .collect();
    let lengths = lengths?;
    let elements = lengths.iter().try_fold(1i64, |n, axis| n.checked_mul(*axis))?;
    (elements <= MAX_AHEAD).then(|| lengths.into_iter().map(|axis| axis as usize).collect())
}

fn axis_length(session: &Session, inputs: &[&Tensor], wanted: &str) -> Option<i64> {
    if wanted.is_empty() {
        return None;
    }
    session.inputs().iter().find_map(|outlet| {
        let ValueType::Tensor { dimension_symbols, .. } = outlet.dtype() else { return None };
        let axis = dimension_symbols.iter().position(|symbol| symbol == wanted)?;
        let tensor = inputs.iter().find(|tensor| tensor.name == outlet.name())?;
        tensor.shape.get(axis).and_then(|n| i64::try_from(*n).ok())
    })
}

fn fill(target: &mut DynTensor, data: &Data) -> Result<()> {
    match data {
        Data::F32(v) if *target.data_type() == TensorElementType::Float16 => {
            let (_, slots) = target.try_extract_tensor_mut::<half::f16>()?;
            same_len(slots.len(), v.len())?;
            slots.convert_from_f32_slice(v);
        }
        Data::F32(v) => copy(target.try_extract_tensor_mut()?.1, v)?,
        Data::F64(v) => copy(target.try_extract_tensor_mut()?.1, v)?,
        Data::I64(v) => copy(target.try_extract_tensor_mut()?.1, v)?,
        Data::I32(v) => copy(target.try_extract_tensor_mut()?.1, v)?,
        Data::U8(v) => copy(target.try_extract_tensor_mut()?.1, v)?,
        Data::Bool(v) => copy(target.try_extract_tensor_mut()?.1, v)?,
    }
    Ok(())
}

fn copy<T: Copy>(slots: &mut [T], values: &[T]) -> Result<()> {
    same_len(slots.len(), values.len())?;
    slots.copy_from_slice(values);
    Ok(())
}

fn same_len(slots: usize, values: usize) -> Result<()> {
    if slots == values { Ok(()) } else { Err(ort::Error::new(format!("{values} elements for a buffer of {slots}"))) }
}

/// Reads a tensor on the host, keeping the vector where the type is the same.
fn read<T: TensorValueTypeMarker + ?Sized>(source: &Value<T>, data: &mut Data) -> Result<()> {
    match source.dtype().tensor_type().unwrap_or(TensorElementType::Undefined) {
        TensorElementType::Float16 => {
            let (_, values) = source.try_extract_tensor::<half::f16>()?;
            let mut floats = if let Data::F32(kept) = data { std::mem::take(kept) } else { Vec::new() };
            floats.resize(values.len(), 0.0);
            values.convert_to_f32_slice(&mut floats);
            *data = Data::F32(floats);
        }
        TensorElementType::Float32 => keep!(data, F32, source),
        TensorElementType::Float64 => keep!(data, F64, source),
        TensorElementType::Int64 => keep!(data, I64, source),
        TensorElementType::Int32 => keep!(data, I32, source),
        TensorElementType::Uint8 => keep!(data, U8, source),
        TensorElementType::Bool => keep!(data, Bool, source),
        other => return Err(ort::Error::new(format!("an output has element type {other}"))),
    }
    Ok(())
}

macro_rules! keep {
    ($data:ident, $kind:ident, $source:ident) => {{
        let (_, values) = $source.try_extract_tensor()?;
        match $data {
            Data::$kind(kept) => {
                kept.clear();
                kept.extend_from_slice(values);
            }
            other => *other = Data::$kind(values.to_vec()),
        }
    }};
}
use keep;

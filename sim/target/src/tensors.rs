//! Tensors on the wire: raw bytes (little-endian, row-major) or typed contents.

use half::f16;
use runtime::{Data, Element, ModelInfo, Tensor, TensorSpec};

use crate::wire::model_infer_request::InferInputTensor;
use crate::wire::model_infer_response::InferOutputTensor;
use crate::wire::model_metadata_response::TensorMetadata;
use crate::wire::{InferTensorContents, ModelInferRequest, ModelInferResponse};

const DATATYPES: [(Element, &str); 7] = [
    (Element::F32, "FP32"),
    (Element::F64, "FP64"),
    (Element::F16, "FP16"),
    (Element::I64, "INT64"),
    (Element::I32, "INT32"),
    (Element::U8, "UINT8"),
    (Element::Bool, "BOOL"),
];

pub(crate) fn datatype(element: Element) -> &'static str {
    DATATYPES.iter().find(|(known, _)| *known == element).map_or("FP32", |(_, name)| name)
}

fn element(datatype: &str) -> Result<Element, String> {
    let known = DATATYPES.iter().find(|(_, name)| *name == datatype);
    known
        .map(|(element, _)| *element)
        .ok_or_else(|| format!("found datatype `{datatype}`; expected {}", DATATYPES.map(|(_, name)| name).join(", ")))
}

/// What a model declares, as metadata: a dynamic axis is -1.
pub(crate) fn metadata(specs: &[TensorSpec]) -> Vec<TensorMetadata> {
    let of = |spec: &TensorSpec| TensorMetadata {
        name: spec.name.clone(),
        datatype: datatype(spec.element).to_owned(),
        shape: spec.shape.iter().map(|axis| axis.map_or(-1, |n| n as i64)).collect(),
    };
    specs.iter().map(of).collect()
}

/// And back; any axis below 1 is dynamic.
pub(crate) fn spec(metadata: &TensorMetadata) -> Result<TensorSpec, String> {
    let shape = metadata.shape.iter().map(|axis| usize::try_from(*axis).ok().filter(|n| *n > 0)).collect();
    Ok(TensorSpec { name: metadata.name.clone(), element: element(&metadata.datatype)?, shape })
}

/// The bytes of a tensor whose model declares `element`.
pub(crate) fn to_raw(data: &Data, element: Element) -> Vec<u8> {
    match data {
        Data::F32(v) if element == Element::F16 => v.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect(),
        Data::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::U8(v) => v.clone(),
        Data::Bool(v) => v.iter().map(|x| u8::from(*x)).collect(),
    }
}

fn from_raw(element: Element, bytes: &[u8]) -> Result<Data, String> {
    fn numbers<T, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let (chunks, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(format!("found {} bytes; expected a multiple of {N}", bytes.len()));
        }
        Ok(chunks.iter().map(|chunk| read(*chunk)).collect())
    }
    Ok(match element {
        Element::F32 => Data::F32(numbers(bytes, f32::from_le_bytes)?),
        Element::F16 => Data::F32(numbers(bytes, |two| f16::from_le_bytes(two).to_f32())?),
        Element::F64 => Data::F64(numbers(bytes, f64::from_le_bytes)?),
        Element::I64 => Data::I64(numbers(bytes, i64::from_le_bytes)?),
        Element::I32 => Data::I32(numbers(bytes, i32::from_le_bytes)?),
        Element::U8 => Data::U8(bytes.to_vec()),
        Element::Bool => Data::Bool(bytes.iter().map(|byte| *byte != 0).collect()),
    })
}

fn from_contents(element: Element, contents: InferTensorContents) -> Result<Data, String> {
    Ok(match element {
        Element::F32 => Data::F32(contents.fp32_contents),
        Element::F64 => Data::F64(contents.fp64_contents),
        Element::I64 => Data::I64(contents.int64_contents),
        Element::I32 => Data::I32(contents.int_contents),
        Element::Bool => Data::Bool(contents.bool_contents),
        Element::U8 => {
            let bytes: Result<Vec<u8>, _> = contents.uint_contents.into_iter().map(u8::try_from).collect();
            Data::U8(bytes.map_err(|_| "found an UINT8 above 255".to_owned())?)
        }
        Element::F16 => return Err("found FP16 in typed contents; it travels as raw bytes only".to_owned()),
    })
}

/// A tensor from its parts; `raw` where the message keeps its bytes apart.
fn tensor(
    name: String,
    datatype: &str,
    shape: &[i64],
    contents: Option<InferTensorContents>,
    raw: Option<&[u8]>,
) -> Result<Tensor, String> {
    let parse = || {
        let element = element(datatype)?;
        let data = match (raw, contents) {
            (Some(bytes), _) => from_raw(element, bytes)?,
            (None, Some(contents)) => from_contents(element, contents)?,
            (None, None) => return Err("found neither contents nor raw bytes".to_owned()),
        };
        let axes: Option<Vec<usize>> = shape.iter().map(|axis| usize::try_from(*axis).ok()).collect();
        let elements = axes.as_ref().and_then(|axes| axes.iter().try_fold(1usize, |n, axis| n.checked_mul(*axis)));
        match axes {
            Some(shape) if elements == Some(data.len()) => Ok((shape, data)),
            _ => Err(format!("found shape {shape:?} with {} elements", data.len())),
        }
    };
    match parse() {
        Ok((shape, data)) => Ok(Tensor { name, shape, data }),
        Err(why) => Err(format!("tensor `{name}`: {why}")),
    }
}

/// The raw bytes of tensor `i` of `count`, if the message keeps them apart.
fn apart(raw: &[Vec<u8>], i: usize, count: usize) -> Result<Option<&[u8]>, String> {
    match raw.len() {
        0 => Ok(None),
        n if n == count => Ok(Some(&raw[i])),
        n => Err(format!("found {n} raw tensors for {count} declared ones")),
    }
}

/// A request for one inference.
pub(crate) fn request(model: &ModelInfo, name: &str, inputs: &[Tensor]) -> ModelInferRequest {
    let element = |tensor: &Tensor| {
        let spec = model.inputs.iter().find(|spec| spec.name == tensor.name);
        spec.map_or(tensor.data.kind(), |spec| spec.element)
    };
    let head = |tensor: &Tensor| InferInputTensor {
        name: tensor.name.clone(),
        datatype: datatype(element(tensor)).to_owned(),
        shape: tensor.shape.iter().map(|axis| *axis as i64).collect(),
        ..InferInputTensor::default()
    };
    ModelInferRequest {
        model_name: name.to_owned(),
        inputs: inputs.iter().map(head).collect(),
        raw_input_contents: inputs.iter().map(|tensor| to_raw(&tensor.data, element(tensor))).collect(),
        ..ModelInferRequest::default()
    }
}

/// The tensors of a request.
pub(crate) fn inputs(request: ModelInferRequest) -> Result<Vec<Tensor>, String> {
    let count = request.inputs.len();
    let of = |(i, input): (usize, InferInputTensor)| {
        let raw = apart(&request.raw_input_contents, i, count)?;
        tensor(input.name, &input.datatype, &input.shape, input.contents, raw)
    };
    request.inputs.into_iter().enumerate().map(of).collect()
}

/// The outputs of an answer, and their bytes.
pub(crate) fn answer(model: &ModelInfo, outputs: &[Tensor]) -> (Vec<InferOutputTensor>, Vec<Vec<u8>>) {
    let of = |tensor: &Tensor| {
        let spec = model.outputs.iter().find(|spec| spec.name == tensor.name);
        let element = spec.map_or(tensor.data.kind(), |spec| spec.element);
        let head = InferOutputTensor {
            name: tensor.name.clone(),
            datatype: datatype(element).to_owned(),
            shape: tensor.shape.iter().map(|axis| *axis as i64).collect(),
            ..InferOutputTensor::default()
        };
        (head, to_raw(&tensor.data, element))
    };
    outputs.iter().map(of).unzip()
}

/// The tensors of an answer, in the model's order, checked against what it declares.
pub(crate) fn outputs(model: &ModelInfo, response: ModelInferResponse) -> Result<Vec<Tensor>, String> {
    let count = response.outputs.len();
    let of = |(i, output): (usize, InferOutputTensor)| {
        let raw = apart(&response.raw_output_contents, i, count)?;
        tensor(output.name, &output.datatype, &output.shape, output.contents, raw)
    };
    let mut found: Vec<Tensor> = response.outputs.into_iter().enumerate().map(of).collect::<Result<_, String>>()?;
    if model.outputs.is_empty() {
        return Ok(found);
    }
    let mut ordered = Vec::with_capacity(model.outputs.len());
    for spec in &model.outputs {
        let Some(i) = found.iter().position(|tensor| tensor.name == spec.name) else {
            return Err(format!("found no output {spec}"));
        };
        let tensor = found.swap_remove(i);
        spec.check(&tensor).map_err(|_| {
            format!("found output `{}` {} {:?}; expected {spec}", tensor.name, tensor.data.kind(), tensor.shape)
        })?;
        ordered.push(tensor);
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_goes_over_and_comes_back() {
        let all = [
            (Element::F32, Data::F32(vec![1.5, f32::NAN])),
            (Element::F16, Data::F32(vec![0.5, -2.0])),
            (Element::F64, Data::F64(vec![-0.0, 2.0])),
            (Element::I64, Data::I64(vec![i64::MIN, 7])),
            (Element::I32, Data::I32(vec![-3, 4])),
            (Element::U8, Data::U8(vec![0, 255])),
            (Element::Bool, Data::Bool(vec![true, false])),
        ];
        for (of, data) in all {
            assert_eq!(element(datatype(of)), Ok(of));
            let back = from_raw(of, &to_raw(&data, of)).unwrap();
            // NaN is not equal to itself, but its text is.
            assert_eq!(format!("{back:?}"), format!("{data:?}"));
        }
        assert!(from_raw(Element::F32, &[0; 7]).unwrap_err().contains("multiple of 4"));
        assert!(element("BF16").unwrap_err().contains("expected FP32"));
    }

    #[test]
    fn a_shape_that_lies_is_refused() {
        let shaped = |shape: &[i64]| tensor("x".to_owned(), "FP32", shape, None, Some(&[0; 8]));
        assert!(shaped(&[1, 2]).is_ok());
        for wrong in [&[1, 3][..], &[-1, 2], &[i64::MAX, i64::MAX], &[0]] {
            assert!(shaped(wrong).unwrap_err().contains("tensor `x`: found shape"), "{wrong:?}");
        }
    }
}

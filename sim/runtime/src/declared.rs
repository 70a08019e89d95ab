//! What a model declares of its tensors: names, types, shapes.

use crate::graph::{Refusal, Walk};
use crate::wire::{Message, Value};
use crate::{Element, TensorSpec};

/// Elements of one tensor that the model declares: 2^31, what ONNX Runtime's own formats can hold.
const MAX_ELEMENTS: u64 = 1 << 31;

/// The string in field `number`, empty if there is none.
pub(crate) fn text_field(message: Message<'_>, number: u64) -> Walk<&str> {
    let mut fields = message.fields();
    let mut text = "";
    while let Some((found, value)) = fields.next()? {
        if let (true, Value::Bytes(bytes)) = (found == number, value) {
            text = bytes.text()?;
        }
    }
    Ok(text)
}

/// The message in field `number`.
fn message_field(message: Message<'_>, number: u64) -> Walk<Option<Message<'_>>> {
    let mut fields = message.fields();
    let mut last = None;
    while let Some((found, value)) = fields.next()? {
        if let (true, Value::Bytes(bytes)) = (found == number, value) {
            last = Some(bytes);
        }
    }
    Ok(last)
}

/// A graph's input or output.
pub(crate) fn value_info(value: Message, side: &str) -> Walk<TensorSpec> {
    let name = text_field(value, 1)?.to_owned();
    if name.is_empty() {
        return Err(Refusal::Graph(format!("an {side} has no name; export the model again")));
    }
    let tensor = match message_field(value, 2)? {
        Some(kind) => message_field(kind, 1)?,
        None => None,
    };
    let Some(tensor) = tensor else {
        return Err(Refusal::Graph(format!(
            "{side} `{name}` is not a tensor; only tensors go in and out (no sequences, maps or optionals)"
        )));
    };
    let mut number = 0;
    let mut shape = Vec::new();
    let mut fields = tensor.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Varint(n)) => number = n,
            (2, Value::Bytes(dims)) => shape = axes(dims)?,
            _ => {}
        }
    }
    let Some(element) = Element::from_onnx(number) else {
        return Err(Refusal::Graph(format!(
            "{side} `{name}` has ONNX element type {number}; expected float, double, float16, int64, int32, uint8 or bool"
        )));
    };
    let fixed: Vec<u64> = shape.iter().map(|axis| axis.map_or(1, |n| n as u64)).collect();
    elements(&fixed, &format!("{side} `{name}`"))?;
    Ok(TensorSpec { name, element, shape })
}

/// The axes of a `TensorShapeProto`; no value, a name or anything below 1 is dynamic.
fn axes(shape: Message) -> Walk<Vec<Option<usize>>> {
    let mut axes = Vec::new();
    let mut fields = shape.fields();
    while let Some(field) = fields.next()? {
        if let (1, Value::Bytes(dim)) = field {
            let mut axis = None;
            let mut parts = dim.fields();
            while let Some(part) = parts.next()? {
                if let (1, Value::Varint(n)) = part {
                    axis = Some(n).filter(|n| n.cast_signed() > 0).map(|n| n as usize);
                }
            }
            axes.push(axis);
        }
    }
    Ok(axes)
}

/// The number of elements, if it can be meant.
pub(crate) fn elements(dims: &[u64], what: &str) -> Walk<u64> {
    let product = dims.iter().try_fold(1u64, |n, dim| n.checked_mul(*dim)).filter(|n| *n <= MAX_ELEMENTS);
    product.ok_or_else(|| {
        let shown: Vec<i64> = dims.iter().map(|n| n.cast_signed()).collect();
        Refusal::Graph(format!("{what} has shape {shown:?}; at most 2^31 elements are accepted"))
    })
}

/// Bytes of an element by ONNX type number, where a tensor's raw data is simply that many times as long.
pub(crate) fn element_bytes(data_type: u64) -> Option<u64> {
    Some(match data_type {
        2 | 3 | 9 => 1,
        4 | 5 | 10 | 16 => 2,
        1 | 6 | 12 => 4,
        7 | 11 | 13 | 14 => 8,
        15 => 16,
        _ => return None,
    })
}

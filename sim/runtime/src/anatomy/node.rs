//! Nodes, attributes and stored tensors, as far as counting needs them.

use std::collections::BTreeMap;

use super::shapes::Known;
use crate::declared::{element_bytes, elements, text_field};
use crate::graph::Walk;
use crate::wire::{Message, Value};

/// Integer tensors beyond this are data, not shapes.
const MAX_INTS: u64 = 1024;

/// ONNX's numbers of element types.
const UINT8: u64 = 2;
const INT32: u64 = 6;
const INT64: u64 = 7;
const BOOL: u64 = 9;

/// One operator of a graph.
#[derive(Default)]
pub(super) struct Node<'a> {
    pub operator: &'a str,
    pub domain: &'a str,
    /// Names; empty for one that is left out.
    pub inputs: Vec<&'a str>,
    pub outputs: Vec<&'a str>,
    attributes: BTreeMap<&'a str, Attribute<'a>>,
}

#[derive(Default)]
struct Attribute<'a> {
    int: Option<i64>,
    ints: Vec<i64>,
    text: Option<&'a str>,
    tensor: Option<Known>,
}

impl<'a> Node<'a> {
    pub fn read(message: Message<'a>) -> Walk<Self> {
        let mut node = Self::default();
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(name)) => node.inputs.push(name.text()?),
                (2, Value::Bytes(name)) => node.outputs.push(name.text()?),
                (4, Value::Bytes(name)) => node.operator = name.text()?,
                (5, Value::Bytes(attribute)) => {
                    node.attributes.insert(text_field(attribute, 1)?, Attribute::read(attribute)?);
                }
                (7, Value::Bytes(name)) => node.domain = name.text()?,
                _ => {}
            }
        }
        Ok(node)
    }

    /// `Operator`, or `domain:Operator` outside ONNX's own.
    pub fn full_name(&self) -> String {
        match self.domain {
            "" | "ai.onnx" => self.operator.to_owned(),
            domain => format!("{domain}:{}", self.operator),
        }
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.attributes.get(name)?.int
    }

    pub fn flag(&self, name: &str) -> bool {
        self.int(name) == Some(1)
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attributes.get(name).map(|attribute| attribute.ints.as_slice())
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.attributes.get(name)?.text
    }

    pub fn tensor(&self, name: &str) -> Option<&Known> {
        self.attributes.get(name)?.tensor.as_ref()
    }

    /// Names of inputs that are scales and zero points of quantisation.
    pub fn scales(&self) -> impl Iterator<Item = &'a str> + '_ {
        let places: &[usize] = match self.operator {
            "QuantizeLinear" | "DequantizeLinear" => &[1, 2],
            "QLinearConv" | "QLinearMatMul" | "QLinearAdd" | "QLinearMul" => &[1, 2, 4, 5, 6, 7],
            "QGemm" => &[1, 2, 4, 5, 7, 8],
            "ConvInteger" | "MatMulInteger" => &[2, 3],
            _ => &[],
        };
        places.iter().filter_map(|&place| self.inputs.get(place).copied())
    }
}

impl<'a> Attribute<'a> {
    fn read(message: Message<'a>) -> Walk<Self> {
        let mut attribute = Self::default();
        let mut fields = message.fields();
        while let Some(field) = fields.next()? {
            match field {
                (3, Value::Varint(n)) => attribute.int = Some(n.cast_signed()),
                // Bytes that are no text belong to attributes that no rule reads.
                (4, Value::Bytes(text)) => attribute.text = text.text().ok(),
                (5, Value::Bytes(tensor)) => attribute.tensor = Some(stored(tensor)?.known()),
                (8, Value::Varint(n)) => attribute.ints.push(n.cast_signed()),
                (8, Value::Bytes(packed)) => attribute.ints.extend(packed.packed()?.iter().map(|n| n.cast_signed())),
                _ => {}
            }
        }
        Ok(attribute)
    }
}

/// A tensor that the file holds.
pub(super) struct Stored<'a> {
    pub name: &'a str,
    pub elements: u64,
    /// 0 for types of less than a byte.
    pub element_bytes: u64,
    kind: u64,
    shape: Vec<u64>,
    ints: Option<Vec<i64>>,
}

impl Stored<'_> {
    /// Whether it is a weight rather than a shape, an index or a truth value.
    pub fn is_weight(&self) -> bool {
        !matches!(self.kind, INT64 | BOOL)
    }

    pub fn is_unsigned_byte(&self) -> bool {
        self.kind == UINT8
    }

    pub fn known(&self) -> Known {
        Known { shape: self.shape.clone(), ints: self.ints.clone() }
    }
}

pub(super) fn stored(tensor: Message<'_>) -> Walk<Stored<'_>> {
    let (mut dims, mut kind, mut raw, mut typed) = (Vec::new(), 0, None, Vec::new());
    let mut fields = tensor.fields();
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Varint(n)) => dims.push(n),
            (1, Value::Bytes(packed)) => dims.extend(packed.packed()?),
            (2, Value::Varint(n)) => kind = n,
            (5 | 7, Value::Varint(n)) => typed.push(n.cast_signed()),
            (5 | 7, Value::Bytes(packed)) => typed.extend(packed.packed()?.iter().map(|n| n.cast_signed())),
            (9, Value::Bytes(bytes)) => raw = Some(bytes),
            _ => {}
        }
    }
    let name = text_field(tensor, 8)?;
    let count = elements(&dims, &format!("tensor `{name}`"))?;
    let ints = (count <= MAX_INTS).then(|| ints(kind, raw, typed)).flatten().filter(|ints| ints.len() as u64 == count);
    Ok(Stored { name, elements: count, element_bytes: element_bytes(kind).unwrap_or(0), kind, shape: dims, ints })
}

fn ints(kind: u64, raw: Option<Message>, typed: Vec<i64>) -> Option<Vec<i64>> {
    let bytes = raw.map(Message::bytes).filter(|bytes| !bytes.is_empty());
    match (kind, bytes) {
        (INT64, Some(bytes)) => Some(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
        (INT32, Some(bytes)) => Some(bytes.as_chunks().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect()),
        (INT64 | INT32, None) => Some(typed),
        _ => None,
    }
}

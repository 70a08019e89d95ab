//! What a model consists of, counted from its bytes: weights, multiply-accumulates, operators.

mod free;
mod node;
mod rules;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::RuntimeError;
use crate::declared::text_field;
use crate::graph::{Refusal, Walk};
use crate::model::Model;
use crate::wire::{Message, Value};
use node::{Node, Stored, stored};
use shapes::Known;

/// The parts of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anatomy {
    /// Elements of the main graph's initialisers. Left out are 64-bit integers and truth values, which are shapes and
    /// indices, and the scales and zero points of quantisation.
    pub params: u64,
    /// Bytes of the same initialisers.
    pub weight_bytes: u64,
    /// Multiply-accumulates of one inference with a batch of 1: those of convolutions, matrix products and recurrent
    /// cells, plain or quantised; the rest (activations, sums, normalisation) is not counted, as is customary. `None` where
    /// a shape or an operator cannot be followed: never a guess.
    pub macs: Option<u64>,
    /// Why `macs` is `None`.
    pub uncounted: Option<String>,
    /// Elements of the outputs of what is counted in `macs`; 0 where that is `None`.
    #[serde(default)]
    pub activations: u64,
    /// Nodes of the main graph by operator; those outside ONNX's own domain as `domain:Operator`.
    pub operators: BTreeMap<String, usize>,
    /// Operators that took another one into themselves, as the engine notes it on the fused node: `FusedConv` with `Relu`.
    pub absorbed: BTreeMap<String, BTreeSet<String>>,
}

/// Counts the parts of a model, after the pre-flight. Opens no engine.
///
/// ```no_run
/// let parts = runtime::anatomy("policy.onnx".as_ref())?;
/// println!("{} weights, {:?} MACs", parts.params, parts.macs);
/// # Ok::<(), runtime::RuntimeError>(())
/// ```
pub fn anatomy(path: &Path) -> Result<Anatomy, RuntimeError> {
    let model = Model::read(path)?;
    dissect(&model.bytes).map_err(|refusal| crate::model::refused(path, refusal))
}

/// How a model's main graph carries its own quantisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantised {
    /// It does not: it lacks QuantizeLinear or DequantizeLinear.
    No,
    /// In signed integers.
    Signed,
    /// In unsigned ones, in part at least.
    Unsigned,
}

/// Whether the model is in QDQ form, and whether its activations are signed.
pub(crate) fn quantised(bytes: &[u8]) -> Walk<Quantised> {
    let parts = Parts::read(graph_of(bytes)?)?;
    let of = |operator: &'static str| parts.nodes.iter().filter(move |node| node.operator == operator);
    if of("QuantizeLinear").next().is_none() || of("DequantizeLinear").next().is_none() {
        return Ok(Quantised::No);
    }
    let unsigned = |node: &Node| match node.inputs.get(2).filter(|name| !name.is_empty()) {
        Some(name) => parts.stored.iter().any(|tensor| tensor.name == *name && tensor.is_unsigned_byte()),
        // ONNX: a zero point that is left out is an unsigned 0.
        None => true,
    };
    Ok(if of("QuantizeLinear").any(unsigned) { Quantised::Unsigned } else { Quantised::Signed })
}

/// The parts of a model in bytes, without the pre-flight: what an engine wrote may hold operators of its own.
pub(crate) fn dissect(bytes: &[u8]) -> Walk<Anatomy> {
    Parts::read(graph_of(bytes)?)?.count()
}

fn graph_of(bytes: &[u8]) -> Walk<Message<'_>> {
    let mut graph = None;
    let mut fields = Message::whole(bytes).fields();
    while let Some(field) = fields.next()? {
        if let (7, Value::Bytes(found)) = field {
            graph = Some(found);
        }
    }
    graph.ok_or_else(|| Refusal::Garbled("it holds no graph".to_owned()))
}

/// The main graph, read.
#[derive(Default)]
struct Parts<'a> {
    nodes: Vec<Node<'a>>,
    stored: Vec<Stored<'a>>,
    inputs: Vec<(&'a str, Option<Vec<u64>>)>,
}

impl<'a> Parts<'a> {
    fn read(graph: Message<'a>) -> Walk<Self> {
        let mut parts = Self::default();
        let mut fields = graph.fields();
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(node)) => parts.nodes.push(Node::read(node)?),
                (5, Value::Bytes(tensor)) => parts.stored.push(stored(tensor)?),
                (11, Value::Bytes(input)) => {
                    // One that is no tensor has no shape, and what comes of it is not counted.
                    let spec = crate::declared::value_info(input, "input").ok();
                    parts.inputs.push((text_field(input, 1)?, spec.and_then(|spec| at_batch_1(&spec.shape))));
                }
                _ => {}
            }
        }
        Ok(parts)
    }

    fn count(self) -> Walk<Anatomy> {
        let mut anatomy = Anatomy::default();
        let steering: BTreeSet<&str> = self.nodes.iter().flat_map(Node::scales).collect();
        for tensor in self.stored.iter().filter(|t| t.is_weight() && !steering.contains(t.name)) {
            anatomy.params += tensor.elements;
            anatomy.weight_bytes += tensor.elements * tensor.element_bytes;
        }
        for node in &self.nodes {
            *anatomy.operators.entry(node.full_name()).or_default() += 1;
            if let Some(inner) = node.text("activation") {
                anatomy.absorbed.entry(node.full_name()).or_default().insert(inner.to_owned());
            }
        }
        match self.macs() {
            Ok((macs, activations)) => (anatomy.macs, anatomy.activations) = (Some(macs), activations),
            Err(reason) => anatomy.uncounted = Some(reason),
        }
        Ok(anatomy)
    }

    /// Multiply-accumulates, and elements of what they make. Walks the nodes in their order, which ONNX requires to be that of
    /// their use.
    fn macs(&self) -> Result<(u64, u64), String> {
        let mut known: BTreeMap<&str, Known> = BTreeMap::new();
        for (name, shape) in &self.inputs {
            if let Some(shape) = shape {
                known.insert(name, Known::shaped(shape.clone()));
            }
        }
        for tensor in &self.stored {
            known.insert(tensor.name, tensor.known());
        }
        let (mut total, mut activations) = (0u64, 0u64);
        for node in &self.nodes {
            let inputs: Vec<Option<&Known>> = node.inputs.iter().map(|name| known.get(name)).collect();
            let made = rules::apply(node, &inputs)?;
            total = total.checked_add(made.macs).ok_or("more than 2^64 multiply-accumulates")?;
            if made.macs > 0 {
                let elements = made.outputs.iter().filter_map(Known::elements);
                activations = elements.fold(activations, u64::saturating_add);
            }
            for (name, value) in node.outputs.iter().zip(made.outputs) {
                known.insert(name, value);
            }
        }
        Ok((total, activations))
    }
}

/// A declared shape with its dynamic first axis as 1; `None` if another axis is dynamic.
fn at_batch_1(axes: &[Option<usize>]) -> Option<Vec<u64>> {
    let axis = |(i, axis): (usize, &Option<usize>)| axis.or((i == 0).then_some(1)).map(|n| n as u64);
    axes.iter().enumerate().map(axis).collect()
}

#[cfg(test)]
#[path = "anatomy/tests.rs"]
mod tests;

//! What each operator makes of shapes, and how often it multiplies and accumulates.

use super::free::{FREE, free};
use super::node::Node;
use super::shapes::{Known, Window, broadcast, product};

/// The outputs that are known, from the first on, and the work.
pub(super) struct Made {
    pub outputs: Vec<Known>,
    pub macs: u64,
}

/// Where the operators are known by their names alone.
const DOMAINS: [&str; 3] = ["", "ai.onnx", "com.microsoft"];

/// The result of a node; `Err` says why what it does cannot be counted.
pub(super) fn apply(node: &Node, inputs: &[Option<&Known>]) -> Result<Made, String> {
    let unknown = || format!("a shape that operator `{}` needs is not known", node.full_name());
    let inputs = Inputs(inputs);
    let ours = DOMAINS.contains(&node.domain);
    if ours && WORKERS.contains(&node.operator) {
        return work(node, &inputs).ok_or_else(unknown);
    }
    if !ours || !FREE.contains(&node.operator) {
        return Err(format!("there is no rule for operator `{}`", node.full_name()));
    }
    // What is free and cannot be followed only leaves its outputs unknown.
    Ok(Made { outputs: free(node, &inputs).unwrap_or_default(), macs: 0 })
}

pub(super) struct Inputs<'a>(pub &'a [Option<&'a Known>]);

impl<'a> Inputs<'a> {
    pub fn at(&self, i: usize) -> Option<&'a Known> {
        self.0.get(i).copied().flatten()
    }

    pub fn ints(&self, i: usize) -> Option<&'a [i64]> {
        self.at(i)?.ints.as_deref()
    }
}

/// Operators that multiply and accumulate.
const WORKERS: &[&str] = &[
    "Conv",
    "ConvInteger",
    "FusedConv",
    "QLinearConv",
    "ConvTranspose",
    "Gemm",
    "FusedGemm",
    "QGemm",
    "MatMul",
    "MatMulInteger",
    "QLinearMatMul",
    "GRU",
    "LSTM",
    "RNN",
    "Einsum",
];

/// What one of [`WORKERS`] does; `None` where it cannot be followed, as an `Einsum` never is.
fn work(node: &Node, inputs: &Inputs) -> Option<Made> {
    let (a, b) = (inputs.at(0), inputs.at(1));
    match node.operator {
        "Conv" | "ConvInteger" | "FusedConv" => convolve(node, a, b),
        "QLinearConv" => convolve(node, a, inputs.at(3)),
        "ConvTranspose" => spread(node, a, b, inputs),
        "Gemm" | "FusedGemm" => gemm(node, a, b),
        "QGemm" => gemm(node, a, inputs.at(3)),
        "MatMul" | "MatMulInteger" => multiply(a, b),
        "QLinearMatMul" => multiply(a, inputs.at(3)),
        "GRU" | "LSTM" | "RNN" => recur(node, inputs),
        _ => None,
    }
}

fn done(shape: Vec<u64>, macs: Option<u64>) -> Option<Made> {
    Some(Made { outputs: vec![Known::shaped(shape)], macs: macs? })
}

pub(super) fn window<'a>(node: &'a Node, kernel: &'a [u64]) -> Window<'a> {
    Window {
        kernel,
        strides: node.ints("strides"),
        dilations: node.ints("dilations"),
        pads: node.ints("pads"),
        auto_pad: node.text("auto_pad"),
        ceil: node.flag("ceil_mode"),
    }
}

/// Each output channel of each position takes one filter.
fn convolve(node: &Node, x: Option<&Known>, w: Option<&Known>) -> Option<Made> {
    let ([batch, _, spatial @ ..], [filters, _, kernel @ ..]) = (&x?.shape[..], &w?.shape[..]) else { return None };
    let positions = window(node, kernel).slide(spatial)?;
    let macs = batch.checked_mul(product(&positions)?)?.checked_mul(w?.elements()?);
    done([&[*batch, *filters], &positions[..]].concat(), macs)
}

/// A transposed convolution: each position of the input spreads over all filters of its channel.
fn spread(node: &Node, x: Option<&Known>, w: Option<&Known>, inputs: &Inputs) -> Option<Made> {
    let ([batch, _, spatial @ ..], [_, per_group, kernel @ ..]) = (&x?.shape[..], &w?.shape[..]) else { return None };
    if node.ints("output_shape").is_some() || inputs.0.len() > 3 {
        return None;
    }
    let filters = per_group.checked_mul(u64::try_from(node.int("group").unwrap_or(1)).ok()?)?;
    let positions = window(node, kernel).spread(spatial, node.ints("output_padding"))?;
    let macs = batch.checked_mul(product(spatial)?)?.checked_mul(w?.elements()?);
    done([&[*batch, filters], &positions[..]].concat(), macs)
}

fn gemm(node: &Node, a: Option<&Known>, b: Option<&Known>) -> Option<Made> {
    let ([a0, a1], [b0, b1]) = (&a?.shape[..], &b?.shape[..]) else { return None };
    let (m, k) = if node.flag("transA") { (*a1, *a0) } else { (*a0, *a1) };
    let (inner, n) = if node.flag("transB") { (*b1, *b0) } else { (*b0, *b1) };
    (k == inner).then(|| done(vec![m, n], product(&[m, k, n])))?
}

/// NumPy's matrix product, vectors and batches included.
fn multiply(a: Option<&Known>, b: Option<&Known>) -> Option<Made> {
    let (a, b) = (&a?.shape[..], &b?.shape[..]);
    let (batch_a, m, k) = match a {
        [k] => (&a[..0], None, *k),
        [batch @ .., m, k] => (batch, Some(*m), *k),
        [] => return None,
    };
    let (batch_b, inner, n) = match b {
        [k] => (&b[..0], *k, None),
        [batch @ .., k, n] => (batch, *k, Some(*n)),
        [] => return None,
    };
    if k != inner {
        return None;
    }
    let batch = broadcast(batch_a, batch_b)?;
    let macs = product(&batch)?.checked_mul(product(&[m.unwrap_or(1), k, n.unwrap_or(1)])?);
    done(batch.into_iter().chain(m).chain(n).collect(), macs)
}

/// A recurrent layer: every step of the sequence takes the weights of input and state once.
fn recur(node: &Node, inputs: &Inputs) -> Option<Made> {
    let (x, w, r) = (inputs.at(0)?, inputs.at(1)?, inputs.at(2)?);
    let ([steps, batch, _], [directions, ..], [.., hidden]) = (&x.shape[..], &w.shape[..], &r.shape[..]) else {
        return None;
    };
    if node.flag("layout") {
        return None;
    }
    let weights = w.elements()?.checked_add(r.elements()?)?;
    let macs = steps.checked_mul(*batch)?.checked_mul(weights)?;
    let state = Known::shaped(vec![*directions, *batch, *hidden]);
    let all = Known::shaped(vec![*steps, *directions, *batch, *hidden]);
    Some(Made { outputs: vec![all, state.clone(), state], macs })
}

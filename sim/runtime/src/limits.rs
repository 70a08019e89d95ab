//! What a runtime can do at most here: arithmetic and memory, measured with the two extremes of matrix products.

use serde::Serialize;
use timing::Span;

use crate::model::Model;
use crate::{EngineInfo, Isolation, Options, RuntimeError, ladder, synthetic_inputs};

/// Measured limits of one engine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Floating-point operations a second of a product of two large fp32 matrices, 10^9; two a multiply-accumulate.
    pub gflops: f64,
    /// Bytes a second of a matrix far larger than the caches, read once for each product with a vector, 10^9.
    pub gbytes: f64,
    /// The engine.
    #[serde(skip)]
    pub info: EngineInfo,
}

/// Rows, columns and depth of the product that arithmetic bounds: 2 GFLOP over 12 MB.
const CUBE: usize = 1024;
/// Side of the matrix that memory bounds: 256 MiB, eight times the largest cache of a common processor.
const WALL: usize = 8192;
/// Runs of each; the fastest counts, since a limit is what is possible.
const RUNS: usize = 12;

/// Measures both with the engine that `options` ask for, in this process: the models are made here.
pub fn limits(options: &Options) -> Result<Limits, RuntimeError> {
    let (cube, info) = fastest(CUBE, CUBE, CUBE, options)?;
    let (wall, _) = fastest(1, WALL, WALL, options)?;
    Ok(Limits {
        gflops: 2.0 * (CUBE as f64).powi(3) / cube.secs() / 1e9,
        gbytes: 4.0 * (WALL as f64).powi(2) / wall.secs() / 1e9,
        info,
    })
}

/// The shortest time of a product of `rows` x `depth` by `depth` x `columns`.
fn fastest(rows: usize, depth: usize, columns: usize, options: &Options) -> Result<(Span, EngineInfo), RuntimeError> {
    let model = Model::check("product.onnx".as_ref(), product(rows, depth, columns))?;
    let mut engine = ladder::walk(&model, &Options { isolate: Isolation::Never, ..options.clone() })?;
    drop(model);
    let inputs = synthetic_inputs(&engine.info().model, 1, 0);
    let mut outputs = Vec::new();
    let mut best = Span(i64::MAX);
    for _ in 0..RUNS {
        best = best.min(engine.infer(&inputs, &mut outputs)?.compute);
    }
    Ok((best.max(Span(1)), engine.info().clone()))
}

/// An ONNX model of one MatMul with a constant right side.
fn product(rows: usize, depth: usize, columns: usize) -> Vec<u8> {
    // Small and different; a pattern is as slow as noise.
    let weights: Vec<u8> = (0..depth * columns).flat_map(|i| ((i % 251) as f32 / 251.0 - 0.5).to_le_bytes()).collect();
    let weights = [varint(1, depth), varint(1, columns), varint(2, 1), text(8, "w"), bytes(9, &weights)].concat();
    let node = [text(1, "x"), text(1, "w"), text(2, "y"), text(4, "MatMul")].concat();
    let io = |name: &str, axes: [usize; 2]| {
        let dims: Vec<u8> = axes.iter().flat_map(|n| bytes(1, &varint(1, *n))).collect();
        let tensor = [varint(1, 1), bytes(2, &dims)].concat();
        [text(1, name), bytes(2, &bytes(1, &tensor))].concat()
    };
    let graph = [
        bytes(1, &node),
        text(2, "product"),
        bytes(5, &weights),
        bytes(11, &io("x", [rows, depth])),
        bytes(12, &io("y", [rows, columns])),
    ];
    [varint(1, 8), bytes(7, &graph.concat()), bytes(8, &varint(2, 17))].concat()
}

fn number(mut n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

fn varint(field: usize, n: usize) -> Vec<u8> {
    [number(field << 3), number(n)].concat()
}

fn bytes(field: usize, content: &[u8]) -> Vec<u8> {
    [number((field << 3) | 2), number(content.len()), content.to_vec()].concat()
}

fn text(field: usize, words: &str) -> Vec<u8> {
    bytes(field, words.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anatomy::dissect;
    use crate::{Data, Requested, Rung, Tensor};

    #[test]
    fn the_product_is_a_model_that_multiplies() {
        let bytes = product(2, 3, 4);
        let parts = dissect(&bytes).unwrap();
        assert_eq!((parts.macs, parts.params), (Some(24), 12));
        let model = Model::check("product.onnx".as_ref(), bytes).unwrap();
        let options = Options { requested: Requested::Exactly(Rung::Rten), ..Options::default() };
        let mut engine = ladder::walk(&model, &options).unwrap();
        let mut outputs = Vec::new();
        let x = Tensor::f32("x", [2, 3], vec![1.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
        engine.infer(&[x], &mut outputs).unwrap();
        let w = |i: usize| i as f32 / 251.0 - 0.5;
        let wanted: Vec<f32> = (0..4).map(w).chain((4..8).map(|i| 2.0 * w(i))).collect();
        let Data::F32(found) = &outputs[0].data else { panic!("floats") };
        assert!(found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
}

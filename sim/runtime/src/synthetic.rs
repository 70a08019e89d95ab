//! Inputs made up for a model that is only to be warmed up or measured.

use crate::{Data, Element, ModelInfo, Tensor, TensorSpec};

/// Deterministic pseudo-random inputs of the declared shapes, the same on every machine.
///
/// A dynamic first axis becomes `batch`. Other dynamic axes become 224 (height and width of most image networks) in an
/// input of rank 4, where a dynamic channel axis becomes 3; and 16 elsewhere. Floats are in [0, 1), bytes in 0..=255,
/// wider integers 0 or 1, so that they are valid as indices, masks and token numbers.
pub fn synthetic_inputs(model: &ModelInfo, batch: usize, seed: u64) -> Vec<Tensor> {
    model
        .inputs
        .iter()
        .enumerate()
        .map(|(i, spec)| synthetic(spec, &shape(spec, batch), seed ^ (i as u64) << 32))
        .collect()
}

/// The shape [`synthetic_inputs`] gives an input.
pub(crate) fn shape(spec: &TensorSpec, batch: usize) -> Vec<usize> {
    let rank = spec.shape.len();
    let default = |axis: usize| match (rank, axis) {
        (_, 0) => batch,
        (4, 1) => 3,
        (4, _) => 224,
        _ => 16,
    };
    spec.shape.iter().enumerate().map(|(axis, length)| length.unwrap_or_else(|| default(axis))).collect()
}

/// One input of this shape.
pub(crate) fn synthetic(spec: &TensorSpec, shape: &[usize], seed: u64) -> Tensor {
    let len = shape.iter().product();
    let mut state = seed;
    let mut next = move || split_mix(&mut state);
    let mut float = || (next() >> 40) as f32 / (1u64 << 24) as f32;
    let data = match spec.element {
        Element::F32 | Element::F16 => Data::F32((0..len).map(|_| float()).collect()),
        Element::F64 => Data::F64((0..len).map(|_| f64::from(float())).collect()),
        Element::I64 => Data::I64((0..len).map(|_| i64::from(float() >= 0.5)).collect()),
        Element::I32 => Data::I32((0..len).map(|_| i32::from(float() >= 0.5)).collect()),
        Element::U8 => Data::U8((0..len).map(|_| (float() * 256.0) as u8).collect()),
        Element::Bool => Data::Bool((0..len).map(|_| float() >= 0.5).collect()),
    };
    Tensor { name: spec.name.clone(), shape: shape.to_vec(), data }
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough for inputs whose values do not matter.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(element: Element, shape: &[Option<usize>]) -> ModelInfo {
        let input = TensorSpec { name: "x".to_owned(), element, shape: shape.to_vec() };
        ModelInfo { path: "m.onnx".into(), sha256: String::new(), inputs: vec![input], outputs: Vec::new(), bytes: 0 }
    }

    #[test]
    fn dynamic_axes_get_their_documented_lengths() {
        let shape = |dims: &[Option<usize>]| synthetic_inputs(&model(Element::F32, dims), 2, 7)[0].shape.clone();
        assert_eq!(shape(&[None, None, None, None]), [2, 3, 224, 224]);
        assert_eq!(shape(&[Some(1), Some(3), Some(64), None]), [1, 3, 64, 224]);
        assert_eq!(shape(&[None, None]), [2, 16]);
        assert_eq!(shape(&[]), [0usize; 0]);
    }

    #[test]
    fn the_same_seed_gives_the_same_inputs() {
        let model = model(Element::F32, &[Some(4)]);
        assert_eq!(synthetic_inputs(&model, 1, 7), synthetic_inputs(&model, 1, 7));
        assert_ne!(synthetic_inputs(&model, 1, 7), synthetic_inputs(&model, 1, 8));
    }
}

//! Sensor noise that depends on the seed, the frame and the place in the frame, and on nothing else.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Pairs of standard normal numbers by Box and Muller (1958) from ChaCha8. The key is the seed as little-endian bytes
/// followed by zeros, the stream the frame; the camera's streams have the top bit set.
pub(crate) struct Noise(ChaCha8Rng);

/// The top bit of a stream, to keep the camera's noise apart from the scanner's.
const CAMERA: u64 = 1 << 63;

impl Noise {
    /// For scan `frame`.
    pub fn of_scan(seed: u64, frame: u64) -> Self {
        Self::of_stream(seed, frame)
    }

    /// For depth image `frame`.
    pub fn of_image(seed: u64, frame: u64) -> Self {
        Self::of_stream(seed, frame | CAMERA)
    }

    fn of_stream(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Adds noise of standard deviation `sigma(value)` to every value that `is_measured` says was measured, and keeps
    /// it within `0..=max`. Two random words are drawn for each pair of values, needed or not.
    pub fn add(mut self, values: &mut [f32], max: f32, is_measured: impl Fn(f32) -> bool, sigma: impl Fn(f32) -> f64) {
        for pair in values.chunks_mut(2) {
            // (0, 1] and [0, 1): the logarithm must stay finite.
            let radius = (f64::from(self.0.next_u32()) + 1.0) / 4_294_967_296.0;
            let turn = f64::from(self.0.next_u32()) / 4_294_967_296.0;
            if !pair.iter().any(|&value| is_measured(value)) {
                continue;
            }
            let radius = (-2.0 * libm::log(radius)).sqrt();
            let (sin, cos) = libm::sincos(TAU * turn);
            for (value, normal) in pair.iter_mut().zip([radius * cos, radius * sin]) {
                if is_measured(*value) {
                    *value = ((f64::from(*value) + sigma(*value) * normal) as f32).clamp(0.0, max);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seed: u64, frame: u64, len: usize) -> Vec<f32> {
        let mut values = vec![500.0; len];
        Noise::of_scan(seed, frame).add(&mut values, 1000.0, |_| true, |_| 1.0);
        values.iter().map(|v| v - 500.0).collect()
    }

    #[test]
    fn it_is_standard_normal() {
        let values = sample(7, 3, 100_000);
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 1e5;
        let variance = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / 1e5;
        let beyond_two = values.iter().filter(|v| v.abs() > 2.0).count() as f64 / 1e5;
        assert!(mean.abs() < 0.015, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
        assert!((beyond_two - 0.0455).abs() < 0.003, "{beyond_two}");
    }

    #[test]
    fn it_depends_on_seed_and_frame_alone() {
        assert_eq!(sample(7, 3, 10), sample(7, 3, 10));
        assert_ne!(sample(7, 3, 10), sample(7, 4, 10));
        assert_ne!(sample(7, 3, 10), sample(8, 3, 10));
        assert_eq!(sample(7, 3, 10)[..4], sample(7, 3, 4));
    }
}

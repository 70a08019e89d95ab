//! The one hash behind every draw, so that a draw depends on what it is for and never on what was drawn before.

use xxhash_rust::xxh3::xxh3_64;

/// What a draw is for. The discriminants are part of the replay format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// Service times.
    Service = 1,
    /// Numbers that a scenario leaves to the seed.
    Scenario = 2,
    /// Sensor noise.
    Sensor = 3,
    /// What a surrogate network is fed.
    Input = 4,
    /// Noise seeds and sensor phases of a run's replicas.
    Jitter = 5,
    /// Whether a modelled network is good or bad.
    Channel = 6,
    /// Delays and losses on its way out.
    LinkOut = 7,
    /// And back.
    LinkBack = 8,
}

/// XXH3-64 of `(seed, stream, index)`, each as eight little-endian bytes.
pub fn draw(seed: u64, stream: Stream, index: u64) -> u64 {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&(stream as u64).to_le_bytes());
    bytes[16..].copy_from_slice(&index.to_le_bytes());
    xxh3_64(&bytes)
}

/// A draw as a number in (0, 1): the middle of one of 2^53 equal cells.
pub fn draw_unit(seed: u64, stream: Stream, index: u64) -> f64 {
    ((draw(seed, stream, index) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_pinned() {
        // Part of the replay format: if these change, every recorded seed means something else.
        assert_eq!(draw(0, Stream::Service, 0), VECTORS[0]);
        assert_eq!(draw(7, Stream::Scenario, 41), VECTORS[1]);
        assert_eq!(draw(u64::MAX, Stream::Sensor, u64::MAX), VECTORS[2]);
    }

    const VECTORS: [u64; 3] = [0xb7ae_726b_74ed_6f2e, 0x2153_3c23_a53f_2be3, 0xfcd1_8bd3_50f3_e0ea];

    #[test]
    fn units_fill_the_interval() {
        let n = 100_000;
        let mean = (0..n).map(|k| draw_unit(3, Stream::Service, k)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
    }
}

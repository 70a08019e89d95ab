//! The roofline (Williams, Waterman, Patterson 2009): what a machine allows a network, and what it gets.

use plotters::style::text_anchor::HPos;
use serde::Serialize;

use crate::StudyError;
use crate::chart::{FAINT, INK, Log, REAL, ZERO, dot, line, name_beside, svg, words};

/// Measured limits of one core.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// In words.
    pub device: String,
    /// The runtime whose matrix product is the peak.
    pub runtime: String,
    /// Floating-point operations a second of a large matrix product, 10^9, fp32.
    pub peak_gflops: f64,
    /// Bytes a second that a matrix-vector product reads from a matrix far larger than the caches, 10^9.
    pub bandwidth_gbs: f64,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spot {
    /// Its name.
    pub name: String,
    /// Operations (two a multiply-accumulate) for each byte of weights, inputs and outputs, each moved once.
    pub intensity: f64,
    /// Operations a second reached, 10^9.
    pub gflops: f64,
}

impl Machine {
    /// The most operations a second at an intensity, 10^9.
    pub fn roof(&self, intensity: f64) -> f64 {
        self.peak_gflops.min(intensity * self.bandwidth_gbs)
    }
}

/// An SVG of the roof and the models under it.
pub fn roofline_chart(machine: &Machine, spots: &[Spot]) -> Result<String, StudyError> {
    let (width, height, left, right, top, bottom) = (760i32, 480i32, 76, 110, 60, 56);
    let ridge = machine.peak_gflops / machine.bandwidth_gbs;
    let across =
        Log::around(&spots.iter().map(|s| s.intensity).chain([ridge / 4.0, ridge * 4.0]).collect::<Vec<_>>(), ridge);
    let up = Log::around(&spots.iter().map(|s| s.gflops).collect::<Vec<_>>(), machine.peak_gflops);
    let x = |intensity: f64| left + (across.part(intensity) * f64::from(width - left - right)) as i32;
    let y = |gflops: f64| top + ((1.0 - up.part(gflops)) * f64::from(height - top - bottom)) as i32;
    svg(width as u32, height as u32, |area| {
        words(area, &format!("roofline of one core of {}", machine.device), (left, 14), HPos::Left, INK)?;
        let limits = format!(
            "measured with {}: {:.1} GFLOP/s fp32, {:.1} GB/s",
            machine.runtime, machine.peak_gflops, machine.bandwidth_gbs
        );
        words(area, &limits, (left, 34), HPos::Left, INK)?;
        for gflops in up.decades() {
            line(area, &[(left, y(gflops)), (width - right, y(gflops))], FAINT, 1)?;
            words(area, &format!("{gflops}"), (left - 8, y(gflops)), HPos::Right, INK)?;
        }
        for intensity in across.decades() {
            line(area, &[(x(intensity), top), (x(intensity), height - bottom)], FAINT, 1)?;
            words(area, &format!("{intensity}"), (x(intensity), height - bottom + 16), HPos::Center, INK)?;
        }
        let mut ends: Vec<f64> = across.decades().collect();
        ends.push(ridge);
        // The slope may start below the lowest decade shown: begin where it comes into the picture, at the bottom or at the left.
        let left_end = ends[0];
        ends.push((up.decades().next().unwrap_or(1.0) / machine.bandwidth_gbs).max(left_end));
        ends.sort_by(f64::total_cmp);
        let lowest = up.decades().next().unwrap_or(0.0);
        let roof: Vec<(i32, i32)> =
            ends.iter().filter(|i| machine.roof(**i) >= lowest * 0.999).map(|i| (x(*i), y(machine.roof(*i)))).collect();
        line(area, &roof, ZERO, 3)?;
        let mut taken = Vec::new();
        for spot in spots {
            let at = (x(spot.intensity), y(spot.gflops));
            dot(area, at, REAL, true)?;
            name_beside(area, &mut taken, at, &spot.name)?;
        }
        words(
            area,
            "operations for each byte (weights, inputs, outputs), log scale",
            (width - right, height - 14),
            HPos::Right,
            INK,
        )?;
        words(area, "GFLOP/s", (left - 8, top - 12), HPos::Right, INK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roof_is_the_lower_of_two_limits_and_every_model_is_named() {
        let machine =
            Machine { device: "a table".into(), runtime: "rten".into(), peak_gflops: 100.0, bandwidth_gbs: 20.0 };
        assert_eq!((machine.roof(1.0), machine.roof(5.0), machine.roof(50.0)), (20.0, 100.0, 100.0));
        let spot = |name: &str, intensity, gflops| Spot { name: name.into(), intensity, gflops };
        let svg = roofline_chart(&machine, &[spot("slow", 0.5, 2.0), spot("fast", 60.0, 80.0)]).unwrap();
        for word in ["slow", "fast", "100.0 GFLOP/s fp32, 20.0 GB/s", "a table"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}

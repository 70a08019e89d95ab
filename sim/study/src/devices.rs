//! How good the roofline of modelled devices is: its fit to what was recorded, and what it misses when a point is left out.

use scenario::{Roofline, Workload, median_ms, profile, roofline};
use serde::Serialize;

use crate::StudyError;
use crate::report::median;

/// How strongly a device's overhead is drawn to that of its runtime, in squares of logarithms: a device with few points says
/// little about it.
const PULL: f64 = 0.05;

/// What a runtime reaches, and what each of its devices spends beside it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuntimeFit {
    /// The runtime.
    pub runtime: String,
    /// Share of the peak.
    pub compute: f64,
    /// Share of the bandwidth.
    pub bandwidth: f64,
    /// Overhead that devices are drawn to, ms.
    pub overhead_ms: f64,
    /// Of each device with a point of its own, ms.
    pub overheads_ms: Vec<(String, f64)>,
}

/// A recorded point and what the roofline says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeldOut {
    /// The runtime it belongs to.
    pub runtime: String,
    /// The profile.
    pub profile: String,
    /// The device.
    pub device: String,
    /// The network.
    pub network: String,
    /// Recorded median, ms.
    pub recorded_ms: f64,
    /// By the fit to all points, ms.
    pub fitted_ms: f64,
    /// By the fit to all other points, ms.
    pub predicted_ms: f64,
    /// `predicted / recorded - 1`.
    pub error: f64,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RooflineReport {
    /// Each runtime.
    pub fits: Vec<RuntimeFit>,
    /// Each point.
    pub points: Vec<HeldOut>,
    /// Median of the absolute errors.
    pub median_error: f64,
    /// The largest.
    pub worst_error: f64,
}

/// A point as the fit sees it, ms.
#[derive(Clone, Debug)]
struct Seen {
    device: String,
    /// At the full peak, and at the full bandwidth.
    limits: (f64, f64),
    recorded: f64,
}

/// Fits the roofline that ships to its points, and again without each of them.
pub fn roofline_report() -> Result<RooflineReport, StudyError> {
    report(&roofline())
}

fn report(all: &Roofline) -> Result<RooflineReport, StudyError> {
    let (mut fits, mut points) = (Vec::new(), Vec::new());
    for runtime in &all.runtimes {
        let (seen, mut told) = points_of(all, &runtime.name)?;
        let whole = fit(&runtime.name, &seen);
        for (i, held) in told.iter_mut().enumerate() {
            let others: Vec<Seen> = seen.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, p)| p.clone()).collect();
            held.fitted_ms = whole.predict(&seen[i]);
            held.predicted_ms = fit(&runtime.name, &others).predict(&seen[i]);
            held.error = held.predicted_ms / held.recorded_ms - 1.0;
        }
        points.append(&mut told);
        fits.push(whole);
    }
    let mut errors: Vec<f64> = points.iter().map(|point| point.error.abs()).collect();
    errors.sort_by(f64::total_cmp);
    let (median_error, worst_error) = (median(&errors), errors.last().copied());
    Ok(RooflineReport {
        fits,
        points,
        median_error: median_error.unwrap_or_default(),
        worst_error: worst_error.unwrap_or_default(),
    })
}

/// The points of a runtime's devices.
fn points_of(all: &Roofline, runtime: &str) -> Result<(Vec<Seen>, Vec<HeldOut>), StudyError> {
    let (mut seen, mut told) = (Vec::new(), Vec::new());
    for point in &all.points {
        let spec = all.devices.iter().find(|spec| spec.name == point.device && spec.runtime == runtime);
        let work: Option<&Workload> = all.networks.iter().find(|(name, ..)| *name == point.network).map(|(_, w, _)| w);
        let (Some(spec), Some(work)) = (spec, work) else { continue };
        let recorded = median_ms(&profile(&point.profile)?);
        seen.push(Seen { device: spec.name.clone(), limits: spec.limits(work), recorded });
        told.push(HeldOut {
            runtime: runtime.to_owned(),
            profile: point.profile.clone(),
            device: point.device.clone(),
            network: point.network.clone(),
            recorded_ms: recorded,
            fitted_ms: 0.0,
            predicted_ms: 0.0,
            error: 0.0,
        });
    }
    Ok((seen, told))
}

impl RuntimeFit {
    fn predict(&self, point: &Seen) -> f64 {
        let own = self.overheads_ms.iter().find(|(device, _)| *device == point.device).map(|(_, ms)| *ms);
        roof(point, self.compute, self.bandwidth) + own.unwrap_or(self.overhead_ms)
    }
}

fn roof(point: &Seen, compute: f64, bandwidth: f64) -> f64 {
    (point.limits.0 / compute).max(point.limits.1 / bandwidth)
}

/// Least squares of the logarithms: a grid, then ever smaller steps around its best place.
fn fit(runtime: &str, points: &[Seen]) -> RuntimeFit {
    let mut devices: Vec<&str> = points.iter().map(|point| point.device.as_str()).collect();
    devices.sort_unstable();
    devices.dedup();
    let cost = |at: [f64; 3]| devices.iter().map(|device| overhead(points, device, at).0).sum::<f64>();
    let steps =
        |n: i32, from: f64, to: f64| (0..n).map(move |k| from * (to / from).powf(f64::from(k) / f64::from(n - 1)));
    let mut best = (f64::INFINITY, [1.0, 1.0, 1.0]);
    for compute in steps(20, 0.02, 1.0) {
        for bandwidth in steps(20, 0.05, 1.0) {
            for pool in steps(8, 0.1, 8.0) {
                let at = [compute, bandwidth, pool];
                let found = cost(at);
                // The larger efficiency where several say the same.
                if found <= best.0 {
                    best = (found, at);
                }
            }
        }
    }
    let mut step = 0.1;
    while step > 0.002 {
        let mut moved = false;
        for axis in 0..3 {
            for factor in [1.0 + step, 1.0 / (1.0 + step)] {
                let mut at = best.1;
                at[axis] = (at[axis] * factor).min(if axis < 2 { 1.0 } else { 100.0 });
                let found = cost(at);
                if found < best.0 {
                    best = (found, at);
                    moved = true;
                }
            }
        }
        step = if moved { step } else { step / 2.0 };
    }
    let [compute, bandwidth, pool] = best.1;
    let own = |device: &&str| ((*device).to_owned(), overhead(points, device, best.1).1);
    RuntimeFit {
        runtime: runtime.to_owned(),
        compute,
        bandwidth,
        overhead_ms: pool,
        overheads_ms: devices.iter().map(own).collect(),
    }
}

/// The best overhead of a device, ms, and what it costs before it: its misses, and its distance from the pool's.
fn overhead(points: &[Seen], device: &str, [compute, bandwidth, pool]: [f64; 3]) -> (f64, f64) {
    let roofs: Vec<(f64, f64)> = points
        .iter()
        .filter(|point| point.device == device)
        .map(|point| (roof(point, compute, bandwidth), point.recorded))
        .collect();
    let cost = |log: f64| {
        let ms = pool * log.exp();
        let misses = roofs.iter().map(|(roof, recorded)| ((roof + ms) / recorded).ln().powi(2)).sum::<f64>();
        misses + PULL * log * log
    };
    let scan = |middle: f64, step: f64| {
        let tried = (-12..=12).map(|k| middle + f64::from(k) * step);
        tried.map(|log| (cost(log), log)).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, middle))
    };
    let (_, coarse) = scan(0.0, 0.25);
    let (_, finer) = scan(coarse, 0.02);
    let (found, log) = scan(finer, 0.0016);
    (found, pool * log.exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_that_ship_are_those_of_the_fit() {
        let all = roofline();
        let report = report(&all).unwrap();
        let near = |file: f64, fitted: f64, what: &str| {
            assert!((file / fitted - 1.0).abs() < 0.02, "{what}: the file says {file}, the fit {fitted}");
        };
        for (fit, runtime) in report.fits.iter().zip(&all.runtimes) {
            near(runtime.compute, fit.compute, &format!("{} compute", runtime.name));
            near(runtime.bandwidth, fit.bandwidth, &format!("{} bandwidth", runtime.name));
            near(runtime.overhead_ms, fit.overhead_ms, &format!("{} overhead", runtime.name));
            for (device, ms) in &fit.overheads_ms {
                let spec = all.devices.iter().find(|spec| spec.name == *device).unwrap();
                near(spec.overhead_ms.unwrap(), *ms, &format!("{device} overhead"));
            }
        }
    }

    #[test]
    fn every_point_is_predicted_by_the_others_and_the_median_is_within_a_quarter() {
        let report = roofline_report().unwrap();
        assert_eq!(report.points.len(), roofline().points.len());
        assert!(report.points.iter().all(|point| point.predicted_ms > 0.0 && point.error.is_finite()));
        assert!(report.median_error <= 0.25, "{}", report.median_error);
    }

    #[test]
    fn a_planted_roofline_is_found() {
        let plant = |device: &str, overhead: f64, compute: f64, bytes: f64| Seen {
            device: device.into(),
            limits: (compute, bytes),
            recorded: (compute / 0.4).max(bytes / 0.6) + overhead,
        };
        let works = [(0.1, 0.2), (1.0, 0.3), (5.0, 1.0), (0.2, 3.0), (0.3, 9.0)];
        let points: Vec<Seen> =
            works.iter().flat_map(|&(c, b)| [plant("a", 0.5, c, b), plant("b", 1.0, c, b)]).collect();
        let fit = fit("r", &points);
        assert!((fit.compute / 0.4 - 1.0).abs() < 0.05 && (fit.bandwidth / 0.6 - 1.0).abs() < 0.05, "{fit:?}");
        assert!(points.iter().all(|point| (fit.predict(point) / point.recorded - 1.0).abs() < 0.05), "{fit:?}");
    }
}

//! Modelled devices: what a network that was never measured there would take, by a roofline, and what heat makes of it.

use std::path::Path;

use serde::Deserialize;
use timing::{Body, Device, Profile, Span, Thermal};

use crate::error::{did_you_mean, nearest};
use crate::format::Conditions;
use crate::read::{from_toml, read_text};
use crate::{ScenarioError, profile};

/// The files that are built in.
const DEVICES: (&str, &str) = ("assets/roofline/devices.toml", include_str!("../../../assets/roofline/devices.toml"));
const NETWORKS: (&str, &str) =
    ("assets/roofline/networks.toml", include_str!("../../../assets/roofline/networks.toml"));

/// One inference of a network, as the roofline counts it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// In words.
    pub name: String,
    /// Multiply-accumulates; two operations each.
    pub macs: f64,
    /// Weights, elements.
    pub weights: f64,
    /// Outputs of convolutions and products, elements: each is written once and read once.
    pub activations: f64,
    /// Whether the weights are int8.
    pub int8: bool,
}

/// What a runtime reaches of a device's limits, and what it spends beside them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// As devices name it.
    pub name: String,
    /// In words.
    pub label: String,
    /// Share of the peak.
    pub compute: f64,
    /// Share of the bandwidth.
    pub bandwidth: f64,
    /// Of a device that has no point of its own, ms.
    pub overhead_ms: f64,
}

/// A device of the roofline.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceSpec {
    /// As typed after `device:`.
    pub name: String,
    /// In words.
    pub label: String,
    /// The runtime whose efficiencies it has.
    pub runtime: String,
    /// Dense peak at INT8, 10^12 operations a second.
    pub int8_tops: Option<f64>,
    /// Dense peak in half precision.
    pub float_tops: Option<f64>,
    /// GB/s.
    pub bandwidth_gbs: f64,
    /// Weights up to so many MB stay on the chip and nothing else is moved.
    pub sram_mb: Option<f64>,
    /// Spent in every inference, ms.
    pub overhead_ms: Option<f64>,
    /// The recorded profile whose tail it has, in proportion.
    pub tail: String,
    /// Power and heat.
    pub heat: Thermal,
    /// Power modes besides the full one.
    #[serde(default, rename = "mode")]
    pub modes: Vec<Mode>,
}

/// A power mode: what is left of the full one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mode {
    /// As typed after `@`.
    pub name: String,
    /// Of the peak.
    pub clock: f64,
    /// Of the bandwidth.
    pub memory: f64,
    /// Factor of the overhead.
    pub overhead: f64,
    /// W while an inference runs.
    pub active_w: f64,
}

/// A recorded profile of a device and a network of the files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RooflinePoint {
    /// Whose median is the time.
    pub profile: String,
    /// The device it was recorded on.
    pub device: String,
    /// The network that ran.
    pub network: String,
}

/// All that the roofline knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Roofline {
    /// Where the devices' numbers come from.
    pub source: String,
    /// Pools of efficiencies.
    pub runtimes: Vec<Runtime>,
    /// Devices, in the order in which lists show them.
    pub devices: Vec<DeviceSpec>,
    /// Public networks by the name that is typed, and where their numbers come from.
    pub networks: Vec<(String, Workload, String)>,
    /// What it is fitted to.
    pub points: Vec<RooflinePoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceFile {
    source: String,
    #[serde(default, rename = "runtime")]
    runtimes: Vec<Runtime>,
    #[serde(rename = "device")]
    devices: Vec<DeviceSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    #[serde(rename = "network")]
    networks: Vec<NetworkEntry>,
    #[serde(rename = "point")]
    points: Vec<RooflinePoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkEntry {
    name: String,
    label: String,
    gmacs: f64,
    mparams: f64,
    mactivations: f64,
    source: String,
}

/// What ships.
pub fn roofline() -> Roofline {
    let read = || -> Result<Roofline, ScenarioError> {
        let devices: DeviceFile = from_toml(DEVICES.1, DEVICES.0, |_| None)?;
        let networks: NetworkFile = from_toml(NETWORKS.1, NETWORKS.0, |_| None)?;
        Ok(Roofline {
            source: devices.source,
            runtimes: devices.runtimes,
            devices: devices.devices,
            networks: networks.networks.into_iter().map(NetworkEntry::workload).collect(),
            points: networks.points,
        })
    };
    read().unwrap_or_else(|e| panic!("built-in roofline: {e}"))
}

impl NetworkEntry {
    fn workload(self) -> (String, Workload, String) {
        let work = Workload {
            name: self.label,
            macs: self.gmacs * 1e9,
            weights: self.mparams * 1e6,
            activations: self.mactivations * 1e6,
            int8: true,
        };
        (self.name, work, self.source)
    }
}

impl DeviceSpec {
    /// What the work takes at the full peak, and what its bytes take at the full bandwidth, ms.
    pub fn limits(&self, work: &Workload) -> (f64, f64) {
        let int8 = self.runs_int8(work);
        let tops = if int8 { self.int8_tops } else { self.float_tops };
        let element = if int8 { 1.0 } else { 2.0 };
        let bytes = match self.sram_mb {
            Some(mb) => (work.weights * element - mb * 1e6).max(0.0),
            None => (work.weights + 2.0 * work.activations) * element,
        };
        (2.0 * work.macs / tops.unwrap_or(f64::MIN_POSITIVE) / 1e9, bytes / self.bandwidth_gbs / 1e6)
    }

    fn runs_int8(&self, work: &Workload) -> bool {
        self.float_tops.is_none() || (work.int8 && self.int8_tops.is_some())
    }

    /// What computing takes, what the bytes take, and what is spent beside both, ms, in a mode or the full one.
    fn parts(&self, work: &Workload, runtime: &Runtime, mode: Option<&Mode>) -> (f64, f64, f64) {
        let (clock, memory, overhead) = mode.map_or((1.0, 1.0, 1.0), |m| (m.clock, m.memory, m.overhead));
        let (compute, bytes) = self.limits(work);
        let beside = self.overhead_ms.unwrap_or(runtime.overhead_ms) * overhead;
        (compute / runtime.compute / clock, bytes / runtime.bandwidth / memory, beside)
    }

    /// What limits it, in words.
    fn bound(&self, (compute, bytes, beside): (f64, f64, f64)) -> &'static str {
        if compute.max(bytes) < beside {
            "mostly overhead"
        } else if compute >= bytes {
            "bound by compute"
        } else if self.sram_mb.is_some() {
            "bound by weights that do not fit its SRAM"
        } else {
            "bound by memory"
        }
    }

    fn body(&self, mode: Option<&Mode>, conditions: &Conditions) -> Body {
        let Thermal { idle_w, active_w, j_per_k, .. } = self.heat;
        let active_w = mode.map_or(active_w, |mode| mode.active_w).max(idle_w);
        Body {
            thermal: Thermal { active_w, j_per_k: j_per_k / conditions.hurry, ..self.heat },
            air_c: conditions.air_c,
            start_c: conditions.start_c.unwrap_or(conditions.air_c),
            battery_j: conditions.battery_wh.map(|wh| wh * 3600.0),
            robot_w: conditions.robot_w,
        }
    }

    fn sound(&self) -> bool {
        let Thermal { idle_w, active_w, k_per_w, j_per_k, throttle_c, resume_c, slow_clock } = self.heat;
        let positive = |n: f64| n > 0.0 && n < 1e9;
        let modes = self.modes.iter().all(|m| [m.clock, m.memory, m.overhead, m.active_w].into_iter().all(positive));
        (self.int8_tops.is_some() || self.float_tops.is_some())
            && [self.int8_tops, self.float_tops, self.sram_mb].into_iter().flatten().all(positive)
            && [self.bandwidth_gbs, active_w, k_per_w, j_per_k].into_iter().all(positive)
            && (0.0..=active_w).contains(&idle_w)
            && self.overhead_ms.is_none_or(|ms| (0.0..600_000.0).contains(&ms))
            && resume_c < throttle_c
            && slow_clock > 0.01
            && slow_clock <= 1.0
            && modes
    }
}

/// `NAME[@MODE][:NETWORK]`, taken apart.
struct Wanted<'a> {
    device: &'a str,
    mode: Option<&'a str>,
    network: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn read(text: &'a str) -> Self {
        let (head, network) = text.split_once(':').map_or((text, None), |(head, network)| (head, Some(network)));
        let (device, mode) = head.split_once('@').map_or((head, None), |(device, mode)| (device, Some(mode)));
        Self { device, mode, network }
    }
}

/// Whether the device runs a network that it names itself, rather than the one that drives.
pub fn names_network(text: &str) -> bool {
    Wanted::read(text).network.is_some()
}

/// The device of `NAME[@MODE][:NETWORK]` under these conditions, running `own` or the public network that is named. NAME is one of
/// [`roofline`]'s, or `FILE.toml#NAME`.
pub fn device(text: &str, own: Option<&Workload>, conditions: &Conditions) -> Result<Device, ScenarioError> {
    let wanted = Wanted::read(text);
    let roofline = roofline();
    let (spec, source) = find(&roofline, wanted.device)?;
    let mode = mode(&spec, wanted.mode)?;
    let work = match (wanted.network, own) {
        (Some(name), _) => network(&roofline, name)?.clone(),
        (None, Some(own)) => own.clone(),
        (None, None) => {
            let help = format!("name a public one, such as device:{text}:resnet50, or let a network drive");
            return Err(unknown(format!("no network runs on the device `{text}`"), help));
        }
    };
    let runtime = roofline.runtimes.iter().find(|runtime| runtime.name == spec.runtime).ok_or_else(|| {
        let known: Vec<&str> = roofline.runtimes.iter().map(|runtime| runtime.name.as_str()).collect();
        unknown(format!("device `{}` has no known runtime `{}`", spec.name, spec.runtime), known.join(", "))
    })?;
    let parts = spec.parts(&work, runtime, mode);
    let ms = parts.0.max(parts.1) + parts.2;
    let tail = profile(&spec.tail)?;
    let body = spec.body(mode, conditions);
    let precision = match (spec.runs_int8(&work), work.int8) {
        (true, true) => "int8",
        (true, false) => "as if quantised to int8",
        _ => "half precision",
    };
    let bound = spec.bound(parts);
    let hurry = if conditions.hurry == 1.0 {
        String::new()
    } else {
        format!("; heat builds {} times as fast as it would", conditions.hurry)
    };
    let named = mode.map_or_else(String::new, |mode| format!(" at {}", mode.name));
    let label = format!(
        "{}{named}, {} ({:.3} GMACs, {precision}): roofline {ms:.2} ms, {bound}{hurry}",
        spec.label,
        work.name,
        work.macs / 1e9
    );
    let source = format!("{source}; fitted to and with the tail of: {}", tail.source);
    Ok(Device { profile: scaled(&tail, text, label, source, ms), body })
}

/// The tail of one distribution around another median.
fn scaled(tail: &Profile, name: &str, label: String, source: String, ms: f64) -> Profile {
    let median = median_ms(tail);
    let quantiles = tail.quantiles.iter().map(|(q, span)| (*q, Span::from_ms(span.ms() * ms / median))).collect();
    Profile { name: name.to_owned(), label, source, quantiles }
}

/// The published median, or the typical value where that is all there is, ms.
pub fn median_ms(profile: &Profile) -> f64 {
    let at = |q: f64| profile.quantiles.iter().find(|(found, _)| *found == q).map(|(_, span)| span.ms());
    at(0.5).or_else(|| at(1.0)).unwrap_or_default()
}

fn find(roofline: &Roofline, name: &str) -> Result<(DeviceSpec, String), ScenarioError> {
    if let Some(spec) = roofline.devices.iter().find(|spec| spec.name == name) {
        return Ok((spec.clone(), roofline.source.clone()));
    }
    let (path, wanted) = name.split_once('#').map_or((name, None), |(path, wanted)| (path, Some(wanted)));
    if Path::new(path).extension().is_none_or(|extension| extension != "toml") {
        let known: Vec<&str> = roofline.devices.iter().map(|spec| spec.name.as_str()).collect();
        let guess = did_you_mean(nearest(name, known.iter().copied()));
        let help = format!("{guess}modelled devices here: {}; or give FILE.toml#NAME", known.join(", "));
        return Err(unknown(format!("there is no modelled device `{name}`"), help));
    }
    let file: DeviceFile = from_toml(&read_text(Path::new(path))?, path, |_| None)?;
    let mut found = file.devices;
    found.retain(|spec| wanted.is_none_or(|wanted| spec.name == wanted));
    if found.len() != 1 {
        let message = format!("found {} devices for `{name}`; expected one", found.len());
        return Err(ScenarioError::file(path, message, format!("name one of them: device:{path}#NAME")));
    }
    let spec = found.remove(0);
    if !spec.sound() {
        let message = format!("device `{}` has a peak, bandwidth, power or heat that makes no sense", spec.name);
        let help = "see assets/roofline/devices.toml for what each number is".to_owned();
        return Err(ScenarioError::file(path, message, help));
    }
    Ok((spec, file.source))
}

fn mode<'a>(spec: &'a DeviceSpec, name: Option<&str>) -> Result<Option<&'a Mode>, ScenarioError> {
    let Some(name) = name else { return Ok(None) };
    let found = spec.modes.iter().find(|mode| mode.name == name);
    found.map(Some).ok_or_else(|| {
        let known: Vec<&str> = spec.modes.iter().map(|mode| mode.name.as_str()).collect();
        let help = format!("modes: {}; without `@` it runs at full power", known.join(", "));
        unknown(format!("device `{}` has no mode `{name}`", spec.name), help)
    })
}

fn network<'a>(roofline: &'a Roofline, name: &str) -> Result<&'a Workload, ScenarioError> {
    let found = roofline.networks.iter().find(|(known, ..)| known == name).map(|(_, work, _)| work);
    found.ok_or_else(|| {
        let known: Vec<&str> = roofline.networks.iter().map(|(known, ..)| known.as_str()).collect();
        let guess = did_you_mean(nearest(name, known.iter().copied()));
        let help = format!("{guess}public networks here: {}", known.join(", "));
        unknown(format!("there is no public network `{name}`"), help)
    })
}

fn unknown(message: String, help: String) -> ScenarioError {
    ScenarioError::file("device", message, help)
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;

//! Which models and devices are set against a budget, and how late each of them is.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use miette::{Result, miette};
use scenario::{Latency, Scenario};
use study::{Candidate, Course};

use super::UNTRUSTED;
use super::bar::Bar;
use crate::assets;
use crate::launch::{RuntimeOptions, loader, report};

/// Options about them.
#[derive(clap::Args, Debug)]
pub struct Candidates {
    /// Models that are measured here, each alone, before anything is driven; all that ship and can drive by default, or none
    #[arg(long, value_name = "A,B,...|none", value_delimiter = ',')]
    pub models: Vec<String>,
    /// Inferences in each of these measurements
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub samples: usize,
    /// Stored traces that are judged too, as `deadtime measure --out` writes them
    #[arg(long, value_name = "TRACE,...", value_delimiter = ',')]
    pub traces: Vec<PathBuf>,
    /// Modelled devices that are judged too, with each of --models (or the network that drives): agx-orin, jetson-nano@5w,
    /// coral-usb:resnet50-299; `deadtime devices` lists them
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub devices: Vec<String>,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
}

impl Candidates {
    /// All of them: models first, then stored traces, then the devices whose published numbers ship.
    pub fn all(&self, scenario: &Scenario) -> Result<Vec<Candidate>> {
        let models = match &self.models[..] {
            [] => assets::models(),
            [none] if none == "none" => Vec::new(),
            given => given.to_vec(),
        };
        let course = Course::from(scenario.clone());
        let load = loader(self.runtime.options());
        let machine = super::doctor::processor();
        let mut all =
            study::measured(&models, &course, self.samples.max(1), &machine, &load, &Bar::default()).map_err(report)?;
        let left_out: Vec<&String> =
            self.models.iter().filter(|m| *m != "none" && all.iter().all(|c| c.name != **m)).collect();
        if let Some(name) = left_out.first() {
            return Err(miette!(
                "the model `{name}` cannot drive in `{}`: it does not follow the contract",
                scenario.name()
            ));
        }
        for path in &self.traces {
            all.push(study::stored(path).map_err(report)?);
        }
        for device in &self.devices {
            for model in self.run_on(device, scenario, &models)? {
                all.push(study::modelled(device, &model, &assets::model(&model), &course).map_err(report)?);
            }
        }
        all.extend(study::devices());
        Ok(all)
    }

    /// The networks that a modelled device is judged with.
    fn run_on(&self, device: &str, scenario: &Scenario, measured: &[String]) -> Result<Vec<String>> {
        if scenario::names_network(device) {
            return Ok(vec![String::new()]);
        }
        if !self.models.is_empty() && !measured.is_empty() {
            return Ok(measured.to_vec());
        }
        scenario.controller.model.clone().map(|model| vec![model]).ok_or_else(|| {
            miette!(
                help = format!("give --models, or a public network such as {device}:resnet50"),
                "no network runs on the device `{device}`"
            )
        })
    }
}

/// What to end with: a measurement that is not certified is complained of, and the answer is not to be trusted.
pub fn judged(candidates: &[Candidate]) -> ExitCode {
    let doubtful: Vec<&Candidate> = candidates.iter().filter(|candidate| !candidate.trusted).collect();
    for candidate in &doubtful {
        eprintln!("not certified: {}: {}", candidate.name, candidate.complaints.join("; "));
    }
    if doubtful.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(UNTRUSTED) }
}

/// The scenario with another pilot, and with no latency of its own: what is asked here sets it.
pub fn with_pilot(scenario: &Scenario, model: Option<&String>) -> Result<Scenario> {
    let zero = Latency::Zero.to_string().into();
    let named = model.map(|model| model.as_str().into());
    let changes = [("latency", Some(&zero)), ("model", named.as_ref())];
    Ok(scenario.vary(changes.into_iter().filter_map(|(field, value)| Some((field, value?))))?)
}

/// `A..B`, or one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Between(pub f64, pub f64);

impl FromStr for Between {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |word: &str| word.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
        let both = match text.split_once("..") {
            Some((from, to)) => number(from).zip(number(to)).filter(|(from, to)| from < to),
            None => number(text).map(|n| (n, n)),
        };
        let (from, to) = both.ok_or_else(|| format!("found `{text}`; expected A..B with A below B, such as 1..2.2"))?;
        Ok(Self(from, to))
    }
}

impl Between {
    /// So many numbers from the one to the other, free of the last bits of a division.
    pub fn steps(self, n: usize) -> Vec<f64> {
        let Self(from, to) = self;
        if from == to {
            return vec![from];
        }
        let last = n.max(2) - 1;
        (0..=last).map(|k| ((from + (to - from) * k as f64 / last as f64) * 1e9).round() / 1e9).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_two_numbers_that_rise() {
        assert_eq!("1..2.2".parse::<Between>().map(|b| b.steps(3)), Ok(vec![1.0, 1.6, 2.2]));
        assert_eq!("2".parse::<Between>().map(|b| b.steps(7)), Ok(vec![2.0]));
        for text in ["", "2..1", "1..x", "-1..2", "nan", "1..inf", "1..1"] {
            assert!(text.parse::<Between>().unwrap_err().contains("such as 1..2.2"), "{text}");
        }
    }
}

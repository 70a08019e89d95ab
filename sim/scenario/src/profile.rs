//! Latency profiles of devices that are not at hand: published numbers, kept as data in `assets/devices`.

use std::path::Path;

use serde::Deserialize;
use timing::{Profile, Span};

use crate::ScenarioError;
use crate::error::{did_you_mean, nearest};
use crate::read::{from_toml, read_text};

/// The files that are built in.
const FILES: [(&str, &str); 4] = [
    ("assets/devices/mlperf.toml", include_str!("../../../assets/devices/mlperf.toml")),
    ("assets/devices/coral.toml", include_str!("../../../assets/devices/coral.toml")),
    ("assets/devices/jetson-nano.toml", include_str!("../../../assets/devices/jetson-nano.toml")),
    ("assets/devices/pi0.toml", include_str!("../../../assets/devices/pi0.toml")),
];

/// A file of profiles that share a source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    source: String,
    #[serde(rename = "profile")]
    profiles: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    label: String,
    /// Where only one typical value is known, milliseconds.
    typical_ms: Option<f64>,
    quantiles_ms: Option<Quantiles>,
}

/// Milliseconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quantiles {
    min: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p999: f64,
    max: f64,
}

/// The built-in profiles, in the order in which lists show them.
pub fn profiles() -> Vec<Profile> {
    let read = |(name, text): &(&str, &str)| read_file(name, text).unwrap_or_else(|e| panic!("built-in profiles: {e}"));
    FILES.iter().flat_map(read).collect()
}

/// The profile of that name. Besides the built-in ones: `FILE.toml#NAME`, or `FILE.toml` where it holds just one.
pub fn profile(name: &str) -> Result<Profile, ScenarioError> {
    if let Some(profile) = profiles().into_iter().find(|profile| profile.name == name) {
        return Ok(profile);
    }
    let (path, wanted) = name.split_once('#').map_or((name, None), |(path, wanted)| (path, Some(wanted)));
    if Path::new(path).extension().is_none_or(|extension| extension != "toml") {
        return Err(unknown(name));
    }
    let mut found = read_file(path, &read_text(Path::new(path))?)?;
    found.retain(|profile| wanted.is_none_or(|wanted| profile.name == wanted));
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let message = format!("found {} profiles for `{name}`; expected one", found.len());
    Err(ScenarioError::file(path, message, format!("name one of them: profile:{path}#NAME")))
}

/// No built-in profile has that name.
pub(crate) fn unknown(name: &str) -> ScenarioError {
    let known: Vec<String> = profiles().into_iter().map(|profile| profile.name).collect();
    let guess = did_you_mean(nearest(name, known.iter().map(String::as_str)));
    let help = format!("{guess}profiles here: {}; or give FILE.toml#NAME", known.join(", "));
    ScenarioError::file("profile", format!("there is no profile `{name}`"), help)
}

fn read_file(name: &str, text: &str) -> Result<Vec<Profile>, ScenarioError> {
    let file: ProfileFile = from_toml(text, name, |_| None)?;
    let source = &file.source;
    file.profiles
        .into_iter()
        .map(|entry| entry.profile(source).map_err(|(message, help)| ScenarioError::file(name, message, help)))
        .collect()
}

impl Entry {
    fn profile(self, source: &str) -> Result<Profile, (String, String)> {
        let quantiles = match (self.typical_ms, self.quantiles_ms) {
            (Some(ms), None) => vec![(0.0, ms), (1.0, ms)],
            (None, Some(q)) => {
                vec![(0.0, q.min), (0.5, q.p50), (0.9, q.p90), (0.99, q.p99), (0.999, q.p999), (1.0, q.max)]
            }
            _ => {
                let help = "give either `typical_ms` or `quantiles_ms`";
                return Err((format!("profile `{}` has no clear duration", self.name), help.to_owned()));
            }
        };
        let plausible = quantiles.iter().all(|(_, ms)| (0.0..=600_000.0).contains(ms));
        if !plausible || !quantiles.is_sorted_by(|a, b| a.1 <= b.1) {
            let help = "quantiles are milliseconds from 0 to 600000 that do not fall from `min` to `max`";
            return Err((format!("profile `{}` is not a distribution", self.name), help.to_owned()));
        }
        let quantiles = quantiles.into_iter().map(|(q, ms)| (q, Span::from_ms(ms))).collect();
        Ok(Profile { name: self.name, label: self.label, source: source.to_owned(), quantiles })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_a_distribution_with_a_source() {
        let all = profiles();
        assert!(all.len() >= 26);
        for p in &all {
            assert!(p.quantiles.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{}", p.name);
            assert_eq!((p.quantiles[0].0, p.quantiles[p.quantiles.len() - 1].0), (0.0, 1.0));
            assert!(p.quantiles[0].1 > Span::ZERO && !p.source.is_empty() && !p.label.is_empty());
            assert_eq!(profile(&p.name).unwrap(), *p, "names are unique");
            // One number is not a distribution, and the label says so.
            let constant = p.quantiles[0].1 == p.quantiles[p.quantiles.len() - 1].1;
            assert_eq!(constant, p.label.contains("typical value"), "{}", p.label);
            let drawn = (0..1000).map(|frame| p.service(1, frame).unwrap().total());
            assert!(drawn.clone().min() >= Some(p.quantiles[0].1));
            assert!(drawn.max() <= p.quantiles.last().map(|q| q.1));
        }
    }

    #[test]
    fn every_file_of_profiles_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/devices");
        let on_disk = crate::find_scenarios([&folder]).len();
        assert_eq!(on_disk, FILES.len());
        let path = folder.join("mlperf.toml");
        let one = profile(&format!("{}#orin-nx-retinanet", path.display())).unwrap();
        assert_eq!(one, profile("orin-nx-retinanet").unwrap());
        let several = profile(&path.display().to_string()).unwrap_err();
        assert!(several.help_line().contains("#NAME"), "{several}");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = profile("agx-orin-resnet50").unwrap_err();
        assert!(error.message().contains("there is no profile `agx-orin-resnet50`"));
        assert!(error.help_line().starts_with("did you mean `agx-orin-max"), "{}", error.help_line());
        assert!(profile("nowhere.toml").unwrap_err().message().contains("cannot be read"));
    }
}

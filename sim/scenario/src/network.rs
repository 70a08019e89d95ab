//! Networks between robot and device: models kept as data in `assets/networks`.

use std::path::Path;

use serde::Deserialize;
use timing::{Loss, Network, Span, Way};

use crate::ScenarioError;
use crate::error::{did_you_mean, nearest};
use crate::read::{from_toml, read_text};

/// The file that is built in.
const FILE: (&str, &str) = ("assets/networks/presets.toml", include_str!("../../../assets/networks/presets.toml"));

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    source: String,
    #[serde(rename = "network")]
    networks: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    label: String,
    out: WayEntry,
    back: WayEntry,
    #[serde(default)]
    loss: LossEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WayEntry {
    delay_ms: f64,
    #[serde(default)]
    jitter_ms: f64,
    bandwidth_mbps: f64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LossEntry {
    good: f64,
    bad: f64,
    to_bad: f64,
    to_good: f64,
    bad_delay_ms: f64,
}

/// The built-in networks, in the order in which lists show them.
pub fn networks() -> Vec<Network> {
    read_file(FILE.0, FILE.1).unwrap_or_else(|e| panic!("built-in networks: {e}"))
}

/// The name of no network at all.
pub const NO_NETWORK: &str = "none";

/// The network of that name, without the sizes of what goes over it. Besides the built-in ones: `FILE.toml#NAME`, or
/// `FILE.toml` where it holds just one. `None` for [`NO_NETWORK`].
pub fn network(name: &str) -> Result<Option<Network>, ScenarioError> {
    if name == NO_NETWORK {
        return Ok(None);
    }
    if let Some(network) = networks().into_iter().find(|network| network.name == name) {
        return Ok(Some(network));
    }
    let (path, wanted) = name.split_once('#').map_or((name, None), |(path, wanted)| (path, Some(wanted)));
    if Path::new(path).extension().is_none_or(|extension| extension != "toml") {
        let known: Vec<String> = networks().into_iter().map(|network| network.name).collect();
        let guess = did_you_mean(nearest(name, known.iter().map(String::as_str)));
        let help = format!("{guess}networks here: {NO_NETWORK}, {}; or give FILE.toml#NAME", known.join(", "));
        return Err(ScenarioError::file("network", format!("there is no network `{name}`"), help));
    }
    let mut found = read_file(path, &read_text(Path::new(path))?)?;
    found.retain(|network| wanted.is_none_or(|wanted| network.name == wanted));
    if found.len() == 1 {
        return Ok(found.pop());
    }
    let message = format!("found {} networks for `{name}`; expected one", found.len());
    Err(ScenarioError::file(path, message, format!("name one of them: {path}#NAME")))
}

fn read_file(name: &str, text: &str) -> Result<Vec<Network>, ScenarioError> {
    let file: NetworkFile = from_toml(text, name, |_| None)?;
    let source = &file.source;
    let of = |entry: Entry| entry.network(source).map_err(|(what, help)| ScenarioError::file(name, what, help));
    file.networks.into_iter().map(of).collect()
}

impl Entry {
    fn network(self, source: &str) -> Result<Network, (String, String)> {
        let Self { name, label, out, back, loss } = self;
        let delays = [out.delay_ms, out.jitter_ms, back.delay_ms, back.jitter_ms, loss.bad_delay_ms];
        let shares = [loss.good, loss.bad, loss.to_bad, loss.to_good];
        let wrong = |what: &str| Err((format!("network `{name}` has {what}"), String::new()));
        let refused = if !delays.iter().all(|ms| (0.0..=60_000.0).contains(ms)) {
            wrong("a delay that is not from 0 to 60000 ms")
        } else if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            wrong("a share or probability of losses that is not from 0 to 1")
        } else if ![out.bandwidth_mbps, back.bandwidth_mbps].iter().all(|mbps| (0.001..=1e6).contains(mbps)) {
            wrong("a bandwidth that is not from 0.001 to 1000000 Mbit/s")
        } else {
            Ok(())
        };
        refused.map_err(|(what, _)| (what, "see assets/networks/presets.toml for what a network is".to_owned()))?;
        let way = |way: WayEntry| Way {
            delay: Span::from_ms(way.delay_ms),
            jitter: Span::from_ms(way.jitter_ms),
            byte_ns: 8_000.0 / way.bandwidth_mbps,
        };
        let LossEntry { good, bad, to_bad, to_good, bad_delay_ms } = loss;
        let loss = Loss { good, bad, to_bad, to_good, bad_delay: Span::from_ms(bad_delay_ms) };
        let (out, back) = (way(out), way(back));
        Ok(Network { name, label, source: source.to_owned(), out, back, loss, frame_bytes: 0, answer_bytes: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_says_that_it_is_modelled_and_names_are_unique() {
        let all = networks();
        assert!(all.len() >= 7);
        for preset in &all {
            assert!(
                preset.label.contains("modelled") && preset.source.contains("general knowledge"),
                "{}",
                preset.name
            );
            assert_eq!(network(&preset.name).unwrap().as_ref(), Some(preset));
        }
    }

    #[test]
    fn no_network_has_a_name_too() {
        let course = |name: &str| {
            let text = format!(
                "title = 'a'\nduration_s = 1\n[robot]\n[controller]\npilot = 'straight'\n[latency]\nnetwork = '{name}'"
            );
            crate::parse(&text, "a.toml").unwrap().setup(0).unwrap().line.network
        };
        assert!(course("wifi").is_some() && course(NO_NETWORK).is_none());
    }

    #[test]
    fn mistakes_are_told() {
        let error = network("lt").unwrap_err();
        assert!(error.help_line().starts_with("did you mean `lte`?"), "{}", error.help_line());
        assert!(network("nowhere.toml").unwrap_err().message().contains("cannot be read"));
        let way = "{ delay_ms = 1, bandwidth_mbps = 0 }";
        let text = format!("source = 's'\n[[network]]\nname = 'n'\nlabel = 'l'\nout = {way}\nback = {way}");
        let error = read_file("f.toml", &text).unwrap_err();
        assert!(error.message().contains("network `n` has a bandwidth"), "{error}");
    }
}
